/* A session on its worker: from the offer to the end, and what of its datagrams goes where. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "webrtc/webrtc_internal.h"

/* Then the handshake's last message has been acknowledged by its effect. */
static const int64_t trim_after_ns = 2 * NS_PER_S;

/* An offer's candidates are somebody's word: so many are tried. */
enum { MAX_TRIED_CANDIDATES = 16 };

/* Deadlines */

static void on_time(void *arg);

static void set_timer(struct webrtc_session *session)
{
    int64_t now_ns = loop_now(session->worker->loop);
    int64_t next_ns = ice_agent_deadline(session->ice);
    int64_t dtls_ns = dtls_timeout_ns(session->dtls);
    if (dtls_ns >= 0)
        next_ns = MIN(next_ns, now_ns + dtls_ns);
    if (session->state == WEBRTC_CONNECTING)
        next_ns = MIN(next_ns, session->deadline_ns);
    next_ns = MIN(next_ns, session->trim_ns);
    if (session->timer.deadline_ns != next_ns || !timer_is_running(&session->timer))
        timer_start(session->worker->loop, &session->timer, MAX(next_ns - now_ns, INT64_C(0)),
                    on_time, session);
}

static void end_unconnected(struct webrtc_session *session)
{
    AUTO(buf_fini) struct buf text = { 0 };
    const char *unheard = "is the UDP port open, and is one of our addresses reachable "
                          "(webrtcAdditionalHosts)?";
    if (session->host_count == 0)
        unheard = webrtc_hosts_remedy(session->worker->server->conf);
    for (unsigned i = 0; i < session->host_count; i++)
        buf_printf(&text, "%s%s/%u", i ? ", " : "", session->hosts[i].address,
                   session->hosts[i].port);
    buf_printf(&text, "%s; ", session->host_count ? "" : "none");
    ice_agent_describe(session->ice, unheard, &text);
    LOG(&session->log, LOG_WARN, "not connected: local candidates: %s", buf_string(&text));
    webrtc_session_end(session, "deadline exceeded while waiting connection");
}

static void act_on(struct webrtc_session *session, enum dtls_state state);

static void on_time(void *arg)
{
    struct webrtc_session *session = arg;
    int64_t                now_ns = loop_now(session->worker->loop);
    if (session->state == WEBRTC_CONNECTING && now_ns >= session->deadline_ns) {
        end_unconnected(session);
        return;
    }
    if (!ice_agent_on_time(session->ice, now_ns)) {
        webrtc_session_end(session, "the client does not answer any more");
        return;
    }
    if (dtls_timeout_ns(session->dtls) == 0)
        act_on(session, dtls_on_timeout(session->dtls));
    if (now_ns >= session->trim_ns) {
        dtls_trim(session->dtls);
        session->trim_ns = INT64_MAX;
    }
    if (!session->is_ending)
        set_timer(session);
}

/* DTLS */

static void send_dtls(void *arg, struct span datagram)
{
    struct webrtc_session *session = arg;
    struct udp_address     to, from;
    if (ice_agent_route(session->ice, &to, &from))
        webrtc_worker_send(session->worker, datagram, &to, &from);
}

static void on_connected(struct webrtc_session *session)
{
    struct webrtc_viewer *viewer = &session->viewer;
    const char           *profile;
    int err = dtls_derive_keys(session->dtls, session->worker->sender->sealer, &viewer->out_keys,
                               &viewer->in_keys, &profile);
    if (err < 0) {
        webrtc_session_end(session, "no SRTP keys: %s", err_text(err));
        return;
    }
    session->state = WEBRTC_CONNECTED;
    session->trim_ns = loop_now(session->worker->loop) + trim_after_ns;
    dtls_queue_clear(&session->received);
    LOG(&session->log, LOG_DEBUG, "SRTP profile: %s", profile);
    webrtc_server_tell(session->worker->server, session, false);
    LOG(&session->log, LOG_INFO, "is reading from path '%s', %s", session->path, session->tracks);
    webrtc_viewer_play(viewer);
}

