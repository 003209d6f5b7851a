#include "httpd/httpd_chunks.h"

#include <errno.h>

#include "base/check.h"
#include "httpd/httpd.h"

enum { MAX_DIGITS = 8 }; /* 4 GB, more than any body may have */

enum chunk_state {
    AT_SIZE,
    BEHIND_SIZE,
    IN_EXTENSION,
    AT_SIZE_LF,
    IN_DATA,
    AT_DATA_CR,
    AT_DATA_LF,
    AT_TRAILER,
    IN_TRAILER,
    AT_TRAILER_LF,
    AT_LAST_LF,
};

/* Blanks may follow, then an extension or the line's end: "5 6" is no chunk of five. */
static bool ends_size(uint8_t c)
{
    return c == '\r' || c == ';' || c == ' ' || c == '\t';
}

static int take_digit(struct httpd_chunks *chunks, uint8_t c)
{
    uint32_t digit;
    if (span_to_hex32((struct span){ &c, 1 }, &digit) < 0 || chunks->digits == MAX_DIGITS)
        return -EBADMSG;
    chunks->digits++;
    chunks->size = chunks->size << 4 | digit;
    return AT_SIZE;
}

/* What extensions and trailers say is of no interest, only that they end. */
static int after_ignored(struct httpd_chunks *chunks, uint8_t c, int same, int end)
{
    if (c == '\r')
        return end;
    if (++chunks->overhead > HTTPD_MAX_CHUNK_OVERHEAD)
        return -EMSGSIZE;
    return c == '\n' || c == '\0' ? -EBADMSG : same;
}

static int behind_size(struct httpd_chunks *chunks, uint8_t c)
{
    if (c == ';')
        return IN_EXTENSION;
    return ends_size(c) ? after_ignored(chunks, c, BEHIND_SIZE, AT_SIZE_LF) : -EBADMSG;
}

static int after_size(struct httpd_chunks *chunks, uint8_t c)
{
    return chunks->digits > 0 && ends_size(c) ? behind_size(chunks, c) : take_digit(chunks, c);
}

static int after_size_line(struct httpd_chunks *chunks)
{
    chunks->digits = 0;
    return chunks->size > 0 ? IN_DATA : AT_TRAILER;
}

static int after_last_lf(struct httpd_chunks *chunks)
{
    chunks->is_done = true;
    return AT_LAST_LF;
}

/* The state behind `c`, which is not data, or a negative errno. */
static int next_state(struct httpd_chunks *chunks, uint8_t c)
{
    switch ((enum chunk_state)chunks->state) {
    case AT_SIZE:
        return after_size(chunks, c);
    case BEHIND_SIZE:
        return behind_size(chunks, c);
    case IN_EXTENSION:
        return after_ignored(chunks, c, IN_EXTENSION, AT_SIZE_LF);
    case AT_SIZE_LF:
        return c == '\n' ? after_size_line(chunks) : -EBADMSG;
    case AT_DATA_CR:
        return c == '\r' ? AT_DATA_LF : -EBADMSG;
    case AT_DATA_LF:
        return c == '\n' ? AT_SIZE : -EBADMSG;
    case AT_TRAILER:
        return after_ignored(chunks, c, IN_TRAILER, AT_LAST_LF);
    case IN_TRAILER:
        return after_ignored(chunks, c, IN_TRAILER, AT_TRAILER_LF);
    case AT_TRAILER_LF:
        return c == '\n' ? AT_TRAILER : -EBADMSG;
    case AT_LAST_LF:
        return c == '\n' ? after_last_lf(chunks) : -EBADMSG;
    case IN_DATA:
        break;
    }
    ASSERT(!"data is not taken byte by byte");
    return -EBADMSG;
}

static size_t take_data(struct httpd_chunks *chunks, struct span in, struct buf *body)
{
    struct span data = span_first(in, chunks->size);
    buf_append(body, data);
    chunks->size -= data.len;
    if (chunks->size == 0)
        chunks->state = AT_DATA_CR;
    return data.len;
}

ssize_t httpd_chunks_feed(struct httpd_chunks *chunks, struct span in, size_t max_bytes,
                          struct buf *body)
{
    size_t used = 0;
    while (used < in.len && !chunks->is_done) {
        if (chunks->state == IN_DATA) {
            used += take_data(chunks, span_skip(in, used), body);
            continue;
        }
        int state = next_state(chunks, in.p[used++]);
        if (state < 0)
            return state;
        if (state == IN_DATA && (chunks->size > max_bytes || body->len > max_bytes - chunks->size))
            return -EMSGSIZE;
        chunks->state = state;
    }
    return (ssize_t)used;
}
