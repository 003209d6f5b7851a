#include "auth/auth_http.h"

#include "base/log.h"
#include "base/mem.h"

/* One request; its texts lie in the exchange, which may not go before this does. */
struct check {
    struct auth_request       request;
    struct httpd_exchange    *exchange;
    const struct log_context *log;
    auth_http_fn             *on_allowed;
    void                     *arg;
};

static void free_check(struct check *check)
{
    httpd_watch(check->exchange, NULL, NULL);
    auth_credentials_fini(&check->request.credentials);
    mem_free(check);
}

static void on_leave(void *arg)
{
    struct check *check = arg;
    auth_cancel(&check->request);
    free_check(check);
}

static void refuse(const struct check *check)
{
    const struct auth_request *request = &check->request;
    struct span                host = httpd_request_host(httpd_request(check->exchange));
    if (request->result == AUTH_DENIED)
        LOG(check->log, LOG_WARN, "%.*s failed to authenticate: %s", SPAN_ARGS(host), request->why);
    httpd_respond_unauthorized(check->exchange,
                               request->result == AUTH_ASK ? AUTH_CHALLENGE_HTTP : NULL);
}

static void on_done(struct auth_request *request)
{
    struct check  check = *(struct check *)request->arg;
    struct check *done = request->arg;
    bool          is_allowed = request->result == AUTH_OK;
    free_check(done);
    if (is_allowed)
        check.on_allowed(check.arg, check.exchange);
    else
        refuse(&check);
}

void auth_http_check(struct auth *auth, struct httpd_exchange *exchange,
                     const struct auth_http_question *question, auth_http_fn *on_allowed, void *arg)
{
    const struct httpd_request *http = httpd_request(exchange);
    struct check               *check = mem_new(struct check);
    *check =
        (struct check){ .request = { .question = { question->action, question->path, http->peer },
                                     .can_ask = true,
                                     .protocol = question->protocol,
                                     .query = http->query,
                                     .user_agent = message_header(http->message, "User-Agent"),
                                     .on_done = on_done,
                                     .arg = check },
                        .exchange = exchange,
                        .log = question->log,
                        .on_allowed = on_allowed,
                        .arg = arg };
    /* What can't be understood is as good as nothing: he is asked for what can. */
    (void)auth_parse_header(message_header(http->message, "Authorization"),
                            AUTH_SCHEME_BASIC | AUTH_SCHEME_BEARER, &check->request.credentials);
    httpd_watch(exchange, on_leave, check);
    auth_check(auth, &check->request);
}
