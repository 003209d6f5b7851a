/**
 * settings: the one table of all keys. Everything that knows keys reads it: the YAML file, the
 * environment, --print-config, the reference in docs/, the comparison of two configurations. A
 * new key is a field in struct conf or struct conf_path and a row here, and nothing else.
 *
 * Order:   rows are sorted by name without regard to case, so that one search serves the file,
 *          where case matters, and the environment, where names are in capitals.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/errmsg.h"
#include "base/span.h"

enum setting_type {
    SET_ADDRESS,    /* char *, host:port, or empty */
    SET_BITS,       /* unsigned: a list of choices */
    SET_BOOL,       /* bool */
    SET_CREDENTIAL, /* char *, as credential.h has it */
    SET_DURATION,   /* int64_t, ns */
    SET_ENUM,       /* int: one of the choices */
    SET_INT,        /* int64_t */
    SET_NETWORKS,   /* struct conf_list: IPs and CIDRs, all written as CIDRs */
    SET_OBJECTS,    /* a count and an array of structs, as struct conf_ice_servers is */
    SET_POWER_OF_2, /* int64_t */
    SET_SIZE,       /* int64_t, bytes */
    SET_STRING,     /* char *, never NULL */
    SET_STRINGS,    /* struct conf_list */
    SET_URL,        /* char *, which begins with one of the choices, or is empty */
};
enum { SETTING_TYPE_COUNT = SET_URL + 1 };

enum setting_scope {
    SCOPE_GLOBAL, /* in struct conf */
    SCOPE_PATH,   /* in struct conf_path: pathDefaults and each entry of paths */
    SCOPE_ITEM,   /* in the struct of an item of SET_OBJECTS */
};

/** What a change of the key costs while the program runs. */
enum setting_apply {
    APPLY_AT_ONCE,
    APPLY_NEW_CONNECTIONS,
    APPLY_RESTART_API,
    APPLY_RESTART_METRICS,
    APPLY_RESTART_PPROF,
    APPLY_RESTART_RTSP,
    APPLY_RESTART_WEBRTC,
    APPLY_RESTART_PATH,
    APPLY_RESTART_PROGRAM,
};

/** A word of SET_ENUM or SET_BITS, a beginning of SET_URL; the last one's name is NULL. */
struct choice {
    const char *name;
    int         value;
    bool        is_bare; /* is taken without quotes too, where it would be a boolean */
};

struct setting {
    const char           *name;
    enum setting_type     type;
    enum setting_scope    scope;
    size_t                offset, size; /* of the field */
    const char           *initial;      /* the default, as the environment would write it, or a
                                           file for SET_OBJECTS; NULL: a word that must be given */
    const struct choice  *choices;
    int64_t               min, max; /* of a number, of a text's bytes, of a list's items;
                                       both 0: no limits */
    const struct setting *members; /* of SET_OBJECTS: the keys of an item, up to one without name */
    size_t                item_size; /* of SET_OBJECTS: the struct of an item */
    bool                  is_secret; /* no message shows a value */
    const char           *unit;      /* of min and max; may be NULL */
    enum setting_apply    apply;
    const char           *help; /* a sentence */
};

/**
 * All rows of a scope; behind the last one is one without a name:
 * `for (const struct setting *setting = settings_of(SCOPE_PATH); setting->name; setting++)`.
 */
const struct setting *settings_of(enum setting_scope scope);

/** The row whose name is `name` in upper or lower case, or NULL. */
const struct setting *settings_find(enum setting_scope scope, struct span name);

/** The row of a key of an item, whose name is `name` in upper or lower case, or NULL. */
const struct setting *settings_find_member(const struct setting *setting, struct span name);

/**
 * Is what one of these two found spelt as the key that was written? -EINVAL, with what might be
 * meant; `found` may be NULL.
 */
int settings_check_key(const struct setting *found, struct span key, struct errmsg *why);

/** The field in the struct that the row's scope says. */
static inline void *setting_field(const struct setting *setting, void *values)
{
    return (char *)values + setting->offset;
}

static inline const void *setting_value(const struct setting *setting, const void *values)
{
    return (const char *)values + setting->offset;
}
