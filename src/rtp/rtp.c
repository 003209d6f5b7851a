#include "rtp/rtp.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/check.h"

enum {
    RTP_VERSION = 2,
    CSRC_SIZE = 4,
    EXTENSION_HEADER = 4,
    EXTENSION_WORD = 4,
    ONE_BYTE_PROFILE = 0xbede,
};

/* Takes CSRCs and the extension off the front. */
static int skip_optional(struct span *rest, uint8_t first)
{
    size_t csrcs = (size_t)(first & 0x0f) * CSRC_SIZE;
    if (rest->len < csrcs)
        return -EBADMSG;
    *rest = span_skip(*rest, csrcs);
    if (!(first & 0x10))
        return 0;
    if (rest->len < EXTENSION_HEADER)
        return -EBADMSG;
    size_t len = (size_t)read_be16(rest->p + 2) * EXTENSION_WORD;
    *rest = span_skip(*rest, EXTENSION_HEADER);
    if (rest->len < len)
        return -EBADMSG;
    *rest = span_skip(*rest, len);
    return 0;
}

/* The last byte counts the padding, itself included. */
static int cut_padding(struct span *rest, uint8_t first)
{
    if (!(first & 0x20))
        return 0;
    size_t padding = rest->len > 0 ? rest->p[rest->len - 1] : 0;
    if (padding == 0 || padding > rest->len)
        return -EBADMSG;
    rest->len -= padding;
    return 0;
}

int rtp_parse(struct span packet, struct rtp_header *out)
{
    if (packet.len < RTP_HEADER || packet.p[0] >> 6 != RTP_VERSION)
        return -EBADMSG;
    struct span payload = span_skip(packet, RTP_HEADER);
    if (skip_optional(&payload, packet.p[0]) < 0 || cut_padding(&payload, packet.p[0]) < 0)
        return -EBADMSG;
    *out = (struct rtp_header){
        .payload_type = packet.p[1] & 0x7f,
        .marker = packet.p[1] >> 7,
        .seq = read_be16(packet.p + 2),
        .ticks = read_be32(packet.p + 4),
        .ssrc = read_be32(packet.p + 8),
        .payload = payload,
    };
    return 0;
}

void rtp_write(const struct rtp_header *header, uint8_t out[RTP_HEADER])
{
    out[0] = RTP_VERSION << 6;
    out[1] = (uint8_t)(header->marker << 7 | (header->payload_type & 0x7f));
    write_be16(out + 2, header->seq);
    write_be32(out + 4, header->ticks);
    write_be32(out + 8, header->ssrc);
}

size_t rtp_write_extension(uint8_t *header, uint8_t id, struct span value)
{
    ASSERT(id >= 1 && id <= 14 && value.len >= 1 && value.len <= RTP_MAX_EXTENSION);
    size_t   words = (1 + value.len + EXTENSION_WORD - 1) / EXTENSION_WORD;
    uint8_t *block = header + RTP_HEADER;
    header[0] |= 0x10;
    write_be16(block, ONE_BYTE_PROFILE);
    write_be16(block + 2, (uint16_t)words);
    memset(block + EXTENSION_HEADER, 0, words * EXTENSION_WORD);
    block[EXTENSION_HEADER] = (uint8_t)(id << 4 | (value.len - 1));
    memcpy(block + EXTENSION_HEADER + 1, value.p, value.len);
    return RTP_HEADER + EXTENSION_HEADER + words * EXTENSION_WORD;
}

void rtp_write_playout_delay(unsigned min_ms, unsigned max_ms, uint8_t out[RTP_PLAYOUT_DELAY])
{
    ASSERT(min_ms <= max_ms && max_ms <= RTP_MAX_PLAYOUT_DELAY_MS);
    unsigned min = min_ms / 10, max = max_ms / 10;
    out[0] = (uint8_t)(min >> 4);
    out[1] = (uint8_t)(min << 4 | max >> 8);
    out[2] = (uint8_t)max;
}
