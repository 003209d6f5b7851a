#include "load/histogram.h"

#include "base/check.h"

enum { LINEAR_BITS = 5 };
_Static_assert(1 << LINEAR_BITS == HISTOGRAM_LINEAR, "one power of two");

static unsigned bucket_of(uint64_t value)
{
    if (value < HISTOGRAM_LINEAR)
        return (unsigned)value;
    unsigned shift = 63 - LINEAR_BITS - (unsigned)__builtin_clzll(value);
    return shift * HISTOGRAM_LINEAR + (unsigned)(value >> shift);
}

static uint64_t bucket_end(unsigned bucket)
{
    if (bucket < HISTOGRAM_LINEAR)
        return bucket;
    unsigned shift = bucket / HISTOGRAM_LINEAR - 1;
    return (((uint64_t)bucket % HISTOGRAM_LINEAR + HISTOGRAM_LINEAR + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, int64_t value)
{
    value = MAX(value, 0);
    histogram->buckets[bucket_of((uint64_t)value)]++;
    histogram->max = MAX(histogram->max, value);
    histogram->count++;
}

int64_t histogram_quantile(const struct histogram *histogram, double fraction)
{
    double   exact = fraction * (double)histogram->count;
    uint64_t wanted = (uint64_t)exact;
    wanted += (double)wanted < exact;
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen > 0 && seen >= wanted)
            return (int64_t)MIN(bucket_end(i), (uint64_t)histogram->max);
    }
    return 0;
}
