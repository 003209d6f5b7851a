#include "base/test.h"
#include "httpd/test_httpd.h"

#define HOST          "Host: x\r\n"
#define GET(target)   "GET " target " HTTP/1.1\r\n" HOST "\r\n"
#define POST(headers) "POST /p HTTP/1.1\r\n" HOST headers "\r\n"
#define CHUNKED       "Transfer-Encoding: chunked\r\n"

/* What the handler's echo of a request looks like. */
static void expect_echo(struct buf *out, const char *text, bool is_last)
{
    buf_printf(out,
               "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Type: text/plain\r\n"
               "Server: millrace\r\n" TEST_DATE "Content-Length: %zu\r\n%s\r\n%s",
               strlen(text), is_last ? "Connection: close\r\n" : "", text);
}

/* Requests, and what the handler has understood. */
static const struct talk {
    const char *name, *in, *texts[3];
    bool        is_last; /* the connection ends behind the last answer */
} talks[] = {
    { "plain", GET("/cam"), { "GET /cam" }, false },
    { "query", GET("/cam?a=b?c"), { "GET /cam ?a=b?c" }, false },
    { "empty query", GET("/cam?"), { "GET /cam ?" }, false },
    { "escapes", GET("/a%20b%2Fc?%20"), { "GET /a b/c ?%20" }, false },
    { "absolute form", GET("http://x:1/cam/whep?a=b"), { "GET /cam/whep ?a=b" }, false },
    { "absolute form, no path", GET("http://x"), { "GET /" }, false },
    { "absolute form, only a query", GET("http://x?a"), { "GET / ?a" }, false },
    { "asterisk", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", { "OPTIONS *" }, false },
    { "hosts of all forms",
      "GET /1 HTTP/1.1\r\nHost: cam_1.Example:8889\r\n\r\n"
      "GET /2 HTTP/1.1\r\nHost: [2001:db8::1]:8889\r\n\r\n"
      "GET /3 HTTP/1.1\r\nHost: 192.0.2.1:\r\n\r\n",
      { "GET /1", "GET /2", "GET /3" },
      false },
    { "no host's name", "GET / HTTP/1.1\r\nHost:\r\n\r\n", { "GET /" }, false },
    { "line feeds", "GET / HTTP/1.1\nHost: x\n\n", { "GET /" }, false },
    { "empty lines in front", "\r\n\n\r\n" GET("/"), { "GET /" }, false },
    { "body", POST("Content-Length: 3\r\n") "abc", { "POST /p <abc>" }, false },
    { "body like a head",
      POST("Content-Length: 4\r\n") "\r\n\r\n",
      { "POST /p <\r\n\r\n>" },
      false },
    { "no body", POST("Content-Length: 0\r\n"), { "POST /p" }, false },
    { "chunks",
      POST(CHUNKED) "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nA: b\r\n\r\n",
      { "POST /p <abcde>" },
      false },
    { "chunks without data", POST(CHUNKED) "0\r\n\r\n", { "POST /p" }, false },
    { "pipelined", GET("/1") GET("/2") GET("/3"), { "GET /1", "GET /2", "GET /3" }, false },
    { "pipelined behind a body",
      POST("Content-Length: 3\r\n") "abc" GET("/2"),
      { "POST /p <abc>", "GET /2" },
      false },
    { "pipelined behind chunks",
      POST(CHUNKED) "1\r\na\r\n0\r\n\r\n" POST(CHUNKED) "1\r\nb\r\n0\r\n\r\n" GET("/3"),
      { "POST /p <a>", "POST /p <b>", "GET /3" },
      false },
    { "close", "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", { "GET /" }, true },
    { "close among others",
      "GET / HTTP/1.1\r\n" HOST "Connection: x\r\nConnection: keep-alive, Close\r\n\r\n",
      { "GET /" },
      true },
    { "keep-alive",
      "GET / HTTP/1.1\r\n" HOST "Connection: keep-alive\r\n\r\n",
      { "GET /" },
      false },
    { "HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", { "GET /" }, true },
    { "behind the last",
      GET("/1") "GET /2 HTTP/1.0\r\n\r\n" GET("/3"),
      { "GET /1", "GET /2" },
      true },
};

static bool talk_is_right(const struct talk *talk, const struct test_client *client)
{
    AUTO(buf_fini) struct buf want = { 0 };
    for (size_t i = 0; i < COUNT(talk->texts) && talk->texts[i]; i++) {
        bool is_last = i + 1 == COUNT(talk->texts) || !talk->texts[i + 1];
        expect_echo(&want, talk->texts[i], talk->is_last && is_last);
    }
    bool is_right =
        span_equal(buf_span(&client->heard), buf_span(&want)) && client->is_closed == talk->is_last;
    if (!is_right)
        print_error("heard (%d):\n%.*s\n", client->is_closed, (int)client->heard.len,
                    (const char *)client->heard.p);
    return is_right;
}

/* In pieces: the first one so long, then so long each. */
static bool talk_in_pieces(struct test_httpd *test, const struct talk *talk, size_t first,
                           size_t each)
{
    struct test_client client;
    test_client_open(&client, test);
    struct span rest = span_from_string(talk->in);
    for (size_t len = first; rest.len > 0; len = each) {
        struct span piece = span_first(rest, len);
        (void)test_client_send(&client, piece);
        test_httpd_settle(test);
        rest = span_skip(rest, piece.len);
    }
    (void)test_client_hear(&client);
    bool is_right = talk_is_right(talk, &client);
    test_client_close(&client);
    test_httpd_settle(test);
    return is_right;
}

static void requests_may_be_cut_anywhere(void **state)
{
    struct test_httpd test;
    test_httpd_open(&test, (struct httpd_options){ 0 });
    for (size_t i = 0; i < COUNT(talks); i++) {
        size_t len = strlen(talks[i].in);
        CHECK(talk_in_pieces(&test, &talks[i], len, len), talks[i].name);
        CHECK(talk_in_pieces(&test, &talks[i], 1, 1), talks[i].name);
        for (size_t cut = 1; cut < len; cut++)
            CHECK(talk_in_pieces(&test, &talks[i], cut, len), talks[i].name);
    }
    test_httpd_close(&test);
}

#define REFUSED(status)                                                                            \
    "HTTP/1.1 " status "\r\nContent-Type: text/plain; charset=utf-8\r\n"                           \
    "Connection: close\r\n\r\n" status

#define WITH_HOST(host) "GET / HTTP/1.1\r\nHost: " host "\r\n\r\n"
#define BAD_HOST                                                                                   \
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"                      \
    "Connection: close\r\n\r\n400 Bad Request: malformed Host header"

/* In Go's words, as MediaMTX's clients know them. */
static void nonsense_is_refused(void **state)
{
    static const struct {
        const char *name, *in, *out;
    } cases[] = {
        { "rubbish", "\x16\x03\x01", REFUSED("400 Bad Request") },
        { "RTSP", "OPTIONS * RTSP/1.0\r\n\r\n", REFUSED("400 Bad Request") },
        { "an answer", "HTTP/1.1 200 OK\r\n\r\n", REFUSED("400 Bad Request") },
        { "HTTP/2", "PRI * HTTP/2.0\r\n\r\n",
          "HTTP/1.1 505 Version Not Supported\r\nContent-Type: text/plain; charset=utf-8\r\n"
          "Connection: close\r\n\r\n505 Version Not Supported: unsupported protocol version" },
        { "no Host", "GET / HTTP/1.1\r\n\r\n",
          "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
          "Connection: close\r\n\r\n400 Bad Request: missing required Host header" },
        { "two Hosts", "GET / HTTP/1.1\r\n" HOST HOST "\r\n",
          "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
          "Connection: close\r\n\r\n400 Bad Request: too many Host headers" },
        { "blank in the Host", WITH_HOST("a/b c"), BAD_HOST },
        { "user in the Host", WITH_HOST("me@x"), BAD_HOST },
        { "port that is no number", WITH_HOST("x:80a"), BAD_HOST },
        { "port beyond ports", WITH_HOST("x:65536"), BAD_HOST },
        { "two ports", WITH_HOST("x:80:80"), BAD_HOST },
        { "IPv6 without brackets", WITH_HOST("::1"), BAD_HOST },
        { "bracket that is not closed", WITH_HOST("[::1"), BAD_HOST },
        { "something behind the bracket", WITH_HOST("[::1]a"), BAD_HOST },
        { "Host beyond ASCII", WITH_HOST("\xc3\xa4.example"), BAD_HOST },
        { "HTTP/1.0 with a bad Host", "GET / HTTP/1.0\r\nHost: a b\r\n\r\n", BAD_HOST },
        { "bad escape", GET("/%zz"), REFUSED("400 Bad Request") },
        { "NUL in the path", GET("/a%00b"), REFUSED("400 Bad Request") },
        { "no path", GET("cam"), REFUSED("400 Bad Request") },
        { "asterisk", GET("*"), REFUSED("400 Bad Request") },
        { "tunnel", "CONNECT x:443 HTTP/1.1\r\n" HOST "\r\n", REFUSED("400 Bad Request") },
        { "two lengths", POST("Content-Length: 3\r\nContent-Length: 4\r\n"),
          REFUSED("400 Bad Request") },
        { "length and chunks", POST("Content-Length: 3\r\n" CHUNKED), REFUSED("400 Bad Request") },
        { "chunks and length", POST(CHUNKED "Content-Length: 3\r\n"), REFUSED("400 Bad Request") },
        { "chunks twice", POST(CHUNKED CHUNKED), REFUSED("400 Bad Request") },
        { "another coding", POST("Transfer-Encoding: gzip, chunked\r\n"),
          REFUSED("400 Bad Request") },
        { "chunks in HTTP/1.0", "POST / HTTP/1.0\r\n" CHUNKED "\r\n", REFUSED("400 Bad Request") },
        { "bad length", POST("Content-Length: +3\r\n"), REFUSED("400 Bad Request") },
        { "bad chunk", POST(CHUNKED) "x\r\n", REFUSED("400 Bad Request") },
        { "a folded header", "GET / HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n",
          REFUSED("400 Bad Request") },
        { "body too large", POST("Content-Length: 1001\r\n"), REFUSED("413 Content Too Large") },
        { "body much too large", POST("Content-Length: 1048577\r\n"),
          REFUSED("413 Content Too Large") },
        { "body as large as numbers go", POST("Content-Length: 99999999999999999999999\r\n"),
          REFUSED("413 Content Too Large") },
        { "chunk too large", POST(CHUNKED) "3e9\r\n", REFUSED("413 Content Too Large") },
        { "an unknown expectation, no body", POST("Expect: tea\r\n"),
          REFUSED("417 Expectation Failed") },
        { "an unknown expectation, chunks", POST(CHUNKED "Expect: tea\r\n"),
          REFUSED("417 Expectation Failed") },
        { "an unknown expectation", POST("Content-Length: 3\r\nExpect: tea\r\n"),
          REFUSED("417 Expectation Failed") },
    };
    struct test_httpd test;
    test_httpd_open(&test, (struct httpd_options){ 0 });
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_client client;
        test_client_open(&client, &test);
        const char *heard = test_client_ask(&client, cases[i].in);
        if (strcmp(heard, cases[i].out) != 0)
            print_error("%s\n", heard);
        CHECK(strcmp(heard, cases[i].out) == 0, cases[i].name);
        CHECK(client.is_closed, cases[i].name);
        test_client_close(&client);
    }
    assert_int_equal(test.requests, 0);
    test_httpd_close(&test);
}

