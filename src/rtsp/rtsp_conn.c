/* One RTSP connection: the socket, its deadlines, and who gets the bytes. */
#include <errno.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "rtp/interleaved.h"
#include "rtsp/rtsp_internal.h"

enum { RECEIVES_A_TURN = 4 };

static void on_poll(uv_poll_t *poll, int status, int events);

/* Tells the kernel what is waited for; no call when that has not changed. */
static void set_events(struct rtsp_conn *conn)
{
    int events = (conn->is_asking ? 0 : UV_READABLE) | (conn->is_blocked ? UV_WRITABLE : 0);
    if (events == conn->events || conn->is_closed || conn->is_hung_up)
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
    mem_free(CONTAINER_OF((uv_poll_t *)handle, struct rtsp_conn, poll));
}

/* Leaves the loop; the socket is the caller's. */
static void leave(struct rtsp_conn *conn)
{
    conn->is_closed = true;
    timer_stop(conn->loop, &conn->timer);
    loop_clear_dirty(&conn->dirty);
    list_remove(&conn->in_worker);
    slots_remove(conn->loop->slots, conn->id);
    atomic_fetch_sub_explicit(&conn->loop->sessions, 1, memory_order_relaxed);
    (void)uv_poll_stop(&conn->poll);
    uv_close((uv_handle_t *)&conn->poll, on_handle_closed);
}

static void drop_request(struct rtsp_server *server, struct path_request *request)
{
    if (!request)
        return;
    if (request->grant.generation)
        path_release(server->registry, request->grant);
    path_request_free(request);
}

void rtsp_conn_drop_answer(struct rtsp_conn *conn)
{
    drop_request(conn->server, conn->answer);
    conn->answer = NULL;
}

void rtsp_conn_close(struct rtsp_conn *conn, const char *reason)
{
    if (conn->is_closed)
        return;
    leave(conn);
    conn->session = rtsp_session_destroy(conn->session, reason);
    stream_detach(&conn->probe);
    rtsp_conn_drop_answer(conn);
    buf_fini(&conn->in);
    buf_fini(&conn->out);
    (void)close(conn->fd);
    if (!conn->is_hung_up)
        LOG(&conn->log, LOG_INFO, "closed: %s", reason);
    conn->last_words = mem_free(conn->last_words);
}

/* Until TEARDOWN or its timeout, as with MediaMTX; the descriptor stays ours, so that libuv does
 * not mistake another's for it. */
void rtsp_conn_lose(struct rtsp_conn *conn, const char *reason)
{
    const struct rtsp_session *session = conn->session;
    bool is_at_work = session && (session->state == RTSP_PLAY || session->state == RTSP_RECORD);
    if (conn->is_hung_up)
        return;
    if (conn->is_closed || conn->last_words || !is_at_work || !session->udp) {
        rtsp_conn_close(conn, reason);
        return;
    }
    conn->is_hung_up = true;
    conn->is_blocked = false;
    (void)uv_poll_stop(&conn->poll);
    (void)shutdown(conn->fd, SHUT_RDWR);
    buf_fini(&conn->in);
    buf_fini(&conn->out);
    LOG(&conn->log, LOG_INFO, "closed: %s", reason);
    rtsp_conn_set_timer(conn);
}

void rtsp_conn_close_later(struct rtsp_conn *conn, const char *reason)
{
    if (!conn->last_words)
        conn->last_words = mem_string(reason);
    if (conn->session) /* or it might never be through */
        stream_pause(&conn->session->reader);
    rtsp_conn_mark(conn);
}

void rtsp_conn_move(struct rtsp_conn *conn, struct loop *to)
{
    struct rtsp_seed *seed = mem_new(struct rtsp_seed);
    *seed = (struct rtsp_seed){ .mail.handle = rtsp_conn_open,
                                .server = conn->server,
                                .fd = conn->fd,
                                .is_moved = true,
                                .past = conn->past,
                                .in = conn->in,
                                .out = conn->out,
                                .answer = conn->answer };
    memcpy(seed->peer, conn->peer, sizeof(seed->peer));
    seed->address = conn->address;
    ASSERT(!conn->session);
    leave(conn);
    atomic_fetch_add_explicit(&to->sessions, 1, memory_order_relaxed);
    loop_post(to, &seed->mail);
}

