/**
 * test_depack: packets go in, and are freed as soon as depack lets go of them, so that ASan sees
 * every view that is kept too long; access units come out, are checked against the contract, kept,
 * and made into packets again.
 */
#pragma once
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "rtp/depack_internal.h"
#include "rtp/pack.h"
#include "rtp/test_draw.h"

/** A copy with one span a unit. */
struct test_au {
    struct access_unit au;
    struct span       *spans;
    struct au_unit    *units;
    uint8_t           *bytes;
};

struct test_packets {
    size_t              max_payload;
    unsigned            count, capacity;
    struct pack_packet *packets; /* their payloads are copies */
    uint8_t            *open;
};

struct test_depack {
    enum codec_id         codec;
    struct payload_params params;
    struct depack        *depack;
    uint16_t              seq; /* of the next packet */
    uint32_t              ticks;
    unsigned              held, held_capacity;
    struct span          *packets; /* the last `held`; copies */
    unsigned              count, capacity;
    struct test_au       *aus;
    size_t                round_trip_payload; /* each access unit is tried; 0: none is */
};

static inline int test_round_trip(enum codec_id codec, const struct payload_params *params,
                                  size_t max_payload, const struct access_unit *au);

static inline void *test_grow(void *array, unsigned count, unsigned *capacity, size_t size)
{
    if (count < *capacity)
        return array;
    *capacity = MAX(2 * *capacity, 64u);
    return realloc(array, *capacity * size);
}

static inline struct test_au test_au_copy(const struct access_unit *au)
{
    struct test_au copy = { .au = *au };
    size_t         len = 0, at = 0;
    for (unsigned i = 0; i < au->unit_count; i++)
        len += au->units[i].len;
    copy.bytes = malloc(len);
    copy.spans = calloc(au->unit_count, sizeof(*copy.spans));
    copy.units = calloc(au->unit_count, sizeof(*copy.units));
    for (unsigned i = 0; i < au->unit_count; i++) {
        uint32_t unit_len = au->units[i].len;
        size_t   copied = au_unit_copy(au, i, 0, SIZE_MAX, copy.bytes + at);
        ASSERT(copied == unit_len);
        copy.spans[i] = (struct span){ copy.bytes + at, unit_len };
        copy.units[i] = (struct au_unit){ .first = i, .count = 1, .len = unit_len };
        at += unit_len;
    }
    copy.au.spans = copy.spans;
    copy.au.units = copy.units;
    return copy;
}

static inline void test_au_fini(struct test_au *copy)
{
    free(copy->bytes);
    free(copy->spans);
    free(copy->units);
}

/* In a packet that is kept, or in memory of depack's own. */
static inline bool test_is_inside(const struct test_depack *test, struct span span)
{
    for (unsigned i = 0; i < test->held; i++)
        if (span_contains(test->packets[i], span))
            return true;
    for (const struct depack_block *block = test->depack->blocks; block; block = block->next)
        if (span_contains((struct span){ block->bytes, block->len }, span))
            return true;
    /* What every JPEG ends in is a constant. */
    return test->codec == CODEC_MJPEG && span_equal(span, BYTES("\xff\xd9"));
}

static inline void test_au_check(const struct test_depack *test, const struct access_unit *au)
{
    ASSERT(au->unit_count > 0 && au->unit_count <= DEPACK_MAX_UNITS);
    uint32_t at = 0;
    for (unsigned i = 0; i < au->unit_count; i++) {
        size_t len = 0;
        ASSERT(au->units[i].first == at && au->units[i].count > 0);
        for (uint32_t k = 0; k < au->units[i].count; k++, at++) {
            ASSERT(au->spans[at].len > 0 && test_is_inside(test, au->spans[at]));
            len += au->spans[at].len;
        }
        ASSERT(len == au->units[i].len);
    }
}

static inline void test_depack_on_au(void *arg, const struct access_unit *au)
{
    struct test_depack *test = arg;
    test_au_check(test, au);
    if (test->round_trip_payload && !au->is_damaged)
        (void)test_round_trip(test->codec, &test->params, test->round_trip_payload, au);
    test->aus = test_grow(test->aus, test->count, &test->capacity, sizeof(*test->aus));
    test->aus[test->count++] = test_au_copy(au);
}

