/**
 * httpd_client: who asks from behind a proxy, by what the proxy says: X-Forwarded-For, and where
 * that says nothing X-Real-IP, read as MediaMTX does.
 *
 * Each proxy adds the address that asked it to the end of the list. So the client is the last
 * address that is no trusted proxy: what stands before it may be the client's own invention. Of a
 * list of trusted proxies alone it is the first.
 *
 * Refused: a list in which something else comes before the client is found, or too many proxies.
 */
#pragma once
#include "http/message.h"
#include "httpd/httpd.h"

/** What a head says of its client; views into it. One of zeros says nothing. */
struct httpd_claims {
    unsigned    line_count;
    struct span lines[MESSAGE_MAX_HEADERS]; /* of X-Forwarded-For: together they are one list */
    struct span real_ip;                    /* p == NULL: none */
};

/** Notes the header if it is one of these. */
void httpd_claims_add(struct httpd_claims *claims, struct span name, struct span value);

/**
 * The client's address, with the port of the proxy that has connected. -ENOENT: what is said of
 * it makes no sense, or nothing is.
 */
int httpd_client_find(const struct httpd_claims *claims, const struct address *proxy,
                      httpd_trust_fn *is_proxy, void *arg, struct address *out);
