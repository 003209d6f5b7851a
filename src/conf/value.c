#include "conf/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"
#include "conf/quote.h"
#include "conf/value_internal.h"

static const struct value_type *type_of(const struct setting *setting)
{
    return &value_types[setting->type];
}

size_t value_size(enum setting_type type)
{
    return value_types[type].shape->size;
}

const char *value_type_name(const struct setting *setting)
{
    return type_of(setting)->name;
}

static void print_choices(const struct setting *setting, const char *around, struct buf *out)
{
    const char *comma = "";
    for (const struct choice *choice = setting->choices; choice && choice->name; choice++) {
        buf_printf(out, "%s%s%s%s", comma, around, choice->name, around);
        comma = ", ";
    }
}

/* What is wrong, in a message: `'x'`, or a word for what has no text, or may not be shown. */
struct culprit {
    char text[sizeof(struct quote) + 5];
};

static struct culprit name_text(const struct setting *setting, struct span text)
{
    struct culprit out;
    if (setting->is_secret) {
        (void)snprintf(out.text, sizeof(out.text), "what is written here");
        return out;
    }
    ptrdiff_t   colon = type_of(setting)->hides_rest ? span_find(text, ':') : -1;
    struct span shown = colon < 0 ? text : span_first(text, (size_t)colon + 1);
    (void)snprintf(out.text, sizeof(out.text), "'%s%s'", quote(shown).text,
                   shown.len < text.len ? "..." : "");
    return out;
}

static struct culprit name_node(const struct setting *setting, const struct yaml_node *node)
{
    static const char *const kinds[] = {
        [YAML_NULL] = "nothing",  [YAML_BOOL] = "a boolean", [YAML_NUMBER] = "a number",
        [YAML_STRING] = "a text", [YAML_LIST] = "a list",    [YAML_MAP] = "a map",
    };
    bool has_text =
        node->kind == YAML_BOOL || node->kind == YAML_NUMBER || node->kind == YAML_STRING;
    if (has_text && !setting->is_secret && type_of(setting)->parse)
        return name_text(setting, node->text);
    struct culprit out;
    (void)snprintf(out.text, sizeof(out.text), "%s", kinds[node->kind]);
    return out;
}

/* A value, or an item of a list. */
static int refuse(const struct setting *setting, const char *what, struct errmsg *why)
{
    AUTO(buf_fini) struct buf choices = { 0 };
    print_choices(setting, "", &choices);
    return errmsg_set(why, -EINVAL, "%s %s%s%s", what, type_of(setting)->expects,
                      choices.len ? " " : "", buf_string(&choices));
}

int value_refuse_node(const struct setting *setting, const struct yaml_node *node,
                      struct errmsg *why)
{
    return refuse(setting, name_node(setting, node).text, why);
}

int value_refuse_count(const struct setting *setting, struct errmsg *why)
{
    return errmsg_set(why, -E2BIG, "more than %" PRId64 " items", setting->max);
}

static int refuse_list(const struct setting *setting, const char *what, struct errmsg *why)
{
    AUTO(buf_fini) struct buf choices = { 0 };
    print_choices(setting, "", &choices);
    return errmsg_set(why, -EINVAL, "%s is not a list; write [a, b]%s%s, or [] for none", what,
                      choices.len ? " of " : "", buf_string(&choices));
}

static int parse_text(const struct setting *setting, struct span text, union field *field,
                      struct errmsg *why)
{
    if (!type_of(setting)->parse)
        return errmsg_set(why, -EINVAL,
                          "a text is not a list of objects; each key of an item has a variable of "
                          "its own, whose name ends like _0_KEY");
    int err = type_of(setting)->parse(setting, text, field);
    if (err == -ERANGE)
        return errmsg_set(why, err, "'%s' is too large", quote(text).text);
    if (err == -E2BIG)
        return errmsg_set(why, err, "an item of more than %d bytes", CONF_MAX_ITEM);
    return err < 0 ? refuse(setting, name_text(setting, text).text, why) : 0;
}

/* What was read takes the place of what was there, only once it is whole. */
static int commit(const struct setting *setting, union field *read, int err, void *field)
{
    if (err < 0) {
        value_fini(setting, read);
        return err;
    }
    value_fini(setting, field);
    value_store(setting, read, field);
    return 0;
}

static int parse_list(const struct setting *setting, struct span text, union field *field,
                      struct errmsg *why)
{
    struct span item;
    for (int64_t count = 1; span_next(&text, ',', &item); count++) {
        if (setting->max && count > setting->max)
            return value_refuse_count(setting, why);
        int err = parse_text(setting, item, field, why);
        if (err < 0)
            return err;
    }
    return 0;
}

