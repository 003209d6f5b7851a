/*
 * Datagrams to a worker with one session, whose client is real: an ICE agent, a DTLS connection, a
 * socket of its own; and beside it a stranger's. An input is a row of steps: a byte that says which
 * of steps[], one with a length, and as many bytes:
 *
 *     a datagram of these bytes      from the client's address, or from the stranger's
 *     a check with these attributes  and the right password, from the one or the other
 *     an answer with these           to the server's last check; bytes[0]: is it an error?
 *     RTCP                           sealed with the session's keys, once there are some
 *     the client goes on             one datagram of its next is changed at bytes[0] by bytes[1]
 *     time passes                    as many milliseconds, with some pictures
 *     a fragment                     as a PATCH brings it; without bytes: the session ends
 *
 * Whatever comes, a stranger who does not know the password gets no byte, and nothing is left.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <poll.h>
#include <sys/time.h>
#include <unistd.h>
#include <zlib.h>

#define TEST_CLOCK_KEEPS_WALL 1
#include "base/bytes.h"
#include "base/mem.h"
#include "base/test_clock.h"
#include "stream/test_feed.h"
#include "webrtc/webrtc_internal.h"

enum { MAIN, WORKER, LOOPS };
enum { CLIENT, STRANGER, SOCKETS };
enum { MAX_DATAGRAM = 2048, MAX_WAIT_MS = 40000, PICTURES = 4, INTEGRITY_SIZE = 20 };

static const char offer[] =
    "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=ice-ufrag:them\r\n"
    "a=ice-pwd:the_password_of_the_client\r\na=setup:actpass\r\na=group:BUNDLE 0\r\n"
    "a=fingerprint:sha-256 %s\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=recvonly\r\n"
    "a=rtcp-mux\r\n"
    "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\n"
    "a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n";

/* What lives as long as the program. */
static struct stage {
    struct loop           loops[LOOPS];
    struct loop          *loop_at[LOOPS];
    struct hub            hub;
    struct hub           *hub_at[LOOPS];
    struct hub_settings   settings;
    struct conf          *conf;
    struct placement     *placement;
    struct path_registry *registry;
    struct webrtc_server  server;
    struct webrtc_worker  workers[LOOPS];
    struct path_request  *answer; /* of the registry, to whoever asked last */
    struct counters      *counters;
    struct stream        *stream;
    struct ingest         ingest;
    struct test_wire      wire;
    uint32_t              ticks;
    struct dtls_context  *dtls; /* of clients */
    struct srtp_sealer   *sealer;
    int                   sockets[SOCKETS];
} stage;

/* What lives as long as an input. */
struct run {
    struct span         in;
    struct slot_id      session;
    struct ice_agent   *ice;
    struct dtls        *dtls;
    struct srtp_keys   *out_keys, *in_keys;
    struct srtp_replay  replay;
    uint32_t            rtcp_index;
    struct udp_address  server;
    struct stun_message check; /* the server's last one */
    bool                knows_stranger;
    uint8_t             at, by; /* the change to the client's next datagram */
};

/* OpenSSL's clock follows the others. */
int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    int64_t now_ns = TEST_CLOCK_WALL + test_clock_passed_ns;
    *out = (struct timeval){ now_ns / NS_PER_S, now_ns % NS_PER_S / NS_PER_US };
    return 0;
}

static struct webrtc_session *session_of(const struct run *run)
{
    return slots_find(stage.loops[WORKER].slots, run->session);
}

/* Turns */

static bool has_work(struct loop *loop)
{
    struct pollfd epoll = { .fd = uv_backend_fd(&loop->uv), .events = POLLIN };
    return atomic_load(&loop->inbox) || !list_is_empty(&loop->dirty) || poll(&epoll, 1, 0) > 0;
}

static void settle(void)
{
    for (unsigned quiet = 0; quiet < 2;) {
        for (unsigned i = 0; i < LOOPS; i++)
            (void)uv_run(&stage.loops[i].uv, UV_RUN_NOWAIT);
        quiet = has_work(&stage.loops[MAIN]) || has_work(&stage.loops[WORKER]) ? 0 : quiet + 1;
    }
}

static void show_picture(void)
{
    uint8_t nal[1000] = { 0x65 };
    for (unsigned i = 0; i < 3; i++)
        test_wire_add(&stage.wire,
                      &(struct test_sent){ TEST_VIDEO, i == 2, stage.ticks, { nal, sizeof(nal) } });
    stage.ticks += 3600;
    test_feed(&stage.ingest, buf_span(&stage.wire.bytes), SIZE_MAX);
    buf_fini(&stage.wire.bytes);
    ingest_end_turn(&stage.ingest);
    settle();
}

