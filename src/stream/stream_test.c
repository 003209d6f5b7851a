#include "stream/stream.h"

#include "base/test.h"
#include "rtp/rtcp.h"
#include "stream/test_batch.h"
#include "stream/test_feed.h"
#include "stream/test_hub.h"

enum { ID = 11, SSRC = 0xabcd0000 };

/* One stream on the first hub, and readers that tests attach where they like. */
struct stage {
    struct test_hubs    hubs;
    struct test_batches maker;
    struct counters    *counters;
    struct stream      *stream;
    struct test_reader  readers[3];
};

static void stage_open(struct stage *stage, unsigned hubs)
{
    memset(stage, 0, sizeof(*stage));
    test_hubs_open(&stage->hubs, hubs);
    test_batches_init(&stage->maker);
    stage->counters = counters_create();
    stage->stream =
        stream_create(&stage->hubs.hubs[1], ID, test_description(TEST_SDP), stage->counters);
    for (unsigned i = 0; i < 2; i++)
        stream_track(stage->stream, i)->ssrc = SSRC + i;
    for (size_t i = 0; i < COUNT(stage->readers); i++)
        test_reader_init(&stage->readers[i]);
}

static void stage_close(struct stage *stage)
{
    stage->stream = stream_end(stage->stream);
    test_hubs_settle(&stage->hubs);
    for (size_t i = 0; i < COUNT(stage->readers); i++) {
        assert_null(stage->readers[i].reader.stream);
        buf_fini(&stage->readers[i].bytes);
    }
    counters_unref(stage->counters);
    test_hubs_close(&stage->hubs);
    test_batches_fini(&stage->maker);
}

static struct reader *attach(struct stage *stage, unsigned index, unsigned hub)
{
    struct reader *reader = &stage->readers[index].reader;
    stream_attach(&stage->hubs.hubs[hub], ID, 1, reader);
    test_hubs_settle(&stage->hubs);
    return reader;
}

static void publish(struct stage *stage, const char *letters)
{
    stage->maker.now_ns = loop_now(&stage->hubs.loops[1]);
    stream_publish(stage->stream, test_batch(&stage->maker, letters));
    test_hubs_settle(&stage->hubs);
}

static void check_text(struct stage *stage, unsigned index, const char *want)
{
    assert_string_equal(stage->readers[index].text, want);
    stage->readers[index].text[0] = '\0';
}

static void readers_get_what_comes_while_they_play(void **state)
{
    struct stage stage;
    stage_open(&stage, 1);
    struct reader *reader = attach(&stage, 0, 1);
    assert_int_equal(stage.readers[0].attached, 1);
    assert_ptr_equal(reader->stream, stage.stream);
    publish(&stage, "K-");
    check_text(&stage, 0, "");
    stream_play(reader);
    check_text(&stage, 0, "[r]");
    stream_play(reader);
    publish(&stage, "P-");
    check_text(&stage, 0, "[P-]");
    stream_pause(reader);
    stream_pause(reader);
    publish(&stage, "P-");
    check_text(&stage, 0, "");
    stream_play(reader);
    publish(&stage, "a");
    check_text(&stage, 0, "[r][a][rr]");
    stream_detach(reader);
    stream_detach(reader);
    publish(&stage, "a");
    check_text(&stage, 0, "");
    assert_int_equal(stage.readers[0].ended, 0);
    stage_close(&stage);
}

static void all_are_told_of_the_end(void **state)
{
    struct stage stage;
    stage_open(&stage, 2);
    stream_play(attach(&stage, 0, 1));
    attach(&stage, 1, 1);
    stream_play(attach(&stage, 2, 2));
    stage.stream = stream_end(stage.stream);
    assert_null(stage.stream);
    test_hubs_settle(&stage.hubs);
    for (size_t i = 0; i < COUNT(stage.readers); i++) {
        assert_int_equal(stage.readers[i].ended, 1);
        assert_int_equal(stage.readers[i].reason, STREAM_ENDED);
        assert_false(stage.readers[i].reader.is_playing);
    }
    assert_null(stream_end(NULL));
    stage_close(&stage);
}

