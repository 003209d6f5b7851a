#include "base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

static atomic_uint_fast64_t allocations;

static void *counted(void *p)
{
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
    return p;
}

void *mem_alloc(size_t size)
{
    void *p = counted(malloc(size));
    ASSERT(p || size == 0);
    return p;
}

void *mem_zero(size_t size)
{
    void *p = counted(calloc(1, size));
    ASSERT(p || size == 0);
    return p;
}

void *mem_zero_aligned(size_t alignment, size_t size)
{
    void *p = counted(aligned_alloc(alignment, (size + alignment - 1) & ~(alignment - 1)));
    ASSERT(p);
    return memset(p, 0, size);
}

void *mem_resize(void *p, size_t size)
{
    p = counted(realloc(p, size));
    ASSERT(p || size == 0);
    return p;
}

void *mem_try(size_t size)
{
    return counted(malloc(size));
}

void *mem_free(void *p)
{
    free(p);
    return NULL;
}

char *mem_string(const char *text)
{
    if (!text)
        return NULL;
    size_t size = strlen(text) + 1;
    return memcpy(mem_alloc(size), text, size);
}

uint64_t mem_allocations(void)
{
    return atomic_load_explicit(&allocations, memory_order_relaxed);
}
