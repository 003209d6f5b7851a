#include "stream/queue.h"

#include "base/check.h"
#include "base/mem.h"
#include "rtp/interleaved.h"

enum { FIRST_CAPACITY = 8 };

void queue_init(struct queue *queue, const struct queue_limits *limits)
{
    *queue = (struct queue){ .limits = limits };
}

void queue_fini(struct queue *queue)
{
    queue_clear(queue);
    mem_free(queue->entries);
    *queue = (struct queue){ 0 };
}

void queue_clear(struct queue *queue)
{
    while (queue->count)
        queue_pop(queue);
    queue->has_begun = false;
    queue->refusing = queue->waiting = 0;
}

static size_t mask_bytes(const struct batch *batch, uint32_t mask)
{
    if (mask == batch_all(batch))
        return batch->bytes;
    size_t bytes = 0;
    for (uint32_t left = mask; left; left &= left - 1)
        bytes += INTERLEAVED_HEADER + batch->packets[__builtin_ctz(left)].len;
    return bytes;
}

static unsigned mask_frames(const struct batch *batch, uint32_t mask)
{
    return (unsigned)__builtin_popcount(mask & batch->frame_starts);
}

static void account_removed(struct queue *queue, const struct batch *batch, uint32_t mask)
{
    size_t   bytes = mask_bytes(batch, mask);
    uint32_t frames = mask_frames(batch, mask);
    queue->bytes -= bytes;
    queue->frames -= frames;
    /* What came at the start is the oldest, so it is what goes first. */
    queue->start_bytes -= MIN(queue->start_bytes, bytes);
    queue->start_frames -= MIN(queue->start_frames, frames);
}

void queue_pop(struct queue *queue)
{
    ASSERT(queue->count > 0);
    struct queue_entry *entry = queue_at(queue, 0);
    account_removed(queue, entry->batch, entry->mask);
    batch_unref(entry->batch);
    queue->head = (queue->head + 1) & (queue->capacity - 1);
    queue->count--;
    queue->has_begun = false;
}

void queue_pop_packets(struct queue *queue, uint32_t bits)
{
    struct queue_entry *entry = queue_at(queue, 0);
    if ((entry->mask & ~bits) == 0) {
        queue_pop(queue);
        return;
    }
    account_removed(queue, entry->batch, entry->mask & bits);
    entry->mask &= ~bits;
    queue->has_begun = false;
}

static void grow(struct queue *queue)
{
    uint32_t            capacity = queue->capacity ? queue->capacity * 2 : FIRST_CAPACITY;
    struct queue_entry *entries = mem_new_array(struct queue_entry, capacity);
    for (uint32_t i = 0; i < queue->count; i++)
        entries[i] = *queue_at(queue, i);
    mem_free(queue->entries);
    queue->entries = entries;
    queue->capacity = capacity;
    queue->head = 0;
}

static void append(struct queue *queue, const struct batch *batch, uint32_t mask, int64_t now_ns)
{
    if (queue->count == queue->capacity)
        grow(queue);
    if (queue->count == 0)
        queue->since_ns = now_ns;
    *queue_at(queue, queue->count++) = (struct queue_entry){ batch_ref(batch), mask };
    size_t   bytes = mask_bytes(batch, mask);
    uint32_t frames = mask_frames(batch, mask);
    queue->bytes += bytes;
    queue->frames += frames;
    queue->start_bytes += queue->is_starting ? bytes : 0;
    queue->start_frames += queue->is_starting ? frames : 0;
}

void queue_start(struct queue *queue)
{
    queue->is_starting = true;
}

void queue_started(struct queue *queue)
{
    queue->is_starting = false;
}

static bool is_over(const struct queue *queue)
{
    return !queue->is_starting && (queue->frames >= queue->limits->frames + queue->start_frames ||
                                   queue->bytes >= queue->limits->bytes + queue->start_bytes);
}

