#include <sys/syscall.h>
#include <sys/uio.h>

#include "base/bytes.h"
#include "base/test.h"
#include "base/test_clock.h"
#include "rtsp/test_peer.h"

enum { NO_CHANNEL = 256, LARGEST = 60000 };

/* What a reader's socket takes: so much a call, and so much in all. */
static struct throttle {
    int    fd;   /* -1: no socket is throttled */
    size_t each; /* 0: a different amount each time, sometimes nothing */
    size_t left;
    size_t calls;
} throttle = { .fd = -1 };

/* Numbers that look random and are the same in every run. */
static uint32_t draw(uint32_t below)
{
    static uint32_t state = 1;
    state = state * 1664525 + 1013904223;
    return (state >> 8) % below;
}

/* How many of `len` bytes it takes now. */
static size_t throttled(int fd, size_t len)
{
    if (fd != throttle.fd)
        return len;
    throttle.calls++;
    len = MIN(len, throttle.each ? throttle.each : draw(500));
    len = MIN(len, throttle.left);
    throttle.left -= len;
    return len;
}

/* These two take the C library's place. */
ssize_t send(int fd, const void *p, size_t len, int flags)
{
    size_t taken = throttled(fd, len);
    if (taken == 0 && len > 0) {
        errno = EAGAIN;
        return -1;
    }
    return syscall(SYS_sendto, fd, p, taken, flags, NULL, 0);
}

ssize_t writev(int fd, const struct iovec *iov, int count)
{
    struct iovec parts[64];
    size_t       len = 0;
    assert_in_range(count, 2, COUNT(parts));
    for (int i = 0; i < count; i++) {
        parts[i] = iov[i];
        len += iov[i].iov_len;
    }
    size_t left = throttled(fd, len);
    if (left == 0) {
        errno = EAGAIN;
        return -1;
    }
    for (int i = 0; i < count; i++) {
        parts[i].iov_len = MIN(parts[i].iov_len, left);
        left -= parts[i].iov_len;
    }
    return syscall(SYS_writev, fd, parts, count);
}

/* How somebody reads: what is asked for, and what comes on which channels. */
struct way {
    const char *name, *settings;
    unsigned    worker;
    const char *setup, *answers;
    unsigned    channels[TEST_TRACKS];
};

static const struct way ways[] = {
    { "the usual channels",
      "",
      TEST_WORKER,
      ASK_SETUP(0, "0-1") ASK_SETUP(1, "2-3"),
      "200 200",
      { 0, 2 } },
    { "in another order",
      "",
      TEST_WORKER,
      ASK_SETUP(1, "2-3") ASK_SETUP(0, "0-1"),
      "200 200",
      { 0, 2 } },
    { "crossed channels",
      "",
      TEST_WORKER,
      ASK_SETUP(0, "2-3") ASK_SETUP(1, "0-1"),
      "200 200",
      { 2, 0 } },
    { "high channels",
      "",
      TEST_WORKER,
      ASK_SETUP(0, "254-255") ASK_SETUP(1, "101-77"),
      "200 200",
      { 254, 101 } },
    { "video alone", "", TEST_WORKER, ASK_SETUP(0, "0-1"), "200", { 0, NO_CHANNEL } },
    { "audio alone", "", TEST_WORKER, ASK_SETUP(1, "2-3"), "200", { NO_CHANNEL, 2 } },
    { "audio alone, first channels",
      "",
      TEST_WORKER,
      ASK_SETUP(1, "0-1"),
      "200",
      { NO_CHANNEL, 0 } },
    { "from another worker",
      "spreadReaders: yes",
      TEST_OTHER,
      ASK_SETUP(0, "0-1") ASK_SETUP(1, "2-3"),
      "200 200",
      { 0, 2 } },
    { "from there, crossed",
      "spreadReaders: yes",
      TEST_OTHER,
      ASK_SETUP(0, "2-3") ASK_SETUP(1, "0-1"),
      "200 200",
      { 2, 0 } },
};

struct trial {
    struct test_rtsp  test;
    struct test_peer  publisher, reader;
    const struct way *way;
    struct buf        sent;   /* by the publisher, not given to its socket yet */
    struct buf        wanted; /* by the reader */
    uint16_t          seq;
    uint32_t          ticks;
};

static void forget(struct buf *buf)
{
    buf_consume(buf, buf->len);
}

