#include "loop/udp.h"

#include <errno.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/test.h"

enum { SCRATCH = 32 * UDP_MESSAGE_MAX, MAX_SEEN = 256, WAIT_MS = 2000 };

/*
 * The socket calls of the program under test pass through here: they are counted, and some can
 * be made to fail, for a loopback is never full and needs no checksum offload.
 */
static struct wire {
    unsigned calls;
    unsigned first_bad, last_bad; /* these calls fail, from 1; 0: none */
    int      error;
    unsigned most; /* messages that sendmmsg takes before the first bad call; 0: all */
} wire;

static bool fails_now(void)
{
    wire.calls++;
    if (wire.calls < wire.first_bad || wire.calls > wire.last_bad)
        return false;
    errno = wire.error;
    return true;
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    if (fails_now())
        return -1;
    if (wire.most && wire.calls < wire.first_bad && count > wire.most)
        count = wire.most;
    return (int)syscall(SYS_sendmmsg, fd, messages, count, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    return fails_now() ? -1 : syscall(SYS_sendmsg, fd, message, flags);
}

int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout)
{
    return fails_now() ? -1 : (int)syscall(SYS_recvmmsg, fd, messages, count, flags, timeout);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    return fails_now() ? -1 : syscall(SYS_recvmsg, fd, message, flags);
}

static const struct wire sound;

static struct udp_features probed;

static struct udp_address address_of(const char *text)
{
    struct address address;
    struct errmsg  why;
    assert_int_equal(address_parse(text, &address, &why), 0);
    return udp_address_pack(&address);
}

static bool is_same_host(const struct udp_address *address, const char *text)
{
    struct udp_address other = address_of(text);
    if (address->any.sa_family != other.any.sa_family)
        return false;
    return other.any.sa_family == AF_INET
               ? address->v4.sin_addr.s_addr == other.v4.sin_addr.s_addr
               : IN6_ARE_ADDR_EQUAL(&address->v6.sin6_addr, &other.v6.sin6_addr);
}

static struct udp_socket *make_socket(const char *text, struct udp_features features)
{
    struct udp_options options = { .features = features, .receive_buffer_bytes = 1 << 20 };
    struct udp_socket *socket = NULL;
    struct errmsg      why = { "" };
    assert_int_equal(address_parse(text, &options.local, &why), 0);
    if (udp_socket_create(&options, &socket, &why) < 0)
        fail_msg("%s", why.text);
    return socket;
}

/* Datagrams as they were received. */
struct seen {
    unsigned           count;
    size_t             sizes[MAX_SEEN];
    struct udp_address peers[MAX_SEEN], locals[MAX_SEEN];
    size_t             len;
    uint8_t            bytes[1 << 18];
};

static void on_datagram(void *arg, const struct udp_datagram *datagram)
{
    struct seen *seen = arg;
    assert_true(seen->count < MAX_SEEN);
    assert_true(datagram->payload.len <= sizeof(seen->bytes) - seen->len);
    if (datagram->payload.len)
        memcpy(seen->bytes + seen->len, datagram->payload.p, datagram->payload.len);
    seen->len += datagram->payload.len;
    seen->sizes[seen->count] = datagram->payload.len;
    seen->peers[seen->count] = datagram->peer;
    seen->locals[seen->count++] = datagram->local;
}

/* Waits, without taking anything, until all that was sent has arrived: peeks at its last byte. */
static void await_bytes(const struct udp_socket *socket, size_t total)
{
    int  fd = udp_socket_fd(socket), offset = (int)total - 1, off = -1;
    char byte;
    for (int ms = 0; ms < WAIT_MS; ms++) {
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof(offset)), 0);
        ssize_t got = recv(fd, &byte, 1, MSG_PEEK);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &off, sizeof(off)), 0);
        if (got == 1)
            return;
        (void)poll(NULL, 0, 1);
    }
    fail_msg("of %zu bytes some never arrived", total);
}

static uint8_t scratch[SCRATCH];

static void receive_all(struct udp_socket *socket, size_t total, struct seen *seen)
{
    await_bytes(socket, total);
    memset(seen, 0, sizeof(*seen));
    while (seen->len < total)
        assert_true(udp_socket_receive(socket, scratch, sizeof(scratch), on_datagram, seen) > 0);
}

static uint8_t pattern[1 << 18];

