/**
 * httpd_tls: TLS of the HTTP server's connections, and the certificate they are shown.
 *
 * Reload:  when a client comes, at most once a second, the files are looked at; a new pair that
 *          is fit for use takes the old one's place, for new connections. A server without
 *          clients does nothing.
 * Threads: the server's.
 */
#pragma once
#include <openssl/types.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/auto.h"
#include "base/errmsg.h"
#include "base/log.h"
#include "base/span.h"
#include "httpd/httpd.h"

struct httpd_certs;

/** Loads the pair; `log` is borrowed. The reason on failure is MediaMTX's. */
int httpd_certs_create(const struct httpd_tls *files, const struct log_context *log,
                       struct httpd_certs **out, struct errmsg *why);

/** Accepts NULL. Returns NULL. Connections that stand keep what they have. */
struct httpd_certs *httpd_certs_destroy(struct httpd_certs *certs);
DEFINE_AUTO(struct httpd_certs *, httpd_certs_destroy)

/** The server's side of TLS on `fd`, to be released with SSL_free(); NULL: no memory. */
SSL *httpd_tls_open(struct httpd_certs *certs, int fd, int64_t now_ns);

/**
 * One record, after the handshake. 0: nothing for now; SSL_want_write() tells that the socket has
 * to take something first. UV_EOF. -EPROTONOSUPPORT: this is plain HTTP. Another negative errno.
 */
ssize_t httpd_tls_receive(SSL *tls, uint8_t *out, size_t size);

/** At least one byte and at most a record. -EAGAIN, or another negative errno. */
ssize_t httpd_tls_send(SSL *tls, struct span bytes);
