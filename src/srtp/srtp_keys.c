#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/prefetch.h"
#include "srtp/srtp_mb.h"

/* The one that we would take first comes first: AES-GCM costs half. */
static const struct srtp_profile_info profiles[] = {
    /* profile, OpenSSL's name, key, salt, tag, is_aead */
    { SRTP_PROFILE_AEAD_AES_128_GCM, "SRTP_AEAD_AES_128_GCM", 16, 12, SRTP_GCM_TAG, true },
    { SRTP_PROFILE_AEAD_AES_256_GCM, "SRTP_AEAD_AES_256_GCM", 32, 12, SRTP_GCM_TAG, true },
    { SRTP_PROFILE_AES128_CM_SHA1_80, "SRTP_AES128_CM_SHA1_80", 16, 14, SRTP_HMAC_TAG, false },
};

/* What a session key is for: RFC 3711, section 4.3.2. RTCP's are the same, from 3. */
enum label { LABEL_KEY = 0, LABEL_HMAC = 1, LABEL_SALT = 2, LABEL_RTCP = 3 };

const struct srtp_profile_info *srtp_profile_find(unsigned long id)
{
    for (size_t i = 0; i < COUNT(profiles); i++)
        if (profiles[i].profile == id)
            return &profiles[i];
    return NULL;
}

void srtp_profile_names(struct buf *out)
{
    for (size_t i = 0; i < COUNT(profiles); i++)
        buf_printf(out, "%s%s", i ? ":" : "", profiles[i].openssl_name);
}

/* The master key's key stream from where salt and label point: `len` bytes over those in `out`. */
static void derive(EVP_CIPHER_CTX *prf, struct span salt, unsigned label, uint8_t *out, int len)
{
    uint8_t iv[SRTP_IV] = { 0 };
    int     written;
    memcpy(iv, salt.p, salt.len);
    iv[7] ^= (uint8_t)label;
    memset(out, 0, (size_t)len);
    ASSERT(EVP_EncryptInit_ex(prf, NULL, NULL, NULL, iv) == 1);
    ASSERT(EVP_EncryptUpdate(prf, out, &written, out, len) == 1);
}

static void derive_secrets(EVP_CIPHER_CTX *prf, const struct srtp_profile_info *info,
                           struct span salt, unsigned first_label, struct srtp_secrets *out)
{
    derive(prf, salt, first_label + LABEL_KEY, out->key, info->key_len);
    derive(prf, salt, first_label + LABEL_SALT, out->salt, info->salt_len);
    derive(prf, salt, first_label + LABEL_HMAC, out->hmac_key, SRTP_HMAC_KEY);
}

static void session_init(const struct srtp_secrets *secrets, struct srtp_session *out)
{
    memcpy(out->key, secrets->key, sizeof(secrets->key));
    memcpy(out->salt, secrets->salt, sizeof(secrets->salt));
    srtp_hmac_init(secrets->hmac_key, &out->hmac);
}

static size_t round_up(size_t value)
{
    return (value + SRTP_MB_KEYS_ALIGN - 1) & ~(size_t)(SRTP_MB_KEYS_ALIGN - 1);
}

/* The tables behind the struct want an alignment that malloc() does not promise. */
static struct srtp_keys *allocate_keys(size_t tables)
{
    size_t            size = round_up(sizeof(struct srtp_keys)) + tables + SRTP_MB_KEYS_ALIGN;
    uint8_t          *memory = mem_zero(size);
    struct srtp_keys *keys = (void *)(memory + (round_up((uintptr_t)memory) - (uintptr_t)memory));
    keys->memory = memory;
    keys->size = size;
    if (tables > 0)
        keys->mb = (void *)((uint8_t *)keys + round_up(sizeof(*keys)));
    return keys;
}

struct srtp_keys *srtp_keys_build(const struct srtp_sealer       *sealer,
                                  const struct srtp_profile_info *info,
                                  const struct srtp_secrets *rtp, const struct srtp_secrets *rtcp)
{
    struct srtp_keys *keys = allocate_keys(sealer->mb ? srtp_mb_keys_size(info) : 0);
    keys->info = info;
    session_init(rtp, &keys->rtp);
    session_init(rtcp, &keys->rtcp);
    if (keys->mb)
        srtp_mb_keys_init(sealer->mb, keys);
    return keys;
}

int srtp_keys_create(const struct srtp_sealer *sealer, enum srtp_profile profile,
                     struct span master_key, struct span master_salt, struct srtp_keys **out)
{
    const struct srtp_profile_info *info = srtp_profile_find(profile);
    if (!info || master_key.len != info->key_len || master_salt.len != info->salt_len)
        return -EINVAL;
    struct srtp_secrets rtp = { 0 }, rtcp = { 0 };
    EVP_CIPHER_CTX     *prf = EVP_CIPHER_CTX_new();
    const EVP_CIPHER   *cipher = info->key_len == 16 ? EVP_aes_128_ctr() : EVP_aes_256_ctr();
    ASSERT(prf && EVP_EncryptInit_ex(prf, cipher, NULL, master_key.p, NULL) == 1);
    derive_secrets(prf, info, master_salt, 0, &rtp);
    derive_secrets(prf, info, master_salt, LABEL_RTCP, &rtcp);
    EVP_CIPHER_CTX_free(prf);
    *out = srtp_keys_build(sealer, info, &rtp, &rtcp);
    OPENSSL_cleanse(&rtp, sizeof(rtp));
    OPENSSL_cleanse(&rtcp, sizeof(rtcp));
    return 0;
}

struct srtp_keys *srtp_keys_destroy(struct srtp_keys *keys)
{
    if (!keys)
        return NULL;
    void *memory = keys->memory;
    OPENSSL_cleanse(memory, keys->size);
    return mem_free(memory);
}

/* With the tables behind them: AES-CM's round keys, or AES-GCM's and the first powers of its H. */
void srtp_keys_prefetch(const struct srtp_keys *keys)
{
    prefetch(keys, 512);
}

size_t srtp_tag_len(const struct srtp_keys *keys)
{
    return keys->info->tag_len;
}
