#include "base/text.h"

#include "base/check.h"

void text_add(struct text *text, struct span bytes)
{
    size_t len = MIN(bytes.len, text->size - text->len);
    for (size_t i = 0; i < len; i++)
        text->p[text->len++] = (char)bytes.p[i];
}

void text_add_string(struct text *text, const char *string)
{
    text_add(text, span_from_string(string));
}

static void add_number(struct text *text, uint64_t value, unsigned base)
{
    uint8_t digits[20]; /* of 2^64 - 1 in decimal */
    size_t  at = sizeof(digits);
    do
        digits[--at] = (uint8_t) "0123456789abcdef"[value % base];
    while ((value /= base) > 0);
    text_add(text, (struct span){ digits + at, sizeof(digits) - at });
}

void text_add_uint(struct text *text, uint64_t value)
{
    add_number(text, value, 10);
}

void text_add_hex(struct text *text, uint64_t value)
{
    text_add_string(text, "0x");
    add_number(text, value, 16);
}
