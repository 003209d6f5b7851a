/**
 * rtsp_udp: sessions whose media travels in datagrams: each worker has a socket for RTP and one
 * for RTCP, on ports that all workers share.
 *
 *     rtsp_udp.c          the sockets, and whose session a datagram is for
 *     rtsp_udp_stray.c    datagrams that have reached another worker than their session's
 *     rtsp_udp_session.c  a session's addresses
 *     rtsp_udp_publish.c  what publishers send: put in order, handed to their ingest
 *     rtsp_udp_feed.c     a stream in the form in which readers get it, made once a worker
 *     rtsp_udp_read.c     what a reader gets of it
 *     rtsp_udp_send.c     sends that, to all readers at the end of the turn
 *
 * Whose a datagram is: a session knows the ports that its client has named in SETUP, and the
 * address of its connection. Nothing from elsewhere is looked at, and nothing is sent elsewhere.
 *
 * Owner:   the RTSP server, one for each worker.
 * Threads: the worker's, but for rtsp_udp_open() and rtsp_udp_free(): main, while it does not run.
 */
#pragma once
#include <uv.h>

#include "base/map.h"
#include "base/pool.h"
#include "loop/udp.h"
#include "path/placement.h"
#include "rtp/refit.h"
#include "rtp/rtcp.h"
#include "rtp/rtp_reorder.h"
#include "rtsp/rtsp_internal.h"
#include "stream/ring.h"

/* A gap is given up after that long: the window alone would hold up a slow track for seconds. */
#define RTSP_UDP_REORDER_NS (INT64_C(100) * 1000000)

enum {
    RTSP_UDP_MAX_HELD = 2048,  /* bytes of a packet that may wait for one before it */
    RTSP_UDP_MAX_STRAYS = 128, /* bundles of them that wait for a worker */
    RTSP_UDP_SCRATCH = UDP_RECEIVE_MESSAGES * UDP_MESSAGE_MAX, /* only what is used is real */
    RTSP_UDP_PLANS = 4,                /* batches of a turn of which is known how they are sent */
    RTSP_UDP_RECEIVE_BUFFER = 4 << 20, /* all publishers of a worker send keyframes at once */
    RTSP_UDP_SEND_BUFFER = 256 * 1024  /* of a worker's readers; more waits in their queues */
};

enum rtsp_udp_kind { RTSP_UDP_RTP, RTSP_UDP_RTCP, RTSP_UDP_KINDS };

struct rtsp_udp;
struct stray_bundle;

struct rtsp_udp_port {
    struct rtsp_udp   *udp;
    enum rtsp_udp_kind kind;
    struct udp_socket *socket;
    uv_poll_t          poll;
    int                events;
    uint64_t           drops; /* of the kernel's, that were counted */
    uint64_t           unlogged_drops;
};

/** An address as a key: what sockaddr pads with does not count. */
struct rtsp_udp_key {
    uint8_t  host[16]; /* IPv4 mapped into IPv6 */
    uint16_t port;
    uint16_t kind;
};

/** Whose it is what comes from an address. */
struct rtsp_udp_binding {
    struct rtsp_udp_session *session; /* NULL: lives on another worker */
    unsigned                 home;    /* the worker's */
    unsigned                 track;
};

/** Packets of one batch that are one message. */
struct rtsp_udp_run {
    const uint8_t *p;
    uint32_t       len;
    uint32_t       bits; /* the packets */
    uint16_t       segment;
    uint8_t        track;
};

/** How the packets of `mask` are sent: the same for all readers who want them. */
struct rtsp_udp_plan {
    const struct batch *batch;
    uint32_t            mask;
    unsigned            run_count;
    struct rtsp_udp_run runs[BATCH_MAX_PACKETS];
};

/** A worker's part. */
struct rtsp_udp {
    struct rtsp_server  *server;
    struct loop         *loop;
    bool                 is_open;    /* the sockets are watched */
    bool                 is_stray;   /* what is being received was passed on by another worker */
    bool                 is_blocked; /* the RTP socket takes no more for now */
    struct rtsp_udp_port ports[RTSP_UDP_KINDS];
    uint8_t             *scratch;  /* for one call: RTSP_UDP_SCRATCH bytes */
    struct map          *bindings; /* by struct rtsp_udp_key: struct rtsp_udp_binding */
    struct map          *feeds;    /* by the stream's number */
    struct list          fed;      /* publishers who got packets since the last end of a receive */
    struct list          active;   /* feeds whose readers have something to send */
    struct dirty         dirty;
    struct rtsp_udp_plan plans[RTSP_UDP_PLANS];
    struct mail          start;
    struct pool          held; /* packets that wait for one before them */
    int64_t              drops_logged_ns;

