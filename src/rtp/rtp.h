/**
 * rtp: the header of an RTP packet (RFC 3550, section 5.1).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

enum { RTP_HEADER = 12 };

struct rtp_header {
    uint8_t     payload_type; /* 0..127 */
    bool        marker;       /* for video: last packet of a frame */
    uint16_t    seq;          /* wraps: compare by difference */
    uint32_t    ticks;        /* of the track's clock rate */
    uint32_t    ssrc;
    struct span payload; /* behind CSRCs and extension, without padding */
};

/** -EBADMSG: too short, not version 2, or its inner lengths do not fit. */
int rtp_parse(struct span packet, struct rtp_header *out);

/** Writes 12 bytes (no CSRC, no extension, no padding); `payload` is ignored. */
void rtp_write(const struct rtp_header *header, uint8_t out[RTP_HEADER]);
