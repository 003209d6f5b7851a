/*
 * The floor: the least that forwarding costs with ordinary system calls.
 *
 * usage: floor PORT
 *        floor PORT cm|gcm STREAMS VIEWERS CORE
 *
 * It speaks just enough RTSP for `millrace load`, so that one generator writes the same bytes at
 * the same times to it and to a server. A turn is one wait, one recv() for each publisher that has
 * sent something, and one send() of all its whole packets, as they are, for each of its readers.
 * There are no queues: a reader whose socket is full is dropped, and the load tool says so.
 *
 * In its second form each of STREAMS streams has VIEWERS of WebRTC besides, from the start. What a
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
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "http/message.h"
#include "loop/address.h"
#include "loop/udp.h"
#include "rtp/interleaved.h"
#include "rtp/refit.h"
#include "srtp/srtp.h"
#include "srtp/srtp_sealer.h"

enum {
    BACKLOG = 1024,
    EVENTS_A_TURN = 256,
    SCRATCH = 256 * 1024,
    LEAST_ROOM = 128 * 1024, /* for what is received: two of the largest packets */
    SWEEP = 256,
    MAX_PACKET = RTP_HEADER + REFIT_MAX_PAYLOAD, /* as the server's */
    VIEWER_BUFFER = 4 << 20,                     /* no loss when a frame finds the child busy */
};

struct path {
    struct buf     sdp;
    struct list    readers;
    struct viewer *viewers; /* as many as every path has; NULL: none */
};

struct conn {
    int              fd;
    bool             is_publisher;
    struct path     *path; /* NULL before ANNOUNCE or DESCRIBE */
    struct list_node in_path;
    struct buf       rest; /* a packet or a request that has not come whole yet */
};

/* What `counters:` in the server's log has, by the same names. */
static struct {
    unsigned long long received, delivered, calls, turns;
} counts;

static struct map *paths;
static int         epoll_fd;
static uint8_t     scratch[SCRATCH];
static size_t      scratch_used; /* packets that are encrypted at the end of the turn */

static volatile sig_atomic_t has_to_end;

static void on_signal(int number)
{
    has_to_end = 1;
}

__attribute__((noreturn)) static void fail(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

__attribute__((noreturn)) static void fail_with_words(const char *what)
{
    (void)fprintf(stderr, "floor: %s\n", what);
    exit(EXIT_FAILURE);
}

/* WebRTC viewers */

struct viewer {
    struct sockaddr_in address;
    struct srtp_keys  *keys;
    uint32_t           ssrc;
    uint64_t           next; /* rollover counter << 16 | sequence number, of all tracks */
};

static struct {
    enum srtp_profile   profile;
    unsigned            streams; /* 0: there are no viewers */
    unsigned            each;    /* of each stream */
    struct viewer      *all;
    struct srtp_sealer *sealer;
    int                 fd;
} webrtc;

static const struct profile {
    const char       *name;
    enum srtp_profile profile;
} profiles[] = {
    { "cm", SRTP_PROFILE_AES128_CM_SHA1_80 },
    { "gcm", SRTP_PROFILE_AEAD_AES_128_GCM },
};

union control {
    struct cmsghdr aligned;
    char           bytes[CMSG_SPACE(sizeof(uint16_t))];
};

static struct {
    unsigned        job_count, message_count;
    size_t          used; /* of the arena */
    struct srtp_job jobs[SWEEP];
    struct mmsghdr  messages[SWEEP];
    struct iovec    parts[SWEEP]; /* of the messages, one each */
    uint16_t        segments[SWEEP];
    union control   controls[SWEEP];
    uint8_t         arena[SWEEP * (MAX_PACKET + SRTP_MAX_TAG)];
} sweep;

static void send_sweep(void)
{
    srtp_seal(webrtc.sealer, sweep.jobs, sweep.job_count);
    for (unsigned sent = 0; sent < sweep.message_count;) {
        int n = sendmmsg(webrtc.fd, sweep.messages + sent, sweep.message_count - sent, 0);
        counts.calls++;
        if (n < 0)
            fail("sendmmsg");
        sent += (unsigned)n;
    }
    counts.delivered += sweep.job_count;
    sweep.job_count = sweep.message_count = 0;
    sweep.used = 0;
}

static void begin_message(struct viewer *viewer, uint8_t *datagram, size_t len)
{
    unsigned i = sweep.message_count++;
    sweep.segments[i] = (uint16_t)len;
    sweep.parts[i] = (struct iovec){ datagram, len };
    sweep.messages[i].msg_hdr = (struct msghdr){ .msg_name = &viewer->address,
                                                 .msg_namelen = sizeof(viewer->address),
                                                 .msg_iov = &sweep.parts[i],
                                                 .msg_iovlen = 1 };
}

/* The last message says that it has segments as soon as it has a second one. */
static void extend_message(size_t len)
{
    unsigned       i = sweep.message_count - 1;
    union control *control = &sweep.controls[i];
    control->aligned = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(uint16_t)),
                                         .cmsg_level = SOL_UDP,
                                         .cmsg_type = UDP_SEGMENT };
    memcpy(CMSG_DATA(&control->aligned), &sweep.segments[i], sizeof(uint16_t));
    sweep.messages[i].msg_hdr.msg_control = control;
    sweep.messages[i].msg_hdr.msg_controllen = sizeof(*control);
    sweep.parts[i].iov_len += len;
}

