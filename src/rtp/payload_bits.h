/**
 * payload_bits: fields of some bits, one behind the other, the highest bit first.
 */
#pragma once
#include "base/check.h"
#include "base/span.h"

struct payload_bits {
    const uint8_t *p;
    size_t         left; /* bits */
    unsigned       at;   /* bit of `*p` that is next, 0 the highest */
};

static inline struct payload_bits payload_bits(struct span bytes)
{
    return (struct payload_bits){ .p = bytes.p, .left = bytes.len * 8 };
}

/** The next `count` <= 32 bits. False when there are fewer; nothing is read then. */
static inline bool payload_bits_read(struct payload_bits *bits, unsigned count, uint32_t *out)
{
    uint32_t value = 0;
    ASSERT(count <= 32);
    if (count > bits->left)
        return false;
    bits->left -= count;
    for (; count > 0; count--) {
        value = value << 1 | (*bits->p >> (7 - bits->at) & 1u);
        bits->at = (bits->at + 1) % 8;
        bits->p += bits->at == 0;
    }
    *out = value;
    return true;
}

/** Sets the lowest `count` bits of `value` at bit `*at` of bytes that are 0 there. */
static inline void payload_bits_write(uint8_t *bytes, size_t *at, uint32_t value, unsigned count)
{
    for (; count > 0; count--, ++*at)
        bytes[*at / 8] |= (uint8_t)((value >> (count - 1) & 1u) << (7 - *at % 8));
}