static void shapes_of_messages(struct udp_message *messages, const struct udp_address *to)
{
    static const struct {
        size_t   bytes;
        uint16_t segment;
    } shapes[] = { { 4100, 1200 }, { 100, 0 }, { 5000, 1000 }, { 999, 1000 } };
    size_t at = 0;
    for (size_t i = 0; i < COUNT(shapes); at += shapes[i++].bytes)
        messages[i] = (struct udp_message){ .payload = { pattern + at, shapes[i].bytes },
                                            .segment = shapes[i].segment,
                                            .to = *to };
}

enum { SHAPES = 4, SHAPES_DATAGRAMS = 11, SHAPES_BYTES = 4100 + 100 + 5000 + 999 };

static void check_shapes(const struct seen *seen, const char *name)
{
    static const size_t sizes[] = { 1200, 1200, 1200, 500, 100, 1000, 1000, 1000, 1000, 1000, 999 };
    CHECK(seen->count == COUNT(sizes), name);
    CHECK(memcmp(seen->sizes, sizes, sizeof(sizes)) == 0, name);
    CHECK(seen->len == SHAPES_BYTES && memcmp(seen->bytes, pattern, SHAPES_BYTES) == 0, name);
}

enum { RECVMMSG = 1, GRO = 2, SENDMMSG = 4, GSO = 8 };

static struct udp_features features_of_bits(unsigned bits)
{
    struct udp_features wanted = { .recvmmsg = bits & RECVMMSG,
                                   .gro = bits & GRO,
                                   .sendmmsg = bits & SENDMMSG,
                                   .gso = bits & GSO };
    return udp_features_mask(probed, wanted);
}

static void all_combinations_bring_the_same_datagrams(void **state)
{
    static struct seen seen;
    for (unsigned bits = 0; bits < 16; bits++) {
        struct udp_features features = features_of_bits(bits);
        char                name[UDP_FEATURES_TEXT];
        udp_features_text(features, name);
        AUTO(udp_socket_destroy) struct udp_socket *from = make_socket("127.0.0.1:0", features);
        AUTO(udp_socket_destroy) struct udp_socket *to = make_socket("127.0.0.1:0", features);
        struct udp_message                          messages[SHAPES];
        shapes_of_messages(messages, udp_socket_local(to));

        unsigned parts = features.gso ? SHAPES : SHAPES_DATAGRAMS;
        wire = sound;
        CHECK(udp_socket_send(from, messages, SHAPES) == SHAPES, name);
        CHECK(wire.calls == (features.sendmmsg ? 1 : parts), name);
        CHECK(udp_socket_counters(from)->syscalls == wire.calls, name);
        CHECK(udp_socket_counters(from)->datagrams_out == SHAPES_DATAGRAMS, name);
        CHECK(udp_socket_counters(from)->bytes_out == SHAPES_BYTES, name);

        await_bytes(to, SHAPES_BYTES);
        memset(&seen, 0, sizeof(seen));
        wire = sound;
        int      got = udp_socket_receive(to, scratch, sizeof(scratch), on_datagram, &seen);
        unsigned arrivals = features.gro ? parts : SHAPES_DATAGRAMS;
        CHECK(got == SHAPES_DATAGRAMS, name);
        CHECK(wire.calls == (features.recvmmsg ? 1 : arrivals + 1), name);
        CHECK(udp_socket_counters(to)->syscalls == wire.calls, name);
        CHECK(udp_socket_counters(to)->datagrams_in == SHAPES_DATAGRAMS, name);
        CHECK(udp_socket_counters(to)->bytes_in == SHAPES_BYTES, name);
        check_shapes(&seen, name);
        for (unsigned i = 0; i < seen.count; i++) {
            CHECK(seen.peers[i].v4.sin_port == udp_socket_local(from)->v4.sin_port, name);
            CHECK(is_same_host(&seen.peers[i], "127.0.0.1:0"), name);
            CHECK(seen.locals[i].v4.sin_port == udp_socket_local(to)->v4.sin_port, name);
            CHECK(is_same_host(&seen.locals[i], "127.0.0.1:0"), name);
        }
        CHECK(udp_socket_receive(to, scratch, sizeof(scratch), on_datagram, &seen) == 0, name);
    }
}

