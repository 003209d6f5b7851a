#include "conf/settings.h"

#include <ctype.h>

#include "base/test.h"
#include "conf/conf.h"
#include "conf/value.h"

static const enum setting_scope scopes[] = { SCOPE_GLOBAL, SCOPE_PATH };

static void rows_are_sorted_for_the_search(void **state)
{
    for (size_t i = 0; i < COUNT(scopes); i++) {
        const struct setting *first = settings_of(scopes[i]);
        assert_non_null(first->name);
        for (const struct setting *setting = first + 1; setting->name; setting++)
            CHECK(strcasecmp(setting[-1].name, setting->name) < 0, setting->name);
    }
}

static void each_row_is_found_in_any_case(void **state)
{
    for (size_t i = 0; i < COUNT(scopes); i++) {
        for (const struct setting *setting = settings_of(scopes[i]); setting->name; setting++) {
            char upper[64] = "";
            for (size_t k = 0; setting->name[k]; k++)
                upper[k] = (char)toupper(setting->name[k]);
            CHECK(setting->scope == scopes[i], setting->name);
            CHECK(settings_find(scopes[i], span_from_string(setting->name)) == setting,
                  setting->name);
            CHECK(settings_find(scopes[i], span_from_string(upper)) == setting, setting->name);
        }
    }
}

static void other_names_are_not_found(void **state)
{
    static const struct span names[] = {
        BYTES(""),          BYTES("a"),    BYTES("ap"),         BYTES("apis"),
        BYTES("apiAddres"), BYTES("zzzz"), BYTES("maxReaders"), BYTES("apiAddresss"),
        BYTES("api\0"),     BYTES("-"),
    };
    for (size_t i = 0; i < COUNT(names); i++)
        CHECK(!settings_find(SCOPE_GLOBAL, names[i]), (const char *)names[i].p);
    assert_null(settings_find(SCOPE_PATH, BYTES("api")));
}

static void fields_have_the_size_of_their_type(void **state)
{
    for (size_t i = 0; i < COUNT(scopes); i++) {
        for (const struct setting *setting = settings_of(scopes[i]); setting->name; setting++)
            CHECK(setting->size == value_size(setting->type), setting->name);
    }
}

/* A row that was copied and not mended would write into its neighbour's field. */
static void no_two_rows_share_a_field(void **state)
{
    static unsigned char used[COUNT(scopes)][sizeof(struct conf) + sizeof(struct conf_path)];
    for (size_t i = 0; i < COUNT(scopes); i++) {
        for (const struct setting *setting = settings_of(scopes[i]); setting->name; setting++) {
            for (size_t k = 0; k < setting->size; k++)
                CHECK(!used[i][setting->offset + k]++, setting->name);
        }
    }
}

static void rows_are_complete(void **state)
{
    for (size_t i = 0; i < COUNT(scopes); i++) {
        for (const struct setting *setting = settings_of(scopes[i]); setting->name; setting++) {
            bool has_words = setting->type == SET_ENUM || setting->type == SET_BITS;
            CHECK(has_words == (setting->choices != NULL), setting->name);
            CHECK(setting->min <= setting->max, setting->name);
            CHECK(!setting->max || setting->size == sizeof(int64_t), setting->name);
            CHECK(setting->help[strlen(setting->help) - 1] == '.' ||
                      setting->help[strlen(setting->help) - 1] == ')',
                  setting->name);
            CHECK(!strchr(setting->help, '|'), setting->name);
        }
    }
}

static void defaults_are_allowed(void **state)
{
    AUTO(conf_unref) struct conf *conf = NULL;
    assert_int_equal(conf_load(NULL, NULL, &conf, NULL), 0);
    for (const struct setting *setting = settings_of(SCOPE_GLOBAL); setting->name; setting++)
        CHECK(value_check(setting, setting_value(setting, conf), NULL) == 0, setting->name);
    for (const struct setting *setting = settings_of(SCOPE_PATH); setting->name; setting++)
        CHECK(value_check(setting, setting_value(setting, &conf->defaults), NULL) == 0,
              setting->name);
}

TESTS(rows_are_sorted_for_the_search, each_row_is_found_in_any_case, other_names_are_not_found,
      fields_have_the_size_of_their_type, no_two_rows_share_a_field, rows_are_complete,
      defaults_are_allowed)