/* Deadlines */

static int64_t earlier(int64_t a, int64_t b)
{
    return a == 0 || b < a ? b : a;
}

/* When this connection has to be closed unless something happens; 0: never. */
static int64_t next_deadline(const struct rtsp_conn *conn, const char **reason)
{
    const struct conf         *conf = conn->server->conf;
    const struct rtsp_session *session = conn->session;
    int64_t                    deadline_ns = 0;
    *reason = session ? "session timed out" : "idle for too long";
    if (session && session->state == RTSP_RECORD) {
        deadline_ns = rtsp_publish_heard_ns(session) + conf->read_timeout_ns;
        *reason = "i/o timeout: the publisher sends no packets";
    } else if (conn->heard_ns) {
        deadline_ns = conn->heard_ns + RTSP_SESSION_TIMEOUT_NS;
    }
    if (conn->is_blocked) {
        int64_t write_ns = conn->blocked_ns + conf->write_timeout_ns;
        if (earlier(deadline_ns, write_ns) == write_ns)
            *reason = "i/o timeout: the client does not take what it asked for";
        deadline_ns = earlier(deadline_ns, write_ns);
    }
    return deadline_ns;
}

static void on_timeout(void *arg)
{
    struct rtsp_conn *conn = arg;
    const char       *reason;
    int64_t           deadline_ns = next_deadline(conn, &reason);
    if (deadline_ns && deadline_ns <= loop_now(conn->loop))
        rtsp_conn_close(conn, reason);
    else
        rtsp_conn_set_timer(conn);
}

/* Hearing something moves a deadline away: then the timer finds out when it fires. */
void rtsp_conn_set_timer(struct rtsp_conn *conn)
{
    const char *reason;
    int64_t     deadline_ns = next_deadline(conn, &reason);
    if (deadline_ns == 0)
        timer_stop(conn->loop, &conn->timer);
    else if (!timer_is_running(&conn->timer) || conn->timer.deadline_ns > deadline_ns)
        timer_start(conn->loop, &conn->timer, deadline_ns - loop_now(conn->loop), on_timeout, conn);
}

/* Sending */

void rtsp_conn_mark(struct rtsp_conn *conn)
{
    if (!conn->is_blocked && !conn->is_closed)
        loop_mark_dirty(conn->loop, &conn->dirty);
}

static bool has_more(const struct rtsp_conn *conn)
{
    return conn->out.len || (conn->session && conn->session->queue.count);
}

static void flush(struct rtsp_conn *conn)
{
    if (conn->is_hung_up)
        buf_fini(&conn->out); /* to nobody */
    int err = rtsp_write_flush(conn);
    if (err < 0 && err != -EAGAIN) {
        rtsp_conn_lose(conn, err_text(err));
        return;
    }
    bool is_blocked = err == -EAGAIN;
    if (is_blocked)
        conn->blocked_ns = loop_now(conn->loop);
    if (is_blocked != conn->is_blocked) {
        conn->is_blocked = is_blocked;
        set_events(conn);
        rtsp_conn_set_timer(conn);
    }
    if (conn->last_words && !has_more(conn))
        rtsp_conn_close(conn, conn->last_words);
}

static void on_flush(struct dirty *dirty)
{
    flush(CONTAINER_OF(dirty, struct rtsp_conn, dirty));
}

/* Receiving */

/* An interleaved frame outside of recording: a reader's RTCP, which only shows that it is there. */
static ssize_t skip_frame(struct rtsp_conn *conn, struct span in)
{
    struct interleaved_frame frame;
    ssize_t                  used = interleaved_parse(in, &frame);
    if (used > 0 && conn->session)
        counters_add(conn->session->counters, COUNTER_INBOUND_RTCP, 1);
    return used;
}

/* One request or frame. Returns the bytes used, or as rtsp_request_handle() does. */
static ssize_t handle_one(struct rtsp_conn *conn, struct span in)
{
    if (in.p[0] == '$')
        return skip_frame(conn, in);
    if (in.p[0] == '\r' || in.p[0] == '\n') /* some clients keep a connection alive like this */
        return 1;
    struct message message;
    ssize_t        used = message_parse(in, &message);
    if (used < 0 || message.is_response)
        return used;
    int err = rtsp_request_handle(conn, &message);
    return err < 0 ? err : used;
}

