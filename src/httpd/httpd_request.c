/* From a connection's bytes to a request, and with it to the handler. */
#include <errno.h>

#include "base/check.h"
#include "base/mem.h"
#include "http/url.h"
#include "httpd/httpd_client.h"
#include "httpd/httpd_internal.h"

/* What a head says of its body, for as long as that is not there and the message can't be made. */
struct outlook {
    struct span         start_line;
    size_t              head_len;
    uint64_t            body_len;
    struct span         expect; /* the header's value; p == NULL: none */
    struct httpd_claims claims;
};

static struct span take_line(struct span *rest, size_t len)
{
    struct span line = span_first(*rest, len);
    *rest = span_skip(*rest, len + 1);
    if (line.len > 0 && line.p[line.len - 1] == '\r')
        line.len--;
    return line;
}

static void look_at_header(struct span line, struct outlook *outlook)
{
    struct span name;
    if (!span_next(&line, ':', &name))
        return;
    struct span value = span_trim(line);
    httpd_claims_add(&outlook->claims, name, value);
    if (span_is_nocase(name, "Expect"))
        outlook->expect = value;
    else if (span_is_nocase(name, "Content-Length") &&
             span_to_uint(value, UINT64_MAX, &outlook->body_len) == -ERANGE)
        outlook->body_len = UINT64_MAX;
}

/* False: the head itself is not whole, or too long. What it says is not checked here. */
static bool look_ahead(struct span in, struct outlook *out)
{
    struct outlook outlook = { 0 };
    struct span    rest = span_first(in, MESSAGE_MAX_HEAD);
    for (ptrdiff_t len; (len = span_find(rest, '\n')) >= 0;) {
        struct span line = take_line(&rest, (size_t)len);
        if (outlook.start_line.len == 0) {
            outlook.start_line = line;
        } else if (line.len > 0) {
            look_at_header(line, &outlook);
        } else {
            outlook.head_len = (size_t)(rest.p - in.p);
            *out = outlook;
            return true;
        }
    }
    return false;
}

/* It knows no expectations. */
static bool is_http_1_0(struct span start_line)
{
    struct span version = BYTES("HTTP/1.0");
    struct span end = span_skip(start_line, start_line.len - MIN(start_line.len, version.len));
    return span_equal(end, version);
}

/* Many clients wait with the body until they are told to go on (RFC 9110, section 10.1.1). */
static void say_continue(struct httpd_conn *conn, struct span expect)
{
    if (!expect.p || conn->has_continued)
        return;
    conn->has_continued = true;
    message_start_response(&conn->out, MESSAGE_HTTP, 100);
    message_finish(&conn->out, (struct span){ 0 });
    httpd_conn_mark(conn);
}

static bool is_too_much_expected(struct span expect)
{
    return expect.p && !span_is_nocase(expect, "100-continue");
}

/*
 * Who asks: known from the head on, so that a body counts as its client's while it comes. False:
 * nothing more is taken of that one, which has been said.
 */
static bool know_client(struct httpd_conn *conn, const struct httpd_claims *claims)
{
    struct httpd     *httpd = conn->httpd;
    struct httpd_peer holder = conn->peer;
    if (!httpd_is_proxy(httpd, &conn->peer_address))
        return true;
    conn->client = conn->peer_address;
    if (httpd_client_find(claims, &conn->peer_address, httpd->is_proxy, httpd->arg,
                          &conn->client) == 0)
        holder = httpd_peer_of(&conn->client);
    address_format(&conn->client, conn->client_text);
    return httpd_conn_hold_for(conn, &holder);
}

static bool know_client_of(struct httpd_conn *conn, const struct message *message)
{
    struct httpd_claims claims = { 0 };
    for (unsigned i = 0; i < message->header_count; i++)
        httpd_claims_add(&claims, message->headers[i].name, message->headers[i].value);
    return know_client(conn, &claims);
}

/* More bytes are needed, unless what is to come would not be taken. */
static void wait_for_rest(struct httpd_conn *conn)
{
    struct outlook outlook;
    if (!look_ahead(buf_span(&conn->in), &outlook))
        return;
    if (is_http_1_0(outlook.start_line))
        outlook.expect = (struct span){ 0 };
    if (is_too_much_expected(outlook.expect))
        httpd_refuse(conn, 417, NULL);
    else if (outlook.body_len > conn->httpd->max_body_bytes)
        httpd_refuse(conn, 413, NULL);
    else if (know_client(conn, &outlook.claims))
        say_continue(conn, outlook.expect);
    conn->needed = outlook.head_len + (size_t)outlook.body_len;
}

static void refuse_size(struct httpd_conn *conn)
{
    struct outlook outlook;
    bool           is_body =
        look_ahead(buf_span(&conn->in), &outlook) && outlook.body_len > conn->httpd->max_body_bytes;
    httpd_refuse(conn, is_body ? 413 : 431, NULL);
}

