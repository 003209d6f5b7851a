/* One connection: the socket, its deadlines, and what it waits for. */
#include <errno.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "base/check.h"
#include "base/mem.h"
#include "httpd/httpd_internal.h"

enum { RECEIVES_A_TURN = 4 };

static void on_poll(uv_poll_t *poll, int status, int events);

/* Whoever does not fetch answers is not heard either. */
static bool can_read(const struct httpd_conn *conn)
{
    return conn->state == HTTPD_READING && !conn->is_blocked &&
           conn->out.len <= HTTPD_MAX_ANSWERS_WAITING;
}

/* TLS has something of its own to send, before it can read on. */
static bool is_tls_blocked(const struct httpd_conn *conn)
{
    return conn->tls && conn->state == HTTPD_READING && SSL_want_write(conn->tls);
}

static int wanted_events(const struct httpd_conn *conn)
{
    int events = 0;
    if (can_read(conn) || conn->state == HTTPD_LINGERING)
        events |= UV_READABLE;
    if (conn->is_blocked || is_tls_blocked(conn))
        events |= UV_WRITABLE;
    if (conn->state == HTTPD_ANSWERING)
        events |= UV_DISCONNECT;
    return events;
}

/* Tells the kernel what is waited for; no call when that has not changed. */
static void set_events(struct httpd_conn *conn)
{
    int events = wanted_events(conn);
    if (events == conn->events)
        return;
    conn->events = events;
    if (events)
        (void)uv_poll_start(&conn->poll, events, on_poll);
    else
        (void)uv_poll_stop(&conn->poll);
}

/* The end */

static void on_handle_closed(uv_handle_t *handle)
{
    mem_free(handle->data);
}

void httpd_conn_close(struct httpd_conn *conn)
{
    if (conn->state == HTTPD_CLOSED)
        return;
    conn->state = HTTPD_CLOSED;
    timer_stop(conn->httpd->loop, &conn->timer);
    loop_clear_dirty(&conn->dirty);
    list_remove(&conn->in_httpd);
    conn->exchange = httpd_exchange_destroy(conn->exchange);
    httpd_quota_give_back(conn->httpd->connections, &conn->peer, 1);
    httpd_quota_give_back(conn->httpd->bytes, &conn->holder, conn->counted);
    SSL_free(conn->tls);
    buf_fini(&conn->in);
    buf_fini(&conn->out);
    buf_fini(&conn->body);
    (void)uv_poll_stop(&conn->poll);
    (void)close(conn->fd);
    uv_close((uv_handle_t *)&conn->poll, on_handle_closed);
}

/* Behind the last byte. Closed with bytes unread, the kernel would take the answer back. */
static void finish(struct httpd_conn *conn)
{
    if (conn->tls)
        (void)SSL_shutdown(conn->tls);
    if (conn->has_ended || shutdown(conn->fd, SHUT_WR) < 0) {
        httpd_conn_close(conn);
        return;
    }
    conn->state = HTTPD_LINGERING;
    conn->since_ns = loop_now(conn->httpd->loop);
}

/* Deadlines */

/* When this connection has to be closed unless something happens; 0: never. */
static int64_t next_deadline(const struct httpd_conn *conn)
{
    const struct httpd *httpd = conn->httpd;
    if (conn->is_blocked)
        return conn->blocked_ns + httpd->write_timeout_ns;
    switch (conn->state) {
    case HTTPD_READING:
        return conn->since_ns +
               (conn->is_fresh || conn->in.len > 0 ? httpd->read_timeout_ns : HTTPD_IDLE_NS);
    case HTTPD_LINGERING:
        return conn->since_ns + HTTPD_LINGER_NS;
    default:
        return 0;
    }
}

static void set_timer(struct httpd_conn *conn);

static void on_timeout(void *arg)
{
    struct httpd_conn *conn = arg;
    int64_t            deadline_ns = next_deadline(conn);
    if (deadline_ns && deadline_ns <= loop_now(conn->httpd->loop))
        httpd_conn_close(conn);
    else
        set_timer(conn);
}

/* A deadline that has moved away is found out when the timer fires. */
static void set_timer(struct httpd_conn *conn)
{
    struct loop *loop = conn->httpd->loop;
    int64_t      deadline_ns = next_deadline(conn);
    if (deadline_ns == 0)
        timer_stop(loop, &conn->timer);
    else if (!timer_is_running(&conn->timer) || conn->timer.deadline_ns > deadline_ns)
        timer_start(loop, &conn->timer, deadline_ns - loop_now(loop), on_timeout, conn);
}