    struct pool          bundles; /* of strays */
    atomic_uint          bundles_waiting;
    struct stray_bundle *outgoing[PLACEMENT_MAX_WORKERS + 1]; /* by worker; while receiving */
};

/** A packet that waits for one before it. */
struct rtsp_udp_held {
    struct pool_item item;
    int64_t          received_ns;
    uint16_t         seq;
    uint16_t         len;
    uint8_t          bytes[RTSP_UDP_MAX_HELD];
};

struct rtsp_udp_track {
    struct rtp_reorder reorder;
    uint32_t           ssrc;
};

struct rtsp_udp_session {
    struct rtsp_session  *session;
    struct rtsp_udp      *udp;
    struct rtsp_udp_feed *feed; /* readers; NULL: has not played yet */
    struct list_node      in_feed;
    bool                  is_playing;
    bool                  no_gso; /* the way to this client has refused UDP_SEGMENT */
    struct queue          queue;
    struct udp_address    from; /* ours, which the client knows */
    struct udp_address    peers[STREAM_MAX_TRACKS][RTSP_UDP_KINDS];

    /* publishers */
    struct list_node       in_fed;
    int64_t                heard_ns; /* the last packet */
    struct timer           gap_timer;
    struct rtsp_udp_track *tracks; /* while recording */
    uint64_t               unlogged_lost;
    int64_t                lost_logged_ns;
};

/** What readers of a worker share of a track. */
struct rtsp_udp_feed_track {
    struct refit *refit;       /* NULL: all packets have fit so far */
    bool          has_packets; /* of those that are made smaller */
    uint16_t      in_seq;      /* of the last that came */
    uint16_t      next_seq;    /* of the next that is made */
    bool          has_report;
    uint8_t       report[RTCP_SR_SIZE];
};

struct rtsp_udp_feed {
    struct reader              reader;
    struct rtsp_udp           *udp;
    uint64_t                   stream; /* its number */
    bool                       is_over;
    struct list                readers; /* struct rtsp_udp_session */
    struct list_node           in_active;
    struct ring                ring; /* for readers that start */
    struct slab               *slab; /* being filled; NULL: none yet */
    uint32_t                   slab_used;
    struct batch              *open;
    int64_t                    received_ns; /* of the batch that is being taken */
    struct rtp_header          header;      /* of the packet that is being made smaller */
    unsigned                   track;       /* ... and its track */
    unsigned                   track_count;
    struct rtsp_udp_feed_track tracks[STREAM_MAX_TRACKS];
};

/* rtsp_udp.c */

/** The sockets of all workers; server->udp is there then. Negative errno with a reason. */
int  rtsp_udp_open(struct rtsp_server *server, unsigned worker_count, struct errmsg *why);
/** Begins to watch them, on each worker. */
void rtsp_udp_start(struct rtsp_server *server);
/** On each worker, as it stops and when its sessions have gone. */
void rtsp_udp_close(struct rtsp_udp *udp);
/** When all workers have ended. */
void rtsp_udp_free(struct rtsp_server *server);

/** Hands a datagram to its session. */
void rtsp_udp_receive(struct rtsp_udp_port *port, const struct udp_datagram *datagram);
/** What was received since the last call goes on. */
void rtsp_udp_end_receive(struct rtsp_udp *udp);
/** One datagram, at once; a full socket loses it, as a network might. */
void rtsp_udp_send(struct rtsp_udp_session *session, unsigned track, enum rtsp_udp_kind kind,
                   struct span datagram);
/** Tells the kernel what is waited for. */
void rtsp_udp_set_events(struct rtsp_udp *udp);

