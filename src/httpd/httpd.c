#include "httpd/httpd.h"

#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "httpd/httpd_internal.h"

static const int64_t complain_every_ns = 10 * NS_PER_S;

/* Peers */

/* An address mapped into IPv6 counts as what it is. */
static struct httpd_peer peer_key(const struct address *address)
{
    struct httpd_peer peer = { .key_len = sizeof(struct in_addr) };
    const uint8_t    *bytes;
    if (address->storage.ss_family == AF_INET) {
        bytes = (const uint8_t *)&((const struct sockaddr_in *)&address->storage)->sin_addr;
    } else {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->storage;
        bool                       is_v4 = IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);
        bytes = v6->sin6_addr.s6_addr + (is_v4 ? 12 : 0);
        peer.key_len = is_v4 ? peer.key_len : sizeof(peer.key);
    }
    memcpy(peer.key, bytes, peer.key_len);
    return peer;
}

static struct span key_of(const struct httpd_peer *peer)
{
    return (struct span){ peer->key, peer->key_len };
}

int httpd_peer_join(struct httpd *httpd, const struct address *address, struct httpd_peer **out)
{
    if (address_is_loopback(address)) { /* a proxy on this machine speaks for many */
        *out = NULL;
        return 0;
    }
    struct httpd_peer  key = peer_key(address);
    struct httpd_peer *peer = map_get(httpd->peers, key_of(&key));
    if (peer && peer->connections == HTTPD_MAX_CONNECTIONS_OF_A_PEER)
        return -EMFILE;
    if (!peer) {
        peer = mem_alloc(sizeof(*peer));
        *peer = key;
        (void)map_put(httpd->peers, key_of(peer), peer);
    }
    peer->connections++;
    *out = peer;
    return 0;
}

void httpd_peer_leave(struct httpd *httpd, struct httpd_peer *peer)
{
    if (!peer || --peer->connections > 0)
        return;
    (void)map_remove(httpd->peers, key_of(peer));
    mem_free(peer);
}

static void refuse_peer(struct httpd *httpd, int fd, const struct address *address)
{
    char    text[ADDRESS_TEXT];
    int64_t now_ns = loop_now(httpd->loop);
    (void)close(fd);
    if (httpd->complained_ns && now_ns - httpd->complained_ns < complain_every_ns)
        return;
    httpd->complained_ns = now_ns;
    address_format(address, text);
    LOG(&httpd->log, LOG_WARN, "refused %s: its address has %d connections already", text,
        HTTPD_MAX_CONNECTIONS_OF_A_PEER);
}

void httpd_accept(void *arg, int fd, const struct address *address)
{
    struct httpd      *httpd = arg;
    struct httpd_peer *peer;
    if (httpd_peer_join(httpd, address, &peer) < 0)
        refuse_peer(httpd, fd, address);
    else
        httpd_conn_open(httpd, fd, address, peer);
}

/* The server */

static char **copy_strings(char *const *strings)
{
    size_t count = 0;
    while (strings && strings[count])
        count++;
    char **copies = mem_new_array(char *, count + 1);
    for (size_t i = 0; i < count; i++)
        copies[i] = mem_string(strings[i]);
    return copies;
}

static void free_strings(char **strings)
{
    for (char **string = strings; *string; string++)
        mem_free(*string);
    mem_free(strings);
}

int httpd_prepare(const struct httpd_options *options, struct httpd **out, struct errmsg *why)
{
    ASSERT(options->max_body_bytes <= MESSAGE_MAX_BODY);
    struct httpd *httpd = mem_new(struct httpd);
    *httpd = (struct httpd){ .loop = options->loop,
                             .allow_origins = copy_strings(options->allow_origins),
                             .read_timeout_ns = options->read_timeout_ns,
                             .write_timeout_ns = options->write_timeout_ns,
                             .max_body_bytes = options->max_body_bytes,
                             .on_request = options->on_request,
                             .arg = options->arg,
                             .exchanges = slots_create(),
                             .peers = map_create() };
    log_context_init(&httpd->log, "[%s]", options->name);
    list_init(&httpd->conns);
    int err = 0;
    if (options->tls.is_on)
        err = httpd_certs_create(&options->tls, &httpd->log, &httpd->certs, why);
    if (err < 0)
        (void)httpd_close(httpd);
    else
        *out = httpd;
    return err;
}

int httpd_create(const struct httpd_options *options, struct httpd **out, struct errmsg *why)
{
    struct httpd *httpd;
    int           err = httpd_prepare(options, &httpd, why);
    if (err < 0)
        return err;
    err = listener_open(httpd->loop, options->address, &httpd->log, httpd_accept, httpd,
                        &httpd->listener, why);
    if (err < 0)
        (void)httpd_close(httpd);
    else
        *out = httpd;
    return err;
}

struct httpd *httpd_close(struct httpd *httpd)
{
    if (!httpd)
        return NULL;
    httpd->listener = listener_close(httpd->listener);
    LIST_FOREACH_SAFE (struct httpd_conn, conn, &httpd->conns, in_httpd)
        httpd_conn_hang_up(conn);
    slots_destroy(httpd->exchanges);
    map_destroy(httpd->peers);
    httpd_certs_destroy(httpd->certs);
    free_strings(httpd->allow_origins);
    return mem_free(httpd);
}

struct httpd_exchange *httpd_find(const struct httpd *httpd, struct slot_id id)
{
    return httpd ? slots_find(httpd->exchanges, id) : NULL;
}
