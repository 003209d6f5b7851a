#include "conf/credential.h"

#include <errno.h>

#include "base/test.h"

#define SALT "c2FsdHNhbHQ"
#define TAG  "wmmAHnj+Y5o2eftQ+rC7gYU99ICquHz5Tz8lN842UW8"

static void each_form_is_told(void **state)
{
    static const struct {
        const char          *text;
        enum credential_kind want;
    } cases[] = {
        { "", CREDENTIAL_EMPTY },
        { "any", CREDENTIAL_PLAIN },
        { "azAZ09!$()*+.;<=>[]^_-{}@#&", CREDENTIAL_PLAIN },
        { "sha256", CREDENTIAL_PLAIN },
        { "sha256:10/w7o2juYBrGMh32/KbveULW9jk2tejpyUAD+uC6PE=", CREDENTIAL_SHA256 },
        { "sha256:10/w7o2juYBrGMh32/KbveULW9jk2tejpyUAD+uC6PE", CREDENTIAL_SHA256 },
        { "argon2:$argon2i$v=19$m=64,t=1,p=1$" SALT "$" TAG, CREDENTIAL_ARGON2 },
        { "argon2:$argon2id$v=16$m=8,t=64,p=1$" SALT "$" TAG, CREDENTIAL_ARGON2 },
        { "argon2:$argon2id$m=2097152,t=1,p=16$" SALT "$AAAAAA", CREDENTIAL_ARGON2 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct credential got;
        CHECK(credential_parse(span_from_string(cases[i].text), &got) == 0, cases[i].text);
        CHECK(got.kind == cases[i].want, cases[i].text);
        CHECK(credential_is_hashed(&got) == (cases[i].want >= CREDENTIAL_SHA256), cases[i].text);
    }
}

static void other_forms_are_refused(void **state)
{
    static const char *const texts[] = {
        "a b",
        "a:b",
        "a/b",
        "a,b",
        "a\"b",
        "a%b",
        "\xc3\xa4",
        "sha256:",
        "sha256:AAAA",
        "sha256:10/w7o2juYBrGMh32/KbveULW9jk2tejpyUAD+uC6PEAAAA=",
        "sha256:10/w7o2juYBrGMh32/KbveULW9jk2tejpyUAD_uC6PE=",
        "SHA256:10/w7o2juYBrGMh32/KbveULW9jk2tejpyUAD+uC6PE=",
        "argon2:",
        "argon2:$",
        "argon2:argon2i$v=19$m=64,t=1,p=1$" SALT "$" TAG,
        "argon2:$argon2d$v=19$m=64,t=1,p=1$" SALT "$" TAG,
        "argon2:$argon2$v=19$m=64,t=1,p=1$" SALT "$" TAG,
        "argon2:$argon2i$v=18$m=64,t=1,p=1$" SALT "$" TAG,
        "argon2:$argon2i$v=$m=64,t=1,p=1$" SALT "$" TAG,
        "argon2:$argon2i$v=20$m=64,t=1,p=1$" SALT "$" TAG,
        "argon2:$argon2i$v=19$t=1,m=64,p=1$" SALT "$" TAG,
        "argon2:$argon2i$v=19$m=64,t=1$" SALT "$" TAG,
        "argon2:$argon2i$v=19$m=64,t=1,p=1,x=1$" SALT "$" TAG,
        "argon2:$argon2i$v=19$m=64,t=0,p=1$" SALT "$" TAG,
        "argon2:$argon2i$v=19$m=64,t=65,p=1$" SALT "$" TAG,
        "argon2:$argon2i$v=19$m=64,t=1,p=0$" SALT "$" TAG,
        "argon2:$argon2i$v=19$m=7,t=1,p=1$" SALT "$" TAG,
        "argon2:$argon2i$v=19$m=31,t=1,p=4$" SALT "$" TAG,
        "argon2:$argon2i$v=19$m=1000,t=1,p=17$" SALT "$" TAG,
        "argon2:$argon2i$v=19$m=2097153,t=1,p=1$" SALT "$" TAG,
        "argon2:$argon2i$v=19$m=-64,t=1,p=1$" SALT "$" TAG,
        "argon2:$argon2i$v=19$m=64,t=1,p=1$c2FsdHNhbA$" TAG,
        "argon2:$argon2i$v=19$m=64,t=1,p=1$" SALT,
        "argon2:$argon2i$v=19$m=64,t=1,p=1$" SALT "$",
        "argon2:$argon2i$v=19$m=64,t=1,p=1$" SALT "$AAAA",
        "argon2:$argon2i$v=19$m=64,t=1,p=1$" SALT "$" TAG "$",
        "argon2:$argon2i$v=19$m=64,t=1,p=1$" SALT "$" TAG TAG TAG,
        "argon2:$argon2i$v=19$m=64,t=1,p=1$" TAG TAG          TAG "$" TAG,
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct credential got = { .kind = CREDENTIAL_EMPTY };
        CHECK(credential_parse(span_from_string(texts[i]), &got) == -EINVAL, texts[i]);
        CHECK(got.kind == CREDENTIAL_EMPTY, texts[i]);
    }
    struct credential got;
    assert_int_equal(credential_parse(BYTES("a\0b"), &got), -EINVAL);
}

static void parameters_are_read(void **state)
{
    struct credential got;
    assert_int_equal(credential_parse(BYTES("plain"), &got), 0);
    assert_true(span_is(got.plain, "plain"));
    assert_int_equal(
        credential_parse(BYTES("sha256:10/w7o2juYBrGMh32/KbveULW9jk2tejpyUAD+uC6PE="), &got), 0);
    assert_int_equal(got.sha256[0], 0xd7);
    assert_int_equal(got.sha256[31], 0xf1);
    assert_int_equal(
        credential_parse(BYTES("argon2:$argon2id$v=19$m=4096,t=3,p=2$" SALT "$" TAG), &got), 0);
    assert_true(got.argon2.is_hybrid);
    assert_int_equal(got.argon2.version, 0x13);
    assert_int_equal(got.argon2.memory_kb, 4096);
    assert_int_equal(got.argon2.passes, 3);
    assert_int_equal(got.argon2.lanes, 2);
    assert_int_equal(got.argon2.salt_len, 8);
    assert_memory_equal(got.argon2.salt, "saltsalt", 8);
    assert_int_equal(got.argon2.tag_len, 32);
    assert_int_equal(got.argon2.tag[0], 0xc2);
    assert_int_equal(credential_parse(BYTES("argon2:$argon2i$m=64,t=1,p=1$" SALT "$" TAG), &got),
                     0);
    assert_false(got.argon2.is_hybrid);
    assert_int_equal(got.argon2.version, 0x10);
}

TESTS(each_form_is_told, other_forms_are_refused, parameters_are_read)
