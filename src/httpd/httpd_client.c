#include "httpd/httpd_client.h"

#include <arpa/inet.h>
#include <errno.h>

void httpd_claims_add(struct httpd_claims *claims, struct span name, struct span value)
{
    if (span_is_nocase(name, "X-Forwarded-For") && claims->line_count < MESSAGE_MAX_HEADERS)
        claims->lines[claims->line_count++] = value;
    else if (span_is_nocase(name, "X-Real-IP") && !claims->real_ip.p)
        claims->real_ip = value;
}

/* Some proxies write `192.0.2.1:40000`, `[2001:db8::1]` or `[2001:db8::1]:40000`. -EINVAL. */
static int cut_port(struct span *address)
{
    struct span port = { 0 };
    uint64_t    number;
    if (address->len > 0 && address->p[0] == '[') {
        ptrdiff_t end = span_find(*address, ']');
        if (end < 0)
            return -EINVAL;
        port = span_skip(*address, (size_t)end + 1);
        *address = span_skip(span_first(*address, (size_t)end), 1);
    } else {
        ptrdiff_t colon = span_find(*address, ':');
        if (colon >= 0 && span_find(span_skip(*address, (size_t)colon + 1), ':') < 0) {
            port = span_skip(*address, (size_t)colon);
            *address = span_first(*address, (size_t)colon);
        }
    }
    if (port.len == 0)
        return 0;
    return port.p[0] == ':' ? span_to_uint(span_skip(port, 1), UINT16_MAX, &number) : -EINVAL;
}

static in_port_t port_of(const struct address *address)
{
    return address->storage.ss_family == AF_INET
               ? ((const struct sockaddr_in *)&address->storage)->sin_port
               : ((const struct sockaddr_in6 *)&address->storage)->sin6_port;
}

static int parse_address(struct span text, in_port_t port, struct address *out)
{
    char                 string[INET6_ADDRSTRLEN];
    struct address       address = { 0 };
    struct sockaddr_in  *v4 = (struct sockaddr_in *)&address.storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address.storage;
    if (span_find(text, '\0') >= 0 || cut_port(&text) < 0 ||
        span_copy_string(text, string, sizeof(string)) < 0)
        return -EINVAL;
    if (span_find(text, ':') < 0) {
        *v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = port };
        address.len = sizeof(*v4);
        if (inet_pton(AF_INET, string, &v4->sin_addr) != 1)
            return -EINVAL;
    } else {
        *v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = port };
        address.len = sizeof(*v6);
        if (inet_pton(AF_INET6, string, &v6->sin6_addr) != 1)
            return -EINVAL;
    }
    *out = address;
    return 0;
}

/* Cuts the last item off. False: it was the first as well. */
static bool take_last(struct span *list, struct span *item)
{
    size_t at = list->len;
    while (at > 0 && list->p[at - 1] != ',')
        at--;
    *item = span_trim(span_skip(*list, at));
    *list = span_first(*list, at > 0 ? at - 1 : 0);
    return at > 0;
}

struct walk {
    httpd_trust_fn *is_proxy;
    void           *arg;
    in_port_t       port;
    unsigned        steps;
    bool            is_over; /* `client` is the one */
    struct address  client;
};

/* From the end of a line to its front, or to the client. */
static int walk_line(struct walk *walk, struct span line)
{
    struct span item;
    for (bool has_more = true; has_more && !walk->is_over;) {
        has_more = take_last(&line, &item);
        if (++walk->steps > HTTPD_MAX_PROXIES || parse_address(item, walk->port, &walk->client) < 0)
            return -EINVAL;
        walk->is_over = !walk->is_proxy(walk->arg, &walk->client);
    }
    return 0;
}

static int walk_lines(struct walk *walk, const struct span *lines, unsigned count)
{
    for (unsigned i = count; i > 0 && !walk->is_over; i--) {
        if (walk_line(walk, lines[i - 1]) < 0)
            return -EINVAL;
    }
    return count > 0 ? 0 : -ENOENT;
}

int httpd_client_find(const struct httpd_claims *claims, const struct address *proxy,
                      httpd_trust_fn *is_proxy, void *arg, struct address *out)
{
    struct walk walk = { .is_proxy = is_proxy, .arg = arg, .port = port_of(proxy) };
    struct walk again = walk;
    if (walk_lines(&walk, claims->lines, claims->line_count) == 0) {
        *out = walk.client;
        return 0;
    }
    if (walk_lines(&again, &claims->real_ip, claims->real_ip.p ? 1 : 0) == 0) {
        *out = again.client;
        return 0;
    }
    return -ENOENT;
}
