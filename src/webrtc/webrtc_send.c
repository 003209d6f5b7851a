/* The sweep: encrypts for all viewers that are behind, and sends what was encrypted. */
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/prefetch.h"
#include "rtp/rtp.h"
#include "webrtc/webrtc_internal.h"

/* Longer runs (the start, keyframes) go out in slices, or they would drown in the next router. */
enum { SLICE_FROM = 64, SLICE_LEAST = 56 };
static const int64_t slice_ns = 6 * NS_PER_MS;
static const int64_t start_window_ns = 300 * NS_PER_MS;
static const int64_t frame_window_ns = 24 * NS_PER_MS;

/* What the socket has kept back for so long is of no use to anybody who looks on live. */
static const int64_t give_up_ns = 500 * NS_PER_MS;

struct webrtc_sender *webrtc_sender_create(struct udp_socket *socket)
{
    struct webrtc_sender *sender = mem_new(struct webrtc_sender);
    sender->socket = socket;
    sender->sealer = srtp_sealer_create(0);
    return sender;
}

struct webrtc_sender *webrtc_sender_destroy(struct webrtc_sender *sender)
{
    if (sender)
        srtp_sealer_destroy(sender->sealer);
    return mem_free(sender);
}

void webrtc_send_forget(struct webrtc_sender *sender, const struct webrtc_viewer *viewer)
{
    for (unsigned i = sender->sent_count; i < sender->message_count; i++)
        if (sender->viewers[i] == viewer)
            sender->viewers[i] = NULL;
}

/* Messages */

static void reset(struct webrtc_sender *sender)
{
    sender->job_count = sender->message_count = sender->sent_count = 0;
    sender->used = 0;
}

/* The way to this peer has no room for merged or large datagrams: one by one from now on. */
static bool may_try_again(struct udp_message *message, struct webrtc_viewer *viewer)
{
    if (!viewer || !udp_message_split(message))
        return false;
    viewer->no_gso = true;
    return true;
}

/* Sends what is sealed. False: the socket is full, the rest waits. */
static bool send_messages(struct webrtc_worker *worker)
{
    struct webrtc_sender *sender = worker->sender;
    uint64_t              before = udp_socket_counters(sender->socket)->syscalls;
    while (sender->sent_count < sender->message_count) {
        unsigned from = sender->sent_count;
        sender->sent_count +=
            udp_socket_send(sender->socket, &sender->messages[from], sender->message_count - from);
        unsigned done = sender->sent_count;
        for (unsigned i = from; i < done; i++) {
            if (sender->messages[i].error < 0 &&
                may_try_again(&sender->messages[i], sender->viewers[i])) {
                sender->sent_count = i;
                break;
            }
        }
        if (sender->sent_count == done && done < sender->message_count) {
            sender->is_blocked = true;
            break;
        }
    }
    counters_add(worker->loop->hub->counters, COUNTER_SYSTEM_CALLS,
                 udp_socket_counters(sender->socket)->syscalls - before);
    if (!sender->is_blocked)
        reset(sender);
    return !sender->is_blocked;
}

static void seal(struct webrtc_sender *sender)
{
    srtp_seal(sender->sealer, sender->jobs, sender->job_count);
    sender->job_count = 0;
}

static bool seal_and_send(struct webrtc_worker *worker)
{
    seal(worker->sender);
    return send_messages(worker);
}

/* Appends a datagram to the viewer's last message when it fits behind, else begins another. */
static void add_datagram(struct webrtc_sender *sender, struct webrtc_viewer *viewer, size_t len)
{
    uint8_t            *p = sender->arena + sender->used;
    struct udp_message *last =
        sender->message_count ? &sender->messages[sender->message_count - 1] : NULL;
    sender->used += len;
    bool is_open = last && sender->viewers[sender->message_count - 1] == viewer && last->segment &&
                   last->payload.len % last->segment == 0 && len <= last->segment &&
                   last->payload.len + len <= UDP_GSO_MAX_BYTES &&
                   last->payload.len / last->segment < UDP_GSO_MAX_SEGMENTS;
    if (is_open) {
        last->payload.len += len;
        return;
    }
    sender->viewers[sender->message_count] = viewer;
    sender->messages[sender->message_count++] = (struct udp_message){
        .payload = { p, len },
        .to = viewer->to,
        .from = viewer->from,
        .segment = (uint16_t)len,
        .no_gso = viewer->no_gso,
    };
}

static bool has_room(const struct webrtc_sender *sender)
{
    return sender->job_count < SEND_PACKETS && sender->message_count < SEND_PACKETS &&
           sender->used + SEND_PACKET_BYTES <= SEND_ARENA;
}

