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

/*
 * Whose it is what comes from an address: a session's here, or one's of another worker. The kernel
 * spreads addresses over the workers, and some reach another than their session's.
 */
struct binding {
    struct udp_address     peer;
    struct webrtc_session *session; /* NULL: lives elsewhere */
    struct list_node       in_session;
    unsigned               home;        /* the worker where it lives */
    int64_t                answered_ns; /* ... elsewhere: when the peer answered a check of its */
    bool                   is_told;     /* to workers that pass on what is ours */
    unsigned               told;        /* whom last, and when the peer had answered */
    int64_t                told_ns;
};

/* As long as consent (RFC 7675, section 5.1). */
static const int64_t claim_lasts_ns = 30 * NS_PER_S;
static const int64_t claim_again_ns = 10 * NS_PER_S;

/* A worker tells another whose an address is that it passes on from. */
struct claim {
    struct mail           mail;
    struct webrtc_worker *worker; /* that is told */
    struct udp_address    peer;
    unsigned              home;
    int64_t               answered_ns;
    bool                  is_over;
};

static struct binding *find_binding(const struct webrtc_worker *worker,
                                    const struct udp_address   *peer)
{
    struct address_key key = key_of(peer);
    return map_get(worker->by_address, key_span(&key));
}

static struct binding *add_binding(struct webrtc_worker *worker, const struct udp_address *peer,
                                   unsigned home)
{
    struct address_key key = key_of(peer);
    struct binding    *binding = mem_new(struct binding);
    *binding = (struct binding){ .peer = *peer, .home = home };
    map_put(worker->by_address, key_span(&key), binding);
    return binding;
}

static void on_claim(struct loop *loop, struct mail *mail);

static void send_claim(struct webrtc_worker *worker, unsigned to, struct claim claim)
{
    struct claim *sent = mem_new(struct claim);
    *sent = claim;
    sent->mail.handle = on_claim;
    sent->worker = &worker->server->workers[to];
    sent->home = worker->loop->index;
    loop_post(worker->server->loops[to], &sent->mail);
}

/* Returns NULL. */
static struct binding *unbind(struct webrtc_worker *worker, struct binding *binding)
{
    struct address_key key = key_of(&binding->peer);
    map_remove(worker->by_address, key_span(&key));
    if (binding->session) {
        list_remove(&binding->in_session);
        binding->session->binding_count--;
    }
    for (unsigned i = 1; binding->is_told && i <= worker->server->worker_count; i++)
        if (i != worker->loop->index)
            send_claim(worker, i, (struct claim){ .peer = binding->peer, .is_over = true });
    return mem_free(binding);
}

/*
 * Whoever knows a password may forge the sender of a check, and name another viewer's address. An
 * answer to what we have sent there can't be forged by one who does not live there: the newest one
 * has the better claim, until it is as old as consent may be.
 */
static bool gives_way(struct webrtc_worker *worker, const struct binding *binding,
                      int64_t answered_ns)
{
    int64_t theirs_ns = binding->session
                            ? ice_agent_answered_ns(binding->session->ice, &binding->peer)
                            : binding->answered_ns;
    return answered_ns > theirs_ns || loop_now(worker->loop) - theirs_ns >= claim_lasts_ns;
}

static void on_claim(struct loop *loop, struct mail *mail)
{
    struct claim         *claim = CONTAINER_OF(mail, struct claim, mail);
    struct webrtc_worker *worker = claim->worker;
    struct binding       *binding = find_binding(worker, &claim->peer);
    bool                  is_theirs = binding && !binding->session && binding->home == claim->home;
    if (is_theirs || (binding && !claim->is_over && gives_way(worker, binding, claim->answered_ns)))
        binding = unbind(worker, binding);
    if (!binding && !claim->is_over)
        add_binding(worker, &claim->peer, claim->home)->answered_ns = claim->answered_ns;
    mem_free(claim);
}

/* Whoever has passed on what we just heard; again now and then, for an old claim is worth less. */
static void tell(struct webrtc_worker *worker, struct binding *binding, int64_t answered_ns)
{
    bool is_known = binding->told == worker->via && binding->told_ns > 0 &&
                    answered_ns - binding->told_ns < claim_again_ns;
    if (worker->via == 0 || is_known)
        return;
    send_claim(worker, worker->via,
               (struct claim){ .peer = binding->peer, .answered_ns = answered_ns });
    binding->is_told = true;
    binding->told = worker->via;
    binding->told_ns = answered_ns;
}

void webrtc_worker_bind(struct webrtc_session *session, const struct udp_address *peer)
{
    struct webrtc_worker *worker = session->worker;
    struct binding       *binding = find_binding(worker, peer);
    int64_t               answered_ns = ice_agent_answered_ns(session->ice, peer);
    if (binding && binding->session != session) {
        if (!gives_way(worker, binding, answered_ns))
            return;
        binding = unbind(worker, binding); /* a browser that comes back from the same port */
    }
    if (!binding) {
        if (session->binding_count == ICE_MAX_PAIRS)
            unbind(worker, LIST_ITEM(session->bindings.head.next, struct binding, in_session));
        binding = add_binding(worker, peer, worker->loop->index);
        binding->session = session;
        session->binding_count++;
    }
    list_remove(&binding->in_session);
    list_append(&session->bindings, &binding->in_session); /* the oldest goes first */
    tell(worker, binding, answered_ns);
}

