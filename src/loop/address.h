/**
 * address: socket addresses as settings and log lines write them.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/errmsg.h"

enum { ADDRESS_TEXT = 64 };

struct address {
    struct sockaddr_storage storage;
    socklen_t               len;
};

/**
 * `host:port`, `:port` or `[v6]:port`; the host is a numeric address or empty, which means every
 * interface: IPv6 that takes IPv4 too, or IPv4 where there is no IPv6. -EINVAL with a reason.
 */
int address_parse(const char *text, struct address *out, struct errmsg *why);

/** `127.0.0.1:5000` or `[::1]:5000`; an IPv4 address mapped into IPv6 is written as IPv4. */
void address_format(const struct address *address, char out[ADDRESS_TEXT]);

/**
 * A bound TCP socket that does not listen yet; its address may be in use by connections of the
 * past. -errno.
 */
int address_bind_tcp(const struct address *address);

/** Sends to no other machine: 127.0.0.0/8 or ::1. */
bool address_is_loopback(const struct address *address);
