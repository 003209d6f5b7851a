/**
 * conf_internal: the steps of a load, each in a file of its own. For this folder only.
 *
 *     built-in defaults (conf.c), the file (conf_yaml.c), the environment (conf_env.c), then
 *     inheritance and checks (conf_complete.c), as a variable may mend what a file has wrong.
 */
#pragma once
#include "conf/conf.h"
#include "conf/settings.h"
#include "conf/yaml.h"

/** Where values came from: kept until the checks are done, which name the place of a mistake. */
struct conf_input {
    const char             *file; /* NULL: there is none */
    const struct yaml_node *root; /* of the file; NULL: there is none */
    char                  **environ_;
};

int conf_read_yaml(struct conf *conf, const struct conf_input *input, struct errmsg *why);
int conf_read_environment(struct conf *conf, const struct conf_input *input, struct errmsg *why);
int conf_complete(struct conf *conf, const struct conf_input *input, struct errmsg *why);

/** What a mistake is in. */
struct conf_key {
    const char *name;
    int         item; /* of a list of objects; -1: all of it */
};

/**
 * The name of a variable that gives a key, or an empty span: a key of an entry, of
 * pathDefaults for &conf->defaults, a global one for NULL. Borrowed.
 */
struct span conf_find_variable(const struct conf_input *input, const struct conf *conf,
                               const struct conf_path *path, struct conf_key key);

/** The name of a variable that brought an entry into being. */
struct span conf_find_path_variable(const struct conf_input *input, const struct conf_path *path);

/** Makes room for as many more entries. */
void conf_reserve_paths(struct conf *conf, size_t count);

/** Adds an entry that has nothing of its own, behind the others, in room that is reserved. */
struct conf_path *conf_append_path(struct conf *conf, struct span name);

/** Brings the entries into the order of lookup. */
void conf_sort_paths(struct conf *conf);

/** Adds such an entry at its place among sorted ones. */
struct conf_path *conf_insert_path(struct conf *conf, const char *name);

/** The entry of exactly that name, or NULL; the entries are sorted. */
struct conf_path *conf_get_path(const struct conf *conf, struct span name);

/** The order of lookup: plain names, expressions, all_others; each in byte order. */
int conf_compare_names(const char *a, const char *b);

bool conf_path_is_own(const struct conf_path *path, const struct setting *setting);
void conf_path_set_own(struct conf_path *path, const struct setting *setting);
