#include "base/test.h"
#include "rtsp/test_udp.h"

enum { LARGE = 1000 };

static const uint8_t media[4 * LARGE] = { 0x61 };

static struct test_rtsp test;

static void open_test(const char *settings)
{
    AUTO(buf_fini) struct buf text = { 0 };
    buf_printf(&text, "%s%s", TEST_UDP_SETTINGS, settings);
    test_udp_open(&test, test_rtsp_conf(buf_string(&text)));
}

/* A frame of video whose packets have `len` bytes, the last one `last`. */
static void write_frame(struct buf *out, struct buf *want, unsigned number, size_t last)
{
    for (unsigned i = 0; i < 4; i++) {
        struct test_packet packet = { .track = TEST_VIDEO,
                                      .marker = i == 3,
                                      .seq = (uint16_t)(4 * number + i),
                                      .ticks = 3600 * number,
                                      .payload = { media, i == 3 ? last : LARGE } };
        test_packet_publish(out, &packet);
        test_packet_expect(want, &packet, 0);
    }
}

static void publish_frame(struct test_peer *publisher, struct buf *want, unsigned number)
{
    AUTO(buf_fini) struct buf frame = { 0 };
    write_frame(&frame, want, number, 300);
    test_peer_send(publisher, buf_span(&frame));
    test_rtsp_settle(&test);
}

static void play_udp(struct test_peer *reader, const char *setup)
{
    test_peer_open(reader, &test, TEST_WORKER);
    test_peer_expect(reader, setup, "200");
    test_peer_expect(reader, ASK_PLAY, "200");
}

static bool has_sent(const struct buf *want)
{
    return span_equal(buf_span(&test_net.kept), buf_span(want));
}

static void frame_is_a_message_for_each_reader(void **state)
{
    AUTO(buf_fini) struct buf want = { 0 }, other = { 0 };
    struct test_peer          publisher, readers[3];
    static const char *const  setups[] = { ASK_SETUP_UDP(0, "6000-6001"),
                                           ASK_SETUP_UDP(0, "6002-6003"),
                                           ASK_SETUP_UDP(1, "6004-6005") };
    open_test("");
    test_peer_publish(&publisher, &test, TEST_WORKER);
    publish_frame(&publisher, &other, 0);
    for (unsigned i = 0; i < COUNT(readers); i++)
        play_udp(&readers[i], setups[i]);
    test_udp_forget();
    test_net.only_port = 6002;
    publish_frame(&publisher, &want, 1);
    CHECK(has_sent(&want), "what was published");
    CHECK(test_net.calls == 1 && test_net.messages == 2 && test_net.datagrams == 8, "one call");
    for (unsigned i = 0; i < COUNT(readers); i++)
        test_peer_close(&readers[i]);
    test_peer_close(&publisher);
    test_udp_close(&test);
}

static void way_without_merged_datagrams_gets_single_ones(void **state)
{
    AUTO(buf_fini) struct buf want = { 0 };
    static const int          errors[] = { EMSGSIZE, EINVAL };
    for (size_t i = 0; i < COUNT(errors); i++) {
        struct test_peer publisher, reader;
        open_test("");
        test_peer_publish(&publisher, &test, TEST_WORKER);
        play_udp(&reader, ASK_SETUP_UDP(0, "6000-6001"));
        test_net.only_port = 6000;
        test_net.segment_error = errors[i];
        buf_fini(&want);
        publish_frame(&publisher, &want, 0);
        publish_frame(&publisher, &want, 1);
        CHECK(has_sent(&want), err_text(-errors[i]));
        test_peer_close(&reader);
        test_peer_close(&publisher);
        test_udp_close(&test);
    }
}

static void full_socket_costs_whole_frames(void **state)
{
    AUTO(buf_fini) struct buf want = { 0 }, other = { 0 };
    struct test_peer          publisher, reader;
    open_test("");
    struct rtsp_udp *udp = &test.server->udp[TEST_WORKER];
    test.settings.queue.frames = 2;
    test_peer_publish(&publisher, &test, TEST_WORKER);
    play_udp(&reader, ASK_SETUP_UDP(0, "6000-6001"));
    publish_frame(&publisher, &other, 0);
    test_udp_forget();
    test_net.only_port = 6000;
    test_net.room = 0;
    udp->is_open = false; /* or the real socket would say that it takes more */
    for (unsigned i = 1; i < 5; i++)
        publish_frame(&publisher, i < 3 ? &want : &other, i);
    CHECK(test_net.datagrams == 0, "nothing went");
    CHECK(test_net.calls == 1, "a full socket is not asked again");
    test_net.room = UINT_MAX;
    udp->is_open = true;
    rtsp_udp_send_resume(udp);
    test_rtsp_settle(&test);
    CHECK(has_sent(&want), "the two frames that found room in the queue");
    struct rtsp_session *session = test_peer_conn(&reader)->session;
    CHECK(counters_get(session->counters, COUNTER_OUTBOUND_DISCARDED) == 2, "the others count");
    publish_frame(&publisher, &want, 5);
    CHECK(has_sent(&want), "it goes on with whole frames");
    test_peer_close(&reader);
    test_peer_close(&publisher);
    test_udp_close(&test);
}

