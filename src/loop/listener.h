/**
 * listener: a TCP port: accepts on the main loop and hands plain descriptors out.
 *
 * The port is bound without SO_REUSEPORT, so that a second instance fails at once instead of
 * sharing the clients. Out of descriptors, a waiting client is accepted on a spare one and
 * closed: the loop does not spin, and the log says so once a while.
 *
 * Threads: the loop's.
 */
#pragma once
#include "base/errmsg.h"
#include "base/log.h"
#include "loop/address.h"
#include "loop/loop.h"

struct listener;

/** `fd` is non-blocking, without delay (TCP_NODELAY), and the callee's from now on. */
typedef void listener_fn(void *arg, int fd, const struct address *peer);

/** `text` as in the settings: ":8554". The reason on failure is MediaMTX's. */
int listener_open(struct loop *loop, const char *text, const struct log_context *log,
                  listener_fn *on_accept, void *arg, struct listener **out, struct errmsg *why);

/** Accepts NULL. Returns NULL; the memory goes in a later turn. */
struct listener *listener_close(struct listener *listener);
