/**
 * load_udp: the datagrams of an RTSP client: two sockets for each track.
 *
 * Packets are handed in as interleaved frames, as they would go over TCP: channel 2 x track is
 * RTP, one more RTCP. Nothing waits: what a socket does not take is lost, and shows as such.
 *
 * Owner:   the client; closed sockets free themselves in a later turn.
 * Threads: the loop's.
 */
#pragma once
#include "base/errmsg.h"
#include "load/load_conn.h"
#include "rtsp/rtsp_transport.h"

struct load_udp;

/** An RTP packet of a track has come. */
typedef void load_udp_fn(void *arg, unsigned track, struct span rtp, int64_t now_ns);

/** `server`: where the client's connection goes, and so the datagrams. */
struct load_udp *load_udp_create(struct load_net *net, const struct address *server,
                                 load_udp_fn *on_packet, void *arg);

/** Opens a track's sockets; tracks below SDP_MAX_MEDIA. Tells their ports. */
int load_udp_open(struct load_udp *udp, unsigned track, struct rtsp_transport_pair *out,
                  struct errmsg *why);

/** Where the server takes the track, and sends it from. */
void load_udp_set_server(struct load_udp *udp, unsigned track, struct rtsp_transport_pair ports);

/** Interleaved frames, one after the other, by one system call where there is one for them. */
void load_udp_send(struct load_udp *udp, struct span frames);

/** Nothing more is told. Accepts NULL. Returns NULL. */
struct load_udp *load_udp_close(struct load_udp *udp);