static void on_parse_error(struct httpd_conn *conn, int err)
{
    switch (err) {
    case -EAGAIN:
        wait_for_rest(conn);
        return;
    case -EMSGSIZE:
        refuse_size(conn);
        return;
    case -EPROTONOSUPPORT:
        httpd_refuse(conn, 505, "unsupported protocol version");
        return;
    default:
        httpd_refuse(conn, 400, NULL);
    }
}

/* Checks: message.h's parser speaks RTSP too, and leaves a request's sense to its users. */

static unsigned count_headers(const struct message *message, const char *name)
{
    unsigned count = 0;
    for (unsigned i = 0; i < message->header_count; i++)
        count += span_is_nocase(message->headers[i].name, name);
    return count;
}

/* RFC 3986, section 3.2.2: what names are made of. */
static const bool name_chars[256] = {
    ['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true, ['-'] = true, ['.'] = true,
    ['_'] = true,         ['~'] = true,         ['%'] = true,         ['!'] = true, ['$'] = true,
    ['&'] = true,         ['\''] = true,        ['('] = true,         [')'] = true, ['*'] = true,
    ['+'] = true,         [','] = true,         [';'] = true,         ['='] = true,
};

static bool is_name(struct span text, bool is_literal)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!name_chars[text.p[i]] && !(is_literal && text.p[i] == ':'))
            return false;
    }
    return true;
}

/* With its colon; behind that the number may be left out. */
static bool is_port(struct span text)
{
    uint64_t number;
    return text.p[0] == ':' &&
           (text.len == 1 || span_to_uint(span_skip(text, 1), UINT16_MAX, &number) == 0);
}

/* A name, an address, or one of IPv6 in brackets, and a port; or nothing at all. */
static bool is_host(struct span host)
{
    bool        is_literal = host.len > 0 && host.p[0] == '[';
    ptrdiff_t   end = span_find(host, is_literal ? ']' : ':');
    struct span name = end < 0 ? host : span_first(host, (size_t)end);
    struct span rest = span_skip(host, name.len);
    if (is_literal && end < 0)
        return false;
    if (is_literal) {
        name = span_skip(name, 1);
        rest = span_skip(rest, 1);
    }
    return is_name(name, is_literal) && (rest.len == 0 || is_port(rest));
}

/* False: it is no HTTP request that anyone could answer; that has been said. */
static bool check(struct httpd_conn *conn, const struct message *message)
{
    unsigned hosts = count_headers(message, "Host");
    if (message->is_response || message->protocol != MESSAGE_HTTP)
        httpd_refuse(conn, 400, NULL);
    else if (count_headers(message, "Content-Length") > 1) /* also if they say the same */
        httpd_refuse(conn, 400, "too many Content-Length headers");
    else if (hosts == 0 && message->minor_version > 0) /* RFC 9112, section 3.2 */
        httpd_refuse(conn, 400, "missing required Host header");
    else if (hosts > 1)
        httpd_refuse(conn, 400, "too many Host headers");
    else if (!is_host(message_header(message, "Host")))
        httpd_refuse(conn, 400, "malformed Host header");
    else if (message->minor_version > 0 && is_too_much_expected(message_header(message, "Expect")))
        httpd_refuse(conn, 417, NULL);
    else if (message->body.len > conn->httpd->max_body_bytes)
        httpd_refuse(conn, 413, NULL);
    else
        return true;
    return false;
}

/* RFC 9112, section 3.2: origin form, absolute form (as to a proxy), or "*". -EINVAL. */
static int split_target(struct span target, struct httpd_request *request)
{
    struct url url;
    if (target.p[0] == '/') {
        struct span rest = target;
        (void)span_next(&rest, '?', &request->raw_path);
        if (request->raw_path.len < target.len)
            request->query = rest;
        return 0;
    }
    if (span_is(target, "*") && span_is(request->method, "OPTIONS")) {
        request->raw_path = target;
        return 0;
    }
    if (url_parse(target, &url) < 0)
        return -EINVAL;
    request->raw_path =
        url.path.len ? (struct span){ url.path.p - 1, url.path.len + 1 } : BYTES("/");
    request->query = url.query;
    return 0;
}

static int decode_path(struct httpd_exchange *exchange)
{
    struct span raw = exchange->request.raw_path;
    exchange->path = mem_alloc(raw.len + 1);
    exchange->request.path = exchange->path;
    return url_decode(raw, exchange->path, raw.len + 1);
}

/* RFC 9112, section 9.6. */
static bool wants_close(const struct message *message)
{
    if (message->minor_version == 0)
        return true;
    for (unsigned i = 0; i < message->header_count; i++) {
        struct span rest = message->headers[i].value, option;
        if (!span_is_nocase(message->headers[i].name, "Connection"))
            continue;
        while (span_next(&rest, ',', &option)) {
            if (span_is_nocase(span_trim(option), "close"))
                return true;
        }
    }
    return false;
}

/* Exchanges */