static void runs_beyond_the_kernels_limits_are_cut(void **state)
{
    static const struct {
        const char *name;
        size_t      bytes;
        uint16_t    segment;
        unsigned    parts; /* messages of the kernel's, with UDP_SEGMENT */
    } cases[] = {
        { "64 segments", 6400, 100, 1 },
        { "65 segments", 6500, 100, 2 },
        { "128 segments and one byte", 12801, 100, 3 },
        { "60 KB", 61440, 1024, 1 },
        { "one byte above 60 KB", 61441, 1024, 2 },
        { "largest segments", 153600, 30720, 3 },
        { "segments above 60 KB", 124000, 62000, 2 },
    };
    static struct seen seen;
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO(udp_socket_destroy)
        struct udp_socket *from = make_socket("127.0.0.1:0", features_of_bits(GSO));
        AUTO(udp_socket_destroy) struct udp_socket *to = make_socket("127.0.0.1:0", probed);
        struct udp_message message = { .payload = { pattern, cases[i].bytes },
                                       .segment = cases[i].segment,
                                       .to = *udp_socket_local(to) };
        wire = sound;
        CHECK(udp_socket_send(from, &message, 1) == 1, cases[i].name);
        CHECK(!probed.gso || wire.calls == cases[i].parts, cases[i].name);
        receive_all(to, cases[i].bytes, &seen);
        CHECK(memcmp(seen.bytes, pattern, cases[i].bytes) == 0, cases[i].name);
        for (unsigned k = 0; k + 1 < seen.count; k++)
            CHECK(seen.sizes[k] == cases[i].segment, cases[i].name);
    }
}

static void what_does_not_fit_the_scratch_stays(void **state)
{
    static struct seen seen;
    for (unsigned bits = 0; bits < 2; bits++) {
        AUTO(udp_socket_destroy) struct udp_socket *from = make_socket("127.0.0.1:0", probed);
        AUTO(udp_socket_destroy)
        struct udp_socket *to = make_socket("127.0.0.1:0", features_of_bits(bits));
        struct udp_message message = { .payload = { pattern, 300 },
                                       .segment = 100,
                                       .to = *udp_socket_local(to) };
        size_t             size = 3 * udp_socket_message_bytes(to) - 1;
        assert_int_equal(udp_socket_send(from, &message, 1), 1);
        await_bytes(to, 300);
        memset(&seen, 0, sizeof(seen));
        assert_int_equal(udp_socket_receive(to, scratch, size, on_datagram, &seen), 2);
        assert_int_equal(udp_socket_receive(to, scratch, size, on_datagram, &seen), 1);
        assert_int_equal(udp_socket_receive(to, scratch, size, on_datagram, &seen), 0);
        assert_memory_equal(seen.bytes, pattern, 300);
    }
}

static void many_messages_take_several_calls(void **state)
{
    enum { MESSAGES = 2 * UDP_SEND_MESSAGES, BYTES_EACH = 20, BYTES_ALL = MESSAGES * BYTES_EACH };
    static struct udp_message                   messages[MESSAGES];
    static struct seen                          seen;
    struct udp_features                         features = probed;
    AUTO(udp_socket_destroy) struct udp_socket *from = make_socket("127.0.0.1:0", features);
    AUTO(udp_socket_destroy) struct udp_socket *to = make_socket("127.0.0.1:0", features);
    for (unsigned i = 0; i < MESSAGES; i++)
        messages[i] =
            (struct udp_message){ .payload = { pattern + (size_t)i * BYTES_EACH, BYTES_EACH },
                                  .to = *udp_socket_local(to) };
    wire = sound;
    assert_int_equal(udp_socket_send(from, messages, MESSAGES), MESSAGES);
    assert_int_equal(wire.calls, features.sendmmsg ? 2 : MESSAGES);

    uint64_t allocations = mem_allocations();
    await_bytes(to, BYTES_ALL);
    wire = sound;
    receive_all(to, BYTES_ALL, &seen);
    if (features.recvmmsg)
        assert_int_equal(wire.calls, (MESSAGES + UDP_RECEIVE_MESSAGES - 1) / UDP_RECEIVE_MESSAGES);
    assert_int_equal(seen.count, MESSAGES);
    assert_memory_equal(seen.bytes, pattern, BYTES_ALL);
    assert_int_equal(mem_allocations(), allocations);
}

static bool is_possible(unsigned bits)
{
    struct udp_features features = features_of_bits(bits);
    return features.sendmmsg == !!(bits & SENDMMSG) && features.gso == !!(bits & GSO);
}

