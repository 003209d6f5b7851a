/**
 * What stream.c, mirror.c and report.c share; nobody else includes it.
 */
#pragma once
#include "stream/stream.h"

/* First what every batch needs. */
struct stream {
    struct hub         *hub;
    struct description *description;
    struct counters    *counters; /* of the path; owner only */
    struct list         playing;  /* struct reader */
    struct list         outlets;  /* owner only: one for each hub with a mirror */
    struct ring         ring;
    struct stream_track tracks[STREAM_MAX_TRACKS];

    uint64_t            id;
    unsigned            owner;    /* index of the owner's loop; a mirror's differs from its own */
    bool                is_ready; /* mirrors: false until the owner has answered */
    uint32_t            serial;   /* mirrors: tells the owner's answers to it from others */
    struct list         idle;     /* struct reader */
    const struct batch *report;   /* the newest sender reports, for readers that start */
    struct timer        report_timer;
    struct source      *source;              /* owner only; NULL: can't be asked for anything */
    int64_t             keyframe_request_ns; /* when the next may go out */
    struct timer        keyframe_timer;      /* runs: one waits for that */
    struct dirty        unused; /* mirrors: looks at the end of the turn whether anyone reads */
};

/* stream.c */

struct stream *stream_find(struct hub *hub, uint64_t id);
struct stream *stream_new(struct hub *hub, uint64_t id, unsigned owner);
/** Ends all readers, with `reason`, and frees it. */
void           stream_destroy(struct stream *stream, enum stream_end reason);
/** Queues the batch in all readers here. */
void           stream_deliver(struct stream *stream, const struct batch *batch);
/** Takes over the reference. */
void           stream_change_description(struct stream *stream, struct description *description);
bool           stream_has_readers(const struct stream *stream);

/* mirror.c */

/** For the hub's pool of them. */
size_t mirror_notice_size(void);

/** Asks the owner for what a mirror needs. */
void mirror_request(struct stream *mirror);
/** Tells the owner that nobody reads here any more. */
void mirror_release(struct stream *mirror);
/** Asks the owner for a keyframe. */
void mirror_request_keyframe(struct stream *mirror);
/** To all mirrors of a stream; nothing is taken over. */
void mirror_send_batch(struct stream *stream, const struct batch *batch);
void mirror_send_description(struct stream *stream);
void mirror_send_end(struct stream *stream);

/* report.c */

/** Sender reports for all tracks that have sent packets; NULL when none has. */
const struct batch *report_create(struct stream *stream);
/** Sends them to everyone, if there is anyone. */
void                report_publish(struct stream *stream);
/** Does so once each period, from one period on. */
void                report_start(struct stream *stream);