static struct httpd_exchange *make_exchange(struct httpd_conn *conn, const struct message *message)
{
    struct httpd_exchange *exchange = mem_new(struct httpd_exchange);
    exchange->conn = conn;
    exchange->message = *message;
    exchange->is_head = span_is(message->method, "HEAD");
    exchange->is_last = wants_close(message);
    exchange->request = (struct httpd_request){ .method = message->method,
                                                .message = &exchange->message,
                                                .body = message->body,
                                                .peer = conn->client,
                                                .local = conn->local_address,
                                                .peer_text = conn->client_text,
                                                .holder = conn->holder,
                                                .is_secure = conn->tls != NULL };
    exchange->id = slots_add(conn->httpd->exchanges, exchange);
    return exchange;
}

struct httpd_exchange *httpd_exchange_destroy(struct httpd_exchange *exchange)
{
    if (!exchange)
        return NULL;
    if (exchange->on_leave)
        exchange->on_leave(exchange->on_leave_arg);
    slots_remove(exchange->conn->httpd->exchanges, exchange->id);
    mem_free(exchange->path);
    return mem_free(exchange);
}

static void log_request(const struct httpd_conn *conn, const struct message *message)
{
    AUTO(buf_fini) struct buf url = { 0 };
    if (log_level_now < LOG_DEBUG)
        return;
    url_redact(&url, message->url);
    LOG(&conn->httpd->log, LOG_DEBUG, "[conn %s] [c->s] %.*s %s", conn->peer_text,
        SPAN_ARGS(message->method), buf_string(&url));
}

/* Of the server nothing may be touched behind the call: the handler may have closed it. */
static void hand_over(struct httpd_conn *conn, const struct message *message, size_t used)
{
    struct httpd          *httpd = conn->httpd;
    struct httpd_exchange *exchange = make_exchange(conn, message);
    exchange->used = used;
    if (split_target(message->url, &exchange->request) < 0 || decode_path(exchange) < 0) {
        httpd_exchange_destroy(exchange);
        httpd_refuse(conn, 400, NULL);
        return;
    }
    conn->exchange = exchange;
    conn->state = HTTPD_ANSWERING;
    log_request(conn, message);
    httpd->on_request(httpd->arg, exchange);
}

const struct httpd_request *httpd_request(const struct httpd_exchange *exchange)
{
    return &exchange->request;
}

struct span httpd_request_host(const struct httpd_request *request)
{
    struct span text = span_from_string(request->peer_text);
    const void *colon = text.len > 0 ? memrchr(text.p, ':', text.len) : NULL;
    return colon ? span_first(text, (size_t)((const uint8_t *)colon - text.p)) : text;
}

struct slot_id httpd_exchange_id(const struct httpd_exchange *exchange)
{
    return exchange->id;
}

void httpd_watch(struct httpd_exchange *exchange, httpd_leave_fn *on_leave, void *arg)
{
    exchange->on_leave = on_leave;
    exchange->on_leave_arg = arg;
}

/* Reading */

/* What was used of a body in chunks goes at once, so that only the head stays before the rest. */
static void remove_behind_head(struct httpd_conn *conn, size_t n)
{
    struct buf *in = &conn->in;
    in->len -= n;
    memmove(in->p + conn->head_len, in->p + conn->head_len + n, in->len - conn->head_len);
}

static bool read_chunks(struct httpd_conn *conn)
{
    struct span rest = span_skip(buf_span(&conn->in), conn->head_len);
    ssize_t used = httpd_chunks_feed(&conn->chunks, rest, conn->httpd->max_body_bytes, &conn->body);
    if (used < 0) {
        httpd_refuse(conn, used == -EMSGSIZE ? 413 : 400, NULL);
        return false;
    }
    remove_behind_head(conn, (size_t)used);
    if (!conn->chunks.is_done)
        return false;
    /* Again, as the bytes may have moved since. */
    struct message message;
    ssize_t        head_len = message_parse(buf_span(&conn->in), &message);
    ASSERT(head_len == (ssize_t)conn->head_len);
    message.body = buf_span(&conn->body);
    hand_over(conn, &message, conn->head_len);
    return true;
}

static bool begin_chunks(struct httpd_conn *conn, const struct message *message, size_t head_len)
{
    conn->head_len = head_len;
    conn->chunks = (struct httpd_chunks){ 0 };
    if (conn->in.len == head_len)
        say_continue(conn, message_header(message, "Expect"));
    return true;
}

bool httpd_request_read(struct httpd_conn *conn)
{
    struct message message;
    if (conn->in.len < conn->needed)
        return false;
    if (conn->head_len > 0)
        return read_chunks(conn);
    ssize_t used = message_parse(buf_span(&conn->in), &message);
    if (used < 0) {
        on_parse_error(conn, (int)used);
        return false;
    }
    if (!check(conn, &message) || !know_client_of(conn, &message))
        return false;
    if (message.is_chunked)
        return begin_chunks(conn, &message, (size_t)used);
    hand_over(conn, &message, (size_t)used);
    return true;
}
