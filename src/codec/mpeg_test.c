#include "codec/mpeg.h"

#include <errno.h>

#include "base/test.h"

static void start_codes_are_found(void **state)
{
    static const struct {
        const char *name;
        struct span in;
        size_t      at, want;
    } cases[] = {
        { "nothing", BYTES(""), 0, 0 },
        { "at the beginning", BYTES("\0\0\1\xb3"), 0, 0 },
        { "cut short", BYTES("\0\0\1"), 0, 3 },
        { "later", BYTES("a\0\0\1\xb3"), 0, 1 },
        { "the next", BYTES("\0\0\1\xb3\0\0\1\0"), 4, 4 },
        { "from the end on", BYTES("\0\0\1\xb3"), 9, 4 },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK(mpeg_find_start_code(cases[i].in, cases[i].at) == cases[i].want, cases[i].name);
}

static void keyframes_are_told_by_their_headers(void **state)
{
    static const struct {
        const char *name;
        bool (*is_keyframe)(struct span head);
        struct span head;
        bool        want;
    } cases[] = {
        { "I", mpeg1_is_keyframe, BYTES("\0\0\1\0\x02\x8f"), true },
        { "P", mpeg1_is_keyframe, BYTES("\0\0\1\0\x02\x97"), false },
        { "I behind headers", mpeg1_is_keyframe,
          BYTES("\0\0\1\xb3"
                "1234\0\0\1\xb8"
                "12\0\0\1\0\0\x0f"),
          true },
        { "cut short", mpeg1_is_keyframe, BYTES("\0\0\1\0\x02"), false },
        { "no picture", mpeg1_is_keyframe, BYTES("\0\0\1\1\0\x0f"), false },
        { "I-VOP", mpeg4_is_keyframe, BYTES("\0\0\1\xb0\1\0\0\1\xb6\x3f"), true },
        { "P-VOP", mpeg4_is_keyframe, BYTES("\0\0\1\xb6\x40"), false },
        { "VOP cut short", mpeg4_is_keyframe, BYTES("\0\0\1\xb6"), false },
        { "sequence", mpeg4_is_configuration, BYTES("\0\0\1\xb0\1"), true },
        { "layer", mpeg4_is_configuration, BYTES("\0\0\1\x20\1"), true },
        { "group", mpeg4_is_configuration, BYTES("\0\0\1\xb3\1"), false },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK(cases[i].is_keyframe(cases[i].head) == cases[i].want, cases[i].name);
}

static void audio_frames_say_their_size(void **state)
{
    static const struct {
        const char *name;
        struct span head;
        int         want;
        uint32_t    bytes, samples, sample_rate;
    } cases[] = {
        { "layer III, 128 kbit/s, 44.1 kHz", BYTES("\xff\xfb\x90\0"), 0, 417, 1152, 44100 },
        { "the same, padded", BYTES("\xff\xfb\x92\0"), 0, 418, 1152, 44100 },
        { "layer II, 192 kbit/s, 48 kHz", BYTES("\xff\xfd\xa4\0"), 0, 576, 1152, 48000 },
        { "layer I, 384 kbit/s, 48 kHz", BYTES("\xff\xff\xc4\0"), 0, 384, 384, 48000 },
        { "MPEG-2 layer III, 64 kbit/s, 24 kHz", BYTES("\xff\xf3\x84\0"), 0, 192, 576, 24000 },
        { "MPEG-2.5 layer III, 8 kbit/s, 8 kHz", BYTES("\xff\xe3\x18\0"), 0, 72, 576, 8000 },
        { "free format", BYTES("\xff\xfb\x00\0"), -EBADMSG, 0, 0, 0 },
        { "bitrate 15", BYTES("\xff\xfb\xf0\0"), -EBADMSG, 0, 0, 0 },
        { "reserved rate", BYTES("\xff\xfb\x9c\0"), -EBADMSG, 0, 0, 0 },
        { "reserved version", BYTES("\xff\xeb\x90\0"), -EBADMSG, 0, 0, 0 },
        { "ADTS", BYTES("\xff\xf1\x90\0"), -EBADMSG, 0, 0, 0 },
        { "cut short", BYTES("\xff\xfb\x90"), -EBADMSG, 0, 0, 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct mpeg_audio_frame frame = { 0 };
        CHECK(mpeg_parse_audio(cases[i].head, &frame) == cases[i].want, cases[i].name);
        CHECK(frame.bytes == cases[i].bytes && frame.samples == cases[i].samples &&
                  frame.sample_rate == cases[i].sample_rate,
              cases[i].name);
    }
}

static void ac3_frames_say_their_size(void **state)
{
    static const struct {
        const char *name;
        struct span head;
        int         want;
        uint32_t    bytes;
    } cases[] = {
        { "192 kbit/s, 48 kHz", BYTES("\x0b\x77..\x14"), 0, 768 },
        { "640 kbit/s, 48 kHz", BYTES("\x0b\x77..\x25"), 0, 2560 },
        { "192 kbit/s, 44.1 kHz", BYTES("\x0b\x77..\x54"), 0, 834 },
        { "the same, odd", BYTES("\x0b\x77..\x55"), 0, 836 },
        { "192 kbit/s, 32 kHz", BYTES("\x0b\x77..\x94"), 0, 1152 },
        { "reserved rate", BYTES("\x0b\x77..\xd4"), -EBADMSG, 0 },
        { "reserved size", BYTES("\x0b\x77..\x26"), -EBADMSG, 0 },
        { "another sync word", BYTES("\x0b\x78..\x14"), -EBADMSG, 0 },
        { "cut short", BYTES("\x0b\x77.."), -EBADMSG, 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint32_t bytes = 0;
        CHECK(ac3_parse(cases[i].head, &bytes) == cases[i].want, cases[i].name);
        CHECK(bytes == cases[i].bytes, cases[i].name);
    }
}

TESTS(start_codes_are_found, keyframes_are_told_by_their_headers, audio_frames_say_their_size,
      ac3_frames_say_their_size)
