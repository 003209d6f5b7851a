/* Requests: what every one of them must have, and the methods that need little more. */
#include <errno.h>

#include "base/mem.h"
#include "http/url.h"
#include "rtsp/rtsp_internal.h"

enum {
    IN_INITIAL = 1 << RTSP_INITIAL,
    IN_PRE_PLAY = 1 << RTSP_PRE_PLAY,
    IN_PLAY = 1 << RTSP_PLAY,
    IN_PRE_RECORD = 1 << RTSP_PRE_RECORD,
    IN_RECORD = 1 << RTSP_RECORD,
    IN_READING = IN_PRE_PLAY | IN_PLAY,
    IN_PUBLISHING = IN_PRE_RECORD | IN_RECORD,
    IN_ANY = IN_INITIAL | IN_READING | IN_PUBLISHING,
};

static bool has_session_header(const struct message *request)
{
    return message_header(request, "Session").p != NULL;
}

static int respond_ok(struct rtsp_conn *conn, const struct message *request)
{
    struct rtsp_response response = { .status = 200, .has_session = has_session_header(request) };
    rtsp_respond(conn, request, &response);
    return 0;
}

static int on_options(struct rtsp_conn *conn, const struct message *request)
{
    struct rtsp_response response = {
        .status = 200,
        .has_session = has_session_header(request),
        .public = BYTES("DESCRIBE, ANNOUNCE, SETUP, PLAY, RECORD, PAUSE, GET_PARAMETER, TEARDOWN"),
    };
    rtsp_respond(conn, request, &response);
    return 0;
}

static int on_get_parameter(struct rtsp_conn *conn, const struct message *request)
{
    struct rtsp_response response = { .status = 200,
                                      .has_session = true,
                                      .content_type = BYTES("text/parameters") };
    rtsp_respond(conn, request, &response);
    return 0;
}

/* What the stream's own description leaves out; SETUP names the tracks by their controls. */
static void keep_announced(struct rtsp_session *session, const struct sdp *sdp)
{
    session->controls = mem_new_array(char *, STREAM_MAX_TRACKS);
    for (unsigned i = 0; i < sdp->media_count; i++) {
        session->controls[i] = span_to_string(sdp->media[i].control);
        session->feedback[i] = sdp->media[i].feedback;
    }
}

static int begin_publishing(struct rtsp_conn *conn, const struct message *request, const char *path)
{
    struct errmsg why;
    struct sdp    sdp;
    if (sdp_parse(request->body, &sdp, &why) < 0)
        return rtsp_refuse(conn, request, 400, "invalid SDP: %s", why.text);
    if (!conn->session)
        conn->session = rtsp_session_create(conn);
    struct rtsp_session *session = conn->session;
    if (description_parse(request->body, &session->description, &why) < 0)
        return rtsp_refuse(conn, request, 400, "invalid SDP: %s", why.text);
    keep_announced(session, &sdp);
    session->path = mem_string(path);
    session->track_count = sdp.media_count;
    session->state = RTSP_PRE_RECORD;
    struct rtsp_response response = { .status = 200 };
    rtsp_respond(conn, request, &response);
    return 0;
}

static int on_announce(struct rtsp_conn *conn, const struct message *request)
{
    struct rtsp_url url;
    struct span     type = message_header(request, "Content-Type");
    struct span     semicolon = type;
    (void)span_next(&semicolon, ';', &type);
    if (!span_is_nocase(span_trim(type), "application/sdp"))
        return rtsp_refuse(conn, request, 400,
                           "unsupported Content-Type '%.*s'; an ANNOUNCE "
                           "carries application/sdp",
                           SPAN_ARGS(type));
    if (rtsp_url_parse(request->url, &url) < 0)
        return rtsp_refuse_url(conn, request, "invalid URL");
    if (!conn->answer)
        return rtsp_auth_ask(conn, request, PATH_ANNOUNCE, url.path);
    int err = conn->answer->answer == PATH_OK ? begin_publishing(conn, request, url.path)
                                              : rtsp_refuse_path(conn, request, conn->answer);
    rtsp_conn_drop_answer(conn);
    return err;
}

