#include "rtp/rtcp.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"

enum {
    RTCP_VERSION = 2,
    HEADER = 4,
    SSRC_SIZE = 4,
    SENDER_INFO_SIZE = 20,
    REPORT_BLOCK_SIZE = 24,
    FEEDBACK_SIZE = 8, /* sender of the feedback, source it is about */
    NACK_SIZE = 4,
    FIR_SIZE = 8,
    SDES_CNAME = 1,
    MAX_LOST = 0x7fffff, /* 24 bits, signed */
};

#define SECONDS_1900_TO_1970 INT64_C(2208988800)

ssize_t rtcp_next(struct span compound, struct rtcp_packet *out)
{
    if (compound.len < HEADER || compound.p[0] >> 6 != RTCP_VERSION)
        return -EBADMSG;
    size_t len = (size_t)read_be16(compound.p + 2) * 4;
    if (compound.len - HEADER < len)
        return -EBADMSG;
    struct span body = { compound.p + HEADER, len };
    if (compound.p[0] & 0x20) {
        size_t padding = len > 0 ? body.p[len - 1] : 0;
        if (padding == 0 || padding > len)
            return -EBADMSG;
        body.len -= padding;
    }
    *out = (struct rtcp_packet){
        .type = compound.p[1],
        .count = compound.p[0] & 0x1f,
        .body = body,
    };
    return (ssize_t)(HEADER + len);
}

int rtcp_parse_sender_info(const struct rtcp_packet *packet, struct rtcp_sender_info *out)
{
    if (packet->type != RTCP_SR || packet->body.len < SSRC_SIZE + SENDER_INFO_SIZE)
        return -EBADMSG;
    const uint8_t *p = packet->body.p;
    *out = (struct rtcp_sender_info){
        .ssrc = read_be32(p),
        .ntp = read_be64(p + 4),
        .ticks = read_be32(p + 12),
        .packets = read_be32(p + 16),
        .bytes = read_be32(p + 20),
    };
    return 0;
}

int rtcp_parse_report_block(const struct rtcp_packet *packet, unsigned index,
                            struct rtcp_report_block *out)
{
    if ((packet->type != RTCP_SR && packet->type != RTCP_RR) || index >= packet->count)
        return -EBADMSG;
    size_t before = SSRC_SIZE + (packet->type == RTCP_SR ? SENDER_INFO_SIZE : 0);
    size_t at = before + (size_t)index * REPORT_BLOCK_SIZE;
    if (packet->body.len < at + REPORT_BLOCK_SIZE)
        return -EBADMSG;
    const uint8_t *p = packet->body.p + at;
    int32_t        lost = (int32_t)read_be24(p + 5);
    *out = (struct rtcp_report_block){
        .ssrc = read_be32(p),
        .fraction_lost = p[4],
        .lost = lost > MAX_LOST ? lost - (1 << 24) : lost,
        .highest_seq = read_be32(p + 8),
        .jitter = read_be32(p + 12),
        .last_sr = read_be32(p + 16),
        .delay_since_sr = read_be32(p + 20),
    };
    return 0;
}

int rtcp_parse_bye(const struct rtcp_packet *packet, unsigned index, uint32_t *ssrc)
{
    size_t at = (size_t)index * SSRC_SIZE;
    if (packet->type != RTCP_BYE || index >= packet->count || packet->body.len < at + SSRC_SIZE)
        return -EBADMSG;
    *ssrc = read_be32(packet->body.p + at);
    return 0;
}

static bool is_feedback(const struct rtcp_packet *packet, enum rtcp_type type, unsigned format)
{
    return packet->type == type && packet->count == format && packet->body.len >= FEEDBACK_SIZE;
}

int rtcp_parse_nack(const struct rtcp_packet *packet, struct rtcp_nack *out)
{
    if (!is_feedback(packet, RTCP_RTPFB, RTCP_RTPFB_NACK))
        return -EBADMSG;
    *out = (struct rtcp_nack){
        .ssrc = read_be32(packet->body.p + SSRC_SIZE),
        .rest = span_skip(packet->body, FEEDBACK_SIZE),
    };
    return 0;
}

bool rtcp_next_lost(struct rtcp_nack *nack, uint16_t *seq)
{
    if (nack->mask) {
        unsigned bit = (unsigned)__builtin_ctz(nack->mask);
        nack->mask &= (uint16_t)(nack->mask - 1);
        *seq = (uint16_t)(nack->seq + 1 + bit);
        return true;
    }
    if (nack->rest.len < NACK_SIZE)
        return false;
    *seq = nack->seq = read_be16(nack->rest.p);
    nack->mask = read_be16(nack->rest.p + 2);
    nack->rest = span_skip(nack->rest, NACK_SIZE);
    return true;
}

int rtcp_parse_pli(const struct rtcp_packet *packet, uint32_t *ssrc)
{
    if (!is_feedback(packet, RTCP_PSFB, RTCP_PSFB_PLI))
        return -EBADMSG;
    *ssrc = read_be32(packet->body.p + SSRC_SIZE);
    return 0;
}

/* RFC 5104, section 4.3.1: the sources stand in the entries, the header's field is not used. */
int rtcp_parse_fir(const struct rtcp_packet *packet, unsigned index, struct rtcp_fir *out)
{
    size_t at = FEEDBACK_SIZE + (size_t)index * FIR_SIZE;
    if (!is_feedback(packet, RTCP_PSFB, RTCP_PSFB_FIR) || packet->body.len < at + FIR_SIZE)
        return -EBADMSG;
    *out = (struct rtcp_fir){ .ssrc = read_be32(packet->body.p + at),
                              .seq = packet->body.p[at + SSRC_SIZE] };
    return 0;
}

