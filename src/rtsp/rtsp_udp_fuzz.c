/*
 * What comes to the UDP ports of a server on one thread, on which somebody publishes by datagrams
 * and two read, one by UDP and one by TCP. An input is a row of steps, three bytes each and what
 * they take:
 *
 *     what    one of steps[]
 *     where   bits 0-2: from which port (7000 to 7003 are the publisher's); bit 3: the socket for
 *             RTCP; bit 4: of the worker that is not the session's
 *     length  of what is taken from the input behind them
 *
 * Whatever comes, readers get packets of the stream that are well formed, and nothing is left.
 */
#include "base/bytes.h"

#define TEST_CLOCK_KEEPS_WALL 1
#include "base/test_clock.h"
#include "rtsp/test_udp.h"

enum { MAX_PAYLOAD = 200, HEAD = 3 };

struct run {
    struct test_rtsp test;
    struct test_peer publisher, readers[2];
    struct span      in;
    uint8_t          where;
    uint16_t         seq;
};

static struct span take(struct run *run, size_t len)
{
    struct span taken = span_first(run->in, len);
    run->in = span_skip(run->in, taken.len);
    return taken;
}

static void bring(struct run *run, struct span datagram)
{
    enum rtsp_udp_kind kind = run->where & 8 ? RTSP_UDP_RTCP : RTSP_UDP_RTP;
    test_udp_bring(&run->test, run->where & 16 ? TEST_OTHER : TEST_WORKER, kind,
                   (uint16_t)(7000 + (run->where & 7)), datagram);
}

static void step_datagram(struct run *run, size_t len)
{
    bring(run, take(run, len));
}

/* A packet that makes sense, whose number has gone on by what the first byte says. */
static void step_packet(struct run *run, size_t len)
{
    uint8_t           bytes[RTP_HEADER + UINT8_MAX];
    struct span       in = take(run, len);
    struct rtp_header header = { .payload_type = 96, .ssrc = 1 };
    if (in.len < 2)
        return;
    header.seq = (uint16_t)(run->seq + (int8_t)in.p[0]);
    header.marker = in.p[1] & 1;
    header.ticks = (uint32_t)(in.p[1] >> 1) * 3600;
    run->seq = header.seq;
    rtp_write(&header, bytes);
    in = span_skip(in, 2);
    memcpy(bytes + RTP_HEADER, in.p, in.len);
    bring(run, (struct span){ bytes, RTP_HEADER + in.len });
}

static void step_request(struct run *run, size_t len)
{
    static const char *const requests[] = { ASK_PAUSE, ASK_RECORD, ASK_PLAY, ASK_GET_PARAMETER };
    struct test_peer        *peer = run->where & 1 ? &run->readers[0] : &run->publisher;
    test_peer_send(peer, span_from_string(requests[run->where / 2 % COUNT(requests)]));
}

static void step_turn(struct run *run, size_t len)
{
    test_rtsp_settle(&run->test);
}

static void step_time(struct run *run, size_t len)
{
    test_clock_advance((int64_t)len * 20 * NS_PER_MS);
    test_rtsp_settle(&run->test);
}

static void step_large(struct run *run, size_t len)
{
    static uint8_t large[60000] = { 0x80, 96 };
    write_be16(large + 2, ++run->seq);
    write_be32(large + 8, 1);
    bring(run, (struct span){ large, len * 234 + RTP_HEADER });
}

static void (*const steps[])(struct run *run, size_t len) = {
    step_datagram, step_packet, step_request, step_turn, step_time, step_large,
};

static void run_step(struct run *run)
{
    struct span head = take(run, HEAD);
    if (head.len < HEAD)
        return;
    run->where = head.p[1];
    steps[head.p[0] % COUNT(steps)](run, head.p[2]);
}

static void run_open(struct run *run)
{
    static struct conf *conf;
    if (!conf)
        conf = test_rtsp_conf(TEST_UDP_SETTINGS "udpMaxPayloadSize: 212\n");
    test_udp_open(&run->test, conf_ref(conf));
    test_peer_open(&run->publisher, &run->test, TEST_WORKER);
    test_peer_expect(&run->publisher, ASK_TO_PUBLISH_UDP, "200 200 200");
    test_peer_expect(&run->publisher, ASK_RECORD, "200");
    test_peer_open(&run->readers[0], &run->test, TEST_WORKER);
    test_peer_expect(&run->readers[0], ASK_SETUP_UDP(0, "7004-7005") ASK_SETUP_UDP(1, "7006-7007"),
                     "200 200");
    test_peer_expect(&run->readers[0], ASK_PLAY, "200");
    test_peer_read(&run->readers[1], &run->test, TEST_OTHER);
    test_udp_forget();
}

/* What UDP readers get: a track whose packets can be cut has none that is too large. */
static void check_sent(void)
{
    struct interleaved_frame frame;
    struct span              rest = buf_span(&test_net.kept);
    for (ssize_t used; (used = interleaved_parse(rest, &frame)) > 0;
         rest = span_skip(rest, (size_t)used)) {
        struct rtp_header header;
        ASSERT(rtp_parse(frame.payload, &header) == 0);
        ASSERT(header.ssrc == test_rtsp_ssrc(TEST_VIDEO));
        ASSERT(frame.payload.len <= RTP_HEADER + MAX_PAYLOAD);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct run run = { .in = { data, size } };

    run_open(&run);
    test_net.only_port = 7004;
    while (run.in.len)
        run_step(&run);
    test_rtsp_settle(&run.test);
    check_sent();
    test_rtsp_stop(&run.test);
    test_peer_close(&run.publisher);
    for (unsigned i = 0; i < COUNT(run.readers); i++)
        test_peer_close(&run.readers[i]);
    test_udp_close(&run.test);
    return 0;
}