static void act_on(struct webrtc_session *session, enum dtls_state state)
{
    if (session->is_ending)
        return;
    if (state == DTLS_CLOSED)
        webrtc_session_end(session, "peer connection closed");
    else if (state == DTLS_FAILED)
        webrtc_session_end(session, "DTLS: %s", dtls_why(session->dtls));
    else if (state == DTLS_CONNECTED && session->state == WEBRTC_CONNECTING)
        on_connected(session);
}

void webrtc_session_handshake(struct webrtc_session *session)
{
    struct dtls_queue queue = session->received;
    session->received = (struct dtls_queue){ 0 };
    for (unsigned i = 0; i < queue.count && !session->is_ending; i++)
        act_on(session, dtls_receive(session->dtls, dtls_queue_at(&queue, i)));
    dtls_queue_clear(&queue);
    if (!session->is_ending)
        set_timer(session);
}

/* ICE */

static void send_stun(void *arg, struct span datagram, const struct udp_address *to,
                      const struct udp_address *from)
{
    struct webrtc_session *session = arg;
    webrtc_worker_send(session->worker, datagram, to, from);
}

static void on_peer(void *arg, const struct udp_address *peer)
{
    webrtc_worker_bind(arg, peer);
}

static const char *candidate_text(const struct udp_address *from, char out[ADDRESS_TEXT])
{
    struct address address = udp_address_unpack(from);
    address_format(&address, out);
    char *colon = strrchr(out, ':');
    if (colon)
        *colon = '/';
    return out;
}

static void on_selected(void *arg, const struct udp_address *to, const struct udp_address *from)
{
    struct webrtc_session *session = arg;
    char                   local[ADDRESS_TEXT], remote[ADDRESS_TEXT];
    session->viewer.to = *to;
    session->viewer.from = *from;
    session->viewer.no_gso = false; /* another way may do it */
    LOG(&session->log, session->is_established ? LOG_DEBUG : LOG_INFO,
        "peer connection established, local candidate: host/udp/%s, remote candidate: %s/udp/%s",
        candidate_text(from, local), sdp_candidate_types[ice_agent_selected_type(session->ice)],
        candidate_text(to, remote));
    session->is_established = true;
    if (session->state == WEBRTC_CONNECTING)
        act_on(session, dtls_start(session->dtls));
}

static const struct ice_ops ice_ops = { send_stun, on_peer, on_selected };

/* Its turn comes when there is something to read, and the answer has somewhere to go. */
static void await_handshake(struct webrtc_session *session)
{
    if (session->received.count == 0 || list_contains_node(&session->in_handshakes) ||
        !ice_agent_is_proven(session->ice))
        return;
    list_append(&session->worker->handshakes, &session->in_handshakes);
    webrtc_worker_mark(session->worker);
}

void webrtc_session_on_stun(struct webrtc_session *session, const struct stun_message *message,
                            const struct udp_datagram *datagram)
{
    if (session->is_ending || !session->ice)
        return;
    ice_agent_receive(session->ice, message, &datagram->peer, &datagram->local,
                      loop_now(session->worker->loop));
    if (session->is_ending)
        return;
    await_handshake(session); /* what came before its address was proven */
    set_timer(session);
}

/* RFC 7983: what the first byte says. */
enum { DTLS_FIRST = 20, DTLS_LAST = 63, RTP_FIRST = 128, RTP_LAST = 191 };

/* RFC 5761, section 4: RTP and RTCP share the port. */
enum { RTCP_FIRST = 192, RTCP_LAST = 223 };

void webrtc_session_on_datagram(struct webrtc_session *session, struct span datagram)
{
    if (session->is_ending || datagram.len < 2)
        return;
    uint8_t first = datagram.p[0], second = datagram.p[1];
    if (first >= DTLS_FIRST && first <= DTLS_LAST) {
        dtls_queue_push(&session->received, datagram);
        await_handshake(session);
    } else if (first >= RTP_FIRST && first <= RTP_LAST && second >= RTCP_FIRST &&
               second <= RTCP_LAST) {
        webrtc_viewer_on_rtcp(session->worker, &session->viewer, datagram);
    }
}

/*
 * A user name and the tag of transactions are the same 48 bits, as sixteen octal digits and as six
 * bytes. The first twelve are the worker's index, the others random.
 */
enum { UFRAG_DIGITS = 16, INDEX_DIGITS = 4 };

