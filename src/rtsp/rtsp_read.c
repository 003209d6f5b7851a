/* The reading side of a session. */
#include "base/bytes.h"
#include "base/clock.h"
#include "rtp/interleaved.h"
#include "rtp/rtcp.h"
#include "rtsp/rtsp_udp.h"

static const int64_t log_discards_every_ns = NS_PER_S;

static struct rtsp_session *session_of(struct reader *reader)
{
    return CONTAINER_OF(reader, struct rtsp_session, reader);
}

/* What the client has set up of a batch. */
uint32_t rtsp_read_wanted(const struct rtsp_session *session, const struct batch *batch,
                          uint32_t mask)
{
    if (session->set_up_count == session->track_count)
        return mask;
    uint32_t bits = 0;
    for (uint32_t left = mask; left; left &= left - 1) {
        unsigned index = (unsigned)__builtin_ctz(left);
        if (session->track_mask >> batch->packets[index].track & 1)
            bits |= left & -left;
    }
    return bits;
}

static bool is_blocked(const struct rtsp_session *session)
{
    return session->udp ? session->udp->udp->is_blocked : session->conn->is_blocked;
}

static void log_discards(struct rtsp_session *session, bool is_at_end)
{
    int64_t now_ns = loop_now(session->conn->loop);
    if (!session->unlogged_discards ||
        (!is_at_end && now_ns - session->discards_logged_ns < log_discards_every_ns))
        return;
    LOG(&session->log, LOG_WARN, "reader is too slow, discarding %llu frames (%s)",
        (unsigned long long)session->unlogged_discards,
        is_blocked(session) ? "its socket is full" : "this worker is late");
    session->unlogged_discards = 0;
    session->discards_logged_ns = now_ns;
}

void rtsp_read_count_discarded(struct rtsp_session *session, unsigned frames)
{
    counters_add(session->counters, COUNTER_OUTBOUND_DISCARDED, frames);
    counters_add_shared(session->path_counters, COUNTER_OUTBOUND_DISCARDED, frames);
    session->unlogged_discards += frames;
    log_discards(session, false);
}

static void on_batch(struct reader *reader, const struct batch *batch, uint32_t mask)
{
    struct rtsp_session *session = session_of(reader);
    mask = rtsp_read_wanted(session, batch, mask);
    if (!mask)
        return;
    unsigned discarded = queue_push(&session->queue, batch, mask, loop_now(session->conn->loop));
    if (discarded)
        rtsp_read_count_discarded(session, discarded);
    rtsp_conn_mark(session->conn);
}

static void on_attached(struct reader *reader)
{
    struct rtsp_session *session = session_of(reader);
    session->attach = RTSP_ATTACHED;
    rtsp_conn_resume(session->conn);
}

static void on_end(struct reader *reader, enum stream_end reason)
{
    struct rtsp_session *session = session_of(reader);
    bool                 was_attaching = session->attach == RTSP_ATTACHING;
    session->attach = RTSP_STREAM_GONE;
    if (was_attaching)
        rtsp_conn_resume(session->conn);
    else
        rtsp_conn_close_later(session->conn, "terminated: the stream has ended");
}

static const struct reader_ops reader_ops = { on_attached, on_batch, on_end };

void rtsp_read_init(struct rtsp_session *session)
{
    session->reader.ops = &reader_ops;
    queue_init(&session->queue, &session->conn->loop->hub->settings->queue);
}

static bool has_canonical_channels(const struct rtsp_session *session)
{
    for (unsigned i = 0; i < session->track_count; i++) {
        const struct rtsp_track *track = &session->tracks[i];
        if (track->is_set_up && (track->rtp_channel != 2 * i || track->rtcp_channel != 2 * i + 1))
            return false;
    }
    return true;
}

void rtsp_read_play(struct rtsp_session *session)
{
    if (session->udp) {
        rtsp_udp_read_play(session->udp);
        return;
    }
    session->is_canonical = has_canonical_channels(session);
    queue_start(&session->queue);
    stream_play(&session->reader);
    queue_started(&session->queue);
    rtsp_conn_mark(session->conn);
}

void rtsp_read_pause(struct rtsp_session *session)
{
    if (session->udp)
        rtsp_udp_read_pause(session->udp);
    stream_pause(&session->reader);
    rtsp_write_finish_packet(session->conn);
    queue_clear(&session->queue);
}

void rtsp_read_fini(struct rtsp_session *session)
{
    log_discards(session, true);
    stream_detach(&session->reader);
    queue_fini(&session->queue);
}

bool rtsp_read_next_packet(struct rtsp_session *session, unsigned track, uint16_t *seq,
                           uint32_t *ticks)
{
    if (session->udp)
        return rtsp_udp_read_next_packet(session->udp, track, seq, ticks);
    return stream_next_packet(session->reader.stream, track, seq, ticks);
}

void rtsp_read_say_bye(struct rtsp_session *session)
{
    struct rtsp_conn *conn = session->conn;
    struct stream    *stream = session->reader.stream;
    if (!stream)
        return;
    if (session->udp) {
        rtsp_udp_read_say_bye(session->udp);
        return;
    }
    rtsp_read_pause(session);
    for (unsigned i = 0; i < session->track_count; i++) {
        const struct stream_track *track = stream_track(stream, i);
        if (!session->tracks[i].is_set_up || !track->has_packets)
            continue;
        uint8_t bye[INTERLEAVED_HEADER + RTCP_BYE_SIZE];
        interleaved_write_header(bye, session->tracks[i].rtcp_channel, RTCP_BYE_SIZE);
        rtcp_write_bye(track->ssrc, bye + INTERLEAVED_HEADER);
        buf_append(&conn->out, (struct span){ bye, sizeof(bye) });
    }
}
