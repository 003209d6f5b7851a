#include "rtsp/rtsp_udp.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"

enum { RECEIVES_A_TURN = 8, KEEP_HELD = 256 };

static const int64_t log_drops_every_ns = NS_PER_S;

/* Whose an address is */

struct rtsp_udp_key rtsp_udp_key_of(const struct udp_address *address, enum rtsp_udp_kind kind)
{
    struct rtsp_udp_key key = { .kind = (uint16_t)kind };
    if (address->any.sa_family == AF_INET) {
        key.host[10] = key.host[11] = 0xff;
        memcpy(key.host + 12, &address->v4.sin_addr, sizeof(address->v4.sin_addr));
        key.port = address->v4.sin_port;
    } else {
        memcpy(key.host, &address->v6.sin6_addr, sizeof(key.host));
        key.port = address->v6.sin6_port;
    }
    return key;
}

static struct span key_span(const struct rtsp_udp_key *key)
{
    return (struct span){ (const uint8_t *)key, sizeof(*key) };
}

struct rtsp_udp_binding *rtsp_udp_find_binding(const struct rtsp_udp     *udp,
                                               const struct rtsp_udp_key *key)
{
    return map_get(udp->bindings, key_span(key));
}

/* A session whose client has gone gives way to one that comes from the same port. */
static bool make_way(const struct rtsp_udp_binding *binding)
{
    if (!binding)
        return true;
    if (!binding->session || !binding->session->session->conn->is_hung_up)
        return false;
    rtsp_conn_close(binding->session->session->conn, "another client has its ports");
    return true;
}

int rtsp_udp_bind(struct rtsp_udp_session *session, unsigned track, enum rtsp_udp_kind kind)
{
    struct rtsp_udp    *udp = session->udp;
    struct rtsp_udp_key key = rtsp_udp_key_of(&session->peers[track][kind], kind);
    if (!make_way(rtsp_udp_find_binding(udp, &key)))
        return -EADDRINUSE;
    struct rtsp_udp_binding *binding = mem_new(struct rtsp_udp_binding);
    *binding = (struct rtsp_udp_binding){ session, udp->loop->index, track };
    map_put(udp->bindings, key_span(&key), binding);
    rtsp_udp_claim(udp, &key, false);
    return 0;
}

void rtsp_udp_unbind(struct rtsp_udp_session *session, unsigned track, enum rtsp_udp_kind kind)
{
    struct rtsp_udp    *udp = session->udp;
    struct rtsp_udp_key key = rtsp_udp_key_of(&session->peers[track][kind], kind);
    mem_free(map_remove(udp->bindings, key_span(&key)));
    rtsp_udp_claim(udp, &key, true);
}

/* Receiving */

/* One packet that makes sense is a sign of life, whatever follows it. */
static bool is_rtcp(struct span compound)
{
    struct rtcp_packet packet;
    return rtcp_next(compound, &packet) > 0;
}

/* What readers send is RTCP, and RTP that opens their router's way for ours. */
static void take(struct rtsp_udp_session *udp_session, unsigned track, enum rtsp_udp_kind kind,
                 struct span datagram)
{
    struct rtsp_session *session = udp_session->session;
    bool                 is_recording = session->state == RTSP_RECORD;
    if (kind == RTSP_UDP_RTP) {
        if (is_recording)
            rtsp_udp_publish_packet(udp_session, track, datagram);
        return;
    }
    if (!is_rtcp(datagram))
        return;
    session->conn->heard_ns = udp_session->heard_ns = loop_now(udp_session->udp->loop);
    if (is_recording)
        rtsp_publish_take_rtcp(session, track, datagram);
    else
        counters_add(session->counters, COUNTER_INBOUND_RTCP, 1);
}

void rtsp_udp_receive(struct rtsp_udp_port *port, const struct udp_datagram *datagram)
{
    struct rtsp_udp_key            key = rtsp_udp_key_of(&datagram->peer, port->kind);
    const struct rtsp_udp_binding *binding = rtsp_udp_find_binding(port->udp, &key);
    if (!binding)
        return;
    if (binding->session)
        take(binding->session, binding->track, port->kind, datagram->payload);
    else
        rtsp_udp_pass_on(port, binding->home, datagram);
}