/* All segments are of one size; the last one may be shorter. */
static bool fits_last_message(const struct viewer *viewer, size_t len)
{
    if (sweep.message_count == 0)
        return false;
    unsigned i = sweep.message_count - 1;
    size_t   used = sweep.parts[i].iov_len, segment = sweep.segments[i];
    return sweep.messages[i].msg_hdr.msg_name == &viewer->address && len <= segment &&
           used % segment == 0 && used / segment < UDP_GSO_MAX_SEGMENTS &&
           used + len <= UDP_GSO_MAX_BYTES;
}

static void add_packet(struct viewer *viewer, struct span packet)
{
    if (sweep.job_count == SWEEP)
        send_sweep();
    uint8_t    *out = sweep.arena + sweep.used;
    struct span payload = span_skip(packet, RTP_HEADER);
    memcpy(out, packet.p, RTP_HEADER);
    write_be16(out + 2, (uint16_t)viewer->next);
    write_be32(out + 8, viewer->ssrc);
    sweep.jobs[sweep.job_count++] = (struct srtp_job){ .keys = viewer->keys,
                                                       .out = out,
                                                       .header_len = RTP_HEADER,
                                                       .ssrc = viewer->ssrc,
                                                       .payload = payload,
                                                       .index = viewer->next++ };
    size_t len = srtp_sealed_len(viewer->keys, RTP_HEADER, payload.len);
    sweep.used += len;
    if (fits_last_message(viewer, len))
        extend_message(len);
    else
        begin_message(viewer, out, len);
}

static void add_packets(struct viewer *viewer, struct span bytes)
{
    while (bytes.len > 0) {
        size_t      len = read_be16(bytes.p + 2);
        struct span packet = { bytes.p + INTERLEAVED_HEADER, len };
        bool        is_rtcp = bytes.p[1] & 1;
        if (!is_rtcp && (len < RTP_HEADER || len > MAX_PACKET))
            fail_with_words("a packet that fits no datagram");
        if (!is_rtcp)
            add_packet(viewer, packet);
        bytes = span_skip(bytes, INTERLEAVED_HEADER + len);
    }
}

static void end_turn(void)
{
    if (sweep.job_count > 0)
        send_sweep();
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
    for (unsigned i = 0; path->viewers && i < webrtc.each; i++)
        add_packets(&path->viewers[i], bytes);
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
        size_t number = map_count(paths);
        if (number < webrtc.streams)
            conn->path->viewers = webrtc.all + number * webrtc.each;
        (void)map_put(paths, request->url, conn->path);
    }
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

static unsigned on_other(struct conn *conn, const struct message *request)
{
    return 200;
}

static const struct method {
    const char *name;
    unsigned (*handle)(struct conn *conn, const struct message *request);
} methods[] = {
    { "ANNOUNCE", on_announce }, { "DESCRIBE", on_describe }, { "SETUP", on_other },
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
    if (transport.len)
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

static void open_epoll(void)
{
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0)
        fail("epoll_create1");
}

static void watch(int fd, void *who)
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
    watch(fd, conn);
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
    if (scratch_used + kept + LEAST_ROOM > SCRATCH)
        end_turn();
    uint8_t *at = scratch + scratch_used;
    if (kept > 0)
        memcpy(at, conn->rest.p, kept);
    conn->rest.len = 0;
    ssize_t n = recv(conn->fd, at + kept, SCRATCH - scratch_used - kept, MSG_DONTWAIT);
    counts.calls++;
    if (n > 0)
        scratch_used += kept + (size_t)n;
    if (n <= 0 || handle_bytes(conn, (struct span){ at, kept + (size_t)n }) < 0)
        close_conn(conn);
    if (sweep.job_count == 0)
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
    struct epoll_event events[EVENTS_A_TURN];
    while (!has_to_end) {
        int count = epoll_wait(epoll_fd, events, EVENTS_A_TURN, -1);
        counts.turns++;
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr)
                on_readable(events[i].data.ptr);
            else
                accept_conn(listener);
        }
        end_turn();
    }
}

/* Those who receive: as the load tool does, for it is part of what sending over loopback costs */

