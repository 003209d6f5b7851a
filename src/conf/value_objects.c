#include <errno.h>
#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "conf/value_internal.h"

#define ASSERT_LAYOUT(list)                                                                        \
    _Static_assert(sizeof(struct value_objects) == sizeof(list) &&                                 \
                       offsetof(struct value_objects, items) == offsetof(list, items),             \
                   "a list of objects is a count and its items")

ASSERT_LAYOUT(struct conf_ice_servers);
ASSERT_LAYOUT(struct conf_permissions);
ASSERT_LAYOUT(struct conf_users);

static void *add_item(const struct setting *setting, struct value_objects *objects)
{
    objects->items = mem_resize(objects->items, (objects->count + 1) * setting->item_size);
    void *item = (char *)objects->items + objects->count++ * setting->item_size;
    memset(item, 0, setting->item_size);
    for (const struct setting *member = setting->members; member->name; member++)
        value_read_initial(member, setting_field(member, item));
    return item;
}

unsigned value_count_items(const struct setting *setting, const void *field)
{
    return value_load(setting, field).objects.count;
}

int value_get_item(const struct setting *setting, void *field, unsigned index, void **out,
                   struct errmsg *why)
{
    union field value = value_load(setting, field);
    ASSERT(index <= value.objects.count);
    if (index >= setting->max)
        return value_refuse_count(setting, why);
    *out = index < value.objects.count ? (char *)value.objects.items + index * setting->item_size
                                       : add_item(setting, &value.objects);
    value_store(setting, &value, field);
    return 0;
}

/* Where a mistake is in the item becomes where it is in the list. */
static int blame_item(struct value_place *place, unsigned index, const char *member, int err)
{
    char path[VALUE_MAX_PATH];
    (void)snprintf(path, sizeof(path), "[%u]%s%s%s", index, member ? "." : "", member ? member : "",
                   place->path);
    memcpy(place->path, path, sizeof(path));
    return err;
}

static int read_member(const struct setting *setting, const struct yaml_node *node, void *item,
                       unsigned index, struct value_place *place, struct errmsg *why)
{
    const struct setting *member = settings_find_member(setting, node->key);
    int                   err = settings_check_key(member, node->key, why);
    if (err < 0) {
        *place = (struct value_place){ .line = node->key_line, .column = node->key_column };
        return blame_item(place, index, NULL, err);
    }
    err = value_read_node(member, node, setting_field(member, item), place, why);
    return err < 0 ? blame_item(place, index, member->name, err) : 0;
}

int value_read_object(const struct setting *setting, const struct yaml_node *node,
                      union field *field, struct value_place *place, struct errmsg *why)
{
    unsigned index = field->objects.count;
    if (node->kind != YAML_MAP)
        return blame_item(place, index, NULL, value_refuse_node(setting, node, why));
    void *item = add_item(setting, &field->objects);
    for (const struct yaml_node *child = node->first; child; child = child->next) {
        int err = read_member(setting, child, item, index, place, why);
        if (err < 0)
            return err;
    }
    return 0;
}

static void print_object(const struct setting *setting, const void *item, struct buf *out)
{
    const char *comma = "{";
    for (const struct setting *member = setting->members; member->name; member++) {
        buf_printf(out, "%s%s: ", comma, member->name);
        value_print(member, setting_value(member, item), out);
        comma = ", ";
    }
    buf_append_string(out, "}");
}

void value_print_objects(const struct setting *setting, const union field *field, struct buf *out)
{
    const char *item = field->objects.items;
    buf_append_string(out, "[");
    for (unsigned i = 0; i < field->objects.count; i++, item += setting->item_size) {
        buf_append_string(out, i ? ", " : "");
        print_object(setting, item, out);
    }
    buf_append_string(out, "]");
}
