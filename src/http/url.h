/**
 * url: absolute URLs as RTSP and HTTP requests carry them (RFC 3986), taken apart into views.
 *
 * `rtsp://user:pass@host:8554/a/b?x=1`. Nothing is decoded; url_decode() does that for a part.
 */
#pragma once
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"

struct url {
    struct span scheme;
    struct span user, password; /* of user:pass@; empty when absent */
    struct span host;           /* an IPv6 address without its brackets */
    uint16_t    port;           /* 0: not given */
    struct span path;           /* without the leading slash; may be empty */
    struct span query;          /* without the question mark; p == NULL when there is none */
};

/** `scheme://host[:port][/path][?query]`. -EINVAL. */
int url_parse(struct span in, struct url *out);

/**
 * %XX decoded into `out` (with a NUL). -EINVAL: a bad escape or a NUL byte; -ENOSPC.
 */
int url_decode(struct span in, char *out, size_t size);

/**
 * Appends a text for a log: of URLs in it, whole or not, what stands in front of an '@' becomes
 * `***`, and so do the values of user, pass, password, token and jwt in a query. It rather hides
 * too much than too little: people write passwords with signs that have to be escaped.
 */
void url_redact(struct buf *out, struct span text);