static struct udp_socket *open_viewer(struct udp_features features, struct sockaddr_in *address)
{
    struct udp_options options = { .features = features, .receive_buffer_bytes = VIEWER_BUFFER };
    struct udp_socket *socket;
    struct errmsg      why;
    if (address_parse("127.0.0.1:0", &options.local, &why) < 0 ||
        udp_socket_create(&options, &socket, &why) < 0)
        fail_with_words(why.text);
    *address = udp_socket_local(socket)->v4;
    return socket;
}

static void ignore(void *arg, const struct udp_datagram *datagram)
{
}

static void pin(unsigned core)
{
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(core, &cores);
    if (sched_setaffinity(0, sizeof(cores), &cores) < 0)
        fail("sched_setaffinity");
}

/* The child: never returns. */
static void receive(struct udp_socket **sockets, unsigned count)
{
    struct epoll_event events[EVENTS_A_TURN];
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    open_epoll();
    for (unsigned i = 0; i < count; i++)
        watch(udp_socket_fd(sockets[i]), sockets[i]);
    for (;;) {
        int ready = epoll_wait(epoll_fd, events, EVENTS_A_TURN, -1);
        for (int i = 0; i < ready; i++)
            (void)udp_socket_receive(events[i].data.ptr, scratch, SCRATCH, ignore, NULL);
    }
}

static void start_receiving(unsigned core)
{
    unsigned            count = webrtc.streams * webrtc.each;
    struct udp_features features = udp_probe();
    struct udp_socket **sockets = mem_new_array(struct udp_socket *, count);
    webrtc.all = mem_new_array(struct viewer, count);
    for (unsigned i = 0; i < count; i++)
        sockets[i] = open_viewer(features, &webrtc.all[i].address);
    pid_t child = fork();
    if (child < 0)
        fail("fork");
    if (child == 0) {
        pin(core);
        receive(sockets, count);
    }
    for (unsigned i = 0; i < count; i++)
        udp_socket_destroy(sockets[i]);
    mem_free(sockets);
}

/* Any keys will do, but each viewer has its own. */
static void make_keys(void)
{
    const struct srtp_profile_info *info = srtp_profile_find(webrtc.profile);
    for (unsigned i = 0; i < webrtc.streams * webrtc.each; i++) {
        uint8_t     master[SRTP_MAX_KEY + SRTP_MAX_SALT] = { 0 };
        struct span key = { master, info->key_len }, salt = { master + key.len, info->salt_len };
        write_be32(master, i);
        webrtc.all[i].ssrc = i;
        if (srtp_keys_create(webrtc.sealer, webrtc.profile, key, salt, &webrtc.all[i].keys) < 0)
            fail_with_words("no keys");
    }
}

static bool read_number(const char *text, uint64_t max, unsigned *out)
{
    uint64_t value;
    bool     is_number = span_to_uint(span_from_string(text), max, &value) == 0;
    if (is_number)
        *out = (unsigned)value;
    return is_number;
}

/* PROFILE STREAMS VIEWERS CORE. False: they make no sense. */
static bool start_webrtc(char **argv)
{
    unsigned core;
    for (size_t i = 0; i < COUNT(profiles); i++)
        if (span_is(span_from_string(argv[0]), profiles[i].name))
            webrtc.profile = profiles[i].profile;
    if (!webrtc.profile || !read_number(argv[1], UINT16_MAX, &webrtc.streams) ||
        !read_number(argv[2], UINT16_MAX, &webrtc.each) ||
        !read_number(argv[3], CPU_SETSIZE - 1, &core))
        return false;
    start_receiving(core);
    webrtc.sealer = srtp_sealer_create(0);
    make_keys();
    webrtc.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (webrtc.fd < 0)
        fail("socket");
    return true;
}

int main(int argc, char **argv)
{
    unsigned port;
    bool     is_right = (argc == 2 || argc == 6) && read_number(argv[1], UINT16_MAX, &port);
    if (is_right && argc == 6)
        is_right = start_webrtc(argv + 2);
    if (!is_right) {
        (void)fprintf(stderr, "usage: %s PORT [cm|gcm STREAMS VIEWERS CORE]\n", argv[0]);
        return EXIT_FAILURE;
    }
    const struct sigaction ending = { .sa_handler = on_signal };
    (void)sigaction(SIGTERM, &ending, NULL);
    (void)sigaction(SIGINT, &ending, NULL);
    paths = map_create();
    open_epoll();
    int listener = open_listener((uint16_t)port);
    watch(listener, NULL);
    run(listener);
    (void)printf("counters: inboundRTPPackets=%llu outboundRTPPackets=%llu systemCalls=%llu "
                 "turns=%llu\n",
                 counts.received, counts.delivered, counts.calls, counts.turns);
    return EXIT_SUCCESS;
}
