#include <errno.h>

#include "srtp/test_srtp.h"

enum { PAYLOAD = 40 };

#define RFC_7714_RTP                                                                               \
    "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e6973206469766973"                         \
    "6120696e207061727465732074726573"

static const unsigned backends[] = { 0, SRTP_SEALER_OPENSSL };

static const uint8_t payload[PAYLOAD] = "the payload of a packet, forty bytes, ok";

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

static size_t seal(struct srtp_sealer *sealer, const struct srtp_keys *keys, uint64_t index,
                   uint8_t *out)
{
    return test_seal(sealer, keys, index, (struct span){ payload, PAYLOAD }, out);
}

static void open_vector(unsigned backend, enum srtp_profile profile, const char *key,
                        const char *sealed)
{
    uint8_t                                       want[64], packet[100];
    struct srtp_replay                            replay = { 0 };
    size_t                                        len = test_hex(RFC_7714_RTP, want);
    AUTO(srtp_sealer_destroy) struct srtp_sealer *sealer = srtp_sealer_create(backend);
    AUTO(srtp_keys_destroy)
    struct srtp_keys *keys = test_session_keys(sealer, profile, key, "517569642070726f2071756f");
    size_t            sealed_len = test_hex(sealed, packet);
    CHECK(srtp_open(sealer, keys, &replay, packet, sealed_len) == (ssize_t)len,
          test_profile_name(profile));
    CHECK(memcmp(packet, want, len) == 0, test_profile_name(profile));
    assert_int_equal(replay.last, 0xf17b);
}

static void packets_of_rfc_7714_are_opened(void **state) /* sections 16.1.2 and 16.2.2 */
{
    for (size_t i = 0; i < COUNT(backends); i++) {
        open_vector(backends[i], SRTP_PROFILE_AEAD_AES_128_GCM, "000102030405060708090a0b0c0d0e0f",
                    "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f"
                    "42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce");
        open_vector(backends[i], SRTP_PROFILE_AEAD_AES_256_GCM,
                    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
                    "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3"
                    "b50b2a0276ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13");
    }
}

static void check_rollover(struct srtp_sealer *sealer, const struct srtp_keys *keys)
{
    static const uint64_t indexes[] = { 0xfffd,  0xffff,  0x10000, 0xfffe,
                                        0x17000, 0x1f000, 0x20000, 0x1ffff };
    struct srtp_replay    replay = { 0 };
    const char           *name = keys->info->openssl_name;
    for (size_t i = 0; i < COUNT(indexes); i++) {
        uint8_t packet[TEST_MAX_PACKET], again[TEST_MAX_PACKET];
        size_t  len = seal(sealer, keys, indexes[i], packet);
        memcpy(again, packet, len);
        CHECK(srtp_open(sealer, keys, &replay, packet, len) == 12 + PAYLOAD, name);
        CHECK(replay.last == indexes[i], name);
        CHECK(memcmp(packet + 12, payload, PAYLOAD) == 0, name);
        CHECK(srtp_open(sealer, keys, &replay, again, len) == -EALREADY, name);
    }
}

static void rollovers_are_followed(void **state)
{
    for_each(check_rollover);
}

static void check_late_start(struct srtp_sealer *sealer, const struct srtp_keys *keys)
{
    uint8_t            packet[TEST_MAX_PACKET], again[TEST_MAX_PACKET];
    struct srtp_replay unknowing = { 0 }, told = { .highest = 0x50000 };
    size_t             len = seal(sealer, keys, 0x50123, packet);
    memcpy(again, packet, len);
    CHECK(srtp_open(sealer, keys, &unknowing, packet, len) == -EBADMSG, keys->info->openssl_name);
    CHECK(srtp_open(sealer, keys, &told, again, len) == 12 + PAYLOAD, keys->info->openssl_name);
}

static void a_late_receiver_must_be_told_the_rollovers(void **state)
{
    for_each(check_late_start);
}

