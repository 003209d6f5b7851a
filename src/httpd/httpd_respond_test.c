#include "base/test.h"
#include "httpd/test_httpd.h"

#define ASK(method, headers) method " /p HTTP/1.1\r\nHost: x\r\n" headers "\r\n"
#define ORIGIN               "Access-Control-Allow-Origin: *\r\n"
#define OURS                 "Server: millrace\r\n" TEST_DATE
#define JSON                 "Content-Type: application/json; charset=utf-8\r\n"

/* What the handler does with the one request of a case. */
static void (*answer)(struct httpd_exchange *exchange);

static void on_request(void *arg, struct httpd_exchange *exchange)
{
    answer(exchange);
}

static void answer_nothing(struct httpd_exchange *exchange)
{
    httpd_respond(exchange, &(struct httpd_response){ .status = 200 });
}

static void answer_text(struct httpd_exchange *exchange)
{
    httpd_respond(exchange, &(struct httpd_response){ .status = 201,
                                                      .content_type = "application/sdp",
                                                      .body = BYTES("v=0\r\n") });
}

static void answer_headers(struct httpd_exchange *exchange)
{
    static const struct httpd_header headers[] = {
        { "Www-Authenticate", BYTES("Basic realm=\"100%s\"") },
        { "Link", BYTES("<stun:b>; rel=\"ice-server\"") },
        { "Location", BYTES("/p/whep/1") },
        { "Link", BYTES("<stun:a>; rel=\"ice-server\"") },
        { "Accept-Patch", BYTES("application/trickle-ice-sdpfrag") },
        { "Id", BYTES("") },
    };
    httpd_respond(exchange, &(struct httpd_response){ .status = 401,
                                                      .content_type = "text/plain",
                                                      .headers = headers,
                                                      .header_count = COUNT(headers) });
}

static void answer_most_headers(struct httpd_exchange *exchange)
{
    struct httpd_header headers[HTTPD_MAX_HEADERS];
    for (unsigned i = 0; i < HTTPD_MAX_HEADERS; i++)
        headers[i] = (struct httpd_header){ "A", BYTES("b") };
    httpd_respond(exchange, &(struct httpd_response){ .status = 200,
                                                      .content_type = "text/plain",
                                                      .headers = headers,
                                                      .header_count = HTTPD_MAX_HEADERS,
                                                      .is_last = true });
}

static void answer_no_content(struct httpd_exchange *exchange)
{
    httpd_respond(exchange, &(struct httpd_response){ .status = 204, .body = BYTES("never") });
}

static void answer_not_modified(struct httpd_exchange *exchange)
{
    httpd_respond(exchange, &(struct httpd_response){ .status = 304, .body = BYTES("never") });
}

static void answer_error(struct httpd_exchange *exchange)
{
    httpd_respond_error(exchange, 404, "session %s", "not found");
}

#define A_TIMES_16                                                                                 \
    "A: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\n"                             \
    "A: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\n"

static void answers_are_mediamtxs(void **state)
{
    static const struct {
        const char *name, *in;
        void (*answer)(struct httpd_exchange *exchange);
        const char *out;
    } cases[] = {
        { "nothing", ASK("GET", ""), answer_nothing,
          "HTTP/1.1 200 OK\r\n" ORIGIN OURS "Content-Length: 0\r\n\r\n" },
        { "text", ASK("POST", ""), answer_text,
          "HTTP/1.1 201 Created\r\n" ORIGIN "Content-Type: application/sdp\r\n" OURS
          "Content-Length: 5\r\n\r\nv=0\r\n" },
        { "HEAD", ASK("HEAD", ""), answer_text,
          "HTTP/1.1 201 Created\r\n" ORIGIN "Content-Type: application/sdp\r\n" OURS
          "Content-Length: 5\r\n\r\n" },
        { "headers", ASK("GET", ""), answer_headers,
          "HTTP/1.1 401 Unauthorized\r\nAccept-Patch: application/trickle-ice-sdpfrag\r\n" ORIGIN
          "Content-Type: text/plain\r\nId: \r\nLink: <stun:b>; rel=\"ice-server\"\r\n"
          "Link: <stun:a>; rel=\"ice-server\"\r\nLocation: /p/whep/1\r\nServer: millrace\r\n"
          "Www-Authenticate: Basic realm=\"100%s\"\r\n" TEST_DATE "Content-Length: 0\r\n\r\n" },
        { "most headers", ASK("GET", ""), answer_most_headers,
          "HTTP/1.1 200 OK\r\n" A_TIMES_16 A_TIMES_16 A_TIMES_16 ORIGIN
          "Content-Type: text/plain\r\n" OURS "Content-Length: 0\r\nConnection: close\r\n\r\n" },
        { "no content", ASK("PATCH", ""), answer_no_content,
          "HTTP/1.1 204 No Content\r\n" ORIGIN OURS "\r\n" },
        { "not modified", ASK("GET", ""), answer_not_modified,
          "HTTP/1.1 304 Not Modified\r\n" ORIGIN OURS "\r\n" },
        { "last", ASK("DELETE", "Connection: close\r\n"), httpd_respond_ok,
          "HTTP/1.1 200 OK\r\n" ORIGIN JSON OURS
          "Content-Length: 15\r\nConnection: close\r\n\r\n{\"status\":\"ok\"}" },
        { "error", ASK("DELETE", ""), answer_error,
          "HTTP/1.1 404 Not Found\r\n" ORIGIN JSON OURS
          "Content-Length: 46\r\n\r\n{\"status\":\"error\",\"error\":\"session not found\"}" },
        { "not found", ASK("GET", ""), httpd_respond_not_found,
          "HTTP/1.1 404 Not Found\r\n" ORIGIN "Content-Type: text/plain\r\n" OURS
          "Content-Length: 18\r\n\r\n404 page not found" },
    };
    struct test_httpd test;
    test_httpd_open(&test, (struct httpd_options){ .on_request = on_request });
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_client client;
        answer = cases[i].answer;
        test_client_open(&client, &test);
        CHECK(strcmp(test_client_ask(&client, cases[i].in), cases[i].out) == 0, cases[i].name);
        CHECK(client.is_closed == (strstr(cases[i].out, "close\r\n") != NULL), cases[i].name);
        test_client_close(&client);
    }
    test_httpd_close(&test);
}

