#include "load/histogram.h"

#include "base/test.h"

static void quantiles_are_those_of_the_values(void **state)
{
    struct histogram histogram = { 0 };
    CHECK(histogram_quantile(&histogram, 0.5) == 0, "empty");
    for (int64_t value = 1; value <= 20; value++)
        histogram_add(&histogram, value);
    static const struct {
        const char *name;
        double      fraction;
        int64_t     want;
    } cases[] = {
        { "least", 0, 1 },     { "one of twenty", 0.05, 1 }, { "a little more", 0.051, 2 },
        { "median", 0.5, 10 }, { "p99", 0.99, 20 },          { "largest", 1, 20 },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK(histogram_quantile(&histogram, cases[i].fraction) == cases[i].want, cases[i].name);
}

static void large_values_keep_three_percent(void **state)
{
    for (int64_t value = 1; value < INT64_MAX / 3; value = value * 3 + 1) {
        struct histogram histogram = { 0 };
        histogram_add(&histogram, value);
        histogram_add(&histogram, INT64_MAX);
        int64_t got = histogram_quantile(&histogram, 0.5);
        char    name[32];
        (void)snprintf(name, sizeof(name), "%lld", (long long)value);
        CHECK(got >= value && got - value <= value / 32, name);
        CHECK(histogram_quantile(&histogram, 1) == INT64_MAX, name);
    }
}

static void nothing_exceeds_the_largest(void **state)
{
    struct histogram histogram = { 0 };
    histogram_add(&histogram, 1000000);
    CHECK(histogram_quantile(&histogram, 0.5) == 1000000, "not the end of its bucket");
    histogram_add(&histogram, -5);
    CHECK(histogram_quantile(&histogram, 0.5) == 0, "negative counts as 0");
    CHECK(histogram.count == 2 && histogram.max == 1000000, "count and max");
}

static void edges_of_buckets(void **state)
{
    static const int64_t values[] = { 31, 32, 33, 63, 64, 65, 66, 127, 128 };
    for (size_t i = 0; i < COUNT(values); i++) {
        struct histogram histogram = { 0 };
        char             name[32];
        (void)snprintf(name, sizeof(name), "%lld", (long long)values[i]);
        histogram_add(&histogram, values[i]);
        histogram_add(&histogram, 1 << 20);
        int64_t got = histogram_quantile(&histogram, 0.5);
        CHECK(got >= values[i] && got <= values[i] + values[i] / 32, name);
    }
}

TESTS(quantiles_are_those_of_the_values, large_values_keep_three_percent,
      nothing_exceeds_the_largest, edges_of_buckets)