/** The key of an address, in the form of any socket. */
struct rtsp_udp_key rtsp_udp_key_of(const struct udp_address *address, enum rtsp_udp_kind kind);
/** NULL: nobody's. */
struct rtsp_udp_binding *rtsp_udp_find_binding(const struct rtsp_udp     *udp,
                                               const struct rtsp_udp_key *key);
/** -EADDRINUSE: it is somebody's. Other workers are told. */
int  rtsp_udp_bind(struct rtsp_udp_session *session, unsigned track, enum rtsp_udp_kind kind);
void rtsp_udp_unbind(struct rtsp_udp_session *session, unsigned track, enum rtsp_udp_kind kind);

/* rtsp_udp_stray.c */

/** Tells all other workers whose the address is, or that it is nobody's any more. */
void rtsp_udp_claim(struct rtsp_udp *udp, const struct rtsp_udp_key *key, bool is_over);
/** To the worker where its session lives, with others of this receive. */
void rtsp_udp_pass_on(struct rtsp_udp_port *port, unsigned to, const struct udp_datagram *datagram);
/** Posts what was to be passed on. */
void rtsp_udp_post_strays(struct rtsp_udp *udp);
void rtsp_udp_init_strays(struct rtsp_udp *udp);
void rtsp_udp_fini_strays(struct rtsp_udp *udp);

/* rtsp_udp_session.c */

/**
 * Notes where a track's client wants its packets, or sends them from. -EINVAL: no such ports;
 * -EADDRINUSE: they are those of another session; -EAFNOSUPPORT: the sockets do not reach it.
 */
int                        rtsp_udp_set_up(struct rtsp_session *session, unsigned track,
                                           const struct rtsp_transport_pair *client_port);
/** The ports that clients are told; both numbers are those of the addresses in the settings. */
struct rtsp_transport_pair rtsp_udp_server_port(const struct rtsp_udp *udp);
/** Accepts a session without one. */
void                       rtsp_udp_session_destroy(struct rtsp_session *session);

/* rtsp_udp_publish.c */

void rtsp_udp_publish_start(struct rtsp_udp_session *session);
/** What waits goes on first. */
void rtsp_udp_publish_stop(struct rtsp_udp_session *session);
void rtsp_udp_publish_packet(struct rtsp_udp_session *session, unsigned track, struct span packet);
void rtsp_udp_publish_end_turn(struct rtsp_udp_session *session);

/* rtsp_udp_feed.c */

/** The session's stream must be attached. */
void                  rtsp_udp_feed_join(struct rtsp_udp_session *session);
/** Accepts a session that has not joined one. */
void                  rtsp_udp_feed_leave(struct rtsp_udp_session *session);
/** The feed of a stream, or NULL. */
struct rtsp_udp_feed *rtsp_udp_feed_find(const struct rtsp_udp *udp, uint64_t stream);

/** Its readers have what there is: a slab that nobody holds goes to the next feed while it is warm.
 */
void     rtsp_udp_feed_rest(struct rtsp_udp_feed *feed);
/** By how much its numbers are ahead of the stream's, where packets are made smaller. */
uint16_t rtsp_udp_feed_surplus(const struct rtsp_udp_feed *feed, unsigned track);

/* rtsp_udp_read.c */

void rtsp_udp_read_play(struct rtsp_udp_session *session);
void rtsp_udp_read_pause(struct rtsp_udp_session *session);
/** RTCP BYE for each track: nothing more comes. */
void rtsp_udp_read_say_bye(struct rtsp_udp_session *session);
/** As stream_next_packet(). */
bool rtsp_udp_read_next_packet(struct rtsp_udp_session *session, unsigned track, uint16_t *seq,
                               uint32_t *ticks);
/** The packets of `mask` in a batch of its feed. */
void rtsp_udp_read_batch(struct rtsp_udp_session *session, const struct batch *batch,
                         uint32_t mask);

/* rtsp_udp_send.c */

/** At the end of the turn, readers of the feed are sent what waits for them. */
void rtsp_udp_send_later(struct rtsp_udp_feed *feed);
void rtsp_udp_send_init(struct rtsp_udp *udp);
/** The socket takes more. */
void rtsp_udp_send_resume(struct rtsp_udp *udp);
/** The newest report of a track of the feed, to everybody who has set it up and plays. */
void rtsp_udp_send_report(struct rtsp_udp_feed *feed, unsigned track);
