/* Our ICE candidates: where a viewer may reach the UDP port. */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <pthread.h>
#include <zlib.h>

#include "base/clock.h"
#include "base/crash.h"
#include "base/mem.h"
#include "webrtc/webrtc_internal.h"

/* Network 0 is this network, and nobody's address (RFC 1122, section 3.2.1.3). */
static bool v4_text(struct in_addr address, char out[INET6_ADDRSTRLEN])
{
    in_addr_t number = ntohl(address.s_addr);
    return !IN_MULTICAST(number) && number != INADDR_BROADCAST && number >> 24 != 0 &&
           inet_ntop(AF_INET, &address, out, INET6_ADDRSTRLEN);
}

/* Link-local addresses need a scope, which a candidate can't say. */
static bool v6_text(const struct in6_addr *address, char out[INET6_ADDRSTRLEN])
{
    return !IN6_IS_ADDR_LINKLOCAL(address) && !IN6_IS_ADDR_MULTICAST(address) &&
           !IN6_IS_ADDR_UNSPECIFIED(address) && inet_ntop(AF_INET6, address, out, INET6_ADDRSTRLEN);
}

/* False: it can't be a candidate. */
static bool host_text(const struct sockaddr *address, bool is_v6, char out[INET6_ADDRSTRLEN])
{
    if (address->sa_family == AF_INET)
        return v4_text(((const struct sockaddr_in *)address)->sin_addr, out);
    return address->sa_family == AF_INET6 && is_v6 &&
           v6_text(&((const struct sockaddr_in6 *)address)->sin6_addr, out);
}

/* webrtcIPsFromInterfacesList: names, of which a wrong one would be missed by nobody. */

static bool uses_interfaces(const struct conf *conf, const struct udp_address *local)
{
    return conf->webrtc_ips_from_interfaces && udp_address_is_any(local);
}

static bool is_interface(const struct if_nameindex *all, const char *name)
{
    for (; all->if_name; all++)
        if (strcmp(all->if_name, name) == 0)
            return true;
    return false;
}

static void name_missing(const struct conf_list *list, const struct if_nameindex *all)
{
    AUTO(buf_fini) struct buf names = { 0 };
    for (const struct if_nameindex *one = all; one->if_name; one++)
        buf_printf(&names, "%s%s", one == all ? "" : ", ", one->if_name);
    for (unsigned i = 0; i < list->count; i++)
        if (!is_interface(all, list->items[i]))
            LOG(NULL, LOG_WARN,
                "webrtcIPsFromInterfacesList: there is no interface '%s'; there are: %s",
                list->items[i], buf_string(&names));
}

static void check_interfaces(const struct conf *conf)
{
    struct address       address;
    struct if_nameindex *all;
    if (address_parse(conf->webrtc_local_udp_address, &address, NULL) < 0)
        return;
    struct udp_address local = udp_address_pack(&address);
    if (!uses_interfaces(conf, &local) || !(all = if_nameindex()))
        return;
    name_missing(&conf->webrtc_ips_from_interfaces_list, all);
    if_freenameindex(all);
}

/* webrtcAdditionalHosts: a public address, or a name of one. */

/* A name may move, and name servers may not be there yet when we start. */
static const int64_t stale_after_ns = 60 * NS_PER_S;
static const int64_t retry_after_ns = 5 * NS_PER_S;

struct answer {
    unsigned count;
    char     addresses[WEBRTC_MAX_HOSTS][INET6_ADDRSTRLEN];
};

struct name {
    char                    *text;
    struct answer           *answer;     /* main's; NULL: none yet */
    _Atomic(struct answer *) news;       /* from the thread to main */
    bool                     is_failing; /* the thread's: it has been said */
};

/*
 * A lookup takes as long as name servers like. It has a thread that nobody waits for, at the end
 * neither; this is theirs and main's until the last of them lets go.
 */
struct webrtc_names {
    atomic_uint  refs;
    atomic_bool  is_busy;   /* a thread is at work */
    atomic_bool  is_closed; /* main has let go */
    struct loop *main;
    int64_t      asked_ns;     /* when the last thread began */
    bool         has_any;      /* to be looked up: not all are addresses */
    bool         said_no_host; /* main's: that there is no candidate has been said */
    unsigned     count;
    struct name  items[];
};

static void unref_names(struct webrtc_names *names)
{
    if (atomic_fetch_sub(&names->refs, 1) != 1)
        return;
    for (unsigned i = 0; i < names->count; i++) {
        mem_free(names->items[i].text);
        mem_free(names->items[i].answer);
        mem_free(names->items[i].news);
    }
    mem_free(names);
}

/* As getaddrinfo(): 0, or what gai_strerror() has words for. */
static int look_up(const char *text, int flags, struct answer **out)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_flags = flags };
    struct addrinfo      *found;
    int                   code = getaddrinfo(text, NULL, &hints, &found);
    if (code != 0)
        return code;
    struct answer *answer = mem_new(struct answer);
    for (const struct addrinfo *one = found; one && answer->count < WEBRTC_MAX_HOSTS;
         one = one->ai_next)
        answer->count += host_text(one->ai_addr, true, answer->addresses[answer->count]);
    freeaddrinfo(found);
    *out = answer;
    return 0;
}

static void look_up_name(struct webrtc_names *names, struct name *name)
{
    struct answer *answer;
    const char    *why = NULL;
    int            code = look_up(name->text, 0, &answer);
    if (code != 0)
        why = gai_strerror(code);
    else if (answer->count == 0)
        why = "none that a viewer could send to";
    if (code == 0)
        mem_free(atomic_exchange(&name->news, answer));
    if (why && !name->is_failing && !atomic_load(&names->is_closed))
        LOG(NULL, LOG_WARN, "webrtcAdditionalHosts: no address of '%s': %s", name->text, why);
    name->is_failing = why != NULL;
}