static void heads_too_large_are_refused(void **state)
{
    static const struct {
        const char *name, *begin, *again;
        unsigned    count;
    } cases[] = {
        { "first line", "GET /", "aaaaaaaaaaaaaaaa", 300 },
        { "headers", "GET / HTTP/1.1\r\n" HOST, "A: b\r\n", 100 },
        { "a header's value", "GET / HTTP/1.1\r\nA: ", "bbbbbbbbbbbbbbbb", 3000 },
        { "before a body", "POST / HTTP/1.1\r\nContent-Length: 2000\r\nA: ", "bbbbbbbbbbbb", 3000 },
    };
    struct test_httpd test;
    test_httpd_open(&test, (struct httpd_options){ 0 });
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO(buf_fini) struct buf text = { 0 };
        struct test_client        client;
        buf_append_string(&text, cases[i].begin);
        for (unsigned j = 0; j < cases[i].count; j++)
            buf_append_string(&text, cases[i].again);
        test_client_open(&client, &test);
        CHECK(strstr(test_client_ask(&client, buf_string(&text)), "HTTP/1.1 431 "), cases[i].name);
        test_client_close(&client);
    }
    test_httpd_close(&test);
}

#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"
#define EXPECT   "Expect: 100-Continue\r\n"

static void clients_are_told_to_continue(void **state)
{
    static const struct {
        const char *name, *head, *hears, *body, *text;
    } cases[] = {
        { "body", POST("Content-Length: 3\r\n" EXPECT), CONTINUE, "abc", "POST /p <abc>" },
        { "chunks", POST(CHUNKED EXPECT), CONTINUE, "1\r\na\r\n0\r\n\r\n", "POST /p <a>" },
        { "no body", POST(EXPECT) GET("/2"), "", NULL, NULL },
        { "does not wait for it", POST("Content-Length: 3\r\n" EXPECT) "abc", "", NULL, NULL },
        { "does not wait with chunks", POST(CHUNKED EXPECT) "0\r\n\r\n", "", NULL, NULL },
        { "HTTP/1.0", "POST /p HTTP/1.0\r\nContent-Length: 3\r\n" EXPECT "\r\n", "", NULL, NULL },
        { "too large", POST("Content-Length: 1001\r\n" EXPECT), REFUSED("413 Content Too Large"),
          NULL, NULL },
    };
    struct test_httpd test;
    test_httpd_open(&test, (struct httpd_options){ 0 });
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_client client;
        test_client_open(&client, &test);
        const char *heard = test_client_ask(&client, cases[i].head);
        if (cases[i].hears[0])
            CHECK(strcmp(heard, cases[i].hears) == 0, cases[i].name);
        else
            CHECK(!strstr(heard, " 100 "), cases[i].name);
        if (cases[i].body) {
            AUTO(buf_fini) struct buf want = { 0 };
            expect_echo(&want, cases[i].text, false);
            heard = test_client_ask(&client, cases[i].body);
            CHECK(strcmp(heard, buf_string(&want)) == 0, cases[i].name);
            CHECK(strcmp(test_client_ask(&client, cases[i].head), CONTINUE) == 0, cases[i].name);
        }
        test_client_close(&client);
    }
    test_httpd_close(&test);
}

