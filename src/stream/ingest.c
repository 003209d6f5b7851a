#include "stream/ingest.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/prefetch.h"
#include "codec/codec.h"
#include "rtp/interleaved.h"
#include "stream/params.h"

/* Frames without a marker after which a track is believed to have none. */
enum { TRUST_FRAMES = 3 };

/* The room for a receive is what the last turn brought, within these. */
enum { LEAST_ROOM = 2048, MOST_ROOM = SLAB_LARGE / 2 };

static void drop_slab(struct ingest *ingest)
{
    if (ingest->slab)
        slab_unref(ingest->slab);
    ingest->slab = NULL;
    ingest->size = ingest->begin = ingest->end = 0;
}

/*
 * Behind the readers that sent from it: when nobody holds the slab any more, the next publisher
 * gets it while it is warm, and 64 cameras whose frames nobody keeps share a few slabs.
 */
static void give_back_idle_slab(struct dirty *dirty)
{
    struct ingest *ingest = CONTAINER_OF(dirty, struct ingest, idle);
    if (ingest->slab && ingest->begin == ingest->end && slab_is_unshared(ingest->slab))
        drop_slab(ingest);
}

static void note_order(struct ingest *ingest, unsigned track)
{
    uint32_t ordered = stream_description(ingest->stream)->ordered;
    bool     is_video = ingest->tracks[track].codec->kind == CODEC_VIDEO;
    ingest->tracks[track].timeline.is_reordered = is_video && !(ordered >> track & 1);
}

void ingest_init(struct ingest *ingest, struct hub *hub, struct stream *stream,
                 struct counters *counters, const uint32_t *ssrcs)
{
    const struct sdp *sdp = &stream_description(stream)->sdp;
    *ingest = (struct ingest){ .hub = hub, .stream = stream, .counters = counters };
    ingest->idle.flush = give_back_idle_slab;
    ingest->track_count = sdp->media_count;
    for (unsigned i = 0; i < sdp->media_count; i++) {
        ingest->tracks[i].codec = sdp->media[i].codec;
        ingest->tracks[i].clock_rate = sdp->media[i].clock_rate;
        ingest->tracks[i].out_ssrc = ssrcs[i];
        ingest->tracks[i].timeline.clock_rate = sdp->media[i].clock_rate;
        note_order(ingest, i);
        stream_track(stream, i)->ssrc = ssrcs[i];
    }
}

static void publish(struct ingest *ingest)
{
    struct batch *batch = ingest->open;
    if (!batch)
        return;
    ingest->open = NULL;
    ingest->holds_video = false;
    list_remove(&ingest->held);
    batch_freeze(batch);
    counters_add(ingest->counters, COUNTER_INBOUND_PACKETS, batch->packet_count);
    counters_add(ingest->counters, COUNTER_INBOUND_BYTES,
                 batch->bytes - (uint32_t)INTERLEAVED_HEADER * batch->packet_count);
    counters_add(ingest->hub->counters, COUNTER_INBOUND_PACKETS, batch->packet_count);
    stream_publish(ingest->stream, batch);
}

void ingest_fini(struct ingest *ingest)
{
    publish(ingest);
    loop_clear_dirty(&ingest->idle);
    drop_slab(ingest);
}

/* A fresh slab; what is unparsed moves to its front, and is all that is ever copied. */
static void change_slab(struct ingest *ingest, bool is_large)
{
    struct slab *fresh = hub_take_slab(ingest->hub, is_large);
    uint32_t     rest = ingest->end - ingest->begin;
    ASSERT(rest < fresh->size);
    if (ingest->slab)
        memcpy(fresh->bytes, ingest->slab->bytes + ingest->begin, rest);
    counters_add(ingest->hub->counters, COUNTER_COPIED_BYTES, rest);
    drop_slab(ingest);
    ingest->slab = fresh;
    ingest->size = fresh->size;
    ingest->end = rest;
}

/* Does the slab have room for a receive, or is it as good as another one would be? */
static bool has_room(const struct ingest *ingest, uint32_t least)
{
    if (!ingest->slab)
        return false;
    bool is_best = ingest->begin == 0 && ingest->size == SLAB_LARGE;
    return is_best || ingest->size - ingest->end >= least;
}

/* While the kernel copies the frame, what it will be counted in comes into the cache. */
static void prefetch_destination(const struct ingest *ingest)
{
    stream_prefetch(ingest->stream);
    prefetch(ingest->counters, CACHE_LINE);
    prefetch(ingest->tracks, sizeof(ingest->tracks[0]));
    prefetch(ingest->slab, CACHE_LINE);
}

/* Nobody else holds it and nothing is left in it: the same warm bytes again. Asked only amid a
 * turn: before it, the slab has been idle for a frame's time, and its first line is cold. */
static void rewind_slab(struct ingest *ingest)
{
    if (ingest->got && ingest->begin == ingest->end && slab_is_unshared(ingest->slab))
        ingest->begin = ingest->end = 0;
}

