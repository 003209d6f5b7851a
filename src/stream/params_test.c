#include "stream/params.h"

#include "base/mem.h"
#include "base/test.h"
#include "codec/h26x.h"
#include "stream/test_feed.h"
#include "stream/test_hub.h"

enum { STREAM = 3 };

#define H264 "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
#define H265 "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H265/90000\r\n"
#define SETS "a=fmtp:96 profile-level-id=42C01E; sprop-parameter-sets=Z0LAHg==,aM48\r\n"

/* The sets that stand for themselves in the descriptions below. */
#define SPS       "\x67\x42\xc0\x1e" /* Z0LAHg== */
#define PPS       "\x68\xce\x3c"     /* aM48 */
#define OTHER_SPS "\x67\x64\x00\x28" /* Z2QAKA== */
#define OTHER_PPS "\x68\xef"         /* aO8= */
#define VPS5      "\x40\x01\x0c"     /* QAEM */
#define SPS5      "\x42\x01\x01\x01" /* QgEBAQ== */
#define PPS5      "\x44\x01\xc1"     /* RAHB */

#define KNOWN "profile-level-id=42C01E; sprop-parameter-sets=Z0LAHg==,aM48; "

static const struct trial {
    const char *name, *sdp;
    struct span payloads[5]; /* until one of NULL */
    unsigned    changes;
    const char *want; /* the format's parameters */
} trials[] = {
    { "both in one packet", H264, { BYTES("\x78\0\4" SPS "\0\3" PPS) }, 1, KNOWN },
    { "those that are known", H264 SETS, { BYTES("\x78\0\4" SPS "\0\3" PPS) }, 0, KNOWN },
    { "each in a packet of its own, known", H264 SETS, { BYTES(SPS), BYTES(PPS) }, 0, KNOWN },
    { "another SPS",
      H264 SETS,
      { BYTES(OTHER_SPS) },
      1,
      "profile-level-id=640028; sprop-parameter-sets=Z2QAKA==,aM48; " },
    { "another PPS",
      H264 SETS,
      { BYTES(OTHER_PPS) },
      1,
      "profile-level-id=42C01E; sprop-parameter-sets=Z0LAHg==,aO8=; " },
    { "and the first again", H264 SETS, { BYTES(OTHER_PPS), BYTES(PPS) }, 2, KNOWN },
    { "the same ones again and again",
      H264,
      { BYTES("\x78\0\4" SPS "\0\3" PPS), BYTES("\x78\0\4" SPS "\0\3" PPS),
        BYTES("\x78\0\4" SPS "\0\3" PPS) },
      1,
      KNOWN },
    { "one after the other, nothing known",
      H264,
      { BYTES(SPS), BYTES(PPS), BYTES(SPS), BYTES(PPS) },
      2,
      KNOWN },
    { "the PPS first", H264, { BYTES(PPS), BYTES(SPS), BYTES(PPS) }, 2, KNOWN },
    { "a PPS alone", H264, { BYTES(PPS) }, 0, "" },
    { "an SPS too short to be one", H264, { BYTES("\x67\x42\xc0"), BYTES(PPS) }, 0, "" },
    { "no sets", H264, { BYTES("\x65\x88"), BYTES("\x78\0\2\x65\x88") }, 0, "" },
    { "Annex B in one packet",
      H264,
      { BYTES("\0\0\0\1" SPS "\0\0\0\1" PPS "\0\0\1\x65\x88") },
      1,
      KNOWN },

    { "H265, all in one",
      H265,
      { BYTES("\x60\1\0\3" VPS5 "\0\4" SPS5 "\0\3" PPS5) },
      1,
      "sprop-pps=RAHB; sprop-sps=QgEBAQ==; sprop-vps=QAEM; " },
    { "H265, one by one",
      H265,
      { BYTES(VPS5), BYTES(SPS5), BYTES(PPS5), BYTES(SPS5) },
      3,
      "sprop-pps=RAHB; sprop-sps=QgEBAQ==; sprop-vps=QAEM; " },
    { "H265, known",
      H265 "a=fmtp:96 sprop-sps=QgEBAQ==\r\n",
      { BYTES(SPS5) },
      0,
      "sprop-sps=QgEBAQ==; " },

    { "a codec without sets", "m=audio 0 RTP/AVP 0\r\n", { BYTES(SPS) }, 0, "" },
};

