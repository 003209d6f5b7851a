/* What viewers get: webrtc_feed.c, webrtc_send.c and webrtc_viewer.c together, on real sockets. */
#include "rtp/rtcp.h"
#include "webrtc/test_viewers.h"

static struct test_viewers test;
static struct test_viewer  viewers[3];

/* The packets of a frame that begin with this byte; `count` of them follow each other from `*at`.
 */
static void expect_frame(const struct test_viewer *viewer, unsigned *at, uint8_t nal,
                         unsigned count, const char *name)
{
    for (unsigned i = 0; i < count; i++, (*at)++) {
        const struct test_got *got = &viewer->got[*at];
        CHECK(*at < viewer->count && !got->is_rtcp, name);
        CHECK(got->header.payload.p[0] == nal && got->header.payload.p[1] == i, name);
        CHECK(got->header.marker == (i + 1 == count), name);
        CHECK(got->header.ssrc == 0xcafe0000 && got->header.payload_type == 100, name);
        if (i)
            CHECK(got->header.seq == (uint16_t)(got[-1].header.seq + 1), name);
    }
}

/* RTCP is set aside: reports may come between packets. */
static unsigned receive_media(struct test_viewer *viewer)
{
    unsigned from = viewer->count, kept = from;
    (void)test_viewer_receive(viewer, &test);
    for (unsigned i = from; i < viewer->count; i++) {
        const struct test_got *got = &viewer->got[i];
        size_t                 payload_at = (size_t)(got->header.payload.p - got->bytes);
        if (got->is_rtcp)
            continue;
        viewer->got[kept] = *got;
        viewer->got[kept].header.payload.p = viewer->got[kept].bytes + payload_at;
        kept++;
    }
    viewer->count = kept;
    return kept - from;
}

static void everybody_gets_the_same(void **state)
{
    static const enum srtp_profile profiles[] = { SRTP_PROFILE_AES128_CM_SHA1_80,
                                                  SRTP_PROFILE_AEAD_AES_128_GCM,
                                                  SRTP_PROFILE_AEAD_AES_256_GCM };
    test_viewers_open(&test, "");
    for (unsigned i = 0; i < 3; i++)
        test_viewer_open(&viewers[i], &test, profiles[i]);
    test_viewers_frame(&test, TEST_IDR, 4, 1000);
    test_viewers_sound(&test);
    test_viewers_frame(&test, TEST_SLICE, 2, 1156);
    for (unsigned i = 0; i < 3; i++) {
        const char *name = srtp_profile_find(profiles[i])->openssl_name;
        unsigned    at = 0;
        (void)receive_media(&viewers[i]);
        CHECK(viewers[i].count == 7, name);
        CHECK(viewers[i].got[0].header.seq < 1 << 14, name);
        expect_frame(&viewers[i], &at, TEST_IDR, 4, name);
        CHECK(span_is(viewers[i].got[at].header.payload, "opus"), name);
        CHECK(viewers[i].got[at].header.payload_type == 101, name);
        at++;
        expect_frame(&viewers[i], &at, TEST_SLICE, 2, name);
        CHECK(viewers[i].got[5].header.seq == (uint16_t)(viewers[i].got[3].header.seq + 1), name);
    }
    assert_int_equal(counters_get(viewers[0].session.viewer.counters, COUNTER_OUTBOUND_PACKETS), 7);
    for (unsigned i = 0; i < 3; i++)
        test_viewer_close(&viewers[i], &test);
    test_viewers_close(&test);
}

static void equal_datagrams_of_a_frame_are_one_call(void **state)
{
    test_viewers_open(&test, "");
    struct counters *counters = test.hubs.hubs[1].counters;
    for (unsigned i = 0; i < 3; i++)
        test_viewer_open(&viewers[i], &test, SRTP_PROFILE_AEAD_AES_128_GCM);
    test_viewers_frame(&test, TEST_IDR, 4, 1000);
    uint64_t before = counters_get(counters, COUNTER_SYSTEM_CALLS);
    test_viewers_frame(&test, TEST_SLICE, 20, 1000);
    assert_int_equal(counters_get(counters, COUNTER_SYSTEM_CALLS) - before, 1);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(receive_media(&viewers[i]), 24);
        test_viewer_close(&viewers[i], &test);
    }
    test_viewers_close(&test);
}

