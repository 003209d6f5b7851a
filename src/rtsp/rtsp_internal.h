/**
 * What the modules of this folder share; nobody else includes it.
 *
 * A connection (rtsp_conn.c) reads and writes the socket. It has at most one session
 * (rtsp_session.c), which is either a reader (rtsp_read.c) or a publisher (rtsp_publish.c).
 * Requests are answered in rtsp_request.c. A question to main suspends the request: its bytes
 * stay where they are, and it is handled again from its start when the answer is there.
 */
#pragma once
#include "auth/auth_digest.h"
#include "base/buf.h"
#include "base/log.h"
#include "http/message.h"
#include "loop/address.h"
#include "rtsp/rtsp_server.h"
#include "rtsp/rtsp_transport.h"
#include "rtsp/rtsp_url.h"
#include "stream/ingest.h"
#include "stream/queue.h"
#include "stream/stream.h"

/* How long a connection or a reader's session may be silent; MediaMTX's figures. */
#define RTSP_SESSION_TIMEOUT_NS (INT64_C(60) * 1000000000)

enum {
    RTSP_MAX_SESSIONS =
        64, /* of one connection, one after the other: each is worth two log lines */
    RTSP_TOLD_TIMEOUT = 55,   /* seconds, in the Session header: a margin for slow clients */
    RTSP_MAX_OUT = 256 * 1024 /* answers that a client does not fetch */
};

struct rtsp_server {
    struct loop          *main;
    struct loop         **loops;
    struct placement     *placement;
    struct path_registry *registry;
    struct conf          *conf;
    struct listener      *listener;
    struct log_context    log;
    atomic_bool           is_closing;
    struct list          *conns; /* of each worker, by its index: struct rtsp_conn */
    struct rtsp_udp      *udp;   /* of each worker, by its index; NULL: no UDP */
    unsigned              udp_count;
};

enum rtsp_state {
    RTSP_INITIAL,
    RTSP_PRE_PLAY,
    RTSP_PLAY,
    RTSP_PRE_RECORD,
    RTSP_RECORD,
};

/* A stream may be found on this worker at once, or has to be asked for from another. */
enum rtsp_attach { RTSP_DETACHED, RTSP_ATTACHING, RTSP_ATTACHED, RTSP_STREAM_GONE };

struct rtsp_track {
    bool    is_set_up;
    uint8_t rtp_channel; /* the client's */
    uint8_t rtcp_channel;
};

/* First what each turn with media looks at: a camera's lines are cold when its frame comes. */
struct rtsp_session {
    struct rtsp_conn        *conn;
    enum rtsp_state          state;
    unsigned                 track_count; /* of the description */
    struct stream           *stream;
    struct ingest           *ingest;
    struct counters         *counters;
    struct counters         *path_counters;
    struct rtsp_udp_session *udp; /* NULL: media comes and goes by the connection */
    struct rtsp_track        tracks[STREAM_MAX_TRACKS];
    char                     id[33];
    struct log_context       log;
    char                    *path;
    struct description      *description; /* publishers: what was announced; readers: at SETUP */
    unsigned                 set_up_count;
    char                   **controls; /* publishers: the tracks' names, until RECORD */
    bool                     has_grant;
    struct slot_id           grant;

    /* readers */
    enum rtsp_attach attach;
    struct reader    reader;
    struct queue     queue;
    uint32_t         begun_bytes;  /* of the queue's first packet: sent already, header and all */
    uint16_t         track_mask;   /* tracks that are set up; bits */
    bool             is_canonical; /* all tracks are set up on the channels 2 x track */
    uint64_t         unlogged_discards;
    int64_t          discards_logged_ns;

    /* publishers */
    struct timer  report_timer;
    struct source source;
    uint8_t       feedback[STREAM_MAX_TRACKS]; /* enum sdp_feedback: what may be said of a track */
    uint8_t       fir_count;
    bool          is_lost; /* amid rubbish: only a channel of its own begins a frame */
    uint64_t      logged_jumps;
    int64_t       jumps_logged_ns;
};

/* What a connection remembers wherever it lives. */
struct rtsp_past {
    bool    had_session;
    bool    has_retried;       /* for this request, as the stream had just gone */
    uint8_t torn_down;         /* sessions */
    char    nonce[AUTH_NONCE]; /* of the digest that was asked for; empty: none was */
};

