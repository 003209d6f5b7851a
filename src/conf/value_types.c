#include <errno.h>
#include <inttypes.h>

#include "base/mem.h"
#include "conf/credential.h"
#include "conf/network.h"
#include "conf/units.h"
#include "conf/value_internal.h"
#include "loop/address.h"

const struct choice *value_find_choice(const struct setting *setting, struct span text)
{
    for (const struct choice *choice = setting->choices; choice && choice->name; choice++) {
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

static int parse_credential(const struct setting *setting, struct span text, union field *field)
{
    struct credential credential;
    if (credential_parse(text, &credential) < 0)
        return -EINVAL;
    field->string = span_to_string(text);
    return 0;
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
    const struct choice *choice = value_find_choice(setting, text);
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
    const struct choice *choice = value_find_choice(setting, text);
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

static int parse_url(const struct setting *setting, struct span text, union field *field)
{
    const struct choice *choice = setting->choices;
    while (choice->name && !span_starts_with(text, choice->name))
        choice++;
    if (text.len > 0 && !choice->name)
        return -EINVAL;
    field->string = span_to_string(text);
    return 0;
}

static void add_item(struct conf_list *list, char *text)
{
    list->items = mem_resize(list->items, (list->count + 1) * sizeof(list->items[0]));
    list->items[list->count++] = text;
}

static int parse_item(const struct setting *setting, struct span text, union field *field)
{
    if (text.len > CONF_MAX_ITEM)
        return -E2BIG;
    add_item(&field->list, span_to_string(text));
    return 0;
}

static int parse_network(const struct setting *setting, struct span text, union field *field)
{
    char           string[NETWORK_TEXT];
    struct network network;
    if (network_parse(text, &network) < 0)
        return -EINVAL;
    network_format(&network, string);
    add_item(&field->list, mem_string(string));
    return 0;
}

static void print_items(const struct setting *setting, const union field *field, struct buf *out)
{
    buf_append_string(out, "[");
    for (unsigned i = 0; i < field->list.count; i++) {
        buf_append_string(out, i ? ", " : "");
        yaml_print_string(span_from_string(field->list.items[i]), out);
    }
    buf_append_string(out, "]");
}

#define KIND(kind) (1U << YAML_##kind)

/* clang-format off */
const struct value_type value_types[SETTING_TYPE_COUNT] = {
    [SET_ADDRESS] = {
        .name = "address", .shape = &shape_string, .kinds = KIND(STRING), .keeps_on_null = true,
        .expects = "is not an address; write IP:port, or :port for every interface",
        .parse = parse_address, .print = print_string,
    },
    [SET_BITS] = {
        .name = "list of words", .shape = &shape_bits, .kinds = KIND(STRING), .is_list = true,
        .expects = "is not one of",
        .parse = parse_bit, .print = print_bits,
    },
    [SET_BOOL] = {
        .name = "boolean", .shape = &shape_bool, .keeps_on_null = true,
        .expects = "is not a boolean; write yes or no",
        .parse = parse_bool, .print = print_bool,
    },
    [SET_CREDENTIAL] = {
        .name = "credential", .shape = &shape_string, .kinds = KIND(STRING), .keeps_on_null = true,
        .expects = "is not a credential; write letters, digits and !$()*+.;<=>[]^_-{}@#&, or "
                   "sha256:BASE64, or argon2:$argon2id$...",
        .parse = parse_credential, .print = print_string,
    },
    [SET_DURATION] = {
        .name = "duration", .shape = &shape_number, .kinds = KIND(STRING) | KIND(NULL),
        .expects = "is not a duration; write a number with a unit, like 10s or 1m30s",
        .parse = parse_duration, .print = print_duration,
    },
    [SET_ENUM] = {
        .name = "word", .shape = &shape_choice, .kinds = KIND(STRING),
        .expects = "is not one of",
        .parse = parse_enum, .print = print_enum,
    },
    [SET_INT] = {
        .name = "whole number", .shape = &shape_number, .kinds = KIND(NUMBER),
        .keeps_on_null = true,
        .expects = "is not a whole number",
        .parse = parse_int, .print = print_int,
    },
    [SET_NETWORKS] = {
        .name = "list of networks", .shape = &shape_list, .kinds = KIND(STRING), .is_list = true,
        .expects = "is not a network; write an IP address, or a CIDR like 10.0.0.0/8",
        .parse = parse_network, .print = print_items,
    },
    [SET_OBJECTS] = {
        .name = "list of objects", .shape = &shape_objects, .is_list = true,
        .expects = "is not an object; write {key: value, ...}",
        .read_item = value_read_object, .print = value_print_objects,
    },
    [SET_POWER_OF_2] = {
        .name = "power of two", .shape = &shape_number, .kinds = KIND(NUMBER),
        .keeps_on_null = true,
        .expects = "is not a whole number",
        .parse = parse_int, .print = print_int,
    },
    [SET_SIZE] = {
        .name = "size", .shape = &shape_number, .kinds = KIND(STRING),
        .expects = "is not a size; write a number with a unit, like 50M or 1.5G",
        .parse = parse_size, .print = print_size,
    },
    [SET_STRING] = {
        .name = "text", .shape = &shape_string, .kinds = KIND(STRING), .keeps_on_null = true,
        .expects = "is not a text; put it in quotes",
        .parse = parse_string, .print = print_string,
    },
    [SET_STRINGS] = {
        .name = "list of texts", .shape = &shape_list, .kinds = KIND(STRING), .is_list = true,
        .expects = "is not a text; put it in quotes",
        .parse = parse_item, .print = print_items,
    },
    [SET_URL] = {
        .name = "URL", .shape = &shape_string, .kinds = KIND(STRING), .keeps_on_null = true,
        .hides_rest = true,
        .expects = "does not begin with one of",
        .parse = parse_url, .print = print_string,
    },
};
/* clang-format on */
