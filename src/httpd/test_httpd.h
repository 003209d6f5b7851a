/**
 * test_httpd: an HTTP server on a loop that is turned by hand, and its clients. The clock stands
 * still, so that answers are always the same bytes. Clients come by socket pairs, without a port.
 *
 * The handler answers by path: see test_httpd_on_request().
 */
#pragma once
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/test_clock.h"
#include "httpd/httpd_internal.h"

#define TEST_DATE "Date: Thu, 02 Jul 2020 00:00:00 GMT\r\n"

enum {
    TEST_MAX_BODY = 1000,
    TEST_MAX_LATER = 8,
    TEST_LARGE = 100000, /* what "/large" answers with */
};

struct test_httpd {
    struct loop    loop;
    struct httpd  *httpd;
    unsigned       requests;
    struct slot_id later[TEST_MAX_LATER]; /* exchanges at "/later" */
    unsigned       later_count;
};

struct test_client {
    struct test_httpd *test;
    int                fd;
    struct buf         heard;
    bool               is_closed; /* by the server */
};

/** What the handler has understood of a request. */
static inline void test_httpd_echo(struct httpd_exchange *exchange)
{
    const struct httpd_request *request = httpd_request(exchange);
    AUTO(buf_fini) struct buf   body = { 0 };
    buf_printf(&body, "%.*s %s", SPAN_ARGS(request->method), request->path);
    if (request->query.p)
        buf_printf(&body, " ?%.*s", SPAN_ARGS(request->query));
    if (request->body.len > 0)
        buf_printf(&body, " <%.*s>", SPAN_ARGS(request->body));
    httpd_respond(exchange, &(struct httpd_response){ .status = 200,
                                                      .content_type = "text/plain",
                                                      .body = buf_span(&body) });
}

static inline void test_httpd_say_much(struct httpd_exchange *exchange)
{
    AUTO(mem_free) char *much = mem_alloc(TEST_LARGE);
    memset(much, 'x', TEST_LARGE);
    struct span body = { (const uint8_t *)much, TEST_LARGE };
    httpd_respond(exchange, &(struct httpd_response){ .status = 200, .body = body });
}

static inline void test_httpd_on_request(void *arg, struct httpd_exchange *exchange)
{
    struct test_httpd *test = arg;
    const char        *path = httpd_request(exchange)->path;
    struct slot_id     id = httpd_exchange_id(exchange);
    bool               is_closing = strcmp(path, "/close") == 0;
    ASSERT(httpd_find(test->httpd, id) == exchange);
    test->requests++;
    if (strcmp(path, "/later") == 0 && test->later_count < TEST_MAX_LATER) {
        test->later[test->later_count++] = id;
        return;
    }
    if (strcmp(path, "/large") == 0)
        test_httpd_say_much(exchange);
    else if (strcmp(path, "/none") == 0)
        httpd_respond_not_found(exchange);
    else if (strcmp(path, "/empty") == 0)
        httpd_respond(exchange, &(struct httpd_response){ .status = 204 });
    else if (strcmp(path, "/last") == 0)
        httpd_respond(exchange, &(struct httpd_response){ .status = 200, .is_last = true });
    else
        test_httpd_echo(exchange);
    ASSERT(!httpd_find(test->httpd, id));
    if (is_closing)
        test->httpd = httpd_close(test->httpd);
}

/** Answers the oldest of "/later". False: its client has gone. */
static inline bool test_httpd_answer(struct test_httpd *test)
{
    ASSERT(test->later_count > 0);
    struct httpd_exchange *exchange = httpd_find(test->httpd, test->later[0]);
    memmove(test->later, test->later + 1, --test->later_count * sizeof(test->later[0]));
    if (exchange)
        test_httpd_echo(exchange);
    return exchange;
}

/** `options` may have NULLs and zeros, for what the test does not mind. */
static inline void test_httpd_open(struct test_httpd *test, struct httpd_options options)
{
    static char  any[] = "*";
    static char *origins[] = { any, NULL };
    memset(test, 0, sizeof(*test));
    atomic_store(&test_clock_passed_ns, 0);
    log_set_level(LOG_WARN);
    loop_init(&test->loop, "test", 0);
    options.loop = &test->loop;
    options.name = "test";
    options.allow_origins = options.allow_origins ? options.allow_origins : origins;
    options.read_timeout_ns = 10 * NS_PER_S;
    options.write_timeout_ns = 10 * NS_PER_S;
    options.max_body_bytes = TEST_MAX_BODY;
    options.on_request = options.on_request ? options.on_request : test_httpd_on_request;
    options.arg = test;
    struct errmsg why = { "" };
    int           err = httpd_prepare(&options, &test->httpd, &why);
    if (err < 0)
        (void)fprintf(stderr, "%s\n", why.text);
    ASSERT(err == 0);
}

