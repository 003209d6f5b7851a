#include "base/test.h"
#include "rtp/test_refit.h"

enum { LIMIT = 64, NOISE = 2000 };

static uint8_t noise[NOISE];

static struct span noise_of(size_t len)
{
    for (size_t i = 0; i < NOISE; i++)
        noise[i] = (uint8_t)(i * 7);
    return (struct span){ noise, len };
}

static void what_cannot_be_cut_passes_or_is_dropped(void **state)
{
    static const struct {
        const char   *name;
        enum codec_id codec;
        size_t        max, len;
        unsigned      parts, dropped;
    } cases[] = {
        { "Opus of the limit", CODEC_OPUS, LIMIT, LIMIT, 1, 0 },
        { "Opus over it", CODEC_OPUS, LIMIT, LIMIT + 1, 0, 1 },
        { "Opus of one byte", CODEC_OPUS, LIMIT, 1, 1, 0 },
        { "Opus of the usual limit", CODEC_OPUS, REFIT_MAX_PAYLOAD, 1156, 1, 0 },
        { "Opus over that", CODEC_OPUS, REFIT_MAX_PAYLOAD, 1157, 0, 1 },
        { "AAC", CODEC_MPEG4_AUDIO, LIMIT, LIMIT + 1, 0, 1 },
        { "M-JPEG", CODEC_MJPEG, LIMIT, LIMIT + 1, 0, 1 },
        { "data", CODEC_KLV, LIMIT, LIMIT + 1, 0, 1 },
        { "what nobody knows", CODEC_GENERIC, LIMIT, LIMIT, 1, 0 },
        { "LPCM, nobody told of what size", CODEC_LPCM, LIMIT, LIMIT + 1, 0, 1 },
        { "nothing", CODEC_OPUS, LIMIT, 0, 0, 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_refit test;
        test_refit_init(&test, cases[i].codec, cases[i].max);
        test_refit_packet(&test, noise_of(cases[i].len), true);
        CHECK(test.count == cases[i].parts, cases[i].name);
        CHECK(test.refit.dropped == cases[i].dropped, cases[i].name);
        if (test.count) {
            const struct refit_part *part = &test.parts[0].part;
            CHECK(span_equal(test_refit_payload(&test, 0), noise_of(cases[i].len)), cases[i].name);
            CHECK(part->marker && part->starts_frame && part->starts_keyframe, cases[i].name);
            CHECK(!part->is_own && !part->is_after_gap, cases[i].name);
            CHECK(part->ticks == test.ticks, cases[i].name);
        }
        test_refit_fini(&test);
    }
}

static void samples_are_cut_between_ticks(void **state)
{
    static const struct {
        const char   *name;
        enum codec_id codec;
        unsigned      tick_bytes; /* 0: not said */
        size_t        len;
        unsigned      parts;
        size_t        part_len, last_len;
        uint32_t      part_ticks;
    } cases[] = {
        { "G711 that fits", CODEC_G711, 0, 64, 1, 64, 64, 64 },
        { "one byte over", CODEC_G711, 0, 65, 2, 64, 1, 64 },
        { "exactly two parts", CODEC_G711, 0, 128, 2, 64, 64, 64 },
        { "one byte more", CODEC_G711, 0, 129, 3, 64, 1, 64 },
        { "two channels", CODEC_G711, 2, 130, 3, 64, 2, 32 },
        { "G722", CODEC_G722, 0, 160, 3, 64, 32, 64 },
        { "L16", CODEC_LPCM, 2, 130, 3, 64, 2, 32 },
        { "L16, two channels", CODEC_LPCM, 4, 132, 3, 64, 4, 16 },
        { "L24", CODEC_LPCM, 3, 126, 2, 63, 63, 21 },
        { "L24, two channels", CODEC_LPCM, 6, 126, 3, 60, 6, 10 },
        { "L24, six channels", CODEC_LPCM, 18, 108, 2, 54, 54, 3 },
        { "half a sample at the end", CODEC_LPCM, 6, 65, 2, 60, 5, 10 },
        { "samples larger than a part", CODEC_LPCM, 65, 130, 0, 0, 0, 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_refit test;
        test_refit_init(&test, cases[i].codec, LIMIT);
        if (cases[i].tick_bytes)
            refit_set_tick_bytes(&test.refit, cases[i].tick_bytes);
        test_refit_packet(&test, noise_of(cases[i].len), true);
        CHECK(test.count == cases[i].parts, cases[i].name);
        CHECK(test.refit.dropped == !cases[i].parts, cases[i].name);
        for (unsigned k = 0; k < test.count; k++) {
            const struct refit_part *part = &test.parts[k].part;
            size_t len = k + 1 < test.count ? cases[i].part_len : cases[i].last_len;
            CHECK(part->payload.len == len && !part->is_own, cases[i].name);
            CHECK(memcmp(test.parts[k].bytes, noise + k * cases[i].part_len, len) == 0,
                  cases[i].name);
            CHECK(part->ticks == test.ticks + k * cases[i].part_ticks, cases[i].name);
            CHECK(part->marker == (k == 0), cases[i].name);
            CHECK(part->starts_frame && part->starts_keyframe, cases[i].name);
        }
        test_refit_fini(&test);
    }
}

/* ".": passes, "~": passes behind a gap, "-": is left out. */
static void packets_come_in_order_or_not_at_all(void **state)
{
    static const struct {
        const char *name;
        uint16_t    seqs[6];
        const char *want;
    } cases[] = {
        { "in order", { 1, 2, 3 }, "..." },
        { "the numbers wrap", { 65534, 65535, 0, 1 }, "...." },
        { "one is missing", { 1, 3, 4 }, ".~." },
        { "missing at the wrap", { 65535, 1 }, ".~" },
        { "twice", { 7, 7, 8 }, ".-." },
        { "two change places", { 1, 3, 2, 4 }, ".~-." },
        { "late at the wrap", { 65535, 1, 0, 2 }, ".~-." },
        { "99 behind", { 1000, 901, 1001 }, ".-." },
        { "100 behind is a new beginning", { 1000, 900, 901 }, ".~." },
        { "half the numbers on", { 1, 32768, 32769 }, ".~." },
        { "more than half", { 1, 32770, 32771 }, ".~." },
        { "a new beginning at 0", { 5000, 0, 1, 2 }, ".~.." },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_refit test;
        test_refit_init(&test, CODEC_OPUS, LIMIT);
        unsigned orphans = 0;
        for (size_t k = 0; cases[i].want[k]; k++) {
            unsigned count = test.count;
            test.seq = cases[i].seqs[k];
            test_refit_packet(&test, BYTES("a"), false);
            orphans += cases[i].want[k] == '-';
            CHECK(test.count - count == (cases[i].want[k] != '-'), cases[i].name);
            if (test.count > count)
                CHECK(test.parts[count].part.is_after_gap == (cases[i].want[k] == '~'),
                      cases[i].name);
        }
        CHECK(test.refit.orphans == orphans, cases[i].name);
        test_refit_fini(&test);
    }
}

/* Video without an inspector: each frame may be begun with. */
static void frames_end_with_a_marker_or_the_time(void **state)
{
    static const struct {
        const char *name;
        bool        is_later, marker, want;
    } packets[] = {
        { "the first", false, false, true },
        { "the same frame", false, false, false },
        { "its end", false, true, false },
        { "behind the marker", false, false, true },
        { "another time", true, false, true },
        { "goes on", false, true, false },
        { "another time and frame", true, true, true },
        { "one packet", false, true, true },
    };
    struct test_refit test;
    test_refit_init(&test, CODEC_MJPEG, LIMIT);
    for (size_t i = 0; i < COUNT(packets); i++) {
        test.ticks += packets[i].is_later ? 3600 : 0;
        test_refit_packet(&test, BYTES("a"), packets[i].marker);
        const struct refit_part *part = &test.parts[i].part;
        CHECK(part->starts_frame == packets[i].want, packets[i].name);
        CHECK(part->starts_keyframe == packets[i].want, packets[i].name);
        CHECK(part->marker == packets[i].marker, packets[i].name);
    }
    test_refit_fini(&test);
}

static void parameter_sets_are_for_those_that_have_them(void **state)
{
    struct test_refit test;
    test_refit_init(&test, CODEC_VP8, LIMIT);
    refit_set_params(&test.refit, (struct span[]){ BYTES("\x67SPS"), BYTES("") }, 2);
    test_refit_packet(&test, BYTES("\x10\0key"), true);
    assert_int_equal(test.count, 1);
    test_refit_fini(&test);
}

TESTS(what_cannot_be_cut_passes_or_is_dropped, samples_are_cut_between_ticks,
      packets_come_in_order_or_not_at_all, frames_end_with_a_marker_or_the_time,
      parameter_sets_are_for_those_that_have_them)
