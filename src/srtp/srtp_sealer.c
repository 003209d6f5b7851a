#include "srtp/srtp_sealer.h"

#include <openssl/crypto.h>
#include <stdio.h>

#include "base/mem.h"
#include "srtp/srtp_mb.h"

struct srtp_sealer *srtp_sealer_create(unsigned flags)
{
    struct srtp_sealer *sealer = mem_new(struct srtp_sealer);
    srtp_openssl_init(&sealer->openssl);
    sealer->mb = flags & SRTP_SEALER_OPENSSL ? NULL : srtp_mb_create(0);
    if (sealer->mb)
        srtp_mb_describe(sealer->mb, sealer->name, sizeof(sealer->name));
    else
        (void)snprintf(sealer->name, sizeof(sealer->name), "OpenSSL %s",
                       OpenSSL_version(OPENSSL_VERSION_STRING));
    return sealer;
}

struct srtp_sealer *srtp_sealer_destroy(struct srtp_sealer *sealer)
{
    if (!sealer)
        return NULL;
    srtp_mb_destroy(sealer->mb);
    srtp_openssl_fini(&sealer->openssl);
    return mem_free(sealer);
}

const char *srtp_sealer_name(const struct srtp_sealer *sealer)
{
    return sealer->name;
}

/* RFC 3711, section 4.2: the tag covers the packet and the rollover counter. */
static void sign(const struct srtp_job *job)
{
    size_t  len = job->header_len + job->payload.len;
    uint8_t rollovers[4], tag[SRTP_HMAC_SIZE];
    write_be32(rollovers, (uint32_t)(job->index >> 16));
    srtp_hmac_sign(&job->keys->rtp.hmac, (struct span){ job->out, len },
                   (struct span){ rollovers, sizeof(rollovers) }, tag);
    memcpy(job->out + len, tag, SRTP_HMAC_TAG);
}

static void seal_one(struct srtp_openssl *openssl, const struct srtp_job *job, bool is_keyed)
{
    const struct srtp_keys *keys = job->keys;
    struct srtp_pass        pass = {
               .keys = keys,
               .key = is_keyed ? NULL : keys->rtp.key,
               .aad = { { job->out, job->header_len } },
               .in = job->payload,
               .out = job->out + job->header_len,
               .tag = job->out + job->header_len + job->payload.len,
    };
    srtp_write_iv(&keys->rtp, keys->info->is_aead, job->ssrc, job->index, pass.iv);
    if (keys->info->is_aead) {
        srtp_openssl_seal(openssl, &pass);
    } else {
        srtp_openssl_crypt(openssl, &pass);
        sign(job);
    }
}

void srtp_seal(struct srtp_sealer *sealer, const struct srtp_job *jobs, unsigned count)
{
    if (sealer->mb)
        srtp_mb_seal(sealer->mb, jobs, count);
    /* Keys alone don't tell whether the context still has theirs once this call is over. */
    const struct srtp_job *previous = NULL;
    for (const struct srtp_job *job = jobs; job < jobs + count; job++) {
        if (sealer->mb && srtp_mb_takes(job))
            continue;
        seal_one(&sealer->openssl, job, previous && job->keys == previous->keys);
        previous = job;
    }
}
