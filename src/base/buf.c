#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"

void buf_fini(struct buf *buf)
{
    mem_free(buf->p);
    *buf = (struct buf){ 0 };
}

/* Makes room for `more` bytes and a NUL. */
static void reserve(struct buf *buf, size_t more)
{
    size_t need = buf->len + more + 1;
    if (need <= buf->capacity)
        return;
    buf->capacity = MAX(need, buf->capacity * 2);
    buf->capacity = MAX(buf->capacity, (size_t)64);
    buf->p = mem_resize(buf->p, buf->capacity);
}

void buf_append(struct buf *buf, struct span bytes)
{
    reserve(buf, bytes.len);
    if (bytes.len)
        memcpy(buf->p + buf->len, bytes.p, bytes.len);
    buf->len += bytes.len;
}

void buf_append_string(struct buf *buf, const char *text)
{
    buf_append(buf, span_from_string(text));
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    ASSERT(len >= 0);
    reserve(buf, (size_t)len);
    va_start(args, format);
    (void)vsnprintf((char *)buf->p + buf->len, (size_t)len + 1, format, args);
    va_end(args);
    buf->len += (size_t)len;
}

void buf_consume(struct buf *buf, size_t n)
{
    ASSERT(n <= buf->len);
    if (n == 0)
        return;
    buf->len -= n;
    memmove(buf->p, buf->p + n, buf->len);
}

const char *buf_string(struct buf *buf)
{
    reserve(buf, 0);
    buf->p[buf->len] = '\0';
    return (const char *)buf->p;
}
