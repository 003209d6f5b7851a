/**
 * auth: may this peer do that? One question for all protocols, answered later.
 *
 *     request->question = (struct auth_question){ CONF_ACTION_READ, path, peer };
 *     (void)auth_parse_header(header, schemes, &request->credentials);
 *     request->on_done = on_authenticated;
 *     auth_check(auth, request);
 *
 * When:    on_done() is never called within auth_check(), and always on main's loop: at the end of
 *          the same turn when nothing has to be computed or waited for, which costs no time, as
 *          what it marks dirty is flushed in that turn too; else in a later one.
 * Pause:   who is denied learns it after a random time of 0 to 4 s. A client that guesses does not
 *          need the answer no, though: it opens many connections, and the one that is answered at
 *          once had it right. Therefore a pause counts for its peer until it is over, also when
 *          the asker has gone, and a peer with AUTH_MAX_PAUSES_OF_PEER of them is denied at once
 *          and without its password being looked at: then neither a quick no nor a quick yes
 *          tells anything. A right password from that address does not help for those seconds
 *          either; what anybody may do is not touched by it. A few seats of all are kept for
 *          peers with hardly any, so that a crowd of others does not lock them out.
 * Slow:    argon2 is computed on libuv's pool (auth_jobs.h), not on a loop.
 * Names:   neither answer nor time tells whether there is a user of that name.
 * Log:     nothing here; the owner of the session logs "failed to authenticate: <why>" for
 *          AUTH_DENIED, and nothing for AUTH_ASK.
 * Threads: main's. Workers send their question to main with a copy of the header, as the path
 *          registry's requests travel.
 */
#pragma once
#include <stdbool.h>

#include "auth/auth_header.h"
#include "auth/auth_users.h"
#include "base/clock.h"
#include "base/list.h"
#include "loop/address.h"

struct auth;
struct auth_attempt;
struct loop;

#define AUTH_MAX_PAUSE_NS (4 * NS_PER_S)

enum {
    /* Denied requests in their pause and requests whose argon2 is computed, of all peers ... */
    AUTH_MAX_PAUSES = 4096,
    AUTH_MAX_PAUSES_OF_PEER = 128, /* on other machines: 64 guesses a second */
    AUTH_PAUSES_KEPT = 1024,       /* for peers with ... */
    AUTH_FEW_PAUSES = 4,           /* ... so many at most */
    /* Requests that wait for argon2: two at a time, a tenth of a second each. */
    AUTH_MAX_CHECKS = 256,
    AUTH_MAX_CHECKS_OF_PEER = 16,
    AUTH_CHECKS_KEPT = 64,
    AUTH_FEW_CHECKS = 2,
};

enum auth_result {
    AUTH_OK,     /* credentials.user is who it is; empty for somebody of `any` without a name */
    AUTH_ASK,    /* there were no credentials: answer 401 with a challenge, and do not close */
    AUTH_DENIED, /* answer 401 without a challenge, and close where the protocol does */
};

struct auth_request;

/** May free the request, ask again with it, cancel others, and destroy the service. */
typedef void auth_done_fn(struct auth_request *request);

/**
 * Question and answer in one. What it points at is the asker's, and stays until on_done() or
 * auth_cancel(). Zeros where something is not known.
 */
struct auth_request {
    struct auth_question    question;
    struct auth_credentials credentials; /* of zeros: none were sent; the asker's to fini */
    struct auth_challenge   challenge;   /* where a digest may come */
    bool                    can_ask;     /* a client of the protocol can be asked for credentials */

    /* What is told to somebody else who decides, beside the above. */
    const char *protocol; /* "rtsp"; empty for what has no path of its own */
    const char *id;       /* of a session or connection; NULL: none */
    struct span query;    /* of the URL, as sent */
    struct span user_agent;

    auth_done_fn *on_done;
    void         *arg;

    enum auth_result result;
    const char      *why; /* AUTH_DENIED: a literal */

    /* Private to auth.c; zeros when it is asked. */
    struct list_node     answered;
    struct auth_attempt *attempt;
};

struct auth *auth_create(struct loop *main, struct conf *conf);

/**
 * Answers all that waits with AUTH_DENIED, within the call; nobody may ask in there. The loop has
 * to live on until an argon2 that is being computed is done. Accepts NULL. Returns NULL.
 */
struct auth *auth_destroy(struct auth *auth);

/** For what is asked from now on; passwords that are being computed are checked anew. */
void auth_set_conf(struct auth *auth, struct conf *conf);

void auth_check(struct auth *auth, struct auth_request *request);

/** The asker has gone: on_done() is not called. Also right for a request that was never asked. */
void auth_cancel(struct auth_request *request);
