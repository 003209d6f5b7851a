/* The publishing side of a session. */
#include <errno.h>
#include <inttypes.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "rtp/interleaved.h"
#include "rtp/rtcp.h"
#include "rtsp/rtsp_udp.h"

/* Then others have their turn: a keyframe of a large stream comes in several. */
enum { RECEIVE_A_TURN = 256 * 1024 };

/* A fault that stays is told of so often. */
static const int64_t jumps_told_ns = 60 * NS_PER_S;

static void tell_of_jumps(struct rtsp_session *session, int64_t now_ns)
{
    uint64_t jumps = ingest_repairs(session->ingest);
    counters_set(session->counters, COUNTER_INBOUND_JUMPS, jumps);
    bool is_time = !session->logged_jumps || now_ns - session->jumps_logged_ns >= jumps_told_ns;
    if (jumps == session->logged_jumps || !is_time)
        return;
    LOG(&session->log, LOG_WARN,
        "the publisher's timestamps or sequence numbers have jumped (%" PRIu64
        " times by now); readers' go on",
        jumps);
    session->logged_jumps = jumps;
    session->jumps_logged_ns = now_ns;
}

/* RTCP of our own; lost where the client does not take what was sent before. */
static void send_rtcp(struct rtsp_session *session, unsigned track, struct span compound)
{
    struct rtsp_conn *conn = session->conn;
    uint8_t           header[INTERLEAVED_HEADER];
    counters_add(session->counters, COUNTER_OUTBOUND_RTCP, 1);
    if (session->udp) {
        rtsp_udp_send(session->udp, track, RTSP_UDP_RTCP, compound);
        return;
    }
    interleaved_write_header(header, session->tracks[track].rtcp_channel, (uint16_t)compound.len);
    if (conn->out.len >= RTSP_MAX_OUT)
        return;
    buf_append(&conn->out, (struct span){ header, sizeof(header) });
    buf_append(&conn->out, compound);
    rtsp_conn_mark(conn);
}

/* Receiver reports: loss and jitter, as the publisher's congestion control wants to know. */
static void on_report_time(void *arg)
{
    struct rtsp_session *session = arg;
    struct rtsp_conn    *conn = session->conn;
    int64_t              now_ns = loop_now(conn->loop);
    timer_start(conn->loop, &session->report_timer, conn->server->conf->rtcp_report_period_ns,
                on_report_time, session);
    uint64_t lost = 0;
    for (unsigned i = 0; i < session->track_count; i++) {
        struct ingest_track *track = &session->ingest->tracks[i];
        if (!track->receiver.has_packets)
            continue;
        lost += rtp_receiver_lost(&track->receiver);
        struct rtcp_report_block block = rtp_receiver_report(&track->receiver, now_ns);
        uint8_t                  report[RTCP_RR_SIZE];
        rtcp_write_rr(track->out_ssrc, &block, report);
        send_rtcp(session, i, (struct span){ report, sizeof(report) });
    }
    counters_set(session->counters, COUNTER_INBOUND_LOST, lost);
    tell_of_jumps(session, now_ns);
}

/* Requests for a keyframe, to publishers that take them. */

#define CNAME "millrace"

enum { MAX_REQUEST = RTCP_EMPTY_RR_SIZE + RTCP_SDES_SIZE(sizeof(CNAME) - 1) + RTCP_FIR_SIZE };

static bool takes_requests(const struct rtsp_session *session, unsigned track)
{
    return session->ingest->tracks[track].codec->kind == CODEC_VIDEO &&
           session->feedback[track] & (SDP_NACK_PLI | SDP_CCM_FIR);
}

/* Behind a report, as RTCP has to be; alone it would be for those who say so (RFC 5506). */
static size_t write_keyframe_request(struct rtsp_session *session, unsigned track,
                                     uint8_t out[MAX_REQUEST])
{
    uint32_t ours = session->ingest->tracks[track].out_ssrc;
    uint32_t theirs = session->ingest->tracks[track].receiver.ssrc;
    rtcp_write_empty_rr(ours, out);
    size_t len = RTCP_EMPTY_RR_SIZE;
    len += rtcp_write_sdes(ours, BYTES(CNAME), out + len);
    if (session->feedback[track] & SDP_NACK_PLI) {
        rtcp_write_pli(ours, theirs, out + len);
        return len + RTCP_PLI_SIZE;
    }
    struct rtcp_fir fir = { .ssrc = theirs, .seq = session->fir_count++ };
    rtcp_write_fir(ours, &fir, out + len);
    return len + RTCP_FIR_SIZE;
}