static void a_stream_that_has_gone_is_reported(void **state)
{
    struct stage stage;
    stage_open(&stage, 2);
    stage.stream = stream_end(stage.stream);
    attach(&stage, 0, 1);
    attach(&stage, 1, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(stage.readers[i].attached, 0);
        assert_int_equal(stage.readers[i].ended, 1);
        assert_int_equal(stage.readers[i].reason, STREAM_GONE);
    }
    stage_close(&stage);
}

/* Readers that act from inside what they are told. */
struct actor {
    struct reader  reader;
    struct reader *neighbour;
    unsigned       batches, ends;
};

static void actor_play(struct reader *reader)
{
    stream_play(reader);
}

static void actor_leave(struct reader *reader, const struct batch *batch, uint32_t mask)
{
    CONTAINER_OF(reader, struct actor, reader)->batches++;
    stream_detach(reader);
}

static void actor_take_neighbour_along(struct reader *reader, enum stream_end reason)
{
    struct actor *actor = CONTAINER_OF(reader, struct actor, reader);
    actor->ends++;
    if (actor->neighbour)
        stream_detach(actor->neighbour);
}

static const struct reader_ops actor_ops = { actor_play, actor_leave, actor_take_neighbour_along };

static void a_reader_may_leave_from_its_own_batch(void **state)
{
    struct stage stage;
    struct actor actors[3] = { { .reader.ops = &actor_ops } };
    stage_open(&stage, 1);
    actors[1] = actors[2] = actors[0];
    for (size_t i = 0; i < COUNT(actors); i++)
        stream_attach(&stage.hubs.hubs[1], ID, 1, &actors[i].reader);
    stream_play(attach(&stage, 0, 1));
    publish(&stage, "K");
    publish(&stage, "P");
    for (size_t i = 0; i < COUNT(actors); i++)
        assert_int_equal(actors[i].batches, 1);
    check_text(&stage, 0, "[K][r][P]");
    stage_close(&stage);
}

/* One connection may hold two readers, and goes away with both. */
static void an_end_may_take_a_neighbour_along(void **state)
{
    for (unsigned hub = 1; hub <= 2; hub++) {
        struct stage stage;
        struct actor actors[2] = { { .reader.ops = &actor_ops }, { .reader.ops = &actor_ops } };
        stage_open(&stage, 2);
        for (size_t i = 0; i < COUNT(actors); i++) {
            actors[i].neighbour = &actors[!i].reader;
            stream_attach(&stage.hubs.hubs[hub], ID, 1, &actors[i].reader);
        }
        test_hubs_settle(&stage.hubs);
        stage.stream = stream_end(stage.stream);
        test_hubs_settle(&stage.hubs);
        assert_int_equal(actors[0].ends + actors[1].ends, 1);
        assert_null(actors[0].reader.stream);
        assert_null(actors[1].reader.stream);
        stage_close(&stage);
    }
}

static void a_path_counts_what_its_owner_publishes(void **state)
{
    static const struct {
        enum counter which;
        uint64_t     want;
    } cases[] = {
        { COUNTER_INBOUND_PACKETS, 9 },
        { COUNTER_INBOUND_BYTES, 9 * (RTP_HEADER + TEST_PAYLOAD) },
        { COUNTER_INBOUND_FRAMES, 5 },
        { COUNTER_INBOUND_KEYFRAMES, 2 },
    };
    struct stage stage;
    stage_open(&stage, 2);
    stream_play(attach(&stage, 0, 1));
    stream_play(attach(&stage, 1, 2));
    publish(&stage, "K--aP-");
    publish(&stage, "aK");
    publish(&stage, "-");
    test_hubs_wait(&stage.hubs, 10 * NS_PER_S); /* reports do not count */
    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK(counters_get(stage.counters, cases[i].which) == cases[i].want,
              counter_rows[cases[i].which].name);
    stage_close(&stage);
}