/* Of all the bytes of a head that come one by one, one is the last. */
static void clients_are_told_once_to_continue(void **state)
{
    struct test_httpd         test;
    struct test_client        client;
    AUTO(buf_fini) struct buf want = { 0 };
    struct span               in = BYTES(POST("Content-Length: 3\r\n" EXPECT) "abc");
    test_httpd_open(&test, (struct httpd_options){ 0 });
    test_client_open(&client, &test);
    for (; in.len > 0; in = span_skip(in, 1)) {
        (void)test_client_send(&client, span_first(in, 1));
        test_httpd_settle(&test);
    }
    buf_append_string(&want, CONTINUE);
    expect_echo(&want, "POST /p <abc>", false);
    assert_string_equal(test_client_hear(&client), buf_string(&want));
    test_client_close(&client);
    test_httpd_close(&test);
}

static struct httpd_conn *only_conn(struct test_httpd *test)
{
    return LIST_FIRST(&test->httpd->conns, struct httpd_conn, in_httpd);
}

/* What is around the data is not kept until the body is whole. */
static void small_chunks_take_little_room(void **state)
{
    struct test_httpd  test;
    struct test_client client;
    test_httpd_open(&test, (struct httpd_options){ 0 });
    test_client_open(&client, &test);
    assert_string_equal(test_client_ask(&client, POST(CHUNKED)), "");
    for (int i = 0; i < TEST_MAX_BODY; i++)
        assert_string_equal(test_client_ask(&client, "1\r\na\r\n"), "");
    assert_int_equal(only_conn(&test)->in.len, sizeof(POST(CHUNKED)) - 1);
    assert_int_equal(only_conn(&test)->body.len, TEST_MAX_BODY);
    assert_non_null(strstr(test_client_ask(&client, "0\r\n\r\n"), "aaaa>"));
    assert_int_equal(only_conn(&test)->in.capacity, 0); /* nor is anything when it is idle */
    assert_int_equal(only_conn(&test)->body.capacity, 0);
    test_client_close(&client);
    test_httpd_close(&test);
}

