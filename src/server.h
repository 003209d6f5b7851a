/**
 * server: the whole of it: workers, listeners, path registry, from start to orderly end.
 *
 * Threads: the main thread, once.
 */
#pragma once

struct conf;

/**
 * Serves until SIGINT or SIGTERM; keeps a reference of its own to `conf`.
 *
 * 0: it served and has closed everything. A negative errno: it could not start; why is in the log,
 * and what had been started is closed again.
 */
int server_run(struct conf *conf);
