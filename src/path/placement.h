/**
 * placement: which worker a new connection, source or reader goes to.
 *
 * A stream stays on the worker that its publisher's connection was given to, and its readers
 * follow it there, for a reader on another worker costs 1.4 to 2 times as much. Only when that
 * worker is busy for more than PLACEMENT_FULL per cent of the time do new readers go elsewhere;
 * or always, with `spread_readers`.
 *
 * Thread:  main. Busy is the CPU time of a worker's thread over the last second or so, looked at
 *          by whoever places something and once a second while there is somebody to serve.
 */
#pragma once
#include <stdint.h>

#include "loop/loop.h"

enum { PLACEMENT_FULL = 60, PLACEMENT_MAX_WORKERS = 256 };

struct placement;

/** `workers[1..count]` are their loops. `on_pick` is called with each placement_pick(). */
struct placement *placement_create(struct loop **workers, unsigned count, bool spread_readers,
                                   void (*on_pick)(void));

/** Accepts NULL. Returns NULL. */
struct placement *placement_destroy(struct placement *placement);

/** Looks how busy they are, if that was not done within the last second. */
void placement_sample(struct placement *placement);

/** The least busy worker's index; of equally busy ones, that with the fewest sessions. */
unsigned placement_pick(struct placement *placement);

/** Where a new reader of a stream on `owner` is to live. */
unsigned placement_pick_reader(struct placement *placement, unsigned owner);
