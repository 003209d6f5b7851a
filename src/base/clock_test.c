#include "base/clock.h"

#include "base/test.h"

static void muldiv_does_not_overflow_on_the_way(void **state)
{
    static const struct {
        const char *name;
        int64_t     value, mul, div, want;
    } cases[] = {
        { "one second of video", 90000, NS_PER_S, 90000, NS_PER_S },
        { "30 hours of video", INT64_C(9720000000), NS_PER_S, 90000, 108000 * NS_PER_S },
        { "a year of sound in ns", INT64_C(1513728000000), NS_PER_S, 48000, 31536000 * NS_PER_S },
        { "and back", 31536000 * NS_PER_S, 48000, NS_PER_S, INT64_C(1513728000000) },
        { "the largest", INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX },
        { "the smallest", INT64_MIN, 3, 3, INT64_MIN },
        { "rounds towards zero", 2, 2, 3, 1 },
        { "also below it", -2, 2, 3, -1 },
        { "nothing", 0, NS_PER_S, 90000, 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t got = muldiv(cases[i].value, cases[i].mul, cases[i].div);
        CHECK(got == cases[i].want, cases[i].name);
    }
}

static void clocks_tell_the_time(void **state)
{
    int64_t before = clock_monotonic_ns();
    assert_true(clock_monotonic_ns() >= before);
    int64_t since_1970_s = clock_wall_ns() / NS_PER_S;
    assert_in_range(since_1970_s, time(NULL) - 2, time(NULL) + 2);
}

TESTS(muldiv_does_not_overflow_on_the_way, clocks_tell_the_time)