struct room ingest_room(struct ingest *ingest)
{
    if (!ingest->got)
        prefetch_destination(ingest);
    uint32_t least = MIN(MAX(ingest->wanted, (uint32_t)LEAST_ROOM), (uint32_t)MOST_ROOM);
    bool     needs_large = ingest->end - ingest->begin + least > SLAB_SMALL;
    rewind_slab(ingest);
    if (!has_room(ingest, least))
        change_slab(ingest, needs_large);
    return (struct room){ ingest->slab->bytes + ingest->end, ingest->size - ingest->end };
}

void ingest_received(struct ingest *ingest, size_t len)
{
    ASSERT(len <= ingest->size - ingest->end);
    stream_prefetch_readers(ingest->stream);
    ingest->end += (uint32_t)len;
    ingest->got += (uint32_t)len;
}

struct span ingest_unparsed(const struct ingest *ingest)
{
    if (!ingest->slab)
        return (struct span){ 0 };
    return (struct span){ ingest->slab->bytes + ingest->begin, ingest->end - ingest->begin };
}

int ingest_expect(struct ingest *ingest, size_t len)
{
    if (len > SLAB_LARGE)
        return -EMSGSIZE;
    if (len > ingest->size - ingest->begin)
        change_slab(ingest, len > SLAB_SMALL - LEAST_ROOM);
    return 0;
}

void ingest_skip(struct ingest *ingest, size_t len)
{
    ASSERT(len <= ingest->end - ingest->begin);
    ingest->begin += (uint32_t)len;
}

static bool is_held(const struct ingest *ingest)
{
    return list_contains_node(&ingest->held);
}

/* Is this the first packet of a frame? Markers may be missing, so timestamps count too. */
static bool starts_frame(struct ingest_track *track, const struct rtp_header *header)
{
    if (track->codec->kind != CODEC_VIDEO)
        return true;
    bool is_new = !track->has_ticks || header->ticks != track->ticks;
    if (is_new && track->in_frame && track->unmarked_frames < TRUST_FRAMES)
        track->unmarked_frames++;
    return is_new || !track->in_frame;
}

static void mark_packet(struct ingest_track *track, const struct rtp_header *header,
                        struct batch *batch, uint32_t bit, bool is_start)
{
    bool is_video = track->codec->kind == CODEC_VIDEO;
    batch->video |= is_video ? bit : 0;
    batch->frame_starts |= is_start ? bit : 0;
    batch->frame_ends |= !is_video || header->marker ? bit : 0;
    track->in_frame = is_video && !header->marker;
    track->is_key = track->is_key && !is_start;
    track->ticks = header->ticks;
    track->has_ticks = true;
    if (is_video && header->marker)
        track->unmarked_frames = 0;
}

/*
 * A keyframe may announce itself in `bit`, behind an access unit delimiter: its frame's start is
 * marked. Where that has been published already, the frame starts anew.
 */
static void mark_frame_start(struct batch *batch, unsigned track, uint32_t bit)
{
    for (unsigned i = batch->packet_count; i-- > 0;) {
        uint32_t start = UINT32_C(1) << i;
        if (batch->packets[i].track == track && (batch->frame_starts & start)) {
            batch->keyframes |= start;
            return;
        }
    }
    batch->frame_starts |= bit;
    batch->keyframes |= bit;
}

static void mark_keyframe(struct ingest *ingest, unsigned index, struct span payload,
                          struct batch *batch, uint32_t bit)
{
    struct ingest_track *track = &ingest->tracks[index];
    const struct codec  *codec = track->codec;
    if (codec->kind != CODEC_VIDEO)
        return;
    if (!codec->inspect) {
        batch->keyframes |= bit & batch->frame_starts;
        return;
    }
    unsigned flags = codec->inspect(payload);
    if (flags & CODEC_HAS_PARAMS) {
        params_update(ingest->stream, index, payload);
        note_order(ingest, index);
    }
    if (!(flags & CODEC_STARTS_KEYFRAME) || track->is_key)
        return;
    track->is_key = true;
    mark_frame_start(batch, index, bit);
}

static void add_packet(struct ingest *ingest, unsigned track_index, struct packet *packet,
                       const struct rtp_header *header)
{
    struct ingest_track *track = &ingest->tracks[track_index];
    bool                 is_start = starts_frame(track, header);
    /* What was held for the rest of its frame has all of it. */
    bool                 is_due = is_start && track->codec->kind == CODEC_VIDEO && is_held(ingest);
    if (ingest->open && (is_due || !batch_has_room(ingest->open, ingest->slab)))
        publish(ingest);
    if (!ingest->open) {
        ingest->open = batch_take(&ingest->hub->batches);
        ingest->open->received_ns = loop_now(ingest->hub->loop);
    }
    uint32_t bit = batch_add(ingest->open, ingest->slab, packet);
    mark_packet(track, header, ingest->open, bit, is_start);
    mark_keyframe(ingest, track_index, header->payload, ingest->open, bit);
    ingest->holds_video = track->in_frame && track->unmarked_frames < TRUST_FRAMES;
}

void ingest_count_error(struct ingest *ingest)
{
    counters_add(ingest->counters, COUNTER_INBOUND_ERRORS, 1);
    stream_count_error(ingest->stream);
}

