#include "auth/auth_secret.h"

#include "base/test.h"

/* Hashes of "pass", by openssl and by the argon2 tool. */
static const char *const hashes[] = {
    "sha256:10/w7o2juYBrGMh32/KbveULW9jk2tejpyUAD+uC6PE=",
    "argon2:$argon2i$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$wmmAHnj+Y5o2eftQ+rC7gYU99ICquHz5Tz8lN842UW8",
    ("argon2:$argon2id$v=19$m=4096,t=3,p=1$c2FsdHNhbHRzYWx0c2FsdA$"
     "f8/Be5BB0vhDqH7CQXzmtdV0kBHamXuOdKWZx7VO4h8"),
    "argon2:$argon2id$v=19$m=128,t=2,p=4$c2FsdHNhbHRzYWx0$A5Mbld5sac6cCCgAJ9/WDw",
    "argon2:$argon2i$v=16$m=64,t=1,p=2$c2FsdHNhbHQ$55qA9Hg5ZXf/nPFboYCWDNi3omSNHgXy4hVUqKhrLNM",
    "argon2:$argon2i$m=64,t=1,p=2$c2FsdHNhbHQ$55qA9Hg5ZXf/nPFboYCWDNi3omSNHgXy4hVUqKhrLNM",
};

static void hashes_are_of_one_text(void **state)
{
    static const char *const others[] = { "", "Pass", "pas", "pass ", "passpass" };
    for (size_t i = 0; i < COUNT(hashes); i++) {
        struct auth_secret secret;
        struct auth_given  given;
        auth_secret_init(&secret, hashes[i]);
        auth_given_init(&given, BYTES("pass"));
        CHECK(auth_secret_compute(&secret, &given) == 1, hashes[i]);
        CHECK(auth_secret_equal(&secret, &given) == !auth_secret_is_argon2(&secret), hashes[i]);
        for (size_t k = 0; k < COUNT(others); k++) {
            auth_given_init(&given, span_from_string(others[k]));
            CHECK(auth_secret_compute(&secret, &given) == 0, hashes[i]);
            CHECK(!auth_secret_equal(&secret, &given), hashes[i]);
        }
        auth_given_init(&given, span_from_string(hashes[i]));
        CHECK(auth_secret_compute(&secret, &given) == 0, "a hash is no password");
    }
}

static void plain_texts_are_compared(void **state)
{
    static const struct {
        const char *secret;
        struct span given;
        bool        want;
    } cases[] = {
        { "pass", BYTES("pass"), true }, { "pass", BYTES("passx"), false },
        { "pass", BYTES("pas"), false }, { "pass", BYTES("pass\0"), false },
        { "pass", BYTES(""), false },    { "", BYTES(""), true },
        { "", BYTES("x"), false },       { "sha256", BYTES("sha256"), true },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct auth_secret secret;
        struct auth_given  given;
        auth_secret_init(&secret, cases[i].secret);
        auth_given_init(&given, cases[i].given);
        CHECK(auth_secret_equal(&secret, &given) == cases[i].want, cases[i].secret);
        CHECK(auth_secret_compute(&secret, &given) == cases[i].want, cases[i].secret);
    }
}

TESTS(hashes_are_of_one_text, plain_texts_are_compared)
