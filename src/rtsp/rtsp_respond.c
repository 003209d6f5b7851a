/* Answers, with their headers in the order of their names. */
#include <stdarg.h>
#include <stdio.h>

#include "http/url.h"
#include "rtsp/rtsp_internal.h"

static void add_span(struct buf *out, const char *name, struct span value)
{
    if (value.p)
        message_add(out, name, "%.*s", SPAN_ARGS(value));
}

/* What is quoted of the client's URL may hold a password. */
static void log_response(const struct rtsp_conn *conn, struct span response)
{
    AUTO(buf_fini) struct buf text = { 0 };
    if (log_level_now < LOG_DEBUG)
        return;
    url_redact(&text, response);
    LOG(&conn->log, LOG_DEBUG, "[s->c] %s", buf_string(&text));
}

void rtsp_respond(struct rtsp_conn *conn, const struct message *request,
                  const struct rtsp_response *response)
{
    struct buf *out = &conn->out;
    size_t      start = out->len;
    message_start_response(out, MESSAGE_RTSP, response->status);
    add_span(out, "CSeq", message_header(request, "CSeq"));
    add_span(out, "Content-Base", response->content_base);
    if (response->body.p)
        message_add(out, "Content-Length", "%zu", response->body.len);
    add_span(out, "Content-Type", response->content_type);
    add_span(out, "Location", response->location);
    add_span(out, "Public", response->public);
    add_span(out, "RTP-Info", response->rtp_info);
    add_span(out, "Server", BYTES("millrace"));
    if (response->has_session && conn->session)
        message_add(out, "Session", "%s;timeout=%d", conn->session->id, RTSP_TOLD_TIMEOUT);
    add_span(out, "Transport", response->transport);
    for (size_t i = 0; i < COUNT(response->challenges); i++)
        add_span(out, "WWW-Authenticate", response->challenges[i]);
    message_finish(out, response->body);
    log_response(conn, span_skip(buf_span(out), start));
    rtsp_conn_mark(conn);
}

int rtsp_refuse(struct rtsp_conn *conn, const struct message *request, unsigned status,
                const char *format, ...)
{
    struct rtsp_response response = { .status = status };
    rtsp_respond(conn, request, &response);
    if (status == 400) {
        struct errmsg why;
        va_list       args;
        va_start(args, format);
        (void)vsnprintf(why.text, sizeof(why.text), format, args);
        va_end(args);
        rtsp_conn_close_later(conn, why.text);
    }
    return 0;
}

int rtsp_refuse_url(struct rtsp_conn *conn, const struct message *request, const char *why)
{
    AUTO(buf_fini) struct buf url = { 0 };
    url_redact(&url, request->url);
    return rtsp_refuse(conn, request, 400, "%s '%s'", why, buf_string(&url));
}

int rtsp_refuse_path(struct rtsp_conn *conn, const struct message *request,
                     const struct path_request *answer)
{
    if (answer->answer == PATH_ASK || answer->answer == PATH_DENIED)
        return rtsp_auth_refuse(conn, request, answer);
    return rtsp_refuse(conn, request, answer->answer == PATH_NO_STREAM ? 404 : 400, "%s",
                       answer->why.text);
}
