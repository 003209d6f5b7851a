#include "conf/yaml.h"

#include <errno.h>
#include <libfyaml.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "conf/quote.h"
#include "conf/yaml_internal.h"

/* A list or map whose end has not come yet. */
struct level {
    struct yaml_node        *node;
    const struct yaml_node **tail;
    struct span              anchor;
};

struct anchor {
    struct span             name;
    const struct yaml_node *node;
};

struct builder {
    const char       *file;
    struct errmsg    *why;
    struct fy_diag   *diag;
    struct fy_parser *parser;
    struct yaml_tree *tree;
    unsigned          line, column; /* of the event in hand */
    unsigned          document_count;
    unsigned          depth;
    struct level      levels[YAML_MAX_DEPTH];
    bool              has_key; /* of a member whose value comes next */
    struct span       key;
    unsigned          key_line, key_column;
    size_t            anchor_count;
    struct anchor     anchors[YAML_MAX_ANCHORS];
};

#define REFUSE(b, err, ...) refuse(b, err, (b)->line, (b)->column, __VA_ARGS__)

__attribute__((format(printf, 5, 6))) static int refuse(struct builder *b, int err, unsigned line,
                                                        unsigned column, const char *format, ...)
{
    struct errmsg text;
    va_list       args;
    va_start(args, format);
    (void)vsnprintf(text.text, sizeof(text.text), format, args);
    va_end(args);
    (void)errmsg_set(b->why, err, "%s", text.text);
    return errmsg_prefix(b->why, err, "%s:%u:%u", b->file, line, column);
}

static struct span token_text(struct fy_token *token)
{
    size_t      len = 0;
    const char *text = token ? fy_token_get_text(token, &len) : NULL;
    return (struct span){ (const uint8_t *)text, text ? len : 0 };
}

static struct level *innermost(struct builder *b)
{
    return b->depth > 0 ? &b->levels[b->depth - 1] : NULL;
}

/* Anchors count from the end of what they name, so that nothing can hold itself. */
static int add_anchor(struct builder *b, struct span name, const struct yaml_node *node)
{
    if (name.len == 0)
        return 0;
    if (b->anchor_count == YAML_MAX_ANCHORS)
        return REFUSE(b, -E2BIG, "more than %d anchors", YAML_MAX_ANCHORS);
    b->anchors[b->anchor_count++] = (struct anchor){ name, node };
    return 0;
}

static const struct yaml_node *find_anchor(const struct builder *b, struct span name)
{
    for (size_t i = b->anchor_count; i-- > 0;) {
        if (span_equal(b->anchors[i].name, name))
            return b->anchors[i].node;
    }
    return NULL;
}

/* Puts a node where the document has it: the root, an item of a list, a member of a map. */
static int attach_node(struct builder *b, struct yaml_node *node)
{
    struct level *level = innermost(b);
    if (!level) {
        yaml_tree_set_root(b->tree, node);
        return 0;
    }
    if (level->node->kind == YAML_LIST && level->node->count == YAML_MAX_LIST)
        return REFUSE(b, -E2BIG, "a list of more than %d items", YAML_MAX_LIST);
    if (level->node->kind == YAML_MAP) {
        node->key = b->key;
        node->key_line = b->key_line;
        node->key_column = b->key_column;
        b->has_key = false;
    }
    *level->tail = node;
    level->tail = &node->next;
    level->node->count++;
    return 0;
}

static struct yaml_node *add_node(struct builder *b, enum yaml_kind kind)
{
    struct yaml_node *node = yaml_tree_add_node(b->tree);
    if (!node) {
        (void)REFUSE(b, -E2BIG, "there is too much in this file");
        return NULL;
    }
    node->kind = kind;
    node->line = b->line;
    node->column = b->column;
    return node;
}

static bool wants_key(struct builder *b)
{
    return b->depth > 0 && innermost(b)->node->kind == YAML_MAP && !b->has_key;
}

