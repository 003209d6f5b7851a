/**
 * value: the types of settings: how each is read from YAML and from the environment, checked,
 * compared and written. What a type is made of is in value_types.c.
 *
 * A `field` is what setting_field() returns. Fields of zeros are valid for all functions but
 * value_print(), which wants one that was read.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/errmsg.h"
#include "base/span.h"
#include "conf/settings.h"
#include "conf/yaml.h"

/** How each list of objects in struct conf, and in an object, is laid out. */
struct value_objects {
    unsigned count;
    void    *items;
};

enum { VALUE_MAX_PATH = 96 };

/** Where a mistake is. */
struct value_place {
    unsigned line, column;
    char     path[VALUE_MAX_PATH]; /* behind the key: "[1].url", or nothing */
};

/**
 * Reads the text of an environment variable; lists are separated by commas, and one of objects
 * can only be emptied. -EINVAL, -ERANGE, -E2BIG, with the value and what is allowed in `why`; the
 * field is untouched then.
 */
int value_read_text(const struct setting *setting, struct span text, void *field,
                    struct errmsg *why);

/** Reads the row's default into a field of zeros, which stays so when there is none. */
void value_read_initial(const struct setting *setting, void *field);

/**
 * Reads a node, without coercion: a number is no string. Null keeps what is there, empties a
 * duration, and is an error for all else that is no plain string, number or boolean. Errors as
 * above, and their `place`.
 */
int value_read_node(const struct setting *setting, const struct yaml_node *node, void *field,
                    struct value_place *place, struct errmsg *why);

/** How many items a list of objects has. */
unsigned value_count_items(const struct setting *setting, const void *field);

/**
 * The struct of item `index` of a list of objects, for setting_field() of its keys. The one behind
 * the last is made, with the defaults of its keys. -E2BIG: over the row's limit.
 */
int value_get_item(const struct setting *setting, void *field, unsigned index, void **out,
                   struct errmsg *why);

/**
 * The limits of the row, apart from reading, as an environment variable may mend a file. -EINVAL;
 * `*item` is then the item of a list of objects that is wrong, or -1.
 */
int value_check(const struct setting *setting, const void *field, int *item, struct errmsg *why);

bool value_equal(const struct setting *setting, const void *a, const void *b);

/** As YAML, on one line. */
void value_print(const struct setting *setting, const void *field, struct buf *out);

/** Frees what the field holds and makes it zeros. */
void value_fini(const struct setting *setting, void *field);

/** For the reference: `duration`, and what of its kind is allowed, which may be nothing. */
const char *value_type_name(const struct setting *setting);
void        value_print_allowed(const struct setting *setting, struct buf *out);

/** Bytes of a field of that type. */
size_t value_size(enum setting_type type);
