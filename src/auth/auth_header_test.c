#include "auth/auth_header.h"

#include <errno.h>

#include "base/test.h"

enum {
    RTSP = AUTH_SCHEME_BASIC | AUTH_SCHEME_DIGEST,
    HTTP = AUTH_SCHEME_BASIC | AUTH_SCHEME_BEARER,
};

static void passwords_are_found(void **state)
{
    static const struct {
        unsigned    schemes;
        const char *header, *user, *pass;
    } cases[] = {
        { RTSP, "Basic cmVhZGVyOnJlYWRwYXNz", "reader", "readpass" },
        { HTTP, "Basic cmVhZGVyOnJlYWRwYXNz", "reader", "readpass" },
        { RTSP, "basic  cmVhZGVyOnJlYWRwYXNz ", "reader", "readpass" },
        { RTSP, " BASIC \tcmVhZGVyOnJlYWRwYXNz", "reader", "readpass" },
        { RTSP, "Basic Og==", "", "" },
        { RTSP, "Basic Og", "", "" },
        { RTSP, "Basic YTo=", "a", "" },
        { RTSP, "Basic OmI=", "", "b" },
        { RTSP, "Basic YTpiOmM=", "a", "b:c" },
        { HTTP, "Bearer reader:readpass", "reader", "readpass" },
        { HTTP, "bearer  :", "", "" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO(auth_credentials_fini) struct auth_credentials got;
        CHECK(auth_parse_header(span_from_string(cases[i].header), cases[i].schemes, &got) == 0,
              cases[i].header);
        CHECK(got.kind == AUTH_PASSWORD, cases[i].header);
        CHECK(span_is(got.user, cases[i].user), cases[i].header);
        CHECK(span_is(got.pass, cases[i].pass), cases[i].header);
        CHECK(got.token.len == 0, cases[i].header);
    }
}

static void tokens_are_no_passwords(void **state)
{
    static const char *const headers[] = { "Bearer abc", "Bearer a:b:c" };
    for (size_t i = 0; i < COUNT(headers); i++) {
        AUTO(auth_credentials_fini) struct auth_credentials got;
        assert_int_equal(auth_parse_header(span_from_string(headers[i]), HTTP, &got), 0);
        CHECK(got.kind == AUTH_NOTHING, headers[i]);
        CHECK(span_is(got.token, headers[i] + strlen("Bearer ")), headers[i]);
    }
}

static void digests_are_found(void **state)
{
    AUTO(auth_credentials_fini) struct auth_credentials got;
    struct span header = BYTES("Digest  username=\"u\", realm=r, nonce=n, uri=/, response=abc");
    assert_int_equal(auth_parse_header(header, RTSP, &got), 0);
    assert_int_equal(got.kind, AUTH_DIGEST);
    assert_true(span_is(got.user, "u") && span_is(got.digest.response, "abc"));
}

static void others_are_nobody(void **state)
{
    static const struct {
        unsigned    schemes;
        struct span header;
    } cases[] = {
        { RTSP, BYTES("") },
        { RTSP, { NULL, 0 } },
        { RTSP, BYTES("   ") },
        { RTSP, BYTES("Basic") },
        { RTSP, BYTES("Basic ") },
        { RTSP, BYTES("Basic cmVhZGVy") }, /* no colon */
        { RTSP, BYTES("Basic cmVh*GVy") },
        { RTSP, BYTES("BasicOg==") },
        { RTSP, BYTES("Bearer a:b") },
        { RTSP, BYTES("Negotiate abc") },
        { RTSP, BYTES("Digest") },
        { RTSP, BYTES("Digest username=u") },
        { HTTP, BYTES("Digest username=u, realm=r, nonce=n, uri=/, response=abc") },
        { AUTH_SCHEME_DIGEST, BYTES("Basic Og==") },
        { 0, BYTES("Basic Og==") },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct auth_credentials got;
        memset(&got, 0xff, sizeof(got));
        CHECK(auth_parse_header(cases[i].header, cases[i].schemes, &got) == -EINVAL,
              (const char *)cases[i].header.p);
        CHECK(got.kind == AUTH_NOTHING && !got.decoded && got.user.len == 0,
              (const char *)cases[i].header.p);
    }
}

TESTS(passwords_are_found, tokens_are_no_passwords, digests_are_found, others_are_nobody)
