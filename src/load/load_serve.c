#include "load/load_serve.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/check.h"
#include "base/mem.h"
#include "http/url.h"
#include "load/load_url.h"
#include "rtsp/rtsp_transport.h"
#include "rtsp/rtsp_url.h"

enum { BACKLOG = 1024 };

struct load_serve {
    struct load_net          *net;
    struct load_serve_streams streams;
    uv_poll_t                 poll;
    int                       fd;
    struct list               sessions;
    unsigned                  next_id;
    bool                      is_closing;
};

struct session {
    struct list_node    in_serve;
    struct load_serve  *serve;
    struct load_conn    conn;
    struct load_stream *stream; /* of the first SETUP; NULL: none yet */
    struct load_sink    sink;
    unsigned            id;
};

struct request {
    const struct message *message;
    struct load_stream   *stream; /* NULL: the URL names none */
    unsigned              track;  /* LOAD_TRACKS: the URL names none */
    struct buf            answer;
};

/* The sink leaves at once: a beat may come before the connection is closed. */
static void close_session(struct session *session)
{
    load_stream_remove_sink(session->stream, &session->sink);
    load_conn_close(&session->conn);
}

static struct session *session_of(struct load_conn *conn)
{
    return CONTAINER_OF(conn, struct session, conn);
}

static void start_answer(const struct session *session, struct request *request, unsigned status)
{
    struct span cseq = message_header(request->message, "CSeq");
    message_start_response(&request->answer, MESSAGE_RTSP, status);
    message_add(&request->answer, "CSeq", "%.*s", SPAN_ARGS(cseq));
    message_add(&request->answer, "Server", "millrace-load");
    if (session->stream)
        message_add(&request->answer, "Session", "%08x;timeout=60", session->id);
}

static void send_answer(struct session *session, struct request *request, struct span body)
{
    message_finish(&request->answer, body);
    load_conn_send(&session->conn, buf_span(&request->answer));
}

static void answer(struct session *session, struct request *request, unsigned status)
{
    start_answer(session, request, status);
    send_answer(session, request, (struct span){ 0 });
}

static void answer_ok(struct session *session, struct request *request)
{
    answer(session, request, 200);
}

static void on_options(struct session *session, struct request *request)
{
    start_answer(session, request, 200);
    message_add(&request->answer, "Public",
                "DESCRIBE, SETUP, PLAY, GET_PARAMETER, SET_PARAMETER, TEARDOWN");
    send_answer(session, request, (struct span){ 0 });
}

static void on_describe(struct session *session, struct request *request)
{
    if (!request->stream) {
        answer(session, request, 404);
        return;
    }
    AUTO(buf_fini) struct buf sdp = { 0 };
    load_stream_describe(request->stream, &sdp);
    start_answer(session, request, 200);
    message_add(&request->answer, "Content-Base", "%.*s/", SPAN_ARGS(request->message->url));
    message_add(&request->answer, "Content-Type", "application/sdp");
    message_add(&request->answer, "Content-Length", "%zu", sdp.len);
    send_answer(session, request, buf_span(&sdp));
}

/* The first offer over TCP; a server that pulls may offer UDP before it. */
static bool find_tcp(struct span header, struct rtsp_transport *out)
{
    for (int found; (found = rtsp_transport_next(&header, out)) != 0;)
        if (found == 1 && out->is_tcp)
            return true;
    return false;
}

static void on_setup(struct session *session, struct request *request)
{
    const struct load_stream *stream = request->stream;
    struct rtsp_transport     offer;
    if (!stream || request->track >= (stream->format.has_audio ? LOAD_TRACKS : 1)) {
        answer(session, request, 404);
        return;
    }
    if (session->stream && session->stream != stream) {
        answer(session, request, 400);
        return;
    }
    if (!find_tcp(message_header(request->message, "Transport"), &offer)) {
        answer(session, request, 461);
        return;
    }
    unsigned channel = offer.interleaved.is_given ? offer.interleaved.rtp : request->track * 2;
    session->stream = request->stream;
    session->sink.has_track[request->track] = true;
    session->sink.channels[request->track] = (uint8_t)channel;
    start_answer(session, request, 200);
    message_add(&request->answer, "Transport", "RTP/AVP/TCP;unicast;interleaved=%u-%u;ssrc=%08X",
                channel, channel + 1, stream->clocks[request->track].ssrc);
    send_answer(session, request, (struct span){ 0 });
}

static void on_play(struct session *session, struct request *request)
{
    if (!session->stream) {
        answer(session, request, 455);
        return;
    }
    answer(session, request, 200);
    if (!list_contains_node(&session->sink.in_stream))
        load_stream_add_sink(session->stream, &session->sink);
}

static void on_teardown(struct session *session, struct request *request)
{
    answer(session, request, 200);
    close_session(session);
}

