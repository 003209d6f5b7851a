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

/* What stands behind the last slash; p == NULL when there is none. */
static struct span last_part(struct span s)
{
    ptrdiff_t at = find_last_slash(s);
    return at < 0 ? (struct span){ 0 } : span_skip(s, (size_t)at + 1);
}

static struct span without_part(struct span s, struct span part)
{
    return span_first(s, s.len - part.len - 1);
}

static bool names_track(struct span control)
{
    unsigned track;
    return control.p && rtsp_url_parse_track(control, &track) == 0;
}

int rtsp_url_cut_control(struct rtsp_url *url, struct span *control)
{
    struct span in_query = last_part(url->query), in_path = last_part(url->raw_path);
    /* A slash in the query may belong to a value; the path names the track then. */
    if (in_query.p && (names_track(in_query) || !names_track(in_path))) {
        *control = in_query;
        url->query = without_part(url->query, in_query);
        return 0;
    }
    if (!in_path.p)
        return -ENOENT;
    *control = in_path;
    url->raw_path = without_part(url->raw_path, in_path);
    return url_decode(url->raw_path, url->path, sizeof(url->path)) < 0 ? -EINVAL : 0;
}
