/**
 * httpd_quota: what each peer holds of something there is only so much of: connections, bytes,
 * sessions.
 *
 * Peers:   an IPv4 address, or an IPv6 network: a single host may have all of its 2^64 addresses.
 *          This machine is a peer with no limit but the total, and all trusted proxies are the
 *          same one: they speak for many.
 * Kept:    the last part of the total is for peers that hold little, so that a few who hold much
 *          can't shut out everybody else.
 * Owner:   one thread.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop/address.h"

struct httpd_quota;

/** Who asks; equal ones have equal bytes. */
struct httpd_peer {
    uint8_t kind;
    uint8_t bytes[8];
};

/** An address mapped into IPv6 counts as what it is. */
struct httpd_peer httpd_peer_of(const struct address *address);

/** That of this machine, and of a trusted proxy. */
struct httpd_peer httpd_peer_of_many(void);

struct httpd_quota_limits {
    size_t total;   /* of all peers together; 0: as much as they like */
    size_t of_peer; /* but the one that speaks for many */
    size_t kept;    /* of the total, for peers that hold `little` at most */
    size_t little;
};

struct httpd_quota *httpd_quota_create(const struct httpd_quota_limits *limits);

/** Accepts NULL. Returns NULL. */
struct httpd_quota *httpd_quota_destroy(struct httpd_quota *quota);

/** May it take so much more? */
bool httpd_quota_has_room(const struct httpd_quota *quota, const struct httpd_peer *peer,
                          size_t amount);

/** Counts it, room or not. */
void httpd_quota_take(struct httpd_quota *quota, const struct httpd_peer *peer, size_t amount);

/** Never more than it holds. */
void httpd_quota_give_back(struct httpd_quota *quota, const struct httpd_peer *peer, size_t amount);

/** What all hold. */
size_t httpd_quota_used(const struct httpd_quota *quota);
