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

struct gift {
    struct thing **things;
    unsigned       count;
};

static void *give_all(void *arg)
{
    const struct gift *gift = arg;
    for (unsigned i = 0; i < gift->count; i++)
        pool_give(&gift->things[i]->item);
    return NULL;
}

static void give_from_elsewhere(struct thing **things, unsigned count)
{
    struct gift gift = { things, count };
    pthread_t   thread;
    assert_int_equal(pthread_create(&thread, NULL, give_all, &gift), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void only_some_are_kept(void **state)
{
    for (unsigned is_elsewhere = 0; is_elsewhere < 2; is_elsewhere++) {
        struct pool   pool;
        struct thing *things[3 * KEEP];
        open_pool(&pool);
        for (unsigned i = 0; i < COUNT(things); i++)
            things[i] = pool_take(&pool);
        if (is_elsewhere)
            give_from_elsewhere(things, COUNT(things));
        else
            (void)give_all(&(struct gift){ things, COUNT(things) });
        uint64_t before = mem_allocations();
        for (unsigned i = 0; i <= KEEP; i++) {
            things[i] = pool_take(&pool);
            assert_int_equal(pool.out, i + 1);
        }
        assert_int_equal(mem_allocations() - before, 1);
        for (unsigned i = 0; i <= KEEP; i++)
            pool_give(&things[i]->item);
        pool_fini(&pool);
    }
}

/* A third of what is in use is given back and wanted again: no memory comes or goes. */
static void as_many_are_kept_as_are_in_use(void **state)
{
    struct pool   pool;
    struct thing *things[6 * KEEP];
    open_pool(&pool);
    for (unsigned i = 0; i < COUNT(things); i++)
        things[i] = pool_take(&pool);
    uint64_t before = mem_allocations();
    for (unsigned i = 0; i < 2 * KEEP; i++)
        pool_give(&things[i]->item);
    for (unsigned i = 0; i < 2 * KEEP; i++)
        things[i] = pool_take(&pool);
    assert_int_equal(mem_allocations() - before, 0);
    (void)give_all(&(struct gift){ things, COUNT(things) });
    assert_int_equal(pool.free_count, KEEP);
    pool_fini(&pool);
}

/* What is at hand comes before what has to be fetched. */
static void what_others_gave_waits_until_it_is_needed(void **state)
{
    struct pool   pool;
    struct thing *things[2];
    open_pool(&pool);
    for (unsigned i = 0; i < 2; i++)
        things[i] = pool_take(&pool);
    struct thing *away = things[1];
    give_from_elsewhere(&away, 1);
    pool_give(&things[0]->item);
    assert_ptr_equal(pool_take(&pool), things[0]);
    assert_ptr_equal(pool_take(&pool), away);
    assert_int_equal(pool.out, 2);
    pool_give(&things[0]->item);
    give_from_elsewhere(&away, 1);
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

static void *take_two(void *arg)
{
    struct pool  *pool = arg;
    struct thing *first = pool_take(pool), *second = pool_take(pool);
    pool_give(&first->item);
    return second;
}

/* What a thread has left undone when it ended is finished by another one. */
static void a_pool_may_change_hands(void **state)
{
    struct pool pool;
    pthread_t   thread;
    void       *left;
    open_pool(&pool);
    assert_int_equal(pthread_create(&thread, NULL, take_two, &pool), 0);
    assert_int_equal(pthread_join(thread, &left), 0);
    pool_adopt(&pool);
    struct thing *mine = pool_take(&pool);
    assert_int_equal(pool.out, 2);
    pool_give(left);
    pool_give(&mine->item);
    assert_int_equal(pool.free_count, 2);
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
      as_many_are_kept_as_are_in_use, what_others_gave_waits_until_it_is_needed,
      a_pool_may_keep_nothing, a_pool_may_change_hands, others_give_back_while_the_owner_takes)
