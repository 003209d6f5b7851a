#include <errno.h>

#include "base/mem.h"
#include "base/test.h"
#include "conf/conf.h"
#include "conf/conf_internal.h"
#include "conf/path_regex.h"

static void names_follow_the_rule(void **state)
{
    static const struct {
        struct span name;
        const char *want; /* NULL: a good name */
    } cases[] = {
        { BYTES("cam1"), NULL },
        { BYTES("Site_1/cam-2.low"), NULL },
        { BYTES("a..b"), NULL },
        { BYTES(".a/b."), NULL },
        { BYTES("..."), NULL },
        { BYTES("a//b"), NULL },
        { BYTES("-"), NULL },
        { BYTES(""), "cannot be empty" },
        { BYTES("/a"), "can't begin with a slash" },
        { BYTES("/"), "can't begin with a slash" },
        { BYTES("a/"), "can't end with a slash" },
        { BYTES("."), "can't contain dot path segments" },
        { BYTES("a/../b"), "can't contain dot path segments" },
        { BYTES("a/."), "can't contain dot path segments" },
        { BYTES("../a"), "can't contain dot path segments" },
        { BYTES("a b"), "can contain only alphanumeric characters, underscore, dot, minus, slash" },
        { BYTES("a~"), "can contain only alphanumeric characters, underscore, dot, minus, slash" },
        { BYTES("a\0b"),
          "can contain only alphanumeric characters, underscore, dot, minus, slash" },
        { BYTES("\xc3\xa4"),
          "can contain only alphanumeric characters, underscore, dot, minus, slash" },
        { BYTES("a@b"), "can contain only alphanumeric characters, underscore, dot, minus, slash" },
        { BYTES("a[b"), "can contain only alphanumeric characters, underscore, dot, minus, slash" },
        { BYTES("a`b"), "can contain only alphanumeric characters, underscore, dot, minus, slash" },
        { BYTES("a{b"), "can contain only alphanumeric characters, underscore, dot, minus, slash" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct errmsg why = { "" };
        int           err = conf_check_path_name(cases[i].name, &why);
        CHECK((err == 0) == !cases[i].want, (const char *)cases[i].name.p);
        CHECK(strcmp(why.text, cases[i].want ? cases[i].want : "") == 0, why.text);
    }
}

static void lookup_prefers_plain_names_then_the_first_expression(void **state)
{
    static const char yaml[] = "paths:\n"
                               "  all_others:\n"
                               "  ~^b:\n"
                               "  cam1:\n"
                               "  ~^a(.):\n"
                               "  'ba':\n"
                               "  ~cam:\n"
                               "  ~end$:\n"
                               "  ~^a:\n";
    static const struct {
        const char *name, *want;
    } cases[] = {
        { "cam1", "cam1" }, { "ba", "ba" },      { "bb", "~^b" },          { "a", "~^a" },
        { "ax", "~^a" },    { "xcamx", "~cam" }, { "x/end", "~end$" },     { "endx", "all_others" },
        { "cam", "~cam" },  { "cam11", "~cam" }, { "Cam1", "all_others" },
    };
    AUTO(conf_unref) struct conf *conf = NULL;
    struct errmsg                 why = { "" };
    CHECK(conf_load_text("f.yml", BYTES(yaml), NULL, &conf, &why) == 0, why.text);
    assert_int_equal(conf->plain_count, 2);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct conf_path *path = conf_find_path(conf, span_from_string(cases[i].name), NULL);
        CHECK(path && strcmp(path->name, cases[i].want) == 0, cases[i].name);
    }
}

static void every_entry_is_found_by_its_own_name(void **state)
{
    static const char *const      names[] = { "all_others", "cam1", "~^a", "~b" };
    AUTO(conf_unref) struct conf *conf = NULL;
    assert_int_equal(conf_load_text("f.yml", BYTES("paths: {~b: , all_others: , cam1: , ~^a: }"),
                                    NULL, &conf, NULL),
                     0);
    for (size_t i = 0; i < COUNT(names); i++) {
        struct conf_path *path = conf_get_path(conf, span_from_string(names[i]));
        CHECK(path && strcmp(path->name, names[i]) == 0, names[i]);
    }
    assert_null(conf_get_path(conf, BYTES("cam")));
    assert_null(conf_get_path(conf, BYTES("cam11")));
    assert_null(conf_get_path(conf, BYTES("~a")));
}

