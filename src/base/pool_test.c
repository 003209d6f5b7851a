#include "base/pool.h"

#include <pthread.h>

#include "base/mem.h"
#include "base/test.h"

struct thing {
    struct pool_item item;
    uint64_t         value;
};

enum { KEEP = 4 };

static void open_pool(struct pool *pool)
{
    pool_init(pool, sizeof(struct thing), KEEP);
}

static void what_was_given_is_taken_again(void **state)
{
    struct pool pool;
    open_pool(&pool);
    struct thing *first = pool_take(&pool);
    assert_ptr_equal(first->item.home, &pool);
    assert_null(first->item.next);
    assert_int_equal(pool.out, 1);
    pool_give(&first->item);
    uint64_t before = mem_allocations();
    for (unsigned i = 0; i < 100; i++) {
        struct thing *again = pool_take(&pool);
        assert_ptr_equal(again, first);
        assert_ptr_equal(again->item.home, &pool);
        pool_give(&again->item);
    }
    assert_true(mem_allocations() == before);
    pool_fini(&pool);
}

static void no_two_have_the_same(void **state)
{
    struct pool   pool;
    struct thing *things[3 * KEEP];
    open_pool(&pool);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < COUNT(things); i++) {
            things[i] = pool_take(&pool);
            things[i]->value = i;
        }
        assert_int_equal(pool.out, COUNT(things));
        for (unsigned i = 0; i < COUNT(things); i++) {
            assert_int_equal(things[i]->value, i);
            pool_give(&things[i]->item);
        }
    }
    pool_fini(&pool);
}

static void only_some_are_kept(void **state)
{
    struct pool   pool;
    struct thing *things[3 * KEEP];
    open_pool(&pool);
    for (unsigned i = 0; i < COUNT(things); i++)
        things[i] = pool_take(&pool);
    for (unsigned i = 0; i < COUNT(things); i++)
        pool_give(&things[i]->item);
    things[0] = pool_take(&pool); /* looks at what was given */
    assert_int_equal(pool.out, 1);
    assert_int_equal(pool.free_count, KEEP - 1);
    uint64_t before = mem_allocations();
    for (unsigned i = 1; i <= KEEP; i++)
        things[i] = pool_take(&pool);
    assert_int_equal(mem_allocations() - before, 1);
    for (unsigned i = 0; i <= KEEP; i++)
        pool_give(&things[i]->item);
    pool_fini(&pool);
}

static void a_pool_may_keep_nothing(void **state)
{
    struct pool pool;
    pool_init(&pool, sizeof(struct thing), 0);
    uint64_t before = mem_allocations();
    for (unsigned i = 0; i < 10; i++) {
        struct thing *thing = pool_take(&pool);
        pool_give(&thing->item);
    }
    assert_int_equal(mem_allocations() - before, 10);
    pool_fini(&pool);
}

/* The owner takes things and hands them to others by number; they look and give back. */
enum { OTHERS = 3, PASSES = 30000 };

static _Atomic(struct thing *) handed[OTHERS];

static void *look_and_give_back(void *arg)
{
    _Atomic(struct thing *) *mine = arg;
    for (uint64_t i = 0; i < PASSES;) {
        struct thing *thing = atomic_exchange(mine, NULL);
        if (!thing) {
            (void)sched_yield();
            continue;
        }
        ASSERT(thing->value == i);
        thing->value = UINT64_MAX;
        pool_give(&thing->item);
        i++;
    }
    return NULL;
}

static void others_give_back_while_the_owner_takes(void **state)
{
    struct pool pool;
    pthread_t   threads[OTHERS];
    uint64_t    sent[OTHERS] = { 0 };
    open_pool(&pool);
    for (unsigned i = 0; i < OTHERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, look_and_give_back, &handed[i]), 0);
    for (unsigned done = 0; done < OTHERS * PASSES;) {
        unsigned before = done;
        for (unsigned i = 0; i < OTHERS; i++) {
            if (sent[i] == PASSES || atomic_load(&handed[i]))
                continue;
            struct thing *thing = pool_take(&pool);
            thing->value = sent[i]++;
            atomic_store(&handed[i], thing);
            done++;
        }
        if (done == before)
            (void)sched_yield();
    }
    for (unsigned i = 0; i < OTHERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    pool_fini(&pool);
}

TESTS(what_was_given_is_taken_again, no_two_have_the_same, only_some_are_kept,
      a_pool_may_keep_nothing, others_give_back_while_the_owner_takes)
