/**
 * pool: objects of one size that one thread takes and any thread gives back.
 *
 * Shape:   given objects wait on a lock-free stack; the owner empties it in one exchange when its
 *          own list is empty. At most `keep` free objects are held, the rest go back to malloc.
 * Owner:   pool_take() and pool_fini() only on the thread that owns the pool.
 */
#pragma once
#include <stdatomic.h>
#include <stddef.h>

struct pool;

/** Stands first in each pooled object. */
struct pool_item {
    struct pool_item *next;
    struct pool      *home;
};

struct pool {
    size_t                      size;
    size_t                      keep;
    size_t                      free_count;
    size_t                      out; /* taken and not seen again yet */
    struct pool_item           *free;
    _Atomic(struct pool_item *) given;
};

/** Objects of `size` bytes, which begin with a struct pool_item. */
void pool_init(struct pool *pool, size_t size, size_t keep);

/** Every object must have been given back. */
void pool_fini(struct pool *pool);

/** Not cleared but for its struct pool_item. */
void *pool_take(struct pool *pool);

/** Any thread. */
void pool_give(struct pool_item *item);
