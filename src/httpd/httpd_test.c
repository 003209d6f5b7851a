#include <sys/resource.h>

#include "base/test.h"
#include "base/test_child.h"
#include "httpd/test_httpd.h"

#define GET "GET /p HTTP/1.1\r\nHost: x\r\n\r\n"

/* Over a port, as from any machine. */

static void find_free_port(char text[ADDRESS_TEXT])
{
    struct address any = { 0 };
    int            fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT(fd >= 0 && address_parse("127.0.0.1:0", &any, NULL) == 0);
    ASSERT(bind(fd, (struct sockaddr *)&any.storage, any.len) == 0);
    ASSERT(getsockname(fd, (struct sockaddr *)&any.storage, &any.len) == 0);
    address_format(&any, text);
    (void)close(fd);
}

static void on_request(void *arg, struct httpd_exchange *exchange)
{
    const struct httpd_request *request = httpd_request(exchange);
    AUTO(buf_fini) struct buf   body = { 0 };
    char                        peer[ADDRESS_TEXT], local[ADDRESS_TEXT];
    struct span                 agent = message_header(request->message, "user-agent");
    address_format(&request->peer, peer);
    address_format(&request->local, local);
    ASSERT(strcmp(peer, request->peer_text) == 0 && !request->is_secure);
    buf_printf(&body, "%s to %s by %.*s", peer, local, SPAN_ARGS(agent));
    httpd_respond(exchange, &(struct httpd_response){ .status = 200, .body = buf_span(&body) });
}

/* Someone else may take the port that was just found free. */
static void open_port(struct loop *loop, char text[ADDRESS_TEXT], struct httpd **out)
{
    struct httpd_options options = { .loop = loop,
                                     .address = text,
                                     .name = "test",
                                     .read_timeout_ns = 10 * NS_PER_S,
                                     .write_timeout_ns = 10 * NS_PER_S,
                                     .on_request = on_request };
    struct errmsg        why;
    int                  err = -EADDRINUSE;
    for (int i = 0; i < 10 && err == -EADDRINUSE; i++) {
        find_free_port(text);
        err = httpd_create(&options, out, &why);
    }
    ASSERT(err == 0);
}

static int join(const char *text)
{
    struct address address = { 0 };
    int            fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT(fd >= 0 && address_parse(text, &address, NULL) == 0);
    ASSERT(connect(fd, (const struct sockaddr *)&address.storage, address.len) == 0);
    return fd;
}

/* Until the server has said something that ends like this, or has hung up. */
static void hear(struct loop *loop, int fd, struct buf *heard, const char *end)
{
    for (int turns = 0; turns < 1000; turns++) {
        struct pollfd wait = { fd, POLLIN, 0 };
        uint8_t       bytes[4096];
        (void)uv_run(&loop->uv, UV_RUN_NOWAIT);
        if (poll(&wait, 1, 10) == 0)
            continue;
        ssize_t len = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (len <= 0)
            return;
        buf_append(heard, (struct span){ bytes, (size_t)len });
        if (end && strstr(buf_string(heard), end))
            return;
    }
    fail_msg("nothing came");
}

static void requests_come_over_a_port(void **state)
{
    struct loop               loop;
    struct httpd             *httpd = NULL;
    AUTO(buf_fini) struct buf heard = { 0 };
    struct address            own = { .len = sizeof(own.storage) };
    char                      text[ADDRESS_TEXT], mine[ADDRESS_TEXT], want[256];
    loop_init(&loop, "test", 0);
    open_port(&loop, text, &httpd);
    int fd = join(text);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&own.storage, &own.len), 0);
    address_format(&own, mine);
    (void)snprintf(want, sizeof(want), "\r\n\r\n%s to %s by me", mine, text);
    for (int i = 0; i < 2; i++) {
        struct span ask = BYTES("GET /p HTTP/1.1\r\nHost: x\r\nUser-Agent: me\r\n\r\n");
        assert_int_equal(write(fd, ask.p, ask.len), ask.len);
        hear(&loop, fd, &heard, want);
        buf_fini(&heard);
    }
    httpd = httpd_close(httpd);
    hear(&loop, fd, &heard, NULL);
    assert_int_equal(heard.len, 0);
    (void)close(fd);
    loop_fini(&loop);
}

