#include "http/message.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"

enum { MAX_METHOD = 32 }; /* the longest in use, GET_PARAMETER and SET_PARAMETER, have 13 */

static const struct version {
    const char           *text;
    enum message_protocol protocol;
    unsigned              minor;
} versions[] = {
    { "RTSP/1.0", MESSAGE_RTSP, 0 },
    { "HTTP/1.1", MESSAGE_HTTP, 1 },
    { "HTTP/1.0", MESSAGE_HTTP, 0 },
};

/* Where the two disagree (302, 451), the name in use: RFC 9110, RFC 2326 section 7.1.1. */
static const struct reason {
    unsigned    status;
    const char *text;
} reasons[] = {
    { 100, "Continue" },
    { 101, "Switching Protocols" },
    { 200, "OK" },
    { 201, "Created" },
    { 202, "Accepted" },
    { 204, "No Content" },
    { 206, "Partial Content" },
    { 301, "Moved Permanently" },
    { 302, "Found" },
    { 303, "See Other" },
    { 304, "Not Modified" },
    { 307, "Temporary Redirect" },
    { 308, "Permanent Redirect" },
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 406, "Not Acceptable" },
    { 408, "Request Timeout" },
    { 409, "Conflict" },
    { 410, "Gone" },
    { 411, "Length Required" },
    { 412, "Precondition Failed" },
    { 413, "Content Too Large" },
    { 414, "URI Too Long" },
    { 415, "Unsupported Media Type" },
    { 416, "Range Not Satisfiable" },
    { 417, "Expectation Failed" },
    { 422, "Unprocessable Content" },
    { 426, "Upgrade Required" },
    { 429, "Too Many Requests" },
    { 431, "Request Header Fields Too Large" },
    { 451, "Parameter Not Understood" },
    { 452, "Conference Not Found" },
    { 453, "Not Enough Bandwidth" },
    { 454, "Session Not Found" },
    { 455, "Method Not Valid in This State" },
    { 456, "Header Field Not Valid for Resource" },
    { 457, "Invalid Range" },
    { 458, "Parameter Is Read-Only" },
    { 459, "Aggregate Operation Not Allowed" },
    { 460, "Only Aggregate Operation Allowed" },
    { 461, "Unsupported Transport" },
    { 462, "Destination Unreachable" },
    { 500, "Internal Server Error" },
    { 501, "Not Implemented" },
    { 502, "Bad Gateway" },
    { 503, "Service Unavailable" },
    { 504, "Gateway Timeout" },
    { 505, "Version Not Supported" },
    { 551, "Option Not Supported" },
};

/* RFC 9110, section 5.6.2: what a header's name is made of. */
static const bool token_chars[256] = {
    ['a' ... 'z'] = true,  ['A' ... 'Z'] = true, ['0' ... '9'] = true, ['!'] = true,
    ['#' ... '\''] = true, ['*'] = true,         ['+'] = true,         ['-'] = true,
    ['.'] = true,          ['^' ... '`'] = true, ['|'] = true,         ['~'] = true,
};

static bool is_method_char(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || c == '_';
}

/* A lone CR or a NUL is where two parsers begin to differ: RFC 9112, section 2.2. */
static int take_line(struct span *rest, struct span *line)
{
    ptrdiff_t len = span_find(*rest, '\n');
    if (len < 0)
        return -EAGAIN;
    *line = span_first(*rest, (size_t)len);
    *rest = span_skip(*rest, (size_t)len + 1);
    if (line->len > 0 && line->p[line->len - 1] == '\r')
        line->len--;
    return span_find(*line, '\r') < 0 && span_find(*line, '\0') < 0 ? 0 : -EBADMSG;
}

static int skip_empty_lines(struct span *rest)
{
    for (int i = 0; i <= MESSAGE_MAX_EMPTY_LINES; i++) {
        size_t cr = rest->len > 0 && rest->p[0] == '\r';
        if (rest->len <= cr || rest->p[cr] != '\n')
            return 0;
        *rest = span_skip(*rest, cr + 1);
    }
    return -EMSGSIZE;
}

