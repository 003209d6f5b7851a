#include "base/map.h"

#include <stdint.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/random.h"

enum { FIRST_BUCKETS = 16 };

struct entry {
    struct entry *next; /* of its bucket */
    uint64_t      hash;
    void         *value;
    size_t        len;
    uint8_t       key[];
};

struct map {
    uint64_t       secret[2];
    struct entry **buckets;
    size_t         bucket_count; /* a power of two */
    size_t         count;
};

static uint64_t rotate(uint64_t v, unsigned bits)
{
    return v << bits | v >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static void sip_absorb(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    sip_round(v);
    v[0] ^= word;
}

/* SipHash-2-4 (Aumasson and Bernstein, 2012): peers who choose names can't make them collide. */
static uint64_t sip_hash(const uint64_t secret[2], struct span bytes)
{
    uint64_t v[4] = {
        secret[0] ^ UINT64_C(0x736f6d6570736575),
        secret[1] ^ UINT64_C(0x646f72616e646f6d),
        secret[0] ^ UINT64_C(0x6c7967656e657261),
        secret[1] ^ UINT64_C(0x7465646279746573),
    };
    uint64_t word;
    size_t   at = 0;
    for (; bytes.len - at >= sizeof(word); at += sizeof(word)) {
        memcpy(&word, bytes.p + at, sizeof(word));
        sip_absorb(v, word);
    }
    word = (uint64_t)bytes.len << 56;
    for (unsigned shift = 0; at < bytes.len; shift += 8)
        word |= (uint64_t)bytes.p[at++] << shift;
    sip_absorb(v, word);
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct map *map_create(void)
{
    struct map *map = mem_new(struct map);
    random_bytes(map->secret, sizeof(map->secret));
    map->bucket_count = FIRST_BUCKETS;
    map->buckets = mem_new_array(struct entry *, map->bucket_count);
    return map;
}

struct map *map_destroy(struct map *map)
{
    if (!map)
        return NULL;
    for (size_t i = 0; i < map->bucket_count; i++) {
        for (struct entry *entry = map->buckets[i], *next; entry; entry = next) {
            next = entry->next;
            mem_free(entry);
        }
    }
    mem_free(map->buckets);
    return mem_free(map);
}

size_t map_count(const struct map *map)
{
    return map->count;
}

static struct entry **bucket_of(const struct map *map, uint64_t hash)
{
    return &map->buckets[hash & (map->bucket_count - 1)];
}

/* The link that holds the key's entry, or the NULL at the end of its bucket. */
static struct entry **find_link(const struct map *map, uint64_t hash, struct span key)
{
    struct entry **link = bucket_of(map, hash);
    while (*link) {
        const struct entry *entry = *link;
        if (entry->hash == hash && span_equal((struct span){ entry->key, entry->len }, key))
            break;
        link = &(*link)->next;
    }
    return link;
}

void *map_get(const struct map *map, struct span key)
{
    const struct entry *entry = *find_link(map, sip_hash(map->secret, key), key);
    return entry ? entry->value : NULL;
}

static void grow(struct map *map)
{
    struct entry **old = map->buckets;
    size_t         old_count = map->bucket_count;
    map->bucket_count *= 2;
    map->buckets = mem_new_array(struct entry *, map->bucket_count);
    for (size_t i = 0; i < old_count; i++) {
        for (struct entry *entry = old[i], *next; entry; entry = next) {
            next = entry->next;
            struct entry **bucket = bucket_of(map, entry->hash);
            entry->next = *bucket;
            *bucket = entry;
        }
    }
    mem_free(old);
}

static void add(struct map *map, uint64_t hash, struct span key, void *value)
{
    if (map->count == map->bucket_count)
        grow(map);
    struct entry  *entry = mem_alloc(sizeof(*entry) + key.len);
    struct entry **bucket = bucket_of(map, hash);
    *entry = (struct entry){ .next = *bucket, .hash = hash, .value = value, .len = key.len };
    if (key.len)
        memcpy(entry->key, key.p, key.len);
    *bucket = entry;
    map->count++;
}

void *map_put(struct map *map, struct span key, void *value)
{
    ASSERT(value);
    uint64_t      hash = sip_hash(map->secret, key);
    struct entry *entry = *find_link(map, hash, key);
    if (!entry) {
        add(map, hash, key, value);
        return NULL;
    }
    void *old = entry->value;
    entry->value = value;
    return old;
}

void *map_remove(struct map *map, struct span key)
{
    struct entry **link = find_link(map, sip_hash(map->secret, key), key);
    struct entry  *entry = *link;
    if (!entry)
        return NULL;
    void *value = entry->value;
    *link = entry->next;
    mem_free(entry);
    map->count--;
    return value;
}

void map_visit(struct map *map, void (*visit)(void *arg, struct span key, void *value), void *arg)
{
    for (size_t i = 0; i < map->bucket_count; i++) {
        for (struct entry *entry = map->buckets[i], *next; entry; entry = next) {
            next = entry->next;
            visit(arg, (struct span){ entry->key, entry->len }, entry->value);
        }
    }
}
