/* The HTTP side, on main: WHEP (draft-ietf-wish-whep) and the page, as MediaMTX's clients see them.
 */
#include <errno.h>

#include "base/check.h"
#include "base/mem.h"
#include "webrtc/webrtc_internal.h"
#include "webrtc/webrtc_links.h"
#include "webrtc/webrtc_page.h"

#define EXPOSED_HEADERS "ETag, ID, Accept-Patch, Link, Location"

static const char allow_methods[] = "OPTIONS, GET, POST, PATCH, DELETE";
static const char allow_headers[] = "Authorization, Content-Type, If-Match";

/* In the place of what a later version will have. */
#define NO_WHIP "publishing by WHIP is not possible in this version"

enum target_kind {
    TARGET_NONE,
    TARGET_PAGE,
    TARGET_REDIRECT, /* to the page */
    TARGET_SCRIPT,
    TARGET_PUBLISH, /* the page to publish from, and its script */
    TARGET_WHIP,
    TARGET_WHEP,
};

/* What a URL means: "/cam/whep/SECRET" is { TARGET_WHEP, "cam", "SECRET" }. */
struct target {
    enum target_kind kind;
    struct span      path;
    struct span      secret; /* p == NULL: none */
};

static const struct target_row {
    const char      *word;
    enum target_kind kind;
    bool             is_service; /* a secret may follow */
} target_rows[] = {
    { "whep", TARGET_WHEP, true },
    { "whip", TARGET_WHIP, true },
    { "reader.js", TARGET_SCRIPT, false },
    { "publish", TARGET_PUBLISH, false },
    { "publisher.js", TARGET_PUBLISH, false },
};

/* Cuts "/word" off the end. */
static bool cut_suffix(struct span *path, const char *word)
{
    size_t len = strlen(word);
    if (path->len <= len + 1 || path->p[path->len - len - 1] != '/' ||
        memcmp(path->p + path->len - len, word, len) != 0)
        return false;
    path->len -= len + 1;
    return true;
}

static bool cut_last(struct span *path, struct span *last)
{
    for (size_t i = path->len; i-- > 0;) {
        if (path->p[i] != '/')
            continue;
        *last = span_skip(*path, i + 1);
        path->len = i;
        return true;
    }
    return false;
}

/* The page of a path; not every name can be one. */
static struct target page_target(struct span all)
{
    bool          is_page = all.len && all.p[all.len - 1] == '/';
    struct target target = { is_page ? TARGET_PAGE : TARGET_REDIRECT,
                             span_first(all, all.len - is_page),
                             { 0 } };
    if (target.path.len == 0 || span_is(all, "whep") || span_is(all, "whip") ||
        span_is(all, "favicon.ico"))
        target.kind = TARGET_NONE;
    return target;
}

static struct target parse_target(const char *text)
{
    struct span all = span_skip(span_from_string(text), text[0] == '/');
    for (size_t i = 0; i < COUNT(target_rows); i++) {
        const struct target_row *row = &target_rows[i];
        struct span              path = all, rest = all, secret = { 0 };
        if (cut_suffix(&path, row->word))
            return (struct target){ row->kind, path, { 0 } };
        if (row->is_service && cut_last(&rest, &secret) && secret.len &&
            cut_suffix(&rest, row->word))
            return (struct target){ row->kind, rest, secret };
    }
    return page_target(all);
}

/* Pages */

static void respond_file(struct httpd_exchange *exchange, const char *type, const char *cache,
                         struct span body)
{
    struct httpd_header   header = { "Cache-Control", span_from_string(cache) };
    struct httpd_response response = {
        .status = 200, .content_type = type, .body = body, .headers = &header, .header_count = 1
    };
    httpd_respond(exchange, &response);
}

static void redirect_to_page(struct httpd_exchange *exchange)
{
    const struct httpd_request *request = httpd_request(exchange);
    AUTO(buf_fini) struct buf   location = { 0 };
    buf_printf(&location, "%.*s/", SPAN_ARGS(request->raw_path));
    if (request->query.p)
        buf_printf(&location, "?%.*s", SPAN_ARGS(request->query));
    struct httpd_header   header = { "Location", buf_span(&location) };
    struct httpd_response response = { .status = 302, .headers = &header, .header_count = 1 };
    httpd_respond(exchange, &response);
}

static void respond_no_whip(struct httpd_exchange *exchange)
{
    struct httpd_response response = { .status = 404,
                                       .content_type = "text/plain",
                                       .body = BYTES(NO_WHIP) };
    httpd_respond(exchange, &response);
}

static void on_get(struct httpd_exchange *exchange, const struct target *target)
{
    switch (target->kind) {
    case TARGET_PAGE:
        respond_file(exchange, "text/html", "no-cache", webrtc_page_html());
        break;
    case TARGET_SCRIPT:
        respond_file(exchange, "application/javascript", "max-age=3600", webrtc_page_reader());
        break;
    case TARGET_REDIRECT:
        redirect_to_page(exchange);
        break;
    case TARGET_PUBLISH:
        respond_no_whip(exchange);
        break;
    default:
        httpd_respond_not_found(exchange);
    }
}

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

static void free_post(struct webrtc_post *post)
{
    if (post->granted)
        path_request_free(post->granted);
    buf_fini(&post->answer);
    mem_free(post->query);
    mem_free(post->body);
    mem_free(post);
}

