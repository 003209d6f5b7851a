/* Our ICE candidates: where a viewer may reach the UDP port. */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <zlib.h>

#include "base/mem.h"
#include "webrtc/webrtc_internal.h"

/* Link-local addresses need a scope, which a candidate can't say. */
static bool host_text(const struct sockaddr *address, bool is_v6, char out[INET6_ADDRSTRLEN])
{
    if (address->sa_family == AF_INET)
        return inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, out,
                         INET6_ADDRSTRLEN) != NULL;
    if (address->sa_family != AF_INET6 || !is_v6)
        return false;
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)address)->sin6_addr;
    return !IN6_IS_ADDR_LINKLOCAL(v6) && inet_ntop(AF_INET6, v6, out, INET6_ADDRSTRLEN);
}

/* webrtcAdditionalHosts: a public address, or a name of one. */

struct webrtc_names {
    unsigned count; /* of addresses */
    char     addresses[WEBRTC_MAX_HOSTS][INET6_ADDRSTRLEN];
    unsigned open; /* questions that are under way, and the owner */
};

struct question {
    uv_getaddrinfo_t     request;
    struct webrtc_names *names;
    const char          *name; /* of the settings, which live longer */
};

static void let_go(struct webrtc_names *names)
{
    if (--names->open == 0)
        mem_free(names);
}

static void add_name(struct webrtc_names *names, const struct sockaddr *address)
{
    if (names->count < WEBRTC_MAX_HOSTS && host_text(address, true, names->addresses[names->count]))
        names->count++;
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct question *question = CONTAINER_OF(request, struct question, request);
    if (status < 0 && status != UV_ECANCELED)
        LOG(NULL, LOG_WARN, "webrtcAdditionalHosts: '%s' is left out: %s", question->name,
            err_text(status));
    for (const struct addrinfo *one = found; one; one = one->ai_next)
        add_name(question->names, one->ai_addr);
    uv_freeaddrinfo(found);
    let_go(question->names);
    mem_free(question);
}

static void resolve(struct webrtc_names *names, struct loop *main, const char *name)
{
    static const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM };
    struct question             *question = mem_new(struct question);
    question->names = names;
    question->name = name;
    names->open++;
    int err = uv_getaddrinfo(&main->uv, &question->request, on_resolved, name, NULL, &hints);
    if (err < 0)
        on_resolved(&question->request, err, NULL);
}

struct webrtc_names *webrtc_names_open(struct loop *main, const struct conf *conf)
{
    struct webrtc_names *names = mem_new(struct webrtc_names);
    names->open = 1;
    for (unsigned i = 0; i < conf->webrtc_additional_hosts.count; i++)
        if (conf->webrtc_additional_hosts.items[i][0])
            resolve(names, main, conf->webrtc_additional_hosts.items[i]);
    return names;
}

struct webrtc_names *webrtc_names_close(struct webrtc_names *names)
{
    if (names)
        let_go(names);
    return NULL;
}

/* All of them */

struct hosts {
    struct webrtc_post *post;
    const struct conf  *conf;
    uint16_t            port;
    bool                is_v6; /* the socket takes IPv6 too */
};

static void add_host(struct hosts *hosts, const char *address)
{
    struct webrtc_post *post = hosts->post;
    if (post->host_count == WEBRTC_MAX_HOSTS)
        return;
    for (unsigned i = 0; i < post->host_count; i++)
        if (strcmp(post->hosts[i].address, address) == 0)
            return;
    struct webrtc_host *host = &post->hosts[post->host_count];
    if (span_copy_string(span_from_string(address), host->address, sizeof(host->address)) < 0)
        return;
    post->host_count++;
    host->port = hosts->port;
    (void)snprintf(host->foundation, sizeof(host->foundation), "%lu",
                   crc32(0, (const uint8_t *)address, (uInt)strlen(address)));
}

static bool is_listed(const struct conf_list *list, const char *name)
{
    for (unsigned i = 0; i < list->count; i++)
        if (strcmp(list->items[i], name) == 0)
            return true;
    return list->count == 0;
}

static void add_interfaces(struct hosts *hosts)
{
    struct ifaddrs *all;
    char            text[INET6_ADDRSTRLEN];
    if (getifaddrs(&all) < 0)
        return;
    for (const struct ifaddrs *one = all; one; one = one->ifa_next) {
        unsigned needed = IFF_UP | IFF_RUNNING;
        if (one->ifa_addr && (one->ifa_flags & (needed | IFF_LOOPBACK)) == needed &&
            is_listed(&hosts->conf->webrtc_ips_from_interfaces_list, one->ifa_name) &&
            host_text(one->ifa_addr, hosts->is_v6, text))
            add_host(hosts, text);
    }
    freeifaddrs(all);
}

static bool is_any(const struct udp_address *local)
{
    return local->any.sa_family == AF_INET ? local->v4.sin_addr.s_addr == htonl(INADDR_ANY)
                                           : IN6_IS_ADDR_UNSPECIFIED(&local->v6.sin6_addr);
}

void webrtc_hosts_gather(const struct webrtc_server *server, const struct address *asked_at,
                         struct webrtc_post *post)
{
    const struct udp_address *local = udp_socket_local(server->workers[1].socket);
    struct hosts              hosts = { post, server->conf, 0, local->any.sa_family == AF_INET6 };
    char                      text[INET6_ADDRSTRLEN];
    hosts.port = ntohs(hosts.is_v6 ? local->v6.sin6_port : local->v4.sin_port);
    if (!is_any(local)) {
        if (host_text(&local->any, hosts.is_v6, text))
            add_host(&hosts, text);
    } else if (address_is_loopback(asked_at)) {
        /* Only from this machine it leads anywhere; and from there it is the shortest way. */
        add_host(&hosts, "127.0.0.1");
    }
    if (is_any(local) && server->conf->webrtc_ips_from_interfaces)
        add_interfaces(&hosts);
    for (unsigned i = 0; i < server->names->count; i++)
        if (hosts.is_v6 || !strchr(server->names->addresses[i], ':'))
            add_host(&hosts, server->names->addresses[i]);
}
