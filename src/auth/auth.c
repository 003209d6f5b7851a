#include "auth/auth.h"

#include "auth/auth_cache.h"
#include "auth/auth_jobs.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "httpd/httpd_quota.h"
#include "loop/loop.h"

struct auth {
    struct loop        *main;
    struct auth_users  *users;
    struct auth_cache   cache;
    struct auth_jobs    jobs;
    struct httpd_quota *pauses;   /* attempts of each peer */
    struct httpd_quota *checks;   /* those of them that have a job */
    struct list         attempts; /* struct auth_attempt */
    struct list         answered; /* requests to be told at the end of the turn */
    struct dirty        dirty;
};

/* Somebody whose password is being computed, or was wrong; goes on without its asker. */
struct auth_attempt {
    struct auth         *auth;
    struct auth_request *request; /* NULL: the asker has gone */
    struct list_node     node;
    struct httpd_peer    peer;
    struct auth_job     *job;   /* NULL: none */
    struct auth_users   *users; /* of the job, which holds them; only to be compared */
    struct auth_mark     mark;
    const char          *why;
    struct timer         pause;
};

static const char wrong[] = "authentication failed";
static const char too_many_failed[] = "too many failed attempts from this address";
static const char too_many_checks[] = "too many passwords are being checked";
static const char no_memory[] = "not enough memory to check the password";
static const char ending[] = "the server is ending";

static void answer(struct auth_request *request, enum auth_result result, const char *why)
{
    request->result = result;
    request->why = why;
    request->on_done(request);
}

static void answer_soon(struct auth *auth, struct auth_request *request, enum auth_result result,
                        const char *why)
{
    request->result = result;
    request->why = why;
    list_append(&auth->answered, &request->answered);
    loop_mark_dirty(auth->main, &auth->dirty);
}

/* One at a time, as each may end the service; the last one leaves nothing to be flushed. */
static void flush_answers(struct dirty *dirty)
{
    struct auth      *auth = CONTAINER_OF(dirty, struct auth, dirty);
    struct list_node *node = list_take_first(&auth->answered);
    if (!node)
        return;
    if (!list_is_empty(&auth->answered))
        loop_mark_dirty(auth->main, dirty);
    struct auth_request *request = LIST_ITEM(node, struct auth_request, answered);
    request->on_done(request);
}

/* Attempts */

static struct auth_attempt *add_attempt(struct auth *auth, struct auth_request *request)
{
    struct auth_attempt *attempt = mem_new(struct auth_attempt);
    *attempt = (struct auth_attempt){ .auth = auth,
                                      .request = request,
                                      .peer = httpd_peer_of(&request->question.peer) };
    httpd_quota_take(auth->pauses, &attempt->peer, 1);
    list_append(&auth->attempts, &attempt->node);
    request->attempt = attempt;
    return attempt;
}

static void drop_job(struct auth_attempt *attempt)
{
    if (!attempt->job)
        return;
    attempt->job = auth_job_drop(attempt->job);
    httpd_quota_give_back(attempt->auth->checks, &attempt->peer, 1);
}

/* Returns the request, which may be answered or NULL. */
static struct auth_request *remove_attempt(struct auth_attempt *attempt)
{
    struct auth_request *request = attempt->request;
    if (request)
        request->attempt = NULL;
    drop_job(attempt);
    timer_stop(attempt->auth->main, &attempt->pause);
    httpd_quota_give_back(attempt->auth->pauses, &attempt->peer, 1);
    list_remove(&attempt->node);
    mem_free(attempt);
    return request;
}

static void finish(struct auth_attempt *attempt, enum auth_result result, const char *why)
{
    struct auth_request *request = remove_attempt(attempt);
    if (request)
        answer(request, result, why);
}

static void on_pause_over(void *arg)
{
    struct auth_attempt *attempt = arg;
    finish(attempt, AUTH_DENIED, attempt->why);
}

