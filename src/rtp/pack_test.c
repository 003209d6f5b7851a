#include <errno.h>

#include "base/bytes.h"
#include "base/test.h"
#include "rtp/jpeg_format.h"
#include "rtp/test_depack.h"

enum { MAX_UNITS = 20 };

/* An access unit of units of these lengths; each begins with its head, the rest are letters. */
struct made {
    struct access_unit au;
    struct span        spans[MAX_UNITS];
    struct au_unit     units[MAX_UNITS];
    uint8_t            bytes[8192];
};

static void make(struct made *made, const char *head, size_t head_len, const unsigned *lens)
{
    size_t at = 0;
    *made = (struct made){ .au = { .ticks = 1000, .unit_ticks = 100 } };
    for (unsigned i = 0; i < MAX_UNITS && lens[i]; i++) {
        for (size_t k = 0; k < lens[i]; k++)
            made->bytes[at + k] = (uint8_t)('a' + k % 26);
        memcpy(made->bytes + at, head, MIN(head_len, (size_t)lens[i]));
        made->spans[i] = (struct span){ made->bytes + at, lens[i] };
        made->units[i] = (struct au_unit){ i, 1, lens[i] };
        at += lens[i];
        made->au.unit_count = i + 1;
    }
    ASSERT(at <= sizeof(made->bytes));
    made->au.spans = made->spans;
    made->au.units = made->units;
}

static const struct payload_params no_params = { 0 };
static const struct payload_params two_frames = { .latm_frames = 2 };
static const struct payload_params vorbis = { .vorbis_identity = 0x616263 };
static const struct payload_params stereo = { .channels = 2, .sample_bits = 16 };

#define HEAD(literal) (literal), sizeof(literal) - 1

static const struct test_case {
    const char                  *name;
    enum codec_id                codec;
    const struct payload_params *params;
    const char                  *head;
    size_t                       head_len;
    unsigned                     lens[MAX_UNITS];
    bool                         is_keyframe;
    const char                  *want; /* of each packet: length, first bytes, M, ticks if later */
} cases[] = {
    { "H264, one", CODEC_H264, &no_params, HEAD("\x65"), { 256 }, true, "256:6562M" },
    { "H264, one byte too large",
      CODEC_H264,
      &no_params,
      HEAD("\x65"),
      { 257 },
      true,
      "256:7c85 4:7c45M" },
    { "H264, several",
      CODEC_H264,
      &no_params,
      HEAD("\x67"),
      { 10, 4, 300, 7 },
      true,
      "19:7800 256:7c87 47:7c47 7:6762M" },
    { "H264, an aggregate that is just full",
      CODEC_H264,
      &no_params,
      HEAD("\x41"),
      { 100, 151 },
      false,
      "256:5800M" },
    { "H264, an aggregate too large",
      CODEC_H264,
      &no_params,
      HEAD("\x41"),
      { 100, 152 },
      false,
      "100:4162 152:4162M" },
    { "H265, several",
      CODEC_H265,
      &no_params,
      HEAD("\x40\1"),
      { 10, 4, 300 },
      true,
      "20:6001 256:6201 48:6201M" },
    { "AV1, small", CODEC_AV1, &no_params, HEAD("\x30"), { 3, 200 }, true, "207:0803M" },
    { "AV1, large",
      CODEC_AV1,
      &no_params,
      HEAD("\x30"),
      { 3, 300 },
      false,
      "5:0003 256:5030 47:802dM" },
    { "VP8", CODEC_VP8, &no_params, HEAD("\x30"), { 300 }, true, "256:1030 46:0076M" },
    { "VP9", CODEC_VP9, &no_params, HEAD(""), { 300 }, false, "256:c880 50:c480M" },
    { "VP9, layers",
      CODEC_VP9,
      &no_params,
      HEAD(""),
      { 10, 300 },
      true,
      "15:ac80 256:a880 54:a480M" },
    { "MPEG-4 Visual",
      CODEC_MPEG4_VIDEO,
      &no_params,
      HEAD("\0\0\1\xb6"),
      { 300 },
      true,
      "256:0000 44:7778M" },
    { "AAC",
      CODEC_MPEG4_AUDIO,
      &no_params,
      HEAD(""),
      { 100, 100, 100 },
      true,
      "206:0020M 104:0010M+200" },
    { "AAC, just full", CODEC_MPEG4_AUDIO, &no_params, HEAD(""), { 252 }, true, "256:0010M" },
    { "AAC, fragments",
      CODEC_MPEG4_AUDIO,
      &no_params,
      HEAD(""),
      { 253, 1 },
      true,
      "256:0010 5:0010M 5:0010M+100" },
    { "LATM",
      CODEC_MPEG4_AUDIO_LATM,
      &no_params,
      HEAD(""),
      { 255, 2 },
      true,
      "256:ff00 1:75M 3:0261M+100" },
    { "LATM, several frames",
      CODEC_MPEG4_AUDIO_LATM,
      &two_frames,
      HEAD(""),
      { 5, 2 },
      true,
      "9:0561M" },
    { "Opus", CODEC_OPUS, &no_params, HEAD("\x78"), { 5, 2 }, true, "5:7862 2:7862+100" },
    { "LPCM", CODEC_LPCM, &stereo, HEAD(""), { 300 }, true, "256:6162 44:7778+64" },
    { "G711", CODEC_G711, &no_params, HEAD(""), { 300 }, true, "256:6162 44:7778+256" },
    { "MPEG audio",
      CODEC_MPEG1_AUDIO,
      &no_params,
      HEAD("\xff\xfb"),
      { 100, 100, 300 },
      true,
      "204:0000M 256:0000+200 52:0000M+200" },
    { "AC-3",
      CODEC_AC3,
      &no_params,
      HEAD("\x0b\x77"),
      { 128, 768 },
      true,
      "130:0001M 256:0204+100 256:0304+100 256:0304+100 8:0304M+100" },
    { "AC-3, most of it first",
      CODEC_AC3,
      &no_params,
      HEAD("\x0b\x77"),
      { 320 },
      true,
      "256:0102 68:0302M" },
    { "Vorbis",
      CODEC_VORBIS,
      &vorbis,
      HEAD(""),
      { 5, 300 },
      true,
      "11:6162 256:6162+100 56:6162+100" },
    { "KLV", CODEC_KLV, &no_params, HEAD("\x06\x0e"), { 300 }, true, "256:060e 44:7778M" },
    { "unknown", CODEC_GENERIC, &no_params, HEAD(""), { 10 }, true, "10:6162" },
};

