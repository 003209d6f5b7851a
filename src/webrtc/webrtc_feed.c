#include "webrtc/webrtc_feed.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/prefetch.h"
#include "rtp/rtcp.h"
#include "stream/media_refit.h"
#include "webrtc/webrtc_internal.h"

/* Lost packets are asked for within a second, and few viewers are further away. */
static const int64_t keep_ns = NS_PER_S;

/* A start takes 300 ms, and longer on a busy worker. */
static const int64_t start_ns = 2 * NS_PER_S;

enum { FIRST_PARTS = 256, FIRST_UNITS = 64 };

/* What is kept */

/* From the newest keyframe on, as much as the stream itself may keep; 0: no such start. */
static size_t ring_bytes(const struct webrtc_feed *feed)
{
    return feed->worker->loop->hub->settings->ring_bytes;
}

static struct feed_unit *unit_at(const struct webrtc_feed *feed, uint32_t i)
{
    return &feed->units[(feed->unit_head + i) & (feed->unit_capacity - 1)];
}

static struct feed_unit *last_unit(const struct webrtc_feed *feed)
{
    return unit_at(feed, feed->unit_count - 1);
}

static void grow_units(struct webrtc_feed *feed)
{
    uint32_t          capacity = MAX(feed->unit_capacity * 2, (uint32_t)FIRST_UNITS);
    struct feed_unit *units = mem_new_array(struct feed_unit, capacity);
    for (uint32_t i = 0; i < feed->unit_count; i++)
        units[i] = *unit_at(feed, i);
    mem_free(feed->units);
    feed->units = units;
    feed->unit_capacity = capacity;
    feed->unit_head = 0;
}

static void open_unit(struct webrtc_feed *feed, uint32_t bytes)
{
    if (feed->unit_count == feed->unit_capacity)
        grow_units(feed);
    *unit_at(feed, feed->unit_count++) = (struct feed_unit){
        .batch = batch_ref(feed->batch),
        .first = feed->next,
        .arrived_ns = feed->batch->received_ns,
        .bytes = bytes,
    };
    feed->bytes += bytes;
}

static void let_go(struct webrtc_feed *feed, const struct feed_unit *unit)
{
    batch_unref(unit->batch);
    if (unit->slab)
        slab_unref(unit->slab);
    feed->bytes -= unit->bytes;
    feed->unit_count--;
}

/* No part came of it: tracks that nobody can play are not kept. */
static void close_unit(struct webrtc_feed *feed)
{
    const struct feed_unit *unit = last_unit(feed);
    if (unit->first == feed->next)
        let_go(feed, unit);
}

static void drop_oldest_unit(struct webrtc_feed *feed)
{
    let_go(feed, unit_at(feed, 0));
    feed->unit_head = (feed->unit_head + 1) & (feed->unit_capacity - 1);
    feed->first = feed->unit_count ? unit_at(feed, 0)->first : feed->next;
}

static void grow_parts(struct webrtc_feed *feed)
{
    uint32_t          capacity = MAX(feed->capacity * 2, (uint32_t)FIRST_PARTS);
    struct feed_part *parts = mem_new_array(struct feed_part, capacity);
    for (uint64_t serial = feed->first; serial < feed->next; serial++)
        parts[serial & (capacity - 1)] = *feed_part(feed, serial);
    mem_free(feed->parts);
    feed->parts = parts;
    feed->capacity = capacity;
}

/* The first serial that a viewer may want to start from, or is about to get. */
static uint64_t first_wanted(struct webrtc_feed *feed, int64_t now_ns)
{
    uint64_t wanted = feed->next;
    if (now_ns < feed->held_ns)
        wanted = feed->held;
    else
        feed->held_ns = 0;
    for (unsigned i = 0; i < feed->track_count; i++)
        if (feed->tracks[i].has_keyframe)
            wanted = MIN(wanted, feed->tracks[i].keyframe);
    return wanted;
}

