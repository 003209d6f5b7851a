#include "base/bytes.h"
#include "base/test.h"
#include "base/test_clock.h"
#include "rtp/rtcp.h"
#include "rtsp/test_peer.h"

/* A publisher at "cam", and who reads it. */
struct trial {
    struct test_rtsp test;
    struct test_peer publisher, reader;
    uint16_t         seq;
};

/* Appends packets: V a whole frame of video, v one of more to come, a audio. */
static void write_packets(struct trial *trial, const char *letters, struct buf *sent,
                          struct buf *wanted)
{
    for (; *letters; letters++) {
        struct test_packet packet = { .track = *letters == 'a' ? TEST_AUDIO : TEST_VIDEO,
                                      .marker = *letters != 'v',
                                      .seq = trial->seq++,
                                      .payload = BYTES("\x41 What it shows\r\n") };
        test_packet_publish(sent, &packet);
        test_packet_expect(wanted, &packet, (uint8_t)(2 * packet.track));
    }
}

static void forget(struct buf *buf)
{
    buf_consume(buf, buf->len);
}

/* The first packets of each track, which reports follow, have come already. */
static void trial_open_with(struct trial *trial, const char *settings)
{
    AUTO(buf_fini) struct buf sent = { 0 }, wanted = { 0 };
    memset(trial, 0, sizeof(*trial));
    test_rtsp_open(&trial->test, test_rtsp_conf(settings));
    test_peer_publish(&trial->publisher, &trial->test, TEST_WORKER);
    test_peer_read(&trial->reader, &trial->test, TEST_WORKER);
    write_packets(trial, "Va", &sent, &wanted);
    test_peer_send(&trial->publisher, buf_span(&sent));
    test_peer_fetch(&trial->reader);
    assert_true(
        span_equal(span_first(buf_span(&trial->reader.frames), wanted.len), buf_span(&wanted)));
    forget(&trial->reader.frames);
}

static void trial_open(struct trial *trial)
{
    trial_open_with(trial, "");
}

static void trial_close(struct trial *trial)
{
    test_peer_close(&trial->publisher);
    test_peer_close(&trial->reader);
    test_rtsp_close(&trial->test);
}

/* In pieces: the first `first` bytes, then so many at once. */
static void send_pieces(struct test_peer *peer, struct span text, size_t first, size_t others)
{
    for (size_t len = first; text.len; len = others) {
        struct span piece = span_first(text, len);
        test_peer_send(peer, piece);
        test_peer_fetch(peer);
        text = span_skip(text, piece.len);
    }
}

static void packets_and_requests_may_be_cut_anywhere(void **state)
{
    struct trial              trial;
    AUTO(buf_fini) struct buf sent = { 0 }, wanted = { 0 };
    trial_open(&trial);
    write_packets(&trial, "vva", &sent, &wanted);
    buf_append_string(&sent, ASK_GET_PARAMETER);
    write_packets(&trial, "V", &sent, &wanted);
    buf_append(&sent, BYTES("$\x0b\0\3abc$\xff\0\0" ASK_OPTIONS "\r\n$\x0d\0\5a$b\x0a\0"));
    write_packets(&trial, "aV", &sent, &wanted);
    for (size_t cut = 1; cut <= sent.len; cut++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "cut at %zu", cut);
        send_pieces(&trial.publisher, buf_span(&sent), cut, cut == 1 ? 1 : SIZE_MAX);
        CHECK(strcmp(test_peer_hear(&trial.publisher), "200 200") == 0, name);
        test_peer_fetch(&trial.reader);
        CHECK(span_equal(buf_span(&trial.reader.frames), buf_span(&wanted)), name);
        forget(&trial.reader.frames);
    }
    trial_close(&trial);
}

static uint64_t packets_published(const struct trial *trial)
{
    return counters_get(trial->test.hubs[TEST_WORKER].counters, COUNTER_INBOUND_PACKETS);
}

