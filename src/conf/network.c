#include "conf/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "base/check.h"

static unsigned address_bits(int family)
{
    return family == AF_INET ? 32 : 128;
}

static int parse_address(struct span text, struct network *out)
{
    char string[INET6_ADDRSTRLEN];
    if (span_find(text, '\0') >= 0 || span_copy_string(text, string, sizeof(string)) < 0)
        return -EINVAL;
    out->family = span_find(text, ':') < 0 ? AF_INET : AF_INET6;
    return inet_pton(out->family, string, out->address) == 1 ? 0 : -EINVAL;
}

static void clear_host_bits(struct network *network)
{
    for (unsigned bit = network->prefix; bit < address_bits(network->family); bit++)
        network->address[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
}

/* ::ffff:0:0/96 (RFC 4291, section 2.5.5.2); of a shorter prefix not all of its bits are left. */
static void unmap(struct network *network)
{
    static const uint8_t mapped[12] = { [10] = 0xff, 0xff };
    if (network->family != AF_INET6 || memcmp(network->address, mapped, sizeof(mapped)) != 0)
        return;
    network->family = AF_INET;
    network->prefix -= 96;
    memmove(network->address, network->address + 12, 4);
    memset(network->address + 4, 0, 12);
}

int network_parse(struct span text, struct network *out)
{
    struct network network = { 0 };
    ptrdiff_t      slash = span_find(text, '/');
    struct span    address = slash < 0 ? text : span_first(text, (size_t)slash);
    if (parse_address(address, &network) < 0)
        return -EINVAL;
    uint64_t prefix = address_bits(network.family);
    if (slash >= 0 && span_to_uint(span_skip(text, (size_t)slash + 1), prefix, &prefix) < 0)
        return -EINVAL;
    network.prefix = (unsigned)prefix;
    clear_host_bits(&network);
    unmap(&network);
    *out = network;
    return 0;
}

/* The bytes of an IP address, as its family's networks hold them; NULL for no IP. */
static const uint8_t *host_of(const struct address *address, int *family)
{
    if (address->storage.ss_family == AF_INET) {
        *family = AF_INET;
        return (const uint8_t *)&((const struct sockaddr_in *)&address->storage)->sin_addr;
    }
    if (address->storage.ss_family != AF_INET6)
        return NULL;
    const struct in6_addr *host = &((const struct sockaddr_in6 *)&address->storage)->sin6_addr;
    bool                   is_v4 = IN6_IS_ADDR_V4MAPPED(host);
    *family = is_v4 ? AF_INET : AF_INET6;
    return host->s6_addr + (is_v4 ? 12 : 0);
}

bool network_contains(const struct network *network, const struct address *address)
{
    int            family;
    const uint8_t *host = host_of(address, &family);
    if (!host || family != network->family)
        return false;
    size_t whole = network->prefix / 8, bits = network->prefix % 8;
    if (memcmp(host, network->address, whole) != 0)
        return false;
    return bits == 0 || (host[whole] ^ network->address[whole]) >> (8 - bits) == 0;
}

void network_format(const struct network *network, char out[NETWORK_TEXT])
{
    char        text[INET6_ADDRSTRLEN];
    const char *address = inet_ntop(network->family, network->address, text, sizeof(text));
    ASSERT(address);
    (void)snprintf(out, NETWORK_TEXT, "%s/%u", address, network->prefix);
}