static void a_full_socket_leaves_the_rest_to_the_caller(void **state)
{
    static const struct {
        const char *name;
        unsigned    bits, most, first_bad;
        unsigned    done; /* messages, at the first try */
        size_t      sent; /* of the message behind them */
    } cases[] = {
        { "full at once", SENDMMSG | GSO, 0, 1, 0, 0 },
        { "full at once, one by one", 0, 0, 1, 0, 0 },
        { "full after a message", SENDMMSG | GSO, 1, 2, 1, 0 },
        { "full after a message, one by one", GSO, 0, 2, 1, 0 },
        { "full inside the first, one by one", 0, 0, 3, 0, 2400 },
        { "full inside a later one", SENDMMSG, 6, 2, 2, 1000 },
        { "full inside a later one, one by one", 0, 0, 7, 2, 1000 },
        { "full before the last datagram", 0, 0, 11, 3, 0 },
    };
    static struct seen seen;
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (!is_possible(cases[i].bits))
            continue;
        struct udp_features                         features = features_of_bits(cases[i].bits);
        AUTO(udp_socket_destroy) struct udp_socket *from = make_socket("127.0.0.1:0", features);
        AUTO(udp_socket_destroy) struct udp_socket *to = make_socket("127.0.0.1:0", features);
        struct udp_message                          messages[SHAPES];
        shapes_of_messages(messages, udp_socket_local(to));
        wire = (struct wire){ 0, cases[i].first_bad, UINT32_MAX, EAGAIN, cases[i].most };
        unsigned done = udp_socket_send(from, messages, SHAPES);
        CHECK(done == cases[i].done && messages[done].sent == cases[i].sent, cases[i].name);
        CHECK(messages[done].error == 0, cases[i].name);

        wire = sound;
        CHECK(udp_socket_send(from, messages + done, SHAPES - done) == SHAPES - done,
              cases[i].name);
        receive_all(to, SHAPES_BYTES, &seen);
        check_shapes(&seen, cases[i].name);
        CHECK(udp_socket_counters(from)->datagrams_out == SHAPES_DATAGRAMS, cases[i].name);
    }
}

static void an_error_skips_its_message(void **state)
{
    static const struct {
        const char *name;
        unsigned    bits;
        struct wire wire;
        unsigned    calls, bad; /* SHAPES: none is */
        size_t      lost_bytes; /* of the bad message */
        bool        loses_gso;  /* off for the socket afterwards */
    } cases[] = {
        { "unreachable", SENDMMSG | GSO, { 0, 2, 2, EHOSTUNREACH, 1 }, 3, 1, 100, false },
        { "last one unreachable", SENDMMSG | GSO, { 0, 2, 2, ENETUNREACH, 3 }, 2, 3, 999, false },
        { "refused by the firewall", GSO, { 0, 3, 4, EPERM, 0 }, 5, 2, 5000, false },
        { "no memory, inside a message", 0, { 0, 2, 3, ENOBUFS, 0 }, 10, 0, 2900, false },
        { "segments beyond the MTU", SENDMMSG | GSO, { 0, 1, 1, EINVAL, 0 }, 2, 0, 4100, false },
        { "message too long", SENDMMSG | GSO, { 0, 1, 1, EMSGSIZE, 0 }, 2, 0, 4100, false },
        { "a signal", SENDMMSG | GSO, { 0, 1, 1, EINTR, 0 }, 2, SHAPES, 0, false },
        { "no checksum offload", SENDMMSG | GSO, { 0, 1, 1, EIO, 0 }, 2, SHAPES, 0, true },
        { "no checksum offload, later", GSO, { 0, 3, 4, EIO, 0 }, 4 + 5 + 1, SHAPES, 0, true },
        { "I/O error without segments", GSO, { 0, 2, 3, EIO, 0 }, 5, 1, 100, false },
    };
    static struct seen seen;
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (!is_possible(cases[i].bits))
            continue;
        struct udp_features                         features = features_of_bits(cases[i].bits);
        AUTO(udp_socket_destroy) struct udp_socket *from = make_socket("127.0.0.1:0", features);
        AUTO(udp_socket_destroy) struct udp_socket *to = make_socket("127.0.0.1:0", features);
        struct udp_message                          messages[SHAPES];
        shapes_of_messages(messages, udp_socket_local(to));
        wire = cases[i].wire;
        CHECK(udp_socket_send(from, messages, SHAPES) == SHAPES, cases[i].name);
        CHECK(wire.calls == cases[i].calls, cases[i].name);
        for (unsigned k = 0; k < SHAPES; k++) {
            bool   is_bad = k == cases[i].bad;
            size_t lost = messages[k].payload.len - messages[k].sent;
            CHECK(messages[k].error == (is_bad ? -cases[i].wire.error : 0), cases[i].name);
            CHECK(lost == (is_bad ? cases[i].lost_bytes : 0), cases[i].name);
        }
        CHECK(udp_socket_features(from).gso == (features.gso && !cases[i].loses_gso),
              cases[i].name);
        wire = sound;
        receive_all(to, SHAPES_BYTES - cases[i].lost_bytes, &seen);
        CHECK(udp_socket_counters(from)->bytes_out == seen.len, cases[i].name);
        CHECK(udp_socket_counters(from)->datagrams_out == seen.count, cases[i].name);
    }
}

