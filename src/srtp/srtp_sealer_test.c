#include <openssl/crypto.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "srtp/srtp_mb.h"
#include "srtp/test_srtp.h"

enum { GUARD = 64, GUARD_BYTE = 0xa5, VIEWERS = 64, MAX_JOBS = 600, MAX_SEALERS = 6 };

#define RFC_7714_PAYLOAD                                                                           \
    "47616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573"

static const unsigned backends[] = { 0, SRTP_SEALER_OPENSSL };

static unsigned long openssl_allocations;

static void *count_malloc(size_t size, const char *file, int line)
{
    openssl_allocations++;
    return malloc(size);
}

static void *count_realloc(void *p, size_t size, const char *file, int line)
{
    openssl_allocations++;
    return realloc(p, size);
}

static void count_free(void *p, const char *file, int line)
{
    free(p);
}

/* OpenSSL takes them only before its own first use of memory. */
__attribute__((constructor)) static void count_openssl_allocations(void)
{
    ASSERT(CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free) == 1);
}

static void key_stream_is_rfc_3711_s(void **state) /* appendix B.2 */
{
    static const struct {
        size_t      at; /* in blocks */
        const char *want;
    } cases[] = {
        { 0x0000, "E03EAD0935C95E80E166B16DD92B4EB4" },
        { 0x0001, "D23513162B02D0F72A43A2FE4A5F97AB" },
        { 0x0002, "41E95B3BB0A2E8DD477901E4FCA894C0" },
        { 0xfeff, "EC8CDF7398607CB0F2D21675EA9EA1E4" },
        { 0xff00, "362B7C3C6773516318A077D7FC5073AE" },
        { 0xff01, "6A2CC3787889374FBEB4C81B17BA6C44" },
    };
    static uint8_t zeros[0xff02 * 16], out[12 + sizeof(zeros) + SRTP_MAX_TAG];
    for (size_t i = 0; i < COUNT(backends); i++) {
        AUTO(srtp_sealer_destroy) struct srtp_sealer *sealer = srtp_sealer_create(backends[i]);
        AUTO(srtp_keys_destroy)
        struct srtp_keys *keys =
            test_session_keys(sealer, SRTP_PROFILE_AES128_CM_SHA1_80,
                              "2B7E151628AED2A6ABF7158809CF4F3C", "F0F1F2F3F4F5F6F7F8F9FAFBFCFD");
        /* Once all of it, and once a packet that the fast way takes. */
        for (size_t len = sizeof(zeros); len > 0; len = len == 48 ? 0 : 48) {
            srtp_seal(sealer,
                      &(struct srtp_job){
                          .keys = keys, .out = out, .header_len = 12, .payload = { zeros, len } },
                      1);
            for (size_t k = 0; k < COUNT(cases) && cases[k].at * 16 < len; k++) {
                uint8_t want[16];
                (void)test_hex(cases[k].want, want);
                CHECK(memcmp(out + 12 + cases[k].at * 16, want, sizeof(want)) == 0, cases[k].want);
            }
        }
    }
}

static void seal_vector(unsigned backend, enum srtp_profile profile, const char *key,
                        const char *want_hex)
{
    uint8_t                                       packet[100], payload[64], want[100];
    size_t                                        payload_len = test_hex(RFC_7714_PAYLOAD, payload);
    AUTO(srtp_sealer_destroy) struct srtp_sealer *sealer = srtp_sealer_create(backend);
    AUTO(srtp_keys_destroy)
    struct srtp_keys *keys = test_session_keys(sealer, profile, key, "517569642070726f2071756f");
    struct srtp_job   job = { .keys = keys,
                              .out = packet,
                              .header_len = (uint32_t)test_hex("8040f17b8041f8d35501a0b2", packet),
                              .ssrc = 0x5501a0b2,
                              .payload = { payload, payload_len },
                              .index = 0xf17b };
    srtp_seal(sealer, &job, 1);
    size_t want_len = test_hex(want_hex, want);
    CHECK(srtp_sealed_len(keys, 12, payload_len) == want_len, test_profile_name(profile));
    CHECK(memcmp(packet, want, want_len) == 0, test_profile_name(profile));
}

