/*
 * A stream's packets as all UDP readers of a worker get them: one behind the other, without the
 * headers that TCP wants between them, so that packets of one size go out in one message; and
 * smaller where they are over `udpMaxPayloadSize`. Numbers and SSRC are the same for everybody.
 */
#include "rtsp/rtsp_udp.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "rtp/rtp.h"
#include "stream/media_refit.h"

struct rtsp_udp_feed *rtsp_udp_feed_find(const struct rtsp_udp *udp, uint64_t stream)
{
    return map_get(udp->feeds, stream_key(&stream));
}

static struct hub *hub_of(const struct rtsp_udp_feed *feed)
{
    return feed->udp->loop->hub;
}

static size_t max_payload(const struct rtsp_udp_feed *feed)
{
    return (size_t)feed->udp->server->conf->udp_max_payload_bytes;
}

/* What is sent */

static void publish(struct rtsp_udp_feed *feed)
{
    struct batch *batch = feed->open;
    if (!batch)
        return;
    feed->open = NULL;
    batch_freeze(batch);
    ring_put(&feed->ring, batch);
    LIST_FOREACH (struct rtsp_udp_session, session, &feed->readers, in_feed)
        rtsp_udp_read_batch(session, batch, batch_all(batch));
    batch_unref(batch);
    rtsp_udp_send_later(feed);
}

/* Room for `len` bytes behind what is there. */
static uint8_t *reserve_bytes(struct rtsp_udp_feed *feed, size_t len)
{
    if (!feed->slab || feed->slab->size - feed->slab_used < len) {
        if (feed->slab)
            slab_unref(feed->slab);
        feed->slab = hub_take_slab(hub_of(feed), len > SLAB_SMALL);
        feed->slab_used = 0;
    }
    return feed->slab->bytes + feed->slab_used;
}

void rtsp_udp_feed_rest(struct rtsp_udp_feed *feed)
{
    if (!feed->slab || !slab_is_unshared(feed->slab))
        return;
    slab_unref(feed->slab);
    feed->slab = NULL;
}

/* The next `len` bytes of the slab are a packet. Returns its bit in feed->open. */
static uint32_t add(struct rtsp_udp_feed *feed, size_t len, uint32_t ticks)
{
    if (feed->open && !batch_has_room(feed->open, feed->slab))
        publish(feed);
    if (!feed->open) {
        feed->open = batch_take(&hub_of(feed)->batches);
        feed->open->received_ns = feed->received_ns;
    }
    struct packet packet = { .p = feed->slab->bytes + feed->slab_used,
                             .len = (uint16_t)len,
                             .track = (uint8_t)feed->track,
                             .ticks = ticks };
    feed->slab_used += (uint32_t)len;
    return batch_add(feed->open, feed->slab, &packet);
}

/* Packets that are made smaller */

static uint8_t *reserve(void *arg, size_t len)
{
    return reserve_bytes(arg, RTP_HEADER + len) + RTP_HEADER;
}

static void on_part(void *arg, const struct refit_part *part)
{
    struct rtsp_udp_feed       *feed = arg;
    struct rtsp_udp_feed_track *track = &feed->tracks[feed->track];
    struct rtp_header           header = feed->header;
    size_t                      len = RTP_HEADER + part->payload.len;
    uint8_t                    *out = reserve_bytes(feed, len);
    header.marker = part->marker;
    header.seq = track->next_seq++;
    header.ticks = part->ticks;
    rtp_write(&header, out);
    if (!part->is_own)
        memcpy(out + RTP_HEADER, part->payload.p, part->payload.len);
    bool is_video =
        stream_description(feed->reader.stream)->sdp.media[feed->track].codec->kind == CODEC_VIDEO;
    uint32_t bit = add(feed, len, part->ticks);
    feed->open->video |= is_video ? bit : 0;
    feed->open->frame_starts |= part->starts_frame || part->starts_keyframe ? bit : 0;
    feed->open->frame_ends |= part->marker || !is_video ? bit : 0;
    feed->open->keyframes |= part->starts_keyframe ? bit : 0;
}

/* What is lost shows as a gap of its size; what comes late, or twice, is not given out again. */
static void follow_numbers(struct rtsp_udp_feed_track *track, uint16_t seq)
{
    int16_t ahead = (int16_t)(seq - track->in_seq);
    if (!track->has_packets)
        track->next_seq = seq;
    else if (ahead > 1)
        track->next_seq = (uint16_t)(track->next_seq + ahead - 1);
    if (!track->has_packets || ahead > 0 || ahead < -RTP_MAX_MISORDER)
        track->in_seq = seq;
    track->has_packets = true;
}

static void make_smaller(struct rtsp_udp_feed *feed, const struct packet *packet)
{
    const struct refit_sink     sink = { feed, reserve, on_part };
    struct rtsp_udp_feed_track *track = &feed->tracks[packet->track];
    if (rtp_parse((struct span){ packet->p, packet->len }, &feed->header) < 0)
        return;
    follow_numbers(track, feed->header.seq);
    refit_packet(track->refit, &feed->header, &sink);
}

uint16_t rtsp_udp_feed_surplus(const struct rtsp_udp_feed *feed, unsigned index)
{
    const struct rtsp_udp_feed_track *track = &feed->tracks[index];
    return track->has_packets ? (uint16_t)(track->next_seq - track->in_seq - 1) : 0;
}