/* What stands behind a request that ends recording is read by the rules of the next state. */
static void recording_may_begin_and_end_anywhere(void **state)
{
    static const char         answers[] = "200 200 200 200 200 200 200 200 200 200 200 200 501 200";
    struct trial              trial;
    AUTO(buf_fini) struct buf sent = { 0 }, wanted = { 0 };
    test_rtsp_open(&trial.test, test_rtsp_conf(""));
    buf_append_string(&sent, ASK_TO_PUBLISH ASK_RECORD);
    write_packets(&trial, "vVa", &sent, &wanted);
    buf_append_string(&sent, ASK_GET_PARAMETER ASK_PAUSE);
    write_packets(&trial, "Va", &sent, &wanted);
    buf_append_string(&sent, ASK_OPTIONS ASK_PAUSE ASK_RECORD ASK_PAUSE ASK_RECORD);
    write_packets(&trial, "va", &sent, &wanted);
    buf_append_string(&sent, ASK_TEARDOWN);
    write_packets(&trial, "Va", &sent, &wanted);
    buf_append_string(&sent, ASK("RECORD", TEST_URL, "") ASK_OPTIONS);
    for (size_t cut = 1; cut <= sent.len; cut++) {
        char     name[32];
        uint64_t before = packets_published(&trial);
        (void)snprintf(name, sizeof(name), "cut at %zu", cut);
        test_peer_open(&trial.publisher, &trial.test, TEST_WORKER);
        send_pieces(&trial.publisher, buf_span(&sent), cut, cut == 1 ? 1 : SIZE_MAX);
        CHECK(strcmp(test_peer_hear(&trial.publisher), answers) == 0, name);
        CHECK(packets_published(&trial) - before == 5, name);
        test_peer_close(&trial.publisher);
    }
    test_rtsp_close(&trial.test);
}

static void rubbish_between_packets_is_passed_over(void **state)
{
    static const struct {
        const char *name;
        struct span rubbish;
        size_t      lost; /* packets behind it */
    } cases[] = {
        { "nothing", BYTES(""), 0 },
        { "zeros", BYTES("\0\0\0\0\0\0"), 0 },
        { "small letters", BYTES("rubbish"), 0 },
        { "capital letters", BYTES("AB CD\nE\n"), 0 },
        { "half a word", BYTES("TEAR"), 0 },
        { "high bytes", BYTES("\xff\xfe\x80"), 0 },
        { "a frame of nobody's channel", BYTES("$\x63\0\4abcd"), 0 },
        { "a packet that is none", BYTES("$\x0a\0\4abcd"), 0 },
        { "an empty packet", BYTES("$\x0a\0\0"), 0 },
        { "an answer", BYTES("RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n"), 0 },
        { "another version", BYTES("OPTIONS * RTSP/2.0\r\nCSeq: 1\r\n\r\n"), 0 },
        { "a broken request", BYTES("OPTIONS rtsp://h RTSP/1.0\r\nno colon\r\n\r\n"), 0 },
        { "a packet cut short", BYTES("$\x0a\0\x10\0\0\0\0"), 1 },
        { "one that ends with the next", BYTES("$\x0a\0\x25\0\0\0\0"), 1 },
    };
    struct trial trial;
    trial_open(&trial);
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO(buf_fini) struct buf sent = { 0 }, wanted = { 0 }, lost = { 0 };
        write_packets(&trial, "V", &sent, &wanted);
        buf_append(&sent, cases[i].rubbish);
        write_packets(&trial, "V", &sent, cases[i].lost ? &lost : &wanted);
        write_packets(&trial, "VaV", &sent, &wanted);
        for (size_t cut = 1; cut <= sent.len; cut++) {
            send_pieces(&trial.publisher, buf_span(&sent), cut, cut == 1 ? 1 : SIZE_MAX);
            CHECK(strcmp(test_peer_hear(&trial.publisher), "") == 0, cases[i].name);
            test_peer_fetch(&trial.reader);
            CHECK(span_equal(buf_span(&trial.reader.frames), buf_span(&wanted)), cases[i].name);
            forget(&trial.reader.frames);
        }
    }
    trial_close(&trial);
}

/* Half a frame is held for the rest of it; when no rest can come, it goes as it is. */
static void what_was_sent_before_the_end_arrives(void **state)
{
    static const struct {
        const char *name, *text;
    } cases[] = {
        { "pause", ASK_PAUSE },
        { "teardown", ASK_TEARDOWN },
        { "a bad request", ASK("PLAY", TEST_URL, IN_SESSION) },
        { "more, behind a bad request", "OPTIONS * RTSP/1.0\r\n\r\n$\x0a\xff" },
        { "hanging up", NULL },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct trial              trial;
        AUTO(buf_fini) struct buf sent = { 0 }, wanted = { 0 };
        trial_open(&trial);
        write_packets(&trial, "vv", &sent, &wanted);
        buf_append_string(&sent, cases[i].text ? cases[i].text : "");
        test_peer_send(&trial.publisher, buf_span(&sent));
        if (!cases[i].text)
            (void)shutdown(trial.publisher.fd, SHUT_WR);
        CHECK(strcmp(test_peer_hear(&trial.reader), "closed") == 0, cases[i].name);
        CHECK(span_equal(buf_span(&trial.reader.frames), buf_span(&wanted)), cases[i].name);
        trial_close(&trial);
    }
}