static void forget_old_keyframes(struct webrtc_feed *feed)
{
    for (unsigned i = 0; i < feed->track_count; i++)
        if (feed->tracks[i].keyframe < feed->first)
            feed->tracks[i].has_keyframe = false;
}

/* A group of pictures over the limits is not kept at all, as in the stream's own ring. */
static void trim(struct webrtc_feed *feed, int64_t now_ns)
{
    uint64_t wanted = first_wanted(feed, now_ns);
    while (feed->unit_count > 1) {
        int64_t age_ns = now_ns - unit_at(feed, 0)->arrived_ns;
        bool    is_over = feed->bytes > ring_bytes(feed) || age_ns > RING_MAX_NS;
        if (age_ns < keep_ns || (!is_over && unit_at(feed, 1)->first > wanted))
            break;
        drop_oldest_unit(feed);
    }
    forget_old_keyframes(feed);
    feed->oldest = feed->unit_count ? unit_at(feed, 0)->batch : NULL;
}

/* Parts */

static uint8_t *reserve(void *arg, size_t len)
{
    struct webrtc_feed *feed = arg;
    if (!feed->slab || feed->slab_used + len > SLAB_SMALL) {
        if (feed->slab)
            slab_unref(feed->slab);
        feed->slab = hub_take_slab(feed->worker->loop->hub, false);
        feed->slab_used = 0;
    }
    return feed->slab->bytes + feed->slab_used;
}

static void hold_slab(struct webrtc_feed *feed)
{
    struct feed_unit *unit = last_unit(feed);
    if (unit->slab == feed->slab)
        return;
    if (unit->slab) {
        open_unit(feed, 0);
        unit = last_unit(feed);
    }
    unit->slab = slab_ref(feed->slab);
    if (feed->slab_used == 0) { /* else the unit before holds it too */
        unit->bytes += SLAB_SMALL;
        feed->bytes += SLAB_SMALL;
    }
}

/* A frame that is torn shows: its decoder is to know. One that never came does not: the pictures go
 * on. */
static bool shows_gap(const struct feed_track *track, const struct refit_part *part)
{
    return part->is_after_gap && (!track->is_video || track->in_frame || !part->starts_frame);
}

static void on_part(void *arg, const struct refit_part *part)
{
    struct webrtc_feed *feed = arg;
    struct feed_track  *track = &feed->tracks[feed->track];
    if (part->is_own) {
        hold_slab(feed);
        feed->slab_used += (uint32_t)part->payload.len;
    }
    if (feed->next - feed->first == feed->capacity)
        grow_parts(feed);
    bool is_after_gap = shows_gap(track, part);
    track->next_index += is_after_gap;
    track->in_frame = !part->marker;
    if (part->starts_keyframe) {
        track->keyframe = feed->next;
        track->has_keyframe = ring_bytes(feed) > 0;
    }
    track->serials[track->next_index & (FEED_TRACK_PARTS - 1)] = (uint32_t)feed->next;
    feed->parts[feed->next & (feed->capacity - 1)] = (struct feed_part){
        .p = part->payload.p,
        .index = track->next_index++,
        .ticks = part->ticks,
        .len = (uint16_t)part->payload.len,
        .track = (uint8_t)feed->track,
        .flags = (uint8_t)((part->marker ? FEED_MARKER : 0) |
                           (part->starts_frame ? FEED_STARTS_FRAME : 0) |
                           (part->starts_keyframe ? FEED_STARTS_KEYFRAME : 0) |
                           (is_after_gap ? FEED_AFTER_GAP : 0)),
    };
    feed->next++;
}

/* The stream knows whether pictures come in the order in which they are shown. */
static void watch_order(struct webrtc_feed *feed)
{
    for (unsigned i = 0; i < feed->track_count; i++) {
        struct feed_track *track = &feed->tracks[i];
        bool               had_b_frames = track->has_b_frames;
        track->has_b_frames = stream_track(feed->reader.stream, i)->has_b_frames;
        feed->track = i;
        if (track->has_b_frames && !had_b_frames)
            webrtc_worker_on_b_frames(feed->worker, feed);
    }
}

