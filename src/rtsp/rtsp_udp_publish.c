#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "rtp/rtp.h"
#include "rtsp/rtsp_udp.h"

static const int64_t log_lost_every_ns = NS_PER_S;

/* Routers and firewalls let in what answers a packet of ours. */
static void open_ways(struct rtsp_udp_session *udp)
{
    uint8_t rtp[RTP_HEADER], rtcp[RTCP_EMPTY_RR_SIZE];
    rtp_write(&(struct rtp_header){ 0 }, rtp);
    rtcp_write_empty_rr(0, rtcp);
    for (unsigned i = 0; i < udp->session->track_count; i++) {
        rtsp_udp_send(udp, i, RTSP_UDP_RTP, (struct span){ rtp, sizeof(rtp) });
        rtsp_udp_send(udp, i, RTSP_UDP_RTCP, (struct span){ rtcp, sizeof(rtcp) });
    }
}

void rtsp_udp_publish_start(struct rtsp_udp_session *udp)
{
    udp->heard_ns = loop_now(udp->udp->loop);
    udp->tracks = mem_new_array(struct rtsp_udp_track, udp->session->track_count);
    open_ways(udp);
}

/* Loss */

static void log_lost(struct rtsp_udp_session *udp, bool is_at_end)
{
    int64_t now_ns = loop_now(udp->udp->loop);
    bool    is_early = udp->lost_logged_ns && now_ns - udp->lost_logged_ns < log_lost_every_ns;
    if (!udp->unlogged_lost || (is_early && !is_at_end))
        return;
    LOG(&udp->session->log, LOG_WARN, "%llu RTP packet%s lost",
        (unsigned long long)udp->unlogged_lost, udp->unlogged_lost == 1 ? "" : "s");
    udp->unlogged_lost = 0;
    udp->lost_logged_ns = now_ns;
}

/* What is missing in front of `seq`; of a sender that has begun anew nothing is. */
static void count_lost(struct rtsp_udp_session *udp, const struct rtp_reorder *reorder,
                       uint16_t seq)
{
    int16_t missing = (int16_t)(seq - reorder->next);
    if (reorder->has_packets && missing > 0)
        udp->unlogged_lost += (uint64_t)missing;
}

/* Order */

static void give(struct rtsp_udp_session *udp, unsigned track, struct span packet)
{
    (void)ingest_copy_packet(udp->session->ingest, track, packet);
}

static void give_held(struct rtsp_udp_session *udp, unsigned track, struct rtsp_udp_held *held)
{
    give(udp, track, (struct span){ held->bytes, held->len });
    pool_give(&held->item);
}

static void mark_fed(struct rtsp_udp_session *udp)
{
    if (!list_contains_node(&udp->in_fed))
        list_append(&udp->udp->fed, &udp->in_fed);
}

/* What is missing in front of the first that waits. */
static void give_up_gap(struct rtsp_udp_session *udp, unsigned track)
{
    struct rtp_reorder   *reorder = &udp->tracks[track].reorder;
    uint16_t              due = reorder->next;
    struct rtsp_udp_held *held = rtp_reorder_skip(reorder);
    udp->unlogged_lost += (uint16_t)(held->seq - due);
    do
        give_held(udp, track, held);
    while ((held = rtp_reorder_take(reorder)));
}

static void give_up_all(struct rtsp_udp_session *udp, unsigned track)
{
    while (udp->tracks[track].reorder.held)
        give_up_gap(udp, track);
}

static void on_gap_time(void *arg);

/* One timer for all tracks: whom it finds too early starts it again. */
static void arm_gap_timer(struct rtsp_udp_session *udp)
{
    if (timer_is_running(&udp->gap_timer))
        return;
    int64_t first_ns = INT64_MAX;
    for (unsigned i = 0; i < udp->session->track_count; i++) {
        const struct rtsp_udp_held *held = rtp_reorder_peek(&udp->tracks[i].reorder);
        if (held)
            first_ns = MIN(first_ns, held->received_ns);
    }
    if (first_ns < INT64_MAX)
        timer_start(udp->udp->loop, &udp->gap_timer,
                    first_ns + RTSP_UDP_REORDER_NS - loop_now(udp->udp->loop), on_gap_time, udp);
}

