#include "stream/ring.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/prefetch.h"

void ring_init(struct ring *ring, size_t max_bytes)
{
    *ring = (struct ring){ .max_bytes = max_bytes };
}

static void drop_all(struct ring *ring)
{
    for (size_t i = 0; i < ring->count; i++)
        prefetch(ring->batches[i], CACHE_LINE);
    for (size_t i = 0; i < ring->count; i++)
        batch_unref(ring->batches[i]);
    ring->count = 0;
    ring->pinned_bytes = 0;
    ring->is_open = false;
}

void ring_fini(struct ring *ring)
{
    drop_all(ring);
    mem_free(ring->batches);
    *ring = (struct ring){ 0 };
}

void ring_put(struct ring *ring, const struct batch *batch)
{
    if (ring->max_bytes == 0 || batch->reports)
        return;
    if (batch->keyframes) {
        drop_all(ring);
        ring->is_open = true;
    }
    if (!ring->is_open)
        return;
    if (ring->pinned_bytes + batch->held_bytes > ring->max_bytes ||
        (ring->count && batch->received_ns - ring->since_ns > RING_MAX_NS)) {
        drop_all(ring);
        return;
    }
    if (ring->count == ring->capacity) {
        ring->capacity = MAX(ring->capacity * 2, (size_t)32);
        ring->batches = mem_resize(ring->batches, ring->capacity * sizeof(ring->batches[0]));
    }
    if (ring->count == 0)
        ring->since_ns = batch->received_ns;
    ring->pinned_bytes += batch->held_bytes;
    ring->batches[ring->count++] = batch_ref(batch);
}

uint32_t ring_mask(const struct ring *ring, size_t index)
{
    ASSERT(index < ring->count);
    const struct batch *batch = ring->batches[index];
    if (index > 0)
        return batch_all(batch);
    /* The last keyframe's start and what comes behind it. */
    uint32_t before = (UINT32_C(1) << (31 - __builtin_clz(batch->keyframes))) - 1;
    return batch_all(batch) & ~before;
}
