#include "stream/stream.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/prefetch.h"
#include "rtp/interleaved.h"
#include "rtp/rtp.h"
#include "stream/stream_internal.h"

/* A browser asks once a round trip; an encoder needs some frames between two keyframes. */
enum { KEYFRAME_REQUESTS_A_SECOND = 2 };

/*
 * So many steps back within 64 frames are B-frames, which come every few frames; fewer may be a
 * clock that was set back.
 */
enum { STEPS_BACK = 3 };

/* What on_batch() looks at lies behind the struct reader. */
enum { READER_BYTES = 4 * CACHE_LINE };

struct stream *stream_find(struct hub *hub, uint64_t id)
{
    return map_get(hub->streams, stream_key(&id));
}

static void drop_unused_mirror(struct dirty *dirty);

struct stream *stream_new(struct hub *hub, uint64_t id, unsigned owner)
{
    struct stream *stream = mem_new_aligned(struct stream);
    *stream = (struct stream){ .hub = hub, .id = id, .owner = owner };
    list_init(&stream->playing);
    list_init(&stream->idle);
    list_init(&stream->outlets);
    ring_init(&stream->ring, hub->settings->ring_bytes);
    stream->unused.flush = drop_unused_mirror;
    void *before = map_put(hub->streams, stream_key(&stream->id), stream);
    ASSERT(!before);
    return stream;
}

struct stream *stream_create(struct hub *hub, uint64_t id, struct description *description,
                             struct counters *counters)
{
    struct stream *stream = stream_new(hub, id, hub->loop->index);
    stream->description = description;
    stream->counters = counters_ref(counters);
    stream->is_ready = true;
    report_start(stream);
    return stream;
}

bool stream_has_readers(const struct stream *stream)
{
    return !list_is_empty(&stream->playing) || !list_is_empty(&stream->outlets);
}

static void end_readers(struct list *readers, enum stream_end reason)
{
    for (struct list_node *node; (node = list_take_first(readers));) {
        struct reader *reader = LIST_ITEM(node, struct reader, in_stream);
        reader->stream = NULL;
        reader->is_playing = false;
        reader->ops->on_end(reader, reason);
    }
}

void stream_destroy(struct stream *stream, enum stream_end reason)
{
    map_remove(stream->hub->streams, stream_key(&stream->id));
    timer_stop(stream->hub->loop, &stream->report_timer);
    end_readers(&stream->playing, reason);
    end_readers(&stream->idle, reason);
    timer_stop(stream->hub->loop, &stream->keyframe_timer);
    /* Behind them: a reader that ends may take another one along, which marks a mirror unused. */
    loop_clear_dirty(&stream->unused);
    ring_fini(&stream->ring);
    batch_unref(stream->report);
    description_unref(stream->description);
    counters_unref(stream->counters);
    mem_free(stream);
}

struct stream *stream_end(struct stream *stream)
{
    if (stream) {
        mirror_send_end(stream);
        stream_destroy(stream, STREAM_ENDED);
    }
    return NULL;
}

void stream_set_source(struct stream *stream, struct source *source)
{
    ASSERT(stream->counters);
    stream->source = source;
}

/* Pictures come in the order of decoding; where that is not the order of showing, time steps back.
 */
static void watch_order(struct stream_track *track, uint32_t ticks)
{
    bool is_back = track->has_packets && (int32_t)(ticks - track->last_ticks) < 0;
    track->steps_back = track->steps_back << 1 | is_back;
    if (is_back && __builtin_popcountll(track->steps_back) >= STEPS_BACK)
        track->has_b_frames = true;
}

static void account_packet(struct stream_track *track, const struct packet *packet)
{
    if (!track->has_packets)
        track->has_packets = track->wants_report = true;
    track->packets++;
    track->bytes += (uint32_t)packet->len - RTP_HEADER;
    track->last_seq = read_be16(packet->p + 2);
    track->last_ticks = packet->ticks;
}

