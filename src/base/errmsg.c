#include "base/errmsg.h"

#include <stdarg.h>
#include <stdio.h>
#include <uv.h>

int errmsg_set(struct errmsg *why, int err, const char *format, ...)
{
    if (why) {
        va_list args;
        va_start(args, format);
        (void)vsnprintf(why->text, sizeof(why->text), format, args);
        va_end(args);
    }
    return err;
}

int errmsg_prefix(struct errmsg *why, int err, const char *format, ...)
{
    if (why) {
        struct errmsg old = *why;
        char          prefix[ERRMSG_SIZE];
        va_list       args;
        va_start(args, format);
        (void)vsnprintf(prefix, sizeof(prefix), format, args);
        va_end(args);
        /* Cut where it is too long: the front says where, and that matters most. */
        int used = snprintf(why->text, sizeof(why->text), "%.200s: ", prefix);
        (void)snprintf(why->text + used, sizeof(why->text) - (size_t)used, "%s", old.text);
    }
    return err;
}

const char *err_text(int err)
{
    /* uv_strerror() leaks the text that it makes up for a number that it does not know. */
    static _Thread_local char text[64];
    return err == UV_EOF ? "EOF" : uv_strerror_r(err, text, sizeof(text));
}