static void who_comes_late_starts_at_the_keyframe(void **state)
{
    struct test_viewer *late = &viewers[1];
    unsigned            at = 0;
    test_viewers_open(&test, "");
    test_viewer_open(&viewers[0], &test, SRTP_PROFILE_AEAD_AES_128_GCM); /* so there is a feed */
    test_viewers_frame(&test, TEST_IDR, 1, 500);
    test_viewers_frame(&test, TEST_IDR, 3, 500);
    test_viewers_sound(&test);
    test_viewers_frame(&test, TEST_SLICE, 2, 500);
    test_viewer_open(late, &test, SRTP_PROFILE_AEAD_AES_128_GCM);
    assert_int_equal(receive_media(late), 5); /* no sound of the past */
    expect_frame(late, &at, TEST_IDR, 3, "keyframe");
    expect_frame(late, &at, TEST_SLICE, 2, "what followed it");
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(late->got[i].bytes[0] & 0x10, 0x10); /* playout-delay */
    test_viewers_sound(&test);
    test_viewers_frame(&test, TEST_SLICE, 1, 500);
    assert_int_equal(receive_media(late), 2);
    assert_int_equal(late->got[6].bytes[0] & 0x10, 0);
    assert_int_equal(late->got[6].header.seq, (uint16_t)(late->got[4].header.seq + 1));
    test_viewer_close(late, &test);
    test_viewer_close(&viewers[0], &test);
    test_viewers_close(&test);
}

static void without_a_cache_the_next_keyframe_is_waited_for(void **state)
{
    test_viewers_open(&test, "gopCache: no");
    test_viewer_open(&viewers[0], &test, SRTP_PROFILE_AES128_CM_SHA1_80);
    test_viewers_frame(&test, TEST_IDR, 1, 500);
    test_viewer_open(&viewers[1], &test, SRTP_PROFILE_AES128_CM_SHA1_80);
    test_viewers_frame(&test, TEST_SLICE, 2, 500);
    assert_int_equal(receive_media(&viewers[1]), 0);
    test_viewers_frame(&test, TEST_IDR, 2, 500);
    assert_int_equal(receive_media(&viewers[1]), 2);
    test_viewer_close(&viewers[0], &test);
    test_viewer_close(&viewers[1], &test);
    test_viewers_close(&test);
}

static size_t write_nack(uint32_t source, const uint16_t *seqs, unsigned count,
                         uint8_t compound[RTCP_EMPTY_RR_SIZE + RTCP_MAX_NACK_SIZE])
{
    rtcp_write_empty_rr(source, compound);
    return RTCP_EMPTY_RR_SIZE +
           rtcp_write_nack(source, 0xcafe0000, seqs, count, compound + RTCP_EMPTY_RR_SIZE);
}

static void say_nack(struct test_viewer *viewer, const uint16_t *seqs, unsigned count)
{
    uint8_t compound[RTCP_EMPTY_RR_SIZE + RTCP_MAX_NACK_SIZE];
    size_t  len = write_nack(1, seqs, count, compound);
    test_viewer_say(viewer, &test, (struct span){ compound, len });
}

static void expect_again(struct test_viewer *viewer, unsigned first, unsigned count)
{
    unsigned at = viewer->count;
    assert_int_equal(receive_media(viewer), count);
    for (unsigned i = 0; i < count; i++) {
        const struct test_got *old = &viewer->got[first + i], *again = &viewer->got[at + i];
        assert_int_equal(again->raw_len, old->raw_len);
        assert_memory_equal(again->raw, old->raw, old->raw_len);
    }
    viewer->count = at;
}

/* The same bytes: another packet under the same number would give the keys of GCM away. */
static void what_is_lost_comes_again_as_it_was(void **state)
{
    struct test_viewer *viewer = &viewers[0];
    test_viewers_open(&test, "");
    test_viewer_open(&viewers[1], &test, SRTP_PROFILE_AEAD_AES_128_GCM);
    test_viewers_frame(&test, TEST_IDR, 5, 700);
    test_viewer_open(viewer, &test, SRTP_PROFILE_AEAD_AES_128_GCM); /* starts with an extension */
    test_viewers_sound(&test);
    test_viewers_frame(&test, TEST_SLICE, 4, 800);
    assert_int_equal(receive_media(viewer), 10);
    const uint16_t start[] = { viewer->got[1].header.seq, viewer->got[2].header.seq };
    say_nack(viewer, start, 2);
    expect_again(viewer, 1, 2);
    const uint16_t live = viewer->got[8].header.seq;
    say_nack(viewer, &live, 1);
    expect_again(viewer, 8, 1);
    const uint16_t never[] = { (uint16_t)(start[0] - 2), (uint16_t)(live + 5) };
    say_nack(viewer, never, 1);
    say_nack(viewer, never + 1, 1);
    assert_int_equal(receive_media(viewer), 0);
    test_viewer_close(viewer, &test);
    test_viewer_close(&viewers[1], &test);
    test_viewers_close(&test);
}

