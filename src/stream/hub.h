/**
 * hub: what one worker holds of the heart: its pools, its streams by number, the batches that
 * wait for the rest of their frame.
 *
 * Owner:   the program; one for each worker.
 * Thread:  the worker's; other workers post mail to its loop, and count it in `backlog`.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "base/pool.h"
#include "loop/loop.h"
#include "stream/batch.h"
#include "stream/counters.h"
#include "stream/queue.h"

struct hub_settings {
    int64_t             frame_hold_ns;    /* 0: never hold */
    size_t              ring_bytes;       /* 0: no stream keeps a ring */
    bool                ring_for_players; /* RTSP readers start from it too */
    int64_t             report_period_ns;
    struct queue_limits queue;
};

struct hub {
    struct loop               *loop;
    struct hub               **others; /* all hubs, by the index of their loop; [0] is NULL */
    const struct hub_settings *settings;
    struct counters           *counters; /* of this worker */
    struct pool                small_slabs, large_slabs, batches, notices;
    struct map                *streams; /* by number: own ones and mirrors of others' */
    uint32_t                   mirror_serial;
    atomic_uint                backlog; /* batches of other workers that wait here; any thread */
    struct list                held;    /* struct ingest, the oldest first */
    struct timer               hold;
    struct slab               *control; /* small packets of our own are cut from it */
    uint32_t                   control_used;
};

void hub_init(struct hub *hub, struct loop *loop, struct hub **others,
              const struct hub_settings *settings);

/** Its streams must have ended and all batches must have come back. */
void hub_fini(struct hub *hub);

/** The calling thread finishes what is left to do for the worker's, which has ended. */
void hub_adopt(struct hub *hub);

/** A buffer of SLAB_SMALL or SLAB_LARGE bytes. */
struct slab *hub_take_slab(struct hub *hub, bool is_large);

/**
 * Room for a small packet of our own (with its interleaved header in front), in a slab that
 * others share; `*slab` is borrowed until the next call.
 */
uint8_t *hub_reserve(struct hub *hub, size_t len, struct slab **slab);
