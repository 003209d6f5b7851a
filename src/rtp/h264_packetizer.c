#include "rtp/h264_packetizer.h"

#include "base/check.h"

enum { FU_A = 28, FU_A_HEADER = 2, FU_START = 0x80, FU_END = 0x40 };

struct h264_packetizer h264_packetize(struct span nal, size_t max)
{
    ASSERT(nal.len > 0 && max > FU_A_HEADER);
    if (nal.len <= max)
        return (struct h264_packetizer){ .nal = nal };
    /* The NAL unit's own header travels in the two bytes of each fragment. */
    struct span rest = span_skip(nal, 1);
    size_t      count = (rest.len - 1) / (max - FU_A_HEADER) + 1;
    return (struct h264_packetizer){
        .nal = rest,
        .part = (rest.len - 1) / count + 1,
        .indicator = (uint8_t)((nal.p[0] & 0xe0) | FU_A),
        .header = nal.p[0] & 0x1f,
        .is_first = true,
    };
}

bool h264_packetizer_next(struct h264_packetizer *state, uint8_t *out, size_t *len)
{
    if (state->nal.len == 0)
        return false;
    struct span part = span_first(state->nal, state->part ? state->part : state->nal.len);
    state->nal = span_skip(state->nal, part.len);
    size_t at = 0;
    if (state->part > 0) {
        out[at++] = state->indicator;
        out[at++] = (uint8_t)(state->header | (state->is_first ? FU_START : 0) |
                              (state->nal.len == 0 ? FU_END : 0));
    }
    memcpy(out + at, part.p, part.len);
    *len = at + part.len;
    state->is_first = false;
    return true;
}
