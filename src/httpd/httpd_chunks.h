/**
 * httpd_chunks: a body's chunks undone (RFC 9112, section 7.1), as their bytes come.
 *
 * Strict: lines end in CRLF, sizes have no signs, and blanks only behind them; for where two
 *         parsers of chunks differ one client's body becomes the next one's request.
 * Zero:   a struct of zeros stands before the first chunk.
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/span.h"

struct httpd_chunks {
    int      state;    /* enum chunk_state */
    bool     is_done;  /* the last byte of the last line has been used */
    unsigned digits;   /* of the size that is being read */
    size_t   size;     /* of this chunk; in its data, what is still to come */
    size_t   overhead; /* bytes of extensions and trailers so far */
};

/**
 * Appends data to `body`. Returns bytes used, all of them unless is_done. -EBADMSG: no chunks.
 * -EMSGSIZE: a body over `max_bytes`, or more than HTTPD_MAX_CHUNK_OVERHEAD around it.
 */
ssize_t httpd_chunks_feed(struct httpd_chunks *chunks, struct span in, size_t max_bytes,
                          struct buf *body);