/* True when a track has its first packet in this batch. */
static bool account_batch(struct stream *stream, const struct batch *batch)
{
    bool     is_first = false;
    uint32_t frames = batch->frame_starts & batch->video;
    uint32_t unordered = ~stream->description->ordered;
    for (unsigned i = 0; i < batch->packet_count; i++) {
        const struct packet *packet = &batch->packets[i];
        struct stream_track *track = &stream->tracks[packet->track];
        if (frames >> i & unordered >> packet->track & 1)
            watch_order(track, packet->ticks);
        account_packet(track, packet);
        track->last_ns = batch->received_ns;
        is_first |= track->wants_report;
        track->wants_report = false;
    }
    if (stream->counters) {
        counters_add(stream->counters, COUNTER_INBOUND_BYTES,
                     batch->bytes - (uint32_t)INTERLEAVED_HEADER * batch->packet_count);
        counters_add(stream->counters, COUNTER_INBOUND_PACKETS, batch->packet_count);
        counters_add(stream->counters, COUNTER_INBOUND_FRAMES,
                     (unsigned)__builtin_popcount(batch->frame_starts));
        if (batch->keyframes)
            counters_add(stream->counters, COUNTER_INBOUND_KEYFRAMES,
                         (unsigned)__builtin_popcount(batch->keyframes));
    }
    return is_first;
}

void stream_deliver(struct stream *stream, const struct batch *batch)
{
    uint32_t all = batch_all(batch);
    LIST_FOREACH_SAFE (struct reader, reader, &stream->playing, in_stream)
        reader->ops->on_batch(reader, batch, all);
}

void stream_prefetch(const struct stream *stream)
{
    prefetch(stream, offsetof(struct stream, tracks[1]));
}

/* The first of them; each asks for the next. */
void stream_prefetch_readers(const struct stream *stream)
{
    prefetch(stream->playing.head.next, READER_BYTES);
}

void stream_publish(struct stream *stream, const struct batch *batch)
{
    ASSERT(batch->is_frozen);
    bool is_first = false;
    if (batch->reports) {
        batch_unref(stream->report);
        stream->report = batch_ref(batch);
    } else {
        is_first = account_batch(stream, batch);
        ring_put(&stream->ring, batch);
        if (batch->keyframes) /* what was asked for */
            timer_stop(stream->hub->loop, &stream->keyframe_timer);
    }
    stream_deliver(stream, batch);
    mirror_send_batch(stream, batch);
    batch_unref(batch);
    /* A mirror gets the owner's reports and makes none. */
    if (is_first && stream->counters)
        report_publish(stream);
}

void stream_count_error(struct stream *stream)
{
    counters_add(stream->counters, COUNTER_INBOUND_ERRORS, 1);
}

void stream_set_ntp(struct stream *stream, unsigned track, uint64_t ntp, uint32_t ticks)
{
    ASSERT(track < STREAM_MAX_TRACKS);
    stream->tracks[track].has_ntp = stream->tracks[track].is_told = true;
    stream->tracks[track].ntp = ntp;
    stream->tracks[track].ntp_ticks = ticks;
}

/* With other parameter sets, the encoder may have been told to do without B-frames. */
void stream_change_description(struct stream *stream, struct description *description)
{
    description_unref(stream->description);
    stream->description = description;
    for (unsigned i = 0; i < STREAM_MAX_TRACKS; i++) {
        stream->tracks[i].steps_back = 0;
        stream->tracks[i].has_b_frames = false;
    }
}

void stream_set_description(struct stream *stream, struct description *description)
{
    stream_change_description(stream, description);
    mirror_send_description(stream);
}

void stream_attach(struct hub *hub, uint64_t id, unsigned owner, struct reader *reader)
{
    ASSERT(!reader->stream);
    struct stream *stream = stream_find(hub, id);
    if (!stream && owner == hub->loop->index) {
        reader->ops->on_end(reader, STREAM_GONE);
        return;
    }
    if (!stream) {
        stream = stream_new(hub, id, owner);
        mirror_request(stream);
    }
    reader->stream = stream;
    list_append(&stream->idle, &reader->in_stream);
    if (stream->is_ready)
        reader->ops->on_attached(reader);
}

void stream_detach(struct reader *reader)
{
    struct stream *stream = reader->stream;
    if (!stream)
        return;
    reader->stream = NULL;
    reader->is_playing = false;
    list_remove(&reader->in_stream);
    /* Not now: the caller may be one of several that are being told something. */
    if (stream->owner != stream->hub->loop->index)
        loop_mark_dirty(stream->hub->loop, &stream->unused);
}