static void *look_up_all(void *arg)
{
    struct webrtc_names *names = arg;
    (void)pthread_setname_np(pthread_self(), "names");
    crash_init_thread();
    for (unsigned i = 0; i < names->count && !atomic_load(&names->is_closed); i++)
        if (names->items[i].text)
            look_up_name(names, &names->items[i]);
    atomic_store(&names->is_busy, false);
    unref_names(names);
    return NULL;
}

static void begin_lookup(struct webrtc_names *names)
{
    pthread_t thread;
    names->asked_ns = loop_now(names->main);
    atomic_store(&names->is_busy, true);
    atomic_fetch_add(&names->refs, 1);
    int err = pthread_create(&thread, NULL, look_up_all, names);
    if (err == 0) {
        (void)pthread_detach(thread);
        return;
    }
    LOG(NULL, LOG_WARN, "webrtcAdditionalHosts: no thread to look names up: %s", err_text(-err));
    atomic_store(&names->is_busy, false);
    unref_names(names);
}

/* Takes what was found, and asks anew when that is old. */
static void refresh(struct webrtc_names *names)
{
    bool is_whole = true;
    for (unsigned i = 0; i < names->count; i++) {
        struct name   *name = &names->items[i];
        struct answer *news = atomic_exchange(&name->news, NULL);
        if (news) {
            mem_free(name->answer);
            name->answer = news;
        }
        is_whole &= name->answer != NULL;
    }
    int64_t age_ns = loop_now(names->main) - names->asked_ns;
    if (names->has_any && !atomic_load(&names->is_busy) &&
        age_ns >= (is_whole ? stale_after_ns : retry_after_ns))
        begin_lookup(names);
}

/* NULL: it may be one. */
static const char *why_no_host(const char *text, const struct answer *address)
{
    if (!text[0])
        return "is empty";
    if (address)
        return address->count ? NULL : "is no address that a viewer could send to";
    return strpbrk(text, "[]:/@ ") ? "is no name; write an address or a name without brackets, "
                                     "port or anything else"
                                   : NULL;
}

static void add_name(struct webrtc_names *names, const char *text)
{
    struct name   *name = &names->items[names->count];
    struct answer *address = NULL;
    (void)look_up(text, AI_NUMERICHOST, &address);
    const char *why = why_no_host(text, address);
    if (why) {
        LOG(NULL, LOG_WARN, "webrtcAdditionalHosts: '%s' %s", text, why);
        mem_free(address);
        return;
    }
    names->count++;
    name->answer = address;
    if (!address)
        name->text = mem_string(text);
    names->has_any |= !address;
}

struct webrtc_names *webrtc_names_open(struct loop *main, const struct conf *conf)
{
    const struct conf_list *list = &conf->webrtc_additional_hosts;
    struct webrtc_names    *names = mem_zero(sizeof(*names) + sizeof(struct name) * list->count);
    names->refs = 1;
    names->main = main;
    for (unsigned i = 0; i < list->count; i++)
        add_name(names, list->items[i]);
    check_interfaces(conf);
    if (names->has_any)
        begin_lookup(names);
    return names;
}

struct webrtc_names *webrtc_names_close(struct webrtc_names *names)
{
    if (names) {
        atomic_store(&names->is_closed, true);
        unref_names(names);
    }
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

/* Only from this machine they lead anywhere; and from there they are the shortest way. */
static void add_loopback(struct hosts *hosts, const struct address *asked_at)
{
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&asked_at->storage;
    if (hosts->is_v6 && v6->sin6_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr))
        add_host(hosts, "::1");
    add_host(hosts, "127.0.0.1");
}

static void add_names(struct hosts *hosts, struct webrtc_names *names)
{
    refresh(names);
    for (unsigned i = 0; i < names->count; i++) {
        const struct answer *answer = names->items[i].answer;
        for (unsigned k = 0; answer && k < answer->count; k++)
            if (hosts->is_v6 || !strchr(answer->addresses[k], ':'))
                add_host(hosts, answer->addresses[k]);
    }
}

const char *webrtc_hosts_remedy(const struct conf *conf)
{
    if (!conf->webrtc_ips_from_interfaces)
        return "'webrtcIPsFromInterfaces' is off, and 'webrtcAdditionalHosts' gives none";
    if (conf->webrtc_ips_from_interfaces_list.count)
        return "no interface of 'webrtcIPsFromInterfacesList' is up with an address to reach, and "
               "'webrtcAdditionalHosts' gives none";
    return "no interface is up with an address to reach; write one into 'webrtcAdditionalHosts'";
}

void webrtc_hosts_gather(const struct webrtc_server *server, const struct address *asked_at,
                         struct webrtc_post *post)
{
    const struct udp_address *local = udp_socket_local(server->workers[1].socket);
    struct hosts              hosts = { post, server->conf, 0, local->any.sa_family == AF_INET6 };
    char                      text[INET6_ADDRSTRLEN];
    hosts.port = ntohs(hosts.is_v6 ? local->v6.sin6_port : local->v4.sin_port);
    if (!udp_address_is_any(local)) {
        if (host_text(&local->any, hosts.is_v6, text))
            add_host(&hosts, text);
    } else if (address_is_loopback(asked_at)) {
        add_loopback(&hosts, asked_at);
    }
    if (uses_interfaces(server->conf, local))
        add_interfaces(&hosts);
    add_names(&hosts, server->names);
    if (post->host_count == 0 && !server->names->said_no_host)
        LOG(&server->log, LOG_WARN, "viewers are told no address to connect to: %s",
            webrtc_hosts_remedy(server->conf));
    server->names->said_no_host = post->host_count == 0;
}
