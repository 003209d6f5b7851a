#include "loop/udp.h"

#include <errno.h>
#include <netinet/udp.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"

struct udp_socket {
    int                 fd;
    struct udp_features features;
    struct udp_address  local;
    bool                has_many; /* addresses: each message says from which it goes */
    size_t              message_bytes;
    struct udp_counters counters;
};

struct udp_address udp_address_pack(const struct address *address)
{
    struct udp_address packed = { 0 };
    memcpy(&packed, &address->storage, MIN((size_t)address->len, sizeof(packed)));
    return packed;
}

static socklen_t address_len(const struct udp_address *address)
{
    return address->any.sa_family == AF_INET6 ? sizeof(address->v6) : sizeof(address->v4);
}

struct address udp_address_unpack(const struct udp_address *address)
{
    struct address unpacked = { .len = address_len(address) };
    memcpy(&unpacked.storage, address, unpacked.len);
    return unpacked;
}

bool udp_address_is_any(const struct udp_address *address)
{
    return address->any.sa_family == AF_INET ? address->v4.sin_addr.s_addr == htonl(INADDR_ANY)
                                             : IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr);
}

static int set_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value));
}

/* Beyond net.core.rmem_max and wmem_max where we may. */
static void set_buffer(int fd, int forced, int asked, size_t size)
{
    int bytes = (int)MIN(size, (size_t)INT32_MAX / 2);
    if (bytes && set_option(fd, SOL_SOCKET, forced, bytes) < 0)
        (void)set_option(fd, SOL_SOCKET, asked, bytes);
}

/* What is asked for here are conveniences, but for those that change who gets which datagram. */
static int set_options(int fd, int family, const struct udp_options *options)
{
    int one = 1, zero = 0;
    if (options->reuse_port && set_option(fd, SOL_SOCKET, SO_REUSEPORT, one) < 0)
        return -errno;
    if (family == AF_INET6 && set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, zero) < 0)
        return -errno;
    if (family == AF_INET6 ? set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, one) < 0
                           : set_option(fd, IPPROTO_IP, IP_PKTINFO, one) < 0)
        return -errno;
    if (options->features.gro && set_option(fd, SOL_UDP, UDP_GRO, one) < 0)
        return -errno;
    (void)set_option(fd, SOL_SOCKET, SO_RXQ_OVFL, one);
    set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, options->receive_buffer_bytes);
    set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, options->send_buffer_bytes);
    return 0;
}

static int bind_socket(struct udp_socket *socket, const struct udp_options *options)
{
    socklen_t len = sizeof(socket->local);
    int       err = set_options(socket->fd, options->local.storage.ss_family, options);
    if (err < 0)
        return err;
    if (bind(socket->fd, (const struct sockaddr *)&options->local.storage, options->local.len) < 0)
        return -errno;
    if (getsockname(socket->fd, &socket->local.any, &len) < 0)
        return -errno;
    socket->has_many = udp_address_is_any(&socket->local);
    return 0;
}

int udp_socket_create(const struct udp_options *options, struct udp_socket **out,
                      struct errmsg *why)
{
    AUTO(udp_socket_destroy) struct udp_socket *created = mem_new(struct udp_socket);
    created->features = options->features;
    bool is_bounded = options->datagram_max_bytes && !options->features.gro;
    created->message_bytes =
        is_bounded ? MIN(options->datagram_max_bytes, (size_t)UDP_MESSAGE_MAX) : UDP_MESSAGE_MAX;
    created->fd =
        socket(options->local.storage.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int err = created->fd < 0 ? -errno : bind_socket(created, options);
    if (err < 0) {
        char text[ADDRESS_TEXT];
        address_format(&options->local, text);
        return errmsg_set(why, err, "listen udp %s: bind: %s", text, err_text(err));
    }
    *out = TAKE(created);
    return 0;
}

struct udp_socket *udp_socket_destroy(struct udp_socket *socket)
{
    if (socket && socket->fd >= 0)
        (void)close(socket->fd);
    return mem_free(socket);
}

int udp_socket_fd(const struct udp_socket *socket)
{
    return socket->fd;
}

const struct udp_address *udp_socket_local(const struct udp_socket *socket)
{
    return &socket->local;
}

struct udp_features udp_socket_features(const struct udp_socket *socket)
{
    return socket->features;
}

size_t udp_socket_receive_buffer(const struct udp_socket *socket)
{
    int       bytes = 0;
    socklen_t len = sizeof(bytes);
    (void)getsockopt(socket->fd, SOL_SOCKET, SO_RCVBUF, &bytes, &len);
    return (size_t)bytes / 2; /* the kernel doubles what it was asked for, see socket(7) */
}

const struct udp_counters *udp_socket_counters(const struct udp_socket *socket)
{
    return &socket->counters;
}

size_t udp_socket_message_bytes(const struct udp_socket *socket)
{
    return socket->message_bytes;
}

/* Room for what one message says beside its payload: GRO's size, pktinfo, the overflow count. */
union receive_control {
    struct cmsghdr aligned;
    char           bytes[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct in6_pktinfo)) +
               CMSG_SPACE(sizeof(uint32_t))];
};

