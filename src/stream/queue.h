/**
 * queue: what a reader has not been able to send yet, bounded in frames, bytes and time.
 *
 * Over a limit, new frames are refused, whole ones and up to the next keyframe, so that what a
 * slow reader does get can be decoded; a queue that stands for longer than its limit in time
 * also lets go of what it holds. A frame that was begun is always finished. A track that never
 * showed a keyframe does not wait for one. The stream and its other readers never wait.
 *
 * Bounds:  a batch comes in whole, and a frame that was let in is not cut, so the limits may be
 *          passed by one batch and the rest of a frame: at most QUEUE_MAX_FRAME_BYTES.
 * Owner:   a reader; holds a reference to each batch.
 * Thread:  the reader's worker.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stream/batch.h"

/* The largest keyframes in use have 4 MB; one without an end is cut here. */
enum { QUEUE_MAX_FRAME_BYTES = 16 * 1024 * 1024 };

struct queue_limits {
    uint32_t frames;
    size_t   bytes;
    int64_t  ns; /* how long the oldest may stand */
};

struct queue_entry {
    const struct batch *batch;
    uint32_t            mask; /* packets that are still to be sent */
};

struct queue {
    struct queue_entry        *entries; /* a circle; capacity is a power of two */
    uint32_t                   capacity, head, count;
    uint32_t                   frames;
    size_t                     bytes;
    uint32_t                   start_frames; /* what came at the start: on top of the limits */
    size_t                     start_bytes;
    int64_t                    since_ns; /* the queue is no older than this */
    const struct queue_limits *limits;
    uint16_t                   refusing;    /* tracks of which the current frame is refused; bits */
    uint16_t                   waiting;     /* tracks that wait for a keyframe; bits */
    uint16_t                   keyed;       /* tracks that have shown one; bits */
    bool                       has_begun;   /* part of the first packet has been sent */
    bool                       is_starting; /* what comes now comes all at once */
    uint64_t                   discarded_frames;
};

/** `limits` is borrowed for the life of the queue. */
void queue_init(struct queue *queue, const struct queue_limits *limits);
void queue_fini(struct queue *queue);

/** Makes it empty, as when a reader pauses; what was begun is lost too. */
void queue_clear(struct queue *queue);

/**
 * Around what a reader gets at its start, a group of pictures perhaps: it is let in whatever its
 * size, and until it has been sent it does not count against the limits.
 */
void queue_start(struct queue *queue);
void queue_started(struct queue *queue);

/**
 * Appends the packets of `mask`, as far as the limits allow. Takes a reference of its own.
 * Returns how many frames were discarded (also of those that had been waiting).
 */
unsigned queue_push(struct queue *queue, const struct batch *batch, uint32_t mask, int64_t now_ns);

/** Entry `i` from the oldest; i < count. */
static inline struct queue_entry *queue_at(const struct queue *queue, uint32_t i)
{
    return &queue->entries[(queue->head + i) & (queue->capacity - 1)];
}

/** Removes the oldest entry. */
void queue_pop(struct queue *queue);

/** Removes some packets of the oldest entry, and it when none are left. */
void queue_pop_packets(struct queue *queue, uint32_t bits);
