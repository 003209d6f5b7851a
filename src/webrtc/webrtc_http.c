/* The HTTP side, on main: WHEP (draft-ietf-wish-whep) and the page, as MediaMTX's clients see them.
 */
#include <errno.h>

#include "auth/auth_http.h"
#include "base/check.h"
#include "base/mem.h"
#include "webrtc/webrtc_internal.h"
#include "webrtc/webrtc_links.h"
#include "webrtc/webrtc_page.h"

#define EXPOSED_HEADERS "ETag, ID, Accept-Patch, Link, Location"

static const char allow_methods[] = "OPTIONS, GET, POST, PATCH, DELETE";
static const char allow_headers[] = "Authorization, Content-Type, If-Match";

/* OPTIONS */

static void on_options(struct webrtc_server *server, struct httpd_exchange *exchange,
                       bool is_preflight)
{
    struct webrtc_links links = { 0 };
    struct httpd_header headers[4 + CONF_MAX_ICE_SERVERS] = {
        { "Access-Control-Allow-Methods", BYTES(allow_methods) },
        { "Access-Control-Allow-Headers", BYTES(allow_headers) },
    };
    struct httpd_response response = { .status = 204, .headers = headers, .header_count = 2 };
    if (!is_preflight) {
        headers[response.header_count++] =
            (struct httpd_header){ "Access-Control-Expose-Headers", BYTES("Accept-Post, Link") };
        headers[response.header_count++] =
            (struct httpd_header){ "Accept-Post", BYTES("application/sdp") };
        webrtc_links_make(&links, server->conf);
        response.header_count += webrtc_links_add(&links, headers + response.header_count);
    }
    httpd_respond(exchange, &response);
    webrtc_links_fini(&links);
}

/* POST */

static bool has_type(const struct httpd_request *request, const char *wanted)
{
    struct span type = message_header(request->message, "Content-Type"), first = { 0 };
    (void)span_next(&type, ';', &first);
    return span_is_nocase(span_trim(first), wanted);
}

/* Of no session: it was refused, or there is none yet. */
static void turn_away(struct webrtc_server *server, struct httpd_exchange *exchange,
                      struct span path, unsigned status, const struct errmsg *why)
{
    struct span host = httpd_request_host(httpd_request(exchange));
    LOG(&server->log, LOG_INFO, "%.*s can't read from path '%.*s': %s", SPAN_ARGS(host),
        SPAN_ARGS(path), why->text);
    httpd_respond_error(exchange, status, "%s", why->text);
}

static void free_post(struct webrtc_post *post)
{
    if (post->granted)
        path_request_free(post->granted);
    buf_fini(&post->answer);
    mem_free(post->query);
    mem_free(post->body);
    mem_free(post);
}

static struct webrtc_post *make_post(struct webrtc_server *server, struct httpd_exchange *exchange,
                                     struct path_request *granted)
{
    const struct httpd_request *request = httpd_request(exchange);
    struct webrtc_post         *post = mem_new(struct webrtc_post);
    post->server = server;
    post->exchange = httpd_exchange_id(exchange);
    post->granted = granted;
    post->http_peer = request->holder;
    post->query = request->query.p ? span_to_string(request->query) : NULL;
    (void)snprintf(post->peer, sizeof(post->peer), "%s", request->peer_text);
    memcpy(post->path, granted->name, sizeof(post->path));
    post->body = span_to_string(request->body);
    int err = sdp_offer_parse((struct span){ (const uint8_t *)post->body, request->body.len },
                              &post->offer, &post->why);
    ASSERT(err == 0); /* as it was before */
    webrtc_hosts_gather(server, &request->local, post);
    return post;
}

/*
 * While a POST waits for its stream all that is kept is what the connection has of it: nothing is
 * made of the offer, and a client that leaves meanwhile gets no session.
 */
struct asking {
    struct webrtc_server *server;
    struct slot_id        exchange;
    struct httpd_peer     peer;
};

/* Where entries of `source: redirect` lead; NULL: the path is none of them. */
static const char *redirect_of(const struct webrtc_server *server, struct span name)
{
    const struct conf_path *conf = conf_find_path(server->conf, name, NULL);
    return conf && strcmp(conf->source, "redirect") == 0 ? conf->source_redirect : NULL;
}

/* With this status the client posts its offer again, to the other path (RFC 9725, section 4.5). */
static void redirect_post(struct httpd_exchange *exchange, const char *path)
{
    const struct httpd_request *request = httpd_request(exchange);
    AUTO(buf_fini) struct buf   location = { 0 };
    buf_printf(&location, "%s/whep", path);
    if (request->query.p)
        buf_printf(&location, "?%.*s", SPAN_ARGS(request->query));
    struct httpd_header   header = { "Location", buf_span(&location) };
    struct httpd_response response = { .status = 307, .headers = &header, .header_count = 1 };
    httpd_respond(exchange, &response);
}

