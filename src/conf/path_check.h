/**
 * path_check: the rules between the keys of one path, and for its name. Texts are those that
 * MediaMTX's users know, without a place, as they are the same wherever a value came from.
 */
#pragma once
#include "conf/conf.h"

/** `all_others` and its other names. */
bool path_name_is_catch_all(const char *name);

/**
 * Checks a path whose values are complete, and makes its expression. -EINVAL and the like;
 * `*key` is what is wrong then, NULL for the name of the entry.
 */
int path_check(struct conf_path *path, const char **key, struct errmsg *why);