static bool is_too_old(const struct queue *queue, int64_t now_ns)
{
    if (queue->count == 0)
        return false;
    int64_t since_ns = MAX(queue_at(queue, 0)->batch->received_ns, queue->since_ns);
    return now_ns - since_ns > queue->limits->ns;
}

/* The tracks of the packets in `mask`; bits. */
static uint16_t tracks_of(const struct batch *batch, uint32_t mask)
{
    uint16_t tracks = 0;
    for (uint32_t left = mask; left; left &= left - 1)
        tracks |= (uint16_t)(1u << batch->packets[__builtin_ctz(left)].track);
    return tracks;
}

/*
 * The bits of `mask` that go on a frame which was begun: up to the first start of a frame on each
 * track. `*started` collects the tracks that have passed theirs.
 */
static uint32_t begun_bits(const struct queue_entry *entry, uint16_t *started, bool has_begun)
{
    const struct batch *batch = entry->batch;
    uint32_t            begun = 0;
    for (uint32_t left = entry->mask; left; left &= left - 1) {
        uint32_t bit = left & -left;
        uint16_t track = tracks_of(batch, bit);
        if (!has_begun && (bit & batch->frame_starts))
            *started |= track;
        if (!(*started & track))
            begun |= bit;
        has_begun = false;
    }
    return begun;
}

/* Lets go of every frame that was not begun. */
static unsigned shed(struct queue *queue)
{
    unsigned frames = queue->frames;
    uint32_t kept = 0;
    uint32_t count = queue->count;
    uint16_t started = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct queue_entry  entry = *queue_at(queue, i);
        const struct batch *batch = entry.batch;
        uint32_t            begun = begun_bits(&entry, &started, i == 0 && queue->has_begun);
        uint32_t            shed_bits = entry.mask & ~begun;
        account_removed(queue, batch, shed_bits);
        queue->waiting |= tracks_of(batch, shed_bits) & queue->keyed;
        if (begun == 0)
            batch_unref(batch);
        else
            *queue_at(queue, kept++) = (struct queue_entry){ batch, begun };
    }
    queue->count = kept;
    /* What comes next on these tracks goes on a frame that is no longer there. */
    queue->refusing |= started;
    return frames - queue->frames;
}

/* Packet by packet: which of `mask` may come in. */
static uint32_t admit(struct queue *queue, const struct batch *batch, uint32_t mask,
                      unsigned *discarded)
{
    bool is_full = is_over(queue);
    bool is_flooded =
        queue->bytes >= queue->limits->bytes + queue->start_bytes + QUEUE_MAX_FRAME_BYTES;
    uint32_t admitted = mask & batch->reports;
    for (uint32_t left = mask & ~batch->reports; left; left &= left - 1) {
        uint32_t bit = left & -left;
        uint16_t track = tracks_of(batch, bit);
        bool     is_start = bit & batch->frame_starts;
        bool     must_wait = (queue->waiting & track) && !(bit & batch->keyframes);
        if (is_start ? is_full || must_wait : is_flooded && !(queue->refusing & track)) {
            queue->refusing |= track;
            queue->waiting |= track & queue->keyed;
            (*discarded)++;
            continue;
        }
        if (is_start) {
            queue->refusing &= (uint16_t)~track;
            queue->waiting &= (uint16_t)~track;
        }
        if (!(queue->refusing & track))
            admitted |= bit;
    }
    return admitted;
}

unsigned queue_push(struct queue *queue, const struct batch *batch, uint32_t mask, int64_t now_ns)
{
    unsigned discarded = 0;
    if (is_too_old(queue, now_ns))
        discarded = shed(queue);
    queue->keyed |= tracks_of(batch, mask & batch->keyframes);
    if (is_over(queue) || queue->refusing)
        mask = admit(queue, batch, mask, &discarded);
    if (mask)
        append(queue, batch, mask, now_ns);
    queue->discarded_frames += discarded;
    return discarded;
}
