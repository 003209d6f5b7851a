#include <errno.h>

#include "base/mem.h"
#include "rtsp/rtsp_udp.h"

/* What a SETUP asks for, once it has been understood. */
struct setup {
    const struct message *request;
    struct rtsp_url       url;
    struct rtsp_transport transport;
};

static int refuse_unsupported(struct rtsp_conn *conn, const struct message *request)
{
    if (!conn->session)
        conn->session = rtsp_session_create(conn);
    struct rtsp_response response = { .status = 461, .has_session = true };
    rtsp_respond(conn, request, &response);
    return 1;
}

static bool is_offered(const struct rtsp_server *server, const struct rtsp_transport *transport)
{
    if (transport->is_secure || transport->is_multicast)
        return false;
    if (transport->is_tcp)
        return server->conf->rtsp_transports & RTSP_TRANSPORT_TCP;
    return server->udp;
}

/* All tracks of a session go one way. */
static bool is_other_way(const struct rtsp_session *session, const struct rtsp_transport *transport)
{
    return session && session->set_up_count && transport->is_tcp == (session->udp != NULL);
}

/* The first transport that is offered here wins, in the client's order. Positive: answered. */
static int choose_transport(struct rtsp_conn *conn, struct setup *setup)
{
    const struct message *request = setup->request;
    struct span           header = message_header(request, "Transport");
    bool                  is_understood = false;
    struct rtsp_transport one;
    if (!header.p)
        return rtsp_refuse(conn, request, 400, "transport header is missing"), 1;
    for (int more; (more = rtsp_transport_next(&header, &one)) != 0;) {
        if (more < 0 || (!one.is_tcp && !one.is_multicast && !one.client_port.is_given))
            continue;
        is_understood = true;
        if (is_offered(conn->server, &one) && !is_other_way(conn->session, &one)) {
            setup->transport = one;
            if (one.is_tcp)
                setup->transport.client_port.is_given = false;
            setup->transport.server_port.is_given = false;
            return 0;
        }
    }
    if (!is_understood)
        return rtsp_refuse(conn, request, 400, "invalid transport header"), 1;
    if (conn->session && conn->session->set_up_count)
        return rtsp_refuse(conn, request, 400, "can't setup tracks with different protocols"), 1;
    return refuse_unsupported(conn, request);
}

static bool is_in_use(const struct rtsp_session *session, unsigned channel)
{
    bool is_rtcp;
    return channel > 255 || rtsp_session_find_channel(session, (uint8_t)channel, &is_rtcp) >= 0;
}

/* The client's channels, or the next free pair. */
static int choose_channels(const struct rtsp_session *session, struct setup *setup)
{
    struct rtsp_transport_pair *pair = &setup->transport.interleaved;
    if (!pair->is_given) {
        *pair = (struct rtsp_transport_pair){ true, 0, 1 };
        while (is_in_use(session, pair->rtp) || is_in_use(session, pair->rtcp)) {
            pair->rtp += 2;
            pair->rtcp += 2;
            if (pair->rtcp > 255)
                return -ENOSPC;
        }
    }
    if (pair->rtcp != pair->rtp + 1 || is_in_use(session, pair->rtp) ||
        is_in_use(session, pair->rtcp))
        return -EADDRINUSE;
    return 0;
}

/* Those that the client has named, and ours. */
static int choose_ports(struct rtsp_session *session, struct setup *setup, unsigned index)
{
    struct rtsp_transport *transport = &setup->transport;
    int                    err = rtsp_udp_set_up(session, index, &transport->client_port);
    if (err < 0)
        return err;
    transport->interleaved = (struct rtsp_transport_pair){ 0 };
    transport->server_port = rtsp_udp_server_port(session->udp->udp);
    return 0;
}

static const char *reason_of(const struct setup *setup, int err)
{
    if (setup->transport.is_tcp)
        return "interleaved ids are in use, or not neighbours";
    switch (err) {
    case -EINVAL:
        return "the client's ports make no sense";
    case -EADDRINUSE:
        return "the client's ports are those of another session";
    case -EAFNOSUPPORT:
        return "'rtpAddress' has no way to the client's address";
    default:
        return err_text(err);
    }
}

static int set_up_track(struct rtsp_conn *conn, struct setup *setup, unsigned index)
{
    struct rtsp_session *session = conn->session;
    struct rtsp_track   *track = &session->tracks[index];
    if (track->is_set_up)
        return rtsp_refuse(conn, setup->request, 400, "track %u has been setup already", index);
    int err = setup->transport.is_tcp ? choose_channels(session, setup)
                                      : choose_ports(session, setup, index);
    if (err < 0)
        return rtsp_refuse(conn, setup->request, 400, "%s", reason_of(setup, err));
    *track = (struct rtsp_track){ true, (uint8_t)setup->transport.interleaved.rtp,
                                  (uint8_t)setup->transport.interleaved.rtcp };
    session->set_up_count++;
    session->track_mask |= (uint16_t)(1u << index);
    struct rtsp_transport answer = { .is_tcp = setup->transport.is_tcp,
                                     .has_feedback = setup->transport.has_feedback,
                                     .interleaved = setup->transport.interleaved,
                                     .client_port = setup->transport.client_port,
                                     .server_port = setup->transport.server_port };
    if (session->reader.stream)
        answer.ssrc =
            (struct rtsp_transport_ssrc){ true, stream_track(session->reader.stream, index)->ssrc };
    AUTO(buf_fini) struct buf transport = { 0 };
    rtsp_transport_write(&transport, &answer);
    struct rtsp_response response = { .status = 200,
                                      .has_session = true,
                                      .transport = buf_span(&transport) };
    rtsp_respond(conn, setup->request, &response);
    rtsp_conn_set_timer(conn);
    return 0;
}

