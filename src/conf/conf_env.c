#include <ctype.h>
#include <errno.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "conf/conf_internal.h"
#include "conf/quote.h"
#include "conf/value.h"

/* In the order in which they are read: the later one wins. */
static const char *const prefixes[] = { "RTSP_", "MTX_" };

#define DEFAULTS_PART "PATHDEFAULTS_"
#define PATHS_PART    "PATHS_"

struct variable {
    struct span name, value;
    struct span rest; /* of the name, behind its prefix */
};

static struct variable split_variable(const char *entry)
{
    struct span text = span_from_string(entry);
    ptrdiff_t   at = span_find(text, '=');
    if (at < 0)
        return (struct variable){ .name = text };
    return (struct variable){ .name = span_first(text, (size_t)at),
                              .value = span_skip(text, (size_t)at + 1) };
}

/* The next one with that prefix. `entries` may be NULL. */
static bool next_variable(char ***entries, const char *prefix, struct variable *out)
{
    while (*entries && **entries) {
        *out = split_variable(*(*entries)++);
        if (span_starts_with(out->name, prefix)) {
            out->rest = span_skip(out->name, strlen(prefix));
            return true;
        }
    }
    return false;
}

static bool is_upper(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (islower(text.p[i]))
            return false;
    }
    return true;
}

/* A key without a row, or not in capitals, is passed over in silence, as MediaMTX does. */
static int read_key(enum setting_scope scope, struct span key, struct span value, void *values,
                    const struct setting **found, struct errmsg *why)
{
    *found = is_upper(key) ? settings_find(scope, key) : NULL;
    if (!*found)
        return 0;
    return value_read_text(*found, value, setting_field(*found, values), why);
}

/* The entry that `CAM1` means, made when it is missing. */
static int get_or_add_path(struct conf *conf, struct span upper, struct conf_path **out,
                           struct errmsg *why)
{
    AUTO(mem_free) char *name = span_to_string(upper);
    for (char *c = name; *c; c++)
        *c = (char)tolower(*c);
    *out = conf_get_path(conf, span_from_string(name));
    if (!*out && conf->path_count >= CONF_MAX_PATHS)
        return errmsg_set(why, -E2BIG, "more than %d paths", CONF_MAX_PATHS);
    if (!*out)
        *out = conf_insert_path(conf, name);
    return 0;
}

/* NAME_KEY: the name ends at the first underscore. */
static int read_path_variable(struct conf *conf, struct span rest, struct span value,
                              struct errmsg *why)
{
    struct span       name;
    struct conf_path *path;
    if (!span_next(&rest, '_', &name) || name.len == 0 || !is_upper(name))
        return 0;
    int err = get_or_add_path(conf, name, &path, why);
    if (err < 0)
        return err;
    const struct setting *setting;
    err = read_key(SCOPE_PATH, rest, value, path, &setting, why);
    if (err == 0 && setting)
        conf_path_set_own(path, setting);
    return err;
}

static int read_variable(struct conf *conf, const struct variable *variable, struct errmsg *why)
{
    const struct setting *setting;
    struct span           rest = variable->rest, value = variable->value;
    if (span_starts_with(rest, PATHS_PART))
        return read_path_variable(conf, span_skip(rest, strlen(PATHS_PART)), value, why);
    if (span_starts_with(rest, DEFAULTS_PART))
        return read_key(SCOPE_PATH, span_skip(rest, strlen(DEFAULTS_PART)), value, &conf->defaults,
                        &setting, why);
    return read_key(SCOPE_GLOBAL, rest, value, conf, &setting, why);
}

static void print_upper(const char *text, struct buf *out)
{
    for (; *text; text++)
        buf_printf(out, "%c", toupper(*text));
}

/* The variables of a prefix, from the front, and where mistakes are told. */
struct source {
    char         **entries;
    const char    *prefix;
    struct errmsg *why;
};

/*
 * The key that `PASS` means in an item, or the list within that `PERMISSIONS_0_ACTION` means, or
 * NULL.
 */
static const struct setting *find_member(const struct setting *setting, struct span rest)
{
    const struct setting *member = is_upper(rest) ? settings_find_member(setting, rest) : NULL;
    struct span           name, digits;
    uint64_t              number;
    if (member || !span_next(&rest, '_', &name) || !span_next(&rest, '_', &digits))
        return member;
    member = is_upper(name) ? settings_find_member(setting, name) : NULL;
    if (!member || !member->members || span_to_uint(digits, member->max, &number) < 0)
        return NULL;
    return find_member(member, rest) ? member : NULL;
}