/* A body that nobody wants is on its way: closed at once, TCP would take the answer back. */
static void who_is_refused_gets_to_know_why(void **state)
{
    struct loop               loop;
    struct httpd             *httpd = NULL;
    AUTO(buf_fini) struct buf heard = { 0 };
    char                      text[ADDRESS_TEXT];
    static const uint8_t      body[100000];
    struct span ask = BYTES("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
    loop_init(&loop, "test", 0);
    open_port(&loop, text, &httpd);
    int fd = join(text);
    assert_int_equal(write(fd, ask.p, ask.len), ask.len);
    for (int i = 0; i < 10; i++)
        (void)uv_run(&loop.uv, UV_RUN_NOWAIT);
    assert_int_equal(send(fd, body, sizeof(body), MSG_NOSIGNAL), sizeof(body));
    for (int i = 0; i < 10; i++)
        (void)uv_run(&loop.uv, UV_RUN_NOWAIT);
    hear(&loop, fd, &heard, NULL);
    assert_non_null(strstr(buf_string(&heard), "413 Content Too Large"));
    (void)close(fd);
    httpd = httpd_close(httpd);
    loop_fini(&loop);
}

static void what_cannot_be_opened_is_explained(void **state)
{
    static const struct {
        const char      *address;
        struct httpd_tls tls;
        int              want;
        const char      *why;
    } cases[] = {
        { "nonsense", { 0 }, -EINVAL, "'nonsense' is not an address" },
        { "192.0.2.1:80", { 0 }, -EADDRNOTAVAIL, "listen tcp 192.0.2.1:80: bind: " },
        { "127.0.0.1:0",
          { true, "/none.crt", "/none.key" },
          -ENOENT,
          "open /none.crt: no such file" },
    };
    struct loop loop;
    loop_init(&loop, "test", 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct httpd        *httpd = NULL;
        struct errmsg        why = { "" };
        struct httpd_options options = {
            .loop = &loop, .address = cases[i].address, .name = "test", .tls = cases[i].tls
        };
        CHECK(httpd_create(&options, &httpd, &why) == cases[i].want, cases[i].address);
        CHECK(!httpd && strncmp(why.text, cases[i].why, strlen(cases[i].why)) == 0, why.text);
    }
    assert_null(httpd_close(NULL));
    loop_fini(&loop);
}

/* Peers */

static bool is_answered(struct test_client *client)
{
    return strstr(test_client_ask(client, GET), " 200 OK") != NULL;
}

/* In a child, for what is said of it. */
static void open_too_many(void *arg)
{
    static struct test_client clients[HTTPD_MAX_CONNECTIONS_OF_A_PEER], late[3], other;
    struct test_httpd         test;
    struct rlimit             limit;
    ASSERT(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    ASSERT(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    test_httpd_open(&test, (struct httpd_options){ 0 });
    for (size_t i = 0; i < COUNT(clients); i++)
        test_client_open_from(&clients[i], &test, 1);
    for (size_t i = 0; i < COUNT(late); i++) {
        test_client_open_from(&late[i], &test, 1);
        ASSERT(!is_answered(&late[i]) && late[i].is_closed);
        test_client_close(&late[i]);
    }
    test_client_open_from(&other, &test, 2);
    ASSERT(is_answered(&other) && is_answered(&clients[0]));
    test_client_close(&clients[0]);
    test_httpd_settle(&test);
    test_client_open_from(&late[0], &test, 1);
    ASSERT(is_answered(&late[0]));
    test_client_close(&late[0]);
    test_client_close(&other);
    for (size_t i = 1; i < COUNT(clients); i++)
        test_client_close(&clients[i]);
    test_httpd_settle(&test);
    ASSERT(httpd_quota_used(test.httpd->connections) == 0);
    test_httpd_close(&test);
}

static void a_peer_has_only_so_many_connections(void **state)
{
    static struct test_child child;
    test_child_run(STDOUT_FILENO, open_too_many, NULL, &child);
    assert_true(test_child_is_well(&child));
    const char *line = strstr(child.output, "WAR [test] refused 192.0.2.1:40000: its address has");
    assert_non_null(line);
    assert_null(strstr(strchr(line, '\n'), "refused"));
}

/* This machine speaks for many. */
static void this_machine_has_any_number_of_connections(void **state)
{
    struct test_httpd  test;
    struct test_client client;
    struct address     address = { 0 };
    test_httpd_open(&test, (struct httpd_options){ 0 });
    assert_int_equal(address_parse("[::1]:40000", &address, NULL), 0);
    struct httpd_peer peer = httpd_peer_of(&address);
    httpd_quota_take(test.httpd->connections, &peer, HTTPD_MAX_CONNECTIONS_OF_A_PEER);
    test_client_open_at(&client, &test, &address);
    assert_true(is_answered(&client));
    httpd_quota_give_back(test.httpd->connections, &peer, HTTPD_MAX_CONNECTIONS_OF_A_PEER);
    test_client_close(&client);
    test_httpd_close(&test);
}

/* Bytes */

enum { HEAD_BYTES = 30000, MARGIN = 8 };

#define TOO_MUCH "503 Service Unavailable: too much of this address is waiting"

/* A head without its end. Returns what is heard of it. */
static const char *begin_request(struct test_client *client)
{
    static char head[HEAD_BYTES + 1] = "GET /p HTTP/1.1\r\nHost: x\r\nA: ";
    memset(head + strlen(head), 'b', HEAD_BYTES - strlen(head));
    return test_client_ask(client, head);
}

/* Others hold something already, and a request's head comes. */
static void a_peer_makes_us_hold_only_so_much(void **state)
{
    enum { OF_PEER = HTTPD_MAX_BYTES_OF_A_PEER, USUAL = HTTPD_MAX_BYTES - HTTPD_BYTES_KEPT };
    static const struct {
        const char *name, *peer;
        size_t      own, others;
        bool        is_refused;
    } cases[] = {
        { "room", "192.0.2.1:40000", OF_PEER - HEAD_BYTES - MARGIN, 0, false },
        { "no room", "192.0.2.1:40000", OF_PEER - HEAD_BYTES, 0, true },
        { "an IPv6 network", "[2001:db8::1]:40000", OF_PEER - HEAD_BYTES, 0, true },
        { "this machine", "127.0.0.1:40000", OF_PEER, 0, false },
        { "room for all", "127.0.0.1:40000", USUAL - HEAD_BYTES - MARGIN, 0, false },
        { "no room for all", "127.0.0.1:40000", USUAL - HEAD_BYTES, 0, true },
        { "much, and others hold more", "192.0.2.1:40000", HTTPD_LITTLE_BYTES, USUAL, true },
        { "little, and others hold more", "192.0.2.1:40000", 0, USUAL, false },
        { "nothing is left", "192.0.2.1:40000", 0, HTTPD_MAX_BYTES - HEAD_BYTES, true },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_httpd  test;
        struct test_client client;
        struct address     address = { 0 }, elsewhere = { 0 };
        test_httpd_open(&test, (struct httpd_options){ 0 });
        assert_int_equal(address_parse(cases[i].peer, &address, NULL), 0);
        assert_int_equal(address_parse("203.0.113.1:1", &elsewhere, NULL), 0);
        struct httpd_peer peer = httpd_peer_of(&address), other = httpd_peer_of(&elsewhere);
        httpd_quota_take(test.httpd->bytes, &peer, cases[i].own);
        httpd_quota_take(test.httpd->bytes, &other, cases[i].others);
        test_client_open_at(&client, &test, &address);
        const char *heard = begin_request(&client);
        CHECK((strstr(heard, TOO_MUCH) != NULL) == cases[i].is_refused, cases[i].name);
        CHECK((heard[0] != '\0') == cases[i].is_refused, cases[i].name);
        httpd_quota_give_back(test.httpd->bytes, &peer, cases[i].own);
        httpd_quota_give_back(test.httpd->bytes, &other, cases[i].others);
        test_client_close(&client);
        test_httpd_close(&test);
    }
}

/* What is answered, refused or left counts no more. */
static void bytes_are_counted_until_they_go(void **state)
{
    struct test_httpd  test;
    struct test_client client;
    test_httpd_open(&test, (struct httpd_options){ 0 });
    test_client_open(&client, &test);
    struct httpd_quota *bytes = test.httpd->bytes;
    assert_string_equal(begin_request(&client), "");
    assert_in_range(httpd_quota_used(bytes), HEAD_BYTES, HEAD_BYTES + MARGIN);
    assert_non_null(strstr(test_client_ask(&client, "\r\n\r\n"), " 200 OK"));
    assert_int_equal(httpd_quota_used(bytes), 0);

    assert_string_equal(test_client_ask(&client, "POST /later HTTP/1.1\r\nHost: x\r\n"
                                                 "Transfer-Encoding: chunked\r\n\r\n"
                                                 "64\r\n"),
                        "");
    size_t head_bytes = httpd_quota_used(bytes);
    char   chunk[100 + 1 + sizeof("\r\n0\r\n\r\n")];
    (void)snprintf(chunk, sizeof(chunk), "%0100d\r\n0\r\n\r\n", 0);
    assert_string_equal(test_client_ask(&client, chunk), "");
    assert_in_range(httpd_quota_used(bytes), head_bytes + 100, head_bytes + 500);
    assert_true(test_httpd_answer(&test));
    assert_non_null(strstr(test_client_hear(&client), " 200 OK"));
    assert_int_equal(httpd_quota_used(bytes), 0);

    assert_string_equal(test_client_ask(&client, "POST /p HTTP/1.1\r\nHost: x\r\n"), "");
    assert_int_not_equal(httpd_quota_used(bytes), 0);
    assert_non_null(strstr(test_client_ask(&client, "rubbish\r\n\r\n"), " 400 "));
    assert_int_equal(httpd_quota_used(bytes), 0); /* though the connection is still there */
    assert_int_equal(httpd_quota_used(test.httpd->connections), 1);
    test_client_close(&client);

    test_client_open(&client, &test);
    assert_string_equal(begin_request(&client), "");
    test_client_close(&client);
    test_httpd_settle(&test);
    assert_int_equal(httpd_quota_used(bytes), 0);
    test_httpd_close(&test);
}

/* Answers that nobody fetches are the client's, too. */
static void answers_that_wait_are_counted(void **state)
{
    struct test_httpd  test;
    struct test_client client;
    test_httpd_open(&test, (struct httpd_options){ 0 });
    test_client_open(&client, &test);
    for (int i = 0; i < 100; i++)
        (void)test_client_send(&client, BYTES("GET /large HTTP/1.1\r\nHost: x\r\n\r\n"));
    test_httpd_settle(&test);
    assert_in_range(httpd_quota_used(test.httpd->bytes), 1,
                    2 * (HTTPD_MAX_ANSWERS_WAITING + TEST_LARGE) + LOOP_SCRATCH);
    (void)test_client_hear(&client);
    assert_int_equal(httpd_quota_used(test.httpd->bytes), 0);
    test_client_close(&client);
    test_httpd_close(&test);
}

TESTS(requests_come_over_a_port, who_is_refused_gets_to_know_why,
      what_cannot_be_opened_is_explained, a_peer_has_only_so_many_connections,
      this_machine_has_any_number_of_connections, a_peer_makes_us_hold_only_so_much,
      bytes_are_counted_until_they_go, answers_that_wait_are_counted)