static void packets_of_rfc_7714_are_sealed(void **state) /* sections 16.1.1 and 16.2.1 */
{
    for (size_t i = 0; i < COUNT(backends); i++) {
        seal_vector(backends[i], SRTP_PROFILE_AEAD_AES_128_GCM, "000102030405060708090a0b0c0d0e0f",
                    "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f"
                    "42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce");
        seal_vector(backends[i], SRTP_PROFILE_AEAD_AES_256_GCM,
                    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
                    "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3"
                    "b50b2a0276ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13");
    }
}

/* Sealers, viewers and shared payloads; what each sealer writes goes to an arena of its own. */
struct bench {
    unsigned            sealer_count;
    struct srtp_sealer *sealers[MAX_SEALERS]; /* OpenSSL; ipsec-mb by each set of instructions */
    struct srtp_keys   *keys[MAX_SEALERS][VIEWERS];
    uint8_t             payloads[2048];
    uint8_t             payloads_before[2048];
    uint8_t             arenas[2][2 * GUARD + MAX_JOBS * TEST_MAX_PACKET];
    struct srtp_job     jobs[MAX_JOBS];
    unsigned            viewers[MAX_JOBS]; /* whose job it is */
    uint64_t            random;
};

static void bench_create_sealers(struct bench *bench)
{
    struct srtp_mb *mb = NULL;
    do {
        ASSERT(bench->sealer_count < MAX_SEALERS);
        struct srtp_sealer *sealer = srtp_sealer_create(SRTP_SEALER_OPENSSL);
        sealer->mb = mb;
        if (mb)
            srtp_mb_describe(mb, sealer->name, sizeof(sealer->name));
        bench->sealers[bench->sealer_count] = sealer;
        mb = srtp_mb_create(bench->sealer_count++);
    } while (mb);
}

/* `mixed`: a viewer has one of the three profiles; else all have the first. */
static struct bench *bench_create(bool mixed)
{
    struct bench *bench = mem_new(struct bench);
    bench_create_sealers(bench);
    for (unsigned i = 0; i < bench->sealer_count; i++)
        for (unsigned k = 0; k < VIEWERS; k++)
            bench->keys[i][k] = test_keys(bench->sealers[i],
                                          test_profiles[mixed ? k % COUNT(test_profiles) : 0], k);
    bench->random = 42;
    test_random_fill(&bench->random, bench->payloads, sizeof(bench->payloads));
    memcpy(bench->payloads_before, bench->payloads, sizeof(bench->payloads));
    return bench;
}

static void bench_destroy(struct bench *bench)
{
    for (unsigned i = 0; i < bench->sealer_count; i++) {
        for (unsigned k = 0; k < VIEWERS; k++)
            srtp_keys_destroy(bench->keys[i][k]);
        srtp_sealer_destroy(bench->sealers[i]);
    }
    mem_free(bench);
}

static unsigned pick(struct bench *bench, unsigned from, unsigned to)
{
    return from + test_random(&bench->random) % (to - from + 1);
}

/* Random packets, without their keys and places. */
static void make_jobs(struct bench *bench, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct srtp_job *job = &bench->jobs[i];
        size_t           len = pick(bench, 0, 20) == 0 ? 0 : pick(bench, 1, 1200);
        job->header_len = 12 + 8 * pick(bench, 0, 1);
        job->payload = (struct span){ bench->payloads + pick(bench, 0, 800), len };
        job->ssrc = test_random(&bench->random);
        job->index = (uint64_t)test_random(&bench->random) << 17 | test_random(&bench->random);
        job->index &= UINT64_C(0xffffffffffff);
        bench->viewers[i] = pick(bench, 0, VIEWERS - 1);
    }
}

/* Back to back, from the first job up or from the last; returns the bytes taken. */
static size_t place_jobs(struct bench *bench, unsigned sealer, unsigned count, uint8_t *arena,
                         bool from_last)
{
    uint8_t *at = arena + GUARD;
    for (unsigned i = 0; i < count; i++) {
        unsigned         n = from_last ? count - 1 - i : i;
        struct srtp_job *job = &bench->jobs[n];
        job->keys = bench->keys[sealer][bench->viewers[n]];
        job->out = at;
        test_write_header(at, job->header_len, job->ssrc, (uint16_t)job->index);
        at += srtp_sealed_len(job->keys, job->header_len, job->payload.len);
    }
    return (size_t)(at - arena) - GUARD;
}

static bool is_untouched(const uint8_t *guard)
{
    for (size_t i = 0; i < GUARD; i++)
        if (guard[i] != GUARD_BYTE)
            return false;
    return true;
}

