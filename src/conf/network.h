/**
 * network: an IP network as settings write it: `10.0.0.0/8`, `2001:db8::/32`, or one address.
 */
#pragma once
#include <stdbool.h>

#include "base/span.h"
#include "loop/address.h"

enum { NETWORK_TEXT = 64 };

struct network {
    int      family; /* AF_INET, AF_INET6 */
    unsigned prefix; /* bits */
    uint8_t  address[16];
};

/**
 * An address alone is a network of one; bits behind the prefix are cleared; IPv4 mapped into IPv6
 * is IPv4. -EINVAL.
 */
int network_parse(struct span text, struct network *out);

/** Of an IP address's host; IPv4 mapped into IPv6 is IPv4. */
bool network_contains(const struct network *network, const struct address *address);

/** With its prefix in any case: `127.0.0.1/32`. */
void network_format(const struct network *network, char out[NETWORK_TEXT]);
