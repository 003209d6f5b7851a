#include "base/test.h"
#include "rtp/test_depack.h"

enum { SEEDS = 400, MAX_UNITS = 12, MAX_BYTES = 6000 };

static const struct payload_params no_params = { 0 };
static const struct payload_params stereo = { .channels = 2, .sample_bits = 16, .latm_frames = 2 };

/* Which first bytes make a unit that the codec knows. */
static const struct kind {
    enum codec_id                codec;
    const struct payload_params *params;
    unsigned                     max_units; /* 0: one */
    unsigned                     multiple;  /* of units; 0: one */
    struct span                  heads[3];
} kinds[] = {
    { CODEC_H264, &no_params, MAX_UNITS, 1, { BYTES("\x67"), BYTES("\x41"), BYTES("\x65") } },
    { CODEC_H265, &no_params, MAX_UNITS, 1, { BYTES("\x42\1"), BYTES("\2\1"), BYTES("\x26\1") } },
    { CODEC_AV1, &no_params, MAX_UNITS, 1, { BYTES("\x0a"), BYTES("\x30"), BYTES("\x32") } },
    { CODEC_VP8, &no_params, 1, 1, { BYTES("\x30"), BYTES("\x31"), BYTES("\x31") } },
    { CODEC_VP9, &no_params, 4, 1, { BYTES("a"), BYTES("b"), BYTES("c") } },
    { CODEC_MPEG4_VIDEO,
      &no_params,
      1,
      1,
      { BYTES("\0\0\1\xb6\x10"), BYTES("\0\0\1\xb6\x50"), BYTES("\0\0\1\xb0\1\0\0\1\xb6\x10") } },
    { CODEC_MPEG1_VIDEO,
      &no_params,
      1,
      1,
      { BYTES("\0\0\1\0\0\x0f\xff\xf8\0\0\1\1"), BYTES("\0\0\1\xb3\0\0\1\0\0\x0f\xff\xf8\0\0\1\1"),
        BYTES("\0\0\1\0\0\x17\xff\xf8\0\0\1\1") } },
    { CODEC_MPEG4_AUDIO, &no_params, MAX_UNITS, 1, { BYTES("\1"), BYTES("\x21"), BYTES("\2") } },
    { CODEC_MPEG4_AUDIO_LATM, &stereo, MAX_UNITS, 2, { BYTES("\1"), BYTES("\x21"), BYTES("\2") } },
    { CODEC_VORBIS, &no_params, MAX_UNITS, 1, { BYTES("\1"), BYTES("\2"), BYTES("\3") } },
    { CODEC_LPCM, &stereo, 1, 1, { BYTES("abcd"), BYTES("efgh"), BYTES("ijkl") } },
    { CODEC_KLV,
      &no_params,
      1,
      1,
      { BYTES("\x06\x0e\x2b\x34"), BYTES("\x06\x0e\x2b\x34"), BYTES("\x06\x0e\x2b\x34") } },
};

struct made {
    struct access_unit au;
    struct span        spans[MAX_UNITS];
    struct au_unit     units[MAX_UNITS];
    uint8_t            bytes[MAX_UNITS][MAX_BYTES];
};

/* Small, about as large as a payload, or large. */
static uint32_t draw_len(uint64_t *seed, size_t max_payload)
{
    switch (test_draw(seed, 3)) {
    case 0:
        return 16 + test_draw(seed, 60);
    case 1:
        return (uint32_t)max_payload - 16 + test_draw(seed, 32);
    default:
        return 16 + test_draw(seed, MAX_BYTES - 16);
    }
}

static void make(struct made *made, const struct kind *kind, size_t max_payload, uint64_t *seed)
{
    unsigned count = 1 + test_draw(seed, kind->max_units);
    count -= count % kind->multiple;
    count = MAX(count, kind->multiple);
    made->au = (struct access_unit){ .spans = made->spans,
                                     .units = made->units,
                                     .unit_count = count,
                                     .ticks = test_draw(seed, UINT32_MAX),
                                     .is_keyframe = true };
    for (unsigned i = 0; i < count; i++) {
        /* Pictures begin with what makes them keyframes. */
        struct span head = kind->heads[i == 0 ? 0 : test_draw(seed, 3)];
        uint32_t    len = draw_len(seed, max_payload) / 4 * 4;
        for (uint32_t k = 0; k < len; k++)
            made->bytes[i][k] = (uint8_t)(1 + test_draw(seed, 255));
        memcpy(made->bytes[i], head.p, head.len);
        made->spans[i] = (struct span){ made->bytes[i], len };
        made->units[i] = (struct au_unit){ i, 1, len };
    }
    /* Sets alone are no picture. */
    if (kind->codec == CODEC_H264 || kind->codec == CODEC_H265)
        memcpy(made->bytes[count - 1], kind->heads[2].p, kind->heads[2].len);
}

static void access_units_come_back(void **state)
{
    static struct made made;
    uint64_t           seed = 1;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        for (unsigned k = 0; k < SEEDS; k++) {
            size_t max_payload = PACK_MIN_PAYLOAD + test_draw(&seed, 1300);
            make(&made, &kinds[i], max_payload, &seed);
            int err = test_round_trip(kinds[i].codec, kinds[i].params, max_payload, &made.au);
            CHECK(err == 0, codec_get(kinds[i].codec)->name);
        }
    }
}

/* Is the unit one of those that were sent? */
static bool was_sent(const struct made *made, struct span unit)
{
    for (unsigned i = 0; i < made->au.unit_count; i++)
        if (span_equal(made->spans[i], unit))
            return true;
    return false;
}

/* One packet never comes, one comes twice. */
static void lose_one(struct test_depack *test, const struct test_packets *packets, uint64_t *seed)
{
    unsigned lost = test_draw(seed, packets->count), twice = test_draw(seed, packets->count);
    /* There was a packet before, so that the loss of the first one is seen. */
    test_depack_packet(test, (struct span){ 0 }, false);
    for (unsigned i = 0; i < packets->count; i++) {
        const struct pack_packet *packet = &packets->packets[i];
        test->ticks = packet->ticks;
        if (i == lost)
            test->seq++;
        else
            test_depack_packet(test, packet->payload, packet->marker);
        if (i == twice && i != lost) {
            test->seq--;
            test_depack_packet(test, packet->payload, packet->marker);
        }
    }
    test_depack_flush(test);
}

static void check_loss(const struct kind *kind, uint64_t *seed)
{
    static struct made  made;
    struct test_packets packets;
    struct test_depack  test;
    make(&made, kind, PACK_MIN_PAYLOAD, seed);
    int err = test_packets_make(&packets, kind->codec, kind->params, PACK_MIN_PAYLOAD, &made.au);
    assert_int_equal(err, 0);
    test_depack_init(&test, kind->codec, kind->params);
    lose_one(&test, &packets, seed);
    for (unsigned i = 0; i < test.count; i++)
        for (unsigned k = 0; k < test.aus[i].au.unit_count; k++)
            CHECK(was_sent(&made, test.aus[i].spans[k]), codec_get(kind->codec)->name);
    test_depack_fini(&test);
    test_packets_fini(&packets);
}

static void nothing_is_joined_over_a_hole(void **state)
{
    uint64_t seed = 2;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        /* Samples are no units: parts of what was sent come back. */
        for (unsigned k = 0; k < SEEDS && kinds[i].codec != CODEC_LPCM; k++)
            check_loss(&kinds[i], &seed);
    }
}

TESTS(access_units_come_back, nothing_is_joined_over_a_hole)
