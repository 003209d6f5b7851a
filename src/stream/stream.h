/**
 * stream: one live source on its owner's worker, and mirrors of it on other workers that have
 * readers for it. A reader does not see the difference.
 *
 * A stream is known by a number that main gave out. The owner sends everything that a mirror
 * learns (start, batches, changes, end) in one FIFO; a mirror that asks for a stream that has
 * gone is told so, and its readers with it.
 *
 * Thread:  everything on the worker of the hub in question.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "stream/batch.h"
#include "stream/counters.h"
#include "stream/description.h"
#include "stream/hub.h"
#include "stream/ring.h"

struct reader;
struct source;
struct stream;

enum stream_end {
    STREAM_ENDED, /* the source went away */
    STREAM_GONE,  /* it was no longer there when the reader came */
};

/** For maps by a stream's number; borrows it. */
static inline struct span stream_key(const uint64_t *id)
{
    return (struct span){ (const uint8_t *)id, sizeof(*id) };
}

/** A protocol's answers. None of them may destroy another reader. */
struct reader_ops {
    /** The stream is there: reader->stream is set. Called once, maybe inside stream_attach(). */
    void (*on_attached)(struct reader *reader);
    /** Only while playing; queue it and mark yourself dirty. `mask`: which packets are meant. */
    void (*on_batch)(struct reader *reader, const struct batch *batch, uint32_t mask);
    /** The last call; reader->stream is NULL again. */
    void (*on_end)(struct reader *reader, enum stream_end reason);
};

/** Embedded in a protocol's session. */
struct reader {
    const struct reader_ops *ops;
    struct stream           *stream;
    struct list_node         in_stream;
    bool                     is_playing;
    bool                     wants_past; /* starts with the ring, whatever players get */
};

/** A source's answers; it ends its stream before it goes. */
struct source_ops {
    /** A decoder needs a keyframe. At most twice a second. */
    void (*on_keyframe_request)(struct source *source);
};

/** Embedded in a protocol's session. */
struct source {
    const struct source_ops *ops;
};

/** What is known of a track's packets, for sender reports and RTP-Info. */
struct stream_track {
    uint32_t ssrc;
    bool     has_packets;
    bool     wants_report; /* its first packet has just come */
    uint32_t packets;      /* since the stream began; wraps, as in a sender report */
    uint32_t bytes;
    uint16_t last_seq;
    uint32_t last_ticks;
    int64_t  last_ns;        /* arrival */
    bool     has_ntp;        /* which wall-clock time a timestamp is, ... */
    bool     is_told;        /* as the publisher said; else as packets have arrived */
    uint64_t ntp;            /* RFC 3550 format */
    uint32_t ntp_ticks;      /* the timestamp at `ntp` */
    uint64_t params_seen[3]; /* hashes of the parameter sets that came last (params.c) */
    uint64_t steps_back;     /* of the last 64 frames of video, the newest lowest: those that are
                                shown before the one that came before them */
    bool     has_b_frames;   /* such come again and again */
};

/** Makes the stream `id` (not 0), owned by this hub. Takes over the reference of `description`. */
struct stream *stream_create(struct hub *hub, uint64_t id, struct description *description,
                             struct counters *counters);

/** The publisher can be asked for something; without this nobody is. Only on the owner's hub. */
void stream_set_source(struct stream *stream, struct source *source);

/** Tells all readers and mirrors, and frees it. Accepts NULL. Returns NULL. */
struct stream *stream_end(struct stream *stream);

/**
 * A batch will come soon: first call stream_prefetch(), and when something else has been done,
 * stream_prefetch_readers().
 */
void stream_prefetch(const struct stream *stream);
void stream_prefetch_readers(const struct stream *stream);

/** Gives a frozen batch to everyone. Takes over the caller's reference. */
void stream_publish(struct stream *stream, const struct batch *batch);

/** Something that came from its publisher made no sense. */
void stream_count_error(struct stream *stream);

/** From now on readers' reports follow the publisher's clock (`useAbsoluteTimestamp`). */
void stream_set_ntp(struct stream *stream, unsigned track, uint64_t ntp, uint32_t ticks);

/** Parameter sets changed: later readers get another description. Takes over the reference. */
void stream_set_description(struct stream *stream, struct description *description);

/**
 * Attaches a reader to the stream `id`, which lives on the loop `owner`. It is told by
 * on_attached() or by on_end(STREAM_GONE), at once or later; until then it may be detached.
 */
void stream_attach(struct hub *hub, uint64_t id, unsigned owner, struct reader *reader);

/** A reader that is not attached is left alone. on_end() is not called. */
void stream_detach(struct reader *reader);

/**
 * From the next batch on, on_batch() is called; before it, with a sender report and, when the
 * settings say so or the reader wants it, with the ring from the last keyframe.
 */
void stream_play(struct reader *reader);
void stream_pause(struct reader *reader);

/**
 * A reader's decoder can't go on without a keyframe: its source is asked for one, if it can be. The
 * first request goes out at once, others after half a second, unless the keyframe has come.
 */
void stream_request_keyframe(struct stream *stream);

/**
 * Sequence number and timestamp with which a reader that starts now begins. False when the track
 * has not sent anything.
 */
bool stream_next_packet(struct stream *stream, unsigned track, uint16_t *seq, uint32_t *ticks);

uint64_t             stream_id(const struct stream *stream);
/** Index of the loop where it lives; a mirror's differs from its own. */
unsigned             stream_owner(const struct stream *stream);
struct description  *stream_description(const struct stream *stream);
struct stream_track *stream_track(struct stream *stream, unsigned track);
