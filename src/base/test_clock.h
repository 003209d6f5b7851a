/**
 * test_clock: a clock that stands still until the test moves it, in a program that includes this.
 * libuv asks the C library as we do, so a loop's timers follow it too. A day's wait takes no
 * time, and what a test sees does not depend on the machine.
 */
#pragma once
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

/* Any time will do; wall-clock time is that of July 2020. */
#define TEST_CLOCK_START (INT64_C(1000000) * NS_PER_S)
#define TEST_CLOCK_WALL  (INT64_C(1593648000) * NS_PER_S)

/* libFuzzer measures its own time by the clock on the wall: a fuzz target defines this as 1. */
#ifndef TEST_CLOCK_KEEPS_WALL
#define TEST_CLOCK_KEEPS_WALL 0
#endif

static _Atomic int64_t test_clock_passed_ns;

static inline void test_clock_advance(int64_t ns)
{
    atomic_fetch_add(&test_clock_passed_ns, ns);
}

/** Takes the C library's place; the clocks of CPU time stay real. */
int clock_gettime(clockid_t id, struct timespec *out)
{
    int64_t now_ns = test_clock_passed_ns;
    if (id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE)
        now_ns += TEST_CLOCK_START;
    else if (id == CLOCK_REALTIME && !TEST_CLOCK_KEEPS_WALL)
        now_ns += TEST_CLOCK_WALL;
    else
        return (int)syscall(SYS_clock_gettime, id, out);
    *out = (struct timespec){ now_ns / NS_PER_S, now_ns % NS_PER_S };
    return 0;
}
