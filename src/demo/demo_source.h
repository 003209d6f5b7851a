/**
 * demo_source: `source: demo`: a few seconds of a test pattern with a running clock and a tone,
 * looped without an end, for a first look and for tests. It runs only while somebody reads.
 */
#pragma once
#include "loop/loop.h"
#include "path/path.h"

struct demo_server;

struct demo_server *demo_server_create(void);

/** What the path registry starts. */
struct path_source *demo_server_source(struct demo_server *server);

/** On each worker, as it stops: ends what runs there. */
void demo_server_close_sessions(struct demo_server *server, struct loop *loop);

/** When all workers have ended. Accepts NULL. Returns NULL. */
struct demo_server *demo_server_free(struct demo_server *server);
