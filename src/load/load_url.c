#include "load/load_url.h"

#include <errno.h>

#include "base/auto.h"

void load_url_expand(struct buf *out, struct span pattern, uint32_t number)
{
    const uint8_t *at = pattern.len ? memmem(pattern.p, pattern.len, "%d", 2) : NULL;
    if (!at) {
        buf_append(out, pattern);
        return;
    }
    size_t before = (size_t)(at - pattern.p);
    buf_append(out, span_first(pattern, before));
    buf_printf(out, "%u", number);
    buf_append(out, span_skip(pattern, before + 2));
}

static bool is_absolute(struct span url)
{
    return url.len > 0 && memmem(url.p, url.len, "://", 3) != NULL;
}

void load_url_join(struct buf *out, struct span base, struct span control)
{
    if (is_absolute(control)) {
        buf_append(out, control);
        return;
    }
    buf_append(out, base);
    if (control.len == 0 || span_is(control, "*"))
        return;
    bool has_slash = base.len > 0 && base.p[base.len - 1] == '/';
    if (!has_slash)
        buf_append_string(out, "/");
    if (control.p[0] == '/')
        control = span_skip(control, 1);
    buf_append(out, control);
}

/* Cuts "http://user:password@" off the front. */
static struct span skip_scheme(struct span url)
{
    const uint8_t *mark = memmem(url.p, url.len, "://", 3);
    return mark ? span_skip(url, (size_t)(mark - url.p) + 3) : url;
}

static size_t authority_len(struct span rest)
{
    size_t len = 0;
    while (len < rest.len && !strchr("/?#", rest.p[len]))
        len++;
    return len;
}

struct span load_url_authority(struct span url)
{
    struct span rest = skip_scheme(url);
    struct span authority = span_first(rest, authority_len(rest));
    ptrdiff_t   at = span_find(authority, '@');
    return at < 0 ? authority : span_skip(authority, (size_t)at + 1);
}

void load_url_target(struct buf *out, struct span url)
{
    struct span rest = skip_scheme(url);
    rest = span_skip(rest, authority_len(rest));
    ptrdiff_t fragment = span_find(rest, '#');
    if (fragment >= 0)
        rest = span_first(rest, (size_t)fragment);
    if (rest.len == 0 || rest.p[0] != '/')
        buf_append_string(out, "/");
    buf_append(out, rest);
}

static bool has_path(struct span url)
{
    struct span rest = skip_scheme(url);
    return rest.len > authority_len(rest) + 1;
}

/* Ours and MediaMTX's way of naming it. */
static void join_whep(struct buf *pattern, struct span endpoint, struct span stream)
{
    AUTO(buf_fini) struct buf path = { 0 };
    load_url_target(&path, stream);
    ptrdiff_t query = span_find(buf_span(&path), '?');
    if (query >= 0)
        path.len = (size_t)query;
    buf_printf(pattern, "http://%.*s%.*s/whep", SPAN_ARGS(load_url_authority(endpoint)),
               SPAN_ARGS(buf_span(&path)));
}

void load_url_whep(struct buf *out, struct span endpoint, struct span stream, uint32_t number)
{
    AUTO(buf_fini) struct buf pattern = { 0 };
    if (has_path(endpoint))
        buf_append(&pattern, endpoint);
    else
        join_whep(&pattern, endpoint, stream);
    load_url_expand(out, buf_span(&pattern), number);
}

/* Up to the last slash of the path. */
static struct span folder_of(struct span target)
{
    ptrdiff_t query = span_find(target, '?');
    if (query >= 0)
        target = span_first(target, (size_t)query);
    while (target.len > 1 && target.p[target.len - 1] != '/')
        target.len--;
    return target;
}

int load_url_resolve(struct buf *out, struct span base, struct span location)
{
    for (size_t i = 0; i < location.len; i++)
        if (location.p[i] <= ' ' || location.p[i] == 0x7f)
            return -EINVAL;
    if (is_absolute(location)) {
        load_url_target(out, location);
        return 0;
    }
    if (location.len == 0 || location.p[0] != '/') {
        AUTO(buf_fini) struct buf target = { 0 };
        load_url_target(&target, base);
        buf_append(out, folder_of(buf_span(&target)));
    }
    buf_append(out, location);
    return 0;
}
