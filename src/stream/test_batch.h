/**
 * test_batch: hand-made batches, written as a string with one letter a packet, and what became of
 * them, read back in the same letters.
 *
 *     K P -   video on track 0: a keyframe starts, another frame starts, a frame goes on
 *     a       audio on track 1
 *     I B =   more video, on track 2: as K P -
 *     r       a report on track 0
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "rtp/interleaved.h"
#include "rtp/rtp.h"
#include "stream/batch.h"

enum { TEST_PAYLOAD = 84, TEST_PACKET = INTERLEAVED_HEADER + RTP_HEADER + TEST_PAYLOAD };

struct test_kind {
    char    letter;
    uint8_t track;
    bool    is_video, is_start, is_key, is_report;
};

static inline const struct test_kind *test_kind(char letter)
{
    static const struct test_kind kinds[] = {
        { 'K', 0, .is_video = true, .is_start = true, .is_key = true },
        { 'P', 0, .is_video = true, .is_start = true },
        { '-', 0, .is_video = true },
        { 'a', 1, .is_start = true },
        { 'I', 2, .is_video = true, .is_start = true, .is_key = true },
        { 'B', 2, .is_video = true, .is_start = true },
        { '=', 2, .is_video = true },
        { 'r', 0, .is_report = true },
    };
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (kinds[i].letter == letter)
            return &kinds[i];
    return NULL;
}

struct test_batches {
    struct pool slabs, batches;
    uint16_t    seq;    /* of the next packet, whatever its track */
    int64_t     now_ns; /* when the next batch arrives */
};

static inline void test_batches_init(struct test_batches *maker)
{
    *maker = (struct test_batches){ .now_ns = 1 };
    pool_init(&maker->slabs, sizeof(struct slab) + SLAB_SMALL, 4);
    pool_init(&maker->batches, sizeof(struct batch), 4);
}

/* Everything must have come back. */
static inline void test_batches_fini(struct test_batches *maker)
{
    pool_fini(&maker->batches);
    pool_fini(&maker->slabs);
}

static inline struct packet test_packet_write(uint8_t *p, const struct test_kind *kind,
                                              uint16_t seq)
{
    struct packet packet = { .p = p + INTERLEAVED_HEADER,
                             .len = TEST_PACKET - INTERLEAVED_HEADER,
                             .track = kind->track };
    interleaved_write_header(p, (uint8_t)(2 * kind->track + kind->is_report), packet.len);
    rtp_write(&(struct rtp_header){ .seq = seq }, packet.p);
    memset(packet.p + RTP_HEADER, kind->letter, TEST_PAYLOAD);
    return packet;
}

static inline void test_batch_mark(struct batch *batch, const struct test_kind *kind, uint32_t bit)
{
    batch->video |= kind->is_video ? bit : 0;
    batch->frame_starts |= kind->is_start ? bit : 0;
    batch->keyframes |= kind->is_key ? bit : 0;
    batch->reports |= kind->is_report ? bit : 0;
}

/* A frozen batch in a slab of its own; the caller's. */
static inline const struct batch *test_batch(struct test_batches *maker, const char *letters)
{
    struct slab  *slab = slab_take(&maker->slabs, SLAB_SMALL);
    struct batch *batch = batch_take(&maker->batches);
    batch->received_ns = maker->now_ns;
    for (size_t i = 0; letters[i]; i++) {
        const struct test_kind *kind = test_kind(letters[i]);
        ASSERT(kind);
        struct packet packet = test_packet_write(slab->bytes + i * TEST_PACKET, kind, maker->seq++);
        test_batch_mark(batch, kind, batch_add(batch, slab, &packet));
    }
    batch_freeze(batch);
    slab_unref(slab);
    return batch;
}

static inline uint16_t test_packet_seq(const struct packet *packet)
{
    return read_be16(packet->p + 2);
}

/* Appends the letters of the packets in `mask`. */
static inline void test_batch_letters(const struct batch *batch, uint32_t mask, char *out,
                                      size_t size)
{
    size_t len = strlen(out);
    for (uint32_t left = mask; left; left &= left - 1) {
        ASSERT(len + 1 < size);
        out[len++] = (char)batch->packets[__builtin_ctz(left)].p[RTP_HEADER];
    }
    out[len] = '\0';
}
