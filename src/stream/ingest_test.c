#include "stream/ingest.h"

#include <errno.h>

#include "base/test.h"
#include "stream/test_bench.h"

#define TEN     "----------"
#define THIRTY  TEN TEN TEN
#define HOLD_MS 10

static void what_is_held_and_for_how_long(void **state)
{
    static const struct {
        const char *name, *script, *text;
    } cases[] = {
        { "a whole frame", "K-!", "[K-]" },
        { "two in one turn", "K-!P!", "[K-P]" },
        { "until the marker", "P - -!", "[P--]" },
        { "not yet", "P - -", "" },
        { "the end of one and half of another", "P-!P", "" },
        { "until time is up", "P - +10", "[P-]" },
        { "a moment before", "P - +9", "" },
        { "from its first packet", "P +5 - +5", "[P-]" },
        { "and the rest later", "P +10 - +9 -!", "[P][--]" },
        { "the next one has its own time", "P +8 -! P +2", "[P-]" },
        { "and gets all of it", "P +8 -! P +10", "[P-][P]" },

        { "until the timestamp changes", "P - P", "[P-]" },
        { "and then the next one", "P - P +10", "[P-][P]" },
        { "several at once", "P-P-P +10", "[P-P-P]" },
        { "three without a marker", "P P P P P", "[P][P][P][P][P]" },
        { "two without", "P P P +9", "[P][P]" },
        { "a marker is seen again", "P P P P - -! P", "[P][P][P][P][-][-]" },

        { "audio is not", "a a", "[a][a]" },
        { "audio behind half a frame", "P a -!", "[Pa][-]" },
        { "audio in front of it", "aP", "[aP]" },
        { "audio in the same turn", "P-a-", "[P-a-]" },

        { "32 packets", "P" THIRTY "-", "[P" THIRTY "-]" },
        { "31 packets", "P" THIRTY, "" },
        { "one more than 32", "P" THIRTY "- -", "[P" THIRTY "-]" },
        { "and its end", "P" THIRTY "-- -!", "[P" THIRTY "-][--]" },
        { "32 and audio", "P" THIRTY "-a", "[P" THIRTY "-][a]" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_bench bench;
        test_bench_open(&bench);
        bench.hubs.settings.frame_hold_ns = HOLD_MS * NS_PER_MS;
        test_bench_run(&bench, cases[i].script);
        if (strcmp(bench.reader.text, cases[i].text) != 0)
            print_error("came %s\n", bench.reader.text);
        CHECK(strcmp(bench.reader.text, cases[i].text) == 0, cases[i].name);
        test_bench_close(&bench);
    }
}

static void nothing_is_held_when_switched_off(void **state)
{
    struct test_bench bench;
    test_bench_open(&bench);
    bench.hubs.settings.frame_hold_ns = 0;
    test_bench_run(&bench, "P - -! K a -");
    assert_string_equal(bench.reader.text, "[P][-][-][K][a][-]");
    test_bench_close(&bench);
}

static void the_end_publishes_what_was_held(void **state)
{
    struct test_bench bench;
    test_bench_open(&bench);
    test_bench_run(&bench, "P - -");
    assert_string_equal(bench.reader.text, "");
    ingest_fini(&bench.ingest);
    assert_string_equal(bench.reader.text, "[P--]");
    test_bench_close(&bench);
}

/* One timer serves all that is held on a worker. */
static void each_stream_is_held_for_its_own_time(void **state)
{
    static const uint32_t ssrcs[STREAM_MAX_TRACKS] = { 1, 2 };
    struct test_bench     bench, other = { 0 };
    test_bench_open(&bench);
    bench.hubs.settings.frame_hold_ns = HOLD_MS * NS_PER_MS;
    struct hub *hub = &bench.hubs.hubs[1];
    other.stream = stream_create(hub, 8, test_description(TEST_SDP), bench.counters);
    ingest_init(&other.ingest, hub, other.stream, bench.counters, ssrcs);
    test_bench_run(&bench, "P +4");
    test_bench_write(&other, "P");
    test_bench_receive(&other, SIZE_MAX);
    ingest_end_turn(&other.ingest);
    assert_int_equal(list_count(&hub->held), 2);
    test_bench_run(&bench, "+5");
    assert_int_equal(list_count(&hub->held), 2);
    test_bench_run(&bench, "+1");
    assert_string_equal(bench.reader.text, "[P]");
    assert_int_equal(list_count(&hub->held), 1);
    test_bench_run(&bench, "+3");
    assert_non_null(other.ingest.open);
    test_bench_run(&bench, "+1");
    assert_null(other.ingest.open);
    assert_false(timer_is_running(&hub->hold));
    ingest_fini(&other.ingest);
    stream_end(other.stream);
    buf_fini(&other.wire.bytes);
    test_bench_close(&bench);
}

static void a_keyframe_is_marked_where_its_frame_starts(void **state)
{
    static const struct {
        const char *name, *script, *text;
    } cases[] = {
        { "at once", "K--!", "[K--]" },
        { "other frames are not", "P-!P!", "[P-P]" },
        { "behind a delimiter", "DSkk!", "[K---]" },
        { "several slices", "Kkk!", "[K--]" },
        { "two frames of one time", "K!-!k!", "[KPK]" },
        { "audio in between", "DaSk!", "[Ka--]" },
        { "behind another frame", "P-!DS!", "[P-K-]" },
        { "half a frame before it", "P-DS!", "[P-K-]" },
        { "over two batches", "P" THIRTY "kk!", "[K" THIRTY "-][-]" },
        { "the delimiter has gone already", "Da Sk k!", "[Pa][K-][-]" },
        { "the rest of a keyframe", "Ka kk k!", "[Ka][--][-]" },
        { "a keyframe of one, then another", "Ka K!", "[Ka][K]" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_bench bench;
        test_bench_open(&bench);
        bench.hubs.settings.frame_hold_ns = 0;
        test_bench_run(&bench, cases[i].script);
        if (strcmp(bench.reader.text, cases[i].text) != 0)
            print_error("came %s\n", bench.reader.text);
        CHECK(strcmp(bench.reader.text, cases[i].text) == 0, cases[i].name);
        test_bench_close(&bench);
    }
}

static void any_frame_may_be_begun_with_where_nothing_is_known(void **state)
{
    struct test_bench bench;
    test_bench_open_sdp(&bench, "m=video 0 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n"
                                "m=video 0 RTP/AVP 97\r\na=rtpmap:97 JPEG/90000\r\n");
    test_bench_write(&bench, "a!a");
    test_bench_receive(&bench, SIZE_MAX);
    test_bench_end_turn(&bench);
    test_hubs_wait(&bench.hubs, NS_PER_MS);
    assert_string_equal(bench.reader.text, "[KK][r]");
    test_bench_close(&bench);
}

static void packets_that_make_no_sense_are_counted(void **state)
{
    static const struct span rubbish[] = {
        BYTES("$\2\0\0"),
        BYTES("$\2\0\1\x80"),
        BYTES("$\2\0\x0b\x80\x60\0\1\0\0\0\1\0\0\0"),
        BYTES("$\2\0\x0c\x40\x60\0\1\0\0\0\1\0\0\0\1"),
        BYTES("$\2\0\x0c\x81\x60\0\1\0\0\0\1\0\0\0\1"),
        BYTES("$\2\0\x0d\xa0\x60\0\1\0\0\0\1\0\0\0\1\2"),
    };
    struct test_bench bench;
    test_bench_open(&bench);
    uint64_t packets = counters_get(bench.counters, COUNTER_INBOUND_PACKETS);
    for (size_t i = 0; i < COUNT(rubbish); i++) {
        test_bench_write(&bench, i ? "-" : "P");
        buf_append(&bench.wire.bytes, rubbish[i]);
    }
    test_bench_run(&bench, "-!");
    assert_string_equal(bench.reader.text, "[P------]");
    /* The session's counters are the path's here: everything counts twice. */
    assert_int_equal(counters_get(bench.counters, COUNTER_INBOUND_ERRORS), 2 * COUNT(rubbish));
    assert_int_equal(counters_get(bench.counters, COUNTER_INBOUND_PACKETS) - packets, 2 * 7);
    test_bench_close(&bench);
}

static void loss_is_seen_on_its_track(void **state)
{
    struct test_bench bench;
    test_bench_open(&bench);
    test_hubs_wait(&bench.hubs, NS_PER_S);
    bench.wire.seq[TEST_AUDIO] = (uint16_t)(bench.wire.seq[TEST_AUDIO] + 3);
    test_bench_run(&bench, "P!aa");
    assert_int_equal(rtp_receiver_lost(&bench.ingest.tracks[TEST_VIDEO].receiver), 0);
    assert_int_equal(rtp_receiver_lost(&bench.ingest.tracks[TEST_AUDIO].receiver), 3);
    test_bench_close(&bench);
}

static void a_frame_that_no_slab_holds_is_refused(void **state)
{
    struct test_bench bench;
    test_bench_open(&bench);
    test_feed(&bench.ingest, BYTES("$\2\xff\xff"), 4);
    assert_int_equal(ingest_expect(&bench.ingest, INTERLEAVED_MAX), 0);
    assert_true(ingest_room(&bench.ingest).len >= INTERLEAVED_MAX - 4);
    assert_int_equal(ingest_expect(&bench.ingest, SLAB_LARGE + 1), -EMSGSIZE);
    test_bench_close(&bench);
}

TESTS(what_is_held_and_for_how_long, nothing_is_held_when_switched_off,
      the_end_publishes_what_was_held, each_stream_is_held_for_its_own_time,
      a_keyframe_is_marked_where_its_frame_starts,
      any_frame_may_be_begun_with_where_nothing_is_known, packets_that_make_no_sense_are_counted,
      loss_is_seen_on_its_track, a_frame_that_no_slab_holds_is_refused)
