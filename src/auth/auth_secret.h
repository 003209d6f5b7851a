/**
 * auth_secret: a name or a password of the settings, ready to be compared with what was given.
 *
 * Compare: hashes of 32 bytes, of plain texts too, in constant time: neither length nor content
 *          of a secret shows in how long it takes.
 * Threads: all functions, from any thread; const once made.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "conf/credential.h"

struct auth_secret {
    struct credential credential;
    uint8_t           sha256[CREDENTIAL_SHA256_BYTES]; /* unless it is an argon2 */
};

/** What somebody gave. */
struct auth_given {
    struct span text;
    uint8_t     sha256[CREDENTIAL_SHA256_BYTES];
};

/** `text` is a credential that the settings' check let through; it is borrowed. */
void auth_secret_init(struct auth_secret *secret, const char *text);

void auth_given_init(struct auth_given *given, struct span text);

static inline bool auth_secret_is_argon2(const struct auth_secret *secret)
{
    return secret->credential.kind == CREDENTIAL_ARGON2;
}

/** At once; false for an argon2. */
bool auth_secret_equal(const struct auth_secret *secret, const struct auth_given *given);

/** Slow for an argon2: not for a thread with a loop. 1, 0, or -ENOMEM. */
int auth_secret_compute(const struct auth_secret *secret, const struct auth_given *given);
