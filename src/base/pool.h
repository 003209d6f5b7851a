/**
 * pool: objects of one size that one thread takes and any thread gives back.
 *
 * Shape:   what the owner gives back is what it takes next, while it is warm. What others give back
 *          waits on a lock-free stack, which the owner empties in one exchange when it has nothing
 *          else. At most `keep` free objects are held, or as many as are in use; the rest go back
 *          to malloc.
 * Owner:   the one thread that calls pool_take(), from its first call on. When it has ended,
 *          another one may take its place by pool_adopt(), or call pool_fini().
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
    const void                 *owner; /* stands for its thread */
    _Atomic(struct pool_item *) given;
};

/** Objects of `size` bytes, which begin with a struct pool_item. */
void pool_init(struct pool *pool, size_t size, size_t keep);

/** Every object must have been given back. */
void pool_fini(struct pool *pool);

/** The calling thread is the owner now; the one before it has ended. */
void pool_adopt(struct pool *pool);

/** Not cleared but for its struct pool_item. */
void *pool_take(struct pool *pool);

/** Any thread. */
void pool_give(struct pool_item *item);
