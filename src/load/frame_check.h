/**
 * frame_check: what a viewer of one stamped video track lives through: packets and frames that
 * are missing, frames that stand still, and the delay of each frame.
 *
 * Shape:   RTP headers in, counters out; frames are told apart by their timestamp and are whole
 *          when as many packets came as their stamp says. Of a server that makes packets of its
 *          own, `ends_by_marker`, they are whole when nothing is missing up to their marker.
 * Unread:  packets without payload (which nobody has decrypted) are those of the frame that
 *          follows the last one; the next stamp tells whether that was so.
 * Zero:    valid after `stream` and `freeze_ns` have been set. What comes before the first
 *          stamped frame is the rest of one that began before we listened.
 */
#pragma once
#include "load/load_stamp.h"
#include "load/seq_check.h"
#include "rtp/rtp.h"

struct frame_check {
    uint32_t stream;    /* the one that is expected */
    int64_t  freeze_ns; /* a longer wait between two whole frames is a freeze */
    bool     ends_by_marker;

    struct seq_check seq;
    uint64_t         frames;       /* whole */
    uint64_t         keyframes;    /* of these */
    uint64_t         frames_lost;  /* passed over, never whole */
    uint64_t         frames_cut;   /* some of their packets came, not all */
    uint64_t         frames_again; /* older than one that was whole already */
    uint64_t         foreign;      /* stamped by another stream */
    uint64_t         freezes;
    int64_t          frozen_ns; /* sum of the waits that were freezes */

    bool              has_frame; /* `last_frame` and `last_ns` are set */
    uint64_t          last_frame;
    int64_t           last_ns;
    bool              is_open; /* a frame has begun and is not whole */
    bool              is_stamped, is_keyframe;
    bool              is_read;      /* some of its packets had a payload */
    bool              has_end;      /* its marker has come, as `end_seq` */
    uint16_t          previous_seq; /* the highest number before it */
    uint16_t          first_seq, end_seq;
    uint32_t          ticks;
    uint32_t          packets;
    struct load_stamp stamp;
};

/** A frame that has become whole. */
struct frame_seen {
    uint64_t frame;
    int64_t  sent_ns;
    bool     is_keyframe;
};

/** Takes a packet that was read at `now_ns`. True when it made a stamped frame whole. */
bool frame_check_add(struct frame_check *check, const struct rtp_header *packet, int64_t now_ns,
                     struct frame_seen *out);

/**
 * The end: `sent` frames were sent in all, the last at `last_sent_ns`; what is missing at the
 * end is lost, too, and a picture that stood still until then was frozen.
 */
void frame_check_finish(struct frame_check *check, uint64_t sent, int64_t last_sent_ns);
