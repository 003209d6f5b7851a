/* A worker's part of the server: its UDP socket, and who on it a datagram is for. */
#include <errno.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "webrtc/webrtc_internal.h"

/* Receiving is not the work here: RTCP, STUN and handshakes. */
enum { RECEIVES_A_TURN = 4, KEEP_STRAYS = 64 };

/* An address as a key: what sockaddr pads with does not count. */
struct address_key {
    uint16_t family, port;
    uint8_t  host[16];
};

static struct address_key key_of(const struct udp_address *address)
{
    struct address_key key = { .family = address->any.sa_family };
    if (key.family == AF_INET) {
        key.port = address->v4.sin_port;
        memcpy(key.host, &address->v4.sin_addr, sizeof(address->v4.sin_addr));
    } else {
        key.port = address->v6.sin6_port;
        memcpy(key.host, &address->v6.sin6_addr, sizeof(key.host));
    }
    return key;
}

static struct span key_span(const struct address_key *key)
{
    return (struct span){ (const uint8_t *)key, sizeof(*key) };
}

/* An address from which a session has shown that it knows its password. */
struct binding {
    struct webrtc_session *session;
    struct list_node       in_session;
    struct address_key     key;
};

static void unbind(struct webrtc_worker *worker, struct binding *binding)
{
    map_remove(worker->by_address, key_span(&binding->key));
    list_remove(&binding->in_session);
    binding->session->binding_count--;
    mem_free(binding);
}

static struct webrtc_session *session_at(struct webrtc_worker     *worker,
                                         const struct address_key *key)
{
    const struct binding *binding = map_get(worker->by_address, key_span(key));
    return binding ? binding->session : NULL;
}

void webrtc_worker_bind(struct webrtc_session *session, const struct udp_address *peer)
{
    struct webrtc_worker *worker = session->worker;
    struct address_key    key = key_of(peer);
    struct binding       *binding = map_get(worker->by_address, key_span(&key));
    if (binding && binding->session == session) {
        list_remove(&binding->in_session);
        list_append(&session->bindings, &binding->in_session); /* the oldest goes first */
        return;
    }
    if (binding) /* a browser that comes back from the same port */
        unbind(worker, binding);
    if (session->binding_count == ICE_MAX_PAIRS)
        unbind(worker, LIST_ITEM(session->bindings.head.next, struct binding, in_session));
    binding = mem_new(struct binding);
    *binding = (struct binding){ .session = session, .key = key };
    list_append(&session->bindings, &binding->in_session);
    session->binding_count++;
    map_put(worker->by_address, key_span(&key), binding);
}

void webrtc_worker_unbind(struct webrtc_session *session)
{
    LIST_FOREACH_SAFE (struct binding, binding, &session->bindings, in_session)
        unbind(session->worker, binding);
}

/* Strays: the kernel spreads addresses over the workers, and some reach another than theirs. */

static void receive(struct webrtc_worker *worker, const struct udp_datagram *datagram);

struct stray {
    struct pool_item      item;
    struct mail           mail;
    struct webrtc_worker *worker; /* that it is for */
    struct udp_address    peer, local;
    size_t                len;
    uint8_t               bytes[WEBRTC_DATAGRAM];
};

static void on_stray(struct loop *loop, struct mail *mail)
{
    struct stray       *stray = CONTAINER_OF(mail, struct stray, mail);
    struct udp_datagram datagram = { { stray->bytes, stray->len }, stray->peer, stray->local };
    if (stray->worker->is_polled) /* else it has ended */
        receive(stray->worker, &datagram);
    pool_give(&stray->item);
}

static void pass_on(struct webrtc_worker *worker, unsigned to, const struct udp_datagram *datagram)
{
    struct stray *stray = pool_take(&worker->strays);
    stray->mail.handle = on_stray;
    stray->worker = &worker->server->workers[to];
    stray->peer = datagram->peer;
    stray->local = datagram->local;
    stray->len = datagram->payload.len;
    memcpy(stray->bytes, datagram->payload.p, datagram->payload.len);
    loop_post(worker->server->loops[to], &stray->mail);
}