static inline void test_depack_init(struct test_depack *test, enum codec_id codec,
                                    const struct payload_params *params)
{
    static const struct payload_params usual = { 0 };
    *test = (struct test_depack){ .codec = codec,
                                  .params = params ? *params : usual,
                                  .seq = 65530, /* both wrap soon */
                                  .ticks = 0xfffffff0 };
    test->depack = depack_create(codec, &test->params);
}

static inline void test_depack_keep(struct test_depack *test, unsigned held)
{
    ASSERT(held <= test->held);
    for (unsigned i = 0; i < test->held - held; i++)
        free((void *)(uintptr_t)test->packets[i].p);
    if (held)
        memmove(test->packets, test->packets + test->held - held, held * sizeof(*test->packets));
    test->held = held;
}

static inline void test_depack_packet(struct test_depack *test, struct span payload, bool marker)
{
    struct depack_sink sink = { test, test_depack_on_au };
    uint8_t           *copy = malloc(payload.len + !payload.len);
    if (payload.len)
        memcpy(copy, payload.p, payload.len);
    test->packets =
        test_grow(test->packets, test->held, &test->held_capacity, sizeof(*test->packets));
    test->packets[test->held++] = (struct span){ copy, payload.len };
    struct rtp_header header = {
        .marker = marker, .seq = test->seq++, .ticks = test->ticks, .payload = { copy, payload.len }
    };
    depack_packet(test->depack, &header, &sink);
    test_depack_keep(test, depack_held(test->depack));
}

static inline void test_depack_flush(struct test_depack *test)
{
    struct depack_sink sink = { test, test_depack_on_au };
    depack_flush(test->depack, &sink);
    ASSERT(depack_held(test->depack) == 0);
    test_depack_keep(test, 0);
}

static inline void test_depack_fini(struct test_depack *test)
{
    test_depack_keep(test, 0);
    for (unsigned i = 0; i < test->count; i++)
        test_au_fini(&test->aus[i]);
    free(test->aus);
    free(test->packets);
    test->depack = depack_destroy(test->depack);
}

/** Some packets of a table; the first without a payload ends it. */
enum { TEST_MAX_PACKETS = 6, TEST_MARKER = 1, TEST_NEW_TIME = 2, TEST_LOST = 4 };

struct test_packet {
    struct span payload;
    unsigned    flags;
};

static inline void test_depack_run(struct test_depack *test, enum codec_id codec,
                                   const struct test_packet *packets)
{
    test_depack_init(test, codec, NULL);
    for (unsigned i = 0; i < TEST_MAX_PACKETS && packets[i].payload.p; i++) {
        test->ticks += packets[i].flags & TEST_NEW_TIME ? 3000 : 0;
        if (packets[i].flags & TEST_LOST)
            test->seq++;
        else
            test_depack_packet(test, packets[i].payload, packets[i].flags & TEST_MARKER);
    }
    test_depack_flush(test);
}

static inline size_t test_show_bytes(char *text, struct span bytes)
{
    size_t at = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        const char *format = bytes.p[i] > 0x20 && bytes.p[i] < 0x7f ? "%c" : "<%02x>";
        at += (size_t)sprintf(text + at, format, bytes.p[i]);
    }
    return at;
}

/** "[unit,unit] [unit]", K, D and G in front of keyframes, what is damaged, what is after a gap. */
static inline const char *test_depack_show(const struct test_depack *test)
{
    static char text[1024];
    size_t      at = 0;
    text[0] = 0;
    for (unsigned i = 0; i < test->count; i++) {
        const struct access_unit *au = &test->aus[i].au;
        at += (size_t)sprintf(text + at, "%s%s%s%s[", i ? " " : "", au->is_keyframe ? "K" : "",
                              au->is_damaged ? "D" : "", au->is_after_gap ? "G" : "");
        for (unsigned k = 0; k < au->unit_count; k++) {
            at += (size_t)sprintf(text + at, "%s", k ? "," : "");
            at += test_show_bytes(text + at, au->spans[k]);
        }
        at += (size_t)sprintf(text + at, "]");
    }
    return text;
}

static inline struct span test_unit(const struct test_depack *test, unsigned au, unsigned unit)
{
    ASSERT(au < test->count && unit < test->aus[au].au.unit_count);
    return test->aus[au].spans[unit];
}

/* Exactly as large as allowed, so that ASan sees what is written beyond it. */
static inline uint8_t *test_packets_reserve(void *arg)
{
    struct test_packets *packets = arg;
    ASSERT(!packets->open);
    return packets->open = malloc(packets->max_payload);
}