/* The only tag that settings could need: `!!str 5`. */
static int read_tag(struct builder *b, struct fy_event *event, bool *is_string)
{
    struct span tag = token_text(fy_event_get_tag_token(event));
    if (tag.len == 0)
        return 0;
    if (!span_is(tag, "tag:yaml.org,2002:str") && !span_is(tag, "!"))
        return REFUSE(b, -EINVAL, "the tag '%s' is not known here", quote(tag).text);
    *is_string = true;
    return 0;
}

static bool is_true(struct span text)
{
    return span_is_nocase(text, "true") || span_is_nocase(text, "yes") ||
           span_is_nocase(text, "on");
}

static int on_scalar(struct builder *b, struct fy_event *event)
{
    struct fy_token *token = event->scalar.value;
    struct span      text = token_text(token);
    bool             is_string = token && fy_token_scalar_style(token) != FYSS_PLAIN;
    int              err = read_tag(b, event, &is_string);
    if (err < 0)
        return err;
    if (text.len > YAML_MAX_SCALAR)
        return REFUSE(b, -E2BIG, "a text of more than %d bytes", YAML_MAX_SCALAR);
    if (span_find(text, '\0') >= 0)
        return REFUSE(b, -EINVAL, "a text can't hold a NUL");
    text = yaml_tree_copy(b->tree, text);
    if (wants_key(b)) {
        b->has_key = true;
        b->key = text;
        b->key_line = b->line;
        b->key_column = b->column;
        return 0;
    }
    struct yaml_node *node = add_node(b, is_string ? YAML_STRING : yaml_plain_kind(text));
    if (!node)
        return -E2BIG;
    node->text = text;
    node->is_true = node->kind == YAML_BOOL && is_true(text);
    err = attach_node(b, node);
    struct span anchor = token_text(fy_event_get_anchor_token(event));
    return err < 0 ? err : add_anchor(b, yaml_tree_copy(b->tree, anchor), node);
}

static int on_alias(struct builder *b, struct fy_event *event)
{
    struct span name = token_text(event->alias.anchor);
    if (wants_key(b))
        return REFUSE(b, -EINVAL, "an alias can't be a key");
    const struct yaml_node *target = find_anchor(b, name);
    if (!target)
        return REFUSE(b, -EINVAL, "nothing is called '%s' above", quote(name).text);
    struct yaml_node *node = add_node(b, target->kind);
    if (!node)
        return -E2BIG;
    node->is_true = target->is_true;
    node->text = target->text;
    node->count = target->count;
    node->first = target->first;
    return attach_node(b, node);
}

static int on_start(struct builder *b, struct fy_event *event, enum yaml_kind kind)
{
    bool is_string = false;
    int  err = read_tag(b, event, &is_string);
    if (err < 0)
        return err;
    if (is_string)
        return REFUSE(b, -EINVAL, "a list or a map is no text");
    if (wants_key(b))
        return REFUSE(b, -EINVAL, "a list or a map can't be a key");
    if (b->depth == YAML_MAX_DEPTH)
        return REFUSE(b, -E2BIG, "more than %d lists and maps in each other", YAML_MAX_DEPTH);
    struct yaml_node *node = add_node(b, kind);
    if (!node)
        return -E2BIG;
    err = attach_node(b, node);
    if (err < 0)
        return err;
    struct span anchor = token_text(fy_event_get_anchor_token(event));
    b->levels[b->depth++] = (struct level){ node, &node->first, yaml_tree_copy(b->tree, anchor) };
    return 0;
}

static int on_end(struct builder *b)
{
    struct level level = b->levels[--b->depth];
    if (level.node->kind == YAML_MAP) {
        int err = yaml_close_map(b->tree, b->file, level.node, b->why);
        if (err < 0)
            return err;
    }
    return add_anchor(b, level.anchor, level.node);
}

static int on_document(struct builder *b)
{
    if (b->document_count++ > 0)
        return REFUSE(b, -EINVAL, "a second document begins here; a file holds one");
    return 0;
}

