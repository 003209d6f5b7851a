#include "webrtc/webrtc_ice.h"

#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "sdp/sdp_offer.h"
#include "stun/candidate.h"

/* A check that is not answered comes again after a quarter of a second, then twice as late. */
static const int64_t first_retry_ns = 250 * NS_PER_MS;
enum { MAX_TRIES = 7 };

/* RFC 7675, section 5.1. */
static const int64_t consent_every_ns = 5 * NS_PER_S;
static const int64_t consent_lost_ns = 30 * NS_PER_S;

enum pair_state { PAIR_WAITING, PAIR_SUCCEEDED, PAIR_FAILED };

struct ice_pair {
    struct udp_address remote, local; /* local: zeros before anything came this way */
    enum pair_state    state;
    bool               is_heard; /* the peer's own checks came this way */
    unsigned           tries;
    int64_t            next_ns; /* when it is checked again; INT64_MAX: it is not */
    int64_t            nominated_ns;
    int64_t            answered_ns;
    uint8_t            transaction[STUN_TRANSACTION_SIZE];
};

struct ice_agent {
    const struct ice_ops  *ops;
    void                  *arg;
    struct ice_credentials local;
    char                   remote_ufrag[SDP_MAX_ICE_TEXT + 1];
    char                   remote_pwd[SDP_MAX_ICE_TEXT + 1];
    bool                   is_controlling;
    uint64_t               tie_breaker;
    unsigned               pair_count;
    struct ice_pair       *pairs; /* ICE_MAX_PAIRS at most */
    struct ice_pair       *selected;
    unsigned               requests, forged; /* checks that came; those with a wrong password */
};

struct ice_agent *ice_agent_create(const struct ice_credentials *local, struct span remote_ufrag,
                                   struct span remote_pwd, bool is_controlling,
                                   const struct ice_ops *ops, void *arg)
{
    struct ice_agent *agent = mem_new(struct ice_agent);
    *agent = (struct ice_agent){ .ops = ops, .arg = arg, .is_controlling = is_controlling };
    agent->pairs = mem_new_array(struct ice_pair, ICE_MAX_PAIRS);
    random_bytes(&agent->tie_breaker, sizeof(agent->tie_breaker));
    ice_agent_restart(agent, local, remote_ufrag, remote_pwd);
    return agent;
}

struct ice_agent *ice_agent_destroy(struct ice_agent *agent)
{
    if (agent)
        mem_free(agent->pairs);
    return mem_free(agent);
}

const struct ice_credentials *ice_agent_local(const struct ice_agent *agent)
{
    return &agent->local;
}

struct span ice_agent_remote_ufrag(const struct ice_agent *agent)
{
    return span_from_string(agent->remote_ufrag);
}

void ice_agent_restart(struct ice_agent *agent, const struct ice_credentials *local,
                       struct span remote_ufrag, struct span remote_pwd)
{
    agent->local = *local;
    /* The parser has checked their lengths. */
    int err = span_copy_string(remote_ufrag, agent->remote_ufrag, sizeof(agent->remote_ufrag));
    ASSERT(err == 0);
    err = span_copy_string(remote_pwd, agent->remote_pwd, sizeof(agent->remote_pwd));
    ASSERT(err == 0);
    for (unsigned i = 0; i < agent->pair_count; i++)
        agent->pairs[i].nominated_ns = 0;
}

/* Pairs */

bool ice_address_equal(const struct udp_address *a, const struct udp_address *b)
{
    if (a->any.sa_family != b->any.sa_family)
        return false;
    if (a->any.sa_family == AF_INET)
        return a->v4.sin_port == b->v4.sin_port && a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
    return a->v6.sin6_port == b->v6.sin6_port &&
           memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(a->v6.sin6_addr)) == 0;
}

static struct ice_pair *find_pair(struct ice_agent *agent, const struct udp_address *remote)
{
    for (unsigned i = 0; i < agent->pair_count; i++)
        if (ice_address_equal(&agent->pairs[i].remote, remote))
            return &agent->pairs[i];
    return NULL;
}