static void add_packet(struct trial *trial, unsigned track, bool marker, struct span payload)
{
    struct test_packet packet = { track, marker, trial->seq++, trial->ticks, payload };
    unsigned           channel = trial->way->channels[track];
    test_packet_publish(&trial->sent, &packet);
    if (channel != NO_CHANNEL)
        test_packet_expect(&trial->wanted, &packet, (uint8_t)channel);
}

/* Something that readers do not get, and that breaks a run of packets. */
static void add_hole(struct trial *trial)
{
    buf_append(&trial->sent, BYTES("$\x63\0\1x"));
}

/* The publisher's socket gets it all; the server has some turns, which may not be enough. */
static void publish(struct trial *trial)
{
    test_peer_send(&trial->publisher, buf_span(&trial->sent));
    forget(&trial->sent);
    for (unsigned i = 0; i < 5 * TEST_LOOPS; i++)
        test_rtsp_turn(&trial->test, i % TEST_LOOPS);
}

static void add_frame(struct trial *trial, bool is_key, unsigned packets, size_t size)
{
    static uint8_t payload[LARGEST] = { 0 };
    trial->ticks += 3600;
    for (unsigned i = 0; i < packets; i++) {
        payload[0] = is_key ? 0x65 : 0x41;
        memset(payload + 1, (int)('a' + trial->seq % 26), size - 1);
        add_packet(trial, TEST_VIDEO, i == packets - 1, (struct span){ payload, size });
    }
}

/* Its first packets, which reports follow, have come already. */
static void trial_open(struct trial *trial, const struct way *way)
{
    memset(trial, 0, sizeof(*trial));
    trial->way = way;
    throttle = (struct throttle){ .fd = -1 };
    test_rtsp_open(&trial->test, test_rtsp_conf(way->settings));
    test_peer_publish(&trial->publisher, &trial->test, TEST_WORKER);
    /* Else the other worker would be the busy one, and nobody would stay there. */
    atomic_fetch_add(&trial->test.loops[TEST_WORKER].sessions, 100);
    test_peer_open(&trial->reader, &trial->test, way->worker);
    test_peer_expect(&trial->reader, way->setup, way->answers);
    test_peer_expect(&trial->reader, ASK_PLAY, "200");
    assert_int_equal(test_peer_conn(&trial->reader)->loop->index, way->worker);
    add_frame(trial, true, 1, 10);
    add_packet(trial, TEST_AUDIO, false, BYTES("sound"));
    publish(trial);
    test_peer_fetch(&trial->reader);
    forget(&trial->reader.frames);
    forget(&trial->wanted);
}

static void trial_close(struct trial *trial)
{
    atomic_fetch_sub(&trial->test.loops[TEST_WORKER].sessions, 100);
    throttle.fd = -1;
    test_peer_close(&trial->publisher);
    test_peer_close(&trial->reader);
    test_rtsp_close(&trial->test);
    buf_fini(&trial->sent);
    buf_fini(&trial->wanted);
}

static void set_throttle(struct trial *trial, size_t each, size_t left)
{
    throttle = (struct throttle){ test_peer_conn(&trial->reader)->fd, each, left, 0 };
}

/* All sizes and orders of packets, one by one and many at once. */
static void add_anything(struct trial *trial)
{
    static uint8_t payload[2000];
    for (unsigned packets = 1 + draw(40); packets > 0; packets--) {
        size_t size = 1 + (draw(3) ? draw(30) : draw(sizeof(payload)));
        memset(payload, (int)draw(256), size);
        trial->ticks += draw(2) * 3600;
        add_packet(trial, draw(3) ? TEST_VIDEO : TEST_AUDIO, draw(2),
                   (struct span){ payload, size });
        if (draw(4) == 0)
            add_hole(trial);
    }
}

