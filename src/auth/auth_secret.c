#include "auth/auth_secret.h"

#include <argon2.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/check.h"

static void hash_text(struct span text, uint8_t out[CREDENTIAL_SHA256_BYTES])
{
    int is_done = EVP_Digest(text.p, text.len, out, NULL, EVP_sha256(), NULL);
    ASSERT(is_done == 1);
}

void auth_secret_init(struct auth_secret *secret, const char *text)
{
    *secret = (struct auth_secret){ 0 };
    int err = credential_parse(span_from_string(text), &secret->credential);
    ASSERT(err == 0);
    if (secret->credential.kind == CREDENTIAL_SHA256)
        memcpy(secret->sha256, secret->credential.sha256, sizeof(secret->sha256));
    else
        hash_text(span_from_string(text), secret->sha256);
}

void auth_given_init(struct auth_given *given, struct span text)
{
    given->text = text;
    hash_text(text, given->sha256);
}

bool auth_secret_equal(const struct auth_secret *secret, const struct auth_given *given)
{
    return !auth_secret_is_argon2(secret) &&
           CRYPTO_memcmp(secret->sha256, given->sha256, sizeof(secret->sha256)) == 0;
}

/* One thread computes all lanes: the same result, and no more of the machine than was meant. */
static int compute_argon2(const struct credential_argon2 *want, struct span text)
{
    uint8_t        tag[CREDENTIAL_MAX_TAG];
    argon2_context context = {
        .out = tag,
        .outlen = want->tag_len,
        .pwd = (uint8_t *)text.p,
        .pwdlen = (uint32_t)text.len,
        .salt = (uint8_t *)want->salt,
        .saltlen = want->salt_len,
        .t_cost = want->passes,
        .m_cost = want->memory_kb,
        .lanes = want->lanes,
        .threads = 1,
        .version = want->version,
        .flags = ARGON2_DEFAULT_FLAGS,
    };
    int result = argon2_ctx(&context, want->is_hybrid ? Argon2_id : Argon2_i);
    if (result == ARGON2_MEMORY_ALLOCATION_ERROR)
        return -ENOMEM;
    ASSERT(result == ARGON2_OK);
    return CRYPTO_memcmp(tag, want->tag, want->tag_len) == 0;
}

int auth_secret_compute(const struct auth_secret *secret, const struct auth_given *given)
{
    return auth_secret_is_argon2(secret) ? compute_argon2(&secret->credential.argon2, given->text)
                                         : auth_secret_equal(secret, given);
}
