/**
 * test_udp: test_rtsp.h's server with UDP, whose network is the test: what the sockets send is
 * noted and goes nowhere, what comes is handed in. Each connection is one of 127.0.0.1.
 */
#pragma once
#include <netinet/udp.h>
#include <sys/syscall.h>

#include "rtsp/rtsp_udp.h"
#include "rtsp/test_peer.h"

#define ASK_SETUP_UDP_AT(url, control, ports, mode)                                                \
    ASK("SETUP", url "/" control, "Transport: RTP/AVP;unicast;client_port=" ports mode "\r\n")
#define ASK_SETUP_UDP(track, ports) ASK_SETUP_UDP_AT(TEST_URL, "trackID=" #track, ports, "")
#define ASK_TO_PUBLISH_UDP                                                                         \
    ASK_ANNOUNCE_AT(TEST_URL)                                                                      \
    ASK_SETUP_UDP_AT(TEST_URL, "video", "7000-7001", ";mode=record")                               \
    ASK_SETUP_UDP_AT(TEST_URL, "audio", "7002-7003", ";mode=record")
#define TEST_UDP_SETTINGS "rtpAddress: 127.0.0.1:0\nrtcpAddress: 127.0.0.1:0\n"

/* What has been sent since test_udp_open(), or since the test has forgotten it. */
static struct test_net {
    bool       is_on;
    unsigned   calls, messages, datagrams;
    unsigned   room;          /* messages that the sockets still take */
    int        segment_error; /* of messages with UDP_SEGMENT: positive errno, 0: none */
    uint16_t   only_port;     /* what goes elsewhere is not kept; 0: all is */
    struct buf kept;          /* datagrams, each behind an interleaved header: channel 0 */
} test_net;

static inline uint16_t test_udp_segment(const struct msghdr *header)
{
    uint16_t segment = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR((struct msghdr *)header, c))
        if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_SEGMENT)
            memcpy(&segment, CMSG_DATA(c), sizeof(segment));
    return segment;
}

static inline void test_udp_keep(uint16_t port, struct span datagram)
{
    uint8_t header[INTERLEAVED_HEADER];
    test_net.datagrams++;
    if (test_net.only_port && port != test_net.only_port)
        return;
    interleaved_write_header(header, 0, (uint16_t)datagram.len);
    buf_append(&test_net.kept, (struct span){ header, sizeof(header) });
    buf_append(&test_net.kept, datagram);
}

/* 0 or a positive errno. */
static inline int test_udp_take(struct mmsghdr *message)
{
    const struct msghdr *header = &message->msg_hdr;
    struct sockaddr_in   to;
    struct span          rest = { header->msg_iov->iov_base, header->msg_iov->iov_len };
    uint16_t             segment = test_udp_segment(header);
    if (segment && test_net.segment_error)
        return test_net.segment_error;
    if (test_net.room == 0)
        return EAGAIN;
    ASSERT(header->msg_iovlen == 1 && rest.len > 0);
    memcpy(&to, header->msg_name, sizeof(to));
    ASSERT(to.sin_family == AF_INET && to.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
    test_net.room--;
    test_net.messages++;
    for (struct span datagram; rest.len; rest = span_skip(rest, datagram.len)) {
        datagram = span_first(rest, segment ? segment : rest.len);
        test_udp_keep(ntohs(to.sin_port), datagram);
    }
    message->msg_len = (unsigned)header->msg_iov->iov_len;
    return 0;
}

/** These three take the C library's place. */
int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    if (!test_net.is_on)
        return (int)syscall(SYS_sendmmsg, fd, messages, count, flags);
    test_net.calls++;
    for (unsigned i = 0; i < count; i++) {
        errno = test_udp_take(&messages[i]);
        if (errno)
            return i ? (int)i : -1;
    }
    return (int)count;
}

static inline void test_udp_name(struct sockaddr *out, socklen_t *len, uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    memcpy(out, &address, sizeof(address));
    *len = sizeof(address);
}

int getsockname(int fd, __SOCKADDR_ARG out, socklen_t *restrict len)
{
    struct sockaddr *address = out.__sockaddr__;
    int              err = (int)syscall(SYS_getsockname, fd, address, len);
    if (err == 0 && address->sa_family == AF_UNIX)
        test_udp_name(address, len, 554);
    return err;
}

int getpeername(int fd, __SOCKADDR_ARG out, socklen_t *restrict len)
{
    test_udp_name(out.__sockaddr__, len, 4000);
    return 0;
}

/** As test_rtsp_open(). */
static inline void test_udp_open(struct test_rtsp *test, struct conf *conf)
{
    struct errmsg why = { "" };
    test_net = (struct test_net){ .room = UINT_MAX };
    test_rtsp_open(test, conf);
    int err = rtsp_udp_open(test->server, TEST_LOOPS - 1, &why);
    if (err < 0)
        (void)fprintf(stderr, "%s\n", why.text);
    ASSERT(err == 0);
    test_net.is_on = true;
    rtsp_udp_start(test->server);
    test_rtsp_settle(test);
}

static inline void test_udp_close(struct test_rtsp *test)
{
    test_rtsp_close(test);
    buf_fini(&test_net.kept);
    test_net.is_on = false;
}

/** Forgets what was sent. */
static inline void test_udp_forget(void)
{
    buf_fini(&test_net.kept);
    test_net.calls = test_net.messages = test_net.datagrams = 0;
}

/** A datagram from a port of 127.0.0.1 reaches a worker's socket. */
static inline void test_udp_bring(struct test_rtsp *test, unsigned worker, enum rtsp_udp_kind kind,
                                  uint16_t port, struct span bytes)
{
    struct rtsp_udp    *udp = &test->server->udp[worker];
    struct udp_datagram datagram = { .payload = bytes };
    socklen_t           len;
    test_udp_name(&datagram.peer.any, &len, port);
    rtsp_udp_receive(&udp->ports[kind], &datagram);
    rtsp_udp_end_receive(udp);
}
