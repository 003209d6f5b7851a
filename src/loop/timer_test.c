#include "loop/timer.h"

#include "base/test.h"

enum { MANY = 300, STEPS = 20000 };

/* Every timer knows its place, and none is to fire before its parent. */
static void check_heap(const struct timer_heap *heap)
{
    for (size_t i = 1; i <= heap->count; i++) {
        assert_int_equal(heap->items[i]->place, i);
        assert_true(i == 1 || heap->items[i / 2]->latest_ns <= heap->items[i]->latest_ns);
    }
}

static void put(struct timer_heap *heap, struct timer *timer, int64_t latest_ns)
{
    timer->latest_ns = latest_ns;
    timer_heap_put(heap, timer);
    check_heap(heap);
}

static void the_next_to_wake_for_stands_first(void **state)
{
    static const struct {
        const char *name;
        int64_t     deadlines[7];
    } cases[] = {
        { "rising", { 1, 2, 3, 4, 5, 6, 7 } },
        { "falling", { 7, 6, 5, 4, 3, 2, 1 } },
        { "mixed", { 4, 1, 7, 3, 6, 2, 5 } },
        { "equal ones", { 2, 2, 1, 2, 1, 1, 2 } },
        { "the ends of time", { INT64_MAX, 0, INT64_MIN, -1, 1, INT64_MAX, INT64_MIN } },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct timer_heap heap = { 0 };
        struct timer      timers[7] = { { 0 } };
        int64_t           last = INT64_MIN;
        for (size_t k = 0; k < COUNT(timers); k++)
            put(&heap, &timers[k], cases[i].deadlines[k]);
        for (size_t k = 0; k < COUNT(timers); k++) {
            struct timer *first = timer_heap_first(&heap);
            CHECK(first && first->latest_ns >= last, cases[i].name);
            last = first->latest_ns;
            timer_heap_remove(&heap, first);
            CHECK(!timer_is_running(first), cases[i].name);
        }
        CHECK(!timer_heap_first(&heap), cases[i].name);
        timer_heap_fini(&heap);
    }
}

static void a_timer_that_does_not_run_may_be_removed(void **state)
{
    struct timer_heap heap = { 0 };
    struct timer      running = { 0 }, idle = { 0 };
    timer_heap_remove(&heap, &idle);
    put(&heap, &running, 5);
    timer_heap_remove(&heap, &idle);
    assert_ptr_equal(timer_heap_first(&heap), &running);
    timer_heap_remove(&heap, &running);
    timer_heap_remove(&heap, &running);
    assert_null(timer_heap_first(&heap));
    timer_heap_fini(&heap);
}

static void a_running_timer_is_moved(void **state)
{
    struct timer_heap heap = { 0 };
    struct timer      timers[3] = { { 0 } };
    for (int i = 0; i < 3; i++)
        put(&heap, &timers[i], 10 * (i + 1));
    put(&heap, &timers[0], 25);
    assert_ptr_equal(timer_heap_first(&heap), &timers[1]);
    put(&heap, &timers[2], 5);
    assert_ptr_equal(timer_heap_first(&heap), &timers[2]);
    assert_int_equal(heap.count, 3);
    for (int i = 0; i < 3; i++)
        timer_heap_remove(&heap, &timers[i]);
    timer_heap_fini(&heap);
}

static const struct timer *find_first(const struct timer *timers)
{
    const struct timer *first = NULL;
    for (unsigned i = 0; i < MANY; i++)
        if (timer_is_running(&timers[i]) && (!first || timers[i].latest_ns < first->latest_ns))
            first = &timers[i];
    return first;
}

static void random_changes_keep_the_order(void **state)
{
    struct timer_heap   heap = { 0 };
    static struct timer timers[MANY];
    uint32_t            random = 1;
    size_t              most = 0;
    for (unsigned step = 0; step < STEPS; step++) {
        random = random * 1664525 + 1013904223;
        struct timer *timer = &timers[(random >> 8) % MANY];
        if (random >> 30)
            put(&heap, timer, (random >> 4) % 1000);
        else
            timer_heap_remove(&heap, timer);
        const struct timer *want = find_first(timers), *got = timer_heap_first(&heap);
        assert_true(want ? got && got->latest_ns == want->latest_ns : !got);
        most = heap.count > most ? heap.count : most;
    }
    assert_true(most > MANY / 2);
    check_heap(&heap);
    for (unsigned i = 0; i < MANY; i++)
        timer_heap_remove(&heap, &timers[i]);
    timer_heap_fini(&heap);
}

TESTS(the_next_to_wake_for_stands_first, a_timer_that_does_not_run_may_be_removed,
      a_running_timer_is_moved, random_changes_keep_the_order)
