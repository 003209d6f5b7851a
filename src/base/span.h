/**
 * span: borrowed bytes, passed by value, without a final NUL.
 *
 * Owner:   whoever owns the bytes; a span never frees.
 * Zero:    { NULL, 0 } is the empty span.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const uint8_t *p;
    size_t         len;
};

/** A string literal's bytes, without its NUL. */
#define BYTES(literal) ((struct span){ (const uint8_t *)(literal), sizeof(literal) - 1 })

/** For printf: `"%.*s", SPAN_ARGS(span)`. */
#define SPAN_ARGS(s) (int)(s).len, (const char *)(s).p

static inline struct span span_from_string(const char *text)
{
    return (struct span){ (const uint8_t *)text, text ? strlen(text) : 0 };
}

/** Without the first `n` bytes; `n` may not be more than there are. */
static inline struct span span_skip(struct span s, size_t n)
{
    return (struct span){ n ? s.p + n : s.p, s.len - n };
}

/** The first `n` bytes, or all when there are fewer. */
static inline struct span span_first(struct span s, size_t n)
{
    return (struct span){ s.p, n < s.len ? n : s.len };
}

static inline bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

/** Equal but for the case of ASCII letters. */
static inline bool span_equal_nocase(struct span a, struct span b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        uint8_t letter = a.p[i] | 0x20;
        bool    is_letter = letter >= 'a' && letter <= 'z';
        if (a.p[i] != b.p[i] && !(is_letter && letter == (b.p[i] | 0x20)))
            return false;
    }
    return true;
}

static inline bool span_is(struct span s, const char *text)
{
    return span_equal(s, span_from_string(text));
}

static inline bool span_is_nocase(struct span s, const char *text)
{
    return span_equal_nocase(s, span_from_string(text));
}

static inline bool span_starts_with(struct span s, const char *prefix)
{
    size_t len = strlen(prefix);
    return s.len >= len && memcmp(s.p, prefix, len) == 0;
}

/** Do all bytes of `inner` lie inside `outer`? An empty span lies everywhere. */
static inline bool span_contains(struct span outer, struct span inner)
{
    return inner.len == 0 || (inner.p >= outer.p && inner.p + inner.len <= outer.p + outer.len);
}

/** Index of the first `c`, or -1. */
static inline ptrdiff_t span_find(struct span s, char c)
{
    const uint8_t *at = s.len ? memchr(s.p, c, s.len) : NULL;
    return at ? at - s.p : -1;
}

/** Without blanks and tabs at both ends. */
static inline struct span span_trim(struct span s)
{
    while (s.len && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = span_skip(s, 1);
    while (s.len && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/**
 * Cuts the next piece off the front of `*rest`, up to `separator` (which goes too).
 * False when nothing was left. The last piece needs no separator behind it.
 */
static inline bool span_next(struct span *rest, char separator, struct span *piece)
{
    if (rest->len == 0)
        return false;
    ptrdiff_t at = span_find(*rest, separator);
    *piece = at < 0 ? *rest : span_first(*rest, (size_t)at);
    *rest = at < 0 ? (struct span){ rest->p + rest->len, 0 } : span_skip(*rest, (size_t)at + 1);
    return true;
}

/** Decimal digits and nothing else, at most `max`. -EINVAL, -ERANGE. */
int span_to_uint(struct span s, uint64_t max, uint64_t *out);

/** Hexadecimal digits (no 0x) and nothing else, at most 8. -EINVAL. */
int span_to_hex32(struct span s, uint32_t *out);

/** A NUL-terminated copy from mem_alloc(); the caller frees it with mem_free(). */
char *span_to_string(struct span s);

/** Copies into `out` with a NUL. -ENOSPC when it does not fit; `out` is untouched then. */
int span_copy_string(struct span s, char *out, size_t size);
