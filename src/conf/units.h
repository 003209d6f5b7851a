/**
 * units: durations and sizes as settings write them, and back.
 *
 * Durations: Go's form with a count of days in front: `300ms`, `1m30s`, `1d12h`; ns here.
 * Sizes:     a number with a unit, base 1024: `50M`, `50MB`, `50MiB`, `1.5G`; bytes here.
 */
#pragma once
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"

/** An empty text is zero; `-` makes it negative. -EINVAL: no duration, -ERANGE: too long. */
int duration_parse(struct span text, int64_t *out);

/** `1d12h0m0s`, `1.5s`, `300ms`; zero is an empty text. */
void duration_print(int64_t ns, struct buf *out);

/** -EINVAL: no size, or without a unit; -ERANGE: too large. */
int size_parse(struct span text, int64_t *out);

/** The shortest form that is read back as the same number: `50M`, `1.5G`, `1000B`. */
void size_print(int64_t bytes, struct buf *out);
