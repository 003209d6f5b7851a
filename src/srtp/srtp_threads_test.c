/* Keys shared by threads, each with a sealer of its own; for ThreadSanitizer. */
#include <pthread.h>

#include "srtp/test_srtp.h"

enum { THREADS = 4, VIEWERS = 24, ROUNDS = 50, PAYLOAD = 300, ROOM = 12 + PAYLOAD + SRTP_MAX_TAG };

static struct srtp_keys *keys[VIEWERS];
static uint8_t           payload[PAYLOAD];

struct worker {
    pthread_t thread;
    unsigned  number;
    uint8_t   arena[VIEWERS][ROOM];
    uint64_t  opened;
};

static void seal_round(struct srtp_sealer *sealer, struct worker *worker, uint16_t seq)
{
    struct srtp_job jobs[VIEWERS];
    for (unsigned i = 0; i < VIEWERS; i++) {
        jobs[i] = (struct srtp_job){ .keys = keys[i],
                                     .out = worker->arena[i],
                                     .header_len = 12,
                                     .ssrc = TEST_SSRC,
                                     .payload = { payload, PAYLOAD },
                                     .index = seq };
        test_write_header(worker->arena[i], 12, TEST_SSRC, seq);
    }
    srtp_seal(sealer, jobs, VIEWERS);
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    AUTO(srtp_sealer_destroy)
    struct srtp_sealer *sealer = srtp_sealer_create(worker->number % 2 ? SRTP_SEALER_OPENSSL : 0);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct srtp_replay replay = { 0 };
        uint8_t            packet[ROOM], rtcp[64] = { 0x80, 201, 0, 1 };
        const unsigned     viewer = round % VIEWERS;
        seal_round(sealer, worker, (uint16_t)round);
        memcpy(packet, worker->arena[viewer], ROOM);
        worker->opened += srtp_open(sealer, keys[viewer], &replay, packet,
                                    srtp_sealed_len(keys[viewer], 12, PAYLOAD)) == 12 + PAYLOAD;
        size_t len = srtcp_seal(sealer, keys[viewer], round, rtcp, 8);
        replay = (struct srtp_replay){ 0 };
        worker->opened += srtcp_open(sealer, keys[viewer], &replay, rtcp, len) == 8;
    }
    return NULL;
}

static void threads_share_keys(void **state)
{
    static struct worker                          workers[THREADS];
    AUTO(srtp_sealer_destroy) struct srtp_sealer *sealer = srtp_sealer_create(0);
    for (unsigned i = 0; i < VIEWERS; i++)
        keys[i] = test_keys(sealer, test_profiles[i % COUNT(test_profiles)], i);
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i].number = i;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        assert_int_equal(workers[i].opened, 2 * ROUNDS);
        assert_memory_equal(workers[i].arena, workers[0].arena, sizeof(workers[0].arena));
    }
    for (unsigned i = 0; i < VIEWERS; i++)
        keys[i] = srtp_keys_destroy(keys[i]);
}

TESTS(threads_share_keys)
