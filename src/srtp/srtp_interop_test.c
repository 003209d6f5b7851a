/* With libsrtp2, both ways: what one seals the other opens. */
#include <srtp2/srtp.h>

#include "srtp/test_srtp.h"

enum { VIEWERS = 64, PACKETS = 3, FIRST_SEQ = 0xfffe };

static const unsigned backends[] = { 0, SRTP_SEALER_OPENSSL };

/* A viewer's end of the wire. */
struct peer {
    struct srtp_keys *keys;
    srtp_t            libsrtp;
};

static void init_libsrtp(void)
{
    static bool is_ready;
    if (!is_ready)
        assert_int_equal(srtp_init(), srtp_err_status_ok);
    is_ready = true;
}

static srtp_t create_libsrtp(enum srtp_profile profile, unsigned n, srtp_ssrc_type_t direction)
{
    uint8_t       master[SRTP_MAX_KEY + SRTP_MAX_SALT];
    srtp_policy_t policy = { .ssrc = { .type = direction }, .key = master, .window_size = 128 };
    srtp_t        out;
    (void)test_master(profile, n, master);
    assert_int_equal(
        srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, (srtp_profile_t)profile),
        srtp_err_status_ok);
    assert_int_equal(
        srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp, (srtp_profile_t)profile),
        srtp_err_status_ok);
    assert_int_equal(srtp_create(&out, &policy), srtp_err_status_ok);
    return out;
}

static void peers_create(const struct srtp_sealer *sealer, srtp_ssrc_type_t direction,
                         struct peer peers[VIEWERS])
{
    init_libsrtp();
    for (unsigned i = 0; i < VIEWERS; i++) {
        enum srtp_profile profile = test_profiles[i % COUNT(test_profiles)];
        peers[i].keys = test_keys(sealer, profile, i);
        peers[i].libsrtp = create_libsrtp(profile, i, direction);
    }
}

static void peers_destroy(struct peer peers[VIEWERS])
{
    for (unsigned i = 0; i < VIEWERS; i++) {
        peers[i].keys = srtp_keys_destroy(peers[i].keys);
        assert_int_equal(srtp_dealloc(peers[i].libsrtp), srtp_err_status_ok);
    }
}

static void check_opened(struct peer *peer, const struct srtp_job *job, struct span payload)
{
    static _Alignas(4) uint8_t packet[TEST_MAX_PACKET]; /* libsrtp lays structs over it */
    uint8_t                    header[20];
    int len = (int)srtp_sealed_len(job->keys, job->header_len, job->payload.len);
    memcpy(packet, job->out, (size_t)len);
    test_write_header(header, job->header_len, job->ssrc, (uint16_t)job->index);
    CHECK(srtp_unprotect(peer->libsrtp, packet, &len) == srtp_err_status_ok,
          job->keys->info->openssl_name);
    CHECK((size_t)len == job->header_len + payload.len, job->keys->info->openssl_name);
    CHECK(memcmp(packet, header, job->header_len) == 0, job->keys->info->openssl_name);
    CHECK(memcmp(packet + job->header_len, payload.p, payload.len) == 0,
          job->keys->info->openssl_name);
}

/* One packet for each of `count` viewers; sizes and headers differ. */
static void sweep(struct srtp_sealer *sealer, struct peer *peers, unsigned count, uint64_t index,
                  struct span bytes)
{
    static uint8_t  arena[VIEWERS * TEST_MAX_PACKET];
    struct srtp_job jobs[VIEWERS];
    uint8_t        *at = arena;
    for (unsigned i = 0; i < count; i++) {
        jobs[i] = (struct srtp_job){ .keys = peers[i].keys,
                                     .out = at,
                                     .header_len = i % 3 ? 12 : 20,
                                     .ssrc = TEST_SSRC + i,
                                     .payload = span_first(bytes, 1 + i * 19 + index % 3),
                                     .index = index };
        test_write_header(at, jobs[i].header_len, jobs[i].ssrc, (uint16_t)index);
        at += srtp_sealed_len(peers[i].keys, jobs[i].header_len, jobs[i].payload.len);
    }
    srtp_seal(sealer, jobs, count);
    for (unsigned i = 0; i < count; i++)
        check_opened(&peers[i], &jobs[i], jobs[i].payload);
}