struct inbox {
    struct mmsghdr        headers[UDP_RECEIVE_MESSAGES];
    struct iovec          slots[UDP_RECEIVE_MESSAGES];
    struct udp_address    peers[UDP_RECEIVE_MESSAGES];
    union receive_control controls[UDP_RECEIVE_MESSAGES];
};

static void prepare_inbox(struct inbox *inbox, unsigned count, uint8_t *scratch, size_t slot)
{
    for (unsigned i = 0; i < count; i++) {
        inbox->slots[i] = (struct iovec){ scratch + i * slot, slot };
        inbox->headers[i].msg_hdr = (struct msghdr){
            .msg_name = &inbox->peers[i],
            .msg_namelen = sizeof(inbox->peers[i]),
            .msg_iov = &inbox->slots[i],
            .msg_iovlen = 1,
            .msg_control = &inbox->controls[i],
            .msg_controllen = sizeof(inbox->controls[i]),
        };
    }
}

/* Without recvmmsg: one by one until there is none, as it would. */
static int receive_singly(struct udp_socket *socket, struct inbox *inbox, unsigned count)
{
    unsigned got = 0;
    for (; got < count; got++) {
        socket->counters.syscalls++;
        ssize_t len = recvmsg(socket->fd, &inbox->headers[got].msg_hdr, 0);
        if (len < 0)
            return got ? (int)got : -errno;
        inbox->headers[got].msg_len = (unsigned)len;
    }
    return (int)got;
}

static int fill_inbox(struct udp_socket *socket, struct inbox *inbox, unsigned count)
{
    int got;
    do {
        if (!socket->features.recvmmsg) {
            got = receive_singly(socket, inbox, count);
        } else {
            socket->counters.syscalls++;
            got = recvmmsg(socket->fd, inbox->headers, count, 0, NULL);
            got = got < 0 ? -errno : got;
        }
    } while (got == -EINTR);
    return got;
}

/* What a message says beside its payload. */
struct arrival {
    struct udp_address local;
    size_t             segment; /* 0: not merged */
};

static void read_control(struct udp_socket *socket, const struct cmsghdr *control,
                         struct arrival *out)
{
    const void *data = CMSG_DATA(control);
    if (control->cmsg_level == SOL_UDP && control->cmsg_type == UDP_GRO) {
        int segment;
        memcpy(&segment, data, sizeof(segment));
        out->segment = (size_t)MAX(segment, 0);
    } else if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
        struct in_pktinfo info;
        memcpy(&info, data, sizeof(info));
        out->local.v4 = socket->local.v4;
        out->local.v4.sin_addr = info.ipi_spec_dst;
    } else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
        struct in6_pktinfo info;
        memcpy(&info, data, sizeof(info));
        out->local.v6 = socket->local.v6;
        out->local.v6.sin6_addr = info.ipi6_addr;
        /* Only link-local addresses need to say on which link. */
        if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
            out->local.v6.sin6_scope_id = info.ipi6_ifindex;
    } else if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SO_RXQ_OVFL) {
        uint32_t drops; /* of 32 bits, since the socket was made */
        memcpy(&drops, data, sizeof(drops));
        socket->counters.kernel_drops += drops - (uint32_t)socket->counters.kernel_drops;
    }
}

