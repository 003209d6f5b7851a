#include "webrtc/webrtc_server.h"

#include <errno.h>
#include <malloc.h>

#include "base/check.h"
#include "base/mem.h"
#include "webrtc/webrtc_internal.h"

/* Bursts of RTCP and STUN of a thousand viewers, while a turn lasts. */
enum { RECEIVE_BUFFER = 2 * 1024 * 1024 };

/* All viewers of a worker share it: what one slow way fills holds the others back meanwhile. More
 * waits unsealed, where it costs nothing. */
enum { SEND_BUFFER = 256 * 1024 };

/* So many sessions' memory is worth the trouble. */
enum { CROWD = 256 };

/* Pending sessions, counted for each host that asks: a caller may not fill memory with offers. */

struct span webrtc_host_of(const char *peer)
{
    const char *colon = strrchr(peer, ':');
    return (struct span){ (const uint8_t *)peer, colon ? (size_t)(colon - peer) : strlen(peer) };
}

bool webrtc_server_add_pending(struct webrtc_server *server, const char *peer)
{
    struct span host = webrtc_host_of(peer);
    uintptr_t   count = (uintptr_t)map_get(server->pending, host);
    if (server->pending_count >= WEBRTC_MAX_PENDING || count >= WEBRTC_MAX_PENDING_OF_PEER)
        return false;
    server->pending_count++;
    map_put(server->pending, host, (void *)(count + 1));
    return true;
}

void webrtc_server_remove_pending(struct webrtc_server *server, const char *peer)
{
    struct span host = webrtc_host_of(peer);
    uintptr_t   count = (uintptr_t)map_get(server->pending, host);
    ASSERT(count > 0 && server->pending_count > 0);
    server->pending_count--;
    if (count == 1)
        map_remove(server->pending, host);
    else
        map_put(server->pending, host, (void *)(count - 1));
}

/* What workers tell */

struct news {
    struct mail           mail;
    struct webrtc_server *server;
    char                  secret[37];
    char                  peer[ADDRESS_TEXT];
    bool                  was_pending, is_gone;
};

/* The C library keeps what a crowd has left behind, unless it is asked for it: 3 ms for 20 MB. */
static void count_gone(struct webrtc_server *server)
{
    if (++server->gone_count < CROWD || server->pending_count)
        return;
    server->gone_count = 0;
    (void)malloc_trim(0);
}

static void on_news(struct loop *loop, struct mail *mail)
{
    struct news *news = CONTAINER_OF(mail, struct news, mail);
    if (news->was_pending)
        webrtc_server_remove_pending(news->server, news->peer);
    if (news->is_gone) {
        mem_free(map_remove(news->server->tickets, span_from_string(news->secret)));
        count_gone(news->server);
    }
    mem_free(news);
}

void webrtc_server_tell(struct webrtc_server *server, const struct webrtc_session *session,
                        bool is_gone)
{
    struct news *news = mem_new(struct news);
    *news = (struct news){ .mail.handle = on_news,
                           .server = server,
                           .was_pending = !is_gone || session->state == WEBRTC_CONNECTING,
                           .is_gone = is_gone };
    memcpy(news->secret, session->secret, sizeof(news->secret));
    memcpy(news->peer, session->peer, sizeof(news->peer));
    loop_post(server->main, &news->mail);
}

/* Beginning and end */

static int open_workers(struct webrtc_server *server, struct errmsg *why)
{
    const struct conf *conf = server->conf;
    struct udp_options options = { .features = udp_probe(),
                                   .reuse_port = server->worker_count > 1,
                                   .receive_buffer_bytes = RECEIVE_BUFFER,
                                   .send_buffer_bytes = SEND_BUFFER,
                                   .datagram_max_bytes = WEBRTC_DATAGRAM };
    struct udp_socket *alone;
    if (!conf->webrtc_local_udp_address[0])
        return errmsg_set(why, -EINVAL,
                          "'webrtcLocalUDPAddress' is empty, and this version has no other way "
                          "to send media; write an address, like :8189");
    int err = address_parse(conf->webrtc_local_udp_address, &options.local, why);
    if (err < 0)
        return err;
    options.features.gro = false; /* viewers send little, and never runs */
    /* Alone first: a second instance would share the clients without a word. */
    struct udp_options probe = options;
    probe.reuse_port = false;
    err = udp_socket_create(&probe, &alone, why);
    if (err < 0)
        return errmsg_set(why, err, "listen udp %s: bind: %s", conf->webrtc_local_udp_address,
                          err_text(err));
    udp_socket_destroy(alone);
    for (unsigned i = 1; i <= server->worker_count && err == 0; i++)
        err = webrtc_worker_open(&server->workers[i], server, server->loops[i], &options, why);
    return err;
}

