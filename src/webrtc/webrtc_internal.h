/**
 * What the modules of this folder share; nobody else includes it.
 *
 * Main has the HTTP side (webrtc_http.c) and knows sessions by their secrets. A session
 * (webrtc_session.c) lives on its stream's worker: an ICE agent (webrtc_ice.h), a DTLS connection
 * (webrtc_dtls.h) and a viewer (webrtc_viewer.c), who takes parts from a feed (webrtc_feed.h)
 * through the worker's sender (webrtc_send.c) and its UDP socket (webrtc_worker.c).
 */
#pragma once
#include "base/buf.h"
#include "base/log.h"
#include "base/map.h"
#include "conf/conf.h"
#include "conf/network.h"
#include "httpd/httpd.h"
#include "httpd/httpd_quota.h"
#include "loop/udp.h"
#include "path/path.h"
#include "sdp/sdp_answer.h"
#include "sdp/sdp_fragment.h"
#include "sdp/sdp_offer.h"
#include "srtp/srtp.h"
#include "srtp/srtp_sealer.h"
#include "webrtc/webrtc_dtls.h"
#include "webrtc/webrtc_feed.h"
#include "webrtc/webrtc_ice.h"
#include "webrtc/webrtc_server.h"

#define WEBRTC_CNAME "mediamtx" /* of our tracks, as MediaMTX's clients know it */

enum {
    WEBRTC_MAX_TRACKS = 4,              /* of a viewer: one video, one audio, and some to spare */
    WEBRTC_MAX_HOSTS = 32,              /* candidates of ours; a machine has a few */
    WEBRTC_MAX_PENDING = 2048,          /* sessions of a server that are not connected yet */
    WEBRTC_MAX_PENDING_OF_PEER = 256,   /* ... of one address: a wall of pages behind one NAT */
    WEBRTC_PENDING_KEPT = 512,          /* of all, for addresses with ... */
    WEBRTC_FEW_PENDING = 16,            /* ... so many at most */
    WEBRTC_MAX_SESSIONS_OF_PEER = 4096, /* connected or not: a large network behind one NAT */
    WEBRTC_MAX_STRAYS = 256,            /* datagrams that wait for a worker, from all others */
    WEBRTC_HANDSHAKES_A_TURN = 2,       /* steps of DTLS, 0.5 ms each */
    WEBRTC_DELTAS = 8,                  /* gaps that a viewer remembers */
    WEBRTC_RESENDS_A_SECOND = 500,      /* parts of one viewer; a keyframe has some dozens */
    WEBRTC_SKIPPED_TEXT = 200,
    WEBRTC_DATAGRAM = 2048,       /* longer ones are dropped: nobody sends such */
    WEBRTC_MAX_BODY = 256 * 1024, /* of a request; Chromium's offers have 7 KB */
};

/* Sending: webrtc_send.c */

/* A sweep: many sealed at once cost less each, but the first viewer waits for the last one's. */
enum { SEND_PACKETS = 128, SEND_PACKET_BYTES = 1500, SEND_ARENA = SEND_PACKETS * 1280 };

struct webrtc_sender {
    struct udp_socket    *socket;
    struct srtp_sealer   *sealer;
    bool                  is_blocked; /* the socket is full: what is sealed waits */
    unsigned              job_count, message_count, sent_count;
    size_t                used; /* of the arena */
    struct srtp_job       jobs[SEND_PACKETS];
    struct udp_message    messages[SEND_PACKETS];
    struct webrtc_viewer *viewers[SEND_PACKETS]; /* of the messages; NULL: has gone */
    uint8_t               arena[SEND_ARENA];
};

