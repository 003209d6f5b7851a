/*
 * The floor: the least that forwarding costs with ordinary system calls.
 *
 * usage: floor PORT
 *        floor PORT udp MEDIA-PORT
 *        floor PORT cm|gcm STREAMS VIEWERS CORE
 *
 * It speaks just enough RTSP for `millrace load`, so that one generator writes the same bytes at
 * the same times to it and to a server. A turn is one wait, one recv() for each publisher that has
 * sent something, and one send() of all its whole packets, as they are, for each of its readers.
 * There are no queues: a reader whose socket is full is dropped, and the load tool says so.
 *
 * In its second form media come and go in datagrams, from and to one port: a frame is copied
 * together and goes out when its marker has come, by one message for each reader (UDP_SEGMENT) and
 * one sendmmsg() for many of them.
 *
 * In its third form each of STREAMS streams has VIEWERS of WebRTC besides, from the start. What a
 * turn has received is encrypted for each of them under its own key (AES-CM with HMAC-SHA1-80, or
 * AES-128-GCM), in sweeps of up to 256 packets; a run of datagrams of one size to one viewer is one
 * message with UDP_SEGMENT, and a sweep goes out by one sendmmsg(). A viewer is a UDP port of a
 * child process on the core CORE, which only reads: who receives is woken at the sender's cost.
 *
 * Left out, of what a server does: HTTP, ICE, DTLS, RTCP, what is kept for retransmission and for
 * viewers who start, pacing, saying which address to send from, and cutting packets that are too
 * large for a datagram. These end the floor; so the load has to write such that fit.
 *
 * It listens on 127.0.0.1. SIGTERM ends it; then it prints what it did in the server's words.
 */
#include "floor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "http/message.h"
#include "rtp/interleaved.h"

enum {
    BACKLOG = 1024,
    LEAST_ROOM = 128 * 1024, /* for what is received: two of the largest packets */
};

struct path {
    struct buf            sdp;
    struct list           readers;
    struct viewer        *viewers;   /* as many as every path has; NULL: none */
    struct datagram_path *datagrams; /* NULL: media travel in the connections */
};

struct conn {
    int              fd;
    bool             is_publisher;
    bool             announces;
    struct path     *path; /* NULL before ANNOUNCE or DESCRIBE */
    struct list_node in_path;
    struct buf       rest; /* a packet or a request that has not come whole yet */
};

struct floor_counts counts;

static struct map *paths;
static int         connections; /* epoll's descriptor */
static uint16_t    media_port;  /* of datagrams; 0: there are none */
static uint8_t     scratch[FLOOR_SCRATCH];
static size_t      scratch_used; /* packets that are encrypted at the end of the turn */

static volatile sig_atomic_t has_to_end;

static void on_signal(int number)
{
    has_to_end = 1;
}