/* A free place, or that of a pair that leads nowhere. */
static struct ice_pair *place_for_pair(struct ice_agent *agent)
{
    if (agent->pair_count < ICE_MAX_PAIRS)
        return &agent->pairs[agent->pair_count++];
    for (unsigned i = 0; i < ICE_MAX_PAIRS; i++)
        if (&agent->pairs[i] != agent->selected && agent->pairs[i].state == PAIR_FAILED)
            return &agent->pairs[i];
    for (unsigned i = 0; i < ICE_MAX_PAIRS; i++)
        if (&agent->pairs[i] != agent->selected && !agent->pairs[i].is_heard)
            return &agent->pairs[i];
    return NULL;
}

static struct ice_pair *add_pair(struct ice_agent *agent, const struct udp_address *remote)
{
    struct ice_pair *pair = place_for_pair(agent);
    if (pair)
        *pair = (struct ice_pair){ .remote = *remote, .next_ns = INT64_MAX };
    return pair;
}

/* Checks of our own */

static void send_check(struct ice_agent *agent, struct ice_pair *pair, int64_t now_ns)
{
    char username[2 * SDP_MAX_ICE_TEXT];
    int  len =
        snprintf(username, sizeof(username), "%s:%s", agent->remote_ufrag, agent->local.ufrag);
    random_bytes(pair->transaction, sizeof(pair->transaction));
    struct stun_draft draft = {
        .type = STUN_BINDING_REQUEST,
        .username = { (const uint8_t *)username, (size_t)len },
        .priority = candidate_priority(CANDIDATE_PRFLX, UINT16_MAX, 1),
        .role = agent->is_controlling ? STUN_ROLE_CONTROLLING : STUN_ROLE_CONTROLLED,
        .tie_breaker = agent->tie_breaker,
        .use_candidate = agent->is_controlling && pair->state == PAIR_SUCCEEDED,
    };
    memcpy(draft.transaction, pair->transaction, sizeof(draft.transaction));
    uint8_t out[STUN_MAX_OUT];
    size_t  size = stun_write(&draft, span_from_string(agent->remote_pwd), out);
    agent->ops->send(agent->arg, (struct span){ out, size }, &pair->remote, &pair->local);
    if (pair->state == PAIR_WAITING)
        pair->next_ns = now_ns + (first_retry_ns << pair->tries++);
    else
        pair->next_ns = now_ns + consent_every_ns - NS_PER_S + random_u32() % (2 * NS_PER_S);
}

static void start_checking(struct ice_agent *agent, struct ice_pair *pair, int64_t now_ns)
{
    pair->state = PAIR_WAITING;
    pair->tries = 0;
    send_check(agent, pair, now_ns);
}

void ice_agent_add_remote(struct ice_agent *agent, const struct udp_address *remote, int64_t now_ns)
{
    if (find_pair(agent, remote))
        return;
    struct ice_pair *pair = add_pair(agent, remote);
    if (pair)
        start_checking(agent, pair, now_ns);
}

int64_t ice_agent_deadline(const struct ice_agent *agent)
{
    int64_t next_ns = INT64_MAX;
    for (unsigned i = 0; i < agent->pair_count; i++)
        next_ns = MIN(next_ns, agent->pairs[i].next_ns);
    return next_ns;
}

bool ice_agent_on_time(struct ice_agent *agent, int64_t now_ns)
{
    for (unsigned i = 0; i < agent->pair_count; i++) {
        struct ice_pair *pair = &agent->pairs[i];
        if (pair->next_ns > now_ns)
            continue;
        if (pair->state == PAIR_WAITING && pair->tries == MAX_TRIES) {
            pair->state = PAIR_FAILED;
            pair->next_ns = INT64_MAX;
        } else if (pair == agent->selected && now_ns - pair->answered_ns > consent_lost_ns) {
            return false;
        } else if (pair->state == PAIR_SUCCEEDED && pair != agent->selected) {
            pair->next_ns = INT64_MAX; /* consent matters where media is sent */
        } else {
            send_check(agent, pair, now_ns);
        }
    }
    return true;
}

/* Nomination */

static void select_pair(struct ice_agent *agent, struct ice_pair *pair, int64_t now_ns)
{
    if (agent->selected == pair)
        return;
    agent->selected = pair;
    pair->next_ns = MIN(pair->next_ns, now_ns + consent_every_ns);
    agent->ops->on_selected(agent->arg, &pair->remote, &pair->local);
}

