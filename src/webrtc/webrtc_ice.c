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

/* RFC 8445, section 14.2: candidates are somebody's word, and no reason to send a volley. */
static const int64_t pace_ns = 50 * NS_PER_MS;

/* RFC 7675, section 5.1. */
static const int64_t consent_every_ns = 5 * NS_PER_S;
static const int64_t consent_jitter_ns = NS_PER_S;
static const int64_t consent_lost_ns = 30 * NS_PER_S;

enum pair_state { PAIR_IDLE, PAIR_CHECKING, PAIR_SUCCEEDED }; /* idle: never tried, or in vain */

/* An address of the peer and one of ours: a peer may reach us on several. */
struct ice_pair {
    struct udp_address  remote, local; /* local: zeros before anything came this way */
    enum candidate_type type;          /* of `remote` */
    enum pair_state     state;
    bool                was_controlling; /* said by our last check */
    unsigned            tries;           /* of a check that waits for its answer */
    uint64_t            nomination;      /* the newest has the largest number; 0: none */
    int64_t             next_ns;         /* when a check goes out; INT64_MAX: none does */
    int64_t             heard_ns;        /* the peer's last check that came this way; 0: none */
    int64_t             answered_ns;     /* our last check that was */
    uint8_t             transaction[STUN_TRANSACTION_SIZE];
};

struct ice_agent {
    const struct ice_ops  *ops;
    void                  *arg;
    struct ice_credentials local;
    char                   remote_ufrag[SDP_MAX_ICE_TEXT + 1];
    char                   remote_pwd[SDP_MAX_ICE_TEXT + 1];
    bool                   is_controlling, has_tag;
    uint8_t                tag[ICE_TAG_SIZE];
    uint64_t               tie_breaker;
    unsigned               pair_count;
    struct ice_pair       *pairs; /* ICE_MAX_PAIRS at most */
    struct ice_pair       *selected;
    uint64_t               nominations;      /* so far */
    int64_t                paced_ns;         /* when the next candidate's turn is */
    unsigned               requests, forged; /* checks that came; those that were not for us */
};

static void set_credentials(struct ice_agent *agent, const struct ice_credentials *local,
                            struct span remote_ufrag, struct span remote_pwd)
{
    agent->local = *local;
    /* The parser has checked their lengths. */
    int err = span_copy_string(remote_ufrag, agent->remote_ufrag, sizeof(agent->remote_ufrag));
    ASSERT(err == 0);
    err = span_copy_string(remote_pwd, agent->remote_pwd, sizeof(agent->remote_pwd));
    ASSERT(err == 0);
}

struct ice_agent *ice_agent_create(const struct ice_credentials *local, struct span remote_ufrag,
                                   struct span remote_pwd, bool is_controlling,
                                   const struct ice_ops *ops, void *arg)
{
    struct ice_agent *agent = mem_new(struct ice_agent);
    *agent = (struct ice_agent){ .ops = ops, .arg = arg, .is_controlling = is_controlling };
    agent->pairs = mem_new_array(struct ice_pair, ICE_MAX_PAIRS);
    random_bytes(&agent->tie_breaker, sizeof(agent->tie_breaker));
    set_credentials(agent, local, remote_ufrag, remote_pwd);
    return agent;
}

struct ice_agent *ice_agent_destroy(struct ice_agent *agent)
{
    if (agent)
        mem_free(agent->pairs);
    return mem_free(agent);
}