static bool is_recording(const struct rtsp_conn *conn)
{
    return rtsp_session_records_tcp(conn->session);
}

/* Handles what is whole in `in`. Returns the bytes used up, or a negative errno. */
static ssize_t handle_all(struct rtsp_conn *conn, struct span in)
{
    size_t done = 0;
    while (done < in.len && !conn->last_words && !is_recording(conn)) {
        ssize_t used = handle_one(conn, span_skip(in, done));
        if (used == -EAGAIN || used == -EINPROGRESS)
            break;
        if (used < 0)
            return used;
        done += (size_t)used;
        conn->heard_ns = loop_now(conn->loop);
    }
    return (ssize_t)done;
}

/* In words: what the peer said can't be understood. NULL: something else has failed. */
static const char *nonsense_of(int err)
{
    switch (err) {
    case -EMSGSIZE:
        return "a message is too large";
    case -EBADMSG:
        return "invalid message";
    case -EPROTONOSUPPORT:
        return "invalid protocol version";
    default:
        return NULL;
    }
}

/* What was said before the nonsense has its answers, and they are sent. */
static void fail(struct rtsp_conn *conn, int err)
{
    const char *nonsense = nonsense_of(err);
    if (nonsense)
        rtsp_conn_close_later(conn, nonsense);
    else if (err != -ECANCELED)
        rtsp_conn_lose(conn, err_text(err));
}

/* What was kept: requests and, behind one that began recording, packets. */
static int handle_kept(struct rtsp_conn *conn)
{
    ssize_t used = 1;
    while (used > 0 && conn->in.len && !conn->is_asking && !conn->last_words) {
        if (is_recording(conn)) {
            used = rtsp_publish_feed(conn->session);
            continue;
        }
        used = handle_all(conn, buf_span(&conn->in));
        if (used > 0)
            buf_consume(&conn->in, (size_t)used);
    }
    return used < 0 ? (int)used : 0;
}

/* Keeps what was not used; false when the connection is gone. */
static bool handle_bytes(struct rtsp_conn *conn, struct span bytes)
{
    ssize_t used = 0;
    if (conn->last_words) /* it is only to get what waits for it */
        return true;
    if (conn->in.len == 0) {
        used = handle_all(conn, bytes);
        if (used >= 0)
            buf_append(&conn->in, span_skip(bytes, (size_t)used));
    } else {
        buf_append(&conn->in, bytes);
        used = handle_kept(conn);
    }
    if (used < 0)
        fail(conn, (int)used);
    else if (conn->in.len == 0)
        buf_fini(&conn->in); /* an idle reader holds no buffer */
    return !conn->is_closed;
}

/* One recv(). Returns the bytes that came; 0: no more for now; negative: the connection ends. */
static ssize_t receive(struct rtsp_conn *conn)
{
    ssize_t len = recv(conn->fd, conn->loop->scratch, LOOP_SCRATCH, MSG_DONTWAIT);
    counters_add(conn->loop->hub->counters, COUNTER_SYSTEM_CALLS, 1);
    if (len > 0)
        return len;
    if (len == 0)
        return UV_EOF;
    return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

static void on_readable(struct rtsp_conn *conn)
{
    for (int i = 0; i < RECEIVES_A_TURN; i++) {
        bool    is_media = is_recording(conn) && !conn->last_words;
        ssize_t len = is_media ? rtsp_publish_receive(conn->session) : receive(conn);
        if (conn->is_closed || len == 0)
            return;
        if (len < 0) {
            fail(conn, (int)len);
            return;
        }
        if (conn->heard_ns == 0)
            conn->heard_ns = loop_now(conn->loop);
        if (is_recording(conn))
            return;
        if (!timer_is_running(&conn->timer))
            rtsp_conn_set_timer(conn);
        /* Behind the request that ended recording there may be more, in conn->in. */
        size_t in_scratch = is_media ? 0 : (size_t)len;
        if (!handle_bytes(conn, (struct span){ conn->loop->scratch, in_scratch }))
            return;
        if (is_media || len < LOOP_SCRATCH || conn->is_asking || conn->last_words)
            return;
    }
}

/* libuv only says that there is an error; the socket knows which. */
static void on_socket_error(struct rtsp_conn *conn)
{
    int       err = 0;
    socklen_t len = sizeof(err);
    (void)getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &err, &len);
    rtsp_conn_lose(conn, err_text(err ? -err : UV_EOF));
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct rtsp_conn *conn = CONTAINER_OF(poll, struct rtsp_conn, poll);
    if (status < 0) {
        on_socket_error(conn);
        return;
    }
    if (conn->is_asking)
        set_events(conn); /* more came while main is being asked: it can wait in the kernel */
    else if (events & UV_READABLE)
        on_readable(conn);
    if (!conn->is_closed && (events & UV_WRITABLE))
        loop_mark_dirty(conn->loop, &conn->dirty);
}