static void add_packet(struct webrtc_feed *feed, const struct packet *packet)
{
    struct feed_track *track = &feed->tracks[packet->track];
    struct rtp_header  header;
    if (!track->is_used || rtp_parse((struct span){ packet->p, packet->len }, &header) < 0)
        return;
    feed->track = packet->track;
    const struct refit_sink sink = { feed, reserve, on_part };
    refit_packet(track->refit, &header, &sink);
}

static void take_report(struct webrtc_feed *feed, const struct packet *packet)
{
    struct feed_track      *track = &feed->tracks[packet->track];
    struct rtcp_packet      rtcp;
    struct rtcp_sender_info info;
    if (rtcp_next((struct span){ packet->p, packet->len }, &rtcp) < 0 ||
        rtcp_parse_sender_info(&rtcp, &info) < 0)
        return;
    track->has_report = true;
    track->report_ntp = info.ntp;
    track->report_ticks = info.ticks;
    track->report_ns = feed->batch->received_ns;
}

/* While the batch is made into parts: what is let go for it, and who gets them first. */
static void prefetch_frame(const struct webrtc_feed *feed)
{
    prefetch(feed->oldest, offsetof(struct batch, slabs[1]));
    prefetch(feed->viewers.head.next, WEBRTC_VIEWER_HOT);
}

static void prefetch_sending(const struct webrtc_feed *feed)
{
    if (feed->oldest)
        prefetch(feed->oldest->slabs[0], CACHE_LINE);
    webrtc_viewer_prefetch(LIST_FIRST(&feed->viewers, struct webrtc_viewer, in_feed));
}

static void feed_on_batch(struct reader *reader, const struct batch *batch, uint32_t mask)
{
    struct webrtc_feed *feed = CONTAINER_OF(reader, struct webrtc_feed, reader);
    feed->batch = batch;
    if (batch->reports) {
        for (unsigned i = 0; i < batch->packet_count; i++)
            take_report(feed, &batch->packets[i]);
        webrtc_worker_on_report(feed->worker, feed);
        return;
    }
    prefetch_frame(feed);
    watch_order(feed);
    open_unit(feed, batch->held_bytes);
    for (uint32_t rest = mask; rest; rest &= rest - 1)
        add_packet(feed, &batch->packets[__builtin_ctz(rest)]);
    close_unit(feed);
    prefetch_sending(feed);
    trim(feed, loop_now(feed->worker->loop));
    webrtc_worker_activate(feed->worker, feed);
}

bool webrtc_feed_find(const struct webrtc_feed *feed, unsigned track, uint64_t index,
                      uint64_t *serial)
{
    const struct feed_track *found = &feed->tracks[track];
    if (!found->serials || index >= found->next_index ||
        found->next_index - index > FEED_TRACK_PARTS)
        return false;
    uint32_t back = (uint32_t)feed->next - found->serials[index & (FEED_TRACK_PARTS - 1)];
    if (back > feed->next - feed->first)
        return false;
    const struct feed_part *part = feed_part(feed, feed->next - back);
    *serial = feed->next - back;
    return part->track == track && part->index == index;
}

bool webrtc_feed_clock(const struct webrtc_feed *feed, unsigned track, uint64_t *ntp,
                       uint32_t *ticks)
{
    const struct feed_track *from = &feed->tracks[track];
    if (!from->has_report)
        return false;
    int64_t  since_ns = loop_now(feed->worker->loop) - from->report_ns;
    uint32_t clock_rate = stream_description(feed->reader.stream)->sdp.media[track].clock_rate;
    *ntp = rtcp_ntp_from_ns(rtcp_ntp_to_ns(from->report_ntp) + since_ns);
    *ticks = from->report_ticks + (uint32_t)muldiv(since_ns, clock_rate, NS_PER_S);
    return true;
}

/* The stream */

