/**
 * rtsp_server: the RTSP port: accepts on the main loop, hands each connection to the least busy
 * worker.
 *
 * Thread:  main.
 */
#pragma once
#include "base/errmsg.h"
#include "conf/conf.h"
#include "path/path.h"

struct rtsp_server;

/** Listens; `loops[1..count]` are the workers. */
int rtsp_server_open(struct loop *main, struct loop **loops, unsigned count,
                     struct placement *placement, struct path_registry *registry, struct conf *conf,
                     struct rtsp_server **out, struct errmsg *why);

/** Stops accepting. The connections are closed by rtsp_server_close_connections(). */
void rtsp_server_stop(struct rtsp_server *server);

/** On each worker, as it stops: says BYE to readers and closes what lives there. */
void rtsp_server_close_connections(struct rtsp_server *server, struct loop *loop);

/** When all workers have ended. Accepts NULL. Returns NULL. */
struct rtsp_server *rtsp_server_free(struct rtsp_server *server);