/* The settings' lists end with a count, those of httpd with NULL. */
static char **origins_of(const struct conf *conf)
{
    char **origins = mem_new_array(char *, conf->webrtc_allow_origins.count + 1);
    for (unsigned i = 0; i < conf->webrtc_allow_origins.count; i++)
        origins[i] = conf->webrtc_allow_origins.items[i];
    return origins;
}

static int open_http(struct webrtc_server *server, struct errmsg *why)
{
    const struct conf   *conf = server->conf;
    char               **origins = origins_of(conf);
    struct httpd_options options = {
        .loop = server->main,
        .address = conf->webrtc_address,
        .name = "WebRTC",
        .tls = { conf->webrtc_encryption, conf->webrtc_server_cert, conf->webrtc_server_key },
        .allow_origins = origins,
        .read_timeout_ns = conf->read_timeout_ns,
        .write_timeout_ns = conf->write_timeout_ns,
        .max_body_bytes = WEBRTC_MAX_BODY,
        .on_request = webrtc_http_on_request,
        .arg = server,
    };
    int err = httpd_create(&options, &server->http, why);
    mem_free(origins);
    return err;
}

static int open_server(struct webrtc_server *server, struct errmsg *why)
{
    int err = open_http(server, why);
    if (err == 0)
        err = open_workers(server, why);
    if (err == 0)
        err = dtls_context_create(&server->dtls, why);
    return err;
}

int webrtc_server_open(struct loop *main, struct loop **loops, unsigned count,
                       struct path_registry *registry, struct conf *conf,
                       struct webrtc_server **out, struct errmsg *why)
{
    struct webrtc_server *server = mem_new(struct webrtc_server);
    *server = (struct webrtc_server){ .main = main,
                                      .loops = loops,
                                      .worker_count = count,
                                      .registry = registry,
                                      .conf = conf_ref(conf),
                                      .tickets = map_create(),
                                      .pending = map_create() };
    server->workers = mem_new_array(struct webrtc_worker, count + 1);
    log_context_init(&server->log, "[WebRTC]");
    int err = open_server(server, why);
    if (err < 0) {
        server->http = httpd_close(server->http);
        webrtc_server_free(server);
        return err;
    }
    server->names = webrtc_names_open(main, conf);
    for (unsigned i = 1; i <= count; i++) {
        server->workers[i].start.handle = webrtc_worker_start;
        loop_post(loops[i], &server->workers[i].start);
    }
    LOG(&server->log, LOG_INFO, "started with listeners on %s (TCP/%s), %s (UDP/ICE)",
        conf->webrtc_address, conf->webrtc_encryption ? "HTTPS" : "HTTP",
        conf->webrtc_local_udp_address);
    *out = server;
    return 0;
}

void webrtc_server_stop(struct webrtc_server *server)
{
    LOG(&server->log, LOG_INFO, "closing");
    atomic_store(&server->is_closing, true);
    server->http = httpd_close(server->http);
    server->names = webrtc_names_close(server->names);
}

void webrtc_server_close_sessions(struct webrtc_server *server, struct loop *loop)
{
    webrtc_worker_close(&server->workers[loop->index]);
}

static void free_ticket(void *arg, struct span key, void *value)
{
    mem_free(value);
}

struct webrtc_server *webrtc_server_free(struct webrtc_server *server)
{
    if (!server)
        return NULL;
    for (unsigned i = 1; i <= server->worker_count; i++)
        webrtc_worker_fini(&server->workers[i]);
    map_visit(server->tickets, free_ticket, NULL);
    map_destroy(server->tickets);
    map_destroy(server->pending);
    dtls_context_destroy(server->dtls);
    mem_free(server->workers);
    conf_unref(server->conf);
    return mem_free(server);
}
