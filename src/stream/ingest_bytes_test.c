/* Ingest as a machine that moves bytes: however they come, they go out as they were. */
#include "base/mem.h"
#include "base/test.h"
#include "stream/test_bench.h"

/* Once more what was written, as a reader has to see it: channel and SSRC are the server's. */
static void rewrite(struct buf *bytes)
{
    struct interleaved_frame frame;
    ssize_t                  used;
    for (size_t at = 0; at < bytes->len; at += (size_t)used) {
        uint8_t *p = bytes->p + at;
        used = interleaved_parse((struct span){ p, bytes->len - at }, &frame);
        assert_true(used > 0);
        unsigned track = frame.channel / 4u;
        p[1] = (uint8_t)(2 * track);
        write_be32(p + INTERLEAVED_HEADER + 8,
                   track == TEST_VIDEO ? TEST_VIDEO_SSRC : TEST_AUDIO_SSRC);
    }
}

static void readers_see_the_servers_channels_and_sources(void **state)
{
    struct test_bench         bench;
    AUTO(buf_fini) struct buf want = { 0 };
    test_bench_open(&bench);
    bench.reader.keeps_bytes = true;
    test_bench_write(&bench, "P-a-!aK!");
    buf_append(&want, buf_span(&bench.wire.bytes));
    rewrite(&want);
    test_bench_receive(&bench, SIZE_MAX);
    test_bench_end_turn(&bench);
    assert_true(span_equal(buf_span(&bench.reader.bytes), buf_span(&want)));
    test_bench_close(&bench);
}

/* The same bytes, cut in two or in equal pieces: batches and bytes are those of one read. */
static void try_cut(struct test_bench *bench, size_t first, size_t cut, const char *text,
                    struct span want)
{
    char name[64];
    (void)snprintf(name, sizeof(name), "%zu bytes, then %zu a read", first, cut);
    bench->reader.text[0] = '\0';
    bench->reader.bytes.len = 0;
    memset(bench->wire.seq, 0, sizeof(bench->wire.seq));
    memset(bench->ticks, 0, sizeof(bench->ticks));
    test_bench_write(bench, "P-a-!aDSkk--!P-!");
    struct span bytes = buf_span(&bench->wire.bytes);
    test_feed(&bench->ingest, span_first(bytes, first), SIZE_MAX);
    test_feed(&bench->ingest, span_skip(bytes, first), cut);
    buf_consume(&bench->wire.bytes, bytes.len);
    ingest_end_turn(&bench->ingest);
    CHECK(strcmp(bench->reader.text, text) == 0, name);
    CHECK(!want.p || span_equal(buf_span(&bench->reader.bytes), want), name);
}

static void packets_may_be_cut_anywhere(void **state)
{
    static const char         text[] = "[P-a-aK-----P-]";
    struct test_bench         bench;
    AUTO(buf_fini) struct buf want = { 0 };
    test_bench_open(&bench);
    bench.reader.keeps_bytes = true;
    try_cut(&bench, 0, SIZE_MAX, text, (struct span){ 0 });
    buf_append(&want, buf_span(&bench.reader.bytes));
    for (size_t first = 1; first <= want.len; first++)
        try_cut(&bench, first, SIZE_MAX, text, buf_span(&want));
    for (size_t cut = 1; cut < want.len; cut++)
        try_cut(&bench, 0, cut, text, buf_span(&want));
    test_bench_close(&bench);
}

static void fill(uint8_t *p, size_t len, uint32_t seed)
{
    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
}

static void packets_of_every_size(void **state)
{
    static const size_t sizes[] = { 0,     1,     1400,  2043,  2048,  12284, 12288, 14320,
                                    14336, 16367, 16368, 16369, 16384, 32768, 65522, 65523 };
    static const size_t cuts[] = { 1, 777, 16384, SIZE_MAX };
    uint8_t            *payload = mem_alloc(65536);
    for (size_t i = 0; i < COUNT(sizes) * COUNT(cuts); i++) {
        char                      name[64];
        struct test_bench         bench;
        AUTO(buf_fini) struct buf want = { 0 };
        size_t                    size = sizes[i / COUNT(cuts)], cut = cuts[i % COUNT(cuts)];
        (void)snprintf(name, sizeof(name), "%zu bytes, %zu a read", size, cut);
        test_bench_open(&bench);
        bench.reader.keeps_bytes = true;
        fill(payload, size, (uint32_t)i);
        test_bench_write(&bench, "a");
        test_wire_add(&bench.wire, &(struct test_sent){ .track = TEST_AUDIO,
                                                        .ticks = bench.ticks[TEST_AUDIO] + 1,
                                                        .payload = { payload, size } });
        test_bench_write(&bench, "a");
        buf_append(&want, buf_span(&bench.wire.bytes));
        rewrite(&want);
        test_bench_receive(&bench, cut);
        test_bench_end_turn(&bench);
        CHECK(span_equal(buf_span(&bench.reader.bytes), buf_span(&want)), name);
        test_bench_close(&bench);
    }
    mem_free(payload);
}

