/* Clients behind a proxy: whose word counts, and on whom it is counted what they make us hold. */
#include "base/test.h"
#include "httpd/test_httpd.h"

enum { PROXY = 1, STRANGER = 2 }; /* 192.0.2.1 and .2 */

#define HEAD(line)  "GET /p HTTP/1.1\r\nHost: x\r\n" line "\r\n"
#define FOR(client) "X-Forwarded-For: " client "\r\n"
#define TOO_MUCH    "503 Service Unavailable: too much of this address is waiting"

static bool is_proxy(void *arg, const struct address *address)
{
    char text[ADDRESS_TEXT];
    address_format(address, text);
    return strncmp(text, "192.0.2.1:", strlen("192.0.2.1:")) == 0;
}

static void tell_peer(void *arg, struct httpd_exchange *exchange)
{
    const struct httpd_request *request = httpd_request(exchange);
    char                        peer[ADDRESS_TEXT];
    address_format(&request->peer, peer);
    ASSERT(strcmp(peer, request->peer_text) == 0);
    struct span body = span_from_string(peer);
    httpd_respond(exchange, &(struct httpd_response){ .status = 200, .body = body });
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* All over two connections. */
static void a_proxy_says_who_asks(void **state)
{
    static const struct {
        unsigned    from;
        const char *in, *want;
    } cases[] = {
        { PROXY, HEAD(FOR("198.51.100.7")), "198.51.100.7:40000" },
        { PROXY, HEAD(FOR("2001:db8::7")), "[2001:db8::7]:40000" },
        { PROXY, HEAD(FOR("203.0.113.1") FOR("198.51.100.7")), "198.51.100.7:40000" },
        { PROXY, HEAD("X-Real-IP: 198.51.100.8\r\n"), "198.51.100.8:40000" },
        { PROXY, HEAD(FOR("unknown")), "192.0.2.1:40000" },
        { PROXY, HEAD(), "192.0.2.1:40000" }, /* not the last one said */
        { STRANGER, HEAD(FOR("198.51.100.7")), "192.0.2.2:40000" },
        { STRANGER, HEAD("X-Real-IP: 127.0.0.1\r\n"), "192.0.2.2:40000" },
    };
    struct test_httpd  test;
    struct test_client clients[3];
    test_httpd_open(&test, (struct httpd_options){ .on_request = tell_peer, .is_proxy = is_proxy });
    test_client_open_from(&clients[PROXY], &test, PROXY);
    test_client_open_from(&clients[STRANGER], &test, STRANGER);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *heard = test_client_ask(&clients[cases[i].from], cases[i].in);
        CHECK(ends_with(heard, cases[i].want), cases[i].in);
    }
    test_client_close(&clients[PROXY]);
    test_client_close(&clients[STRANGER]);
    test_httpd_close(&test);
}

/* Nobody's word counts, unless the settings say so. */
static void without_trust_nobody_is_believed(void **state)
{
    struct test_httpd  test;
    struct test_client client;
    test_httpd_open(&test, (struct httpd_options){ .on_request = tell_peer });
    test_client_open_from(&client, &test, PROXY);
    assert_true(ends_with(test_client_ask(&client, HEAD(FOR("198.51.100.7"))), "192.0.2.1:40000"));
    test_client_close(&client);
    test_httpd_close(&test);
}

static struct httpd_peer peer_of(const char *text)
{
    struct address address = { 0 };
    assert_int_equal(address_parse(text, &address, NULL), 0);
    return httpd_peer_of(&address);
}

/* It speaks for many. */
static void a_proxy_has_any_number_of_connections(void **state)
{
    static const struct {
        const char     *name;
        httpd_trust_fn *is_proxy;
        bool            is_taken;
    } cases[] = { { "trusted", is_proxy, true }, { "not trusted", NULL, false } };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_httpd  test;
        struct test_client client;
        struct httpd_peer  all[] = { peer_of("192.0.2.1:1"), httpd_peer_of_many() };
        test_httpd_open(&test, (struct httpd_options){ .is_proxy = cases[i].is_proxy });
        for (size_t j = 0; j < COUNT(all); j++)
            httpd_quota_take(test.httpd->connections, &all[j], HTTPD_MAX_CONNECTIONS_OF_A_PEER);
        test_client_open_from(&client, &test, PROXY);
        bool is_answered = test_client_ask(&client, HEAD())[0] != '\0';
        CHECK(is_answered == cases[i].is_taken, cases[i].name);
        for (size_t j = 0; j < COUNT(all); j++)
            httpd_quota_give_back(test.httpd->connections, &all[j],
                                  HTTPD_MAX_CONNECTIONS_OF_A_PEER);
        test_client_close(&client);
        test_httpd_close(&test);
    }
}

#define POST(more) "POST /later HTTP/1.1\r\nHost: x\r\n" FOR("198.51.100.7") more

/* While they wait: what one client behind the proxy has too much of harms nobody but itself. */
static void bytes_count_as_the_clients(void **state)
{
    static const struct {
        const char *name, *in;
    } cases[] = {
        { "half a body", POST("Content-Length: 4\r\n\r\nab") },
        { "half a body in chunks", POST("Transfer-Encoding: chunked\r\n\r\n4\r\nab") },
        { "no answer yet", POST("Content-Length: 2\r\n\r\nab") },
    };
    struct httpd_peer client = peer_of("198.51.100.7:1"), many = httpd_peer_of_many();
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_httpd  test;
        struct test_client connection, other;
        test_httpd_open(&test, (struct httpd_options){ .is_proxy = is_proxy });
        struct httpd_quota *bytes = test.httpd->bytes;
        test_client_open_from(&connection, &test, PROXY);
        CHECK(test_client_ask(&connection, cases[i].in)[0] == '\0', cases[i].name);
        size_t held = httpd_quota_used(bytes);
        size_t room = HTTPD_MAX_BYTES_OF_A_PEER - held;
        CHECK(held > 0, cases[i].name);
        CHECK(httpd_quota_has_room(bytes, &client, room), cases[i].name);
        CHECK(!httpd_quota_has_room(bytes, &client, room + 1), cases[i].name);
        CHECK(httpd_quota_has_room(bytes, &many, room + 1), cases[i].name);

        httpd_quota_take(bytes, &client, room);
        test_client_open_from(&other, &test, PROXY);
        CHECK(strstr(test_client_ask(&other, cases[i].in), TOO_MUCH), cases[i].name);
        test_client_close(&other);
        test_client_open_from(&other, &test, PROXY);
        CHECK(strstr(test_client_ask(&other, HEAD(FOR("198.51.100.8"))), "200 OK"), cases[i].name);
        httpd_quota_give_back(bytes, &client, room);
        test_client_close(&connection);
        test_client_close(&other);
        test_httpd_settle(&test);
        CHECK(httpd_quota_used(bytes) == 0, cases[i].name);
        test_httpd_close(&test);
    }
}

TESTS(a_proxy_says_who_asks, without_trust_nobody_is_believed,
      a_proxy_has_any_number_of_connections, bytes_count_as_the_clients)
