#include "base/span.h"

#include <errno.h>

#include "base/mem.h"
#include "base/test.h"

static void equality_may_mind_the_case(void **state)
{
    static const struct {
        const char *name;
        struct span a, b;
        bool        equal, equal_nocase;
    } cases[] = {
        { "the same", BYTES("abc"), BYTES("abc"), true, true },
        { "other case", BYTES("aBc"), BYTES("AbC"), false, true },
        { "shorter", BYTES("ab"), BYTES("abc"), false, false },
        { "empty", BYTES(""), { 0 }, true, true },
        { "empty and not", { 0 }, BYTES("a"), false, false },
        { "differ behind a NUL", BYTES("a\0b"), BYTES("a\0c"), false, false },
        { "signs that differ like cases", BYTES("[@"), BYTES("{`"), false, false },
        { "the ends of the alphabet", BYTES("azAZ"), BYTES("AZaz"), false, true },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        CHECK(span_equal(cases[i].a, cases[i].b) == cases[i].equal, cases[i].name);
        CHECK(span_equal_nocase(cases[i].a, cases[i].b) == cases[i].equal_nocase, cases[i].name);
    }
}

static void beginnings(void **state)
{
    assert_true(span_starts_with(BYTES("RTSP/1.0"), "RTSP/"));
    assert_true(span_starts_with(BYTES("RTSP/"), "RTSP/"));
    assert_true(span_starts_with(BYTES("x"), ""));
    assert_false(span_starts_with(BYTES("RTSP"), "RTSP/"));
    assert_false(span_starts_with(BYTES("rtsp/"), "RTSP/"));
    assert_int_equal(span_first(BYTES("abc"), 2).len, 2);
    assert_int_equal(span_first(BYTES("abc"), 9).len, 3);
    assert_true(span_is(span_skip(BYTES("abc"), 1), "bc"));
    assert_null(span_skip((struct span){ 0 }, 0).p);
}

static void views_lie_inside_or_not(void **state)
{
    struct span outer = BYTES("abcdef");
    struct span middle = { outer.p + 2, 2 };
    assert_true(span_contains(outer, outer));
    assert_true(span_contains(outer, middle));
    assert_false(span_contains(middle, outer));
    assert_false(span_contains(middle, (struct span){ outer.p + 3, 2 }));
    assert_false(span_contains(middle, (struct span){ outer.p + 1, 2 }));
    assert_true(span_contains(middle, (struct span){ 0 }));
}

static void blanks_are_trimmed(void **state)
{
    static const struct {
        const char *name;
        struct span in;
        const char *want;
    } cases[] = {
        { "both ends", BYTES(" \ta b\t "), "a b" },
        { "none", BYTES("ab"), "ab" },
        { "only blanks", BYTES(" \t "), "" },
        { "line ends are no blanks", BYTES(" a\r\n"), "a\r\n" },
        { "nothing", { 0 }, "" },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK(span_is(span_trim(cases[i].in), cases[i].want), cases[i].name);
}

static void pieces_are_cut_off(void **state)
{
    static const struct {
        const char *name;
        struct span in;
        const char *want; /* each piece in brackets */
    } cases[] = {
        { "three", BYTES("a,b,c"), "[a][b][c]" },
        { "one", BYTES("a"), "[a]" },
        { "nothing", BYTES(""), "" },
        { "an empty one", BYTES("a,,b"), "[a][][b]" },
        { "an empty one in front", BYTES(",a"), "[][a]" },
        { "separator last", BYTES("a,"), "[a]" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char        got[64] = "";
        struct span rest = cases[i].in, piece;
        while (span_next(&rest, ',', &piece))
            (void)snprintf(got + strlen(got), 32, "[%.*s]", SPAN_ARGS(piece));
        CHECK(strcmp(got, cases[i].want) == 0, cases[i].name);
    }
}

static void decimal_numbers(void **state)
{
    static const struct {
        const char *name;
        struct span in;
        uint64_t    max;
        int         want;
        uint64_t    value;
    } cases[] = {
        { "zero", BYTES("0"), 0, 0, 0 },
        { "leading zeros", BYTES("007"), 7, 0, 7 },
        { "the limit", BYTES("255"), 255, 0, 255 },
        { "over it", BYTES("256"), 255, -ERANGE, 0 },
        { "the largest", BYTES("18446744073709551615"), UINT64_MAX, 0, UINT64_MAX },
        { "one more", BYTES("18446744073709551616"), UINT64_MAX, -ERANGE, 0 },
        { "a digit more", BYTES("184467440737095516150"), UINT64_MAX, -ERANGE, 0 },
        { "nothing", BYTES(""), 9, -EINVAL, 0 },
        { "a sign", BYTES("-1"), 9, -EINVAL, 0 },
        { "a plus", BYTES("+1"), 9, -EINVAL, 0 },
        { "a blank", BYTES("1 "), 9, -EINVAL, 0 },
        { "hexadecimal", BYTES("a"), 99, -EINVAL, 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t value = 4711;
        CHECK(span_to_uint(cases[i].in, cases[i].max, &value) == cases[i].want, cases[i].name);
        CHECK(value == (cases[i].want < 0 ? 4711 : cases[i].value), cases[i].name);
    }
}

static void hexadecimal_numbers(void **state)
{
    static const struct {
        const char *name;
        struct span in;
        int         want;
        uint32_t    value;
    } cases[] = {
        { "both cases", BYTES("5252fCd1"), 0, 0x5252fcd1 },
        { "the largest", BYTES("FFFFFFFF"), 0, 0xffffffff },
        { "short", BYTES("0"), 0, 0 },
        { "nothing", BYTES(""), -EINVAL, 0 },
        { "nine digits", BYTES("012345678"), -EINVAL, 0 },
        { "a prefix", BYTES("0x12"), -EINVAL, 0 },
        { "behind f", BYTES("1g"), -EINVAL, 0 },
        { "before zero", BYTES("/1"), -EINVAL, 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint32_t value = 4711;
        CHECK(span_to_hex32(cases[i].in, &value) == cases[i].want, cases[i].name);
        CHECK(value == (cases[i].want < 0 ? 4711 : cases[i].value), cases[i].name);
    }
}

static void copies_end_with_a_nul(void **state)
{
    AUTO(mem_free) char *text = span_to_string((struct span){ (const uint8_t *)"abcdef", 3 });
    assert_string_equal(text, "abc");
    AUTO(mem_free) char *empty = span_to_string((struct span){ 0 });
    assert_string_equal(empty, "");

    char out[4] = "old";
    assert_int_equal(span_copy_string(BYTES("abcd"), out, sizeof(out)), -ENOSPC);
    assert_string_equal(out, "old");
    assert_int_equal(span_copy_string(BYTES("abc"), out, sizeof(out)), 0);
    assert_string_equal(out, "abc");
    assert_int_equal(span_copy_string((struct span){ 0 }, out, sizeof(out)), 0);
    assert_string_equal(out, "");
    assert_int_equal(span_copy_string((struct span){ 0 }, out, 0), -ENOSPC);
}

TESTS(equality_may_mind_the_case, beginnings, views_lie_inside_or_not, blanks_are_trimmed,
      pieces_are_cut_off, decimal_numbers, hexadecimal_numbers, copies_end_with_a_nul)