/* Sender reports */

/* The report of a track among what a reader has got; the last one when there are several. */
static struct rtcp_sender_info find_report(const struct test_reader *reader, unsigned track)
{
    struct rtcp_sender_info  info = { 0 };
    struct interleaved_frame frame;
    struct rtcp_packet       packet;
    ssize_t                  used;
    for (struct span rest = buf_span(&reader->bytes); rest.len;
         rest = span_skip(rest, (size_t)used)) {
        used = interleaved_parse(rest, &frame);
        assert_true(used > 0);
        if (frame.channel != 2 * track + 1)
            continue;
        assert_true(rtcp_next(frame.payload, &packet) > 0);
        assert_int_equal(rtcp_parse_sender_info(&packet, &info), 0);
    }
    return info;
}

static void reports_come_with_the_first_packets_and_each_period(void **state)
{
    struct stage stage;
    stage_open(&stage, 2);
    stream_play(attach(&stage, 0, 1));
    stream_play(attach(&stage, 1, 2));
    test_hubs_wait(&stage.hubs, 3 * NS_PER_S);
    check_text(&stage, 0, "");
    test_hubs_wait(&stage.hubs, NS_PER_S);
    publish(&stage, "K");
    check_text(&stage, 0, "[K][r]");
    publish(&stage, "P");
    publish(&stage, "a");
    publish(&stage, "a");
    check_text(&stage, 0, "[P][a][rr][a]");
    test_hubs_wait(&stage.hubs, 2 * NS_PER_S - NS_PER_MS);
    check_text(&stage, 0, "");
    test_hubs_wait(&stage.hubs, NS_PER_MS);
    check_text(&stage, 0, "[rr]");
    test_hubs_wait(&stage.hubs, 3 * NS_PER_S);
    check_text(&stage, 0, "[rr]");
    check_text(&stage, 1, "[K][r][P][a][rr][a][rr][rr]");
    stage_close(&stage);
}

static void nobody_makes_reports_for_nobody(void **state)
{
    struct stage stage;
    stage_open(&stage, 1);
    attach(&stage, 0, 1);
    publish(&stage, "Ka");
    test_hubs_wait(&stage.hubs, 10 * NS_PER_S);
    assert_null(stage.hubs.hubs[1].control);
    stage_close(&stage);
}

static void a_report_counts_and_says_what_time_it_is(void **state)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage.readers[0].keeps_bytes = true;
    stream_play(attach(&stage, 0, 1));
    publish(&stage, "K-a");
    publish(&stage, "-");
    stream_track(stage.stream, 0)->last_ticks = 1000;
    test_hubs_wait(&stage.hubs, 3 * NS_PER_S);
    struct rtcp_sender_info video = find_report(&stage.readers[0], 0);
    struct rtcp_sender_info audio = find_report(&stage.readers[0], 1);
    assert_int_equal(video.ssrc, SSRC);
    assert_int_equal(video.packets, 3);
    assert_int_equal(video.bytes, 3 * TEST_PAYLOAD);
    assert_int_equal(video.ticks, 1000 + 3 * 90000);
    assert_true(video.ntp == rtcp_ntp_from_ns(clock_wall_ns()));
    assert_int_equal(audio.ssrc, SSRC + 1);
    assert_int_equal(audio.packets, 1);
    assert_int_equal(audio.bytes, TEST_PAYLOAD);
    assert_int_equal(audio.ticks, 3 * 48000);
    assert_true(audio.ntp == video.ntp);
    stage_close(&stage);
}

