/**
 * batch: an immutable, reference-counted run of packets of one stream: the unit of work.
 *
 * Shape:   slabs hold the bytes as they were received; packets are views into them; each packet
 *          has its interleaved header (RFC 2326, section 10.12) in the four bytes in front of it,
 *          with the canonical channel: 2 x track, one more for RTCP.
 * Owner:   filled by one worker, then frozen and shared by any number on any thread; the memory
 *          goes back to the pool of the worker that filled it.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/pool.h"
#include "base/span.h"

enum {
    SLAB_SMALL = 16 * 1024,
    SLAB_LARGE = 68 * 1024, /* holds the largest interleaved frame: 4 + 65535 bytes */
    BATCH_MAX_PACKETS = 32, /* one bit each in the masks below */
    BATCH_MAX_SLABS = 8,
    BATCH_MAX_RUNS = 8,
    STREAM_MAX_TRACKS = 16, /* as SDP_MAX_MEDIA */
};

/** A receive buffer. */
struct slab {
    struct pool_item item;
    atomic_uint      refs;
    uint32_t         size;
    uint8_t          bytes[];
};

struct slab *slab_take(struct pool *pool, uint32_t size);
void         slab_unref(struct slab *slab);

static inline struct slab *slab_ref(struct slab *slab)
{
    atomic_fetch_add_explicit(&slab->refs, 1, memory_order_relaxed);
    return slab;
}

/** True when only the caller holds it, and so may fill it anew. */
static inline bool slab_is_unshared(struct slab *slab)
{
    return atomic_load_explicit(&slab->refs, memory_order_acquire) == 1;
}

struct packet {
    uint8_t *p;   /* the RTP or RTCP packet; its interleaved header begins at p - 4 */
    uint16_t len; /* without that header */
    uint8_t  track;
    uint32_t ticks; /* RTP timestamp; of RTCP: 0 */
};

/** Packets that lie one behind the other in memory, headers and all. */
struct batch_run {
    const uint8_t *p; /* of the first header */
    uint32_t       len;
};

struct batch {
    struct pool_item item;
    atomic_uint      refs;
    bool             is_frozen;
    uint8_t          packet_count;
    uint8_t          slab_count;
    uint8_t          run_count; /* 0: too many to list */
    uint32_t         bytes;     /* of all packets with their headers */
    int64_t          received_ns;
    /* one bit a packet */
    uint32_t         frame_starts; /* audio and data: every packet */
    uint32_t         frame_ends;
    uint32_t         keyframes; /* starts of frames with which a decoder can begin */
    uint32_t         video;
    uint32_t         reports;    /* RTCP of our own: belong to no frame */
    uint32_t         held_bytes; /* of slabs that no other batch held as it was filled */
    struct slab     *slabs[BATCH_MAX_SLABS];
    struct batch_run runs[BATCH_MAX_RUNS];
    struct packet    packets[BATCH_MAX_PACKETS];
};

/** Empty and open: batch_add() fills it, batch_freeze() ends that. */
struct batch *batch_take(struct pool *pool);

/** False when it is full (packets or slabs): publish it and take another. */
bool batch_has_room(const struct batch *batch, const struct slab *slab);

/** Appends a view; takes a reference of `slab` when it is the first from there. Returns its bit. */
uint32_t batch_add(struct batch *batch, struct slab *slab, const struct packet *packet);

/** Ends the filling: from now on it is const. */
void batch_freeze(struct batch *batch);

/** All packets' bits. */
static inline uint32_t batch_all(const struct batch *batch)
{
    return batch->packet_count == 32 ? UINT32_MAX : (UINT32_C(1) << batch->packet_count) - 1;
}

/** Bits of one track's packets. */
uint32_t batch_track(const struct batch *batch, uint8_t track);

static inline const struct batch *batch_ref(const struct batch *batch)
{
    atomic_fetch_add_explicit((atomic_uint *)&batch->refs, 1, memory_order_relaxed);
    return batch;
}

/** Accepts NULL. Returns NULL. */
const struct batch *batch_unref(const struct batch *batch);