void rtsp_udp_end_receive(struct rtsp_udp *udp)
{
    for (struct list_node *node; (node = list_take_first(&udp->fed));)
        rtsp_udp_publish_end_turn(LIST_ITEM(node, struct rtsp_udp_session, in_fed));
    rtsp_udp_post_strays(udp);
}

static void on_datagram(void *arg, const struct udp_datagram *datagram)
{
    rtsp_udp_receive(arg, datagram);
}

/* Not lost on the way, but here: another fault, and another remedy. */
static void count_kernel_drops(struct rtsp_udp_port *port)
{
    struct rtsp_udp *udp = port->udp;
    uint64_t         drops = udp_socket_counters(port->socket)->kernel_drops;
    int64_t          now_ns = loop_now(udp->loop);
    if (drops == port->drops)
        return;
    counters_add(udp->loop->hub->counters, COUNTER_KERNEL_DROPS, drops - port->drops);
    port->unlogged_drops += drops - port->drops;
    port->drops = drops;
    if (udp->drops_logged_ns && now_ns - udp->drops_logged_ns < log_drops_every_ns)
        return;
    LOG(&udp->server->log, LOG_WARN,
        "%llu datagrams have come and found the receive buffer of %zu bytes full: a larger "
        "'rtspUDPReadBufferSize' helps, as far as the sysctl net.core.rmem_max allows it",
        (unsigned long long)port->unlogged_drops, udp_socket_receive_buffer(port->socket));
    port->unlogged_drops = 0;
    udp->drops_logged_ns = now_ns;
}

/* Fewer than a call may bring: there is no more, and asking would only say so. */
static void receive_all(struct rtsp_udp_port *port)
{
    struct rtsp_udp *udp = port->udp;
    uint64_t         calls = udp_socket_counters(port->socket)->syscalls;
    for (int i = 0, got = UDP_RECEIVE_MESSAGES; got >= UDP_RECEIVE_MESSAGES && i < RECEIVES_A_TURN;
         i++)
        got = udp_socket_receive(port->socket, udp->scratch, RTSP_UDP_SCRATCH, on_datagram, port);
    counters_add(udp->loop->hub->counters, COUNTER_SYSTEM_CALLS,
                 udp_socket_counters(port->socket)->syscalls - calls);
    rtsp_udp_end_receive(udp);
    count_kernel_drops(port);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct rtsp_udp_port *port = poll->data;
    if (events & UV_READABLE)
        receive_all(port);
    if (events & UV_WRITABLE)
        rtsp_udp_send_resume(port->udp);
}

void rtsp_udp_set_events(struct rtsp_udp *udp)
{
    for (unsigned kind = 0; kind < RTSP_UDP_KINDS && udp->is_open; kind++) {
        struct rtsp_udp_port *port = &udp->ports[kind];
        bool                  is_full = kind == RTSP_UDP_RTP && udp->is_blocked;
        int                   events = UV_READABLE | (is_full ? UV_WRITABLE : 0);
        if (events != port->events)
            (void)uv_poll_start(&port->poll, events, on_poll);
        port->events = events;
    }
}

/* Sending */

void rtsp_udp_send(struct rtsp_udp_session *session, unsigned track, enum rtsp_udp_kind kind,
                   struct span datagram)
{
    struct rtsp_udp   *udp = session->udp;
    struct udp_message message = { .payload = datagram,
                                   .to = session->peers[track][kind],
                                   .from = session->from };
    (void)udp_socket_send(udp->ports[kind].socket, &message, 1);
    counters_add(udp->loop->hub->counters, COUNTER_SYSTEM_CALLS, 1);
}

/* Beginning and end */

static void on_start(struct loop *loop, struct mail *mail)
{
    struct rtsp_udp *udp = CONTAINER_OF(mail, struct rtsp_udp, start);
    for (unsigned kind = 0; kind < RTSP_UDP_KINDS; kind++) {
        struct rtsp_udp_port *port = &udp->ports[kind];
        int err = uv_poll_init(&loop->uv, &port->poll, udp_socket_fd(port->socket));
        if (err < 0) {
            LOG(&udp->server->log, LOG_ERROR, "cannot watch a UDP port: %s", err_text(err));
            if (kind > 0)
                uv_close((uv_handle_t *)&udp->ports[0].poll, NULL);
            return;
        }
        port->poll.data = port;
    }
    udp->is_open = true;
    rtsp_udp_set_events(udp);
}