int value_read_text(const struct setting *setting, struct span text, void *field,
                    struct errmsg *why)
{
    union field read = { 0 };
    int         err = type_of(setting)->is_list ? parse_list(setting, text, &read, why)
                                                : parse_text(setting, text, &read, why);
    return commit(setting, &read, err, field);
}

static int read_initial_objects(const struct setting *setting, void *field)
{
    AUTO(yaml_tree_destroy) struct yaml_tree *tree = NULL;
    struct value_place                        place;
    int err = yaml_parse("default", span_from_string(setting->initial), &tree, NULL);
    return err < 0 ? err : value_read_node(setting, yaml_tree_root(tree), field, &place, NULL);
}

void value_read_initial(const struct setting *setting, void *field)
{
    if (!setting->initial)
        return;
    int err = setting->members
                  ? read_initial_objects(setting, field)
                  : value_read_text(setting, span_from_string(setting->initial), field, NULL);
    ASSERT(err == 0);
}

/* A scalar of its own, or an item of a list. */
static int parse_node(const struct setting *setting, const struct yaml_node *node,
                      union field *field, struct errmsg *why)
{
    if (node->kind == YAML_BOOL && setting->type == SET_BOOL) {
        field->boolean = node->is_true;
        return 0;
    }
    if (type_of(setting)->kinds & 1U << node->kind)
        return parse_text(setting, node->text, field, why);
    const struct choice *choice = value_find_choice(setting, node->text);
    if (!choice)
        return value_refuse_node(setting, node, why);
    if (!choice->is_bare)
        return errmsg_set(why, -EINVAL, "'%s' is a word only when it stands in quotes",
                          choice->name);
    return parse_text(setting, node->text, field, why);
}

static int read_item(const struct setting *setting, const struct yaml_node *node,
                     union field *field, struct value_place *place, struct errmsg *why)
{
    *place = (struct value_place){ .line = node->line, .column = node->column };
    if (type_of(setting)->read_item)
        return type_of(setting)->read_item(setting, node, field, place, why);
    return parse_node(setting, node, field, why);
}

static int read_list(const struct setting *setting, const struct yaml_node *node,
                     union field *field, struct value_place *place, struct errmsg *why)
{
    *place = (struct value_place){ .line = node->line, .column = node->column };
    if (node->kind != YAML_LIST)
        return refuse_list(setting, name_node(setting, node).text, why);
    if (setting->max && node->count > (size_t)setting->max)
        return value_refuse_count(setting, why);
    for (const struct yaml_node *item = node->first; item; item = item->next) {
        int err = read_item(setting, item, field, place, why);
        if (err < 0)
            return err;
    }
    return 0;
}

int value_read_node(const struct setting *setting, const struct yaml_node *node, void *field,
                    struct value_place *place, struct errmsg *why)
{
    union field read = { 0 };
    if (node->kind == YAML_NULL && type_of(setting)->keeps_on_null)
        return 0;
    int err = type_of(setting)->is_list ? read_list(setting, node, &read, place, why)
                                        : read_item(setting, node, &read, place, why);
    return commit(setting, &read, err, field);
}

int value_check(const struct setting *setting, const void *field, int *item, struct errmsg *why)
{
    const struct value_shape *shape = type_of(setting)->shape;
    union field               value = value_load(setting, field);
    *item = -1;
    return shape->check ? shape->check(setting, setting->name, &value, item, why) : 0;
}

bool value_equal(const struct setting *setting, const void *a, const void *b)
{
    const struct value_shape *shape = type_of(setting)->shape;
    if (!shape->equal)
        return memcmp(a, b, shape->size) == 0;
    union field left = value_load(setting, a), right = value_load(setting, b);
    return shape->equal(setting, &left, &right);
}

void value_print(const struct setting *setting, const void *field, struct buf *out)
{
    union field value = value_load(setting, field);
    type_of(setting)->print(setting, &value, out);
}

void value_fini(const struct setting *setting, void *field)
{
    const struct value_shape *shape = type_of(setting)->shape;
    union field               value = value_load(setting, field);
    if (shape->fini)
        shape->fini(setting, &value);
    memset(field, 0, shape->size);
}

void value_print_allowed(const struct setting *setting, struct buf *out)
{
    print_choices(setting, "`", out);
    if (setting->max && setting->min == 1 && setting->type == SET_DURATION) {
        buf_append_string(out, "more than 0");
    } else if (setting->max) {
        buf_append_string(out, setting->choices ? "; " : "");
        value_print_range(setting, out);
    }
}
