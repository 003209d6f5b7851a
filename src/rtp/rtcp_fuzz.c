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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span        in = { data, size };
    struct rtcp_packet packet;
    for (ssize_t used; (used = rtcp_next(in, &packet)) >= 0; in = span_skip(in, (size_t)used)) {
        ASSERT(used >= 4 && used % 4 == 0 && (size_t)used <= in.len);
        ASSERT(span_contains(in, packet.body));
        check_packet(&packet);
    }
    return 0;
}