static void check_tampering(struct srtp_sealer *sealer, const struct srtp_keys *keys)
{
    uint8_t sealed[TEST_MAX_PACKET], packet[TEST_MAX_PACKET];
    size_t  len = seal(sealer, keys, 77, sealed);
    for (size_t bit = 0; bit < len * 8; bit++) {
        struct srtp_replay replay = { 0 };
        memcpy(packet, sealed, len);
        packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(srtp_open(sealer, keys, &replay, packet, len) == -EBADMSG, keys->info->openssl_name);
        CHECK(replay.window == 0 && replay.highest == 0, keys->info->openssl_name);
    }
    for (size_t shorter = 0; shorter < len; shorter++) {
        struct srtp_replay replay = { 0 };
        memcpy(packet, sealed, len);
        CHECK(srtp_open(sealer, keys, &replay, packet, shorter) == -EBADMSG,
              keys->info->openssl_name);
    }
}

static void every_bit_is_authenticated(void **state)
{
    for_each(check_tampering);
}

static void check_header(struct srtp_sealer *sealer, const struct srtp_keys *keys)
{
    static const uint8_t header[] = {
        0x92, 96, 0, 7, 0, 0, 0,    0,    0x31, 0x32, 0x33, 0x34, 1, 2,
        3,    4,  5, 6, 7, 8, 0xbe, 0xde, 0,    1,    0x10, 9,    9, 0
    }; /* two CSRCs, one word of extension */
    uint8_t            packet[TEST_MAX_PACKET];
    struct srtp_replay replay = { 0 };
    memcpy(packet, header, sizeof(header));
    struct srtp_job job = { .keys = keys,
                            .out = packet,
                            .header_len = sizeof(header),
                            .ssrc = TEST_SSRC,
                            .payload = { payload, PAYLOAD },
                            .index = 7 };
    srtp_seal(sealer, &job, 1);
    CHECK(
        srtp_open(sealer, keys, &replay, packet, srtp_sealed_len(keys, sizeof(header), PAYLOAD)) ==
            (ssize_t)sizeof(header) + PAYLOAD,
        keys->info->openssl_name);
    CHECK(memcmp(packet, header, sizeof(header)) == 0, keys->info->openssl_name);
    CHECK(memcmp(packet + sizeof(header), payload, PAYLOAD) == 0, keys->info->openssl_name);
}

static void csrcs_and_extensions_stay_readable(void **state)
{
    for_each(check_header);
}

static void check_empty(struct srtp_sealer *sealer, const struct srtp_keys *keys)
{
    uint8_t            packet[TEST_MAX_PACKET];
    struct srtp_replay replay = { 0 };
    size_t             len = test_seal(sealer, keys, 3, (struct span){ 0 }, packet);
    CHECK(len == 12 + srtp_tag_len(keys), keys->info->openssl_name);
    CHECK(srtp_open(sealer, keys, &replay, packet, len) == 12, keys->info->openssl_name);
    len = test_seal(sealer, keys, 4, (struct span){ 0 }, packet);
    packet[len - 1] ^= 1;
    CHECK(srtp_open(sealer, keys, &replay, packet, len) == -EBADMSG, keys->info->openssl_name);
}

static void a_packet_may_be_empty(void **state)
{
    for_each(check_empty);
}

