#include "base/test.h"
#include "rtp/test_depack.h"

enum { MAX_PACKETS = 5 };

struct packet {
    struct span payload; /* p == NULL: no more */
    enum { MARKER = 1, SAME_TIME = 2, LOST = 4 } flags;
};

/* MPEG-2 layer III, 8 kbit/s at 24 kHz, of 24 bytes; AC-3, 32 kbit/s at 48 kHz, of 128. */
#define MP3                                                                                        \
    "\xff\xf3\x14\xc4"                                                                             \
    "mp3 mp3 mp3 mp3 mp3!"
#define TEXT_32 "0123456789abcdef0123456789abcdef"
#define AC3                                                                                        \
    "\x0b\x77"                                                                                     \
    "cr\0"                                                                                         \
    "01234567890abcdef0123456789" TEXT_32 TEXT_32 TEXT_32
#define ADTS(n)                "\xff\xf1\x50\x80\x01" n "\xfc"
#define VORBIS(kind_and_count) "idt" kind_and_count

static const struct payload_params no_params = { 0 };
static const struct payload_params short_fields = {
    .au_header = { .size_bits = 6, .index_bits = 2, .index_delta_bits = 2 }
};
static const struct payload_params all_fields = {
    .au_header = { .size_bits = 8,
                   .cts_delta_bits = 7,
                   .dts_delta_bits = 6,
                   .has_random_access = 1,
                   .stream_state_bits = 1,
                   .auxiliary_size_bits = 8 },
    .frame_ticks = 960,
};
static const struct payload_params two_frames = { .latm_frames = 2 };
static const struct payload_params with_config = { .is_latm_config_in_band = true };
static const struct payload_params stereo = { .channels = 2, .sample_bits = 16 };
static const struct payload_params nibbles = { .sample_bits = 4 };

