/**
 * map: names to pointers. Names may be a peer's choice, so the hash has a random key (SipHash).
 *
 * Owner:   one thread. The map copies the keys and never touches what the values point at.
 */
#pragma once
#include <stddef.h>

#include "base/auto.h"
#include "base/span.h"

struct map;

struct map *map_create(void);

/** Accepts NULL. Returns NULL. */
struct map *map_destroy(struct map *map);
DEFINE_AUTO(struct map *, map_destroy)

size_t map_count(const struct map *map);

/** NULL when absent. */
void *map_get(const struct map *map, struct span key);

/** `value` is not NULL; replaces and returns what was there, else NULL. */
void *map_put(struct map *map, struct span key, void *value);

/** Returns what was there, or NULL. */
void *map_remove(struct map *map, struct span key);

/** Calls `visit` for each entry, in no order; it may remove that entry and no other. */
void map_visit(struct map *map, void (*visit)(void *arg, struct span key, void *value), void *arg);
