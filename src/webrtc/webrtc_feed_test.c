/* What a feed learns of its stream, and what its viewers ask the publisher for. */
#include "rtp/rtcp.h"
#include "webrtc/test_viewers.h"

enum { VIDEO_SSRC = 0xcafe0000, AUDIO_SSRC, NOBODYS_SSRC };

static struct test_viewers test;
static struct test_viewer  viewers[2];

/* A publisher that can be asked, and was, so often. */
struct asked {
    struct source source;
    unsigned      times;
};

static void on_keyframe_request(struct source *source)
{
    CONTAINER_OF(source, struct asked, source)->times++;
}

static const struct source_ops asked_ops = { on_keyframe_request };

static void open_test(struct asked *asked, const char *settings)
{
    *asked = (struct asked){ .source.ops = &asked_ops };
    test_viewers_open(&test, settings);
    stream_set_source(test.stream, &asked->source);
}

static struct test_viewer *open_viewer(unsigned index)
{
    test_viewer_open(&viewers[index], &test, SRTP_PROFILE_AEAD_AES_128_GCM);
    return &viewers[index];
}

static void who_finds_no_keyframe_asks_for_one(void **state)
{
    static const struct {
        const char *name, *settings;
        const char *frames; /* K, P: video; a: sound */
        unsigned    times;
    } cases[] = {
        { "there is one", "", "KPP", 0 },
        { "nothing has come yet", "", "", 1 },
        { "only sound has come", "", "aa", 1 },
        { "pictures without a keyframe", "", "PP", 1 },
        { "none is kept", "gopCache: 'no'", "KPP", 1 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct asked asked;
        open_test(&asked, cases[i].settings);
        for (const char *at = cases[i].frames; *at; at++)
            if (*at == 'a')
                test_viewers_sound(&test);
            else
                test_viewers_frame(&test, *at == 'K' ? TEST_IDR : TEST_SLICE, 2, 100);
        struct test_viewer *viewer = open_viewer(0);
        CHECK(asked.times == cases[i].times, cases[i].name);
        test_viewers_frame(&test, TEST_IDR, 2, 100);
        test_hubs_wait(&test.hubs, NS_PER_S);
        CHECK(asked.times == cases[i].times, cases[i].name);
        test_viewer_close(viewer, &test);
        test_viewers_close(&test);
    }
}

static void who_only_listens_asks_for_nothing(void **state)
{
    struct asked asked;
    open_test(&asked, "");
    struct test_viewer   *listener = open_viewer(0);
    struct webrtc_viewer *inner = &listener->session.viewer;
    test_viewers_frame(&test, TEST_SLICE, 2, 100);
    asked.times = 0;
    test_hubs_wait(&test.hubs, NS_PER_S);
    inner->tracks[TEST_VIDEO].is_on = false;
    webrtc_viewer_play(inner);
    test_hubs_settle(&test.hubs);
    assert_int_equal(asked.times, 0);
    test_viewer_close(listener, &test);
    test_viewers_close(&test);
}

static void say(struct test_viewer *viewer, bool is_fir, uint32_t ssrc)
{
    uint8_t compound[RTCP_EMPTY_RR_SIZE + RTCP_FIR_SIZE];
    size_t  len = RTCP_EMPTY_RR_SIZE + (is_fir ? RTCP_FIR_SIZE : RTCP_PLI_SIZE);
    rtcp_write_empty_rr(1, compound);
    if (is_fir)
        rtcp_write_fir(1, &(struct rtcp_fir){ .ssrc = ssrc }, compound + RTCP_EMPTY_RR_SIZE);
    else
        rtcp_write_pli(1, ssrc, compound + RTCP_EMPTY_RR_SIZE);
    test_viewer_say(viewer, &test, (struct span){ compound, len });
}

static void requests_are_passed_on(void **state)
{
    static const struct {
        const char *name, *settings;
        int64_t     after_ns; /* the start */
        bool        is_fir;
        uint32_t    ssrc;
        unsigned    times, counted;
    } cases[] = {
        { "PLI", "", 2 * NS_PER_S, false, VIDEO_SSRC, 1, 1 },
        { "FIR", "", 2 * NS_PER_S, true, VIDEO_SSRC, 1, 1 },
        { "for the sound", "", 2 * NS_PER_S, false, AUDIO_SSRC, 0, 0 },
        { "for nobody's", "", 2 * NS_PER_S, true, NOBODYS_SSRC, 0, 0 },
        { "the start is missing, and sent again", "", NS_PER_S / 2, false, VIDEO_SSRC, 0, 1 },
        { "the start is missing, and not there", "gopCache: 'no'", NS_PER_S / 2, false, VIDEO_SSRC,
          1, 1 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct asked asked;
        open_test(&asked, cases[i].settings);
        struct test_viewer *viewer = open_viewer(0);
        test_viewers_frame(&test, TEST_IDR, 2, 100);
        asked.times = 0; /* there was nothing to start with */
        test_hubs_wait(&test.hubs, cases[i].after_ns);
        say(viewer, cases[i].is_fir, cases[i].ssrc);
        CHECK(asked.times == cases[i].times, cases[i].name);
        CHECK(counters_get(viewer->session.viewer.counters, COUNTER_INBOUND_KEYFRAME_REQUESTS) ==
                  cases[i].counted,
              cases[i].name);
        test_viewer_close(viewer, &test);
        test_viewers_close(&test);
    }
}

static void viewers_do_not_ask_more_often_than_one(void **state)
{
    struct asked asked;
    open_test(&asked, "");
    test_viewers_frame(&test, TEST_IDR, 2, 100);
    (void)open_viewer(0);
    (void)open_viewer(1);
    test_hubs_wait(&test.hubs, 2 * NS_PER_S);
    for (unsigned i = 0; i < 40; i++) { /* for a second */
        say(&viewers[i % 2], false, VIDEO_SSRC);
        test_hubs_wait(&test.hubs, 25 * NS_PER_MS);
    }
    assert_int_equal(asked.times, 3); /* at 0, 500 and 1000 ms */
    for (unsigned i = 0; i < 2; i++)
        test_viewer_close(&viewers[i], &test);
    test_viewers_close(&test);
}

/* Of two pictures the second is shown first. */
static void send_b_frames(unsigned pairs)
{
    for (unsigned i = 0; i < pairs; i++) {
        test.ticks += TEST_TICKS;
        test_viewers_frame(&test, TEST_SLICE, 2, 100);
        test.ticks -= 2 * TEST_TICKS;
        test_viewers_frame(&test, TEST_SLICE, 2, 100);
        test.ticks += TEST_TICKS;
    }
}

static bool has_b_frames(const struct test_viewer *viewer)
{
    return viewer->session.viewer.feed->tracks[TEST_VIDEO].has_b_frames;
}

/* Also by a feed that is made later, and has seen nothing of them itself. */
static void b_frames_are_known_to_whoever_comes(void **state)
{
    struct asked asked;
    open_test(&asked, "gopCache: 'no'");
    test_viewers_frame(&test, TEST_IDR, 2, 100);
    struct test_viewer *viewer = open_viewer(0);
    send_b_frames(2);
    assert_false(has_b_frames(viewer));
    send_b_frames(2);
    assert_true(has_b_frames(viewer));
    test_viewer_close(viewer, &test);
    test_viewers_frame(&test, TEST_IDR, 2, 100);
    viewer = open_viewer(0);
    assert_true(has_b_frames(viewer));
    /* Other parameter sets: it may be told to do without. */
    stream_set_description(test.stream, test_description("s=new\r\n" TEST_SDP));
    test_viewers_frame(&test, TEST_IDR, 2, 100);
    assert_false(has_b_frames(viewer));
    test_viewer_close(viewer, &test);
    test_viewers_close(&test);
}

TESTS(who_finds_no_keyframe_asks_for_one, who_only_listens_asks_for_nothing, requests_are_passed_on,
      viewers_do_not_ask_more_often_than_one, b_frames_are_known_to_whoever_comes)