static const struct test_case {
    const char                  *name;
    enum codec_id                codec;
    const struct payload_params *params;
    struct packet                packets[MAX_PACKETS];
    uint32_t                     unit_ticks;
    /* lengths of units of all access units, each in brackets; G in front: after a gap */
    const char                  *want;
} cases[] = {
    { "AAC, two in one",
      CODEC_MPEG4_AUDIO,
      &no_params,
      { { BYTES("\0\x20\0\x18\0\020abcde"), MARKER },
        { BYTES("\0\x10\0\x08"
                "x"),
          MARKER } },
      1024,
      "[3 2] [1]" },
    { "AAC, fragments",
      CODEC_MPEG4_AUDIO,
      &no_params,
      { { BYTES("\0\x10\0\050abc"), 0 }, { BYTES("\0\x10\0\050de"), MARKER | SAME_TIME } },
      1024,
      "[5]" },
    { "AAC, fragment lost",
      CODEC_MPEG4_AUDIO,
      &no_params,
      { { BYTES("\0\x10\0\070abc"), 0 },
        { BYTES("x"), LOST },
        { BYTES("\0\x10\0\070de"), MARKER | SAME_TIME },
        { BYTES("\0\x10\0\x08"
                "x"),
          MARKER } },
      1024,
      "G[1]" },
    { "AAC, less than its size says",
      CODEC_MPEG4_AUDIO,
      &no_params,
      { { BYTES("\0\x20\0\x18\0\040abcde"), MARKER } },
      1024,
      "[3]" },
    { "AAC, headers cut short",
      CODEC_MPEG4_AUDIO,
      &no_params,
      { { BYTES("\0\x20\0\x18"), MARKER },
        { BYTES("\0"), MARKER },
        { BYTES("\0\x10\0\x08"
                "x"),
          MARKER } },
      1024,
      "G[1]" },
    { "AAC, ADTS in front",
      CODEC_MPEG4_AUDIO,
      &no_params,
      { { BYTES("\0\x10\0\x58" ADTS("\x7f") "abcd"), MARKER } },
      1024,
      "[4]" },
    { "AAC, what only begins like ADTS",
      CODEC_MPEG4_AUDIO,
      &no_params,
      { { BYTES("\0\x10\0\x58" ADTS("\x9f") "abcd"), MARKER } },
      1024,
      "[11]" },
    { "AAC, other fields",
      CODEC_MPEG4_AUDIO,
      &short_fields,
      { { BYTES("\0\x10\x0c\010abcde"), MARKER } },
      1024,
      "[3 2]" },
    { "AAC, all fields",
      CODEC_MPEG4_AUDIO,
      &all_fields,
      /* sizes 3 and 2; no CTS, a DTS of 6 bits; then an auxiliary section of 8 bits */
      { { BYTES("\0\x1e\x03\0\x26\xa0"
                "\x08\252abcde"),
          MARKER } },
      960,
      "[3 2]" },
    { "LATM",
      CODEC_MPEG4_AUDIO_LATM,
      &no_params,
      { { BYTES("\3abc"), MARKER }, { BYTES("\2ab"), MARKER } },
      1024,
      "[3] [2]" },
    { "LATM, 255 and more",
      CODEC_MPEG4_AUDIO_LATM,
      &no_params,
      { { BYTES("\xff\1" TEXT_32 TEXT_32 TEXT_32 TEXT_32), 0 },
        { BYTES(TEXT_32 TEXT_32 TEXT_32 TEXT_32), MARKER | SAME_TIME } },
      1024,
      "[256]" },
    { "LATM, several frames",
      CODEC_MPEG4_AUDIO_LATM,
      &two_frames,
      { { BYTES("\3abc\2de"), MARKER } },
      1024,
      "[3 2]" },
    { "LATM, cut short",
      CODEC_MPEG4_AUDIO_LATM,
      &no_params,
      { { BYTES("\4abc"), MARKER }, { BYTES("\xff"), MARKER }, { BYTES("\1a"), MARKER } },
      1024,
      "G[1]" },
    { "LATM, fragment lost",
      CODEC_MPEG4_AUDIO_LATM,
      &no_params,
      { { BYTES("\3a"), LOST | MARKER },
        { BYTES("\1a"), MARKER },
        { BYTES("x"), LOST },
        { BYTES("bc"), MARKER },
        { BYTES("\1b"), MARKER } },
      1024,
      "[1] G[1]" },
    { "LATM with its configuration",
      CODEC_MPEG4_AUDIO_LATM,
      &with_config,
      { { BYTES("\x40 anything"), MARKER } },
      1024,
      "[10]" },
    { "Opus, 20 ms", CODEC_OPUS, &no_params, { { BYTES("\170abc"), 0 } }, 960, "[4]" },
    { "Opus, two of 2.5 ms", CODEC_OPUS, &no_params, { { BYTES("\201abc"), 0 } }, 240, "[4]" },
    { "Opus, three of 60 ms", CODEC_OPUS, &no_params, { { BYTES("\x1b\003a"), 0 } }, 8640, "[3]" },
    { "G711", CODEC_G711, &no_params, { { BYTES("12345678"), 0 } }, 8, "[8]" },
    { "G722", CODEC_G722, &no_params, { { BYTES("12345678"), 0 } }, 8, "[8]" },
    { "G726", CODEC_G726, &nibbles, { { BYTES("12345678"), 0 } }, 16, "[8]" },
    { "LPCM", CODEC_LPCM, &stereo, { { BYTES("12345678"), 0 } }, 2, "[8]" },
    { "LPCM, nothing said", CODEC_LPCM, &no_params, { { BYTES("12345678"), 0 } }, 0, "[8]" },
    { "MPEG audio",
      CODEC_MPEG1_AUDIO,
      &no_params,
      { { BYTES("\0\0\0\0" MP3 MP3), 0 } },
      2160,
      "[24 24]" },
    { "MPEG audio, fragments",
      CODEC_MPEG1_AUDIO,
      &no_params,
      { { BYTES("\0\0\0\0\xff\xf3\x14\xc4mp3"), 0 },
        { BYTES("\0\0\0\x07 mp3 mp3 mp3 mp3!"), SAME_TIME } },
      2160,
      "[24]" },
    { "MPEG audio, a fragment lost",
      CODEC_MPEG1_AUDIO,
      &no_params,
      { { BYTES("\0\0\0\0\xff\xf3\x14\xc4mp3"), 0 },
        { BYTES("\0\0\0\x09mp3 mp3 mp3 mp3!"), SAME_TIME },
        { BYTES("\0\0\0\0" MP3), 0 } },
      2160,
      "G[24]" },
    { "MPEG audio, no header",
      CODEC_MPEG1_AUDIO,
      &no_params,
      { { BYTES("\0\0\0\0" MP3 "rubbish"), 0 }, { BYTES("\0\0\0\0" MP3), 0 } },
      2160,
      "[24] G[24]" },
    { "MPEG audio, free format",
      CODEC_MPEG1_AUDIO,
      &no_params,
      { { BYTES("\0\0\0\0\xff\xf3\x04\xc4mp3"), 0 } },
      0,
      "" },
    { "AC-3", CODEC_AC3, &no_params, { { BYTES("\0\2" AC3 AC3), MARKER } }, 1536, "[128 128]" },
    { "AC-3, fragments",
      CODEC_AC3,
      &no_params,
      { { BYTES("\1\2\x0b\167cr\0"
                "01234567890abcdef0123456789" TEXT_32 TEXT_32),
          0 },
        { BYTES("\3\2" TEXT_32), MARKER | SAME_TIME } },
      1536,
      "[128]" },
    { "AC-3, only its end",
      CODEC_AC3,
      &no_params,
      { { BYTES("\3\2" TEXT_32), MARKER }, { BYTES("\0\1" AC3), MARKER } },
      1536,
      "G[128]" },
    { "Vorbis",
      CODEC_VORBIS,
      &no_params,
      { { BYTES(VORBIS("\2") "\0\3abc\0\2de"), 0 } },
      0,
      "[3 2]" },
    { "Vorbis, fragments",
      CODEC_VORBIS,
      &no_params,
      { { BYTES(VORBIS("\x40") "\0\3abc"), 0 },
        { BYTES(VORBIS("\x80") "\0\2de"), SAME_TIME },
        { BYTES(VORBIS("\xc0") "\0\1f"), SAME_TIME } },
      0,
      "[6]" },
    { "Vorbis, a set-up in band",
      CODEC_VORBIS,
      &no_params,
      { { BYTES(VORBIS("\x11") "\0\3abc"), 0 }, { BYTES(VORBIS("\1") "\0\2de"), 0 } },
      0,
      "[2]" },
    { "Vorbis, fewer than it says",
      CODEC_VORBIS,
      &no_params,
      { { BYTES(VORBIS("\3") "\0\3abc\0\2d"), 0 } },
      0,
      "[3]" },
};

