/**
 * load_serve: an RTSP server for servers that pull: it serves the streams over TCP, each to as
 * many clients as come.
 *
 * Shape:   knows OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, SET_PARAMETER and TEARDOWN, and
 *          neither UDP (461, so that clients ask again for TCP) nor authentication.
 * Threads: the loop's.
 */
#pragma once
#include "load/load_stream.h"

struct load_serve;

struct load_serve_streams {
    struct load_stream *streams;
    uint32_t            count;
    const char         *url; /* with "%d": its path is that of the streams */
};

/** -errno with a reason. The streams must outlive the server's last connection. */
int load_serve_open(struct load_net *net, const struct address *address,
                    const struct load_serve_streams *streams, struct load_serve **out,
                    struct errmsg *why);

/** The number of streams that somebody plays. */
uint32_t load_serve_count_live(const struct load_serve *serve);

/** Closes all connections. The memory goes when the loop has run; accepts NULL. Returns NULL. */
struct load_serve *load_serve_close(struct load_serve *serve);
