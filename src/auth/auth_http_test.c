#include "auth/auth_http.h"

#include "auth/test_auth.h"
#include "base/log.h"
#include "httpd/test_httpd.h"

#define USERS                                                                                      \
    "[{user: any, ips: [192.0.2.9], permissions: [{action: read, path: cam}]},"                    \
    " {user: viewer, pass: readpass, permissions: [{action: read, path: cam}]},"                   \
    " {user: slow, pass: " TEST_ARGON2_LONG ", permissions: [{action: read, path: slow}]}]"

#define ASK(headers)  "GET /cam HTTP/1.1\r\nHost: x\r\n" headers "\r\n"
#define ASK_AS(words) ASK("Authorization: " words "\r\n")
#define VIEWER        "Basic dmlld2VyOnJlYWRwYXNz" /* viewer:readpass */
#define WRONG         "Basic dmlld2VyOndyb25n"     /* viewer:wrong */
#define SLOW          "Basic c2xvdzpwYXNz"         /* slow:pass */

#define REFUSED                                                                                    \
    "HTTP/1.1 401 Unauthorized\r\nAccess-Control-Allow-Origin: *\r\n"                              \
    "Content-Type: application/json; charset=utf-8\r\nServer: millrace\r\n"
#define CHALLENGE "Www-Authenticate: Basic realm=\"mediamtx\"\r\n"
#define BEHIND                                                                                     \
    TEST_DATE "Content-Length: 49\r\n\r\n{\"status\":\"error\",\"error\":\"authentication "        \
              "error\"}"

static struct test_httpd  test;
static struct auth       *auth;
static struct log_context prefix = { NULL, "[test]" };
static unsigned           asked;

static void on_allowed(void *arg, struct httpd_exchange *exchange)
{
    test_httpd_on_request(arg, exchange);
}

static void on_request(void *arg, struct httpd_exchange *exchange)
{
    const char               *path = httpd_request(exchange)->path;
    struct auth_http_question question = { .action = CONF_ACTION_READ,
                                           .path = span_from_string(path + 1),
                                           .log = &prefix };
    asked++;
    auth_http_check(auth, exchange, &question, on_allowed, arg);
}

static void open_server(void)
{
    AUTO(conf_unref) struct conf *conf = test_auth_conf(USERS);
    test_httpd_open(&test, (struct httpd_options){ .on_request = on_request });
    log_set_level(LOG_ERROR);
    auth = auth_create(&test.loop, conf);
}

static void close_server(void)
{
    test.httpd = httpd_close(test.httpd);
    auth = auth_destroy(auth);
    while (test.loop.uv.active_reqs.count > 0) {
        (void)uv_run(&test.loop.uv, UV_RUN_NOWAIT);
        (void)usleep(1000);
    }
    test_httpd_close(&test);
}

static void requests_are_let_through_or_asked(void **state)
{
    static const struct {
        const char *name;
        unsigned    host;
        const char *ask, *want; /* NULL: what the handler answers */
    } cases[] = {
        { "nobody", 1, ASK(""), REFUSED CHALLENGE BEHIND },
        { "anybody of an address", 9, ASK(""), NULL },
        { "a viewer", 1, ASK_AS(VIEWER), NULL },
        { "a bearer of a password", 1, ASK_AS("Bearer viewer:readpass"), NULL },
        { "what can't be understood", 1, ASK_AS("Basic !"), REFUSED CHALLENGE BEHIND },
        { "a digest", 1, ASK_AS("Digest username=\"viewer\""), REFUSED CHALLENGE BEHIND },
        { "in the query", 1, "GET /cam?user=viewer&pass=readpass HTTP/1.1\r\nHost: x\r\n\r\n",
          REFUSED CHALLENGE BEHIND },
    };
    open_server();
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_client client;
        test_client_open_from(&client, &test, cases[i].host);
        const char *heard = test_client_ask(&client, cases[i].ask);
        if (cases[i].want)
            CHECK(strcmp(heard, cases[i].want) == 0, heard);
        else
            CHECK(strncmp(heard, "HTTP/1.1 200 ", 13) == 0, cases[i].name);
        test_client_close(&client);
    }
    close_server();
}

/* The connection stays, and what was sent behind it has its turn. */
static void who_is_denied_is_told_later(void **state)
{
    struct test_client client;
    open_server();
    test_client_open(&client, &test);
    assert_string_equal(test_client_ask(&client, ASK_AS(WRONG) ASK_AS(VIEWER)), "");
    test_httpd_wait(&test, AUTH_MAX_PAUSE_NS + NS_PER_MS);
    const char *heard = test_client_hear(&client);
    const char *second = strstr(heard, "\"}HTTP");
    assert_true(strncmp(heard, REFUSED "Date: ", strlen(REFUSED "Date: ")) == 0);
    assert_non_null(second);
    assert_true(strncmp(second + 2, "HTTP/1.1 200 ", 13) == 0);
    test_client_close(&client);
    close_server();
}

static void clients_may_leave_at_any_time(void **state)
{
    static const struct {
        const char *name, *ask;
    } cases[] = {
        { "in the pause", ASK_AS(WRONG) },
        { "while argon2 is computed",
          "GET /slow HTTP/1.1\r\nHost: x\r\nAuthorization: " SLOW "\r\n\r\n" },
    };
    for (size_t i = 0; i < 2 * COUNT(cases); i++) {
        struct test_client client;
        bool               is_end = i >= COUNT(cases);
        open_server();
        test_client_open(&client, &test);
        (void)test_client_send(&client, span_from_string(cases[i % COUNT(cases)].ask));
        for (asked = 0; asked == 0;)
            (void)uv_run(&test.loop.uv, UV_RUN_NOWAIT);
        if (is_end)
            test.httpd = httpd_close(test.httpd);
        else
            test_client_close(&client);
        test_httpd_wait(&test, AUTH_MAX_PAUSE_NS + NS_PER_MS);
        CHECK(test.requests == 0, cases[i % COUNT(cases)].name);
        test_client_close(&client);
        close_server();
    }
}

TESTS(requests_are_let_through_or_asked, who_is_denied_is_told_later, clients_may_leave_at_any_time)