static void the_next_room_follows_what_came(void **state)
{
    static const struct {
        const char *name;
        size_t      came, least;
        bool        is_large;
    } cases[] = {
        { "little", 100, 2048, false },       { "a frame", 9000, 9000, false },
        { "a keyframe", 30000, 30000, true }, { "more than ever fits", 60000, 34816, true },
        { "little again", 100, 2048, false },
    };
    struct test_bench bench;
    uint8_t          *payload = mem_zero(65536);
    test_bench_open(&bench);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_sent sent = { .track = TEST_AUDIO, .payload = { payload, cases[i].came } };
        test_wire_add(&bench.wire, &sent);
        test_bench_receive(&bench, SIZE_MAX);
        test_bench_end_turn(&bench);
        CHECK(ingest_room(&bench.ingest).len >= cases[i].least, cases[i].name);
        CHECK(bench.ingest.slab->size == (cases[i].is_large ? SLAB_LARGE : SLAB_SMALL),
              cases[i].name);
    }
    mem_free(payload);
    test_bench_close(&bench);
}

/* What nobody holds on to is given back after the turn, and the same warm bytes come again. */
static void nothing_is_allocated_in_steady_state(void **state)
{
    struct test_bench bench;
    test_bench_open(&bench);
    test_bench_run(&bench, "P-!aP--!");
    const uint8_t *bytes = ingest_room(&bench.ingest).p;
    uint64_t       copied = counters_get(bench.hubs.hubs[1].counters, COUNTER_COPIED_BYTES);
    test_bench_write(&bench, "P-!aP--!");
    uint64_t before = mem_allocations();
    for (unsigned i = 0; i < 5000; i++) {
        test_feed(&bench.ingest, buf_span(&bench.wire.bytes), SIZE_MAX);
        test_bench_end_turn(&bench);
        assert_null(bench.ingest.slab);
        assert_ptr_equal(ingest_room(&bench.ingest).p, bytes);
    }
    assert_true(mem_allocations() == before);
    assert_true(counters_get(bench.hubs.hubs[1].counters, COUNTER_COPIED_BYTES) == copied);
    buf_consume(&bench.wire.bytes, bench.wire.bytes.len);
    test_bench_close(&bench);
}

/* Readers of different patience, who look once more at what they were given before they let go. */
enum { KEEPERS = 3, KEEPS = 64 };

struct keeper {
    struct reader       reader;
    unsigned            patience; /* batches that it keeps */
    unsigned            count;
    const struct batch *batches[KEEPS];
    uint64_t            sums[KEEPS];
};

static uint64_t sum_of(const struct batch *batch)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    for (unsigned i = 0; i < batch->packet_count; i++)
        for (int k = -INTERLEAVED_HEADER; k < batch->packets[i].len; k++)
            sum = (sum ^ batch->packets[i].p[k]) * UINT64_C(0x100000001b3);
    return sum;
}

static void keeper_let_go(struct keeper *keeper)
{
    assert_true(sum_of(keeper->batches[0]) == keeper->sums[0]);
    batch_unref(keeper->batches[0]);
    keeper->count--;
    memmove(keeper->batches, keeper->batches + 1, keeper->count * sizeof(keeper->batches[0]));
    memmove(keeper->sums, keeper->sums + 1, keeper->count * sizeof(keeper->sums[0]));
}

static void keeper_on_batch(struct reader *reader, const struct batch *batch, uint32_t mask)
{
    struct keeper *keeper = CONTAINER_OF(reader, struct keeper, reader);
    while (keeper->count >= keeper->patience)
        keeper_let_go(keeper);
    keeper->sums[keeper->count] = sum_of(batch);
    keeper->batches[keeper->count++] = batch_ref(batch);
}

static void keeper_on_attached(struct reader *reader)
{
    stream_play(reader);
}

static void keeper_open(struct keeper *keeper, struct hub *hub, unsigned patience)
{
    static const struct reader_ops ops = { .on_attached = keeper_on_attached,
                                           .on_batch = keeper_on_batch };
    *keeper = (struct keeper){ .reader.ops = &ops, .patience = patience };
    stream_attach(hub, TEST_STREAM, 1, &keeper->reader);
}

static void keeper_close(struct keeper *keeper)
{
    stream_detach(&keeper->reader);
    while (keeper->count)
        keeper_let_go(keeper);
}

struct random_run {
    struct test_bench bench;
    struct keeper     keepers[KEEPERS];
    uint32_t          random;
    struct buf        want; /* what readers have to see */
    unsigned          packets;
    size_t            moved; /* bytes that went to another slab unparsed */
    uint8_t           payload[60000];
};

