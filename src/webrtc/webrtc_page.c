#include "webrtc/webrtc_page.h"

#include "base/auto.h"
#include "base/buf.h"
#include "base/embed.h"
#include "webrtc/webrtc_page_files.h"

EMBED(webrtc_page_html_file, WEBRTC_PAGE_PATH);
EMBED(webrtc_page_reader_file, WEBRTC_READER_PATH);

static void respond_file(struct httpd_exchange *exchange, const char *type, const char *cache,
                         struct span body)
{
    struct httpd_header   header = { "Cache-Control", span_from_string(cache) };
    struct httpd_response response = {
        .status = 200, .content_type = type, .body = body, .headers = &header, .header_count = 1
    };
    httpd_respond(exchange, &response);
}

/* A page of a name that no path can have would ask for ever. */
static void respond_page(struct httpd_exchange *exchange, const struct webrtc_target *target)
{
    struct errmsg why;
    if (webrtc_target_check(target, &why) < 0)
        httpd_respond_error(exchange, 400, "%s", why.text);
    else
        respond_file(exchange, "text/html", "no-cache", EMBEDDED(webrtc_page_html_file));
}

/* To a browser "//name" is another host, and so is "/\name". */
static struct span skip_slashes(struct span path)
{
    while (path.len > 0 && (path.p[0] == '/' || path.p[0] == '\\'))
        path = span_skip(path, 1);
    return path;
}

static void redirect_to_page(struct httpd_exchange *exchange)
{
    const struct httpd_request *request = httpd_request(exchange);
    AUTO(buf_fini) struct buf   location = { 0 };
    struct span                 path = skip_slashes(request->raw_path);
    if (path.len == 0) {
        httpd_respond_not_found(exchange);
        return;
    }
    buf_printf(&location, "/%.*s/", SPAN_ARGS(path));
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
                                       .body = BYTES(WEBRTC_NO_WHIP) };
    httpd_respond(exchange, &response);
}

void webrtc_page_respond(struct httpd_exchange *exchange, const struct webrtc_target *target)
{
    switch (target->kind) {
    case WEBRTC_PAGE:
        respond_page(exchange, target);
        break;
    case WEBRTC_SCRIPT:
        respond_file(exchange, "application/javascript", "max-age=3600",
                     EMBEDDED(webrtc_page_reader_file));
        break;
    case WEBRTC_REDIRECT:
        redirect_to_page(exchange);
        break;
    case WEBRTC_PUBLISH:
        respond_no_whip(exchange);
        break;
    default:
        httpd_respond_not_found(exchange);
    }
}