/* As above: the end of `poll`, which libuv looks at, and what follows it share a cache line. */
struct rtsp_conn {
    uv_poll_t            poll;
    struct rtsp_session *session;
    struct loop         *loop;
    int                  fd;
    bool                 is_asking; /* main has not answered yet */
    bool                 is_closed;
    bool                 is_hung_up; /* the client has gone; its media by UDP has not yet */
    int64_t      heard_ns; /* the last whole request or frame, or the first byte; 0: none yet */
    int          events;   /* that `poll` waits for */
    struct dirty dirty;
    struct rtsp_server  *server;
    struct list_node     in_worker; /* server.conns */
    struct slot_id       id;
    struct timer         timer;
    struct log_context   log;
    char                 peer[ADDRESS_TEXT];
    struct address       address;    /* of the peer */
    struct buf           in;         /* not parsed yet, or being handled; unused while recording */
    struct buf           out;        /* answers and RTCP to be sent between packets */
    struct path_request *answer;     /* main's, to the request that is being handled */
    bool                 is_again;   /* the request was suspended, and logged then */
    bool                 is_blocked; /* the socket takes no more for now */
    char                *last_words; /* not NULL: the reason to close when all is sent */
    struct rtsp_past     past;
    bool                 is_spent;   /* named a session that never was: the next request ends it */
    enum rtsp_attach     attach;     /* of `probe` */
    struct reader        probe;      /* DESCRIBE reads no packets, only what the stream is */
    int64_t              blocked_ns; /* since when */
};

/* What travels to the worker where a connection is to live. */
struct rtsp_seed {
    struct mail          mail;
    struct rtsp_server  *server;
    int                  fd;
    char                 peer[ADDRESS_TEXT];
    struct address       address;
    bool                 is_moved; /* it has lived on another worker */
    struct rtsp_past     past;
    struct buf           in, out;
    struct path_request *answer;
};

/* rtsp_conn.c */

/** The seed's message handler: the connection begins to live on that loop. */
void rtsp_conn_open(struct loop *loop, struct mail *mail);
/** Says why in the log; may be called from anywhere on the loop, and twice. */
void rtsp_conn_close(struct rtsp_conn *conn, const char *reason);
/** The connection is broken: a session whose media goes by UDP outlives it for a while. */
void rtsp_conn_lose(struct rtsp_conn *conn, const char *reason);
/** The same as rtsp_conn_close(), when everything that waits has been sent. */
void rtsp_conn_close_later(struct rtsp_conn *conn, const char *reason);
/** Once more, with what is in conn->answer, on another worker; `conn` is gone afterwards. */
void rtsp_conn_move(struct rtsp_conn *conn, struct loop *to);
/** Something is to be sent at the end of the turn. */
void rtsp_conn_mark(struct rtsp_conn *conn);
/** What was suspended (conn->is_asking) goes on; otherwise nothing happens. */
void rtsp_conn_resume(struct rtsp_conn *conn);
/** Takes main's answer away, if there is one. Gives its grant back, if it was not taken. */
void rtsp_conn_drop_answer(struct rtsp_conn *conn);
/** The deadlines have changed. */
void rtsp_conn_set_timer(struct rtsp_conn *conn);
/** Sends a question to main; the request is handled again when the answer has come. */
void rtsp_conn_ask(struct rtsp_conn *conn, struct path_request *request, const char *path);

/* rtsp_request.c */

/**
 * Answers one request. -EINPROGRESS: main was asked. -ECANCELED: the connection has moved away or
 * was closed, and is not to be touched.
 */
int rtsp_request_handle(struct rtsp_conn *conn, const struct message *request);

/* rtsp_describe.c, rtsp_setup.c: handlers as in the table of rtsp_request.c */

int rtsp_on_describe(struct rtsp_conn *conn, const struct message *request);
int rtsp_on_setup(struct rtsp_conn *conn, const struct message *request);

/* rtsp_auth.c */

/** Sends a question to main, with what the request says of who asks. Returns -EINPROGRESS. */
int rtsp_auth_ask(struct rtsp_conn *conn, const struct message *request,
                  enum path_question question, const char *path);