/* Cuts what the kernel has merged into datagrams again. Returns how many. */
static int deliver(struct udp_socket *socket, struct mmsghdr *message, udp_datagram_fn *on_datagram,
                   void *arg)
{
    struct msghdr *header = &message->msg_hdr;
    struct arrival arrival = { socket->local, 0 };
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c))
        read_control(socket, c, &arrival);
    if (header->msg_flags & MSG_TRUNC) {
        socket->counters.too_long++;
        return 0;
    }
    struct span         rest = { header->msg_iov->iov_base, message->msg_len };
    struct udp_datagram datagram = { .local = arrival.local };
    memcpy(&datagram.peer, header->msg_name, sizeof(datagram.peer));
    int count = 0;
    do {
        datagram.payload = span_first(rest, arrival.segment ? arrival.segment : rest.len);
        rest = span_skip(rest, datagram.payload.len);
        socket->counters.datagrams_in++;
        socket->counters.bytes_in += datagram.payload.len;
        on_datagram(arg, &datagram);
        count++;
    } while (rest.len);
    return count;
}

int udp_socket_receive(struct udp_socket *socket, uint8_t *scratch, size_t scratch_bytes,
                       udp_datagram_fn *on_datagram, void *arg)
{
    size_t fit = scratch_bytes / socket->message_bytes;
    ASSERT(fit > 0);
    struct inbox inbox;
    unsigned     count = (unsigned)MIN(fit, (size_t)UDP_RECEIVE_MESSAGES);
    prepare_inbox(&inbox, count, scratch, socket->message_bytes);
    int got = fill_inbox(socket, &inbox, count);
    if (got < 0)
        return got == -EAGAIN ? 0 : got;
    int datagrams = 0;
    for (int i = 0; i < got; i++)
        datagrams += deliver(socket, &inbox.headers[i], on_datagram, arg);
    return datagrams;
}

