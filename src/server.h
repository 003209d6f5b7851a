/**
 * server: the whole of it: workers, listeners, path registry, from start to orderly end.
 *
 * Threads: the main thread, once.
 */
#pragma once

struct conf;

/**
 * Serves until SIGINT or SIGTERM. The log has its level and names the version and the file already.
 * `conf_file` (NULL: none) is where `conf` was read from; the server takes a reference of its own
 * to `conf` if it needs it for longer than the call.
 *
 * 0: it served and has closed everything. A negative errno: it could not start; why is in the log,
 * and what had been started is closed again.
 */
int server_run(const char *conf_file, struct conf *conf);