static inline void test_packets_on_packet(void *arg, const struct pack_packet *packet)
{
    struct test_packets *packets = arg;
    ASSERT(packet->payload.p == packets->open && packet->payload.len > 0 &&
           packet->payload.len <= packets->max_payload);
    packets->packets =
        test_grow(packets->packets, packets->count, &packets->capacity, sizeof(*packets->packets));
    packets->packets[packets->count++] = *packet;
    packets->open = NULL;
}

static inline int test_packets_make(struct test_packets *packets, enum codec_id codec,
                                    const struct payload_params *params, size_t max_payload,
                                    const struct access_unit *au)
{
    struct pack_sink sink = { packets, test_packets_reserve, test_packets_on_packet };
    struct pack      pack;
    *packets = (struct test_packets){ .max_payload = max_payload };
    pack_init(&pack, codec, params, max_payload);
    int err = pack_access_unit(&pack, au, &sink);
    ASSERT(!packets->open && (err < 0) == (packets->count == 0));
    return err;
}

static inline void test_packets_fini(struct test_packets *packets)
{
    for (unsigned i = 0; i < packets->count; i++)
        free((void *)(uintptr_t)packets->packets[i].payload.p);
    free(packets->packets);
}

static inline void test_packets_same(const struct test_packets *a, const struct test_packets *b)
{
    ASSERT(a->count == b->count);
    for (unsigned i = 0; i < a->count; i++) {
        ASSERT(span_equal(a->packets[i].payload, b->packets[i].payload));
        ASSERT(a->packets[i].marker == b->packets[i].marker);
        ASSERT(a->packets[i].ticks == b->packets[i].ticks);
    }
}

/* Samples are cut anywhere between two ticks. */
static inline void test_same_samples(const struct access_unit *want, const struct test_depack *got)
{
    unsigned bits = payload_tick_bits(got->codec, &got->params);
    size_t   at = 0;
    for (unsigned i = 0; i < got->count; i++) {
        struct span part = got->aus[i].spans[0];
        ASSERT(got->aus[i].au.ticks == want->ticks + (uint32_t)(at * 8 / bits));
        ASSERT(span_equal(part, span_first(span_skip(want->spans[0], at), part.len)));
        at += part.len;
    }
    ASSERT(at == want->spans[0].len);
}

/* Audio may have become several access units: the units count, and their times. */
static inline void test_same_units(const struct access_unit *want, const struct test_depack *got)
{
    unsigned next = 0;
    for (unsigned i = 0; i < got->count; i++) {
        const struct test_au *one = &got->aus[i];
        ASSERT(one->au.ticks == want->ticks + next * want->unit_ticks);
        ASSERT(one->au.is_keyframe == want->is_keyframe);
        ASSERT(!one->au.is_damaged && !one->au.is_after_gap);
        for (unsigned k = 0; k < one->au.unit_count; k++, next++) {
            ASSERT(next < want->unit_count);
            ASSERT(span_equal(one->spans[k], want->spans[next]));
        }
    }
    ASSERT(next == want->unit_count);
}

/**
 * pack(au) is what pack(copy of au) is; depack of it is the access unit; and pack of that is the
 * same again. Returns what pack says.
 */
static inline int test_round_trip(enum codec_id codec, const struct payload_params *params,
                                  size_t max_payload, const struct access_unit *au)
{
    struct test_packets first, again;
    struct test_depack  back;
    struct test_au      copy = test_au_copy(au);
    int                 err = test_packets_make(&first, codec, params, max_payload, au);
    int                 same = test_packets_make(&again, codec, params, max_payload, &copy.au);
    ASSERT(err == same);
    test_packets_same(&first, &again);
    test_depack_init(&back, codec, params);
    back.depack->is_head_unknown = false; /* an odd beginning was odd before */
    for (unsigned i = 0; i < first.count; i++) {
        back.ticks = first.packets[i].ticks;
        test_depack_packet(&back, first.packets[i].payload, first.packets[i].marker);
    }
    test_depack_flush(&back);
    bool is_cut = first.count > 1 && codec >= CODEC_G726 && codec <= CODEC_LPCM;
    if (err == 0 && is_cut)
        test_same_samples(&copy.au, &back);
    else if (err == 0)
        test_same_units(&copy.au, &back);
    test_depack_fini(&back);
    test_packets_fini(&again);
    test_packets_fini(&first);
    test_au_fini(&copy);
    return err;
}