/* Anybody may claim to be a session's peer: a full table starts again, checks fill it soon. */
static void learn_route(struct webrtc_worker *worker, const struct udp_address *peer, unsigned to)
{
    if (map_count(worker->routes) >= WEBRTC_MAX_ROUTES) {
        map_destroy(worker->routes);
        worker->routes = map_create();
    }
    struct address_key key = key_of(peer);
    map_put(worker->routes, key_span(&key), worker->server->loops[to]);
}

/* What comes in (RFC 7983) */

static void on_check(struct webrtc_worker *worker, const struct stun_message *message,
                     const struct udp_datagram *datagram)
{
    struct span rest = message->username, ufrag;
    if (!span_next(&rest, ':', &ufrag))
        return;
    unsigned owner = webrtc_session_worker_of(ufrag);
    if (owner == 0 || owner > worker->server->worker_count)
        return;
    if (owner != worker->loop->index) {
        learn_route(worker, &datagram->peer, owner);
        pass_on(worker, owner, datagram);
        return;
    }
    struct webrtc_session *session = map_get(worker->by_ufrag, ufrag);
    if (session)
        webrtc_session_on_stun(session, message, datagram);
}

static void receive(struct webrtc_worker *worker, const struct udp_datagram *datagram)
{
    struct stun_message message;
    bool                is_stun = stun_is_message(datagram->payload);
    if (is_stun && stun_parse(datagram->payload, &message) < 0)
        return;
    if (is_stun && message.type == STUN_BINDING_REQUEST) {
        on_check(worker, &message, datagram);
        return;
    }
    struct address_key     key = key_of(&datagram->peer);
    struct webrtc_session *session = session_at(worker, &key);
    struct loop           *route = session ? NULL : map_get(worker->routes, key_span(&key));
    if (route)
        pass_on(worker, route->index, datagram);
    else if (session && is_stun)
        webrtc_session_on_stun(session, &message, datagram);
    else if (session)
        webrtc_session_on_datagram(session, datagram->payload);
}

static void on_datagram(void *arg, const struct udp_datagram *datagram)
{
    receive(arg, datagram);
}

/* Sending */

void webrtc_worker_send(struct webrtc_worker *worker, struct span datagram,
                        const struct udp_address *to, const struct udp_address *from)
{
    struct udp_message message = { .payload = datagram, .to = *to, .from = *from };
    /* A full socket loses it, as a network might: STUN and DTLS come again. */
    (void)udp_socket_send(worker->socket, &message, 1);
    counters_add(worker->loop->hub->counters, COUNTER_SYSTEM_CALLS, 1);
}

static void on_poll(uv_poll_t *poll, int status, int events);

static void set_events(struct webrtc_worker *worker)
{
    bool is_blocked = worker->sender && worker->sender->is_blocked;
    int  events = UV_READABLE | (is_blocked ? UV_WRITABLE : 0);
    if (events != worker->events)
        (void)uv_poll_start(&worker->poll, events, on_poll);
    worker->events = events;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct webrtc_worker *worker = poll->data;
    struct counters      *counters = worker->loop->hub->counters;
    for (int i = 0, got = 1; (events & UV_READABLE) && got > 0 && i < RECEIVES_A_TURN; i++) {
        got = udp_socket_receive(worker->socket, worker->loop->scratch, LOOP_SCRATCH, on_datagram,
                                 worker);
        counters_add(counters, COUNTER_SYSTEM_CALLS, 1);
        if (got < UDP_RECEIVE_MESSAGES)
            break;
    }
    if (events & UV_WRITABLE) {
        webrtc_send_resume(worker);
        set_events(worker);
    }
}

/* The end of a turn */

static void on_again(void *arg)
{
    webrtc_worker_mark(arg);
}

/* A handshake's step takes half a millisecond: media goes first, and most of them wait. */
static void do_handshakes(struct webrtc_worker *worker)
{
    for (int i = 0; i < WEBRTC_HANDSHAKES_A_TURN; i++) {
        struct list_node *node = list_take_first(&worker->handshakes);
        if (!node)
            return;
        webrtc_session_handshake(LIST_ITEM(node, struct webrtc_session, in_handshakes));
    }
    if (!list_is_empty(&worker->handshakes) && !timer_is_running(&worker->again))
        timer_start(worker->loop, &worker->again, 0, on_again, worker);
}

