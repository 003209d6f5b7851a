/**
 * credential: a user's name or password as settings write it: in plain, or only its hash, as
 * `sha256:` and base64, or `argon2:` and a PHC string.
 *
 * Threads: all functions, from any thread.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

enum credential_kind { CREDENTIAL_EMPTY, CREDENTIAL_PLAIN, CREDENTIAL_SHA256, CREDENTIAL_ARGON2 };

enum {
    CREDENTIAL_SHA256_BYTES = 32,
    CREDENTIAL_MIN_SALT = 8, /* bytes; this and the next as RFC 9106, section 3.1, has them */
    CREDENTIAL_MIN_TAG = 4,
    CREDENTIAL_MAX_SALT = 64, /* 16 are usual */
    CREDENTIAL_MAX_TAG = 64,  /* 32 are usual */
    /* What RFC 9106, section 4, recommends at most, 2 GiB, once and 4 times; and what a check may
     * take before its asker has given up. */
    CREDENTIAL_MAX_MEMORY_KB = 2 << 20,
    CREDENTIAL_MAX_LANES = 16,
    CREDENTIAL_MAX_PASSES = 64,
};

/** What has to be computed anew to check a password (RFC 9106). */
struct credential_argon2 {
    bool     is_hybrid; /* argon2id; else argon2i */
    unsigned version;   /* 0x10, 0x13 */
    unsigned memory_kb, passes, lanes;
    unsigned salt_len, tag_len;
    uint8_t  salt[CREDENTIAL_MAX_SALT];
    uint8_t  tag[CREDENTIAL_MAX_TAG];
};

struct credential {
    enum credential_kind kind;
    union {
        struct span              plain; /* borrowed from what was parsed */
        uint8_t                  sha256[CREDENTIAL_SHA256_BYTES];
        struct credential_argon2 argon2;
    };
};

/** -EINVAL: none of the forms, or over a limit. */
int credential_parse(struct span text, struct credential *out);

/** Is it only known by its hash? */
static inline bool credential_is_hashed(const struct credential *credential)
{
    return credential->kind == CREDENTIAL_SHA256 || credential->kind == CREDENTIAL_ARGON2;
}