/* Why there is nothing to be read; a URL's credentials are not for everybody. */
static void explain(struct webrtc_server *server, struct httpd_exchange *exchange,
                    struct path_request *request)
{
    struct span name = span_from_string(request->name);
    bool        is_missing = request->answer == PATH_NO_STREAM;
    const char *redirect = is_missing ? redirect_of(server, name) : NULL;
    if (redirect && redirect[0] == '/') {
        redirect_post(exchange, redirect);
        return;
    }
    if (redirect)
        (void)errmsg_set(&request->why, -EINVAL,
                         "path '%s' leads to an RTSP server, where WebRTC can't follow",
                         request->name);
    turn_away(server, exchange, name, is_missing && !redirect ? 404 : 400, &request->why);
}

static void on_granted(struct loop *loop, struct path_request *request)
{
    struct asking          asking = *(struct asking *)request->asker;
    struct webrtc_server  *server = asking.server;
    struct httpd_exchange *exchange = httpd_find(server->http, asking.exchange);
    mem_free(request->asker);
    if (exchange && request->answer == PATH_OK) {
        struct webrtc_post *post = make_post(server, exchange, request);
        post->mail.handle = webrtc_session_open;
        loop_post(server->loops[request->home], &post->mail);
        return;
    }
    webrtc_server_dismiss(server, &asking.peer);
    if (exchange)
        explain(server, exchange, request);
    else if (request->answer == PATH_OK)
        path_release(server->registry, request->grant);
    path_request_free(request);
}

/* Before the session exists there is nobody to be told; then the stream's end tells it. */
static void on_kick(struct loop *loop, struct slot_id session, const char *reason)
{
}

static void ask_for_stream(struct webrtc_server *server, struct httpd_exchange *exchange,
                           struct span path)
{
    struct path_request *request = path_request_new(PATH_READ);
    struct asking       *asking = mem_new(struct asking);
    *asking =
        (struct asking){ server, httpd_exchange_id(exchange), httpd_request(exchange)->holder };
    request->from = server->main;
    request->asker = asking;
    request->on_answer = on_granted;
    request->on_kick = on_kick;
    request->is_checked = true; /* by webrtc_http_on_request() */
    (void)span_copy_string(path, request->name, sizeof(request->name));
    path_ask(server->registry, request);
}

/* Nobody else has to be asked about an offer that can't be answered. */
static int check_offer(struct span text, struct errmsg *why)
{
    AUTO(mem_free) char *memory = mem_alloc(sizeof(struct sdp_offer)); /* much for a stack */
    return sdp_offer_parse(text, (struct sdp_offer *)memory, why);
}

static void on_post(struct webrtc_server *server, struct httpd_exchange *exchange,
                    const struct webrtc_target *target)
{
    const struct httpd_request *request = httpd_request(exchange);
    struct errmsg               why = { "" };
    if (!has_type(request, "application/sdp"))
        httpd_respond_error(exchange, 400, "invalid Content-Type");
    else if (webrtc_target_check(target, &why) < 0 || check_offer(request->body, &why) < 0)
        turn_away(server, exchange, target->path, 400, &why);
    else if (webrtc_server_admit(server, &request->holder, &why) < 0)
        turn_away(server, exchange, target->path, 503, &why);
    else
        ask_for_stream(server, exchange, target->path);
}

static void respond_created(struct webrtc_post *post, struct httpd_exchange *exchange)
{
    AUTO(buf_fini) struct buf location = { 0 };
    struct webrtc_links       links = { 0 };
    struct httpd_header       headers[8 + CONF_MAX_ICE_SERVERS] = {
              { "Accept-Patch", BYTES("application/trickle-ice-sdpfrag") },
              { "Access-Control-Expose-Headers", BYTES(EXPOSED_HEADERS) },
              { "Etag", BYTES("*") },
              { "Id", span_from_string(post->uuid) },
    };
    buf_printf(&location, "/%s/whep/%s", post->path, post->secret);
    if (post->query)
        buf_printf(&location, "?%s", post->query);
    struct httpd_response response = { .status = 201,
                                       .content_type = "application/sdp",
                                       .body = buf_span(&post->answer),
                                       .headers = headers,
                                       .header_count = 4 };
    headers[response.header_count++] = (struct httpd_header){ "Location", buf_span(&location) };
    if (post->skipped[0]) {
        headers[1].value = BYTES(EXPOSED_HEADERS ", X-Skipped-Tracks");
        headers[response.header_count++] =
            (struct httpd_header){ "X-Skipped-Tracks", span_from_string(post->skipped) };
    }
    webrtc_links_make(&links, post->server->conf);
    response.header_count += webrtc_links_add(&links, headers + response.header_count);
    httpd_respond(exchange, &response);
    webrtc_links_fini(&links);
}

