#include "base/test.h"
#include "rtp/test_refit.h"

enum { LIMIT = 64, NOISE = 4000 };

/* What goes in: `len` bytes with this descriptor in front. */
struct packet {
    struct span descriptor;
    size_t      len;
    enum { END = 1, TIME = 2, LOSS = 4 } flags; /* has a marker; is of another time; one is lost */
};

struct vpx_case {
    const char   *name;
    struct packet packets[5]; /* those with a descriptor */
    const char   *want;
};

static uint8_t noise_at(size_t at)
{
    return (uint8_t)(at * 7 + at / 256);
}

/* Parts, written down: descriptor, size of what is behind it, and as in refit_h26x_test.c. */
static void run(enum codec_id codec, const struct vpx_case *test_case)
{
    struct test_refit test;
    char              got[1024] = "";
    uint8_t           bytes[NOISE];
    size_t            at = 0;
    test_refit_init(&test, codec, LIMIT);
    for (const struct packet *packet = test_case->packets; packet->descriptor.p; packet++) {
        memcpy(bytes, packet->descriptor.p, packet->descriptor.len);
        for (size_t i = 0; i < packet->len; i++)
            bytes[packet->descriptor.len + i] = noise_at(at++);
        test.ticks += packet->flags & TIME ? 3600 : 0;
        test.seq += packet->flags & LOSS ? 1 : 0;
        test_refit_packet(&test, (struct span){ bytes, packet->descriptor.len + packet->len },
                          packet->flags & END);
    }
    for (unsigned i = 0; i < test.count; i++) {
        const struct refit_part *part = &test.parts[i].part;
        char                    *end = got + strlen(got);
        (void)sprintf(end, "%s%s%s%s%02x:%zu%s%s", i ? " " : "", part->is_after_gap ? "~" : "",
                      part->starts_frame ? "+" : "", part->starts_keyframe ? "*" : "",
                      test.parts[i].bytes[0], part->payload.len, part->is_own ? "c" : "",
                      part->marker ? "!" : "");
    }
    if (strcmp(got, test_case->want) != 0)
        print_error("want %s\ngot  %s\n", test_case->want, got);
    CHECK(strcmp(got, test_case->want) == 0, test_case->name);
    test_refit_fini(&test);
}

