/**
 * auth_header: the credentials in a request's Authorization header.
 */
#pragma once
#include "auth/auth_digest.h"
#include "base/auto.h"
#include "base/span.h"

#define AUTH_CHALLENGE_HTTP "Basic realm=\"mediamtx\""

/** Bits: what a server understands. RTSP has the first two as the settings say, HTTP the others. */
enum auth_scheme { AUTH_SCHEME_BASIC = 1, AUTH_SCHEME_DIGEST = 2, AUTH_SCHEME_BEARER = 4 };

enum auth_kind {
    AUTH_NOTHING,
    AUTH_PASSWORD, /* a user and a password, by whatever way they came */
    AUTH_DIGEST,   /* that it knows the password */
};

/** Who somebody says to be. Zeros are nobody. */
struct auth_credentials {
    enum auth_kind     kind;
    struct span        user;    /* as sent; the name to show once it is allowed in */
    struct span        pass;    /* AUTH_PASSWORD */
    struct auth_digest digest;  /* AUTH_DIGEST */
    struct span        token;   /* `Bearer x`, but not `Bearer user:pass` */
    uint8_t           *decoded; /* what views of Basic lie in */
    size_t             decoded_len;
};

/**
 * Parses the value of an Authorization header; views lie in it, and in memory that
 * auth_credentials_fini() frees. -EINVAL: none of `schemes` (bits), or not to be understood; `out`
 * is of zeros then, which is as good as no header: the client is asked for credentials.
 */
int auth_parse_header(struct span header, unsigned schemes, struct auth_credentials *out);

/** Makes it zeros. */
void auth_credentials_fini(struct auth_credentials *credentials);

static inline void auto_auth_credentials_fini(struct auth_credentials *credentials)
{
    auth_credentials_fini(credentials);
}
