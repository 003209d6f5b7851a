#include "stream/batch.h"

#include <pthread.h>

#include "base/test.h"
#include "rtp/interleaved.h"
#include "stream/test_batch.h"

/* Where a packet lies: in which of three slabs, behind how many bytes, and how long it is. */
struct place {
    unsigned slab, at;
    uint16_t len;
};

struct desk {
    struct pool   slabs, batches;
    struct slab  *slab[3];
    struct batch *batch;
};

static void desk_open(struct desk *desk)
{
    pool_init(&desk->slabs, sizeof(struct slab) + SLAB_SMALL, 4);
    pool_init(&desk->batches, sizeof(struct batch), 4);
    for (size_t i = 0; i < COUNT(desk->slab); i++)
        desk->slab[i] = slab_take(&desk->slabs, SLAB_SMALL);
    desk->batch = batch_take(&desk->batches);
}

static void desk_close(struct desk *desk)
{
    for (size_t i = 0; i < COUNT(desk->slab); i++)
        slab_unref(desk->slab[i]);
    pool_fini(&desk->batches);
    pool_fini(&desk->slabs);
}

static uint32_t add(struct desk *desk, struct place place)
{
    struct slab  *slab = desk->slab[place.slab];
    struct packet packet = { .p = slab->bytes + place.at + INTERLEAVED_HEADER, .len = place.len };
    return batch_add(desk->batch, slab, &packet);
}