struct webrtc_worker {
    struct webrtc_server *server;
    struct loop          *loop;
    struct udp_socket    *socket; /* NULL: UDP is off */
    uv_poll_t             poll;
    bool                  is_polled;
    int                   events; /* that `poll` waits for */
    struct mail           start;  /* webrtc_worker_start() */
    struct dirty          dirty;
    struct webrtc_sender *sender;
    struct map           *feeds;      /* by the stream's number: struct webrtc_feed */
    struct list           active;     /* struct webrtc_feed with something to send */
    struct list           sessions;   /* struct webrtc_session */
    struct list           handshakes; /* struct webrtc_session with DTLS to be read */
    struct list           ending;     /* struct webrtc_session: are closed at the end of the turn */
    struct timer          pace;       /* long runs of parts go out in slices */
    struct timer          again;      /* handshakes that are left over */
    struct map           *by_ufrag;   /* local ICE user names: struct webrtc_session */
    struct map           *by_address; /* peers that have shown who they are: struct binding */
    unsigned              via;        /* who has passed on what is being received; 0: nobody */
    atomic_uint           strays_waiting; /* for this worker */
    struct pool           strays;         /* datagrams that are passed on to other workers */
};

/* A viewer: what is its own of a feed. webrtc_viewer.c, webrtc_send.c */

/**
 * From `first` on, a track's packets have the number of their part plus `offset`; those before
 * `delay_end` carry the playout-delay extension.
 */
struct webrtc_delta {
    uint64_t first; /* number on the wire, with its rollover counter */
    uint64_t delay_end;
    int64_t  offset;
};

struct webrtc_track {
    bool                is_on;
    bool                waits_for_keyframe;
    bool                in_frame; /* the frame that was begun is not whole yet */
    uint8_t             feed_track;
    uint8_t             payload_type;
    uint8_t             playout_delay; /* id of the header extension; 0: not negotiated */
    uint8_t             delta_count;
    uint32_t            ssrc;
    uint64_t            next; /* number on the wire: rollover counter << 16 | sequence number */
    uint32_t            packets, bytes;        /* for sender reports */
    struct webrtc_delta deltas[WEBRTC_DELTAS]; /* the newest first */
    uint32_t            lost, jitter;          /* as the peer reports */
};

/** What a packet is made of: the same gives the same bytes, at first and whenever it is sent again.
 */
struct webrtc_packet {
    const struct webrtc_track *track;
    const struct feed_part    *part;
    uint64_t                   number;
    bool                       has_delay;
};

/* First what each frame needs, up to its first track. */
struct webrtc_viewer {
    struct list_node    in_feed;
    struct webrtc_feed *feed;
    struct srtp_keys   *out_keys;
    uint64_t            next;      /* serial of the part that it looks at next */
    uint64_t            start_end; /* parts before it are those of the start */
    int64_t             behind_ns; /* since when the socket has kept it back; 0: it has not */
    bool                is_playing;
    bool                wants_report;
    bool                no_gso;
    bool                is_paced;
    uint8_t             tag_len;                    /* of out_keys */
    uint8_t             of_feed[STREAM_MAX_TRACKS]; /* index + 1 of the track that takes it */
    struct counters    *counters, *path_counters;
    struct udp_address  to, from;
    struct webrtc_track tracks[WEBRTC_MAX_TRACKS];

    unsigned             track_count;
    unsigned             slice;       /* parts each time, while paced */
    int64_t              slice_ns;    /* when the next slice may go */
    int64_t              played_ns;   /* when it started */
    unsigned             starts_left; /* that may be repeated */
    struct srtp_keys    *in_keys;
    struct srtcp_sources heard; /* RTCP of the peer's */
    uint32_t             rtcp_index;
    unsigned             resends; /* left for this second */
    int64_t              resends_ns;
    int64_t              rtt_ns;
};

/** What each frame needs of it. */
enum { WEBRTC_VIEWER_HOT = offsetof(struct webrtc_viewer, tracks[1]) };

/* A session: webrtc_session.c */

/** A candidate of ours. */
struct webrtc_host {
    char     address[INET6_ADDRSTRLEN];
    char     foundation[12]; /* equal for equal addresses */
    uint16_t port;
};

