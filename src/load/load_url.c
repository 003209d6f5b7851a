#include "load/load_url.h"

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
