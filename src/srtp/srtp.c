#include "srtp/srtp.h"

#include <errno.h>

#include "srtp/srtp_mb.h"

enum { RTP_HEADER = 12, EXTENSION_HEADER = 4, WORD = 4, RTP_VERSION = 2 };

/* Up to the payload: what is authenticated but not encrypted. -EBADMSG. */
static ssize_t measure_header(struct span packet)
{
    if (packet.len < RTP_HEADER || packet.p[0] >> 6 != RTP_VERSION)
        return -EBADMSG;
    size_t len = RTP_HEADER + (size_t)(packet.p[0] & 0x0f) * WORD;
    if (packet.p[0] & 0x10) {
        if (packet.len < len + EXTENSION_HEADER)
            return -EBADMSG;
        len += EXTENSION_HEADER + (size_t)read_be16(packet.p + len + 2) * WORD;
    }
    return len <= packet.len ? (ssize_t)len : -EBADMSG;
}

static int open_gcm(struct srtp_sealer *sealer, const struct srtp_pass *pass)
{
    if (sealer->mb && pass->keys->mb && pass->in.len > 0)
        return srtp_mb_open(sealer->mb, pass);
    return srtp_openssl_open(&sealer->openssl, pass);
}

/* Verify before decrypting: rubbish costs one HMAC. */
static int open_cm(struct srtp_sealer *sealer, const struct srtp_pass *pass, uint64_t index)
{
    const uint8_t *packet = pass->aad[0].p;
    uint8_t        rollovers[4];
    write_be32(rollovers, (uint32_t)(index >> 16));
    if (!srtp_hmac_verify(&pass->keys->rtp.hmac,
                          (struct span){ packet, (size_t)(pass->tag - packet) },
                          (struct span){ rollovers, sizeof(rollovers) }, pass->tag))
        return -EBADMSG;
    srtp_openssl_crypt(&sealer->openssl, pass);
    return 0;
}

ssize_t srtp_open(struct srtp_sealer *sealer, const struct srtp_keys *keys,
                  struct srtp_replay *replay, uint8_t *packet, size_t len)
{
    bool is_aead = keys->info->is_aead;
    if (len < keys->info->tag_len)
        return -EBADMSG;
    len -= keys->info->tag_len;
    ssize_t header = measure_header((struct span){ packet, len });
    if (header < 0)
        return header;
    uint64_t index = srtp_replay_guess(replay, read_be16(packet + 2));
    int      err = srtp_replay_check(replay, index);
    if (err < 0)
        return err;
    struct srtp_pass pass = {
        .keys = keys,
        .key = keys->rtp.key,
        .aad = { { packet, (size_t)header } },
        .in = { packet + header, len - (size_t)header },
        .out = packet + header,
        .tag = packet + len,
    };
    srtp_write_iv(&keys->rtp, is_aead, read_be32(packet + 8), index, pass.iv);
    err = is_aead ? open_gcm(sealer, &pass) : open_cm(sealer, &pass, index);
    if (err < 0)
        return err;
    srtp_replay_accept(replay, index);
    return (ssize_t)len;
}