void webrtc_session_ufrag_of(const uint8_t tag[ICE_TAG_SIZE], char out[ICE_UFRAG_SIZE])
{
    uint64_t number = (uint64_t)read_be16(tag) << 32 | read_be32(tag + 2);
    (void)snprintf(out, ICE_UFRAG_SIZE, "%016llo", (unsigned long long)number);
}

unsigned webrtc_session_worker_of(struct span ufrag)
{
    unsigned index = 0;
    if (ufrag.len != UFRAG_DIGITS)
        return 0;
    for (unsigned i = 0; i < INDEX_DIGITS; i++) {
        if (ufrag.p[i] < '0' || ufrag.p[i] > '7')
            return 0;
        index = index << 3 | (ufrag.p[i] - '0');
    }
    return index;
}

static void make_credentials(const struct webrtc_worker *worker, uint8_t tag[ICE_TAG_SIZE],
                             struct ice_credentials *out)
{
    do {
        random_bytes(tag, ICE_TAG_SIZE);
        write_be16(tag, (uint16_t)(worker->loop->index << 4 | (tag[1] & 0xf)));
        webrtc_session_ufrag_of(tag, out->ufrag);
    } while (map_get(worker->by_ufrag, span_from_string(out->ufrag)));
    random_hex128(out->pwd);
}

static bool to_remote(const struct webrtc_worker *worker, const struct sdp_candidate *candidate,
                      struct udp_address *out)
{
    char           text[INET6_ADDRSTRLEN];
    struct in_addr v4;
    bool           is_v6_socket = udp_socket_local(worker->socket)->any.sa_family == AF_INET6;
    *out = (struct udp_address){ 0 };
    if (candidate->tcptype.len || candidate->component != 1 || candidate->port == 0 ||
        span_copy_string(candidate->address, text, sizeof(text)) < 0)
        return false;
    if (inet_pton(AF_INET, text, &v4) == 1) {
        if (IN_MULTICAST(ntohl(v4.s_addr)) || v4.s_addr == htonl(INADDR_ANY) ||
            v4.s_addr == htonl(INADDR_BROADCAST))
            return false;
        if (!is_v6_socket) {
            out->v4 = (struct sockaddr_in){ AF_INET, htons(candidate->port), v4, { 0 } };
            return true;
        }
        char mapped[INET6_ADDRSTRLEN + 8];
        (void)snprintf(mapped, sizeof(mapped), "::ffff:%s", text);
        (void)span_copy_string(span_from_string(mapped), text, sizeof(text));
    }
    out->v6.sin6_family = AF_INET6;
    out->v6.sin6_port = htons(candidate->port);
    return is_v6_socket && inet_pton(AF_INET6, text, &out->v6.sin6_addr) == 1 &&
           !IN6_IS_ADDR_MULTICAST(&out->v6.sin6_addr) &&
           !IN6_IS_ADDR_UNSPECIFIED(&out->v6.sin6_addr);
}

static void add_candidates(struct webrtc_session *session, const struct sdp_candidate *candidates,
                           unsigned count)
{
    struct udp_address remote;
    for (unsigned i = 0, tried = 0; i < count && tried < MAX_TRIED_CANDIDATES; i++) {
        if (candidates[i].is_mdns || !to_remote(session->worker, &candidates[i], &remote))
            continue;
        ice_agent_add_remote(session->ice, &remote, loop_now(session->worker->loop));
        ice_agent_name_remote(session->ice, &remote, candidates[i].type);
        tried++;
    }
}

/* Orders: PATCH and DELETE */

static void restart_ice(struct webrtc_session *session, struct webrtc_order *order)
{
    struct ice_credentials local;
    uint8_t                tag[ICE_TAG_SIZE];
    struct webrtc_worker  *worker = session->worker;
    map_remove(worker->by_ufrag, span_from_string(ice_agent_local(session->ice)->ufrag));
    make_credentials(worker, tag, &local);
    map_put(worker->by_ufrag, span_from_string(local.ufrag), session);
    ice_agent_restart(session->ice, &local, order->fragment.ufrag, order->fragment.pwd);
    ice_agent_set_tag(session->ice, tag);
    webrtc_answer_restart(session, &order->answer);
    (void)snprintf(order->ufrag, sizeof(order->ufrag), "%s", local.ufrag);
    order->status = 200;
}