/* Counts what it holds. False: it has come to more than its holder may make us hold. */
static bool count_bytes(struct httpd_conn *conn)
{
    struct httpd_quota *bytes = conn->httpd->bytes;
    size_t              held = conn->in.capacity + conn->body.capacity + conn->out.capacity;
    bool                has_room = true;
    if (held > conn->counted) {
        has_room = httpd_quota_has_room(bytes, &conn->holder, held - conn->counted);
        httpd_quota_take(bytes, &conn->holder, held - conn->counted);
    } else if (held < conn->counted) {
        httpd_quota_give_back(bytes, &conn->holder, conn->counted - held);
    }
    conn->counted = held;
    return has_room;
}

static void refuse_more(struct httpd_conn *conn)
{
    httpd_refuse(conn, 503, "too much of this address is waiting");
}

bool httpd_conn_hold_for(struct httpd_conn *conn, const struct httpd_peer *holder)
{
    struct httpd_quota *bytes = conn->httpd->bytes;
    httpd_quota_give_back(bytes, &conn->holder, conn->counted);
    conn->holder = *holder;
    bool has_room = httpd_quota_has_room(bytes, holder, conn->counted);
    httpd_quota_take(bytes, holder, conn->counted);
    if (!has_room)
        refuse_more(conn);
    return has_room;
}

static void wait(struct httpd_conn *conn)
{
    if (conn->state == HTTPD_CLOSED)
        return;
    if (conn->state > HTTPD_ANSWERING) { /* nothing of it will be looked at */
        buf_fini(&conn->in);
        buf_fini(&conn->body);
    }
    (void)count_bytes(conn); /* answers wait, whatever they have come to */
    set_events(conn);
    set_timer(conn);
}

/* Requests */

/* All that are whole, while their answers have room. */
static void handle_requests(struct httpd_conn *conn)
{
    while (can_read(conn) && conn->in.len > 0 && httpd_request_read(conn))
        ;
    if (conn->state == HTTPD_READING && conn->in.len == 0)
        buf_fini(&conn->in); /* an idle connection holds no buffer */
}

/* Sending */

void httpd_conn_mark(struct httpd_conn *conn)
{
    loop_mark_dirty(conn->httpd->loop, &conn->dirty);
}

