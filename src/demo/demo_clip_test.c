#include "demo/demo_clip.h"

#include "base/mem.h"
#include "base/test.h"
#include "codec/codec.h"
#include "codec/h26x.h"

enum {
    IDR_PERIOD = 50,         /* pictures: 2 s */
    MAX_PICTURE = 16 * 1024, /* bytes; a keyframe that is a burst would be a bad example */
    MAX_PACKET = 400,        /* bytes: 160 kbit/s */
    MAX_CLIP = 500 * 1000,
};

static void video_and_audio_last_equally_long(void **state)
{
    uint64_t video_ticks = (uint64_t)demo_clip_video_count() * DEMO_CLIP_PICTURE_TICKS;
    uint64_t audio_ticks = (uint64_t)demo_clip_audio_count() * DEMO_CLIP_PACKET_TICKS;
    assert_int_equal(demo_clip_video_count(), 150);
    assert_int_equal(demo_clip_audio_count(), 300);
    assert_int_equal(video_ticks * DEMO_CLIP_AUDIO_CLOCK_HZ,
                     audio_ticks * DEMO_CLIP_VIDEO_CLOCK_HZ);
}

/* What the NAL units of an access unit are, one character each. */
static void types_of(struct span unit, char *out, size_t size)
{
    static const char names[32] = {
        [H264_NAL_SPS] = 'S', [H264_NAL_PPS] = 'P', [H264_NAL_IDR] = 'I', [H264_NAL_SLICE] = 's'
    };
    struct span nal;
    size_t      used = 0;
    while (h26x_next_annexb(&unit, &nal)) {
        char name = names[nal.p[0] & 0x1f];
        assert_true(used + 1 < size);
        out[used++] = name ? name : '?';
    }
    out[used] = '\0';
}

static void an_idr_comes_with_its_sets_every_two_seconds(void **state)
{
    for (unsigned n = 0; n < demo_clip_video_count(); n++) {
        char types[8];
        types_of(demo_clip_video(n), types, sizeof(types));
        assert_string_equal(types, n % IDR_PERIOD == 0 ? "SPI" : "s");
    }
}

static void units_are_whole_and_of_modest_size(void **state)
{
    size_t total = 0;
    for (unsigned n = 0; n < demo_clip_video_count(); n++) {
        struct span unit = demo_clip_video(n);
        assert_in_range(unit.len, 8, MAX_PICTURE);
        assert_true(memcmp(unit.p, "\0\0\1", 3) == 0 || memcmp(unit.p, "\0\0\0\1", 4) == 0);
        /* One behind the other, so that nothing was left out between them. */
        if (n > 0)
            assert_ptr_equal(unit.p, demo_clip_video(n - 1).p + demo_clip_video(n - 1).len);
        total += unit.len;
    }
    for (unsigned n = 0; n < demo_clip_audio_count(); n++) {
        assert_in_range(demo_clip_audio(n).len, 2, MAX_PACKET);
        total += demo_clip_audio(n).len;
    }
    assert_in_range(total, 100 * 1000, MAX_CLIP);
}

static void sets_say_what_the_header_says(void **state)
{
    struct h26x_size size;
    struct span      sps = demo_clip_sps(), pps = demo_clip_pps();
    assert_int_equal(h264_parse_sps(sps, &size), 0);
    assert_int_equal(size.width, DEMO_CLIP_WIDTH);
    assert_int_equal(size.height, DEMO_CLIP_HEIGHT);
    assert_int_equal(h264_inspect(pps), CODEC_HAS_PARAMS);
    /* Constrained baseline, which has no B-frames and which every browser plays. */
    assert_true(sps.p[1] == 66 && sps.p[2] & 0x40);
}

/* RFC 6716, section 3.1: the first byte says configuration, stereo, frames in the packet. */
static void packets_are_of_20_ms_in_stereo(void **state)
{
    for (unsigned n = 0; n < demo_clip_audio_count(); n++) {
        uint8_t  toc = demo_clip_audio(n).p[0];
        unsigned config = toc >> 3;
        bool     is_20_ms = config < 12   ? config % 4 == 1
                            : config < 16 ? config % 2 == 1
                                          : config % 4 == 3;
        assert_true(is_20_ms && (toc & 3) == 0);
        assert_true(toc & 4);
    }
}

static void reading_allocates_nothing(void **state)
{
    uint64_t before = mem_allocations();
    for (unsigned n = 0; n < demo_clip_video_count(); n++)
        (void)demo_clip_video(n);
    for (unsigned n = 0; n < demo_clip_audio_count(); n++)
        (void)demo_clip_audio(n);
    assert_int_equal(mem_allocations(), before);
}

TESTS(video_and_audio_last_equally_long, an_idr_comes_with_its_sets_every_two_seconds,
      units_are_whole_and_of_modest_size, sets_say_what_the_header_says,
      packets_are_of_20_ms_in_stereo, reading_allocates_nothing)
