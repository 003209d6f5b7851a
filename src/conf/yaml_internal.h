/**
 * yaml_internal: how a tree is made. For yaml.c and the files that its steps are in.
 */
#pragma once
#include "conf/yaml.h"

struct yaml_tree *yaml_tree_create(void);
void              yaml_tree_set_root(struct yaml_tree *tree, const struct yaml_node *root);

/** A node of zeros that the tree owns, or NULL: there are YAML_MAX_NODES. */
struct yaml_node *yaml_tree_add_node(struct yaml_tree *tree);

/** A copy of the bytes that the tree owns. */
struct span yaml_tree_copy(struct yaml_tree *tree, struct span bytes);

/**
 * Replaces the members `<<` of a finished map by what they name, members of its own first, and
 * refuses keys that are given twice. -EINVAL, -E2BIG, with the place in `why`.
 */
int yaml_close_map(struct yaml_tree *tree, const char *file, struct yaml_node *map,
                   struct errmsg *why);

/**
 * Only UTF-8 without control characters goes to libfyaml: with other bytes 0.7.12 may loop for
 * ever (in a directive, for one). -EINVAL, with the place in `why`.
 */
int yaml_check_text(const char *file, struct span text, struct errmsg *why);
