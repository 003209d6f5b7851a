#include "rtsp/rtsp_url.h"

#include "base/check.h"

static void check(struct span in, const struct rtsp_url *url)
{
    ASSERT(span_contains(in, url->base) && span_contains(in, url->raw_path));
    ASSERT(span_contains(in, url->query));
    ASSERT(strlen(url->path) <= RTSP_MAX_PATH && strlen(url->path) <= url->raw_path.len);
}

/* Cut until nothing is left, as a client could make one do who sends what was cut again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span     in = { data, size }, control;
    struct rtsp_url url;
    unsigned        track;
    if (rtsp_url_parse(in, &url) < 0)
        return 0;
    check(in, &url);
    for (size_t left = size + 1; rtsp_url_cut_control(&url, &control) == 0;) {
        check(in, &url);
        ASSERT(span_contains(in, control) && span_find(control, '/') < 0);
        ASSERT(rtsp_url_parse_track(control, &track) < 0 || track <= 255);
        ASSERT(url.raw_path.len + url.query.len < left);
        left = url.raw_path.len + url.query.len;
    }
    return 0;
}
