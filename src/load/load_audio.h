/**
 * load_audio: an Opus packet of silence as it goes over the wire: one 20 ms frame, padded to
 * the size that speech or music at 64 kbit/s has (RFC 6716, section 3.2.5; RFC 7587).
 */
#pragma once
#include <stdint.h>

#include "base/span.h"
#include "rtp/interleaved.h"
#include "rtp/rtp.h"

enum {
    LOAD_AUDIO_PAYLOAD_TYPE = 97,
    LOAD_AUDIO_CLOCK_RATE = 48000,
    LOAD_AUDIO_PACKETS_PER_S = 50,
    LOAD_AUDIO_TICKS = LOAD_AUDIO_CLOCK_RATE / LOAD_AUDIO_PACKETS_PER_S,
    LOAD_AUDIO_PAYLOAD = 160,
    LOAD_AUDIO_PACKET = INTERLEAVED_HEADER + RTP_HEADER + LOAD_AUDIO_PAYLOAD,
};

/** Writes a packet with its interleaved header. */
void load_audio_write(const struct rtp_header *header, uint8_t channel,
                      uint8_t out[LOAD_AUDIO_PACKET]);
