/**
 * udp: datagrams in batches: many messages a system call (recvmmsg, sendmmsg) and many datagrams
 * a message (UDP_GRO, UDP_SEGMENT), each with a fallback for kernels and sandboxes without it.
 *
 * Shape:   a plain non-blocking descriptor, which the caller polls; nothing is queued here, and
 *          no call allocates.
 * Owner:   whoever created the socket; it must not be destroyed from a callback of its own.
 * Threads: one for each socket; udp_probe() and the rest of the features from any.
 */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/errmsg.h"
#include "base/span.h"
#include "loop/address.h"

enum {
    UDP_MESSAGE_MAX = 65536,   /* what one message may bring when the kernel has merged some */
    UDP_RECEIVE_MESSAGES = 32, /* at most, a call of udp_socket_receive() */
    UDP_SEND_MESSAGES = 64,    /* at most, a system call of udp_socket_send() */
    UDP_GSO_MAX_SEGMENTS = 64, /* the kernel's limit before Linux 6.9 */
    UDP_GSO_MAX_BYTES = 61440, /* below 64 KB with all headers */
    UDP_FEATURES_TEXT = 96,
};

/** Zeros: every datagram is a system call of its own, which works everywhere. */
struct udp_features {
    bool recvmmsg;
    bool gro;
    bool sendmmsg;
    bool gso;
};

/** Tries each of them on a loopback socket of its own; once, at start. */
struct udp_features udp_probe(void);

/** What both have: takes features away for a setting or a test. */
struct udp_features udp_features_mask(struct udp_features features, struct udp_features allowed);

/** For one line of the log: "recvmmsg yes, sendmmsg yes, UDP_SEGMENT yes, UDP_GRO no". */
void udp_features_text(struct udp_features features, char out[UDP_FEATURES_TEXT]);

/** As struct address, in a fifth of its size. Zeros are no address. */
struct udp_address {
    union {
        struct sockaddr     any;
        struct sockaddr_in  v4;
        struct sockaddr_in6 v6;
    };
};

struct udp_address udp_address_pack(const struct address *address);
struct address     udp_address_unpack(const struct udp_address *address);
/** 0.0.0.0 or ::, which stand for all addresses of this host. */
bool               udp_address_is_any(const struct udp_address *address);

struct udp_options {
    struct address      local;
    struct udp_features features;
    bool                reuse_port;
    size_t              receive_buffer_bytes; /* 0: the kernel's default */
    size_t              send_buffer_bytes;    /* the same */
    size_t              datagram_max_bytes;   /* longer ones may be dropped; 0: none are */
};

struct udp_counters {
    uint64_t syscalls; /* that send and receive */
    uint64_t datagrams_in, bytes_in;
    uint64_t datagrams_out, bytes_out;
    uint64_t too_long;     /* received, but dropped: beyond datagram_max_bytes */
    uint64_t kernel_drops; /* the receive buffer was full; told by the next one that came in */
};

struct udp_socket;

/** Binds. Negative errno with a reason. */
int udp_socket_create(const struct udp_options *options, struct udp_socket **out,
                      struct errmsg *why);

/**
 * Binds, without reuse_port, and lets go: else a second instance would share the clients without a
 * word. `text` is the address in words.
 */
int udp_check_free(const struct udp_options *options, const char *text, struct errmsg *why);

/** Accepts NULL. Returns NULL. */
struct udp_socket *udp_socket_destroy(struct udp_socket *socket);

DEFINE_AUTO(struct udp_socket *, udp_socket_destroy)

/** To poll it. */
int udp_socket_fd(const struct udp_socket *socket);

/** With the port that the kernel chose, when 0 was asked for. */
const struct udp_address *udp_socket_local(const struct udp_socket *socket);

/** What is in use; a device that cannot do UDP_SEGMENT switches it off for the whole socket. */
struct udp_features udp_socket_features(const struct udp_socket *socket);

/** Less than was asked for when net.core.rmem_max is lower and we may not go beyond it. */
size_t udp_socket_receive_buffer(const struct udp_socket *socket);

const struct udp_counters *udp_socket_counters(const struct udp_socket *socket);

struct udp_datagram {
    struct span        payload; /* borrowed until the callback returns; may be empty */
    struct udp_address peer;
    struct udp_address local; /* where it arrived: answers must come from there (`from`) */
};

typedef void udp_datagram_fn(void *arg, const struct udp_datagram *datagram);

/** The least scratch that udp_socket_receive() takes for one message. */
size_t udp_socket_message_bytes(const struct udp_socket *socket);

/**
 * Receives as many messages as fit the scratch, by one recvmmsg where there is it, and calls
 * `on_datagram` for each datagram in order; the callback may send on the socket. More may be
 * waiting: the descriptor stays readable then. Returns the number of datagrams, 0 when there was
 * none; negative errno.
 */
int udp_socket_receive(struct udp_socket *socket, uint8_t *scratch, size_t scratch_bytes,
                       udp_datagram_fn *on_datagram, void *arg);

struct udp_message {
    struct span        payload; /* datagrams of `segment` bytes, the last may be shorter */
    struct udp_address to;
    struct udp_address from;    /* its port is ignored; zeros: as the kernel chooses.
                                 * A socket that is bound to one address sends from that one. */
    uint16_t           segment; /* 0: the payload is one datagram */
    bool               no_gso;  /* the way to this peer has refused UDP_SEGMENT */

    /* written by udp_socket_send(); zeros before it sees the message first */
    int    error; /* negative errno: the rest of the message was skipped */
    size_t sent;  /* bytes of the payload that are gone */
};

/**
 * Sends messages, in order. Returns how many are done with, sent or skipped: all, or fewer when
 * the socket is full. Those that are left stay the caller's: it hands them in again when the
 * descriptor is writable; the first of them may be half gone (`sent`).
 *
 * An error skips its message and is told in its `error`. Payloads are not empty.
 */
unsigned udp_socket_send(struct udp_socket *socket, struct udp_message *messages, unsigned count);

/**
 * True for a message that was refused because the way to its peer has no room for merged
 * datagrams: it may be handed in again, one by one now, and so should all others to that peer be.
 */
bool udp_message_split(struct udp_message *message);
