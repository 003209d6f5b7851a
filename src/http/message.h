/**
 * message: one incremental parser and one writer for HTTP/1.1 and RTSP/1.0 messages, which share
 * a grammar (RFC 9112, RFC 2326 section 4).
 *
 * Shape:   bytes in, views out; nothing is allocated. The caller keeps the bytes and tries again
 *          with more of them after -EAGAIN.
 * Limits:  the MESSAGE_MAX_... below; all are in docs/limits.md.
 * Cost:    each try reads the head again from its front; the limits make that a few microseconds
 *          at most, so that bytes which come one by one cost little more than their arrival.
 * Threads: all functions, from any thread.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/span.h"

enum {
    MESSAGE_MAX_START_LINE = 4096,      /* a URL with a long token in its query still fits */
    MESSAGE_MAX_HEADERS = 64,           /* browsers send about 20 */
    MESSAGE_MAX_NAME = 128,             /* of a header; the longest in use have about 40 */
    MESSAGE_MAX_EMPTY_LINES = 64,       /* before a message; one is usual (RFC 9112, section 2.2) */
    MESSAGE_MAX_HEAD = 32768,           /* start line and headers together, with empty lines */
    MESSAGE_MAX_BODY = 1 << 20,         /* of HTTP: what the API is sent */
    MESSAGE_MAX_RTSP_BODY = 128 * 1024, /* an SDP has a few kilobytes */
};

enum message_protocol { MESSAGE_RTSP, MESSAGE_HTTP };

struct message_header {
    struct span name;
    struct span value; /* trimmed */
};

/** A request or an answer; all spans are views into the bytes that were parsed. */
struct message {
    enum message_protocol protocol;
    bool                  is_response;
    struct span           method; /* requests */
    struct span           url;    /* requests: as sent */
    unsigned              minor_version;
    unsigned              status; /* responses; the reason phrase may be missing */
    struct span           reason;
    unsigned              header_count;
    struct message_header headers[MESSAGE_MAX_HEADERS];
    struct span           body;       /* by Content-Length */
    bool                  is_chunked; /* HTTP: the body follows in chunks and is not in `body` */
};

/**
 * Parses one message from the front of `in`; lines end in CRLF or LF, empty lines before the
 * message are passed over. Returns bytes used. -EAGAIN: more bytes are needed. -EBADMSG: not a
 * message. -EMSGSIZE: over one of the limits. -EPROTONOSUPPORT: version is not RTSP/1.0, HTTP/1.0
 * or HTTP/1.1. A message is refused as soon as its bytes say so, without waiting for its end;
 * a start line without any version (rubbish) is -EAGAIN until MESSAGE_MAX_START_LINE is reached.
 */
ssize_t message_parse(struct span in, struct message *out);

/** The first header with this name (case does not matter), or an empty span with p == NULL. */
struct span message_header(const struct message *message, const char *name);

/** Status code to its standard phrase, RTSP's and HTTP's: 454 to "Session Not Found". */
const char *message_reason(unsigned status);

/**
 * Writing: message_start_response(), headers in the order the caller wants, then exactly one
 * message_finish(). Headers with CR, LF or NUL in a value are refused by an assertion: callers
 * never echo unchecked bytes.
 */
void message_start_response(struct buf *out, enum message_protocol protocol, unsigned status);
void message_start_request(struct buf *out, enum message_protocol protocol, const char *method,
                           struct span url);

__attribute__((format(printf, 3, 4))) void message_add(struct buf *out, const char *name,
                                                       const char *format, ...);

/** Ends the head and appends the body. Content-Length is the caller's header to add. */
void message_finish(struct buf *out, struct span body);
