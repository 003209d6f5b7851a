/*
 * SHA-1 by OpenSSL's low-level functions, deprecated since 3.0: EVP can't be started from saved
 * words, and to copy a started EVP context allocates and frees memory for each packet, twice.
 */
#define OPENSSL_API_COMPAT 10101

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "srtp/srtp_internal.h"

static void hash_padded_key(const uint8_t key[SRTP_HMAC_KEY], uint8_t pad,
                            uint32_t out[SRTP_SHA1_WORDS])
{
    uint8_t block[SHA_CBLOCK];
    SHA_CTX sha;
    memset(block, pad, sizeof(block));
    for (size_t i = 0; i < SRTP_HMAC_KEY; i++)
        block[i] ^= key[i];
    (void)SHA1_Init(&sha);
    SHA1_Transform(&sha, block);
    memcpy(out, (uint32_t[]){ sha.h0, sha.h1, sha.h2, sha.h3, sha.h4 },
           SRTP_SHA1_WORDS * sizeof(*out));
    OPENSSL_cleanse(block, sizeof(block));
    OPENSSL_cleanse(&sha, sizeof(sha));
}

void srtp_hmac_init(const uint8_t key[SRTP_HMAC_KEY], struct srtp_hmac *out)
{
    hash_padded_key(key, 0x36, out->inner);
    hash_padded_key(key, 0x5c, out->outer);
}

/* As if the block with the padded key had just been hashed. */
static SHA_CTX resume(const uint32_t words[SRTP_SHA1_WORDS])
{
    return (SHA_CTX){ .h0 = words[0],
                      .h1 = words[1],
                      .h2 = words[2],
                      .h3 = words[3],
                      .h4 = words[4],
                      .Nl = SHA_CBLOCK * 8 };
}

void srtp_hmac_sign(const struct srtp_hmac *hmac, struct span message, struct span suffix,
                    uint8_t out[SRTP_HMAC_SIZE])
{
    SHA_CTX sha = resume(hmac->inner);
    (void)SHA1_Update(&sha, message.p, message.len);
    (void)SHA1_Update(&sha, suffix.p, suffix.len);
    (void)SHA1_Final(out, &sha);
    sha = resume(hmac->outer);
    (void)SHA1_Update(&sha, out, SRTP_HMAC_SIZE);
    (void)SHA1_Final(out, &sha);
}

bool srtp_hmac_verify(const struct srtp_hmac *hmac, struct span message, struct span suffix,
                      const uint8_t tag[SRTP_HMAC_TAG])
{
    uint8_t right[SRTP_HMAC_SIZE];
    srtp_hmac_sign(hmac, message, suffix, right);
    return CRYPTO_memcmp(right, tag, SRTP_HMAC_TAG) == 0;
}
