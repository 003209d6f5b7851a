/**
 * ingest: how a publisher's bytes become batches: received straight into a slab, cut into views,
 * published at the end of the turn or of the frame.
 *
 *     struct room room = ingest_room(ingest);
 *     ssize_t n = recv(fd, room.p, room.len, 0);
 *     ingest_received(ingest, n);
 *     while (... ingest_unparsed(ingest) holds a whole frame ...)
 *         ingest_take_packet(ingest, track, frame_bytes);
 *     ingest_end_turn(ingest);
 *
 * Hold:    where a camera writes packet by packet, a video frame's packets wait for its last one,
 *          for a receiver can decode nothing before it; at most frameHold, and never audio.
 * Owner:   a publisher's session.
 * Thread:  the worker that owns the stream.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/span.h"
#include "rtp/rtp_receiver.h"
#include "rtp/rtp_timeline.h"
#include "stream/stream.h"

struct room {
    uint8_t *p;
    size_t   len;
};

struct ingest_track {
    const struct codec *codec;
    uint32_t            clock_rate;
    uint32_t            out_ssrc; /* readers see this one, whatever the publisher's is */
    uint32_t            ticks;
    bool                in_frame; /* a frame began and its last packet has not come */
    bool                has_ticks;
    bool                is_key;          /* the frame has been marked as a keyframe */
    uint8_t             unmarked_frames; /* in a row: at 3 its frames are not held any more */
    struct rtp_timeline timeline;
    struct rtp_receiver receiver;
};

struct ingest {
    struct hub         *hub;
    struct stream      *stream;
    struct counters    *counters; /* of the session */
    struct slab        *slab;     /* NULL: it holds none between turns */
    struct dirty        idle;     /* at the end of a turn: is the slab still needed? */
    uint32_t            size;     /* of the slab */
    uint32_t            begin;    /* first byte that was not parsed */
    uint32_t            end;      /* behind the last received byte */
    uint32_t            wanted;   /* what the last turn brought: room that the next one may need */
    uint32_t            got;      /* in this turn */
    struct batch       *open;     /* being filled; may be NULL */
    bool                holds_video; /* the last packet of `open` is a video packet amid a frame */
    struct list_node    held;        /* hub.held */
    int64_t             held_until_ns;
    bool                is_absolute; /* readers get the publisher's wall clock, not ours */
    unsigned            track_count;
    struct ingest_track tracks[STREAM_MAX_TRACKS];
};

/** Jumps of the publisher's numbers that readers did not see, so far. */
uint64_t ingest_repairs(const struct ingest *ingest);

/** `ssrcs` has one for each track. The stream and the counters must outlive it. */
void ingest_init(struct ingest *ingest, struct hub *hub, struct stream *stream,
                 struct counters *counters, const uint32_t *ssrcs);

/** What is open is published first; the stream must still be there. */
void ingest_fini(struct ingest *ingest);

/** Where to receive; never empty. */
struct room ingest_room(struct ingest *ingest);
void        ingest_received(struct ingest *ingest, size_t len);

/** Bytes that are not parsed yet. They stay where they are until the next ingest_room(). */
struct span ingest_unparsed(const struct ingest *ingest);

/**
 * A frame that can't be parsed yet needs so many bytes: makes the next room large enough.
 * -EMSGSIZE over what a large slab holds.
 */
int ingest_expect(struct ingest *ingest, size_t len);

/** Something that was received made no sense. */
void ingest_count_error(struct ingest *ingest);

/** Passes over `len` bytes: a request, RTCP, rubbish. */
void ingest_skip(struct ingest *ingest, size_t len);

/**
 * The next `len` bytes are an interleaved header and an RTP packet of this track. A packet that
 * makes no sense is counted and dropped: -EBADMSG.
 */
int ingest_take_packet(struct ingest *ingest, unsigned track, size_t len);

/**
 * A sender report of the publisher's for this track: wall-clock time and timestamp. One that can't
 * be meant is counted and forgotten.
 */
void ingest_take_report(struct ingest *ingest, unsigned track, uint64_t ntp, uint32_t ticks);

/**
 * An RTP packet that came as a datagram: copied to where the next bytes would be received, behind
 * a header of its own. For a publisher who sends no bytes otherwise. Returns the same.
 */
int ingest_copy_packet(struct ingest *ingest, unsigned track, struct span packet);

/** After the last packet of a turn: publishes, or holds until the frame is whole. */
void ingest_end_turn(struct ingest *ingest);
