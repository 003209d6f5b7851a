/**
 * load_random: numbers that depend on a seed and nothing else, so that a load can be repeated
 * (SplitMix64, Steele and others 2014).
 */
#pragma once
#include <stdint.h>

/** The next number; `state` is the seed at first. */
static inline uint64_t load_random_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/** A random order of 0..count-1. */
static inline void load_random_shuffle(uint64_t *state, uint32_t *order, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t j = (uint32_t)(load_random_next(state) % (i + 1));
        order[i] = order[j];
        order[j] = i;
    }
}