_Static_assert((int)RTSP_MAX_PATH == (int)PATH_MAX_NAME, "what a URL names, main can be asked for");

/* Asking main */

static void on_kick(struct loop *loop, struct slot_id session, const char *reason)
{
    struct rtsp_conn *conn = slots_find(loop->slots, session);
    if (conn)
        rtsp_conn_close(conn, reason);
}

void rtsp_conn_resume(struct rtsp_conn *conn)
{
    if (!conn->is_asking || conn->is_closed)
        return;
    conn->is_asking = false;
    conn->is_again = true;
    set_events(conn);
    (void)handle_bytes(conn, (struct span){ 0 });
}

static void on_answer(struct loop *loop, struct path_request *request)
{
    struct rtsp_conn *conn = slots_find(loop->slots, request->session);
    if (!conn) {
        drop_request(request->asker, request);
        return;
    }
    conn->answer = request;
    rtsp_conn_resume(conn);
}

void rtsp_conn_ask(struct rtsp_conn *conn, struct path_request *request, const char *path)
{
    request->from = conn->loop;
    request->session = conn->id;
    request->asker = conn->server;
    request->on_answer = on_answer;
    request->on_kick = on_kick;
    (void)snprintf(request->name, sizeof(request->name), "%s", path);
    conn->is_asking = true;
    path_ask(conn->server->registry, request);
}

/* The beginning */

/* Its worker has ended, or is about to. */
static void drop_seed(struct loop *loop, struct rtsp_seed *seed)
{
    drop_request(seed->server, seed->answer);
    atomic_fetch_sub_explicit(&loop->sessions, 1, memory_order_relaxed);
    buf_fini(&seed->in);
    buf_fini(&seed->out);
    (void)close(seed->fd);
    mem_free(seed);
}

void rtsp_conn_open(struct loop *loop, struct mail *mail)
{
    struct rtsp_seed *seed = CONTAINER_OF(mail, struct rtsp_seed, mail);
    if (atomic_load(&seed->server->is_closing)) {
        drop_seed(loop, seed);
        return;
    }
    struct rtsp_conn *conn = mem_new_aligned(struct rtsp_conn);
    *conn = (struct rtsp_conn){ .server = seed->server,
                                .loop = loop,
                                .fd = seed->fd,
                                .dirty.flush = on_flush,
                                .in = seed->in,
                                .out = seed->out,
                                .answer = seed->answer,
                                .past = seed->past };
    int err = uv_poll_init(&loop->uv, &conn->poll, conn->fd);
    if (err < 0) { /* no memory, or more than a user may watch */
        LOG(&conn->server->log, LOG_ERROR, "cannot watch a connection: %s", err_text(err));
        drop_seed(loop, seed);
        mem_free(conn);
        return;
    }
    memcpy(conn->peer, seed->peer, sizeof(conn->peer));
    conn->address = seed->address;
    log_context_init(&conn->log, "[conn %s]", conn->peer);
    conn->log.parent = &conn->server->log;
    bool is_moved = seed->is_moved;
    mem_free(seed);

    conn->id = slots_add(loop->slots, conn);
    list_append(&conn->server->conns[loop->index], &conn->in_worker);
    set_events(conn);
    if (!is_moved) {
        LOG(&conn->log, LOG_INFO, "opened");
        return;
    }
    conn->heard_ns = loop_now(loop);
    rtsp_conn_set_timer(conn);
    rtsp_conn_mark(conn);
    conn->is_asking = true;
    rtsp_conn_resume(conn);
}
