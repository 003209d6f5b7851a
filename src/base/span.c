#include "base/span.h"

#include <errno.h>

#include "base/mem.h"

int span_to_uint(struct span s, uint64_t max, uint64_t *out)
{
    if (s.len == 0)
        return -EINVAL;
    uint64_t value = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return -EINVAL;
        unsigned digit = s.p[i] - '0';
        if (value > (UINT64_MAX - digit) / 10 || value * 10 + digit > max)
            return -ERANGE;
        value = value * 10 + digit;
    }
    *out = value;
    return 0;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int span_to_hex32(struct span s, uint32_t *out)
{
    if (s.len == 0 || s.len > 8)
        return -EINVAL;
    uint32_t value = 0;
    for (size_t i = 0; i < s.len; i++) {
        int digit = hex_digit(s.p[i]);
        if (digit < 0)
            return -EINVAL;
        value = value << 4 | (uint32_t)digit;
    }
    *out = value;
    return 0;
}

char *span_to_string(struct span s)
{
    char *text = mem_alloc(s.len + 1);
    if (s.len)
        memcpy(text, s.p, s.len);
    text[s.len] = '\0';
    return text;
}

int span_copy_string(struct span s, char *out, size_t size)
{
    if (s.len >= size)
        return -ENOSPC;
    if (s.len)
        memcpy(out, s.p, s.len);
    out[s.len] = '\0';
    return 0;
}
