#include "loop/udp.h"

#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/check.h"

enum {
    SEGMENT = 2,
    WAIT_MS = 100, /* over loopback a datagram is there at once, unless the machine is swamped */
};

/* Two sockets on loopback: what is sent by one is received by the other. */
struct pair {
    int from, to;
};

static bool open_pair(struct pair *pair)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t          len = sizeof(address);
    struct sockaddr   *any = (struct sockaddr *)&address;
    pair->from = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    pair->to = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return pair->from >= 0 && pair->to >= 0 && bind(pair->to, any, len) == 0 &&
           getsockname(pair->to, any, &len) == 0 && connect(pair->from, any, len) == 0;
}

static void close_pair(struct pair *pair)
{
    if (pair->from >= 0)
        (void)close(pair->from);
    if (pair->to >= 0)
        (void)close(pair->to);
}

static bool await(const struct pair *pair)
{
    struct pollfd readable = { pair->to, POLLIN, 0 };
    return poll(&readable, 1, WAIT_MS) == 1;
}

static bool await_bytes(const struct pair *pair, size_t len)
{
    char bytes[16];
    return await(pair) && recv(pair->to, bytes, sizeof(bytes), 0) == (ssize_t)len;
}

static bool send_segments(const struct pair *pair)
{
    union {
        struct cmsghdr header;
        char           bytes[CMSG_SPACE(sizeof(uint16_t))];
    } control = { .header = { .cmsg_len = CMSG_LEN(sizeof(uint16_t)),
                              .cmsg_level = SOL_UDP,
                              .cmsg_type = UDP_SEGMENT } };
    const uint16_t segment = SEGMENT;
    memcpy(CMSG_DATA(&control.header), &segment, sizeof(segment));
    char          bytes[2 * SEGMENT] = { 0 };
    struct iovec  iov = { bytes, sizeof(bytes) };
    struct msghdr message = { .msg_iov = &iov,
                              .msg_iovlen = 1,
                              .msg_control = &control,
                              .msg_controllen = sizeof(control.bytes) };
    return sendmsg(pair->from, &message, 0) == sizeof(bytes);
}

static bool try_sendmmsg(const struct pair *pair)
{
    char           byte = 0;
    struct iovec   iov = { &byte, 1 };
    struct mmsghdr messages[2] = { { .msg_hdr = { .msg_iov = &iov, .msg_iovlen = 1 } },
                                   { .msg_hdr = { .msg_iov = &iov, .msg_iovlen = 1 } } };
    return sendmmsg(pair->from, messages, 2, 0) == 2 && await_bytes(pair, 1) &&
           await_bytes(pair, 1);
}

static bool try_recvmmsg(const struct pair *pair)
{
    char           byte;
    struct iovec   iov = { &byte, 1 };
    struct mmsghdr message = { .msg_hdr = { .msg_iov = &iov, .msg_iovlen = 1 } };
    return send(pair->from, "", 1, 0) == 1 && await(pair) &&
           recvmmsg(pair->to, &message, 1, 0, NULL) == 1 && message.msg_len == 1;
}

static bool try_gso(const struct pair *pair)
{
    return send_segments(pair) && await_bytes(pair, SEGMENT) && await_bytes(pair, SEGMENT);
}

/* Segments that are sent over loopback arrive as they were merged; last, for it stays on. */
static bool try_gro(const struct pair *pair)
{
    int one = 1;
    return setsockopt(pair->to, SOL_UDP, UDP_GRO, &one, sizeof(one)) == 0 && send_segments(pair) &&
           await_bytes(pair, 2 * (size_t)SEGMENT);
}

static void drain(const struct pair *pair)
{
    char bytes[16];
    while (recv(pair->to, bytes, sizeof(bytes), 0) >= 0)
        ;
}

static const struct feature {
    const char *name;
    size_t      at;
    bool (*is_there)(const struct pair *pair);
} all_features[] = {
    { "recvmmsg", offsetof(struct udp_features, recvmmsg), try_recvmmsg },
    { "sendmmsg", offsetof(struct udp_features, sendmmsg), try_sendmmsg },
    { "UDP_SEGMENT", offsetof(struct udp_features, gso), try_gso },
    { "UDP_GRO", offsetof(struct udp_features, gro), try_gro },
};

static bool *feature_at(struct udp_features *features, size_t i)
{
    return (bool *)((char *)features + all_features[i].at);
}

struct udp_features udp_probe(void)
{
    struct udp_features features = { 0 };
    struct pair         pair;
    if (open_pair(&pair)) {
        for (size_t i = 0; i < COUNT(all_features); i++) {
            *feature_at(&features, i) = all_features[i].is_there(&pair);
            drain(&pair);
        }
    }
    close_pair(&pair);
    return features;
}

struct udp_features udp_features_mask(struct udp_features features, struct udp_features allowed)
{
    for (size_t i = 0; i < COUNT(all_features); i++)
        *feature_at(&features, i) &= *feature_at(&allowed, i);
    return features;
}

void udp_features_text(struct udp_features features, char out[UDP_FEATURES_TEXT])
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < COUNT(all_features) && used < UDP_FEATURES_TEXT; i++)
        used += (size_t)snprintf(out + used, UDP_FEATURES_TEXT - used, "%s%s %s", i ? ", " : "",
                                 all_features[i].name, *feature_at(&features, i) ? "yes" : "no");
}