static const char *show(const struct test_packets *packets)
{
    static char text[512];
    size_t      at = 0;
    text[0] = 0;
    for (unsigned i = 0; i < packets->count; i++) {
        const struct pack_packet *packet = &packets->packets[i];
        at += (size_t)sprintf(text + at, "%s%zu:", i ? " " : "", packet->payload.len);
        for (size_t k = 0; k < MIN(packet->payload.len, (size_t)2); k++)
            at += (size_t)sprintf(text + at, "%02x", packet->payload.p[k]);
        at += (size_t)sprintf(text + at, "%s", packet->marker ? "M" : "");
        if (packet->ticks != 1000)
            at += (size_t)sprintf(text + at, "+%u", packet->ticks - 1000);
    }
    return text;
}

static void payloads_are_built(void **state)
{
    static struct made made;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_packets packets;
        make(&made, cases[i].head, cases[i].head_len, cases[i].lens);
        made.au.is_keyframe = cases[i].is_keyframe;
        int err = test_packets_make(&packets, cases[i].codec, cases[i].params, PACK_MIN_PAYLOAD,
                                    &made.au);
        CHECK(err == 0, cases[i].name);
        if (strcmp(show(&packets), cases[i].want) != 0)
            print_error("got %s, want %s\n", show(&packets), cases[i].want);
        CHECK(strcmp(show(&packets), cases[i].want) == 0, cases[i].name);
        test_packets_fini(&packets);
    }
}

static void what_can_not_be_carried_is_refused(void **state)
{
    static const struct {
        const char                  *name;
        enum codec_id                codec;
        const struct payload_params *params;
        unsigned                     lens[MAX_UNITS];
        int                          want;
    } refused[] = {
        { "Opus, too large", CODEC_OPUS, &no_params, { 10, 257 }, -EMSGSIZE },
        { "LPCM, nothing said", CODEC_LPCM, &no_params, { 257 }, -EMSGSIZE },
        { "AAC, too large", CODEC_MPEG4_AUDIO, &no_params, { 10, 8192 - 10 }, 0 },
        { "AAC, larger than 13 bits say", CODEC_MPEG4_AUDIO, &no_params, { 8192 }, -EMSGSIZE },
        { "LATM, half an element", CODEC_MPEG4_AUDIO_LATM, &two_frames, { 5 }, -ENOTSUP },
        { "no JPEG", CODEC_MJPEG, &no_params, { 500 }, -ENOTSUP },
    };
    static struct made made;
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct test_packets packets;
        make(&made, "", 0, refused[i].lens);
        int err = test_packets_make(&packets, refused[i].codec, refused[i].params, PACK_MIN_PAYLOAD,
                                    &made.au);
        CHECK(err == refused[i].want, refused[i].name);
        test_packets_fini(&packets);
    }
}

