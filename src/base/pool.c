#include "base/pool.h"

#include "base/check.h"
#include "base/mem.h"

void pool_init(struct pool *pool, size_t size, size_t keep)
{
    *pool = (struct pool){ .size = size, .keep = keep };
}

/* Moves what other threads gave back to the owner's list, as far as it is to be kept. */
static void collect(struct pool *pool)
{
    struct pool_item *item = atomic_exchange_explicit(&pool->given, NULL, memory_order_acquire);
    while (item) {
        struct pool_item *next = item->next;
        pool->out--;
        if (pool->free_count < pool->keep) {
            item->next = pool->free;
            pool->free = item;
            pool->free_count++;
        } else {
            mem_free(item);
        }
        item = next;
    }
}

void pool_fini(struct pool *pool)
{
    collect(pool);
    ASSERT(pool->out == 0);
    while (pool->free) {
        struct pool_item *next = pool->free->next;
        mem_free(pool->free);
        pool->free = next;
    }
}

void *pool_take(struct pool *pool)
{
    if (!pool->free)
        collect(pool);
    struct pool_item *item = pool->free;
    if (item) {
        pool->free = item->next;
        pool->free_count--;
    } else {
        item = mem_alloc(pool->size);
    }
    pool->out++;
    *item = (struct pool_item){ NULL, pool };
    return item;
}

void pool_give(struct pool_item *item)
{
    struct pool      *pool = item->home;
    struct pool_item *newest = atomic_load_explicit(&pool->given, memory_order_relaxed);
    do
        item->next = newest;
    while (!atomic_compare_exchange_weak_explicit(&pool->given, &newest, item, memory_order_release,
                                                  memory_order_relaxed));
}
