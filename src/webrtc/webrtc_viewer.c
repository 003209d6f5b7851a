/* A viewer: where it starts, what its reports say, what it asks for again. */
#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "rtp/rtcp.h"
#include "webrtc/webrtc_internal.h"

/* The rollover counter is never sent: it has to be 0 at the peer's first packet. */
enum { FIRST_NUMBERS = 1 << 14 };

enum { MAX_RTCP = 1500, REPORT_BYTES = WEBRTC_MAX_TRACKS * (RTCP_SR_SIZE + 24) };

void webrtc_viewer_init(struct webrtc_viewer *viewer)
{
    viewer->counters = counters_create();
}

void webrtc_viewer_fini(struct webrtc_viewer *viewer, struct webrtc_worker *worker)
{
    webrtc_feed_leave(viewer);
    webrtc_send_forget(worker->sender, viewer);
    viewer->out_keys = srtp_keys_destroy(viewer->out_keys);
    viewer->in_keys = srtp_keys_destroy(viewer->in_keys);
    viewer->counters = counters_unref(viewer->counters);
    viewer->path_counters = counters_unref(viewer->path_counters);
}

static void start_track(struct webrtc_viewer *viewer, struct webrtc_track *track)
{
    const struct feed_track *from = &viewer->feed->tracks[track->feed_track];
    track->next = random_u32() % FIRST_NUMBERS;
    track->waits_for_keyframe = from->is_video;
    if (from->is_video && from->has_keyframe)
        viewer->next = MIN(viewer->next, from->keyframe);
}

void webrtc_viewer_play(struct webrtc_viewer *viewer)
{
    viewer->tag_len = srtp_tag_len(viewer->out_keys);
    viewer->next = viewer->start_end = viewer->feed->next;
    for (unsigned i = 0; i < viewer->track_count; i++)
        if (viewer->tracks[i].is_on)
            start_track(viewer, &viewer->tracks[i]);
    if (viewer->next < viewer->start_end)
        webrtc_feed_hold(viewer->feed, viewer->next);
    viewer->is_playing = true;
    viewer->wants_report = true;
    webrtc_worker_activate(viewer->feed->worker, viewer->feed);
}

/* Sender reports */

void webrtc_viewer_report(struct webrtc_worker *worker, struct webrtc_viewer *viewer)
{
    uint8_t compound[REPORT_BYTES + SRTCP_MAX_TRAILER];
    size_t  len = 0;
    viewer->wants_report = false;
    for (unsigned i = 0; i < viewer->track_count; i++) {
        const struct webrtc_track *track = &viewer->tracks[i];
        struct rtcp_sender_info    info = { .ssrc = track->ssrc,
                                            .packets = track->packets,
                                            .bytes = track->bytes };
        if (!track->is_on || track->packets == 0 ||
            !webrtc_feed_clock(viewer->feed, track->feed_track, &info.ntp, &info.ticks))
            continue;
        rtcp_write_sr(&info, compound + len);
        len += RTCP_SR_SIZE;
        len += rtcp_write_sdes(track->ssrc, BYTES(WEBRTC_CNAME), compound + len);
    }
    if (len == 0)
        return;
    webrtc_send_rtcp(worker, viewer, compound, len);
    counters_add(viewer->counters, COUNTER_OUTBOUND_RTCP, 1);
}

/* What the peer says */

static struct webrtc_track *find_track(struct webrtc_viewer *viewer, uint32_t ssrc)
{
    for (unsigned i = 0; i < viewer->track_count; i++)
        if (viewer->tracks[i].is_on && viewer->tracks[i].ssrc == ssrc)
            return &viewer->tracks[i];
    return NULL;
}

/* Both in 1/65536 s of the stream's own clock (RFC 3550, section 6.4.1). */
static void take_round_trip(struct webrtc_viewer *viewer, const struct webrtc_track *track,
                            const struct rtcp_report_block *block)
{
    uint64_t ntp;
    uint32_t ticks;
    if (!block->last_sr || !webrtc_feed_clock(viewer->feed, track->feed_track, &ntp, &ticks))
        return;
    int32_t round_trip = (int32_t)((uint32_t)(ntp >> 16) - block->last_sr - block->delay_since_sr);
    if (round_trip >= 0)
        viewer->rtt_ns = muldiv(round_trip, NS_PER_S, 65536);
}

