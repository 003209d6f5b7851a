/**
 * h264_packetizer: NAL units to RTP payloads, packetization-mode 1 (RFC 6184): single NAL units
 * and FU-A. A NAL unit larger than the limit becomes FU-A fragments of nearly equal size.
 *
 *     struct h264_packetizer fu = h264_packetize(nal, max);
 *     while (h264_packetizer_next(&fu, out, &len)) ...
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

struct h264_packetizer {
    struct span nal;       /* what has not been given out yet */
    size_t      part;      /* bytes of each fragment, 0: one single NAL unit */
    uint8_t     indicator; /* first byte of each fragment */
    uint8_t     header;    /* second byte, without S and E */
    bool        is_first;
};

/** `nal` without start code, not empty; `max` >= 3 is the largest payload. */
struct h264_packetizer h264_packetize(struct span nal, size_t max);

/** Writes the next payload, at most `max` bytes. False when all has been given out. */
bool h264_packetizer_next(struct h264_packetizer *state, uint8_t *out, size_t *len);
