#include "http/message.h"

#include <errno.h>

#include "base/auto.h"
#include "base/mem.h"
#include "base/test.h"
#include "base/test_child.h"

#define CASE_HEAD "GET / HTTP/1.1\r\n"

static const struct {
    const char *name;
    struct span in;
    ssize_t     want; /* 0: all of it */
} cases[] = {
    { "nothing yet", BYTES(""), -EAGAIN },
    { "an empty line only", BYTES("\r\n"), -EAGAIN },
    { "half an empty line", BYTES("\r"), -EAGAIN },
    { "empty lines before", BYTES("\r\n\n\r\nOPTIONS * RTSP/1.0\r\n\r\n"), 0 },
    { "a lone CR before", BYTES("\rOPTIONS * RTSP/1.0\r\n\r\n"), -EBADMSG },
    { "lines end in LF", BYTES("OPTIONS * RTSP/1.0\nCSeq: 1\n\n"), 0 },
    { "line ends mixed", BYTES("OPTIONS * RTSP/1.0\nCSeq: 1\r\n\n"), 0 },
    { "a response", BYTES("RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n"), 0 },
    { "HTTP/1.0", BYTES("GET / HTTP/1.0\r\n\r\n"), 0 },
    { "a body", BYTES("ANNOUNCE * RTSP/1.0\r\nContent-Length: 3\r\n\r\nabc"), 0 },
    { "a body cut short", BYTES("ANNOUNCE * RTSP/1.0\r\nContent-Length: 3\r\n\r\nab"), -EAGAIN },
    { "a method nobody knows", BYTES("FOO rtsp://h/p RTSP/1.0\r\n\r\n"), 0 },
    { "the longest method", BYTES("ABCDEFGHIJKLMNOPQRSTUVWXYZ_ABCDE * RTSP/1.0\r\n\r\n"), 0 },
    { "a longer one", BYTES("ABCDEFGHIJKLMNOPQRSTUVWXYZ_ABCDEF"), -EBADMSG },
    { "a blank behind the version", BYTES("OPTIONS * RTSP/1.0 \r\n\r\n"), 0 },

    { "rubbish without a version", BYTES("HELLO WORLD\r\n\r\n"), -EAGAIN },
    { "one word of rubbish", BYTES("HELLO\r\n\r\n"), -EAGAIN },
    { "a blank and no version", BYTES("HELLO WORLD \r\n\r\n"), -EAGAIN },
    { "HTTP/0.9", BYTES("GET /\r\n"), -EAGAIN },
    { "lower-case method", BYTES("options"), -EBADMSG },
    { "digit in the method", BYTES("GET2"), -EBADMSG },
    { "an interleaved frame", BYTES("$\0\0\4abcd"), -EBADMSG },
    { "a TLS hello", BYTES("\x16\x03\x01"), -EBADMSG },
    { "a blank first", BYTES(" GET / HTTP/1.1\r\n\r\n"), -EBADMSG },
    { "a slash behind a method", BYTES("GET/"), -EBADMSG },
    { "no URL", BYTES("GET  HTTP/1.1\r\n"), -EBADMSG },
    { "a tab in the URL", BYTES("GET /\t HTTP/1.1\r\n"), -EBADMSG },
    { "DEL in the URL", BYTES("GET /\x7f HTTP/1.1\r\n"), -EBADMSG },
    { "UTF-8 in the URL", BYTES("GET /\xc3\xa4 HTTP/1.1\r\n\r\n"), 0 },
    { "a blank in the URL", BYTES("GET /a b HTTP/1.1\r\n"), -EBADMSG },
    { "three words, no version", BYTES("HELLO WORLD AGAIN\r\n"), -EBADMSG },
    { "lower-case version", BYTES("GET / http/1.1\r\n"), -EBADMSG },
    { "RTSP/2.0", BYTES("OPTIONS * RTSP/2.0\r\n"), -EPROTONOSUPPORT },
    { "HTTP/2.0", BYTES("PRI * HTTP/2.0\r\n"), -EPROTONOSUPPORT },
    { "HTTP/1.10", BYTES("GET / HTTP/1.10\r\n"), -EPROTONOSUPPORT },
    { "response of RTSP/2.0", BYTES("RTSP/2.0 200 OK\r\n"), -EPROTONOSUPPORT },
    { "response of something else", BYTES("ICY/1.0 200 OK\r\n"), -EBADMSG },
    { "status of two digits", BYTES("RTSP/1.0 20 OK\r\n"), -EBADMSG },
    { "status of four digits", BYTES("RTSP/1.0 2000 OK\r\n"), -EBADMSG },
    { "status below 100", BYTES("RTSP/1.0 099 OK\r\n"), -EBADMSG },
    { "status is no number", BYTES("RTSP/1.0 OK\r\n"), -EBADMSG },
    { "no status", BYTES("RTSP/1.0\r\n"), -EBADMSG },

    { "a NUL in the start line", BYTES("GET /\0 HTTP/1.1\r\n"), -EBADMSG },
    { "a NUL in a value", BYTES(CASE_HEAD "A: b\0c\r\n"), -EBADMSG },
    { "a lone CR in a value", BYTES(CASE_HEAD "A: b\rc\r\n"), -EBADMSG },
    { "two CR at the end", BYTES(CASE_HEAD "A: b\r\r\n"), -EBADMSG },
    { "no colon", BYTES(CASE_HEAD "Host\r\n"), -EBADMSG },
    { "no name", BYTES(CASE_HEAD ": value\r\n"), -EBADMSG },
    { "a blank before the colon", BYTES(CASE_HEAD "Host : a\r\n"), -EBADMSG },
    { "a folded line", BYTES(CASE_HEAD "A: b\r\n c: d\r\n"), -EBADMSG },
    { "a folded line, by tab", BYTES(CASE_HEAD "A: b\r\n\tc\r\n"), -EBADMSG },
    { "a name in UTF-8", BYTES(CASE_HEAD "\xc3\xa4: b\r\n"), -EBADMSG },
    { "a name in brackets", BYTES(CASE_HEAD "(a): b\r\n"), -EBADMSG },
    { "an empty value", BYTES(CASE_HEAD "Host:\r\n\r\n"), 0 },
    { "all letters of names", BYTES(CASE_HEAD "aZ09!#$%&'*+-.^_`|~:\r\n\r\n"), 0 },

    { "length twice, equal", BYTES(CASE_HEAD "Content-Length: 1\r\ncontent-length: 1\r\n\r\nx"),
      0 },
    { "length twice, different", BYTES(CASE_HEAD "Content-Length: 1\r\nContent-Length: 2\r\n"),
      -EBADMSG },
    { "none, then some", BYTES(CASE_HEAD "Content-Length: 0\r\nContent-Length: 2\r\n"), -EBADMSG },
    { "negative length", BYTES(CASE_HEAD "Content-Length: -1\r\n"), -EBADMSG },
    { "length with a sign", BYTES(CASE_HEAD "Content-Length: +1\r\n"), -EBADMSG },
    { "length is no number", BYTES(CASE_HEAD "Content-Length: 1x\r\n"), -EBADMSG },
    { "no length there", BYTES(CASE_HEAD "Content-Length:\r\n"), -EBADMSG },
    { "a list of lengths", BYTES(CASE_HEAD "Content-Length: 1, 1\r\n"), -EBADMSG },
    { "the longest body", BYTES(CASE_HEAD "Content-Length: 1048576\r\n\r\n"), -EAGAIN },
    { "a longer one", BYTES(CASE_HEAD "Content-Length: 1048577\r\n"), -EMSGSIZE },
    { "over 64 bits", BYTES(CASE_HEAD "Content-Length: 18446744073709551617\r\n"), -EMSGSIZE },

    { "chunks", BYTES(CASE_HEAD "Transfer-Encoding: Chunked\r\n\r\n"), 0 },
    { "chunks and a length",
      BYTES(CASE_HEAD "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"), -EBADMSG },
    { "a length and chunks",
      BYTES(CASE_HEAD "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n"), -EBADMSG },
    { "chunks twice",
      BYTES(CASE_HEAD "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), -EBADMSG },
    { "another coding", BYTES(CASE_HEAD "Transfer-Encoding: gzip, chunked\r\n"), -EBADMSG },
    { "chunks in HTTP/1.0", BYTES("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n"), -EBADMSG },
    { "chunks in RTSP", BYTES("OPTIONS * RTSP/1.0\r\nTransfer-Encoding: chunked\r\n"), -EBADMSG },
};

static void messages_are_taken_or_refused(void **state)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct message message = { .status = 4711 };
        ssize_t        want = cases[i].want ? cases[i].want : (ssize_t)cases[i].in.len;
        CHECK(message_parse(cases[i].in, &message) == want, cases[i].name);
        CHECK(want >= 0 || message.status == 4711, cases[i].name);
    }
}

