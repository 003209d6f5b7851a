/**
 * auth_http: may who asks by HTTP do that? What he may not is answered with 401.
 *
 *     struct auth_http_question question = { CONF_ACTION_API, .log = &server->log };
 *     auth_http_check(auth, exchange, &question, on_allowed, server);
 *
 * Where from: the Authorization header alone, Basic or `Bearer user:pass`; never the URL.
 * Log:        who was denied, as a warning in question.log.
 * Threads:    main's.
 */
#pragma once
#include "auth/auth.h"
#include "httpd/httpd.h"

struct log_context;

struct auth_http_question {
    enum conf_action          action;
    struct span               path;     /* of read, publish, playback; lives as the exchange does */
    const char               *protocol; /* a literal: "webrtc"; empty for what has none */
    const struct log_context *log;      /* lives on */
};

/** In the same turn or a later one; the exchange waits for its answer. */
typedef void auth_http_fn(void *arg, struct httpd_exchange *exchange);

/** An exchange whose client leaves meanwhile is forgotten. */
void auth_http_check(struct auth *auth, struct httpd_exchange *exchange,
                     const struct auth_http_question *question, auth_http_fn *on_allowed,
                     void *arg);
