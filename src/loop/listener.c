#include "loop/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

enum { BACKLOG = 4096, ACCEPTS_A_TURN = 64 };

/* A client that has vanished without a word is found out, also one that never said any. */
static const int keep_alive_s = 15;

static const int64_t complain_every_ns = 10 * NS_PER_S;

/* Without a spare descriptor nobody can be refused: then the port is left alone for so long. */
static const int64_t rest_ns = 100 * NS_PER_MS;

struct listener {
    struct loop              *loop;
    const struct log_context *log;
    uv_poll_t                 poll;
    int                       fd;
    int                       spare_fd; /* given up to be able to refuse */
    int64_t                   complained_ns;
    struct timer              rest;
    listener_fn              *on_accept;
    void                     *arg;
};

static int open_socket(const struct address *address)
{
    int fd = address_bind_tcp(address);
    if (fd < 0)
        return fd;
    static const int on = 1;
    /* Accepted sockets inherit these: one call here in place of one a client. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &keep_alive_s, sizeof(keep_alive_s));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &keep_alive_s, sizeof(keep_alive_s));
    if (listen(fd, BACKLOG) < 0) {
        int err = -errno;
        (void)close(fd);
        return err;
    }
    return fd;
}

static bool is_out_of_descriptors(int err)
{
    return err == EMFILE || err == ENFILE || err == ENOBUFS || err == ENOMEM;
}

static void on_readable(uv_poll_t *poll, int status, int events);

static void on_rested(void *arg)
{
    struct listener *listener = arg;
    (void)uv_poll_start(&listener->poll, UV_READABLE, on_readable);
}

/* The client learns at once that it is refused, and the loop does not find it again. */
static void refuse_one(struct listener *listener, int err)
{
    if (listener->spare_fd >= 0)
        (void)close(listener->spare_fd);
    int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        (void)close(fd);
    listener->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (listener->spare_fd < 0) {
        (void)uv_poll_stop(&listener->poll);
        timer_start(listener->loop, &listener->rest, rest_ns, on_rested, listener);
    }
    int64_t now_ns = loop_now(listener->loop);
    if (listener->complained_ns && now_ns - listener->complained_ns < complain_every_ns)
        return;
    listener->complained_ns = now_ns;
    LOG(listener->log, LOG_ERROR, "cannot accept clients: %s; raise the limit of open files",
        err_text(-err));
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct listener *listener = poll->data;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        struct address peer = { .len = sizeof(peer.storage) };
        int            fd = accept4(listener->fd, (struct sockaddr *)&peer.storage, &peer.len,
                                    SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            listener->on_accept(listener->arg, fd, &peer);
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED)
            continue;
        if (is_out_of_descriptors(errno))
            refuse_one(listener, errno);
        return;
    }
}

int listener_open(struct loop *loop, const char *text, const struct log_context *log,
                  listener_fn *on_accept, void *arg, struct listener **out, struct errmsg *why)
{
    struct address address;
    int            err = address_parse(text, &address, why);
    if (err < 0)
        return err;
    int fd = open_socket(&address);
    if (fd < 0)
        return errmsg_set(why, fd, "listen tcp %s: bind: %s", text,
                          fd == -EADDRINUSE ? "address already in use" : err_text(fd));
    struct listener *listener = mem_new(struct listener);
    *listener =
        (struct listener){ .loop = loop, .log = log, .fd = fd, .on_accept = on_accept, .arg = arg };
    listener->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    listener->poll.data = listener;
    (void)uv_poll_init(&loop->uv, &listener->poll, fd);
    (void)uv_poll_start(&listener->poll, UV_READABLE, on_readable);
    *out = listener;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    mem_free(handle->data);
}

struct listener *listener_close(struct listener *listener)
{
    if (listener) {
        (void)uv_poll_stop(&listener->poll);
        timer_stop(listener->loop, &listener->rest);
        (void)close(listener->fd);
        if (listener->spare_fd >= 0)
            (void)close(listener->spare_fd);
        uv_close((uv_handle_t *)&listener->poll, on_closed);
    }
    return NULL;
}
