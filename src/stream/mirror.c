/* Streams across workers: one reference a batch for all the readers of another worker. */
#include "base/check.h"
#include "base/mem.h"
#include "stream/stream_internal.h"

/* Owner's side: a hub with readers for this stream. */
struct outlet {
    struct list_node in_stream;
    unsigned         hub;
    uint32_t         serial;    /* of the mirror there: an earlier one may have asked too */
    bool             is_behind; /* it gets nothing before the next keyframe */
};

/* Batches that wait for one worker; it is stuck, or far too busy, and they pin their slabs. */
enum { MIRROR_MAX_BACKLOG = 4096 };

/* What a mirror starts with. */
struct start {
    struct description *description;
    struct stream_track tracks[STREAM_MAX_TRACKS];
    const struct batch *report;
    size_t              count;
    const struct batch *ring[];
};

enum notice_kind {
    NOTICE_ATTACH, /* to the owner */
    NOTICE_DETACH,
    NOTICE_KEYFRAME, /* is asked for */
    NOTICE_ATTACHED, /* from the owner, and all that follow */
    NOTICE_GONE,
    NOTICE_BATCH,
    NOTICE_DESCRIPTION,
    NOTICE_END,
};

struct notice {
    struct pool_item item;
    struct mail      mail;
    enum notice_kind kind;
    unsigned         from; /* index of the sender's hub */
    uint32_t         serial;
    uint64_t         stream;
    union {
        struct start       *start;
        const struct batch *batch;
        struct description *description;
    };
};

static void handle_notice(struct loop *loop, struct mail *mail);

static struct notice *notice_new(struct hub *hub, enum notice_kind kind, uint64_t stream,
                                 uint32_t serial)
{
    struct notice *notice = pool_take(&hub->notices);
    notice->mail = (struct mail){ NULL, handle_notice };
    notice->kind = kind;
    notice->from = hub->loop->index;
    notice->stream = stream;
    notice->serial = serial;
    notice->start = NULL;
    return notice;
}

static void post(struct hub *hub, unsigned to, struct notice *notice)
{
    loop_post(hub->others[to]->loop, &notice->mail);
}

static struct notice *notice_to(struct stream *stream, const struct outlet *outlet,
                                enum notice_kind kind)
{
    return notice_new(stream->hub, kind, stream->id, outlet->serial);
}

size_t mirror_notice_size(void)
{
    return sizeof(struct notice);
}

void mirror_request(struct stream *mirror)
{
    mirror->serial = ++mirror->hub->mirror_serial;
    post(mirror->hub, mirror->owner,
         notice_new(mirror->hub, NOTICE_ATTACH, mirror->id, mirror->serial));
}

void mirror_release(struct stream *mirror)
{
    post(mirror->hub, mirror->owner,
         notice_new(mirror->hub, NOTICE_DETACH, mirror->id, mirror->serial));
}

void mirror_request_keyframe(struct stream *mirror)
{
    post(mirror->hub, mirror->owner,
         notice_new(mirror->hub, NOTICE_KEYFRAME, mirror->id, mirror->serial));
}

static bool has_video(const struct stream *stream)
{
    for (unsigned i = 0; i < stream->description->sdp.media_count; i++)
        if (stream->description->sdp.media[i].codec->kind == CODEC_VIDEO)
            return true;
    return false;
}

/* A worker that does not keep up loses frames up to a keyframe, as a reader does. */
static bool keeps_up(const struct stream *stream, struct outlet *outlet, const struct batch *batch)
{
    struct hub *hub = stream->hub->others[outlet->hub];
    unsigned    backlog = atomic_load_explicit(&hub->backlog, memory_order_relaxed);
    if (backlog >= MIRROR_MAX_BACKLOG)
        outlet->is_behind = true;
    else if (backlog < MIRROR_MAX_BACKLOG / 2 && (batch->keyframes || !has_video(stream)))
        outlet->is_behind = false;
    if (outlet->is_behind)
        counters_add_shared(stream->counters, COUNTER_OUTBOUND_DISCARDED,
                            (unsigned)__builtin_popcount(batch->frame_starts));
    return !outlet->is_behind;
}

void mirror_send_batch(struct stream *stream, const struct batch *batch)
{
    LIST_FOREACH (struct outlet, outlet, &stream->outlets, in_stream) {
        if (!keeps_up(stream, outlet, batch))
            continue;
        atomic_fetch_add_explicit(&stream->hub->others[outlet->hub]->backlog, 1,
                                  memory_order_relaxed);
        struct notice *notice = notice_to(stream, outlet, NOTICE_BATCH);
        notice->batch = batch_ref(batch);
        post(stream->hub, outlet->hub, notice);
    }
}

void mirror_send_description(struct stream *stream)
{
    LIST_FOREACH (struct outlet, outlet, &stream->outlets, in_stream) {
        struct notice *notice = notice_to(stream, outlet, NOTICE_DESCRIPTION);
        notice->description = description_ref(stream->description);
        post(stream->hub, outlet->hub, notice);
    }
}

