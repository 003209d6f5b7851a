#include "base/test.h"
#include "rtp/test_depack.h"

enum { MARKER = TEST_MARKER, NEW_TIME = TEST_NEW_TIME, LOST = TEST_LOST };

static const struct test_case {
    const char        *name;
    struct test_packet packets[TEST_MAX_PACKETS];
    const char        *want; /* as test_depack_show() says it */
} h264_cases[] = {
    { "single units, a marker", { { BYTES("\x65k"), MARKER }, { BYTES("\x41p"), MARKER | NEW_TIME } },
      "K[ek] [Ap]" },
    { "marker missing: the time ends it",
      { { BYTES("\x65k"), 0 }, { BYTES("\x41p"), NEW_TIME }, { BYTES("\x41q"), NEW_TIME } },
      "K[ek] [Ap] [Aq]" },
    { "marker on SEI ends nothing",
      { { BYTES("\x66s"), MARKER }, { BYTES("\x41p"), MARKER } }, "[fs,Ap]" },
    { "sets with a time of their own", { { BYTES("\x67s"), MARKER },
                                         { BYTES("\x68p"), MARKER | NEW_TIME },
                                         { BYTES("\x65k"), MARKER | NEW_TIME } },
      "K[gs,hp,ek]" },
    { "sets at the end", { { BYTES("\x67s"), 0 } }, "[gs]" },
    { "a set behind the picture goes with the next",
      { { BYTES("\x41p"), MARKER }, { BYTES("\x68p"), 0 }, { BYTES("\x41q"), MARKER | NEW_TIME } },
      "[Ap] [hp,Aq]" },
    { "an SPS makes a keyframe of a slice", { { BYTES("\x67s"), 0 }, { BYTES("\x41p"), MARKER } },
      "K[gs,Ap]" },
    { "STAP-A", { { BYTES("\x18\0\2\x67s\0\2\x68p\0\2\x65k"), MARKER } }, "K[gs,hp,ek]" },
    { "STAP-A cut short", { { BYTES("\x18\0\2\x67s\0\2\x65k\0\x09x"), MARKER } }, "K[gs,ek]" },
    { "STAP-A with nothing", { { BYTES("\x18\0"), MARKER }, { BYTES("\x41p"), MARKER } },
      "D[Ap]" },
    { "FU-A", { { BYTES("\x7c\205a"), 0 }, { BYTES("\x7c\005b"), 0 },
                { BYTES("\x7c\105c"), MARKER } }, "K[eabc]" },
    { "FU-A with the reserved bit", { { BYTES("\x7c\245a"), 0 }, { BYTES("\x7c\145c"), MARKER } },
      "K[eac]" },
    { "FU-A, start and end in one", { { BYTES("\x7c\305a"), MARKER } }, "K[ea]" },
    { "FU-A that changes its type", { { BYTES("\x7c\205a"), 0 }, { BYTES("\x7c\001b"), 0 },
                                      { BYTES("\x7c\101c"), MARKER } }, "K[eabc]" },
    { "FU-A, empty fragments", { { BYTES("\x7c\x85"), 0 }, { BYTES("\x7c\x05"), 0 },
                                 { BYTES("\x7c\005b"), 0 }, { BYTES("\x7c\x45"), MARKER } },
      "K[eb]" },
    { "FU-A without its end, marker", { { BYTES("\x7c\205a"), 0 }, { BYTES("\x7c\005b"), MARKER } },
      "K[eab]" },
    { "FU-A without its end, next unit",
      { { BYTES("\x7c\201a"), 0 }, { BYTES("\x41p"), MARKER } }, "[aa,Ap]" },
    { "FU-A without its end, next time",
      { { BYTES("\x7c\201a"), 0 }, { BYTES("\x41p"), NEW_TIME } }, "[aa] [Ap]" },
    { "FU-A without its end, next fragment",
      { { BYTES("\x7c\201a"), 0 }, { BYTES("\x7c\301b"), MARKER } },
      "[aa,ab]" },
    { "FU-A without its beginning", { { BYTES("\x7c\005b"), 0 }, { BYTES("\x7c\105c"), MARKER },
                                      { BYTES("\x41p"), MARKER | NEW_TIME } }, "G[Ap]" },
    { "FU-A of a set with the picture in it",
      { { BYTES("\x7c\x87" "s\0\0\0\1\x68p\0"), 0 }, { BYTES("\x7c\x47\0\1\x65k"), MARKER } },
      "K[gs,hp,ek]" },
    { "Annex B", { { BYTES("\0\0\0\1\x67s\0\0\1\x68p\0\0\0\1\x65k"), MARKER } }, "K[gs,hp,ek]" },
    { "sets and picture in one unit", { { BYTES("\x67s\0\0\0\1\x68p\0\0\1\x65k"), MARKER } },
      "K[gs,hp,ek]" },
    { "unknown types", { { BYTES("\x7ex"), 0 }, { BYTES("\x60x"), 0 }, { BYTES("\155e"), 0 },
                         { BYTES("\x41p"), MARKER } }, "[me,Ap]" },
    { "fragments of fragments", { { BYTES("\x7c\xdcx"), 0 }, { BYTES("\x41p"), MARKER } }, "[Ap]" },
    { "loss between units", { { BYTES("\x65k"), 0 }, { BYTES("x"), LOST }, { BYTES("\x65l"), MARKER },
                              { BYTES("\x41p"), MARKER | NEW_TIME } }, "KD[ek,el] [Ap]" },
    { "loss in a fragment", { { BYTES("\x67s"), 0 }, { BYTES("\x7c\205a"), 0 }, { BYTES("x"), LOST },
                              { BYTES("\x7c\105c"), MARKER },
                              { BYTES("\x41p"), MARKER | NEW_TIME } }, "D[gs] [Ap]" },
    { "loss of the end", { { BYTES("\x65k"), 0 }, { BYTES("x"), LOST },
                           { BYTES("\x41p"), MARKER | NEW_TIME } }, "KD[ek] G[Ap]" },
    { "loss between pictures", { { BYTES("\x65k"), MARKER }, { BYTES("x"), LOST },
                                 { BYTES("\x41p"), MARKER | NEW_TIME } }, "K[ek] G[Ap]" },
}, h265_cases[] = {
    { "single units", { { BYTES("\x40\1v"), 0 }, { BYTES("\x42\1s"), 0 }, { BYTES("\x26\1k"), MARKER },
                        { BYTES("\2\1p"), MARKER | NEW_TIME } },
      "K[@<01>v,B<01>s,&<01>k] [<02><01>p]" },
    { "AP", { { BYTES("\x60\1\0\3\x40\1v\0\3\x26\1k"), MARKER } }, "K[@<01>v,&<01>k]" },
    { "FU", { { BYTES("\x62\1\223a"), 0 }, { BYTES("\x62\1\023b"), 0 },
              { BYTES("\x62\1\123c"), MARKER } }, "K[&<01>abc]" },
    { "FU, start and end in one", { { BYTES("\x62\1\323a"), MARKER } }, "K[&<01>a]" },
    { "FU of a set with the picture in it",
      { { BYTES("\x62\1\xa1s\0\0"), 0 }, { BYTES("\x62\1\x61\1\x26\1k"), MARKER } },
      "K[B<01>s,&<01>k]" },
    { "temporal id 0 is none", { { BYTES("\x02\0x"), 0 }, { BYTES("\2\1p"), MARKER } },
      "[<02><01>p]" },
    { "a payload of one byte", { { BYTES("\x26"), 0 }, { BYTES("\2\1p"), MARKER } },
      "D[<02><01>p]" },
    { "marker on SEI ends nothing", { { BYTES("\x4e\1s"), MARKER }, { BYTES("\2\1p"), MARKER } },
      "[N<01>s,<02><01>p]" },
    { "loss in a fragment", { { BYTES("\x62\1\223a"), 0 }, { BYTES("x"), LOST },
                              { BYTES("\x62\1\123c"), MARKER },
                              { BYTES("\2\1p"), MARKER | NEW_TIME } }, "G[<02><01>p]" },
};