static void answers_may_come_later(void **state)
{
    struct test_httpd         test;
    struct test_client        client;
    AUTO(buf_fini) struct buf want = { 0 };
    test_httpd_open(&test, (struct httpd_options){ 0 });
    test_client_open(&client, &test);
    assert_string_equal(test_client_ask(&client, GET("/later?1") GET("/2") GET("/later?3")), "");
    for (int i = 0; i < 100; i++) /* the request's bytes may not move */
        assert_string_equal(test_client_ask(&client, GET("/4")), "");
    assert_int_equal(test.requests, 1);
    struct slot_id id = test.later[0];
    assert_true(test_httpd_answer(&test));
    assert_null(httpd_find(test.httpd, id));
    expect_echo(&want, "GET /later ?1", false);
    expect_echo(&want, "GET /2", false);
    assert_string_equal(test_client_hear(&client), buf_string(&want));
    assert_int_equal(test.requests, 3);

    buf_fini(&want);
    buf_fini(&client.heard);
    assert_true(test_httpd_answer(&test));
    expect_echo(&want, "GET /later ?3", false);
    for (int i = 0; i < 100; i++)
        expect_echo(&want, "GET /4", false);
    assert_string_equal(test_client_hear(&client), buf_string(&want));
    test_client_close(&client);
    test_httpd_close(&test);
}