static ssize_t send_some(struct httpd_conn *conn, struct span bytes)
{
    if (conn->tls)
        return httpd_tls_send(conn->tls, bytes);
    ssize_t len = send(conn->fd, bytes.p, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (len >= 0)
        return len;
    return errno == EINTR ? -EAGAIN : -errno;
}

/* -EAGAIN: the kernel did not take all of `out`. */
static int send_out(struct httpd_conn *conn)
{
    size_t  sent = 0;
    ssize_t len = 0;
    while (sent < conn->out.len && len >= 0) {
        len = send_some(conn, span_skip(buf_span(&conn->out), sent));
        sent += len > 0 ? (size_t)len : 0;
    }
    if (sent == conn->out.len)
        buf_fini(&conn->out);
    else
        buf_consume(&conn->out, sent);
    return len < 0 ? (int)len : 0;
}

static void flush(struct httpd_conn *conn)
{
    int err = send_out(conn);
    if (err < 0 && err != -EAGAIN) {
        httpd_conn_close(conn);
        return;
    }
    conn->is_blocked = err == -EAGAIN;
    if (conn->is_blocked)
        conn->blocked_ns = loop_now(conn->httpd->loop);
    else if (conn->state == HTTPD_ENDING)
        finish(conn);
    else
        handle_requests(conn);
    wait(conn);
}

static void on_flush(struct dirty *dirty)
{
    flush(CONTAINER_OF(dirty, struct httpd_conn, dirty));
}

void httpd_conn_hang_up(struct httpd_conn *conn)
{
    if (conn->out.len > 0 && send_out(conn) == 0)
        finish(conn);
    httpd_conn_close(conn);
}

/* Receiving */

/* Returns the bytes that came; 0: no more for now; negative: there will be none. */
static ssize_t receive(struct httpd_conn *conn)
{
    uint8_t *scratch = conn->httpd->loop->scratch;
    if (conn->tls)
        return httpd_tls_receive(conn->tls, scratch, LOOP_SCRATCH);
    ssize_t len = recv(conn->fd, scratch, LOOP_SCRATCH, MSG_DONTWAIT);
    if (len > 0)
        return len;
    if (len == 0)
        return UV_EOF;
    return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

/* What was asked for before is still sent. */
static void on_end(struct httpd_conn *conn, int reason)
{
    if (reason != UV_EOF || conn->out.len == 0) {
        httpd_conn_close(conn);
        return;
    }
    conn->has_ended = true;
    conn->state = HTTPD_ENDING;
    httpd_conn_mark(conn);
}

/* To one who speaks HTTP where TLS is spoken; Go's words. */
static void explain_tls(struct httpd_conn *conn)
{
    SSL_free(conn->tls);
    conn->tls = NULL;
    buf_append_string(&conn->out, "HTTP/1.0 400 Bad Request\r\n\r\n"
                                  "Client sent an HTTP request to an HTTPS server.\n");
    conn->state = HTTPD_ENDING;
    httpd_conn_mark(conn);
}

static void on_bytes(struct httpd_conn *conn, size_t len)
{
    if (conn->in.len == 0)
        conn->since_ns = loop_now(conn->httpd->loop);
    conn->is_fresh = false;
    buf_append(&conn->in, (struct span){ conn->httpd->loop->scratch, len });
    if (count_bytes(conn))
        handle_requests(conn);
    else
        refuse_more(conn);
}

static void on_readable(struct httpd_conn *conn)
{
    for (int i = 0; i < RECEIVES_A_TURN && can_read(conn); i++) {
        ssize_t len = receive(conn);
        if (len == -EPROTONOSUPPORT)
            explain_tls(conn);
        else if (len < 0)
            on_end(conn, (int)len);
        else if (len > 0)
            on_bytes(conn, (size_t)len);
        if (len == 0)
            return;
    }
}

/* Bytes nobody will read, encrypted or not. */
static void throw_away(struct httpd_conn *conn)
{
    ssize_t len = recv(conn->fd, conn->httpd->loop->scratch, LOOP_SCRATCH, MSG_DONTWAIT);
    if (len == 0 || (len < 0 && errno != EAGAIN && errno != EINTR))
        httpd_conn_close(conn);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct httpd_conn *conn = poll->data;
    if (status < 0 || (conn->state == HTTPD_ANSWERING && (events & UV_DISCONNECT))) {
        httpd_conn_close(conn);
        return;
    }
    if (conn->state == HTTPD_LINGERING)
        throw_away(conn);
    else if (conn->is_blocked)
        httpd_conn_mark(conn);
    else
        on_readable(conn);
    wait(conn);
}

/* The beginning */

static int start(struct httpd_conn *conn)
{
    struct httpd *httpd = conn->httpd;
    if (httpd->certs)
        conn->tls = httpd_tls_open(httpd->certs, conn->fd, loop_now(httpd->loop));
    if (httpd->certs && !conn->tls)
        return -ENOMEM;
    return uv_poll_init(&httpd->loop->uv, &conn->poll, conn->fd);
}

void httpd_conn_open(struct httpd *httpd, int fd, const struct address *address,
                     const struct httpd_peer *peer)
{
    struct httpd_conn *conn = mem_new(struct httpd_conn);
    *conn = (struct httpd_conn){ .httpd = httpd,
                                 .peer = *peer,
                                 .holder = *peer,
                                 .fd = fd,
                                 .is_fresh = true,
                                 .since_ns = loop_now(httpd->loop),
                                 .dirty.flush = on_flush,
                                 .peer_address = *address,
                                 .client = *address };
    int err = start(conn);
    if (err < 0) { /* no memory, or more than a user may watch */
        LOG(&httpd->log, LOG_ERROR, "cannot watch a connection: %s", err_text(err));
        SSL_free(conn->tls);
        (void)close(fd);
        mem_free(conn);
        return;
    }
    conn->local_address.len = sizeof(conn->local_address.storage);
    (void)getsockname(fd, (struct sockaddr *)&conn->local_address.storage,
                      &conn->local_address.len);
    address_format(address, conn->peer_text);
    memcpy(conn->client_text, conn->peer_text, sizeof(conn->client_text));
    httpd_quota_take(httpd->connections, &conn->peer, 1);
    list_append(&httpd->conns, &conn->in_httpd);
    conn->poll.data = conn;
    wait(conn);
}
