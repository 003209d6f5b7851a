#include "load/load_audio.h"

#include <string.h>

enum {
    TOC = 31 << 3 | 3, /* CELT, full band, 20 ms, mono; frames counted in the next byte */
    ONE_PADDED_FRAME = 0x41,
    PADDING = LOAD_AUDIO_PAYLOAD - 5,
};
_Static_assert(PADDING < 255, "its length takes one byte");

void load_audio_write(const struct rtp_header *header, uint8_t channel,
                      uint8_t out[LOAD_AUDIO_PACKET])
{
    static const uint8_t silence[] = { TOC, ONE_PADDED_FRAME, PADDING, 0xff, 0xfe };
    interleaved_write_header(out, channel, RTP_HEADER + LOAD_AUDIO_PAYLOAD);
    rtp_write(header, out + INTERLEAVED_HEADER);
    uint8_t *payload = out + INTERLEAVED_HEADER + RTP_HEADER;
    memset(payload, 0, LOAD_AUDIO_PAYLOAD);
    memcpy(payload, silence, sizeof(silence));
}