static const char *show(const struct test_depack *test)
{
    static char text[512];
    size_t      at = 0;
    text[0] = 0;
    for (unsigned i = 0; i < test->count; i++) {
        const struct access_unit *au = &test->aus[i].au;
        at += (size_t)sprintf(text + at, "%s%s%s[", i ? " " : "", au->is_damaged ? "D" : "",
                              au->is_after_gap ? "G" : "");
        for (unsigned k = 0; k < au->unit_count; k++)
            at += (size_t)sprintf(text + at, "%s%u", k ? " " : "", au->units[k].len);
        at += (size_t)sprintf(text + at, "]");
    }
    return text;
}

static void frames_are_found(void **state)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_depack test;
        const char        *name = cases[i].name;
        test_depack_init(&test, cases[i].codec, cases[i].params);
        for (const struct packet *packet = cases[i].packets;
             packet < cases[i].packets + MAX_PACKETS && packet->payload.p; packet++) {
            test.ticks += packet->flags & SAME_TIME ? 0 : 1024;
            if (packet->flags & LOST)
                test.seq++;
            else
                test_depack_packet(&test, packet->payload, packet->flags & MARKER);
        }
        test_depack_flush(&test);
        if (strcmp(show(&test), cases[i].want) != 0)
            print_error("got %s, want %s\n", show(&test), cases[i].want);
        CHECK(strcmp(show(&test), cases[i].want) == 0, name);
        for (unsigned k = 0; k < test.count; k++) {
            CHECK(test.aus[k].au.unit_ticks == cases[i].unit_ticks, name);
            CHECK(test.aus[k].au.is_keyframe, name);
        }
        test_depack_fini(&test);
    }
}

TESTS(frames_are_found)
