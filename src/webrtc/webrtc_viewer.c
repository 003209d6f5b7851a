/* A viewer: where it starts, what its reports say, what it asks for again. */
#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/prefetch.h"
#include "base/random.h"
#include "rtp/rtcp.h"
#include "webrtc/webrtc_internal.h"

/* The rollover counter is never sent: it has to be 0 at the peer's first packet. */
enum { FIRST_NUMBERS = 1 << 14 };

/* A start that was missed is repeated. */
enum { MORE_STARTS = 2 };
static const int64_t start_over_ns = NS_PER_S;

enum {
    MAX_RTCP = 1500,
    REPORT_BYTES = WEBRTC_MAX_TRACKS * (RTCP_SR_SIZE + RTCP_SDES_SIZE(sizeof(WEBRTC_CNAME) - 1)),
};

void webrtc_viewer_prefetch(const struct webrtc_viewer *viewer)
{
    if (!viewer || !viewer->out_keys)
        return;
    srtp_keys_prefetch(viewer->out_keys);
    prefetch(viewer->counters, sizeof(*viewer->counters));
    prefetch((const char *)viewer->path_counters + CACHE_LINE, CACHE_LINE);
}

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

/* The serial of the newest keyframe; feed->next: there is none. */
static uint64_t find_start(const struct webrtc_viewer *viewer)
{
    const struct webrtc_feed *feed = viewer->feed;
    uint64_t                  first = feed->next;
    for (unsigned i = 0; i < viewer->track_count; i++) {
        const struct feed_track *from = &feed->tracks[viewer->tracks[i].feed_track];
        if (viewer->tracks[i].is_on && from->is_video && from->has_keyframe)
            first = MIN(first, from->keyframe);
    }
    return first;
}

/* From the newest keyframe on; where there is none, one is asked for. */
static void start(struct webrtc_viewer *viewer)
{
    struct webrtc_feed *feed = viewer->feed;
    bool                has_video = false;
    viewer->next = find_start(viewer);
    viewer->start_end = feed->next;
    for (unsigned i = 0; i < viewer->track_count; i++) {
        struct webrtc_track *track = &viewer->tracks[i];
        track->waits_for_keyframe = feed->tracks[track->feed_track].is_video;
        has_video |= track->is_on && track->waits_for_keyframe;
    }
    if (viewer->next < viewer->start_end)
        webrtc_feed_hold(feed, viewer->next);
    else if (has_video)
        stream_request_keyframe(feed->reader.stream);
    webrtc_worker_activate(feed->worker, feed);
}

/* They came between its answer and its start. */
static void refuse_b_frames(const struct webrtc_viewer *viewer)
{
    struct webrtc_feed *feed = viewer->feed;
    for (unsigned i = 0; i < viewer->track_count; i++) {
        feed->track = viewer->tracks[i].feed_track;
        if (viewer->tracks[i].is_on && feed->tracks[feed->track].has_b_frames)
            webrtc_worker_on_b_frames(feed->worker, feed);
    }
}

void webrtc_viewer_play(struct webrtc_viewer *viewer)
{
    for (unsigned i = 0; i < viewer->track_count; i++)
        viewer->tracks[i].next = random_u32() % FIRST_NUMBERS;
    viewer->tag_len = (uint8_t)srtp_tag_len(viewer->out_keys);
    viewer->is_playing = true;
    viewer->wants_report = true;
    viewer->played_ns = loop_now(viewer->feed->worker->loop);
    viewer->starts_left = MORE_STARTS;
    start(viewer);
    refuse_b_frames(viewer);
}

/*
 * Firefox throws away what comes before it has set up SRTP, and misses it without knowing: so what
 * asks for a keyframe right after the start, once it has everything, gets the start once more.
 * Later, or where there is none, it is for the source to help.
 */
static void on_keyframe_request(struct webrtc_viewer *viewer)
{
    int64_t age_ns = loop_now(viewer->feed->worker->loop) - viewer->played_ns;
    bool    is_new = age_ns <= start_over_ns && viewer->starts_left;
    if (is_new && viewer->next < viewer->start_end)
        return; /* it is still on its way */
    if (is_new && viewer->next == viewer->feed->next && find_start(viewer) < viewer->next) {
        viewer->starts_left--;
        start(viewer);
    } else {
        stream_request_keyframe(viewer->feed->reader.stream);
    }
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

/* What went out with that number. */
static bool find_sent(const struct webrtc_viewer *viewer, const struct webrtc_track *track,
                      uint64_t number, struct webrtc_packet *out)
{
    uint64_t serial;
    for (unsigned i = 0; i < track->delta_count; i++) {
        const struct webrtc_delta *delta = &track->deltas[i];
        if (delta->first > number)
            continue;
        if (!webrtc_feed_find(viewer->feed, track->feed_track, number - (uint64_t)delta->offset,
                              &serial))
            return false;
        *out = (struct webrtc_packet){ track, feed_part(viewer->feed, serial), number,
                                       number < delta->delay_end };
        return true;
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
                    const struct rtcp_packet *rtcp)
{
    struct rtcp_nack     nack;
    uint16_t             seq;
    struct webrtc_track *track;
    if (rtcp_parse_nack(rtcp, &nack) < 0 || !(track = find_track(viewer, nack.ssrc)))
        return;
    while (rtcp_next_lost(&nack, &seq)) {
        uint16_t             back = (uint16_t)((uint16_t)track->next - seq);
        struct webrtc_packet packet;
        if (back == 0 || back > track->next ||
            !find_sent(viewer, track, track->next - back, &packet))
            continue;
        if (!may_resend(viewer, loop_now(worker->loop)))
            return;
        webrtc_send_again(worker, viewer, &packet);
        counters_add(viewer->counters, COUNTER_OUTBOUND_RESENT, 1);
    }
}

static bool is_picture(struct webrtc_viewer *viewer, uint32_t ssrc)
{
    const struct webrtc_track *track = find_track(viewer, ssrc);
    return track && viewer->feed->tracks[track->feed_track].is_video;
}

static void on_feedback(struct webrtc_viewer *viewer, const struct rtcp_packet *packet)
{
    uint32_t        ssrc;
    struct rtcp_fir fir;
    bool            wants = rtcp_parse_pli(packet, &ssrc) == 0 && is_picture(viewer, ssrc);
    for (unsigned i = 0; !wants && rtcp_parse_fir(packet, i, &fir) == 0; i++)
        wants = is_picture(viewer, fir.ssrc);
    if (!wants)
        return;
    counters_add(viewer->counters, COUNTER_INBOUND_KEYFRAME_REQUESTS, 1);
    if (viewer->is_playing)
        on_keyframe_request(viewer);
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
    ssize_t len =
        srtcp_open_any(worker->sender->sealer, viewer->in_keys, &viewer->heard, bytes, sealed.len);
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
