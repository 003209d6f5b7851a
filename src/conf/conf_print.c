#include "conf/conf_internal.h"
#include "conf/value.h"

static void print_setting(const struct setting *setting, const void *values, const char *indent,
                          struct buf *out)
{
    buf_printf(out, "%s%s: ", indent, setting->name);
    value_print(setting, setting_value(setting, values), out);
    buf_append_string(out, "\n");
}

/* Of an entry only what it has of its own, so that it goes on inheriting the rest. */
static void print_path(const struct conf_path *path, struct buf *out)
{
    buf_append_string(out, "  ");
    yaml_print_string(span_from_string(path->name), out);
    buf_append_string(out, ":\n");
    for (const struct setting *setting = settings_of(SCOPE_PATH); setting->name; setting++) {
        if (conf_path_is_own(path, setting))
            print_setting(setting, path, "    ", out);
    }
}

void conf_print(const struct conf *conf, struct buf *out)
{
    for (const struct setting *setting = settings_of(SCOPE_GLOBAL); setting->name; setting++)
        print_setting(setting, conf, "", out);
    buf_append_string(out, "pathDefaults:\n");
    for (const struct setting *setting = settings_of(SCOPE_PATH); setting->name; setting++)
        print_setting(setting, &conf->defaults, "  ", out);
    buf_append_string(out, conf->path_count ? "paths:\n" : "paths: {}\n");
    for (size_t i = 0; i < conf->path_count; i++)
        print_path(&conf->paths[i], out);
}
