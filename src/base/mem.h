/**
 * mem: memory that is there, or the process is not.
 *
 * mem_alloc() and mem_new() abort when there is none left: a failure path that is never tested is
 * worse than a restart. mem_try() may fail and is for sizes that a peer chooses, after a limit.
 * Every call is counted, so that a test can assert that the media path makes none.
 *
 * Threads: all functions, from any thread.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"

enum { CACHE_LINE = 64 };

/** `size` bytes, not cleared. Never NULL. */
void *mem_alloc(size_t size);

/** `size` bytes of zeros. Never NULL. */
void *mem_zero(size_t size);

/** The same at a multiple of `alignment`, a power of two. */
void *mem_zero_aligned(size_t alignment, size_t size);

/** Resized; `p` may be NULL. Never NULL. */
void *mem_resize(void *p, size_t size);

/** `size` bytes, not cleared, or NULL. */
void *mem_try(size_t size);

/** Accepts NULL. Returns NULL, for `p = mem_free(p);`. */
void *mem_free(void *p);

/** A copy of a NUL-terminated string; NULL for NULL. */
char *mem_string(const char *text);

/** How many of the calls above asked for memory since the start of the process. */
uint64_t mem_allocations(void);

/** A zeroed object, or an array of them. */
#define mem_new(type) ((type *)mem_zero(sizeof(type)))
/** At the beginning of a cache line, for structs whose first fields each frame needs. */
#define mem_new_aligned(type)      ((type *)mem_zero_aligned(CACHE_LINE, sizeof(type)))
#define mem_new_array(type, count) ((type *)mem_zero(sizeof(type) * (size_t)(count)))

DEFINE_AUTO(char *, mem_free)
