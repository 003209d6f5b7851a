#include "stun/stun.h"

#include "base/check.h"

static const struct span password = BYTES("VOkJxbRl1RmTxUk/WvJxBt");

/* What was understood can be written, and reads as the same again. */
static void check_round_trip(const struct stun_message *message)
{
    uint8_t             out[STUN_MAX_OUT];
    struct stun_message again;
    struct stun_draft   draft = {
          .type = message->type,
          .username = message->username,
          .priority = message->priority,
          .role = message->role,
          .tie_breaker = message->tie_breaker,
          .use_candidate = message->use_candidate,
          .mapped = message->mapped,
    };
    memcpy(draft.transaction, message->transaction, STUN_TRANSACTION_SIZE);
    size_t len = stun_write(&draft, password, out);
    ASSERT(len <= sizeof(out) && stun_parse((struct span){ out, len }, &again) == 0);
    ASSERT(again.type == message->type && again.priority == message->priority);
    ASSERT(span_equal(again.username, message->username));
    ASSERT(again.role == message->role && again.tie_breaker == message->tie_breaker);
    ASSERT(again.use_candidate == message->use_candidate);
    ASSERT(again.mapped.family == message->mapped.family);
    ASSERT(again.mapped.port == message->mapped.port || message->mapped.family == 0);
    ASSERT(memcmp(again.mapped.bytes, message->mapped.bytes, sizeof(again.mapped.bytes)) == 0);
    ASSERT(again.unknown_count == 0 && stun_is_authentic(&again, password));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span         in = { data, size };
    struct stun_message message;
    if (stun_parse(in, &message) < 0)
        return 0;
    ASSERT(stun_is_message(in));
    ASSERT(span_contains(in, message.username) && span_contains(in, message.reason));
    ASSERT(message.error_code == 0 || (message.error_code >= 300 && message.error_code <= 699));
    ASSERT(message.unknown_count <= STUN_MAX_ATTRIBUTES);
    ASSERT(!stun_is_authentic(&message, password) || message.integrity_at >= STUN_HEADER_SIZE);
    check_round_trip(&message);
    return 0;
}
