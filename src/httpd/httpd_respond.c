#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "httpd/httpd_internal.h"
#include "httpd/httpd_origin.h"

#define JSON_TYPE "application/json; charset=utf-8"

enum { OWN_HEADERS = 4 };

struct header_list {
    struct httpd_header items[HTTPD_MAX_HEADERS + OWN_HEADERS];
    unsigned            count;
};

/* Kept in order of their names; equal ones stay as they came. */
static void add(struct header_list *list, const char *name, struct span value)
{
    ASSERT(list->count < COUNT(list->items));
    unsigned at = list->count++;
    for (; at > 0 && strcmp(list->items[at - 1].name, name) > 0; at--)
        list->items[at] = list->items[at - 1];
    list->items[at] = (struct httpd_header){ name, value };
}

static void add_date(struct buf *out)
{
    time_t    now = (time_t)(clock_wall_ns() / NS_PER_S);
    struct tm parts;
    char      text[64];
    (void)gmtime_r(&now, &parts);
    (void)strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    message_add(out, "Date", "%s", text);
}

static void write_headers(struct buf *out, const struct httpd_exchange *exchange,
                          const struct httpd_response *response)
{
    const struct httpd *httpd = exchange->conn->httpd;
    struct span         origin = message_header(&exchange->message, "Origin");
    struct span         allowed = httpd_origin_allow(httpd->allow_origins, origin);
    struct header_list  list = { 0 };
    for (unsigned i = 0; i < response->header_count; i++)
        add(&list, response->headers[i].name, response->headers[i].value);
    if (allowed.p)
        add(&list, "Access-Control-Allow-Origin", allowed);
    if (response->content_type)
        add(&list, "Content-Type", span_from_string(response->content_type));
    add(&list, "Server", BYTES("millrace"));
    if (httpd_origin_matters(httpd->allow_origins))
        add(&list, "Vary", BYTES("Origin"));
    for (unsigned i = 0; i < list.count; i++)
        message_add(out, list.items[i].name, "%.*s", SPAN_ARGS(list.items[i].value));
    add_date(out);
}

/* RFC 9110, section 8.6: these have no body, and 204 may not even say so. */
static bool may_have_body(unsigned status)
{
    return status != 204 && status != 304;
}

/* The connection goes on with what came behind the request. */
static void end_exchange(struct httpd_exchange *exchange, bool is_last)
{
    struct httpd_conn *conn = exchange->conn;
    httpd_watch(exchange, NULL, NULL);
    buf_consume(&conn->in, exchange->used);
    buf_fini(&conn->body);
    conn->exchange = httpd_exchange_destroy(exchange);
    conn->needed = conn->head_len = 0;
    conn->has_continued = false;
    conn->since_ns = loop_now(conn->httpd->loop);
    conn->state = is_last ? HTTPD_ENDING : HTTPD_READING;
    httpd_conn_mark(conn);
}

void httpd_respond(struct httpd_exchange *exchange, const struct httpd_response *response)
{
    struct httpd_conn *conn = exchange->conn;
    struct buf        *out = &conn->out;
    bool               is_last = exchange->is_last || response->is_last;
    bool               has_body = may_have_body(response->status);
    ASSERT(conn->exchange == exchange && conn->state == HTTPD_ANSWERING);
    ASSERT(response->status >= 200 && response->header_count <= HTTPD_MAX_HEADERS);
    message_start_response(out, MESSAGE_HTTP, response->status);
    write_headers(out, exchange, response);
    if (has_body)
        message_add(out, "Content-Length", "%zu", response->body.len);
    if (is_last)
        message_add(out, "Connection", "close");
    message_finish(out, has_body && !exchange->is_head ? response->body : (struct span){ 0 });
    LOG(&conn->httpd->log, LOG_DEBUG, "[conn %s] [s->c] %u %s", conn->peer_text, response->status,
        message_reason(response->status));
    end_exchange(exchange, is_last);
}

/* Ready answers */

