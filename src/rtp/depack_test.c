#include "base/test.h"
#include "rtp/test_depack.h"

static void send(struct test_depack *test, const char *text, bool marker)
{
    test_depack_packet(test, span_from_string(text), marker);
}

/* The bytes of a picture or message that is one unit. */
static bool is_au(const struct test_depack *test, unsigned index, const char *text)
{
    return index < test->count && span_is(test_unit(test, index, 0), text);
}

static void pictures_end_with_marker_or_time(void **state)
{
    struct test_depack test;
    test_depack_init(&test, CODEC_KLV, NULL);
    send(&test, "\x06\x0e\x2b\x34 a", false);
    send(&test, "b", true);
    assert_int_equal(test.count, 1);
    assert_true(is_au(&test, 0, "\x06\x0e\x2b\x34 ab"));
    assert_true(test.aus[0].au.has_marker);
    test.ticks += 10;
    send(&test, "c", false);
    test.ticks += 10;
    send(&test, "d", false);
    assert_int_equal(test.count, 2);
    assert_true(is_au(&test, 1, "c") && !test.aus[1].au.has_marker);
    assert_int_equal(test.aus[1].au.ticks + 10, test.ticks);
    test_depack_flush(&test);
    /* Whether all of it came, nobody knows. */
    assert_int_equal(test.count, 2);
    assert_int_equal(depack_counts(test.depack).dropped, 1);
    test_depack_fini(&test);
}

static void packets_are_held_as_long_as_viewed(void **state)
{
    struct test_depack test;
    test_depack_init(&test, CODEC_MPEG4_VIDEO, NULL);
    test.depack->is_head_unknown = false;
    for (unsigned i = 0; i < 5; i++) {
        send(&test, "x", false);
        assert_int_equal(depack_held(test.depack), i + 1);
    }
    test.seq -= 1;
    send(&test, "late", false);
    assert_int_equal(depack_held(test.depack), 6);
    test.ticks++;
    send(&test, "y", false);
    assert_int_equal(depack_held(test.depack), 1);
    send(&test, "z", true);
    assert_int_equal(depack_held(test.depack), 0);
    assert_true(test.count == 2 && is_au(&test, 0, "xxxxx") && is_au(&test, 1, "yz"));
    test_depack_fini(&test);
}

static void a_hole_breaks_a_unit(void **state)
{
    static const struct {
        const char *name;
        unsigned    lost; /* this packet of two pictures of three, 0: of the first */
        unsigned    count;
        const char *first;
        bool        is_after_gap[2];
    } cases[] = {
        { "first packet", 3, 1, "\0\0abc", { false, false } },
        { "middle", 1, 1, "\0\0abc", { true, false } },
        { "last, with the marker", 2, 1, "\0\0abc", { true, false } },
        { "nothing", 99, 2, "\0\0abc", { false, false } },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_depack test;
        test_depack_init(&test, CODEC_MPEG4_VIDEO, NULL);
        for (unsigned k = 0; k < 6; k++) {
            static const struct span parts[] = { BYTES("\0\0a"), BYTES("b"), BYTES("c") };
            if (k == cases[i].lost)
                test.seq++;
            else
                test_depack_packet(&test, parts[k % 3], k % 3 == 2);
            test.ticks += k % 3 == 2;
        }
        test_depack_flush(&test);
        CHECK(test.count == cases[i].count, cases[i].name);
        CHECK(span_equal(test_unit(&test, 0, 0), BYTES("\0\0abc")), cases[i].name);
        CHECK(test.aus[0].au.is_after_gap == cases[i].is_after_gap[0], cases[i].name);
        CHECK(!test.aus[0].au.is_damaged, cases[i].name);
        test_depack_fini(&test);
    }
}