/* A publisher that is to be closed and does not fetch its answers can't fill anything. */
static void who_is_to_be_closed_publishes_nothing_more(void **state)
{
    struct trial              trial;
    AUTO(buf_fini) struct buf sent = { 0 }, wanted = { 0 };
    int                       least = 1;
    trial_open(&trial);
    struct rtsp_conn *conn = test_peer_conn(&trial.publisher);
    (void)setsockopt(conn->fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
    for (int i = 0; i < 150; i++)
        test_peer_send(&trial.publisher, BYTES(ASK_OPTIONS));
    test_peer_send(&trial.publisher, BYTES(ASK_PLAY));
    test_rtsp_settle(&trial.test);
    uint64_t before = packets_published(&trial);
    for (int i = 0; i < 1000; i++)
        write_packets(&trial, "Vvvva", &sent, &wanted);
    test_peer_send(&trial.publisher, buf_span(&sent));
    test_rtsp_settle(&trial.test);
    assert_ptr_equal(test_peer_conn(&trial.publisher), conn);
    assert_int_equal(packets_published(&trial), before);
    const char *heard = test_peer_hear(&trial.publisher);
    assert_int_equal(strlen(heard), 150 * strlen("200 ") + strlen("400 closed"));
    trial_close(&trial);
}

/* The payload type of each RTCP packet and its channel: "200/1 200/3". */
static const char *reports_in(const struct buf *frames)
{
    static char text[256];
    size_t      len = 0;
    struct span in = buf_span(frames);
    for (struct interleaved_frame frame; in.len; len = strlen(text)) {
        ssize_t used = interleaved_parse(in, &frame);
        assert_true(used > 0 && frame.payload.len >= 8);
        (void)snprintf(text + len, sizeof(text) - len, "%s%u/%u", len ? " " : "",
                       frame.payload.p[1], frame.channel);
        in = span_skip(in, (size_t)used);
    }
    return text;
}

static void both_sides_get_reports(void **state)
{
    struct trial trial;
    trial_open(&trial);
    test_clock_advance(3 * NS_PER_S - NS_PER_MS);
    test_peer_fetch(&trial.publisher);
    test_peer_fetch(&trial.reader);
    assert_int_equal(trial.publisher.frames.len + trial.reader.frames.len, 0);
    test_clock_advance(NS_PER_MS);
    test_peer_fetch(&trial.publisher);
    test_peer_fetch(&trial.reader);
    assert_string_equal(reports_in(&trial.publisher.frames), "201/11 201/13");
    assert_string_equal(reports_in(&trial.reader.frames), "200/1 200/3");
    trial_close(&trial);
}

/* From a publisher's sender report to those that readers get: wall-clock time and timestamp. */
static void check_clock(const char *settings, uint64_t want)
{
    static const uint8_t report[] = { '$',  11,   0,    28,   0x80, 200,  0, 6, 0xde, 0xad, 0xbe,
                                      0xef, 0xe0, 0x01, 0x02, 0x03, 0x40, 0, 0, 0,    0,    0,
                                      0,    0,    0,    0,    0,    1,    0, 0, 0,    20 };
    struct trial         trial;
    trial_open_with(&trial, settings);
    test_peer_send(&trial.publisher, (struct span){ report, sizeof(report) });
    test_rtsp_settle(&trial.test);
    test_clock_advance(3 * NS_PER_S);
    test_peer_fetch(&trial.reader);
    /* The newest packet had timestamp 0, as the report says, three seconds ago. */
    const uint8_t *p = trial.reader.frames.p + INTERLEAVED_HEADER;
    assert_int_equal(read_be32(p + 4), test_rtsp_ssrc(TEST_VIDEO));
    uint64_t ntp = (uint64_t)read_be32(p + 8) << 32 | read_be32(p + 12);
    assert_in_range(ntp - want + 1000, 0, 2000); /* 2^-32 s */
    assert_int_equal(read_be32(p + 16), 3 * 90000);
    assert_int_equal(read_be32(p + 20), 1);
    trial_close(&trial);
}

static void the_publishers_clock_reaches_readers_that_want_it(void **state)
{
    check_clock("pathDefaults: {useAbsoluteTimestamp: yes}", UINT64_C(0xe001020640000000));
    check_clock("", rtcp_ntp_from_ns(clock_wall_ns() + 3 * NS_PER_S));
}

/* A publisher of H264 and Opus whose video has these lines; it has sent a frame of each. */
static void publish_with(struct trial *trial, const char *profile, const char *lines)
{
    AUTO(buf_fini) struct buf sdp = { 0 }, ask = { 0 }, sent = { 0 }, wanted = { 0 };
    memset(trial, 0, sizeof(*trial));
    test_rtsp_open(&trial->test, test_rtsp_conf(""));
    buf_printf(&sdp,
               "m=video 0 %s 96\r\na=rtpmap:96 H264/90000\r\na=control:video\r\n%s"
               "m=audio 0 %s 97\r\na=rtpmap:97 opus/48000/2\r\na=control:audio\r\n%s",
               profile, lines, profile, lines);
    buf_printf(&ask,
               "ANNOUNCE " TEST_URL " RTSP/1.0\r\nCSeq: 1\r\n"
               "Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n",
               sdp.len);
    buf_append(&ask, buf_span(&sdp));
    buf_append_string(&ask, ASK_SETUP_RECORD_AT(TEST_URL, "video", "10-11")
                                ASK_SETUP_RECORD_AT(TEST_URL, "audio", "12-13") ASK_RECORD);
    test_peer_open(&trial->publisher, &trial->test, TEST_WORKER);
    test_peer_expect(&trial->publisher, buf_string(&ask), "200 200 200 200");
    write_packets(trial, "Va", &sent, &wanted);
    test_peer_send(&trial->publisher, buf_span(&sent));
    test_peer_fetch(&trial->publisher);
}

static struct stream *stream_of(const struct trial *trial)
{
    return test_peer_conn(&trial->publisher)->session->stream;
}

/* What is in the compound on channel 11, and nothing on any other. */
static void check_request(const struct trial *trial, const char *kinds, const char *name)
{
    char                     text[64] = "";
    struct interleaved_frame frame = { .channel = 11 };
    struct rtcp_packet       packet;
    struct rtcp_fir          fir;
    uint32_t                 ssrc;
    if (trial->publisher.frames.len)
        CHECK(interleaved_parse(buf_span(&trial->publisher.frames), &frame) ==
                  (ssize_t)trial->publisher.frames.len,
              name);
    CHECK(frame.channel == 11, name);
    for (struct span rest = frame.payload; rest.len;) {
        ssize_t used = rtcp_next(rest, &packet);
        assert_true(used > 0);
        CHECK(read_be32(packet.body.p) == test_rtsp_ssrc(TEST_VIDEO), name);
        bool   is_pli = rtcp_parse_pli(&packet, &ssrc) == 0;
        bool   is_fir = rtcp_parse_fir(&packet, 0, &fir) == 0;
        size_t len = strlen(text);
        (void)snprintf(text + len, sizeof(text) - len, "%s%u", len ? " " : "", packet.type);
        if (is_pli || is_fir)
            CHECK((is_pli ? ssrc : fir.ssrc) == 0xdeadbeef, name);
        rest = span_skip(rest, (size_t)used);
        if (is_fir)
            (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), " FIR %u", fir.seq);
    }
    if (strcmp(text, kinds) != 0)
        (void)fprintf(stderr, "it was sent: %s\n", text);
    CHECK(strcmp(text, kinds) == 0, name);
}