union send_control {
    struct cmsghdr aligned;
    char           bytes[CMSG_SPACE(sizeof(uint16_t)) + CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

/* What one system call is to send: a run of the messages, cut as the kernel wants them. */
struct outbox {
    unsigned           count;
    unsigned           owners[UDP_SEND_MESSAGES]; /* index of the message that this is a part of */
    struct mmsghdr     headers[UDP_SEND_MESSAGES];
    struct iovec       parts[UDP_SEND_MESSAGES];
    union send_control controls[UDP_SEND_MESSAGES];
};

static void add_control(struct msghdr *header, int level, int type, const void *data, size_t len)
{
    struct cmsghdr *control =
        (struct cmsghdr *)((char *)header->msg_control + header->msg_controllen);
    *control =
        (struct cmsghdr){ .cmsg_len = CMSG_LEN(len), .cmsg_level = level, .cmsg_type = type };
    memcpy(CMSG_DATA(control), data, len);
    header->msg_controllen += CMSG_SPACE(len);
}

static void add_source(struct msghdr *header, const struct udp_address *from)
{
    if (from->any.sa_family == AF_INET) {
        struct in_pktinfo info = { .ipi_spec_dst = from->v4.sin_addr };
        add_control(header, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
    } else if (from->any.sa_family == AF_INET6) {
        struct in6_pktinfo info = { from->v6.sin6_addr, from->v6.sin6_scope_id };
        add_control(header, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
    }
}

/* How much of what is left goes into one message of the kernel's. */
static size_t part_bytes(const struct udp_socket *socket, const struct udp_message *message)
{
    size_t left = message->payload.len - message->sent;
    if (message->segment == 0 || left <= message->segment)
        return left;
    if (!socket->features.gso || message->no_gso)
        return message->segment;
    size_t segments = MIN(UDP_GSO_MAX_BYTES / message->segment, (int)UDP_GSO_MAX_SEGMENTS);
    return MIN(left, MAX(segments, (size_t)1) * message->segment);
}

static void add_part(const struct udp_socket *socket, struct outbox *outbox, unsigned owner,
                     struct udp_message *message, struct span part)
{
    unsigned       i = outbox->count++;
    struct msghdr *header = &outbox->headers[i].msg_hdr;
    outbox->owners[i] = owner;
    outbox->parts[i] = (struct iovec){ (void *)part.p, part.len };
    *header = (struct msghdr){
        .msg_name = &message->to,
        .msg_namelen = address_len(&message->to),
        .msg_iov = &outbox->parts[i],
        .msg_iovlen = 1,
        .msg_control = &outbox->controls[i],
    };
    if (message->segment && part.len > message->segment)
        add_control(header, SOL_UDP, UDP_SEGMENT, &message->segment, sizeof(message->segment));
    if (socket->has_many)
        add_source(header, &message->from);
}

static void fill_outbox(const struct udp_socket *socket, struct outbox *outbox,
                        struct udp_message *messages, unsigned count)
{
    outbox->count = 0;
    for (unsigned i = 0; i < count && outbox->count < UDP_SEND_MESSAGES; i++) {
        struct udp_message ahead = messages[i]; /* its `sent` runs ahead of what is really gone */
        while (ahead.sent < ahead.payload.len && outbox->count < UDP_SEND_MESSAGES) {
            struct span part =
                span_first(span_skip(ahead.payload, ahead.sent), part_bytes(socket, &ahead));
            add_part(socket, outbox, i, &messages[i], part);
            ahead.sent += part.len;
        }
    }
}

/* Both return how many parts are gone, or, when the first would not go, why. */
static int send_singly(struct udp_socket *socket, struct outbox *outbox)
{
    for (unsigned i = 0; i < outbox->count; i++) {
        socket->counters.syscalls++;
        if (sendmsg(socket->fd, &outbox->headers[i].msg_hdr, 0) < 0)
            return i ? (int)i : -errno;
    }
    return (int)outbox->count;
}

static int send_together(struct udp_socket *socket, struct outbox *outbox)
{
    socket->counters.syscalls++;
    int gone = sendmmsg(socket->fd, outbox->headers, outbox->count, 0);
    return gone < 0 ? -errno : gone;
}

static void count_part(struct udp_socket *socket, struct udp_message *message, size_t len)
{
    size_t segment = message->segment ? message->segment : len;
    message->sent += len;
    socket->counters.bytes_out += len;
    socket->counters.datagrams_out += (len + segment - 1) / segment;
}

/* Decides about the first part, which would not go. False: the socket is full. */
static bool handle_error(struct udp_socket *socket, const struct outbox *outbox,
                         struct udp_message *message, int err)
{
    if (err == -EAGAIN)
        return false;
    if (err == -EINTR)
        return true;
    if (err == -EIO && message->segment && outbox->parts[0].iov_len > message->segment) {
        /* The device has no checksum offload, which UDP_SEGMENT needs (udp(7)). */
        socket->features.gso = false;
        return true;
    }
    message->error = err;
    return true;
}

static bool is_done(const struct udp_message *message)
{
    return message->error < 0 || message->sent == message->payload.len;
}

unsigned udp_socket_send(struct udp_socket *socket, struct udp_message *messages, unsigned count)
{
    struct outbox outbox;
    unsigned      done = 0;
    while (done < count) {
        struct udp_message *first = messages + done;
        fill_outbox(socket, &outbox, first, count - done);
        int gone = socket->features.sendmmsg ? send_together(socket, &outbox)
                                             : send_singly(socket, &outbox);
        ASSERT(gone <= (int)outbox.count);
        for (int i = 0; i < gone; i++)
            count_part(socket, &first[outbox.owners[i]], outbox.parts[i].iov_len);
        if (gone < 0 && !handle_error(socket, &outbox, first, gone))
            break;
        while (done < count && is_done(&messages[done]))
            done++;
    }
    return done;
}

bool udp_message_split(struct udp_message *message)
{
    bool is_size = message->error == -EMSGSIZE || message->error == -EINVAL;
    if (!is_size || message->no_gso || message->payload.len <= message->segment)
        return false;
    message->no_gso = true;
    message->error = 0;
    return true;
}

int udp_check_free(const struct udp_options *options, const char *text, struct errmsg *why)
{
    struct udp_options alone = *options;
    struct udp_socket *socket = NULL;
    alone.reuse_port = false;
    int err = udp_socket_create(&alone, &socket, why);
    if (err < 0)
        return errmsg_set(why, err, "listen udp %s: bind: %s", text, err_text(err));
    udp_socket_destroy(socket);
    return 0;
}
