/**
 * interleaved: RTP and RTCP inside an RTSP connection (RFC 2326, section 10.12): '$', a channel,
 * a 16-bit length, a packet.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/span.h"

enum { INTERLEAVED_HEADER = 4, INTERLEAVED_MAX = INTERLEAVED_HEADER + 65535 };

struct interleaved_frame {
    uint8_t     channel;
    struct span payload;
};

/** Returns bytes used. -EAGAIN: more bytes are needed. -EBADMSG: no frame starts here. */
ssize_t interleaved_parse(struct span in, struct interleaved_frame *out);

/**
 * Could a frame on one of the first `channels`, or a message with a method that is known, begin
 * here, as far as the bytes are there? `in` is not empty.
 */
bool interleaved_may_start(struct span in, unsigned channels);

/**
 * How many bytes to pass over to reach the next '$' whose channel is one of the first `channels`,
 * or the next "RTSP/" or upper-case method that starts a message: how a connection recovers from
 * rubbish between frames. Never 0 for a non-empty `in`; in.len when there is nothing to keep.
 */
size_t interleaved_resync(struct span in, unsigned channels);

/** Writes the four bytes in front of a packet of `len` bytes. */
void interleaved_write_header(uint8_t out[INTERLEAVED_HEADER], uint8_t channel, uint16_t len);
