#include "conf/conf_internal.h"
#include "conf/value.h"

struct diff {
    conf_change_fn *on_change;
    void           *arg;
};

static void diff_settings(const struct diff *diff, enum setting_scope scope, const void *before,
                          const void *after, struct conf_change change)
{
    change.kind = CONF_SETTING_CHANGED;
    for (const struct setting *setting = settings_of(scope); setting->name; setting++) {
        if (value_equal(setting, setting_value(setting, before), setting_value(setting, after)))
            continue;
        change.setting = setting;
        diff->on_change(diff->arg, &change);
    }
}

/* The entries of both are in the same order, so one walk finds all pairs. */
void conf_diff(const struct conf *before, const struct conf *after, conf_change_fn *on_change,
               void *arg)
{
    struct diff diff = { on_change, arg };
    diff_settings(&diff, SCOPE_GLOBAL, before, after, (struct conf_change){ 0 });
    size_t i = 0, k = 0;
    while (i < before->path_count || k < after->path_count) {
        const struct conf_path *old = i < before->path_count ? &before->paths[i] : NULL;
        const struct conf_path *new = k < after->path_count ? &after->paths[k] : NULL;
        int order = !old ? 1 : !new ? -1 : conf_compare_names(old->name, new->name);
        i += order <= 0;
        k += order >= 0;
        if (order < 0)
            on_change(arg, &(struct conf_change){ .kind = CONF_PATH_REMOVED, .before = old });
        else if (order > 0)
            on_change(arg, &(struct conf_change){ .kind = CONF_PATH_ADDED, .after = new });
        else
            diff_settings(&diff, SCOPE_PATH, old, new,
                          (struct conf_change){ .before = old, .after = new });
    }
}