/* libfyaml marks what is behind a quote or an asterisk. */
static unsigned count_sigils(struct fy_event *event)
{
    if (event->type == FYET_ALIAS)
        return 1;
    if (event->type != FYET_SCALAR || !event->scalar.value)
        return 0;
    enum fy_scalar_style style = fy_token_scalar_style(event->scalar.value);
    return style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED;
}

static int on_event(struct builder *b, struct fy_event *event)
{
    /* What is left out, as in `key:`, has no mark of its own: it is where the last event was. */
    const struct fy_mark *mark = fy_event_start_mark(event);
    if (mark) {
        b->line = (unsigned)mark->line + 1;
        b->column = (unsigned)mark->column + 1 - count_sigils(event);
    }
    switch (event->type) {
    case FYET_SCALAR:
        return on_scalar(b, event);
    case FYET_ALIAS:
        return on_alias(b, event);
    case FYET_MAPPING_START:
        return on_start(b, event, YAML_MAP);
    case FYET_SEQUENCE_START:
        return on_start(b, event, YAML_LIST);
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END:
        return on_end(b);
    case FYET_DOCUMENT_START:
        return on_document(b);
    default:
        return 0;
    }
}

/* libfyaml's own words, where it has some: they are good, and have the place. */
static int refuse_syntax(struct builder *b)
{
    void                 *at = NULL;
    struct fy_diag_error *error = fy_diag_errors_iterate(b->diag, &at);
    if (!error)
        return REFUSE(b, -EINVAL, "this is not YAML");
    return refuse(b, -EINVAL, (unsigned)error->line, (unsigned)error->column, "%s", error->msg);
}

static int read_events(struct builder *b)
{
    for (;;) {
        struct fy_event *event = fy_parser_parse(b->parser);
        if (!event)
            return refuse_syntax(b);
        bool is_last = event->type == FYET_STREAM_END;
        int  err = on_event(b, event);
        fy_parser_event_free(b->parser, event);
        if (err < 0 || is_last)
            return err;
    }
}

/* Errors are collected; what libfyaml would print besides goes nowhere. */
static void ignore_output(struct fy_diag *diag, void *user, const char *text, size_t len)
{
}

static struct builder *builder_create(const char *file, struct span text, struct errmsg *why)
{
    static const struct yaml_node   nothing = { .kind = YAML_NULL, .line = 1, .column = 1 };
    static const struct fy_diag_cfg diag_config = { .output_fn = ignore_output,
                                                    .level = FYET_ERROR,
                                                    .module_mask = ~0U };
    struct builder                 *b = mem_new(struct builder);
    b->file = file;
    b->why = why;
    b->line = b->column = 1;
    b->tree = yaml_tree_create();
    yaml_tree_set_root(b->tree, &nothing);
    b->diag = fy_diag_create(&diag_config);
    fy_diag_set_collect_errors(b->diag, true);
    const struct fy_parse_cfg config = { .flags = FYPCF_QUIET, .diag = b->diag };
    b->parser = fy_parser_create(&config);
    ASSERT(b->parser);
    int err = fy_parser_set_string(b->parser, text.len ? (const char *)text.p : "", text.len);
    ASSERT(err == 0);
    return b;
}

static struct builder *builder_destroy(struct builder *b)
{
    fy_parser_destroy(b->parser);
    fy_diag_destroy(b->diag);
    yaml_tree_destroy(b->tree);
    return mem_free(b);
}
DEFINE_AUTO(struct builder *, builder_destroy)

int yaml_parse(const char *file, struct span text, struct yaml_tree **out, struct errmsg *why)
{
    if (text.len > YAML_MAX_BYTES)
        return errmsg_set(why, -E2BIG, "%s: more than %d bytes", file, YAML_MAX_BYTES);
    int err = yaml_check_text(file, text, why);
    if (err < 0)
        return err;
    AUTO(builder_destroy) struct builder *builder = builder_create(file, text, why);
    err = read_events(builder);
    if (err < 0)
        return err;
    *out = TAKE(builder->tree);
    return 0;
}
