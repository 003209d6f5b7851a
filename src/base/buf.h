/**
 * buf: bytes that grow, for building messages and texts off the media path.
 *
 * Zero:    a buf of zeros is empty and valid.
 * Owner:   one; release with buf_fini().
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

struct buf {
    uint8_t *p;
    size_t   len;
    size_t   capacity;
};

void buf_fini(struct buf *buf);
void buf_append(struct buf *buf, struct span bytes);
void buf_append_string(struct buf *buf, const char *text);

__attribute__((format(printf, 2, 3))) void buf_printf(struct buf *buf, const char *format, ...);

/** Removes the first `n` bytes. */
void buf_consume(struct buf *buf, size_t n);

/** A NUL stands behind the bytes (it does not count in `len`). Borrowed. */
const char *buf_string(struct buf *buf);

static inline struct span buf_span(const struct buf *buf)
{
    return (struct span){ buf->p, buf->len };
}

static inline void auto_buf_fini(struct buf *buf)
{
    buf_fini(buf);
}