/* 1, 7 and 64 packets at once with as many keys, over a rollover. */
static void libsrtp_opens_what_we_seal(void **state)
{
    static const unsigned counts[] = { 1, 7, VIEWERS };
    static uint8_t        bytes[1200];
    uint64_t              random = 1;
    test_random_fill(&random, bytes, sizeof(bytes));
    for (size_t i = 0; i < COUNT(backends); i++) {
        AUTO(srtp_sealer_destroy) struct srtp_sealer *sealer = srtp_sealer_create(backends[i]);
        for (size_t k = 0; k < COUNT(counts); k++) {
            struct peer peers[VIEWERS];
            peers_create(sealer, ssrc_any_inbound, peers);
            for (uint64_t index = FIRST_SEQ; index < FIRST_SEQ + PACKETS; index++)
                sweep(sealer, peers, counts[k], index, (struct span){ bytes, sizeof(bytes) });
            peers_destroy(peers);
        }
    }
}

static void we_open_what_libsrtp_seals(void **state)
{
    static _Alignas(4) uint8_t packet[TEST_MAX_PACKET];
    for (size_t i = 0; i < COUNT(backends); i++) {
        AUTO(srtp_sealer_destroy) struct srtp_sealer *sealer = srtp_sealer_create(backends[i]);
        struct peer                                   peers[VIEWERS];
        struct srtp_replay                            replays[VIEWERS] = { { 0 } };
        peers_create(sealer, ssrc_any_outbound, peers);
        for (uint64_t index = FIRST_SEQ; index < FIRST_SEQ + PACKETS; index++)
            for (unsigned n = 0; n < VIEWERS; n++) {
                int    len = 20 + (int)n * 18;
                size_t plain_len = (size_t)len;
                memset(packet, 'x', sizeof(packet));
                test_write_header(packet, 20, TEST_SSRC, (uint16_t)index);
                assert_int_equal(srtp_protect(peers[n].libsrtp, packet, &len), srtp_err_status_ok);
                assert_int_equal(srtp_open(sealer, peers[n].keys, &replays[n], packet, (size_t)len),
                                 plain_len);
                assert_int_equal(replays[n].last, index);
                assert_true(plain_len == 20 || packet[plain_len - 1] == 'x');
            }
        peers_destroy(peers);
    }
}

static void check_rtcp(struct srtp_sealer *sealer, struct peer *in, struct peer *out,
                       uint32_t index)
{
    static const uint8_t report[32] = { 0x81, 201, 0, 7, 0x31, 0x32, 0x33, 0x34, 1, 2, 3 };
    _Alignas(4) uint8_t  packet[sizeof(report) + SRTP_MAX_TRAILER_LEN + 4];
    struct srtp_replay   replay = { 0 };
    const char          *name = in->keys->info->openssl_name;
    memcpy(packet, report, sizeof(report));
    int len = (int)srtcp_seal(sealer, in->keys, index, packet, sizeof(report));
    CHECK(srtp_unprotect_rtcp(in->libsrtp, packet, &len) == srtp_err_status_ok, name);
    CHECK(len == sizeof(report) && memcmp(packet, report, sizeof(report)) == 0, name);
    CHECK(srtp_protect_rtcp(out->libsrtp, packet, &len) == srtp_err_status_ok, name);
    CHECK(srtcp_open(sealer, out->keys, &replay, packet, (size_t)len) == sizeof(report), name);
    CHECK(memcmp(packet, report, sizeof(report)) == 0, name);
}

static void rtcp_goes_both_ways(void **state)
{
    for (size_t i = 0; i < COUNT(backends); i++) {
        AUTO(srtp_sealer_destroy) struct srtp_sealer *sealer = srtp_sealer_create(backends[i]);
        struct peer                                   in[VIEWERS], out[VIEWERS];
        peers_create(sealer, ssrc_any_inbound, in);
        peers_create(sealer, ssrc_any_outbound, out);
        for (unsigned n = 0; n < VIEWERS; n++)
            for (uint32_t index = 1; index < 4; index++)
                check_rtcp(sealer, &in[n], &out[n], index);
        peers_destroy(in);
        peers_destroy(out);
    }
}

TESTS(libsrtp_opens_what_we_seal, we_open_what_libsrtp_seals, rtcp_goes_both_ways)