/* Under AES-GCM two packets of one number that differ would give the authentication key away. */
static void add_packet(struct webrtc_sender *sender, struct webrtc_viewer *viewer,
                       const struct webrtc_packet *packet)
{
    const struct webrtc_track *track = packet->track;
    const struct feed_part    *part = packet->part;
    struct rtp_header          header = { .payload_type = track->payload_type,
                                          .marker = (part->flags & FEED_MARKER) != 0,
                                          .seq = (uint16_t)packet->number,
                                          .ticks = part->ticks,
                                          .ssrc = track->ssrc };
    uint8_t                   *out = sender->arena + sender->used;
    uint32_t                   len = RTP_HEADER;
    rtp_write(&header, out);
    if (packet->has_delay) {
        static const uint8_t none[RTP_PLAYOUT_DELAY];
        len = (uint32_t)rtp_write_extension(out, track->playout_delay,
                                            (struct span){ none, sizeof(none) });
    }
    sender->jobs[sender->job_count++] = (struct srtp_job){
        .keys = viewer->out_keys,
        .out = out,
        .header_len = len,
        .ssrc = track->ssrc,
        .payload = { part->p, part->len },
        .index = packet->number,
    };
    add_datagram(sender, viewer, len + part->len + viewer->tag_len);
}

/* What a viewer gets */

/* Numbers follow each other whatever we left out: a gap would only make the peer ask. */
static struct webrtc_packet number_part(struct webrtc_track *track, const struct feed_part *part,
                                        bool is_start)
{
    track->next += (part->flags & FEED_AFTER_GAP) != 0;
    int64_t offset = (int64_t)(track->next - part->index);
    if (track->delta_count == 0 || track->deltas[0].offset != offset) {
        track->delta_count = (uint8_t)MIN(track->delta_count + 1, (int)WEBRTC_DELTAS);
        memmove(&track->deltas[1], &track->deltas[0],
                sizeof(track->deltas[0]) * (track->delta_count - 1u));
        track->deltas[0] = (struct webrtc_delta){ track->next, 0, offset };
    }
    struct webrtc_packet packet = { track, part, track->next++, is_start && track->playout_delay };
    if (packet.has_delay)
        track->deltas[0].delay_end = track->next;
    return packet;
}

/* The track that takes this part now; NULL: none. */
static struct webrtc_track *taker_of(struct webrtc_viewer *viewer, const struct feed_part *part)
{
    unsigned of = viewer->of_feed[part->track];
    if (of == 0)
        return NULL;
    struct webrtc_track *track = &viewer->tracks[of - 1];
    if (viewer->next < viewer->start_end && !viewer->feed->tracks[part->track].is_video)
        return NULL; /* in the start it would delay what follows */
    if (track->waits_for_keyframe && !(part->flags & FEED_STARTS_KEYFRAME))
        return NULL;
    track->waits_for_keyframe = false;
    return track;
}

/* Goes on with the newest keyframe when there is one ahead, else with the next that comes. */
static void skip_ahead(struct webrtc_viewer *viewer)
{
    const struct webrtc_feed *feed = viewer->feed;
    uint64_t                  to = feed->next;
    for (unsigned i = 0; i < viewer->track_count; i++) {
        struct webrtc_track     *track = &viewer->tracks[i];
        const struct feed_track *from = &feed->tracks[track->feed_track];
        if (!track->is_on || !from->is_video)
            continue;
        track->waits_for_keyframe = true;
        /* The rest of a frame is missing, and the decoder is to know: the only gap that shows. */
        track->next += track->in_frame;
        track->in_frame = false;
        if (from->has_keyframe && from->keyframe >= viewer->next)
            to = MIN(to, from->keyframe);
        else
            stream_request_keyframe(feed->reader.stream);
    }
    uint64_t discarded = 0;
    for (uint64_t i = MAX(viewer->next, feed->first); i < to; i++)
        discarded += (feed_part(feed, i)->flags & FEED_STARTS_FRAME) != 0;
    counters_add(viewer->counters, COUNTER_OUTBOUND_DISCARDED, discarded);
    counters_add_shared(viewer->path_counters, COUNTER_OUTBOUND_DISCARDED, discarded);
    viewer->next = to;
    viewer->behind_ns = 0;
}

static void on_slice_time(void *arg)
{
    webrtc_worker_mark(arg);
}

/* How many parts may go now; 0: not before the next slice's time. */
static uint64_t allowance(struct webrtc_worker *worker, struct webrtc_viewer *viewer,
                          int64_t now_ns)
{
    uint64_t pending = viewer->feed->next - viewer->next;
    if (!viewer->is_paced) {
        if (pending <= SLICE_FROM)
            return pending;
        int64_t window_ns = viewer->next < viewer->start_end ? start_window_ns : frame_window_ns;
        viewer->is_paced = true;
        viewer->slice =
            MAX((unsigned)(pending / (uint64_t)(window_ns / slice_ns)) + 1, (unsigned)SLICE_LEAST);
        viewer->slice_ns = now_ns;
    }
    bool is_time = now_ns >= viewer->slice_ns;
    if (is_time)
        viewer->slice_ns = now_ns + slice_ns;
    /* One timer for all: whom it finds too early starts it again. */
    if (!timer_is_running(&worker->pace))
        timer_start(worker->loop, &worker->pace, viewer->slice_ns - now_ns, on_slice_time, worker);
    return is_time ? viewer->slice : 0;
}

struct sent {
    uint64_t packets, bytes;
};

