/* Media in datagrams: a frame goes out when its last packet has come, merged where sizes allow. */
#include "floor.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/check.h"
#include "base/list.h"
#include "base/mem.h"
#include "loop/udp.h"
#include "rtp/rtp.h"

enum {
    SCRATCH = UDP_RECEIVE_MESSAGES * UDP_MESSAGE_MAX,
    BUFFER = 4 << 20,
    PORTS = UINT16_MAX + 1,
    MAX_FRAME = 256 * 1024, /* a larger one goes out in pieces */
    MAX_RUNS = 64,
    MARKER = 0x80, /* of RTP's second byte */
};

struct reader {
    struct list_node   in_path;
    struct udp_address address;
};

/* Datagrams of one size that lie one behind the other, the last may be shorter: one message. */
struct run {
    uint8_t *p;
    size_t   len;
    unsigned count;
    uint16_t segment;
};

struct datagram_path {
    struct list readers;
    unsigned    run_count;
    struct run  runs[MAX_RUNS];
    size_t      used;
    uint8_t     frame[MAX_FRAME];
};

static struct {
    struct udp_socket    *rtp, *rtcp;     /* nobody reads the second one */
    struct datagram_path *by_port[PORTS]; /* of publishers, by their port */
    struct run            run;            /* being received */
    struct udp_message    messages[UDP_SEND_MESSAGES];
    unsigned              message_count;
    uint8_t               scratch[SCRATCH]; /* only what is used is real */
} datagrams;

static struct udp_address address_of(uint16_t port)
{
    return (struct udp_address){ .v4 = { .sin_family = AF_INET,
                                         .sin_port = htons(port),
                                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK) } };
}

static struct udp_socket *open_socket(uint16_t port)
{
    struct udp_options options = { .features = udp_probe(),
                                   .receive_buffer_bytes = BUFFER,
                                   .send_buffer_bytes = BUFFER };
    struct udp_socket *socket;
    struct errmsg      why;
    char               text[32];
    (void)snprintf(text, sizeof(text), "127.0.0.1:%u", port);
    if (address_parse(text, &options.local, &why) < 0 ||
        udp_socket_create(&options, &socket, &why) < 0)
        fail_with_words(why.text);
    return socket;
}

int datagrams_start(uint16_t port)
{
    datagrams.rtp = open_socket(port);
    datagrams.rtcp = open_socket((uint16_t)(port + 1));
    return udp_socket_fd(datagrams.rtp);
}

struct datagram_path *datagrams_path(void)
{
    struct datagram_path *path = mem_new(struct datagram_path);
    list_init(&path->readers);
    return path;
}

void datagrams_add_publisher(struct datagram_path *path, uint16_t port)
{
    datagrams.by_port[port] = path;
}

void datagrams_add_reader(struct datagram_path *path, uint16_t port)
{
    struct reader *reader = mem_new(struct reader);
    reader->address = address_of(port);
    list_append(&path->readers, &reader->in_path);
}

static void send_messages(void)
{
    unsigned sent = udp_socket_send(datagrams.rtp, datagrams.messages, datagrams.message_count);
    if (sent < datagrams.message_count)
        fail_with_words("the socket is full");
    datagrams.message_count = 0;
}

static void add_message(const struct reader *reader, const struct run *run)
{
    if (datagrams.message_count == UDP_SEND_MESSAGES)
        send_messages();
    datagrams.messages[datagrams.message_count++] = (struct udp_message){
        .payload = { run->p, run->len }, .to = reader->address, .segment = run->segment
    };
    counts.delivered += run->count;
}

static void forward_frame(struct datagram_path *path)
{
    LIST_FOREACH (struct reader, reader, &path->readers, in_path)
        for (unsigned i = 0; i < path->run_count; i++)
            add_message(reader, &path->runs[i]);
    if (datagrams.message_count > 0)
        send_messages();
    path->run_count = 0;
    path->used = 0;
}

static bool fits(const struct run *run, size_t len)
{
    return run->len % run->segment == 0 && len <= run->segment &&
           run->count < UDP_GSO_MAX_SEGMENTS && run->len + len <= UDP_GSO_MAX_BYTES;
}

static void add_packet(struct datagram_path *path, struct span packet)
{
    struct run *last = path->run_count ? &path->runs[path->run_count - 1] : NULL;
    uint8_t    *p = path->frame + path->used;
    memcpy(p, packet.p, packet.len);
    path->used += packet.len;
    if (last && fits(last, packet.len)) {
        last->len += packet.len;
        last->count++;
    } else {
        path->runs[path->run_count++] = (struct run){ p, packet.len, 1, (uint16_t)packet.len };
    }
}

static void on_datagram(void *arg, const struct udp_datagram *datagram)
{
    struct datagram_path *path = datagrams.by_port[ntohs(datagram->peer.v4.sin_port)];
    struct span           packet = datagram->payload;
    if (!path || packet.len < RTP_HEADER)
        return;
    counts.received++;
    if (path->used + packet.len > MAX_FRAME || path->run_count == MAX_RUNS)
        forward_frame(path);
    add_packet(path, packet);
    if (packet.p[1] & MARKER)
        forward_frame(path);
}

void datagrams_receive(void)
{
    uint64_t calls = udp_socket_counters(datagrams.rtp)->syscalls;
    int      got = udp_socket_receive(datagrams.rtp, datagrams.scratch, SCRATCH, on_datagram, NULL);
    if (got < 0)
        fail("recvmmsg");
    counts.calls += udp_socket_counters(datagrams.rtp)->syscalls - calls;
}