struct webrtc_medium {
    char   *kind, *mid;
    uint8_t payload_type;
    bool    is_accepted;
};

enum webrtc_state { WEBRTC_CONNECTING, WEBRTC_CONNECTED };

struct webrtc_session {
    struct webrtc_worker *worker;
    struct slot_id        id;
    struct list_node      in_worker;
    struct list           bindings; /* addresses of the peer that lead here */
    unsigned              binding_count;
    struct list_node      in_handshakes;
    struct list_node      in_ending;
    enum webrtc_state     state;
    struct ice_agent     *ice;
    struct dtls          *dtls;
    struct dtls_queue     received; /* DTLS datagrams that wait for their turn */
    struct webrtc_viewer  viewer;
    struct timer          timer;       /* ICE, DTLS and the handshake's limit */
    int64_t               deadline_ns; /* to be connected */
    char                  uuid[37];    /* as the API calls it */
    char                  secret[37];  /* of its URL */
    char                  peer[ADDRESS_TEXT];
    char                 *path;
    char                  tracks[128]; /* for the log: "2 tracks (H264, Opus)" */
    unsigned              host_count;
    struct webrtc_host   *hosts;
    struct log_context    log;
    struct slot_id        grant;
    struct webrtc_post   *post;  /* not answered yet */
    struct webrtc_medium *media; /* of the answer, for ICE restarts */
    unsigned              media_count;
    int64_t               trim_ns;        /* when DTLS gives its buffers back; INT64_MAX: it has */
    bool                  is_established; /* a way to the peer was found */
    bool                  is_ending;
    char                  ending[160];                  /* the reason, when it is about to end */
    char                  skipped[WEBRTC_SKIPPED_TEXT]; /* tracks that it does not get, and why */
};

/** A POST on its way: main, path, worker, main. */
struct webrtc_post {
    struct mail           mail;
    struct webrtc_server *server;
    struct slot_id        exchange;
    char                 *body; /* `offer` points into it */
    struct sdp_offer      offer;
    char                  path[PATH_MAX_NAME + 1];
    char                 *query; /* NULL: none */
    char                  peer[ADDRESS_TEXT];
    struct httpd_peer     http_peer; /* whom it counts for */
    struct path_request  *granted;
    unsigned              host_count;
    struct webrtc_host    hosts[WEBRTC_MAX_HOSTS];

    /* the answer */
    unsigned       status; /* 201, or an error's */
    struct errmsg  why;
    struct buf     answer;
    char           uuid[37], secret[37];
    char           skipped[WEBRTC_SKIPPED_TEXT];
    struct slot_id session;
    unsigned       worker;
};

/** What main is asked to do with a session: PATCH, DELETE. */
struct webrtc_order {
    struct mail           mail;
    struct webrtc_server *server;
    struct slot_id        exchange; /* zeros: nobody waits for an answer */
    struct slot_id        session;
    bool                  is_end;
    char                 *body; /* a fragment; `fragment` points into it */
    struct sdp_fragment   fragment;
    unsigned              status; /* of the answer */
    struct errmsg         why;
    struct buf            answer;
    char                  ufrag[32];
};

/** What main knows of a session; by its secret. */
struct webrtc_ticket {
    struct slot_id    session;
    unsigned          worker;
    struct httpd_peer peer;
    bool              is_pending; /* not connected yet */
};

struct webrtc_server {
    struct loop          *main;
    struct loop         **loops;
    unsigned              worker_count;
    struct auth          *auth;
    struct path_registry *registry;
    struct conf          *conf;
    struct httpd         *http;
    struct dtls_context  *dtls;
    struct webrtc_worker *workers; /* by the index of their loop; [0] is unused */
    struct log_context    log;
    struct map           *tickets;    /* by secret, on main: struct webrtc_ticket */
    struct httpd_quota   *pending;    /* on main: sessions that are not connected yet, */
    struct httpd_quota   *sessions;   /* and all of them */
    unsigned              gone_count; /* sessions, since memory was given back */
    struct webrtc_names  *names;      /* webrtcAdditionalHosts */
    struct network       *proxies;    /* webrtcTrustedProxies */
    unsigned              proxy_count;
};