/* The same packets by each sealer: equal to the byte, and nothing beside them changed. */
static void check_sweep(struct bench *bench, unsigned count, bool from_last)
{
    make_jobs(bench, count);
    for (unsigned i = 0; i < bench->sealer_count; i++) {
        uint8_t *arena = bench->arenas[i > 0];
        memset(arena, GUARD_BYTE, sizeof(bench->arenas[0]));
        size_t len = place_jobs(bench, i, count, arena, from_last);
        srtp_seal(bench->sealers[i], bench->jobs, count);
        CHECK(is_untouched(arena), srtp_sealer_name(bench->sealers[i]));
        CHECK(is_untouched(arena + GUARD + len), srtp_sealer_name(bench->sealers[i]));
        assert_memory_equal(arena + GUARD, bench->arenas[0] + GUARD, len);
    }
    assert_memory_equal(bench->payloads, bench->payloads_before, sizeof(bench->payloads));
}

static void check_sweeps(bool mixed)
{
    static const unsigned counts[] = {
        0, 1, 2, 6, 7, 8, 9, 15, 16, 17, 64, 255, 256, 257, MAX_JOBS
    };
    struct bench *bench = bench_create(mixed);
    for (size_t i = 0; i < COUNT(counts); i++)
        for (unsigned round = 0; round < 4; round++)
            check_sweep(bench, counts[i], round % 2);
    bench_destroy(bench);
}

static void backends_agree(void **state)
{
    check_sweeps(false);
}

static void a_sweep_may_mix_profiles(void **state)
{
    check_sweeps(true);
}

/* A viewer's packets one after another, as they come from a frame: OpenSSL keeps the key. */
static void packets_of_one_viewer_follow_each_other(void **state)
{
    struct bench *bench = bench_create(true);
    for (unsigned viewer = 0; viewer < COUNT(test_profiles); viewer++) {
        make_jobs(bench, 40);
        for (unsigned i = 0; i < 40; i++)
            bench->viewers[i] = viewer + i / 20 * COUNT(test_profiles);
        size_t len = place_jobs(bench, 0, 40, bench->arenas[0], false);
        for (unsigned i = 0; i < 40; i++)
            srtp_seal(bench->sealers[0], &bench->jobs[i], 1);
        (void)place_jobs(bench, 0, 40, bench->arenas[1], false);
        srtp_seal(bench->sealers[0], bench->jobs, 40);
        assert_memory_equal(bench->arenas[0] + GUARD, bench->arenas[1] + GUARD, len);
    }
    bench_destroy(bench);
}

/* Beyond what ipsec-mb vouches for it is OpenSSL that seals. */
static void packets_may_be_large(void **state)
{
    static const size_t sizes[] = { 32768, 59999, 60000, 60001, 65535, 65536, 131073 };
    static uint8_t      payload[131073];
    struct bench       *bench = bench_create(true);
    test_random_fill(&bench->random, payload, sizeof(payload));
    for (unsigned i = 0; i < bench->sealer_count; i++)
        for (size_t k = 0; k < COUNT(sizes) * COUNT(test_profiles); k++) {
            struct span    large = { payload, sizes[k / COUNT(test_profiles)] };
            const unsigned viewer = k % COUNT(test_profiles);
            const size_t   len =
                test_seal(bench->sealers[0], bench->keys[0][viewer], k, large, bench->arenas[0]);
            (void)test_seal(bench->sealers[i], bench->keys[i][viewer], k, large, bench->arenas[1]);
            assert_memory_equal(bench->arenas[0], bench->arenas[1], len);
        }
    bench_destroy(bench);
}

/* New keys may lie where the last packet's keys lay. */
static void new_keys_are_not_taken_for_old_ones(void **state)
{
    AUTO(srtp_sealer_destroy)
    struct srtp_sealer *sealer = srtp_sealer_create(SRTP_SEALER_OPENSSL);
    for (size_t k = 0; k < COUNT(test_profiles); k++) {
        uint8_t packets[2][TEST_MAX_PACKET];
        size_t  len = 0;
        for (unsigned i = 0; i < 2; i++) {
            AUTO(srtp_keys_destroy)
            struct srtp_keys *keys = test_keys(sealer, test_profiles[k], 7 + i);
            len = test_seal(sealer, keys, 1, BYTES("the same in both"), packets[i]);
        }
        assert_memory_not_equal(packets[0] + 12, packets[1] + 12, len - 12);
    }
}

