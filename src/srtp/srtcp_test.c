#include <errno.h>

#include "srtp/test_srtp.h"

static const unsigned backends[] = { 0, SRTP_SEALER_OPENSSL };

/* A receiver report of 32 bytes. */
static const char report[] = "81c90007313233340a0b0c0d0000000000001000"
                             "000000000000000000000000";

#define RFC_7714_RTCP                                                                              \
    "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61"                             \
    "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef"
#define RFC_7714_SALT "517569642070726f2071756f"
#define RFC_7714_KEY  "000102030405060708090a0b0c0d0e0f"

static const struct vector {
    const char       *name;
    enum srtp_profile profile;
    const char       *key;
    bool              is_encrypted;
    const char       *sealed;
} vectors[] = {
    { "section 17.1", SRTP_PROFILE_AEAD_AES_128_GCM, RFC_7714_KEY, true,
      "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda"
      "4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4" },
    { "section 17.2", SRTP_PROFILE_AEAD_AES_256_GCM,
      RFC_7714_KEY "101112131415161718191a1b1c1d1e1f", true,
      "81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be"
      "8415f658c61de0476f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be800005d4" },
    { "section 17.3", SRTP_PROFILE_AEAD_AES_128_GCM, RFC_7714_KEY, false,
      RFC_7714_RTCP "841dd9683dd78ec92ae58790125f62b3000005d4" },
};

static void packets_of_rfc_7714_are_sealed_and_opened(void **state)
{
    AUTO(srtp_sealer_destroy) struct srtp_sealer *sealer = srtp_sealer_create(0);
    for (const struct vector *vector = vectors; vector < vectors + COUNT(vectors); vector++) {
        AUTO(srtp_keys_destroy)
        struct srtp_keys *keys =
            test_session_keys(sealer, vector->profile, vector->key, RFC_7714_SALT);
        struct srtp_replay replay = { 0 };
        uint8_t            plain[100], sealed[100], packet[100];
        size_t             len = test_hex(RFC_7714_RTCP, plain);
        size_t             sealed_len = test_hex(vector->sealed, sealed);
        memcpy(packet, plain, len);
        if (vector->is_encrypted) {
            CHECK(srtcp_seal(sealer, keys, 0x5d4, packet, len) == sealed_len, vector->name);
            CHECK(memcmp(packet, sealed, sealed_len) == 0, vector->name);
        }
        CHECK(srtcp_open(sealer, keys, &replay, sealed, sealed_len) == (ssize_t)len, vector->name);
        CHECK(memcmp(sealed, plain, len) == 0, vector->name);
        CHECK(replay.last == 0x5d4, vector->name);
    }
}

/* A sealer of each backend, keys of each profile. */
static void for_each(void (*check)(struct srtp_sealer *sealer, const struct srtp_keys *keys))
{
    for (size_t i = 0; i < COUNT(backends); i++) {
        AUTO(srtp_sealer_destroy) struct srtp_sealer *sealer = srtp_sealer_create(backends[i]);
        for (size_t k = 0; k < COUNT(test_profiles); k++) {
            AUTO(srtp_keys_destroy) struct srtp_keys *keys = test_keys(sealer, test_profiles[k], 1);
            check(sealer, keys);
        }
    }
}

static size_t seal_report(struct srtp_sealer *sealer, const struct srtp_keys *keys, uint32_t index,
                          uint8_t *packet)
{
    return srtcp_seal(sealer, keys, index, packet, test_hex(report, packet));
}