/* A browser reports its tracks under SSRCs of its own, which count from one each. */
static void each_source_counts_its_own_reports(void **state)
{
    struct test_viewer *viewer = &viewers[0];
    uint8_t             compound[RTCP_EMPTY_RR_SIZE + RTCP_MAX_NACK_SIZE];
    test_viewers_open(&test, "");
    test_viewer_open(viewer, &test, SRTP_PROFILE_AES128_CM_SHA1_80);
    test_viewers_frame(&test, TEST_IDR, 2, 500);
    assert_int_equal(receive_media(viewer), 2);
    const uint16_t seq = viewer->got[1].header.seq;
    for (uint32_t source = 1; source <= SRTCP_MAX_SOURCES + 1; source++) {
        viewer->rtcp_index = 7;
        size_t len = write_nack(source, &seq, 1, compound);
        test_viewer_say(viewer, &test, (struct span){ compound, len });
        if (source <= SRTCP_MAX_SOURCES)
            expect_again(viewer, 1, 1);
        else
            assert_int_equal(receive_media(viewer), 0);
    }
    viewer->rtcp_index = 7;
    say_nack(viewer, &seq, 1);
    assert_int_equal(receive_media(viewer), 0); /* replayed */
    test_viewer_close(viewer, &test);
    test_viewers_close(&test);
}

/* Whoever is asked for a part may lose it in the same turn, and somebody else fill its memory. */
static void what_comes_again_is_sealed_at_once(void **state)
{
    struct test_viewer *viewer = &viewers[0];
    uint8_t             compound[SRTCP_MAX_TRAILER + RTCP_EMPTY_RR_SIZE + RTCP_MAX_NACK_SIZE];
    test_viewers_open(&test, "");
    test_viewer_open(viewer, &test, SRTP_PROFILE_AEAD_AES_128_GCM);
    test_viewers_frame(&test, TEST_IDR, 2, 500);
    assert_int_equal(receive_media(viewer), 2);
    const uint16_t          seq = viewer->got[0].header.seq;
    size_t                  len = write_nack(1, &seq, 1, compound);
    const struct feed_part *part = feed_part(viewer->session.viewer.feed, 0);
    len = srtcp_seal(test.sealer, viewer->back_keys, 0, compound, len);
    webrtc_viewer_on_rtcp(&test.worker[1], &viewer->session.viewer, (struct span){ compound, len });
    memset((uint8_t *)part->p, 0xee, part->len);
    test_hubs_settle(&test.hubs);
    expect_again(viewer, 0, 1);
    test_viewer_close(viewer, &test);
    test_viewers_close(&test);
}

/* A frame that lost a part on its way to us shows a gap. One that never came does not. */
static void only_a_torn_frame_shows_a_gap(void **state)
{
#define BEGIN  BYTES("\x7c\x85 fragment")
#define MIDDLE BYTES("\x7c\x05 fragment")
#define END    BYTES("\x7c\x45 fragment")
#define SLICE  BYTES("\x41 whole")
    static const struct {
        struct test_sent sent;
        unsigned         lost; /* before it */
        unsigned         step; /* of the viewer's numbers */
    } steps[] = {
        { { TEST_VIDEO, false, 0, BEGIN }, 0, 0 },    { { TEST_VIDEO, false, 0, MIDDLE }, 0, 1 },
        { { TEST_VIDEO, true, 0, END }, 0, 1 },       { { TEST_VIDEO, true, 3600, SLICE }, 3, 1 },
        { { TEST_VIDEO, false, 7200, BEGIN }, 0, 1 }, { { TEST_VIDEO, true, 10800, SLICE }, 2, 2 },
        { { TEST_VIDEO, true, 14400, SLICE }, 0, 1 },
    };
    struct test_viewer *viewer = &viewers[0];
    test_viewers_open(&test, "");
    test_viewer_open(viewer, &test, SRTP_PROFILE_AES128_CM_SHA1_80);
    for (size_t i = 0; i < COUNT(steps); i++) {
        test.wire.seq[TEST_VIDEO] += (uint16_t)steps[i].lost;
        test_wire_add(&test.wire, &steps[i].sent);
        test_viewers_turn(&test);
    }
    assert_int_equal(receive_media(viewer), COUNT(steps));
    for (size_t i = 1; i < COUNT(steps); i++)
        assert_int_equal((uint16_t)(viewer->got[i].header.seq - viewer->got[i - 1].header.seq),
                         steps[i].step);
    assert_int_equal(viewer->session.viewer.tracks[0].delta_count, 1);
    test_viewer_close(viewer, &test);
    test_viewers_close(&test);
}