/* A copy of exactly the cut size, so that ASan sees a read behind it. */
static ssize_t parse_cut(struct span in, size_t len)
{
    AUTO(mem_free) char *exact = mem_alloc(len + 1);
    memcpy(exact + 1, in.p, len);
    struct message message;
    return message_parse((struct span){ (const uint8_t *)exact + 1, len }, &message);
}

static void messages_may_be_cut_anywhere(void **state)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (cases[i].want != 0)
            continue;
        for (size_t len = 0; len < cases[i].in.len; len++)
            CHECK(parse_cut(cases[i].in, len) == -EAGAIN, cases[i].name);
        CHECK(parse_cut(cases[i].in, cases[i].in.len) > 0, cases[i].name);
    }
}

static void what_follows_is_left_alone(void **state)
{
    struct span    in = BYTES("OPTIONS * RTSP/1.0\r\nContent-Length: 2\r\n\r\nab$\0\0\1x");
    struct message message;
    ssize_t        used = message_parse(in, &message);
    assert_int_equal(used, in.len - 5);
    assert_true(span_is(message.body, "ab"));
    assert_true(span_contains(in, message.body));
}

static void a_request_is_taken_apart(void **state)
{
    struct span    in = BYTES("SETUP rtsp://[::1]:8554/a/trackID=0?x=1 RTSP/1.0\r\n"
                                 "CSeq:3\r\n"
                                 "Transport: \t RTP/AVP/TCP;unicast \t \r\n"
                                 "cseq: 4\r\n"
                                 "Empty:\r\n\r\n");
    struct message message;
    assert_int_equal(message_parse(in, &message), in.len);
    assert_int_equal(message.protocol, MESSAGE_RTSP);
    assert_false(message.is_response);
    assert_true(span_is(message.method, "SETUP"));
    assert_true(span_is(message.url, "rtsp://[::1]:8554/a/trackID=0?x=1"));
    assert_int_equal(message.minor_version, 0);
    assert_int_equal(message.header_count, 4);
    assert_true(span_is(message.headers[2].name, "cseq"));
    assert_true(span_is(message_header(&message, "CSEQ"), "3"));
    assert_true(span_is(message_header(&message, "transport"), "RTP/AVP/TCP;unicast"));
    assert_non_null(message_header(&message, "Empty").p);
    assert_int_equal(message_header(&message, "Empty").len, 0);
    assert_null(message_header(&message, "CSe").p);
    assert_int_equal(message.body.len, 0);
    assert_false(message.is_chunked);
}