void fail(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

void fail_with_words(const char *what)
{
    (void)fprintf(stderr, "floor: %s\n", what);
    exit(EXIT_FAILURE);
}

static void end_turn(void)
{
    viewers_end_turn();
    scratch_used = 0;
}

/* Media */

/* The bytes of the whole packets that `in` begins with. */
static size_t measure_packets(struct span in)
{
    size_t at = 0;
    while (in.len - at >= INTERLEAVED_HEADER && in.p[at] == '$') {
        size_t len = INTERLEAVED_HEADER + (size_t)read_be16(in.p + at + 2);
        if (in.len - at < len)
            break;
        counts.received += !(in.p[at + 1] & 1); /* odd channels carry RTCP */
        at += len;
    }
    return at;
}

/* Its own event closes it: that one may still be waiting in this turn. */
static void drop_reader(struct conn *reader)
{
    list_remove(&reader->in_path);
    (void)shutdown(reader->fd, SHUT_RDWR);
}

static void forward(struct path *path, struct span bytes, unsigned long long packets)
{
    LIST_FOREACH_SAFE (struct conn, reader, &path->readers, in_path) {
        ssize_t n = send(reader->fd, bytes.p, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);
        counts.calls++;
        if (n == (ssize_t)bytes.len)
            counts.delivered += packets;
        else
            drop_reader(reader);
    }
    viewers_add(path->viewers, bytes);
}

/* Requests: each handler returns the status of the answer. */

static struct path *find_path(struct span url)
{
    return map_get(paths, url);
}

static unsigned on_announce(struct conn *conn, const struct message *request)
{
    conn->path = find_path(request->url);
    if (!conn->path) {
        conn->path = mem_new(struct path);
        list_init(&conn->path->readers);
        conn->path->viewers = viewers_of(map_count(paths));
        conn->path->datagrams = media_port ? datagrams_path() : NULL;
        (void)map_put(paths, request->url, conn->path);
    }
    conn->announces = true;
    conn->path->sdp.len = 0;
    buf_append(&conn->path->sdp, request->body);
    return 200;
}

static unsigned on_describe(struct conn *conn, const struct message *request)
{
    conn->path = find_path(request->url);
    return conn->path ? 200 : 404;
}

static unsigned on_record(struct conn *conn, const struct message *request)
{
    conn->is_publisher = conn->path != NULL;
    return conn->path ? 200 : 455;
}

static unsigned on_play(struct conn *conn, const struct message *request)
{
    if (!conn->path || list_contains_node(&conn->in_path))
        return 455;
    list_append(&conn->path->readers, &conn->in_path);
    return 200;
}

/* One track: no more is asked of it. */
static unsigned on_setup(struct conn *conn, const struct message *request)
{
    static const char key[] = "client_port=";
    struct span       transport = message_header(request, "Transport");
    const char       *at = memmem(transport.p, transport.len, key, strlen(key));
    uint16_t          port = at ? (uint16_t)strtoul(at + strlen(key), NULL, 10) : 0;
    if (!conn->path || (media_port && !port))
        return 461;
    if (media_port && conn->announces)
        datagrams_add_publisher(conn->path->datagrams, port);
    else if (media_port)
        datagrams_add_reader(conn->path->datagrams, port);
    return 200;
}

static unsigned on_other(struct conn *conn, const struct message *request)
{
    return 200;
}

static const struct method {
    const char *name;
    unsigned (*handle)(struct conn *conn, const struct message *request);
} methods[] = {
    { "ANNOUNCE", on_announce }, { "DESCRIBE", on_describe }, { "SETUP", on_setup },
    { "RECORD", on_record },     { "PLAY", on_play },         { "OPTIONS", on_other },
    { "TEARDOWN", on_other },
};

static unsigned handle_request(struct conn *conn, const struct message *request)
{
    for (size_t i = 0; i < COUNT(methods); i++)
        if (span_is(request->method, methods[i].name))
            return methods[i].handle(conn, request);
    return 501;
}

/* The same headers for every request: a client reads those that it asked for. */
static void send_answer(const struct conn *conn, const struct message *request, unsigned status)
{
    bool        is_describe = status == 200 && span_is(request->method, "DESCRIBE");
    struct span body = is_describe ? buf_span(&conn->path->sdp) : (struct span){ 0 };
    struct span transport = message_header(request, "Transport");

    AUTO(buf_fini) struct buf answer = { 0 };
    message_start_response(&answer, MESSAGE_RTSP, status);
    message_add(&answer, "CSeq", "%.*s", SPAN_ARGS(message_header(request, "CSeq")));
    message_add(&answer, "Session", "1");
    if (transport.len && media_port)
        message_add(&answer, "Transport", "%.*s;server_port=%u-%u", SPAN_ARGS(transport),
                    media_port, media_port + 1u);
    else if (transport.len)
        message_add(&answer, "Transport", "%.*s", SPAN_ARGS(transport));
    message_add(&answer, "Content-Length", "%zu", body.len);
    message_finish(&answer, body);
    (void)send(conn->fd, answer.p, answer.len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Returns the bytes of one request, or a negative errno. */
static ssize_t take_request(struct conn *conn, struct span in)
{
    struct message request;
    ssize_t        used = message_parse(in, &request);
    if (used < 0)
        return used;
    send_answer(conn, &request, handle_request(conn, &request));
    return used;
}

/* Connections */

int open_epoll(void)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0)
        fail("epoll_create1");
    return fd;
}

void watch(int epoll_fd, int fd, void *who)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = who };
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        fail("epoll_ctl");
}

static void accept_conn(int listener)
{
    static const int on = 1;
    int              fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct conn *conn = mem_new(struct conn);
    conn->fd = fd;
    watch(connections, fd, conn);
}

