#include "conf/yaml_internal.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"
#include "conf/quote.h"

struct member {
    const struct yaml_node *node;
    size_t                  order;
    bool                    is_merged; /* came by `<<`: gives way to one of the same name */
    bool                    is_dropped;
};

struct members {
    struct member *items;
    size_t         count, capacity;
};

static void members_fini(struct members *members)
{
    mem_free(members->items);
}

static inline void auto_members_fini(struct members *members)
{
    members_fini(members);
}

static void members_add(struct members *members, const struct yaml_node *node, bool is_merged)
{
    if (members->count == members->capacity) {
        members->capacity = members->capacity ? members->capacity * 2 : 16;
        members->items = mem_resize(members->items, members->capacity * sizeof(members->items[0]));
    }
    members->items[members->count] =
        (struct member){ .node = node, .order = members->count, .is_merged = is_merged };
    members->count++;
}

static bool is_merge(const struct yaml_node *node)
{
    return span_is(node->key, "<<");
}

/* Copies, as each one is a link of its new map's list; what they hold stays shared. */
static int merge_map(struct yaml_tree *tree, const struct yaml_node *source,
                     struct members *members)
{
    for (const struct yaml_node *child = source->first; child; child = child->next) {
        struct yaml_node *copy = yaml_tree_add_node(tree);
        if (!copy)
            return -E2BIG;
        *copy = *child;
        members_add(members, copy, true);
    }
    return 0;
}

/* `<<: *a` or `<<: [*a, *b]`, where the first one wins. */
static int merge(struct yaml_tree *tree, const struct yaml_node *source, struct members *members)
{
    if (source->kind == YAML_MAP)
        return merge_map(tree, source, members);
    if (source->kind != YAML_LIST)
        return -EINVAL;
    for (const struct yaml_node *item = source->first; item; item = item->next) {
        int err = item->kind == YAML_MAP ? merge_map(tree, item, members) : -EINVAL;
        if (err < 0)
            return err;
    }
    return 0;
}

static int compare_names(const void *left, const void *right)
{
    const struct member *a = left, *b = right;
    size_t               len = MIN(a->node->key.len, b->node->key.len);
    int                  order = len ? memcmp(a->node->key.p, b->node->key.p, len) : 0;
    if (order == 0)
        order = (a->node->key.len > b->node->key.len) - (a->node->key.len < b->node->key.len);
    return order ? order : (a->order > b->order) - (a->order < b->order);
}

static int compare_orders(const void *left, const void *right)
{
    const struct member *a = left, *b = right;
    return (a->order > b->order) - (a->order < b->order);
}

/* Of equal names the first one stays; a second one that was written here is a mistake. */
static int drop_doubles(const char *file, struct members *members, struct errmsg *why)
{
    qsort(members->items, members->count, sizeof(members->items[0]), compare_names);
    const struct yaml_node *kept = members->items[0].node;
    for (size_t i = 1; i < members->count; i++) {
        struct member *member = &members->items[i];
        if (!span_equal(member->node->key, kept->key)) {
            kept = member->node;
            continue;
        }
        if (!member->is_merged)
            return errmsg_set(why, -EINVAL, "%s:%u:%u: '%s' is given twice, first in line %u", file,
                              member->node->key_line, member->node->key_column,
                              quote(kept->key).text, kept->key_line);
        member->is_dropped = true;
    }
    qsort(members->items, members->count, sizeof(members->items[0]), compare_orders);
    return 0;
}

static void relink(struct yaml_node *map, const struct members *members)
{
    const struct yaml_node **tail = &map->first;
    map->count = 0;
    for (size_t i = 0; i < members->count; i++) {
        /* The tree's own nodes: const only for its readers. */
        struct yaml_node *node = (struct yaml_node *)members->items[i].node;
        if (members->items[i].is_dropped || is_merge(node))
            continue;
        *tail = node;
        tail = &node->next;
        map->count++;
    }
    *tail = NULL;
}

int yaml_close_map(struct yaml_tree *tree, const char *file, struct yaml_node *map,
                   struct errmsg *why)
{
    AUTO(members_fini) struct members members = { 0 };
    for (const struct yaml_node *child = map->first; child; child = child->next)
        members_add(&members, child, false);
    for (const struct yaml_node *child = map->first; child; child = child->next) {
        int err = is_merge(child) ? merge(tree, child, &members) : 0;
        if (err < 0)
            return errmsg_set(why, err, "%s:%u:%u: %s", file, child->line, child->column,
                              err == -EINVAL ? "'<<' takes a map, or a list of maps"
                                             : "there is too much in this file");
    }
    if (members.count == 0)
        return 0;
    int err = drop_doubles(file, &members, why);
    if (err < 0)
        return err;
    relink(map, &members);
    return 0;
}
