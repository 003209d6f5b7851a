#include "conf/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "conf/conf_internal.h"
#include "conf/path_regex.h"
#include "conf/value.h"

struct shared_conf {
    struct conf conf;
    atomic_uint refs;
};

static struct shared_conf *shared(const struct conf *conf)
{
    return (struct shared_conf *)conf;
}

static void read_defaults(enum setting_scope scope, void *values)
{
    for (const struct setting *setting = settings_of(scope); setting->name; setting++)
        value_read_initial(setting, setting_field(setting, values));
}

static struct conf *conf_create(void)
{
    struct shared_conf *shared = mem_new(struct shared_conf);
    atomic_init(&shared->refs, 1);
    read_defaults(SCOPE_GLOBAL, &shared->conf);
    read_defaults(SCOPE_PATH, &shared->conf.defaults);
    return &shared->conf;
}

/* What an entry inherits belongs to the defaults. */
static void free_path(struct conf_path *path)
{
    for (const struct setting *setting = settings_of(SCOPE_PATH); setting->name; setting++) {
        if (conf_path_is_own(path, setting))
            value_fini(setting, setting_field(setting, path));
    }
    path_regex_destroy(path->regex);
    mem_free(path->name);
}

static void conf_free(struct conf *conf)
{
    for (size_t i = 0; i < conf->path_count; i++)
        free_path(&conf->paths[i]);
    mem_free(conf->paths);
    for (const struct setting *setting = settings_of(SCOPE_PATH); setting->name; setting++)
        value_fini(setting, setting_field(setting, &conf->defaults));
    for (const struct setting *setting = settings_of(SCOPE_GLOBAL); setting->name; setting++)
        value_fini(setting, setting_field(setting, conf));
    mem_free(shared(conf));
}

struct conf *conf_ref(const struct conf *conf)
{
    atomic_fetch_add_explicit(&shared(conf)->refs, 1, memory_order_relaxed);
    return &shared(conf)->conf;
}

struct conf *conf_unref(struct conf *conf)
{
    /* Release and acquire: every reader's last look happens before the memory goes. */
    if (conf && atomic_fetch_sub_explicit(&shared(conf)->refs, 1, memory_order_acq_rel) == 1)
        conf_free(conf);
    return NULL;
}

static int load(struct conf_input *input, struct conf **out, struct errmsg *why)
{
    AUTO(conf_unref) struct conf *conf = conf_create();
    int                           err = conf_read_yaml(conf, input, why);
    if (err == 0)
        err = conf_read_environment(conf, input, why);
    if (err == 0)
        err = conf_complete(conf, input, why);
    if (err < 0)
        return err;
    *out = TAKE(conf);
    return 0;
}

int conf_load_text(const char *file, struct span text, char **environ_, struct conf **out,
                   struct errmsg *why)
{
    AUTO(yaml_tree_destroy) struct yaml_tree *tree = NULL;
    int                                       err = yaml_parse(file, text, &tree, why);
    if (err < 0)
        return err;
    struct conf_input input = { file, yaml_tree_root(tree), environ_ };
    return load(&input, out, why);
}

static inline void auto_close(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

/* Read to its end rather than by its size: it may be a pipe. */
static int read_file(const char *file, struct buf *out, struct errmsg *why)
{
    enum { BLOCK = 64 << 10 };
    AUTO(close) int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errmsg_set(why, -errno, "open %s: %s", file, err_text(-errno));
    AUTO(mem_free) char *block = mem_alloc(BLOCK);
    ssize_t              len;
    while ((len = read(fd, block, BLOCK)) != 0) {
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return errmsg_set(why, -errno, "read %s: %s", file, err_text(-errno));
        if (out->len + (size_t)len > YAML_MAX_BYTES)
            return errmsg_set(why, -E2BIG, "%s: more than %d bytes", file, YAML_MAX_BYTES);
        buf_append(out, (struct span){ (const uint8_t *)block, (size_t)len });
    }
    return 0;
}

int conf_load(const char *file, char **environ_, struct conf **out, struct errmsg *why)
{
    if (!file) {
        struct conf_input input = { .environ_ = environ_ };
        return load(&input, out, why);
    }
    AUTO(buf_fini) struct buf text = { 0 };
    int                       err = read_file(file, &text, why);
    return err < 0 ? err : conf_load_text(file, buf_span(&text), environ_, out, why);
}
