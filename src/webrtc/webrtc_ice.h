/**
 * webrtc_ice: an ICE agent (RFC 8445) on one UDP socket that it shares with all others: checks,
 * pairs, nomination by the peer, consent (RFC 7675). A full agent, and controlled unless the peer
 * is lite: for each check that comes in it sends one of its own at once.
 *
 * No sockets and no clock: datagrams and times are handed in, what is to be sent is handed out.
 * Candidates of ours need no part in it, for they all mean the same socket; those of the peer may
 * be unknown before its checks come (peer-reflexive).
 *
 * Owner:   a session.
 * Thread:  the session's worker.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"
#include "loop/udp.h"
#include "stun/candidate.h"
#include "stun/stun.h"

struct ice_agent;

enum {
    ICE_MAX_PAIRS = 32, /* of addresses of the peer's and ours; laptops with VPNs have about ten */
    ICE_UFRAG_SIZE = 33,
    ICE_PWD_SIZE = 33,
    ICE_TAG_SIZE = 6,
};

struct ice_ops {
    void (*send)(void *arg, struct span datagram, const struct udp_address *to,
                 const struct udp_address *from);
    /** The peer has shown that it knows the password: this address is its own. Comes often. */
    void (*on_peer)(void *arg, const struct udp_address *peer);
    /** The way to send has been chosen, or has changed. */
    void (*on_selected)(void *arg, const struct udp_address *to, const struct udp_address *from);
};

struct ice_credentials {
    char ufrag[ICE_UFRAG_SIZE];
    char pwd[ICE_PWD_SIZE];
};

/** `remote_ufrag` and `remote_pwd` are copied, `ops` is not. */
struct ice_agent *ice_agent_create(const struct ice_credentials *local, struct span remote_ufrag,
                                   struct span remote_pwd, bool is_controlling,
                                   const struct ice_ops *ops, void *arg);

/** Accepts NULL. Returns NULL. */
struct ice_agent *ice_agent_destroy(struct ice_agent *agent);

/**
 * The transactions of our checks begin with `tag` from now on: where many agents share a socket, it
 * tells whom an answer is for. Without it all of them is random.
 */
void ice_agent_set_tag(struct ice_agent *agent, const uint8_t tag[ICE_TAG_SIZE]);

const struct ice_credentials *ice_agent_local(const struct ice_agent *agent);
struct span                   ice_agent_remote_ufrag(const struct ice_agent *agent);

/**
 * New credentials on both sides, and all candidates are forgotten; what is selected stays so until
 * there is a nomination anew.
 */
void ice_agent_restart(struct ice_agent *agent, const struct ice_credentials *local,
                       struct span remote_ufrag, struct span remote_pwd);

/** A candidate of the peer: the first is checked at once, others at intervals; see deadline. */
void ice_agent_add_remote(struct ice_agent *agent, const struct udp_address *remote,
                          int64_t now_ns);

/**
 * Of which type the peer says that this address of its is. Unless it says so, it is
 * peer-reflexive; what it has said first counts, and only of addresses that there is a pair with.
 */
void ice_agent_name_remote(struct ice_agent *agent, const struct udp_address *remote,
                           enum candidate_type type);

/**
 * A STUN message that came for this agent. A check must have both user names, the right password
 * and a FINGERPRINT; what is not authentic is counted and dropped.
 */
void ice_agent_receive(struct ice_agent *agent, const struct stun_message *message,
                       const struct udp_address *peer, const struct udp_address *local,
                       int64_t now_ns);

/** When ice_agent_on_time() wants to be called next; INT64_MAX: never. */
int64_t ice_agent_deadline(const struct ice_agent *agent);

/** Checks that are due. False: the peer has not answered for 30 s, its consent has run out. */
bool ice_agent_on_time(struct ice_agent *agent, int64_t now_ns);

/**
 * Has an address of the peer answered a check of ours? Before that, whoever names somebody else's
 * address could have us send there (RFC 7675, section 3).
 */
bool ice_agent_is_proven(const struct ice_agent *agent);

/**
 * When this address answered a check of ours last; 0: never. The peer's checks say less: whoever
 * knows the password may forge the address that they come from, but then sees no check of ours.
 */
int64_t ice_agent_answered_ns(const struct ice_agent *agent, const struct udp_address *remote);

/**
 * Where to send now: the selected pair, else one that is proven, else one that a check has come by.
 * False when nothing has come from the peer yet.
 */
bool ice_agent_route(const struct ice_agent *agent, struct udp_address *to,
                     struct udp_address *from);

/** Of the selected address of the peer; there is one. */
enum candidate_type ice_agent_selected_type(const struct ice_agent *agent);

/**
 * For the line about a failure: remote candidates, what came, what was wrong with it; `unheard` is
 * what to look at when nothing came.
 */
void ice_agent_describe(const struct ice_agent *agent, const char *unheard, struct buf *out);

/** Are these the same host and port? */
bool ice_address_equal(const struct udp_address *a, const struct udp_address *b);