static void a_peer_may_be_sent_to_without_segments(void **state)
{
    static struct seen                          seen;
    struct udp_features                         features = features_of_bits(GSO);
    AUTO(udp_socket_destroy) struct udp_socket *from = make_socket("127.0.0.1:0", features);
    AUTO(udp_socket_destroy) struct udp_socket *to = make_socket("127.0.0.1:0", probed);
    struct udp_message                          messages[SHAPES];
    shapes_of_messages(messages, udp_socket_local(to));
    messages[0].no_gso = true;
    wire = sound;
    assert_int_equal(udp_socket_send(from, messages, SHAPES), SHAPES);
    assert_int_equal(wire.calls, features.gso ? 4 + 3 : SHAPES_DATAGRAMS);
    receive_all(to, SHAPES_BYTES, &seen);
    check_shapes(&seen, "as one datagram a message of the kernel's");
    assert_int_equal(udp_socket_features(from).gso, features.gso);
}

/* The kernel's own refusal, no pretence. */
static void a_datagram_beyond_the_largest_is_refused(void **state)
{
    AUTO(udp_socket_destroy) struct udp_socket *from = make_socket("127.0.0.1:0", probed);
    AUTO(udp_socket_destroy) struct udp_socket *to = make_socket("127.0.0.1:0", probed);
    struct udp_message                          messages[] = {
                                 { .payload = { pattern, 65508 }, .to = *udp_socket_local(to) },
                                 { .payload = { pattern, 65507 }, .to = *udp_socket_local(to) },
    };
    static struct seen seen;
    wire = sound;
    assert_int_equal(udp_socket_send(from, messages, 2), 2);
    assert_int_equal(messages[0].error, -EMSGSIZE);
    assert_int_equal(messages[1].error, 0);
    receive_all(to, 65507, &seen);
    assert_int_equal(seen.count, 1);
}

static void answers_come_from_where_was_sent_to(void **state)
{
    static const struct {
        const char *server, *client, *target, *peer, *local;
    } cases[] = {
        { "0.0.0.0:0", "127.0.0.1:0", "127.0.0.2:0", "127.0.0.1:0", "127.0.0.2:0" },
        { "[::]:0", "127.0.0.1:0", "127.0.0.3:0", "[::ffff:127.0.0.1]:0", "[::ffff:127.0.0.3]:0" },
        { "[::]:0", "[::1]:0", "[::1]:0", "[::1]:0", "[::1]:0" },
    };
    static struct seen seen;
    struct address     any;
    struct errmsg      why;
    assert_int_equal(address_parse(":0", &any, &why), 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (cases[i].server[0] == '[' && any.storage.ss_family != AF_INET6)
            continue;
        AUTO(udp_socket_destroy) struct udp_socket *server = make_socket(cases[i].server, probed);
        AUTO(udp_socket_destroy) struct udp_socket *client = make_socket(cases[i].client, probed);
        struct udp_message question = { .payload = { pattern, 500 }, .segment = 200 };
        question.to = address_of(cases[i].target);
        question.to.v4.sin_port = udp_socket_local(server)->v4.sin_port;
        wire = sound;
        assert_int_equal(udp_socket_send(client, &question, 1), 1);
        receive_all(server, 500, &seen);
        CHECK(seen.count == 3, cases[i].target);
        CHECK(is_same_host(&seen.peers[2], cases[i].peer), cases[i].target);
        CHECK(is_same_host(&seen.locals[2], cases[i].local), cases[i].target);

        struct udp_message answer = {
            .payload = { pattern, 700 }, .segment = 600, .to = seen.peers[0], .from = seen.locals[0]
        };
        assert_int_equal(udp_socket_send(server, &answer, 1), 1);
        assert_int_equal(answer.error, 0);
        receive_all(client, 700, &seen);
        CHECK(seen.count == 2, cases[i].target);
        CHECK(is_same_host(&seen.peers[0], cases[i].target), cases[i].target);
        CHECK(seen.peers[0].v4.sin_port == udp_socket_local(server)->v4.sin_port, cases[i].target);
    }
}