static void responses_are_taken_apart(void **state)
{
    static const struct {
        const char           *name;
        struct span           in;
        enum message_protocol protocol;
        unsigned              minor_version, status;
        const char           *reason;
    } rows[] = {
        { "usual", BYTES("RTSP/1.0 454 Session Not Found\r\n\r\n"), MESSAGE_RTSP, 0, 454,
          "Session Not Found" },
        { "no reason", BYTES("RTSP/1.0 200\r\n\r\n"), MESSAGE_RTSP, 0, 200, "" },
        { "a blank for reason", BYTES("HTTP/1.1 999 \r\n\r\n"), MESSAGE_HTTP, 1, 999, "" },
        { "blanks around", BYTES("HTTP/1.0 100  Go on \r\n\r\n"), MESSAGE_HTTP, 0, 100, "Go on" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct message message;
        CHECK(message_parse(rows[i].in, &message) == (ssize_t)rows[i].in.len, rows[i].name);
        CHECK(message.is_response, rows[i].name);
        CHECK(message.protocol == rows[i].protocol, rows[i].name);
        CHECK(message.minor_version == rows[i].minor_version, rows[i].name);
        CHECK(message.status == rows[i].status, rows[i].name);
        CHECK(span_is(message.reason, rows[i].reason), rows[i].name);
        CHECK(message.method.len == 0, rows[i].name);
    }
}

static void chunks_are_left_to_the_caller(void **state)
{
    struct span    in = BYTES("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    struct message message;
    assert_int_equal(message_parse(in, &message), in.len - 5);
    assert_true(message.is_chunked);
    assert_int_equal(message.body.len, 0);
}

static void repeat(struct buf *out, const char *piece, size_t times)
{
    for (size_t i = 0; i < times; i++)
        buf_append_string(out, piece);
}

static void a_start_line_has_a_limit(void **state)
{
    size_t around = strlen("GET  HTTP/1.1\r\n");
    for (size_t extra = 0; extra < 2; extra++) {
        AUTO(buf_fini) struct buf in = { 0 };
        struct message            message;
        buf_append_string(&in, "GET ");
        repeat(&in, "u", MESSAGE_MAX_START_LINE - around + extra);
        buf_append_string(&in, " HTTP/1.1\r\n\r\n");
        ssize_t want = extra ? -EMSGSIZE : MESSAGE_MAX_START_LINE + 2;
        assert_int_equal(message_parse(buf_span(&in), &message), want);
        assert_int_equal(
            message_parse(span_first(buf_span(&in), MESSAGE_MAX_START_LINE - 1), &message),
            -EAGAIN);
    }
}

static void rubbish_has_the_same_limit(void **state)
{
    AUTO(buf_fini) struct buf in = { 0 };
    struct message            message;
    buf_append_string(&in, "HELLO WORLD\r\n");
    repeat(&in, "x", MESSAGE_MAX_START_LINE - 1 - in.len);
    assert_int_equal(message_parse(buf_span(&in), &message), -EAGAIN);
    buf_append_string(&in, "x");
    assert_int_equal(message_parse(buf_span(&in), &message), -EMSGSIZE);
}

static void a_head_has_a_limit(void **state)
{
    for (size_t extra = 0; extra < 2; extra++) {
        AUTO(buf_fini) struct buf in = { 0 };
        struct message            message;
        buf_append_string(&in, "\r\nGET / HTTP/1.1\r\nContent-Length: 1\r\nA:");
        repeat(&in, "v", MESSAGE_MAX_HEAD - 4 - in.len + extra);
        buf_append_string(&in, "\r\n\r\nb");
        ssize_t want = extra ? -EMSGSIZE : MESSAGE_MAX_HEAD + 1;
        assert_int_equal(message_parse(buf_span(&in), &message), want);
        want = extra ? -EMSGSIZE : -EAGAIN;
        in.len = MESSAGE_MAX_HEAD - 1 + extra;
        assert_int_equal(message_parse(buf_span(&in), &message), want);
    }
}

static void empty_lines_have_a_limit(void **state)
{
    AUTO(buf_fini) struct buf in = { 0 };
    struct message            message;
    repeat(&in, "\r\n", MESSAGE_MAX_EMPTY_LINES);
    assert_int_equal(message_parse(buf_span(&in), &message), -EAGAIN);
    size_t full = in.len;
    buf_append_string(&in, "GET / HTTP/1.1\r\n\r\n");
    assert_int_equal(message_parse(buf_span(&in), &message), in.len);
    in.len = full;
    buf_append_string(&in, "\n");
    assert_int_equal(message_parse(buf_span(&in), &message), -EMSGSIZE);
}

static void names_have_a_limit(void **state)
{
    for (size_t extra = 0; extra < 2; extra++) {
        AUTO(buf_fini) struct buf in = { 0 };
        struct message            message;
        buf_append_string(&in, "GET / HTTP/1.1\r\n");
        repeat(&in, "n", MESSAGE_MAX_NAME + extra);
        buf_append_string(&in, ": v\r\n\r\n");
        ssize_t want = extra ? -EMSGSIZE : (ssize_t)in.len;
        assert_int_equal(message_parse(buf_span(&in), &message), want);
    }
}

static void headers_have_a_limit(void **state)
{
    AUTO(buf_fini) struct buf in = { 0 };
    struct message            message;
    buf_append_string(&in, "GET / HTTP/1.1\r\n");
    repeat(&in, "A: b\r\n", MESSAGE_MAX_HEADERS);
    size_t full = in.len;
    buf_append_string(&in, "\r\n");
    assert_int_equal(message_parse(buf_span(&in), &message), in.len);
    assert_int_equal(message.header_count, MESSAGE_MAX_HEADERS);
    in.len = full;
    buf_append_string(&in, "A: b\r\n");
    assert_int_equal(message_parse(buf_span(&in), &message), -EMSGSIZE);
}

static void the_longest_body_is_taken(void **state)
{
    AUTO(buf_fini) struct buf in = { 0 };
    struct message            message;
    buf_printf(&in, "POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n", MESSAGE_MAX_BODY);
    size_t head = in.len;
    repeat(&in, "0123456789abcdef", MESSAGE_MAX_BODY / 16);
    in.len--;
    assert_int_equal(message_parse(buf_span(&in), &message), -EAGAIN);
    in.len++;
    assert_int_equal(message_parse(buf_span(&in), &message), in.len);
    assert_int_equal(message.body.len, MESSAGE_MAX_BODY);
    assert_ptr_equal(message.body.p, in.p + head);
}

static void messages_are_written(void **state)
{
    AUTO(buf_fini) struct buf out = { 0 };
    message_start_response(&out, MESSAGE_RTSP, 200);
    message_add(&out, "CSeq", "%u", 7);
    message_add(&out, "Session", "%s;timeout=%d", "abc", 55);
    message_add(&out, "Content-Length", "%d", 3);
    message_finish(&out, BYTES("v=0"));
    message_start_response(&out, MESSAGE_HTTP, 404);
    message_finish(&out, (struct span){ 0 });
    message_start_request(&out, MESSAGE_RTSP, "OPTIONS", BYTES("rtsp://h/a"));
    message_add(&out, "Empty", "%s", "");
    message_finish(&out, (struct span){ 0 });
    assert_string_equal(buf_string(&out), "RTSP/1.0 200 OK\r\n"
                                          "CSeq: 7\r\nSession: abc;timeout=55\r\n"
                                          "Content-Length: 3\r\n\r\nv=0"
                                          "HTTP/1.1 404 Not Found\r\n\r\n"
                                          "OPTIONS rtsp://h/a RTSP/1.0\r\nEmpty: \r\n\r\n");
}

static void reasons_are_known(void **state)
{
    assert_string_equal(message_reason(200), "OK");
    assert_string_equal(message_reason(454), "Session Not Found");
    assert_string_equal(message_reason(461), "Unsupported Transport");
    assert_string_equal(message_reason(551), "Option Not Supported");
    assert_string_equal(message_reason(599), "Unknown");
}

struct writing {
    const char *name;
    struct span url;
    const char *format;
    int         c;
    bool        dies;
};

static void try_to_write(void *arg)
{
    const struct writing     *writing = arg;
    AUTO(buf_fini) struct buf out = { 0 };
    message_start_request(&out, MESSAGE_RTSP, "OPTIONS", writing->url);
    message_add(&out, "Location", writing->format, writing->c);
}

static void injected_lines_are_refused_by_an_assertion(void **state)
{
    static struct writing writings[] = {
        { "nothing wrong", BYTES("*"), "a%cb", 'c', false },
        { "LF", BYTES("*"), "a%cb", '\n', true },
        { "CR at the end", BYTES("*"), "a%c", '\r', true },
        { "NUL", BYTES("*"), "a%cb", '\0', true },
        { "LF in the URL", BYTES("/a\nb"), "a%cb", 'c', true },
        { "blank in the URL", BYTES("/a b"), "a%cb", 'c', true },
        { "no URL", BYTES(""), "a%cb", 'c', true },
    };
    for (size_t i = 0; i < COUNT(writings); i++) {
        static struct test_child child;
        test_child_run(STDERR_FILENO, try_to_write, &writings[i], &child);
        CHECK(test_child_is_well(&child) == !writings[i].dies, writings[i].name);
        CHECK(test_child_has_died(&child, SIGABRT) == writings[i].dies, writings[i].name);
    }
}

TESTS(messages_are_taken_or_refused, messages_may_be_cut_anywhere, what_follows_is_left_alone,
      a_request_is_taken_apart, responses_are_taken_apart, chunks_are_left_to_the_caller,
      a_start_line_has_a_limit, rubbish_has_the_same_limit, a_head_has_a_limit,
      empty_lines_have_a_limit, names_have_a_limit, headers_have_a_limit, the_longest_body_is_taken,
      messages_are_written, reasons_are_known, injected_lines_are_refused_by_an_assertion)
