#include "httpd/httpd_chunks.h"

#include <errno.h>

#include "base/mem.h"
#include "base/test.h"
#include "httpd/httpd.h"

enum { MAX = 100 };

static ssize_t feed(struct span in, struct buf *body, bool *is_done)
{
    struct httpd_chunks chunks = { 0 };
    ssize_t             used = httpd_chunks_feed(&chunks, in, MAX, body);
    *is_done = chunks.is_done;
    return used;
}

/* Returns what feeding it in one piece would: bytes used until it was done, or the error. */
static ssize_t feed_bytewise(struct span in, struct buf *body, bool *is_done)
{
    struct httpd_chunks chunks = { 0 };
    ssize_t             used = 0;
    while ((size_t)used < in.len && !chunks.is_done) {
        struct span byte = { in.p + used, 1 };
        ssize_t     len = httpd_chunks_feed(&chunks, byte, MAX, body);
        if (len < 0)
            return len;
        assert_int_equal(len, 1);
        used++;
    }
    *is_done = chunks.is_done;
    return used;
}

static void bodies_are_put_together(void **state)
{
    static const struct {
        const char *name;
        struct span in;
        const char *body;
        ssize_t     used;
        bool        is_done;
    } cases[] = {
        { "nothing yet", BYTES(""), "", 0, false },
        { "empty body", BYTES("0\r\n\r\n"), "", 5, true },
        { "one chunk", BYTES("3\r\nabc\r\n0\r\n\r\n"), "abc", 13, true },
        { "more behind it", BYTES("3\r\nabc\r\n0\r\n\r\nGET /"), "abc", 13, true },
        { "two chunks", BYTES("1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"), "abc", 18, true },
        { "letters in the size", BYTES("A\r\n0123456789\r\n0\r\n\r\n"), "0123456789", 20, true },
        { "small letters", BYTES("a\r\n0123456789\r\n0\r\n\r\n"), "0123456789", 20, true },
        { "zeros in front", BYTES("00000003\r\nabc\r\n000\r\n\r\n"), "abc", 22, true },
        { "line ends in data", BYTES("4\r\n\r\n\r\n\r\n0\r\n\r\n"), "\r\n\r\n", 14, true },
        { "extensions", BYTES("1;a=\"b\"\r\na\r\n0 ;x\r\n\r\n"), "a", 20, true },
        { "blanks behind a size", BYTES("1 \t \r\na\r\n0\t\r\n\r\n"), "a", 15, true },
        { "blanks before an extension", BYTES("1 \t;a b\r\na\r\n0\r\n\r\n"), "a", 17, true },
        { "trailers", BYTES("0\r\nA: b\r\nC: d\r\n\r\n"), "", 17, true },
        { "cut in a size", BYTES("1"), "", 1, false },
        { "cut in data", BYTES("5\r\nab"), "ab", 5, false },
        { "cut before the last line", BYTES("1\r\na\r\n0\r\n"), "a", 9, false },
        { "cut in the last line", BYTES("0\r\n\r"), "", 4, false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (int is_bytewise = 0; is_bytewise < 2; is_bytewise++) {
            AUTO(buf_fini) struct buf body = { 0 };
            bool                      is_done = false;
            ssize_t used = is_bytewise ? feed_bytewise(cases[i].in, &body, &is_done)
                                       : feed(cases[i].in, &body, &is_done);
            CHECK(used == cases[i].used, cases[i].name);
            CHECK(is_done == cases[i].is_done, cases[i].name);
            CHECK(strcmp(buf_string(&body), cases[i].body) == 0, cases[i].name);
        }
    }
}

static void what_parsers_may_differ_on_is_refused(void **state)
{
    static const struct {
        const char *name;
        struct span in;
        int         want;
    } cases[] = {
        { "no size", BYTES("\r\nabc\r\n"), -EBADMSG },
        { "no size, extension", BYTES(";a\r\n"), -EBADMSG },
        { "no digit", BYTES("g\r\n"), -EBADMSG },
        { "hexadecimal prefix", BYTES("0x3\r\nabc\r\n"), -EBADMSG },
        { "plus", BYTES("+3\r\nabc\r\n"), -EBADMSG },
        { "minus", BYTES("-3\r\nabc\r\n"), -EBADMSG },
        { "blank in front", BYTES(" 3\r\nabc\r\n"), -EBADMSG },
        { "blank within", BYTES("5 6\r\nabcde\r\n"), -EBADMSG },
        { "tab within", BYTES("5\t6\r\nabcde\r\n"), -EBADMSG },
        { "text behind a blank", BYTES("5 x\r\nabcde\r\n"), -EBADMSG },
        { "blank and LF behind a size", BYTES("5 \nabcde\r\n"), -EBADMSG },
        { "nine digits", BYTES("000000003\r\n"), -EBADMSG },
        { "size ends in LF", BYTES("3\nabc\r\n0\r\n\r\n"), -EBADMSG },
        { "lone CR behind a size", BYTES("3\rabc"), -EBADMSG },
        { "extension ends in LF", BYTES("3;a\nabc"), -EBADMSG },
        { "NUL in an extension", BYTES("3;\0\r\nabc"), -EBADMSG },
        { "lone CR in an extension", BYTES("3;a\rb\r\nabc"), -EBADMSG },
        { "data longer than said", BYTES("3\r\nabcd\r\n"), -EBADMSG },
        { "data ends in LF", BYTES("3\r\nabc\n0\r\n\r\n"), -EBADMSG },
        { "data ends in CR", BYTES("3\r\nabc\r0\r\n\r\n"), -EBADMSG },
        { "trailer ends in LF", BYTES("0\r\nA: b\n\r\n"), -EBADMSG },
        { "lone CR in a trailer", BYTES("0\r\nA\rb\r\n"), -EBADMSG },
        { "the last line is an LF", BYTES("0\r\n\n"), -EBADMSG },
        { "the last line is a lone CR", BYTES("0\r\n\rG"), -EBADMSG },
        { "a chunk too large", BYTES("65\r\n"), -EMSGSIZE },
        { "as large as a size can be", BYTES("ffffffff\r\n"), -EMSGSIZE },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO(buf_fini) struct buf body = { 0 };
        bool                      is_done;
        CHECK(feed(cases[i].in, &body, &is_done) == cases[i].want, cases[i].name);
        CHECK(feed_bytewise(cases[i].in, &body, &is_done) == cases[i].want, cases[i].name);
    }
}

static void chunks_may_have_any_size(void **state)
{
    uint8_t data[MAX];
    for (size_t i = 0; i < MAX; i++)
        data[i] = (uint8_t)i;
    for (size_t size = 1; size <= MAX; size++) {
        AUTO(buf_fini) struct buf in = { 0 }, body = { 0 };
        bool                      is_done;
        for (struct span rest = { data, MAX }; rest.len > 0;) {
            struct span chunk = span_first(rest, size);
            rest = span_skip(rest, chunk.len);
            buf_printf(&in, "%zx\r\n", chunk.len);
            buf_append(&in, chunk);
            buf_append_string(&in, "\r\n");
        }
        buf_append_string(&in, "0\r\n\r\n");
        assert_int_equal(feed(buf_span(&in), &body, &is_done), in.len);
        assert_true(is_done && span_equal(buf_span(&body), (struct span){ data, MAX }));
    }
}

static void the_body_is_limited_over_all_chunks(void **state)
{
    AUTO(buf_fini) struct buf in = { 0 }, body = { 0 };
    bool                      is_done;
    for (int i = 0; i < MAX; i++)
        buf_append_string(&in, "1\r\na\r\n");
    assert_int_equal(feed(buf_span(&in), &body, &is_done), in.len);
    buf_append_string(&in, "1\r\na\r\n");
    assert_int_equal(feed(buf_span(&in), &body, &is_done), -EMSGSIZE);
}

/* Many small extensions add up, and so do trailers. */
static void what_is_no_data_is_limited(void **state)
{
    static const struct {
        const char *name, *begin, *again;
        size_t      each;
    } cases[] = {
        { "extensions", "", "1;abcdefg\r\na\r\n", 7 },
        { "one extension", "1;", "x", 1 },
        { "blanks behind a size", "1", " ", 1 },
        { "trailers", "0\r\n", "a: bcd\r\n", 6 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct httpd_chunks       chunks = { 0 };
        AUTO(buf_fini) struct buf body = { 0 };
        struct span               again = span_from_string(cases[i].again);
        size_t                    total = 0;
        ssize_t                   used =
            httpd_chunks_feed(&chunks, span_from_string(cases[i].begin), SIZE_MAX, &body);
        while (used >= 0 && total <= HTTPD_MAX_CHUNK_OVERHEAD) {
            used = httpd_chunks_feed(&chunks, again, SIZE_MAX, &body);
            total += cases[i].each;
            CHECK(used < 0 || total <= HTTPD_MAX_CHUNK_OVERHEAD, cases[i].name);
        }
        CHECK(used == -EMSGSIZE && total > HTTPD_MAX_CHUNK_OVERHEAD, cases[i].name);
    }
}

TESTS(bodies_are_put_together, what_parsers_may_differ_on_is_refused, chunks_may_have_any_size,
      the_body_is_limited_over_all_chunks, what_is_no_data_is_limited)
