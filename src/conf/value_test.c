#include "conf/value.h"

#include <errno.h>

#include "base/mem.h"
#include "base/test.h"
#include "conf/conf.h"

static const struct choice colours[] = {
    { .name = "blue", .value = 1 },
    { .name = "no", .value = 2 },
    { .name = "off", .value = 4, .is_bare = true },
    { 0 },
};

static const struct choice schemes[] = {
    { .name = "stun:" },
    { .name = "turns:" },
    { 0 },
};

struct object {
    int64_t count;
    char   *url, *word, *secret;
    bool    is_on;
};

#define MEMBER(field)                                                                              \
    .scope = SCOPE_ITEM, .offset = offsetof(struct object, field),                                 \
    .size = sizeof(((struct object *)0)->field)

static const struct setting members[] = {
    { .name = "url",
      .type = SET_URL,
      MEMBER(url),
      .initial = "",
      .choices = schemes,
      .min = 1,
      .max = 16,
      .unit = "bytes" },
    { .name = "aWord", .type = SET_STRING, MEMBER(word), .initial = "x" },
    { .name = "secret", .type = SET_STRING, MEMBER(secret), .initial = "", .is_secret = true },
    { .name = "isOn", .type = SET_BOOL, MEMBER(is_on), .initial = "no" },
    { .name = "count", .type = SET_INT, MEMBER(count), .initial = "0", .max = 9 },
    { 0 },
};

static const struct setting rows[] = {
    [SET_ADDRESS] = { .name = "address", .type = SET_ADDRESS },
    [SET_BITS] = { .name = "bits", .type = SET_BITS, .choices = colours },
    [SET_BOOL] = { .name = "bool", .type = SET_BOOL },
    [SET_CREDENTIAL] = { .name = "credential", .type = SET_CREDENTIAL },
    [SET_DURATION] = { .name = "duration", .type = SET_DURATION, .max = 5000000000 },
    [SET_ENUM] = { .name = "enum", .type = SET_ENUM, .choices = colours },
    [SET_INT] = { .name = "int", .type = SET_INT, .min = -5, .max = 9, .unit = "apples" },
    [SET_NETWORKS] = { .name = "networks", .type = SET_NETWORKS, .max = 3, .unit = "items" },
    [SET_OBJECTS] = { .name = "objects",
                      .type = SET_OBJECTS,
                      .max = 2,
                      .unit = "items",
                      .members = members,
                      .item_size = sizeof(struct object) },
    [SET_POWER_OF_2] = { .name = "power", .type = SET_POWER_OF_2, .min = 1, .max = 64 },
    [SET_SIZE] = { .name = "size", .type = SET_SIZE, .min = 1024, .max = 4096 },
    [SET_STRING] = { .name = "string", .type = SET_STRING },
    [SET_STRINGS] = { .name = "strings", .type = SET_STRINGS, .max = 3, .unit = "items" },
    [SET_URL] = { .name = "url",
                  .type = SET_URL,
                  .choices = schemes,
                  .min = 1,
                  .max = 16,
                  .unit = "bytes" },
};

/* As wide and as aligned as any field. */
struct field {
    _Alignas(8) unsigned char bytes[16];
};

static int read_yaml(enum setting_type type, const char *yaml, struct field *field,
                     struct value_place *place, struct errmsg *why)
{
    AUTO(yaml_tree_destroy) struct yaml_tree *tree = NULL;
    assert_int_equal(yaml_parse("f", span_from_string(yaml), &tree, why), 0);
    return value_read_node(&rows[type], yaml_tree_root(tree), field, place, why);
}

/* A value to be there before another one is read, so that ASan sees it leak if it is not freed. */
static void read_first(enum setting_type type, struct field *field)
{
    static const char *const first[SETTING_TYPE_COUNT] = {
        [SET_ADDRESS] = "127.0.0.1:1",
        [SET_BITS] = "blue",
        [SET_BOOL] = "yes",
        [SET_CREDENTIAL] = "be#fore",
        [SET_DURATION] = "1s",
        [SET_ENUM] = "blue",
        [SET_INT] = "5",
        [SET_NETWORKS] = "10.0.0.0/8,::1",
        [SET_OBJECTS] = "[{url: 'stun:before', secret: s}]",
        [SET_POWER_OF_2] = "8",
        [SET_SIZE] = "1K",
        [SET_STRING] = "before",
        [SET_STRINGS] = "be,fore",
        [SET_URL] = "stun:before",
    };
    struct value_place place;
    struct span        text = span_from_string(first[type]);
    int                err;
    if (type == SET_OBJECTS)
        err = read_yaml(type, first[type], field, &place, NULL);
    else
        err = value_read_text(&rows[type], text, field, NULL);
    assert_int_equal(err, 0);
}