static void on_keyframe_request(struct source *source)
{
    struct rtsp_session *session = CONTAINER_OF(source, struct rtsp_session, source);
    for (unsigned i = 0; i < session->track_count; i++) {
        const struct ingest_track *track = &session->ingest->tracks[i];
        if (!takes_requests(session, i) || !track->receiver.has_packets)
            continue;
        uint8_t request[MAX_REQUEST];
        size_t  len = write_keyframe_request(session, i, request);
        send_rtcp(session, i, (struct span){ request, len });
    }
}

static const struct source_ops source_ops = { on_keyframe_request };

void rtsp_publish_start(struct rtsp_session *session, struct path_request *answer)
{
    struct rtsp_conn *conn = session->conn;
    uint32_t          ssrcs[STREAM_MAX_TRACKS];
    for (unsigned i = 0; i < COUNT(ssrcs); i++)
        ssrcs[i] = random_u32();
    session->stream = stream_create(conn->loop->hub, answer->stream,
                                    description_ref(session->description), answer->counters);
    session->ingest = mem_new_aligned(struct ingest);
    ingest_init(session->ingest, conn->loop->hub, session->stream, session->counters, ssrcs);
    session->ingest->is_absolute = answer->use_absolute_timestamp;
    session->source.ops = &source_ops;
    for (unsigned i = 0; i < session->track_count; i++)
        if (takes_requests(session, i))
            stream_set_source(session->stream, &session->source);
    session->state = RTSP_RECORD;
    if (session->udp)
        rtsp_udp_publish_start(session->udp);
    timer_start(conn->loop, &session->report_timer, conn->server->conf->rtcp_report_period_ns,
                on_report_time, session);
    rtsp_conn_set_timer(conn);
}

/* Behind the request that ended recording there may be others. */
static void keep_unparsed(struct rtsp_conn *conn, const struct ingest *ingest)
{
    struct buf unparsed = { 0 };
    buf_append(&unparsed, ingest_unparsed(ingest));
    buf_append(&unparsed, buf_span(&conn->in));
    buf_fini(&conn->in);
    conn->in = unparsed;
}

void rtsp_publish_stop(struct rtsp_session *session)
{
    if (!session->ingest)
        return;
    struct rtsp_conn *conn = session->conn;
    timer_stop(conn->loop, &session->report_timer);
    if (session->udp)
        rtsp_udp_publish_stop(session->udp);
    if (!session->udp) /* else the request that ends it may lie there */
        keep_unparsed(conn, session->ingest);
    ingest_fini(session->ingest);
    session->ingest = mem_free(session->ingest);
    session->stream = stream_end(session->stream);
    session->state = RTSP_PRE_RECORD;
}

static void on_sender_report(struct rtsp_session *session, unsigned track,
                             const struct rtcp_packet *packet)
{
    struct rtcp_sender_info info;
    if (rtcp_parse_sender_info(packet, &info) < 0)
        return;
    ingest_take_report(session->ingest, track, info.ntp, info.ticks);
}

int64_t rtsp_publish_heard_ns(const struct rtsp_session *session)
{
    return session->udp ? session->udp->heard_ns : session->conn->heard_ns;
}

void rtsp_publish_take_rtcp(struct rtsp_session *session, unsigned track, struct span compound)
{
    counters_add(session->counters, COUNTER_INBOUND_RTCP, 1);
    struct rtcp_packet packet;
    ssize_t            used;
    while (compound.len && (used = rtcp_next(compound, &packet)) > 0) {
        if (packet.type == RTCP_SR)
            on_sender_report(session, track, &packet);
        compound = span_skip(compound, (size_t)used);
    }
}

static void on_frame(struct rtsp_session *session, const struct interleaved_frame *frame,
                     size_t len)
{
    bool is_rtcp;
    int  track = rtsp_session_find_channel(session, frame->channel, &is_rtcp);
    session->conn->heard_ns = loop_now(session->conn->loop);
    session->is_lost = session->is_lost && track < 0;
    if (track >= 0 && !is_rtcp) {
        (void)ingest_take_packet(session->ingest, (unsigned)track, len);
        return;
    }
    if (track >= 0)
        rtsp_publish_take_rtcp(session, (unsigned)track, frame->payload);
    ingest_skip(session->ingest, len);
}

/* One more than the highest that the publisher's tracks are on. */
static unsigned channels_end(const struct rtsp_session *session)
{
    unsigned end = 0;
    for (unsigned i = 0; i < session->track_count; i++)
        end = MAX(end, 1u + MAX(session->tracks[i].rtp_channel, session->tracks[i].rtcp_channel));
    return end;
}

