/**
 * test_peer: a client of test_rtsp.h's server, and what clients say. What comes back is cut into
 * answers and interleaved frames as it comes; that it can be is asserted.
 */
#pragma once
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rtp/interleaved.h"
#include "rtp/rtp.h"
#include "rtsp/test_rtsp.h"

#define TEST_URL "rtsp://server/cam"

/* Requests for a path, "cam" where none is said; `headers` with their line ends. */
#define ASK(method, url, headers) method " " url " RTSP/1.0\r\nCSeq: 1\r\n" headers "\r\n"
#define IN_SESSION                "Session: " TEST_SESSION "\r\n"
#define TCP(channels, mode)       "Transport: RTP/AVP/TCP;unicast;interleaved=" channels mode "\r\n"

#define ASK_OPTIONS  ASK("OPTIONS", TEST_URL, "")
#define ASK_DESCRIBE ASK("DESCRIBE", TEST_URL, "")
#define ASK_SETUP(track, channels)                                                                 \
    ASK("SETUP", TEST_URL "/trackID=" #track, TCP(channels, ";mode=play"))
#define ASK_PLAY          ASK("PLAY", TEST_URL, IN_SESSION)
#define ASK_RECORD        ASK("RECORD", TEST_URL, IN_SESSION)
#define ASK_PAUSE         ASK("PAUSE", TEST_URL, IN_SESSION)
#define ASK_TEARDOWN      ASK("TEARDOWN", TEST_URL, IN_SESSION)
#define ASK_GET_PARAMETER ASK("GET_PARAMETER", TEST_URL, IN_SESSION)

/* A publisher of video and audio, on channels that no reader has. */
#define TEST_SDP                                                                                   \
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:video\r\n"                        \
    "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 opus/48000/2\r\na=control:audio\r\n"
#define TEST_SDP_LENGTH "128"
_Static_assert(sizeof(TEST_SDP) - 1 == 128, "TEST_SDP_LENGTH");
#define ASK_ANNOUNCE_AT(url)                                                                       \
    ASK("ANNOUNCE", url,                                                                           \
        "Content-Type: application/sdp\r\nContent-Length: " TEST_SDP_LENGTH "\r\n")                \
    TEST_SDP
#define ASK_SETUP_RECORD_AT(url, control, channels)                                                \
    ASK("SETUP", url "/" control, TCP(channels, ";mode=record"))
#define ASK_TO_PUBLISH_AT(url)                                                                     \
    ASK_ANNOUNCE_AT(url)                                                                           \
    ASK_SETUP_RECORD_AT(url, "video", "10-11") ASK_SETUP_RECORD_AT(url, "audio", "12-13")
#define ASK_TO_PUBLISH ASK_TO_PUBLISH_AT(TEST_URL)

enum { TEST_VIDEO, TEST_AUDIO, TEST_TRACKS };

struct test_peer {
    struct test_rtsp *test;
    int               fd;
    char              name[16];  /* as the server calls it */
    bool              is_closed; /* by the server */
    struct buf        raw;       /* came, but is not whole yet */
    struct buf        frames;    /* interleaved frames, headers and all */
    struct buf        answers;   /* as they came */
    char              news[1024];
    char              heard[1024];
};

/* A packet of a publisher's, and what readers get of it. */
struct test_packet {
    unsigned    track;
    bool        marker;
    uint16_t    seq;
    uint32_t    ticks;
    struct span payload;
};

static inline void test_packet_write(struct buf *out, const struct test_packet *packet,
                                     uint8_t channel, uint32_t ssrc)
{
    uint8_t           head[INTERLEAVED_HEADER + RTP_HEADER];
    struct rtp_header header = { .payload_type = (uint8_t)(96 + packet->track),
                                 .marker = packet->marker,
                                 .seq = packet->seq,
                                 .ticks = packet->ticks,
                                 .ssrc = ssrc };
    interleaved_write_header(head, channel, (uint16_t)(RTP_HEADER + packet->payload.len));
    rtp_write(&header, head + INTERLEAVED_HEADER);
    buf_append(out, (struct span){ head, sizeof(head) });
    buf_append(out, packet->payload);
}

/* As test_peer_publish()'s publisher sends it. */
static inline void test_packet_publish(struct buf *out, const struct test_packet *packet)
{
    test_packet_write(out, packet, (uint8_t)(10 + 2 * packet->track), 0xdeadbeef);
}

/* As a reader gets it, on a channel of its choice. */
static inline void test_packet_expect(struct buf *out, const struct test_packet *packet,
                                      uint8_t channel)
{
    test_packet_write(out, packet, channel, test_rtsp_ssrc(packet->track));
}

/** Connects to a worker. */
static inline void test_peer_open(struct test_peer *peer, struct test_rtsp *test, unsigned worker)
{
    int ends[2];
    int err = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends);
    ASSERT(err == 0);
    *peer = (struct test_peer){ .test = test, .fd = ends[0] };
    (void)snprintf(peer->name, sizeof(peer->name), "peer %u", ++test->peers);
    struct rtsp_seed *seed = mem_new(struct rtsp_seed);
    seed->mail.handle = rtsp_conn_open;
    seed->server = test->server;
    seed->fd = ends[1];
    (void)snprintf(seed->peer, sizeof(seed->peer), "%s", peer->name);
    err = address_parse("192.0.2.1:40000", &seed->address, NULL);
    ASSERT(err == 0);
    atomic_fetch_add(&test->loops[worker].sessions, 1);
    loop_post(&test->loops[worker], &seed->mail);
}

