/**
 * prefetch: asks for memory that will be needed soon.
 *
 * A camera sends a frame every 40 ms; until then, what belongs to it has been pushed out of the
 * cache by the others. Objects that lead to each other by pointers would then be waited for one
 * after the other, and each wait costs as much as the work on a packet. So whoever holds a pointer
 * asks for what it points to before doing something else.
 */
#pragma once
#include <stddef.h>

#include "base/mem.h"

/** `p` may point anywhere. */
static inline void prefetch(const void *p, size_t size)
{
    for (size_t at = 0; at < size; at += CACHE_LINE)
        __builtin_prefetch((const char *)p + at, 1);
}
