#include "sdp/sdp.h"

#include "base/auto.h"
#include "base/check.h"

/* What was read can be written, and reads as the same media again. */
static void check_round_trip(const struct sdp *sdp)
{
    static struct sdp         again;
    struct errmsg             why;
    AUTO(buf_fini) struct buf out = { 0 };
    sdp_write(&out, sdp->name, sdp->media, sdp->media_count);
    ASSERT(sdp_parse(buf_span(&out), &again, &why) == 0);
    ASSERT(again.media_count == sdp->media_count);
    for (unsigned i = 0; i < sdp->media_count; i++) {
        const struct sdp_media *a = &sdp->media[i], *b = &again.media[i];
        ASSERT(a->codec == b->codec && a->clock_rate == b->clock_rate);
        ASSERT(a->payload_type == b->payload_type && span_equal(a->kind, b->kind));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sdp sdp;
    struct errmsg     why;
    struct span       text = { data, size };
    if (sdp_parse(text, &sdp, &why) < 0)
        return 0;
    ASSERT(sdp.media_count >= 1 && sdp.media_count <= SDP_MAX_MEDIA);
    for (unsigned i = 0; i < sdp.media_count; i++) {
        const struct sdp_media *media = &sdp.media[i];
        ASSERT(media->codec && media->clock_rate > 0 && media->payload_type <= 127);
        ASSERT(media->kind.len > 0 && media->format.len > 0);
        ASSERT(media->fmtp_count <= SDP_MAX_FMTP);
        ASSERT(span_contains(text, media->control) && span_contains(text, media->profile));
    }
    check_round_trip(&sdp);
    return 0;
}