static void resends_are_bounded(void **state)
{
    struct test_viewer *viewer = &viewers[0];
    unsigned            again = 0;
    test_viewers_open(&test, "");
    test_viewer_open(viewer, &test, SRTP_PROFILE_AEAD_AES_128_GCM);
    test_viewers_frame(&test, TEST_IDR, 30, 100);
    assert_int_equal(receive_media(viewer), 30);
    for (unsigned i = 0; i < 100; i++) {
        uint16_t seqs[20];
        for (unsigned k = 0; k < COUNT(seqs); k++)
            seqs[k] = viewer->got[k].header.seq;
        say_nack(viewer, seqs, COUNT(seqs));
        again += receive_media(viewer);
        viewer->count = 30;
    }
    assert_int_equal(again, WEBRTC_RESENDS_A_SECOND);
    test_viewer_close(viewer, &test);
    test_viewers_close(&test);
}

/* As when the socket is full: nothing is sealed, and time passes. */
static void who_is_kept_back_goes_on_at_a_keyframe(void **state)
{
    struct test_viewer   *viewer = &viewers[0];
    struct webrtc_sender *sender;
    unsigned              at = 2;
    test_viewers_open(&test, "");
    sender = test.worker[1].sender;
    test_viewer_open(viewer, &test, SRTP_PROFILE_AEAD_AES_128_GCM);
    test_viewers_frame(&test, TEST_IDR, 2, 500);
    assert_int_equal(receive_media(viewer), 2);
    viewer->session.viewer.behind_ns = loop_now(&test.hubs.loops[1]);
    sender->is_blocked = true;
    test.worker[1].events = UV_READABLE | UV_WRITABLE; /* what would find out that it is not */
    (void)uv_poll_stop(&test.worker[1].poll);
    test_viewers_frame(&test, TEST_SLICE, 2, 500);
    test_viewers_frame(&test, TEST_IDR, 3, 500);
    test_viewers_frame(&test, TEST_SLICE, 1, 500);
    test_hubs_wait(&test.hubs, NS_PER_S);
    assert_int_equal(receive_media(viewer), 0);
    webrtc_send_resume(&test.worker[1]);
    assert_int_equal(receive_media(viewer), 4);
    expect_frame(viewer, &at, TEST_IDR, 3, "keyframe");
    expect_frame(viewer, &at, TEST_SLICE, 1, "what followed it");
    /* No gap shows, and what is asked for is found all the same. */
    assert_int_equal(viewer->got[2].header.seq, (uint16_t)(viewer->got[1].header.seq + 1));
    assert_int_equal(counters_get(viewer->session.viewer.counters, COUNTER_OUTBOUND_DISCARDED), 1);
    const uint16_t before = viewer->got[1].header.seq, behind = viewer->got[2].header.seq;
    say_nack(viewer, &before, 1);
    expect_again(viewer, 1, 1);
    say_nack(viewer, &behind, 1);
    expect_again(viewer, 2, 1);
    test_viewer_close(viewer, &test);
    test_viewers_close(&test);
}

/* Whoever is too early when the other's time has come is not forgotten. */
static void two_starts_do_not_wait_for_each_other(void **state)
{
    test_viewers_open(&test, "");
    test_viewer_open(&viewers[2], &test, SRTP_PROFILE_AEAD_AES_128_GCM);
    test_viewers_frame(&test, TEST_IDR, 100, 100);
    test_viewer_open(&viewers[0], &test, SRTP_PROFILE_AEAD_AES_128_GCM);
    for (unsigned i = 0; i < 14; i++) /* two after its last slice */
        test_hubs_wait(&test.hubs, NS_PER_MS);
    test_viewer_open(&viewers[1], &test, SRTP_PROFILE_AEAD_AES_128_GCM);
    for (unsigned i = 0; i < 100; i++)
        test_hubs_wait(&test.hubs, NS_PER_MS);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(receive_media(&viewers[i]), 100);
    for (unsigned i = 0; i < 3; i++)
        test_viewer_close(&viewers[i], &test);
    test_viewers_close(&test);
}

