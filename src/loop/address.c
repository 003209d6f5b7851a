#include "loop/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

#include "base/span.h"

static bool has_ipv6(void)
{
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    struct sockaddr_in6 any = { .sin6_family = AF_INET6 };
    bool                works = bind(fd, (struct sockaddr *)&any, sizeof(any)) == 0;
    (void)close(fd);
    return works;
}

static void set_v4(struct address *out, struct in_addr host, uint16_t port)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&out->storage;
    *v4 = (struct sockaddr_in){ AF_INET, htons(port), host, { 0 } };
    out->len = sizeof(*v4);
}

static void set_v6(struct address *out, struct in6_addr host, uint16_t port)
{
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->storage;
    *v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
                                 .sin6_port = htons(port),
                                 .sin6_addr = host };
    out->len = sizeof(*v6);
}

int address_parse(const char *text, struct address *out, struct errmsg *why)
{
    struct span all = span_from_string(text);
    const char *colon = strrchr(text, ':');
    uint64_t    port;
    if (!colon || span_to_uint(span_from_string(colon + 1), 65535, &port) < 0)
        return errmsg_set(why, -EINVAL,
                          "'%s' is not an address; write host:port, like 127.0.0.1:8554 or :8554",
                          text);
    struct span host = span_first(all, (size_t)(colon - text));
    bool        is_bracketed = host.len >= 2 && host.p[0] == '[' && host.p[host.len - 1] == ']';
    if (is_bracketed)
        host = (struct span){ host.p + 1, host.len - 2 };
    char            name[INET6_ADDRSTRLEN];
    struct in_addr  v4;
    struct in6_addr v6;
    if (host.len == 0) {
        if (has_ipv6())
            set_v6(out, in6addr_any, (uint16_t)port);
        else
            set_v4(out, (struct in_addr){ INADDR_ANY }, (uint16_t)port);
        return 0;
    }
    if (span_is(host, "localhost"))
        host = BYTES("127.0.0.1");
    if (span_copy_string(host, name, sizeof(name)) == 0) {
        /* "fe80::1:80" without brackets may mean two things. */
        if (!is_bracketed && inet_pton(AF_INET, name, &v4) == 1)
            return set_v4(out, v4, (uint16_t)port), 0;
        if (is_bracketed && inet_pton(AF_INET6, name, &v6) == 1)
            return set_v6(out, v6, (uint16_t)port), 0;
    }
    return errmsg_set(why, -EINVAL, "'%s': the host must be a numeric address or empty", text);
}

void address_format(const struct address *address, char out[ADDRESS_TEXT])
{
    char host[INET6_ADDRSTRLEN];
    if (address->storage.ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->storage;
        (void)inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
        (void)snprintf(out, ADDRESS_TEXT, "%s:%u", host, ntohs(v4->sin_port));
        return;
    }
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->storage;
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
        (void)inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], host, sizeof(host));
        (void)snprintf(out, ADDRESS_TEXT, "%s:%u", host, ntohs(v6->sin6_port));
        return;
    }
    (void)inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
    (void)snprintf(out, ADDRESS_TEXT, "[%s]:%u", host, ntohs(v6->sin6_port));
}

int address_bind_tcp(const struct address *address)
{
    int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    static const int on = 1, off = 0;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (address->storage.ss_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, (const struct sockaddr *)&address->storage, address->len) < 0) {
        int err = -errno;
        (void)close(fd);
        return err;
    }
    return fd;
}

bool address_is_loopback(const struct address *address)
{
    if (address->storage.ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->storage;
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    }
    const struct in6_addr *host = &((const struct sockaddr_in6 *)&address->storage)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(host) || (IN6_IS_ADDR_V4MAPPED(host) && host->s6_addr[12] == 127);
}
