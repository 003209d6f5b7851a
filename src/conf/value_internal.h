/**
 * value_internal: what a type of settings is made of. For value.c and the files of its types.
 */
#pragma once
#include "conf/conf.h"
#include "conf/value.h"

/** A field of any type. */
union field {
    bool                 boolean;
    int                  choice;
    unsigned             bits;
    int64_t              number;
    char                *string;
    struct conf_list     list;
    struct value_objects objects;
};

/** How fields of a type, and of others like it, lie in memory. */
struct value_shape {
    size_t size;
    /* NULL: byte by byte. */
    bool (*equal)(const struct setting *setting, const union field *a, const union field *b);
    /* NULL: nothing to free. */
    void (*fini)(const struct setting *setting, union field *field);
    /* value_check() for a field that messages call `name`. NULL: nothing left to check. */
    int (*check)(const struct setting *setting, const char *name, const union field *field,
                 int *item, struct errmsg *why);
};

extern const struct value_shape shape_bool, shape_choice, shape_bits, shape_number, shape_string,
    shape_list, shape_objects;

struct value_type {
    const char               *name;
    const struct value_shape *shape;
    unsigned                  kinds;   /* bits: of scalars that are read as text */
    bool                      is_list; /* parse() and read_item() add an item */
    bool                      keeps_on_null;
    bool                      hides_rest; /* messages show a text up to its first colon */
    const char               *expects;    /* "'x' is not ..."; the choices follow */
    int (*parse)(const struct setting *setting, struct span text, union field *field);
    /* Other than by parse(). */
    int (*read_item)(const struct setting *setting, const struct yaml_node *node,
                     union field *field, struct value_place *place, struct errmsg *why);
    void (*print)(const struct setting *setting, const union field *field, struct buf *out);
};

extern const struct value_type value_types[SETTING_TYPE_COUNT];

/** A field is as large and as aligned as its own type, not as the union. */
static inline union field value_load(const struct setting *setting, const void *field)
{
    union field out = { 0 };
    memcpy(&out, field, value_types[setting->type].shape->size);
    return out;
}

static inline void value_store(const struct setting *setting, const union field *from, void *field)
{
    memcpy(field, from, value_types[setting->type].shape->size);
}

/** The types of SET_OBJECTS. */
int  value_read_object(const struct setting *setting, const struct yaml_node *node,
                       union field *field, struct value_place *place, struct errmsg *why);
void value_print_objects(const struct setting *setting, const union field *field, struct buf *out);

/** The choice of that name, or NULL. */
const struct choice *value_find_choice(const struct setting *setting, struct span text);

/** `1 to 64 frames`. */
void value_print_range(const struct setting *setting, struct buf *out);

/** What is wrong in a node: `'x' is not ...`. -EINVAL. */
int value_refuse_node(const struct setting *setting, const struct yaml_node *node,
                      struct errmsg *why);

/** There are more items than the row allows. -E2BIG. */
int value_refuse_count(const struct setting *setting, struct errmsg *why);
