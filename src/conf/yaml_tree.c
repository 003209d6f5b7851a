#include "conf/yaml.h"

#include "base/check.h"
#include "base/mem.h"
#include "conf/yaml_internal.h"

/* Nodes and texts are carved from chunks and freed with them: a file of 100 000 paths has a
 * million of them. */
enum { CHUNK_BYTES = 128 << 10 };
_Static_assert((size_t)CHUNK_BYTES >= YAML_MAX_SCALAR, "a text must fit into a chunk");

struct chunk {
    struct chunk *next;
    uint8_t       bytes[];
};

struct yaml_tree {
    const struct yaml_node *root;
    struct chunk           *chunks; /* the newest first */
    size_t                  used;   /* of the newest */
    size_t                  node_count;
};

struct yaml_tree *yaml_tree_create(void)
{
    struct yaml_tree *tree = mem_new(struct yaml_tree);
    tree->used = CHUNK_BYTES;
    return tree;
}

struct yaml_tree *yaml_tree_destroy(struct yaml_tree *tree)
{
    if (!tree)
        return NULL;
    while (tree->chunks) {
        struct chunk *chunk = tree->chunks;
        tree->chunks = chunk->next;
        mem_free(chunk);
    }
    return mem_free(tree);
}

const struct yaml_node *yaml_tree_root(const struct yaml_tree *tree)
{
    return tree->root;
}

void yaml_tree_set_root(struct yaml_tree *tree, const struct yaml_node *root)
{
    tree->root = root;
}

static void *take(struct yaml_tree *tree, size_t size)
{
    size = (size + 7) & ~(size_t)7;
    ASSERT(size <= CHUNK_BYTES);
    if (CHUNK_BYTES - tree->used < size) {
        struct chunk *chunk = mem_alloc(sizeof(*chunk) + CHUNK_BYTES);
        chunk->next = tree->chunks;
        tree->chunks = chunk;
        tree->used = 0;
    }
    tree->used += size;
    return tree->chunks->bytes + tree->used - size;
}

struct yaml_node *yaml_tree_add_node(struct yaml_tree *tree)
{
    if (tree->node_count >= YAML_MAX_NODES)
        return NULL;
    tree->node_count++;
    struct yaml_node *node = take(tree, sizeof(*node));
    *node = (struct yaml_node){ 0 };
    return node;
}

struct span yaml_tree_copy(struct yaml_tree *tree, struct span bytes)
{
    if (bytes.len == 0)
        return (struct span){ 0 };
    return (struct span){ memcpy(take(tree, bytes.len), bytes.p, bytes.len), bytes.len };
}

const struct yaml_node *yaml_get(const struct yaml_node *map, struct span key)
{
    if (!map || map->kind != YAML_MAP)
        return NULL;
    for (const struct yaml_node *child = map->first; child; child = child->next) {
        if (span_equal(child->key, key))
            return child;
    }
    return NULL;
}