static void on_report(struct webrtc_viewer *viewer, const struct rtcp_packet *packet)
{
    struct rtcp_report_block block;
    for (unsigned i = 0; i < packet->count; i++) {
        if (rtcp_parse_report_block(packet, i, &block) < 0)
            return;
        struct webrtc_track *track = find_track(viewer, block.ssrc);
        if (!track)
            continue;
        track->lost = (uint32_t)MAX(block.lost, 0);
        track->jitter = block.jitter;
        take_round_trip(viewer, track, &block);
    }
}

/* The part that went out with that number. */
static bool find_sent(const struct webrtc_viewer *viewer, const struct webrtc_track *track,
                      uint64_t number, uint64_t *serial)
{
    for (unsigned i = track->delta_count; i-- > 0;) {
        const struct webrtc_delta *delta = &track->deltas[i];
        if (delta->first <= number)
            return webrtc_feed_find(viewer->feed, track->feed_track,
                                    number - (uint64_t)delta->offset, serial);
    }
    return false;
}

static bool may_resend(struct webrtc_viewer *viewer, int64_t now_ns)
{
    if (now_ns - viewer->resends_ns >= NS_PER_S) {
        viewer->resends_ns = now_ns;
        viewer->resends = WEBRTC_RESENDS_A_SECOND;
    }
    return viewer->resends && viewer->resends--;
}

static void on_nack(struct webrtc_worker *worker, struct webrtc_viewer *viewer,
                    const struct rtcp_packet *packet)
{
    struct rtcp_nack     nack;
    uint16_t             seq;
    struct webrtc_track *track;
    if (rtcp_parse_nack(packet, &nack) < 0 || !(track = find_track(viewer, nack.ssrc)))
        return;
    while (rtcp_next_lost(&nack, &seq)) {
        uint16_t back = (uint16_t)((uint16_t)track->next - seq);
        uint64_t number = track->next - back, serial;
        if (back == 0 || back > track->next || !find_sent(viewer, track, number, &serial))
            continue;
        if (!may_resend(viewer, loop_now(worker->loop)))
            return;
        webrtc_send_again(worker, viewer, track, serial, number);
        counters_add(viewer->counters, COUNTER_OUTBOUND_RESENT, 1);
    }
}

static void on_feedback(struct webrtc_viewer *viewer, const struct rtcp_packet *packet)
{
    uint32_t        ssrc;
    struct rtcp_fir fir;
    if (rtcp_parse_pli(packet, &ssrc) == 0 || rtcp_parse_fir(packet, 0, &fir) == 0)
        counters_add(viewer->counters, COUNTER_INBOUND_KEYFRAME_REQUESTS, 1);
}

static void on_packet(struct webrtc_worker *worker, struct webrtc_viewer *viewer,
                      const struct rtcp_packet *packet)
{
    switch (packet->type) {
    case RTCP_SR:
    case RTCP_RR:
        on_report(viewer, packet);
        break;
    case RTCP_RTPFB:
        if (packet->count == RTCP_RTPFB_NACK)
            on_nack(worker, viewer, packet);
        break;
    case RTCP_PSFB:
        on_feedback(viewer, packet);
        break;
    default:
        break;
    }
}

void webrtc_viewer_on_rtcp(struct webrtc_worker *worker, struct webrtc_viewer *viewer,
                           struct span sealed)
{
    uint8_t bytes[MAX_RTCP];
    if (!viewer->in_keys || !viewer->feed || sealed.len > sizeof(bytes))
        return;
    memcpy(bytes, sealed.p, sealed.len);
    ssize_t len = srtcp_open(worker->sender->sealer, viewer->in_keys, &viewer->rtcp_replay, bytes,
                             sealed.len);
    if (len < 0)
        return;
    counters_add(viewer->counters, COUNTER_INBOUND_RTCP, 1);
    struct span        rest = { bytes, (size_t)len };
    struct rtcp_packet packet;
    for (ssize_t used; rest.len && (used = rtcp_next(rest, &packet)) > 0;) {
        on_packet(worker, viewer, &packet);
        rest = span_skip(rest, (size_t)used);
    }
}
