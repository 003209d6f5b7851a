/**
 * errmsg: what went wrong, in words for a person: what, where, and what would be right.
 */
#pragma once

enum { ERRMSG_SIZE = 512 };

struct errmsg {
    char text[ERRMSG_SIZE];
};

/** Sets the text (cut when too long) and returns `err`. `why` may be NULL. */
__attribute__((format(printf, 3, 4))) int errmsg_set(struct errmsg *why, int err,
                                                     const char *format, ...);

/** Puts words in front of the text that is there: `where: text`. Returns `err`. */
__attribute__((format(printf, 3, 4))) int errmsg_prefix(struct errmsg *why, int err,
                                                        const char *format, ...);

/** A negative errno, or one of libuv's codes, in words; good until the thread asks again. */
const char *err_text(int err);
