/**
 * random: unpredictable numbers from the kernel, read in blocks.
 *
 * Threads: all functions, from any thread.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

void random_bytes(void *out, size_t size);

static inline uint32_t random_u32(void)
{
    uint32_t value;
    random_bytes(&value, sizeof(value));
    return value;
}

/** 32 lower-case hexadecimal digits and a NUL: 128 bits. */
void random_hex128(char out[33]);

/** A version 4 UUID in its usual form and a NUL (RFC 9562, section 5.4). */
void random_uuid(char out[37]);
