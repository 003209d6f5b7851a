/**
 * webrtc_server: WHEP and its page on `webrtcAddress`, media on `webrtcLocalUDPAddress`.
 *
 * Thread:  main, but for webrtc_server_close_sessions().
 */
#pragma once
#include "base/errmsg.h"
#include "conf/conf.h"
#include "path/path.h"

struct webrtc_server;

struct webrtc_options {
    struct loop          *main;
    struct loop         **loops; /* [1..worker_count] are the workers */
    unsigned              worker_count;
    struct auth          *auth; /* lives until webrtc_server_stop() */
    struct path_registry *registry;
    struct conf          *conf;
};

/** Listens; each worker gets a UDP socket of its own. */
int webrtc_server_open(const struct webrtc_options *options, struct webrtc_server **out,
                       struct errmsg *why);

/** Stops listening. The sessions are closed by webrtc_server_close_sessions(). */
void webrtc_server_stop(struct webrtc_server *server);

/** On each worker, as it stops. */
void webrtc_server_close_sessions(struct webrtc_server *server, struct loop *loop);

/** When all workers have ended. Accepts NULL. Returns NULL. */
struct webrtc_server *webrtc_server_free(struct webrtc_server *server);