static void too_long_datagrams_are_dropped_and_counted(void **state)
{
    static struct seen seen;
    struct udp_options options = { .features = features_of_bits(RECVMMSG | SENDMMSG),
                                   .datagram_max_bytes = 100 };
    struct udp_socket *created = NULL;
    struct errmsg      why;
    assert_int_equal(address_parse("127.0.0.1:0", &options.local, &why), 0);
    assert_int_equal(udp_socket_create(&options, &created, &why), 0);
    AUTO(udp_socket_destroy) struct udp_socket *to = created;
    AUTO(udp_socket_destroy) struct udp_socket *from = make_socket("127.0.0.1:0", probed);
    struct udp_message                          messages[] = {
                                 { .payload = { pattern, 101 }, .to = *udp_socket_local(to) },
                                 { .payload = { pattern, 100 }, .to = *udp_socket_local(to) },
    };
    assert_int_equal(udp_socket_message_bytes(to), 100);
    assert_int_equal(udp_socket_send(from, messages, 2), 2);
    await_bytes(to, 201);
    memset(&seen, 0, sizeof(seen));
    int got = 0;
    for (int i = 0; i < 2; i++) /* two, where there is no recvmmsg */
        got += udp_socket_receive(to, scratch, 1000, on_datagram, &seen);
    assert_int_equal(got, 1);
    assert_int_equal(seen.sizes[0], 100);
    assert_int_equal(udp_socket_counters(to)->too_long, 1);
}

static void an_empty_datagram_is_one(void **state)
{
    static struct seen                          seen;
    AUTO(udp_socket_destroy) struct udp_socket *to = make_socket("127.0.0.1:0", probed);
    int                                         fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const struct udp_address                   *address = udp_socket_local(to);
    assert_int_equal(sendto(fd, "", 0, 0, &address->any, sizeof(address->v4)), 0);
    assert_int_equal(close(fd), 0);
    struct pollfd readable = { udp_socket_fd(to), POLLIN, 0 };
    assert_int_equal(poll(&readable, 1, WAIT_MS), 1);
    memset(&seen, 0, sizeof(seen));
    assert_int_equal(udp_socket_receive(to, scratch, sizeof(scratch), on_datagram, &seen), 1);
    assert_int_equal(seen.sizes[0], 0);
}

static void what_the_kernel_drops_is_counted(void **state)
{
    enum { SENT = 100, SENT_BYTES = SENT * 1000 };
    static struct seen seen;
    struct udp_options options = { .features = probed, .receive_buffer_bytes = 8192 };
    struct udp_socket *created = NULL;
    struct errmsg      why;
    assert_int_equal(address_parse("127.0.0.1:0", &options.local, &why), 0);
    assert_int_equal(udp_socket_create(&options, &created, &why), 0);
    AUTO(udp_socket_destroy) struct udp_socket *to = created;
    AUTO(udp_socket_destroy)
    struct udp_socket *from = make_socket("127.0.0.1:0", features_of_bits(SENDMMSG));
    assert_in_range(udp_socket_receive_buffer(to), 1, 16384);

    struct udp_message message = { .payload = { pattern, SENT_BYTES },
                                   .segment = 1000,
                                   .to = *udp_socket_local(to) };
    wire = sound;
    assert_int_equal(udp_socket_send(from, &message, 1), 1);
    await_bytes(to, 1);
    memset(&seen, 0, sizeof(seen));
    while (udp_socket_receive(to, scratch, sizeof(scratch), on_datagram, &seen) > 0)
        ;
    message = (struct udp_message){ .payload = { pattern, 1 }, .to = *udp_socket_local(to) };
    assert_int_equal(udp_socket_send(from, &message, 1), 1);
    await_bytes(to, 1);
    assert_int_equal(udp_socket_receive(to, scratch, sizeof(scratch), on_datagram, &seen), 1);
    assert_in_range(seen.count, 2, SENT);
    assert_int_equal(udp_socket_counters(to)->kernel_drops, SENT + 1 - seen.count);
}

