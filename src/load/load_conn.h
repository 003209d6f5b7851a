/**
 * load_conn: one TCP connection that speaks RTSP with interleaved packets, from either end.
 *
 * Sending never waits: what the socket does not take is kept and goes out when it can.
 * Receiving takes up to LOAD_SCRATCH bytes in one call, into memory that all connections share.
 *
 * Life:    connect or accept, on_open, messages and frames in the order in which they came, on_end
 *          unless the owner closes first, on_closed. The memory is the owner's, after on_closed.
 * Threads: the loop's.
 */
#pragma once
#include <stdbool.h>
#include <uv.h>

#include "auth/auth_client.h"
#include "base/buf.h"
#include "http/message.h"
#include "loop/address.h"
#include "rtp/interleaved.h"

enum { LOAD_SCRATCH = 256 * 1024 };

/** What all connections of a load share. */
struct load_net {
    uv_loop_t loop;

    struct auth_account account; /* for servers that ask; no name: none */

    uint64_t blocked_sends; /* socket full: the peer does not read fast enough */
    uint8_t  scratch[LOAD_SCRATCH];
};

struct load_conn;

/** Each may close the connection. */
struct load_conn_ops {
    void (*on_open)(struct load_conn *conn);
    void (*on_message)(struct load_conn *conn, const struct message *message);
    void (*on_frame)(struct load_conn *conn, const struct interleaved_frame *frame, int64_t now_ns);
    void (*on_end)(struct load_conn *conn, int err); /* the owner closes, now or later */
    void (*on_closed)(struct load_conn *conn);
};

struct load_conn {
    const struct load_conn_ops *ops;
    struct load_net            *net;
    uv_poll_t                   poll;
    int                         fd;
    bool                        is_open;       /* load_conn_close() has to be called */
    bool                        is_connecting; /* on_open is to come */
    bool                        has_ended;     /* on_end was called */
    bool                        is_leaving;    /* load_conn_leave() was called */
    struct buf                  unsent;
    struct buf                  unread; /* the front of a message that is not whole yet */
};

/** on_open or on_end follow in a later turn. */
int load_conn_connect(struct load_conn *conn, struct load_net *net, const struct address *to,
                      const struct load_conn_ops *ops);

/** Takes over an accepted descriptor, also on failure; it is open at once, without on_open. */
int load_conn_accept(struct load_conn *conn, struct load_net *net, int fd,
                     const struct load_conn_ops *ops);

/** Nothing happens on a connection that broke: its end is told by on_end. */
void load_conn_send(struct load_conn *conn, struct span bytes);

/**
 * Says that nothing more is sent, passes over what still comes, and closes by itself when the peer
 * does: so that neither end loses what is on its way. Of the owner's calls only on_closed follows.
 */
void load_conn_leave(struct load_conn *conn);

/** on_closed follows in a later turn. A closed connection is left alone. */
void load_conn_close(struct load_conn *conn);
