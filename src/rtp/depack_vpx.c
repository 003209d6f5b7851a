/* VP8 (RFC 7741): a picture is one unit. VP9 (RFC 9628): each layer frame of it is one. */
#include "codec/vpx.h"
#include "rtp/depack_internal.h"

static bool starts_vp8(const struct depack_call *call)
{
    return (call->payload.p[0] & (VP8_S | VP8_PID)) == VP8_S;
}

static void take_vp8(struct depack_call *call)
{
    struct depack *depack = call->depack;
    size_t         len = vp8_descriptor_len(call->payload);
    if (len == 0 || len >= call->payload.len) {
        depack_refuse(depack);
        return;
    }
    if (!depack->has_open_unit)
        depack_begin_unit(depack);
    depack_add(depack, span_skip(call->payload, len));
}

/* RFC 6386, section 9.1: the lowest bit is 0 in a key frame. */
static void end_vp8(struct depack *depack)
{
    uint8_t first;
    depack->is_keyframe = depack_peek_open(depack, 0, 1, &first) > 0 && !(first & 1);
    (void)depack_end_unit(depack);
}

static bool is_vp9_keyframe(const struct depack_call *call)
{
    return call->depack->codec->inspect(call->payload) & CODEC_STARTS_KEYFRAME;
}

/* A key picture without its base layer is none. */
static void end_layer(struct depack *depack)
{
    if (depack_end_unit(depack) && depack->unit_count == 1)
        depack->is_keyframe = depack->starts_keyframe;
    depack->starts_keyframe = false;
}

static void take_vp9(struct depack_call *call)
{
    struct depack *depack = call->depack;
    uint8_t        flags = call->payload.p[0];
    size_t         len = vp9_head_len(call->payload);
    if (len == 0 || len >= call->payload.len) {
        depack_refuse(depack);
        return;
    }
    if (flags & VP9_B) {
        end_layer(depack);
        depack->starts_keyframe = is_vp9_keyframe(call);
        depack_begin_unit(depack);
    } else if (!depack->has_open_unit) {
        depack_refuse_orphan(depack);
        return;
    }
    depack_add(depack, span_skip(call->payload, len));
    if (flags & VP9_E)
        end_layer(depack);
}

const struct depack_rule depack_vp8 = { .take = take_vp8,
                                        .is_picture = true,
                                        .is_one_unit = true,
                                        .starts = starts_vp8,
                                        .end_open = end_vp8 };
const struct depack_rule depack_vp9 = { .take = take_vp9,
                                        .is_picture = true,
                                        .end_open = end_layer };