/* Payload and packet at the end of mapped memory, and at its start. */
static void nothing_beside_is_read(void **state)
{
    size_t   page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *memory[2];
    for (size_t i = 0; i < COUNT(memory); i++) {
        memory[i] = mmap(NULL, page * 3, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_true(memory[i] != MAP_FAILED);
        assert_int_equal(mprotect(memory[i] + page, page, PROT_READ | PROT_WRITE), 0);
    }
    AUTO(srtp_sealer_destroy) struct srtp_sealer *sealer = srtp_sealer_create(0);
    for (size_t k = 0; k < COUNT(test_profiles); k++) {
        AUTO(srtp_keys_destroy) struct srtp_keys *keys = test_keys(sealer, test_profiles[k], 1);
        for (size_t payload_len = 1; payload_len < 140; payload_len++) {
            size_t             len = srtp_sealed_len(keys, 12, payload_len);
            struct span        at_start = { memory[0] + page, payload_len };
            struct span        at_end = { memory[0] + page * 2 - payload_len, payload_len };
            uint8_t            first[TEST_MAX_PACKET];
            struct srtp_replay replay = { 0 };
            assert_int_equal(test_seal(sealer, keys, 1, at_start, memory[1] + page), len);
            memcpy(first, memory[1] + page, len);
            assert_int_equal(test_seal(sealer, keys, 1, at_end, memory[1] + page * 2 - len), len);
            assert_memory_equal(first, memory[1] + page * 2 - len, len);
            assert_int_equal(srtp_open(sealer, keys, &replay, memory[1] + page * 2 - len, len),
                             12 + payload_len);
        }
    }
    for (size_t i = 0; i < COUNT(memory); i++)
        assert_int_equal(munmap(memory[i], page * 3), 0);
}

static void open_all(struct bench *bench, struct srtp_sealer *sealer, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct srtp_job   *job = &bench->jobs[i];
        struct srtp_replay replay = { .highest = job->index & ~UINT64_C(0xffff) };
        size_t             len = job->header_len + job->payload.len;
        assert_int_equal(
            srtp_open(sealer, job->keys, &replay, job->out, len + srtp_tag_len(job->keys)), len);
        assert_int_equal(replay.last, job->index);
        uint8_t rtcp[64] = { 0x80, 201, 0, 1 };
        len = srtcp_seal(sealer, job->keys, i, rtcp, 8);
        replay = (struct srtp_replay){ 0 };
        assert_int_equal(srtcp_open(sealer, job->keys, &replay, rtcp, len), 8);
    }
}

static void no_packet_allocates(void **state)
{
    struct bench *bench = bench_create(true);
    make_jobs(bench, 100);
    assert_true(openssl_allocations > 0);
    for (unsigned i = 0; i < bench->sealer_count; i++) {
        (void)place_jobs(bench, i, 100, bench->arenas[0], false);
        uint64_t      ours = mem_allocations();
        unsigned long openssl_s = openssl_allocations;
        srtp_seal(bench->sealers[i], bench->jobs, 100);
        open_all(bench, bench->sealers[i], 100);
        assert_int_equal(mem_allocations(), ours);
        assert_int_equal(openssl_allocations, openssl_s);
    }
    bench_destroy(bench);
}

static void the_name_tells_the_backend(void **state)
{
    AUTO(srtp_sealer_destroy) struct srtp_sealer *any = srtp_sealer_create(0);
    AUTO(srtp_sealer_destroy)
    struct srtp_sealer *openssl = srtp_sealer_create(SRTP_SEALER_OPENSSL);
    const char         *want = any->mb ? "ipsec-mb " : "OpenSSL ";
    assert_int_equal(strncmp(srtp_sealer_name(any), want, strlen(want)), 0);
    assert_int_equal(strncmp(srtp_sealer_name(openssl), "OpenSSL 3.", 10), 0);
}

TESTS(key_stream_is_rfc_3711_s, packets_of_rfc_7714_are_sealed, backends_agree,
      a_sweep_may_mix_profiles, packets_of_one_viewer_follow_each_other, packets_may_be_large,
      new_keys_are_not_taken_for_old_ones, nothing_beside_is_read, no_packet_allocates,
      the_name_tells_the_backend)
