#include "http/url.h"

#include <errno.h>

#include "base/auto.h"
#include "base/test.h"

static const char none[] = "(none)";

static bool is(struct span got, const char *want)
{
    return want == none ? got.p == NULL : got.p != NULL && span_is(got, want);
}

static void urls_are_taken_apart(void **state)
{
    static const struct {
        const char *in, *scheme, *user, *password, *host;
        uint16_t    port;
        const char *path, *query;
    } cases[] = {
        { "rtsp://h", "rtsp", none, none, "h", 0, "", none },
        { "rtsp://h/", "rtsp", none, none, "h", 0, "", none },
        { "rtsp://user:pass@host:8554/a/b?x=1", "rtsp", "user", "pass", "host", 8554, "a/b",
          "x=1" },
        { "rtsp://user@h/a", "rtsp", "user", "", "h", 0, "a", none },
        { "rtsp://:pass@h/a", "rtsp", "", "pass", "h", 0, "a", none },
        { "rtsp://@h/a", "rtsp", "", "", "h", 0, "a", none },
        { "rtsp://u:p:q@h/a", "rtsp", "u", "p:q", "h", 0, "a", none },
        { "rtsp://u:p@ss@h/a@b", "rtsp", "u", "p@ss", "h", 0, "a@b", none },
        { "rtsp://h:65535", "rtsp", none, none, "h", 65535, "", none },
        { "rtsp://h:/a", "rtsp", none, none, "h", 0, "a", none },
        { "rtsp://[::1]:8554/a", "rtsp", none, none, "::1", 8554, "a", none },
        { "rtsp://u:p@[fe80::1%25eth0]/a", "rtsp", "u", "p", "fe80::1%25eth0", 0, "a", none },
        { "rtsp://h?x=1", "rtsp", none, none, "h", 0, "", "x=1" },
        { "rtsp://h/?", "rtsp", none, none, "h", 0, "", "" },
        { "rtsp://h/a?x=1?y/z@:", "rtsp", none, none, "h", 0, "a", "x=1?y/z@:" },
        { "rtsp://h/a#part?x", "rtsp", none, none, "h", 0, "a", none },
        { "rtsp://h/a?x#part", "rtsp", none, none, "h", 0, "a", "x" },
        { "rtsp://h#part", "rtsp", none, none, "h", 0, "", none },
        { "rtsp://h//a//", "rtsp", none, none, "h", 0, "/a//", none },
        { "rtsp://h/%41%zz", "rtsp", none, none, "h", 0, "%41%zz", none },
        { "http+unix.2-x://h/\xc3\xa4", "http+unix.2-x", none, none, "h", 0, "\xc3\xa4", none },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct url url;
        CHECK(url_parse(span_from_string(cases[i].in), &url) == 0, cases[i].in);
        CHECK(is(url.scheme, cases[i].scheme), cases[i].in);
        CHECK(is(url.user, cases[i].user), cases[i].in);
        CHECK(is(url.password, cases[i].password), cases[i].in);
        CHECK(is(url.host, cases[i].host), cases[i].in);
        CHECK(url.port == cases[i].port, cases[i].in);
        CHECK(is(url.path, cases[i].path), cases[i].in);
        CHECK(is(url.query, cases[i].query), cases[i].in);
    }
}

static void other_texts_are_refused(void **state)
{
    static const struct {
        const char *name;
        struct span in;
    } cases[] = {
        { "nothing", BYTES("") },
        { "no bytes", { 0 } },
        { "an asterisk", BYTES("*") },
        { "a path", BYTES("/cam1") },
        { "a path with a colon", BYTES("/a:b//c") },
        { "no scheme", BYTES("://h/a") },
        { "scheme begins with a digit", BYTES("1rtsp://h/a") },
        { "scheme in UTF-8", BYTES("\xc3\xa4://h/a") },
        { "scheme only", BYTES("rtsp:") },
        { "no slashes", BYTES("rtsp:h/a") },
        { "one slash", BYTES("rtsp:/h/a") },
        { "no host", BYTES("rtsp://") },
        { "no host, but a path", BYTES("rtsp:///a") },
        { "no host, but a port", BYTES("rtsp://:8554/a") },
        { "no host, but a user", BYTES("rtsp://u:p@/a") },
        { "port 0", BYTES("rtsp://h:0/a") },
        { "port over 16 bits", BYTES("rtsp://h:65536/a") },
        { "port is no number", BYTES("rtsp://h:rtsp/a") },
        { "two ports", BYTES("rtsp://h:1:2/a") },
        { "IPv6 without brackets", BYTES("rtsp://fe80::1/a") },
        { "bracket not closed", BYTES("rtsp://[::1/a") },
        { "bracket not opened", BYTES("rtsp://::1]/a") },
        { "brackets around a name", BYTES("rtsp://[host]/a") },
        { "brackets around nothing", BYTES("rtsp://[]/a") },
        { "brackets inside brackets", BYTES("rtsp://[[::1]/a") },
        { "rubbish behind brackets", BYTES("rtsp://[::1]8554/a") },
        { "backslash in the host", BYTES("rtsp://a\\b/c") },
        { "a blank", BYTES("rtsp://h/a b") },
        { "a line end", BYTES("rtsp://h/a\n") },
        { "a NUL", BYTES("rtsp://h/a\0b") },
        { "a NUL in the host", BYTES("rtsp://h\0i/a") },
        { "DEL", BYTES("rtsp://h/\x7f") },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct url url = { .port = 4711 };
        CHECK(url_parse(cases[i].in, &url) == -EINVAL, cases[i].name);
        CHECK(url.port == 4711, cases[i].name);
    }
}

