/* MPEG-1 and -2 video (RFC 2250, section 3), MPEG-4 Visual (RFC 6416, section 5). */
#include "codec/mpeg.h"
#include "rtp/depack_internal.h"

enum {
    HEADER = 4,
    HAS_EXTENSION = 0x04, /* of its first byte: four more bytes follow */
    EXTENSION = 4,
    /* A picture's header stands within so many bytes, behind sequence headers with tables. */
    MAX_HEAD = 1024,
};

/* 0: cut short. */
static size_t header_len(struct span payload)
{
    size_t len = HEADER + (payload.p[0] & HAS_EXTENSION ? EXTENSION : 0);
    return len < payload.len ? len : 0;
}

static bool starts_mpeg1(const struct depack_call *call)
{
    size_t      len = header_len(call->payload);
    struct span bytes = span_skip(call->payload, len);
    if (len == 0 || bytes.len < MPEG_START_CODE || mpeg_find_start_code(bytes, 0) != 0)
        return false;
    return bytes.p[3] < MPEG_FIRST_SLICE || bytes.p[3] > MPEG_LAST_SLICE;
}

/* A picture of H.263's short form begins without a 1. */
static bool starts_mpeg4(const struct depack_call *call)
{
    struct span payload = call->payload;
    return payload.len >= 2 && payload.p[0] == 0 && payload.p[1] == 0;
}

static void add(struct depack *depack, struct span bytes)
{
    if (!depack->has_open_unit)
        depack_begin_unit(depack);
    depack_add(depack, bytes);
}

static void take_mpeg1(struct depack_call *call)
{
    size_t len = header_len(call->payload);
    if (len == 0)
        depack_refuse(call->depack);
    else
        add(call->depack, span_skip(call->payload, len));
}

static void take_mpeg4(struct depack_call *call)
{
    add(call->depack, call->payload);
}

static void end(struct depack *depack)
{
    uint8_t     bytes[MAX_HEAD];
    struct span head = { bytes, depack_peek_open(depack, 0, sizeof(bytes), bytes) };
    depack->is_keyframe =
        depack->codec->id == CODEC_MPEG4_VIDEO ? mpeg4_is_keyframe(head) : mpeg1_is_keyframe(head);
    (void)depack_end_unit(depack);
}

const struct depack_rule depack_mpeg1_video = { .take = take_mpeg1,
                                                .is_picture = true,
                                                .is_one_unit = true,
                                                .starts = starts_mpeg1,
                                                .end_open = end };
const struct depack_rule depack_mpeg4_video = { .take = take_mpeg4,
                                                .is_picture = true,
                                                .is_one_unit = true,
                                                .starts = starts_mpeg4,
                                                .end_open = end };
