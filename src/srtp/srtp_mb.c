#include "srtp/srtp_mb.h"

#include <errno.h>
#include <intel-ipsec-mb.h>
#include <link.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"

enum {
    SWEEP = IMB_MAX_JOBS, /* packets in flight: a manager holds no more */
    FEW = 7,              /* less than this is faster with SHA-NI than in lanes mostly empty */
    AES_128_ROUND_KEYS = 11 * 16,
    LIBRARY_TAG = 12,    /* it knows 12 and 20 bytes; SRTP's 10 are cut from them */
    MAX_PAYLOAD = 60000, /* the library vouches for up to 65534 hashed bytes */
};

struct srtp_mb_keys {
    union {
        uint8_t             aes[AES_128_ROUND_KEYS];
        struct gcm_key_data gcm;
    };
};

/* A packet under AES-CM between submission and the end of its sweep. */
struct flight {
    const struct srtp_job *job;
    uint8_t                iv[SRTP_IV];
    uint8_t                tag[LIBRARY_TAG];
};

/*
 * A wide manager hashes a packet in each of its lanes, and takes as long where most of them are
 * empty. What is left over when all lanes have been filled goes to one with SHA-NI, which hashes
 * two packets at once, as long as that is faster. ns a packet of 1200 bytes, sweeps of 1, 4, 8,
 * 16: AVX512 3000, 930, 560, 320; AVX2 2700, 840, 510, 500; SHA-NI 860, 560, 550, 560.
 */
static const struct manager_kind {
    const char *name;
    uint64_t    features;
    void (*init)(IMB_MGR *manager);
    unsigned lanes;
} wide_kinds[] = {
    /* the best first */
    { "AVX512", IMB_CPUFLAGS_AVX512, init_mb_mgr_avx512, 16 },
    { "AVX2", IMB_CPUFLAGS_AVX2, init_mb_mgr_avx2, 8 },
    { "AVX", IMB_CPUFLAGS_AVX, init_mb_mgr_avx, 4 },
    { "SSE", IMB_CPUFLAGS_SSE, init_mb_mgr_sse, 4 },
    { 0 },
}, sha_ni_kinds[] = {
    { "AVX with SHA-NI", IMB_CPUFLAGS_AVX_T2, init_mb_mgr_avx, 2 },
    { "SSE with SHA-NI", IMB_CPUFLAGS_SSE_T2, init_mb_mgr_sse, 2 },
    { 0 },
};

struct srtp_mb {
    const struct manager_kind *kind;
    const struct manager_kind *few_kind;
    IMB_MGR                   *manager;
    IMB_MGR                   *few_manager; /* NULL: the CPU has no better for few */
    struct flight              flights[SWEEP];
};

/* The first that the CPU is fit for, after `skip` others, or NULL. */
static const struct manager_kind *find_kind(const struct manager_kind *kinds, unsigned skip)
{
    uint64_t features = imb_get_feature_flags();
    for (; kinds->name; kinds++)
        if ((features & kinds->features) == kinds->features && skip-- == 0)
            return kinds;
    return NULL;
}

static IMB_MGR *create_manager(const struct manager_kind *kind)
{
    IMB_MGR *manager = alloc_mb_mgr(0);
    ASSERT(manager);
    kind->init(manager);
    ASSERT(imb_get_errno(manager) == 0);
    return manager;
}

static int release_library(struct dl_phdr_info *library, size_t size, void *symbol)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), wanted = (uintptr_t)symbol;
    for (unsigned i = 0; i < library->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &library->dlpi_phdr[i];
        uintptr_t begin = library->dlpi_addr + segment->p_vaddr, end = begin + segment->p_memsz;
        if (segment->p_type != PT_LOAD || wanted < begin || wanted >= end)
            continue;
        begin &= ~(page - 1);
        if (!(segment->p_flags & PF_W))
            (void)madvise((void *)begin, end - begin, MADV_DONTNEED);
        return 1;
    }
    return 0;
}

/* Managers test every cipher as they begin: 4 MB of code, of which we use a tenth. What is used
 * comes back from the file. */
static void release_code(void)
{
    (void)dl_iterate_phdr(release_library, (void *)(uintptr_t)init_mb_mgr_sse);
}

struct srtp_mb *srtp_mb_create(unsigned skip)
{
    const struct manager_kind *kind = find_kind(wide_kinds, skip);
    if (!kind)
        return NULL;
    struct srtp_mb *mb = mem_new(struct srtp_mb);
    mb->kind = kind;
    mb->manager = create_manager(kind);
    mb->few_kind = kind->lanes > FEW ? find_kind(sha_ni_kinds, 0) : NULL;
    if (mb->few_kind)
        mb->few_manager = create_manager(mb->few_kind);
    release_code();
    return mb;
}

struct srtp_mb *srtp_mb_destroy(struct srtp_mb *mb)
{
    if (!mb)
        return NULL;
    free_mb_mgr(mb->manager);
    if (mb->few_manager)
        free_mb_mgr(mb->few_manager);
    return mem_free(mb);
}

void srtp_mb_describe(const struct srtp_mb *mb, char *out, size_t size)
{
    (void)snprintf(out, size, "ipsec-mb %s (%s%s%s)", imb_get_version_str(), mb->kind->name,
                   mb->few_kind ? ", " : "", mb->few_kind ? mb->few_kind->name : "");
}

size_t srtp_mb_keys_size(const struct srtp_profile_info *info)
{
    return info->is_aead ? sizeof(struct srtp_mb_keys) : AES_128_ROUND_KEYS;
}

