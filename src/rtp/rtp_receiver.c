#include "rtp/rtp_receiver.h"

#include "base/check.h"
#include "base/clock.h"

/* A sender report may come before the first packet; that of an earlier source does not count. */
static void begin(struct rtp_receiver *receiver, const struct rtp_header *header)
{
    bool is_first = !receiver->has_packets;
    *receiver = (struct rtp_receiver){ .has_packets = true,
                                       .ssrc = header->ssrc,
                                       .base_seq = header->seq,
                                       .highest = header->seq,
                                       .last_ticks = header->ticks,
                                       .last_sr = is_first ? receiver->last_sr : 0,
                                       .last_sr_ns = is_first ? receiver->last_sr_ns : 0 };
}

/* RFC 3550, A.8, with packets of one timestamp counted once: a frame's packets leave together. */
static void update_jitter(struct rtp_receiver *receiver, const struct rtp_header *header,
                          uint32_t clock_rate, int64_t now_ns)
{
    if (receiver->last_ns && header->ticks != receiver->last_ticks) {
        int64_t arrived = muldiv(now_ns - receiver->last_ns, clock_rate, NS_PER_S);
        int64_t sent = (int32_t)(header->ticks - receiver->last_ticks);
        int64_t difference = arrived > sent ? arrived - sent : sent - arrived;
        int64_t jitter = receiver->jitter_x16;
        jitter += difference - ((jitter + 8) >> 4);
        receiver->jitter_x16 = jitter > UINT32_MAX ? UINT32_MAX : (uint32_t)jitter;
    } else if (receiver->last_ns) {
        return;
    }
    receiver->last_ticks = header->ticks;
    receiver->last_ns = now_ns;
}

void rtp_receiver_packet(struct rtp_receiver *receiver, const struct rtp_header *header,
                         uint32_t clock_rate, int64_t now_ns)
{
    if (!receiver->has_packets || receiver->ssrc != header->ssrc)
        begin(receiver, header);
    int16_t ahead = (int16_t)(header->seq - (uint16_t)receiver->highest);
    if (ahead > 0)
        receiver->highest += (uint16_t)ahead;
    receiver->received++;
    update_jitter(receiver, header, clock_rate, now_ns);
}

void rtp_receiver_sender_report(struct rtp_receiver *receiver, uint64_t ntp, int64_t now_ns)
{
    receiver->last_sr = (uint32_t)(ntp >> 16);
    receiver->last_sr_ns = now_ns;
}

static uint32_t expected(const struct rtp_receiver *receiver)
{
    return receiver->has_packets ? receiver->highest - receiver->base_seq + 1 : 0;
}

uint32_t rtp_receiver_lost(const struct rtp_receiver *receiver)
{
    uint32_t due = expected(receiver);
    return due > receiver->received ? due - receiver->received : 0;
}

static uint8_t fraction_lost(struct rtp_receiver *receiver)
{
    uint32_t due = expected(receiver) - receiver->reported_expected;
    uint32_t came = receiver->received - receiver->reported_received;
    receiver->reported_expected = expected(receiver);
    receiver->reported_received = receiver->received;
    if (due == 0 || came >= due)
        return 0;
    /* Below 256: the packet that made some due has come. */
    return (uint8_t)(((uint64_t)(due - came) << 8) / due);
}

struct rtcp_report_block rtp_receiver_report(struct rtp_receiver *receiver, int64_t now_ns)
{
    struct rtcp_report_block block = {
        .ssrc = receiver->ssrc,
        .fraction_lost = fraction_lost(receiver),
        .lost = (int32_t)MIN(rtp_receiver_lost(receiver), UINT32_C(0x7fffff)),
        .highest_seq = receiver->highest,
        .jitter = receiver->jitter_x16 >> 4,
        .last_sr = receiver->last_sr,
    };
    if (receiver->last_sr_ns)
        block.delay_since_sr = (uint32_t)muldiv(now_ns - receiver->last_sr_ns, 65536, NS_PER_S);
    return block;
}