/* What is counted is what cannot be used for anything else meanwhile. */
static void a_feed_counts_the_memory_that_it_holds(void **state)
{
    test_viewers_open(&test, "");
    test_viewer_open(&viewers[0], &test, SRTP_PROFILE_AEAD_AES_128_GCM);
    const struct webrtc_feed *feed = viewers[0].session.viewer.feed;
    test_viewers_frame(&test, TEST_IDR, 3, 1000);
    assert_int_equal(feed->bytes, SLAB_SMALL);
    test_viewers_frame(&test, TEST_SLICE, 3, 1000);
    assert_int_equal(feed->bytes, SLAB_SMALL);
    for (unsigned i = 0; i < 4; i++)
        test_viewers_frame(&test, TEST_SLICE, 3, 1000);
    assert_int_equal(feed->bytes, 2 * SLAB_SMALL);
    assert_int_equal(feed->unit_count, 6);
    test_viewers_frame(&test, TEST_SLICE, 1, 0); /* no part comes of it */
    assert_int_equal(feed->unit_count, 6);
    test_viewer_close(&viewers[0], &test);
    test_viewers_close(&test);
}

static void long_runs_go_out_in_slices(void **state)
{
    struct test_viewer *viewer = &viewers[0];
    unsigned            turns = 1;
    test_viewers_open(&test, "");
    test_viewer_open(viewer, &test, SRTP_PROFILE_AEAD_AES_128_GCM);
    test_viewers_frame(&test, TEST_IDR, 200, 100);
    assert_in_range(receive_media(viewer), 32, 64);
    for (; viewer->count < 200 && turns < 20; turns++) {
        test_hubs_wait(&test.hubs, 6 * NS_PER_MS);
        assert_true(receive_media(viewer) <= 64);
    }
    assert_int_equal(viewer->count, 200);
    assert_in_range(turns, 4, 7); /* some 20 ms: half of a frame's time */
    test_viewers_frame(&test, TEST_SLICE, 2, 100);
    assert_int_equal(receive_media(viewer), 2);
    test_viewer_close(viewer, &test);
    test_viewers_close(&test);
}

static const struct test_got *find_report(struct test_viewer *viewer)
{
    (void)test_viewer_receive(viewer, &test);
    for (unsigned i = viewer->count; i-- > 0;)
        if (viewer->got[i].is_rtcp)
            return &viewer->got[i];
    return NULL;
}

static void reports_come_with_the_first_packets_and_then_each_period(void **state)
{
    struct test_viewer     *viewer = &viewers[0];
    struct rtcp_packet      packet;
    struct rtcp_sender_info info;
    test_viewers_open(&test, "");
    test_viewer_open(viewer, &test, SRTP_PROFILE_AES128_CM_SHA1_80);
    test_viewers_frame(&test, TEST_IDR, 3, 500);
    const struct test_got *report = find_report(viewer);
    assert_non_null(report);
    assert_true(rtcp_next((struct span){ report->bytes, report->len }, &packet) > 0);
    assert_int_equal(rtcp_parse_sender_info(&packet, &info), 0);
    assert_int_equal(info.ssrc, 0xcafe0000);
    assert_int_equal(info.packets, 3);
    assert_int_equal(info.bytes, 1500);
    assert_int_equal(info.ticks, 0); /* the frame's own time */
    viewer->count = 0;
    test_hubs_wait(&test.hubs, 3 * NS_PER_S);
    report = find_report(viewer);
    assert_non_null(report);
    assert_true(rtcp_next((struct span){ report->bytes, report->len }, &packet) > 0);
    assert_int_equal(rtcp_parse_sender_info(&packet, &info), 0);
    assert_in_range(info.ticks, 3 * 90000, 3 * 90000 + 900);
    test_viewer_close(viewer, &test);
    test_viewers_close(&test);
}

