#include "http/url.h"

#include <ctype.h>
#include <errno.h>

#include "base/check.h"

/* The front of `*rest` up to one of `ends`, which stays. */
static struct span take_until(struct span *rest, const char *ends)
{
    size_t len = 0;
    while (len < rest->len && !strchr(ends, rest->p[len]))
        len++;
    struct span front = span_first(*rest, len);
    *rest = span_skip(*rest, len);
    return front;
}

/* Bytes above ASCII are let through: people do write them, and a path's name may have them. */
static bool has_controls_or_blanks(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] <= ' ' || s.p[i] == 0x7f)
            return true;
    }
    return false;
}

static bool is_scheme(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        bool is_sign = s.p[i] == '+' || s.p[i] == '-' || s.p[i] == '.';
        if (!isascii(s.p[i]) || !(isalnum(s.p[i]) || is_sign))
            return false;
    }
    return s.len > 0 && isalpha(s.p[0]);
}

/* Passwords of cameras hold '@' more often than they hold it escaped: the last one counts. */
static void take_user(struct span *authority, struct url *url)
{
    for (size_t at = authority->len; at-- > 0;) {
        if (authority->p[at] != '@')
            continue;
        url->password = span_first(*authority, at);
        url->user = take_until(&url->password, ":");
        if (url->password.len > 0)
            url->password = span_skip(url->password, 1);
        *authority = span_skip(*authority, at + 1);
        return;
    }
}

/* RFC 3986, section 3.2.2, loosely; a zone (RFC 6874) is let through. */
static int take_host(struct span *authority, struct url *url)
{
    struct span rest = *authority;
    if (rest.len > 0 && rest.p[0] == '[') {
        rest = span_skip(rest, 1);
        url->host = take_until(&rest, "]");
        if (rest.len == 0 || span_find(url->host, ':') < 0)
            return -EINVAL;
        rest = span_skip(rest, 1);
    } else {
        url->host = take_until(&rest, ":");
    }
    struct span check = url->host;
    (void)take_until(&check, "[]<>\"\\^`{|}@");
    *authority = rest;
    return url->host.len > 0 && check.len == 0 ? 0 : -EINVAL;
}

static int parse_port(struct span text, struct url *url)
{
    if (text.len == 0)
        return 0;
    if (text.p[0] != ':')
        return -EINVAL;
    text = span_skip(text, 1);
    uint64_t port;
    if (text.len == 0)
        return 0; /* allowed by RFC 3986, section 3.2.3: the default */
    if (span_to_uint(text, UINT16_MAX, &port) < 0 || port == 0)
        return -EINVAL;
    url->port = (uint16_t)port;
    return 0;
}

int url_parse(struct span in, struct url *out)
{
    struct url  url = { 0 };
    struct span rest = in;
    if (in.len == 0 || has_controls_or_blanks(in))
        return -EINVAL;
    url.scheme = take_until(&rest, ":");
    if (!is_scheme(url.scheme) || !span_starts_with(rest, "://"))
        return -EINVAL;
    rest = span_skip(rest, strlen("://"));
    struct span authority = take_until(&rest, "/?#");
    take_user(&authority, &url);
    int err = take_host(&authority, &url);
    if (err == 0)
        err = parse_port(authority, &url);
    if (err < 0)
        return err;
    url.path = take_until(&rest, "?#");
    if (url.path.len > 0)
        url.path = span_skip(url.path, 1);
    if (rest.len > 0 && rest.p[0] == '?') {
        rest = span_skip(rest, 1);
        url.query = take_until(&rest, "#");
    }
    *out = url;
    return 0;
}

/* The next byte behind its escape, or -EINVAL. */
static int take_decoded(struct span *rest)
{
    uint32_t value = rest->p[0];
    size_t   used = 1;
    if (value == '%') {
        used = 3;
        if (rest->len < used || span_to_hex32(span_first(span_skip(*rest, 1), 2), &value) < 0)
            return -EINVAL;
    }
    *rest = span_skip(*rest, used);
    return value > 0 ? (int)value : -EINVAL;
}

int url_decode(struct span in, char *out, size_t size)
{
    size_t len = 0;
    for (struct span rest = in; rest.len > 0; len++) {
        if (take_decoded(&rest) < 0)
            return -EINVAL;
    }
    if (len >= size)
        return -ENOSPC;
    for (size_t i = 0; i < len; i++)
        out[i] = (char)take_decoded(&in);
    out[len] = '\0';
    return 0;
}

/* For logs */

/* What ends a URL in a text. */
static const char url_ends[] = " \t\r\n'\"<>";

/* Of "rtsp://user:pass@host/..." what stands behind "//" and before the last '@'. */
static void redact_user(struct buf *out, struct span *url)
{
    const uint8_t *scheme = memmem(url->p, url->len, "://", 3);
    size_t         shown = scheme ? (size_t)(scheme - url->p) + 3 : 0;
    struct span    rest = span_skip(*url, shown);
    const uint8_t *at = rest.len > 0 ? memrchr(rest.p, '@', rest.len) : NULL;
    if (!at || at == rest.p)
        return;
    buf_append(out, span_first(*url, shown));
    buf_append_string(out, "***");
    *url = span_skip(rest, (size_t)(at - rest.p));
}

/* Of "pass=secret&..." the length of "pass="; 0: it is something else. */
static size_t find_secret_key(struct span rest)
{
    static const char *const keys[] = { "user", "pass", "password", "token", "jwt" };
    ptrdiff_t                len = span_find(rest, '=');
    for (size_t i = 0; len >= 0 && i < COUNT(keys); i++) {
        if (span_is_nocase(span_first(rest, (size_t)len), keys[i]))
            return (size_t)len + 1;
    }
    return 0;
}

static void redact_url(struct buf *out, struct span url)
{
    redact_user(out, &url);
    while (url.len > 0) {
        buf_append(out, take_until(&url, "?&"));
        size_t key = url.len > 0 ? find_secret_key(span_skip(url, 1)) : 0;
        buf_append(out, span_first(url, 1 + key));
        url = span_skip(url, MIN(1 + key, url.len));
        if (key > 0 && take_until(&url, "&").len > 0)
            buf_append_string(out, "***");
    }
}

void url_redact(struct buf *out, struct span text)
{
    while (text.len > 0) {
        redact_url(out, take_until(&text, url_ends));
        buf_append(out, span_first(text, 1));
        text = span_skip(text, MIN((size_t)1, text.len));
    }
}
