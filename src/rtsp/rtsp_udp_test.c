#include "base/bytes.h"
#include "base/test.h"
#include "base/test_clock.h"
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

/* How many numbers are missing in what was sent; -1: one came twice, or too late. */
static int gap_in(struct span sent)
{
    struct interleaved_frame frame;
    int                      gap = 0, last = -1;
    for (ssize_t used; (used = interleaved_parse(sent, &frame)) > 0;
         sent = span_skip(sent, (size_t)used)) {
        int seq = read_be16(frame.payload.p + 2);
        if (last >= 0 && seq <= last)
            return -1;
        gap += last >= 0 ? seq - last - 1 : 0;
        last = seq;
    }
    return gap;
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

/* Of video that is cut: whatever is missing or comes twice, no number is given out twice. */
static void made_packets_are_numbered_on(void **state)
{
    static const struct {
        const char *name;
        uint16_t    came[6]; /* of packets that become two; 0 ends */
        int         gap;     /* in the numbers of what is sent */
    } cases[] = {
        { "in order", { 1, 2, 3, 4 }, 0 }, { "twice", { 1, 2, 2, 3, 4 }, 0 },
        { "late", { 1, 2, 3, 2, 4 }, 0 },  { "one lost", { 1, 2, 4 }, 1 },
        { "three lost", { 1, 5, 6 }, 3 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_peer publisher, reader;
        open_test("udpMaxPayloadSize: 800\n");
        test_peer_publish(&publisher, &test, TEST_WORKER);
        play_udp(&reader, ASK_SETUP_UDP(0, "6000-6001"));
        test_net.only_port = 6000;
        for (const uint16_t *seq = cases[i].came; *seq; seq++) {
            AUTO(buf_fini) struct buf bytes = { 0 };
            struct test_packet        packet = { .track = TEST_VIDEO,
                                                 .marker = true,
                                                 .seq = *seq,
                                                 .ticks = 3600u * *seq,
                                                 .payload = { media, LARGE } };
            test_packet_publish(&bytes, &packet);
            test_peer_send(&publisher, buf_span(&bytes));
            test_rtsp_settle(&test);
        }
        CHECK(gap_in(buf_span(&test_net.kept)) == cases[i].gap, cases[i].name);
        test_peer_close(&reader);
        test_peer_close(&publisher);
        test_udp_close(&test);
    }
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

/* Numbers that look random and are the same in every run. */
static uint32_t draw(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525 + 1013904223;
    return (*seed >> 8) % below;
}

enum { ROW = 300, FAR = 20 };

/* A row of numbers in which each comes up to FAR later, some are missing, some come twice. */
static unsigned shuffle(uint32_t seed, uint16_t *out, bool *is_lost)
{
    unsigned count = 0;
    for (unsigned i = 0; i < ROW; i++)
        is_lost[i] = i > FAR && i < ROW - 2 * RTP_REORDER_WINDOW && draw(&seed, 50) == 0;
    for (unsigned i = 0; i < ROW; i++) {
        unsigned copies = is_lost[i] ? 0 : 1 + (draw(&seed, 20) == 0);
        while (copies-- > 0)
            out[count++] = (uint16_t)i;
    }
    uint32_t due[2 * ROW];
    for (unsigned i = 0; i < count; i++) {
        unsigned at = i;
        uint16_t number = out[i];
        uint32_t moment = number ? number + draw(&seed, FAR) : 0;
        for (; at > 0 && due[at - 1] > moment; at--) {
            due[at] = due[at - 1];
            out[at] = out[at - 1];
        }
        due[at] = moment;
        out[at] = number;
    }
    return count;
}

static void expect_audio(struct buf *want, uint16_t seq)
{
    struct test_packet packet = { .track = TEST_AUDIO, .seq = seq, .payload = BYTES("sound") };
    test_packet_expect(want, &packet, 2);
}

static void order_is_restored(void **state)
{
    for (uint32_t seed = 1; seed <= 20; seed++) {
        AUTO(buf_fini) struct buf want = { 0 };
        struct test_peer          publisher, reader;
        uint16_t                  row[2 * ROW];
        bool                      is_lost[ROW];
        char                      name[16];
        (void)snprintf(name, sizeof(name), "seed %u", seed);
        open_test("");
        open_publisher(&publisher, &reader);
        unsigned count = shuffle(seed, row, is_lost);
        for (unsigned i = 0; i < count; i++)
            bring_audio(TEST_WORKER, row[i], NULL);
        for (uint16_t i = 0; i < ROW; i++)
            if (!is_lost[i])
                expect_audio(&want, i);
        CHECK(reader_got(&reader, &want), name);
        test_peer_close(&reader);
        test_peer_close(&publisher);
        test_udp_close(&test);
    }
}

static void gap_is_given_up_in_time(void **state)
{
    AUTO(buf_fini) struct buf want = { 0 };
    struct test_peer          publisher, reader;
    open_test("");
    open_publisher(&publisher, &reader);
    bring_audio(TEST_WORKER, 1, &want);
    bring_audio(TEST_WORKER, 3, NULL);
    CHECK(reader_got(&reader, &want), "the first");
    test_clock_advance(RTSP_UDP_REORDER_NS / 2);
    test_rtsp_settle(&test);
    bring_audio(TEST_WORKER, 5, NULL);
    test_clock_advance(RTSP_UDP_REORDER_NS / 2 - NS_PER_MS);
    CHECK(reader_got(&reader, &want), "not yet");
    expect_audio(&want, 3);
    test_clock_advance(2 * NS_PER_MS);
    CHECK(reader_got(&reader, &want), "the first gap");
    bring_audio(TEST_WORKER, 4, &want);
    expect_audio(&want, 5);
    CHECK(reader_got(&reader, &want), "the second one was filled");
    struct rtsp_session *session = test_peer_conn(&publisher)->session;
    CHECK(rtp_receiver_lost(&session->ingest->tracks[TEST_AUDIO].receiver) == 1, "one is lost");
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
      full_socket_costs_whole_frames, made_packets_are_numbered_on, strays_find_their_session,
      stray_goes_no_second_time, order_is_restored, gap_is_given_up_in_time)
