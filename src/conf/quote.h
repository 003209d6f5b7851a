/**
 * quote: a piece of somebody's text as a message shows it: cut at a length that leaves room for
 * the rest, and without control characters, which have no business on a terminal or in a log.
 *
 *     errmsg_set(why, -EINVAL, "'%s' is not a size", quote(text).text);
 */
#pragma once
#include "base/span.h"

enum { QUOTE_MAX = 80 };

struct quote {
    char text[QUOTE_MAX + 4]; /* "..." and a NUL */
};

struct quote quote(struct span text);