static int read_over(enum setting_type type, bool is_yaml, const char *text, struct field *field,
                     struct errmsg *why)
{
    read_first(type, field);
    struct value_place place;
    return is_yaml ? read_yaml(type, text, field, &place, why)
                   : value_read_text(&rows[type], span_from_string(text), field, why);
}

static void values_are_read_and_written_back(void **state)
{
    enum { YAML = true, ENVIRONMENT = false };
    static const struct {
        enum setting_type type;
        bool              is_yaml;
        const char       *text, *want;
    } cases[] = {
        { SET_ADDRESS, YAML, ":9997", ":9997" },
        { SET_ADDRESS, YAML, "127.0.0.1:80", "127.0.0.1:80" },
        { SET_ADDRESS, YAML, "\"[::1]:80\"", "\"[::1]:80\"" },
        { SET_ADDRESS, YAML, "''", "\"\"" },
        { SET_ADDRESS, YAML, "", "127.0.0.1:1" },
        { SET_ADDRESS, ENVIRONMENT, "", "\"\"" },
        { SET_BITS, YAML, "[off, blue]", "[blue, \"off\"]" },
        { SET_BITS, YAML, "[\"no\", \"no\"]", "[\"no\"]" },
        { SET_BITS, YAML, "[]", "[]" },
        { SET_BITS, ENVIRONMENT, "off,no,blue", "[blue, \"no\", \"off\"]" },
        { SET_BITS, ENVIRONMENT, "", "[]" },
        { SET_BOOL, YAML, "on", "true" },
        { SET_BOOL, YAML, "No", "false" },
        { SET_BOOL, YAML, "~", "true" },
        { SET_BOOL, ENVIRONMENT, "TRUE", "true" },
        { SET_BOOL, ENVIRONMENT, "no", "false" },
        { SET_CREDENTIAL, YAML, "a$b", "\"a$b\"" },
        { SET_CREDENTIAL, YAML, "", "\"be#fore\"" },
        { SET_CREDENTIAL, YAML, "''", "\"\"" },
        { SET_CREDENTIAL, YAML, "\"123\"", "\"123\"" },
        { SET_CREDENTIAL, ENVIRONMENT, "", "\"\"" },
        { SET_CREDENTIAL, ENVIRONMENT, "123", "\"123\"" },
        { SET_CREDENTIAL, ENVIRONMENT, "{a}", "\"{a}\"" },
        { SET_CREDENTIAL, YAML, "sha256:10/w7o2juYBrGMh32/KbveULW9jk2tejpyUAD+uC6PE=",
          "\"sha256:10/w7o2juYBrGMh32/KbveULW9jk2tejpyUAD+uC6PE=\"" },
        { SET_DURATION, YAML, "90s", "1m30s" },
        { SET_DURATION, YAML, "\"0s\"", "\"\"" },
        { SET_DURATION, YAML, "", "\"\"" },
        { SET_DURATION, ENVIRONMENT, "", "\"\"" },
        { SET_DURATION, ENVIRONMENT, "36h", "1d12h0m0s" },
        { SET_ENUM, YAML, "blue", "blue" },
        { SET_ENUM, YAML, "'no'", "\"no\"" },
        { SET_ENUM, YAML, "off", "\"off\"" },
        { SET_ENUM, ENVIRONMENT, "no", "\"no\"" },
        { SET_INT, YAML, "-3", "-3" },
        { SET_INT, YAML, "+3", "3" },
        { SET_INT, YAML, "null", "5" },
        { SET_INT, ENVIRONMENT, "007", "7" },
        { SET_INT, ENVIRONMENT, "9223372036854775807", "9223372036854775807" },
        { SET_POWER_OF_2, YAML, "64", "64" },
        { SET_SIZE, YAML, "1.5G", "1.5G" },
        { SET_SIZE, ENVIRONMENT, "4096B", "4K" },
        { SET_STRING, YAML, "a b", "\"a b\"" },
        { SET_STRING, YAML, "\"5\"", "\"5\"" },
        { SET_STRING, YAML, "", "before" },
        { SET_STRING, YAML, "''", "\"\"" },
        { SET_STRING, ENVIRONMENT, "", "\"\"" },
        { SET_STRING, ENVIRONMENT, "yes", "\"yes\"" },
        { SET_STRING, ENVIRONMENT, "5", "\"5\"" },
        { SET_STRING, YAML, "\"a\\\"b\\\\c\\nd\"", "\"a\\\"b\\\\c\\x0Ad\"" },
        { SET_STRINGS, YAML, "[a, \"b c\", 'no']", "[a, \"b c\", \"no\"]" },
        { SET_STRINGS, YAML, "[]", "[]" },
        { SET_STRINGS, ENVIRONMENT, "a,b", "[a, b]" },
        { SET_STRINGS, ENVIRONMENT, "", "[]" },
        { SET_STRINGS, ENVIRONMENT, "a,,b", "[a, \"\", b]" },
        { SET_STRINGS, YAML, "['*', 'a,b', '']", "[\"*\", \"a,b\", \"\"]" },
        { SET_STRINGS, YAML, "[':1', 'a:', '{}']", "[:1, \"a:\", \"{}\"]" },
        { SET_STRINGS, YAML, "['[', '#', 'a: b']", "[\"[\", \"#\", \"a: b\"]" },
        { SET_NETWORKS, YAML, "[127.0.0.1, 10.1.2.3/8, '::1']",
          "[127.0.0.1/32, 10.0.0.0/8, ::1/128]" },
        { SET_NETWORKS, YAML, "[]", "[]" },
        { SET_NETWORKS, ENVIRONMENT, "fe80::/10,::ffff:1.2.3.4", "[fe80::/10, 1.2.3.4/32]" },
        { SET_NETWORKS, ENVIRONMENT, "", "[]" },
        { SET_URL, YAML, "stun:a.b:1", "stun:a.b:1" },
        { SET_URL, YAML, "'turns:'", "\"turns:\"" },
        { SET_URL, YAML, "", "stun:before" },
        { SET_URL, YAML, "''", "\"\"" },
        { SET_URL, ENVIRONMENT, "", "\"\"" },
        { SET_URL, ENVIRONMENT, "stun:a#b", "\"stun:a#b\"" },
        { SET_OBJECTS, YAML, "[]", "[]" },
        { SET_OBJECTS, ENVIRONMENT, "", "[]" },
        { SET_OBJECTS, YAML, "[{}]",
          "[{url: \"\", aWord: x, secret: \"\", isOn: false, count: 0}]" },
        { SET_OBJECTS, YAML, "- url: stun:a\n  secret: 'no'\n  aWord: ''\n- isOn: on\n  count: 7",
          "[{url: stun:a, aWord: \"\", secret: \"no\", isOn: false, count: 0}, "
          "{url: \"\", aWord: x, secret: \"\", isOn: true, count: 7}]" },
        { SET_OBJECTS, YAML, "[{aWord: , secret: ~, isOn: null, url: }]",
          "[{url: \"\", aWord: x, secret: \"\", isOn: false, count: 0}]" },
        { SET_OBJECTS, YAML, "[{secret: \"{a, b: [c]} # \\\"\"}]",
          "[{url: \"\", aWord: x, secret: \"{a, b: [c]} # \\\"\", isOn: false, count: 0}]" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct setting     *row = &rows[cases[i].type];
        AUTO(buf_fini) struct buf out = { 0 };
        struct field              field = { { 0 } }, again = { { 0 } };
        struct errmsg             why = { "" };
        int err = read_over(cases[i].type, cases[i].is_yaml, cases[i].text, &field, &why);
        CHECK(err == 0, why.text);
        value_print(row, &field, &out);
        CHECK(strcmp(buf_string(&out), cases[i].want) == 0, buf_string(&out));
        CHECK(read_over(cases[i].type, true, buf_string(&out), &again, &why) == 0, why.text);
        CHECK(value_equal(row, &field, &again), cases[i].want);
        value_fini(row, &field);
        value_fini(row, &again);
    }
}

static void mistakes_say_what_would_be_right(void **state)
{
    enum { YAML = true, ENVIRONMENT = false };
    static const struct {
        enum setting_type type;
        bool              is_yaml;
        const char       *text, *want;
    } cases[] = {
        { SET_ADDRESS, YAML, "9997",
          "'9997' is not an address; write IP:port, or :port for every interface" },
        { SET_ADDRESS, YAML, "localhost",
          "'localhost' is not an address; write IP:port, or :port for every interface" },
        { SET_ADDRESS, YAML, "\":65536\"",
          "':65536' is not an address; write IP:port, or :port for every interface" },
        { SET_BITS, YAML, "blue",
          "'blue' is not a list; write [a, b] of blue, no, off, or [] for "
          "none" },
        { SET_BITS, YAML, "",
          "nothing is not a list; write [a, b] of blue, no, off, or [] for "
          "none" },
        { SET_BITS, YAML, "[red]", "'red' is not one of blue, no, off" },
        { SET_BITS, YAML, "[no]", "'no' is a word only when it stands in quotes" },
        { SET_BITS, ENVIRONMENT, "blue,,off", "'' is not one of blue, no, off" },
        { SET_BOOL, YAML, "\"yes\"", "'yes' is not a boolean; write yes or no" },
        { SET_BOOL, YAML, "1", "'1' is not a boolean; write yes or no" },
        { SET_BOOL, YAML, "[yes]", "a list is not a boolean; write yes or no" },
        { SET_BOOL, ENVIRONMENT, "1", "'1' is not a boolean; write yes or no" },
        { SET_BOOL, ENVIRONMENT, "on", "'on' is not a boolean; write yes or no" },
        { SET_BOOL, ENVIRONMENT, "", "'' is not a boolean; write yes or no" },
        { SET_CREDENTIAL, YAML, "a b",
          "'a b' is not a credential; write letters, digits and !$()*+.;<=>[]^_-{}@#&, or "
          "sha256:BASE64, or argon2:$argon2id$..." },
        { SET_CREDENTIAL, YAML, "123",
          "'123' is not a credential; write letters, digits and !$()*+.;<=>[]^_-{}@#&, or "
          "sha256:BASE64, or argon2:$argon2id$..." },
        { SET_DURATION, YAML, "5",
          "'5' is not a duration; write a number with a unit, like 10s or 1m30s" },
        { SET_DURATION, YAML, "{a: b}",
          "a map is not a duration; write a number with a unit, like 10s or 1m30s" },
        { SET_DURATION, ENVIRONMENT, "5",
          "'5' is not a duration; write a number with a unit, like 10s or 1m30s" },
        { SET_DURATION, YAML, "200000000h", "'200000000h' is too large" },
        { SET_ENUM, YAML, "red", "'red' is not one of blue, no, off" },
        { SET_ENUM, YAML, "Blue", "'Blue' is not one of blue, no, off" },
        { SET_ENUM, YAML, "no", "'no' is a word only when it stands in quotes" },
        { SET_ENUM, YAML, "false", "'false' is not one of blue, no, off" },
        { SET_ENUM, YAML, "", "nothing is not one of blue, no, off" },
        { SET_ENUM, YAML, "5", "'5' is not one of blue, no, off" },
        { SET_INT, YAML, "\"5\"", "'5' is not a whole number" },
        { SET_INT, YAML, "1.5", "'1.5' is not a whole number" },
        { SET_INT, YAML, "0x10", "'0x10' is not a whole number" },
        { SET_INT, YAML, "x", "'x' is not a whole number" },
        { SET_INT, ENVIRONMENT, "", "'' is not a whole number" },
        { SET_INT, ENVIRONMENT, "-", "'-' is not a whole number" },
        { SET_INT, ENVIRONMENT, "9223372036854775808", "'9223372036854775808' is too large" },
        { SET_SIZE, YAML, "50",
          "'50' is not a size; write a number with a unit, like 50M or 1.5G" },
        { SET_SIZE, YAML, "",
          "nothing is not a size; write a number with a unit, like 50M or 1.5G" },
        { SET_SIZE, ENVIRONMENT, "9E", "'9E' is too large" },
        { SET_STRING, YAML, "5", "'5' is not a text; put it in quotes" },
        { SET_STRING, YAML, "yes", "'yes' is not a text; put it in quotes" },
        { SET_STRING, YAML, "[a]", "a list is not a text; put it in quotes" },
        { SET_STRINGS, YAML, "a", "'a' is not a list; write [a, b], or [] for none" },
        { SET_STRINGS, YAML, "~", "nothing is not a list; write [a, b], or [] for none" },
        { SET_STRINGS, YAML, "[a, b, 5]", "'5' is not a text; put it in quotes" },
        { SET_STRINGS, YAML, "[[a]]", "a list is not a text; put it in quotes" },
        { SET_STRINGS, YAML, "[~]", "nothing is not a text; put it in quotes" },
        { SET_NETWORKS, YAML, "10.0.0.0/8",
          "'10.0.0.0/8' is not a list; write [a, b], or [] for none" },
        { SET_NETWORKS, YAML, "[::1, localhost]",
          "'localhost' is not a network; write an IP address, or a CIDR like 10.0.0.0/8" },
        { SET_NETWORKS, YAML, "[10.0]",
          "'10.0' is not a network; write an IP address, or a CIDR like 10.0.0.0/8" },
        { SET_NETWORKS, ENVIRONMENT, "::1,,10.0.0.0/8",
          "'' is not a network; write an IP address, or a CIDR like 10.0.0.0/8" },
        { SET_NETWORKS, ENVIRONMENT, "10.0.0.0/33",
          "'10.0.0.0/33' is not a network; write an IP address, or a CIDR like 10.0.0.0/8" },
        { SET_URL, YAML, "a", "'a' does not begin with one of stun:, turns:" },
        { SET_URL, YAML, "STUN:a", "'STUN:...' does not begin with one of stun:, turns:" },
        { SET_URL, YAML, "'stun'", "'stun' does not begin with one of stun:, turns:" },
        { SET_URL, YAML, "'http:'", "'http:' does not begin with one of stun:, turns:" },
        { SET_URL, YAML, "http://user:hidden@h",
          "'http:...' does not begin with one of stun:, turns:" },
        { SET_URL, YAML, "5", "'5' does not begin with one of stun:, turns:" },
        { SET_URL, YAML, "[a]", "a list does not begin with one of stun:, turns:" },
        { SET_URL, ENVIRONMENT, "turn:user:hidden@h",
          "'turn:...' does not begin with one of stun:, turns:" },
        { SET_OBJECTS, YAML, "{url: stun:a}", "a map is not a list; write [a, b], or [] for none" },
        { SET_OBJECTS, YAML, "turn:u:hidden",
          "a text is not a list; write [a, b], or [] for none" },
        { SET_OBJECTS, YAML, "", "nothing is not a list; write [a, b], or [] for none" },
        { SET_OBJECTS, YAML, "['turn:u:hidden']",
          "a text is not an object; write {key: value, ...}" },
        { SET_OBJECTS, YAML, "[{}, 5]", "a number is not an object; write {key: value, ...}" },
        { SET_OBJECTS, YAML, "[~]", "nothing is not an object; write {key: value, ...}" },
        { SET_OBJECTS, YAML, "[[]]", "a list is not an object; write {key: value, ...}" },
        { SET_OBJECTS, YAML, "[{url: x}]", "'x' does not begin with one of stun:, turns:" },
        { SET_OBJECTS, YAML, "[{secret: 12345}]", "a number is not a text; put it in quotes" },
        { SET_OBJECTS, YAML, "[{secret: yes}]", "a boolean is not a text; put it in quotes" },
        { SET_OBJECTS, YAML, "[{secret: [hidden]}]", "a list is not a text; put it in quotes" },
        { SET_OBJECTS, YAML, "[{aWord: 12345}]", "'12345' is not a text; put it in quotes" },
        { SET_OBJECTS, YAML, "[{count: 99999999999999999999}]",
          "'99999999999999999999' is too large" },
        { SET_OBJECTS, YAML, "[{aword: x}]",
          "'aword' is not a setting known here; did you mean 'aWord'?" },
        { SET_OBJECTS, YAML, "[{url: stun:a, foo: x}]", "'foo' is not a setting known here" },
        { SET_OBJECTS, YAML, "[{objects: []}]", "'objects' is not a setting known here" },
        { SET_OBJECTS, ENVIRONMENT, "turn:u:hidden@h",
          "a text is not a list of objects; each key of an item has a variable of its own, whose "
          "name ends like _0_KEY" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct setting *row = &rows[cases[i].type];
        struct field          field = { { 0 } }, before = { { 0 } };
        struct errmsg         why = { "" };
        int err = read_over(cases[i].type, cases[i].is_yaml, cases[i].text, &field, &why);
        CHECK(err == -EINVAL || err == -ERANGE, cases[i].text);
        CHECK(strcmp(why.text, cases[i].want) == 0, why.text);
        read_first(cases[i].type, &before);
        CHECK(value_equal(row, &field, &before), cases[i].want);
        value_fini(row, &field);
        value_fini(row, &before);
    }
}

static void places_are_told(void **state)
{
    static const struct {
        enum setting_type type;
        const char       *yaml;
        unsigned          line, column;
        const char       *path;
    } cases[] = {
        { SET_INT, "x", 1, 1, "" },
        { SET_STRINGS, "a", 1, 1, "" },
        { SET_STRINGS, "\n- a\n- 5\n", 3, 3, "" },
        { SET_STRINGS, "[a, b, c, d]", 1, 1, "" },
        { SET_BITS, "[blue, red]", 1, 8, "" },
        { SET_OBJECTS, "x", 1, 1, "" },
        { SET_OBJECTS, "[{}, x]", 1, 6, "[1]" },
        { SET_OBJECTS, "- url: stun:a\n- aWord: b\n  url: 'c'\n", 3, 8, "[1].url" },
        { SET_OBJECTS, "- url: stun:a\n  foo: b\n", 2, 3, "[0]" },
        { SET_OBJECTS, "[{}, {}, {}]", 1, 1, "" },
        { SET_OBJECTS, "- isOn: 1\n", 1, 9, "[0].isOn" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct field       field = { { 0 } };
        struct value_place place;
        CHECK(read_yaml(cases[i].type, cases[i].yaml, &field, &place, NULL) < 0, cases[i].yaml);
        CHECK(place.line == cases[i].line, cases[i].yaml);
        CHECK(place.column == cases[i].column, cases[i].yaml);
        CHECK(strcmp(place.path, cases[i].path) == 0, place.path);
    }
}

static void lists_have_an_end(void **state)
{
    static const struct {
        enum setting_type type;
        bool              is_yaml;
        const char       *fits, *does_not;
    } cases[] = {
        { SET_STRINGS, true, "[a, b, c]", "[a, b, c, d]" },
        { SET_STRINGS, false, "a,b,c", "a,b,c,d" },
        { SET_NETWORKS, true, "[::1, ::1, ::1]", "[::1, ::1, ::1, ::1]" },
        { SET_NETWORKS, false, "::1,::1,::1", "::1,::1,::1,x" },
        { SET_OBJECTS, true, "[{}, {}]", "[{}, {}, {}]" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct setting *row = &rows[cases[i].type];
        struct field          field = { { 0 } };
        struct errmsg         why = { "" };
        CHECK(read_over(cases[i].type, cases[i].is_yaml, cases[i].fits, &field, &why) == 0,
              why.text);
        value_fini(row, &field);
        int err = read_over(cases[i].type, cases[i].is_yaml, cases[i].does_not, &field, &why);
        CHECK(err == -E2BIG, cases[i].does_not);
        CHECK(strcmp(why.text, row->max == 2 ? "more than 2 items" : "more than 3 items") == 0,
              why.text);
        value_fini(row, &field);
    }
}

static void items_have_an_end(void **state)
{
    char         text[CONF_MAX_ITEM + 2];
    struct field field = { { 0 } };
    for (size_t len = CONF_MAX_ITEM; len <= CONF_MAX_ITEM + 1; len++) {
        struct errmsg why = { "" };
        memset(text, 'a', len);
        text[len] = '\0';
        int err = value_read_text(&rows[SET_STRINGS], span_from_string(text), &field, &why);
        CHECK(err == (len > CONF_MAX_ITEM ? -E2BIG : 0), why.text);
        CHECK(err == 0 || strcmp(why.text, "an item of more than 512 bytes") == 0, why.text);
    }
    value_fini(&rows[SET_STRINGS], &field);
}

static void items_are_edited_and_added(void **state)
{
    const struct setting     *row = &rows[SET_OBJECTS];
    AUTO(buf_fini) struct buf out = { 0 };
    struct field              field = { { 0 } };
    struct object            *item;
    struct errmsg             why = { "" };
    read_first(SET_OBJECTS, &field);
    assert_int_equal(value_count_items(row, &field), 1);
    assert_int_equal(value_get_item(row, &field, 0, (void **)&item, &why), 0);
    assert_string_equal(item->url, "stun:before");
    item->count = 3;
    assert_int_equal(value_get_item(row, &field, 1, (void **)&item, &why), 0);
    assert_string_equal(item->word, "x");
    item->is_on = true;
    assert_int_equal(value_count_items(row, &field), 2);
    assert_int_equal(value_get_item(row, &field, 2, (void **)&item, &why), -E2BIG);
    assert_string_equal(why.text, "more than 2 items");
    value_print(row, &field, &out);
    assert_string_equal(buf_string(&out),
                        "[{url: stun:before, aWord: x, secret: s, isOn: false, count: 3}, "
                        "{url: \"\", aWord: x, secret: \"\", isOn: true, count: 0}]");
    value_fini(row, &field);
    assert_int_equal(value_count_items(row, &field), 0);
}

static void limits_are_checked_apart(void **state)
{
    static const struct {
        enum setting_type type;
        const char       *text, *want;
    } cases[] = {
        { SET_INT, "-5", NULL },
        { SET_INT, "9", NULL },
        { SET_INT, "-6", "'int' must be in the range of -5 to 9 apples, not -6" },
        { SET_INT, "10", "'int' must be in the range of -5 to 9 apples, not 10" },
        { SET_POWER_OF_2, "1", NULL },
        { SET_POWER_OF_2, "64", NULL },
        { SET_POWER_OF_2, "0", "'power' must be greater than zero" },
        { SET_POWER_OF_2, "-8", "'power' must be greater than zero" },
        { SET_POWER_OF_2, "63", "'power' must be a power of two" },
        { SET_POWER_OF_2, "128", "'power' must be in the range of 1 to 64, not 128" },
        { SET_DURATION, "0s", NULL },
        { SET_DURATION, "5s", NULL },
        { SET_DURATION, "5000000001ns",
          "'duration' must be in the range of 0 to 5s, not 5.000000001s" },
        { SET_DURATION, "-1s", "'duration' must be in the range of 0 to 5s, not -1s" },
        { SET_SIZE, "1K", NULL },
        { SET_SIZE, "0B", "'size' must be greater than zero" },
        { SET_SIZE, "1B", "'size' must be in the range of 1K to 4K, not 1B" },
        { SET_BOOL, "yes", NULL },
        { SET_STRING, "x", NULL },
        { SET_STRING, "", NULL },
        { SET_STRINGS, "", NULL },
        { SET_OBJECTS, "", NULL },
        { SET_URL, "stun:67890123456", NULL },
        { SET_URL, "stun:678901234567", "'url' must have 1 to 16 bytes, not 17" },
        { SET_URL, "", "'url' must be set" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct setting *row = &rows[cases[i].type];
        struct field          field = { { 0 } };
        struct errmsg         why = { "" };
        CHECK(read_over(cases[i].type, false, cases[i].text, &field, &why) == 0, why.text);
        int item = 7;
        int err = value_check(row, &field, &item, &why);
        CHECK(item == -1, cases[i].text);
        CHECK((err == 0) == !cases[i].want, cases[i].text);
        CHECK(err == 0 || strcmp(why.text, cases[i].want) == 0, why.text);
        value_fini(row, &field);
    }
}

static void objects_are_checked_key_by_key(void **state)
{
    static const struct {
        const char *yaml, *want;
        int         item;
    } cases[] = {
        { "[{url: stun:a}, {url: turns:b, count: 9}]", NULL, -1 },
        { "[{url: stun:a}, {count: 9}]", "'objects[1].url' must be set", 1 },
        { "[{url: ''}, {}]", "'objects[0].url' must be set", 0 },
        { "[{url: stun:a, count: 10}]", "'objects[0].count' must be in the range of 0 to 9, not 10",
          0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct field  field = { { 0 } };
        struct errmsg why = { "" };
        int           item = 7;
        CHECK(read_over(SET_OBJECTS, true, cases[i].yaml, &field, &why) == 0, why.text);
        int err = value_check(&rows[SET_OBJECTS], &field, &item, &why);
        CHECK(err == (cases[i].want ? -EINVAL : 0), cases[i].yaml);
        CHECK(err == 0 || strcmp(why.text, cases[i].want) == 0, why.text);
        CHECK(item == cases[i].item, cases[i].yaml);
        value_fini(&rows[SET_OBJECTS], &field);
    }
}

static void what_is_allowed_is_told(void **state)
{
    static const struct {
        enum setting_type type;
        const char       *want;
    } cases[] = {
        { SET_ADDRESS, "" },
        { SET_BITS, "`blue`, `no`, `off`" },
        { SET_DURATION, "0 to 5s" },
        { SET_INT, "-5 to 9 apples" },
        { SET_NETWORKS, "up to 3 items" },
        { SET_OBJECTS, "up to 2 items" },
        { SET_SIZE, "1K to 4K" },
        { SET_STRING, "" },
        { SET_URL, "`stun:`, `turns:`; 1 to 16 bytes" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO(buf_fini) struct buf out = { 0 };
        value_print_allowed(&rows[cases[i].type], &out);
        CHECK(strcmp(buf_string(&out), cases[i].want) == 0, buf_string(&out));
    }
}

static void objects_are_compared(void **state)
{
    static const struct {
        const char *a, *b;
        bool        want;
    } cases[] = {
        { "[]", "[]", true },
        { "[{}]", "[]", false },
        { "[{}]", "[{aWord: x, isOn: no}]", true },
        { "[{url: stun:a}]", "[{url: stun:b}]", false },
        { "[{}, {isOn: yes}]", "[{}, {}]", false },
        { "[{count: 1}, {}]", "[{}, {count: 1}]", false },
    };
    const struct setting *row = &rows[SET_OBJECTS];
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct field a = { { 0 } }, b = { { 0 } };
        CHECK(read_over(SET_OBJECTS, true, cases[i].a, &a, NULL) == 0, cases[i].a);
        CHECK(read_over(SET_OBJECTS, true, cases[i].b, &b, NULL) == 0, cases[i].b);
        CHECK(value_equal(row, &a, &b) == cases[i].want, cases[i].a);
        value_fini(row, &a);
        value_fini(row, &b);
        CHECK(value_equal(row, &a, &b), "emptied");
    }
}

static void values_are_compared(void **state)
{
    static const struct {
        enum setting_type type;
        const char       *a, *b;
        bool              want;
    } cases[] = {
        { SET_BOOL, "yes", "true", true },
        { SET_BOOL, "yes", "no", false },
        { SET_DURATION, "60s", "1m", true },
        { SET_DURATION, "60s", "61s", false },
        { SET_ENUM, "blue", "no", false },
        { SET_STRING, "a", "a", true },
        { SET_STRING, "a", "b", false },
        { SET_STRING, "a", "", false },
        { SET_ADDRESS, ":1", ":1", true },
        { SET_ADDRESS, ":1", ":2", false },
        { SET_STRINGS, "a,b", "a,b", true },
        { SET_STRINGS, "a,b", "a", false },
        { SET_STRINGS, "a,b", "a,c", false },
        { SET_STRINGS, "", "", true },
        { SET_BITS, "blue,no", "no,blue", true },
        { SET_BITS, "blue", "no,blue", false },
        { SET_URL, "stun:a", "stun:a", true },
        { SET_URL, "stun:a", "stun:b", false },
        { SET_NETWORKS, "10.9.9.9/8,::1", "10.0.0.0/8,::1/128", true },
        { SET_NETWORKS, "10.0.0.0/8,::1", "::1,10.0.0.0/8", false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct setting *row = &rows[cases[i].type];
        struct field          a = { { 0 } }, b = { { 0 } };
        CHECK(read_over(cases[i].type, false, cases[i].a, &a, NULL) == 0, cases[i].a);
        CHECK(read_over(cases[i].type, false, cases[i].b, &b, NULL) == 0, cases[i].b);
        CHECK(value_equal(row, &a, &b) == cases[i].want, cases[i].a);
        value_fini(row, &a);
        value_fini(row, &b);
        CHECK(value_equal(row, &a, &b), "emptied");
    }
}

TESTS(values_are_read_and_written_back, mistakes_say_what_would_be_right, places_are_told,
      lists_have_an_end, items_have_an_end, items_are_edited_and_added, limits_are_checked_apart,
      objects_are_checked_key_by_key, what_is_allowed_is_told, objects_are_compared,
      values_are_compared)
