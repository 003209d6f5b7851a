/**
 * httpd: the HTTP/1.1 server that WHEP and WHIP, the API, metrics, profiles and HLS share.
 *
 * Each user opens a server of its own, with its address, certificate and allowed origins, and
 * hears of whole requests: body read, chunks undone, path decoded. It answers at once or later;
 * meanwhile the connection waits, so that answers to pipelined requests keep their order.
 *
 *     static void on_request(void *arg, struct httpd_exchange *exchange)
 *     {
 *         const struct httpd_request *request = httpd_request(exchange);
 *         if (!span_is(request->method, "GET"))
 *             httpd_respond_error(exchange, 405, "method not allowed");
 *         else
 *             httpd_respond_not_found(exchange);
 *     }
 *
 * Answers: headers in the order of their names, as MediaMTX sends them; the server adds
 *          Access-Control-Allow-Origin, Server, Vary, Date, Content-Length and Connection.
 * Limits:  message.h's and HTTPD_MAX_... below; all are in docs/limits.md.
 * Threads: all functions, on the thread of the server's loop.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/errmsg.h"
#include "base/slots.h"
#include "base/span.h"
#include "http/message.h"
#include "httpd/httpd_quota.h"
#include "loop/address.h"

struct httpd;
struct httpd_exchange;
struct loop;

enum {
    HTTPD_MAX_CONNECTIONS_OF_A_PEER = 1024, /* on other machines; a browser opens up to 6 */
    /* Bytes of requests that are not answered and answers that are not fetched. */
    HTTPD_MAX_BYTES = 64 << 20,           /* of all peers */
    HTTPD_MAX_BYTES_OF_A_PEER = 16 << 20, /* on other machines; a browser's offer has 7 KB */
    HTTPD_BYTES_KEPT = 16 << 20,          /* for peers that hold ... */
    HTTPD_LITTLE_BYTES = 64 << 10,        /* ... so much at most: a head, and some more */
    HTTPD_MAX_ANSWERS_WAITING = 65536,    /* bytes; then a pipelined request has to wait */
    HTTPD_MAX_CHUNK_OVERHEAD = 16384,     /* bytes between a body's chunks and behind them */
    HTTPD_MAX_PROXIES = 16,               /* that a request has come through; two are many */
};

/**
 * A whole request. Its peer is the client, also where a trusted proxy stands between: then with
 * the proxy's port. Views are valid until it is answered. Exactly one answer: one httpd_respond...
 * call, after which the exchange is gone. It may come in a later turn, unless the client has left
 * by then; one that shuts down its sending side counts as gone.
 */
typedef void httpd_fn(void *arg, struct httpd_exchange *exchange);

/** Is it a proxy whose word counts for who asks? */
typedef bool httpd_trust_fn(void *arg, const struct address *address);

struct httpd_tls {
    bool        is_on;
    const char *cert_file; /* PEM, with the intermediate certificates */
    const char *key_file;  /* PEM, not encrypted; may be the same file */
};

/** Strings are copied. */
struct httpd_options {
    struct loop     *loop;
    const char      *address; /* as in the settings: ":8889" */
    const char      *name;    /* for log lines: "WebRTC" */
    struct httpd_tls tls;
    char *const     *allow_origins;    /* NULL-terminated, or NULL: httpd_origin.h */
    int64_t          read_timeout_ns;  /* for a whole request, and for a TLS handshake */
    int64_t          write_timeout_ns; /* without any progress */
    size_t           max_body_bytes;   /* at most MESSAGE_MAX_BODY */
    httpd_trust_fn  *is_proxy;         /* httpd_client.h; NULL: none is */
    httpd_fn        *on_request;
    void            *arg; /* of both */
};

/** Listens. The reason on failure is MediaMTX's. */
int httpd_create(const struct httpd_options *options, struct httpd **out, struct errmsg *why);

/**
 * Ends the listener and the connections; what has been answered is sent as far as the kernel
 * takes it, what has not is gone. Allowed in on_request, behind the answer. Accepts NULL. Returns
 * NULL.
 */
struct httpd *httpd_close(struct httpd *httpd);

struct httpd_request {
    struct span           method;   /* "GET" */
    struct span           raw_path; /* as sent: "/my%20cam/whep" */
    struct span           query;    /* as sent, without '?'; p == NULL when there is none */
    const char           *path;     /* decoded; begins with '/', or is "*" */
    const struct message *message;  /* headers by message_header() */
    struct span           body;     /* whole, without chunks */
    struct address        peer, local;
    const char           *peer_text; /* "192.0.2.1:40000" */
    struct httpd_peer     holder;    /* whom quotas count what it makes us hold for */
    bool                  is_secure; /* TLS */
};

const struct httpd_request *httpd_request(const struct httpd_exchange *exchange);

/** Of peer_text the host: in a log, what one client causes again and again is then one line. */
struct span httpd_request_host(const struct httpd_request *request);

/** For answers in later turns, or from other threads by way of loop_post(). */
struct slot_id httpd_exchange_id(const struct httpd_exchange *exchange);

/** NULL: it was answered, the client has gone, or the server (NULL) has. */
struct httpd_exchange *httpd_find(const struct httpd *httpd, struct slot_id id);

/** The client has left, or the server has ended, before there was an answer. */
typedef void httpd_leave_fn(void *arg);

/** For who works on an answer: `on_leave` tells that nobody waits for it any more. NULL: nothing.
 */
void httpd_watch(struct httpd_exchange *exchange, httpd_leave_fn *on_leave, void *arg);

/**
 * `name` in canonical spelling: "Www-Authenticate". CR, LF and NUL in `value` are refused by an
 * assertion: of a request it may quote headers, raw_path and query, which have none, but not
 * `path`.
 */
struct httpd_header {
    const char *name;
    struct span value;
};

/** All is copied before httpd_respond() returns. */
struct httpd_response {
    unsigned                   status;       /* 200 and above */
    const char                *content_type; /* NULL: no such header */
    struct span                body;         /* not sent for HEAD, 204 and 304 */
    const struct httpd_header *headers;      /* in any order; equal names keep theirs */
    unsigned                   header_count; /* at most HTTPD_MAX_HEADERS */
    bool                       is_last;      /* the connection ends behind it */
};

enum { HTTPD_MAX_HEADERS = 48 }; /* of an answer: WHEP's has one for each ICE server */

void httpd_respond(struct httpd_exchange *exchange, const struct httpd_response *response);

/** JSON: status "error" and the text, which may hold what a client sent. */
__attribute__((format(printf, 3, 4))) void
httpd_respond_error(struct httpd_exchange *exchange, unsigned status, const char *format, ...);

/** JSON: status "ok". */
void httpd_respond_ok(struct httpd_exchange *exchange);

/** 401, JSON as above, with a WWW-Authenticate header unless `challenge` is NULL. */
void httpd_respond_unauthorized(struct httpd_exchange *exchange, const char *challenge);

/** 404 with the plain text of MediaMTX's router. */
void httpd_respond_not_found(struct httpd_exchange *exchange);