static void keyframes_wanted_are_counted(void **state)
{
    struct test_viewer *viewer = &viewers[0];
    uint8_t             compound[RTCP_EMPTY_RR_SIZE + RTCP_PLI_SIZE];
    test_viewers_open(&test, "");
    test_viewer_open(viewer, &test, SRTP_PROFILE_AEAD_AES_256_GCM);
    rtcp_write_empty_rr(1, compound);
    rtcp_write_pli(1, 0xcafe0000, compound + RTCP_EMPTY_RR_SIZE);
    test_viewer_say(viewer, &test, (struct span){ compound, sizeof(compound) });
    struct counters *counters = viewer->session.viewer.counters;
    assert_int_equal(counters_get(counters, COUNTER_INBOUND_KEYFRAME_REQUESTS), 1);
    /* Not sealed by its keys: nobody hears it. */
    webrtc_viewer_on_rtcp(&test.worker[1], &viewer->session.viewer,
                          (struct span){ compound, sizeof(compound) });
    assert_int_equal(counters_get(counters, COUNTER_INBOUND_RTCP), 1);
    test_viewer_close(viewer, &test);
    test_viewers_close(&test);
}

static void say_pli(struct test_viewer *viewer)
{
    uint8_t compound[RTCP_EMPTY_RR_SIZE + RTCP_PLI_SIZE];
    rtcp_write_empty_rr(1, compound);
    rtcp_write_pli(1, 0xcafe0000, compound + RTCP_EMPTY_RR_SIZE);
    test_viewer_say(viewer, &test, (struct span){ compound, sizeof(compound) });
}

static void a_start_that_was_missed_is_repeated(void **state)
{
    struct test_viewer *viewer = &viewers[0];
    unsigned            at = 4;
    test_viewers_open(&test, "");
    test_viewer_open(viewer, &test, SRTP_PROFILE_AEAD_AES_128_GCM);
    test_viewers_frame(&test, TEST_IDR, 3, 500);
    test_viewers_sound(&test);
    assert_int_equal(receive_media(viewer), 4);
    say_pli(viewer);
    assert_int_equal(receive_media(viewer), 3); /* the pictures, under new numbers */
    expect_frame(viewer, &at, TEST_IDR, 3, "again");
    assert_int_equal(viewer->got[4].header.seq, (uint16_t)(viewer->got[2].header.seq + 1));
    const uint16_t first = viewer->got[0].header.seq, again = viewer->got[4].header.seq;
    say_nack(viewer, &first, 1);
    expect_again(viewer, 0, 1);
    say_nack(viewer, &again, 1);
    expect_again(viewer, 4, 1);
    say_pli(viewer);
    assert_int_equal(receive_media(viewer), 3);
    say_pli(viewer); /* that is enough */
    assert_int_equal(receive_media(viewer), 0);
    test_viewer_close(viewer, &test);
    test_viewer_open(viewer, &test, SRTP_PROFILE_AEAD_AES_128_GCM);
    test_viewers_frame(&test, TEST_IDR, 3, 500);
    assert_int_equal(receive_media(viewer), 6); /* with the one before */
    test_hubs_wait(&test.hubs, 2 * NS_PER_S);
    say_pli(viewer); /* and later the next keyframe is waited for */
    assert_int_equal(receive_media(viewer), 0);
    test_viewer_close(viewer, &test);
    test_viewers_close(&test);
}

static void what_was_sealed_for_one_who_has_gone_harms_nobody(void **state)
{
    test_viewers_open(&test, "");
    for (unsigned i = 0; i < 2; i++)
        test_viewer_open(&viewers[i], &test, SRTP_PROFILE_AEAD_AES_128_GCM);
    test_viewers_frame(&test, TEST_IDR, 2, 500);
    (void)close(viewers[0].fd); /* its packets are refused, and that is told to the sender */
    viewers[0].fd = -1;
    for (unsigned i = 0; i < 5; i++)
        test_viewers_frame(&test, TEST_SLICE, 2, 500);
    assert_int_equal(receive_media(&viewers[1]), 12);
    for (unsigned i = 0; i < 2; i++)
        test_viewer_close(&viewers[i], &test);
    test_viewers_close(&test);
}

TESTS(everybody_gets_the_same, equal_datagrams_of_a_frame_are_one_call,
      who_comes_late_starts_at_the_keyframe, without_a_cache_the_next_keyframe_is_waited_for,
      what_is_lost_comes_again_as_it_was, each_source_counts_its_own_reports,
      what_comes_again_is_sealed_at_once, only_a_torn_frame_shows_a_gap, resends_are_bounded,
      who_is_kept_back_goes_on_at_a_keyframe, long_runs_go_out_in_slices,
      two_starts_do_not_wait_for_each_other, a_feed_counts_the_memory_that_it_holds,
      reports_come_with_the_first_packets_and_then_each_period, keyframes_wanted_are_counted,
      a_start_that_was_missed_is_repeated, what_was_sealed_for_one_who_has_gone_harms_nobody)