/* What each variable `NAME_INDEX_...` gives the item, or its lists of objects by being there. */
static int read_keys(const struct source *source, const struct setting *setting, void *field,
                     unsigned index, const char *name)
{
    struct variable variable;
    char          **entries = source->entries;
    while (next_variable(&entries, name, &variable)) {
        void                 *item;
        const struct setting *member = find_member(setting, variable.rest);
        if (!member)
            continue;
        int err = value_get_item(setting, field, index, &item, source->why);
        if (err == 0 && span_is_nocase(variable.rest, member->name))
            err = value_read_text(member, variable.value, setting_field(member, item), source->why);
        if (err < 0)
            return errmsg_prefix(source->why, err, "%s", quote(variable.name).text);
    }
    return 0;
}

static int read_items(const struct source *source, const struct setting *setting, void *field,
                      const char *name);

static int read_item(const struct source *source, const struct setting *setting, void *field,
                     unsigned index, const char *name)
{
    void *item;
    int   err = read_keys(source, setting, field, index, name);
    if (err < 0 || index >= value_count_items(setting, field))
        return err;
    (void)value_get_item(setting, field, index, &item, NULL);
    for (const struct setting *member = setting->members; member->name; member++) {
        AUTO(buf_fini) struct buf inner = { 0 };
        if (!member->members)
            continue;
        buf_append_string(&inner, name);
        print_upper(member->name, &inner);
        err = read_items(source, member, setting_field(member, item), buf_string(&inner));
        if (err < 0)
            return err;
    }
    return 0;
}

/* Items that are there are edited; others follow, up to an index that no variable has. */
static int read_items(const struct source *source, const struct setting *setting, void *field,
                      const char *name)
{
    for (unsigned i = 0; i <= value_count_items(setting, field); i++) {
        AUTO(buf_fini) struct buf inner = { 0 };
        buf_printf(&inner, "%s_%u_", name, i);
        int err = read_item(source, setting, field, i, buf_string(&inner));
        if (err < 0)
            return err;
    }
    return 0;
}

static int read_lists(const struct source *source, struct conf *conf)
{
    for (const struct setting *setting = settings_of(SCOPE_GLOBAL); setting->name; setting++) {
        AUTO(buf_fini) struct buf name = { 0 };
        if (!setting->members)
            continue;
        buf_append_string(&name, source->prefix);
        print_upper(setting->name, &name);
        int err = read_items(source, setting, setting_field(setting, conf), buf_string(&name));
        if (err < 0)
            return err;
    }
    return 0;
}

static int read_prefix(struct conf *conf, char **entries, const char *prefix, struct errmsg *why)
{
    struct variable variable;
    char          **rest = entries;
    while (next_variable(&rest, prefix, &variable)) {
        int err = read_variable(conf, &variable, why);
        if (err < 0)
            return errmsg_prefix(why, err, "%s", quote(variable.name).text);
    }
    return read_lists(&(struct source){ entries, prefix, why }, conf);
}

int conf_read_environment(struct conf *conf, const struct conf_input *input, struct errmsg *why)
{
    int err = 0;
    for (size_t i = 0; err == 0 && i < COUNT(prefixes); i++)
        err = read_prefix(conf, input->environ_, prefixes[i], why);
    return err;
}

static struct span find_variable(const struct conf_input *input, struct span name,
                                 bool (*fits)(struct span rest, struct span name))
{
    for (size_t i = COUNT(prefixes); i-- > 0;) {
        struct variable variable;
        char          **entries = input->environ_;
        while (next_variable(&entries, prefixes[i], &variable)) {
            if (fits(variable.rest, name))
                return variable.name;
        }
    }
    return (struct span){ 0 };
}

/* Only names that a variable's can be turned into. */
static bool is_reachable(const char *path_name)
{
    for (; *path_name; path_name++) {
        if (*path_name == '_' || isupper(*path_name))
            return false;
    }
    return true;
}

static bool begins_with(struct span rest, struct span name)
{
    return span_equal(span_first(rest, name.len), name);
}

struct span conf_find_variable(const struct conf_input *input, const struct conf *conf,
                               const struct conf_path *path, struct conf_key key)
{
    AUTO(buf_fini) struct buf name = { 0 };
    if (path && path != &conf->defaults && !is_reachable(path->name))
        return (struct span){ 0 };
    if (path == &conf->defaults) {
        buf_append_string(&name, DEFAULTS_PART);
    } else if (path) {
        buf_append_string(&name, PATHS_PART);
        print_upper(path->name, &name);
        buf_append_string(&name, "_");
    }
    print_upper(key.name, &name);
    if (key.item >= 0)
        buf_printf(&name, "_%d_", key.item);
    return find_variable(input, buf_span(&name), key.item < 0 ? span_equal : begins_with);
}

static bool begins_path(struct span rest, struct span name)
{
    struct span part;
    if (!span_starts_with(rest, PATHS_PART))
        return false;
    rest = span_skip(rest, strlen(PATHS_PART));
    return span_next(&rest, '_', &part) && span_equal_nocase(part, name);
}

struct span conf_find_path_variable(const struct conf_input *input, const struct conf_path *path)
{
    return find_variable(input, span_from_string(path->name), begins_path);
}