/* A publisher has said when it took a picture: readers are told in the same terms. */
static void a_report_follows_the_publishers_clock(void **state)
{
    static const int64_t noon_ns = INT64_C(1500000000) * NS_PER_S;
    static const struct {
        const char *name;
        uint32_t    told, last; /* ticks: in the publisher's report, of the last packet */
        int64_t     age_ns;     /* of the last packet */
        int64_t     want_ns;    /* after noon */
    } cases[] = {
        { "the same packet, at once", 5000, 5000, 0, 0 },
        { "a second later", 5000, 5000, NS_PER_S, NS_PER_S },
        { "packets have come since", 5000, 5000 + 45000, 0, NS_PER_S / 2 },
        { "both", 5000, 5000 + 45000, NS_PER_S, 3 * NS_PER_S / 2 },
        { "told in advance", 5000 + 90000, 5000, 0, -NS_PER_S },
        { "the timestamp wraps", UINT32_MAX - 44999, 45000, 0, NS_PER_S },
        { "an hour later", 0, UINT32_C(3600) * 90000, 0, 3600 * NS_PER_S },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct stage stage;
        stage_open(&stage, 1);
        stage.readers[0].keeps_bytes = true;
        publish(&stage, "Ka");
        stream_set_ntp(stage.stream, 0, rtcp_ntp_from_ns(noon_ns), cases[i].told);
        stream_track(stage.stream, 0)->last_ticks = cases[i].last;
        test_hubs_wait(&stage.hubs, cases[i].age_ns);
        stream_play(attach(&stage, 0, 1));
        struct rtcp_sender_info video = find_report(&stage.readers[0], 0);
        struct rtcp_sender_info audio = find_report(&stage.readers[0], 1);
        CHECK(video.ntp == rtcp_ntp_from_ns(noon_ns + cases[i].want_ns), cases[i].name);
        CHECK(video.ticks == cases[i].last + (uint32_t)muldiv(cases[i].age_ns, 90000, NS_PER_S),
              cases[i].name);
        CHECK(audio.ntp == rtcp_ntp_from_ns(clock_wall_ns()), cases[i].name);
        stage_close(&stage);
    }
}

/* Where a reader begins */

static void a_reader_may_begin_with_the_ring(void **state)
{
    static const struct {
        const char *name;
        size_t      ring_bytes;
        bool        for_players;
        const char *text;
    } cases[] = {
        { "no ring", 0, false, "[rr][P-]" },
        { "a ring for others", 1 << 20, false, "[rr][P-]" },
        { "a ring", 1 << 20, true, "[rr][K-a][P-][P-]" },
        { "one that is too small", SLAB_SMALL, true, "[rr][P-]" },
    };
    for (size_t i = 0; i < 2 * COUNT(cases); i++) {
        struct stage stage;
        stage_open(&stage, 2);
        stage.stream = stream_end(stage.stream);
        stage.hubs.settings.ring_bytes = cases[i / 2].ring_bytes;
        stage.hubs.settings.ring_for_players = cases[i / 2].for_players;
        stage.stream =
            stream_create(&stage.hubs.hubs[1], ID, test_description(TEST_SDP), stage.counters);
        publish(&stage, "aP");
        publish(&stage, "-K-a");
        publish(&stage, "P-");
        struct reader *reader = attach(&stage, 0, 1 + i % 2);
        stream_play(reader);
        publish(&stage, "P-");
        CHECK(strcmp(stage.readers[0].text, cases[i / 2].text) == 0, cases[i / 2].name);
        stage_close(&stage);
    }
}

static void the_next_packet_is_foretold(void **state)
{
    struct stage stage;
    uint16_t     seq;
    uint32_t     ticks;
    stage_open(&stage, 1);
    assert_false(stream_next_packet(stage.stream, 0, &seq, &ticks));
    stage.maker.seq = UINT16_MAX - 2;
    publish(&stage, "K-P");
    assert_true(stream_next_packet(stage.stream, 0, &seq, &ticks));
    assert_false(stream_next_packet(stage.stream, 1, &seq, &ticks));
    assert_int_equal(seq, 0);
    assert_int_equal(ticks, 0);
    stream_track(stage.stream, 0)->last_ticks = 4500;
    test_hubs_wait(&stage.hubs, NS_PER_S / 2);
    assert_true(stream_next_packet(stage.stream, 0, &seq, &ticks));
    assert_int_equal(ticks, 4500 + 45000);
    stage_close(&stage);
}

