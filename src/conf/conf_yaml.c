#include <errno.h>

#include "base/check.h"
#include "conf/conf_internal.h"
#include "conf/quote.h"
#include "conf/value.h"

struct reader {
    struct conf   *conf;
    const char    *file;
    struct errmsg *why;
};

/* Puts the place of a mistake in front of the text. */
static int blame_place(struct reader *reader, unsigned line, unsigned column, int err)
{
    return errmsg_prefix(reader->why, err, "%s:%u:%u", reader->file, line, column);
}

static int blame(struct reader *reader, const struct yaml_node *node, int err)
{
    return blame_place(reader, node->line, node->column, err);
}

/* The row of a member, whose name must be exact, or NULL after an error. */
static const struct setting *find_row(struct reader *reader, enum setting_scope scope,
                                      const struct yaml_node *node)
{
    const struct setting *setting = settings_find(scope, node->key);
    int                   err = settings_check_key(setting, node->key, reader->why);
    if (err == 0)
        return setting;
    (void)blame_place(reader, node->key_line, node->key_column, err);
    return NULL;
}

static int read_value(struct reader *reader, const struct setting *setting,
                      const struct yaml_node *node, void *values, struct value_place *place)
{
    int err = value_read_node(setting, node, setting_field(setting, values), place, reader->why);
    return err < 0 ? errmsg_prefix(reader->why, err, "'%s%s'", setting->name, place->path) : 0;
}

static int read_global(struct reader *reader, const struct yaml_node *node)
{
    const struct setting *setting = find_row(reader, SCOPE_GLOBAL, node);
    if (!setting)
        return -EINVAL;
    struct value_place place;
    int                err = read_value(reader, setting, node, reader->conf, &place);
    return err < 0 ? blame_place(reader, place.line, place.column, err) : 0;
}

static int read_defaults(struct reader *reader, const struct yaml_node *map)
{
    for (const struct yaml_node *node = map->first; node; node = node->next) {
        const struct setting *setting = find_row(reader, SCOPE_PATH, node);
        if (!setting)
            return -EINVAL;
        struct value_place place;
        int                err = read_value(reader, setting, node, &reader->conf->defaults, &place);
        if (err < 0) {
            err = errmsg_prefix(reader->why, err, "pathDefaults");
            return blame_place(reader, place.line, place.column, err);
        }
    }
    return 0;
}

static int read_path(struct reader *reader, const struct yaml_node *map)
{
    struct conf_path *path = conf_append_path(reader->conf, map->key);
    for (const struct yaml_node *node = map->first; node; node = node->next) {
        const struct setting *setting = find_row(reader, SCOPE_PATH, node);
        if (!setting)
            return -EINVAL;
        if (node->kind == YAML_NULL)
            continue; /* "not set": inherits */
        struct value_place place;
        int                err = read_value(reader, setting, node, path, &place);
        if (err < 0) {
            err = errmsg_prefix(reader->why, err, "path '%s'", quote(map->key).text);
            return blame_place(reader, place.line, place.column, err);
        }
        conf_path_set_own(path, setting);
    }
    return 0;
}

static int check_map(struct reader *reader, const struct yaml_node *node)
{
    if (node->kind == YAML_MAP || node->kind == YAML_NULL)
        return 0;
    return blame(reader, node,
                 errmsg_set(reader->why, -EINVAL, "'%s' holds settings, each as `key: value`",
                            quote(node->key).text));
}

static int read_paths(struct reader *reader, const struct yaml_node *map)
{
    if (map->count > CONF_MAX_PATHS)
        return blame(reader, map,
                     errmsg_set(reader->why, -E2BIG, "more than %d paths", CONF_MAX_PATHS));
    conf_reserve_paths(reader->conf, map->count);
    for (const struct yaml_node *node = map->first; node; node = node->next) {
        int err = check_map(reader, node);
        if (err == 0)
            err = read_path(reader, node);
        if (err < 0)
            return err;
    }
    conf_sort_paths(reader->conf);
    return 0;
}

static int read_member(struct reader *reader, const struct yaml_node *node)
{
    static const struct section {
        const char *name;
        int (*read)(struct reader *reader, const struct yaml_node *map);
    } sections[] = {
        { "pathDefaults", read_defaults },
        { "paths", read_paths },
    };
    for (size_t i = 0; i < COUNT(sections); i++) {
        if (!span_is(node->key, sections[i].name))
            continue;
        int err = check_map(reader, node);
        return err < 0 ? err : sections[i].read(reader, node);
    }
    return read_global(reader, node);
}

int conf_read_yaml(struct conf *conf, const struct conf_input *input, struct errmsg *why)
{
    struct reader reader = { conf, input->file, why };
    if (!input->root || input->root->kind == YAML_NULL)
        return 0;
    if (input->root->kind != YAML_MAP)
        return blame(&reader, input->root,
                     errmsg_set(why, -EINVAL, "a file holds settings, each as `key: value`"));
    for (const struct yaml_node *node = input->root->first; node; node = node->next) {
        int err = read_member(&reader, node);
        if (err < 0)
            return err;
    }
    return 0;
}
