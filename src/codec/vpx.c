#include "codec/vpx.h"

size_t vp8_descriptor_len(struct span payload)
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

size_t vp9_descriptor_len(struct span payload)
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
static size_t structure_len(struct span rest)
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

size_t vp9_head_len(struct span payload)
{
    size_t len = vp9_descriptor_len(payload);
    if (!(payload.p[0] & VP9_V) || len == 0 || len > payload.len)
        return len <= payload.len ? len : 0;
    size_t more = structure_len(span_skip(payload, len));
    return more > 0 && more <= payload.len - len ? len + more : 0;
}
