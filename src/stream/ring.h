/**
 * ring: the batches of a stream from its last keyframe on, so that a new reader has a picture at
 * once.
 *
 * Bounds:  bytes of the slabs that it pins, and 10 s. A group of pictures that does not fit is
 *          not kept at all: never one with a hole.
 * Owner:   the stream; holds a reference to each batch.
 * Thread:  the worker that owns the stream.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stream/batch.h"

struct ring {
    const struct batch **batches; /* oldest first */
    size_t               count;
    size_t               capacity;
    int64_t              since_ns; /* the oldest's arrival */
    size_t               pinned_bytes;
    size_t               max_bytes; /* 0: keeps nothing */
    bool                 is_open;   /* false: waits for the next keyframe */
};

#define RING_MAX_NS (INT64_C(10) * 1000000000)

void ring_init(struct ring *ring, size_t max_bytes);
void ring_fini(struct ring *ring);

/** Takes a reference of its own. Reports (RTCP) are not kept. */
void ring_put(struct ring *ring, const struct batch *batch);

/**
 * Bits of the packets of batch `index` that belong to a start: of the first batch, video from the
 * keyframe on; of the others, everything.
 */
uint32_t ring_mask(const struct ring *ring, size_t index);