/* Some cameras write it between frames, or cut one short. */
static ssize_t pass_over_rubbish(struct rtsp_session *session, struct span in)
{
    size_t len = interleaved_resync(in, channels_end(session));
    session->is_lost = true;
    ingest_count_error(session->ingest);
    ingest_skip(session->ingest, len);
    return (ssize_t)len;
}

/* A request amid the packets. Its bytes are held while it is answered: it may end the stream. */
static ssize_t on_request(struct rtsp_session *session, struct span in)
{
    struct rtsp_conn *conn = session->conn;
    struct message    message;
    if (in.p[0] == '\r' || in.p[0] == '\n') { /* as in rtsp_conn.c, but no sign of media */
        ingest_skip(session->ingest, 1);
        return 1;
    }
    if (!interleaved_may_start(in, 0))
        return pass_over_rubbish(session, in);
    ssize_t used = message_parse(in, &message);
    if (used == -EBADMSG || used == -EPROTONOSUPPORT)
        return pass_over_rubbish(session, in);
    if (used > MESSAGE_MAX_HEAD || (used == -EAGAIN && in.len > MESSAGE_MAX_HEAD))
        return -EMSGSIZE; /* it would have to fit into a slab with its body */
    if (used < 0)
        return used;
    ingest_skip(session->ingest, (size_t)used);
    conn->heard_ns = loop_now(conn->loop);
    if (message.is_response)
        return used;
    struct slab *slab = slab_ref(session->ingest->slab);
    int          err = rtsp_request_handle(conn, &message);
    slab_unref(slab);
    return err < 0 ? err : used;
}

/* One frame or request. Returns a positive number, -EAGAIN or an error. */
static ssize_t handle_one(struct rtsp_session *session)
{
    struct span              in = ingest_unparsed(session->ingest);
    struct interleaved_frame frame;
    if (in.len == 0)
        return -EAGAIN;
    if (session->is_lost && !interleaved_may_start(in, channels_end(session)))
        return pass_over_rubbish(session, in);
    ssize_t used = interleaved_parse(in, &frame);
    if (used > 0)
        on_frame(session, &frame, (size_t)used);
    else if (used == -EBADMSG)
        used = on_request(session, in);
    else if (used == -EAGAIN && in.len >= INTERLEAVED_HEADER &&
             ingest_expect(session->ingest, INTERLEAVED_HEADER + (size_t)read_be16(in.p + 2)) < 0)
        used = -EMSGSIZE;
    return used;
}

/* A request may have ended it, and the session with it. */
static bool is_recording(const struct rtsp_conn *conn, const struct rtsp_session *session)
{
    return !conn->is_closed && conn->session == session && rtsp_session_records_tcp(session);
}

/* Everything that is there. Not touched any more once the session stops recording. */
static int handle_all(struct rtsp_session *session)
{
    struct rtsp_conn *conn = session->conn;
    ssize_t           used;
    do {
        used = handle_one(session);
    } while (used > 0 && is_recording(conn, session) && !conn->last_words);
    if (is_recording(conn, session))
        ingest_end_turn(session->ingest);
    return used < 0 && used != -EAGAIN ? (int)used : 0;
}

int rtsp_publish_feed(struct rtsp_session *session)
{
    struct rtsp_conn *conn = session->conn;
    int               err = 0;
    while (err == 0 && conn->in.len && is_recording(conn, session) && !conn->last_words) {
        struct room room = ingest_room(session->ingest);
        size_t      len = MIN(room.len, conn->in.len);
        memcpy(room.p, conn->in.p, len);
        buf_consume(&conn->in, len);
        ingest_received(session->ingest, len);
        err = handle_all(session);
    }
    return err < 0 ? err : 1;
}

int rtsp_publish_receive(struct rtsp_session *session)
{
    struct rtsp_conn *conn = session->conn;
    size_t            total = 0;
    while (total < RECEIVE_A_TURN) {
        struct room room = ingest_room(session->ingest);
        ssize_t     len = recv(conn->fd, room.p, room.len, MSG_DONTWAIT);
        counters_add(conn->loop->hub->counters, COUNTER_SYSTEM_CALLS, 1);
        if (len == 0)
            return UV_EOF;
        if (len < 0)
            return errno == EAGAIN || errno == EINTR ? (int)MIN(total, 1u) : -errno;
        ingest_received(session->ingest, (size_t)len);
        total += (size_t)len;
        bool is_all = (size_t)len < room.len;
        int  err = handle_all(session);
        if (err < 0)
            return err;
        if (is_all || !is_recording(conn, session) || conn->last_words)
            return 1;
    }
    return 1;
}
