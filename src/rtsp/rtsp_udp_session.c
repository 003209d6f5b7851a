#include <errno.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "rtsp/rtsp_udp.h"

/* An address in the form that a socket of `family` takes. False: it can't reach it. */
static bool to_family(struct udp_address *address, sa_family_t family)
{
    static const uint8_t mapped[12] = { [10] = 0xff, 0xff };
    if (address->any.sa_family == family)
        return true;
    struct udp_address other = { 0 };
    other.any.sa_family = family;
    if (family == AF_INET6) {
        memcpy(other.v6.sin6_addr.s6_addr, mapped, sizeof(mapped));
        memcpy(other.v6.sin6_addr.s6_addr + 12, &address->v4.sin_addr, 4);
        other.v6.sin6_port = address->v4.sin_port;
    } else {
        if (memcmp(address->v6.sin6_addr.s6_addr, mapped, sizeof(mapped)) != 0)
            return false;
        memcpy(&other.v4.sin_addr, address->v6.sin6_addr.s6_addr + 12, 4);
        other.v4.sin_port = address->v6.sin6_port;
    }
    *address = other;
    return true;
}

/* One end of the session's connection. */
static int end_of(const struct rtsp_session *session, const struct rtsp_udp *udp, bool is_peer,
                  struct udp_address *out)
{
    struct udp_address        address = { 0 };
    socklen_t                 len = sizeof(address);
    const struct udp_address *ours = udp_socket_local(udp->ports[RTSP_UDP_RTP].socket);
    int                       fd = session->conn->fd;
    if ((is_peer ? getpeername(fd, &address.any, &len) : getsockname(fd, &address.any, &len)) < 0)
        return -errno;
    if (address.any.sa_family != AF_INET && address.any.sa_family != AF_INET6)
        return -EAFNOSUPPORT;
    if (!to_family(&address, ours->any.sa_family))
        return -EAFNOSUPPORT;
    *out = address;
    return 0;
}

static void set_port(struct udp_address *address, uint16_t port)
{
    if (address->any.sa_family == AF_INET6)
        address->v6.sin6_port = htons(port);
    else
        address->v4.sin_port = htons(port);
}

static uint16_t port_of(const struct udp_address *address)
{
    return ntohs(address->any.sa_family == AF_INET6 ? address->v6.sin6_port : address->v4.sin_port);
}

static int create(struct rtsp_session *session)
{
    struct rtsp_udp         *udp = &session->conn->server->udp[session->conn->loop->index];
    struct rtsp_udp_session *created = mem_new(struct rtsp_udp_session);
    *created = (struct rtsp_udp_session){ .session = session, .udp = udp };
    int err = end_of(session, udp, false, &created->from);
    if (err < 0) {
        mem_free(created);
        return err;
    }
    queue_init(&created->queue, &session->conn->loop->hub->settings->queue);
    session->udp = created;
    return 0;
}

static int bind_both(struct rtsp_udp_session *session, unsigned track)
{
    int err = rtsp_udp_bind(session, track, RTSP_UDP_RTP);
    if (err < 0)
        return err;
    err = rtsp_udp_bind(session, track, RTSP_UDP_RTCP);
    if (err < 0)
        rtsp_udp_unbind(session, track, RTSP_UDP_RTP);
    return err;
}

int rtsp_udp_set_up(struct rtsp_session *session, unsigned track,
                    const struct rtsp_transport_pair *client_port)
{
    struct udp_address peer;
    if (client_port->rtp == 0 || client_port->rtcp == 0)
        return -EINVAL;
    int err = session->udp ? 0 : create(session);
    if (err == 0)
        err = end_of(session, session->udp->udp, true, &peer);
    if (err < 0)
        return err;
    struct udp_address *peers = session->udp->peers[track];
    peers[RTSP_UDP_RTP] = peers[RTSP_UDP_RTCP] = peer;
    set_port(&peers[RTSP_UDP_RTP], client_port->rtp);
    set_port(&peers[RTSP_UDP_RTCP], client_port->rtcp);
    return bind_both(session->udp, track);
}

struct rtsp_transport_pair rtsp_udp_server_port(const struct rtsp_udp *udp)
{
    return (struct rtsp_transport_pair){
        .is_given = true,
        .rtp = port_of(udp_socket_local(udp->ports[RTSP_UDP_RTP].socket)),
        .rtcp = port_of(udp_socket_local(udp->ports[RTSP_UDP_RTCP].socket)),
    };
}

void rtsp_udp_session_destroy(struct rtsp_session *session)
{
    struct rtsp_udp_session *udp = session->udp;
    if (!udp)
        return;
    rtsp_udp_feed_leave(udp);
    for (unsigned i = 0; i < STREAM_MAX_TRACKS; i++)
        for (unsigned kind = 0; session->tracks[i].is_set_up && kind < RTSP_UDP_KINDS; kind++)
            rtsp_udp_unbind(udp, i, kind);
    list_remove(&udp->in_fed);
    queue_fini(&udp->queue);
    session->udp = mem_free(udp);
}
