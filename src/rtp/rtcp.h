/**
 * rtcp: sender reports, receiver reports, BYE (RFC 3550, section 6), read and written.
 *
 * Units:   NTP time is 32.32 fixed point since 1900; delays are in 1/65536 s, as on the wire.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/span.h"

enum rtcp_type {
    RTCP_SR = 200,
    RTCP_RR = 201,
    RTCP_SDES = 202,
    RTCP_BYE = 203,
    RTCP_APP = 204,
    RTCP_RTPFB = 205,
    RTCP_PSFB = 206,
};

enum { RTCP_SR_SIZE = 28, RTCP_RR_SIZE = 32, RTCP_BYE_SIZE = 8 };

struct rtcp_packet {
    uint8_t     type;
    uint8_t     count; /* report blocks, sources or feedback format */
    struct span body;  /* behind the 4-byte header, without padding */
};

struct rtcp_sender_info {
    uint32_t ssrc;
    uint64_t ntp;
    uint32_t ticks;
    uint32_t packets;
    uint32_t bytes; /* of payload */
};

struct rtcp_report_block {
    uint32_t ssrc; /* the source this is about */
    uint8_t  fraction_lost;
    int32_t  lost; /* 24 bits on the wire, signed */
    uint32_t highest_seq;
    uint32_t jitter; /* in ticks */
    uint32_t last_sr;
    uint32_t delay_since_sr;
};

/** The next packet of a compound; returns bytes used, -EBADMSG when the rest is rubbish. */
ssize_t rtcp_next(struct span compound, struct rtcp_packet *out);

/** Of a packet of type RTCP_SR. -EBADMSG. */
int rtcp_parse_sender_info(const struct rtcp_packet *packet, struct rtcp_sender_info *out);

/** Block `index` < packet->count of an SR or RR. -EBADMSG. */
int rtcp_parse_report_block(const struct rtcp_packet *packet, unsigned index,
                            struct rtcp_report_block *out);

/** A sender report without blocks. */
void rtcp_write_sr(const struct rtcp_sender_info *info, uint8_t out[RTCP_SR_SIZE]);

/** A receiver report with one block, from `ssrc`. */
void rtcp_write_rr(uint32_t ssrc, const struct rtcp_report_block *block, uint8_t out[RTCP_RR_SIZE]);

/** A BYE for one source. */
void rtcp_write_bye(uint32_t ssrc, uint8_t out[RTCP_BYE_SIZE]);

/** Wall-clock ns since 1970 to NTP's 32.32 format, and back. */
uint64_t rtcp_ntp_from_ns(int64_t wall_ns);
int64_t  rtcp_ntp_to_ns(uint64_t ntp);
