#include "httpd/httpd_quota.h"

#include <netinet/in.h>
#include <string.h>

#include "base/check.h"
#include "base/map.h"
#include "base/mem.h"

enum { SPEAKS_FOR_MANY, IPV4_ADDRESS, IPV6_NETWORK };

struct httpd_quota {
    struct httpd_quota_limits limits;
    struct map               *peers; /* what each holds, in the pointer's place; never 0 */
    size_t                    used;
};

struct httpd_peer httpd_peer_of_many(void)
{
    return (struct httpd_peer){ .kind = SPEAKS_FOR_MANY };
}

struct httpd_peer httpd_peer_of(const struct address *address)
{
    struct httpd_peer peer = httpd_peer_of_many();
    if (address_is_loopback(address))
        return peer;
    if (address->storage.ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->storage;
        peer.kind = IPV4_ADDRESS;
        memcpy(peer.bytes, &v4->sin_addr, sizeof(v4->sin_addr));
        return peer;
    }
    const struct in6_addr *host = &((const struct sockaddr_in6 *)&address->storage)->sin6_addr;
    bool                   is_v4 = IN6_IS_ADDR_V4MAPPED(host);
    peer.kind = is_v4 ? IPV4_ADDRESS : IPV6_NETWORK;
    memcpy(peer.bytes, host->s6_addr + (is_v4 ? 12 : 0),
           is_v4 ? sizeof(struct in_addr) : sizeof(peer.bytes));
    return peer;
}

struct httpd_quota *httpd_quota_create(const struct httpd_quota_limits *limits)
{
    struct httpd_quota *quota = mem_new(struct httpd_quota);
    *quota = (struct httpd_quota){ .limits = *limits, .peers = map_create() };
    return quota;
}

struct httpd_quota *httpd_quota_destroy(struct httpd_quota *quota)
{
    if (!quota)
        return NULL;
    map_destroy(quota->peers);
    return mem_free(quota);
}

static struct span key_of(const struct httpd_peer *peer)
{
    return (struct span){ (const uint8_t *)peer, sizeof(*peer) };
}

static size_t held_by(const struct httpd_quota *quota, const struct httpd_peer *peer)
{
    return (uintptr_t)map_get(quota->peers, key_of(peer));
}

static void set_held(struct httpd_quota *quota, const struct httpd_peer *peer, size_t amount)
{
    if (amount > 0)
        (void)map_put(quota->peers, key_of(peer), (void *)(uintptr_t)amount);
    else
        (void)map_remove(quota->peers, key_of(peer));
}

bool httpd_quota_has_room(const struct httpd_quota *quota, const struct httpd_peer *peer,
                          size_t amount)
{
    const struct httpd_quota_limits *limits = &quota->limits;
    size_t                           held = held_by(quota, peer) + amount;
    if (peer->kind != SPEAKS_FOR_MANY && held > limits->of_peer)
        return false;
    size_t kept = held > limits->little ? limits->kept : 0;
    return limits->total == 0 || quota->used + amount + kept <= limits->total;
}

void httpd_quota_take(struct httpd_quota *quota, const struct httpd_peer *peer, size_t amount)
{
    set_held(quota, peer, held_by(quota, peer) + amount);
    quota->used += amount;
}

void httpd_quota_give_back(struct httpd_quota *quota, const struct httpd_peer *peer, size_t amount)
{
    size_t held = held_by(quota, peer);
    ASSERT(amount <= held);
    set_held(quota, peer, held - amount);
    quota->used -= amount;
}

size_t httpd_quota_used(const struct httpd_quota *quota)
{
    return quota->used;
}