static const struct escape {
    char        byte;
    const char *text;
} escapes[] = {
    { '"', "\\\"" }, { '\\', "\\\\" }, { '\b', "\\b" }, { '\f', "\\f" },
    { '\n', "\\n" }, { '\r', "\\r" },  { '\t', "\\t" },
};

/* Go escapes what could end a script in a page, too. */
static bool is_plain(uint8_t c)
{
    return c >= ' ' && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

static void add_escaped(struct buf *out, uint8_t c)
{
    for (size_t i = 0; i < COUNT(escapes); i++) {
        if ((uint8_t)escapes[i].byte == c) {
            buf_append_string(out, escapes[i].text);
            return;
        }
    }
    buf_printf(out, "\\u%04x", c);
}

/* U+2028 and U+2029 end a line in a script: Go escapes them as well. */
static bool is_line_end(struct span character)
{
    return character.len == 3 && character.p[0] == 0xe2 && character.p[1] == 0x80 &&
           (character.p[2] & 0xfe) == 0xa8;
}

static void add_json_string(struct buf *out, struct span text)
{
    buf_append_string(out, "\"");
    while (text.len > 0) {
        size_t len = utf8_len(text);
        if (len == 0)
            buf_append_string(out, "\\ufffd");
        else if (is_line_end(span_first(text, len)))
            buf_printf(out, "\\u20%02x", text.p[2] - 0x80);
        else if (len == 1 && !is_plain(text.p[0]))
            add_escaped(out, text.p[0]);
        else
            buf_append(out, span_first(text, len));
        text = span_skip(text, MAX(len, (size_t)1));
    }
    buf_append_string(out, "\"");
}

void httpd_respond_error(struct httpd_exchange *exchange, unsigned status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    ASSERT(len >= 0);
    AUTO(mem_free) char *text = mem_alloc((size_t)len + 1);
    va_start(args, format);
    (void)vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    AUTO(buf_fini) struct buf body = { 0 };
    buf_append_string(&body, "{\"status\":\"error\",\"error\":");
    add_json_string(&body, span_from_string(text));
    buf_append_string(&body, "}");
    httpd_respond(exchange, &(struct httpd_response){ .status = status,
                                                      .content_type = JSON_TYPE,
                                                      .body = buf_span(&body) });
}

void httpd_respond_ok(struct httpd_exchange *exchange)
{
    httpd_respond(exchange, &(struct httpd_response){ .status = 200,
                                                      .content_type = JSON_TYPE,
                                                      .body = BYTES("{\"status\":\"ok\"}") });
}

void httpd_respond_unauthorized(struct httpd_exchange *exchange, const char *challenge)
{
    struct httpd_header header = { "Www-Authenticate", span_from_string(challenge) };
    httpd_respond(exchange,
                  &(struct httpd_response){ .status = 401,
                                            .content_type = JSON_TYPE,
                                            .body = BYTES("{\"status\":\"error\","
                                                          "\"error\":\"authentication error\"}"),
                                            .headers = &header,
                                            .header_count = challenge ? 1 : 0 });
}

void httpd_respond_not_found(struct httpd_exchange *exchange)
{
    httpd_respond(exchange, &(struct httpd_response){ .status = 404,
                                                      .content_type = "text/plain",
                                                      .body = BYTES("404 page not found") });
}

/* As Go's server does: in plain text, and without the headers of an answer. */
void httpd_refuse(struct httpd_conn *conn, unsigned status, const char *detail)
{
    AUTO(buf_fini) struct buf text = { 0 };
    buf_printf(&text, "%u %s", status, message_reason(status));
    if (detail)
        buf_printf(&text, ": %s", detail);
    message_start_response(&conn->out, MESSAGE_HTTP, status);
    message_add(&conn->out, "Content-Type", "text/plain; charset=utf-8");
    message_add(&conn->out, "Connection", "close");
    message_finish(&conn->out, buf_span(&text));
    LOG(&conn->httpd->log, LOG_DEBUG, "[conn %s] refused: %s", conn->peer_text, buf_string(&text));
    conn->state = HTTPD_ENDING;
    httpd_conn_mark(conn);
}
