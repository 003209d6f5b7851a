/**
 * test_srtp: bytes, keys and packets for this folder's tests.
 */
#pragma once
#include "base/bytes.h"
#include "base/mem.h"
#include "base/test.h"
#include "srtp/srtp_internal.h"

enum { TEST_SSRC = 0x31323334, TEST_MAX_PACKET = 1300 };

static const enum srtp_profile test_profiles[] = {
    SRTP_PROFILE_AES128_CM_SHA1_80,
    SRTP_PROFILE_AEAD_AES_128_GCM,
    SRTP_PROFILE_AEAD_AES_256_GCM,
};

static inline const char *test_profile_name(enum srtp_profile profile)
{
    return srtp_profile_find(profile)->openssl_name;
}

static inline uint8_t test_hex_digit(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

/* Digits in pairs; spaces may stand between pairs. Returns the bytes written. */
static inline size_t test_hex(const char *hex, uint8_t *out)
{
    size_t len = 0;
    for (; *hex; hex++)
        if (*hex != ' ') {
            out[len++] = (uint8_t)(test_hex_digit(hex[0]) << 4 | test_hex_digit(hex[1]));
            hex++;
        }
    return len;
}

/* The same numbers in each run. */
static inline uint32_t test_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

static inline void test_random_fill(uint64_t *state, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)test_random(state);
}

/* The master key and salt of viewer `n`, one behind the other, as DTLS exports them. */
static inline size_t test_master(enum srtp_profile profile, unsigned n,
                                 uint8_t out[SRTP_MAX_KEY + SRTP_MAX_SALT])
{
    const struct srtp_profile_info *info = srtp_profile_find(profile);
    uint64_t                        state = n;
    size_t                          len = (size_t)info->key_len + info->salt_len;
    test_random_fill(&state, out, len);
    return len;
}

static inline struct srtp_keys *test_keys(const struct srtp_sealer *sealer,
                                          enum srtp_profile profile, unsigned n)
{
    const struct srtp_profile_info *info = srtp_profile_find(profile);
    uint8_t                         master[SRTP_MAX_KEY + SRTP_MAX_SALT];
    struct srtp_keys               *keys;
    (void)test_master(profile, n, master);
    assert_int_equal(srtp_keys_create(sealer, profile, (struct span){ master, info->key_len },
                                      (struct span){ master + info->key_len, info->salt_len },
                                      &keys),
                     0);
    return keys;
}

/* The session keys of a vector, RTP's and RTCP's alike, with an HMAC key of zeros. */
static inline struct srtp_keys *test_session_keys(const struct srtp_sealer *sealer,
                                                  enum srtp_profile profile, const char *key,
                                                  const char *salt)
{
    struct srtp_secrets secrets = { 0 };
    (void)test_hex(key, secrets.key);
    (void)test_hex(salt, secrets.salt);
    return srtp_keys_build(sealer, srtp_profile_find(profile), &secrets, &secrets);
}

/* A header of 12 bytes, or of 20, with an extension of one word. */
static inline void test_write_header(uint8_t *out, size_t header_len, uint32_t ssrc, uint16_t seq)
{
    memset(out, 0, header_len);
    out[0] = header_len > 12 ? 0x90 : 0x80;
    out[1] = 96;
    write_be16(out + 2, seq);
    write_be32(out + 8, ssrc);
    if (header_len > 12) {
        write_be16(out + 12, 0xbede);
        write_be16(out + 14, (uint16_t)((header_len - 16) / 4));
    }
}

/* Seals a packet of `payload` with a header of 12 bytes; returns its length. */
static inline size_t test_seal(struct srtp_sealer *sealer, const struct srtp_keys *keys,
                               uint64_t index, struct span payload, uint8_t *out)
{
    test_write_header(out, 12, TEST_SSRC, (uint16_t)index);
    srtp_seal(sealer,
              &(struct srtp_job){ .keys = keys,
                                  .out = out,
                                  .header_len = 12,
                                  .ssrc = TEST_SSRC,
                                  .payload = payload,
                                  .index = index },
              1);
    return srtp_sealed_len(keys, 12, payload.len);
}