void rtsp_udp_start(struct rtsp_server *server)
{
    for (unsigned i = 1; i <= server->udp_count; i++) {
        server->udp[i].start.handle = on_start;
        loop_post(server->loops[i], &server->udp[i].start);
    }
}

void rtsp_udp_close(struct rtsp_udp *udp)
{
    loop_clear_dirty(&udp->dirty);
    for (unsigned kind = 0; kind < RTSP_UDP_KINDS && udp->is_open; kind++)
        uv_close((uv_handle_t *)&udp->ports[kind].poll, NULL);
    udp->is_open = false;
}

static void init(struct rtsp_udp *udp, struct rtsp_server *server, struct loop *loop)
{
    udp->server = server;
    udp->loop = loop;
    udp->scratch = mem_new_array(uint8_t, RTSP_UDP_SCRATCH);
    udp->bindings = map_create();
    udp->feeds = map_create();
    list_init(&udp->fed);
    list_init(&udp->active);
    pool_init(&udp->held, sizeof(struct rtsp_udp_held), KEEP_HELD);
    rtsp_udp_init_strays(udp);
    rtsp_udp_send_init(udp);
    for (unsigned kind = 0; kind < RTSP_UDP_KINDS; kind++)
        udp->ports[kind] = (struct rtsp_udp_port){ .udp = udp, .kind = kind };
}

static void warn_of_small_buffer(const struct rtsp_server *server, size_t asked)
{
    size_t got = udp_socket_receive_buffer(server->udp[1].ports[RTSP_UDP_RTP].socket);
    if (got < asked)
        LOG(&server->log, LOG_WARN,
            "the receive buffers of UDP have %zu bytes, not %zu: raise the sysctl "
            "net.core.rmem_max",
            got, asked);
}

/* 0: as the program sees fit. */
static size_t buffer_asked_for(const struct conf *conf)
{
    return (size_t)(conf->rtsp_udp_read_buffer_bytes ? conf->rtsp_udp_read_buffer_bytes
                                                     : conf->udp_read_buffer_bytes);
}

static int open_kind(struct rtsp_server *server, enum rtsp_udp_kind kind, struct errmsg *why)
{
    const struct conf *conf = server->conf;
    const char        *address = kind == RTSP_UDP_RTP ? conf->rtp_address : conf->rtcp_address;
    size_t             asked = buffer_asked_for(conf);
    struct udp_options options = { .features = udp_probe(),
                                   .reuse_port = server->udp_count > 1,
                                   .receive_buffer_bytes = asked ? asked : RTSP_UDP_RECEIVE_BUFFER,
                                   .send_buffer_bytes = RTSP_UDP_SEND_BUFFER };
    int                err = address_parse(address, &options.local, why);
    if (err == 0)
        err = udp_check_free(&options, address, why);
    for (unsigned i = 1; i <= server->udp_count && err == 0; i++)
        err = udp_socket_create(&options, &server->udp[i].ports[kind].socket, why);
    if (err == 0 && kind == RTSP_UDP_RTP)
        warn_of_small_buffer(server, asked);
    return err;
}

int rtsp_udp_open(struct rtsp_server *server, unsigned worker_count, struct errmsg *why)
{
    server->udp = mem_new_array(struct rtsp_udp, worker_count + 1);
    server->udp_count = worker_count;
    for (unsigned i = 1; i <= worker_count; i++)
        init(&server->udp[i], server, server->loops[i]);
    int err = open_kind(server, RTSP_UDP_RTP, why);
    return err < 0 ? err : open_kind(server, RTSP_UDP_RTCP, why);
}

static void free_binding(void *arg, struct span key, void *value)
{
    mem_free(value);
}

static void fini(struct rtsp_udp *udp)
{
    for (unsigned kind = 0; kind < RTSP_UDP_KINDS; kind++)
        udp_socket_destroy(udp->ports[kind].socket);
    /* What other workers have told and not taken back. */
    map_visit(udp->bindings, free_binding, NULL);
    map_destroy(udp->bindings);
    map_destroy(udp->feeds);
    mem_free(udp->scratch);
    pool_fini(&udp->held);
    rtsp_udp_fini_strays(udp);
}

void rtsp_udp_free(struct rtsp_server *server)
{
    for (unsigned i = 1; i <= server->udp_count; i++)
        fini(&server->udp[i]);
    server->udp = mem_free(server->udp);
    server->udp_count = 0;
}
