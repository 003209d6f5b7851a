/* VP8 (RFC 7741) and VP9 (RFC 9628): a descriptor, and bytes of a frame that may be cut anywhere.
 */
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

/* 0: cut short. */
static size_t vp8_descriptor_len(struct span payload)
{
    enum { X = 0x80, I = 0x80, L = 0x40, T_OR_K = 0x30, M = 0x80 };
    if (!(payload.p[0] & X))
        return 1;
    if (payload.len < 3)
        return 0;
    uint8_t extension = payload.p[1];
    size_t  len = 2;
    if (extension & I)
        len += payload.p[2] & M ? 2 : 1;
    return len + ((extension & L) != 0) + ((extension & T_OR_K) != 0);
}

void refit_take_vp8(struct refit_call *call)
{
    enum { S = 0x10, PID = 0x07, MAX_DESCRIPTOR = 6 };
    struct span payload = call->payload;
    size_t      len = vp8_descriptor_len(payload);
    uint8_t     rest[MAX_DESCRIPTOR];
    if (!is_usable(call, len)) {
        call->refit->dropped++;
        return;
    }
    memcpy(rest, payload.p, len);
    rest[0] &= (uint8_t)~S;
    struct piece piece = {
        .heads = { .first = { payload.p, len }, .rest = { rest, len } },
        .starts_unit = payload.p[0] & S,
        .starts_frame = (payload.p[0] & (S | PID)) == S,
        .ends_unit = call->marker,
    };
    take_piece(call, &piece);
}

enum vp9_bit {
    VP9_I = 0x80,
    VP9_P = 0x40,
    VP9_L = 0x20,
    VP9_F = 0x10,
    VP9_B = 0x08,
    VP9_E = 0x04,
    VP9_V = 0x02,
};

/* Up to the scalability structure; 0: cut short. */
static size_t vp9_descriptor_len(struct span payload)
{
    enum { M = 0x80, N = 0x01, MAX_REFERENCES = 3 };
    uint8_t flags = payload.p[0];
    size_t  len = 1;
    if (flags & VP9_I) {
        if (payload.len < 2)
            return 0;
        len += payload.p[1] & M ? 2 : 1;
    }
    if (flags & VP9_L)
        len += flags & VP9_F ? 1 : 2;
    if ((flags & (VP9_F | VP9_P)) != (VP9_F | VP9_P))
        return len;
    for (unsigned i = 0; i < MAX_REFERENCES; i++) {
        if (len >= payload.len)
            return 0;
        if (!(payload.p[len++] & N))
            break;
    }
    return len;
}

/* RFC 9628, section 4.2.1: sizes of the layers, then the pictures of a group with what they refer
 * to. 0: cut short. */
static size_t vp9_structure_len(struct span rest)
{
    enum { Y = 0x10, G = 0x08, LAYER_SIZE = 4 };
    if (rest.len < 1)
        return 0;
    size_t len = 1;
    if (rest.p[0] & Y)
        len += ((size_t)(rest.p[0] >> 5) + 1) * LAYER_SIZE;
    if (!(rest.p[0] & G))
        return len;
    if (len >= rest.len)
        return 0;
    for (unsigned left = rest.p[len++]; left > 0; left--) {
        if (len >= rest.len)
            return 0;
        len += 1u + (rest.p[len] >> 2 & 3);
    }
    return len;
}

/* Only the first part has the scalability structure: all of them would have little else. */
void refit_take_vp9(struct refit_call *call)
{
    enum { MAX_DESCRIPTOR = 8 };
    struct span payload = call->payload;
    size_t      rest_len = vp9_descriptor_len(payload), len = rest_len;
    uint8_t     rest[MAX_DESCRIPTOR];
    if (is_usable(call, len) && (payload.p[0] & VP9_V)) {
        size_t structure_len = vp9_structure_len(span_skip(payload, len));
        len = structure_len ? len + structure_len : 0;
    }
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
