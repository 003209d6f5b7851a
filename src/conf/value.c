#include "conf/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "conf/quote.h"
#include "conf/units.h"
#include "loop/address.h"

/* A field of any type. */
union field {
    bool           boolean;
    int            choice;
    unsigned       bits;
    int64_t        number;
    char          *string;
    struct strings strings;
};

#define KIND(kind) (1U << YAML_##kind)

struct value_type {
    const char *name;
    size_t      size;
    unsigned    kinds;   /* of scalars that are read as text: KIND(...) */
    bool        is_list; /* parse() adds an item */
    bool        keeps_on_null;
    const char *expects; /* "'x' is not ..."; NULL: the choices */
    int (*parse)(const struct setting *setting, struct span text, union field *field);
    void (*print)(const struct setting *setting, const union field *field, struct buf *out);
};

static const struct choice *find_choice(const struct setting *setting, struct span text)
{
    for (const struct choice *choice = setting->choices; choice->name; choice++) {
        if (span_is(text, choice->name))
            return choice;
    }
    return NULL;
}

static int parse_bool(const struct setting *setting, struct span text, union field *field)
{
    bool is_true = span_is_nocase(text, "yes") || span_is_nocase(text, "true");
    if (!is_true && !span_is_nocase(text, "no") && !span_is_nocase(text, "false"))
        return -EINVAL;
    field->boolean = is_true;
    return 0;
}

static void print_bool(const struct setting *setting, const union field *field, struct buf *out)
{
    buf_append_string(out, field->boolean ? "true" : "false");
}

static int parse_int(const struct setting *setting, struct span text, union field *field)
{
    bool is_signed = text.len > 0 && (text.p[0] == '-' || text.p[0] == '+');
    bool is_negative = is_signed && text.p[0] == '-';
    if (is_signed)
        text = span_skip(text, 1);
    uint64_t value;
    int      err = span_to_uint(text, INT64_MAX, &value);
    if (err < 0)
        return err;
    field->number = is_negative ? -(int64_t)value : (int64_t)value;
    return 0;
}

static void print_int(const struct setting *setting, const union field *field, struct buf *out)
{
    buf_printf(out, "%" PRId64, field->number);
}

static int parse_duration(const struct setting *setting, struct span text, union field *field)
{
    return duration_parse(text, &field->number);
}

static void print_duration(const struct setting *setting, const union field *field, struct buf *out)
{
    size_t before = out->len;
    duration_print(field->number, out);
    if (out->len == before)
        buf_append_string(out, "\"\"");
}

static int parse_size(const struct setting *setting, struct span text, union field *field)
{
    return size_parse(text, &field->number);
}

static void print_size(const struct setting *setting, const union field *field, struct buf *out)
{
    size_print(field->number, out);
}

static int parse_string(const struct setting *setting, struct span text, union field *field)
{
    field->string = span_to_string(text);
    return 0;
}

static void print_string(const struct setting *setting, const union field *field, struct buf *out)
{
    yaml_print_string(span_from_string(field->string), out);
}

/* Empty for a server that is off; the checks between keys ask for it when it is on. */
static int parse_address(const struct setting *setting, struct span text, union field *field)
{
    struct address       address;
    AUTO(mem_free) char *string = span_to_string(text);
    if (text.len > 0 && address_parse(string, &address, NULL) < 0)
        return -EINVAL;
    field->string = TAKE(string);
    return 0;
}

static int parse_enum(const struct setting *setting, struct span text, union field *field)
{
    const struct choice *choice = find_choice(setting, text);
    if (!choice)
        return -EINVAL;
    field->choice = choice->value;
    return 0;
}

static void print_enum(const struct setting *setting, const union field *field, struct buf *out)
{
    const struct choice *choice = setting->choices;
    while (choice->value != field->choice)
        choice++;
    yaml_print_string(span_from_string(choice->name), out);
}

static int parse_bit(const struct setting *setting, struct span text, union field *field)
{
    const struct choice *choice = find_choice(setting, text);
    if (!choice)
        return -EINVAL;
    field->bits |= (unsigned)choice->value;
    return 0;
}

static void print_bits(const struct setting *setting, const union field *field, struct buf *out)
{
    const char *comma = "";
    buf_append_string(out, "[");
    for (const struct choice *choice = setting->choices; choice->name; choice++) {
        if (!(field->bits & (unsigned)choice->value))
            continue;
        buf_append_string(out, comma);
        yaml_print_string(span_from_string(choice->name), out);
        comma = ", ";
    }
    buf_append_string(out, "]");
}

static int parse_item(const struct setting *setting, struct span text, union field *field)
{
    struct strings *strings = &field->strings;
    strings->items = mem_resize(strings->items, (strings->count + 1) * sizeof(char *));
    strings->items[strings->count++] = span_to_string(text);
    return 0;
}

