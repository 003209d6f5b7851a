/**
 * rtp: the header of an RTP packet (RFC 3550, section 5.1), with one-byte extensions (RFC 8285).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

enum {
    RTP_HEADER = 12,
    RTP_PLAYOUT_DELAY = 3,             /* value of that extension */
    RTP_MAX_PLAYOUT_DELAY_MS = 40950,  /* 12 bits of 10 ms */
    RTP_MAX_EXTENSION = 16,            /* value of any */
    RTP_MAX_DROPOUT = 3000,            /* appendix A.1: a leap ahead that may be loss, */
    RTP_MAX_MISORDER = 100,            /* and one back that may be a packet that comes late */
    RTP_HEADER_WITH_DELAY = 12 + 4 + 4 /* what rtp_write_extension() makes of a playout delay */
};

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

/**
 * Adds an extension block with one element in front of the payload: `header` is what rtp_write()
 * wrote, with room behind it. `id` is 1..14, `value` has 1..RTP_MAX_EXTENSION bytes. Returns the
 * header's new length.
 */
size_t rtp_write_extension(uint8_t *header, uint8_t id, struct span value);

/**
 * The value of http://www.webrtc.org/experiments/rtp-hdrext/playout-delay: how long a receiver may
 * hold pictures back. Both are at most RTP_MAX_PLAYOUT_DELAY_MS and rounded down to 10 ms.
 */
void rtp_write_playout_delay(unsigned min_ms, unsigned max_ms, uint8_t out[RTP_PLAYOUT_DELAY]);
