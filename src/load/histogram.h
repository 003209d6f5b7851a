/**
 * histogram: how often which value was seen, in buckets that are 3 percent wide or narrower.
 *
 * Shape:   log-linear: values below 32 have a bucket each, then every power of two has 32.
 * Zero:    a histogram of zeros is empty and valid. It is 15 KB large.
 */
#pragma once
#include <stdint.h>

enum {
    HISTOGRAM_LINEAR = 32, /* buckets for each power of two */
    HISTOGRAM_BUCKETS = HISTOGRAM_LINEAR * 60,
};

struct histogram {
    uint64_t count;
    int64_t  max;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

/** Negative values count as 0. */
void histogram_add(struct histogram *histogram, int64_t value);

/**
 * The least value that `fraction` (0 to 1) of what was added does not exceed, rounded up to the
 * end of its bucket but never above the largest value. 0 when empty.
 */
int64_t histogram_quantile(const struct histogram *histogram, double fraction);