static void check_cases(enum codec_id codec, const struct test_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct test_depack test;
        test_depack_run(&test, codec, cases[i].packets);
        if (strcmp(test_depack_show(&test), cases[i].want) != 0)
            print_error("got %s, want %s\n", test_depack_show(&test), cases[i].want);
        CHECK(strcmp(test_depack_show(&test), cases[i].want) == 0, cases[i].name);
        test_depack_fini(&test);
    }
}

static void h264_comes_as_cameras_send_it(void **state)
{
    check_cases(CODEC_H264, h264_cases, COUNT(h264_cases));
}

static void h265_comes_as_cameras_send_it(void **state)
{
    check_cases(CODEC_H265, h265_cases, COUNT(h265_cases));
}

static void fragments_are_views(void **state)
{
    struct test_depack test;
    static uint8_t     payload[1400] = { 0x7c, 0x85 };
    test_depack_init(&test, CODEC_H264, NULL);
    for (unsigned i = 0; i < 100; i++) {
        test_depack_packet(&test, (struct span){ payload, sizeof(payload) }, false);
        payload[1] = 0x05;
    }
    /* One byte, the header, is depack's own. */
    assert_int_equal(test.depack->span_count, 101);
    assert_int_equal(test.depack->blocks->len, 1);
    assert_null(test.depack->blocks->next);
    test_depack_fini(&test);
}

/* Units that are joined only to be thrown away do not pile up. */
static void joined_units_have_a_limit(void **state)
{
    static uint8_t     payload[60000] = "\x7c\xc7\0\0\1\x78";
    struct test_depack test;
    test_depack_init(&test, CODEC_H264, NULL);
    memset(payload + 6, 0x7f, sizeof(payload) - 6);
    for (unsigned i = 0; i < 2 * DEPACK_MAX_BYTES / sizeof(payload); i++) {
        size_t joined = 0;
        test_depack_packet(&test, (struct span){ payload, sizeof(payload) }, false);
        for (struct depack_block *block = test.depack->blocks; block; block = block->next)
            joined += block->capacity;
        assert_true(joined <= DEPACK_MAX_BYTES + (1 << 20));
    }
    assert_int_equal(depack_held(test.depack), 0);
    test_depack_fini(&test);
}

TESTS(h264_comes_as_cameras_send_it, h265_comes_as_cameras_send_it, fragments_are_views,
      joined_units_have_a_limit)