static void end_sessions(struct webrtc_worker *worker)
{
    for (struct list_node *node; (node = list_take_first(&worker->ending));)
        webrtc_session_destroy(LIST_ITEM(node, struct webrtc_session, in_ending));
}

static void on_flush(struct dirty *dirty)
{
    struct webrtc_worker *worker = CONTAINER_OF(dirty, struct webrtc_worker, dirty);
    webrtc_send_flush(worker);
    do_handshakes(worker);
    end_sessions(worker);
    set_events(worker);
}

void webrtc_worker_mark(struct webrtc_worker *worker)
{
    loop_mark_dirty(worker->loop, &worker->dirty);
}

void webrtc_worker_activate(struct webrtc_worker *worker, struct webrtc_feed *feed)
{
    if (!list_contains_node(&feed->in_active))
        list_append(&worker->active, &feed->in_active);
    webrtc_worker_mark(worker);
}

void webrtc_worker_on_report(struct webrtc_worker *worker, struct webrtc_feed *feed)
{
    LIST_FOREACH_SAFE (struct webrtc_viewer, viewer, &feed->viewers, in_feed)
        viewer->wants_report = viewer->is_playing;
    webrtc_worker_activate(worker, feed);
}

void webrtc_worker_on_b_frames(struct webrtc_worker *worker, struct webrtc_feed *feed)
{
    LIST_FOREACH_SAFE (struct webrtc_viewer, viewer, &feed->viewers, in_feed)
        if (viewer->is_playing && viewer->of_feed[feed->track])
            webrtc_session_end(webrtc_session_of(viewer),
                               "browsers can't play H264 or H265 with B-frames: switch them off in "
                               "the encoder");
}

/* Beginning and end */

int webrtc_worker_open(struct webrtc_worker *worker, struct webrtc_server *server,
                       struct loop *loop, const struct udp_options *options, struct errmsg *why)
{
    *worker = (struct webrtc_worker){ .server = server, .loop = loop, .dirty.flush = on_flush };
    list_init(&worker->active);
    list_init(&worker->sessions);
    list_init(&worker->handshakes);
    list_init(&worker->ending);
    worker->feeds = map_create();
    worker->by_address = map_create();
    worker->by_ufrag = map_create();
    pool_init(&worker->strays, sizeof(struct stray), KEEP_STRAYS);
    worker->routes = map_create();
    return udp_socket_create(options, &worker->socket, why);
}

void webrtc_worker_start(struct loop *loop, struct mail *mail)
{
    struct webrtc_worker *worker = CONTAINER_OF(mail, struct webrtc_worker, start);
    int err = uv_poll_init(&loop->uv, &worker->poll, udp_socket_fd(worker->socket));
    if (err < 0) {
        LOG(&worker->server->log, LOG_ERROR, "cannot watch the UDP port: %s", err_text(err));
        return;
    }
    worker->poll.data = worker;
    worker->is_polled = true;
    set_events(worker);
}

void webrtc_worker_close(struct webrtc_worker *worker)
{
    LIST_FOREACH_SAFE (struct webrtc_session, session, &worker->sessions, in_worker)
        webrtc_session_end(session, "terminated");
    end_sessions(worker);
    loop_clear_dirty(&worker->dirty);
    timer_stop(worker->loop, &worker->pace);
    timer_stop(worker->loop, &worker->again);
    if (worker->is_polled)
        uv_close((uv_handle_t *)&worker->poll, NULL);
    worker->is_polled = false;
}

void webrtc_worker_fini(struct webrtc_worker *worker)
{
    worker->sender = webrtc_sender_destroy(worker->sender);
    worker->socket = udp_socket_destroy(worker->socket);
    worker->feeds = map_destroy(worker->feeds);
    worker->by_address = map_destroy(worker->by_address);
    worker->by_ufrag = map_destroy(worker->by_ufrag);
    pool_fini(&worker->strays);
    worker->routes = map_destroy(worker->routes);
}
