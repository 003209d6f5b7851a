#include "base/pool.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/prefetch.h"

void pool_init(struct pool *pool, size_t size, size_t keep)
{
    *pool = (struct pool){ .size = size, .keep = keep };
}

/* Its address tells one thread from another, cheaper than any call. */
static _Thread_local char thread_mark;

static void *take_free(struct pool *pool)
{
    struct pool_item *item = pool->free;
    pool->free = item->next;
    pool->free_count--;
    prefetch(pool->free, CACHE_LINE);
    return item;
}

/* Caches of many streams are emptied at once and filled again in the next second. */
static void keep_or_free(struct pool *pool, struct pool_item *item)
{
    pool->out--;
    size_t keep = MAX(pool->keep, pool->out);
    if (pool->free_count >= keep) {
        mem_free(item);
        if (pool->free_count > keep)
            mem_free(take_free(pool));
        return;
    }
    item->next = pool->free;
    pool->free = item;
    pool->free_count++;
}

/* Takes home what other threads gave back. */
static void collect(struct pool *pool)
{
    struct pool_item *item = atomic_exchange_explicit(&pool->given, NULL, memory_order_acquire);
    while (item) {
        struct pool_item *next = item->next;
        keep_or_free(pool, item);
        item = next;
    }
}

void pool_fini(struct pool *pool)
{
    collect(pool);
    ASSERT(pool->out == 0);
    while (pool->free)
        mem_free(take_free(pool));
}

void pool_adopt(struct pool *pool)
{
    pool->owner = &thread_mark;
}

void *pool_take(struct pool *pool)
{
    if (!pool->owner)
        pool_adopt(pool);
    ASSERT(pool->owner == &thread_mark);
    if (!pool->free)
        collect(pool);
    struct pool_item *item = pool->free ? take_free(pool) : mem_alloc(pool->size);
    pool->out++;
    *item = (struct pool_item){ NULL, pool };
    return item;
}

void pool_give(struct pool_item *item)
{
    struct pool *pool = item->home;
    if (pool->owner == &thread_mark) {
        keep_or_free(pool, item);
        return;
    }
    struct pool_item *newest = atomic_load_explicit(&pool->given, memory_order_relaxed);
    do
        item->next = newest;
    while (!atomic_compare_exchange_weak_explicit(&pool->given, &newest, item, memory_order_release,
                                                  memory_order_relaxed));
}
