#include "load/load_udp.h"

#include <errno.h>
#include <netinet/in.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "loop/udp.h"
#include "sdp/sdp.h"

/* A reader on a busy machine comes late, and nothing may be lost here. */
enum { RECEIVE_BUFFER = 4 * 1024 * 1024, RECEIVES_A_TURN = 8 };

enum { RTP, RTCP, KINDS };

struct track {
    struct load_udp   *udp;
    struct udp_socket *sockets[KINDS]; /* what comes by RTCP is not looked at */
    struct udp_address server[KINDS];
    uv_poll_t          poll;
    bool               is_polled;
};

struct load_udp {
    struct load_net   *net;
    struct udp_address server;
    load_udp_fn       *on_packet;
    void              *arg;
    unsigned           open_polls;
    struct track       tracks[SDP_MAX_MEDIA];
};

static uint16_t *port_of(struct udp_address *address)
{
    return address->any.sa_family == AF_INET6 ? &address->v6.sin6_port : &address->v4.sin_port;
}

static struct udp_features features(void)
{
    static struct udp_features known;
    static bool                is_known;
    if (!is_known)
        known = udp_probe();
    is_known = true;
    return known;
}

struct load_udp *load_udp_create(struct load_net *net, const struct address *server,
                                 load_udp_fn *on_packet, void *arg)
{
    struct load_udp *udp = mem_new(struct load_udp);
    *udp = (struct load_udp){
        .net = net, .server = udp_address_pack(server), .on_packet = on_packet, .arg = arg
    };
    return udp;
}

static void on_datagram(void *arg, const struct udp_datagram *datagram)
{
    struct track *track = arg;
    track->udp->on_packet(track->udp->arg, (unsigned)(track - track->udp->tracks),
                          datagram->payload, clock_monotonic_ns());
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct track *track = poll->data;
    uint8_t      *scratch = track->udp->net->scratch;
    for (int i = 0; i < RECEIVES_A_TURN && track->is_polled; i++)
        if (udp_socket_receive(track->sockets[RTP], scratch, LOAD_SCRATCH, on_datagram, track) <= 0)
            break;
}

static int open_sockets(struct load_udp *udp, struct track *track, struct errmsg *why)
{
    struct udp_address any = { 0 };
    any.any.sa_family = udp->server.any.sa_family;
    struct udp_options options = { .local = udp_address_unpack(&any),
                                   .features = features(),
                                   .receive_buffer_bytes = RECEIVE_BUFFER };
    int                err = udp_socket_create(&options, &track->sockets[RTP], why);
    options.receive_buffer_bytes = 0;
    return err < 0 ? err : udp_socket_create(&options, &track->sockets[RTCP], why);
}

int load_udp_open(struct load_udp *udp, unsigned index, struct rtsp_transport_pair *out,
                  struct errmsg *why)
{
    struct track *track = &udp->tracks[index];
    track->udp = udp;
    int err = open_sockets(udp, track, why);
    if (err < 0)
        return err;
    err = uv_poll_init(&udp->net->loop, &track->poll, udp_socket_fd(track->sockets[RTP]));
    if (err < 0)
        return errmsg_set(why, err, "cannot watch a socket: %s", err_text(err));
    track->poll.data = track;
    track->is_polled = true;
    udp->open_polls++;
    (void)uv_poll_start(&track->poll, UV_READABLE, on_poll);
    struct udp_address rtp = *udp_socket_local(track->sockets[RTP]);
    struct udp_address rtcp = *udp_socket_local(track->sockets[RTCP]);
    *out = (struct rtsp_transport_pair){ true, ntohs(*port_of(&rtp)), ntohs(*port_of(&rtcp)) };
    return 0;
}

void load_udp_set_server(struct load_udp *udp, unsigned track, struct rtsp_transport_pair ports)
{
    struct udp_address *server = udp->tracks[track].server;
    server[RTP] = server[RTCP] = udp->server;
    *port_of(&server[RTP]) = htons(ports.rtp);
    *port_of(&server[RTCP]) = htons(ports.rtcp);
}

void load_udp_send(struct load_udp *udp, struct span frames)
{
    struct udp_message       messages[UDP_SEND_MESSAGES];
    struct interleaved_frame frame;
    unsigned                 count = 0;
    struct udp_socket       *socket = NULL;
    for (ssize_t used; (used = interleaved_parse(frames, &frame)) > 0;
         frames = span_skip(frames, (size_t)used)) {
        struct track      *track = &udp->tracks[frame.channel / 2];
        struct udp_socket *its = track->sockets[frame.channel % 2];
        if (count && (count == COUNT(messages) || its != socket)) {
            (void)udp_socket_send(socket, messages, count);
            count = 0;
        }
        socket = its;
        messages[count++] = (struct udp_message){ .payload = frame.payload,
                                                  .to = track->server[frame.channel % 2] };
    }
    if (count)
        (void)udp_socket_send(socket, messages, count);
}

static void free_all(struct load_udp *udp)
{
    for (unsigned i = 0; i < SDP_MAX_MEDIA; i++)
        for (unsigned kind = 0; kind < KINDS; kind++)
            udp_socket_destroy(udp->tracks[i].sockets[kind]);
    mem_free(udp);
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct load_udp *udp = ((struct track *)handle->data)->udp;
    if (--udp->open_polls == 0)
        free_all(udp);
}

struct load_udp *load_udp_close(struct load_udp *udp)
{
    if (!udp)
        return NULL;
    bool has_polls = udp->open_polls > 0;
    for (unsigned i = 0; i < SDP_MAX_MEDIA; i++) {
        if (udp->tracks[i].is_polled)
            uv_close((uv_handle_t *)&udp->tracks[i].poll, on_poll_closed);
        udp->tracks[i].is_polled = false;
    }
    if (!has_polls)
        free_all(udp);
    return NULL;
}
