/*
 * AES-CM:  header, encrypted, E and index, tag      (RFC 3711, section 3.4)
 * AES-GCM: header, encrypted, tag, E and index      (RFC 7714, section 9)
 */
#include <errno.h>

#include "base/check.h"
#include "srtp/srtp_internal.h"

enum { SRTCP_HEADER = 8 };

#define IS_ENCRYPTED UINT32_C(0x80000000) /* the bit E, above the index */

/* `len`: of the packet without index and tag. What is encrypted lies behind the header. */
static struct srtp_pass pass_of(const struct srtp_keys *keys, uint8_t *packet, size_t len,
                                uint32_t index)
{
    struct srtp_pass pass = {
        .keys = keys,
        .key = keys->rtcp.key,
        .aad = { { packet, SRTCP_HEADER },
                 { packet + len + keys->info->tag_len, SRTCP_INDEX_SIZE } },
        .in = { packet + SRTCP_HEADER, len - SRTCP_HEADER },
        .out = packet + SRTCP_HEADER,
        .tag = packet + len,
    };
    srtp_write_iv(&keys->rtcp, keys->info->is_aead, read_be32(packet + 4), index, pass.iv);
    return pass;
}

size_t srtcp_seal(struct srtp_sealer *sealer, const struct srtp_keys *keys, uint32_t index,
                  uint8_t *packet, size_t len)
{
    ASSERT(len >= SRTCP_HEADER && index <= SRTCP_MAX_INDEX);
    struct srtp_pass pass = pass_of(keys, packet, len, index);
    size_t           tag_len = keys->info->tag_len;
    if (keys->info->is_aead) {
        write_be32(packet + len + tag_len, IS_ENCRYPTED | index);
        srtp_openssl_seal(&sealer->openssl, &pass);
    } else {
        uint8_t tag[SRTP_HMAC_SIZE];
        srtp_openssl_crypt(&sealer->openssl, &pass);
        write_be32(packet + len, IS_ENCRYPTED | index);
        srtp_hmac_sign(&keys->rtcp.hmac, (struct span){ packet, len + SRTCP_INDEX_SIZE },
                       (struct span){ 0 }, tag);
        memcpy(packet + len + SRTCP_INDEX_SIZE, tag, tag_len);
    }
    return len + SRTCP_INDEX_SIZE + tag_len;
}

static int open_gcm(struct srtp_sealer *sealer, struct srtp_pass *pass, bool is_encrypted)
{
    if (!is_encrypted) {
        pass->aad[0].len += pass->in.len;
        pass->in.len = 0;
    }
    return srtp_openssl_open(&sealer->openssl, pass);
}

static int open_cm(struct srtp_sealer *sealer, const struct srtp_pass *pass, bool is_encrypted)
{
    struct span message = { pass->aad[0].p, SRTCP_HEADER + pass->in.len + SRTCP_INDEX_SIZE };
    if (!srtp_hmac_verify(&pass->keys->rtcp.hmac, message, (struct span){ 0 },
                          message.p + message.len))
        return -EBADMSG;
    if (is_encrypted)
        srtp_openssl_crypt(&sealer->openssl, pass);
    return 0;
}

ssize_t srtcp_open(struct srtp_sealer *sealer, const struct srtp_keys *keys,
                   struct srtp_replay *replay, uint8_t *packet, size_t len)
{
    bool   is_aead = keys->info->is_aead;
    size_t trailer = SRTCP_INDEX_SIZE + keys->info->tag_len;
    if (len < SRTCP_HEADER + trailer)
        return -EBADMSG;
    len -= trailer;
    uint32_t word = read_be32(packet + len + (is_aead ? keys->info->tag_len : 0));
    uint32_t index = word & ~IS_ENCRYPTED;
    int      err = srtp_replay_check(replay, index);
    if (err < 0)
        return err;
    struct srtp_pass pass = pass_of(keys, packet, len, index);
    bool             is_encrypted = word & IS_ENCRYPTED;
    err = is_aead ? open_gcm(sealer, &pass, is_encrypted) : open_cm(sealer, &pass, is_encrypted);
    if (err < 0)
        return err;
    srtp_replay_accept(replay, index);
    return (ssize_t)len;
}

ssize_t srtcp_open_any(struct srtp_sealer *sealer, const struct srtp_keys *keys,
                       struct srtcp_sources *sources, uint8_t *packet, size_t len)
{
    if (len < SRTCP_HEADER)
        return -EBADMSG;
    uint32_t ssrc = read_be32(packet + 4);
    unsigned i = 0;
    while (i < sources->count && sources->ssrcs[i] != ssrc)
        i++;
    if (i == SRTCP_MAX_SOURCES)
        return -ENOSPC;
    struct srtp_replay replay =
        i < sources->count ? sources->replays[i] : (struct srtp_replay){ 0 };
    ssize_t opened = srtcp_open(sealer, keys, &replay, packet, len);
    if (opened < 0)
        return opened;
    sources->count = MAX(sources->count, i + 1);
    sources->ssrcs[i] = ssrc;
    sources->replays[i] = replay;
    return opened;
}
