/* What payloaders of ffmpeg and GStreamer make of an encoder's output comes out as it went in. The
 * recordings are files of the fuzz target's corpus; packets have at most 300 bytes. */
#include "base/bytes.h"
#include "base/test.h"
#include "rtp/test_depack.h"

enum { MAX_FILE = 64 << 10, HEAD = 3, PACKET_HEAD = 3, MARKER = 1, NEW_TIME = 2 };

static const struct recording {
    const char *name;
    unsigned    access_units, units, keyframes;
    uint64_t    hash; /* FNV-1a of the encoder's output; of H264 and H265 without start codes */
} recordings[] = {
    { "h264_ffmpeg", 6, 17, 2, 0x31f1e2b1278e135e },
    /* It puts parameter sets in front of keyframes that have them. */
    { "h264_gstreamer", 6, 21, 2, 0xb7fdedeb5113215e },
    { "h265_gstreamer", 6, 10, 2, 0x3c79d36ce186aab6 },
    /* It leaves the first zero of long start codes behind the unit in front. */
    { "h265_ffmpeg", 6, 10, 2, 0x5143c4ba89d07d08 },
    { "vp8_ffmpeg", 6, 6, 2, 0xcd0d55f875a1304d },
    { "vp8_gstreamer", 6, 6, 2, 0x1bb85d0bc39a28cf },
    /* It never sets P. */
    { "vp9_ffmpeg", 6, 6, 2, 0xe2a4e44c01688726 },
    { "vp9_gstreamer", 6, 6, 2, 0x9017cec933c9abf9 },
    { "mpeg4_ffmpeg", 6, 6, 2, 0x2dbc52bcd1414fe0 },
    /* Without its configuration, which its description has. */
    { "mpeg4_gstreamer", 6, 6, 2, 0xfcd07c7a4d38b7e2 },
    { "mpeg2_ffmpeg", 6, 6, 2, 0xdf085607733706de },
    { "mpeg2_gstreamer", 6, 6, 2, 0xdf085607733706de },
    /* Headers differ from the encoder's; the pictures are the same. */
    { "mjpeg_ffmpeg", 3, 3, 3, 0xf3248938261175b9 },
    { "mjpeg_gstreamer", 6, 6, 6, 0x6c62a607f60e03ae },
    { "aac_ffmpeg", 9, 9, 9, 0x05da055277695d8c },
    { "aac_gstreamer", 8, 8, 8, 0xc8663908487bbf35 },
    { "latm_gstreamer", 8, 8, 8, 0xc8663908487bbf35 },
    { "opus_gstreamer", 9, 9, 9, 0x3fda976ba528e7a9 },
    { "vorbis_gstreamer", 3, 15, 3, 0x28714a331554d850 },
    { "mp3_ffmpeg", 6, 8, 6, 0xc2be632a2374e7bb },
    { "mp3_gstreamer", 7, 9, 7, 0x5a3e882261099c1a },
    { "ac3_gstreamer", 10, 10, 10, 0xda94039630dbdcf0 },
    { "speex_gstreamer", 20, 20, 20, 0x0605307bf5c83a12 },
    { "g711_gstreamer", 12, 12, 12, 0xd795025c69c85325 },
    { "lpcm_gstreamer", 24, 24, 24, 0x88ed812cb30df305 },
};

static struct span read_recording(const char *name, uint8_t out[MAX_FILE])
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/src/rtp/corpus/depack/recorded_%s",
                   getenv("MILLRACE_SOURCE_ROOT"), name);
    FILE *file = fopen(path, "rbe");
    CHECK(file != NULL, name);
    size_t len = fread(out, 1, MAX_FILE, file);
    (void)fclose(file);
    return (struct span){ out, len };
}

static void feed(struct test_depack *test, struct span in)
{
    for (in = span_skip(in, HEAD); in.len >= PACKET_HEAD;) {
        uint8_t     flags = in.p[0];
        struct span payload = span_first(span_skip(in, PACKET_HEAD), read_be16(in.p + 1));
        in = span_skip(in, PACKET_HEAD + payload.len);
        test->ticks += flags & NEW_TIME ? 3600 : 0;
        test_depack_packet(test, payload, flags & MARKER);
    }
}

static uint64_t hash_of(const struct test_depack *test)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (unsigned i = 0; i < test->count; i++)
        for (unsigned k = 0; k < test->aus[i].au.unit_count; k++)
            for (size_t n = 0; n < test->aus[i].spans[k].len; n++)
                hash = (hash ^ test->aus[i].spans[k].p[n]) * 0x100000001b3;
    return hash;
}

static void recordings_are_what_was_encoded(void **state)
{
    static uint8_t bytes[MAX_FILE];
    for (size_t i = 0; i < COUNT(recordings); i++) {
        struct span        in = read_recording(recordings[i].name, bytes);
        struct test_depack test;
        unsigned           units = 0, keyframes = 0;
        test_depack_init(&test, in.p[0], NULL);
        test.round_trip_payload = PACK_MIN_PAYLOAD;
        feed(&test, in);
        for (unsigned k = 0; k < test.count; k++) {
            units += test.aus[k].au.unit_count;
            keyframes += test.aus[k].au.is_keyframe;
            CHECK(!test.aus[k].au.is_damaged && !test.aus[k].au.is_after_gap, recordings[i].name);
        }
        CHECK(test.count == recordings[i].access_units, recordings[i].name);
        CHECK(units == recordings[i].units, recordings[i].name);
        CHECK(keyframes == recordings[i].keyframes, recordings[i].name);
        CHECK(hash_of(&test) == recordings[i].hash, recordings[i].name);
        CHECK(depack_counts(test.depack).dropped == 0, recordings[i].name);
        test_depack_fini(&test);
    }
}

TESTS(recordings_are_what_was_encoded)
