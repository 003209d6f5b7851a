/**
 * load_run: a whole load, from the first connection to the result.
 *
 *     connecting -> measuring -> draining -> leaving
 *
 * Connecting ends when every peer either works or has failed; measuring lasts as long as was
 * asked for; draining waits for what is still on its way, leaving for the server to say goodbye.
 *
 * Threads: one, which it blocks until the end.
 */
#pragma once
#include "base/auto.h"
#include "load/load_options.h"
#include "load/load_result.h"

struct load;

/** Resolves the server's name and opens nothing yet. Negative errno with a reason. */
int load_create(const struct load_options *options, struct load **out, struct errmsg *why);

/** Accepts NULL. Returns NULL. */
struct load *load_destroy(struct load *load);

DEFINE_AUTO(struct load *, load_destroy)

/** Runs to the end. Negative errno with a reason when it could not even begin. */
int load_run(struct load *load, struct errmsg *why);

/** After load_run(); borrowed. */
const struct load_result *load_get_result(const struct load *load);