void mirror_send_end(struct stream *stream)
{
    for (struct list_node *node; (node = list_take_first(&stream->outlets));) {
        struct outlet *outlet = LIST_ITEM(node, struct outlet, in_stream);
        post(stream->hub, outlet->hub, notice_to(stream, outlet, NOTICE_END));
        mem_free(outlet);
    }
}

static struct start *start_new(struct stream *stream)
{
    const struct ring *ring = &stream->ring;
    struct start      *start = mem_zero(sizeof(*start) + ring->count * sizeof(start->ring[0]));
    start->description = description_ref(stream->description);
    memcpy(start->tracks, stream->tracks, sizeof(start->tracks));
    start->report = report_create(stream);
    start->count = ring->count;
    for (size_t i = 0; i < ring->count; i++)
        start->ring[i] = batch_ref(ring->batches[i]);
    return start;
}

static void start_free(struct start *start)
{
    description_unref(start->description);
    batch_unref(start->report);
    for (size_t i = 0; i < start->count; i++)
        batch_unref(start->ring[i]);
    mem_free(start);
}

static void on_attach(struct hub *hub, struct notice *notice)
{
    struct stream *stream = stream_find(hub, notice->stream);
    if (!stream || !stream->counters) {
        post(hub, notice->from, notice_new(hub, NOTICE_GONE, notice->stream, notice->serial));
        return;
    }
    struct outlet *outlet = mem_new(struct outlet);
    outlet->hub = notice->from;
    outlet->serial = notice->serial;
    list_append(&stream->outlets, &outlet->in_stream);
    struct notice *answer = notice_to(stream, outlet, NOTICE_ATTACHED);
    answer->start = start_new(stream);
    post(hub, notice->from, answer);
}

static void on_detach(struct hub *hub, struct notice *notice)
{
    struct stream *stream = stream_find(hub, notice->stream);
    if (!stream)
        return;
    LIST_FOREACH_SAFE (struct outlet, outlet, &stream->outlets, in_stream) {
        if (outlet->hub == notice->from && outlet->serial == notice->serial) {
            list_remove(&outlet->in_stream);
            mem_free(outlet);
            return;
        }
    }
}

static void on_keyframe_request(struct hub *hub, struct notice *notice)
{
    struct stream *stream = stream_find(hub, notice->stream);
    if (stream && stream->counters)
        stream_request_keyframe(stream);
}

static void announce(struct stream *mirror)
{
    LIST_FOREACH_SAFE (struct reader, reader, &mirror->idle, in_stream)
        reader->ops->on_attached(reader);
}

static void on_attached(struct stream *mirror, struct notice *notice)
{
    struct start *start = notice->start;
    mirror->description = description_ref(start->description);
    memcpy(mirror->tracks, start->tracks, sizeof(mirror->tracks));
    for (size_t i = 0; i < start->count; i++)
        ring_put(&mirror->ring, start->ring[i]);
    mirror->report = start->report;
    start->report = NULL;
    mirror->is_ready = true;
    announce(mirror);
}

static void on_batch(struct stream *mirror, struct notice *notice)
{
    stream_publish(mirror, notice->batch);
    notice->batch = NULL;
}

static void on_description(struct stream *mirror, struct notice *notice)
{
    stream_change_description(mirror, notice->description);
    notice->description = NULL;
}

static void free_payload(struct notice *notice)
{
    if (notice->kind == NOTICE_ATTACHED)
        start_free(notice->start);
    else if (notice->kind == NOTICE_BATCH)
        batch_unref(notice->batch);
    else if (notice->kind == NOTICE_DESCRIPTION)
        description_unref(notice->description);
}

static void tell_mirror(struct stream *mirror, struct notice *notice)
{
    switch (notice->kind) {
    case NOTICE_ATTACHED:
        on_attached(mirror, notice);
        break;
    case NOTICE_GONE:
        stream_destroy(mirror, STREAM_GONE);
        break;
    case NOTICE_BATCH:
        on_batch(mirror, notice);
        break;
    case NOTICE_DESCRIPTION:
        on_description(mirror, notice);
        break;
    case NOTICE_END:
        stream_destroy(mirror, STREAM_ENDED);
        break;
    case NOTICE_ATTACH:
    case NOTICE_DETACH:
    case NOTICE_KEYFRAME:
        break;
    }
}

static void (*const tell_owner[])(struct hub *hub, struct notice *notice) = {
    [NOTICE_ATTACH] = on_attach,
    [NOTICE_DETACH] = on_detach,
    [NOTICE_KEYFRAME] = on_keyframe_request,
};

static void handle_notice(struct loop *loop, struct mail *mail)
{
    struct notice *notice = CONTAINER_OF(mail, struct notice, mail);
    struct hub    *hub = loop->hub;
    if (notice->kind == NOTICE_BATCH)
        atomic_fetch_sub_explicit(&hub->backlog, 1, memory_order_relaxed);
    if (notice->kind < COUNT(tell_owner)) {
        tell_owner[notice->kind](hub, notice);
    } else {
        struct stream *mirror = stream_find(hub, notice->stream);
        if (mirror && mirror->serial == notice->serial)
            tell_mirror(mirror, notice);
    }
    free_payload(notice);
    pool_give(&notice->item);
}
