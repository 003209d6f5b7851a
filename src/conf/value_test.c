#include "conf/value.h"

#include <errno.h>

#include "base/test.h"

static const struct choice colours[] = {
    { .name = "blue", .value = 1 },
    { .name = "no", .value = 2 },
    { .name = "off", .value = 4, .is_bare = true },
    { 0 },
};

static const struct setting rows[] = {
    [SET_ADDRESS] = { .name = "address", .type = SET_ADDRESS },
    [SET_BITS] = { .name = "bits", .type = SET_BITS, .choices = colours },
    [SET_BOOL] = { .name = "bool", .type = SET_BOOL },
    [SET_DURATION] = { .name = "duration", .type = SET_DURATION, .max = 5000000000 },
    [SET_ENUM] = { .name = "enum", .type = SET_ENUM, .choices = colours },
    [SET_INT] = { .name = "int", .type = SET_INT, .min = -5, .max = 9, .unit = "apples" },
    [SET_POWER_OF_2] = { .name = "power", .type = SET_POWER_OF_2, .min = 1, .max = 64 },
    [SET_SIZE] = { .name = "size", .type = SET_SIZE, .min = 1024, .max = 4096 },
    [SET_STRING] = { .name = "string", .type = SET_STRING },
    [SET_STRINGS] = { .name = "strings", .type = SET_STRINGS },
};

/* As wide and as aligned as any field. */
struct field {
    _Alignas(8) unsigned char bytes[16];
};

static int read_yaml(enum setting_type type, const char *yaml, struct field *field,
                     struct errmsg *why)
{
    AUTO(yaml_tree_destroy) struct yaml_tree *tree = NULL;
    assert_int_equal(yaml_parse("f", span_from_string(yaml), &tree, why), 0);
    return value_read_node(&rows[type], yaml_tree_root(tree), field, why);
}

/* A value to be there before another one is read, so that ASan sees it leak if it is not freed. */
static void read_first(enum setting_type type, struct field *field)
{
    static const char *const first[SETTING_TYPE_COUNT] = {
        "127.0.0.1:1", "blue", "yes", "1s", "blue", "5", "8", "1K", "before", "be,fore",
    };
    struct span before = span_from_string(first[type]);
    assert_int_equal(value_read_text(&rows[type], before, field, NULL), 0);
}

static int read_over(enum setting_type type, bool is_yaml, const char *text, struct field *field,
                     struct errmsg *why)
{
    read_first(type, field);
    return is_yaml ? read_yaml(type, text, field, why)
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
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct setting *row = &rows[cases[i].type];
        struct field          field = { { 0 } };
        struct errmsg         why = { "" };
        CHECK(read_over(cases[i].type, false, cases[i].text, &field, &why) == 0, why.text);
        int err = value_check(row, &field, &why);
        CHECK((err == 0) == !cases[i].want, cases[i].text);
        CHECK(err == 0 || strcmp(why.text, cases[i].want) == 0, why.text);
        value_fini(row, &field);
    }
}

static void values_are_compared(void **state)
{
    static const struct {
        enum setting_type type;
        const char       *a, *b;
        bool              want;
    } cases[] = {
        { SET_BOOL, "yes", "true", true },        { SET_BOOL, "yes", "no", false },
        { SET_DURATION, "60s", "1m", true },      { SET_DURATION, "60s", "61s", false },
        { SET_ENUM, "blue", "no", false },        { SET_STRING, "a", "a", true },
        { SET_STRING, "a", "b", false },          { SET_STRING, "a", "", false },
        { SET_ADDRESS, ":1", ":1", true },        { SET_ADDRESS, ":1", ":2", false },
        { SET_STRINGS, "a,b", "a,b", true },      { SET_STRINGS, "a,b", "a", false },
        { SET_STRINGS, "a,b", "a,c", false },     { SET_STRINGS, "", "", true },
        { SET_BITS, "blue,no", "no,blue", true }, { SET_BITS, "blue", "no,blue", false },
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

TESTS(values_are_read_and_written_back, mistakes_say_what_would_be_right, limits_are_checked_apart,
      values_are_compared)