static void count(void *arg)
{
    ++*(unsigned *)arg;
}

static void who_works_on_an_answer_is_told_that_nobody_waits(void **state)
{
    static const struct {
        const char *name;
        bool        is_watched, is_answered, has_left;
        unsigned    told;
    } cases[] = {
        { "answered", true, true, false, 0 },
        { "has left", true, false, true, 1 },
        { "the server ends", true, false, false, 1 },
        { "not watched any more", false, false, true, 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_httpd  test;
        struct test_client client;
        unsigned           told = 0;
        test_httpd_open(&test, (struct httpd_options){ 0 });
        test_client_open(&client, &test);
        (void)test_client_ask(&client, GET("/later"));
        struct httpd_exchange *exchange = httpd_find(test.httpd, test.later[0]);
        httpd_watch(exchange, count, &told);
        if (!cases[i].is_watched)
            httpd_watch(exchange, NULL, NULL);
        if (cases[i].is_answered)
            (void)test_httpd_answer(&test);
        if (cases[i].has_left)
            test_client_close(&client);
        test_httpd_settle(&test);
        CHECK(told == (cases[i].has_left ? cases[i].told : 0), cases[i].name);
        test_client_close(&client);
        test_httpd_close(&test);
        CHECK(told == cases[i].told, cases[i].name);
    }
}

static void clients_may_leave_before_the_answer(void **state)
{
    static const char *const requests[] = {
        GET("/later"),
        GET("/later") GET("/2"),
        GET("/1") GET("/later") "GE",
        "POST /later HTTP/1.1\r\n" HOST CHUNKED "\r\n1\r\na\r\n0\r\n\r\n",
    };
    struct test_httpd test;
    test_httpd_open(&test, (struct httpd_options){ 0 });
    for (size_t i = 0; i < COUNT(requests); i++) {
        struct test_client client;
        test_client_open(&client, &test);
        (void)test_client_ask(&client, requests[i]);
        CHECK(test.later_count == 1, requests[i]);
        test_client_close(&client);
        test_httpd_settle(&test);
        CHECK(!test_httpd_answer(&test), requests[i]);
        CHECK(list_is_empty(&test.httpd->conns), requests[i]);
    }
    test_httpd_close(&test);
}

static void who_says_no_more_still_gets_answers(void **state)
{
    struct test_httpd         test;
    struct test_client        client;
    AUTO(buf_fini) struct buf want = { 0 };
    test_httpd_open(&test, (struct httpd_options){ 0 });
    test_client_open(&client, &test);
    (void)test_client_send(&client, BYTES(GET("/1") GET("/2") "GET"));
    (void)shutdown(client.fd, SHUT_WR);
    expect_echo(&want, "GET /1", false);
    expect_echo(&want, "GET /2", false);
    assert_string_equal(test_client_hear(&client), buf_string(&want));
    assert_true(client.is_closed && list_is_empty(&test.httpd->conns));
    test_client_close(&client);
    test_httpd_close(&test);
}

static void who_is_sent_off_may_talk_on_for_a_moment(void **state)
{
    for (int leaves = 0; leaves < 2; leaves++) {
        struct test_httpd  test;
        struct test_client client;
        test_httpd_open(&test, (struct httpd_options){ 0 });
        test_client_open(&client, &test);
        assert_string_equal(test_client_ask(&client, "rubbish\r\n"), REFUSED("400 Bad Request"));
        assert_true(client.is_closed);
        for (int i = 0; i < 10; i++)
            assert_int_equal(test_client_send(&client, BYTES(GET("/"))), sizeof(GET("/")) - 1);
        test_httpd_wait(&test, HTTPD_LINGER_NS - NS_PER_MS);
        assert_false(list_is_empty(&test.httpd->conns));
        assert_int_equal(test.requests, 0);
        if (leaves)
            test_client_close(&client);
        test_httpd_wait(&test, leaves ? 0 : NS_PER_MS);
        assert_true(list_is_empty(&test.httpd->conns));
        test_client_close(&client);
        test_httpd_close(&test);
    }
}

/* Deadlines: seconds go by, and a piece of a request comes. */
static void slow_clients_are_left(void **state)
{
    static const struct {
        const char *name;
        struct {
            int         seconds;
            const char *says;
        } steps[4];
        int closes_after_s;
    } cases[] = {
        { "says nothing", { { 0, "" } }, 10 },
        { "says half", { { 9, "GET " } }, 10 },
        { "says a little each time", { { 4, "G" }, { 4, "E" }, { 4, "T" } }, 2 },
        { "empty lines", { { 4, "\r\n" }, { 4, "\r\n" }, { 4, "\r\n" } }, 2 },
        { "half a body", { { 4, POST("Content-Length: 3\r\n") }, { 4, "a" } }, 6 },
        { "half a chunk", { { 4, POST(CHUNKED) }, { 4, "3\r\na" } }, 6 },
        { "idle", { { 4, GET("/") } }, 30 },
        { "idle for the second time", { { 4, GET("/") }, { 29, GET("/") } }, 30 },
        { "behind a pause, half", { { 4, GET("/") }, { 29, "GET" } }, 10 },
        { "half behind a whole", { { 4, GET("/") "GE" }, { 4, "T" } }, 6 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_httpd  test;
        struct test_client client;
        test_httpd_open(&test, (struct httpd_options){ 0 });
        test_client_open(&client, &test);
        for (size_t j = 0; j < COUNT(cases[i].steps) && cases[i].steps[j].says; j++) {
            test_httpd_wait(&test, cases[i].steps[j].seconds * NS_PER_S);
            (void)test_client_ask(&client, cases[i].steps[j].says);
            CHECK(!client.is_closed, cases[i].name);
        }
        test_httpd_wait(&test, cases[i].closes_after_s * NS_PER_S - 2 * NS_PER_MS);
        (void)test_client_hear(&client);
        CHECK(!client.is_closed, cases[i].name);
        test_httpd_wait(&test, 4 * NS_PER_MS);
        (void)test_client_hear(&client);
        CHECK(client.is_closed && list_is_empty(&test.httpd->conns), cases[i].name);
        test_client_close(&client);
        test_httpd_close(&test);
    }
}

static void handlers_may_take_their_time(void **state)
{
    struct test_httpd  test;
    struct test_client client;
    test_httpd_open(&test, (struct httpd_options){ 0 });
    test_client_open(&client, &test);
    assert_string_equal(test_client_ask(&client, GET("/later")), "");
    test_httpd_wait(&test, 3600 * NS_PER_S);
    assert_true(test_httpd_answer(&test));
    assert_non_null(strstr(test_client_hear(&client), " 200 OK"));
    test_httpd_wait(&test, 29 * NS_PER_S);
    assert_non_null(strstr(test_client_ask(&client, GET("/2")), " 200 OK"));
    test_client_close(&client);
    test_httpd_close(&test);
}

enum { LARGE_REQUESTS = 100 };

static void ask_for_much(struct test_client *client)
{
    for (int i = 0; i < LARGE_REQUESTS; i++)
        (void)test_client_send(client, BYTES(GET("/large")));
    test_httpd_settle(client->test);
}

/* Who asks and asks and fetches nothing is not answered any more, until it fetches. */
static void answers_that_wait_are_bounded(void **state)
{
    struct test_httpd  test;
    struct test_client client;
    test_httpd_open(&test, (struct httpd_options){ 0 });
    test_client_open(&client, &test);
    ask_for_much(&client);
    unsigned answered = test.requests;
    assert_in_range(answered, 1, LARGE_REQUESTS / 2);
    assert_in_range(only_conn(&test)->out.len, 1, HTTPD_MAX_ANSWERS_WAITING + TEST_LARGE + 500);
    ask_for_much(&client);
    assert_int_equal(test.requests, answered);
    (void)test_client_hear(&client);
    assert_int_equal(test.requests, 2 * LARGE_REQUESTS);
    assert_in_range(client.heard.len, 2 * LARGE_REQUESTS * TEST_LARGE,
                    2 * LARGE_REQUESTS * (TEST_LARGE + 500));
    assert_int_equal(only_conn(&test)->out.capacity, 0);
    test_client_close(&client);
    test_httpd_close(&test);
}

static void who_fetches_nothing_is_left(void **state)
{
    struct test_httpd  test;
    struct test_client client;
    test_httpd_open(&test, (struct httpd_options){ 0 });
    test_client_open(&client, &test);
    ask_for_much(&client);
    for (int i = 0; i < 5; i++) { /* a little is enough */
        test_httpd_wait(&test, 9 * NS_PER_S);
        assert_false(list_is_empty(&test.httpd->conns));
        int64_t blocked_ns = only_conn(&test)->blocked_ns;
        while (only_conn(&test)->blocked_ns == blocked_ns) {
            assert_int_not_equal(test_client_receive(&client, 4096), 0);
            test_httpd_settle(&test);
        }
        assert_true(only_conn(&test)->is_blocked);
    }
    test_httpd_wait(&test, 10 * NS_PER_S - NS_PER_MS);
    assert_false(list_is_empty(&test.httpd->conns));
    test_httpd_wait(&test, 2 * NS_PER_MS);
    assert_true(list_is_empty(&test.httpd->conns));
    test_client_close(&client);
    test_httpd_close(&test);
}

/* Closed with the handler on the stack, as when the API changes its own address. */
static void a_handler_may_close_the_server(void **state)
{
    struct test_httpd         test;
    struct test_client        client, other;
    AUTO(buf_fini) struct buf want = { 0 };
    test_httpd_open(&test, (struct httpd_options){ 0 });
    test_client_open(&other, &test);
    assert_string_equal(test_client_ask(&other, GET("/later")), "");
    test_client_open(&client, &test);
    expect_echo(&want, "GET /1", false);
    expect_echo(&want, "GET /close", false);
    assert_string_equal(test_client_ask(&client, GET("/1") GET("/close") GET("/3")),
                        buf_string(&want));
    assert_true(client.is_closed);
    assert_string_equal(test_client_hear(&other), "");
    assert_true(other.is_closed);
    assert_null(test.httpd);
    test_client_close(&client);
    test_client_close(&other);
    test_httpd_close(&test);
}

TESTS(requests_may_be_cut_anywhere, nonsense_is_refused, heads_too_large_are_refused,
      clients_are_told_to_continue, clients_are_told_once_to_continue,
      small_chunks_take_little_room, answers_may_come_later, clients_may_leave_before_the_answer,
      who_works_on_an_answer_is_told_that_nobody_waits, who_says_no_more_still_gets_answers,
      who_is_sent_off_may_talk_on_for_a_moment, slow_clients_are_left, handlers_may_take_their_time,
      answers_that_wait_are_bounded, who_fetches_nothing_is_left, a_handler_may_close_the_server)
