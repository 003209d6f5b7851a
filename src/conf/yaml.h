/**
 * yaml: one YAML document as a tree of nodes, each of which knows where it was written.
 *
 * Rules:   YAML 1.2, and the booleans of 1.1 too (yes, no, on, off). A scalar's kind is told by
 *          its form: quotes make a string. Keys are texts; a key given twice is an error.
 * Aliases: an alias shares the children of what it names, and `<<` copies members, never their
 *          children; so with the limits below, no document grows beyond its own size by much.
 * Owner:   the tree owns all nodes and texts; they are const and live as long as it does.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/errmsg.h"
#include "base/span.h"

enum {
    YAML_MAX_BYTES = 64 << 20,  /* of a document: four times one of 100 000 paths */
    YAML_MAX_NODES = 2 << 20,   /* copies by `<<` included; 200 MB at worst */
    YAML_MAX_DEPTH = 16,        /* settings need 5 */
    YAML_MAX_SCALAR = 64 << 10, /* bytes; the longest in use are SDPs and commands */
    YAML_MAX_LIST = 4096,       /* items, as aliases multiply a list but never its items */
    YAML_MAX_ANCHORS = 1000,    /* an alias is looked up one by one */
};

enum yaml_kind { YAML_NULL, YAML_BOOL, YAML_NUMBER, YAML_STRING, YAML_LIST, YAML_MAP };

struct yaml_node {
    enum yaml_kind          kind;
    bool                    is_true;      /* YAML_BOOL */
    unsigned                line, column; /* from 1 */
    unsigned                key_line, key_column;
    struct span             key;          /* members of a map */
    struct span             text;         /* scalars: as written, without quotes, no NUL inside */
    size_t                  count;        /* lists, maps */
    const struct yaml_node *first, *next; /* first child, next sibling, in the file's order */
};

struct yaml_tree;

/**
 * Parses `text`; an empty document has a root of YAML_NULL. -EINVAL: no YAML, -E2BIG: over a
 * limit; `why` begins with `file:line:column: `.
 */
int yaml_parse(const char *file, struct span text, struct yaml_tree **out, struct errmsg *why);

/** Accepts NULL. Returns NULL. */
struct yaml_tree *yaml_tree_destroy(struct yaml_tree *tree);
DEFINE_AUTO(struct yaml_tree *, yaml_tree_destroy)

const struct yaml_node *yaml_tree_root(const struct yaml_tree *tree);

/** The member of that name, or NULL; also when `map` is NULL or no map. */
const struct yaml_node *yaml_get(const struct yaml_node *map, struct span key);

/** What a scalar without quotes is. */
enum yaml_kind yaml_plain_kind(struct span text);

/** Writes a text so that it is read back as that string: plain where it can be, else in quotes. */
void yaml_print_string(struct span text, struct buf *out);
