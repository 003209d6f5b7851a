/**
 * srtp_internal: keys and sealer from inside, and the steps that this folder's files share.
 *
 * Two backends: ipsec-mb (srtp_mb.h) seals RTP, many packets at once, and opens it under GCM;
 * OpenSSL does the rest, and everything where there is no ipsec-mb.
 */
#pragma once
#include <openssl/types.h>
#include <string.h>

#include "base/bytes.h"
#include "srtp/srtp.h"
#include "srtp/srtp_sealer.h"

struct srtp_mb;
struct srtp_mb_keys;

enum {
    SRTP_GCM_TAG = 16,
    SRTP_HMAC_TAG = 10, /* 80 bits of what HMAC-SHA1 gives */
    SRTP_HMAC_KEY = 20,
    SRTP_HMAC_SIZE = 20,
    SRTP_SHA1_WORDS = 5,
    SRTP_IV = 16,
};

/* Session keys as they were derived. */
struct srtp_secrets {
    uint8_t key[SRTP_MAX_KEY];
    uint8_t salt[SRTP_MAX_SALT]; /* GCM's has 12 bytes; the rest are zeros */
    uint8_t hmac_key[SRTP_HMAC_KEY];
};

/* HMAC-SHA1's state after the block that holds its padded key: half of a short packet's work. */
struct srtp_hmac {
    uint32_t inner[SRTP_SHA1_WORDS];
    uint32_t outer[SRTP_SHA1_WORDS];
};

/* Of RTP or of RTCP. */
struct srtp_session {
    uint8_t          key[SRTP_MAX_KEY];
    uint8_t          salt[SRTP_IV]; /* zeros behind it */
    struct srtp_hmac hmac;
};

struct srtp_keys {
    const struct srtp_profile_info *info;
    struct srtp_mb_keys            *mb; /* RTP's tables, behind this struct; NULL: none */
    struct srtp_session             rtp, rtcp;
    void                           *memory; /* that this struct and the tables lie in */
    size_t                          size;
};

/* OpenSSL's contexts, given another key for every session. */
struct srtp_openssl {
    EVP_CIPHER_CTX *ctr_128, *gcm_128, *gcm_256;
};

struct srtp_sealer {
    struct srtp_openssl openssl;
    struct srtp_mb     *mb; /* NULL: not wanted or not to be had */
    char                name[64];
};

/* One packet on its way through a cipher. */
struct srtp_pass {
    const struct srtp_keys *keys;
    const uint8_t          *key; /* NULL: the context has it from the packet before */
    uint8_t                 iv[SRTP_IV];
    struct span             aad[2];
    struct span             in;
    uint8_t                *out; /* may be where `in` is */
    uint8_t                *tag; /* of GCM */
};

/** The second half of srtp_keys_create(), for vectors that begin with session keys. */
struct srtp_keys *srtp_keys_build(const struct srtp_sealer       *sealer,
                                  const struct srtp_profile_info *info,
                                  const struct srtp_secrets *rtp, const struct srtp_secrets *rtcp);

void srtp_hmac_init(const uint8_t key[SRTP_HMAC_KEY], struct srtp_hmac *out);

/** Of `message` and, behind it, `suffix`. */
void srtp_hmac_sign(const struct srtp_hmac *hmac, struct span message, struct span suffix,
                    uint8_t out[SRTP_HMAC_SIZE]);

/** Are these the first SRTP_HMAC_TAG bytes? Takes the same time for every wrong tag. */
bool srtp_hmac_verify(const struct srtp_hmac *hmac, struct span message, struct span suffix,
                      const uint8_t tag[SRTP_HMAC_TAG]);

void srtp_openssl_init(struct srtp_openssl *openssl);
void srtp_openssl_fini(struct srtp_openssl *openssl);

/** AES-CM: encrypts, and decrypts. */
void srtp_openssl_crypt(struct srtp_openssl *openssl, const struct srtp_pass *pass);

void srtp_openssl_seal(struct srtp_openssl *openssl, const struct srtp_pass *pass);

/** -EBADMSG: wrong tag. */
int srtp_openssl_open(struct srtp_openssl *openssl, const struct srtp_pass *pass);

/** The index that RFC 3711, appendix A, takes `seq` for. */
uint64_t srtp_replay_guess(const struct srtp_replay *replay, uint16_t seq);

/** -EALREADY: accepted before, or too old to tell. */
int srtp_replay_check(const struct srtp_replay *replay, uint64_t index);

/** Only of an index that has been checked, and a packet that has been verified. */
void srtp_replay_accept(struct srtp_replay *replay, uint64_t index);

/*
 * RFC 3711, section 4.1.1: salt, SSRC and index, two zeros for the block counter. RFC 7714,
 * section 8.1: the same without those, two bytes further in front. SRTCP's index fits as well.
 */
static inline void srtp_write_iv(const struct srtp_session *session, bool is_aead, uint32_t ssrc,
                                 uint64_t index, uint8_t iv[SRTP_IV])
{
    uint8_t *at = iv + (is_aead ? 2 : 4);
    memcpy(iv, session->salt, SRTP_IV);
    write_be32(at, read_be32(at) ^ ssrc);
    write_be16(at + 4, read_be16(at + 4) ^ (uint16_t)(index >> 32));
    write_be32(at + 6, read_be32(at + 6) ^ (uint32_t)index);
}
