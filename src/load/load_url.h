/**
 * load_url: the URLs of numbered streams, and those of their tracks.
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
