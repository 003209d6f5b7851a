/*
 * A stream and readers of it on two threads that run as they like: what is shared between them is
 * touched by both, and at the end one of them goes while the other still asks.
 */
#include "base/test.h"
#include "stream/test_batch.h"
#include "stream/test_feed.h"
#include "stream/test_hub.h"

enum { OWNER = 1, OTHER = 2, READERS = 4, BATCHES = 20000, STREAM_BATCHES = 700 };

struct watcher {
    struct reader reader;
    bool          is_waiting, has_started;
    uint16_t      next_seq;
};

static struct {
    struct test_hubs     hubs;
    atomic_uint_fast64_t id;        /* of the newest stream */
    atomic_uint          published; /* batches */
    atomic_uint          seen;
    atomic_uint          requests; /* for keyframes */
    /* the owner's */
    struct source        source;
    struct mail          publish;
    struct test_batches  maker;
    struct counters     *counters;
    struct stream       *stream;
    /* the other's */
    struct mail          watch;
    atomic_bool          is_over;
    uint32_t             random;
    struct watcher       watchers[READERS];
} test;

static void on_keyframe_request(struct source *source)
{
    atomic_fetch_add(&test.requests, 1);
}

static const struct source_ops source_ops = { on_keyframe_request };

static void on_publish(struct loop *loop, struct mail *mail)
{
    unsigned count = atomic_load(&test.published);
    if (count % STREAM_BATCHES == 0) {
        test.stream = stream_end(test.stream);
        uint64_t id = atomic_load(&test.id) + 1;
        test.stream = stream_create(loop->hub, id, test_description(TEST_SDP), test.counters);
        stream_set_source(test.stream, &test.source);
        atomic_store(&test.id, id);
    }
    stream_publish(test.stream, test_batch(&test.maker, count % 20 ? "P-a" : "K--"));
    if (count % 100 == 0)
        stream_set_description(test.stream, test_description(TEST_SDP));
    if (atomic_fetch_add(&test.published, 1) + 1 < BATCHES || !atomic_load(&test.requests))
        loop_post(loop, mail);
}

static void on_owner_stop(struct loop *loop)
{
    test.stream = stream_end(test.stream);
}

static void watcher_on_attached(struct reader *reader)
{
    CONTAINER_OF(reader, struct watcher, reader)->is_waiting = false;
}

static void watcher_on_batch(struct reader *reader, const struct batch *batch, uint32_t mask)
{
    struct watcher *watcher = CONTAINER_OF(reader, struct watcher, reader);
    test_check_batch(batch);
    atomic_fetch_add(&test.seen, 1);
    if (batch->reports)
        return;
    ASSERT(!watcher->has_started || test_packet_seq(&batch->packets[0]) == watcher->next_seq);
    if (!watcher->has_started)
        stream_request_keyframe(reader->stream);
    watcher->has_started = true;
    watcher->next_seq = (uint16_t)(test_packet_seq(&batch->packets[0]) + batch->packet_count);
}

static void watcher_on_end(struct reader *reader, enum stream_end reason)
{
    struct watcher *watcher = CONTAINER_OF(reader, struct watcher, reader);
    watcher->is_waiting = watcher->has_started = false;
}

static const struct reader_ops watcher_ops = { watcher_on_attached, watcher_on_batch,
                                               watcher_on_end };

static void change(struct loop *loop, struct watcher *watcher, uint32_t random)
{
    struct reader *reader = &watcher->reader;
    if (!reader->stream) {
        watcher->is_waiting = true;
        stream_attach(loop->hub, atomic_load(&test.id), OWNER, reader);
    } else if (random % 64 == 0) {
        stream_detach(reader);
        watcher->is_waiting = watcher->has_started = false;
    } else if (!watcher->is_waiting) {
        stream_play(reader);
    }
}

static void on_watch(struct loop *loop, struct mail *mail)
{
    test.random = test.random * 1664525 + 1013904223;
    change(loop, &test.watchers[test.random >> 30], test.random >> 8);
    if (!atomic_load(&test.is_over))
        loop_post(loop, mail);
}

static void on_other_stop(struct loop *loop)
{
    for (unsigned i = 0; i < READERS; i++)
        stream_detach(&test.watchers[i].reader);
}

/* As a server ends: what is under way is handled when all threads have gone. */
static void finish(struct test_hubs *hubs)
{
    for (unsigned i = 1; i <= hubs->count; i++)
        hub_adopt(&hubs->hubs[i]);
    bool had_any;
    do {
        had_any = false;
        for (unsigned i = 1; i <= hubs->count; i++)
            had_any |= loop_finish_messages(&hubs->loops[i]);
    } while (had_any);
}

static void two_threads_share_streams(void **state)
{
    struct test_hubs *hubs = &test.hubs;
    test_hubs_open(hubs, 2);
    hubs->settings.ring_bytes = 64 * SLAB_SMALL;
    hubs->settings.ring_for_players = true;
    test_batches_init(&test.maker);
    test.counters = counters_create();
    for (unsigned i = 0; i < READERS; i++)
        test.watchers[i].reader.ops = &watcher_ops;
    test.source.ops = &source_ops;
    test.publish.handle = on_publish;
    test.watch.handle = on_watch;
    for (unsigned i = 1; i <= 2; i++)
        loop_start_thread(&hubs->loops[i]);
    loop_post(&hubs->loops[OWNER], &test.publish);
    loop_post(&hubs->loops[OTHER], &test.watch);
    while (atomic_load(&test.published) < BATCHES || !atomic_load(&test.requests))
        (void)sched_yield();

    loop_stop(&hubs->loops[OWNER], on_owner_stop);
    loop_join(&hubs->loops[OWNER]);
    /* The other hears of the end and asks again, and nobody is there to read it. */
    while (!atomic_load(&hubs->loops[OWNER].inbox))
        (void)sched_yield();
    atomic_store(&test.is_over, true);
    loop_stop(&hubs->loops[OTHER], on_other_stop);
    loop_join(&hubs->loops[OTHER]);
    finish(hubs);
    assert_true(atomic_load(&test.seen) > 0);
    counters_unref(test.counters);
    test_hubs_close(hubs);
    test_batches_fini(&test.maker);
}

TESTS(two_threads_share_streams)