static void on_fragment(struct webrtc_session *session, struct webrtc_order *order)
{
    const struct sdp_fragment *fragment = &order->fragment;
    order->status = 204;
    if (!span_equal(fragment->ufrag, ice_agent_remote_ufrag(session->ice))) {
        if (fragment->pwd.len == 0) {
            order->status = 400;
            (void)errmsg_set(&order->why, -EINVAL, "an ICE restart needs an ice-pwd");
            return;
        }
        restart_ice(session, order);
    }
    add_candidates(session, fragment->candidates, fragment->candidate_count);
    set_timer(session);
}

void webrtc_session_on_order(struct loop *loop, struct mail *mail)
{
    struct webrtc_order   *order = CONTAINER_OF(mail, struct webrtc_order, mail);
    struct webrtc_session *session = slots_find(loop->slots, order->session);
    if (!session || session->is_ending) {
        order->status = 404;
        (void)errmsg_set(&order->why, -ENOENT, "session not found");
    } else if (order->is_end) {
        webrtc_session_end(session, "terminated");
        order->status = 200;
    } else {
        on_fragment(session, order);
    }
    order->mail.handle = webrtc_http_on_ordered;
    loop_post(order->server->main, &order->mail);
}

/* Beginning and end */

static void reply(struct webrtc_post *post, unsigned status)
{
    post->status = status;
    post->mail.handle = webrtc_http_on_posted;
    loop_post(post->server->main, &post->mail);
}

static void start_transport(struct webrtc_session *session)
{
    struct webrtc_post         *post = session->post;
    struct webrtc_worker       *worker = session->worker;
    const struct sdp_transport *transport = &post->offer.media[post->offer.transport_at].transport;
    struct ice_credentials      local;
    uint8_t                     tag[ICE_TAG_SIZE];
    make_credentials(worker, tag, &local);
    map_put(worker->by_ufrag, span_from_string(local.ufrag), session);
    session->ice = ice_agent_create(&local, transport->ufrag, transport->pwd,
                                    post->offer.is_ice_lite, &ice_ops, session);
    ice_agent_set_tag(session->ice, tag);
    session->dtls = dtls_create(worker->server->dtls, transport->setup != SDP_SETUP_PASSIVE,
                                sdp_transport_fingerprint(transport), send_dtls, session);
    session->host_count = post->host_count;
    session->hosts = mem_new_array(struct webrtc_host, post->host_count);
    memcpy(session->hosts, post->hosts, sizeof(session->hosts[0]) * post->host_count);
}

/*
 * Not before its answer: a refusal is one line of the server's, without a session id, so that the
 * log counts it when it comes again.
 */
static void log_created(const struct webrtc_session *session)
{
    LOG(&session->log, LOG_INFO, "created by %s", session->peer);
    if (session->skipped[0])
        LOG(&session->log, LOG_WARN, "skipping %s", session->skipped);
}

void webrtc_session_answer(struct webrtc_session *session)
{
    struct webrtc_post *post = session->post;
    start_transport(session);
    int err = webrtc_answer(session, post);
    if (err < 0) {
        webrtc_session_end(session, "%s", post->why.text);
        return; /* and the end replies */
    }
    log_created(session);
    add_candidates(session, post->offer.candidates, post->offer.candidate_count);
    session->post = NULL;
    post->session = session->id;
    post->worker = session->worker->loop->index;
    memcpy(post->uuid, session->uuid, sizeof(post->uuid));
    memcpy(post->secret, session->secret, sizeof(post->secret));
    reply(post, 201);
    set_timer(session);
}

void webrtc_viewer_on_stream(struct webrtc_viewer *viewer)
{
    struct webrtc_session *session = webrtc_session_of(viewer);
    if (!session->is_ending)
        webrtc_session_answer(session);
}

void webrtc_viewer_on_end(struct webrtc_viewer *viewer, enum stream_end reason)
{
    struct webrtc_session *session = webrtc_session_of(viewer);
    viewer->is_playing = false;
    if (session->post && reason == STREAM_GONE) {
        session->post->status = 404;
        (void)errmsg_set(&session->post->why, -ENOENT, "no stream is available on path '%s'",
                         session->path);
    }
    webrtc_session_end(session, "the stream has ended");
}