static void receive_errors_are_told(void **state)
{
    static struct seen seen;
    for (unsigned bits = 0; bits < 2; bits++) {
        AUTO(udp_socket_destroy)
        struct udp_socket *to = make_socket("127.0.0.1:0", features_of_bits(bits));
        wire = (struct wire){ .first_bad = 1, .last_bad = 1, .error = EINTR };
        assert_int_equal(udp_socket_receive(to, scratch, SCRATCH, on_datagram, &seen), 0);
        assert_int_equal(wire.calls, 2);
        wire = (struct wire){ .first_bad = 1, .last_bad = 1, .error = ENOMEM };
        assert_int_equal(udp_socket_receive(to, scratch, SCRATCH, on_datagram, &seen), -ENOMEM);
    }
}

static void ports_are_shared_only_when_asked(void **state)
{
    AUTO(udp_socket_destroy) struct udp_socket *first = NULL, *second = NULL;
    struct udp_options                          options = { .reuse_port = true };
    struct errmsg                               why = { "" };
    assert_int_equal(address_parse("127.0.0.1:0", &options.local, &why), 0);
    assert_int_equal(udp_socket_create(&options, &first, &why), 0);
    options.local = udp_address_unpack(udp_socket_local(first));
    assert_int_equal(udp_socket_create(&options, &second, &why), 0);

    struct udp_socket *third = NULL;
    options.reuse_port = false;
    assert_int_equal(udp_socket_create(&options, &third, &why), -EADDRINUSE);
    assert_null(third);
    char text[ADDRESS_TEXT];
    address_format(&options.local, text);
    assert_non_null(strstr(why.text, text));
}

/* Of a feature that a sandbox takes away, nothing is left. */
static void the_probe_finds_what_is_missing(void **state)
{
    static const struct {
        const char *name;
        int         error;
    } cases[] = { { "unknown call", ENOSYS }, { "forbidden by a sandbox", EPERM } };
    for (size_t i = 0; i < COUNT(cases); i++) {
        wire = (struct wire){ .first_bad = 1, .last_bad = UINT32_MAX, .error = cases[i].error };
        struct udp_features none = udp_probe();
        wire = sound;
        CHECK(!none.recvmmsg && !none.sendmmsg && !none.gso && !none.gro, cases[i].name);
    }
    struct udp_features again = udp_probe();
    assert_memory_equal(&again, &probed, sizeof(again));
    /* Linux has all of them since 5.0, and the test must not pass by testing nothing. */
    assert_true(probed.recvmmsg && probed.sendmmsg);
}

static void features_are_masked_and_written(void **state)
{
    char                text[UDP_FEATURES_TEXT];
    struct udp_features all = { true, true, true, true }, some = { .gro = true, .sendmmsg = true };
    udp_features_text(all, text);
    assert_string_equal(text, "recvmmsg yes, sendmmsg yes, UDP_SEGMENT yes, UDP_GRO yes");
    udp_features_text(udp_features_mask(all, some), text);
    assert_string_equal(text, "recvmmsg no, sendmmsg yes, UDP_SEGMENT no, UDP_GRO yes");
    udp_features_text(udp_features_mask(some, (struct udp_features){ .gso = true }), text);
    assert_string_equal(text, "recvmmsg no, sendmmsg no, UDP_SEGMENT no, UDP_GRO no");
}

static void prepare(void **state)
{
    for (size_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = (uint8_t)(i * 31 + i / 251);
    probed = udp_probe();
}

TESTS(prepare, features_are_masked_and_written, the_probe_finds_what_is_missing,
      all_combinations_bring_the_same_datagrams, runs_beyond_the_kernels_limits_are_cut,
      what_does_not_fit_the_scratch_stays, many_messages_take_several_calls,
      a_full_socket_leaves_the_rest_to_the_caller, an_error_skips_its_message,
      a_peer_may_be_sent_to_without_segments, a_datagram_beyond_the_largest_is_refused,
      answers_come_from_where_was_sent_to, too_long_datagrams_are_dropped_and_counted,
      an_empty_datagram_is_one, what_the_kernel_drops_is_counted, receive_errors_are_told,
      ports_are_shared_only_when_asked)
