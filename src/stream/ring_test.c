#include "stream/ring.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/test.h"
#include "stream/test_batch.h"

enum { NO_LIMIT = 1 << 30 };

/* Words: letters are a batch; "+100": so many ms pass. */
static void run_script(struct ring *ring, struct test_batches *maker, const char *script)
{
    char  words[256];
    char *rest = words;
    (void)snprintf(words, sizeof(words), "%s", script);
    for (char *word; (word = strsep(&rest, " "));) {
        if (word[0] == '+') {
            maker->now_ns += atoi(word + 1) * NS_PER_MS;
            continue;
        }
        const struct batch *batch = test_batch(maker, word);
        ring_put(ring, batch);
        batch_unref(batch);
    }
}

static void what_a_new_reader_is_given(void **state)
{
    static const struct {
        const char *name;
        size_t      max_bytes;
        const char *script, *kept;
    } cases[] = {
        { "from a keyframe on", NO_LIMIT, "K- a P- P", "K-aP-P" },
        { "nothing before the first", NO_LIMIT, "P- a -", "" },
        { "from the last one", NO_LIMIT, "K- P a K-- -a P", "K---aP" },
        { "not what stands before it", NO_LIMIT, "-aK-a P", "K-aP" },
        { "nor an earlier one in its batch", NO_LIMIT, "aK-P-K-P", "K-P" },
        { "of either video", NO_LIMIT, "K-a B= I= -P", "I=-P" },
        { "without reports", NO_LIMIT, "K- r P r", "K-P" },
        { "switched off", 0, "K- P", "" },

        { "as much as fits", 3 * SLAB_SMALL, "K P P", "KPP" },
        { "too much", 3 * SLAB_SMALL, "K P P P", "" },
        { "no hole behind it", 3 * SLAB_SMALL, "K P P P P a", "" },
        { "until the next keyframe", 3 * SLAB_SMALL, "K P P P P K P", "KP" },
        { "a keyframe that never fits", SLAB_SMALL - 1, "K P K", "" },

        { "ten seconds", NO_LIMIT, "K +10000 P", "KP" },
        { "more than ten seconds", NO_LIMIT, "K +9999 P +2 P", "" },
        { "still no hole", NO_LIMIT, "K +10001 P a P", "" },
        { "and then another", NO_LIMIT, "K +10001 P K +10000 P", "KP" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_batches maker;
        struct ring         ring;
        char                kept[128] = "";
        test_batches_init(&maker);
        ring_init(&ring, cases[i].max_bytes);
        run_script(&ring, &maker, cases[i].script);
        for (size_t k = 0; k < ring.count; k++)
            test_batch_letters(ring.batches[k], ring_mask(&ring, k), kept, sizeof(kept));
        CHECK(strcmp(kept, cases[i].kept) == 0, cases[i].name);
        CHECK(ring.pinned_bytes == ring.count * SLAB_SMALL, cases[i].name);
        ring_fini(&ring);
        test_batches_fini(&maker);
    }
}

/* Puts a batch with a packet in each of `slabs`. */
static void put(struct ring *ring, struct test_batches *maker, struct slab **slabs, unsigned count,
                char letter)
{
    const struct test_kind *kind = test_kind(letter);
    struct batch           *batch = batch_take(&maker->batches);
    for (unsigned i = 0; i < count; i++) {
        struct packet packet = test_packet_write(slabs[i]->bytes, kind, 0);
        test_batch_mark(batch, kind, batch_add(batch, slabs[i], &packet));
    }
    batch_freeze(batch);
    ring_put(ring, batch);
    batch_unref(batch);
}

static void a_slab_counts_once(void **state)
{
    struct test_batches maker;
    struct slab        *slabs[3];
    struct ring         ring;
    test_batches_init(&maker);
    ring_init(&ring, 3 * SLAB_SMALL);
    for (size_t i = 0; i < COUNT(slabs); i++)
        slabs[i] = slab_take(&maker.slabs, SLAB_SMALL);
    for (unsigned i = 0; i < 100; i++)
        put(&ring, &maker, slabs, 1, i ? 'P' : 'K');
    assert_int_equal(ring.pinned_bytes, SLAB_SMALL);
    put(&ring, &maker, slabs, 2, 'P');
    assert_int_equal(ring.pinned_bytes, 2 * SLAB_SMALL);
    put(&ring, &maker, slabs + 1, 2, 'P');
    assert_int_equal(ring.pinned_bytes, 3 * SLAB_SMALL);
    assert_int_equal(ring.count, 102);
    ring_fini(&ring);
    for (size_t i = 0; i < COUNT(slabs); i++) {
        assert_true(slab_is_unshared(slabs[i]));
        slab_unref(slabs[i]);
    }
    test_batches_fini(&maker);
}

static void what_does_not_fit_is_let_go_at_once(void **state)
{
    struct test_batches maker;
    struct ring         ring;
    test_batches_init(&maker);
    ring_init(&ring, 2 * SLAB_SMALL);
    const struct batch *first = test_batch(&maker, "K");
    ring_put(&ring, first);
    assert_int_equal(atomic_load(&first->refs), 2);
    run_script(&ring, &maker, "P P");
    assert_int_equal(atomic_load(&first->refs), 1);
    assert_int_equal(ring.count, 0);
    assert_int_equal(ring.pinned_bytes, 0);
    batch_unref(first);
    ring_fini(&ring);
    test_batches_fini(&maker);
}

TESTS(what_a_new_reader_is_given, a_slab_counts_once, what_does_not_fit_is_let_go_at_once)