static void rubbish_is_refused(void **state)
{
    static const struct {
        const char *name;
        struct span packet;
    } cases[] = {
        { "nothing", BYTES("") },
        { "a short header", BYTES("\x80\x60\0\1\0\0\0\0\0\0\0"
                                  "0123456789abcdef") },
        { "version 1", BYTES("\x40\x60\0\1\0\0\0\0\0\0\0\1"
                             "0123456789abcdef") },
        { "CSRCs beyond the end", BYTES("\x82\x60\0\1\0\0\0\0\0\0\0\1"
                                        "1234"
                                        "0123456789abcdef") },
        { "half an extension", BYTES("\x90\x60\0\1\0\0\0\0\0\0\0\1"
                                     "\xbe\xde"
                                     "0123456789abcdef") },
        { "an extension too long", BYTES("\x90\x60\0\1\0\0\0\0\0\0\0\1"
                                         "\xbe\xde\0\2"
                                         "1234"
                                         "0123456789abcdef") },
        { "the longest extension", BYTES("\x9f\x60\0\1\0\0\0\0\0\0\0\1"
                                         "\xbe\xde\xff\xff"
                                         "1234"
                                         "0123456789abcdef") },
    };
    AUTO(srtp_sealer_destroy) struct srtp_sealer *sealer = srtp_sealer_create(0);
    for (size_t k = 0; k < COUNT(test_profiles); k++) {
        AUTO(srtp_keys_destroy) struct srtp_keys *keys = test_keys(sealer, test_profiles[k], 1);
        for (size_t i = 0; i < COUNT(cases); i++) {
            /* Of its own size, so that ASan sees what is read behind it. */
            AUTO(mem_free) char *packet = mem_alloc(cases[i].packet.len);
            struct srtp_replay   replay = { 0 };
            memcpy(packet, cases[i].packet.p, cases[i].packet.len);
            CHECK(srtp_open(sealer, keys, &replay, (uint8_t *)packet, cases[i].packet.len) ==
                      -EBADMSG,
                  cases[i].name);
        }
    }
}

/* Its tag would be right. */
static void check_version(struct srtp_sealer *sealer, const struct srtp_keys *keys)
{
    uint8_t            packet[TEST_MAX_PACKET];
    struct srtp_replay replay = { 0 };
    test_write_header(packet, 12, TEST_SSRC, 5);
    packet[0] = 0x40;
    struct srtp_job job = { .keys = keys,
                            .out = packet,
                            .header_len = 12,
                            .ssrc = TEST_SSRC,
                            .payload = { payload, PAYLOAD },
                            .index = 5 };
    srtp_seal(sealer, &job, 1);
    CHECK(srtp_open(sealer, keys, &replay, packet, srtp_sealed_len(keys, 12, PAYLOAD)) == -EBADMSG,
          keys->info->openssl_name);
}

static void another_version_is_refused(void **state)
{
    for_each(check_version);
}

/* What one backend made, the other opens; keys made for one serve with the other. */
static void backends_open_each_other_s_packets(void **state)
{
    AUTO(srtp_sealer_destroy) struct srtp_sealer *first = srtp_sealer_create(0);
    AUTO(srtp_sealer_destroy)
    struct srtp_sealer *second = srtp_sealer_create(SRTP_SEALER_OPENSSL);
    for (size_t k = 0; k < COUNT(test_profiles); k++) {
        AUTO(srtp_keys_destroy) struct srtp_keys *of_first = test_keys(first, test_profiles[k], 1);
        AUTO(srtp_keys_destroy)
        struct srtp_keys  *of_second = test_keys(second, test_profiles[k], 1);
        struct srtp_replay replay = { 0 };
        uint8_t            packet[TEST_MAX_PACKET];
        size_t             len = seal(first, of_first, 1, packet);
        CHECK(srtp_open(second, of_second, &replay, packet, len) == 12 + PAYLOAD, "first, second");
        len = seal(second, of_second, 2, packet);
        CHECK(srtp_open(first, of_first, &replay, packet, len) == 12 + PAYLOAD, "second, first");
        len = seal(first, of_second, 3, packet);
        CHECK(srtp_open(second, of_first, &replay, packet, len) == 12 + PAYLOAD, "crossed");
    }
}

TESTS(packets_of_rfc_7714_are_opened, rollovers_are_followed,
      a_late_receiver_must_be_told_the_rollovers, every_bit_is_authenticated,
      csrcs_and_extensions_stay_readable, a_packet_may_be_empty, rubbish_is_refused,
      another_version_is_refused, backends_open_each_other_s_packets)
