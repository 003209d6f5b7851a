/**
 * base64: RFC 4648, section 4, with padding when written, with or without when read.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/span.h"

void base64_encode(struct buf *out, struct span bytes);

/** Returns the bytes written to `out`. -EINVAL, -ENOSPC. */
ssize_t base64_decode(struct span text, uint8_t *out, size_t size);