static void neighbours_make_a_run(void **state)
{
    static const struct {
        const char  *name;
        unsigned     count;
        struct place places[20];
        unsigned     run_count;
        uint32_t     first_len;
    } cases[] = {
        { "one packet", 1, { { 0, 0, 100 } }, 1, 104 },
        { "an empty one", 1, { { 0, 0, 0 } }, 1, 4 },
        { "three, side by side", 3, { { 0, 0, 10 }, { 0, 14, 20 }, { 0, 38, 30 } }, 1, 72 },
        { "a byte between", 2, { { 0, 0, 10 }, { 0, 15, 20 } }, 2, 14 },
        { "backwards", 2, { { 0, 14, 10 }, { 0, 0, 10 } }, 2, 14 },
        { "two slabs", 3, { { 0, 0, 10 }, { 1, 14, 10 }, { 1, 28, 10 } }, 2, 14 },
        { "a slab in between", 3, { { 0, 0, 10 }, { 1, 0, 10 }, { 0, 14, 10 } }, 3, 14 },
        { "eight runs",
          8,
          { { 0, 0, 1 },
            { 0, 9, 1 },
            { 0, 19, 1 },
            { 0, 29, 1 },
            { 0, 39, 1 },
            { 0, 49, 1 },
            { 0, 59, 1 },
            { 0, 69, 1 } },
          8,
          5 },
        { "nine are too many",
          9,
          { { 0, 0, 1 },
            { 0, 9, 1 },
            { 0, 19, 1 },
            { 0, 29, 1 },
            { 0, 39, 1 },
            { 0, 49, 1 },
            { 0, 59, 1 },
            { 0, 69, 1 },
            { 0, 79, 1 } },
          0,
          0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct desk desk;
        uint32_t    bytes = 0, run_bytes = 0;
        desk_open(&desk);
        for (unsigned k = 0; k < cases[i].count; k++) {
            add(&desk, cases[i].places[k]);
            bytes += INTERLEAVED_HEADER + (uint32_t)cases[i].places[k].len;
        }
        batch_freeze(desk.batch);
        for (unsigned k = 0; k < desk.batch->run_count; k++)
            run_bytes += desk.batch->runs[k].len;
        CHECK(desk.batch->run_count == cases[i].run_count, cases[i].name);
        CHECK(desk.batch->bytes == bytes, cases[i].name);
        CHECK(run_bytes == (cases[i].run_count ? bytes : 0), cases[i].name);
        CHECK(!cases[i].run_count || desk.batch->runs[0].len == cases[i].first_len, cases[i].name);
        batch_unref(desk.batch);
        desk_close(&desk);
    }
}

static void a_batch_is_full_of_packets(void **state)
{
    struct desk desk;
    desk_open(&desk);
    for (unsigned i = 0; i < BATCH_MAX_PACKETS; i++) {
        assert_true(batch_has_room(desk.batch, desk.slab[0]));
        assert_int_equal(add(&desk, (struct place){ 0, i * 8, 4 }), UINT32_C(1) << i);
    }
    assert_false(batch_has_room(desk.batch, desk.slab[0]));
    assert_false(batch_has_room(desk.batch, desk.slab[1]));
    assert_int_equal(batch_all(desk.batch), UINT32_MAX);
    batch_unref(desk.batch);
    desk_close(&desk);
}

static void a_batch_is_full_of_slabs(void **state)
{
    struct desk desk;
    desk_open(&desk);
    for (unsigned i = 0; i < BATCH_MAX_SLABS; i++) {
        assert_true(batch_has_room(desk.batch, desk.slab[i % 2]));
        add(&desk, (struct place){ i % 2, 0, 4 });
    }
    struct slab *last = desk.slab[(BATCH_MAX_SLABS - 1) % 2];
    assert_int_equal(desk.batch->slab_count, BATCH_MAX_SLABS);
    assert_true(batch_has_room(desk.batch, last));
    assert_false(batch_has_room(desk.batch, desk.slab[2]));
    batch_unref(desk.batch);
    desk_close(&desk);
}

static void masks_tell_tracks(void **state)
{
    struct test_batches maker;
    test_batches_init(&maker);
    const struct batch *batch = test_batch(&maker, "aK-aI=a");
    assert_int_equal(batch_all(batch), 0x7f);
    assert_int_equal(batch_track(batch, 0), 0x06);
    assert_int_equal(batch_track(batch, 1), 0x49);
    assert_int_equal(batch_track(batch, 2), 0x30);
    assert_int_equal(batch_track(batch, 3), 0);
    batch_unref(batch);
    test_batches_fini(&maker);
}

/* Whoever received into a slab may begin it anew once no batch looks at it. */
static void a_slab_is_the_fillers_again_when_all_have_gone(void **state)
{
    struct desk  desk;
    struct slab *slab;
    desk_open(&desk);
    slab = desk.slab[0];
    assert_true(slab_is_unshared(slab));
    add(&desk, (struct place){ 0, 0, 10 });
    add(&desk, (struct place){ 0, 14, 10 });
    assert_int_equal(atomic_load(&slab->refs), 2);
    batch_freeze(desk.batch);
    const struct batch *other = batch_ref(desk.batch);
    assert_null(batch_unref(desk.batch));
    assert_false(slab_is_unshared(slab));
    assert_null(batch_unref(other));
    assert_true(slab_is_unshared(slab));
    assert_null(batch_unref(NULL));
    desk_close(&desk);
}

static void a_batch_that_comes_back_is_empty(void **state)
{
    struct test_batches maker;
    test_batches_init(&maker);
    const struct batch *old = test_batch(&maker, "rK-I");
    assert_true(old->run_count && old->keyframes && old->reports && old->video);
    batch_unref(old);
    struct batch *batch = batch_take(&maker.batches);
    assert_ptr_equal(batch, old);
    assert_false(batch->is_frozen);
    assert_int_equal(batch->packet_count | batch->slab_count | batch->run_count, 0);
    assert_int_equal(batch->bytes | batch->received_ns, 0);
    assert_int_equal(batch->frame_starts | batch->frame_ends | batch->keyframes, 0);
    assert_int_equal(batch->video | batch->reports, 0);
    batch_unref(batch);
    test_batches_fini(&maker);
}

enum { READERS = 4, SHARED = 2000 };

static const struct batch *shared[SHARED];

static void *read_and_let_go(void *arg)
{
    size_t *sum = arg;
    for (size_t i = 0; i < SHARED; i++) {
        *sum += shared[i]->packets[0].p[RTP_HEADER];
        batch_unref(shared[i]);
    }
    return NULL;
}

static void the_last_of_many_threads_gives_it_back(void **state)
{
    struct test_batches maker;
    pthread_t           threads[READERS];
    size_t              sums[READERS] = { 0 };
    test_batches_init(&maker);
    for (size_t i = 0; i < SHARED; i++) {
        shared[i] = test_batch(&maker, "a");
        for (unsigned k = 1; k < READERS; k++)
            (void)batch_ref(shared[i]);
    }
    for (unsigned i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_and_let_go, &sums[i]), 0);
    for (unsigned i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(sums[i], SHARED * 'a');
    }
    test_batches_fini(&maker);
}

TESTS(neighbours_make_a_run, a_batch_is_full_of_packets, a_batch_is_full_of_slabs,
      masks_tell_tracks, a_slab_is_the_fillers_again_when_all_have_gone,
      a_batch_that_comes_back_is_empty, the_last_of_many_threads_gives_it_back)
