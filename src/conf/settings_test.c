#include "conf/settings.h"

#include <ctype.h>
#include <errno.h>

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

static void keys_of_items_are_found_in_any_case(void **state)
{
    const struct setting *list = settings_find(SCOPE_GLOBAL, BYTES("webrtcICEServers2"));
    assert_string_equal(settings_find_member(list, BYTES("CLIENTONLY"))->name, "clientOnly");
    assert_string_equal(settings_find_member(list, BYTES("url"))->name, "url");
    assert_null(settings_find_member(list, BYTES("")));
    assert_null(settings_find_member(list, BYTES("ur")));
    assert_null(settings_find_member(list, BYTES("url2")));
    assert_null(settings_find_member(list, BYTES("webrtc")));
}

static void keys_must_be_spelt_right(void **state)
{
    const struct setting *row = settings_find(SCOPE_GLOBAL, BYTES("logLevel"));
    struct errmsg         why = { "" };
    assert_int_equal(settings_check_key(row, BYTES("logLevel"), &why), 0);
    assert_int_equal(settings_check_key(row, BYTES("LOGLEVEL"), &why), -EINVAL);
    assert_string_equal(why.text,
                        "'LOGLEVEL' is not a setting known here; did you mean 'logLevel'?");
    assert_int_equal(settings_check_key(NULL, BYTES("log\nLevel"), &why), -EINVAL);
    assert_string_equal(why.text, "'log?Level' is not a setting known here");
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

static void check_row(const struct setting *row)
{
    bool has_words = row->type == SET_ENUM || row->type == SET_BITS || row->type == SET_URL;
    bool is_list =
        row->type == SET_STRINGS || row->type == SET_NETWORKS || row->type == SET_OBJECTS;
    CHECK(has_words == (row->choices != NULL), row->name);
    CHECK(row->min <= row->max, row->name);
    CHECK(!row->max || row->type != SET_BITS, row->name);
    CHECK(!is_list || row->max > 0, row->name);
    CHECK((row->type == SET_OBJECTS) == (row->members != NULL), row->name);
    CHECK(strchr(".)", row->help[strlen(row->help) - 1]), row->name);
    CHECK(!strchr(row->help, '|'), row->name);
}

static void rows_are_complete(void **state)
{
    for (size_t i = 0; i < COUNT(scopes); i++) {
        for (const struct setting *setting = settings_of(scopes[i]); setting->name; setting++)
            check_row(setting);
    }
}

/* Variables reach the keys of objects of global lists only. */
static void lists_of_objects_are_global(void **state)
{
    for (const struct setting *setting = settings_of(SCOPE_PATH); setting->name; setting++)
        CHECK(!setting->members, setting->name);
}

static void check_member(const struct setting *setting, const struct setting *member)
{
    check_row(member);
    CHECK(member->scope == SCOPE_ITEM, member->name);
    CHECK(member->size == value_size(member->type), member->name);
    CHECK(member->offset + member->size <= setting->item_size, member->name);
    CHECK(settings_find_member(setting, span_from_string(member->name)) == member, member->name);
    CHECK(member->initial || member->type == SET_ENUM, member->name);
}

static unsigned check_members(const struct setting *setting)
{
    unsigned char used[256] = { 0 };
    unsigned      count = 0;
    CHECK(setting->item_size <= sizeof(used), setting->name);
    for (const struct setting *member = setting->members; member->name; member++, count++) {
        check_member(setting, member);
        for (size_t i = 0; i < member->size; i++)
            CHECK(!used[member->offset + i]++, member->name);
        if (member->members)
            count += check_members(member);
    }
    return count;
}

static void keys_of_items_are_complete(void **state)
{
    unsigned count = 0;
    for (const struct setting *setting = settings_of(SCOPE_GLOBAL); setting->name; setting++)
        count += setting->members ? check_members(setting) : 0;
    assert_true(count >= 10);
}

static void defaults_are_allowed(void **state)
{
    AUTO(conf_unref) struct conf *conf = NULL;
    int                           item;
    assert_int_equal(conf_load(NULL, NULL, &conf, NULL), 0);
    for (const struct setting *setting = settings_of(SCOPE_GLOBAL); setting->name; setting++)
        CHECK(value_check(setting, setting_value(setting, conf), &item, NULL) == 0, setting->name);
    for (const struct setting *setting = settings_of(SCOPE_PATH); setting->name; setting++)
        CHECK(value_check(setting, setting_value(setting, &conf->defaults), &item, NULL) == 0,
              setting->name);
}

TESTS(rows_are_sorted_for_the_search, each_row_is_found_in_any_case, other_names_are_not_found,
      keys_of_items_are_found_in_any_case, keys_must_be_spelt_right,
      fields_have_the_size_of_their_type, no_two_rows_share_a_field, rows_are_complete,
      lists_of_objects_are_global, keys_of_items_are_complete, defaults_are_allowed)