static int on_record(struct rtsp_conn *conn, const struct message *request)
{
    struct rtsp_session *session = conn->session;
    if (session->set_up_count < session->track_count)
        return rtsp_refuse(conn, request, 400, "not all announced medias have been setup");
    if (!conn->answer) {
        struct path_request *question = path_request_new(PATH_PUBLISH);
        question->is_checked = true; /* at ANNOUNCE, for this path */
        description_summary(session->description, UINT32_MAX, question->tracks,
                            sizeof(question->tracks));
        rtsp_conn_ask(conn, question, session->path);
        return -EINPROGRESS;
    }
    int err = 0;
    if (conn->answer->answer == PATH_OK) {
        rtsp_session_take_grant(session, conn->answer);
        rtsp_publish_start(session, conn->answer);
        LOG(&session->log, LOG_INFO, "is publishing to path '%s'", session->path);
        err = respond_ok(conn, request);
    } else {
        err = rtsp_refuse_path(conn, request, conn->answer);
    }
    rtsp_conn_drop_answer(conn);
    return err;
}

/* Only tracks that have sent something have a sequence number. */
static void add_rtp_info(struct buf *out, struct rtsp_session *session, const struct rtsp_url *url)
{
    for (unsigned i = 0; i < session->track_count; i++) {
        uint16_t seq;
        uint32_t ticks;
        if (!session->tracks[i].is_set_up)
            continue;
        buf_printf(out, "%surl=%.*s/%s/trackID=%u", out->len ? "," : "", SPAN_ARGS(url->base),
                   session->path, i);
        if (rtsp_read_next_packet(session, i, &seq, &ticks))
            buf_printf(out, ";seq=%u;rtptime=%u", seq, ticks);
    }
}

static int on_play(struct rtsp_conn *conn, const struct message *request)
{
    struct rtsp_session *session = conn->session;
    struct rtsp_url      url;
    if (rtsp_url_parse(request->url, &url) < 0)
        return rtsp_refuse_url(conn, request, "invalid URL");
    if (session->state == RTSP_PLAY)
        return respond_ok(conn, request);
    AUTO(buf_fini) struct buf rtp_info = { 0 };
    add_rtp_info(&rtp_info, session, &url);
    struct rtsp_response response = { .status = 200,
                                      .has_session = true,
                                      .rtp_info = buf_span(&rtp_info) };
    rtsp_respond(conn, request, &response);
    session->state = RTSP_PLAY;
    char tracks[128];
    description_summary(session->description, session->track_mask, tracks, sizeof(tracks));
    LOG(&session->log, LOG_INFO, "is reading from path '%s', with %s, %s", session->path,
        session->udp ? "UDP" : "TCP", tracks);
    rtsp_read_play(session);
    return 0;
}

static int on_pause(struct rtsp_conn *conn, const struct message *request)
{
    struct rtsp_session *session = conn->session;
    if (session->state == RTSP_PLAY) {
        rtsp_read_pause(session);
        session->state = RTSP_PRE_PLAY;
    } else if (session->state == RTSP_RECORD) {
        rtsp_publish_stop(session);
        rtsp_session_release_grant(session);
    }
    return respond_ok(conn, request);
}

static int on_teardown(struct rtsp_conn *conn, const struct message *request)
{
    struct rtsp_response response = { .status = 200 };
    if (conn->session->state == RTSP_PLAY)
        rtsp_read_pause(conn->session);
    char reason[ADDRESS_TEXT + 16];
    (void)snprintf(reason, sizeof(reason), "torn down by %s", conn->peer);
    conn->session = rtsp_session_destroy(conn->session, reason);
    rtsp_respond(conn, request, &response);
    if (++conn->past.torn_down == RTSP_MAX_SESSIONS)
        rtsp_conn_close_later(conn, "too many sessions on one connection");
    return 0;
}

