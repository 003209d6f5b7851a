/**
 * utf8: text that a peer chose.
 *
 * Threads: any.
 */
#pragma once
#include <stddef.h>

#include "base/span.h"

/** Bytes of the character that `text` begins with (RFC 3629, section 4); 0: it is none. */
size_t utf8_len(struct span text);
