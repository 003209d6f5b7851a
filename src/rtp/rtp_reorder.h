/**
 * rtp_reorder: puts what datagrams bring back into the order of its sequence numbers.
 *
 * A packet that is due costs a comparison; behind a gap, up to RTP_REORDER_WINDOW packets wait for
 * what is missing. Twice or too late: refused. A sender that begins anew far behind is believed
 * once as many packets in a row say so.
 *
 * Shape:   holds pointers to what waits, and never looks at it; plain, of fixed size.
 * Owner:   what is held is the caller's to take out again before the struct goes.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { RTP_REORDER_WINDOW = 64 }; /* MediaMTX's; a power of two */

struct rtp_reorder {
    bool     has_packets;
    uint8_t  held;  /* packets that wait */
    uint8_t  stale; /* packets from behind, in a row */
    uint16_t next;  /* the number that is due */
    void    *waiting[RTP_REORDER_WINDOW];
};

enum rtp_reorder_verdict {
    RTP_REORDER_DUE,   /* may go on now: rtp_reorder_pass() */
    RTP_REORDER_EARLY, /* may wait: rtp_reorder_hold() */
    RTP_REORDER_FAR,   /* beyond the window: what waits has to go on first */
    RTP_REORDER_LATE,  /* came before, or too late */
};

/** What to do with packet `seq`. Changes nothing but the count of late ones. */
enum rtp_reorder_verdict rtp_reorder_judge(struct rtp_reorder *reorder, uint16_t seq);

/** The packet `seq` has gone on; the next one is due. */
void rtp_reorder_pass(struct rtp_reorder *reorder, uint16_t seq);

/** Keeps what was judged to be early; `packet` is not NULL. */
void rtp_reorder_hold(struct rtp_reorder *reorder, uint16_t seq, void *packet);

/** The next that is due, taken out and passed; NULL: none waits, or something is missing. */
void *rtp_reorder_take(struct rtp_reorder *reorder);

/** The next that waits, whatever is missing in front of it; NULL: none does. Stays there. */
void *rtp_reorder_peek(const struct rtp_reorder *reorder);

/** The same, taken out and passed: what is missing in front of it is given up. */
void *rtp_reorder_skip(struct rtp_reorder *reorder);

/** Is packet `seq` the one that is due, or within the window behind it? */
static inline bool rtp_reorder_fits(const struct rtp_reorder *reorder, uint16_t seq)
{
    return (uint16_t)(seq - reorder->next) < RTP_REORDER_WINDOW;
}