static void start_pause(struct auth_attempt *attempt, const char *why)
{
    int64_t pause_ns = muldiv(random_u32(), AUTH_MAX_PAUSE_NS, INT64_C(1) << 32);
    attempt->why = why;
    timer_start(attempt->auth->main, &attempt->pause, pause_ns, on_pause_over, attempt);
}

/* Checking */

static void start_job(struct auth_attempt *attempt, const struct auth_selection *slow);

/* The settings have changed meanwhile: what was right may be so no more, and the other way. */
static void check_anew(struct auth_attempt *attempt)
{
    struct auth               *auth = attempt->auth;
    const struct auth_request *request = attempt->request;
    struct auth_selection      selection;
    auth_users_select(auth->users, &request->question, &selection);
    if (auth_users_allow_anybody(auth->users, &selection) ||
        auth_users_check(auth->users, &selection, &request->credentials, &request->challenge)) {
        finish(attempt, AUTH_OK, NULL);
        return;
    }
    auth_users_keep_slow(auth->users, &selection);
    if (selection.count > 0)
        start_job(attempt, &selection);
    else
        start_pause(attempt, wrong);
}

static void on_computed(void *arg, int result)
{
    struct auth_attempt *attempt = arg;
    struct auth         *auth = attempt->auth;
    attempt->job = NULL;
    httpd_quota_give_back(auth->checks, &attempt->peer, 1);
    if (attempt->request && attempt->users != auth->users) {
        check_anew(attempt);
    } else if (result < 0) {
        start_pause(attempt, result == -ENOMEM ? no_memory : wrong);
    } else {
        auth_cache_put(&auth->cache, &attempt->mark, (unsigned)result, loop_now(auth->main));
        finish(attempt, AUTH_OK, NULL);
    }
}

static void start_job(struct auth_attempt *attempt, const struct auth_selection *slow)
{
    struct auth                   *auth = attempt->auth;
    const struct auth_credentials *credentials = &attempt->request->credentials;
    attempt->users = auth->users;
    attempt->mark = auth_cache_mark(&auth->cache, credentials->user, credentials->pass);
    httpd_quota_take(auth->checks, &attempt->peer, 1);
    attempt->job =
        auth_jobs_start(&auth->jobs, auth->users, slow, credentials, on_computed, attempt);
}

/* None of what is known at once has this password; `selection` is what fits. */
static void check_slowly(struct auth *auth, struct auth_request *request,
                         struct auth_selection *selection)
{
    const struct auth_credentials *credentials = &request->credentials;
    struct httpd_peer              peer = httpd_peer_of(&request->question.peer);
    auth_users_keep_slow(auth->users, selection);
    if (selection->count == 0 || credentials->kind != AUTH_PASSWORD) {
        start_pause(add_attempt(auth, request), wrong);
        return;
    }
    struct auth_mark mark = auth_cache_mark(&auth->cache, credentials->user, credentials->pass);
    if (auth_cache_has(&auth->cache, &mark, selection, loop_now(auth->main)))
        answer_soon(auth, request, AUTH_OK, NULL);
    else if (!httpd_quota_has_room(auth->checks, &peer, 1))
        answer_soon(auth, request, AUTH_DENIED, too_many_checks);
    else
        start_job(add_attempt(auth, request), selection);
}

/*
 * An answer to the challenge of another connection, as clients send that remember one, says
 * nothing: it is met by a new challenge.
 */
static bool has_credentials(const struct auth_request *request)
{
    const struct auth_credentials *credentials = &request->credentials;
    if (credentials->kind == AUTH_DIGEST)
        return span_is(credentials->digest.nonce, request->challenge.nonce);
    return credentials->user.len > 0 || credentials->pass.len > 0;
}