static void keyframes_are_asked_for_where_that_was_announced(void **state)
{
    static const struct {
        const char *name, *profile, *lines, *sent;
    } cases[] = {
        { "not announced", "RTP/AVP", "", "" },
        { "PLI", "RTP/AVP", "a=rtcp-fb:* nack pli\r\n", "201 202 206" },
        { "FIR", "RTP/AVPF", "a=rtcp-fb:* ccm fir\r\n", "201 202 206 FIR 0" },
        { "both", "RTP/AVPF", "a=rtcp-fb:* ccm fir\r\na=rtcp-fb:* nack pli\r\n", "201 202 206" },
        { "something else", "RTP/AVPF", "a=rtcp-fb:* nack\r\n", "" },
        { "all feedback", "RTP/AVPF", "", "201 202 206" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct trial trial;
        publish_with(&trial, cases[i].profile, cases[i].lines);
        stream_request_keyframe(stream_of(&trial));
        test_peer_fetch(&trial.publisher);
        check_request(&trial, cases[i].sent, cases[i].name);
        trial_close(&trial);
    }
}

static void each_request_by_fir_is_a_new_one(void **state)
{
    struct trial trial;
    publish_with(&trial, "RTP/AVP", "a=rtcp-fb:96 ccm fir\r\n");
    for (unsigned i = 0; i < 3; i++) {
        char want[32];
        stream_request_keyframe(stream_of(&trial));
        test_peer_fetch(&trial.publisher);
        (void)snprintf(want, sizeof(want), "201 202 206 FIR %u", i);
        check_request(&trial, want, want);
        forget(&trial.publisher.frames);
        test_clock_advance(NS_PER_S / 2);
        test_peer_fetch(&trial.publisher);
    }
    trial_close(&trial);
}

static void the_newest_publisher_wins(void **state)
{
    struct trial     trial;
    struct test_peer second, third, late;
    trial_open(&trial);
    test_peer_open(&second, &trial.test, TEST_OTHER);
    test_peer_expect(&second, ASK_TO_PUBLISH ASK_RECORD, "200 200 200 200");
    assert_string_equal(test_peer_hear(&trial.publisher), "closed");
    assert_string_equal(test_peer_hear(&trial.reader), "closed");
    test_peer_read(&late, &trial.test, TEST_WORKER);
    test_peer_publish(&third, &trial.test, TEST_WORKER);
    assert_string_equal(test_peer_hear(&second), "closed");
    assert_string_equal(test_peer_hear(&late), "closed");
    test_peer_close(&second);
    test_peer_close(&third);
    test_peer_close(&late);
    trial_close(&trial);
}

/* Several may wait for the one before to end, and some of them no longer. */
static void several_take_over_at_once(void **state)
{
    static const struct {
        const char *name;
        const char *heard[3];
        unsigned    leaver; /* 3: nobody */
    } cases[] = {
        { "all stay", { "closed", "closed", "200" }, 3 },
        { "the first goes", { "closed", "closed", "200" }, 0 },
        { "the second goes", { "closed", "closed", "200" }, 1 },
        { "the last goes", { "closed", "closed", "closed" }, 2 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct trial     trial;
        struct test_peer peers[3], late;
        trial_open(&trial);
        for (unsigned k = 0; k < 3; k++) {
            test_peer_open(&peers[k], &trial.test, TEST_OTHER);
            test_peer_expect(&peers[k], ASK_TO_PUBLISH, "200 200 200");
        }
        for (unsigned k = 0; k < 3; k++) {
            test_peer_send(&peers[k], BYTES(ASK_RECORD));
            test_rtsp_turn(&trial.test, TEST_OTHER);
        }
        test_rtsp_turn(&trial.test, TEST_MAIN);
        if (cases[i].leaver < 3)
            rtsp_conn_close(test_peer_conn(&peers[cases[i].leaver]), "the test says so");
        assert_string_equal(test_peer_hear(&trial.publisher), "closed");
        for (unsigned k = 0; k < 3; k++) {
            CHECK(strcmp(test_peer_hear(&peers[k]), cases[i].heard[k]) == 0, cases[i].name);
            test_peer_close(&peers[k]);
        }
        test_peer_publish(&late, &trial.test, TEST_WORKER);
        test_peer_close(&late);
        trial_close(&trial);
    }
}

TESTS(packets_and_requests_may_be_cut_anywhere, recording_may_begin_and_end_anywhere,
      rubbish_between_packets_is_passed_over, what_was_sent_before_the_end_arrives,
      who_is_to_be_closed_publishes_nothing_more, both_sides_get_reports,
      the_publishers_clock_reaches_readers_that_want_it,
      keyframes_are_asked_for_where_that_was_announced, each_request_by_fir_is_a_new_one,
      the_newest_publisher_wins, several_take_over_at_once)