/** For an answer of main's that is PATH_ASK or PATH_DENIED. */
int rtsp_auth_refuse(struct rtsp_conn *conn, const struct message *request,
                     const struct path_request *answer);

/* rtsp_respond.c */

/** What an answer holds besides CSeq and Server; zeros: not there. */
struct rtsp_response {
    unsigned    status;
    bool        has_session; /* names the connection's session */
    struct span content_base, content_type, body;
    struct span location, public, rtp_info, transport;
    struct span challenges[2]; /* WWW-Authenticate */
};

void rtsp_respond(struct rtsp_conn *conn, const struct message *request,
                  const struct rtsp_response *response);
/** Answers with `status`; 400 also closes the connection, with that reason in the log. Returns 0.
 */
__attribute__((format(printf, 4, 5))) int rtsp_refuse(struct rtsp_conn     *conn,
                                                      const struct message *request,
                                                      unsigned status, const char *format, ...);
/** With 400, for what is wrong with the request's URL; passwords in it are not logged. */
int rtsp_refuse_url(struct rtsp_conn *conn, const struct message *request, const char *why);
/** For an answer of main's that is not PATH_OK. */
int rtsp_refuse_path(struct rtsp_conn *conn, const struct message *request,
                     const struct path_request *answer);

/* rtsp_session.c */

/** Its packets come by the connection, amid requests. */
static inline bool rtsp_session_records_tcp(const struct rtsp_session *session)
{
    return session && session->state == RTSP_RECORD && !session->udp;
}

struct rtsp_session *rtsp_session_create(struct rtsp_conn *conn);
/** Logs the reason; the connection stays. Accepts NULL. Returns NULL. */
struct rtsp_session *rtsp_session_destroy(struct rtsp_session *session, const char *reason);
/** Takes over what a granted request has brought. */
void rtsp_session_take_grant(struct rtsp_session *session, struct path_request *answer);
void rtsp_session_release_grant(struct rtsp_session *session);
/** Track of a channel, or -1; `*is_rtcp` tells which of the two it is. */
int  rtsp_session_find_channel(const struct rtsp_session *session, uint8_t channel, bool *is_rtcp);

/* rtsp_read.c */

void     rtsp_read_init(struct rtsp_session *session);
void     rtsp_read_play(struct rtsp_session *session);
/** Nothing more comes, and the packet that was begun is finished first. */
void     rtsp_read_pause(struct rtsp_session *session);
void     rtsp_read_fini(struct rtsp_session *session);
/** The packets of `mask` whose tracks are set up. */
uint32_t rtsp_read_wanted(const struct rtsp_session *session, const struct batch *batch,
                          uint32_t mask);
void     rtsp_read_count_discarded(struct rtsp_session *session, unsigned frames);
/** As stream_next_packet(), for this reader. */
bool     rtsp_read_next_packet(struct rtsp_session *session, unsigned track, uint16_t *seq,
                               uint32_t *ticks);
/** RTCP BYE for each track, as the server ends. */
void     rtsp_read_say_bye(struct rtsp_session *session);

/* rtsp_write.c */

/** Sends answers and packets. Negative errno: the connection is broken. */
int  rtsp_write_flush(struct rtsp_conn *conn);
/** The rest of a packet of which a part was sent goes to the front of conn->out. */
void rtsp_write_finish_packet(struct rtsp_conn *conn);

/* rtsp_publish.c */

/** Main has granted it: the stream begins. */
void    rtsp_publish_start(struct rtsp_session *session, struct path_request *answer);
/** The stream ends, and what was received and not parsed goes back to conn->in. */
void    rtsp_publish_stop(struct rtsp_session *session);
/**
 * What came behind the request that started it moves from conn->in to where packets are read, until
 * recording ends. Returns 1 or a negative errno.
 */
int     rtsp_publish_feed(struct rtsp_session *session);
/** Of one of its tracks, whichever way it came. */
void    rtsp_publish_take_rtcp(struct rtsp_session *session, unsigned track, struct span compound);
/** When the publisher last sent something that counts. */
int64_t rtsp_publish_heard_ns(const struct rtsp_session *session);
/** Reads the socket and handles what came. Negative errno: the connection is to be closed. */
int     rtsp_publish_receive(struct rtsp_session *session);
