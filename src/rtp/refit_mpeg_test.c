#include "base/test.h"
#include "rtp/jpeg_format.h"
#include "rtp/test_depack.h"
#include "rtp/test_refit.h"

enum { MAX_PAYLOAD = 600, SEEDS = 300, MAX_BYTES = 9000, MAX_FRAMES = 8 };

static const struct payload_params no_params = { 0 };

struct frame {
    struct access_unit au;
    struct span        spans[MAX_FRAMES];
    struct au_unit     units[MAX_FRAMES];
    uint8_t            bytes[MAX_FRAMES][MAX_BYTES];
};

static void make(struct frame *frame, struct span head, unsigned count, uint32_t max_len,
                 uint64_t *seed)
{
    frame->au = (struct access_unit){ .spans = frame->spans,
                                      .units = frame->units,
                                      .unit_count = count,
                                      .is_keyframe = true,
                                      .unit_ticks = 1024 };
    for (unsigned i = 0; i < count; i++) {
        uint32_t len = (uint32_t)head.len + 1 + test_draw(seed, max_len - (uint32_t)head.len - 1);
        for (uint32_t k = 0; k < len; k++)
            frame->bytes[i][k] = (uint8_t)(1 + test_draw(seed, 255));
        memcpy(frame->bytes[i], head.p, head.len);
        frame->spans[i] = (struct span){ frame->bytes[i], len };
        frame->units[i] = (struct au_unit){ i, 1, len };
    }
}

static size_t make_jpeg_head(uint8_t out[JPEG_MAX_HEADERS], uint16_t restart_interval)
{
    struct jpeg_image image = { .width = 640, .height = 480 };
    image.restart_interval = restart_interval;
    memset(image.tables, 9, sizeof(image.tables));
    return jpeg_write_headers(&image, out);
}

/* Packets of a publisher with another limit: what a reader puts together is what was sent. */
static void check(const struct frame *frame, enum codec_id codec, size_t sent_payload,
                  size_t max_payload, const char *name)
{
    struct test_packets packets;
    struct test_refit   refit;
    struct test_depack  reader;
    assert_int_equal(test_packets_make(&packets, codec, &no_params, sent_payload, &frame->au), 0);
    test_refit_init(&refit, codec, max_payload);
    for (unsigned i = 0; i < packets.count; i++) {
        refit.ticks = packets.packets[i].ticks;
        test_refit_packet(&refit, packets.packets[i].payload, packets.packets[i].marker);
    }
    CHECK(refit.refit.dropped == 0 && refit.refit.orphans == 0, name);
    test_depack_init(&reader, codec, NULL);
    for (unsigned i = 0; i < refit.count; i++) {
        reader.ticks = refit.parts[i].part.ticks;
        test_depack_packet(&reader, test_refit_payload(&refit, i), refit.parts[i].part.marker);
    }
    unsigned units = 0;
    for (unsigned i = 0; i < reader.count; i++)
        for (unsigned k = 0; k < reader.aus[i].au.unit_count; k++, units++) {
            struct span want = frame->spans[units];
            struct span got = reader.aus[i].spans[k];
            /* A JPEG without its end gets one. */
            CHECK(span_equal(span_first(got, want.len), want), name);
            CHECK(got.len - want.len == (codec == CODEC_MJPEG ? 2 : 0), name);
        }
    CHECK(units == frame->au.unit_count, name);
    CHECK(refit.parts[0].part.starts_keyframe, name);
    test_depack_fini(&reader);
    test_refit_fini(&refit);
    test_packets_fini(&packets);
}

static void what_is_cut_anew_is_the_same(void **state)
{
    static struct frame frame;
    uint64_t            seed = 3;
    uint8_t             jpeg[JPEG_MAX_HEADERS];
    for (unsigned i = 0; i < SEEDS; i++) {
        size_t sent = PACK_MIN_PAYLOAD + test_draw(&seed, 4000);
        size_t max = 160 + test_draw(&seed, REFIT_MAX_UDP_PAYLOAD - 160);
        make(&frame, BYTES("\0\0\1\xb6\x10"), 1, MAX_BYTES, &seed);
        check(&frame, CODEC_MPEG4_VIDEO, sent, max, "MPEG-4 Visual");
        size_t head = make_jpeg_head(jpeg, (uint16_t)test_draw(&seed, 2));
        make(&frame, (struct span){ jpeg, head }, 1, MAX_BYTES, &seed);
        check(&frame, CODEC_MJPEG, sent, max, "M-JPEG");
        make(&frame, BYTES("\1"), 1 + test_draw(&seed, MAX_FRAMES), 2000, &seed);
        check(&frame, CODEC_MPEG4_AUDIO, sent, max, "MPEG-4 Audio");
    }
}