static void open_session(struct webrtc_worker *worker, struct webrtc_post *post)
{
    struct webrtc_session *session = mem_new(struct webrtc_session);
    struct loop           *loop = worker->loop;
    struct path_request   *granted = post->granted;
    *session = (struct webrtc_session){ .worker = worker,
                                        .post = post,
                                        .path = mem_string(post->path),
                                        .grant = granted->grant,
                                        .trim_ns = INT64_MAX };
    list_init(&session->bindings);
    session->deadline_ns = loop_now(loop) + worker->server->conf->webrtc_handshake_timeout_ns;
    session->id = slots_add(loop->slots, session);
    list_append(&worker->sessions, &session->in_worker);
    atomic_fetch_add_explicit(&loop->sessions, 1, memory_order_relaxed);
    random_uuid(session->uuid);
    random_uuid(session->secret);
    memcpy(session->peer, post->peer, sizeof(session->peer));
    log_context_init(&session->log, "[session %.8s]", session->uuid);
    session->log.parent = &worker->server->log;
    if (!worker->sender) /* some megabytes, which a server without viewers does not need */
        worker->sender = webrtc_sender_create(worker->socket);
    path_move(worker->server->registry, session->grant, loop, session->id);
    webrtc_viewer_init(&session->viewer);
    session->viewer.path_counters = granted->counters;
    granted->counters = NULL;
    granted->grant = (struct slot_id){ 0 };
    webrtc_feed_join(worker, &session->viewer, granted->stream, granted->owner);
}

void webrtc_session_open(struct loop *loop, struct mail *mail)
{
    struct webrtc_post   *post = CONTAINER_OF(mail, struct webrtc_post, mail);
    struct webrtc_worker *worker = &post->server->workers[loop->index];
    if (worker->is_polled) {
        open_session(worker, post);
        return;
    }
    path_release(post->server->registry, post->granted->grant);
    (void)errmsg_set(&post->why, -ECANCELED, "terminated");
    reply(post, 500);
}

void webrtc_session_end(struct webrtc_session *session, const char *format, ...)
{
    if (session->is_ending)
        return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(session->ending, sizeof(session->ending), format, args);
    va_end(args);
    session->is_ending = true;
    list_append(&session->worker->ending, &session->in_ending);
    webrtc_worker_mark(session->worker);
}

/* The POST that it came with is still waiting; who answers it tells the log. */
static void refuse_post(const struct webrtc_session *session)
{
    struct webrtc_post *post = session->post;
    if (!post)
        return;
    if (post->status == 0) {
        post->status = 400;
        if (!post->why.text[0])
            (void)errmsg_set(&post->why, -EINVAL, "%s", session->ending);
    }
    reply(post, post->status);
}

static void free_media(struct webrtc_session *session)
{
    for (unsigned i = 0; i < session->media_count; i++) {
        mem_free(session->media[i].kind);
        mem_free(session->media[i].mid);
    }
    mem_free(session->media);
}

void webrtc_session_destroy(struct webrtc_session *session)
{
    struct webrtc_worker *worker = session->worker;
    timer_stop(worker->loop, &session->timer);
    if (session->ice && ice_agent_is_proven(session->ice)) /* else it goes to who knows whom */
        dtls_close(session->dtls);
    webrtc_viewer_fini(&session->viewer, worker);
    refuse_post(session);
    webrtc_server_tell(worker->server, session, true);
    webrtc_worker_unbind(session);
    if (session->ice)
        map_remove(worker->by_ufrag, span_from_string(ice_agent_local(session->ice)->ufrag));
    session->dtls = dtls_destroy(session->dtls);
    session->ice = ice_agent_destroy(session->ice);
    dtls_queue_clear(&session->received);
    path_release(worker->server->registry, session->grant);
    list_remove(&session->in_worker);
    list_remove(&session->in_handshakes);
    list_remove(&session->in_ending);
    slots_remove(worker->loop->slots, session->id);
    atomic_fetch_sub_explicit(&worker->loop->sessions, 1, memory_order_relaxed);
    if (!session->post)
        LOG(&session->log, LOG_INFO, "closed: %s", session->ending);
    free_media(session);
    mem_free(session->hosts);
    mem_free(session->path);
    mem_free(session);
}