static inline void test_httpd_close(struct test_httpd *test)
{
    test->httpd = httpd_close(test->httpd);
    loop_fini(&test->loop);
}

/* Is there anything to do before time passes? */
static inline bool test_httpd_has_work(struct test_httpd *test)
{
    struct pollfd epoll = { .fd = uv_backend_fd(&test->loop.uv), .events = POLLIN };
    return !list_is_empty(&test->loop.dirty) || poll(&epoll, 1, 0) > 0;
}

/** Turns until nothing happens any more: twice, as a turn arms what the next one sees. */
static inline void test_httpd_settle(struct test_httpd *test)
{
    unsigned turns = 0;
    for (unsigned quiet = 0; quiet < 2;) {
        (void)uv_run(&test->loop.uv, UV_RUN_NOWAIT);
        quiet = test_httpd_has_work(test) ? 0 : quiet + 1;
        ASSERT(++turns < 100000); /* or it would go on for ever */
    }
}

/** Lets time pass, as the server sees it. */
static inline void test_httpd_wait(struct test_httpd *test, int64_t ns)
{
    test_clock_advance(ns);
    test_httpd_settle(test);
}

/** Connects from that address. */
static inline void test_client_open_at(struct test_client *client, struct test_httpd *test,
                                       const struct address *peer)
{
    int ends[2];
    int err = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends);
    ASSERT(err == 0);
    *client = (struct test_client){ .test = test, .fd = ends[0] };
    httpd_accept(test->httpd, ends[1], peer);
}

/** Connects from 192.0.2.`host`. */
static inline void test_client_open_from(struct test_client *client, struct test_httpd *test,
                                         unsigned host)
{
    struct address peer = { .len = sizeof(struct sockaddr_in) };
    *(struct sockaddr_in *)&peer.storage = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(40000), .sin_addr.s_addr = htonl(0xc0000200 + host)
    };
    test_client_open_at(client, test, &peer);
}

static inline void test_client_open(struct test_client *client, struct test_httpd *test)
{
    test_client_open_from(client, test, 1);
}

/** Hangs up. A client of zeros, or one that has, is left alone. */
static inline void test_client_close(struct test_client *client)
{
    if (!client->test)
        return;
    (void)close(client->fd);
    buf_fini(&client->heard);
    client->test = NULL;
}

/** As much as the socket takes. Returns how much that was; the server may have hung up. */
static inline size_t test_client_send(struct test_client *client, struct span bytes)
{
    ssize_t len = send(client->fd, bytes.p, bytes.len, MSG_NOSIGNAL);
    ASSERT(len >= 0 || errno == EAGAIN || errno == EPIPE || errno == ECONNRESET);
    return len < 0 ? 0 : (size_t)len;
}

/** At most `most` bytes. Returns how many came; 0: none for now, or no more at all. */
static inline size_t test_client_receive(struct test_client *client, size_t most)
{
    uint8_t bytes[65536];
    ssize_t len = recv(client->fd, bytes, MIN(most, sizeof(bytes)), 0);
    if (len < 0 && errno == EAGAIN)
        return 0;
    client->is_closed |= len <= 0;
    if (len <= 0)
        return 0;
    buf_append(&client->heard, (struct span){ bytes, (size_t)len });
    return (size_t)len;
}

/** Fetches all that the server has to say; borrowed until the next call. */
static inline const char *test_client_hear(struct test_client *client)
{
    do
        test_httpd_settle(client->test);
    while (test_client_receive(client, SIZE_MAX) > 0);
    return buf_string(&client->heard);
}

/** Says something and hears the answers since the last call. */
static inline const char *test_client_ask(struct test_client *client, const char *text)
{
    buf_fini(&client->heard);
    size_t len = test_client_send(client, span_from_string(text));
    ASSERT(len == strlen(text) || len == 0);
    return test_client_hear(client);
}
