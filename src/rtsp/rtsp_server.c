#include "rtsp/rtsp_server.h"

#include <string.h>

#include "base/mem.h"
#include "loop/listener.h"
#include "rtsp/rtsp_udp.h"

static void on_accept(void *arg, int fd, const struct address *peer)
{
    struct rtsp_server *server = arg;
    struct loop        *loop = server->loops[placement_pick(server->placement)];
    struct rtsp_seed   *seed = mem_new(struct rtsp_seed);
    seed->mail.handle = rtsp_conn_open;
    seed->server = server;
    seed->fd = fd;
    address_format(peer, seed->peer);
    seed->address = *peer;
    /* Counted here, so that clients who come at once are spread too. */
    atomic_fetch_add_explicit(&loop->sessions, 1, memory_order_relaxed);
    loop_post(loop, &seed->mail);
}

/* UDP first: a port that is in use ends the start. */
static int open_ports(struct rtsp_server *server, unsigned count, struct errmsg *why)
{
    const struct conf *conf = server->conf;
    bool               has_udp = conf->rtsp_transports & RTSP_TRANSPORT_UDP;
    int                err = has_udp ? rtsp_udp_open(server, count, why) : 0;
    if (err == 0)
        err = listener_open(server->main, conf->rtsp_address, &server->log, on_accept, server,
                            &server->listener, why);
    if (err < 0)
        return err;
    rtsp_udp_start(server);
    LOG(&server->log, LOG_INFO, "started with listeners on %s (TCP/RTSP)%s%s%s%s%s",
        conf->rtsp_address, has_udp ? ", " : "", has_udp ? conf->rtp_address : "",
        has_udp ? " (UDP/RTP), " : "", has_udp ? conf->rtcp_address : "",
        has_udp ? " (UDP/RTCP)" : "");
    return 0;
}

int rtsp_server_open(struct loop *main, struct loop **loops, unsigned count,
                     struct placement *placement, struct path_registry *registry, struct conf *conf,
                     struct rtsp_server **out, struct errmsg *why)
{
    struct rtsp_server *server = mem_new(struct rtsp_server);
    *server = (struct rtsp_server){ .main = main,
                                    .loops = loops,
                                    .placement = placement,
                                    .registry = registry,
                                    .conf = conf_ref(conf) };
    log_context_init(&server->log, "[RTSP]");
    server->conns = mem_new_array(struct list, PLACEMENT_MAX_WORKERS + 1);
    for (unsigned i = 0; i <= PLACEMENT_MAX_WORKERS; i++)
        list_init(&server->conns[i]);
    int err = open_ports(server, count, why);
    if (err < 0) {
        rtsp_server_free(server);
        return err;
    }
    *out = server;
    return 0;
}

void rtsp_server_stop(struct rtsp_server *server)
{
    LOG(&server->log, LOG_INFO, "closing");
    atomic_store(&server->is_closing, true);
    server->listener = listener_close(server->listener);
}

void rtsp_server_close_connections(struct rtsp_server *server, struct loop *loop)
{
    /* Readers first: a publisher's end would take them along before they are told. */
    LIST_FOREACH_SAFE (struct rtsp_conn, conn, &server->conns[loop->index], in_worker) {
        if (!conn->session || conn->session->state != RTSP_PLAY)
            continue;
        rtsp_read_say_bye(conn->session);
        (void)rtsp_write_flush(conn);
        rtsp_conn_close(conn, "terminated");
    }
    LIST_FOREACH_SAFE (struct rtsp_conn, conn, &server->conns[loop->index], in_worker)
        rtsp_conn_close(conn, "terminated");
    if (server->udp)
        rtsp_udp_close(&server->udp[loop->index]);
}

struct rtsp_server *rtsp_server_free(struct rtsp_server *server)
{
    if (server) {
        rtsp_udp_free(server);
        conf_unref(server->conf);
        mem_free(server->conns);
        mem_free(server);
    }
    return NULL;
}
