/**
 * test_ice: agents that are wired to each other in memory, with a clock that the test sets, and
 * what each has sent and was told. A wire without an agent is the test itself.
 */
#pragma once
#include "base/clock.h"
#include "base/mem.h"
#include "base/test.h"
#include "webrtc/webrtc_ice.h"

enum { TEST_MAX_SENT = 512, TEST_MAX_HOMES = 4 };

#define TEST_START (1000 * NS_PER_S)

struct test_ice_sent {
    struct udp_address  to, from;
    int64_t             at_ns;
    size_t              len;
    uint8_t             bytes[STUN_MAX_OUT];
    struct stun_message message;
};

struct test_ice {
    struct ice_agent      *agent;
    struct ice_credentials credentials;
    struct udp_address     homes[TEST_MAX_HOMES]; /* its addresses; the first is the default */
    const int64_t         *now_ns;
    unsigned               sent_count, delivered;
    struct test_ice_sent   sent[TEST_MAX_SENT];
    unsigned               peers, selections;
    struct udp_address     peer, to, from; /* of the last on_peer and on_selected */
};

static inline struct udp_address test_address(const char *text)
{
    struct address address;
    ASSERT(address_parse(text, &address, NULL) == 0);
    return udp_address_pack(&address);
}

static inline void test_ice_send(void *arg, struct span datagram, const struct udp_address *to,
                                 const struct udp_address *from)
{
    struct test_ice *wire = arg;
    ASSERT(wire->sent_count < TEST_MAX_SENT && datagram.len <= STUN_MAX_OUT);
    struct test_ice_sent *sent = &wire->sent[wire->sent_count++];
    *sent = (struct test_ice_sent){ .to = *to, .at_ns = *wire->now_ns, .len = datagram.len };
    sent->from = from->any.sa_family == AF_UNSPEC ? wire->homes[0] : *from;
    memcpy(sent->bytes, datagram.p, datagram.len);
    ASSERT(stun_parse((struct span){ sent->bytes, sent->len }, &sent->message) == 0);
}

static inline void test_ice_on_peer(void *arg, const struct udp_address *peer)
{
    struct test_ice *wire = arg;
    wire->peers++;
    wire->peer = *peer;
}

static inline void test_ice_on_selected(void *arg, const struct udp_address *to,
                                        const struct udp_address *from)
{
    struct test_ice *wire = arg;
    wire->selections++;
    wire->to = *to;
    wire->from = *from;
}

static const struct ice_ops test_ice_ops = { test_ice_send, test_ice_on_peer,
                                             test_ice_on_selected };

/** Who has `name`; its password is made of it. */
static inline struct ice_credentials test_credentials(const char *name)
{
    struct ice_credentials credentials;
    (void)snprintf(credentials.ufrag, sizeof(credentials.ufrag), "%s", name);
    (void)snprintf(credentials.pwd, sizeof(credentials.pwd), "password of %s", name);
    return credentials;
}

static inline void test_ice_open(struct test_ice *wire, const char *name, const char *home,
                                 const int64_t *now_ns)
{
    memset(wire, 0, sizeof(*wire));
    wire->credentials = test_credentials(name);
    wire->homes[0] = test_address(home);
    wire->now_ns = now_ns;
}

/** An agent for this end, which knows the other. */
static inline void test_ice_add_agent(struct test_ice *wire, const struct test_ice *other,
                                      bool is_controlling)
{
    wire->agent = ice_agent_create(&wire->credentials, span_from_string(other->credentials.ufrag),
                                   span_from_string(other->credentials.pwd), is_controlling,
                                   &test_ice_ops, wire);
}

static inline bool test_ice_is_home(const struct test_ice *wire, const struct udp_address *at)
{
    for (unsigned i = 0; i < TEST_MAX_HOMES; i++)
        if (wire->homes[i].any.sa_family && ice_address_equal(&wire->homes[i], at))
            return true;
    return false;
}

/** What `from` has sent and was not delivered yet reaches `to`, if it lives there. */
static inline bool test_ice_deliver(struct test_ice *from, struct test_ice *to)
{
    bool is_news = from->delivered < from->sent_count;
    while (from->delivered < from->sent_count) {
        const struct test_ice_sent *sent = &from->sent[from->delivered++];
        if (test_ice_is_home(to, &sent->to))
            ice_agent_receive(to->agent, &sent->message, &sent->from, &sent->to, *to->now_ns);
    }
    return is_news;
}

/** Until nobody has anything to say. */
static inline void test_ice_settle(struct test_ice *a, struct test_ice *b)
{
    while (test_ice_deliver(a, b) || test_ice_deliver(b, a))
        ;
}

/** Forgets what was sent and told so far. */
static inline void test_ice_forget(struct test_ice *wire)
{
    wire->sent_count = wire->delivered = wire->peers = wire->selections = 0;
}
