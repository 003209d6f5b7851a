#include <sys/syscall.h>
#include <sys/uio.h>

#include "base/bytes.h"
#include "base/test.h"
#include "base/test_clock.h"
#include "rtp/rtcp.h"
#include "rtsp/test_peer.h"

enum { NONE = 256, LARGEST = 60000 }; /* a channel; a packet's payload */

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

/* How somebody reads: from where, what is asked for, and what comes on which channels. */
struct way {
    const char *name;
    unsigned    worker; /* the stream is on TEST_WORKER */
    const char *setup;
    unsigned    rtp[TEST_TRACKS], rtcp[TEST_TRACKS];
};

#define SETUP_VIDEO(channels)    ASK_SETUP(0, channels)
#define SETUP_AUDIO(channels)    ASK_SETUP(1, channels)
#define SETUP(video, audio)      SETUP_VIDEO(video) SETUP_AUDIO(audio)
#define SETUP_BACK(video, audio) SETUP_AUDIO(audio) SETUP_VIDEO(video)

enum { HERE = TEST_WORKER, AFAR = TEST_OTHER, VIDEO_ALONE = 4 };

static const struct way ways[] = {
    { "the usual channels", HERE, SETUP("0-1", "2-3"), { 0, 2 }, { 1, 3 } },
    { "in another order", HERE, SETUP_BACK("0-1", "2-3"), { 0, 2 }, { 1, 3 } },
    { "crossed channels", HERE, SETUP("2-3", "0-1"), { 2, 0 }, { 3, 1 } },
    { "high channels", HERE, SETUP("254-255", "101-102"), { 254, 101 }, { 255, 102 } },
    [VIDEO_ALONE] = { "video alone", HERE, SETUP_VIDEO("0-1"), { 0, NONE }, { 1, NONE } },
    { "audio alone", HERE, SETUP_AUDIO("2-3"), { NONE, 2 }, { NONE, 3 } },
    { "audio alone, first channels", HERE, SETUP_AUDIO("0-1"), { NONE, 0 }, { NONE, 1 } },
    { "from another worker", AFAR, SETUP("0-1", "2-3"), { 0, 2 }, { 1, 3 } },
    { "from there, crossed", AFAR, SETUP("2-3", "0-1"), { 2, 0 }, { 3, 1 } },
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
    unsigned           channel = trial->way->rtp[track];
    test_packet_publish(&trial->sent, &packet);
    if (channel != NONE)
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
    test_rtsp_open(&trial->test, test_rtsp_conf(way->worker == AFAR ? "spreadReaders: yes" : ""));
    test_peer_publish(&trial->publisher, &trial->test, TEST_WORKER);
    /* Else the other worker would be the busy one, and nobody would stay there. */
    atomic_fetch_add(&trial->test.loops[TEST_WORKER].sessions, 100);
    test_peer_open(&trial->reader, &trial->test, way->worker);
    assert_null(strpbrk(test_peer_say(&trial->reader, way->setup), "45c"));
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
static void add_anything(struct trial *trial, unsigned most)
{
    static uint8_t payload[2000];
    for (unsigned packets = 1 + draw(most); packets > 0; packets--) {
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
        for (int turn = 0; turn < 10; turn++) {
            add_anything(&trial, each < 20 ? 4 : 40);
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

/* One report or goodbye for each track that is read, on its channel; nothing else. */
static void check_reports(const struct way *way, struct span in, uint8_t type)
{
    for (unsigned i = 0; i < TEST_TRACKS; i++) {
        struct interleaved_frame frame;
        if (way->rtcp[i] == NONE)
            continue;
        ssize_t used = interleaved_parse(in, &frame);
        CHECK(used > INTERLEAVED_HEADER, way->name);
        CHECK(frame.channel == way->rtcp[i] && frame.payload.p[1] == type, way->name);
        CHECK(read_be32(frame.payload.p + 4) == test_rtsp_ssrc(i), way->name);
        in = span_skip(in, (size_t)used);
    }
    CHECK(in.len == 0, way->name);
}

static void reports_come_on_their_channels(void **state)
{
    for (size_t i = 0; i < COUNT(ways); i++) {
        struct trial trial;
        trial_open(&trial, &ways[i]);
        test_clock_advance(3 * NS_PER_S);
        test_peer_fetch(&trial.reader);
        check_reports(&ways[i], buf_span(&trial.reader.frames), RTCP_SR);
        trial_close(&trial);
    }
}

static void the_end_of_the_server_is_told_behind_a_whole_packet(void **state)
{
    for (size_t i = 0; i < COUNT(ways); i++) {
        struct trial trial;
        size_t       total = SIZE_MAX;
        for (size_t len = 0; len <= total; len++) {
            fill_socket(&trial, &ways[i], len);
            total = trial.wanted.len;
            size_t begun = begun_bytes(&trial.wanted, len);
            throttle.left = SIZE_MAX;
            test_rtsp_stop(&trial.test);
            test_peer_fetch(&trial.reader);
            CHECK(trial.reader.is_closed && trial.reader.raw.len == 0, ways[i].name);
            check_reports(&ways[i], span_skip(buf_span(&trial.reader.frames), begun), RTCP_BYE);
            trial_close(&trial);
        }
    }
}

/* Every so many packets are followed by something else, which ends a run. */
static void runs_may_be_many(void **state)
{
    static const struct {
        unsigned packets, runs; /* of a full batch; 0: too many to list */
    } cases[] = { { 1, 0 }, { 3, 0 }, { 4, 8 }, { 5, 7 }, { 7, 5 }, { 11, 3 }, { 100, 1 } };
    for (size_t i = 0; i < COUNT(ways) * COUNT(cases); i++) {
        const struct way *way = &ways[i % COUNT(ways)];
        unsigned          run = cases[i / COUNT(ways)].packets;
        struct trial      trial;
        trial_open(&trial, way);
        set_throttle(&trial, SIZE_MAX, 0);
        trial.test.settings.queue.frames = 1000;
        for (unsigned k = 0; k < 24 * BATCH_MAX_PACKETS; k++) {
            if (k % BATCH_MAX_PACKETS % run == 0)
                add_hole(&trial);
            add_packet(&trial, k % 3 ? TEST_AUDIO : TEST_VIDEO, true, BYTES("any"));
        }
        publish(&trial);
        struct queue *queue = &test_peer_conn(&trial.reader)->session->queue;
        CHECK(queue->count >= 24, way->name);
        CHECK(queue_at(queue, 0)->batch->run_count == cases[i / COUNT(ways)].runs, way->name);
        throttle.left = SIZE_MAX;
        test_peer_fetch(&trial.reader);
        CHECK(span_equal(buf_span(&trial.reader.frames), buf_span(&trial.wanted)), way->name);
        trial_close(&trial);
    }
}

static void large_packets_fill_many_slabs(void **state)
{
    static const size_t takes[] = { SIZE_MAX, 5000 };
    for (size_t i = 0; i < COUNT(ways); i++) {
        const struct way *way = &ways[i];
        struct trial      trial;
        trial_open(&trial, way);
        set_throttle(&trial, takes[i % COUNT(takes)], SIZE_MAX);
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
        for (int turns = 0; turns < 30; turns++) {
            add_anything(&trial, 40);
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
        trial_open(&trial, &ways[VIDEO_ALONE]);
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
            add_anything(&trial, 40);
        publish(&trial);
        test_clock_advance(NS_PER_MS);
        publish(&trial);
        buf_append(&before, buf_span(&trial.wanted));
        test_peer_send(&trial.reader, BYTES(ASK_OPTIONS ASK_RECORD ASK_OPTIONS));
        for (int k = 0; k < 10; k++) {
            add_anything(&trial, 40);
            publish(&trial);
            test_peer_send(&trial.reader, BYTES(ASK_OPTIONS));
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

TESTS(what_comes_in_goes_out, reports_come_on_their_channels, a_packet_that_was_begun_is_finished,
      the_end_of_the_server_is_told_behind_a_whole_packet, runs_may_be_many,
      large_packets_fill_many_slabs, a_small_buffer_is_read_bit_by_bit,
      a_slow_reader_loses_whole_frames, who_is_to_be_closed_gets_nothing_new,
      who_takes_nothing_is_closed)