static void drop_unused_mirror(struct dirty *dirty)
{
    struct stream *mirror = CONTAINER_OF(dirty, struct stream, unused);
    if (!list_is_empty(&mirror->idle) || !list_is_empty(&mirror->playing))
        return;
    mirror_release(mirror);
    stream_destroy(mirror, STREAM_ENDED);
}

static void play_from_ring(struct stream *stream, struct reader *reader)
{
    for (size_t i = 0; i < stream->ring.count; i++)
        reader->ops->on_batch(reader, stream->ring.batches[i], ring_mask(&stream->ring, i));
}

void stream_play(struct reader *reader)
{
    struct stream *stream = reader->stream;
    ASSERT(stream && stream->is_ready);
    if (reader->is_playing)
        return;
    reader->is_playing = true;
    list_remove(&reader->in_stream);
    list_append(&stream->playing, &reader->in_stream);
    /* Of an own stream the report is made now; a mirror hands on the owner's newest. */
    const struct batch *report = stream->counters
                                     ? report_create(stream)
                                     : (stream->report ? batch_ref(stream->report) : NULL);
    if (report)
        reader->ops->on_batch(reader, report, batch_all(report));
    batch_unref(report);
    if (reader->wants_past || stream->hub->settings->ring_for_players)
        play_from_ring(stream, reader);
}

void stream_pause(struct reader *reader)
{
    if (!reader->is_playing)
        return;
    reader->is_playing = false;
    list_remove(&reader->in_stream);
    list_append(&reader->stream->idle, &reader->in_stream);
}

static void ask_for_keyframe(struct stream *stream)
{
    stream->keyframe_request_ns =
        loop_now(stream->hub->loop) + NS_PER_S / KEYFRAME_REQUESTS_A_SECOND;
    if (stream->source)
        stream->source->ops->on_keyframe_request(stream->source);
    else
        mirror_request_keyframe(stream);
}

static void on_keyframe_time(void *arg)
{
    ask_for_keyframe(arg);
}

void stream_request_keyframe(struct stream *stream)
{
    int64_t wait_ns = stream->keyframe_request_ns - loop_now(stream->hub->loop);
    bool    is_owner = stream->counters;
    if ((is_owner && !stream->source) || timer_is_running(&stream->keyframe_timer))
        return;
    if (wait_ns <= 0)
        ask_for_keyframe(stream);
    else
        timer_start(stream->hub->loop, &stream->keyframe_timer, wait_ns, on_keyframe_time, stream);
}

/* The first packet of a track that the ring would give, or NULL. */
static const struct packet *find_in_ring(const struct ring *ring, unsigned track)
{
    for (size_t i = 0; i < ring->count; i++) {
        const struct batch *batch = ring->batches[i];
        uint32_t            bits = batch_track(batch, (uint8_t)track) & ring_mask(ring, i);
        if (bits)
            return &batch->packets[__builtin_ctz(bits)];
    }
    return NULL;
}

bool stream_next_packet(struct stream *stream, unsigned index, uint16_t *seq, uint32_t *ticks)
{
    const struct stream_track *track = stream_track(stream, index);
    if (!track->has_packets)
        return false;
    const struct packet *first = NULL;
    if (stream->hub->settings->ring_for_players)
        first = find_in_ring(&stream->ring, index);
    if (first) {
        *seq = read_be16(first->p + 2);
        *ticks = first->ticks;
        return true;
    }
    int64_t age_ns = loop_now(stream->hub->loop) - track->last_ns;
    *seq = (uint16_t)(track->last_seq + 1);
    *ticks = track->last_ticks +
             (uint32_t)muldiv(age_ns, stream->description->sdp.media[index].clock_rate, NS_PER_S);
    return true;
}

uint64_t stream_id(const struct stream *stream)
{
    return stream->id;
}

unsigned stream_owner(const struct stream *stream)
{
    return stream->owner;
}

struct description *stream_description(const struct stream *stream)
{
    return stream->description;
}

struct stream_track *stream_track(struct stream *stream, unsigned track)
{
    ASSERT(track < STREAM_MAX_TRACKS);
    return &stream->tracks[track];
}