static void send_order(struct webrtc_server *server, const struct webrtc_ticket *ticket,
                       struct webrtc_order *order)
{
    order->server = server;
    order->session = ticket->session;
    order->mail.handle = webrtc_session_on_order;
    loop_post(server->loops[ticket->worker], &order->mail);
}

void webrtc_http_on_posted(struct loop *loop, struct mail *mail)
{
    struct webrtc_post    *post = CONTAINER_OF(mail, struct webrtc_post, mail);
    struct webrtc_server  *server = post->server;
    struct httpd_exchange *exchange = httpd_find(server->http, post->exchange);
    struct webrtc_ticket  *ticket = NULL;
    if (post->status == 201)
        ticket = webrtc_server_add_ticket(server, post);
    else
        webrtc_server_dismiss(server, &post->http_peer);
    if (ticket && exchange) {
        respond_created(post, exchange);
    } else if (exchange) {
        turn_away(server, exchange, span_from_string(post->path), post->status, &post->why);
    } else if (ticket) { /* who asked has gone, and nobody else knows the session */
        struct webrtc_order *order = mem_new(struct webrtc_order);
        order->is_end = true;
        send_order(server, ticket, order);
    }
    free_post(post);
}

/* PATCH and DELETE */

static void free_order(struct webrtc_order *order)
{
    buf_fini(&order->answer);
    mem_free(order->body);
    mem_free(order);
}

static void respond_restarted(struct webrtc_order *order, struct httpd_exchange *exchange)
{
    char etag[sizeof(order->ufrag) + 2];
    (void)snprintf(etag, sizeof(etag), "\"%s\"", order->ufrag);
    struct httpd_header   header = { "Etag", span_from_string(etag) };
    struct httpd_response response = { .status = 200,
                                       .content_type = "application/trickle-ice-sdpfrag",
                                       .body = buf_span(&order->answer),
                                       .headers = &header,
                                       .header_count = 1 };
    httpd_respond(exchange, &response);
}

/* A type of nothing: MediaMTX's clients know it so. */
static void respond_accepted(struct webrtc_order *order, struct httpd_exchange *exchange)
{
    struct httpd_response response = { .status = order->status,
                                       .content_type = "application/json; charset=utf-8" };
    httpd_respond(exchange, &response);
}

void webrtc_http_on_ordered(struct loop *loop, struct mail *mail)
{
    struct webrtc_order   *order = CONTAINER_OF(mail, struct webrtc_order, mail);
    struct httpd_exchange *exchange = httpd_find(order->server->http, order->exchange);
    if (!exchange)
        ; /* the client has gone, or there never was one */
    else if (order->status >= 400)
        httpd_respond_error(exchange, order->status, "%s", order->why.text);
    else if (order->is_end)
        httpd_respond_ok(exchange);
    else if (order->status == 200)
        respond_restarted(order, exchange);
    else
        respond_accepted(order, exchange);
    free_order(order);
}

/* A session's secret is a UUID: 8-4-4-4-12 hexadecimal digits. */
static bool is_uuid(struct span text)
{
    static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    if (text.len != sizeof(form) - 1)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        bool is_digit = (text.p[i] >= '0' && text.p[i] <= '9') ||
                        ((text.p[i] | 0x20) >= 'a' && (text.p[i] | 0x20) <= 'f');
        if (form[i] == 'x' ? !is_digit : text.p[i] != '-')
            return false;
    }
    return true;
}

static void on_order(struct webrtc_server *server, struct httpd_exchange *exchange,
                     const struct webrtc_target *target, struct webrtc_order *order)
{
    struct webrtc_ticket *ticket = map_get(server->tickets, target->secret);
    if (!ticket) {
        httpd_respond_error(exchange, 404, "session not found");
        free_order(order);
        return;
    }
    order->exchange = httpd_exchange_id(exchange);
    send_order(server, ticket, order);
}

static void on_delete(struct webrtc_server *server, struct httpd_exchange *exchange,
                      const struct webrtc_target *target)
{
    if (!is_uuid(target->secret)) {
        httpd_respond_error(exchange, 400, "invalid secret");
        return;
    }
    struct webrtc_order *order = mem_new(struct webrtc_order);
    order->is_end = true;
    on_order(server, exchange, target, order);
}