static void the_next_packet_may_be_in_the_ring(void **state)
{
    struct stage stage;
    uint16_t     seq;
    uint32_t     ticks;
    stage_open(&stage, 1);
    stage.stream = stream_end(stage.stream);
    stage.hubs.settings.ring_bytes = 1 << 20;
    stage.hubs.settings.ring_for_players = true;
    stage.stream =
        stream_create(&stage.hubs.hubs[1], ID, test_description(TEST_SDP), stage.counters);
    stage.maker.seq = 100;
    publish(&stage, "aaP-");
    publish(&stage, "aPK-"); /* 104: the keyframe is 106 */
    publish(&stage, "P-a");  /* 108: the audio is 110 */
    assert_true(stream_next_packet(stage.stream, 0, &seq, &ticks));
    assert_int_equal(seq, 106);
    assert_true(stream_next_packet(stage.stream, 1, &seq, &ticks));
    assert_int_equal(seq, 110);
    publish(&stage, "K");
    assert_true(stream_next_packet(stage.stream, 1, &seq, &ticks));
    assert_int_equal(seq, 111);
    stage_close(&stage);
}

static void a_new_description_takes_the_place_of_the_old(void **state)
{
    struct stage stage;
    stage_open(&stage, 2);
    attach(&stage, 0, 2);
    struct stream      *mirror = stage.readers[0].reader.stream;
    struct description *first = stream_description(stage.stream);
    struct description *second = test_description("s=second\r\n" TEST_SDP);
    assert_ptr_equal(stream_description(mirror), first);
    stream_set_description(stage.stream, second);
    assert_ptr_equal(stream_description(stage.stream), second);
    assert_ptr_equal(stream_description(mirror), first);
    test_hubs_settle(&stage.hubs);
    assert_ptr_equal(stream_description(mirror), second);
    assert_int_equal(atomic_load(&second->refs), 2);
    stage_close(&stage);
}

/* A publisher that can be asked, and writes down when it was: in tenths of a second. */
struct asked {
    struct source source;
    struct stage *stage;
    int64_t       begin_ns;
    char          text[64];
};

static void on_keyframe_request(struct source *source)
{
    struct asked *asked = CONTAINER_OF(source, struct asked, source);
    size_t        len = strlen(asked->text);
    int64_t tenths = (loop_now(&asked->stage->hubs.loops[1]) - asked->begin_ns) / (100 * NS_PER_MS);
    (void)snprintf(asked->text + len, sizeof(asked->text) - len, "%s%d", len ? " " : "",
                   (int)tenths);
}

static const struct source_ops asked_ops = { on_keyframe_request };

/* A letter each: a reader asks, a frame comes (as in test_batch.h), a tenth of a second passes. */
static void run_script(struct stage *stage, struct reader *reader, const char *script)
{
    for (; *script; script++) {
        char letter[2] = { *script };
        if (*script == '?')
            stream_request_keyframe(reader->stream);
        else if (*script == '.')
            test_hubs_wait(&stage->hubs, 100 * NS_PER_MS);
        else
            publish(stage, letter);
    }
    test_hubs_settle(&stage->hubs);
}

