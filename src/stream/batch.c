#include "stream/batch.h"

#include "base/check.h"
#include "rtp/interleaved.h"

struct slab *slab_take(struct pool *pool, uint32_t size)
{
    struct slab *slab = pool_take(pool);
    atomic_init(&slab->refs, 1);
    slab->size = size;
    return slab;
}

void slab_unref(struct slab *slab)
{
    /* Release and acquire: every reader's last look happens before the slab is filled again. */
    if (atomic_fetch_sub_explicit(&slab->refs, 1, memory_order_acq_rel) == 1)
        pool_give(&slab->item);
}

struct batch *batch_take(struct pool *pool)
{
    struct batch *batch = pool_take(pool);
    atomic_init(&batch->refs, 1);
    batch->is_frozen = false;
    batch->packet_count = batch->slab_count = batch->run_count = 0;
    batch->bytes = 0;
    batch->received_ns = 0;
    batch->frame_starts = batch->frame_ends = batch->keyframes = 0;
    batch->video = batch->reports = 0;
    batch->held_bytes = 0;
    return batch;
}

static bool holds_slab(const struct batch *batch, const struct slab *slab)
{
    return batch->slab_count > 0 && batch->slabs[batch->slab_count - 1] == slab;
}

bool batch_has_room(const struct batch *batch, const struct slab *slab)
{
    return batch->packet_count < BATCH_MAX_PACKETS &&
           (holds_slab(batch, slab) || batch->slab_count < BATCH_MAX_SLABS);
}

uint32_t batch_add(struct batch *batch, struct slab *slab, const struct packet *packet)
{
    ASSERT(!batch->is_frozen && batch_has_room(batch, slab));
    if (!holds_slab(batch, slab)) {
        batch->held_bytes += slab_is_unshared(slab) ? slab->size : 0;
        batch->slabs[batch->slab_count++] = slab_ref(slab);
    }
    batch->packets[batch->packet_count] = *packet;
    batch->bytes += INTERLEAVED_HEADER + packet->len;
    return UINT32_C(1) << batch->packet_count++;
}

/* What every reader of all tracks would find out anew: which packets touch each other. */
static void find_runs(struct batch *batch)
{
    struct batch_run *run = NULL;
    for (unsigned i = 0; i < batch->packet_count; i++) {
        const struct packet *packet = &batch->packets[i];
        const uint8_t       *start = packet->p - INTERLEAVED_HEADER;
        uint32_t             len = INTERLEAVED_HEADER + (uint32_t)packet->len;
        if (run && run->p + run->len == start) {
            run->len += len;
            continue;
        }
        if (batch->run_count == BATCH_MAX_RUNS) {
            batch->run_count = 0;
            return;
        }
        run = &batch->runs[batch->run_count++];
        *run = (struct batch_run){ start, len };
    }
}

void batch_freeze(struct batch *batch)
{
    ASSERT(!batch->is_frozen && batch->packet_count > 0);
    find_runs(batch);
    batch->is_frozen = true;
}

uint32_t batch_track(const struct batch *batch, uint8_t track)
{
    uint32_t bits = 0;
    for (unsigned i = 0; i < batch->packet_count; i++)
        if (batch->packets[i].track == track)
            bits |= UINT32_C(1) << i;
    return bits;
}

static void batch_recycle(struct batch *batch)
{
    for (unsigned i = 0; i < batch->slab_count; i++)
        slab_unref(batch->slabs[i]);
    pool_give(&batch->item);
}

const struct batch *batch_unref(const struct batch *batch)
{
    /* Release and acquire: every reader's last look happens before the slab is filled again. */
    if (batch &&
        atomic_fetch_sub_explicit((atomic_uint *)&batch->refs, 1, memory_order_acq_rel) == 1)
        batch_recycle((struct batch *)batch);
    return NULL;
}
