/**
 * rtcp: sender reports, receiver reports, SDES, BYE (RFC 3550, section 6) and feedback: NACK, PLI
 * (RFC 4585), FIR (RFC 5104). What nobody asks for (REMB, XR, APP) is passed over by rtcp_next().
 *
 * Units:   NTP time is 32.32 fixed point since 1900; delays are in 1/65536 s, as on the wire.
 */
#pragma once
#include <stdbool.h>
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
    RTCP_XR = 207,
};

/** `count` of feedback packets. */
enum rtcp_feedback_format {
    RTCP_RTPFB_NACK = 1,
    RTCP_PSFB_PLI = 1,
    RTCP_PSFB_FIR = 4,
    RTCP_PSFB_APPLICATION = 15, /* REMB */
};

/** What rtcp_write_sdes() writes: at least one zero behind the CNAME, then a whole word. */
#define RTCP_SDES_SIZE(cname_len) ((4 + 4 + 2 + (cname_len) + 4) / 4 * 4)

enum {
    RTCP_SR_SIZE = 28,
    RTCP_RR_SIZE = 32,
    RTCP_EMPTY_RR_SIZE = 8,
    RTCP_BYE_SIZE = 8,
    RTCP_PLI_SIZE = 12,
    RTCP_FIR_SIZE = 20,
    RTCP_MAX_CNAME = 255,
    RTCP_MAX_SDES_SIZE = RTCP_SDES_SIZE(RTCP_MAX_CNAME),
    RTCP_MAX_NACKS = 64,
    RTCP_MAX_NACK_SIZE = 12 + 4 * RTCP_MAX_NACKS,
};

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

/** Source `index` < packet->count that a BYE ends. -EBADMSG. */
int rtcp_parse_bye(const struct rtcp_packet *packet, unsigned index, uint32_t *ssrc);

/** What a generic NACK asks for, taken one by one with rtcp_next_lost(). */
struct rtcp_nack {
    uint32_t    ssrc; /* the source whose packets are missing */
    uint16_t    seq;
    uint16_t    mask; /* bit i: seq + 1 + i is missing too */
    struct span rest; /* views into the packet: pairs of the two above */
};

/** -EBADMSG: not a generic NACK, or cut short. */
int rtcp_parse_nack(const struct rtcp_packet *packet, struct rtcp_nack *out);

/** The next sequence number that is missing; false at the end. At most 17 for each 4 bytes. */
bool rtcp_next_lost(struct rtcp_nack *nack, uint16_t *seq);

/** The source of which a keyframe is wanted. -EBADMSG: not a PLI. */
int rtcp_parse_pli(const struct rtcp_packet *packet, uint32_t *ssrc);

struct rtcp_fir {
    uint32_t ssrc; /* of which a keyframe is wanted */
    uint8_t  seq;  /* of this request: a repetition has the same */
};

/** Entry `index`, from 0, of a FIR. -EBADMSG: not one, or it has no more. */
int rtcp_parse_fir(const struct rtcp_packet *packet, unsigned index, struct rtcp_fir *out);

/** A sender report without blocks. */
void rtcp_write_sr(const struct rtcp_sender_info *info, uint8_t out[RTCP_SR_SIZE]);

/** A receiver report with one block, from `ssrc`. */
void rtcp_write_rr(uint32_t ssrc, const struct rtcp_report_block *block, uint8_t out[RTCP_RR_SIZE]);

/** A receiver report of one that has nothing to report. */
void rtcp_write_empty_rr(uint32_t ssrc, uint8_t out[RTCP_EMPTY_RR_SIZE]);

/**
 * SDES with a CNAME of 1..RTCP_MAX_CNAME bytes, for behind a report: every compound has one.
 * Returns its size.
 */
size_t rtcp_write_sdes(uint32_t ssrc, struct span cname, uint8_t *out);

/** Asks the sender of `media_ssrc` for a keyframe. */
void rtcp_write_pli(uint32_t ssrc, uint32_t media_ssrc, uint8_t out[RTCP_PLI_SIZE]);

/** The same (RFC 5104); fir->seq is to be another one in each request. */
void rtcp_write_fir(uint32_t ssrc, const struct rtcp_fir *fir, uint8_t out[RTCP_FIR_SIZE]);

/**
 * Asks for 1..RTCP_MAX_NACKS packets, in the order of their sequence numbers (wrapping). Returns
 * its size.
 */
size_t rtcp_write_nack(uint32_t ssrc, uint32_t media_ssrc, const uint16_t *seqs, unsigned count,
                       uint8_t out[RTCP_MAX_NACK_SIZE]);

/** A BYE for one source. */
void rtcp_write_bye(uint32_t ssrc, uint8_t out[RTCP_BYE_SIZE]);

/** Wall-clock ns since 1970 to NTP's 32.32 format, and back. */
uint64_t rtcp_ntp_from_ns(int64_t wall_ns);
int64_t  rtcp_ntp_to_ns(uint64_t ntp);