/* Bit for bit, whatever the socket takes at once, with answers in between. */
static void what_comes_in_goes_out(void **state)
{
    static const size_t takes[] = { SIZE_MAX, 0, 1, 2, 3, 4, 5, 15, 16, 17, 1000 };
    for (size_t i = 0; i < COUNT(ways) * COUNT(takes); i++) {
        struct trial      trial;
        const struct way *way = &ways[i % COUNT(ways)];
        size_t            each = takes[i / COUNT(ways)];
        trial_open(&trial, way);
        set_throttle(&trial, each, SIZE_MAX);
        for (int turn = 0; turn < (each < 20 ? 4 : 40); turn++) {
            add_anything(&trial);
            publish(&trial);
            if (draw(2))
                test_peer_expect(&trial.reader, ASK_GET_PARAMETER, "200");
        }
        /* A frame without its end is held for a while. */
        test_clock_advance(NS_PER_MS);
        test_peer_fetch(&trial.reader);
        CHECK(span_equal(buf_span(&trial.reader.frames), buf_span(&trial.wanted)), way->name);
        trial_close(&trial);
    }
}

/* Turns, but not until nothing happens: a throttled socket is always ready, and takes nothing. */
static void turn(struct trial *trial)
{
    for (unsigned i = 0; i < 5 * TEST_LOOPS; i++)
        test_rtsp_turn(&trial->test, i % TEST_LOOPS);
}

/* Two packets of video and one of audio; behind `len` bytes the socket is full. */
static void fill_socket(struct trial *trial, const struct way *way, size_t len)
{
    trial_open(trial, way);
    set_throttle(trial, SIZE_MAX, len);
    add_frame(trial, true, 2, 10);
    add_packet(trial, TEST_AUDIO, false, BYTES("sound"));
    publish(trial);
}

/* How long the packets are of which `len` bytes were sent: all of those that have been begun. */
static size_t begun_bytes(const struct buf *wanted, size_t len)
{
    struct span in = buf_span(wanted);
    while (wanted->len - in.len < len) {
        struct interleaved_frame frame;
        in = span_skip(in, (size_t)interleaved_parse(in, &frame));
    }
    return wanted->len - in.len;
}

static void a_packet_that_was_begun_is_finished(void **state)
{
    static const struct {
        const char *name, *text, *heard;
        bool        ends_reading;
    } cases[] = {
        { "pause", ASK_PAUSE, "200", true },
        { "behind answers", ASK_OPTIONS ASK_PAUSE ASK_OPTIONS, "200 200 200", true },
        { "pause and play", ASK_PAUSE ASK_PLAY ASK_PAUSE, "200 200 200", true },
        { "teardown", ASK_TEARDOWN, "200", true },
        { "teardown behind answers", ASK_OPTIONS ASK_TEARDOWN, "200 200", true },
        { "only answers", ASK_OPTIONS ASK_GET_PARAMETER, "200 200", false },
        { "a bad request", ASK_OPTIONS ASK_RECORD, "200 400 closed", false },
    };
    for (size_t i = 0; i < COUNT(cases) * COUNT(ways); i++) {
        size_t row = i / COUNT(ways), total = SIZE_MAX;
        for (size_t len = 0; len <= total; len++) {
            struct trial trial;
            fill_socket(&trial, &ways[i % COUNT(ways)], len);
            total = trial.wanted.len;
            size_t begun = cases[row].ends_reading ? begun_bytes(&trial.wanted, len) : total;
            test_peer_send(&trial.reader, span_from_string(cases[row].text));
            turn(&trial);
            throttle.left = SIZE_MAX;
            CHECK(strcmp(test_peer_hear(&trial.reader), cases[row].heard) == 0, cases[row].name);
            CHECK(span_equal(buf_span(&trial.reader.frames),
                             span_first(buf_span(&trial.wanted), begun)),
                  cases[row].name);
            CHECK(trial.reader.raw.len == 0, cases[row].name);
            trial_close(&trial);
        }
    }
}

static void the_end_of_the_server_is_told_behind_a_whole_packet(void **state)
{
    for (size_t i = 0; i < COUNT(ways); i++) {
        const unsigned *channels = ways[i].channels;
        struct trial    trial;
        size_t          total = SIZE_MAX;
        for (size_t len = 0; len <= total; len++) {
            fill_socket(&trial, &ways[i], len);
            total = trial.wanted.len;
            size_t begun = begun_bytes(&trial.wanted, len);
            throttle.left = SIZE_MAX;
            test_rtsp_stop(&trial.test);
            test_peer_fetch(&trial.reader);
            CHECK(trial.reader.is_closed && trial.reader.raw.len == 0, ways[i].name);
            struct span byes = span_skip(buf_span(&trial.reader.frames), begun);
            for (unsigned k = 0; k < TEST_TRACKS; k++) {
                struct interleaved_frame bye;
                if (channels[k] == NO_CHANNEL)
                    continue;
                CHECK(interleaved_parse(byes, &bye) == INTERLEAVED_HEADER + 8, ways[i].name);
                CHECK(bye.channel != channels[k] && bye.payload.p[1] == 203, ways[i].name);
                CHECK(read_be32(bye.payload.p + 4) == test_rtsp_ssrc(k), ways[i].name);
                byes = span_skip(byes, INTERLEAVED_HEADER + 8);
            }
            CHECK(byes.len == 0, ways[i].name);
            trial_close(&trial);
        }
    }
}

