/**
 * test_draw: numbers that look random and depend on a seed alone.
 */
#pragma once
#include <stdint.h>

/* SplitMix64. */
static inline uint32_t test_draw(uint64_t *seed, uint32_t below)
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z >> 32) % below);
}