/* The newest nomination counts: a peer that moves nominates its new address. */
static void consider(struct ice_agent *agent, struct ice_pair *pair, int64_t now_ns)
{
    if (pair->state != PAIR_SUCCEEDED)
        return;
    bool is_newest = pair->nominated_ns &&
                     (!agent->selected || pair->nominated_ns >= agent->selected->nominated_ns);
    if (is_newest || (agent->is_controlling && !agent->selected))
        select_pair(agent, pair, now_ns);
}

bool ice_agent_route(const struct ice_agent *agent, struct udp_address *to,
                     struct udp_address *from)
{
    const struct ice_pair *best = agent->selected;
    for (unsigned i = 0; !agent->selected && i < agent->pair_count; i++) {
        const struct ice_pair *pair = &agent->pairs[i];
        if (pair->is_heard &&
            (!best || (pair->state == PAIR_SUCCEEDED && best->state != PAIR_SUCCEEDED)))
            best = pair;
    }
    if (!best)
        return false;
    *to = best->remote;
    *from = best->local;
    return true;
}

/* What comes in */

static struct stun_address to_stun(const struct udp_address *address)
{
    struct stun_address out = { 0 };
    if (address->any.sa_family == AF_INET) {
        out.family = 4;
        out.port = ntohs(address->v4.sin_port);
        memcpy(out.bytes, &address->v4.sin_addr, 4);
        return out;
    }
    out.port = ntohs(address->v6.sin6_port);
    const uint8_t *bytes = address->v6.sin6_addr.s6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr)) {
        out.family = 4;
        memcpy(out.bytes, bytes + 12, 4);
    } else {
        out.family = 6;
        memcpy(out.bytes, bytes, 16);
    }
    return out;
}

static void answer(struct ice_agent *agent, const struct stun_draft *draft,
                   const struct stun_message *request, const struct udp_address *peer,
                   const struct udp_address *local)
{
    struct stun_draft whole = *draft;
    memcpy(whole.transaction, request->transaction, sizeof(whole.transaction));
    uint8_t out[STUN_MAX_OUT];
    size_t  size = stun_write(&whole, span_from_string(agent->local.pwd), out);
    agent->ops->send(agent->arg, (struct span){ out, size }, peer, local);
}

/* RFC 8445, section 7.3.1.1. True: it was answered, for the peer is to change its role. */
static bool settles_roles(struct ice_agent *agent, const struct stun_message *request,
                          const struct udp_address *peer, const struct udp_address *local)
{
    enum stun_role ours = agent->is_controlling ? STUN_ROLE_CONTROLLING : STUN_ROLE_CONTROLLED;
    if (request->role != ours)
        return false;
    bool is_ours_larger = agent->tie_breaker >= request->tie_breaker;
    if (is_ours_larger != agent->is_controlling) {
        agent->is_controlling = !agent->is_controlling;
        return false;
    }
    struct stun_draft conflict = { .type = STUN_BINDING_ERROR,
                                   .error_code = STUN_ERROR_ROLE_CONFLICT,
                                   .reason = BYTES("Role Conflict") };
    answer(agent, &conflict, request, peer, local);
    return true;
}

static bool refuses_unknown(struct ice_agent *agent, const struct stun_message *request,
                            const struct udp_address *peer, const struct udp_address *local)
{
    if (!request->unknown_count)
        return false;
    struct stun_draft refusal = { .type = STUN_BINDING_ERROR,
                                  .error_code = STUN_ERROR_UNKNOWN_ATTRIBUTE,
                                  .reason = BYTES("Unknown Attribute"),
                                  .unknown_count = request->unknown_count };
    memcpy(refusal.unknown, request->unknown, sizeof(refusal.unknown));
    answer(agent, &refusal, request, peer, local);
    return true;
}

