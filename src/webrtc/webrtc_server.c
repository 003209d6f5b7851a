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

/* Who is let in: a caller may not fill memory with offers, nor with sessions. */

static const struct httpd_quota_limits pending_limits = {
    .total = WEBRTC_MAX_PENDING,
    .of_peer = WEBRTC_MAX_PENDING_OF_PEER,
    .kept = WEBRTC_PENDING_KEPT,
    .little = WEBRTC_FEW_PENDING,
};

static const struct httpd_quota_limits session_limits = {
    .of_peer = WEBRTC_MAX_SESSIONS_OF_PEER,
};

void webrtc_server_open_counts(struct webrtc_server *server)
{
    server->tickets = map_create();
    server->pending = httpd_quota_create(&pending_limits);
    server->sessions = httpd_quota_create(&session_limits);
}

static void free_ticket(void *arg, struct span key, void *value)
{
    mem_free(value);
}

void webrtc_server_close_counts(struct webrtc_server *server)
{
    map_visit(server->tickets, free_ticket, NULL);
    server->tickets = map_destroy(server->tickets);
    server->pending = httpd_quota_destroy(server->pending);
    server->sessions = httpd_quota_destroy(server->sessions);
}

int webrtc_server_admit(struct webrtc_server *server, const struct httpd_peer *peer,
                        struct errmsg *why)
{
    if (!httpd_quota_has_room(server->pending, peer, 1))
        return errmsg_set(why, -EBUSY, "too many sessions are connecting; try again later");
    if (!httpd_quota_has_room(server->sessions, peer, 1))
        return errmsg_set(why, -EBUSY, "this address has %d sessions already",
                          WEBRTC_MAX_SESSIONS_OF_PEER);
    httpd_quota_take(server->pending, peer, 1);
    httpd_quota_take(server->sessions, peer, 1);
    return 0;
}

void webrtc_server_dismiss(struct webrtc_server *server, const struct httpd_peer *peer)
{
    httpd_quota_give_back(server->pending, peer, 1);
    httpd_quota_give_back(server->sessions, peer, 1);
}

struct webrtc_ticket *webrtc_server_add_ticket(struct webrtc_server     *server,
                                               const struct webrtc_post *post)
{
    struct webrtc_ticket *ticket = mem_new(struct webrtc_ticket);
    *ticket = (struct webrtc_ticket){ .session = post->session,
                                      .worker = post->worker,
                                      .peer = post->http_peer,
                                      .is_pending = true };
    (void)map_put(server->tickets, span_from_string(post->secret), ticket);
    return ticket;
}

/* What workers tell */

struct news {
    struct mail           mail;
    struct webrtc_server *server;
    char                  secret[37];
    bool                  is_gone;
};

/* The C library keeps what a crowd has left behind, unless it is asked for it: 3 ms for 20 MB. */
static void count_gone(struct webrtc_server *server)
{
    if (++server->gone_count < CROWD || httpd_quota_used(server->pending) > 0)
        return;
    server->gone_count = 0;
    (void)malloc_trim(0);
}

static void remove_ticket(struct webrtc_server *server, struct webrtc_ticket *ticket,
                          struct span secret)
{
    httpd_quota_give_back(server->sessions, &ticket->peer, 1);
    (void)map_remove(server->tickets, secret);
    mem_free(ticket);
}

/* A session without a ticket has failed before its POST was answered, and counts no more. */
static void on_news(struct loop *loop, struct mail *mail)
{
    struct news          *news = CONTAINER_OF(mail, struct news, mail);
    struct webrtc_server *server = news->server;
    struct span           secret = span_from_string(news->secret);
    struct webrtc_ticket *ticket = map_get(server->tickets, secret);
    if (ticket && ticket->is_pending) {
        httpd_quota_give_back(server->pending, &ticket->peer, 1);
        ticket->is_pending = false;
    }
    if (ticket && news->is_gone)
        remove_ticket(server, ticket, secret);
    if (news->is_gone)
        count_gone(server);
    mem_free(news);
}

void webrtc_server_tell(struct webrtc_server *server, const struct webrtc_session *session,
                        bool is_gone)
{
    struct news *news = mem_new(struct news);
    *news = (struct news){ .mail.handle = on_news, .server = server, .is_gone = is_gone };
    memcpy(news->secret, session->secret, sizeof(news->secret));
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
    if (!conf->webrtc_local_udp_address[0])
        return errmsg_set(why, -EINVAL,
                          "'webrtcLocalUDPAddress' is empty, and this version has no other way "
                          "to send media; write an address, like :8189");
    int err = address_parse(conf->webrtc_local_udp_address, &options.local, why);
    if (err < 0)
        return err;
    options.features.gro = false; /* viewers send little, and never runs */
    err = udp_check_free(&options, conf->webrtc_local_udp_address, why);
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

static void read_proxies(struct webrtc_server *server)
{
    const struct conf_list *list = &server->conf->webrtc_trusted_proxies;
    server->proxies = mem_new_array(struct network, list->count);
    server->proxy_count = list->count;
    for (unsigned i = 0; i < list->count; i++) {
        int err = network_parse(span_from_string(list->items[i]), &server->proxies[i]);
        ASSERT(err == 0); /* as the settings have found */
    }
}

static bool is_proxy(void *arg, const struct address *address)
{
    const struct webrtc_server *server = arg;
    for (unsigned i = 0; i < server->proxy_count; i++) {
        if (network_contains(&server->proxies[i], address))
            return true;
    }
    return false;
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
        .is_proxy = is_proxy,
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

int webrtc_server_open(const struct webrtc_options *options, struct webrtc_server **out,
                       struct errmsg *why)
{
    struct webrtc_server *server = mem_new(struct webrtc_server);
    struct conf          *conf = options->conf;
    unsigned              count = options->worker_count;
    *server = (struct webrtc_server){ .main = options->main,
                                      .loops = options->loops,
                                      .worker_count = count,
                                      .auth = options->auth,
                                      .registry = options->registry,
                                      .conf = conf_ref(conf) };
    webrtc_server_open_counts(server);
    server->workers = mem_new_array(struct webrtc_worker, count + 1);
    log_context_init(&server->log, "[WebRTC]");
    read_proxies(server);
    int err = open_server(server, why);
    if (err < 0) {
        server->http = httpd_close(server->http);
        webrtc_server_free(server);
        return err;
    }
    server->names = webrtc_names_open(server->main, conf);
    for (unsigned i = 1; i <= count; i++) {
        server->workers[i].start.handle = webrtc_worker_start;
        loop_post(server->loops[i], &server->workers[i].start);
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
    server->http = httpd_close(server->http);
    server->names = webrtc_names_close(server->names);
}

void webrtc_server_close_sessions(struct webrtc_server *server, struct loop *loop)
{
    webrtc_worker_close(&server->workers[loop->index]);
}

struct webrtc_server *webrtc_server_free(struct webrtc_server *server)
{
    if (!server)
        return NULL;
    for (unsigned i = 1; i <= server->worker_count; i++)
        webrtc_worker_fini(&server->workers[i]);
    ASSERT(httpd_quota_used(server->pending) == 0 && httpd_quota_used(server->sessions) == 0);
    webrtc_server_close_counts(server);
    dtls_context_destroy(server->dtls);
    mem_free(server->workers);
    mem_free(server->proxies);
    conf_unref(server->conf);
    return mem_free(server);
}