static void write_header(uint8_t *out, enum rtcp_type type, unsigned count, size_t size)
{
    out[0] = (uint8_t)(RTCP_VERSION << 6 | count);
    out[1] = (uint8_t)type;
    write_be16(out + 2, (uint16_t)(size / 4 - 1));
}

void rtcp_write_sr(const struct rtcp_sender_info *info, uint8_t out[RTCP_SR_SIZE])
{
    write_header(out, RTCP_SR, 0, RTCP_SR_SIZE);
    write_be32(out + 4, info->ssrc);
    write_be64(out + 8, info->ntp);
    write_be32(out + 16, info->ticks);
    write_be32(out + 20, info->packets);
    write_be32(out + 24, info->bytes);
}

void rtcp_write_rr(uint32_t ssrc, const struct rtcp_report_block *block, uint8_t out[RTCP_RR_SIZE])
{
    int32_t lost = MAX(MIN(block->lost, MAX_LOST), -MAX_LOST - 1);
    write_header(out, RTCP_RR, 1, RTCP_RR_SIZE);
    write_be32(out + 4, ssrc);
    write_be32(out + 8, block->ssrc);
    write_be32(out + 12, (uint32_t)block->fraction_lost << 24 | ((uint32_t)lost & 0xffffff));
    write_be32(out + 16, block->highest_seq);
    write_be32(out + 20, block->jitter);
    write_be32(out + 24, block->last_sr);
    write_be32(out + 28, block->delay_since_sr);
}

void rtcp_write_empty_rr(uint32_t ssrc, uint8_t out[RTCP_EMPTY_RR_SIZE])
{
    write_header(out, RTCP_RR, 0, RTCP_EMPTY_RR_SIZE);
    write_be32(out + 4, ssrc);
}

size_t rtcp_write_sdes(uint32_t ssrc, struct span cname, uint8_t *out)
{
    size_t size = RTCP_SDES_SIZE(cname.len);
    size_t text_at = HEADER + SSRC_SIZE + 2;
    ASSERT(cname.len > 0 && cname.len <= RTCP_MAX_CNAME);
    write_header(out, RTCP_SDES, 1, size);
    write_be32(out + 4, ssrc);
    out[8] = SDES_CNAME;
    out[9] = (uint8_t)cname.len;
    memcpy(out + text_at, cname.p, cname.len);
    memset(out + text_at + cname.len, 0, size - text_at - cname.len);
    return size;
}

static void write_feedback_ssrcs(uint32_t ssrc, uint32_t media_ssrc, uint8_t *out)
{
    write_be32(out + HEADER, ssrc);
    write_be32(out + HEADER + SSRC_SIZE, media_ssrc);
}

void rtcp_write_pli(uint32_t ssrc, uint32_t media_ssrc, uint8_t out[RTCP_PLI_SIZE])
{
    write_header(out, RTCP_PSFB, RTCP_PSFB_PLI, RTCP_PLI_SIZE);
    write_feedback_ssrcs(ssrc, media_ssrc, out);
}

void rtcp_write_fir(uint32_t ssrc, const struct rtcp_fir *fir, uint8_t out[RTCP_FIR_SIZE])
{
    write_header(out, RTCP_PSFB, RTCP_PSFB_FIR, RTCP_FIR_SIZE);
    write_feedback_ssrcs(ssrc, 0, out);
    write_be32(out + 12, fir->ssrc);
    write_be32(out + 16, (uint32_t)fir->seq << 24);
}

size_t rtcp_write_nack(uint32_t ssrc, uint32_t media_ssrc, const uint16_t *seqs, unsigned count,
                       uint8_t out[RTCP_MAX_NACK_SIZE])
{
    ASSERT(count > 0 && count <= RTCP_MAX_NACKS);
    size_t size = HEADER + FEEDBACK_SIZE;
    for (unsigned i = 0; i < count; size += NACK_SIZE) {
        uint16_t first = seqs[i++], mask = 0;
        for (; i < count; i++) {
            unsigned ahead = (uint16_t)(seqs[i] - first - 1);
            if (ahead >= 16 || 1u << ahead <= mask)
                break;
            mask |= (uint16_t)(1u << ahead);
        }
        write_be16(out + size, first);
        write_be16(out + size + 2, mask);
    }
    write_header(out, RTCP_RTPFB, RTCP_RTPFB_NACK, size);
    write_feedback_ssrcs(ssrc, media_ssrc, out);
    return size;
}

void rtcp_write_bye(uint32_t ssrc, uint8_t out[RTCP_BYE_SIZE])
{
    write_header(out, RTCP_BYE, 1, RTCP_BYE_SIZE);
    write_be32(out + 4, ssrc);
}

uint64_t rtcp_ntp_from_ns(int64_t wall_ns)
{
    uint64_t since_1900_ns = (uint64_t)wall_ns + (uint64_t)(SECONDS_1900_TO_1970 * NS_PER_S);
    uint64_t fraction_ns = since_1900_ns % NS_PER_S;
    return since_1900_ns / NS_PER_S << 32 | (fraction_ns << 32) / NS_PER_S;
}

/* The seconds wrap in 2036: without their highest bit they are of the next era (RFC 4330). */
int64_t rtcp_ntp_to_ns(uint64_t ntp)
{
    int64_t  era_s = ntp >> 63 ? 0 : INT64_C(1) << 32;
    int64_t  since_1900_s = (int64_t)(ntp >> 32) + era_s;
    uint64_t fraction_ns = ((ntp & UINT32_MAX) * NS_PER_S + (UINT64_C(1) << 31)) >> 32;
    return (since_1900_s - SECONDS_1900_TO_1970) * NS_PER_S + (int64_t)fraction_ns;
}