static const struct method_rule {
    const char *name;
    void (*handle)(struct session *session, struct request *request);
} method_rules[] = {
    { "OPTIONS", on_options },   { "DESCRIBE", on_describe },    { "SETUP", on_setup },
    { "PLAY", on_play },         { "GET_PARAMETER", answer_ok }, { "SET_PARAMETER", answer_ok },
    { "TEARDOWN", on_teardown },
};

static bool is_path_of(const struct load_serve *serve, uint32_t number, struct span path)
{
    AUTO(buf_fini) struct buf name = { 0 };
    struct url                pattern;
    if (url_parse(span_from_string(serve->streams.url), &pattern) < 0)
        return false;
    load_url_expand(&name, pattern.path, number);
    return span_equal(path, buf_span(&name));
}

static void find_stream(const struct load_serve *serve, struct request *request)
{
    struct rtsp_url url;
    struct span     control;
    request->track = LOAD_TRACKS;
    if (rtsp_url_parse(request->message->url, &url) < 0)
        return;
    if (span_is(request->message->method, "SETUP") && rtsp_url_cut_control(&url, &control) == 0)
        (void)rtsp_url_parse_track(control, &request->track);
    for (uint32_t i = 0; i < serve->streams.count && !request->stream; i++)
        if (is_path_of(serve, serve->streams.streams[i].number, span_from_string(url.path)))
            request->stream = &serve->streams.streams[i];
}

static void on_message(struct load_conn *conn, const struct message *message)
{
    struct session *session = session_of(conn);
    struct request  request = { .message = message };
    if (message->is_response)
        return;
    find_stream(session->serve, &request);
    const struct method_rule *rule = NULL;
    for (size_t i = 0; i < COUNT(method_rules) && !rule; i++)
        if (span_is(message->method, method_rules[i].name))
            rule = &method_rules[i];
    if (rule)
        rule->handle(session, &request);
    else
        answer(session, &request, 501);
    buf_fini(&request.answer);
}

static void on_frame(struct load_conn *conn, const struct interleaved_frame *frame, int64_t now_ns)
{
    /* The client's receiver reports: nothing depends on them. */
}

static void on_end(struct load_conn *conn, int err)
{
    close_session(session_of(conn));
}

static void free_when_done(struct load_serve *serve)
{
    if (serve->is_closing && list_is_empty(&serve->sessions))
        mem_free(serve);
}

static void on_closed(struct load_conn *conn)
{
    struct session    *session = session_of(conn);
    struct load_serve *serve = session->serve;
    list_remove(&session->in_serve);
    mem_free(session);
    free_when_done(serve);
}

static const struct load_conn_ops conn_ops = {
    .on_message = on_message,
    .on_frame = on_frame,
    .on_end = on_end,
    .on_closed = on_closed,
};

static void on_connection(uv_poll_t *poll, int status, int events)
{
    struct load_serve *serve = poll->data;
    int                fd = accept4(serve->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    struct session *session = mem_new(struct session);
    session->serve = serve;
    session->id = serve->next_id++;
    session->sink.conn = &session->conn;
    if (load_conn_accept(&session->conn, serve->net, fd, &conn_ops) < 0) {
        mem_free(session);
        return;
    }
    list_append(&serve->sessions, &session->in_serve);
}

static int listen_at(const struct address *address)
{
    int fd = address_bind_tcp(address);
    if (fd >= 0 && listen(fd, BACKLOG) < 0) {
        int err = -errno;
        (void)close(fd);
        return err;
    }
    return fd;
}

int load_serve_open(struct load_net *net, const struct address *address,
                    const struct load_serve_streams *streams, struct load_serve **out,
                    struct errmsg *why)
{
    int fd = listen_at(address);
    if (fd < 0) {
        char text[ADDRESS_TEXT];
        address_format(address, text);
        return errmsg_set(why, fd, "cannot listen on %s: %s", text, err_text(fd));
    }
    struct load_serve *serve = mem_new(struct load_serve);
    serve->net = net;
    serve->streams = *streams;
    serve->fd = fd;
    serve->next_id = 1;
    list_init(&serve->sessions);
    int err = uv_poll_init(&net->loop, &serve->poll, fd);
    ASSERT(err == 0);
    serve->poll.data = serve;
    (void)uv_poll_start(&serve->poll, UV_READABLE, on_connection);
    *out = serve;
    return 0;
}

uint32_t load_serve_count_live(const struct load_serve *serve)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < serve->streams.count; i++)
        count += !list_is_empty(&serve->streams.streams[i].sinks);
    return count;
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct load_serve *serve = handle->data;
    (void)close(serve->fd);
    serve->is_closing = true;
    free_when_done(serve);
}

struct load_serve *load_serve_close(struct load_serve *serve)
{
    if (!serve)
        return NULL;
    LIST_FOREACH (struct session, session, &serve->sessions, in_serve)
        close_session(session);
    uv_close((uv_handle_t *)&serve->poll, on_listener_closed);
    return NULL;
}