/* The stage */

static void on_answer(struct loop *loop, struct path_request *request)
{
    stage.answer = request;
}

static void on_kick(struct loop *loop, struct slot_id session, const char *reason)
{
}

static struct path_request *ask(enum path_question question)
{
    struct path_request *request = path_request_new(question);
    request->from = &stage.loops[MAIN];
    request->on_answer = on_answer;
    request->on_kick = on_kick;
    request->is_checked = true;
    (void)snprintf(request->name, sizeof(request->name), "cam");
    path_ask(stage.registry, request);
    settle();
    ASSERT(stage.answer == request && request->answer == PATH_OK);
    return request;
}

static void open_loops(void)
{
    static const char *const names[] = { "main", "worker" };
    stage.settings = (struct hub_settings){ .frame_hold_ns = NS_PER_MS,
                                            .ring_bytes = 1 << 20,
                                            .report_period_ns = 3 * NS_PER_S,
                                            .queue = { 512, 1 << 20, 2 * NS_PER_S } };
    for (unsigned i = 0; i < LOOPS; i++) {
        loop_init(&stage.loops[i], names[i], i);
        stage.loops[i].thread = pthread_self();
        stage.loop_at[i] = &stage.loops[i];
    }
    stage.hub_at[WORKER] = &stage.hub;
    hub_init(&stage.hub, &stage.loops[WORKER], stage.hub_at, &stage.settings);
}

static void on_pick(void)
{
}

static void open_stream(void)
{
    static struct path_source *const no_sources[] = { NULL };
    static const uint32_t            ssrcs[] = { 1, 2 };
    stage.placement = placement_create(stage.loop_at, LOOPS - 1, false, on_pick);
    stage.registry = path_registry_create(&(struct path_options){ .main = &stage.loops[MAIN],
                                                                  .loops = stage.loop_at,
                                                                  .placement = stage.placement,
                                                                  .conf = stage.conf,
                                                                  .sources = no_sources });
    struct path_request *granted = ask(PATH_PUBLISH);
    stage.counters = counters_create();
    stage.stream =
        stream_create(&stage.hub, granted->stream, test_description(TEST_SDP), stage.counters);
    ingest_init(&stage.ingest, &stage.hub, stage.stream, stage.counters, ssrcs);
    path_request_free(granted); /* its grant stays */
}

static void open_worker(void)
{
    struct udp_options options = { 0 };
    ASSERT(address_parse("127.0.0.1:0", &options.local, NULL) == 0);
    stage.server = (struct webrtc_server){ .main = &stage.loops[MAIN],
                                           .loops = stage.loop_at,
                                           .worker_count = 1,
                                           .registry = stage.registry,
                                           .conf = stage.conf,
                                           .workers = stage.workers };
    webrtc_server_open_counts(&stage.server);
    ASSERT(dtls_context_create(&stage.server.dtls, NULL) == 0);
    ASSERT(dtls_context_create(&stage.dtls, NULL) == 0);
    struct webrtc_worker *worker = &stage.workers[WORKER];
    ASSERT(webrtc_worker_open(worker, &stage.server, &stage.loops[WORKER], &options, NULL) == 0);
    worker->start.handle = webrtc_worker_start;
    loop_post(&stage.loops[WORKER], &worker->start);
    settle();
}