static void on_request(struct ice_agent *agent, const struct stun_message *request,
                       const struct udp_address *peer, const struct udp_address *local,
                       int64_t now_ns)
{
    agent->requests++;
    if (!stun_is_authentic(request, span_from_string(agent->local.pwd))) {
        agent->forged++;
        return;
    }
    if (refuses_unknown(agent, request, peer, local) || settles_roles(agent, request, peer, local))
        return;
    agent->ops->on_peer(agent->arg, peer);
    struct stun_draft success = { .type = STUN_BINDING_SUCCESS, .mapped = to_stun(peer) };
    answer(agent, &success, request, peer, local);
    struct ice_pair *pair = find_pair(agent, peer);
    if (!pair)
        pair = add_pair(agent, peer);
    if (!pair)
        return;
    pair->local = *local;
    pair->is_heard = true;
    if (request->use_candidate)
        pair->nominated_ns = now_ns;
    if (pair->state != PAIR_SUCCEEDED)
        start_checking(agent, pair, now_ns);
    else
        consider(agent, pair, now_ns);
}

static struct ice_pair *find_transaction(struct ice_agent          *agent,
                                         const struct stun_message *message)
{
    for (unsigned i = 0; i < agent->pair_count; i++)
        if (memcmp(agent->pairs[i].transaction, message->transaction, STUN_TRANSACTION_SIZE) == 0)
            return &agent->pairs[i];
    return NULL;
}

static void on_success(struct ice_agent *agent, const struct stun_message *message,
                       const struct udp_address *peer, const struct udp_address *local,
                       int64_t now_ns)
{
    struct ice_pair *pair = find_transaction(agent, message);
    if (!pair || !ice_address_equal(&pair->remote, peer) ||
        !stun_is_authentic(message, span_from_string(agent->remote_pwd)))
        return;
    bool is_first = pair->state != PAIR_SUCCEEDED;
    pair->state = PAIR_SUCCEEDED;
    pair->local = *local;
    pair->answered_ns = now_ns;
    if (is_first)
        pair->next_ns = INT64_MAX;
    agent->ops->on_peer(agent->arg, peer);
    consider(agent, pair, now_ns);
    if (is_first && agent->is_controlling && pair == agent->selected)
        send_check(agent, pair, now_ns); /* with USE-CANDIDATE */
}

static void on_error(struct ice_agent *agent, const struct stun_message *message, int64_t now_ns)
{
    struct ice_pair *pair = find_transaction(agent, message);
    if (!pair || message->error_code != STUN_ERROR_ROLE_CONFLICT ||
        !stun_is_authentic(message, span_from_string(agent->remote_pwd)))
        return;
    agent->is_controlling = !agent->is_controlling;
    send_check(agent, pair, now_ns);
}

void ice_agent_receive(struct ice_agent *agent, const struct stun_message *message,
                       const struct udp_address *peer, const struct udp_address *local,
                       int64_t now_ns)
{
    switch (message->type) {
    case STUN_BINDING_REQUEST:
        on_request(agent, message, peer, local, now_ns);
        break;
    case STUN_BINDING_SUCCESS:
        on_success(agent, message, peer, local, now_ns);
        break;
    case STUN_BINDING_ERROR:
        on_error(agent, message, now_ns);
        break;
    default:
        break; /* an indication keeps a way open and wants nothing */
    }
}

void ice_agent_describe(const struct ice_agent *agent, struct buf *out)
{
    buf_printf(out, "remote candidates:");
    for (unsigned i = 0; i < agent->pair_count; i++) {
        struct address address = udp_address_unpack(&agent->pairs[i].remote);
        char           text[ADDRESS_TEXT];
        address_format(&address, text);
        buf_printf(out, "%s %s%s", i ? "," : "", text,
                   agent->pairs[i].state == PAIR_SUCCEEDED ? " (answers)"
                   : agent->pairs[i].is_heard              ? " (heard)"
                                                           : "");
    }
    buf_printf(out, "%s; ", agent->pair_count ? "" : " none");
    if (agent->requests == 0)
        buf_printf(out, "no STUN came from the client: is the UDP port open, and is one of our "
                        "addresses reachable (webrtcAdditionalHosts)?");
    else if (agent->forged == agent->requests)
        buf_printf(out, "all %u STUN checks that came had a wrong password", agent->requests);
    else
        buf_printf(out, "%u STUN checks came%s", agent->requests,
                   agent->selected ? ", and a way was found"
                                   : ": can our answers reach the client?");
}