void srtp_mb_keys_init(const struct srtp_mb *mb, struct srtp_keys *keys)
{
    if (!keys->info->is_aead) {
        uint8_t decrypt[AES_128_ROUND_KEYS] __attribute__((aligned(16)));
        IMB_AES_KEYEXP_128(mb->manager, keys->rtp.key, keys->mb->aes, decrypt);
        OPENSSL_cleanse(decrypt, sizeof(decrypt));
    } else if (keys->info->key_len == IMB_KEY_128_BYTES) {
        IMB_AES128_GCM_PRE(mb->manager, keys->rtp.key, &keys->mb->gcm);
    } else {
        IMB_AES256_GCM_PRE(mb->manager, keys->rtp.key, &keys->mb->gcm);
    }
}

bool srtp_mb_takes(const struct srtp_job *job)
{
    return job->keys->mb && job->payload.len > 0 && job->payload.len <= MAX_PAYLOAD;
}

static uint8_t *tag_place(const struct srtp_job *job)
{
    return job->out + job->header_len + job->payload.len;
}

static void seal_gcm(const struct srtp_mb *mb, const struct srtp_job *job)
{
    const struct srtp_keys *keys = job->keys;
    aes_gcm_enc_dec_t encrypt = keys->info->key_len == IMB_KEY_128_BYTES ? mb->manager->gcm128_enc
                                                                         : mb->manager->gcm256_enc;
    struct gcm_context_data context;
    uint8_t                 iv[SRTP_IV];
    srtp_write_iv(&keys->rtp, true, job->ssrc, job->index, iv);
    encrypt(&keys->mb->gcm, &context, job->out + job->header_len, job->payload.p, job->payload.len,
            iv, job->out, job->header_len, tag_place(job), SRTP_GCM_TAG);
}

/*
 * Cipher and hash read different memory, the slab and the arena, but the library knows one source:
 * the hash's offset leads from one to the other, and may be "negative". The rollover counter is
 * hashed but not sent; it lies in the tag's place until the sweep is done.
 */
static void submit_cm(IMB_MGR *manager, struct flight *flight)
{
    const struct srtp_job     *job = flight->job;
    const struct srtp_session *rtp = &job->keys->rtp;
    srtp_write_iv(rtp, false, job->ssrc, job->index, flight->iv);
    write_be32(tag_place(job), (uint32_t)(job->index >> 16));
    IMB_JOB *imb = IMB_GET_NEXT_JOB(manager);
    imb->cipher_mode = IMB_CIPHER_CNTR;
    imb->cipher_direction = IMB_DIR_ENCRYPT;
    imb->hash_alg = IMB_AUTH_HMAC_SHA_1;
    imb->chain_order = IMB_ORDER_CIPHER_HASH;
    imb->enc_keys = imb->dec_keys = job->keys->mb->aes;
    imb->key_len_in_bytes = IMB_KEY_128_BYTES;
    imb->iv = flight->iv;
    imb->iv_len_in_bytes = SRTP_IV;
    imb->src = job->payload.p;
    imb->dst = job->out + job->header_len;
    imb->cipher_start_src_offset_in_bytes = 0;
    imb->msg_len_to_cipher_in_bytes = job->payload.len;
    imb->hash_start_src_offset_in_bytes = (uintptr_t)job->out - (uintptr_t)job->payload.p;
    imb->msg_len_to_hash_in_bytes = job->header_len + job->payload.len + sizeof(uint32_t);
    imb->u.HMAC._hashed_auth_key_xor_ipad = (const uint8_t *)rtp->hmac.inner;
    imb->u.HMAC._hashed_auth_key_xor_opad = (const uint8_t *)rtp->hmac.outer;
    imb->auth_tag_output = flight->tag;
    imb->auth_tag_output_len_in_bytes = LIBRARY_TAG;
    (void)IMB_SUBMIT_JOB_NOCHECK(manager);
}

static void sweep_cm(IMB_MGR *manager, struct flight *flights, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        submit_cm(manager, &flights[i]);
    while (IMB_FLUSH_JOB(manager))
        ;
    for (unsigned i = 0; i < count; i++)
        memcpy(tag_place(flights[i].job), flights[i].tag, SRTP_HMAC_TAG);
}

static void seal_flights(struct srtp_mb *mb, unsigned count)
{
    unsigned rest = count % mb->kind->lanes;
    unsigned few = mb->few_manager && rest < FEW ? rest : 0;
    sweep_cm(mb->manager, mb->flights, count - few);
    if (few > 0)
        sweep_cm(mb->few_manager, mb->flights + count - few, few);
}

void srtp_mb_seal(struct srtp_mb *mb, const struct srtp_job *jobs, unsigned count)
{
    unsigned queued = 0;
    for (const struct srtp_job *job = jobs; job < jobs + count; job++) {
        if (!srtp_mb_takes(job))
            continue;
        if (job->keys->info->is_aead)
            seal_gcm(mb, job);
        else
            mb->flights[queued++].job = job;
        if (queued == SWEEP) {
            seal_flights(mb, queued);
            queued = 0;
        }
    }
    seal_flights(mb, queued);
}

int srtp_mb_open(const struct srtp_mb *mb, const struct srtp_pass *pass)
{
    const struct srtp_keys *keys = pass->keys;
    aes_gcm_enc_dec_t decrypt = keys->info->key_len == IMB_KEY_128_BYTES ? mb->manager->gcm128_dec
                                                                         : mb->manager->gcm256_dec;
    struct gcm_context_data context;
    uint8_t                 tag[SRTP_GCM_TAG];
    decrypt(&keys->mb->gcm, &context, pass->out, pass->in.p, pass->in.len, pass->iv, pass->aad[0].p,
            pass->aad[0].len, tag, sizeof(tag));
    return CRYPTO_memcmp(tag, pass->tag, sizeof(tag)) == 0 ? 0 : -EBADMSG;
}