/* A digest that was made for something else is as good as a wrong one. */
static bool is_right(const struct auth *auth, const struct auth_request *request,
                     const struct auth_selection *selection)
{
    const struct auth_credentials *credentials = &request->credentials;
    if (credentials->kind == AUTH_DIGEST &&
        !auth_digest_fits(&credentials->digest, &request->challenge))
        return false;
    return auth_users_check(auth->users, selection, credentials, &request->challenge);
}

static void check_credentials(struct auth *auth, struct auth_request *request,
                              struct auth_selection *selection)
{
    if (is_right(auth, request, selection))
        answer_soon(auth, request, AUTH_OK, NULL);
    else
        check_slowly(auth, request, selection);
}

void auth_check(struct auth *auth, struct auth_request *request)
{
    struct auth_selection selection;
    struct httpd_peer     peer = httpd_peer_of(&request->question.peer);
    ASSERT(!request->attempt && !list_contains_node(&request->answered));
    auth_users_select(auth->users, &request->question, &selection);
    if (auth_users_allow_anybody(auth->users, &selection))
        answer_soon(auth, request, AUTH_OK, NULL);
    else if (!has_credentials(request) && request->can_ask)
        answer_soon(auth, request, AUTH_ASK, NULL);
    else if (!httpd_quota_has_room(auth->pauses, &peer, 1))
        answer_soon(auth, request, AUTH_DENIED, too_many_failed);
    else if (!has_credentials(request))
        start_pause(add_attempt(auth, request), wrong);
    else
        check_credentials(auth, request, &selection);
}

/* A job that does not run yet would be for nothing: its password has not been looked at. */
void auth_cancel(struct auth_request *request)
{
    struct auth_attempt *attempt = request->attempt;
    list_remove(&request->answered);
    if (!attempt)
        return;
    request->attempt = NULL;
    attempt->request = NULL;
    if (attempt->job && !auth_job_is_running(attempt->job))
        (void)remove_attempt(attempt);
}

struct auth *auth_create(struct loop *main, struct conf *conf)
{
    static const struct httpd_quota_limits pauses = { AUTH_MAX_PAUSES, AUTH_MAX_PAUSES_OF_PEER,
                                                      AUTH_PAUSES_KEPT, AUTH_FEW_PAUSES };
    static const struct httpd_quota_limits checks = { AUTH_MAX_CHECKS, AUTH_MAX_CHECKS_OF_PEER,
                                                      AUTH_CHECKS_KEPT, AUTH_FEW_CHECKS };
    struct auth                           *auth = mem_new(struct auth);
    *auth = (struct auth){ .main = main,
                           .users = auth_users_create(conf),
                           .pauses = httpd_quota_create(&pauses),
                           .checks = httpd_quota_create(&checks),
                           .dirty.flush = flush_answers };
    list_init(&auth->attempts);
    list_init(&auth->answered);
    auth_jobs_init(&auth->jobs, main);
    auth_cache_reset(&auth->cache);
    return auth;
}

void auth_set_conf(struct auth *auth, struct conf *conf)
{
    auth_users_unref(auth->users);
    auth->users = auth_users_create(conf);
    auth_cache_reset(&auth->cache);
}

/* Those who are told may cancel others, so that none may be held on to. */
static void answer_all(struct auth *auth)
{
    for (struct list_node *node; (node = list_take_first(&auth->answered));)
        answer(LIST_ITEM(node, struct auth_request, answered), AUTH_DENIED, ending);
    for (struct auth_attempt *attempt;
         (attempt = LIST_FIRST(&auth->attempts, struct auth_attempt, node));)
        finish(attempt, AUTH_DENIED, ending);
}

struct auth *auth_destroy(struct auth *auth)
{
    if (!auth)
        return NULL;
    loop_clear_dirty(&auth->dirty);
    answer_all(auth);
    auth_jobs_fini(&auth->jobs);
    auth->pauses = httpd_quota_destroy(auth->pauses);
    auth->checks = httpd_quota_destroy(auth->checks);
    auth_users_unref(auth->users);
    return mem_free(auth);
}
