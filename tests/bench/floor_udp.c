/* Media in datagrams: what one wait has brought goes out at once, merged as it came. */
#include "floor.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/check.h"
#include "base/list.h"
#include "base/mem.h"
#include "loop/udp.h"

enum {
    SCRATCH = UDP_RECEIVE_MESSAGES * UDP_MESSAGE_MAX,
    BUFFER = 4 << 20,
    PORTS = UINT16_MAX + 1,
};

struct reader {
    struct list_node   in_path;
    struct udp_address address;
};

/* Datagrams of one size that lie one behind the other, the last may be shorter: one message. */
struct run {
    struct datagram_path *path;
    struct span           bytes;
    unsigned              count;
    uint16_t              segment;
};

struct datagram_path {
    struct list readers;
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

static void forward_run(void)
{
    const struct run *run = &datagrams.run;
    if (!run->path)
        return;
    LIST_FOREACH (struct reader, reader, &run->path->readers, in_path) {
        if (datagrams.message_count == UDP_SEND_MESSAGES)
            send_messages();
        datagrams.messages[datagrams.message_count++] = (struct udp_message){
            .payload = run->bytes, .to = reader->address, .segment = run->segment
        };
        counts.delivered += run->count;
    }
    datagrams.run.path = NULL;
}

static bool fits(const struct run *run, const struct datagram_path *path, struct span payload)
{
    return run->path == path && run->bytes.p + run->bytes.len == payload.p &&
           run->bytes.len % run->segment == 0 && payload.len <= run->segment &&
           run->count < UDP_GSO_MAX_SEGMENTS && run->bytes.len + payload.len <= UDP_GSO_MAX_BYTES;
}

static void on_datagram(void *arg, const struct udp_datagram *datagram)
{
    struct datagram_path *path = datagrams.by_port[ntohs(datagram->peer.v4.sin_port)];
    struct run           *run = &datagrams.run;
    if (!path || datagram->payload.len == 0)
        return;
    counts.received++;
    if (fits(run, path, datagram->payload)) {
        run->bytes.len += datagram->payload.len;
        run->count++;
        return;
    }
    forward_run();
    *run = (struct run){ path, datagram->payload, 1, (uint16_t)datagram->payload.len };
}

void datagrams_receive(void)
{
    uint64_t calls = udp_socket_counters(datagrams.rtp)->syscalls;
    int      got = udp_socket_receive(datagrams.rtp, datagrams.scratch, SCRATCH, on_datagram, NULL);
    if (got < 0)
        fail("recvmmsg");
    forward_run();
    if (datagrams.message_count > 0)
        send_messages();
    counts.calls += udp_socket_counters(datagrams.rtp)->syscalls - calls;
}
