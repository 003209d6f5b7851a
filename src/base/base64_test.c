#include "base/base64.h"

#include <errno.h>

#include "base/auto.h"
#include "base/test.h"

/* RFC 4648, section 10, and the two letters that it does not show. */
static const struct {
    const char *name;
    struct span bytes;
    struct span text;
} pairs[] = {
    { "nothing", BYTES(""), BYTES("") },
    { "one byte", BYTES("f"), BYTES("Zg==") },
    { "two bytes", BYTES("fo"), BYTES("Zm8=") },
    { "a whole group", BYTES("foo"), BYTES("Zm9v") },
    { "four", BYTES("foob"), BYTES("Zm9vYg==") },
    { "five", BYTES("fooba"), BYTES("Zm9vYmE=") },
    { "six", BYTES("foobar"), BYTES("Zm9vYmFy") },
    { "plus and slash", BYTES("\xfb\xff\xbf"), BYTES("+/+/") },
    { "zeros", BYTES("\0\0\0\0"), BYTES("AAAAAA==") },
};

static void bytes_become_text(void **state)
{
    for (size_t i = 0; i < COUNT(pairs); i++) {
        AUTO(buf_fini) struct buf out = { 0 };
        buf_append_string(&out, "x");
        base64_encode(&out, pairs[i].bytes);
        CHECK(span_equal(span_skip(buf_span(&out), 1), pairs[i].text), pairs[i].name);
    }
}

static void text_becomes_bytes(void **state)
{
    for (size_t i = 0; i < COUNT(pairs); i++) {
        uint8_t     out[16];
        struct span text = pairs[i].text;
        ssize_t     len = base64_decode(text, out, pairs[i].bytes.len);
        CHECK(len == (ssize_t)pairs[i].bytes.len, pairs[i].name);
        CHECK(span_equal((struct span){ out, (size_t)len }, pairs[i].bytes), pairs[i].name);
        while (text.len && text.p[text.len - 1] == '=')
            text.len--;
        CHECK(base64_decode(text, out, sizeof(out)) == len, pairs[i].name);
    }
}

static void bad_text_is_refused_and_out_untouched(void **state)
{
    static const struct {
        const char *name;
        struct span text;
        size_t      size;
        ssize_t     want;
    } cases[] = {
        { "one letter", BYTES("A"), 16, -EINVAL },
        { "five letters", BYTES("AAAAA"), 16, -EINVAL },
        { "padding where none is due", BYTES("AAAA="), 16, -EINVAL },
        { "half of the padding", BYTES("AA="), 16, -EINVAL },
        { "nothing but padding", BYTES("===="), 16, -EINVAL },
        { "three of padding", BYTES("A==="), 16, -EINVAL },
        { "padding in the middle", BYTES("AA==AAAA"), 16, -EINVAL },
        { "a blank", BYTES("AA AA"), 16, -EINVAL },
        { "a line end", BYTES("AAAA\r\n"), 16, -EINVAL },
        { "the alphabet of URLs", BYTES("AA-_"), 16, -EINVAL },
        { "a byte of UTF-8", BYTES("AAA\xc3"), 16, -EINVAL },
        { "a rubbish letter at the end", BYTES("AAAAAAA!"), 16, -EINVAL },
        { "no room for the last byte", BYTES("AAAA"), 2, -ENOSPC },
        { "no room without padding", BYTES("AAAAAA"), 3, -ENOSPC },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t out[16] = "untouched";
        CHECK(base64_decode(cases[i].text, out, cases[i].size) == cases[i].want, cases[i].name);
        CHECK(memcmp(out, "untouched", 10) == 0, cases[i].name);
    }
}

TESTS(bytes_become_text, text_becomes_bytes, bad_text_is_refused_and_out_untouched)
