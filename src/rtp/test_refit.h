/**
 * test_refit: packets go in, the parts that come out are checked against the contract and kept.
 */
#pragma once
#include <stdlib.h>

#include "base/check.h"
#include "rtp/refit.h"
#include "rtp/test_draw.h"

struct test_part {
    struct refit_part part; /* its payload is a copy */
    uint8_t           bytes[REFIT_MAX_UDP_PAYLOAD];
};

struct test_refit {
    struct refit      refit;
    struct span       packet;   /* of this call */
    uint8_t          *reserved; /* the part that must come next */
    size_t            reserved_len;
    uint16_t          seq; /* of the next packet */
    uint32_t          ticks;
    bool              passes_large;
    unsigned          count, capacity;
    struct test_part *parts;
};

/* Exactly as large as asked for, so that ASan sees what is written beyond it. */
static inline uint8_t *test_refit_reserve(void *arg, size_t len)
{
    struct test_refit *test = arg;
    ASSERT(!test->reserved && len > 0 && len <= test->refit.max_payload);
    test->reserved_len = len;
    return test->reserved = malloc(len);
}

static inline void test_refit_on_part(void *arg, const struct refit_part *part)
{
    struct test_refit *test = arg;
    struct span        payload = part->payload;
    ASSERT(payload.len > 0);
    ASSERT(payload.len <= test->refit.max_payload || (test->passes_large && !part->is_own));
    ASSERT(part->is_own == (test->reserved != NULL));
    if (part->is_own)
        ASSERT(payload.p == test->reserved && payload.len == test->reserved_len);
    else
        ASSERT(span_contains(test->packet, payload));
    if (test->count == test->capacity) {
        test->capacity = MAX(2 * test->capacity, 64u);
        test->parts = realloc(test->parts, test->capacity * sizeof(*test->parts));
    }
    struct test_part *kept = &test->parts[test->count++];
    kept->part = *part;
    memcpy(kept->bytes, payload.p, payload.len);
    free(test->reserved);
    test->reserved = NULL;
}

static inline struct span test_refit_payload(const struct test_refit *test, unsigned index)
{
    ASSERT(index < test->count);
    return (struct span){ test->parts[index].bytes, test->parts[index].part.payload.len };
}

static inline void test_refit_init(struct test_refit *test, enum codec_id codec, size_t max_payload)
{
    *test = (struct test_refit){ .seq = 65530, .ticks = 0xfffffff0 }; /* both wrap soon */
    refit_init(&test->refit, codec, max_payload);
}

static inline void test_refit_fini(struct test_refit *test)
{
    free(test->parts);
}

/* The packet's memory is gone afterwards. */
static inline void test_refit_packet(struct test_refit *test, struct span payload, bool marker)
{
    struct refit_sink sink = { test, test_refit_reserve, test_refit_on_part };
    uint8_t          *copy = malloc(payload.len + !payload.len);
    if (payload.len)
        memcpy(copy, payload.p, payload.len);
    test->packet = (struct span){ copy, payload.len };
    struct rtp_header header = {
        .marker = marker, .seq = test->seq++, .ticks = test->ticks, .payload = test->packet
    };
    refit_packet(&test->refit, &header, &sink);
    ASSERT(!test->reserved);
    free(copy);
}
