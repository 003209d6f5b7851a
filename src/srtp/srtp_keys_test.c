#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "srtp/test_srtp.h"

static void profiles_are_found_by_number(void **state)
{
    static const struct {
        unsigned long id;
        const char   *openssl_name;
        size_t        key_len, salt_len, tag_len;
    } cases[] = {
        { 0x0001, "SRTP_AES128_CM_SHA1_80", 16, 14, 10 },
        { 0x0007, "SRTP_AEAD_AES_128_GCM", 16, 12, 16 },
        { 0x0008, "SRTP_AEAD_AES_256_GCM", 32, 12, 16 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct srtp_profile_info *info = srtp_profile_find(cases[i].id);
        CHECK(info && info->profile == cases[i].id && info->key_len == cases[i].key_len &&
                  info->salt_len == cases[i].salt_len && info->tag_len == cases[i].tag_len &&
                  strcmp(info->openssl_name, cases[i].openssl_name) == 0,
              cases[i].openssl_name);
    }
    assert_null(srtp_profile_find(0x0002)); /* a tag of 32 bits */
    assert_null(srtp_profile_find(0));
    assert_null(srtp_profile_find(0x10001));
}

static void profiles_are_named_in_our_order(void **state)
{
    AUTO(buf_fini) struct buf names = { 0 };
    srtp_profile_names(&names);
    assert_string_equal(buf_string(&names),
                        "SRTP_AEAD_AES_128_GCM:SRTP_AEAD_AES_256_GCM:SRTP_AES128_CM_SHA1_80");
}

static void lengths_must_be_the_profile_s(void **state)
{
    static const struct {
        const char       *name;
        enum srtp_profile profile;
        size_t            key_len, salt_len;
        int               want;
    } cases[] = {
        { "CM", SRTP_PROFILE_AES128_CM_SHA1_80, 16, 14, 0 },
        { "GCM 128", SRTP_PROFILE_AEAD_AES_128_GCM, 16, 12, 0 },
        { "GCM 256", SRTP_PROFILE_AEAD_AES_256_GCM, 32, 12, 0 },
        { "CM with GCM's salt", SRTP_PROFILE_AES128_CM_SHA1_80, 16, 12, -EINVAL },
        { "GCM with CM's salt", SRTP_PROFILE_AEAD_AES_128_GCM, 16, 14, -EINVAL },
        { "a long key", SRTP_PROFILE_AEAD_AES_128_GCM, 32, 12, -EINVAL },
        { "a short key", SRTP_PROFILE_AEAD_AES_256_GCM, 16, 12, -EINVAL },
        { "no key", SRTP_PROFILE_AES128_CM_SHA1_80, 0, 14, -EINVAL },
        { "an unknown profile", (enum srtp_profile)2, 16, 14, -EINVAL },
    };
    static const uint8_t                          bytes[SRTP_MAX_KEY];
    AUTO(srtp_sealer_destroy) struct srtp_sealer *sealer = srtp_sealer_create(0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO(srtp_keys_destroy) struct srtp_keys *keys = NULL;
        CHECK(srtp_keys_create(sealer, cases[i].profile, (struct span){ bytes, cases[i].key_len },
                               (struct span){ bytes, cases[i].salt_len }, &keys) == cases[i].want,
              cases[i].name);
        CHECK((keys != NULL) == (cases[i].want == 0), cases[i].name);
        CHECK(!keys || srtp_sealed_len(keys, 12, 100) == 112u + srtp_tag_len(keys), cases[i].name);
    }
    assert_null(srtp_keys_destroy(NULL));
    assert_null(srtp_sealer_destroy(NULL));
}

/* By OpenSSL's own HMAC, over lengths around SHA-1's blocks. */
static void check_hmac(const struct srtp_hmac *hmac, const uint8_t key[SRTP_HMAC_KEY])
{
    static uint8_t message[200];
    for (size_t len = 0; len < sizeof(message); len++) {
        uint8_t  got[SRTP_HMAC_SIZE], want[EVP_MAX_MD_SIZE];
        unsigned size;
        message[len] = (uint8_t)len;
        assert_non_null(HMAC(EVP_sha1(), key, SRTP_HMAC_KEY, message, len, want, &size));
        srtp_hmac_sign(hmac, (struct span){ message, len / 3 },
                       (struct span){ message + len / 3, len - len / 3 }, got);
        assert_memory_equal(got, want, SRTP_HMAC_SIZE);
    }
}

static void derivation_is_rfc_3711_s(void **state) /* appendix B.3 */
{
    uint8_t master_key[16], master_salt[14], key[16], salt[14], hmac_key[20];
    (void)test_hex("E1F97A0D3E018BE0D64FA32C06DE4139", master_key);
    (void)test_hex("0EC675AD498AFEEBB6960B3AABE6", master_salt);
    (void)test_hex("C61E7A93744F39EE10734AFE3FF7A087", key);
    (void)test_hex("30CBBC08863D8C85D49DB34A9AE1", salt);
    (void)test_hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4", hmac_key);

    AUTO(srtp_sealer_destroy) struct srtp_sealer *sealer = srtp_sealer_create(0);
    AUTO(srtp_keys_destroy) struct srtp_keys     *keys = NULL;
    assert_int_equal(srtp_keys_create(sealer, SRTP_PROFILE_AES128_CM_SHA1_80,
                                      (struct span){ master_key, sizeof(master_key) },
                                      (struct span){ master_salt, sizeof(master_salt) }, &keys),
                     0);
    assert_memory_equal(keys->rtp.key, key, sizeof(key));
    assert_memory_equal(keys->rtp.salt, salt, sizeof(salt));
    check_hmac(&keys->rtp.hmac, hmac_key);
    assert_memory_not_equal(keys->rtcp.key, key, sizeof(key));
    assert_memory_not_equal(keys->rtcp.salt, salt, sizeof(salt));
    assert_memory_not_equal(&keys->rtcp.hmac, &keys->rtp.hmac, sizeof(keys->rtp.hmac));
}

static void hmac_is_rfc_2202_s(void **state)
{
    static const struct {
        const char *name, *key, *message, *want;
    } cases[] = {
        { "case 1", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
          "b617318655057264e28bc0b6fb378c8ef146be00" },
        { "case 3", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
          "dddddddddddddddddddddddddddddddddddddddddddddddddd"
          "dddddddddddddddddddddddddddddddddddddddddddddddddd",
          "125d7342b9ac11cd91a39af48aa17b4f63f175d3" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t          key[20], message[50], want[20], got[20];
        struct srtp_hmac hmac;
        size_t           len = test_hex(cases[i].message, message);
        (void)test_hex(cases[i].key, key);
        (void)test_hex(cases[i].want, want);
        srtp_hmac_init(key, &hmac);
        srtp_hmac_sign(&hmac, (struct span){ message, len }, (struct span){ 0 }, got);
        CHECK(memcmp(got, want, sizeof(want)) == 0, cases[i].name);
        CHECK(srtp_hmac_verify(&hmac, (struct span){ message, len }, (struct span){ 0 }, want),
              cases[i].name);
        want[SRTP_HMAC_TAG] ^= 1; /* behind what is sent */
        CHECK(srtp_hmac_verify(&hmac, (struct span){ message, len }, (struct span){ 0 }, want),
              cases[i].name);
        want[SRTP_HMAC_TAG - 1] ^= 1;
        CHECK(!srtp_hmac_verify(&hmac, (struct span){ message, len }, (struct span){ 0 }, want),
              cases[i].name);
    }
}

static void ivs_are_those_of_the_rfcs(void **state)
{
    static const struct {
        const char *name, *salt;
        bool        is_aead;
        uint32_t    ssrc;
        uint64_t    index;
        const char *want;
    } cases[] = {
        { "CM, each byte in its place", "", false, 0x01020304, 0x0a0b0c0d0e0f,
          "00000000010203040a0b0c0d0e0f0000" },
        { "CM, with a salt", "f0f1f2f3f4f5f6f7f8f9fafbfcfd", false, 0x01020304, 0x0a0b0c0d0e0f,
          "f0f1f2f3f5f7f5f3f2f2f6f6f2f20000" },
        { "GCM, each byte in its place", "", true, 0x01020304, 0x0a0b0c0d0e0f,
          "0000010203040a0b0c0d0e0f" },
        { "RFC 7714, section 16", "517569642070726f2071756f", true, 0x5501a0b2, 0xf17b,
          "51753c6580c2726f20718414" },
        { "RFC 7714, section 17", "517569642070726f2071756f", true, 0x4d617273, 0x5d4,
          "517524055203726f207170bb" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct srtp_session session = { 0 };
        uint8_t             want[SRTP_IV], iv[SRTP_IV];
        size_t              len = test_hex(cases[i].want, want);
        (void)test_hex(cases[i].salt, session.salt);
        srtp_write_iv(&session, cases[i].is_aead, cases[i].ssrc, cases[i].index, iv);
        CHECK(memcmp(iv, want, len) == 0, cases[i].name);
    }
}

/* Two directions a viewer, with one SSL beside them, in 64 KB. */
static void keys_are_small(void **state)
{
    AUTO(srtp_sealer_destroy) struct srtp_sealer *sealer = srtp_sealer_create(0);
    for (size_t i = 0; i < COUNT(test_profiles); i++) {
        AUTO(srtp_keys_destroy) struct srtp_keys *keys = test_keys(sealer, test_profiles[i], 1);
        CHECK(keys->size <= (keys->info->is_aead ? 1400 : 512),
              test_profile_name(test_profiles[i]));
    }
}

TESTS(profiles_are_found_by_number, profiles_are_named_in_our_order, lengths_must_be_the_profile_s,
      derivation_is_rfc_3711_s, hmac_is_rfc_2202_s, ivs_are_those_of_the_rfcs, keys_are_small)
