/**
 * timer: many timers on one loop, kept in a heap: starting, stopping and freeing one is a plain
 * call, without a handle that must be closed first.
 *
 * Units:   ns of the monotonic clock; the loop wakes in steps of a millisecond, never early. It wakes
 *          for a timer at its latest time only; one that is due runs in whatever turn comes before.
 * Owner:   embedded in its user's struct; must be stopped before that is freed.
 * Threads: the loop's.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** May stop, start or free any timer, its own too. */
typedef void timer_fn(void *arg);

struct timer {
    int64_t   deadline_ns; /* when it is due */
    int64_t   latest_ns;   /* the heap's order */
    size_t    place;       /* in the heap, counted from 1; 0: not running */
    timer_fn *on_timeout;
    void     *arg;
};

struct timer_heap {
    struct timer **items; /* items[1] is the next to wake for */
    size_t         count;
    size_t         capacity;
};

void timer_heap_fini(struct timer_heap *heap);

/** A running timer is moved. */
void timer_heap_put(struct timer_heap *heap, struct timer *timer);

/** A timer that does not run is left alone. */
void timer_heap_remove(struct timer_heap *heap, struct timer *timer);

/** The next to wake for, or NULL. */
static inline struct timer *timer_heap_first(const struct timer_heap *heap)
{
    return heap->count ? heap->items[1] : NULL;
}

static inline bool timer_is_running(const struct timer *timer)
{
    return timer->place != 0;
}
