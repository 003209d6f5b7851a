#include "base/test.h"
#include "rtp/jpeg_format.h"
#include "rtp/test_depack.h"

enum { MARKER = TEST_MARKER, NEW_TIME = TEST_NEW_TIME, LOST = TEST_LOST };

static const struct test_case {
    const char        *name;
    enum codec_id      codec;
    struct test_packet packets[TEST_MAX_PACKETS];
    const char        *want; /* as test_depack_show() says it */
} cases[] = {
    { "AV1, lengths", CODEC_AV1, { { BYTES("\x08\x02\012a\x02\060b"), MARKER } }, "K[<0a>a,0b]" },
    { "AV1, last one without length",
      CODEC_AV1,
      { { BYTES("\x20\x02\060a\060b"), MARKER } },
      "[0a,0b]" },
    { "AV1, fragments",
      CODEC_AV1,
      { { BYTES("\x50\060a"), 0 }, { BYTES("\320b"), 0 }, { BYTES("\220c"), MARKER } },
      "[0abc]" },
    { "AV1, temporal delimiter", CODEC_AV1, { { BYTES("\x20\x02\x12\0\060a"), MARKER } }, "[0a]" },
    { "AV1, empty OBU", CODEC_AV1, { { BYTES("\x20\x00\060a"), MARKER } }, "[0a]" },
    { "AV1, a length too large", CODEC_AV1, { { BYTES("\0\x01\x30\011a"), MARKER } }, "D[0]" },
    { "AV1, fragment that never ends",
      CODEC_AV1,
      { { BYTES("\x50\060a"), 0 }, { BYTES("\x10\060b"), MARKER } },
      "D[0b]" },
    { "AV1, fragment of nothing",
      CODEC_AV1,
      { { BYTES("\220c"), MARKER }, { BYTES("\x10\060b"), MARKER | NEW_TIME } },
      "G[0b]" },
    { "AV1, loss in a fragment",
      CODEC_AV1,
      { { BYTES("\x60\x01\x30\060a"), 0 }, { BYTES("x"), LOST }, { BYTES("\220c"), MARKER } },
      "D[0]" },
    { "VP8",
      CODEC_VP8,
      { { BYTES("\x10\060a"), 0 },
        { BYTES("\0"
                "b"),
          MARKER },
        { BYTES("\x90\x80\x81\x02\061c"), MARKER | NEW_TIME } },
      "K[0ab] [1c]" },
    { "VP8, begins amid a picture",
      CODEC_VP8,
      { { BYTES("\0"
                "b"),
          MARKER },
        { BYTES("\x10\061c"), MARKER | NEW_TIME } },
      "G[1c]" },
    { "VP8, loss",
      CODEC_VP8,
      { { BYTES("\x10\060a"), 0 },
        { BYTES("x"), LOST },
        { BYTES("\0"
                "b"),
          MARKER },
        { BYTES("\x10\061c"), MARKER | NEW_TIME } },
      "G[1c]" },
    { "VP8, descriptor cut short",
      CODEC_VP8,
      { { BYTES("\x90\x80"), MARKER }, { BYTES("\x10\061c"), MARKER | NEW_TIME } },
      "G[1c]" },
    { "VP9, layers",
      CODEC_VP9,
      { { BYTES("\xac\x80\x01\0\0"
                "a"),
          0 },
        { BYTES("\xac\x80\x01\3\0"
                "b"),
          MARKER },
        { BYTES("\xcc\x80\002c"), MARKER | NEW_TIME } },
      "K[a,b] [c]" },
    { "VP9, fragments",
      CODEC_VP9,
      { { BYTES("\x88\1"
                "a"),
          0 },
        { BYTES("\x80\1"
                "b"),
          0 },
        { BYTES("\x84\1"
                "c"),
          MARKER } },
      "K[abc]" },
    { "VP9, scalability structure",
      CODEC_VP9,
      { { BYTES("\x0e\x10\1\2\3\4"
                "a"),
          MARKER } },
      "K[a]" },
    { "VP9, structure cut short", CODEC_VP9, { { BYTES("\x0e\x10\1"), MARKER } }, "" },
    { "VP9, a layer without its beginning",
      CODEC_VP9,
      { { BYTES("\xa4\x80\x01\0\0"
                "a"),
          0 },
        { BYTES("\xac\x80\x01\3\0"
                "b"),
          MARKER } },
      "D[b]" },
    { "MPEG-4, I",
      CODEC_MPEG4_VIDEO,
      { { BYTES("\0\0\1\xb0\1\0\0\1"), 0 }, { BYTES("\xb6\x10"), MARKER } },
      "K[<00><00><01><b0><01><00><00><01><b6><10>]" },
    { "MPEG-4, P",
      CODEC_MPEG4_VIDEO,
      { { BYTES("\0\0\1\xb6\x50"), MARKER } },
      "[<00><00><01><b6>P]" },
    { "MPEG-2, I, extension",
      CODEC_MPEG1_VIDEO,
      { { BYTES("\4\0\0\0\0\0\0\0\0\0\1\0\0\x08"), 0 }, { BYTES("\0\0\0\0x"), MARKER } },
      "K[<00><00><01><00><00><08>x]" },
    { "MPEG-2, P",
      CODEC_MPEG1_VIDEO,
      { { BYTES("\0\0\0\0\0\0\1\0\0\x10"), MARKER } },
      "[<00><00><01><00><00><10>]" },
    { "MPEG-2, begins with a slice",
      CODEC_MPEG1_VIDEO,
      { { BYTES("\0\0\0\0\0\0\1\1x"), MARKER } },
      "" },
    { "MPEG-2, header cut short",
      CODEC_MPEG1_VIDEO,
      { { BYTES("\4\0\0\0\0\0\0\0"), MARKER } },
      "" },
};

