/**
 * path_regex: the expression behind the `~` of a path's name, with limits, as the names that are
 * matched against it come from peers.
 *
 * Threads: const once made; any thread may match.
 */
#pragma once
#include "base/auto.h"
#include "conf/conf.h"

struct conf_regex;

enum {
    CONF_REGEX_STEPS = 40000,      /* of a match, all in all: 1 to 4 ms */
    CONF_REGEX_MIN_STEPS = 200,    /* for each place where a match may begin, in a long name too */
    CONF_REGEX_MAX_DEPTH = 1000,   /* remembered choices */
    CONF_REGEX_MAX_HEAP_KB = 1024, /* for them */
};

/** Go's syntax where PCRE2 has the same. -EINVAL. */
int path_regex_create(const char *expression, struct conf_regex **out);

/** Accepts NULL. Returns NULL. */
struct conf_regex *path_regex_destroy(struct conf_regex *regex);

/**
 * Is there a match anywhere in `name`? A match that goes over a limit is none. `match` (may be
 * NULL) gets the groups, as many as the expression has; those that took no part are empty.
 */
bool path_regex_match(const struct conf_regex *regex, struct span name, struct conf_match *match);
