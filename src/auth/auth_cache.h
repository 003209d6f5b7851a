/**
 * auth_cache: passwords that were found right a moment ago, so that a page that asks every second
 * does not keep a core busy with argon2.
 *
 * Holds:   a keyed hash of name and password, never the password; and which entry it was right for.
 * Life:    AUTH_CACHE_NS from when it was computed; using it does not make it longer.
 * Owner:   one thread.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "auth/auth_users.h"
#include "base/clock.h"

enum { AUTH_CACHE_SLOTS = 64, AUTH_MARK = 32 };

#define AUTH_CACHE_NS (30 * NS_PER_S)

struct auth_mark {
    uint8_t bytes[AUTH_MARK];
};

struct auth_cache {
    uint8_t key[32];
    struct auth_cache_slot {
        struct auth_mark mark;
        unsigned         entry;
        int64_t          until_ns; /* 0: empty */
    } slots[AUTH_CACHE_SLOTS];
};

/** Empties it, and makes a new key. */
void auth_cache_reset(struct auth_cache *cache);

struct auth_mark auth_cache_mark(const struct auth_cache *cache, struct span user,
                                 struct span pass);

/** Was it right for one of these entries? */
bool auth_cache_has(const struct auth_cache *cache, const struct auth_mark *mark,
                    const struct auth_selection *selection, int64_t now_ns);

/** Takes the place of the oldest. */
void auth_cache_put(struct auth_cache *cache, const struct auth_mark *mark, unsigned entry,
                    int64_t now_ns);
