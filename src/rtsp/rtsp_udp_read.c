#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "rtsp/rtsp_udp.h"

void rtsp_udp_read_batch(struct rtsp_udp_session *udp, const struct batch *batch, uint32_t mask)
{
    struct rtsp_session *session = udp->session;
    mask = udp->is_playing ? rtsp_read_wanted(session, batch, mask) : 0;
    if (!mask)
        return;
    unsigned discarded = queue_push(&udp->queue, batch, mask, loop_now(udp->udp->loop));
    if (discarded)
        rtsp_read_count_discarded(session, discarded);
}

static void play_from_ring(struct rtsp_udp_session *udp)
{
    const struct ring *ring = &udp->feed->ring;
    queue_start(&udp->queue);
    for (size_t i = 0; i < ring->count; i++)
        rtsp_udp_read_batch(udp, ring->batches[i], ring_mask(ring, i));
    queue_started(&udp->queue);
    rtsp_udp_send_later(udp->feed);
}

static void send_reports(struct rtsp_udp_session *udp)
{
    for (unsigned i = 0; i < udp->feed->track_count; i++) {
        const struct rtsp_udp_feed_track *track = &udp->feed->tracks[i];
        if (!track->has_report || !udp->session->tracks[i].is_set_up)
            continue;
        rtsp_udp_send(udp, i, RTSP_UDP_RTCP, (struct span){ track->report, RTCP_SR_SIZE });
        counters_add(udp->session->counters, COUNTER_OUTBOUND_RTCP, 1);
    }
}

void rtsp_udp_read_play(struct rtsp_udp_session *udp)
{
    if (!udp->feed)
        rtsp_udp_feed_join(udp);
    udp->is_playing = true;
    send_reports(udp);
    play_from_ring(udp);
}

void rtsp_udp_read_pause(struct rtsp_udp_session *udp)
{
    udp->is_playing = false;
    queue_clear(&udp->queue);
    rtsp_udp_feed_leave(udp);
}

void rtsp_udp_read_say_bye(struct rtsp_udp_session *udp)
{
    for (unsigned i = 0; udp->is_playing && i < udp->feed->track_count; i++) {
        const struct rtsp_udp_feed_track *track = &udp->feed->tracks[i];
        uint8_t                           bye[RTCP_BYE_SIZE];
        if (!track->has_report || !udp->session->tracks[i].is_set_up)
            continue;
        rtcp_write_bye(read_be32(track->report + 4), bye);
        rtsp_udp_send(udp, i, RTSP_UDP_RTCP, (struct span){ bye, sizeof(bye) });
    }
}

static const struct packet *first_in_ring(const struct ring *ring, unsigned track)
{
    for (size_t i = 0; i < ring->count; i++) {
        uint32_t bits = batch_track(ring->batches[i], (uint8_t)track) & ring_mask(ring, i);
        if (bits)
            return &ring->batches[i]->packets[__builtin_ctz(bits)];
    }
    return NULL;
}

bool rtsp_udp_read_next_packet(struct rtsp_udp_session *udp, unsigned track, uint16_t *seq,
                               uint32_t *ticks)
{
    struct stream              *stream = udp->session->reader.stream;
    const struct rtsp_udp_feed *feed = rtsp_udp_feed_find(udp->udp, stream_id(stream));
    const struct packet        *first = feed ? first_in_ring(&feed->ring, track) : NULL;
    if (first) {
        *seq = read_be16(first->p + 2);
        *ticks = first->ticks;
        return true;
    }
    if (!stream_next_packet(stream, track, seq, ticks))
        return false;
    if (feed)
        *seq = (uint16_t)(*seq + rtsp_udp_feed_surplus(feed, track));
    return true;
}