/* webrtc_server.c */

/** From a worker: the session has gone, or is connected (and no longer pending). */
void webrtc_server_tell(struct webrtc_server *server, const struct webrtc_session *session,
                        bool is_gone);

/** On main, as all below: the books of sessions, and of who they belong to. */
void webrtc_server_open_counts(struct webrtc_server *server);
void webrtc_server_close_counts(struct webrtc_server *server);
/** A session begins that is not connected yet. -EBUSY with a reason: there are too many. */
int  webrtc_server_admit(struct webrtc_server *server, const struct httpd_peer *peer,
                         struct errmsg *why);
/** It came to nothing: it will get no ticket. */
void webrtc_server_dismiss(struct webrtc_server *server, const struct httpd_peer *peer);
/** It is there; its worker will tell when it is connected, and when it has gone. */
struct webrtc_ticket *webrtc_server_add_ticket(struct webrtc_server     *server,
                                               const struct webrtc_post *post);

/* webrtc_hosts.c */

/**
 * Begins to look webrtcAdditionalHosts up; addresses among them need no lookup. Warns of what can
 * be neither there, and of interfaces in the settings that do not exist.
 */
struct webrtc_names *webrtc_names_open(struct loop *main, const struct conf *conf);
/** Accepts NULL. Returns NULL; a lookup that hangs is left to itself. */
struct webrtc_names *webrtc_names_close(struct webrtc_names *names);
/**
 * Writes our candidates into the post of a request that came to `asked_at`: of names as they are
 * known now. What is known for a minute is looked up anew, for later posts. That there is none is
 * said in the log, once.
 */
void webrtc_hosts_gather(const struct webrtc_server *server, const struct address *asked_at,
                         struct webrtc_post *post);

/** When there is none: which settings are the reason. */
const char *webrtc_hosts_remedy(const struct conf *conf);

/* webrtc_http.c */

httpd_fn webrtc_http_on_request;
/** Mail to main: a worker has dealt with it. */
void     webrtc_http_on_posted(struct loop *loop, struct mail *mail);
void     webrtc_http_on_ordered(struct loop *loop, struct mail *mail);

/* webrtc_worker.c */

int  webrtc_worker_open(struct webrtc_worker *worker, struct webrtc_server *server,
                        struct loop *loop, const struct udp_options *options, struct errmsg *why);
/** Mail to the worker. */
void webrtc_worker_start(struct loop *loop, struct mail *mail);
/** On the worker, as it stops. */
void webrtc_worker_close(struct webrtc_worker *worker);
/** When its thread has ended. */
void webrtc_worker_fini(struct webrtc_worker *worker);
void webrtc_worker_mark(struct webrtc_worker *worker);
void webrtc_worker_activate(struct webrtc_worker *worker, struct webrtc_feed *feed);
void webrtc_worker_on_report(struct webrtc_worker *worker, struct webrtc_feed *feed);
void webrtc_worker_on_b_frames(struct webrtc_worker *worker, struct webrtc_feed *feed);
void webrtc_worker_send(struct webrtc_worker *worker, struct span datagram,
                        const struct udp_address *to, const struct udp_address *from);
/**
 * A check of the session's, or the answer to one of ours, has come from this address: what else
 * comes from there belongs to the session from now on, unless another one has the better claim.
 */
void webrtc_worker_bind(struct webrtc_session *session, const struct udp_address *peer);
void webrtc_worker_unbind(struct webrtc_session *session);

/* webrtc_send.c */

