#include "httpd/httpd.h"

#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "httpd/httpd_internal.h"
#include "httpd/httpd_origin.h"

static const int64_t complain_every_ns = 10 * NS_PER_S;

static const struct httpd_quota_limits connection_limits = {
    .of_peer = HTTPD_MAX_CONNECTIONS_OF_A_PEER,
};

static const struct httpd_quota_limits byte_limits = {
    .total = HTTPD_MAX_BYTES,
    .of_peer = HTTPD_MAX_BYTES_OF_A_PEER,
    .kept = HTTPD_BYTES_KEPT,
    .little = HTTPD_LITTLE_BYTES,
};

/* Peers */

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

bool httpd_is_proxy(const struct httpd *httpd, const struct address *address)
{
    return httpd->is_proxy && httpd->is_proxy(httpd->arg, address);
}

void httpd_accept(void *arg, int fd, const struct address *address)
{
    struct httpd     *httpd = arg;
    struct httpd_peer peer =
        httpd_is_proxy(httpd, address) ? httpd_peer_of_many() : httpd_peer_of(address);
    if (httpd_quota_has_room(httpd->connections, &peer, 1))
        httpd_conn_open(httpd, fd, address, &peer);
    else
        refuse_peer(httpd, fd, address);
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

static void warn_of_origins(const struct httpd *httpd)
{
    for (char **origin = httpd->allow_origins; *origin; origin++) {
        const char *doubt = httpd_origin_doubt(*origin);
        if (doubt)
            LOG(&httpd->log, LOG_WARN, "the allowed origin '%s' %s", *origin, doubt);
    }
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
                             .is_proxy = options->is_proxy,
                             .on_request = options->on_request,
                             .arg = options->arg,
                             .exchanges = slots_create(),
                             .connections = httpd_quota_create(&connection_limits),
                             .bytes = httpd_quota_create(&byte_limits) };
    log_context_init(&httpd->log, "[%s]", options->name);
    list_init(&httpd->conns);
    warn_of_origins(httpd);
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
    ASSERT(httpd_quota_used(httpd->connections) == 0 && httpd_quota_used(httpd->bytes) == 0);
    httpd_quota_destroy(httpd->connections);
    httpd_quota_destroy(httpd->bytes);
    httpd_certs_destroy(httpd->certs);
    free_strings(httpd->allow_origins);
    return mem_free(httpd);
}

struct httpd_exchange *httpd_find(const struct httpd *httpd, struct slot_id id)
{
    return httpd ? slots_find(httpd->exchanges, id) : NULL;
}
