#include <errno.h>

#include "base/mem.h"
#include "rtsp/rtsp_internal.h"

static void on_attached(struct reader *reader)
{
    struct rtsp_conn *conn = CONTAINER_OF(reader, struct rtsp_conn, probe);
    conn->attach = RTSP_ATTACHED;
    rtsp_conn_resume(conn);
}

static void on_end(struct reader *reader, enum stream_end reason)
{
    struct rtsp_conn *conn = CONTAINER_OF(reader, struct rtsp_conn, probe);
    conn->attach = RTSP_STREAM_GONE;
    rtsp_conn_resume(conn);
}

static const struct reader_ops probe_ops = { on_attached, NULL, on_end };

/* A relative target is on the server that was asked; the query is not handed on. */
static int redirect(struct rtsp_conn *conn, const struct message *request,
                    const struct rtsp_url *url)
{
    struct span               target = span_from_string(conn->answer->redirect);
    AUTO(buf_fini) struct buf location = { 0 };
    if (span_starts_with(target, "/"))
        buf_append(&location, url->base);
    buf_append(&location, target);
    struct rtsp_response response = { .status = 302, .location = buf_span(&location) };
    rtsp_respond(conn, request, &response);
    return 0;
}

static int describe(struct rtsp_conn *conn, const struct message *request,
                    const struct rtsp_url *url)
{
    AUTO(buf_fini) struct buf base = { 0 };
    buf_printf(&base, "%.*s/%.*s", SPAN_ARGS(url->base), SPAN_ARGS(url->raw_path));
    if (url->query.p)
        buf_printf(&base, "?%.*s", SPAN_ARGS(url->query));
    buf_append_string(&base, "/");
    struct rtsp_response response = { .status = 200,
                                      .content_base = buf_span(&base),
                                      .content_type = BYTES("application/sdp"),
                                      .body = stream_description(conn->probe.stream)->text };
    rtsp_respond(conn, request, &response);
    return 0;
}

/* Main's answer: the stream is looked for where it lives. */
static int attach(struct rtsp_conn *conn, const struct message *request, const struct rtsp_url *url)
{
    const struct path_request *answer = conn->answer;
    if (answer->answer == PATH_REDIRECT)
        return redirect(conn, request, url);
    if (answer->answer != PATH_OK)
        return rtsp_refuse_path(conn, request, answer);
    if (answer->home != conn->loop->index && !conn->session) {
        rtsp_conn_move(conn, conn->server->loops[answer->home]);
        return -ECANCELED;
    }
    conn->probe.ops = &probe_ops;
    conn->attach = RTSP_ATTACHING;
    stream_attach(conn->loop->hub, answer->stream, answer->owner, &conn->probe);
    return 0;
}

/* The steps, each of which may have been taken in an earlier turn: main, the stream, the answer. */
int rtsp_on_describe(struct rtsp_conn *conn, const struct message *request)
{
    struct rtsp_url url;
    if (rtsp_url_parse(request->url, &url) < 0)
        return rtsp_refuse_url(conn, request, "invalid URL");
    if (conn->attach == RTSP_DETACHED) {
        if (!conn->answer)
            return rtsp_auth_ask(conn, request, PATH_DESCRIBE, url.path);
        int err = attach(conn, request, &url);
        if (err == -ECANCELED)
            return err;
        rtsp_conn_drop_answer(conn);
        if (conn->attach == RTSP_DETACHED)
            return err;
    }
    if (conn->attach == RTSP_ATTACHING) {
        conn->is_asking = true;
        return -EINPROGRESS;
    }
    bool is_there = conn->attach == RTSP_ATTACHED;
    conn->attach = RTSP_DETACHED;
    if (!is_there && !conn->past.has_retried) {
        conn->past.has_retried = true;
        return rtsp_on_describe(conn, request);
    }
    if (!is_there)
        return rtsp_refuse(conn, request, 404, "the stream has gone");
    int err = describe(conn, request, &url);
    stream_detach(&conn->probe);
    return err;
}
