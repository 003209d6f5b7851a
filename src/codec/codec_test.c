#include "codec/codec.h"

#include "base/test.h"

static void every_codec_is_found_by_its_name(void **state)
{
    for (unsigned id = 0; id < CODEC_COUNT; id++) {
        const struct codec *codec = codec_get(id);
        assert_int_equal(codec->id, id);
        assert_non_null(codec->name);
        if (codec->rtp_name)
            CHECK(codec_find(span_from_string(codec->rtp_name)) == codec, codec->name);
    }
}

static void names_are_found_in_any_case(void **state)
{
    static const struct {
        const char   *rtp_name;
        enum codec_id codec;
    } cases[] = {
        { "h264", CODEC_H264 },
        { "MPEG4-GENERIC", CODEC_MPEG4_AUDIO },
        { "Opus", CODEC_OPUS },
        { "multiopus", CODEC_OPUS },
        { "pcmu", CODEC_G711 },
        { "PCMA", CODEC_G711 },
        { "L8", CODEC_LPCM },
        { "l24", CODEC_LPCM },
        { "aal2-g726-40", CODEC_G726 },
        { "G726-32", CODEC_G726 },
        { "H26", CODEC_GENERIC },
        { "H2645", CODEC_GENERIC },
        { "", CODEC_GENERIC },
        { "Generic", CODEC_GENERIC },
        { "vnd.onvif.metadata", CODEC_GENERIC },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK(codec_find(span_from_string(cases[i].rtp_name))->id == cases[i].codec,
              cases[i].rtp_name);
}

static void static_types_are_those_of_rfc_3551(void **state)
{
    static const struct {
        const char   *name;
        uint8_t       payload_type;
        enum codec_id codec;
        uint32_t      clock_rate;
        uint8_t       channels;
        const char   *rtpmap;
    } cases[] = {
        { "PCMU", 0, CODEC_G711, 8000, 1, "PCMU/8000" },
        { "GSM", 3, CODEC_GENERIC, 8000, 1, "none" },
        { "DVI4 of 16 kHz", 6, CODEC_GENERIC, 16000, 1, "none" },
        { "PCMA", 8, CODEC_G711, 8000, 1, "PCMA/8000" },
        { "G722, whose clock is half of what it is", 9, CODEC_G722, 8000, 1, "G722/8000" },
        { "L16 stereo", 10, CODEC_LPCM, 44100, 2, "L16/44100/2" },
        { "L16 mono", 11, CODEC_LPCM, 44100, 1, "L16/44100/1" },
        { "MPA", 14, CODEC_MPEG1_AUDIO, 90000, 0, "none" },
        { "JPEG", 26, CODEC_MJPEG, 90000, 0, "JPEG/90000" },
        { "MPV", 32, CODEC_MPEG1_VIDEO, 90000, 0, "none" },
        { "MP2T", 33, CODEC_MPEGTS, 90000, 0, "MP2T/90000" },
        { "H263", 34, CODEC_GENERIC, 90000, 0, "none" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint32_t            clock_rate = 0;
        uint8_t             channels = 0;
        const struct codec *codec =
            codec_find_static(cases[i].payload_type, &clock_rate, &channels);
        CHECK(codec && codec->id == cases[i].codec, cases[i].name);
        CHECK(clock_rate == cases[i].clock_rate && channels == cases[i].channels, cases[i].name);
        const char *rtpmap = codec_static_rtpmap(cases[i].payload_type);
        CHECK(strcmp(rtpmap ? rtpmap : "none", cases[i].rtpmap) == 0, cases[i].name);
    }
}

static void other_types_are_not_static(void **state)
{
    static const uint8_t types[] = { 1, 2, 19, 24, 27, 29, 30, 35, 72, 95, 96, 127, 128, 255 };
    for (size_t i = 0; i < COUNT(types); i++) {
        uint32_t clock_rate = 7;
        uint8_t  channels = 7;
        assert_null(codec_find_static(types[i], &clock_rate, &channels));
        assert_null(codec_static_rtpmap(types[i]));
        assert_true(clock_rate == 7 && channels == 7);
    }
}

static void keyframes_are_seen_in_the_first_bytes(void **state)
{
    static const struct {
        const char   *name;
        struct span   payload;
        enum codec_id codec;
        bool          starts;
    } cases[] = {
        { "VP8 key", BYTES("\x10\x50\x01\x00"), CODEC_VP8, true },
        { "VP8 delta", BYTES("\x10\x51\x01\x00"), CODEC_VP8, false },
        { "VP8 key, goes on", BYTES("\x00\x50\x01\x00"), CODEC_VP8, false },
        { "VP8 second partition", BYTES("\x11\x50\x01\x00"), CODEC_VP8, false },
        { "VP8 not for reference, reserved bit", BYTES("\x78\x50"), CODEC_VP8, true },
        { "VP8 7-bit picture id", BYTES("\x90\x80\x11\x50"), CODEC_VP8, true },
        { "VP8 15-bit picture id", BYTES("\x90\x80\x91\x11\x50"), CODEC_VP8, true },
        { "VP8 15-bit id, delta", BYTES("\x90\x80\x91\x11\x51"), CODEC_VP8, false },
        { "VP8 all extensions", BYTES("\x90\xf0\x91\x11\x01\x01\x50"), CODEC_VP8, true },
        { "VP8 all extensions, delta", BYTES("\x90\xf0\x90\x10\x00\x00\x51"), CODEC_VP8, false },
        { "VP8 without a frame", BYTES("\x10"), CODEC_VP8, false },
        { "VP8 extension cut short", BYTES("\x90\x80"), CODEC_VP8, false },
        { "VP8 picture id cut short", BYTES("\x90\x80\x91\x11"), CODEC_VP8, false },
        { "VP9 key", BYTES("\x08"), CODEC_VP9, true },
        { "VP9 delta", BYTES("\x48"), CODEC_VP9, false },
        { "VP9 key, goes on", BYTES("\x04"), CODEC_VP9, false },
        { "VP9 base layer", BYTES("\xa8\x12\x00\x00"), CODEC_VP9, true },
        { "VP9 base layer, 15-bit id", BYTES("\xa8\x92\x12\x10\x00"), CODEC_VP9, true },
        { "VP9 upper layer", BYTES("\xa8\x12\x03\x00"), CODEC_VP9, false },
        { "VP9 layer above that", BYTES("\xa8\x12\x04\x00"), CODEC_VP9, false },
        { "VP9 upper layer, 15-bit id", BYTES("\xa8\x92\x12\x02\x00"), CODEC_VP9, false },
        { "VP9 layers cut short", BYTES("\xa8\x92\x12"), CODEC_VP9, false },
        { "VP9 layers without id", BYTES("\x28\x02"), CODEC_VP9, false },
        { "VP9 key, and its frame says so", BYTES("\x08\x82\x49\x83"), CODEC_VP9, true },
        { "VP9 key, and its frame does not", BYTES("\x08\x86\0"), CODEC_VP9, false },
        { "VP9 key, frame shows another", BYTES("\x88\x01\x88"), CODEC_VP9, false },
        { "VP9 key, third profile", BYTES("\x08\xb0"), CODEC_VP9, true },
        { "VP9 key, third profile, inter", BYTES("\x08\xb2"), CODEC_VP9, false },
        { "AV1 new sequence", BYTES("\x18\x0a"), CODEC_AV1, true },
        { "AV1 inside a sequence", BYTES("\x10\x0a"), CODEC_AV1, false },
        { "AV1 goes on", BYTES("\x98\x0a"), CODEC_AV1, false },
        { "H264 IDR", BYTES("\x65\x88"), CODEC_H264, true },
        { "H265 IDR", BYTES("\x26\x01"), CODEC_H265, true },
        { "MPEG-4 I-VOP", BYTES("\0\0\1\xb6\x10"), CODEC_MPEG4_VIDEO, true },
        { "MPEG-4 P-VOP", BYTES("\0\0\1\xb6\x50"), CODEC_MPEG4_VIDEO, false },
        { "MPEG-4 sequence", BYTES("\0\0\1\xb0\x01"), CODEC_MPEG4_VIDEO, true },
        { "MPEG-4 group, then I-VOP", BYTES("\0\0\1\xb3\0\0\0\1\xb6\x10"), CODEC_MPEG4_VIDEO,
          true },
        { "MPEG-4 I-VOP, goes on", BYTES("a\0\0\1\xb6\x10"), CODEC_MPEG4_VIDEO, false },
        { "MPEG-2 I", BYTES("\0\0\0\0\0\0\1\0\0\x08"), CODEC_MPEG1_VIDEO, true },
        { "MPEG-2 P", BYTES("\0\0\0\0\0\0\1\0\0\x10"), CODEC_MPEG1_VIDEO, false },
        { "MPEG-2 I, extension", BYTES("\4\0\0\0\0\0\0\0\0\0\1\0\0\x08"), CODEC_MPEG1_VIDEO, true },
        { "MPEG-2 sequence", BYTES("\0\0\0\0\0\0\1\xb3\0"), CODEC_MPEG1_VIDEO, true },
        { "MPEG-2 slice", BYTES("\0\0\0\0\0\0\1\1\0"), CODEC_MPEG1_VIDEO, false },
        { "MPEG-2 header alone", BYTES("\4\0\0\0\0\0\0\0"), CODEC_MPEG1_VIDEO, false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        unsigned flags = codec_get(cases[i].codec)->inspect(cases[i].payload);
        CHECK(flags == (cases[i].starts ? CODEC_STARTS_KEYFRAME : 0), cases[i].name);
    }
}

static void every_frame_of_the_others_may_be_begun_with(void **state)
{
    for (unsigned id = 0; id < CODEC_COUNT; id++) {
        bool has_keyframes = id >= CODEC_AV1 && id <= CODEC_MPEG1_VIDEO;
        CHECK((codec_get(id)->inspect != NULL) == has_keyframes, codec_get(id)->name);
        if (has_keyframes)
            CHECK(codec_get(id)->inspect((struct span){ 0 }) == 0, codec_get(id)->name);
    }
}

TESTS(every_codec_is_found_by_its_name, names_are_found_in_any_case,
      static_types_are_those_of_rfc_3551, other_types_are_not_static,
      keyframes_are_seen_in_the_first_bytes, every_frame_of_the_others_may_be_begun_with)
