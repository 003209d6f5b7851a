/*
 * What a client sends, piece by piece. An input's first byte says how: its lower six bits are a
 * piece's length (0: all at once), IS_SLOW makes the client fetch answers only at the end, and
 * ENDS makes it say that nothing more will come.
 *
 * Whatever it says, it gets whole answers, as many as the handler gave, perhaps a refusal behind
 * them, and nothing is left behind. A path like "/later" is answered after the next piece.
 */
#define TEST_CLOCK_KEEPS_WALL 1 /* the fuzzer's */
#include "httpd/test_httpd.h"

enum { PIECE = 0x3f, IS_SLOW = 0x40, ENDS = 0x80 };

static unsigned answers_given;

static bool is_inside(struct span outer, struct span inner)
{
    return inner.p == NULL || span_is(inner, "/") || span_contains(outer, inner);
}

static void check_views(const struct httpd_exchange *exchange)
{
    const struct httpd_request *request = httpd_request(exchange);
    struct span                 in = buf_span(&exchange->conn->in);
    struct span                 body = buf_span(&exchange->conn->body);
    ASSERT(span_contains(in, request->method) && request->method.len > 0);
    ASSERT(is_inside(in, request->raw_path) && is_inside(in, request->query));
    ASSERT(span_contains(request->message->is_chunked ? body : in, request->body));
    ASSERT(request->body.len <= TEST_MAX_BODY);
    ASSERT(request->path[0] == '/' || strcmp(request->path, "*") == 0);
    ASSERT(strlen(request->path) <= request->raw_path.len);
    for (unsigned i = 0; i < request->message->header_count; i++) {
        ASSERT(span_contains(in, request->message->headers[i].name));
        ASSERT(span_contains(in, request->message->headers[i].value));
    }
}

/* The client itself, and half of all others. */
static bool is_proxy(void *arg, const struct address *address)
{
    char text[ADDRESS_TEXT];
    address_format(address, text);
    return strlen(text) % 2 != 0;
}

/* HEAD has no body, and "/close" would take the server away. */
static void on_request(void *arg, struct httpd_exchange *exchange)
{
    const struct httpd_request *request = httpd_request(exchange);
    check_views(exchange);
    answers_given++;
    if (span_is(request->method, "HEAD") || strcmp(request->path, "/close") == 0)
        httpd_respond(exchange, &(struct httpd_response){ .status = 204 });
    else if (request->query.p)
        httpd_respond_error(exchange, 400, "no query: %.*s", SPAN_ARGS(request->query));
    else
        test_httpd_on_request(arg, exchange);
}

/* One that was given up because its client has gone is not counted. */
static void answer_later_ones(struct test_httpd *test)
{
    while (test->later_count > 0) {
        if (!test_httpd_answer(test))
            answers_given--;
    }
}

static bool is_refusal(const struct message *message)
{
    return message->status >= 400 && !message_header(message, "Server").p;
}

static void check_answers(struct span heard)
{
    unsigned       answers = 0;
    struct message message;
    while (heard.len > 0) {
        ssize_t used = message_parse(heard, &message);
        ASSERT(used > 0 && message.is_response);
        if (is_refusal(&message)) /* its text goes to the connection's end */
            break;
        answers += message.status != 100;
        heard = span_skip(heard, (size_t)used);
    }
    ASSERT(answers == answers_given);
}

static void talk(struct test_client *client, struct span in, unsigned way)
{
    struct test_httpd *test = client->test;
    size_t             most = way & PIECE ? way & PIECE : SIZE_MAX;
    while (in.len > 0) {
        struct span piece = span_first(in, most);
        size_t      sent = test_client_send(client, piece);
        test_httpd_settle(test);
        if (!(way & IS_SLOW))
            (void)test_client_hear(client);
        answer_later_ones(test);
        if (sent == 0)
            break;
        in = span_skip(in, sent);
    }
    if (way & ENDS)
        (void)shutdown(client->fd, SHUT_WR);
    for (unsigned before = ~0U; before != answers_given;) {
        before = answers_given;
        (void)test_client_hear(client);
        answer_later_ones(test);
    }
    (void)test_client_hear(client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct test_httpd  test;
    struct test_client client;
    struct span        in = { data, size };
    if (size == 0)
        return 0;
    answers_given = 0;
    test_httpd_open(&test,
                    (struct httpd_options){ .on_request = on_request, .is_proxy = is_proxy });
    test_client_open(&client, &test);
    talk(&client, span_skip(in, 1), data[0]);
    check_answers(buf_span(&client.heard));
    test_httpd_wait(&test, 60 * NS_PER_S);
    ASSERT(list_is_empty(&test.httpd->conns));
    test_client_close(&client);
    test_httpd_close(&test);
    return 0;
}
