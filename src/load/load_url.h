/**
 * load_url: the URLs of numbered streams, those of their tracks, and the parts of them that HTTP
 * requests carry.
 */
#pragma once
#include <stdint.h>

#include "base/buf.h"

/** Appends `pattern` with `number` in place of its first "%d", which may be missing. */
void load_url_expand(struct buf *out, struct span pattern, uint32_t number);

/**
 * Appends the URL of a track: `control` when it is absolute, `base` when it is empty or "*", else
 * both with one slash between them, as all RTSP clients do it (RFC 2326, appendix C.1.1).
 */
void load_url_join(struct buf *out, struct span base, struct span control);

/**
 * Appends the URL at which a stream's viewers ask for it: `endpoint` with its number or, where that
 * has no path, the path of `stream` there, followed by /whep. Both are patterns.
 */
void load_url_whep(struct buf *out, struct span endpoint, struct span stream, uint32_t number);

/** Host and port of an absolute URL, as a Host header has them. */
struct span load_url_authority(struct span url);

/** Appends path and query of an absolute URL, as a request line has them: "/" at least. */
void load_url_target(struct buf *out, struct span url);

/**
 * Appends the request target of what a Location header says about `base`, an absolute URL
 * (RFC 3986, section 5.2, without dot segments). -EINVAL: blanks or control characters.
 */
int load_url_resolve(struct buf *out, struct span base, struct span location);
