/**
 * auth_client: how a client shows who it is once a server has asked (RFC 7617; RFC 7616, and
 * RFC 2617, which most servers still follow).
 *
 *     if (answer->status == 401 && auth_client_read(&client, answer) == 0)
 *         ... the same request once more, with auth_client_add(&client, ...)
 *
 * Chooses: of all challenges, in one header or in several, Digest by SHA-256, else by MD5, else
 *          Basic. `qop=auth` where it is offered.
 * Owner:   one connection; a client of zeros has not been asked yet.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "auth/auth_header.h"
#include "http/message.h"

struct auth_account {
    struct span user, pass; /* the name without quotes, backslashes and control characters */
};

struct auth_client {
    enum auth_scheme scheme; /* 0: not asked */
    enum auth_hash   hash;
    bool             has_qop;
    char            *realm, *nonce;
    char            *opaque; /* NULL: there was none */
    uint32_t         count;  /* of requests that were answered with this nonce */
};

/**
 * Reads the challenges of a 401. -ENOTSUP: none that is known; -EACCES: it was answered before, so
 * that user or password must be wrong.
 */
int auth_client_read(struct auth_client *client, const struct message *answer);

/** Adds an Authorization header; none before there was a challenge. -ENOTSUP: no such hash. */
int auth_client_add(struct auth_client *client, const struct auth_account *account,
                    struct span method, struct span uri, struct buf *request);

/** The value of such a header for Basic; for who need not be asked. */
void auth_client_write_basic(const struct auth_account *account, struct buf *out);

void auth_client_fini(struct auth_client *client);