static void on_gap_time(void *arg)
{
    struct rtsp_udp_session    *udp = arg;
    int64_t                     limit_ns = loop_now(udp->udp->loop) - RTSP_UDP_REORDER_NS;
    const struct rtsp_udp_held *held;
    for (unsigned i = 0; i < udp->session->track_count; i++)
        while ((held = rtp_reorder_peek(&udp->tracks[i].reorder)) && held->received_ns <= limit_ns)
            give_up_gap(udp, i);
    rtsp_udp_publish_end_turn(udp);
    arm_gap_timer(udp);
}

static void pass(struct rtsp_udp_session *udp, unsigned index, uint16_t seq, struct span packet)
{
    struct rtp_reorder   *reorder = &udp->tracks[index].reorder;
    struct rtsp_udp_held *held;
    count_lost(udp, reorder, seq);
    give(udp, index, packet);
    rtp_reorder_pass(reorder, seq);
    while (reorder->held && (held = rtp_reorder_take(reorder)))
        give_held(udp, index, held);
}

static void hold(struct rtsp_udp_session *udp, unsigned index, uint16_t seq, struct span packet)
{
    struct rtsp_udp_held *held = pool_take(&udp->udp->held);
    held->seq = seq;
    held->received_ns = loop_now(udp->udp->loop);
    held->len = (uint16_t)packet.len;
    memcpy(held->bytes, packet.p, packet.len);
    rtp_reorder_hold(&udp->tracks[index].reorder, seq, held);
    arm_gap_timer(udp);
}

/* The window moves on, no further than it has to. */
static void make_room(struct rtsp_udp_session *udp, unsigned index, uint16_t seq)
{
    struct rtp_reorder *reorder = &udp->tracks[index].reorder;
    while (reorder->held && !rtp_reorder_fits(reorder, seq))
        give_up_gap(udp, index);
}

/* A packet that is too long to wait goes on, behind those that come before it. */
static void give_up_before(struct rtsp_udp_session *udp, unsigned index, uint16_t seq)
{
    const struct rtsp_udp_held *held;
    while ((held = rtp_reorder_peek(&udp->tracks[index].reorder)) && (int16_t)(held->seq - seq) < 0)
        give_up_gap(udp, index);
}

/* Its numbers have nothing to do with those before. */
static void begin_anew(struct rtsp_udp_session *udp, unsigned index, uint32_t ssrc)
{
    give_up_all(udp, index);
    udp->tracks[index].reorder.has_packets = false;
    udp->tracks[index].ssrc = ssrc;
}

static void place(struct rtsp_udp_session *udp, unsigned index, uint16_t seq, struct span packet)
{
    struct rtp_reorder      *reorder = &udp->tracks[index].reorder;
    enum rtp_reorder_verdict verdict = rtp_reorder_judge(reorder, seq);
    if (verdict == RTP_REORDER_FAR) {
        make_room(udp, index, seq);
        if (rtp_reorder_fits(reorder, seq))
            verdict = rtp_reorder_judge(reorder, seq);
    }
    if (verdict == RTP_REORDER_LATE)
        return;
    if (verdict == RTP_REORDER_EARLY && packet.len <= RTSP_UDP_MAX_HELD) {
        hold(udp, index, seq, packet);
        return;
    }
    if (verdict == RTP_REORDER_EARLY)
        give_up_before(udp, index, seq);
    pass(udp, index, seq, packet);
}

void rtsp_udp_publish_packet(struct rtsp_udp_session *udp, unsigned index, struct span packet)
{
    struct rtp_header header;
    if (rtp_parse(packet, &header) < 0) {
        ingest_count_error(udp->session->ingest);
        return;
    }
    udp->heard_ns = loop_now(udp->udp->loop);
    mark_fed(udp);
    if (header.ssrc != udp->tracks[index].ssrc)
        begin_anew(udp, index, header.ssrc);
    place(udp, index, header.seq, packet);
}

void rtsp_udp_publish_end_turn(struct rtsp_udp_session *udp)
{
    ingest_end_turn(udp->session->ingest);
    log_lost(udp, false);
}

void rtsp_udp_publish_stop(struct rtsp_udp_session *udp)
{
    if (!udp->tracks)
        return;
    for (unsigned i = 0; i < udp->session->track_count; i++)
        give_up_all(udp, i);
    log_lost(udp, true);
    timer_stop(udp->udp->loop, &udp->gap_timer);
    list_remove(&udp->in_fed);
    udp->tracks = mem_free(udp->tracks);
}
