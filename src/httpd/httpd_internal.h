/**
 * What the modules of this folder share; nobody else includes it.
 *
 * A connection (httpd_conn.c) reads and writes the socket. Its bytes are made into requests by
 * httpd_request.c, one at a time: while an exchange waits for its answer (httpd_respond.c)
 * nothing more is read, so that the views into `in` stay where they are.
 */
#pragma once
#include "base/buf.h"
#include "base/list.h"
#include "base/log.h"
#include "httpd/httpd.h"
#include "httpd/httpd_chunks.h"
#include "httpd/httpd_quota.h"
#include "httpd/httpd_tls.h"
#include "loop/listener.h"
#include "loop/loop.h"

/* Between two requests; MediaMTX's figure. */
#define HTTPD_IDLE_NS (INT64_C(30) * 1000000000)

/* How long a client's last bytes are thrown away, so that it can read why it was sent off. */
#define HTTPD_LINGER_NS INT64_C(500000000)

struct httpd {
    struct loop        *loop;
    struct listener    *listener;
    struct log_context  log;
    struct httpd_certs *certs; /* NULL: no TLS */
    char              **allow_origins;
    int64_t             read_timeout_ns, write_timeout_ns;
    size_t              max_body_bytes;
    httpd_trust_fn     *is_proxy;
    httpd_fn           *on_request;
    void               *arg;
    struct slots       *exchanges;
    struct list         conns; /* struct httpd_conn */
    struct httpd_quota *connections;
    struct httpd_quota *bytes; /* of their buffers */
    int64_t             complained_ns;
};

enum httpd_state {
    HTTPD_READING,   /* a request, or waiting for one */
    HTTPD_ANSWERING, /* conn->exchange is with its handler */
    HTTPD_ENDING,    /* what waits is sent, and nothing else is heard */
    HTTPD_LINGERING, /* everything is sent */
    HTTPD_CLOSED,
};

struct httpd_conn {
    struct httpd          *httpd;
    struct list_node       in_httpd;
    struct httpd_peer      peer;    /* whose connection it is */
    struct httpd_peer      holder;  /* whose bytes it holds: the peer's, or a client's behind it */
    size_t                 counted; /* bytes: as the server's quota knows it */
    uv_poll_t              poll;
    int                    fd;
    int                    events;
    SSL                   *tls; /* NULL: plain */
    enum httpd_state       state;
    bool                   is_blocked;    /* the socket took not all of `out` */
    bool                   is_fresh;      /* no byte of a request has come yet */
    bool                   has_ended;     /* the client says no more */
    bool                   has_continued; /* 100 was sent for this request */
    int64_t                since_ns;      /* this request's first byte, or what is waited for */
    int64_t                blocked_ns;
    struct timer           timer;
    struct dirty           dirty;
    struct buf             in, out;
    size_t                 needed;   /* bytes in `in`, before it is worth a look; 0: not known */
    size_t                 head_len; /* of a request whose chunks are coming; else 0 */
    struct httpd_chunks    chunks;
    struct buf             body; /* those chunks, undone */
    struct httpd_exchange *exchange;
    struct address         peer_address, local_address;
    char                   peer_text[ADDRESS_TEXT];
    struct address         client; /* of the request: the peer, or who is behind it */
    char                   client_text[ADDRESS_TEXT];
};

struct httpd_exchange {
    struct httpd_conn   *conn;
    struct slot_id       id;
    size_t               used; /* bytes at the front of conn->in */
    bool                 is_head;
    bool                 is_last; /* as the client wants it */
    char                *path;
    struct message       message;
    struct httpd_request request;
    httpd_leave_fn      *on_leave; /* NULL: nobody watches, or it was answered */
    void                *on_leave_arg;
};

/* httpd.c: all of httpd_create() but the port. */
int httpd_prepare(const struct httpd_options *options, struct httpd **out, struct errmsg *why);

/* httpd.c: a client that has connected; a listener_fn. */
void httpd_accept(void *arg, int fd, const struct address *peer);

/* httpd.c: may it say who asks? */
bool httpd_is_proxy(const struct httpd *httpd, const struct address *address);

/* httpd_conn.c: counts itself among the connections of `peer`, who is the one at `address`, or
   the one that speaks for many. */
void httpd_conn_open(struct httpd *httpd, int fd, const struct address *address,
                     const struct httpd_peer *peer);
void httpd_conn_close(struct httpd_conn *conn);

/* Counts the bytes as this one's from now on. False: it holds too much; that has been said. */
bool httpd_conn_hold_for(struct httpd_conn *conn, const struct httpd_peer *holder);

/* As when the program ends: what the kernel takes now is sent. */
void httpd_conn_hang_up(struct httpd_conn *conn);

/* Sends `out` at the end of this turn, and goes on with what has become possible. */
void httpd_conn_mark(struct httpd_conn *conn);

/* httpd_request.c: one step on with conn->in. False: it takes more bytes, or an answer. */
bool httpd_request_read(struct httpd_conn *conn);

/* httpd_respond.c: answers what is no request; the connection ends. `detail` may be NULL. */
void httpd_refuse(struct httpd_conn *conn, unsigned status, const char *detail);

/* httpd_request.c: accepts NULL. Returns NULL. */
struct httpd_exchange *httpd_exchange_destroy(struct httpd_exchange *exchange);