static void count_sent(struct webrtc_worker *worker, struct webrtc_viewer *viewer,
                       const struct sent *sent)
{
    if (sent->packets == 0)
        return;
    counters_add(viewer->counters, COUNTER_OUTBOUND_PACKETS, sent->packets);
    counters_add(viewer->counters, COUNTER_OUTBOUND_BYTES, sent->bytes);
    counters_add_shared(viewer->path_counters, COUNTER_OUTBOUND_BYTES, sent->bytes);
    counters_add(worker->loop->hub->counters, COUNTER_OUTBOUND_PACKETS, sent->packets);
}

/* Seals what the viewer has to get, until the socket is full. */
static void send_parts(struct webrtc_worker *worker, struct webrtc_viewer *viewer, uint64_t count)
{
    struct webrtc_sender *sender = worker->sender;
    struct sent           sent = { 0 };
    for (; count && viewer->next < viewer->feed->next; count--, viewer->next++) {
        const struct feed_part *part = feed_part(viewer->feed, viewer->next);
        struct webrtc_track    *track = taker_of(viewer, part);
        if (!track)
            continue;
        if (sender->is_blocked || (!has_room(sender) && !seal_and_send(worker)))
            break;
        struct webrtc_packet packet = number_part(track, part, viewer->next < viewer->start_end);
        add_packet(sender, viewer, &packet);
        track->in_frame = !(part->flags & FEED_MARKER);
        track->packets++;
        track->bytes += part->len;
        sent.packets++;
        sent.bytes += (uint64_t)part->len + RTP_HEADER;
    }
    count_sent(worker, viewer, &sent);
}

/* Returns whether there is more for it. */
static bool send_to_viewer(struct webrtc_worker *worker, struct webrtc_viewer *viewer,
                           int64_t now_ns)
{
    if (!viewer->is_playing)
        return false;
    if (viewer->next < viewer->feed->first ||
        (viewer->behind_ns && now_ns - viewer->behind_ns > give_up_ns))
        skip_ahead(viewer);
    if (viewer->next < viewer->feed->next)
        send_parts(worker, viewer, allowance(worker, viewer, now_ns));
    bool is_behind = viewer->next < viewer->feed->next;
    if (!is_behind)
        viewer->is_paced = false;
    viewer->behind_ns = is_behind && worker->sender->is_blocked
                            ? (viewer->behind_ns ? viewer->behind_ns : now_ns)
                            : 0;
    if (viewer->wants_report && !worker->sender->is_blocked && viewer->next >= viewer->start_end)
        webrtc_viewer_report(worker, viewer);
    return is_behind;
}

/* Returns whether all viewers have everything. */
static bool send_feed(struct webrtc_worker *worker, struct webrtc_feed *feed, int64_t now_ns)
{
    bool is_done = true;
    LIST_FOREACH_SAFE (struct webrtc_viewer, viewer, &feed->viewers, in_feed) {
        prefetch(viewer_next, WEBRTC_VIEWER_HOT);
        webrtc_viewer_prefetch(viewer);
        is_done &= !send_to_viewer(worker, viewer, now_ns);
    }
    /* Who is served first this time is served last next time. */
    struct list_node *first = list_take_first(&feed->viewers);
    if (first)
        list_append(&feed->viewers, first);
    return is_done;
}

void webrtc_send_flush(struct webrtc_worker *worker)
{
    if (worker->sender->is_blocked)
        return;
    int64_t now_ns = loop_now(worker->loop);
    LIST_FOREACH_SAFE (struct webrtc_feed, feed, &worker->active, in_active)
        if (send_feed(worker, feed, now_ns))
            list_remove(&feed->in_active);
    if (worker->sender->message_count && !worker->sender->is_blocked)
        (void)seal_and_send(worker);
}

void webrtc_send_resume(struct webrtc_worker *worker)
{
    ASSERT(worker->sender->job_count == 0);
    worker->sender->is_blocked = false;
    if (send_messages(worker))
        webrtc_send_flush(worker);
}

void webrtc_send_again(struct webrtc_worker *worker, struct webrtc_viewer *viewer,
                       const struct webrtc_packet *packet)
{
    struct webrtc_sender *sender = worker->sender;
    if (sender->is_blocked || (!has_room(sender) && !seal_and_send(worker)))
        return; /* it would come too late */
    add_packet(sender, viewer, packet);
    seal(sender); /* at once: nothing holds the part until the end of the turn */
    webrtc_worker_mark(worker);
}

void webrtc_send_rtcp(struct webrtc_worker *worker, struct webrtc_viewer *viewer, uint8_t *compound,
                      size_t len)
{
    struct webrtc_sender *sender = worker->sender;
    if (sender->is_blocked || (!has_room(sender) && !seal_and_send(worker)))
        return;
    len = srtcp_seal(sender->sealer, viewer->out_keys, viewer->rtcp_index++ & SRTCP_MAX_INDEX,
                     compound, len);
    memcpy(sender->arena + sender->used, compound, len);
    add_datagram(sender, viewer, len);
    webrtc_worker_mark(worker);
}
