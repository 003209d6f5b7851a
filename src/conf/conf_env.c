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
};

static struct variable split_variable(const char *entry)
{
    struct span text = span_from_string(entry);
    ptrdiff_t   at = span_find(text, '=');
    if (at < 0)
        return (struct variable){ .name = text };
    return (struct variable){ span_first(text, (size_t)at), span_skip(text, (size_t)at + 1) };
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

/* `rest` is the variable's name without its prefix. */
static int read_variable(struct conf *conf, struct span rest, struct span value, struct errmsg *why)
{
    const struct setting *setting;
    if (span_starts_with(rest, PATHS_PART))
        return read_path_variable(conf, span_skip(rest, strlen(PATHS_PART)), value, why);
    if (span_starts_with(rest, DEFAULTS_PART))
        return read_key(SCOPE_PATH, span_skip(rest, strlen(DEFAULTS_PART)), value, &conf->defaults,
                        &setting, why);
    return read_key(SCOPE_GLOBAL, rest, value, conf, &setting, why);
}

int conf_read_environment(struct conf *conf, const struct conf_input *input, struct errmsg *why)
{
    for (size_t i = 0; input->environ_ && i < COUNT(prefixes); i++) {
        for (char **entry = input->environ_; *entry; entry++) {
            struct variable variable = split_variable(*entry);
            if (!span_starts_with(variable.name, prefixes[i]))
                continue;
            struct span rest = span_skip(variable.name, strlen(prefixes[i]));
            int         err = read_variable(conf, rest, variable.value, why);
            if (err < 0)
                return errmsg_prefix(why, err, "%s", quote(variable.name).text);
        }
    }
    return 0;
}

static struct span find_variable(const struct conf_input *input, struct span name,
                                 bool (*fits)(struct span rest, struct span name))
{
    for (size_t i = COUNT(prefixes); input->environ_ && i-- > 0;) {
        for (char **entry = input->environ_; *entry; entry++) {
            struct variable variable = split_variable(*entry);
            if (span_starts_with(variable.name, prefixes[i]) &&
                fits(span_skip(variable.name, strlen(prefixes[i])), name))
                return variable.name;
        }
    }
    return (struct span){ 0 };
}

static void print_upper(const char *text, struct buf *out)
{
    for (; *text; text++)
        buf_printf(out, "%c", toupper(*text));
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

struct span conf_find_variable(const struct conf_input *input, const struct conf *conf,
                               const struct conf_path *path, const char *key)
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
    print_upper(key, &name);
    return find_variable(input, buf_span(&name), span_equal);
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
