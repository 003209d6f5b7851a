/**
 * text: words and numbers put together in a fixed array, where printf is not allowed: the crash
 * report is written by a signal handler.
 *
 * Zero:    { memory, size } is an empty text.
 * Cut:     what does not fit is left out, without an error.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

struct text {
    char  *p;
    size_t size; /* of the memory */
    size_t len;  /* used; no NUL behind it */
};

void text_add(struct text *text, struct span bytes);
void text_add_string(struct text *text, const char *string);
void text_add_uint(struct text *text, uint64_t value);

/** Lower-case, with 0x in front. */
void text_add_hex(struct text *text, uint64_t value);
