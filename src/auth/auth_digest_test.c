#include "auth/auth_digest.h"

#include <errno.h>

#include "base/test.h"

static struct span text(const char *string)
{
    return span_from_string(string);
}

static void challenges_are_as_mediamtx_writes_them(void **state)
{
    char challenge[AUTH_CHALLENGE];
    auth_digest_write_challenge("7a05c7b4604b61d474618d3568263921", challenge);
    assert_string_equal(challenge, "Digest realm=\"ipcam\", "
                                   "nonce=\"7a05c7b4604b61d474618d3568263921\", "
                                   "algorithm=\"MD5\"");
    assert_string_equal(AUTH_CHALLENGE_BASIC_RTSP, "Basic realm=\"ipcam\"");
}

/* What a client sent to MediaMTX, and what that thought of it. */
static void recorded_answers_count(void **state)
{
    static const char host[] = "rtsp://127.0.0.1:18554";
    static const struct {
        const char *method, *url, *uri, *nonce, *response;
        bool        want;
    } cases[] = {
        { "DESCRIBE", "/cam1", "/cam1", "7190ca51e743c830393aa392f6ed000c",
          "aa3682a5ede68b9bd0f61e3e1eca0ac3", true },
        { "SETUP", "/cam1/trackID=0", "/cam1/trackID=0", "7190ca51e743c830393aa392f6ed000c",
          "215d8bcccc9c58198308f19c75db7c5a", true },
        { "PLAY", "/cam1", "/cam1", "7190ca51e743c830393aa392f6ed000c",
          "59bb3f9da2fbec7903cfd10d7c579eaf", true },
        { "SETUP", "/cam1/trackID=0", "/cam1/", "7a05c7b4604b61d474618d3568263921",
          "4623858d8dce11193fa2cde9afb07e36", true },
        { "DESCRIBE", "/cam1", "/cam1", "363063dc0eef55e088d9d221d8e327bc",
          "8d7cad36ecd5a665e2ffc6c8bb60fca8", false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char               params[512], url[128];
        struct auth_digest digest;
        (void)snprintf(url, sizeof(url), "%s%s", host, cases[i].url);
        (void)snprintf(params, sizeof(params),
                       "username=\"reader\", realm=\"ipcam\", nonce=\"%s\", uri=\"%s%s\", "
                       "response=\"%s\"",
                       cases[i].nonce, host, cases[i].uri, cases[i].response);
        struct auth_challenge challenge = { cases[i].nonce, text(cases[i].method), text(url) };
        CHECK(auth_digest_parse(text(params), &digest) == 0, params);
        CHECK(auth_digest_fits(&digest, &challenge), params);
        CHECK(auth_digest_verify(&digest, challenge.method, BYTES("reader"), BYTES("readpass")) ==
                  cases[i].want,
              params);
        CHECK(!auth_digest_verify(&digest, challenge.method, BYTES("reader"), BYTES("readpasS")),
              params);
        CHECK(!auth_digest_verify(&digest, BYTES("TEARDOWN"), BYTES("reader"), BYTES("readpass")),
              params);
    }
}

/* RFC 2617, section 3.5; RFC 7616, section 3.9.1; an answer without qop by SHA-256. */
static void algorithms_and_qop(void **state)
{
#define RFC7616                                                                                    \
    "username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", "              \
    "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, "                        \
    "cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, "
#define IPCAM "username=\"reader\", realm=\"ipcam\", nonce=\"7190ca51e743c830393aa392f6ed000c\", "
    static const struct {
        const char *name, *params, *method, *user, *pass;
        bool        want;
    } cases[] = {
        { "RFC 2617",
          "username=\"Mufasa\", realm=\"testrealm@host.com\", uri=\"/dir/index.html\", "
          "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", qop=auth, nc=00000001, "
          "cnonce=\"0a4f113b\", response=\"6629fae49393a05397450978507c4ef1\"",
          "GET", "Mufasa", "Circle Of Life", true },
        { "MD5", RFC7616 "algorithm=MD5, response=\"8ca523f5e9506fed4657c9700eebdbec\"", "GET",
          "Mufasa", "Circle of Life", true },
        { "SHA-256",
          RFC7616 "algorithm=SHA-256, response="
                  "\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\"",
          "GET", "Mufasa", "Circle of Life", true },
        { "SHA-256 in quotes and other letters",
          RFC7616 "algorithm=\"sha-256\", response="
                  "\"753927FA0E85D155564E2E272A28D1802CA10DAF4496794697CF8DB5856CB6C1\"",
          "GET", "Mufasa", "Circle of Life", true },
        { "SHA-256 taken for MD5",
          RFC7616 "response="
                  "\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\"",
          "GET", "Mufasa", "Circle of Life", false },
        { "SHA-256 without qop",
          IPCAM "uri=\"rtsp://127.0.0.1:18554/cam1\", algorithm=SHA-256, response="
                "\"2757ee78f4e11f0b0be20ad999ef1143a9e421effd27118d34df18a72706e126\"",
          "DESCRIBE", "reader", "readpass", true },
        { "an unknown algorithm",
          IPCAM "uri=\"rtsp://127.0.0.1:18554/cam1\", algorithm=FOO, response="
                "\"aa3682a5ede68b9bd0f61e3e1eca0ac3\"",
          "DESCRIBE", "reader", "readpass", true },
        { "qop, but nothing to go with it",
          IPCAM "uri=\"rtsp://127.0.0.1:18554/cam1\", qop=auth, response="
                "\"aa3682a5ede68b9bd0f61e3e1eca0ac3\"",
          "DESCRIBE", "reader", "readpass", true },
        { "qop in quotes, a relative URI",
          IPCAM "uri=\"/cam1\", qop=\"auth\", nc=\"00000001\", cnonce=abc, response="
                "\"186b34d121cc58a425d19a59586298c2\"",
          "DESCRIBE", "reader", "readpass", true },
        { "another count",
          IPCAM "uri=\"/cam1\", qop=auth, nc=00000002, cnonce=\"abc\", response="
                "\"186b34d121cc58a425d19a59586298c2\"",
          "DESCRIBE", "reader", "readpass", false },
        { "a response cut short",
          IPCAM "uri=\"/cam1\", response=\"63a973a7b470b87df4c2b67950ba11b\"", "DESCRIBE", "reader",
          "readpass", false },
        { "whole", IPCAM "uri=\"/cam1\", response=\"63a973a7b470b87df4c2b67950ba11b5\"", "DESCRIBE",
          "reader", "readpass", true },
        { "too long", IPCAM "uri=\"/cam1\", response=\"63a973a7b470b87df4c2b67950ba11b55\"",
          "DESCRIBE", "reader", "readpass", false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct auth_digest digest;
        CHECK(auth_digest_parse(text(cases[i].params), &digest) == 0, cases[i].name);
        CHECK(auth_digest_verify(&digest, text(cases[i].method), text(cases[i].user),
                                 text(cases[i].pass)) == cases[i].want,
              cases[i].name);
    }
}

static void odd_forms_are_understood(void **state)
{
    static const struct {
        const char *params, *user, *uri, *response;
    } cases[] = {
        { "username=u,realm=r,nonce=n,uri=/a,response=abc", "u", "/a", "abc" },
        { "  username = \"u\" ,\t realm=\"r\",,  nonce=\"n\", uri=\"/a\",response=\"abc\" ,", "u",
          "/a", "abc" },
        { "USERNAME=\"u\" realm=\"r\" nonce=n uri=/a response=abc", "u", "/a", "abc" },
        { "username=\"a, b=c\",realm=\"r\",nonce=\"n\",uri=\"/a,b=c\",response=\"abc\"", "a, b=c",
          "/a,b=c", "abc" },
        { "username=\"\",realm=r,nonce=n,uri=\"\",response=abc", "", "", "abc" },
        { "username=\"a\\\"b\",realm=r,nonce=n,uri=/a,response=abc", "a\\\"b", "/a", "abc" },
        { "opaque=\"x\",stale=FALSE,username=u,realm=r,nonce=n,uri=/a?b=c&d=e,response=abc", "u",
          "/a?b=c&d=e", "abc" },
        { "username=u,realm=r,nonce=n,uri=/a,response=\"abc", "u", "/a", "abc" },
        { "username=u,realm=r,nonce=n,uri=/a,response=abc,rubbish", "u", "/a", "abc" },
        { "username=u,realm=r,nonce=n,uri=/a,response=\"abc\\", "u", "/a", "abc\\" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct auth_digest digest;
        CHECK(auth_digest_parse(text(cases[i].params), &digest) == 0, cases[i].params);
        CHECK(span_is(digest.user, cases[i].user), cases[i].params);
        CHECK(span_is(digest.realm, "r") && span_is(digest.nonce, "n"), cases[i].params);
        CHECK(span_is(digest.uri, cases[i].uri), cases[i].params);
        CHECK(span_is(digest.response, cases[i].response), cases[i].params);
    }
}

static void half_an_answer_is_none(void **state)
{
    static const char *const cases[] = {
        "",
        ",",
        "=",
        "\"",
        "username=u,realm=r,nonce=n,uri=/a",
        "username=u,realm=r,nonce=n,response=abc",
        "username=u,realm=r,uri=/a,response=abc",
        "username=u,nonce=n,uri=/a,response=abc",
        "realm=r,nonce=n,uri=/a,response=abc",
        "username=u,realm=r,nonce=n,uri=/a,response=",
        "username=u,realm=r,nonce=,uri=/a,response=abc",
        "username=\"u,realm=r,nonce=n,uri=/a,response=abc",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct auth_digest digest;
        CHECK(auth_digest_parse(text(cases[i]), &digest) == -EINVAL, cases[i]);
    }
}

static void it_must_be_made_for_the_request(void **state)
{
#define TRACK "rtsp://h:1/a/b/trackID=0"
    static const struct {
        const char *method, *url, *uri;
        bool        want;
    } cases[] = {
        { "DESCRIBE", "rtsp://h:1/a/b", "rtsp://h:1/a/b", true },
        { "DESCRIBE", "rtsp://h:1/a/b", "rtsp://h:1/a/b/", true },
        { "DESCRIBE", "rtsp://h:1/a/b/", "rtsp://h:1/a/b", true },
        { "DESCRIBE", "rtsp://h:1/a/b", "/a/b", true },
        { "DESCRIBE", "rtsp://h:1/a/b", "a/b", true },
        { "DESCRIBE", "rtsp://h:1/a/b?x=1", "/a/b?x=1", true },
        { "DESCRIBE", "rtsp://h:1/a/b?x=1", "/a/b", false },
        { "DESCRIBE", "rtsp://h:1/a/b", "/a", false },
        { "DESCRIBE", "rtsp://h:1/a/b", "b", false },
        { "DESCRIBE", "rtsp://h:1/a/b", "", false },
        { "DESCRIBE", "rtsp://h:1/a/b", "rtsp://h:2/a/b", false },
        { "DESCRIBE", "rtsp://h:1/a/b", "rtsp://h:1/a/", false },
        { "PLAY", TRACK, "rtsp://h:1/a/b/", false },
        { "SETUP", TRACK, TRACK, true },
        { "SETUP", TRACK, "rtsp://h:1/a/b/", true },
        { "SETUP", TRACK, "rtsp://h:1/a/b", true },
        { "SETUP", TRACK, "/a/b/trackID=0", true },
        { "SETUP", TRACK, "/a/b", true },
        { "SETUP", TRACK, "a/b/", true },
        { "SETUP", TRACK, "rtsp://h:1/a/", false },
        { "SETUP", TRACK, "rtsp://h:1/a/b/trackID=1", false },
        { "SETUP", "rtsp://h:1/a/trackID=0/", "rtsp://h:1/a/", true },
        { "SETUP", "rtsp://h:1", "rtsp://h:1/", true },
        { "SETUP", "", "", true },
        { "OPTIONS", "*", "*", true },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct auth_digest    digest = { .realm = BYTES("ipcam"),
                                         .nonce = BYTES("n"),
                                         .uri = text(cases[i].uri) };
        struct auth_challenge challenge = { "n", text(cases[i].method), text(cases[i].url) };
        CHECK(auth_digest_fits(&digest, &challenge) == cases[i].want, cases[i].uri);
        challenge.nonce = "m";
        CHECK(!auth_digest_fits(&digest, &challenge), cases[i].uri);
        challenge.nonce = NULL;
        CHECK(!auth_digest_fits(&digest, &challenge), cases[i].uri);
        challenge.nonce = "n";
        digest.realm = BYTES("IPCAM");
        CHECK(!auth_digest_fits(&digest, &challenge), cases[i].uri);
    }
}

TESTS(challenges_are_as_mediamtx_writes_them, recorded_answers_count, algorithms_and_qop,
      odd_forms_are_understood, half_an_answer_is_none, it_must_be_made_for_the_request)
