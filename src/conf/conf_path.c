#include "conf/conf.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"
#include "conf/conf_internal.h"
#include "conf/path_regex.h"

static bool is_name_byte(uint8_t c)
{
    bool is_letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
    return is_letter || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '/' || c == '.';
}

int conf_check_path_name(struct span name, struct errmsg *why)
{
    if (name.len == 0)
        return errmsg_set(why, -EINVAL, "cannot be empty");
    if (name.p[0] == '/')
        return errmsg_set(why, -EINVAL, "can't begin with a slash");
    if (name.p[name.len - 1] == '/')
        return errmsg_set(why, -EINVAL, "can't end with a slash");
    for (size_t i = 0; i < name.len; i++) {
        if (!is_name_byte(name.p[i]))
            return errmsg_set(why, -EINVAL,
                              "can contain only alphanumeric characters, underscore, dot, minus, "
                              "slash");
    }
    struct span rest = name, segment;
    while (span_next(&rest, '/', &segment)) {
        if (span_is(segment, ".") || span_is(segment, ".."))
            return errmsg_set(why, -EINVAL, "can't contain dot path segments");
    }
    return 0;
}

static int name_rank(const char *name)
{
    if (strcmp(name, "all") == 0 || strcmp(name, "all_others") == 0)
        return 2;
    return name[0] == '~';
}

int conf_compare_names(const char *a, const char *b)
{
    int order = name_rank(a) - name_rank(b);
    return order ? order : strcmp(a, b);
}

static int compare_paths(const void *left, const void *right)
{
    const struct conf_path *a = left, *b = right;
    return conf_compare_names(a->name, b->name);
}

void conf_reserve_paths(struct conf *conf, size_t count)
{
    size_t total = conf->path_count + count;
    conf->paths = mem_resize(conf->paths, total * sizeof(conf->paths[0]));
}

struct conf_path *conf_append_path(struct conf *conf, struct span name)
{
    struct conf_path *path = &conf->paths[conf->path_count++];
    *path = (struct conf_path){ .name = span_to_string(name) };
    return path;
}

struct conf_path *conf_insert_path(struct conf *conf, const char *name)
{
    size_t at = conf->path_count;
    while (at > 0 && conf_compare_names(name, conf->paths[at - 1].name) < 0)
        at--;
    conf_reserve_paths(conf, 1);
    struct conf_path *path = &conf->paths[at];
    memmove(path + 1, path, (conf->path_count - at) * sizeof(*path));
    *path = (struct conf_path){ .name = mem_string(name) };
    conf->path_count++;
    conf->plain_count += name_rank(name) == 0;
    return path;
}

void conf_sort_paths(struct conf *conf)
{
    if (conf->path_count > 0)
        qsort(conf->paths, conf->path_count, sizeof(conf->paths[0]), compare_paths);
    conf->plain_count = 0;
    while (conf->plain_count < conf->path_count &&
           name_rank(conf->paths[conf->plain_count].name) == 0)
        conf->plain_count++;
}

static size_t own_index(const struct setting *setting)
{
    return (size_t)(setting - settings_of(SCOPE_PATH));
}

bool conf_path_is_own(const struct conf_path *path, const struct setting *setting)
{
    size_t index = own_index(setting);
    return path->own[index / 64] >> (index % 64) & 1;
}

void conf_path_set_own(struct conf_path *path, const struct setting *setting)
{
    size_t index = own_index(setting);
    path->own[index / 64] |= UINT64_C(1) << (index % 64);
}

static int compare_with_plain(const void *key, const void *path)
{
    struct span name = *(const struct span *)key;
    struct span other = span_from_string(((const struct conf_path *)path)->name);
    size_t      len = MIN(name.len, other.len);
    int         order = len ? memcmp(name.p, other.p, len) : 0;
    return order ? order : (name.len > other.len) - (name.len < other.len);
}

static struct conf_path *find_plain(const struct conf *conf, struct span name)
{
    if (conf->plain_count == 0)
        return NULL;
    return bsearch(&name, conf->paths, conf->plain_count, sizeof(conf->paths[0]),
                   compare_with_plain);
}

struct conf_path *conf_get_path(const struct conf *conf, struct span name)
{
    struct conf_path *plain = find_plain(conf, name);
    if (plain)
        return plain;
    for (size_t i = conf->plain_count; i < conf->path_count; i++) {
        if (span_is(name, conf->paths[i].name))
            return &conf->paths[i];
    }
    return NULL;
}

const struct conf_path *conf_find_path(const struct conf *conf, struct span name,
                                       struct conf_match *match)
{
    if (match)
        match->group_count = 0;
    const struct conf_path *plain = find_plain(conf, name);
    if (plain)
        return plain;
    for (size_t i = conf->plain_count; i < conf->path_count; i++) {
        if (path_regex_match(conf->paths[i].regex, name, match))
            return &conf->paths[i];
    }
    return NULL;
}
