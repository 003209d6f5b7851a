#include "httpd/httpd_origin.h"

#include <ctype.h>

#include "http/url.h"

enum { MAX_HOST = 255 }; /* of a name: RFC 1035, section 2.3.4 */

static unsigned port_of(const struct url *url)
{
    if (url->port)
        return url->port;
    return span_is_nocase(url->scheme, "https")  ? 443
           : span_is_nocase(url->scheme, "http") ? 80
                                                 : 0;
}

/* At the front "*." may also stand for nothing: *.example.com means example.com too. */
static void pass_stars(struct span pattern, bool *is_at)
{
    for (size_t i = 0; i < pattern.len; i++) {
        if (!is_at[i] || pattern.p[i] != '*')
            continue;
        is_at[i + 1] = true;
        if (i == 0 && pattern.len > 1 && pattern.p[1] == '.')
            is_at[2] = true;
    }
}

/* All places of the pattern at once, so that no origin makes it try again and again. */
static bool host_matches(struct span pattern, struct span host)
{
    bool is_at[MAX_HOST + 1] = { true };
    if (pattern.len > MAX_HOST || host.len > MAX_HOST)
        return false;
    pass_stars(pattern, is_at);
    for (size_t at = 0; at < host.len; at++) {
        for (size_t i = pattern.len; i > 0; i--) {
            uint8_t before = pattern.p[i - 1];
            is_at[i] =
                before == '*' ? is_at[i] : is_at[i - 1] && tolower(before) == tolower(host.p[at]);
        }
        is_at[0] = false;
        pass_stars(pattern, is_at);
    }
    return is_at[pattern.len];
}

static bool url_matches(const struct url *allowed, const struct url *origin)
{
    return span_equal_nocase(allowed->scheme, origin->scheme) &&
           port_of(allowed) == port_of(origin) && host_matches(allowed->host, origin->host);
}

struct span httpd_origin_allow(char *const *allowed, struct span origin)
{
    struct span answer = { 0 };
    struct url  asked;
    bool        is_url = url_parse(origin, &asked) == 0;
    for (; allowed && *allowed; allowed++) {
        struct url url;
        if (strcmp(*allowed, "*") == 0)
            answer = BYTES("*");
        else if (is_url && url_parse(span_from_string(*allowed), &url) == 0 &&
                 url_matches(&url, &asked))
            return origin;
    }
    return answer;
}

const char *httpd_origin_doubt(const char *allowed)
{
    struct url url;
    if (strcmp(allowed, "*") == 0)
        return NULL;
    if (url_parse(span_from_string(allowed), &url) < 0 || url.host.len > MAX_HOST)
        return "allows no website; write it like https://example.com, or '*' for all of them";
    if (url.path.len > 0 || url.query.p || url.user.len > 0)
        return "allows the whole website; only scheme, host and port count";
    return NULL;
}

bool httpd_origin_matters(char *const *allowed)
{
    for (; allowed && *allowed; allowed++) {
        if (strcmp(*allowed, "*") != 0)
            return true;
    }
    return false;
}
