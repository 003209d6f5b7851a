#include "auth/auth_client.h"

#include <errno.h>
#include <stdio.h>

#include "base/test.h"

#define NONCE "7190ca51e743c830393aa392f6ed000c"

static const struct auth_account reader = { BYTES("reader"), BYTES("readpass") };

static int read_answer(struct auth_client *client, const char *headers)
{
    static char    text[1024];
    struct message answer;
    (void)snprintf(text, sizeof(text), "RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\n%s\r\n", headers);
    assert_true(message_parse(span_from_string(text), &answer) > 0);
    return auth_client_read(client, &answer);
}

/* The value of the header that is added to a DESCRIBE; empty: none is. */
static const char *say(struct auth_client *client)
{
    static char               value[512];
    struct message            request;
    AUTO(buf_fini) struct buf out = { 0 };
    message_start_request(&out, MESSAGE_RTSP, "DESCRIBE", BYTES("rtsp://h/cam"));
    assert_int_equal(
        auth_client_add(client, &reader, BYTES("DESCRIBE"), BYTES("rtsp://h/cam"), &out), 0);
    message_finish(&out, (struct span){ 0 });
    assert_true(message_parse(buf_span(&out), &request) > 0);
    struct span header = message_header(&request, "Authorization");
    assert_int_equal(span_copy_string(header, value, sizeof(value)), 0);
    return value;
}

#define BASIC "Basic cmVhZGVyOnJlYWRwYXNz"
#define PLAIN                                                                                      \
    "Digest username=\"reader\", realm=\"ipcam\", nonce=\"" NONCE                                  \
    "\", uri=\"rtsp://h/cam\", response=\"aea71003705f87b92348e8369be7dfb7\", algorithm=MD5"
#define SHA                                                                                        \
    "Digest username=\"reader\", realm=\"ipcam\", nonce=\"n\", uri=\"rtsp://h/cam\", "             \
    "response=\"dd4dc733469f144708c4658a9a3c653026d3509a5bbd7058a49894b0ca425892\", "              \
    "algorithm=SHA-256"
#define ASKED(challenge) "WWW-Authenticate: " challenge "\r\n"
#define DIGEST           "Digest realm=\"ipcam\", nonce=\"" NONCE "\""
#define DIGEST2          "Digest realm=\"ipcam\", nonce=\"n\", algorithm=SHA-256"

static void the_best_challenge_is_answered(void **state)
{
    static const struct {
        const char *name, *headers;
        int         want;
        const char *value;
    } cases[] = {
        { "none", "", -ENOTSUP, "" },
        { "empty", ASKED(""), -ENOTSUP, "" },
        { "another scheme", ASKED("Negotiate abc=="), -ENOTSUP, "" },
        { "Basic", ASKED("Basic realm=\"x\""), 0, BASIC },
        { "Basic alone", ASKED("basic"), 0, BASIC },
        { "MD5", ASKED(DIGEST), 0, PLAIN },
        { "MD5 by name", ASKED(DIGEST ", algorithm=\"MD5\""), 0, PLAIN },
        { "SHA-256", ASKED(DIGEST2), 0, SHA },
        { "two headers", ASKED("Basic realm=\"ipcam\"") ASKED(DIGEST), 0, PLAIN },
        { "the other way round", ASKED(DIGEST) ASKED("Basic realm=\"ipcam\""), 0, PLAIN },
        { "three in one header", ASKED("Basic, " DIGEST ", " DIGEST2 ", Foo x=y"), 0, SHA },
        { "Basic behind", ASKED(DIGEST2 ", Basic"), 0, SHA },
        { "without a comma", ASKED(DIGEST " " DIGEST2), 0, SHA },
        { "no nonce", ASKED("Digest realm=\"ipcam\"") ASKED("Basic"), 0, BASIC },
        { "a hash that is not known", ASKED(DIGEST ", algorithm=MD5-sess"), -ENOTSUP, "" },
        { "only auth-int", ASKED(DIGEST ", qop=\"auth-int\""), 0, PLAIN },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct auth_client client = { 0 };
        CHECK(read_answer(&client, cases[i].headers) == cases[i].want, cases[i].name);
        const char *value = say(&client);
        if (strcmp(value, cases[i].value) != 0)
            print_error("%s\n", value);
        CHECK(strcmp(value, cases[i].value) == 0, cases[i].name);
        auth_client_fini(&client);
    }
}

/* Our own server understands it. */
static void what_is_answered_is_right(void **state)
{
    static const char *const challenges[] = {
        DIGEST,
        DIGEST2,
        DIGEST ", qop=\"auth-int, auth\", opaque=\"o\"",
        DIGEST2 ", qop=auth",
    };
    for (size_t i = 0; i < COUNT(challenges); i++) {
        struct auth_client client = { 0 };
        char               headers[512];
        (void)snprintf(headers, sizeof(headers), ASKED("%s"), challenges[i]);
        assert_int_equal(read_answer(&client, headers), 0);
        for (unsigned k = 1; k <= 2; k++) {
            AUTO(auth_credentials_fini) struct auth_credentials got;
            const char                                         *value = say(&client);
            char                                                nc[9];
            (void)snprintf(nc, sizeof(nc), "%08x", k);
            CHECK(auth_parse_header(span_from_string(value), AUTH_SCHEME_DIGEST, &got) == 0, value);
            CHECK(auth_digest_verify(&got.digest, BYTES("DESCRIBE"), reader.user, reader.pass),
                  value);
            CHECK(!auth_digest_verify(&got.digest, BYTES("DESCRIBE"), reader.user, BYTES("x")),
                  value);
            CHECK(!strstr(challenges[i], "qop") || span_is(got.digest.nc, nc), value);
        }
        CHECK(!strstr(challenges[i], "opaque") || strstr(say(&client), ", opaque=\"o\""),
              challenges[i]);
        auth_client_fini(&client);
    }
}

static void who_is_asked_again_is_wrong(void **state)
{
    struct auth_client client = { 0 };
    assert_string_equal(say(&client), "");
    assert_int_equal(read_answer(&client, ASKED(DIGEST)), 0);
    assert_int_equal(read_answer(&client, ASKED(DIGEST)), -EACCES);
    assert_int_equal(read_answer(&client, ASKED(DIGEST2)), -EACCES);
    assert_int_equal(read_answer(&client, ""), -ENOTSUP);
    assert_string_equal(say(&client), PLAIN);
    assert_int_equal(read_answer(&client, ASKED(DIGEST2 ", stale=TRUE")), 0);
    assert_string_equal(say(&client), SHA);
    auth_client_fini(&client);
}

TESTS(the_best_challenge_is_answered, what_is_answered_is_right, who_is_asked_again_is_wrong)
