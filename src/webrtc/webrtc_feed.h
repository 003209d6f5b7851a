/**
 * webrtc_feed: a stream in the form in which WebRTC viewers get it, made once for all viewers of
 * a worker.
 *
 * Shape:   parts (RTP payloads that fit a datagram), numbered by serials in the order of their
 *          arrival, and by indexes within their track. The last ones are kept for retransmission
 *          and for viewers that start: from the newest keyframe on as `gopCache` allows, and for a
 *          second at least.
 * Owner:   its viewers, counted; the last one that leaves takes it along.
 * Thread:  the worker's.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "rtp/refit.h"
#include "stream/stream.h"

struct webrtc_worker;
struct webrtc_viewer;

enum {
    FEED_MARKER = 1,
    FEED_STARTS_FRAME = 2,
    FEED_STARTS_KEYFRAME = 4,
    FEED_AFTER_GAP = 8, /* in the sequence numbers, which shows that something is missing */
};

struct feed_part {
    const uint8_t *p;
    uint64_t       index; /* of its track's parts */
    uint32_t       ticks;
    uint16_t       len;
    uint8_t        track;
    uint8_t        flags;
};

/** Parts whose bytes one batch or one slab of our own holds. */
struct feed_unit {
    const struct batch *batch; /* may be NULL */
    struct slab        *slab;  /* may be NULL */
    uint64_t            first; /* serial */
    int64_t             arrived_ns;
    uint32_t            bytes; /* of slabs that it holds and the one before it does not */
};

/* Retransmission finds a part by its index: the last ones of each track. Power of two. */
enum { FEED_TRACK_PARTS = 1024 };

struct feed_track {
    const struct codec *codec;
    bool                is_used; /* a viewer may get it */
    bool                is_video;
    bool                in_frame;     /* the last part was not the end of its frame */
    bool                has_b_frames; /* as the stream has seen: browsers can't play them */
    bool                has_report;
    struct refit       *refit;
    uint64_t            next_index;
    uint64_t            keyframe; /* serial of the newest one's first part */
    bool                has_keyframe;
    uint32_t           *serials; /* of the parts by index, low halves */

    /* Which wall-clock time a timestamp is: the stream's newest sender report. */
    uint64_t report_ntp;
    uint32_t report_ticks;
    int64_t  report_ns;
};

struct webrtc_feed {
    struct reader         reader;
    struct webrtc_worker *worker;
    uint64_t              stream;
    bool                  is_attached;
    struct list           viewers;
    struct list_node      in_active; /* worker.active: some viewers have something to get */

    struct feed_part   *parts;
    uint32_t            capacity; /* power of two */
    uint64_t            first, next;
    uint64_t            held;    /* viewers are on their way from here */
    int64_t             held_ns; /* until then; 0: there are none */
    struct feed_unit   *units;
    uint32_t            unit_capacity, unit_head, unit_count;
    size_t              bytes;
    const struct batch *oldest; /* of the units: the next to be let go; only to be prefetched */

    unsigned          track_count;
    struct feed_track tracks[STREAM_MAX_TRACKS];

    /* while a batch is made into parts */
    const struct batch *batch;
    unsigned            track; /* of the packet */
    struct slab        *slab;
    uint32_t            slab_used;
};

/**
 * Adds a viewer to the feed of a stream, which is made when this is the first. The viewer is told
 * by webrtc_viewer_on_stream() or webrtc_viewer_on_end(), at once or later.
 */
void webrtc_feed_join(struct webrtc_worker *worker, struct webrtc_viewer *viewer, uint64_t stream,
                      unsigned owner);
void webrtc_feed_leave(struct webrtc_viewer *viewer);

/** A viewer starts at that serial: what follows it is kept until it can have caught up. */
void webrtc_feed_hold(struct webrtc_feed *feed, uint64_t serial);

/** first <= serial < next. */
static inline const struct feed_part *feed_part(const struct webrtc_feed *feed, uint64_t serial)
{
    return &feed->parts[serial & (feed->capacity - 1)];
}

/** The serial of the part with that index of its track; false when it is not there any more. */
bool webrtc_feed_find(const struct webrtc_feed *feed, unsigned track, uint64_t index,
                      uint64_t *serial);

/** Wall-clock time and timestamp of a track now; false before the stream's first report. */
bool webrtc_feed_clock(const struct webrtc_feed *feed, unsigned track, uint64_t *ntp,
                       uint32_t *ticks);