static void check_indexes(struct srtp_sealer *sealer, const struct srtp_keys *keys)
{
    static const struct {
        uint32_t index;
        int      want;
    } steps[] = { { 0, 0 },
                  { 1, 0 },
                  { 1, -EALREADY },
                  { 0x10000, 0 },
                  { 0xffff, 0 },
                  { 0x10000 - 64, -EALREADY },
                  { SRTCP_MAX_INDEX - 1, 0 },
                  { SRTCP_MAX_INDEX, 0 },
                  { SRTCP_MAX_INDEX, -EALREADY } };
    struct srtp_replay replay = { 0 };
    for (size_t i = 0; i < COUNT(steps); i++) {
        uint8_t plain[64], packet[64];
        size_t  len = test_hex(report, plain);
        size_t  sealed_len = seal_report(sealer, keys, steps[i].index, packet);
        CHECK(sealed_len == len + SRTCP_INDEX_SIZE + srtp_tag_len(keys), keys->info->openssl_name);
        CHECK(memcmp(packet, plain, 8) == 0, keys->info->openssl_name);
        CHECK(memcmp(packet + 8, plain + 8, len - 8) != 0, keys->info->openssl_name);
        ssize_t got = srtcp_open(sealer, keys, &replay, packet, sealed_len);
        CHECK(got == (steps[i].want < 0 ? steps[i].want : (ssize_t)len), keys->info->openssl_name);
        CHECK(got < 0 || (replay.last == steps[i].index && memcmp(packet, plain, len) == 0),
              keys->info->openssl_name);
    }
}

static void each_index_passes_once(void **state)
{
    for_each(check_indexes);
}

static void check_tampering(struct srtp_sealer *sealer, const struct srtp_keys *keys)
{
    uint8_t sealed[64], packet[64];
    size_t  len = seal_report(sealer, keys, 1000, sealed);
    for (size_t bit = 0; bit < len * 8; bit++) {
        struct srtp_replay replay = { 0 };
        memcpy(packet, sealed, len);
        packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(srtcp_open(sealer, keys, &replay, packet, len) == -EBADMSG, keys->info->openssl_name);
        CHECK(replay.window == 0 && replay.highest == 0, keys->info->openssl_name);
    }
    for (size_t shorter = 0; shorter < len; shorter++) {
        AUTO(mem_free) char *cut = mem_alloc(shorter);
        struct srtp_replay   replay = { 0 };
        memcpy(cut, sealed, shorter);
        CHECK(srtcp_open(sealer, keys, &replay, (uint8_t *)cut, shorter) == -EBADMSG,
              keys->info->openssl_name);
    }
}

static void every_bit_is_authenticated(void **state)
{
    for_each(check_tampering);
}

static void check_shortest(struct srtp_sealer *sealer, const struct srtp_keys *keys)
{
    uint8_t            packet[64] = { 0x80, 201, 0, 1, 1, 2, 3, 4 };
    struct srtp_replay replay = { 0 };
    size_t             len = srtcp_seal(sealer, keys, 5, packet, 8);
    CHECK(len == 8 + SRTCP_INDEX_SIZE + srtp_tag_len(keys), keys->info->openssl_name);
    CHECK(srtcp_open(sealer, keys, &replay, packet, len) == 8, keys->info->openssl_name);
}

static void a_bare_header_is_enough(void **state)
{
    for_each(check_shortest);
}

/* A peer may leave the encryption out (RFC 3711, section 3.4: the bit E). */
static void plain_packets_are_opened(void **state)
{
    AUTO(srtp_sealer_destroy) struct srtp_sealer *sealer = srtp_sealer_create(0);
    AUTO(srtp_keys_destroy)
    struct srtp_keys  *keys = test_keys(sealer, SRTP_PROFILE_AES128_CM_SHA1_80, 1);
    struct srtp_replay replay = { 0 };
    uint8_t            plain[64], packet[64], tag[SRTP_HMAC_SIZE];
    size_t             len = test_hex(report, plain);
    memcpy(packet, plain, len);
    write_be32(packet + len, 9);
    srtp_hmac_sign(&keys->rtcp.hmac, (struct span){ packet, len + SRTCP_INDEX_SIZE },
                   (struct span){ 0 }, tag);
    memcpy(packet + len + SRTCP_INDEX_SIZE, tag, SRTP_HMAC_TAG);
    assert_int_equal(
        srtcp_open(sealer, keys, &replay, packet, len + SRTCP_INDEX_SIZE + SRTP_HMAC_TAG), len);
    assert_memory_equal(packet, plain, len);
    assert_int_equal(replay.last, 9);
}

TESTS(packets_of_rfc_7714_are_sealed_and_opened, each_index_passes_once, every_bit_is_authenticated,
      a_bare_header_is_enough, plain_packets_are_opened)