static void keyframes_are_asked_for_twice_a_second(void **state)
{
    static const struct {
        const char *name, *script, *asked;
    } cases[] = {
        { "nobody asks", "K......P......", "" },
        { "the first goes out at once", "?..........", "0" },
        { "the second waits", "??..........", "0 5" },
        { "all that come meanwhile are one", "?.?.?.?..........", "0 5" },
        { "its keyframe comes first", "??..K..........", "0" },
        { "another frame does not help", "??..P..........", "0 5" },
        { "a keyframe before the request does not help", "?.K.?..........", "0 5" },
        { "half a second later", "?.....?..........", "0 5" },
        { "much later", "?............?..........", "0 12" },
        { "again and again", "?.?.?.?.?.?.?.?.?.?.?.?.?.?.?.?..........", "0 5 10 15 20" },
        { "each time with a keyframe", "?.K?.K?.K?.K?.K?.K?.K?.K?.K", "0 5" },
    };
    for (unsigned hub = 1; hub <= 2; hub++) { /* the owner's, and another with a mirror */
        for (size_t i = 0; i < COUNT(cases); i++) {
            struct stage stage;
            stage_open(&stage, 2);
            struct asked asked = { .source.ops = &asked_ops, .stage = &stage };
            stream_set_source(stage.stream, &asked.source);
            struct reader *reader = attach(&stage, 0, hub);
            stream_play(reader);
            asked.begin_ns = loop_now(&stage.hubs.loops[1]);
            run_script(&stage, reader, cases[i].script);
            if (strcmp(asked.text, cases[i].asked) != 0)
                (void)fprintf(stderr, "hub %u: %s\n", hub, asked.text);
            CHECK(strcmp(asked.text, cases[i].asked) == 0, cases[i].name);
            stage_close(&stage);
        }
    }
}

static void who_cannot_be_asked_is_not(void **state)
{
    struct stage stage;
    stage_open(&stage, 2);
    run_script(&stage, attach(&stage, 0, 1), "??.....?.....");
    run_script(&stage, attach(&stage, 1, 2), "??.....?.....");
    stage_close(&stage);
}

/* The publisher goes while a request waits for its time, here or on its way. */
static void a_request_may_outlive_its_stream(void **state)
{
    for (unsigned hub = 1; hub <= 2; hub++) {
        struct stage stage;
        stage_open(&stage, 2);
        struct asked asked = { .source.ops = &asked_ops, .stage = &stage };
        stream_set_source(stage.stream, &asked.source);
        asked.begin_ns = loop_now(&stage.hubs.loops[1]);
        run_script(&stage, attach(&stage, 0, hub), "??.");
        stream_request_keyframe(stage.readers[0].reader.stream);
        stage.stream = stream_end(stage.stream);
        test_hubs_wait(&stage.hubs, NS_PER_S);
        assert_string_equal(asked.text, "0");
        stage_close(&stage);
    }
}

/* A frame of video, of so many packets. */
static void publish_picture(struct stage *stage, unsigned packets, uint32_t ticks)
{
    const struct batch *batch = test_batch(&stage->maker, packets == 1 ? "P" : "P-");
    for (unsigned i = 0; i < packets; i++)
        ((struct batch *)batch)->packets[i].ticks = ticks;
    stream_publish(stage->stream, batch);
    test_hubs_settle(&stage->hubs);
}

/* The SPS of x264, without and with B-frames. */
#define SDP_WITH_SPS(sps)                                                                          \
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 sprop-parameter-sets=" sps "\r\n"
#define SDP_WITHOUT_B_FRAMES                                                                       \
    SDP_WITH_SPS("Z2QAFayyAoY+TARAAAADAEAAAAyYCABJPAAST+TDAHixckA=,aOvMsiw=")
#define SDP_WITH_B_FRAMES SDP_WITH_SPS("Z2QADKzZQUGfnwEQAAADABAAAAMDIPFCmWA=,aOvMsiw=")