int ingest_take_packet(struct ingest *ingest, unsigned track_index, size_t len)
{
    ASSERT(track_index < ingest->track_count && len >= INTERLEAVED_HEADER);
    ASSERT(len <= ingest->end - ingest->begin);
    uint8_t             *start = ingest->slab->bytes + ingest->begin;
    uint8_t             *p = start + INTERLEAVED_HEADER;
    struct ingest_track *track = &ingest->tracks[track_index];
    struct rtp_header    header;
    ingest->begin += (uint32_t)len;
    if (rtp_parse((struct span){ p, len - INTERLEAVED_HEADER }, &header) < 0) {
        ingest_count_error(ingest);
        return -EBADMSG;
    }
    int64_t now_ns = loop_now(ingest->hub->loop);
    rtp_receiver_packet(&track->receiver, &header, track->clock_rate, now_ns);
    rtp_timeline_packet(&track->timeline, &header, now_ns);
    /* Written once here, in place: readers with the usual channels send the slab as it is. */
    start[1] = (uint8_t)(2 * track_index);
    write_be16(p + 2, header.seq);
    write_be32(p + 4, header.ticks);
    write_be32(p + 8, track->out_ssrc);
    struct packet packet = { .p = p,
                             .len = (uint16_t)(len - INTERLEAVED_HEADER),
                             .track = (uint8_t)track_index,
                             .ticks = header.ticks };
    add_packet(ingest, track_index, &packet, &header);
    return 0;
}

uint64_t ingest_repairs(const struct ingest *ingest)
{
    uint64_t repairs = 0;
    for (unsigned i = 0; i < ingest->track_count; i++)
        repairs += ingest->tracks[i].timeline.repairs;
    return repairs;
}

void ingest_take_report(struct ingest *ingest, unsigned track, uint64_t ntp, uint32_t ticks)
{
    int64_t              now_ns = loop_now(ingest->hub->loop);
    struct ingest_track *from = &ingest->tracks[track];
    rtp_receiver_sender_report(&from->receiver, ntp, now_ns);
    if (ingest->is_absolute && ntp && rtp_timeline_map(&from->timeline, ticks, now_ns, &ticks))
        stream_set_ntp(ingest->stream, track, ntp, ticks);
}

/* Dense: one that was received where it is to stay would leave the rest of a datagram's room
 * empty, and pin megabytes for kilobytes of audio. */
int ingest_copy_packet(struct ingest *ingest, unsigned track, struct span packet)
{
    size_t len = INTERLEAVED_HEADER + packet.len;
    ASSERT(ingest->begin == ingest->end && packet.len <= INTERLEAVED_MAX - INTERLEAVED_HEADER);
    rewind_slab(ingest);
    if (!ingest->slab || ingest->size - ingest->end < len)
        change_slab(ingest, len > SLAB_SMALL);
    uint8_t *p = ingest->slab->bytes + ingest->end;
    interleaved_write_header(p, (uint8_t)(2 * track), (uint16_t)packet.len);
    memcpy(p + INTERLEAVED_HEADER, packet.p, packet.len);
    counters_add(ingest->hub->counters, COUNTER_COPIED_BYTES, packet.len);
    ingest_received(ingest, len);
    return ingest_take_packet(ingest, track, len);
}

static void on_hold_timeout(void *arg);

/* All holds last equally long, so the list is in the order of their ends: one timer for all. */
static void arm_hold(struct hub *hub)
{
    struct ingest *first = LIST_FIRST(&hub->held, struct ingest, held);
    if (first)
        timer_start(hub->loop, &hub->hold, first->held_until_ns - loop_now(hub->loop),
                    on_hold_timeout, hub);
    else
        timer_stop(hub->loop, &hub->hold);
}

static void on_hold_timeout(void *arg)
{
    struct hub    *hub = arg;
    int64_t        now_ns = loop_now(hub->loop);
    struct ingest *first;
    while ((first = LIST_FIRST(&hub->held, struct ingest, held)) && first->held_until_ns <= now_ns)
        publish(first);
    arm_hold(hub);
}

static void hold(struct ingest *ingest)
{
    struct hub *hub = ingest->hub;
    if (is_held(ingest))
        return;
    ingest->held_until_ns = loop_now(hub->loop) + hub->settings->frame_hold_ns;
    list_append(&hub->held, &ingest->held);
    if (!timer_is_running(&hub->hold))
        arm_hold(hub);
}

/* Is there half a frame at the end, nothing that must not wait, and room for the other half? */
static bool may_wait(const struct ingest *ingest)
{
    const struct batch *batch = ingest->open;
    return ingest->holds_video && batch->video == batch_all(batch) &&
           batch_has_room(batch, ingest->slab) && ingest->hub->settings->frame_hold_ns > 0;
}

void ingest_end_turn(struct ingest *ingest)
{
    if (ingest->got)
        ingest->wanted = ingest->got;
    ingest->got = 0;
    if (ingest->open && may_wait(ingest))
        hold(ingest);
    else
        publish(ingest);
    loop_mark_dirty(ingest->hub->loop, &ingest->idle); /* behind the readers */
}