void ice_agent_set_tag(struct ice_agent *agent, const uint8_t tag[ICE_TAG_SIZE])
{
    memcpy(agent->tag, tag, sizeof(agent->tag));
    agent->has_tag = true;
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
    set_credentials(agent, local, remote_ufrag, remote_pwd);
    agent->pair_count = 0;
    if (!agent->selected)
        return;
    agent->pairs[agent->pair_count++] = *agent->selected;
    agent->selected = &agent->pairs[0];
    agent->selected->nomination = 0; /* whatever is nominated now is newer */
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

/* A pair that nothing has come by may turn out to be any address of ours. */
static bool fits_local(const struct ice_pair *pair, const struct udp_address *local)
{
    return pair->local.any.sa_family == AF_UNSPEC || ice_address_equal(&pair->local, local);
}

static struct ice_pair *find_pair(struct ice_agent *agent, const struct udp_address *remote,
                                  const struct udp_address *local)
{
    for (unsigned i = 0; i < agent->pair_count; i++)
        if (ice_address_equal(&agent->pairs[i].remote, remote) &&
            fits_local(&agent->pairs[i], local))
            return &agent->pairs[i];
    return NULL;
}

/* One of those with this address of the peer. */
static const struct ice_pair *find_remote(const struct ice_agent   *agent,
                                          const struct udp_address *remote)
{
    for (unsigned i = 0; i < agent->pair_count; i++)
        if (ice_address_equal(&agent->pairs[i].remote, remote))
            return &agent->pairs[i];
    return NULL;
}

/*
 * A free place, or that of the pair which has been silent for longest: a peer may move as often as
 * it likes, but not fill our tables with addresses faster than we forget them.
 */
static struct ice_pair *place_for_pair(struct ice_agent *agent, int64_t now_ns)
{
    if (agent->pair_count < ICE_MAX_PAIRS)
        return &agent->pairs[agent->pair_count++];
    struct ice_pair *oldest = NULL;
    for (unsigned i = 0; i < ICE_MAX_PAIRS; i++) {
        struct ice_pair *pair = &agent->pairs[i];
        bool             is_silent = !pair->heard_ns || now_ns - pair->heard_ns > consent_lost_ns;
        if (is_silent && pair != agent->selected && (!oldest || pair->heard_ns < oldest->heard_ns))
            oldest = pair;
    }
    return oldest;
}

/* Checks of our own */

/*
 * With a tag 48 bits are left to chance: who has us ask a stranger, to answer in its name, can't
 * hit them while the check waits (RFC 7675, section 4.2).
 */
static void begin_transaction(const struct ice_agent *agent, struct ice_pair *pair)
{
    random_bytes(pair->transaction, sizeof(pair->transaction));
    if (agent->has_tag)
        memcpy(pair->transaction, agent->tag, sizeof(agent->tag));
}

static void send_check(struct ice_agent *agent, struct ice_pair *pair)
{
    char username[2 * SDP_MAX_ICE_TEXT];
    int  len =
        snprintf(username, sizeof(username), "%s:%s", agent->remote_ufrag, agent->local.ufrag);
    struct stun_draft draft = {
        .type = STUN_BINDING_REQUEST,
        .username = { (const uint8_t *)username, (size_t)len },
        .priority = candidate_priority(CANDIDATE_PRFLX, UINT16_MAX, 1),
        .role = agent->is_controlling ? STUN_ROLE_CONTROLLING : STUN_ROLE_CONTROLLED,
        .tie_breaker = agent->tie_breaker,
        .use_candidate = agent->is_controlling && pair == agent->selected,
    };
    memcpy(draft.transaction, pair->transaction, sizeof(draft.transaction));
    uint8_t out[STUN_MAX_OUT];
    size_t  size = stun_write(&draft, span_from_string(agent->remote_pwd), out);
    pair->was_controlling = agent->is_controlling;
    agent->ops->send(agent->arg, (struct span){ out, size }, &pair->remote, &pair->local);
}

/* Also when the peer's own check makes us: then whichever of our checks is answered first counts.
 */
static void repeat_check(struct ice_agent *agent, struct ice_pair *pair, int64_t now_ns)
{
    send_check(agent, pair);
    pair->next_ns = now_ns + (first_retry_ns << pair->tries++);
}

static void begin_check(struct ice_agent *agent, struct ice_pair *pair, int64_t now_ns)
{
    begin_transaction(agent, pair);
    pair->tries = 0;
    repeat_check(agent, pair, now_ns);
}

static void plan_consent_check(struct ice_pair *pair, int64_t now_ns)
{
    int64_t jitter_ns = random_u32() % (2 * consent_jitter_ns);
    pair->next_ns = now_ns + consent_every_ns - consent_jitter_ns + jitter_ns;
}

/* Each has a transaction of its own, and none is repeated. */
static void check_consent(struct ice_agent *agent, struct ice_pair *pair, int64_t now_ns)
{
    begin_transaction(agent, pair);
    send_check(agent, pair);
    plan_consent_check(pair, now_ns);
}

void ice_agent_add_remote(struct ice_agent *agent, const struct udp_address *remote, int64_t now_ns)
{
    if (agent->pair_count == ICE_MAX_PAIRS || find_remote(agent, remote))
        return;
    struct ice_pair *pair = &agent->pairs[agent->pair_count++];
    *pair = (struct ice_pair){ .remote = *remote,
                               .type = CANDIDATE_PRFLX,
                               .state = PAIR_CHECKING,
                               .next_ns = MAX(now_ns, agent->paced_ns) };
    agent->paced_ns = pair->next_ns + pace_ns;
    begin_transaction(agent, pair);
    if (pair->next_ns == now_ns)
        repeat_check(agent, pair, now_ns);
}

void ice_agent_name_remote(struct ice_agent *agent, const struct udp_address *remote,
                           enum candidate_type type)
{
    for (unsigned i = 0; i < agent->pair_count; i++)
        if (agent->pairs[i].type == CANDIDATE_PRFLX &&
            ice_address_equal(&agent->pairs[i].remote, remote))
            agent->pairs[i].type = type;
}

static void on_pair_time(struct ice_agent *agent, struct ice_pair *pair, int64_t now_ns)
{
    bool is_waiting = pair->state == PAIR_CHECKING || pair->tries > 0;
    if (is_waiting && pair->tries < MAX_TRIES) {
        repeat_check(agent, pair, now_ns);
        return;
    }
    pair->tries = 0;
    pair->next_ns = INT64_MAX;
    if (pair == agent->selected) /* consent matters where media is sent */
        check_consent(agent, pair, now_ns);
    else if (pair->state == PAIR_CHECKING)
        pair->state = PAIR_IDLE;
}

static int64_t consent_end(const struct ice_agent *agent)
{
    return agent->selected ? agent->selected->answered_ns + consent_lost_ns : INT64_MAX;
}

int64_t ice_agent_deadline(const struct ice_agent *agent)
{
    int64_t next_ns = consent_end(agent);
    for (unsigned i = 0; i < agent->pair_count; i++)
        next_ns = MIN(next_ns, agent->pairs[i].next_ns);
    return next_ns;
}

bool ice_agent_on_time(struct ice_agent *agent, int64_t now_ns)
{
    if (now_ns >= consent_end(agent))
        return false;
    for (unsigned i = 0; i < agent->pair_count; i++)
        if (agent->pairs[i].next_ns <= now_ns)
            on_pair_time(agent, &agent->pairs[i], now_ns);
    return true;
}

/* Nomination */

static void select_pair(struct ice_agent *agent, struct ice_pair *pair, int64_t now_ns)
{
    if (agent->selected == pair)
        return;
    agent->selected = pair;
    if (agent->is_controlling)
        begin_check(agent, pair, now_ns); /* it nominates */
    else
        plan_consent_check(pair, now_ns);
    agent->ops->on_selected(agent->arg, &pair->remote, &pair->local);
}

/* The newest nomination counts: a peer that moves nominates its new address. */
static void consider(struct ice_agent *agent, struct ice_pair *pair, int64_t now_ns)
{
    uint64_t newest = agent->selected ? agent->selected->nomination : 0;
    if (agent->is_controlling && newest == 0)
        pair->nomination = ++agent->nominations; /* the first that works */
    if (pair->nomination > newest)
        select_pair(agent, pair, now_ns);
}

bool ice_agent_is_proven(const struct ice_agent *agent)
{
    for (unsigned i = 0; i < agent->pair_count; i++)
        if (agent->pairs[i].state == PAIR_SUCCEEDED)
            return true;
    return false;
}

int64_t ice_agent_answered_ns(const struct ice_agent *agent, const struct udp_address *remote)
{
    int64_t answered_ns = 0;
    for (unsigned i = 0; i < agent->pair_count; i++)
        if (ice_address_equal(&agent->pairs[i].remote, remote))
            answered_ns = MAX(answered_ns, agent->pairs[i].answered_ns);
    return answered_ns;
}

enum candidate_type ice_agent_selected_type(const struct ice_agent *agent)
{
    ASSERT(agent->selected);
    return agent->selected->type;
}

bool ice_agent_route(const struct ice_agent *agent, struct udp_address *to,
                     struct udp_address *from)
{
    const struct ice_pair *best = agent->selected;
    for (unsigned i = 0; !agent->selected && i < agent->pair_count; i++) {
        const struct ice_pair *pair = &agent->pairs[i];
        bool                   is_proven = pair->state == PAIR_SUCCEEDED;
        if (is_proven ? !best || best->state != PAIR_SUCCEEDED : !best && pair->heard_ns)
            best = pair;
    }
    if (!best)
        return false;
    *to = best->remote;
    *from = best->local;
    return true;
}

/* What comes in */

/* A message and its way. */
struct arrival {
    const struct stun_message *message;
    const struct udp_address  *peer, *local;
    int64_t                    now_ns;
};

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

static void answer(struct ice_agent *agent, const struct arrival *request, struct stun_draft draft)
{
    memcpy(draft.transaction, request->message->transaction, sizeof(draft.transaction));
    uint8_t out[STUN_MAX_OUT];
    size_t  size = stun_write(&draft, span_from_string(agent->local.pwd), out);
    agent->ops->send(agent->arg, (struct span){ out, size }, request->peer, request->local);
}

/* RFC 8445, section 7.3.1.1. True: it was answered, for the peer is to change its role. */
static bool settles_roles(struct ice_agent *agent, const struct arrival *request)
{
    enum stun_role ours = agent->is_controlling ? STUN_ROLE_CONTROLLING : STUN_ROLE_CONTROLLED;
    if (request->message->role != ours)
        return false;
    bool is_ours_larger = agent->tie_breaker >= request->message->tie_breaker;
    if (is_ours_larger != agent->is_controlling) {
        agent->is_controlling = !agent->is_controlling;
        return false;
    }
    answer(agent, request,
           (struct stun_draft){ .type = STUN_BINDING_ERROR,
                                .error_code = STUN_ERROR_ROLE_CONFLICT,
                                .reason = BYTES("Role Conflict") });
    return true;
}

static bool refuses_unknown(struct ice_agent *agent, const struct arrival *request)
{
    if (!request->message->unknown_count)
        return false;
    struct stun_draft refusal = { .type = STUN_BINDING_ERROR,
                                  .error_code = STUN_ERROR_UNKNOWN_ATTRIBUTE,
                                  .reason = BYTES("Unknown Attribute"),
                                  .unknown_count = request->message->unknown_count };
    memcpy(refusal.unknown, request->message->unknown, sizeof(refusal.unknown));
    answer(agent, request, refusal);
    return true;
}

/* The pair that a check came by; NULL: there are too many. */
static struct ice_pair *note_heard(struct ice_agent *agent, const struct arrival *request)
{
    struct ice_pair *pair = find_pair(agent, request->peer, request->local);
    if (!pair) {
        const struct ice_pair *known = find_remote(agent, request->peer);
        enum candidate_type    type = known ? known->type : CANDIDATE_PRFLX;
        pair = place_for_pair(agent, request->now_ns);
        if (!pair)
            return NULL;
        *pair = (struct ice_pair){ .remote = *request->peer, .type = type, .next_ns = INT64_MAX };
    }
    pair->local = *request->local;
    pair->heard_ns = request->now_ns;
    if (request->message->use_candidate && !agent->is_controlling)
        pair->nomination = ++agent->nominations;
    return pair;
}

/* A way that has not been tried for some time is tried anew before it is taken. */
static bool is_proven(const struct ice_agent *agent, const struct ice_pair *pair, int64_t now_ns)
{
    return pair->state == PAIR_SUCCEEDED &&
           (pair == agent->selected || now_ns - pair->answered_ns < consent_every_ns);
}

/*
 * From our peer to us: both user names (RFC 8445, section 7.2.2), our password, and the FINGERPRINT
 * that tells STUN from what else comes by this port (RFC 8489, section 7).
 */
static bool is_for_us(const struct ice_agent *agent, const struct stun_message *message)
{
    struct span theirs = message->username, ours = { 0 };
    return message->has_fingerprint && span_next(&theirs, ':', &ours) &&
           span_is(ours, agent->local.ufrag) && span_is(theirs, agent->remote_ufrag) &&
           stun_is_authentic(message, span_from_string(agent->local.pwd));
}

static void on_request(struct ice_agent *agent, const struct arrival *request)
{
    agent->requests++;
    if (!is_for_us(agent, request->message)) {
        agent->forged++;
        return;
    }
    if (refuses_unknown(agent, request) || settles_roles(agent, request))
        return;
    struct stun_draft success = { .type = STUN_BINDING_SUCCESS, .mapped = to_stun(request->peer) };
    answer(agent, request, success);
    struct ice_pair *pair = note_heard(agent, request);
    if (!pair)
        return;
    agent->ops->on_peer(agent->arg, request->peer);
    if (is_proven(agent, pair, request->now_ns)) {
        consider(agent, pair, request->now_ns);
    } else if (pair->state == PAIR_CHECKING) {
        pair->tries = 0;
        repeat_check(agent, pair, request->now_ns);
    } else {
        pair->state = PAIR_CHECKING;
        begin_check(agent, pair, request->now_ns);
    }
}

/* Whose check this answers: it comes back the way that the check went (RFC 8445, 7.2.5.2.1). */
static struct ice_pair *find_asked(struct ice_agent *agent, const struct arrival *response)
{
    for (unsigned i = 0; i < agent->pair_count; i++) {
        struct ice_pair *pair = &agent->pairs[i];
        if (memcmp(pair->transaction, response->message->transaction, STUN_TRANSACTION_SIZE) == 0 &&
            ice_address_equal(&pair->remote, response->peer) && fits_local(pair, response->local) &&
            stun_is_authentic(response->message, span_from_string(agent->remote_pwd)))
            return pair;
    }
    return NULL;
}

static void on_success(struct ice_agent *agent, const struct arrival *response)
{
    struct ice_pair *pair = find_asked(agent, response);
    if (!pair)
        return;
    if (pair->tries > 0) {
        pair->tries = 0;
        pair->next_ns = INT64_MAX;
        if (pair == agent->selected)
            plan_consent_check(pair, response->now_ns);
    }
    pair->state = PAIR_SUCCEEDED;
    pair->local = *response->local;
    pair->answered_ns = response->now_ns;
    agent->ops->on_peer(agent->arg, response->peer);
    consider(agent, pair, response->now_ns);
}

/* RFC 8445, section 7.2.5.1. Checks that are refused for other reasons are repeated, as if lost. */
static void on_error(struct ice_agent *agent, const struct arrival *response)
{
    struct ice_pair *pair = find_asked(agent, response);
    if (!pair || response->message->error_code != STUN_ERROR_ROLE_CONFLICT)
        return;
    if (pair->was_controlling == agent->is_controlling) { /* else another pair has told us */
        agent->is_controlling = !agent->is_controlling;
        random_bytes(&agent->tie_breaker, sizeof(agent->tie_breaker));
    }
    if (pair->state == PAIR_IDLE)
        pair->state = PAIR_CHECKING;
    begin_check(agent, pair, response->now_ns);
}

void ice_agent_receive(struct ice_agent *agent, const struct stun_message *message,
                       const struct udp_address *peer, const struct udp_address *local,
                       int64_t now_ns)
{
    const struct arrival arrival = { message, peer, local, now_ns };
    switch (message->type) {
    case STUN_BINDING_REQUEST:
        on_request(agent, &arrival);
        break;
    case STUN_BINDING_SUCCESS:
        on_success(agent, &arrival);
        break;
    case STUN_BINDING_ERROR:
        on_error(agent, &arrival);
        break;
    default:
        break; /* an indication keeps a way open and wants nothing */
    }
}

static const char *pair_text(const struct ice_pair *pair)
{
    if (pair->state == PAIR_SUCCEEDED)
        return " (answers)";
    return pair->heard_ns ? " (heard)" : "";
}

void ice_agent_describe(const struct ice_agent *agent, const char *unheard, struct buf *out)
{
    buf_printf(out, "remote candidates:");
    for (unsigned i = 0; i < agent->pair_count; i++) {
        struct address address = udp_address_unpack(&agent->pairs[i].remote);
        char           text[ADDRESS_TEXT];
        address_format(&address, text);
        buf_printf(out, "%s %s%s", i ? "," : "", text, pair_text(&agent->pairs[i]));
    }
    buf_printf(out, "%s; ", agent->pair_count ? "" : " none");
    const char *plural = agent->requests == 1 ? "" : "s";
    if (agent->requests == 0)
        buf_printf(out, "no STUN came from the client: %s", unheard);
    else if (agent->forged == agent->requests)
        buf_printf(out,
                   "%u STUN check%s came, with a wrong user name or password, or no FINGERPRINT",
                   agent->requests, plural);
    else if (agent->selected)
        buf_printf(out, "%u STUN check%s came, and a way was found", agent->requests, plural);
    else
        buf_printf(out, "%u STUN check%s came: can our answers reach the client?", agent->requests,
                   plural);
}