static void close_conn(struct conn *conn)
{
    list_remove(&conn->in_path);
    buf_fini(&conn->rest);
    (void)close(conn->fd);
    mem_free(conn);
}

/* Uses what has come whole and keeps the rest. A negative errno ends the connection. */
static ssize_t handle_bytes(struct conn *conn, struct span in)
{
    while (in.len > 0) {
        unsigned long long before = counts.received;
        ssize_t            used = (ssize_t)measure_packets(in);
        if (used > 0 && conn->is_publisher)
            forward(conn->path, span_first(in, (size_t)used), counts.received - before);
        else if (used == 0)
            used = in.p[0] == '$' ? -EAGAIN : take_request(conn, in);
        if (used == -EAGAIN)
            break;
        if (used < 0)
            return used;
        in = span_skip(in, (size_t)used);
    }
    if (in.len > 0)
        buf_append(&conn->rest, in);
    return 0;
}

static void on_readable(struct conn *conn)
{
    size_t kept = conn->rest.len;
    if (scratch_used + kept + LEAST_ROOM > FLOOR_SCRATCH)
        end_turn();
    uint8_t *at = scratch + scratch_used;
    if (kept > 0)
        memcpy(at, conn->rest.p, kept);
    conn->rest.len = 0;
    ssize_t n = recv(conn->fd, at + kept, FLOOR_SCRATCH - scratch_used - kept, MSG_DONTWAIT);
    counts.calls++;
    if (n > 0)
        scratch_used += kept + (size_t)n;
    if (n <= 0 || handle_bytes(conn, (struct span){ at, kept + (size_t)n }) < 0)
        close_conn(conn);
    if (!viewers_are_waiting())
        scratch_used = 0;
}

static int open_listener(uint16_t port)
{
    static const int         on = 1;
    const struct sockaddr_in address = { .sin_family = AF_INET,
                                         .sin_port = htons(port),
                                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        fail("socket");
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        fail("bind");
    if (listen(fd, BACKLOG) < 0)
        fail("listen");
    return fd;
}

static void run(int listener)
{
    struct epoll_event events[FLOOR_EVENTS_A_TURN];
    while (!has_to_end) {
        int count = epoll_wait(connections, events, FLOOR_EVENTS_A_TURN, -1);
        counts.turns++;
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == &media_port)
                datagrams_receive();
            else if (events[i].data.ptr)
                on_readable(events[i].data.ptr);
            else
                accept_conn(listener);
        }
        end_turn();
    }
}

bool read_number(const char *text, uint64_t max, unsigned *out)
{
    uint64_t value;
    bool     is_number = span_to_uint(span_from_string(text), max, &value) == 0;
    if (is_number)
        *out = (unsigned)value;
    return is_number;
}

static bool read_arguments(int argc, char **argv, unsigned *port)
{
    unsigned media = 0;
    if (argc < 2 || !read_number(argv[1], UINT16_MAX, port))
        return false;
    if (argc == 4 && strcmp(argv[2], "udp") == 0 && read_number(argv[3], UINT16_MAX - 1, &media))
        media_port = (uint16_t)media;
    return argc == 2 || media_port || (argc == 6 && viewers_start(argv + 2));
}

int main(int argc, char **argv)
{
    unsigned port;
    if (!read_arguments(argc, argv, &port)) {
        (void)fprintf(stderr, "usage: %s PORT [udp MEDIA-PORT | cm|gcm STREAMS VIEWERS CORE]\n",
                      argv[0]);
        return EXIT_FAILURE;
    }
    const struct sigaction ending = { .sa_handler = on_signal };
    (void)sigaction(SIGTERM, &ending, NULL);
    (void)sigaction(SIGINT, &ending, NULL);
    paths = map_create();
    connections = open_epoll();
    int listener = open_listener((uint16_t)port);
    watch(connections, listener, NULL);
    if (media_port)
        watch(connections, datagrams_start(media_port), &media_port);
    run(listener);
    (void)printf("counters: inboundRTPPackets=%llu outboundRTPPackets=%llu systemCalls=%llu "
                 "turns=%llu\n",
                 counts.received, counts.delivered, counts.calls, counts.turns);
    return EXIT_SUCCESS;
}
