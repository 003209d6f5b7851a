/**
 * vpx: the descriptors in front of VP8 (RFC 7741) and VP9 (RFC 9628) payloads.
 */
#pragma once
#include "base/span.h"

enum {
    VP8_S = 0x10, /* a partition begins */
    VP8_PID = 0x07,
    VP8_MAX_DESCRIPTOR = 6,
};

enum vp9_bit {
    VP9_I = 0x80, /* a picture id follows */
    VP9_P = 0x40, /* needs another picture */
    VP9_L = 0x20, /* layer indices follow */
    VP9_F = 0x10,
    VP9_B = 0x08, /* a layer frame begins */
    VP9_E = 0x04, /* and ends */
    VP9_V = 0x02, /* a scalability structure follows */
};

enum { VP9_MAX_DESCRIPTOR = 8 }; /* without the scalability structure */

/** Bytes of the descriptor of a payload that is not empty; 0: cut short. */
size_t vp8_descriptor_len(struct span payload);

/** Up to the scalability structure; may be more than the payload has. 0: cut short. */
size_t vp9_descriptor_len(struct span payload);

/** With the scalability structure. 0: cut short. */
size_t vp9_head_len(struct span payload);