static void on_patch(struct webrtc_server *server, struct httpd_exchange *exchange,
                     const struct webrtc_target *target)
{
    const struct httpd_request *request = httpd_request(exchange);
    struct webrtc_order        *order = mem_new(struct webrtc_order);
    order->body = span_to_string(request->body);
    struct span body = { (const uint8_t *)order->body, request->body.len };
    if (!is_uuid(target->secret))
        (void)errmsg_set(&order->why, -EINVAL, "invalid secret");
    else if (!has_type(request, "application/trickle-ice-sdpfrag"))
        (void)errmsg_set(&order->why, -EINVAL, "invalid Content-Type");
    else if (sdp_fragment_parse(body, &order->fragment, &order->why) == 0) {
        on_order(server, exchange, target, order);
        return;
    }
    httpd_respond_error(exchange, 400, "%s", order->why.text);
    free_order(order);
}

/* All requests */

static void on_service(struct webrtc_server *server, struct httpd_exchange *exchange,
                       const struct webrtc_target *target)
{
    typedef void handle_fn(struct webrtc_server *, struct httpd_exchange *,
                           const struct webrtc_target *);
    static const struct {
        const char *method;
        bool        has_secret;
        handle_fn  *handle; /* NULL: 405 */
    } rules[] = {
        { "POST", false, on_post }, { "PATCH", true, on_patch }, { "DELETE", true, on_delete },
        { "GET", false, NULL },     { "HEAD", false, NULL },     { "PUT", false, NULL },
    };
    struct span method = httpd_request(exchange)->method;
    for (size_t i = 0; i < COUNT(rules); i++) {
        if (!span_is(method, rules[i].method) || rules[i].has_secret != (target->secret.p != NULL))
            continue;
        if (!rules[i].handle)
            httpd_respond_error(exchange, 405, "method not allowed");
        else if (target->kind == WEBRTC_WHIP)
            httpd_respond_error(exchange, 400, WEBRTC_NO_WHIP);
        else
            rules[i].handle(server, exchange, target);
        return;
    }
    httpd_respond_not_found(exchange);
}

static bool is_preflight(const struct httpd_request *request)
{
    return span_is(request->method, "OPTIONS") &&
           message_header(request->message, "Access-Control-Request-Method").p;
}

static bool is_service(const struct webrtc_target *target)
{
    return target->kind == WEBRTC_WHEP || target->kind == WEBRTC_WHIP;
}

static void handle(void *arg, struct httpd_exchange *exchange)
{
    const struct httpd_request *request = httpd_request(exchange);
    struct webrtc_target        target = webrtc_target_parse(request->path);
    bool                        is_asked_first = is_preflight(request);
    bool                        is_options =
        is_service(&target) && !target.secret.p && span_is(request->method, "OPTIONS");
    if (is_asked_first || is_options)
        on_options(arg, exchange, is_asked_first);
    else if (is_service(&target))
        on_service(arg, exchange, &target);
    else if (span_is(request->method, "GET") || span_is(request->method, "HEAD"))
        webrtc_page_respond(exchange, &target);
    else
        httpd_respond_not_found(exchange);
}

/*
 * Who has to be asked who he is, for what. Not a browser that asks what it may ask, nor who comes
 * with the secret of a session, nor for a script that is the same for all.
 */
static bool find_action(const struct httpd_request *request, const struct webrtc_target *target,
                        enum conf_action *out)
{
    static const struct {
        enum webrtc_target_kind kind;
        const char             *methods[2];
        enum conf_action        action;
    } rules[] = {
        { WEBRTC_WHEP, { "POST", "OPTIONS" }, CONF_ACTION_READ },
        { WEBRTC_WHIP, { "POST", "OPTIONS" }, CONF_ACTION_PUBLISH },
        { WEBRTC_PAGE, { "GET", "HEAD" }, CONF_ACTION_READ },
        { WEBRTC_PUBLISH, { "GET", "HEAD" }, CONF_ACTION_PUBLISH },
    };
    if (target->secret.p || is_preflight(request))
        return false;
    for (size_t i = 0; i < COUNT(rules); i++) {
        bool is_meant = span_is(request->method, rules[i].methods[0]) ||
                        span_is(request->method, rules[i].methods[1]);
        if (rules[i].kind != target->kind || !is_meant)
            continue;
        *out = rules[i].action;
        return true;
    }
    return false;
}

void webrtc_http_on_request(void *arg, struct httpd_exchange *exchange)
{
    struct webrtc_server       *server = arg;
    const struct httpd_request *request = httpd_request(exchange);
    struct webrtc_target        target = webrtc_target_parse(request->path);
    struct auth_http_question   question = { .path = target.path,
                                             .protocol = "webrtc",
                                             .log = &server->log };
    if (find_action(request, &target, &question.action))
        auth_http_check(server->auth, exchange, &question, handle, server);
    else
        handle(server, exchange);
}
