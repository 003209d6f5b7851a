#include "base/utf8.h"

#include "base/test.h"

static void only_characters_have_a_length(void **state)
{
    static const struct {
        const char *name;
        struct span text;
        size_t      want;
    } cases[] = {
        { "nothing", BYTES(""), 0 },
        { "NUL", BYTES("\0"), 1 },
        { "ASCII", BYTES("ab"), 1 },
        { "two bytes", BYTES("\xc3\xa9x"), 2 },
        { "three", BYTES("\xe2\x82\xac"), 3 },
        { "four", BYTES("\xf0\x9f\x8e\xa5"), 4 },
        { "the last there is", BYTES("\xf4\x8f\xbf\xbf"), 4 },
        { "one too far", BYTES("\xf4\x90\x80\x80"), 0 },
        { "a byte that follows", BYTES("\x80"), 0 },
        { "two bytes for ASCII", BYTES("\xc1\xbf"), 0 },
        { "three for two", BYTES("\xe0\x9f\xbf"), 0 },
        { "four for three", BYTES("\xf0\x8f\xbf\xbf"), 0 },
        { "half of a pair of UTF-16", BYTES("\xed\xa0\x80"), 0 },
        { "cut short", BYTES("\xe2\x82"), 0 },
        { "followed by ASCII", BYTES("\xe2\x82z"), 0 },
        { "never", BYTES("\xff"), 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK(utf8_len(cases[i].text) == cases[i].want, cases[i].name);
}

TESTS(only_characters_have_a_length)
