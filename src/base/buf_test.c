#include "base/buf.h"

#include "base/auto.h"
#include "base/test.h"

static void an_empty_buf_is_valid(void **state)
{
    AUTO(buf_fini) struct buf buf = { 0 };
    buf_consume(&buf, 0);
    assert_int_equal(buf_span(&buf).len, 0);
    assert_string_equal(buf_string(&buf), "");
    assert_int_equal(buf.len, 0);
    buf_append(&buf, (struct span){ 0 });
    buf_append_string(&buf, NULL);
    buf_consume(&buf, 0);
    assert_int_equal(buf.len, 0);
}

static void text_is_appended(void **state)
{
    AUTO(buf_fini) struct buf buf = { 0 };
    buf_append_string(&buf, "CSeq: ");
    buf_printf(&buf, "%d%s", 7, "\r\n");
    buf_append(&buf, BYTES("a\0b"));
    assert_true(span_equal(buf_span(&buf), BYTES("CSeq: 7\r\na\0b")));
    buf_printf(&buf, "%s", "");
    assert_int_equal(buf.len, 12);
}

/* Each length crosses the capacity once, by itself and by its NUL. */
static void it_grows_by_any_step(void **state)
{
    for (size_t step = 1; step <= 130; step++) {
        AUTO(buf_fini) struct buf buf = { 0 };
        char                      piece[131];
        memset(piece, 'x', step);
        piece[step] = '\0';
        for (size_t i = 1; i <= 8; i++) {
            if (i % 2)
                buf_append_string(&buf, piece);
            else
                buf_printf(&buf, "%s", piece);
            assert_int_equal(buf.len, i * step);
            assert_int_equal(strlen(buf_string(&buf)), i * step);
        }
    }
}

static void the_front_is_consumed(void **state)
{
    AUTO(buf_fini) struct buf buf = { 0 };
    buf_append_string(&buf, "abcdef");
    buf_consume(&buf, 0);
    buf_consume(&buf, 2);
    assert_string_equal(buf_string(&buf), "cdef");
    buf_append_string(&buf, "gh");
    buf_consume(&buf, 6);
    assert_string_equal(buf_string(&buf), "");
    buf_append_string(&buf, "again");
    assert_string_equal(buf_string(&buf), "again");
}

static void fini_makes_it_empty(void **state)
{
    struct buf buf = { 0 };
    buf_append_string(&buf, "abc");
    buf_fini(&buf);
    assert_null(buf.p);
    assert_int_equal(buf.len, 0);
    assert_int_equal(buf.capacity, 0);
    buf_fini(&buf);
}

TESTS(an_empty_buf_is_valid, text_is_appended, it_grows_by_any_step, the_front_is_consumed,
      fini_makes_it_empty)