static void begin_making_smaller(struct rtsp_udp_feed *feed, const struct packet *packet)
{
    const struct sdp        *sdp = &stream_description(feed->reader.stream)->sdp;
    struct rtsp_udp_session *first = LIST_FIRST(&feed->readers, struct rtsp_udp_session, in_feed);
    struct refit            *refit = mem_new(struct refit);
    size_t fit = MIN(max_payload(feed) - RTP_HEADER, (size_t)REFIT_MAX_UDP_PAYLOAD);
    media_refit_init(refit, &sdp->media[packet->track], fit);
    refit_pass_large(refit);
    feed->tracks[packet->track].refit = refit;
    if (first)
        LOG(&first->session->log, LOG_WARN,
            "RTP packets are too big (%u > %zu), remuxing them into smaller ones",
            packet->len - (unsigned)RTP_HEADER, fit);
}

/* Packets that fit */

static uint32_t bit_if(uint32_t bits, unsigned index, uint32_t bit)
{
    return bits >> index & 1 ? bit : 0;
}

static void copy_packet(struct rtsp_udp_feed *feed, const struct batch *batch, unsigned index)
{
    const struct packet *packet = &batch->packets[index];
    uint8_t             *out = reserve_bytes(feed, packet->len);
    memcpy(out, packet->p, packet->len);
    counters_add(hub_of(feed)->counters, COUNTER_COPIED_BYTES, packet->len);
    uint32_t bit = add(feed, packet->len, packet->ticks);
    feed->open->video |= bit_if(batch->video, index, bit);
    feed->open->frame_starts |= bit_if(batch->frame_starts, index, bit);
    feed->open->frame_ends |= bit_if(batch->frame_ends, index, bit);
    feed->open->keyframes |= bit_if(batch->keyframes, index, bit);
}

static void take_packet(struct rtsp_udp_feed *feed, const struct batch *batch, unsigned index)
{
    const struct packet        *packet = &batch->packets[index];
    struct rtsp_udp_feed_track *track = &feed->tracks[packet->track];
    feed->track = packet->track;
    if (!track->refit && packet->len > max_payload(feed))
        begin_making_smaller(feed, packet);
    if (track->refit)
        make_smaller(feed, packet);
    else
        copy_packet(feed, batch, index);
}

static void take_report(struct rtsp_udp_feed *feed, const struct packet *packet)
{
    struct rtsp_udp_feed_track *track = &feed->tracks[packet->track];
    ASSERT(packet->len == RTCP_SR_SIZE);
    memcpy(track->report, packet->p, RTCP_SR_SIZE);
    track->has_report = true;
    rtsp_udp_send_report(feed, packet->track);
}

/* The stream */

static void on_batch(struct reader *reader, const struct batch *batch, uint32_t mask)
{
    struct rtsp_udp_feed *feed = CONTAINER_OF(reader, struct rtsp_udp_feed, reader);
    feed->received_ns = batch->received_ns;
    if (batch->bytes <= SLAB_LARGE) /* in one piece: each cut is another message to each reader */
        (void)reserve_bytes(feed, batch->bytes);
    for (uint32_t left = mask; left; left &= left - 1) {
        unsigned index = (unsigned)__builtin_ctz(left);
        if (batch->reports >> index & 1)
            take_report(feed, &batch->packets[index]);
        else
            take_packet(feed, batch, index);
    }
    publish(feed);
}

static void on_attached(struct reader *reader)
{
    struct rtsp_udp_feed *feed = CONTAINER_OF(reader, struct rtsp_udp_feed, reader);
    feed->track_count = stream_description(reader->stream)->sdp.media_count;
}

/* Its readers are told by themselves, and leave then. */
static void on_end(struct reader *reader, enum stream_end reason)
{
    struct rtsp_udp_feed *feed = CONTAINER_OF(reader, struct rtsp_udp_feed, reader);
    map_remove(feed->udp->feeds, stream_key(&feed->stream));
    feed->is_over = true;
    rtsp_udp_send_later(feed);
}

static const struct reader_ops feed_ops = { on_attached, on_batch, on_end };

static struct rtsp_udp_feed *feed_create(struct rtsp_udp *udp, uint64_t stream, unsigned owner)
{
    struct rtsp_udp_feed      *feed = mem_new(struct rtsp_udp_feed);
    const struct hub_settings *settings = udp->loop->hub->settings;
    *feed = (struct rtsp_udp_feed){ .reader.ops = &feed_ops, .udp = udp, .stream = stream };
    list_init(&feed->readers);
    ring_init(&feed->ring, settings->ring_for_players ? settings->ring_bytes : 0);
    map_put(udp->feeds, stream_key(&feed->stream), feed);
    stream_attach(udp->loop->hub, stream, owner, &feed->reader);
    ASSERT(feed->reader.stream && feed->track_count); /* as the session is attached to it */
    stream_play(&feed->reader);
    return feed;
}

static void feed_destroy(struct rtsp_udp_feed *feed)
{
    if (!feed->is_over)
        map_remove(feed->udp->feeds, stream_key(&feed->stream));
    list_remove(&feed->in_active);
    stream_detach(&feed->reader);
    ring_fini(&feed->ring);
    if (feed->slab)
        slab_unref(feed->slab);
    for (unsigned i = 0; i < feed->track_count; i++)
        mem_free(feed->tracks[i].refit);
    mem_free(feed);
}

void rtsp_udp_feed_join(struct rtsp_udp_session *session)
{
    const struct stream  *stream = session->session->reader.stream;
    struct rtsp_udp_feed *feed = rtsp_udp_feed_find(session->udp, stream_id(stream));
    if (!feed)
        feed = feed_create(session->udp, stream_id(stream), stream_owner(stream));
    session->feed = feed;
    list_append(&feed->readers, &session->in_feed);
}

void rtsp_udp_feed_leave(struct rtsp_udp_session *session)
{
    struct rtsp_udp_feed *feed = session->feed;
    if (!feed)
        return;
    session->feed = NULL;
    list_remove(&session->in_feed);
    if (list_is_empty(&feed->readers))
        feed_destroy(feed);
}