static bool has_params(const struct stream *stream, unsigned track, const char *want)
{
    const struct sdp_media   *media = &stream_description(stream)->sdp.media[track];
    AUTO(buf_fini) struct buf text = { 0 };
    for (unsigned i = 0; i < media->fmtp_count; i++)
        buf_printf(&text, "%.*s=%.*s; ", SPAN_ARGS(media->fmtp[i].key),
                   SPAN_ARGS(media->fmtp[i].value));
    return strcmp(buf_string(&text), want) == 0;
}

/* Returns how often the description was another one. */
static unsigned update_all(struct stream *stream, unsigned track, const struct trial *trial)
{
    unsigned changes = 0;
    for (size_t i = 0; i < COUNT(trial->payloads) && trial->payloads[i].p; i++) {
        AUTO(description_unref)
        struct description *before = description_ref(stream_description(stream));
        params_update(stream, track, trial->payloads[i]);
        changes += stream_description(stream) != before;
    }
    return changes;
}

static void sets_in_the_stream_go_into_the_description(void **state)
{
    for (size_t i = 0; i < COUNT(trials); i++) {
        const struct trial *trial = &trials[i];
        struct test_hubs    hubs;
        test_hubs_open(&hubs, 1);
        struct counters *counters = counters_create();
        struct stream   *stream =
            stream_create(&hubs.hubs[1], STREAM, test_description(trial->sdp), counters);
        unsigned changes = update_all(stream, 0, trial);
        if (changes != trial->changes)
            print_error("%u changes\n", changes);
        CHECK(changes == trial->changes, trial->name);
        CHECK(has_params(stream, 0, trial->want), trial->name);
        stream_end(stream);
        counters_unref(counters);
        test_hubs_close(&hubs);
    }
}

static void each_track_has_its_own(void **state)
{
    static const struct trial first = { .payloads = { BYTES("\x78\0\4" SPS "\0\3" PPS) } };
    static const struct trial second = { .payloads = { BYTES("\x78\0\4" OTHER_SPS "\0\3" PPS) } };
    struct test_hubs          hubs;
    test_hubs_open(&hubs, 1);
    struct counters *counters = counters_create();
    struct stream   *stream =
        stream_create(&hubs.hubs[1], STREAM, test_description(H264 H264), counters);
    assert_int_equal(update_all(stream, 0, &first), 1);
    assert_int_equal(update_all(stream, 1, &second), 1);
    assert_int_equal(update_all(stream, 0, &first), 0);
    assert_int_equal(update_all(stream, 1, &second), 0);
    assert_true(has_params(stream, 0, KNOWN));
    assert_true(
        has_params(stream, 1, "profile-level-id=640028; sprop-parameter-sets=Z2QAKA==,aM48; "));
    stream_end(stream);
    counters_unref(counters);
    test_hubs_close(&hubs);
}

/* They come with each keyframe. */
static void what_came_before_costs_no_memory(void **state)
{
    static const struct trial again = { .payloads = { BYTES(SPS), BYTES(PPS) } };
    struct test_hubs          hubs;
    test_hubs_open(&hubs, 1);
    struct counters *counters = counters_create();
    struct stream *stream = stream_create(&hubs.hubs[1], STREAM, test_description(H264), counters);
    assert_int_equal(update_all(stream, 0, &again), 2);
    uint64_t before = mem_allocations();
    assert_int_equal(update_all(stream, 0, &again), 0);
    assert_true(mem_allocations() == before);
    stream_end(stream);
    counters_unref(counters);
    test_hubs_close(&hubs);
}

TESTS(sets_in_the_stream_go_into_the_description, each_track_has_its_own,
      what_came_before_costs_no_memory)