static const char *error_text;

static void answer_error_text(struct httpd_exchange *exchange)
{
    httpd_respond_error(exchange, 400, "%s", error_text);
}

static void errors_are_json_whatever_they_quote(void **state)
{
    static const struct {
        const char *text, *json;
    } cases[] = {
        { "", "" },
        { "sdp: \"e\" \\", "sdp: \\\"e\\\" \\\\" },
        { "\b\f\n\r\t", "\\b\\f\\n\\r\\t" },
        { "\x01\x1f\x7f", "\\u0001\\u001f\x7f" },
        { "</script>&", "\\u003c/script\\u003e\\u0026" },
        { "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x8e\xa5", "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x8e\xa5" },
        { "\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa",
          "\xe2\x80\xa7\\u2028\\u2029\xe2\x80\xaa" },
        { "\xff", "\\ufffd" },
        { "\x80\xbf", "\\ufffd\\ufffd" },
        { "\xc3", "\\ufffd" },
        { "\xc3"
          "a",
          "\\ufffda" },
        { "\xc0\xaf", "\\ufffd\\ufffd" },                       /* a slash, too long */
        { "\xe0\x9f\xbf", "\\ufffd\\ufffd\\ufffd" },            /* too long */
        { "\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd" },            /* half of UTF-16's pairs */
        { "\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd" }, /* beyond the last character */
        { "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" },
        { "\xe2\x82", "\\ufffd\\ufffd" },
        { "\xe2\x82"
          "a",
          "\\ufffd\\ufffda" },
    };
    struct test_httpd test;
    test_httpd_open(&test, (struct httpd_options){ .on_request = on_request });
    answer = answer_error_text;
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO(buf_fini) struct buf want = { 0 };
        struct test_client        client;
        error_text = cases[i].text;
        test_client_open(&client, &test);
        buf_printf(&want, "\r\n\r\n{\"status\":\"error\",\"error\":\"%s\"}", cases[i].json);
        CHECK(strstr(test_client_ask(&client, ASK("GET", "")), buf_string(&want)), cases[i].json);
        test_client_close(&client);
    }
    test_httpd_close(&test);
}

static void origins_are_told_who_may_read(void **state)
{
    static char  any[] = "*", good[] = "http://good";
    static char *anybody[] = { any, NULL }, *one[] = { good, NULL }, *both[] = { any, good, NULL };
    static char *nobody[] = { NULL };
    static const struct {
        char      **allowed;
        const char *origin, *want; /* NULL: no such header */
        bool        varies;
    } cases[] = {
        { anybody, "Origin: http://bad\r\n", "*", false },
        { anybody, "", "*", false },
        { one, "Origin: http://good\r\n", "http://good", true },
        { one, "Origin: http://bad\r\n", NULL, true }, /* and no cache shows that to the good one */
        { one, "", NULL, true },
        { both, "Origin: http://good\r\n", "http://good", true },
        { both, "Origin: http://bad\r\n", "*", true },
        { nobody, "Origin: http://good\r\n", NULL, false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_httpd         test;
        struct test_client        client;
        AUTO(buf_fini) struct buf ask = { 0 }, want = { 0 };
        buf_printf(&ask, "GET /p HTTP/1.1\r\nHost: x\r\n%s\r\n", cases[i].origin);
        buf_printf(&want, "HTTP/1.1 200 OK\r\n");
        if (cases[i].want)
            buf_printf(&want, "Access-Control-Allow-Origin: %s\r\n", cases[i].want);
        buf_printf(&want, "Content-Type: text/plain\r\nServer: millrace\r\n%s" TEST_DATE,
                   cases[i].varies ? "Vary: Origin\r\n" : "");
        test_httpd_open(&test, (struct httpd_options){ .allow_origins = cases[i].allowed });
        test_client_open(&client, &test);
        const char *heard = test_client_ask(&client, buf_string(&ask));
        CHECK(strncmp(heard, buf_string(&want), want.len) == 0, heard);
        test_client_close(&client);
        test_httpd_close(&test);
    }
}

TESTS(answers_are_mediamtxs, errors_are_json_whatever_they_quote, origins_are_told_who_may_read)