/* Half of the packets are followed by something else, so no batch is a few runs. */
static void many_runs_are_sent_packet_by_packet(void **state)
{
    for (size_t i = 0; i < COUNT(ways); i++) {
        struct trial trial;
        trial_open(&trial, &ways[i]);
        set_throttle(&trial, SIZE_MAX, 0);
        for (unsigned k = 0; k < 3 * BATCH_MAX_PACKETS; k++) {
            add_packet(&trial, k % 3 ? TEST_AUDIO : TEST_VIDEO, true, BYTES("any"));
            if (k % 2)
                add_hole(&trial);
        }
        publish(&trial);
        const struct queue *queue = &test_peer_conn(&trial.reader)->session->queue;
        CHECK(queue->count == 3, ways[i].name);
        CHECK(queue_at(queue, 0)->batch->run_count == 0, ways[i].name);
        throttle.left = SIZE_MAX;
        test_peer_fetch(&trial.reader);
        CHECK(span_equal(buf_span(&trial.reader.frames), buf_span(&trial.wanted)), ways[i].name);
        trial_close(&trial);
    }
}

static void large_packets_fill_many_slabs(void **state)
{
    static const size_t takes[] = { SIZE_MAX, 65535, 1000 };
    for (size_t i = 0; i < COUNT(ways) * COUNT(takes); i++) {
        const struct way *way = &ways[i % COUNT(ways)];
        struct trial      trial;
        trial_open(&trial, way);
        set_throttle(&trial, takes[i / COUNT(ways)], SIZE_MAX);
        add_frame(&trial, true, 40, LARGEST);
        for (int k = 0; k < 5; k++)
            add_packet(&trial, TEST_AUDIO, false, BYTES("sound"));
        publish(&trial);
        test_peer_fetch(&trial.reader);
        CHECK(span_equal(buf_span(&trial.reader.frames), buf_span(&trial.wanted)), way->name);
        trial_close(&trial);
    }
}

/* The smallest buffer that the kernel allows: a few packets. */
static void make_slow(struct trial *trial)
{
    int least = 1;
    int err = setsockopt(test_peer_conn(&trial->reader)->fd, SOL_SOCKET, SO_SNDBUF, &least,
                         sizeof(least));
    assert_int_equal(err, 0);
}

static void a_small_buffer_is_read_bit_by_bit(void **state)
{
    for (size_t i = 0; i < COUNT(ways); i++) {
        struct trial trial;
        trial_open(&trial, &ways[i]);
        make_slow(&trial);
        for (int turns = 0; turns < 100; turns++) {
            add_anything(&trial);
            publish(&trial);
            for (unsigned reads = draw(20); reads > 0; reads--) {
                (void)test_peer_receive(&trial.reader, 1 + draw(3000));
                test_rtsp_turn(&trial.test, ways[i].worker);
                test_rtsp_turn(&trial.test, ways[i].worker);
            }
        }
        test_clock_advance(NS_PER_MS);
        test_peer_fetch(&trial.reader);
        CHECK(span_equal(buf_span(&trial.reader.frames), buf_span(&trial.wanted)), ways[i].name);
        trial_close(&trial);
    }
}

/* What has come on channel 0: whole frames, a keyframe behind each gap. Returns their number. */
static unsigned check_frames(struct span in, const char *name)
{
    unsigned frames = 0;
    bool     is_in_frame = false;
    uint16_t next = 0;
    while (in.len) {
        struct interleaved_frame frame;
        struct rtp_header        header;
        in = span_skip(in, (size_t)interleaved_parse(in, &frame));
        if (frame.channel != 0)
            continue;
        assert_int_equal(rtp_parse(frame.payload, &header), 0);
        if (is_in_frame || header.payload.p[0] != 0x65)
            CHECK(frames == 0 || header.seq == next, name);
        frames += !is_in_frame;
        is_in_frame = !header.marker;
        next = (uint16_t)(header.seq + 1);
    }
    CHECK(!is_in_frame, name);
    return frames;
}