/* A publisher on one worker and a TCP reader. */
static void open_publisher(struct test_peer *publisher, struct test_peer *reader)
{
    test_peer_open(publisher, &test, TEST_WORKER);
    test_peer_expect(publisher, ASK_TO_PUBLISH_UDP, "200 200 200");
    test_peer_expect(publisher, ASK_RECORD, "200");
    test_peer_read(reader, &test, TEST_WORKER);
}

/* Packet `seq` of the publisher's audio, small. */
static void bring_audio(unsigned worker, uint16_t seq, struct buf *want)
{
    AUTO(buf_fini) struct buf bytes = { 0 };
    struct test_packet packet = { .track = TEST_AUDIO, .seq = seq, .payload = BYTES("sound") };
    test_packet_publish(&bytes, &packet);
    if (want)
        test_packet_expect(want, &packet, 2);
    test_udp_bring(&test, worker, RTSP_UDP_RTP, 7002, span_skip(buf_span(&bytes), 4));
}

/* RTP that the reader got; reports come on odd channels. */
static bool reader_got(struct test_peer *reader, const struct buf *want)
{
    AUTO(buf_fini) struct buf got = { 0 };
    struct interleaved_frame  frame;
    test_peer_fetch(reader);
    struct span rest = buf_span(&reader->frames);
    for (ssize_t used; (used = interleaved_parse(rest, &frame)) > 0;
         rest = span_skip(rest, (size_t)used))
        if (frame.channel % 2 == 0)
            buf_append(&got, span_first(rest, (size_t)used));
    return span_equal(buf_span(&got), buf_span(want));
}

static void strays_find_their_session(void **state)
{
    AUTO(buf_fini) struct buf want = { 0 };
    struct test_peer          publisher, reader;
    struct rtsp_udp          *udp;
    open_test("");
    open_publisher(&publisher, &reader);
    udp = test.server->udp;
    CHECK(test_net.datagrams == 4, "two ways opened for each track");
    for (uint16_t seq = 0; seq < 90; seq++) {
        bring_audio(seq % 3 == 1 ? TEST_OTHER : TEST_WORKER, seq, &want);
        if (seq % 30 == 29)
            test_rtsp_settle(&test);
    }
    CHECK(reader_got(&reader, &want), "in order, for they come within the window");
    atomic_store(&udp[TEST_WORKER].bundles_waiting, RTSP_UDP_MAX_STRAYS);
    bring_audio(TEST_OTHER, 100, NULL);
    CHECK(counters_get(test.hubs[TEST_OTHER].counters, COUNTER_KERNEL_DROPS) == 1, "late");
    atomic_store(&udp[TEST_WORKER].bundles_waiting, 0);
    CHECK(map_count(udp[TEST_OTHER].bindings) == 4, "claimed");
    test_peer_expect(&publisher, ASK_TEARDOWN, "200");
    test_rtsp_settle(&test);
    CHECK(map_count(udp[TEST_OTHER].bindings) == 0 && map_count(udp[TEST_WORKER].bindings) == 0,
          "and given back");
    bring_audio(TEST_OTHER, 101, NULL);
    bring_audio(TEST_WORKER, 102, NULL);
    test_rtsp_settle(&test);
    test_peer_close(&reader);
    test_peer_close(&publisher);
    test_udp_close(&test);
}

static void stray_goes_no_second_time(void **state)
{
    struct test_peer publisher, reader;
    open_test("");
    open_publisher(&publisher, &reader);
    struct rtsp_udp *udp = &test.server->udp[TEST_OTHER];
    udp->is_stray = true;
    bring_audio(TEST_OTHER, 1, NULL);
    udp->is_stray = false;
    CHECK(reader_got(&reader, &(struct buf){ 0 }), "it was passed on before");
    test_peer_close(&reader);
    test_peer_close(&publisher);
    test_udp_close(&test);
}

TESTS(frame_is_a_message_for_each_reader, way_without_merged_datagrams_gets_single_ones,
      full_socket_costs_whole_frames, strays_find_their_session, stray_goes_no_second_time)