/* Bytes flow from packet to packet, so that all parts but the last are full. */
static void parts_are_full(void **state)
{
    static uint8_t    bytes[1000];
    struct test_refit refit;
    memcpy(bytes, "\0\0\0\0\1\x32\x28\x1e", 8);
    test_refit_init(&refit, CODEC_MJPEG, MAX_PAYLOAD);
    test_refit_packet(&refit, (struct span){ bytes, 1000 }, false);
    bytes[2] = 992 >> 8;
    bytes[3] = (uint8_t)992;
    test_refit_packet(&refit, (struct span){ bytes, 500 }, true);
    assert_int_equal(refit.count, 3);
    assert_int_equal(test_refit_payload(&refit, 0).len, MAX_PAYLOAD);
    assert_int_equal(test_refit_payload(&refit, 1).len, MAX_PAYLOAD);
    assert_int_equal(test_refit_payload(&refit, 2).len, 992 + 492 - 2 * 592 + 8);
    assert_memory_equal(test_refit_payload(&refit, 1).p, "\0\0\x02\x50\1\x32\x28\x1e", 8);
    assert_memory_equal(test_refit_payload(&refit, 2).p, "\0\0\x04\xa0\1\x32\x28\x1e", 8);
    assert_true(refit.parts[2].part.marker && !refit.parts[1].part.marker);
    assert_true(refit.parts[0].part.starts_keyframe && !refit.parts[1].part.starts_frame);
    test_refit_fini(&refit);
}

static void a_hole_ends_a_picture(void **state)
{
    static uint8_t    bytes[1000] = "\0\0\1\xb6\x10";
    struct test_refit refit;
    test_refit_init(&refit, CODEC_MPEG4_VIDEO, MAX_PAYLOAD);
    test_refit_packet(&refit, (struct span){ bytes, 1000 }, false);
    refit.seq++;
    test_refit_packet(&refit, (struct span){ bytes, 1000 }, true);
    assert_int_equal(refit.count, 1);
    assert_int_equal(refit.refit.orphans, 1);
    refit.ticks += 3000;
    test_refit_packet(&refit, (struct span){ bytes, 10 }, true);
    assert_int_equal(refit.count, 2);
    assert_true(refit.parts[1].part.is_after_gap && refit.parts[1].part.starts_keyframe);
    test_refit_fini(&refit);
}

static void frames_of_audio_keep_their_time(void **state)
{
    static uint8_t    payload[2 + 6 + 900] = "\0\x30\x09\x60\x09\x60\x09\x60"; /* three of 300 */
    struct test_refit refit;
    test_refit_init(&refit, CODEC_MPEG4_AUDIO, MAX_PAYLOAD + 10);
    test_refit_packet(&refit, (struct span){ payload, sizeof(payload) }, true);
    assert_int_equal(refit.count, 2);
    assert_int_equal(test_refit_payload(&refit, 0).len, 6 + 600);
    assert_int_equal(refit.parts[1].part.ticks - refit.parts[0].part.ticks, 2 * 1024);
    assert_true(refit.parts[0].part.starts_frame && refit.parts[1].part.starts_frame);
    test_refit_fini(&refit);
}

static void what_can_not_be_cut_may_pass(void **state)
{
    static uint8_t    payload[REFIT_MAX_UDP_PAYLOAD];
    struct test_refit refit;
    test_refit_init(&refit, CODEC_OPUS, MAX_PAYLOAD);
    refit_pass_large(&refit.refit);
    refit.passes_large = true;
    test_refit_packet(&refit, (struct span){ payload, sizeof(payload) }, true);
    assert_int_equal(refit.count, 1);
    assert_int_equal(refit.refit.dropped, 0);
    test_refit_fini(&refit);
}

TESTS(what_is_cut_anew_is_the_same, parts_are_full, a_hole_ends_a_picture,
      frames_of_audio_keep_their_time, what_can_not_be_cut_may_pass)
