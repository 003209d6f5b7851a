#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "conf/value_internal.h"

static void print_limit(const struct setting *setting, int64_t limit, struct buf *out)
{
    const struct value_type *type = &value_types[setting->type];
    if (limit != 0 && type->shape == &shape_number)
        type->print(setting, &(union field){ .number = limit }, out);
    else
        buf_printf(out, "%" PRId64, limit);
}

void value_print_range(const struct setting *setting, struct buf *out)
{
    if (setting->min == 0 && value_types[setting->type].shape != &shape_number) {
        buf_append_string(out, "up to ");
    } else {
        print_limit(setting, setting->min, out);
        buf_append_string(out, " to ");
    }
    print_limit(setting, setting->max, out);
    if (setting->unit)
        buf_printf(out, " %s", setting->unit);
}

static bool is_limited(const struct setting *setting)
{
    return setting->min != 0 || setting->max != 0;
}

static int check_number(const struct setting *setting, const char *name, const union field *field,
                        int *item, struct errmsg *why)
{
    int64_t number = field->number;
    if (!is_limited(setting))
        return 0;
    if (number <= 0 && setting->min > 0)
        return errmsg_set(why, -EINVAL, "'%s' must be greater than zero", name);
    if (setting->type == SET_POWER_OF_2 && (number & (number - 1)))
        return errmsg_set(why, -EINVAL, "'%s' must be a power of two", name);
    if (number >= setting->min && number <= setting->max)
        return 0;
    AUTO(buf_fini) struct buf range = { 0 }, given = { 0 };
    value_print_range(setting, &range);
    print_limit(setting, number, &given);
    return errmsg_set(why, -EINVAL, "'%s' must be in the range of %s, not %s", name,
                      buf_string(&range), buf_string(&given));
}

/* Only a key without a default is left at none of its words. */
static int check_choice(const struct setting *setting, const char *name, const union field *field,
                        int *item, struct errmsg *why)
{
    for (const struct choice *choice = setting->choices; choice->name; choice++) {
        if (choice->value == field->choice)
            return 0;
    }
    return errmsg_set(why, -EINVAL, "'%s' must be set", name);
}

static int check_string(const struct setting *setting, const char *name, const union field *field,
                        int *item, struct errmsg *why)
{
    int64_t len = (int64_t)span_from_string(field->string).len;
    if (!is_limited(setting))
        return 0;
    if (len == 0 && setting->min > 0)
        return errmsg_set(why, -EINVAL, "'%s' must be set", name);
    if (len >= setting->min && len <= setting->max)
        return 0;
    AUTO(buf_fini) struct buf range = { 0 };
    value_print_range(setting, &range);
    return errmsg_set(why, -EINVAL, "'%s' must have %s, not %" PRId64, name, buf_string(&range),
                      len);
}

/* Fields of zeros hold NULL. */
static bool string_equal(const struct setting *setting, const union field *a, const union field *b)
{
    return span_equal(span_from_string(a->string), span_from_string(b->string));
}

static void string_fini(const struct setting *setting, union field *field)
{
    mem_free(field->string);
}

static bool list_equal(const struct setting *setting, const union field *a, const union field *b)
{
    if (a->list.count != b->list.count)
        return false;
    for (unsigned i = 0; i < a->list.count; i++) {
        if (strcmp(a->list.items[i], b->list.items[i]) != 0)
            return false;
    }
    return true;
}

static void list_fini(const struct setting *setting, union field *field)
{
    for (unsigned i = 0; i < field->list.count; i++)
        mem_free(field->list.items[i]);
    mem_free(field->list.items);
}

static void *member_field(const struct setting *setting, const union field *field, unsigned index,
                          const struct setting *member)
{
    return setting_field(member, (char *)field->objects.items + index * setting->item_size);
}

static bool objects_equal(const struct setting *setting, const union field *a, const union field *b)
{
    if (a->objects.count != b->objects.count)
        return false;
    for (unsigned i = 0; i < a->objects.count; i++) {
        for (const struct setting *member = setting->members; member->name; member++) {
            if (!value_equal(member, member_field(setting, a, i, member),
                             member_field(setting, b, i, member)))
                return false;
        }
    }
    return true;
}

static void objects_fini(const struct setting *setting, union field *field)
{
    for (unsigned i = 0; i < field->objects.count; i++) {
        for (const struct setting *member = setting->members; member->name; member++)
            value_fini(member, member_field(setting, field, i, member));
    }
    mem_free(field->objects.items);
}

static int check_member(const struct setting *member, const char *name, const void *field,
                        struct errmsg *why)
{
    const struct value_shape *shape = value_types[member->type].shape;
    union field               value = value_load(member, field);
    int                       item; /* of a list within: the outer one's index says enough */
    return shape->check ? shape->check(member, name, &value, &item, why) : 0;
}

static int check_objects(const struct setting *setting, const char *name, const union field *field,
                         int *item, struct errmsg *why)
{
    for (unsigned i = 0; i < field->objects.count; i++) {
        for (const struct setting *member = setting->members; member->name; member++) {
            char path[VALUE_MAX_PATH];
            (void)snprintf(path, sizeof(path), "%s[%u].%s", name, i, member->name);
            int err = check_member(member, path, member_field(setting, field, i, member), why);
            if (err < 0) {
                *item = (int)i;
                return err;
            }
        }
    }
    return 0;
}

const struct value_shape shape_bool = { sizeof(bool), NULL, NULL, NULL };
const struct value_shape shape_choice = { sizeof(int), NULL, NULL, check_choice };
const struct value_shape shape_bits = { sizeof(unsigned), NULL, NULL, NULL };
const struct value_shape shape_number = { sizeof(int64_t), NULL, NULL, check_number };
const struct value_shape shape_string = { sizeof(char *), string_equal, string_fini, check_string };
const struct value_shape shape_list = { sizeof(struct conf_list), list_equal, list_fini, NULL };
const struct value_shape shape_objects = { sizeof(struct value_objects), objects_equal,
                                           objects_fini, check_objects };
