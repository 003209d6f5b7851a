/* VP8 (RFC 7741) and VP9 (RFC 9628): a descriptor, and bytes of a frame that may be cut anywhere.
 */
#include "codec/vpx.h"
#include "rtp/refit_internal.h"

/* What a packet's descriptor says. */
struct piece {
    struct refit_heads heads;
    bool               starts_unit;  /* a VP8 partition or VP9 layer frame begins with the bytes */
    bool               starts_frame; /* what came before may be lost */
    bool               ends_unit;
};

static void take_piece(struct refit_call *call, const struct piece *piece)
{
    struct refit *refit = call->refit;
    struct span   bytes = span_skip(call->payload, piece->heads.first.len);
    bool          is_whole = refit->unit != REFIT_NO_UNIT;
    if (piece->starts_unit && refit->unit == REFIT_CUTS_UNIT)
        refit_end_cut(call, (struct span){ 0 }, false);
    if (piece->starts_frame || (piece->starts_unit && is_whole))
        refit->unit = REFIT_PASSES_UNIT;
    if (refit->unit == REFIT_NO_UNIT) {
        refit->orphans++;
        return;
    }
    refit_look_for_keyframe(call);
    if (refit->unit == REFIT_PASSES_UNIT && call->payload.len <= refit->max_payload) {
        refit_give_view(call, call->payload, call->marker);
        refit->unit = piece->ends_unit ? REFIT_NO_UNIT : REFIT_PASSES_UNIT;
        return;
    }
    if (refit->unit == REFIT_PASSES_UNIT)
        refit_begin_cut(refit, &piece->heads);
    else
        refit_set_head(refit, piece->heads.rest);
    if (piece->ends_unit)
        refit_end_cut(call, bytes, call->marker);
    else
        refit_cut(call, bytes);
}

/* Broken, or so long that a part would hold nothing else: such a packet can't be cut. */
static bool is_usable(const struct refit_call *call, size_t descriptor_len)
{
    return descriptor_len > 0 && descriptor_len < call->payload.len &&
           descriptor_len < call->refit->max_payload;
}

void refit_take_vp8(struct refit_call *call)
{
    struct span payload = call->payload;
    size_t      len = vp8_descriptor_len(payload);
    uint8_t     rest[VP8_MAX_DESCRIPTOR];
    if (!is_usable(call, len)) {
        call->refit->dropped++;
        return;
    }
    memcpy(rest, payload.p, len);
    rest[0] &= (uint8_t)~VP8_S;
    struct piece piece = {
        .heads = { .first = { payload.p, len }, .rest = { rest, len } },
        .starts_unit = payload.p[0] & VP8_S,
        .starts_frame = (payload.p[0] & (VP8_S | VP8_PID)) == VP8_S,
        .ends_unit = call->marker,
    };
    take_piece(call, &piece);
}

/* Only the first part has the scalability structure: all of them would have little else. */
void refit_take_vp9(struct refit_call *call)
{
    struct span payload = call->payload;
    size_t      rest_len = vp9_descriptor_len(payload), len = vp9_head_len(payload);
    uint8_t     rest[VP9_MAX_DESCRIPTOR];
    if (!is_usable(call, len)) {
        call->refit->dropped++;
        return;
    }
    memcpy(rest, payload.p, rest_len);
    rest[0] &= (uint8_t) ~(VP9_B | VP9_E | VP9_V);
    struct piece piece = {
        .heads = { .first = { payload.p, len }, .rest = { rest, rest_len }, .last_bit = VP9_E },
        .starts_unit = payload.p[0] & VP9_B,
        .starts_frame = payload.p[0] & VP9_B,
        .ends_unit = (payload.p[0] & VP9_E) || call->marker,
    };
    take_piece(call, &piece);
}