static void groups_are_those_of_the_expression(void **state)
{
    static const struct {
        const char *expression, *name;
        int         count; /* -1: no match */
        const char *groups[CONF_MAX_GROUPS];
    } cases[] = {
        { "^cam[0-9]+$", "cam12", 0, { 0 } },
        { "^(.+)/(.+)$", "site/cam", 2, { "site", "cam" } },
        { "^(a)?(b)?(c)?$", "b", 3, { "", "b", "" } },
        { "^(a)|(b)$", "a", 2, { "a", "" } },
        { "(?P<site>[a-z]+)-(?:x)", "ab-x", 1, { "ab" } },
        { "(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)",
          "abcdefghijk",
          9,
          { "a", "b", "c", "d", "e", "f", "g", "h", "i" } },
        { "(?i)CAM", "cam", 0, { 0 } },
        { "^a.$", "a\n", -1, { 0 } },
        { "^a$", "a\n", -1, { 0 } },
        { "^$", "", 0, { 0 } },
        { "x", "", -1, { 0 } },
        { "(*UTF)x", "x", -2, { 0 } },
        { "^(", "", -2, { 0 } },
        { "a{2,1}", "", -2, { 0 } },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct conf_regex *regex = NULL;
        struct conf_match  match = { 0 };
        if (path_regex_create(cases[i].expression, &regex) < 0) {
            CHECK(cases[i].count == -2, cases[i].expression);
            continue;
        }
        bool fits = path_regex_match(regex, span_from_string(cases[i].name), &match);
        CHECK(path_regex_match(regex, span_from_string(cases[i].name), NULL) == fits,
              cases[i].expression);
        regex = path_regex_destroy(regex);
        CHECK(fits == (cases[i].count >= 0), cases[i].expression);
        CHECK(match.group_count == (unsigned)MAX(cases[i].count, 0), cases[i].expression);
        for (unsigned k = 0; k < match.group_count; k++)
            CHECK(span_is(match.groups[k], cases[i].groups[k]), cases[i].expression);
    }
}

/* Without limits these take years, or gigabytes. */
static void hard_names_end_soon(void **state)
{
    static const char *const expressions[] = {
        "^(a+)+$",    "^(a|aa)+$", "^(a?){60}a{60}$", "^(.*)*(.*)*(.*)*b(.*)*$",
        "^((a*)*)*$", "(a+)+[bc]", "a*a*a*a*[bc]",    "(a{0,9}){0,9}[bc]",
    };
    AUTO(buf_fini) struct buf name = { 0 };
    for (unsigned i = 0; i < 4000; i++)
        buf_append_string(&name, "a");
    buf_append_string(&name, "-");
    for (size_t i = 0; i < COUNT(expressions); i++) {
        struct conf_regex *regex = NULL;
        CHECK(path_regex_create(expressions[i], &regex) == 0, expressions[i]);
        CHECK(!path_regex_match(regex, buf_span(&name), NULL), expressions[i]);
        regex = path_regex_destroy(regex);
    }
}

/* The second half would match, were the first one tried to its end. */
static void a_match_has_a_budget_of_steps(void **state)
{
    static const struct {
        const char *expression, *name;
        bool        want;
    } cases[] = {
        { "^(a+)+$|-$", "aaaaa-", true },
        { "^(a+)+$|^.*-$", "aaaaa-", true },
        { "^(a+)+$|^.*-$", "aaaaaaaaaaaaaaaaaaaa-", false },
        { "(a+)+$|-$", "aaaaaaaaaaaaaaaaaaaa-", false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct conf_regex *regex = NULL;
        CHECK(path_regex_create(cases[i].expression, &regex) == 0, cases[i].expression);
        CHECK(path_regex_match(regex, span_from_string(cases[i].name), NULL) == cases[i].want,
              cases[i].name);
        regex = path_regex_destroy(regex);
    }
}

static void no_match_leaves_no_groups(void **state)
{
    AUTO(conf_unref) struct conf *conf = NULL;
    struct conf_match             match = { .group_count = 5 };
    assert_int_equal(
        conf_load_text("f.yml", BYTES("paths: {plain: , \"~^(c)am$\": }"), NULL, &conf, NULL), 0);
    assert_null(conf_find_path(conf, BYTES("nothing"), &match));
    assert_int_equal(match.group_count, 0);
    assert_non_null(conf_find_path(conf, BYTES("cam"), &match));
    assert_int_equal(match.group_count, 1);
    assert_non_null(conf_find_path(conf, BYTES("plain"), &match));
    assert_int_equal(match.group_count, 0);
}

TESTS(names_follow_the_rule, lookup_prefers_plain_names_then_the_first_expression,
      every_entry_is_found_by_its_own_name, groups_are_those_of_the_expression, hard_names_end_soon,
      a_match_has_a_budget_of_steps, no_match_leaves_no_groups)
