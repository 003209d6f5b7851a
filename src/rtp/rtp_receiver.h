/**
 * rtp_receiver: loss and jitter of one incoming source, for receiver reports (RFC 3550,
 * sections 6.4.1, A.3 and A.8).
 *
 * Units:   jitter in ticks of the clock rate, times 16; arrival times in ns.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "rtp/rtcp.h"
#include "rtp/rtp.h"

struct rtp_receiver {
    bool     has_packets;
    uint32_t ssrc;
    uint32_t base_seq; /* extended */
    uint32_t highest;  /* extended: cycles x 65536 + sequence number */
    uint32_t received;
    uint32_t jitter_x16;
    uint32_t last_ticks;
    int64_t  last_ns;
    uint32_t reported_expected; /* at the last report */
    uint32_t reported_received;
    uint32_t last_sr; /* middle 32 bits of its NTP time */
    int64_t  last_sr_ns;
};

/** Another SSRC begins anew. */
void rtp_receiver_packet(struct rtp_receiver *receiver, const struct rtp_header *header,
                         uint32_t clock_rate, int64_t now_ns);

void rtp_receiver_sender_report(struct rtp_receiver *receiver, uint64_t ntp, int64_t now_ns);

/** Packets that never came, so far; 0 when more came than were expected. */
uint32_t rtp_receiver_lost(const struct rtp_receiver *receiver);

/** The block of the next receiver report; begins a new interval for the fraction lost. */
struct rtcp_report_block rtp_receiver_report(struct rtp_receiver *receiver, int64_t now_ns);
