#include <errno.h>
#include <openssl/evp.h>

#include "base/check.h"
#include "srtp/srtp_internal.h"

static EVP_CIPHER_CTX *create_context(const EVP_CIPHER *cipher)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    ASSERT(context && EVP_CipherInit_ex(context, cipher, NULL, NULL, NULL, 1) == 1);
    return context;
}

void srtp_openssl_init(struct srtp_openssl *openssl)
{
    openssl->ctr_128 = create_context(EVP_aes_128_ctr());
    openssl->gcm_128 = create_context(EVP_aes_128_gcm());
    openssl->gcm_256 = create_context(EVP_aes_256_gcm());
}

void srtp_openssl_fini(struct srtp_openssl *openssl)
{
    EVP_CIPHER_CTX_free(openssl->ctr_128);
    EVP_CIPHER_CTX_free(openssl->gcm_128);
    EVP_CIPHER_CTX_free(openssl->gcm_256);
}

static EVP_CIPHER_CTX *gcm_context(struct srtp_openssl *openssl, const struct srtp_pass *pass)
{
    return pass->keys->info->key_len == 16 ? openssl->gcm_128 : openssl->gcm_256;
}

/* No cipher is named: naming it would look it up and build the context anew, with allocations. */
static void restart(EVP_CIPHER_CTX *context, const struct srtp_pass *pass, bool encrypts)
{
    ASSERT(EVP_CipherInit_ex(context, NULL, NULL, pass->key, pass->iv, encrypts) == 1);
}

/* `out` is NULL for what is authenticated only. */
static void update(EVP_CIPHER_CTX *context, uint8_t *out, struct span in)
{
    int written;
    if (in.len > 0)
        ASSERT(EVP_CipherUpdate(context, out, &written, in.p, (int)in.len) == 1);
}

void srtp_openssl_crypt(struct srtp_openssl *openssl, const struct srtp_pass *pass)
{
    restart(openssl->ctr_128, pass, true);
    update(openssl->ctr_128, pass->out, pass->in);
}

static void update_gcm(EVP_CIPHER_CTX *context, const struct srtp_pass *pass)
{
    update(context, NULL, pass->aad[0]);
    update(context, NULL, pass->aad[1]);
    update(context, pass->out, pass->in);
}

void srtp_openssl_seal(struct srtp_openssl *openssl, const struct srtp_pass *pass)
{
    EVP_CIPHER_CTX *context = gcm_context(openssl, pass);
    uint8_t         none[EVP_MAX_BLOCK_LENGTH];
    int             written;
    restart(context, pass, true);
    update_gcm(context, pass);
    ASSERT(EVP_CipherFinal_ex(context, none, &written) == 1);
    ASSERT(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, SRTP_GCM_TAG, pass->tag) == 1);
}

int srtp_openssl_open(struct srtp_openssl *openssl, const struct srtp_pass *pass)
{
    EVP_CIPHER_CTX *context = gcm_context(openssl, pass);
    uint8_t         none[EVP_MAX_BLOCK_LENGTH];
    int             written;
    restart(context, pass, false);
    ASSERT(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, SRTP_GCM_TAG, pass->tag) == 1);
    update_gcm(context, pass);
    return EVP_CipherFinal_ex(context, none, &written) == 1 ? 0 : -EBADMSG;
}
