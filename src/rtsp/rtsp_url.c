#include "rtsp/rtsp_url.h"

#include <errno.h>

#include "http/url.h"

static ptrdiff_t find_last_slash(struct span s)
{
    const uint8_t *at = s.len ? memrchr(s.p, '/', s.len) : NULL;
    return at ? at - s.p : -1;
}

static struct span without_final_slash(struct span s)
{
    return s.len && s.p[s.len - 1] == '/' ? span_first(s, s.len - 1) : s;
}

/* Of a URL that is known to have both. */
static struct span scheme_and_authority(struct span url)
{
    size_t end = (size_t)span_find(url, ':') + strlen("://");
    while (end < url.len && !strchr("/?#", url.p[end]))
        end++;
    return span_first(url, end);
}

int rtsp_url_parse(struct span text, struct rtsp_url *out)
{
    struct url url;
    if (url_parse(text, &url) < 0)
        return -EINVAL;
    *out = (struct rtsp_url){ .raw_path = url.path, .query = url.query };
    /* Clients put the slash that joins base and control at the end of whatever the base is. */
    if (url.query.p)
        out->query = without_final_slash(url.query);
    else
        out->raw_path = without_final_slash(url.path);
    out->base = scheme_and_authority(text);
    return url_decode(out->raw_path, out->path, sizeof(out->path)) < 0 ? -EINVAL : 0;
}

int rtsp_url_cut_control(struct rtsp_url *url, struct span *control)
{
    ptrdiff_t at = find_last_slash(url->query);
    if (at >= 0) {
        *control = span_skip(url->query, (size_t)at + 1);
        url->query = span_first(url->query, (size_t)at);
        return 0;
    }
    at = find_last_slash(url->raw_path);
    if (at < 0)
        return -ENOENT;
    *control = span_skip(url->raw_path, (size_t)at + 1);
    url->raw_path = span_first(url->raw_path, (size_t)at);
    return url_decode(url->raw_path, url->path, sizeof(url->path)) < 0 ? -EINVAL : 0;
}

int rtsp_url_parse_track(struct span control, unsigned *track)
{
    uint64_t number;
    if (!span_starts_with(control, "trackID="))
        return -EINVAL;
    if (span_to_uint(span_skip(control, 8), 255, &number) < 0)
        return -EINVAL;
    *track = (unsigned)number;
    return 0;
}