void webrtc_worker_unbind(struct webrtc_session *session)
{
    LIST_FOREACH_SAFE (struct binding, binding, &session->bindings, in_session)
        unbind(session->worker, binding);
}

/* Strays: what has reached another worker than that of its session. */

static void receive(struct webrtc_worker *worker, const struct udp_datagram *datagram);

struct stray {
    struct pool_item      item;
    struct mail           mail;
    struct webrtc_worker *worker; /* that it is for */
    unsigned              from;   /* who passes it on */
    struct udp_address    peer, local;
    size_t                len;
    uint8_t               bytes[WEBRTC_DATAGRAM];
};

static void on_stray(struct loop *loop, struct mail *mail)
{
    struct stray         *stray = CONTAINER_OF(mail, struct stray, mail);
    struct webrtc_worker *worker = stray->worker;
    struct udp_datagram   datagram = { { stray->bytes, stray->len }, stray->peer, stray->local };
    atomic_fetch_sub_explicit(&worker->strays_waiting, 1, memory_order_relaxed);
    worker->via = stray->from;
    if (worker->is_polled) /* else it has ended */
        receive(worker, &datagram);
    worker->via = 0;
    pool_give(&stray->item);
}

static void pass_on(struct webrtc_worker *worker, unsigned to, const struct udp_datagram *datagram)
{
    if (worker->via) /* whose it is has changed meanwhile: it must not go round in circles */
        return;
    struct webrtc_worker *target = &worker->server->workers[to];
    if (atomic_load_explicit(&target->strays_waiting, memory_order_relaxed) >= WEBRTC_MAX_STRAYS)
        return; /* as if the socket's buffer were full: anybody may write user names */
    atomic_fetch_add_explicit(&target->strays_waiting, 1, memory_order_relaxed);
    struct stray *stray = pool_take(&worker->strays);
    stray->mail.handle = on_stray;
    stray->worker = target;
    stray->from = worker->loop->index;
    stray->peer = datagram->peer;
    stray->local = datagram->local;
    stray->len = datagram->payload.len;
    memcpy(stray->bytes, datagram->payload.p, datagram->payload.len);
    loop_post(worker->server->loops[to], &stray->mail);
}

/* What comes in (RFC 7983) */

/*
 * STUN says itself whom it is for, whoever has sent it: a check by its user name, the answer to one
 * of ours by its transaction.
 */
static bool find_ufrag(const struct stun_message *message, char out[ICE_UFRAG_SIZE])
{
    struct span rest = message->username, ufrag;
    if (message->type == STUN_BINDING_REQUEST)
        return span_next(&rest, ':', &ufrag) && span_copy_string(ufrag, out, ICE_UFRAG_SIZE) == 0;
    webrtc_session_ufrag_of(message->transaction, out);
    return true;
}

static void receive_stun(struct webrtc_worker *worker, const struct udp_datagram *datagram)
{
    struct stun_message message;
    char                ufrag[ICE_UFRAG_SIZE];
    if (stun_parse(datagram->payload, &message) < 0 || !find_ufrag(&message, ufrag))
        return;
    unsigned home = webrtc_session_worker_of(span_from_string(ufrag));
    if (home == 0 || home > worker->server->worker_count)
        return;
    if (home != worker->loop->index) {
        pass_on(worker, home, datagram);
        return;
    }
    struct webrtc_session *session = map_get(worker->by_ufrag, span_from_string(ufrag));
    if (session)
        webrtc_session_on_stun(session, &message, datagram);
}

static void receive(struct webrtc_worker *worker, const struct udp_datagram *datagram)
{
    if (stun_is_message(datagram->payload)) {
        receive_stun(worker, datagram);
        return;
    }
    const struct binding *binding = find_binding(worker, &datagram->peer);
    if (binding && binding->session)
        webrtc_session_on_datagram(binding->session, datagram->payload);
    else if (binding)
        pass_on(worker, binding->home, datagram);
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

static void free_binding(void *arg, struct span key, void *value)
{
    mem_free(value);
}

/* What other workers have told and not taken back. */
static void free_bindings(struct webrtc_worker *worker)
{
    if (worker->by_address) /* else it was never opened */
        map_visit(worker->by_address, free_binding, NULL);
    worker->by_address = map_destroy(worker->by_address);
}

void webrtc_worker_fini(struct webrtc_worker *worker)
{
    worker->sender = webrtc_sender_destroy(worker->sender);
    worker->socket = udp_socket_destroy(worker->socket);
    worker->feeds = map_destroy(worker->feeds);
    free_bindings(worker);
    worker->by_ufrag = map_destroy(worker->by_ufrag);
    pool_fini(&worker->strays);
}
