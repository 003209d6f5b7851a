/**
 * webrtc_dtls: DTLS (RFC 6347) as WebRTC uses it: to agree on SRTP keys (RFC 5764) with the peer
 * whose certificate has the fingerprint that its offer named (RFC 8122), and to say goodbye.
 *
 * By OpenSSL. As the server, which we are whenever the offer leaves it to us, our order of SRTP
 * profiles decides: AES-128-GCM, AES-256-GCM, AES-CM with HMAC-SHA1-80.
 *
 * No sockets and no clock but OpenSSL's own: datagrams are handed in, what is to be sent is handed
 * out. One datagram is at most DTLS_MTU long.
 *
 * Owner:   a context belongs to the server, a connection to a session.
 * Threads: a context is used by all workers; a connection by its own.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/errmsg.h"
#include "base/span.h"
#include "sdp/sdp_offer.h"
#include "srtp/srtp.h"

struct dtls;
struct dtls_context;

enum {
    DTLS_MTU = 1200,
    DTLS_MAX_DATAGRAM = 2048, /* longer ones are dropped; a flight's pieces have DTLS_MTU */
    DTLS_MAX_QUEUE = 8,       /* datagrams of a peer that wait for their turn */
};

/** Makes an ECDSA certificate: half a millisecond. */
int                  dtls_context_create(struct dtls_context **out, struct errmsg *why);
/** Accepts NULL. Returns NULL. */
struct dtls_context *dtls_context_destroy(struct dtls_context *context);

/**
 * Other SRTP profiles than all of ours, by OpenSSL's names with colons between, for connections
 * that are created from now on. -EINVAL with a reason.
 */
int dtls_context_set_profiles(struct dtls_context *context, const char *names, struct errmsg *why);

/** SHA-256, for the answer. */
const struct sdp_fingerprint *dtls_context_fingerprint(const struct dtls_context *context);

/** Sends one datagram. */
typedef void dtls_send_fn(void *arg, struct span datagram);

struct dtls *dtls_create(struct dtls_context *context, bool is_server,
                         const struct sdp_fingerprint *peer, dtls_send_fn *send, void *arg);
/** Accepts NULL. Returns NULL. Says nothing to the peer: see dtls_close(). */
struct dtls *dtls_destroy(struct dtls *dtls);

enum dtls_state { DTLS_HANDSHAKE, DTLS_CONNECTED, DTLS_CLOSED, DTLS_FAILED };

/** The client's first flight; a server waits. May be called again. */
enum dtls_state dtls_start(struct dtls *dtls);

/** One step, 0.5 ms when it is one of the handshake's. */
enum dtls_state dtls_receive(struct dtls *dtls, struct span datagram);

/** In words, once it is DTLS_FAILED. */
const char *dtls_why(const struct dtls *dtls);

/** Nanoseconds until dtls_on_timeout() is to be called; -1: not at all. */
int64_t         dtls_timeout_ns(struct dtls *dtls);
enum dtls_state dtls_on_timeout(struct dtls *dtls);

/** Once it is DTLS_CONNECTED. The name of the SRTP profile, and the keys of both directions. */
int dtls_derive_keys(struct dtls *dtls, const struct srtp_sealer *sealer, struct srtp_keys **out,
                     struct srtp_keys **in, const char **profile);

/** Some time after the handshake: gives its buffers back, from now on after each datagram. */
void dtls_trim(struct dtls *dtls);

/**
 * Says goodbye: close_notify, or amid the handshake a fatal alert (user_canceled). That one is not
 * sealed: a peer that has its keys by then passes it over.
 */
void dtls_close(struct dtls *dtls);

/** Datagrams that wait; zeros are empty. */
struct dtls_queue {
    unsigned count;
    uint16_t lens[DTLS_MAX_QUEUE];
    uint8_t *bytes; /* NULL, or room for them, one behind the other */
    size_t   used;
};

/** Full, or the datagram too long: it is dropped, as a network might. */
void        dtls_queue_push(struct dtls_queue *queue, struct span datagram);
struct span dtls_queue_at(const struct dtls_queue *queue, unsigned index);
void        dtls_queue_clear(struct dtls_queue *queue);
