/**
 * auth_digest: Digest authentication as RTSP servers and clients do it (RFC 7616, and RFC 2617,
 * which most clients still follow): the challenge, and whether an answer was made with a password.
 *
 * Offered: MD5 without qop, alone, as MediaMTX does. An offer of SHA-256 beside it would gain
 *          nothing against who may choose MD5, and cost the clients that take the first or the
 *          last challenge whether they know it or not.
 * Taken:   MD5 and SHA-256, with `qop=auth` and without, as some clients answer what they like.
 * Shape:   views into the header that was parsed; nothing is unescaped, as no credential that
 *          settings can hold has to be.
 */
#pragma once
#include <stdbool.h>

#include "base/span.h"

#define AUTH_REALM_RTSP           "ipcam"
#define AUTH_CHALLENGE_BASIC_RTSP "Basic realm=\"" AUTH_REALM_RTSP "\""

enum {
    AUTH_NONCE = 33,     /* random_hex128() makes one */
    AUTH_CHALLENGE = 96, /* the longest, with its NUL */
    AUTH_RESPONSE = 65,  /* of SHA-256, with its NUL */
};

enum auth_hash { AUTH_MD5, AUTH_SHA256 };

struct auth_digest {
    enum auth_hash hash;
    struct span    user, realm, nonce, uri, response;
    struct span    qop, nc, cnonce; /* empty: not given */
};

/** What an answer has to be made for. */
struct auth_challenge {
    const char *nonce; /* that of the connection; NULL: no challenge was sent */
    struct span method, url;
};

/** Writes the value of a WWW-Authenticate header. */
void auth_digest_write_challenge(const char *nonce, char out[AUTH_CHALLENGE]);

/**
 * Parses what follows `Digest`. -EINVAL: user, realm, nonce, URI or response is missing. What is
 * not known is passed over, and so is an algorithm: it counts as MD5.
 */
int auth_digest_parse(struct span params, struct auth_digest *out);

/**
 * Was it made for this request? Its URI may be that of the request, or for SETUP, whose URL names
 * a track, that of the stream; with a slash behind it or without; and without `rtsp://host`.
 */
bool auth_digest_fits(const struct auth_digest *digest, const struct auth_challenge *challenge);

/** What its `response` has to be, for who knows the password of its user. -ENOTSUP: no such hash.
 */
int auth_digest_respond(const struct auth_digest *digest, struct span method, struct span pass,
                        char out[AUTH_RESPONSE]);

/** Was it made with this user and password? Takes as long whether it was or not. */
bool auth_digest_verify(const struct auth_digest *digest, struct span method, struct span user,
                        struct span pass);
