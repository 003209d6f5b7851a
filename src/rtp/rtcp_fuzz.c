#include "rtp/rtcp.h"

#include "base/check.h"

static void check_packet(const struct rtcp_packet *packet)
{
    struct rtcp_sender_info  info;
    struct rtcp_report_block block, again;
    if (rtcp_parse_sender_info(packet, &info) == 0)
        ASSERT(rtcp_ntp_from_ns(rtcp_ntp_to_ns(info.ntp)) - info.ntp + 4 <= 8);
    for (unsigned i = 0; rtcp_parse_report_block(packet, i, &block) == 0; i++) {
        ASSERT(i < packet->count);
        uint8_t            bytes[RTCP_RR_SIZE];
        struct rtcp_packet report;
        rtcp_write_rr(1, &block, bytes);
        ASSERT(rtcp_next((struct span){ bytes, sizeof(bytes) }, &report) == RTCP_RR_SIZE);
        ASSERT(rtcp_parse_report_block(&report, 0, &again) == 0);
        ASSERT(again.lost == block.lost && again.fraction_lost == block.fraction_lost);
    }
}

/* What is asked for, asked for again in pieces, is the same. */
static void check_nack(const struct rtcp_packet *packet)
{
    struct rtcp_nack nack, again;
    uint16_t         seqs[RTCP_MAX_NACKS], seq;
    unsigned         count = 0;
    if (rtcp_parse_nack(packet, &nack) < 0)
        return;
    ASSERT(span_contains(packet->body, nack.rest));
    while (count < COUNT(seqs) && rtcp_next_lost(&nack, &seqs[count]))
        count++;
    if (count == 0)
        return;
    uint8_t            bytes[RTCP_MAX_NACK_SIZE];
    size_t             size = rtcp_write_nack(1, nack.ssrc, seqs, count, bytes);
    struct rtcp_packet written;
    ASSERT(rtcp_next((struct span){ bytes, size }, &written) == (ssize_t)size);
    ASSERT(rtcp_parse_nack(&written, &again) == 0 && again.ssrc == nack.ssrc);
    for (unsigned i = 0; i < count; i++)
        ASSERT(rtcp_next_lost(&again, &seq) && seq == seqs[i]);
    ASSERT(!rtcp_next_lost(&again, &seq));
}

static void check_lists(const struct rtcp_packet *packet)
{
    struct rtcp_fir fir;
    uint32_t        ssrc;
    unsigned        firs = 0, byes = 0;
    while (rtcp_parse_fir(packet, firs, &fir) == 0)
        firs++;
    while (rtcp_parse_bye(packet, byes, &ssrc) == 0)
        byes++;
    ASSERT(firs * 8 + byes * 4 <= packet->body.len && byes <= packet->count);
    ASSERT(!firs || !byes);
    ASSERT(rtcp_parse_pli(packet, &ssrc) < 0 || packet->body.len >= 8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span        in = { data, size };
    struct rtcp_packet packet;
    for (ssize_t used; (used = rtcp_next(in, &packet)) >= 0; in = span_skip(in, (size_t)used)) {
        ASSERT(used >= 4 && used % 4 == 0 && (size_t)used <= in.len);
        ASSERT(span_contains(in, packet.body));
        check_packet(&packet);
        check_nack(&packet);
        check_lists(&packet);
    }
    return 0;
}