static void print_items(const struct setting *setting, const union field *field, struct buf *out)
{
    buf_append_string(out, "[");
    for (size_t i = 0; i < field->strings.count; i++) {
        buf_append_string(out, i ? ", " : "");
        yaml_print_string(span_from_string(field->strings.items[i]), out);
    }
    buf_append_string(out, "]");
}

/* clang-format off */
static const struct value_type types[SETTING_TYPE_COUNT] = {
    [SET_ADDRESS] = { "address", sizeof(char *), KIND(STRING), false, true,
        "an address; write IP:port, or :port for every interface", parse_address, print_string },
    [SET_BITS] = { "list of words", sizeof(unsigned), KIND(STRING), true, false,
        NULL, parse_bit, print_bits },
    [SET_BOOL] = { "boolean", sizeof(bool), 0, false, true,
        "a boolean; write yes or no", parse_bool, print_bool },
    [SET_DURATION] = { "duration", sizeof(int64_t), KIND(STRING) | KIND(NULL), false, false,
        "a duration; write a number with a unit, like 10s or 1m30s", parse_duration,
        print_duration },
    [SET_ENUM] = { "word", sizeof(int), KIND(STRING), false, false,
        NULL, parse_enum, print_enum },
    [SET_INT] = { "whole number", sizeof(int64_t), KIND(NUMBER), false, true,
        "a whole number", parse_int, print_int },
    [SET_POWER_OF_2] = { "power of two", sizeof(int64_t), KIND(NUMBER), false, true,
        "a whole number", parse_int, print_int },
    [SET_SIZE] = { "size", sizeof(int64_t), KIND(STRING), false, false,
        "a size; write a number with a unit, like 50M or 1.5G", parse_size, print_size },
    [SET_STRING] = { "text", sizeof(char *), KIND(STRING), false, true,
        "a text; put it in quotes", parse_string, print_string },
    [SET_STRINGS] = { "list of texts", sizeof(struct strings), KIND(STRING), true, false,
        "a text; put it in quotes", parse_item, print_items },
};
/* clang-format on */

size_t value_size(enum setting_type type)
{
    return types[type].size;
}

const char *value_type_name(const struct setting *setting)
{
    return types[setting->type].name;
}

static void print_choices(const struct setting *setting, const char *around, struct buf *out)
{
    const char *comma = "";
    for (const struct choice *choice = setting->choices; choice->name; choice++) {
        buf_printf(out, "%s%s%s%s", comma, around, choice->name, around);
        comma = ", ";
    }
}

/* What is wrong, in a message: `'x'`, or a word for what has no text. */
struct culprit {
    char text[sizeof(struct quote) + 2];
};

static struct culprit name_text(struct span text)
{
    struct culprit out;
    (void)snprintf(out.text, sizeof(out.text), "'%s'", quote(text).text);
    return out;
}

static struct culprit name_node(const struct yaml_node *node)
{
    switch (node->kind) {
    case YAML_NULL:
        return (struct culprit){ "nothing" };
    case YAML_LIST:
        return (struct culprit){ "a list" };
    case YAML_MAP:
        return (struct culprit){ "a map" };
    default:
        return name_text(node->text);
    }
}

/* A value, or an item of a list. */
static int refuse(const struct setting *setting, const char *what, struct errmsg *why)
{
    const char *expects = types[setting->type].expects;
    if (expects)
        return errmsg_set(why, -EINVAL, "%s is not %s", what, expects);
    AUTO(buf_fini) struct buf choices = { 0 };
    print_choices(setting, "", &choices);
    return errmsg_set(why, -EINVAL, "%s is not one of %s", what, buf_string(&choices));
}

static int refuse_list(const struct setting *setting, const char *what, struct errmsg *why)
{
    AUTO(buf_fini) struct buf choices = { 0 };
    if (setting->choices)
        print_choices(setting, "", &choices);
    return errmsg_set(why, -EINVAL, "%s is not a list; write [a, b]%s%s, or [] for none", what,
                      choices.len ? " of " : "", buf_string(&choices));
}

static int parse_text(const struct setting *setting, struct span text, union field *field,
                      struct errmsg *why)
{
    int err = types[setting->type].parse(setting, text, field);
    if (err == -ERANGE)
        return errmsg_set(why, err, "'%s' is too large", quote(text).text);
    return err < 0 ? refuse(setting, name_text(text).text, why) : 0;
}

/* What was read takes the place of what was there, only once it is whole. */
static int commit(const struct setting *setting, union field *read, int err, void *field)
{
    if (err < 0) {
        value_fini(setting, read);
        return err;
    }
    value_fini(setting, field);
    memcpy(field, read, types[setting->type].size);
    return 0;
}

