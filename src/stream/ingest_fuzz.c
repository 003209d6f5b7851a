/*
 * A publisher of H264 and Opus who writes whatever the input says. Its first byte cuts the rest
 * into reads, each of them a turn; a reader that sends only now and then keeps what comes.
 */
#define TEST_CLOCK_KEEPS_WALL 1

#include "stream/queue.h"
#include "stream/test_feed.h"
#include "stream/test_hub.h"

enum { STREAM = 1 };

static const struct queue_limits limits = { 6, 4000, 5 * NS_PER_MS };

struct slow_reader {
    struct reader reader;
    struct loop  *loop;
    struct queue  queue;
};

static void on_attached(struct reader *reader)
{
    stream_play(reader);
}

static void on_batch(struct reader *reader, const struct batch *batch, uint32_t mask)
{
    struct slow_reader *slow = CONTAINER_OF(reader, struct slow_reader, reader);
    test_check_batch(batch);
    queue_push(&slow->queue, batch, mask, loop_now(slow->loop));
}

static void on_end(struct reader *reader, enum stream_end reason)
{
    ASSERT(reason == STREAM_ENDED);
}

static const struct reader_ops ops = { on_attached, on_batch, on_end };

/* By turns one packet goes out, a whole entry, and nothing. */
static void send_some(struct queue *queue, unsigned turn)
{
    if (queue->count == 0)
        return;
    if (turn % 3 == 0)
        queue_pop_packets(queue, queue_at(queue, 0)->mask & -queue_at(queue, 0)->mask);
    else if (turn % 3 == 1)
        queue_pop(queue);
    queue->has_begun = queue->count > 0 && turn % 2;
}

static void publish_all(struct test_hubs *hubs, struct ingest *ingest, struct queue *queue,
                        struct span bytes)
{
    size_t cut = bytes.len ? 1 + bytes.p[0] * (size_t)4 : 1;
    bytes = bytes.len ? span_skip(bytes, 1) : bytes;
    for (unsigned turn = 0; bytes.len; turn++) {
        struct span read = span_first(bytes, cut);
        bytes = span_skip(bytes, read.len);
        test_feed(ingest, read, SIZE_MAX);
        ingest_end_turn(ingest);
        uv_run(&hubs->loops[1].uv, UV_RUN_NOWAIT);
        test_clock_advance(turn % 4 ? 0 : NS_PER_MS);
        send_some(queue, turn);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t   ssrcs[STREAM_MAX_TRACKS] = { 1, 2 };
    static struct test_hubs hubs;
    test_hubs_open(&hubs, 1);
    hubs.settings.ring_bytes = (size_t)4 * SLAB_SMALL;
    struct hub        *hub = &hubs.hubs[1];
    struct counters   *counters = counters_create();
    struct stream     *stream = stream_create(hub, STREAM, test_description(TEST_SDP), counters);
    struct slow_reader slow = { .reader.ops = &ops, .loop = hub->loop };
    struct ingest      ingest;
    queue_init(&slow.queue, &limits);
    stream_attach(hub, STREAM, 1, &slow.reader);
    ingest_init(&ingest, hub, stream, counters, ssrcs);
    publish_all(&hubs, &ingest, &slow.queue, (struct span){ data, size });
    ingest_fini(&ingest);
    stream_end(stream);
    ASSERT(!slow.reader.stream);
    queue_fini(&slow.queue);
    counters_unref(counters);
    test_hubs_close(&hubs);
    return 0;
}