static void late_and_doubled_packets_are_left_out(void **state)
{
    struct test_depack test;
    test_depack_init(&test, CODEC_KLV, NULL);
    test.depack->is_head_unknown = false;
    send(&test, "a", false);
    test.seq--;
    send(&test, "a", false);
    test.seq -= 3;
    send(&test, "z", false);
    test.seq += 2;
    send(&test, "b", true);
    assert_true(test.count == 1 && is_au(&test, 0, "ab"));
    assert_int_equal(depack_counts(test.depack).orphans, 2);
    /* A sender that begins anew is no late one. */
    test.seq -= 1000;
    test.ticks++;
    send(&test, "\x06\x0e\x2b\x34", true);
    assert_true(test.count == 2 && test.aus[1].au.is_after_gap);
    test_depack_fini(&test);
}

static void access_units_have_limits(void **state)
{
    struct test_depack test;
    static uint8_t     large[65000];
    test_depack_init(&test, CODEC_KLV, NULL);
    test.depack->is_head_unknown = false;
    for (unsigned i = 0; i <= DEPACK_MAX_BYTES / sizeof(large); i++)
        test_depack_packet(&test, (struct span){ large, sizeof(large) }, false);
    assert_int_equal(depack_held(test.depack), 0);
    assert_int_equal(depack_counts(test.depack).dropped, 1);
    send(&test, "its end", true);
    assert_int_equal(test.count, 0);
    test.ticks++;
    send(&test, "next", true);
    assert_true(test.count == 1 && is_au(&test, 0, "next") && test.aus[0].au.is_after_gap);
    for (unsigned i = 0; i <= DEPACK_MAX_SPANS; i++)
        send(&test, "s", false);
    assert_int_equal(depack_counts(test.depack).dropped, 2);
    test_depack_fini(&test);
}

static void units_and_packets_have_limits(void **state)
{
    struct test_depack test;
    test_depack_init(&test, CODEC_H264, NULL);
    for (unsigned i = 0; i < DEPACK_MAX_UNITS; i++)
        send(&test, "\x41", false);
    assert_int_equal(depack_counts(test.depack).dropped, 0);
    send(&test, "\x41", false);
    assert_int_equal(depack_counts(test.depack).dropped, 1);
    assert_int_equal(depack_held(test.depack), 0);
    test.ticks++;
    send(&test, "\x41", false);
    for (unsigned i = 1; i < DEPACK_MAX_PACKETS; i++)
        send(&test, "", false);
    assert_int_equal(depack_held(test.depack), DEPACK_MAX_PACKETS);
    send(&test, "", false);
    assert_int_equal(depack_held(test.depack), 0);
    assert_int_equal(depack_counts(test.depack).dropped, 2);
    test_depack_fini(&test);
}

static void empty_packets_end_pictures(void **state)
{
    struct test_depack test;
    test_depack_init(&test, CODEC_KLV, NULL);
    test.depack->is_head_unknown = false;
    send(&test, "", true);
    send(&test, "a", false);
    send(&test, "", true);
    assert_true(test.count == 1 && is_au(&test, 0, "a"));
    test_depack_fini(&test);
}

static void what_is_unknown_passes(void **state)
{
    static const enum codec_id codecs[] = { CODEC_GENERIC, CODEC_SPEEX, CODEC_FLAC, CODEC_MPEGTS };
    for (size_t i = 0; i < COUNT(codecs); i++) {
        struct test_depack test;
        test_depack_init(&test, codecs[i], NULL);
        send(&test, "any", false);
        send(&test, "thing", true);
        CHECK(test.count == 2 && is_au(&test, 0, "any") && is_au(&test, 1, "thing"),
              codec_get(codecs[i])->name);
        CHECK(test.aus[0].au.is_keyframe, codec_get(codecs[i])->name);
        test_depack_fini(&test);
    }
}

TESTS(pictures_end_with_marker_or_time, packets_are_held_as_long_as_viewed, a_hole_breaks_a_unit,
      late_and_doubled_packets_are_left_out, access_units_have_limits,
      units_and_packets_have_limits, empty_packets_end_pictures, what_is_unknown_passes)