int value_read_text(const struct setting *setting, struct span text, void *field,
                    struct errmsg *why)
{
    union field read = { 0 };
    if (!types[setting->type].is_list)
        return commit(setting, &read, parse_text(setting, text, &read, why), field);
    int         err = 0;
    struct span rest = text, item;
    while (err == 0 && span_next(&rest, ',', &item))
        err = parse_text(setting, item, &read, why);
    return commit(setting, &read, err, field);
}

/* A scalar of its own, or an item of a list. */
static int parse_node(const struct setting *setting, const struct yaml_node *node,
                      union field *field, struct errmsg *why)
{
    if (node->kind == YAML_BOOL && setting->type == SET_BOOL) {
        field->boolean = node->is_true;
        return 0;
    }
    if (types[setting->type].kinds & 1U << node->kind)
        return parse_text(setting, node->text, field, why);
    const struct choice *choice = setting->choices ? find_choice(setting, node->text) : NULL;
    if (!choice)
        return refuse(setting, name_node(node).text, why);
    if (!choice->is_bare)
        return errmsg_set(why, -EINVAL, "'%s' is a word only when it stands in quotes",
                          choice->name);
    return parse_text(setting, node->text, field, why);
}

int value_read_node(const struct setting *setting, const struct yaml_node *node, void *field,
                    struct errmsg *why)
{
    const struct value_type *type = &types[setting->type];
    union field              read = { 0 };
    if (node->kind == YAML_NULL && type->keeps_on_null)
        return 0;
    if (!type->is_list)
        return commit(setting, &read, parse_node(setting, node, &read, why), field);
    if (node->kind != YAML_LIST)
        return refuse_list(setting, name_node(node).text, why);
    int err = 0;
    for (const struct yaml_node *item = node->first; item; item = item->next) {
        err = parse_node(setting, item, &read, why);
        if (err < 0)
            break;
    }
    return commit(setting, &read, err, field);
}

static void print_limit(const struct setting *setting, int64_t limit, struct buf *out)
{
    if (limit == 0)
        buf_append_string(out, "0");
    else
        types[setting->type].print(setting, &(union field){ .number = limit }, out);
}

static void print_range(const struct setting *setting, struct buf *out)
{
    print_limit(setting, setting->min, out);
    buf_append_string(out, " to ");
    print_limit(setting, setting->max, out);
    if (setting->unit)
        buf_printf(out, " %s", setting->unit);
}

int value_check(const struct setting *setting, const void *field, struct errmsg *why)
{
    if (setting->min == 0 && setting->max == 0)
        return 0;
    int64_t number = *(const int64_t *)field;
    if (number <= 0 && setting->min > 0)
        return errmsg_set(why, -EINVAL, "'%s' must be greater than zero", setting->name);
    if (setting->type == SET_POWER_OF_2 && (number & (number - 1)))
        return errmsg_set(why, -EINVAL, "'%s' must be a power of two", setting->name);
    if (number >= setting->min && number <= setting->max)
        return 0;
    AUTO(buf_fini) struct buf range = { 0 }, given = { 0 };
    print_range(setting, &range);
    print_limit(setting, number, &given);
    return errmsg_set(why, -EINVAL, "'%s' must be in the range of %s, not %s", setting->name,
                      buf_string(&range), buf_string(&given));
}

static bool strings_equal(const struct strings *a, const struct strings *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    }
    return true;
}

/* A field is as large and as aligned as its own type, not as the union. */
static union field load(const struct setting *setting, const void *field)
{
    union field out = { 0 };
    memcpy(&out, field, types[setting->type].size);
    return out;
}

bool value_equal(const struct setting *setting, const void *a, const void *b)
{
    union field left = load(setting, a), right = load(setting, b);
    switch (setting->type) {
    case SET_ADDRESS:
    case SET_STRING:
        return span_equal(span_from_string(left.string), span_from_string(right.string));
    case SET_STRINGS:
        return strings_equal(&left.strings, &right.strings);
    default:
        return memcmp(a, b, types[setting->type].size) == 0;
    }
}

void value_print(const struct setting *setting, const void *field, struct buf *out)
{
    union field value = load(setting, field);
    types[setting->type].print(setting, &value, out);
}

static void strings_fini(struct strings *strings)
{
    for (size_t i = 0; i < strings->count; i++)
        mem_free(strings->items[i]);
    mem_free(strings->items);
}

void value_fini(const struct setting *setting, void *field)
{
    union field value = load(setting, field);
    if (setting->type == SET_ADDRESS || setting->type == SET_STRING)
        mem_free(value.string);
    else if (setting->type == SET_STRINGS)
        strings_fini(&value.strings);
    memset(field, 0, types[setting->type].size);
}

void value_print_allowed(const struct setting *setting, struct buf *out)
{
    if (setting->choices)
        print_choices(setting, "`", out);
    else if (setting->max && setting->min == 1 && setting->type == SET_DURATION)
        buf_append_string(out, "more than 0");
    else if (setting->max)
        print_range(setting, out);
}