static void refuse_post(struct webrtc_post *post)
{
    struct httpd_exchange *exchange = httpd_find(post->server->http, post->exchange);
    if (exchange)
        httpd_respond_error(exchange, post->status, "%s", post->why.text);
    free_post(post);
}

/* There is no session yet that would log it. */
static void turn_away(struct webrtc_post *post)
{
    struct span host = webrtc_host_of(post->peer);
    /* Without the port: a page that asks again each second is one line in ten of them. */
    LOG(&post->server->log, LOG_INFO, "%.*s can't read from path '%s': %s", SPAN_ARGS(host),
        post->path, post->why.text);
    refuse_post(post);
}

static void on_granted(struct loop *loop, struct path_request *request)
{
    struct webrtc_post   *post = request->asker;
    struct webrtc_server *server = post->server;
    post->granted = request;
    if (request->answer == PATH_OK) {
        post->mail.handle = webrtc_session_open;
        loop_post(server->loops[request->home], &post->mail);
        return;
    }
    webrtc_server_remove_pending(server, post->peer);
    post->status = request->answer == PATH_NO_STREAM ? 404 : 400;
    post->why = request->why;
    turn_away(post);
}

/* Before the session exists there is nobody to be told; then the stream's end tells it. */
static void on_kick(struct loop *loop, struct slot_id session, const char *reason)
{
}

static void ask_for_stream(struct webrtc_post *post)
{
    struct path_request *request = path_request_new(PATH_READ);
    request->from = post->server->main;
    request->asker = post;
    request->on_answer = on_granted;
    request->on_kick = on_kick;
    memcpy(request->name, post->path, sizeof(request->name));
    path_ask(post->server->registry, request);
}

static struct webrtc_post *make_post(struct webrtc_server *server, struct httpd_exchange *exchange,
                                     const struct target *target)
{
    const struct httpd_request *request = httpd_request(exchange);
    struct webrtc_post         *post = mem_new(struct webrtc_post);
    post->server = server;
    post->exchange = httpd_exchange_id(exchange);
    post->body = span_to_string(request->body);
    post->query = request->query.p ? span_to_string(request->query) : NULL;
    (void)snprintf(post->peer, sizeof(post->peer), "%s", request->peer_text);
    (void)span_copy_string(target->path, post->path, sizeof(post->path));
    webrtc_hosts_gather(server, &request->local, post);
    return post;
}

static void on_post(struct webrtc_server *server, struct httpd_exchange *exchange,
                    const struct target *target)
{
    const struct httpd_request *request = httpd_request(exchange);
    if (!has_type(request, "application/sdp")) {
        httpd_respond_error(exchange, 400, "invalid Content-Type");
        return;
    }
    if (target->path.len > PATH_MAX_NAME) {
        httpd_respond_error(exchange, 400, "invalid path name: longer than %d bytes",
                            PATH_MAX_NAME);
        return;
    }
    struct webrtc_post *post = make_post(server, exchange, target);
    struct span         body = { (const uint8_t *)post->body, request->body.len };
    post->status = 400;
    if (sdp_offer_parse(body, &post->offer, &post->why) < 0) {
        turn_away(post);
        return;
    }
    if (!webrtc_server_add_pending(server, post->peer)) {
        post->status = 503;
        (void)errmsg_set(&post->why, -EBUSY, "too many sessions are connecting; try again later");
        turn_away(post);
        return;
    }
    post->status = 0;
    ask_for_stream(post);
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
    struct webrtc_post *post = CONTAINER_OF(mail, struct webrtc_post, mail);
    if (post->status != 201) {
        if (!post->has_session)
            webrtc_server_remove_pending(post->server, post->peer);
        refuse_post(post);
        return;
    }
    struct webrtc_ticket *ticket = mem_new(struct webrtc_ticket);
    *ticket = (struct webrtc_ticket){ post->session, post->worker };
    map_put(post->server->tickets, span_from_string(post->secret), ticket);
    struct httpd_exchange *exchange = httpd_find(post->server->http, post->exchange);
    if (exchange) {
        respond_created(post, exchange);
    } else { /* who asked has gone, and nobody else knows the session */
        struct webrtc_order *order = mem_new(struct webrtc_order);
        order->is_end = true;
        send_order(post->server, ticket, order);
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
                     const struct target *target, struct webrtc_order *order)
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
                      const struct target *target)
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
                     const struct target *target)
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
                       const struct target *target)
{
    typedef void handle_fn(struct webrtc_server *, struct httpd_exchange *, const struct target *);
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
        else if (target->kind == TARGET_WHIP)
            httpd_respond_error(exchange, 400, NO_WHIP);
        else
            rules[i].handle(server, exchange, target);
        return;
    }
    httpd_respond_not_found(exchange);
}

void webrtc_http_on_request(void *arg, struct httpd_exchange *exchange)
{
    const struct httpd_request *request = httpd_request(exchange);
    struct target               target = parse_target(request->path);
    bool is_service = target.kind == TARGET_WHEP || target.kind == TARGET_WHIP;
    bool is_preflight = message_header(request->message, "Access-Control-Request-Method").p != NULL;
    if (span_is(request->method, "OPTIONS") && (is_preflight || (is_service && !target.secret.p)))
        on_options(arg, exchange, is_preflight);
    else if (is_service)
        on_service(arg, exchange, &target);
    else if (span_is(request->method, "GET") || span_is(request->method, "HEAD"))
        on_get(exchange, &target);
    else
        httpd_respond_not_found(exchange);
}
