/*
 * The first byte picks profile, backend and protocol, the rest comes from the wire. Keys are those
 * of the corpus, which has a valid packet of each kind. No sanitizer sees into ipsec-mb, so what
 * lies around the packet is looked at here.
 */
#include <errno.h>

#include "base/check.h"
#include "base/mem.h"
#include "srtp/srtp.h"
#include "srtp/srtp_sealer.h"

enum { PROFILES = 3, GUARD = 32, GUARD_BYTE = 0xa5 };

typedef ssize_t open_fn(struct srtp_sealer *, const struct srtp_keys *, struct srtp_replay *,
                        uint8_t *, size_t);

static struct srtp_sealer *sealers[2];
static struct srtp_keys   *keys[PROFILES];

static void start(void)
{
    static const enum srtp_profile profiles[PROFILES] = { SRTP_PROFILE_AES128_CM_SHA1_80,
                                                          SRTP_PROFILE_AEAD_AES_128_GCM,
                                                          SRTP_PROFILE_AEAD_AES_256_GCM };
    static const uint8_t           master[SRTP_MAX_KEY] = "the master key of the corpus...";
    if (sealers[0])
        return;
    sealers[0] = srtp_sealer_create(0);
    sealers[1] = srtp_sealer_create(SRTP_SEALER_OPENSSL);
    for (size_t i = 0; i < PROFILES; i++) {
        const struct srtp_profile_info *info = srtp_profile_find(profiles[i]);
        ASSERT(srtp_keys_create(sealers[0], profiles[i], (struct span){ master, info->key_len },
                                (struct span){ master, info->salt_len }, &keys[i]) == 0);
    }
}

static void check_guard(const uint8_t *guard)
{
    for (size_t i = 0; i < GUARD; i++)
        ASSERT(guard[i] == GUARD_BYTE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    start();
    if (size == 0)
        return 0;
    const struct srtp_keys *of = keys[data[0] % PROFILES];
    struct srtp_sealer     *sealer = sealers[data[0] >> 2 & 1];
    open_fn                *run = data[0] & 8 ? srtcp_open : srtp_open;
    size_t                  len = size - 1;
    struct srtp_replay      replay = { 0 };
    AUTO(mem_free) char    *memory = mem_alloc(GUARD + len + GUARD);
    uint8_t                *packet = (uint8_t *)memory + GUARD;
    memset(memory, GUARD_BYTE, GUARD + len + GUARD);
    memcpy(packet, data + 1, len);
    ssize_t opened = run(sealer, of, &replay, packet, len);
    check_guard((uint8_t *)memory);
    check_guard(packet + len);
    if (opened < 0) {
        ASSERT(opened == -EBADMSG && replay.window == 0 && replay.highest == 0);
        return 0;
    }
    ASSERT((size_t)opened + srtp_tag_len(of) <= len && replay.window == 1);
    memcpy(packet, data + 1, len);
    ASSERT(run(sealer, of, &replay, packet, len) == -EALREADY);
    return 0;
}