static void open_track(struct feed_track *track, const struct sdp_media *media)
{
    *track = (struct feed_track){ .codec = media->codec,
                                  .is_used = webrtc_plays(media),
                                  .is_video = media->codec->kind == CODEC_VIDEO };
    if (!track->is_used)
        return;
    track->refit = mem_new(struct refit);
    media_refit_init(track->refit, media, REFIT_MAX_PAYLOAD);
    track->serials = mem_new_array(uint32_t, FEED_TRACK_PARTS);
}

static void feed_on_attached(struct reader *reader)
{
    struct webrtc_feed *feed = CONTAINER_OF(reader, struct webrtc_feed, reader);
    const struct sdp   *sdp = &stream_description(reader->stream)->sdp;
    feed->track_count = sdp->media_count;
    for (unsigned i = 0; i < feed->track_count; i++)
        open_track(&feed->tracks[i], &sdp->media[i]);
    watch_order(feed);
    grow_parts(feed);
    feed->is_attached = true;
    stream_play(reader);
    LIST_FOREACH_SAFE (struct webrtc_viewer, viewer, &feed->viewers, in_feed)
        webrtc_viewer_on_stream(viewer);
}

static void feed_destroy(struct webrtc_feed *feed)
{
    map_remove(feed->worker->feeds, stream_key(&feed->stream));
    list_remove(&feed->in_active);
    stream_detach(&feed->reader);
    while (feed->unit_count)
        drop_oldest_unit(feed);
    if (feed->slab)
        slab_unref(feed->slab);
    for (unsigned i = 0; i < feed->track_count; i++) {
        mem_free(feed->tracks[i].refit);
        mem_free(feed->tracks[i].serials);
    }
    mem_free(feed->units);
    mem_free(feed->parts);
    mem_free(feed);
}

/* A viewer that is told of the end may not take the others' feed along. */
static void feed_on_end(struct reader *reader, enum stream_end reason)
{
    struct webrtc_feed *feed = CONTAINER_OF(reader, struct webrtc_feed, reader);
    for (struct list_node *node; (node = list_take_first(&feed->viewers));) {
        struct webrtc_viewer *viewer = LIST_ITEM(node, struct webrtc_viewer, in_feed);
        viewer->feed = NULL;
        webrtc_viewer_on_end(viewer, reason);
    }
    feed_destroy(feed);
}

static const struct reader_ops feed_ops = { feed_on_attached, feed_on_batch, feed_on_end };

void webrtc_feed_join(struct webrtc_worker *worker, struct webrtc_viewer *viewer, uint64_t stream,
                      unsigned owner)
{
    struct webrtc_feed *feed = map_get(worker->feeds, stream_key(&stream));
    if (feed) {
        viewer->feed = feed;
        list_append(&feed->viewers, &viewer->in_feed);
        if (feed->is_attached)
            webrtc_viewer_on_stream(viewer);
        return;
    }
    feed = mem_new_aligned(struct webrtc_feed);
    *feed = (struct webrtc_feed){ .reader = { .ops = &feed_ops, .wants_past = true },
                                  .worker = worker,
                                  .stream = stream };
    list_init(&feed->viewers);
    map_put(worker->feeds, stream_key(&feed->stream), feed);
    viewer->feed = feed;
    list_append(&feed->viewers, &viewer->in_feed);
    stream_attach(worker->loop->hub, stream, owner, &feed->reader);
}

void webrtc_feed_hold(struct webrtc_feed *feed, uint64_t serial)
{
    if (!feed->held_ns || serial < feed->held)
        feed->held = serial;
    feed->held_ns = loop_now(feed->worker->loop) + start_ns;
}

void webrtc_feed_leave(struct webrtc_viewer *viewer)
{
    struct webrtc_feed *feed = viewer->feed;
    if (!feed)
        return;
    viewer->feed = NULL;
    list_remove(&viewer->in_feed);
    if (list_is_empty(&feed->viewers))
        feed_destroy(feed);
}
