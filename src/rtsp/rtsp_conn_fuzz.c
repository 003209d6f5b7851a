/*
 * What two connections send, piece by piece, to a server on one thread. An input's first byte says
 * how they read (enum way); then comes one byte for each step, and behind it what is sent:
 *
 *     bit 0      which of the two
 *     bit 1      not set: the loops turn until nothing happens any more; set: one of them, once
 *     the rest   one of steps[]; beyond those: 8 bytes are sent, 16, ...
 *
 * Whatever they say, they get answers and interleaved frames, and nothing is left behind.
 */
#include <sys/syscall.h>

#include "rtsp/test_peer.h"

enum { PEERS = 2, PIECE = 8 };

/* bits */
enum way { IS_SPREAD = 1, IS_SLOW = 2, HAS_RING = 4, IS_BOUNDED = 8 };

struct run {
    struct test_rtsp test;
    struct test_peer peers[PEERS];
    struct span      in;
    unsigned         way;
    unsigned         turns;
};

static int64_t now_ns = NS_PER_S;

/* Takes the C library's place; the fuzzer itself goes by wall-clock time. */
int clock_gettime(clockid_t id, struct timespec *out)
{
    if (id != CLOCK_MONOTONIC && id != CLOCK_MONOTONIC_COARSE)
        return (int)syscall(SYS_clock_gettime, id, out);
    *out = (struct timespec){ now_ns / NS_PER_S, now_ns % NS_PER_S };
    return 0;
}

static unsigned take_byte(struct run *run)
{
    unsigned byte = run->in.p[0];
    run->in = span_skip(run->in, 1);
    return byte;
}

static void connect_peer(struct run *run, unsigned index)
{
    struct test_peer *peer = &run->peers[index];
    test_peer_close(peer);
    test_peer_open(peer, &run->test, index ? TEST_OTHER : TEST_WORKER);
    int least = 1;
    test_rtsp_turn(&run->test, index ? TEST_OTHER : TEST_WORKER);
    if (run->way & IS_SLOW)
        (void)setsockopt(test_peer_conn(peer)->fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
}

static void step_hang_up(struct run *run, unsigned index)
{
    connect_peer(run, index);
}

static void step_end(struct run *run, unsigned index)
{
    (void)shutdown(run->peers[index].fd, SHUT_WR);
}

static void step_read(struct run *run, unsigned index)
{
    (void)test_peer_receive(&run->peers[index], SIZE_MAX);
}

static void step_close(struct run *run, unsigned index)
{
    struct rtsp_conn *conn = test_peer_conn(&run->peers[index]);
    if (conn)
        rtsp_conn_close(conn, "the fuzzer says so");
}

static void step_moment(struct run *run, unsigned index)
{
    now_ns += NS_PER_MS;
}

static void step_seconds(struct run *run, unsigned index)
{
    now_ns += 3 * NS_PER_S;
}

static void step_minute(struct run *run, unsigned index)
{
    now_ns += 60 * NS_PER_S;
}

static void (*const steps[])(struct run *run, unsigned index) = {
    step_hang_up, step_end, step_read, step_close, step_moment, step_seconds, step_minute,
};

static void send_piece(struct run *run, unsigned index, size_t pieces)
{
    struct span piece = span_first(run->in, pieces * PIECE);
    run->in = span_skip(run->in, piece.len);
    (void)test_peer_send_some(&run->peers[index], piece);
}

static void run_step(struct run *run)
{
    unsigned          first = take_byte(run);
    unsigned          index = first & 1;
    unsigned          kind = first >> 2;
    struct test_peer *peer = &run->peers[index];
    if (peer->is_closed)
        connect_peer(run, index);
    if (kind < COUNT(steps))
        steps[kind](run, index);
    else
        send_piece(run, index, kind - COUNT(steps) + 1);
    if (first & 2)
        test_rtsp_turn(&run->test, run->turns++ % TEST_LOOPS);
    else
        test_rtsp_settle(&run->test);
    if (!(run->way & IS_SLOW))
        (void)test_peer_receive(peer, SIZE_MAX);
    peer->news[0] = '\0';
}

static void run_open(struct run *run)
{
    static struct conf *confs[2];
    bool                is_spread = run->way & IS_SPREAD;
    if (!confs[is_spread])
        confs[is_spread] = test_rtsp_conf(is_spread ? "spreadReaders: yes" : "");
    test_rtsp_open(&run->test, conf_ref(confs[is_spread]));
    if (run->way & HAS_RING) {
        run->test.settings.ring_bytes = 1 << 20;
        run->test.settings.ring_for_players = true;
    }
    if (run->way & IS_BOUNDED)
        run->test.settings.queue = (struct queue_limits){ 4, 2000, NS_PER_S };
    for (unsigned i = 0; i < PEERS; i++)
        connect_peer(run, i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct run run = { .in = { data, size } };
    if (size == 0)
        return 0;
    run.way = take_byte(&run);
    run_open(&run);
    while (run.in.len)
        run_step(&run);
    test_rtsp_stop(&run.test);
    for (unsigned i = 0; i < PEERS; i++)
        test_peer_close(&run.peers[i]);
    test_rtsp_close(&run.test);
    return 0;
}
