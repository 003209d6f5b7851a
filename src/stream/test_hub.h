/**
 * test_hub: hubs on loops that a test turns by hand, on one thread and with a clock of its own.
 */
#pragma once
#include "base/test_clock.h"
#include "stream/hub.h"

enum { TEST_MAX_HUBS = 3 };

struct test_hubs {
    unsigned            count;
    struct loop         loops[TEST_MAX_HUBS + 1]; /* from 1, as workers are */
    struct hub          hubs[TEST_MAX_HUBS + 1];
    struct hub         *others[TEST_MAX_HUBS + 1];
    struct hub_settings settings; /* may be changed between turns */
};

static inline void test_hubs_open(struct test_hubs *test, unsigned count)
{
    *test = (struct test_hubs){ .count = count };
    test->settings = (struct hub_settings){ .frame_hold_ns = NS_PER_MS,
                                            .report_period_ns = 3 * NS_PER_S,
                                            .queue = { 512, 1 << 20, 2 * NS_PER_S } };
    for (unsigned i = 1; i <= count; i++) {
        test->others[i] = &test->hubs[i];
        loop_init(&test->loops[i], "worker", i);
        hub_init(&test->hubs[i], &test->loops[i], test->others, &test->settings);
    }
}

static inline bool test_loop_has_work(struct loop *loop)
{
    return atomic_load(&loop->inbox) || !list_is_empty(&loop->dirty);
}

/* Turns until nobody has anything to say, and one turn more, which sets the alarms. */
static inline void test_hubs_settle(struct test_hubs *test)
{
    bool has_work;
    do {
        has_work = false;
        for (unsigned i = 1; i <= test->count; i++) {
            uv_run(&test->loops[i].uv, UV_RUN_NOWAIT);
            has_work |= test_loop_has_work(&test->loops[i]);
        }
    } while (has_work);
    for (unsigned i = 1; i <= test->count; i++)
        uv_run(&test->loops[i].uv, UV_RUN_NOWAIT);
}

/* What is under way arrives, then time passes, then what was due happens. */
static inline void test_hubs_wait(struct test_hubs *test, int64_t ns)
{
    test_hubs_settle(test);
    test_clock_advance(ns);
    test_hubs_settle(test);
}

/* Asserts, as each fini does, that everything has come back. */
static inline void test_hubs_close(struct test_hubs *test)
{
    test_hubs_settle(test);
    for (unsigned i = 1; i <= test->count; i++)
        hub_fini(&test->hubs[i]);
    for (unsigned i = 1; i <= test->count; i++)
        loop_fini(&test->loops[i]);
}
