#include "load/load_conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"

static void on_poll(uv_poll_t *poll, int status, int events);

static void watch(struct load_conn *conn)
{
    bool wants_write = conn->is_connecting || conn->unsent.len > 0;
    (void)uv_poll_start(&conn->poll, UV_READABLE | (wants_write ? UV_WRITABLE : 0), on_poll);
}

static void end(struct load_conn *conn, int err)
{
    if (conn->has_ended)
        return;
    conn->has_ended = true;
    (void)uv_poll_stop(&conn->poll);
    if (conn->is_leaving)
        load_conn_close(conn);
    else
        conn->ops->on_end(conn, err);
}

static bool is_alive(const struct load_conn *conn)
{
    return conn->is_open && !conn->has_ended && !conn->is_leaving;
}

static void flush(struct load_conn *conn)
{
    ssize_t n = send(conn->fd, conn->unsent.p, conn->unsent.len, MSG_NOSIGNAL);
    if (n < 0)
        return; /* full again, or broken, which reading will tell */
    buf_consume(&conn->unsent, (size_t)n);
    if (conn->unsent.len == 0)
        watch(conn);
}

/* Hands one message or frame to the owner. Returns its bytes or a negative errno. */
static ssize_t dispatch_one(struct load_conn *conn, struct span in, int64_t now_ns)
{
    if (in.p[0] == '$') {
        struct interleaved_frame frame;
        ssize_t                  used = interleaved_parse(in, &frame);
        if (used > 0)
            conn->ops->on_frame(conn, &frame, now_ns);
        return used;
    }
    struct message message;
    ssize_t        used = message_parse(in, &message);
    if (used > 0)
        conn->ops->on_message(conn, &message);
    return used;
}

static void dispatch(struct load_conn *conn, struct span in, int64_t now_ns)
{
    while (in.len > 0 && is_alive(conn)) {
        ssize_t used = dispatch_one(conn, in, now_ns);
        if (used == -EAGAIN)
            break;
        if (used < 0) {
            end(conn, (int)used);
            return;
        }
        in = span_skip(in, (size_t)used);
    }
    buf_append(&conn->unread, in);
}

static void receive(struct load_conn *conn)
{
    uint8_t *scratch = conn->net->scratch;
    size_t   kept = conn->unread.len;
    if (kept == LOAD_SCRATCH) {
        end(conn, -EMSGSIZE);
        return;
    }
    if (kept > 0)
        memcpy(scratch, conn->unread.p, kept);
    ssize_t n = recv(conn->fd, scratch + kept, LOAD_SCRATCH - kept, 0);
    int64_t now_ns = clock_monotonic_ns();
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        end(conn, n < 0 ? -errno : UV_EOF);
        return;
    }
    if (conn->is_leaving)
        return;
    conn->unread.len = 0;
    dispatch(conn, (struct span){ scratch, kept + (size_t)n }, now_ns);
}

static void finish_connect(struct load_conn *conn)
{
    int       err = 0;
    socklen_t size = sizeof(err);
    (void)getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &err, &size);
    conn->is_connecting = false;
    if (err != 0) {
        end(conn, -err);
        return;
    }
    watch(conn);
    conn->ops->on_open(conn);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct load_conn *conn = poll->data;
    if (conn->is_connecting) {
        finish_connect(conn);
        return;
    }
    if (status < 0) {
        end(conn, status);
        return;
    }
    if (events & UV_WRITABLE)
        flush(conn);
    if (events & UV_READABLE)
        receive(conn);
}

static int start(struct load_conn *conn, struct load_net *net, int fd,
                 const struct load_conn_ops *ops, bool is_connecting)
{
    *conn = (struct load_conn){ .ops = ops, .net = net, .fd = fd, .is_connecting = is_connecting };
    static const int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    int err = uv_poll_init(&net->loop, &conn->poll, fd);
    if (err < 0) {
        (void)close(fd);
        return err;
    }
    conn->poll.data = conn;
    conn->is_open = true;
    watch(conn);
    return 0;
}

int load_conn_connect(struct load_conn *conn, struct load_net *net, const struct address *to,
                      const struct load_conn_ops *ops)
{
    int fd = socket(to->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&to->storage, to->len) < 0 && errno != EINPROGRESS) {
        int err = -errno;
        (void)close(fd);
        return err;
    }
    return start(conn, net, fd, ops, true);
}

int load_conn_accept(struct load_conn *conn, struct load_net *net, int fd,
                     const struct load_conn_ops *ops)
{
    return start(conn, net, fd, ops, false);
}

void load_conn_send(struct load_conn *conn, struct span bytes)
{
    if (!is_alive(conn))
        return;
    if (conn->unsent.len == 0) {
        ssize_t n = send(conn->fd, bytes.p, bytes.len, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return; /* broken: reading tells so */
        bytes = span_skip(bytes, (size_t)MAX(n, (ssize_t)0));
        if (bytes.len == 0)
            return;
    }
    conn->net->blocked_sends++;
    buf_append(&conn->unsent, bytes);
    watch(conn);
}

void load_conn_leave(struct load_conn *conn)
{
    if (!is_alive(conn) || conn->is_connecting || conn->unsent.len > 0) {
        load_conn_close(conn);
        return;
    }
    conn->is_leaving = true;
    conn->unread.len = 0;
    (void)shutdown(conn->fd, SHUT_WR);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct load_conn *conn = handle->data;
    (void)close(conn->fd);
    buf_fini(&conn->unsent);
    buf_fini(&conn->unread);
    conn->ops->on_closed(conn);
}

void load_conn_close(struct load_conn *conn)
{
    if (!conn->is_open)
        return;
    conn->is_open = false;
    uv_close((uv_handle_t *)&conn->poll, on_handle_closed);
}