/** Hangs up. A peer of zeros, or one that has, is left alone. */
static inline void test_peer_close(struct test_peer *peer)
{
    if (!peer->test)
        return;
    (void)close(peer->fd);
    buf_fini(&peer->raw);
    buf_fini(&peer->frames);
    buf_fini(&peer->answers);
    peer->test = NULL;
}

/** The server's end, or NULL when that is closed. */
static inline struct rtsp_conn *test_peer_conn(const struct test_peer *peer)
{
    for (unsigned i = TEST_WORKER; i < TEST_LOOPS; i++)
        LIST_FOREACH (struct rtsp_conn, conn, &peer->test->server->conns[i], in_worker)
            if (strcmp(conn->peer, peer->name) == 0)
                return conn;
    return NULL;
}

/** As much as the socket takes. Returns how much that was; the server may have hung up. */
static inline size_t test_peer_send_some(struct test_peer *peer, struct span bytes)
{
    ssize_t len = send(peer->fd, bytes.p, bytes.len, MSG_NOSIGNAL);
    ASSERT(len >= 0 || errno == EAGAIN || errno == EPIPE || errno == ECONNRESET);
    return len < 0 ? 0 : (size_t)len;
}

/** Everything, while the server takes it. */
static inline void test_peer_send(struct test_peer *peer, struct span bytes)
{
    for (size_t len; bytes.len && (len = test_peer_send_some(peer, bytes)) > 0;) {
        bytes = span_skip(bytes, len);
        if (bytes.len)
            test_rtsp_settle(peer->test);
    }
}

/* What is too much for `news` is left out. */
static inline void test_peer_note(struct test_peer *peer, const char *word)
{
    size_t len = strlen(peer->news);
    (void)snprintf(peer->news + len, sizeof(peer->news) - len, "%s%s", len ? " " : "", word);
}

static inline void test_peer_take_answer(struct test_peer *peer, const struct message *answer,
                                         struct span text)
{
    char status[8];
    ASSERT(answer->is_response);
    (void)snprintf(status, sizeof(status), "%u", answer->status);
    test_peer_note(peer, status);
    buf_append(&peer->answers, text);
}

/* Takes what is whole; the server never sends anything else. */
static inline void test_peer_cut(struct test_peer *peer)
{
    struct span in = buf_span(&peer->raw);
    while (in.len > 0) {
        struct interleaved_frame frame;
        struct message           answer;
        bool                     is_frame = in.p[0] == '$';
        ssize_t used = is_frame ? interleaved_parse(in, &frame) : message_parse(in, &answer);
        if (used == -EAGAIN)
            break;
        ASSERT(used > 0);
        struct span text = span_first(in, (size_t)used);
        if (is_frame)
            buf_append(&peer->frames, text);
        else
            test_peer_take_answer(peer, &answer, text);
        in = span_skip(in, (size_t)used);
    }
    buf_consume(&peer->raw, peer->raw.len - in.len);
}

/** At most `most` bytes. Returns how many came; 0: none for now, or no more at all. */
static inline size_t test_peer_receive(struct test_peer *peer, size_t most)
{
    uint8_t bytes[65536];
    ssize_t len = recv(peer->fd, bytes, MIN(most, sizeof(bytes)), 0);
    if (len < 0 && errno == EAGAIN)
        return 0;
    if (len <= 0 && !peer->is_closed) {
        peer->is_closed = true;
        test_peer_note(peer, "closed");
    }
    if (len <= 0)
        return 0;
    buf_append(&peer->raw, (struct span){ bytes, (size_t)len });
    test_peer_cut(peer);
    return (size_t)len;
}

/** All that the server has to say. */
static inline void test_peer_fetch(struct test_peer *peer)
{
    do
        test_rtsp_settle(peer->test);
    while (test_peer_receive(peer, SIZE_MAX) > 0);
}

/** Fetches, and tells the answers since the last call: "200 404 closed". Borrowed until then. */
static inline const char *test_peer_hear(struct test_peer *peer)
{
    test_peer_fetch(peer);
    memcpy(peer->heard, peer->news, sizeof(peer->heard));
    peer->news[0] = '\0';
    return peer->heard;
}

static inline const char *test_peer_say(struct test_peer *peer, const char *text)
{
    test_peer_send(peer, span_from_string(text));
    return test_peer_hear(peer);
}

/** Says something and must be given such answers. */
static inline void test_peer_expect(struct test_peer *peer, const char *text, const char *answers)
{
    const char *heard = test_peer_say(peer, text);
    if (strcmp(heard, answers) != 0)
        (void)fprintf(stderr, "%s was answered: %s\n", text, heard);
    ASSERT(strcmp(heard, answers) == 0);
}

/** Connects to a worker and publishes at "cam". */
static inline void test_peer_publish(struct test_peer *peer, struct test_rtsp *test,
                                     unsigned worker)
{
    test_peer_open(peer, test, worker);
    test_peer_expect(peer, ASK_TO_PUBLISH ASK_RECORD, "200 200 200 200");
}

/** Connects to a worker and reads both tracks of "cam", on the usual channels. */
static inline void test_peer_read(struct test_peer *peer, struct test_rtsp *test, unsigned worker)
{
    test_peer_open(peer, test, worker);
    test_peer_expect(peer, ASK_SETUP(0, "0-1") ASK_SETUP(1, "2-3"), "200 200");
    test_peer_expect(peer, ASK_PLAY, "200");
}