static uint32_t draw(struct random_run *run, uint32_t below)
{
    run->random = run->random * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)run->random * below >> 32);
}

static void write_random_packet(struct random_run *run)
{
    struct test_bench *bench = &run->bench;
    size_t             before = bench->wire.bytes.len;
    size_t             size = draw(run, draw(run, 50) ? 1460 : sizeof(run->payload));
    bool               is_video = draw(run, 4) > 0;
    fill(run->payload, size, run->random);
    if (draw(run, 3) == 0)
        bench->ticks[is_video ? TEST_VIDEO : TEST_AUDIO] += TEST_FRAME_TICKS;
    test_wire_add(&bench->wire,
                  &(struct test_sent){ .track = is_video ? TEST_VIDEO : TEST_AUDIO,
                                       .marker = draw(run, 3) == 0,
                                       .ticks = bench->ticks[is_video ? TEST_VIDEO : TEST_AUDIO],
                                       .payload = { run->payload, size } });
    buf_append(&run->want, span_skip(buf_span(&bench->wire.bytes), before));
    run->packets++;
}

/* As test_feed(), and counts what has to be copied. */
static void receive_random(struct random_run *run)
{
    struct ingest     *ingest = &run->bench.ingest;
    struct buf        *bytes = &run->bench.wire.bytes;
    const struct slab *before = ingest->slab;
    size_t             rest = ingest_unparsed(ingest).len;
    struct room        room = ingest_room(ingest);
    run->moved += ingest->slab != before ? rest : 0;
    size_t len = MIN(MIN(room.len, bytes->len), 1 + (size_t)draw(run, draw(run, 3) ? 3000 : 40000));
    memcpy(room.p, bytes->p, len);
    buf_consume(bytes, len);
    ingest_received(ingest, len);
    before = ingest->slab;
    test_feed_parse(ingest);
    run->moved += ingest->slab != before ? ingest_unparsed(ingest).len : 0;
}

static void run_seed(struct random_run *run, uint32_t seed, const char *name)
{
    static const unsigned patience[KEEPERS] = { 1, 9, KEEPS };
    struct test_bench    *bench = &run->bench;
    struct hub           *hub = &bench->hubs.hubs[1];
    test_bench_open_sdp(bench, TEST_SDP);
    bench->reader.keeps_bytes = true;
    bench->hubs.settings.report_period_ns = INT64_MAX / 4;
    run->random = seed;
    for (unsigned i = 0; i < KEEPERS; i++)
        keeper_open(&run->keepers[i], hub, patience[i]);
    while (run->packets < 1500 || bench->wire.bytes.len) {
        while (run->packets < 1500 && bench->wire.bytes.len < 60000)
            write_random_packet(run);
        receive_random(run);
        if (draw(run, 3))
            test_bench_end_turn(bench);
        if (draw(run, 10) == 0)
            test_hubs_wait(&bench->hubs, NS_PER_MS);
    }
    test_bench_end_turn(bench);
    test_hubs_wait(&bench->hubs, NS_PER_MS);
    CHECK(counters_get(hub->counters, COUNTER_COPIED_BYTES) == run->moved, name);
    CHECK(counters_get(hub->counters, COUNTER_INBOUND_PACKETS) == run->packets, name);
    for (unsigned i = 0; i < KEEPERS; i++)
        keeper_close(&run->keepers[i]);
}

/* Without the reports, which came among them. */
static void drop_reports(struct buf *bytes)
{
    struct buf               media = { 0 };
    struct interleaved_frame frame;
    ssize_t                  used;
    for (struct span rest = buf_span(bytes); rest.len; rest = span_skip(rest, (size_t)used)) {
        used = interleaved_parse(rest, &frame);
        assert_true(used > 0);
        if (frame.channel % 2 == 0)
            buf_append(&media, span_first(rest, (size_t)used));
    }
    buf_fini(bytes);
    *bytes = media;
}

static void random_bytes_come_out_as_they_went_in(void **state)
{
    for (uint32_t seed = 1; seed <= 12; seed++) {
        struct random_run *run = mem_new(struct random_run);
        char               name[32];
        (void)snprintf(name, sizeof(name), "seed %u", seed);
        run_seed(run, seed, name);
        drop_reports(&run->bench.reader.bytes);
        rewrite(&run->want);
        CHECK(span_equal(buf_span(&run->bench.reader.bytes), buf_span(&run->want)), name);
        test_bench_close(&run->bench);
        buf_fini(&run->want);
        mem_free(run);
    }
}

TESTS(readers_see_the_servers_channels_and_sources, packets_may_be_cut_anywhere,
      packets_of_every_size, the_next_room_follows_what_came, nothing_is_allocated_in_steady_state,
      random_bytes_come_out_as_they_went_in)