/* The noise is even and odd in turn: a keyframe of VP8 begins with an even byte. */
static void vp8_frames_are_cut(void **state)
{
    static const struct vpx_case cases[] = {
        { "that fits", { { BYTES("\x10"), 63, END } }, "+*10:64!" },
        { "one byte over", { { BYTES("\x10"), 64, END } }, "+*10:64c 00:2c!" },
        { "exactly two parts", { { BYTES("\x10"), 126, END } }, "+*10:64c 00:64c!" },
        { "one byte more", { { BYTES("\x10"), 127, END } }, "+*10:64c 00:64c 00:2c!" },
        { "the longest descriptor",
          { { BYTES("\x90\xf0\x81\2\3\4"), 59, END } },
          "+*90:64c 80:7c!" },
        { "packets flow on",
          { { BYTES("\x10"), 70, 0 }, { BYTES("\0"), 70, 0 }, { BYTES("\0"), 10, END } },
          "+*10:64c 00:64c 00:25c!" },
        { "small ones behind a large one",
          { { BYTES("\x10"), 70, 0 }, { BYTES("\0"), 20, 0 }, { BYTES("\0"), 20, END } },
          "+*10:64c 00:48c!" },
        { "a large one behind a small one",
          { { BYTES("\x10"), 20, 0 }, { BYTES("\0"), 70, END } },
          "+*10:21 00:64c 00:8c!" },
        { "not the first packet",
          { { BYTES("\0"), 21, 0 }, { BYTES("\x10"), 20, END } },
          "+10:21!" },
        { "another partition",
          { { BYTES("\x10"), 70, 0 }, { BYTES("\x11"), 70, 0 }, { BYTES("\1"), 5, END } },
          "+*10:64c 00:8c 11:64c 01:13c!" },
        { "of which the parts say the number",
          { { BYTES("\x10"), 70, 0 }, { BYTES("\1"), 70, END } },
          "+*10:64c 00:64c 01:15c!" },
        { "no marker, another time",
          { { BYTES("\x10"), 70, 0 }, { BYTES("\x10"), 5, END | TIME } },
          "+*10:64c 00:8c! +*10:6!" },
        { "the descriptor alone", { { BYTES("\x10"), 0, END } }, "" },
        { "cut short", { { BYTES("\x90\x80"), 0, END } }, "" },
        { "a fragment is lost",
          { { BYTES("\x10"), 70, 0 }, { BYTES("\0"), 70, END | LOSS }, { BYTES("\x10"), 5, END } },
          "+*10:64c ~+*10:6!" },
        { "one that passes",
          { { BYTES("\x10"), 7, 0 }, { BYTES("\0"), 7, END | LOSS }, { BYTES("\x10"), 5, END } },
          "+*10:8 ~+*10:6!" },
        { "up to the next frame, not partition",
          { { BYTES("\x10"), 7, 0 }, { BYTES("\x11"), 70, END | LOSS }, { BYTES("\x10"), 5, END } },
          "+*10:8 ~+10:6!" },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        run(CODEC_VP8, &cases[i]);
}

#define PICTURE  "\xa4\x81\x02\x00\x07"                 /* I, L, 15 bits */
#define FLEXIBLE "\xfc\x01\x00\x03\x05\x06"             /* I, P, L, F, B, E, three references */
#define SIZES    "\x18\x02\x80\x01\xe0\x02\x04\x14\x00" /* Y, G: one layer, two pictures */

static void vp9_frames_are_cut(void **state)
{
    static const struct vpx_case cases[] = {
        { "that fits", { { BYTES("\x0c"), 63, END } }, "+*0c:64!" },
        { "one byte over", { { BYTES("\x0c"), 64, END } }, "+*08:64c 04:2c!" },
        { "exactly two parts", { { BYTES("\x0c"), 126, END } }, "+*08:64c 04:64c!" },
        { "three", { { BYTES("\x0c"), 127, END } }, "+*08:64c 00:64c 04:2c!" },
        { "no keyframe", { { BYTES("\x4c"), 64, END } }, "+48:64c 44:2c!" },
        { "a picture id and layers", { { BYTES("\xac\x81\2\0\7"), 64, END } }, "+*a8:64c a4:10c!" },
        { "references", { { BYTES(FLEXIBLE), 59, END } }, "+f8:64c f4:7c!" },
        { "the structure is in the first part",
          { { BYTES("\x8e\1" SIZES), 100, END } },
          "+*8a:64c 84:49c!" },
        { "a structure that fits", { { BYTES("\x8e\1" SIZES), 53, END } }, "+*8e:64!" },
        { "packets flow on",
          { { BYTES("\x08"), 70, 0 }, { BYTES("\0"), 70, 0 }, { BYTES("\4"), 10, END } },
          "+*08:64c 00:64c 04:25c!" },
        { "the end is a part",
          { { BYTES("\x08"), 70, 0 }, { BYTES("\4"), 56, END } },
          "+*08:64c 04:64c!" },
        { "layers",
          { { BYTES("\x08"), 70, 0 }, { BYTES("\4"), 10, 0 }, { BYTES("\x4c"), 70, END } },
          "+*08:64c 04:18c 48:64c 44:8c!" },
        { "no end, another layer",
          { { BYTES("\x08"), 70, 0 }, { BYTES("\x4c"), 70, END } },
          "+*08:64c 04:8c 48:64c 44:8c!" },
        { "no end, but a marker", { { BYTES("\x08"), 70, END } }, "+*08:64c 04:8c!" },
        { "no end, another time",
          { { BYTES("\x08"), 70, 0 }, { BYTES("\x4c"), 7, END | TIME } },
          "+*08:64c 04:8c! +4c:8!" },
        { "a large one behind a small one",
          { { BYTES("\x08"), 20, 0 }, { BYTES("\4"), 70, END } },
          "+*08:21 00:64c 04:8c!" },
        { "the descriptor alone", { { BYTES("\x8c\1"), 0, END } }, "" },
        { "a picture id cut short", { { BYTES("\x8c"), 0, END } }, "" },
        { "references cut short", { { BYTES("\x5c\1\1"), 0, END } }, "" },
        { "no structure", { { BYTES("\x0e"), 0, END } }, "" },
        { "a structure cut short", { { BYTES("\x0e\x08"), 0, END } }, "" },
        { "in its pictures", { { BYTES("\x0e\x08\2\0"), 0, END } }, "" },
        { "in its sizes",
          { { BYTES("\x0e\xf0"
                    "12345678"),
              0, END } },
          "" },
        { "a structure larger than a part",
          { { BYTES("\x0e\x08\xff"), 400, END }, { BYTES("\x4c"), 7, END } },
          "+4c:8!" },
        { "a fragment is lost",
          { { BYTES("\x08"), 70, 0 }, { BYTES("\4"), 70, LOSS }, { BYTES("\x4c"), 5, END } },
          "+*08:64c ~4c:6!" },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        run(CODEC_VP9, &cases[i]);
}

/* Random frames in random packets; a frame that a receiver takes for whole is one that was sent. */
enum { FRAMES = 60, SEEDS = 40, MAX_FRAME = 2000 };

struct frames {
    uint64_t          seed;
    bool              is_vp9;
    unsigned          loss; /* in 1000 */
    struct test_refit test;
    struct frame {
        size_t  len;
        uint8_t p[MAX_FRAME];
    } sent[FRAMES];
};

static void send_frame(struct frames *frames, struct frame *frame, unsigned index)
{
    enum { VP8_S = 0x10, VP9_B = 0x08, VP9_E = 0x04 };
    uint8_t packet[1 + MAX_FRAME];
    size_t  piece = 1 + test_draw(&frames->seed, test_draw(&frames->seed, 2) ? 200 : 70);
    frame->len = 4 + test_draw(&frames->seed, MAX_FRAME - 4);
    for (size_t i = 0; i < frame->len; i++)
        frame->p[i] = (uint8_t)test_draw(&frames->seed, 256);
    frame->p[1] = (uint8_t)index;
    for (size_t at = 0, len; at < frame->len; at += len) {
        len = MIN(piece, frame->len - at);
        bool    is_last = at + len == frame->len;
        uint8_t first = frames->is_vp9 ? VP9_B : VP8_S;
        packet[0] = at == 0 ? first : 0;
        packet[0] |= frames->is_vp9 && is_last ? VP9_E : 0;
        memcpy(packet + 1, frame->p + at, len);
        if (test_draw(&frames->seed, 1000) < frames->loss)
            frames->test.seq++;
        else
            test_refit_packet(&frames->test, (struct span){ packet, 1 + len }, is_last);
    }
    frames->test.ticks += 3600;
}

/* Returns how many frames are whole. All parts of one are equal once one of them was cut. */
static unsigned receive_frames(const struct frames *frames)
{
    unsigned whole = 0;
    uint8_t  got[MAX_FRAME];
    size_t   len = 0;
    for (unsigned i = 0; i < frames->test.count; i++) {
        const struct refit_part *part = &frames->test.parts[i].part;
        struct span              payload = test_refit_payload(&frames->test, i);
        if (payload.p[0] & (frames->is_vp9 ? 0x08 : 0x10))
            len = 0;
        assert_true(part->marker || !part->is_own || payload.len == frames->test.refit.max_payload);
        if (frames->is_vp9)
            assert_int_equal(part->marker, (payload.p[0] & 0x04) != 0);
        assert_true(len + payload.len - 1 <= sizeof(got));
        memcpy(got + len, payload.p + 1, payload.len - 1);
        len += payload.len - 1;
        if (!part->marker)
            continue;
        const struct frame *frame = &frames->sent[got[1]];
        assert_int_equal(len, frame->len);
        assert_memory_equal(got, frame->p, len);
        whole++;
    }
    return whole;
}

static unsigned send_and_receive(unsigned seed, unsigned loss)
{
    static struct frames frames;
    frames = (struct frames){ .seed = seed, .is_vp9 = seed & 1, .loss = loss };
    test_refit_init(&frames.test, frames.is_vp9 ? CODEC_VP9 : CODEC_VP8, LIMIT + seed % 3);
    for (unsigned i = 0; i < FRAMES; i++)
        send_frame(&frames, &frames.sent[i], i);
    unsigned whole = receive_frames(&frames);
    test_refit_fini(&frames.test);
    return whole;
}

static void what_went_in_comes_out(void **state)
{
    for (unsigned seed = 0; seed < SEEDS; seed++)
        assert_int_equal(send_and_receive(seed, 0), FRAMES);
}

static void nothing_else_comes_out_when_packets_are_lost(void **state)
{
    unsigned whole = 0;
    for (unsigned seed = 0; seed < SEEDS; seed++)
        whole += send_and_receive(seed, 20);
    assert_in_range(whole, FRAMES * SEEDS / 10, FRAMES * SEEDS * 9 / 10);
}

TESTS(vp8_frames_are_cut, vp9_frames_are_cut, what_went_in_comes_out,
      nothing_else_comes_out_when_packets_are_lost)
