/**
 * load_stamp: who sent a frame and when, inside the frame, so that loss and delay are seen
 * through any server: an SEI message with unregistered user data (ITU-T H.264, D.1.7).
 *
 * Shape:   always LOAD_STAMP_NAL bytes; numbers are written in groups of 7 bits with the top bit
 *          set, so that no byte is zero and emulation prevention never changes the length.
 */
#pragma once
#include <stdint.h>

#include "base/span.h"

enum { LOAD_STAMP_NAL = 40 };

struct load_stamp {
    uint32_t stream;  /* below 2^21 */
    uint32_t packets; /* RTP packets of this frame, below 2^21 */
    uint64_t frame;   /* from 0, below 2^35 */
    int64_t  sent_ns; /* monotonic clock, just before the frame's first write */
};

/** Writes a whole NAL unit without start code. */
void load_stamp_write(const struct load_stamp *stamp, uint8_t out[LOAD_STAMP_NAL]);

/** -ENOENT: the NAL unit is not a stamp. */
int load_stamp_parse(struct span nal, struct load_stamp *out);

/** Looks into an RTP payload: a single NAL unit or a STAP-A (RFC 6184). -ENOENT. */
int load_stamp_find(struct span rtp_payload, struct load_stamp *out);