struct webrtc_sender *webrtc_sender_create(struct udp_socket *socket);
struct webrtc_sender *webrtc_sender_destroy(struct webrtc_sender *sender);
/** Sends what viewers have to get, as far as the socket takes it. */
void                  webrtc_send_flush(struct webrtc_worker *worker);
/** The socket takes more again. */
void                  webrtc_send_resume(struct webrtc_worker *worker);
/** Sends a packet once more, as it was. */
void                  webrtc_send_again(struct webrtc_worker *worker, struct webrtc_viewer *viewer,
                                        const struct webrtc_packet *packet);
/** RTCP of our own: `len` bytes at `compound`, which has SRTCP_MAX_TRAILER more. */
void webrtc_send_rtcp(struct webrtc_worker *worker, struct webrtc_viewer *viewer, uint8_t *compound,
                      size_t len);
/** The viewer goes: what is sealed for it is not sent. */
void webrtc_send_forget(struct webrtc_sender *sender, const struct webrtc_viewer *viewer);

/* webrtc_viewer.c */

/** Its stream is there: the session's answer can be written. */
void webrtc_viewer_on_stream(struct webrtc_viewer *viewer);
void webrtc_viewer_on_end(struct webrtc_viewer *viewer, enum stream_end reason);
/** What it points to, for a sweep that comes soon. */
void webrtc_viewer_prefetch(const struct webrtc_viewer *viewer);
void webrtc_viewer_init(struct webrtc_viewer *viewer);
void webrtc_viewer_fini(struct webrtc_viewer *viewer, struct webrtc_worker *worker);
/** Keys and addresses are there. */
void webrtc_viewer_play(struct webrtc_viewer *viewer);
/** An SRTCP packet of its own. */
void webrtc_viewer_on_rtcp(struct webrtc_worker *worker, struct webrtc_viewer *viewer,
                           struct span packet);
/** Sender reports for all its tracks. */
void webrtc_viewer_report(struct webrtc_worker *worker, struct webrtc_viewer *viewer);

/* webrtc_session.c */

/** Mail to a worker: a granted webrtc_post. */
void webrtc_session_open(struct loop *loop, struct mail *mail);
/** Mail to a worker: a webrtc_order. */
void webrtc_session_on_order(struct loop *loop, struct mail *mail);
/** It ends at the end of the turn; the first reason counts. */
__attribute__((format(printf, 2, 3))) void webrtc_session_end(struct webrtc_session *session,
                                                              const char            *format, ...);
/** Now; nothing of it may be in use. */
void                                       webrtc_session_destroy(struct webrtc_session *session);
void     webrtc_session_on_stun(struct webrtc_session *session, const struct stun_message *message,
                                const struct udp_datagram *datagram);
/** DTLS, RTP or RTCP from one of its addresses. */
void     webrtc_session_on_datagram(struct webrtc_session *session, struct span datagram);
/** Its turn to go on with DTLS. */
void     webrtc_session_handshake(struct webrtc_session *session);
/** Stream and tracks are known: answers the POST. */
void     webrtc_session_answer(struct webrtc_session *session);
/** The local ICE user name of the session whose checks begin so. */
void     webrtc_session_ufrag_of(const uint8_t tag[ICE_TAG_SIZE], char out[ICE_UFRAG_SIZE]);
/** Index of the worker that the user name says; 0: makes no sense. */
unsigned webrtc_session_worker_of(struct span ufrag);

static inline struct webrtc_session *webrtc_session_of(struct webrtc_viewer *viewer)
{
    return CONTAINER_OF(viewer, struct webrtc_session, viewer);
}

/* webrtc_answer.c */

/** Can any browser play it over WebRTC? */
bool webrtc_plays(const struct sdp_media *media);
/**
 * Chooses tracks for what is offered and writes post->answer; names those that are left out.
 * -EINVAL with a reason in post->why: nothing is left.
 */
int  webrtc_answer(struct webrtc_session *session, struct webrtc_post *post);
/** The answer to new credentials of the peer. */
void webrtc_answer_restart(const struct webrtc_session *session, struct buf *out);