static bool is_url(struct span url)
{
    for (size_t i = 0; i < url.len; i++) {
        if (url.p[i] <= ' ' || url.p[i] == 0x7f)
            return false;
    }
    return url.len > 0;
}

static int parse_version(struct span text, struct message *message)
{
    for (size_t i = 0; i < COUNT(versions); i++) {
        if (span_is(text, versions[i].text)) {
            message->protocol = versions[i].protocol;
            message->minor_version = versions[i].minor;
            return 0;
        }
    }
    bool is_other = span_starts_with(text, "RTSP/") || span_starts_with(text, "HTTP/");
    return is_other ? -EPROTONOSUPPORT : -EBADMSG;
}

static int parse_status_line(struct span line, struct message *message)
{
    struct span version, status;
    (void)span_next(&line, ' ', &version);
    int err = parse_version(version, message);
    if (err < 0)
        return err;
    uint64_t number;
    if (!span_next(&line, ' ', &status) || status.len != 3 || status.p[0] == '0' ||
        span_to_uint(status, 999, &number) < 0)
        return -EBADMSG;
    message->is_response = true;
    message->status = (unsigned)number;
    message->reason = span_trim(line);
    return 0;
}

static int parse_request_line(struct span line, struct message *message)
{
    (void)span_next(&line, ' ', &message->method);
    if (!span_next(&line, ' ', &message->url) || line.len == 0)
        return -EAGAIN;
    return is_url(message->url) ? parse_version(span_trim(line), message) : -EBADMSG;
}

/* Refuses what can't become a start line, however much may follow. */
static int check_first_word(struct span in)
{
    size_t len = 0;
    while (len < in.len && is_method_char(in.p[len]))
        len++;
    if (len > MAX_METHOD)
        return -EBADMSG;
    struct span word = span_first(in, len);
    if (len == in.len)
        return 0;
    switch (in.p[len]) {
    case ' ':
    case '\n':
        return len > 0 ? 0 : -EBADMSG;
    case '\r':
        return len > 0 || in.len == 1 ? 0 : -EBADMSG;
    case '/':
        return span_is(word, "RTSP") || span_is(word, "HTTP") ? 0 : -EBADMSG;
    default:
        return -EBADMSG;
    }
}

static int parse_start_line(struct span *rest, struct message *message)
{
    int err = check_first_word(*rest);
    if (err < 0)
        return err;
    size_t      available = rest->len;
    struct span start = span_first(*rest, MESSAGE_MAX_START_LINE), line;
    err = take_line(&start, &line);
    if (err == 0) {
        *rest = span_skip(*rest, (size_t)(start.p - rest->p));
        bool is_response = span_starts_with(line, "RTSP/") || span_starts_with(line, "HTTP/");
        err = is_response ? parse_status_line(line, message) : parse_request_line(line, message);
    }
    return err == -EAGAIN && available >= MESSAGE_MAX_START_LINE ? -EMSGSIZE : err;
}

/* Until the head is complete, the body has its length and no place. */
static int parse_content_length(struct span value, struct message *message)
{
    bool     is_rtsp = message->protocol == MESSAGE_RTSP;
    uint64_t len;
    int      err = span_to_uint(value, is_rtsp ? MESSAGE_MAX_RTSP_BODY : MESSAGE_MAX_BODY, &len);
    if (err < 0)
        return err == -ERANGE ? -EMSGSIZE : -EBADMSG;
    bool is_repeated = message_header(message, "Content-Length").p != NULL;
    if (is_repeated && len != message->body.len)
        return -EBADMSG;
    message->body.len = (size_t)len;
    return 0;
}

