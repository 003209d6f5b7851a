/**
 * rtp_timeline: sequence numbers and timestamps of a track as its readers see them. They go on,
 * whatever the publisher's do: clocks are set, encoders start again, single frames are stamped
 * hours off. What is in order passes as it is.
 *
 * Shape:   numbers of the publisher's in, a reader's out: the same plus an offset, which changes
 *          where they jump. Losses still show, and a jump shows as one packet lost, for what the
 *          decoder needs may be missing.
 * Thread:  the owner's.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "rtp/rtp.h"

/** A timestamp leads to no more than this much beyond the time that has passed. */
#define RTP_TIMELINE_MAX_STEP_NS (INT64_C(2) * 1000000000)

/** Zeros but for the clock rate are a valid start. */
struct rtp_timeline {
    uint32_t clock_rate;   /* 0: timestamps pass as they are */
    bool     is_reordered; /* pictures may be stamped before those that came before them */

    bool     has_packets;
    bool     has_doubt; /* the newest timestamp fits nothing: the next one tells */
    uint32_t ssrc;
    uint16_t seq, seq_offset;
    uint32_t ticks, offset; /* of the newest timestamp that was believed, */
    int64_t  ns;            /* and its arrival */
    uint32_t in, out;       /* the newest timestamp, believed or not, and what readers see, */
    int64_t  in_ns;         /* and its arrival */
    uint64_t repairs;       /* jumps that readers did not see */
};

/** Makes the header's sequence number and timestamp a reader's. */
void rtp_timeline_packet(struct rtp_timeline *timeline, struct rtp_header *header, int64_t now_ns);

/**
 * The reader's timestamp for one in a sender report of the publisher's. False: it is nowhere near
 * that of the packets, and the report can't be believed.
 */
bool rtp_timeline_map(const struct rtp_timeline *timeline, uint32_t ticks, int64_t now_ns,
                      uint32_t *out);