/* Frames of five packets, every tenth a keyframe, while nobody reads. */
static void a_slow_reader_loses_whole_frames(void **state)
{
    static const struct {
        const char         *name;
        struct queue_limits limits;
        int                 ms; /* between frames */
        unsigned            least, most;
    } cases[] = {
        { "frames", { 16, 1 << 30, NS_PER_S * 1000 }, 40, 16, 20 },
        { "bytes", { 1000, 64 * 1024, NS_PER_S * 1000 }, 40, 12, 20 },
        { "time", { 1000, 1 << 30, NS_PER_S / 2 }, 40, 1, 13 },
        { "none", { 1000, 1 << 30, NS_PER_S * 1000 }, 40, 95, 95 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct trial trial;
        trial_open(&trial, &ways[4]);
        trial.test.settings.queue = cases[i].limits;
        make_slow(&trial);
        for (unsigned k = 0; k < 95; k++) {
            add_frame(&trial, k % 10 == 0, 5, 1000);
            publish(&trial);
            test_clock_advance(cases[i].ms * NS_PER_MS);
        }
        test_peer_fetch(&trial.reader);
        unsigned frames = check_frames(buf_span(&trial.reader.frames), cases[i].name);
        CHECK(frames >= cases[i].least && frames <= cases[i].most, cases[i].name);
        /* And again, now that there is room. */
        forget(&trial.reader.frames);
        forget(&trial.wanted);
        add_frame(&trial, true, 5, 1000);
        publish(&trial);
        test_peer_fetch(&trial.reader);
        CHECK(span_equal(buf_span(&trial.reader.frames), buf_span(&trial.wanted)), cases[i].name);
        trial_close(&trial);
    }
}

/* Else one that keeps reading slowly would never be closed. */
static void who_is_to_be_closed_gets_nothing_new(void **state)
{
    for (size_t i = 0; i < COUNT(ways); i++) {
        struct trial              trial;
        AUTO(buf_fini) struct buf before = { 0 };
        trial_open(&trial, &ways[i]);
        make_slow(&trial);
        for (int k = 0; k < 10; k++)
            add_anything(&trial);
        publish(&trial);
        test_clock_advance(NS_PER_MS);
        publish(&trial);
        buf_append(&before, buf_span(&trial.wanted));
        test_peer_send(&trial.reader, BYTES(ASK_OPTIONS ASK_RECORD ASK_OPTIONS));
        for (int k = 0; k < 10; k++) {
            add_anything(&trial);
            publish(&trial);
        }
        CHECK(strcmp(test_peer_hear(&trial.reader), "200 400 closed") == 0, ways[i].name);
        CHECK(span_equal(buf_span(&trial.reader.frames), buf_span(&before)), ways[i].name);
        trial_close(&trial);
    }
}

static void pass_seconds(struct trial *trial, int seconds)
{
    for (; seconds > 0; seconds--) {
        test_peer_send(&trial->publisher, BYTES("\r\n"));
        turn(trial);
        test_clock_advance(NS_PER_S);
        turn(trial);
    }
}

static void who_takes_nothing_is_closed(void **state)
{
    struct trial trial;
    trial_open(&trial, &ways[0]);
    make_slow(&trial);
    add_frame(&trial, true, 30, 1000);
    publish(&trial);
    pass_seconds(&trial, 9);
    (void)test_peer_receive(&trial.reader, 8000);
    pass_seconds(&trial, 9);
    assert_non_null(test_peer_conn(&trial.reader));
    pass_seconds(&trial, 1);
    assert_null(test_peer_conn(&trial.reader));
    trial_close(&trial);
}

TESTS(what_comes_in_goes_out, a_packet_that_was_begun_is_finished,
      the_end_of_the_server_is_told_behind_a_whole_packet, many_runs_are_sent_packet_by_packet,
      large_packets_fill_many_slabs, a_small_buffer_is_read_bit_by_bit,
      a_slow_reader_loses_whole_frames, who_is_to_be_closed_gets_nothing_new,
      who_takes_nothing_is_closed)