static void b_frames_are_seen(void **state)
{
    enum { LATER = 90 }; /* as many frames in order */
    static const struct {
        const char *name, *sdp;
        uint32_t    base;
        int8_t      order[24]; /* in frames; LATER; the last one is 0 */
        bool        is_seen;
    } cases[] = {
        { "in order", TEST_SDP, 0, { 1, 2, 3, 4, 5, 6, 7, 8, 9 }, false },
        { "in order, over the wrap", TEST_SDP, UINT32_MAX - 9000, { 1, 2, 3, 4, 5, 6, 7 }, false },
        { "one B-frame at a time", TEST_SDP, 0, { 1, 3, 2, 5, 4, 7, 6 }, true },
        { "two", TEST_SDP, 0, { 1, 4, 2, 3, 7, 5, 6, 10, 8, 9 }, true },
        { "two, over the wrap", TEST_SDP, UINT32_MAX - 9000, { 1, 4, 2, 3, 7, 5, 6, 10, 8 }, true },
        { "a pyramid", TEST_SDP, 0, { 1, 9, 5, 3, 2, 4, 7, 6, 8 }, true },
        { "a clock that was set back", TEST_SDP, 0, { 10, 11, 12, 1, 2, 3, 4, 5 }, false },
        { "twice", TEST_SDP, 0, { 10, 11, 5, 6, 1, 2, 3, 4 }, false },
        { "now and then", TEST_SDP, 0, { 3, 2, LATER, 3, 2, LATER, 3, 2, LATER, 3, 2 }, false },
        { "though they were ruled out", SDP_WITHOUT_B_FRAMES, 0, { 1, 3, 2, 5, 4, 7, 6 }, false },
        { "as was announced", SDP_WITH_B_FRAMES, 0, { 1, 3, 2, 5, 4, 7, 6 }, true },
        { "announced and not used", SDP_WITH_B_FRAMES, 0, { 1, 2, 3, 4, 5, 6, 7 }, false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct stage stage;
        stage_open(&stage, 2);
        stream_set_description(stage.stream, test_description(cases[i].sdp));
        struct stream *mirror = attach(&stage, 0, 2)->stream;
        stream_play(&stage.readers[0].reader);
        uint32_t shift = cases[i].base;
        for (const int8_t *at = cases[i].order; *at; at++) {
            for (unsigned k = 0; *at == LATER && k < LATER; k++)
                publish_picture(&stage, 1, shift += 3600);
            if (*at != LATER)
                publish_picture(&stage, 1 + (unsigned)*at % 2, shift + (uint32_t)*at * 3600);
        }
        CHECK(stream_track(stage.stream, 0)->has_b_frames == cases[i].is_seen, cases[i].name);
        CHECK(stream_track(mirror, 0)->has_b_frames == cases[i].is_seen, cases[i].name);
        stage_close(&stage);
    }
}

/* Until other parameter sets come: then the encoder may have been told to do without. */
static void b_frames_are_remembered(void **state)
{
    struct stage stage;
    stage_open(&stage, 2);
    for (uint32_t i = 1; i < 10; i++)
        publish_picture(&stage, 1, (i ^ 1) * 3600);
    for (uint32_t i = 10; i < 200; i++)
        publish_picture(&stage, 1, i * 3600);
    struct stream *mirror = attach(&stage, 0, 2)->stream;
    assert_true(stream_track(stage.stream, 0)->has_b_frames);
    assert_true(stream_track(mirror, 0)->has_b_frames);
    stream_set_description(stage.stream, test_description(SDP_WITH_B_FRAMES));
    test_hubs_settle(&stage.hubs);
    assert_false(stream_track(stage.stream, 0)->has_b_frames);
    assert_false(stream_track(mirror, 0)->has_b_frames);
    stage_close(&stage);
}

TESTS(readers_get_what_comes_while_they_play, all_are_told_of_the_end,
      a_stream_that_has_gone_is_reported, a_reader_may_leave_from_its_own_batch,
      an_end_may_take_a_neighbour_along, a_path_counts_what_its_owner_publishes,
      reports_come_with_the_first_packets_and_each_period, nobody_makes_reports_for_nobody,
      a_report_counts_and_says_what_time_it_is, a_report_follows_the_publishers_clock,
      a_reader_may_begin_with_the_ring, the_next_packet_is_foretold,
      the_next_packet_may_be_in_the_ring, a_new_description_takes_the_place_of_the_old,
      keyframes_are_asked_for_twice_a_second, who_cannot_be_asked_is_not,
      a_request_may_outlive_its_stream, b_frames_are_seen, b_frames_are_remembered)
