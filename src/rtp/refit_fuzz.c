#include "base/bytes.h"
#include "codec/h26x.h"
#include "rtp/test_refit.h"

/* The first byte chooses the codec, the second the limit. Then packets: flags, length, payload. */
enum { HEAD = 2, PACKET_HEAD = 3, MARKER = 1, NEW_TIME = 2, LOSS = 4, LATE = 8, PARAMS = 16 };

static const enum codec_id codecs[] = {
    CODEC_H264, CODEC_H265, CODEC_VP8,   CODEC_VP9,         CODEC_AV1,         CODEC_G711,
    CODEC_LPCM, CODEC_OPUS, CODEC_MJPEG, CODEC_MPEG4_VIDEO, CODEC_MPEG4_AUDIO,
};

static bool is_fragment(const struct test_refit *test, struct span payload)
{
    if (test->refit.codec->id == CODEC_H264)
        return (payload.p[0] & 0x1f) == H264_NAL_FU_A;
    return test->refit.codec->id == CODEC_H265 && (payload.p[0] >> 1 & 0x3f) == H265_NAL_FU;
}

/* A fragment that is not a first one belongs to the part before it. */
static void check_parts(const struct test_refit *test)
{
    bool     is_open = false;
    uint32_t ticks = 0;
    for (unsigned i = 0; i < test->count; i++) {
        const struct refit_part *part = &test->parts[i].part;
        struct span              payload = test_refit_payload(test, i);
        uint8_t                  flags = is_fragment(test, payload)
                                             ? payload.p[test->refit.codec->id == CODEC_H265 ? 2 : 1]
                                             : 0xc0;
        if (!(flags & 0x80))
            ASSERT(is_open && part->ticks == ticks && !part->is_after_gap);
        is_open = !(flags & 0x40) && !part->marker;
        ticks = part->ticks;
        if (test->refit.codec->kind != CODEC_VIDEO)
            ASSERT(part->starts_frame && part->starts_keyframe);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span       in = { data, size };
    struct test_refit test;
    if (in.len < HEAD)
        return 0;
    test_refit_init(&test, codecs[in.p[0] % COUNT(codecs)],
                    MIN(REFIT_MIN_PAYLOAD + in.p[1] * 5u, (unsigned)REFIT_MAX_UDP_PAYLOAD));
    for (in = span_skip(in, HEAD); in.len >= PACKET_HEAD;) {
        uint8_t     flags = in.p[0];
        struct span payload = span_first(span_skip(in, PACKET_HEAD), read_be16(in.p + 1));
        in = span_skip(in, PACKET_HEAD + payload.len);
        test.ticks += flags & NEW_TIME ? 3600 : 0;
        test.seq += (uint16_t)((flags & LOSS) / LOSS - (flags & LATE) / LATE * 2);
        if (flags & PARAMS) {
            refit_set_params(&test.refit, &payload, 1);
            refit_set_tick_bytes(&test.refit, payload.len ? payload.p[0] : 0);
        } else {
            test_refit_packet(&test, payload, flags & MARKER);
        }
    }
    check_parts(&test);
    test_refit_fini(&test);
    return 0;
}
