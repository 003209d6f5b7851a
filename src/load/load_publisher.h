/**
 * load_publisher: pushes one stream to the server (ANNOUNCE, RECORD).
 *
 * Life:    load_publisher_open(); when the loop has run to its end the memory is the owner's.
 */
#pragma once
#include "load/load_client.h"
#include "load/load_stream.h"

enum load_peer_state { LOAD_PEER_WAITING, LOAD_PEER_OPENING, LOAD_PEER_LIVE, LOAD_PEER_FAILED };

struct load_publisher {
    struct load_client   client;
    struct load_stream  *stream;
    struct load_sink     sink;
    struct buf           sdp;
    enum load_peer_state state;
    int64_t              opened_ns;
    struct errmsg        why; /* state LOAD_PEER_FAILED */
};

/** `target` without its sdp, which is the stream's. */
void load_publisher_open(struct load_publisher *publisher, struct load_net *net,
                         const struct load_client_target *target, struct load_stream *stream);

void load_publisher_fail(struct load_publisher *publisher, const struct errmsg *why);

/** Ends the session as load_client_leave() does. */
void load_publisher_leave(struct load_publisher *publisher);