static const struct method_rule {
    const char *name;
    bool        needs_session; /* 501 without a Session header */
    unsigned    allowed_in;    /* bits; refused in other states */
    int (*handle)(struct rtsp_conn *conn, const struct message *request);
} method_rules[] = {
    { "OPTIONS", false, IN_ANY, on_options },
    { "DESCRIBE", false, IN_ANY & ~IN_RECORD, rtsp_on_describe },
    { "ANNOUNCE", false, IN_INITIAL, on_announce },
    { "SETUP", false, IN_INITIAL | IN_PRE_PLAY | IN_PRE_RECORD, rtsp_on_setup },
    { "PLAY", true, IN_READING, on_play },
    { "RECORD", true, IN_PRE_RECORD, on_record },
    { "PAUSE", true, IN_READING | IN_PUBLISHING, on_pause },
    { "TEARDOWN", true, IN_ANY, on_teardown },
    { "GET_PARAMETER", true, IN_ANY, on_get_parameter },
    { "SET_PARAMETER", true, IN_ANY, respond_ok },
};

static const struct method_rule *find_method(struct span name)
{
    for (size_t i = 0; i < COUNT(method_rules); i++)
        if (span_is(name, method_rules[i].name))
            return &method_rules[i];
    return NULL;
}

static int refuse_http(struct rtsp_conn *conn)
{
    message_start_response(&conn->out, MESSAGE_HTTP, 400);
    message_add(&conn->out, "Content-Length", "0");
    message_finish(&conn->out, (struct span){ 0 });
    rtsp_conn_close_later(conn, "invalid HTTP request");
    return 0;
}

/* 0: the header fits. Positive: it was answered. */
static int check_session(struct rtsp_conn *conn, const struct message *request)
{
    struct span header = message_header(request, "Session");
    struct span id = { 0 };
    if (!header.p)
        return 0;
    (void)span_next(&header, ';', &id);
    if (conn->session && span_is(span_trim(id), conn->session->id))
        return 0;
    if (conn->session) {
        (void)rtsp_refuse(conn, request, 400, "connection is linked to another session");
        return 1;
    }
    (void)rtsp_refuse(conn, request, 454, "session not found");
    conn->is_spent = !conn->past.had_session;
    return 1;
}

/* Without an answer; earlier requests get theirs. */
static int close_silently(struct rtsp_conn *conn, const char *reason)
{
    rtsp_conn_close_later(conn, reason);
    return 0;
}

static void log_request(const struct rtsp_conn *conn, const struct message *request)
{
    AUTO(buf_fini) struct buf url = { 0 };
    if (log_level_now < LOG_DEBUG)
        return;
    url_redact(&url, request->url);
    LOG(&conn->log, LOG_DEBUG, "[c->s] %.*s %s", SPAN_ARGS(request->method), buf_string(&url));
}

int rtsp_request_handle(struct rtsp_conn *conn, const struct message *request)
{
    if (!conn->is_again) {
        log_request(conn, request);
        conn->past.has_retried = false;
    }
    conn->is_again = false;
    if (request->protocol == MESSAGE_HTTP)
        return refuse_http(conn);
    if (conn->is_spent)
        return close_silently(conn, "session not found");
    if (!message_header(request, "CSeq").p)
        return rtsp_refuse(conn, request, 400, "CSeq is missing");
    if (conn->out.len > RTSP_MAX_OUT)
        (void)rtsp_write_flush(conn); /* many requests in one turn: is anybody reading? */
    if (conn->out.len > RTSP_MAX_OUT) {
        rtsp_conn_close(conn, "the client does not read its answers");
        return -ECANCELED;
    }
    const struct method_rule *rule = find_method(request->method);
    if (!rule)
        return close_silently(conn, "unknown method");
    if (check_session(conn, request) > 0)
        return 0;
    if (rule->needs_session && !has_session_header(request))
        return rtsp_refuse(conn, request, 501, "no session");
    enum rtsp_state state = conn->session ? conn->session->state : RTSP_INITIAL;
    if (!(rule->allowed_in & 1u << state))
        return rtsp_refuse(conn, request, 400, "%s is not possible in this state", rule->name);
    return rule->handle(conn, request);
}