/* Publishing */

/* Is it the session's path, a slash and the control? Either may have a query, or slashes in it. */
static bool joins(const struct rtsp_session *session, struct span url, struct span control)
{
    struct rtsp_url base;
    if (url.len <= control.len || url.p[url.len - control.len - 1] != '/' ||
        !span_equal(span_skip(url, url.len - control.len), control))
        return false;
    return rtsp_url_parse(span_first(url, url.len - control.len), &base) == 0 &&
           span_is(span_from_string(base.path), session->path);
}

/* The query may stand behind the control, too. */
static bool leads_to(const struct rtsp_session *session, struct span url, struct span control)
{
    ptrdiff_t query = span_find(url, '?');
    return control.len && (joins(session, url, control) ||
                           (query >= 0 && joins(session, span_first(url, (size_t)query), control)));
}

/* Controls are relative to the announced URL, or whole URLs; a lone track may have none. */
static int find_announced(const struct rtsp_session *session, struct span url)
{
    for (unsigned i = 0; i < session->track_count; i++) {
        struct span control = span_from_string(session->controls[i]);
        if (span_equal(url, control) || leads_to(session, url, control))
            return (int)i;
    }
    return session->track_count == 1 && session->controls[0][0] == '\0' ? 0 : -1;
}

static int set_up_publishing(struct rtsp_conn *conn, struct setup *setup)
{
    if (setup->transport.mode != RTSP_TRANSPORT_RECORD)
        return rtsp_refuse(conn, setup->request, 400,
                           "transport header contains a invalid mode (%s)",
                           setup->transport.mode == RTSP_TRANSPORT_PLAY ? "play" : "null");
    int track = find_announced(conn->session, setup->request->url);
    if (track < 0)
        return rtsp_refuse_url(conn, setup->request, "track not found at");
    return set_up_track(conn, setup, (unsigned)track);
}

/* Reading */

/* Main has granted it: the session begins, on the worker where it is to live. */
static int begin_reading(struct rtsp_conn *conn, struct setup *setup)
{
    struct path_request *answer = conn->answer;
    if (answer->answer != PATH_OK)
        return rtsp_refuse_path(conn, setup->request, answer);
    if (answer->home != conn->loop->index && !conn->session) {
        rtsp_conn_move(conn, conn->server->loops[answer->home]);
        return -ECANCELED;
    }
    if (!conn->session)
        conn->session = rtsp_session_create(conn);
    struct rtsp_session *session = conn->session;
    if (answer->from != conn->loop)
        path_move(conn->server->registry, answer->grant, conn->loop, conn->id);
    rtsp_session_take_grant(session, answer);
    mem_free(session->path);
    session->path = mem_string(setup->url.path);
    session->attach = RTSP_ATTACHING;
    stream_attach(conn->loop->hub, answer->stream, answer->owner, &session->reader);
    return 0;
}

static int set_up_reading(struct rtsp_conn *conn, struct setup *setup, unsigned track)
{
    struct rtsp_session *session = conn->session;
    if (!session->description) {
        session->description = description_ref(stream_description(session->reader.stream));
        session->track_count = session->description->sdp.media_count;
        session->state = RTSP_PRE_PLAY;
    }
    if (!span_is(span_from_string(setup->url.path), session->path))
        return rtsp_refuse(conn, setup->request, 400, "path has changed");
    if (track >= session->track_count)
        return rtsp_refuse(conn, setup->request, 400, "track %u does not exist", track);
    return set_up_track(conn, setup, track);
}

/* The stream went between main's answer and the attempt to attach: main is asked once more. */
static int retry(struct rtsp_conn *conn, struct setup *setup)
{
    conn->session = rtsp_session_destroy(conn->session, "the stream has gone");
    if (conn->past.has_retried)
        return rtsp_refuse(conn, setup->request, 404, "the stream has gone");
    conn->past.has_retried = true;
    return rtsp_auth_ask(conn, setup->request, PATH_READ, setup->url.path);
}

/* The steps, each of which may have been taken in an earlier turn: main, the stream, the track. */
static int on_setup_reading(struct rtsp_conn *conn, struct setup *setup)
{
    struct span control;
    unsigned    track;
    if (setup->transport.mode == RTSP_TRANSPORT_RECORD)
        return rtsp_refuse(conn, setup->request, 400,
                           "transport header contains a invalid mode (record)");
    if (rtsp_url_cut_control(&setup->url, &control) < 0 ||
        rtsp_url_parse_track(control, &track) < 0)
        return rtsp_refuse_url(conn, setup->request, "track not found at");
    if (!conn->session || conn->session->attach == RTSP_DETACHED) {
        if (!conn->answer)
            return rtsp_auth_ask(conn, setup->request, PATH_READ, setup->url.path);
        int err = begin_reading(conn, setup);
        if (err == -ECANCELED)
            return err;
        rtsp_conn_drop_answer(conn);
        if (!conn->session || conn->session->attach == RTSP_DETACHED)
            return err;
    }
    if (conn->session->attach == RTSP_ATTACHING) {
        conn->is_asking = true;
        return -EINPROGRESS;
    }
    if (conn->session->attach == RTSP_STREAM_GONE)
        return retry(conn, setup);
    return set_up_reading(conn, setup, track);
}

int rtsp_on_setup(struct rtsp_conn *conn, const struct message *request)
{
    struct setup setup = { .request = request };
    if (rtsp_url_parse(request->url, &setup.url) < 0)
        return rtsp_refuse_url(conn, request, "invalid URL");
    if (choose_transport(conn, &setup) > 0)
        return 0;
    bool is_publishing = conn->session && conn->session->state == RTSP_PRE_RECORD;
    return is_publishing ? set_up_publishing(conn, &setup) : on_setup_reading(conn, &setup);
}