/* The picture's header says what kind it is and when; cuts are made in front of slices. */
static void mpeg_video_is_cut_at_slices(void **state)
{
    static struct made  made;
    struct test_packets packets;
    static const char   head[] = "\0\0\1\26312345678"
                                 "\0\0\1\0\x02\x9f\xff\xfb\xb8";
    make(&made, head, sizeof(head) - 1, (const unsigned[MAX_UNITS]){ 700 });
    memcpy(made.bytes + 30, "\0\0\1\1", 4);
    memcpy(made.bytes + 150, "\0\0\1\2", 4);
    memcpy(made.bytes + 640, "\0\0\1\3", 4);
    assert_int_equal(test_packets_make(&packets, CODEC_MPEG1_VIDEO, &no_params, 256, &made.au), 0);
    assert_int_equal(packets.count, 4);
    static const struct {
        size_t   len;
        uint32_t header;
    } want[] = {
        /* the tenth picture, B, both vectors 7; sequence, slices that begin and end */
        { 150, 0x000a3b77 },
        { 252, 0x000a1377 },
        { 238, 0x000a0b77 },
        { 60, 0x000a1b77 },
    };
    for (unsigned i = 0; i < COUNT(want); i++) {
        assert_int_equal(packets.packets[i].payload.len, want[i].len + 4);
        assert_int_equal(read_be32(packets.packets[i].payload.p), want[i].header);
    }
    test_packets_fini(&packets);
}

/* As important as the most important unit, and forbidden when one is. */
static void aggregates_join_headers(void **state)
{
    static struct made  made;
    struct test_packets packets;
    make(&made, "\x06", 1, (const unsigned[MAX_UNITS]){ 10, 10 });
    made.bytes[10] = 0xe5;
    assert_int_equal(test_packets_make(&packets, CODEC_H264, &no_params, 256, &made.au), 0);
    assert_int_equal(packets.packets[0].payload.p[0], 0xf8);
    test_packets_fini(&packets);
}

static void pictures_of_vp9_are_counted(void **state)
{
    static struct made  made;
    struct test_packets packets = { .max_payload = PACK_MIN_PAYLOAD };
    struct pack_sink    sink = { &packets, test_packets_reserve, test_packets_on_packet };
    struct pack         pack;
    make(&made, "", 0, (const unsigned[MAX_UNITS]){ 10, 10 });
    pack_init(&pack, CODEC_VP9, &no_params, PACK_MIN_PAYLOAD);
    pack.picture_id = 0x7fff;
    pack.base_index = 255;
    assert_int_equal(pack_access_unit(&pack, &made.au, &sink), 0);
    assert_int_equal(pack_access_unit(&pack, &made.au, &sink), 0);
    assert_memory_equal(packets.packets[1].payload.p + 1, "\xff\xff\x03\xff", 4);
    assert_memory_equal(packets.packets[2].payload.p + 1, "\x80\0\0\0", 4);
    test_packets_fini(&packets);
}

static void jpegs_lose_their_headers(void **state)
{
    struct jpeg_image image = { .type = 1, .width = 640, .height = 480, .restart_interval = 4 };
    uint8_t           bytes[JPEG_MAX_HEADERS + 400];
    memset(bytes, 'x', sizeof(bytes));
    memset(image.tables, 7, sizeof(image.tables));
    size_t              len = jpeg_write_headers(&image, bytes) + 400;
    struct span         jpeg = { bytes, len };
    struct au_unit      unit = { 0, 1, (uint32_t)len };
    struct access_unit  au = { .spans = &jpeg, .units = &unit, .unit_count = 1 };
    struct test_packets packets;
    assert_int_equal(test_packets_make(&packets, CODEC_MJPEG, &no_params, 256, &au), 0);
    assert_int_equal(packets.count, 3);
    assert_memory_equal(packets.packets[0].payload.p,
                        "\0\0\0\0\x41\xff\x50\x3c\0\4\xff\xff\0\0\0\x80\7\7", 18);
    assert_memory_equal(packets.packets[1].payload.p, "\0\0\0\x70\x41\xff\x50\x3c\0\4\xff\xffx",
                        13);
    assert_true(packets.packets[2].marker);
    test_packets_fini(&packets);
    static const struct {
        const char *name;
        size_t      at; /* from the end of the headers backwards */
        uint8_t     byte;
    } broken[] = {
        { "another Huffman table", 14 + 1, 0xfe },
        { "progressive", 14 + 432 + 18, 0xc2 },
        { "grey", 14 + 432 + 10, 1 },
        { "4:4:4", 14 + 432 + 8, 0x11 },
        { "2048 high", 14 + 432 + 14, 8 },
    };
    for (size_t i = 0; i < COUNT(broken); i++) {
        uint8_t *at = bytes + len - 400 - broken[i].at, byte = *at;
        *at = broken[i].byte;
        CHECK(test_packets_make(&packets, CODEC_MJPEG, &no_params, 256, &au) == -ENOTSUP,
              broken[i].name);
        test_packets_fini(&packets);
        *at = byte;
    }
}

TESTS(payloads_are_built, what_can_not_be_carried_is_refused, mpeg_video_is_cut_at_slices,
      aggregates_join_headers, pictures_of_vp9_are_counted, jpegs_lose_their_headers)
