/**
 * clock: now, and conversions between ticks and time.
 *
 * Units:   times and durations are int64_t ns; media timelines stay in ticks of their clock rate.
 */
#pragma once
#include <stdint.h>
#include <time.h>

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)

static inline int64_t clock_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static inline int64_t clock_monotonic_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

/** Since 1970, UTC. */
static inline int64_t clock_wall_ns(void)
{
    return clock_ns(CLOCK_REALTIME);
}

/** value * mul / div without overflow on the way, rounded towards zero. div > 0. */
static inline int64_t muldiv(int64_t value, int64_t mul, int64_t div)
{
    return (int64_t)((__int128)value * mul / div);
}
