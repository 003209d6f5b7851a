#include "http/message.h"

#include <errno.h>

#include "base/auto.h"
#include "base/check.h"

static void check_views(struct span in, const struct message *message)
{
    ASSERT(span_contains(in, message->method) && span_contains(in, message->url));
    ASSERT(span_contains(in, message->reason) && span_contains(in, message->body));
    ASSERT(message->is_response == (message->method.len == 0));
    ASSERT(message->header_count <= MESSAGE_MAX_HEADERS);
    for (unsigned i = 0; i < message->header_count; i++) {
        ASSERT(span_contains(in, message->headers[i].name) && message->headers[i].name.len > 0);
        ASSERT(span_contains(in, message->headers[i].value));
    }
}

/* What was read, written again and read once more, is the same message. */
static void check_rewritten(const struct message *message)
{
    AUTO(buf_fini) struct buf out = { 0 };
    if (message->is_response)
        message_start_response(&out, message->protocol, message->status);
    else
        message_start_request(&out, message->protocol, "X", message->url);
    for (unsigned i = 0; i < message->header_count; i++) {
        buf_append(&out, message->headers[i].name);
        message_add(&out, "", "%.*s", SPAN_ARGS(message->headers[i].value));
    }
    message_finish(&out, message->body);

    struct message again;
    ssize_t        used = message_parse(buf_span(&out), &again);
    if (used == -EMSGSIZE)
        return; /* LF has become CRLF */
    ASSERT(used == (ssize_t)out.len);
    ASSERT(again.status == message->status && again.header_count == message->header_count);
    ASSERT(span_equal(again.url, message->url) && span_equal(again.body, message->body));
    for (unsigned i = 0; i < again.header_count; i++)
        ASSERT(span_equal(again.headers[i].value, message->headers[i].value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span    in = { data, size };
    struct message message, cut;
    for (ssize_t used; (used = message_parse(in, &message)) >= 0;
         in = span_skip(in, (size_t)used)) {
        ASSERT(used > 0 && (size_t)used <= in.len);
        check_views(in, &message);
        check_rewritten(&message);
        ASSERT(message_parse(span_first(in, (size_t)used - 1), &cut) == -EAGAIN);
    }
    return 0;
}
