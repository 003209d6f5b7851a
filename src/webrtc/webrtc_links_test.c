#include "webrtc/webrtc_links.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/base64.h"
#include "base/test.h"
#include "base/test_clock.h"

static struct conf *load(const char *yaml)
{
    static char  *no_environ[] = { NULL };
    struct conf  *conf = NULL;
    struct errmsg why = { "" };
    if (conf_load_text("test", span_from_string(yaml), no_environ, &conf, &why) < 0)
        fail_msg("%s", why.text);
    return conf;
}

/* What the headers say, one a line. */
static void make(const char *yaml, struct buf *out)
{
    struct conf        *conf = load(yaml);
    struct webrtc_links links = { 0 };
    struct httpd_header headers[CONF_MAX_ICE_SERVERS];
    webrtc_links_make(&links, conf);
    unsigned count = webrtc_links_add(&links, headers);
    assert_int_equal(count, conf->webrtc_ice_servers.count);
    for (unsigned i = 0; i < count; i++)
        buf_printf(out, "%s: %.*s\n", headers[i].name, SPAN_ARGS(headers[i].value));
    webrtc_links_fini(&links);
    assert_int_equal(links.count, 0);
    conf_unref(conf);
}

static void servers_are_told_as_mediamtx_does(void **state)
{
    static const struct {
        const char *name, *yaml, *want;
    } cases[] = {
        { "none", "", "" },
        { "those of the captures",
          "webrtcICEServers2:\n"
          "  - url: stun:127.0.0.1:18478\n"
          "  - url: turn:127.0.0.1:18479?transport=udp\n"
          "    username: myuser\n"
          "    password: mypass\n",
          "Link: <stun:127.0.0.1:18478>; rel=\"ice-server\"\n"
          "Link: <turn:127.0.0.1:18479?transport=udp>; rel=\"ice-server\"; username=\"myuser\"; "
          "credential=\"mypass\"; credential-type=\"password\"\n" },
        { "for clients only", "webrtcICEServers2:\n  - url: stun:h:1\n    clientOnly: yes\n",
          "Link: <stun:h:1>; rel=\"ice-server\"\n" },
        { "quotes, backslashes, no control characters",
          "webrtcICEServers2:\n"
          "  - url: turn:h:1\n"
          "    username: 'a\"b\\c'\n"
          "    password: \"\\r\\nSet-Cookie: x\\x7f\"\n",
          "Link: <turn:h:1>; rel=\"ice-server\"; username=\"a\\\"b\\\\c\"; "
          "credential=\"Set-Cookie: x\"; credential-type=\"password\"\n" },
        { "a URL that would end early",
          "webrtcICEServers2:\n  - url: \"stun:h>; rel=x\\r\\nX: y\"\n",
          "Link: <stun:h;rel=xX:y>; rel=\"ice-server\"\n" },
        { "letters of all countries",
          "webrtcICEServers2:\n  - {url: 'turn:h:1', username: 'j\xc3\xbcrg', password: "
          "'\xe2\x82\xac'}\n",
          "Link: <turn:h:1>; rel=\"ice-server\"; username=\"j\xc3\xbcrg\"; "
          "credential=\"\xe2\x82\xac\"; "
          "credential-type=\"password\"\n" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO(buf_fini) struct buf got = { 0 };
        make(cases[i].yaml, &got);
        CHECK(strcmp(buf_string(&got), cases[i].want) == 0, cases[i].name);
    }
}

/* The value of `key="..."`. */
static struct span value_of(struct buf *text, const char *key)
{
    const char *at = strstr(buf_string(text), key);
    assert_non_null(at);
    struct span rest = span_from_string(at + strlen(key)), value = { 0 };
    (void)span_next(&rest, '"', &value);
    return value;
}

/* A day from now, and twenty characters that differ each time. */
static void check_username(struct span username)
{
    struct span expiry = { 0 };
    uint64_t    seconds = 0;
    assert_true(span_next(&username, ':', &expiry));
    assert_int_equal(span_to_uint(expiry, UINT64_MAX, &seconds), 0);
    assert_int_equal(seconds, TEST_CLOCK_WALL / NS_PER_S + 24 * 3600);
    assert_int_equal(username.len, 20);
    for (size_t i = 0; i < username.len; i++)
        assert_true(isdigit(username.p[i]) || islower(username.p[i]));
}

static void a_secret_makes_credentials_for_a_day(void **state)
{
    static const char yaml[] = "webrtcICEServers2:\n  - {url: 'turn:127.0.0.1:18480', username: "
                               "AUTH_SECRET, password: mysecret}\n";
    AUTO(buf_fini) struct buf first = { 0 }, second = { 0 }, want = { 0 };
    uint8_t                   code[EVP_MAX_MD_SIZE];
    unsigned                  len = 0;
    make(yaml, &first);
    make(yaml, &second);
    struct span username = value_of(&first, "username=\"");
    check_username(username);
    assert_non_null(HMAC(EVP_sha1(), "mysecret", 8, username.p, username.len, code, &len));
    base64_encode(&want, (struct span){ code, len });
    assert_true(span_equal(value_of(&first, "; credential=\""), buf_span(&want)));
    assert_non_null(strstr(buf_string(&first), "; credential-type=\"password\""));
    assert_null(strstr(buf_string(&first), "mysecret"));
    assert_false(span_equal(username, value_of(&second, "username=\"")));
}

TESTS(servers_are_told_as_mediamtx_does, a_secret_makes_credentials_for_a_day)
