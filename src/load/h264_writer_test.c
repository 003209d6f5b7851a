#include "load/h264_writer.h"

#include "base/auto.h"
#include "base/test.h"
#include "codec/h26x.h"

static const struct size_case {
    const char       *name;
    struct h264_video video;
    uint8_t           level;
    size_t            idr_bytes; /* a byte a macroblock, and the slice header */
} sizes[] = {
    { "smallest", { 16, 16, 25000, 64000 }, 10, 5 },
    { "cropped by one sample", { 18, 16, 25000, 64000 }, 10, 6 },
    { "bitrate asks for more", { 176, 144, 15000, 1000000 }, 20, 103 },
    { "HD ready", { 1280, 720, 25000, 1000000 }, 31, 3604 },
    { "twice the rate", { 1280, 720, 50000, 1000000 }, 32, 3604 },
    { "full HD, a last row that is cropped", { 1920, 1080, 29970, 4000000 }, 40, 8164 },
    { "a fast one", { 1920, 1080, 60000, 4000000 }, 42, 8164 },
    { "a strip is limited by its length", { 4096, 16, 1000, 64000 }, 40, 260 },
    { "8K", { 7680, 4320, 30000, 50000000 }, 60, 129604 },
    { "largest", { 8192, 4352, 120000, 50000000 }, 62, 139268 },
    { "more than any level has", { 8192, 4352, 1000000, 50000000 }, 62, 139268 },
};

/* Two zeros may only be followed by 3 and what it protects, or by more than 3 (7.4.1). */
static bool is_escaped(const struct buf *nal)
{
    for (size_t i = 0; i + 3 < nal->len; i++) {
        const uint8_t *p = nal->p + i;
        if (p[0] == 0 && p[1] == 0 && (p[2] < 3 || (p[2] == 3 && p[3] > 3)))
            return false;
    }
    return nal->len > 1 && nal->p[nal->len - 1] != 0;
}

static void parameter_sets_say_size_and_level(void **state)
{
    for (size_t i = 0; i < COUNT(sizes); i++) {
        const struct size_case   *c = &sizes[i];
        AUTO(buf_fini) struct buf sps = { 0 };
        struct h26x_size          size;
        CHECK(h264_video_check(&c->video, NULL) == 0, c->name);
        h264_write_sps(&sps, &c->video);
        CHECK(h264_parse_sps(buf_span(&sps), &size) == 0, c->name);
        CHECK(size.width == c->video.width && size.height == c->video.height, c->name);
        CHECK(sps.p[0] == 0x67 && sps.p[1] == 66 && sps.p[2] == 0xc0, c->name);
        CHECK(sps.p[3] == c->level, c->name);
        CHECK(is_escaped(&sps), c->name);
    }
}

static void picture_parameters_are_the_plainest(void **state)
{
    AUTO(buf_fini) struct buf pps = { 0 };
    h264_write_pps(&pps);
    CHECK(span_equal(buf_span(&pps), BYTES("\x68\xce\x3c\x80")), "pps");
}

static void a_keyframe_has_a_byte_a_macroblock(void **state)
{
    for (size_t i = 0; i < COUNT(sizes); i++) {
        AUTO(buf_fini) struct buf idr = { 0 };
        h264_write_idr(&idr, &sizes[i].video);
        CHECK(idr.len == sizes[i].idr_bytes, sizes[i].name);
        CHECK(idr.p[0] == 0x65 && is_escaped(&idr), sizes[i].name);
    }
}

static void renumbered_is_as_if_written_so(void **state)
{
    for (size_t i = 0; i < COUNT(sizes); i++) {
        AUTO(buf_fini) struct buf patched = { 0 };
        h264_write_repeat(&patched, &sizes[i].video, 1);
        for (unsigned number = 0; number < 34; number++) {
            AUTO(buf_fini) struct buf written = { 0 };
            h264_write_repeat(&written, &sizes[i].video, number);
            h264_renumber_repeat(patched.p, number);
            CHECK(span_equal(buf_span(&patched), buf_span(&written)), sizes[i].name);
            CHECK(written.p[0] == 0x41 && written.len <= 13 && is_escaped(&written), sizes[i].name);
        }
    }
}

static void pictures_in_a_row_have_other_numbers(void **state)
{
    AUTO(buf_fini) struct buf first = { 0 };
    AUTO(buf_fini) struct buf second = { 0 };
    h264_write_repeat(&first, &sizes[3].video, 15);
    h264_write_repeat(&second, &sizes[3].video, 16);
    CHECK(!span_equal(buf_span(&first), buf_span(&second)), "15 and 16");
    first.len = 0;
    h264_write_repeat(&first, &sizes[3].video, 0);
    CHECK(span_equal(buf_span(&first), buf_span(&second)), "frame_num wraps at 16");
}

static void filler_is_exactly_as_long_as_asked(void **state)
{
    static const struct {
        const char *name;
        size_t      size;
        struct span want;
    } cases[] = {
        { "least", 2, BYTES("\x0c\x80") },
        { "one more", 3, BYTES("\x0c\xff\x80") },
        { "several", 6, BYTES("\x0c\xff\xff\xff\xff\x80") },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO(buf_fini) struct buf filler = { 0 };
        h264_write_filler(&filler, cases[i].size);
        CHECK(span_equal(buf_span(&filler), cases[i].want), cases[i].name);
    }
    AUTO(buf_fini) struct buf large = { 0 };
    h264_write_filler(&large, 100000);
    CHECK(large.len == 100000, "large");
}

static void impossible_sizes_are_refused(void **state)
{
    static const struct {
        const char       *name;
        struct h264_video video;
        const char       *says;
    } cases[] = {
        { "odd width", { 641, 480, 25000, 1000000 }, "even" },
        { "odd height", { 640, 481, 25000, 1000000 }, "even" },
        { "too narrow", { 14, 480, 25000, 1000000 }, "allowed" },
        { "nothing", { 0, 0, 25000, 1000000 }, "allowed" },
        { "too wide", { 8194, 480, 25000, 1000000 }, "allowed" },
        { "too high", { 640, 4354, 25000, 1000000 }, "allowed" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct errmsg why = { "" };
        CHECK(h264_video_check(&cases[i].video, &why) < 0, cases[i].name);
        CHECK(strstr(why.text, cases[i].says), cases[i].name);
    }
}

TESTS(parameter_sets_say_size_and_level, picture_parameters_are_the_plainest,
      a_keyframe_has_a_byte_a_macroblock, renumbered_is_as_if_written_so,
      pictures_in_a_row_have_other_numbers, filler_is_exactly_as_long_as_asked,
      impossible_sizes_are_refused)