/* RTSP has no chunks (RFC 2326, section 4.4), nor has HTTP/1.0; other codings nobody offered. */
static int parse_transfer_encoding(struct span value, struct message *message)
{
    if (message->protocol != MESSAGE_HTTP || message->minor_version == 0)
        return -EBADMSG;
    if (message->is_chunked || !span_is_nocase(value, "chunked"))
        return -EBADMSG;
    message->is_chunked = true;
    return 0;
}

static int parse_header(struct span line, struct message *message)
{
    struct message_header header = { .value = line };
    if (span_find(line, ':') <= 0)
        return -EBADMSG;
    (void)span_next(&header.value, ':', &header.name);
    header.value = span_trim(header.value);
    if (header.name.len > MESSAGE_MAX_NAME || message->header_count == MESSAGE_MAX_HEADERS)
        return -EMSGSIZE;
    for (size_t i = 0; i < header.name.len; i++) {
        if (!token_chars[header.name.p[i]])
            return -EBADMSG;
    }
    int err = 0;
    if (span_is_nocase(header.name, "Content-Length"))
        err = parse_content_length(header.value, message);
    else if (span_is_nocase(header.name, "Transfer-Encoding"))
        err = parse_transfer_encoding(header.value, message);
    message->headers[message->header_count++] = header;
    return err;
}

static int parse_head(struct span *rest, struct message *message)
{
    int err = skip_empty_lines(rest);
    if (err == 0)
        err = parse_start_line(rest, message);
    while (err == 0) {
        struct span line;
        err = take_line(rest, &line);
        if (err < 0 || line.len == 0)
            break;
        err = parse_header(line, message);
    }
    /* Two ways to find the end of one body: request smuggling (RFC 9112, section 6.3). */
    if (err == 0 && message->is_chunked && message_header(message, "Content-Length").p)
        return -EBADMSG;
    return err;
}

ssize_t message_parse(struct span in, struct message *out)
{
    struct message message = { 0 };
    struct span    rest = span_first(in, MESSAGE_MAX_HEAD);
    int            err = parse_head(&rest, &message);
    if (err == -EAGAIN && in.len >= MESSAGE_MAX_HEAD)
        return -EMSGSIZE;
    if (err < 0)
        return err;
    rest = span_skip(in, (size_t)(rest.p - in.p));
    if (rest.len < message.body.len)
        return -EAGAIN;
    message.body = span_first(rest, message.body.len);
    *out = message;
    return message.body.p + message.body.len - in.p;
}

struct span message_header(const struct message *message, const char *name)
{
    for (unsigned i = 0; i < message->header_count; i++) {
        if (span_is_nocase(message->headers[i].name, name))
            return message->headers[i].value;
    }
    return (struct span){ 0 };
}

const char *message_reason(unsigned status)
{
    for (size_t i = 0; i < COUNT(reasons); i++) {
        if (reasons[i].status == status)
            return reasons[i].text;
    }
    return "Unknown";
}

static const char *version_text(enum message_protocol protocol)
{
    return protocol == MESSAGE_RTSP ? "RTSP/1.0" : "HTTP/1.1";
}

void message_start_response(struct buf *out, enum message_protocol protocol, unsigned status)
{
    buf_printf(out, "%s %u %s\r\n", version_text(protocol), status, message_reason(status));
}

void message_start_request(struct buf *out, enum message_protocol protocol, const char *method,
                           struct span url)
{
    ASSERT(is_url(url));
    buf_printf(out, "%s %.*s %s\r\n", method, SPAN_ARGS(url), version_text(protocol));
}

void message_add(struct buf *out, const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    ASSERT(len >= 0);
    AUTO(mem_free) char *value = mem_alloc((size_t)len + 1);
    va_start(args, format);
    (void)vsnprintf(value, (size_t)len + 1, format, args);
    va_end(args);
    ASSERT(strcspn(value, "\r\n") == (size_t)len); /* a NUL makes it shorter too */
    buf_printf(out, "%s: %s\r\n", name, value);
}

void message_finish(struct buf *out, struct span body)
{
    buf_append_string(out, "\r\n");
    buf_append(out, body);
}