static void open_sockets(void)
{
    struct sockaddr_in any = { AF_INET, 0, { htonl(INADDR_LOOPBACK) }, { 0 } };
    for (unsigned i = 0; i < SOCKETS; i++) {
        stage.sockets[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        ASSERT(bind(stage.sockets[i], (struct sockaddr *)&any, sizeof(any)) == 0);
    }
}

static void stage_open(void)
{
    static char *no_environ[] = { NULL };
    log_set_level(LOG_ERROR);
    open_loops();
    struct span settings = BYTES("paths:\n  all_others:\n");
    ASSERT(conf_load_text("fuzz", settings, no_environ, &stage.conf, NULL) == 0);
    open_stream();
    open_worker();
    open_sockets();
    stage.sealer = srtp_sealer_create(SRTP_SEALER_OPENSSL);
}

/* The client */

static void send_from(const struct run *run, unsigned from, struct span datagram)
{
    (void)sendto(stage.sockets[from], datagram.p, datagram.len, 0, &run->server.any,
                 sizeof(run->server.v4));
    settle();
}

/* With the change that the input wants, once. */
static void send_as_client(struct run *run, struct span datagram)
{
    uint8_t bytes[MAX_DATAGRAM];
    ASSERT(datagram.len <= sizeof(bytes));
    memcpy(bytes, datagram.p, datagram.len);
    if (datagram.len)
        bytes[run->at % datagram.len] ^= run->by;
    run->by = 0;
    send_from(run, CLIENT, (struct span){ bytes, datagram.len });
}

static void on_ice_send(void *arg, struct span datagram, const struct udp_address *to,
                        const struct udp_address *from)
{
    send_as_client(arg, datagram);
}

static void on_ice_peer(void *arg, const struct udp_address *peer)
{
}

static void on_ice_selected(void *arg, const struct udp_address *to, const struct udp_address *from)
{
}

static const struct ice_ops ice_ops = { on_ice_send, on_ice_peer, on_ice_selected };

static void on_dtls_send(void *arg, struct span datagram)
{
    send_as_client(arg, datagram);
}

static void take_keys(struct run *run)
{
    const char *profile;
    if (!run->out_keys)
        ASSERT(dtls_derive_keys(run->dtls, stage.sealer, &run->out_keys, &run->in_keys, &profile) ==
               0);
}

/* What the server sends the client makes sense to it. */
static void take(struct run *run, uint8_t *bytes, size_t len)
{
    static const struct udp_address nowhere;
    struct span                     datagram = { bytes, len };
    struct stun_message             message;
    if (stun_is_message(datagram)) {
        ASSERT(stun_parse(datagram, &message) == 0 && message.has_fingerprint);
        if (message.type == STUN_BINDING_REQUEST)
            run->check = message;
        ice_agent_receive(run->ice, &message, &run->server, &nowhere, clock_monotonic_ns());
    } else if (bytes[0] >= 20 && bytes[0] <= 63) {
        if (dtls_receive(run->dtls, datagram) == DTLS_CONNECTED)
            take_keys(run);
    } else {
        ASSERT(bytes[0] >= 128 && bytes[0] <= 191 && run->in_keys);
    }
}

static void take_all(struct run *run)
{
    uint8_t bytes[MAX_DATAGRAM];
    for (ssize_t len; (len = recv(stage.sockets[CLIENT], bytes, sizeof(bytes), 0)) >= 0;)
        take(run, bytes, (size_t)len);
    while (recv(stage.sockets[STRANGER], bytes, sizeof(bytes), 0) >= 0)
        ASSERT(run->knows_stranger);
}

static void open_client(struct run *run)
{
    const struct ice_credentials *theirs = ice_agent_local(session_of(run)->ice);
    const struct ice_credentials  ours = { "them", "the_password_of_the_client" };
    run->server = *udp_socket_local(stage.workers[WORKER].socket);
    run->ice = ice_agent_create(&ours, span_from_string(theirs->ufrag),
                                span_from_string(theirs->pwd), true, &ice_ops, run);
    run->dtls = dtls_create(stage.dtls, false, dtls_context_fingerprint(stage.server.dtls),
                            on_dtls_send, run);
}

static void close_client(struct run *run)
{
    run->ice = ice_agent_destroy(run->ice);
    run->dtls = dtls_destroy(run->dtls);
    run->out_keys = srtp_keys_destroy(run->out_keys);
    run->in_keys = srtp_keys_destroy(run->in_keys);
}

/* The session */

static void on_posted(struct loop *loop, struct mail *mail)
{
}

static void write_offer(struct webrtc_post *post)
{
    const struct sdp_fingerprint *fingerprint = dtls_context_fingerprint(stage.dtls);
    AUTO(buf_fini) struct buf     hex = { 0 }, text = { 0 };
    for (unsigned i = 0; i < fingerprint->len; i++)
        buf_printf(&hex, "%s%02X", i ? ":" : "", fingerprint->digest[i]);
    buf_printf(&text, offer, buf_string(&hex));
    post->body = mem_string(buf_string(&text));
    ASSERT(sdp_offer_parse(span_from_string(post->body), &post->offer, &post->why) == 0);
}

/* As the HTTP side does it; the answer comes back to us instead. */
static void open_session(struct run *run)
{
    struct webrtc_post *post = mem_new(struct webrtc_post);
    post->server = &stage.server;
    (void)snprintf(post->path, sizeof(post->path), "cam");
    (void)snprintf(post->peer, sizeof(post->peer), "127.0.0.1:9");
    write_offer(post);
    ASSERT(webrtc_server_admit(&stage.server, &post->http_peer, NULL) == 0);
    post->granted = ask(PATH_READ);
    post->mail.handle = webrtc_session_open;
    loop_post(&stage.loops[WORKER], &post->mail);
    for (unsigned i = 0; i < 100 && post->status == 0; i++)
        (void)uv_run(&stage.loops[WORKER].uv, UV_RUN_NOWAIT);
    ASSERT(post->status == 201);
    (void)webrtc_server_add_ticket(&stage.server, post);
    post->mail.handle = on_posted;
    settle();
    run->session = post->session;
    path_request_free(post->granted);
    buf_fini(&post->answer);
    mem_free(post->body);
    mem_free(post);
}

/* A PATCH or a DELETE, whose client does not wait. */
static void send_order(struct run *run, struct webrtc_order *order)
{
    order->server = &stage.server;
    order->session = run->session;
    order->mail.handle = webrtc_session_on_order;
    loop_post(&stage.loops[WORKER], &order->mail);
    settle();
}

static void end_session(struct run *run)
{
    struct webrtc_order *order = mem_new(struct webrtc_order);
    order->is_end = true;
    send_order(run, order);
}

static void check_that_nothing_is_left(const struct run *run)
{
    const struct webrtc_worker *worker = &stage.workers[WORKER];
    ASSERT(!session_of(run) && list_is_empty(&worker->sessions));
    ASSERT(list_is_empty(&worker->handshakes) && list_is_empty(&worker->ending));
    ASSERT(map_count(worker->by_ufrag) == 0 && map_count(worker->by_address) == 0);
    ASSERT(map_count(worker->feeds) == 0 && map_count(stage.server.tickets) == 0);
    ASSERT(httpd_quota_used(stage.server.pending) == 0);
    ASSERT(httpd_quota_used(stage.server.sessions) == 0);
}

/* Steps */

static void step_client_sends(struct run *run, struct span bytes)
{
    send_from(run, CLIENT, bytes);
}

static void step_stranger_sends(struct run *run, struct span bytes)
{
    send_from(run, STRANGER, bytes);
}

static size_t add_attribute(uint8_t *out, size_t len, uint16_t type, struct span value)
{
    size_t padded = (value.len + 3) & ~(size_t)3;
    write_be16(out + len, type);
    write_be16(out + len + 2, (uint16_t)value.len);
    memset(out + len + 4, 0, padded);
    if (value.len)
        memcpy(out + len + 4, value.p, value.len);
    len += 4 + padded;
    write_be16(out + 2, (uint16_t)(len - STUN_HEADER_SIZE));
    return len;
}

/* The right password behind it, whatever it says. */
static size_t add_integrity(uint8_t *out, size_t len, const char *password)
{
    static const uint8_t none[INTEGRITY_SIZE];
    size_t whole = add_attribute(out, len, 0x0008, (struct span){ none, INTEGRITY_SIZE });
    (void)HMAC(EVP_sha1(), password, (int)strlen(password), out, len, out + len + 4, NULL);
    return whole;
}

/* RFC 8489, section 14.7: all checks have it, at their end. */
static size_t add_fingerprint(uint8_t *out, size_t len)
{
    static const uint8_t none[4];
    size_t whole = add_attribute(out, len, 0x8028, (struct span){ none, sizeof(none) });
    write_be32(out + len + 4, (uint32_t)crc32(0, out, (uInt)len) ^ 0x5354554e);
    return whole;
}

static size_t begin_stun(uint8_t *out, uint16_t type, const uint8_t *transaction)
{
    write_be16(out, type);
    write_be16(out + 2, 0);
    write_be32(out + 4, 0x2112a442);
    memcpy(out + 8, transaction, STUN_TRANSACTION_SIZE);
    return STUN_HEADER_SIZE;
}

static size_t add_attributes(uint8_t *out, size_t len, struct span attributes)
{
    attributes.len &= ~(size_t)3;
    if (attributes.len)
        memcpy(out + len, attributes.p, attributes.len);
    len += attributes.len;
    write_be16(out + 2, (uint16_t)(len - STUN_HEADER_SIZE));
    return len;
}

static void send_check(struct run *run, unsigned from, struct span attributes)
{
    static const uint8_t         transaction[STUN_TRANSACTION_SIZE] = "transaction";
    const struct webrtc_session *session = session_of(run);
    uint8_t                      out[MAX_DATAGRAM];
    char                         username[64];
    if (!session)
        return;
    const struct ice_credentials *theirs = ice_agent_local(session->ice);
    int    username_len = snprintf(username, sizeof(username), "%s:them", theirs->ufrag);
    size_t len = begin_stun(out, STUN_BINDING_REQUEST, transaction);
    len = add_attribute(out, len, 0x0006,
                        (struct span){ (const uint8_t *)username, (size_t)username_len });
    len = add_integrity(out, add_attributes(out, len, attributes), theirs->pwd);
    len = add_fingerprint(out, len);
    run->knows_stranger |= from == STRANGER;
    send_from(run, from, (struct span){ out, len });
}

static void step_client_checks(struct run *run, struct span bytes)
{
    send_check(run, CLIENT, bytes);
}

static void step_stranger_checks(struct run *run, struct span bytes)
{
    send_check(run, STRANGER, bytes);
}

/* The first byte says whether it is a success or an error. */
static void step_client_answers(struct run *run, struct span bytes)
{
    uint8_t out[MAX_DATAGRAM];
    if (bytes.len == 0)
        return;
    size_t len = begin_stun(out, bytes.p[0] & 1 ? STUN_BINDING_ERROR : STUN_BINDING_SUCCESS,
                            run->check.transaction);
    len = add_integrity(out, add_attributes(out, len, span_skip(bytes, 1)),
                        "the_password_of_the_client");
    send_from(run, CLIENT, (struct span){ out, len });
}

static void step_rtcp(struct run *run, struct span bytes)
{
    uint8_t out[MAX_DATAGRAM];
    if (!run->out_keys || bytes.len < 8)
        return;
    memcpy(out, bytes.p, bytes.len);
    size_t len = srtcp_seal(stage.sealer, run->out_keys, run->rtcp_index++, out, bytes.len);
    send_from(run, CLIENT, (struct span){ out, len });
}

/* Until neither has anything to say. */
static void step_client_goes_on(struct run *run, struct span bytes)
{
    run->at = bytes.len > 0 ? bytes.p[0] : 0;
    run->by = bytes.len > 1 ? bytes.p[1] : 0;
    int64_t now_ns = clock_monotonic_ns();
    ice_agent_add_remote(run->ice, &run->server, now_ns);
    (void)ice_agent_on_time(run->ice, now_ns);
    struct udp_address to, from;
    if (ice_agent_route(run->ice, &to, &from))
        (void)dtls_start(run->dtls);
    if (dtls_timeout_ns(run->dtls) == 0)
        (void)dtls_on_timeout(run->dtls);
    take_all(run);
}

/* The client hears of it only then: it may come too late. */
static void step_time(struct run *run, struct span bytes)
{
    unsigned ms = bytes.len < 2 ? 100 : read_be16(bytes.p) % MAX_WAIT_MS;
    for (unsigned i = 0; i < PICTURES; i++) {
        test_clock_advance(ms * NS_PER_MS / PICTURES);
        settle();
        show_picture();
    }
}

static void step_fragment(struct run *run, struct span bytes)
{
    if (bytes.len == 0) {
        end_session(run);
        return;
    }
    struct webrtc_order *order = mem_new(struct webrtc_order);
    order->body = span_to_string(bytes);
    struct span text = { (const uint8_t *)order->body, bytes.len };
    if (sdp_fragment_parse(text, &order->fragment, &order->why) == 0) {
        send_order(run, order);
        return;
    }
    mem_free(order->body);
    mem_free(order);
}

static void (*const steps[])(struct run *run, struct span bytes) = {
    step_client_sends,    step_stranger_sends, step_client_checks,
    step_stranger_checks, step_client_answers, step_rtcp,
    step_client_goes_on,  step_time,           step_fragment,
};

static void run_step(struct run *run)
{
    unsigned    kind = run->in.p[0] % COUNT(steps);
    struct span rest = span_skip(run->in, 1);
    size_t      len = rest.len ? rest.p[0] : 0;
    struct span bytes = span_first(span_skip(rest, rest.len > 0), len);
    run->in = span_skip(rest, (rest.len > 0) + bytes.len);
    steps[kind](run, bytes);
    take_all(run);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct run run = { .in = { data, size } };
    if (!stage.conf)
        stage_open();
    open_session(&run);
    open_client(&run);
    while (run.in.len)
        run_step(&run);
    end_session(&run);
    take_all(&run);
    check_that_nothing_is_left(&run);
    close_client(&run);
    return 0;
}