static void pictures_are_put_together(void **state)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_depack test;
        test_depack_run(&test, cases[i].codec, cases[i].packets);
        if (strcmp(test_depack_show(&test), cases[i].want) != 0)
            print_error("got %s, want %s\n", test_depack_show(&test), cases[i].want);
        CHECK(strcmp(test_depack_show(&test), cases[i].want) == 0, cases[i].name);
        test_depack_fini(&test);
    }
}

#define TABLES_32 "0123456789abcdef0123456789abcdef"
#define TABLES    TABLES_32 TABLES_32 TABLES_32 TABLES_32
#define SIZE      "\x28\x1e" /* 320 x 240 */

static const struct jpeg_case {
    const char        *name;
    struct test_packet packets[TEST_MAX_PACKETS];
    unsigned           count;
    bool               is_after_gap;
} jpeg_cases[] = {
    { "tables in band",
      { { BYTES("\0\0\0\0\1\xff" SIZE "\0\0\0\x80" TABLES "ab"), 0 },
        { BYTES("\0\0\0\2\1\xff" SIZE "cd"), MARKER } },
      1,
      false },
    { "one table for both",
      { { BYTES("\0\0\0\0\1\xff" SIZE "\0\0\0\x40" TABLES_32 TABLES_32 "abcd"), MARKER } },
      1,
      false },
    { "tables of a quality", { { BYTES("\0\0\0\0\1\x32" SIZE "abcd"), MARKER } }, 1, false },
    { "tables that came before",
      { { BYTES("\0\0\0\0\1\x80" SIZE "\0\0\0\x80" TABLES "abcd"), MARKER },
        { BYTES("\0\0\0\0\1\x80" SIZE "\0\0\0\0"
                "abcd"),
          MARKER | NEW_TIME } },
      2,
      false },
    { "tables that never came",
      { { BYTES("\0\0\0\0\1\x80" SIZE "\0\0\0\0"
                "abcd"),
          MARKER } },
      0,
      false },
    { "a fragment missing, unnoticed",
      { { BYTES("\0\0\0\0\1\x32" SIZE "ab"), 0 }, { BYTES("\0\0\0\3\1\x32" SIZE "d"), MARKER } },
      0,
      false },
    { "first fragment missing",
      { { BYTES("\0\0\0\2\1\x32" SIZE "cd"), MARKER },
        { BYTES("\0\0\0\0\1\x32" SIZE "abcd"), MARKER | NEW_TIME } },
      1,
      true },
    { "restart intervals",
      { { BYTES("\0\0\0\0\x41\x32" SIZE "\0\4\xff\377abcd"), MARKER } },
      1,
      false },
    { "reserved quality", { { BYTES("\0\0\0\0\1\x64" SIZE "abcd"), MARKER } }, 0, false },
    { "unknown type", { { BYTES("\0\0\0\0\2\x32" SIZE "abcd"), MARKER } }, 0, false },
    { "no size",
      { { BYTES("\0\0\0\0\1\x32\0\0"
                "abcd"),
          MARKER } },
      0,
      false },
    { "tables of 16 bits",
      { { BYTES("\0\0\0\0\1\xff" SIZE "\0\1\0\x80" TABLES "abcd"), MARKER } },
      0,
      false },
    { "tables cut short", { { BYTES("\0\0\0\0\1\xff" SIZE "\0\0\0\200abcd"), MARKER } }, 0, false },
};

static void jpegs_get_their_headers(void **state)
{
    for (size_t i = 0; i < COUNT(jpeg_cases); i++) {
        struct test_depack test;
        test_depack_run(&test, CODEC_MJPEG, jpeg_cases[i].packets);
        CHECK(test.count == jpeg_cases[i].count, jpeg_cases[i].name);
        for (unsigned k = 0; k < test.count; k++) {
            struct span       jpeg = test_unit(&test, k, 0);
            struct jpeg_image image;
            size_t            scan_at;
            CHECK(jpeg_parse_headers(jpeg, &image, &scan_at) == 0, jpeg_cases[i].name);
            CHECK(image.width == 320 && image.height == 240, jpeg_cases[i].name);
            CHECK(span_is(span_skip(jpeg, scan_at), "abcd\xff\xd9"), jpeg_cases[i].name);
            CHECK(test.aus[k].au.is_after_gap == jpeg_cases[i].is_after_gap, jpeg_cases[i].name);
        }
        test_depack_fini(&test);
    }
}

static void qualities_scale_tables(void **state)
{
    uint8_t tables[JPEG_TABLES];
    jpeg_make_tables(50, tables);
    assert_int_equal(tables[0], 16);
    assert_int_equal(tables[127], 99);
    jpeg_make_tables(99, tables);
    assert_int_equal(tables[1], 1);
    jpeg_make_tables(1, tables);
    assert_int_equal(tables[0], 255);
    jpeg_make_tables(25, tables);
    assert_int_equal(tables[0], 32);
}

TESTS(pictures_are_put_together, jpegs_get_their_headers, qualities_scale_tables)