static void escapes_are_decoded(void **state)
{
    static const struct {
        const char *name;
        struct span in;
        int         want;
        const char *text;
    } cases[] = {
        { "nothing", BYTES(""), 0, "" },
        { "no bytes", { 0 }, 0, "" },
        { "plain", BYTES("cam/1"), 0, "cam/1" },
        { "both cases", BYTES("%2f%2F%c3%A4"), 0, "//\xc3\xa4" },
        { "a plus stays", BYTES("a+b"), 0, "a+b" },
        { "decoded once", BYTES("%2541"), 0, "%41" },
        { "exactly fitting", BYTES("1234567"), 0, "1234567" },
        { "one too long", BYTES("12345678"), -ENOSPC, NULL },
        { "shorter when decoded", BYTES("%31%32%33%34567"), 0, "1234567" },
        { "escape cut short", BYTES("a%4"), -EINVAL, NULL },
        { "escape without digits", BYTES("a%"), -EINVAL, NULL },
        { "no hexadecimal digit", BYTES("%4g"), -EINVAL, NULL },
        { "a sign in an escape", BYTES("%+1"), -EINVAL, NULL },
        { "an escaped NUL", BYTES("a%00b"), -EINVAL, NULL },
        { "a NUL", BYTES("a\0b"), -EINVAL, NULL },
        { "too long and bad", BYTES("123456789%"), -EINVAL, NULL },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char out[8] = "old";
        CHECK(url_decode(cases[i].in, out, sizeof(out)) == cases[i].want, cases[i].name);
        CHECK(strcmp(out, cases[i].text ? cases[i].text : "old") == 0, cases[i].name);
    }
    char nothing[1];
    assert_int_equal(url_decode(BYTES(""), nothing, 0), -ENOSPC);
}

static void logs_hold_no_passwords(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "", "" },
        { "rtsp://h:8554/cam?x=1", "rtsp://h:8554/cam?x=1" },
        { "rtsp://u:p@h/cam", "rtsp://***@h/cam" },
        { "rtsp://u@h/cam", "rtsp://***@h/cam" },
        { "rtsp://@h/cam", "rtsp://@h/cam" },
        { "rtsp://u:p@q@h/cam", "rtsp://***@h/cam" },
        { "rtsp://u:p/q@h/cam", "rtsp://***@h/cam" },
        { "rtsp://u:p?q#r@h/cam", "rtsp://***@h/cam" },
        { "rtsp://h/cam?user=u&pass=p&x=1", "rtsp://h/cam?user=***&pass=***&x=1" },
        { "rtsp://h/cam?x=1&token=a.b-c=", "rtsp://h/cam?x=1&token=***" },
        { "/cam/whep?jwt=a&PASSWORD=b", "/cam/whep?jwt=***&PASSWORD=***" },
        { "/cam?pass=&passage=1&pass", "/cam?pass=&passage=1&pass" },
        { "/cam?pass=a?b:c/d", "/cam?pass=***" },
        { "rtsp://u:p@h/cam?pass=p", "rtsp://***@h/cam?pass=***" },
        { "'rtsp://u:p@h/a' and 'rtsp://v:q@i/b'", "'rtsp://***@h/a' and 'rtsp://***@i/b'" },
        { "Content-Base: rtsp://h/cam?pass=p/\r\nServer: a@b\r\n",
          "Content-Base: rtsp://h/cam?pass=***\r\nServer: ***@b\r\n" },
        { "u:p@h:8554/cam", "***@h:8554/cam" },
        { "rtsp:/u:p@h ? & : ://", "***@h ? & : ://" },
        { "rtsp://h/cam?x=u:p@h&pass=p", "rtsp://***@h&pass=***" },
        { "a?", "a?" },
        { "a & b", "a & b" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO(buf_fini) struct buf out = { 0 };
        url_redact(&out, span_from_string(cases[i].text));
        CHECK(strcmp(buf_string(&out), cases[i].want) == 0, cases[i].text);
    }
}

TESTS(urls_are_taken_apart, other_texts_are_refused, escapes_are_decoded, logs_hold_no_passwords)
