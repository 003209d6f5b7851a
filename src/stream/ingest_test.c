#include "stream/ingest.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/test.h"
#include "stream/test_feed.h"
#include "stream/test_hub.h"

enum { FRAME_TICKS = 3600, VIDEO_SSRC = 0x11111111, AUDIO_SSRC = 0x22222222 };

/* A publisher of two tracks and a reader on one worker. */
struct bench {
    struct test_hubs   hubs;
    struct counters   *counters;
    struct stream     *stream;
    struct ingest      ingest;
    struct test_reader reader;
    struct test_wire   wire;
    uint32_t           ticks[2];
};

/* Letters that a publisher writes; '!' behind one is its marker. */
static const struct note {
    char        letter;
    uint8_t     track;
    bool        is_start; /* has a timestamp of its own */
    struct span payload;
} notes[] = {
    { 'K', TEST_VIDEO, true, BYTES("\x65\x88") },      /* a slice of a keyframe */
    { 'k', TEST_VIDEO, false, BYTES("\x65\x88") },     /* another slice of it */
    { 'P', TEST_VIDEO, true, BYTES("\x41\x9a") },      /* a slice of another frame */
    { '-', TEST_VIDEO, false, BYTES("\x7c\x01\x9a") }, /* the middle of a slice */
    { 'D', TEST_VIDEO, true, BYTES("\x09\xf0") },      /* an access unit delimiter */
    { 'S', TEST_VIDEO, false, BYTES("\x67\x42\xc0\x1e") } /* parameter sets behind it */,
    { 'a', TEST_AUDIO, true, BYTES("sound") },
};

static const struct note *find_note(char letter)
{
    for (size_t i = 0; i < COUNT(notes); i++)
        if (notes[i].letter == letter)
            return &notes[i];
    fail_msg("no note '%c'", letter);
    return NULL;
}

static void write_letters(struct bench *bench, const char *letters)
{
    for (size_t i = 0; letters[i]; i++) {
        if (letters[i] == '!')
            continue;
        const struct note *note = find_note(letters[i]);
        bench->ticks[note->track] += note->is_start ? FRAME_TICKS : 0;
        test_wire_add(&bench->wire, &(struct test_sent){ .track = note->track,
                                                         .marker = letters[i + 1] == '!',
                                                         .ticks = bench->ticks[note->track],
                                                         .payload = note->payload });
    }
}

/* What was written arrives, `cut` bytes a read, in one turn. */
static void receive(struct bench *bench, size_t cut)
{
    test_feed(&bench->ingest, buf_span(&bench->wire.bytes), cut);
    buf_consume(&bench->wire.bytes, bench->wire.bytes.len);
}

static void end_turn(struct bench *bench)
{
    ingest_end_turn(&bench->ingest);
    test_hubs_settle(&bench->hubs);
}

/* Words: letters are a turn; "+5": so many ms pass. */
static void run_script(struct bench *bench, const char *script)
{
    char  words[256];
    char *rest = words;
    (void)snprintf(words, sizeof(words), "%s", script);
    for (char *word; (word = strsep(&rest, " "));) {
        if (word[0] == '+') {
            test_hubs_wait(&bench->hubs, atoi(word + 1) * NS_PER_MS);
            continue;
        }
        write_letters(bench, word);
        receive(bench, SIZE_MAX);
        end_turn(bench);
    }
}

static void bench_open_sdp(struct bench *bench, const char *sdp)
{
    static const uint32_t ssrcs[STREAM_MAX_TRACKS] = { VIDEO_SSRC, AUDIO_SSRC };
    memset(bench, 0, sizeof(*bench));
    test_hubs_open(&bench->hubs, 1);
    struct hub *hub = &bench->hubs.hubs[1];
    bench->counters = counters_create();
    bench->stream = stream_create(hub, 7, test_description(sdp), bench->counters);
    ingest_init(&bench->ingest, hub, bench->stream, bench->counters, ssrcs);
    test_reader_init(&bench->reader);
    stream_attach(hub, 7, 1, &bench->reader.reader);
    stream_play(&bench->reader.reader);
}

/* The first packets of each track, which a report follows, have come already. */
static void bench_open(struct bench *bench)
{
    bench_open_sdp(bench, TEST_SDP);
    run_script(bench, "K!a");
    assert_string_equal(bench->reader.text, "[Ka][rr]");
    bench->reader.text[0] = '\0';
}

static void bench_close(struct bench *bench)
{
    ingest_fini(&bench->ingest);
    stream_end(bench->stream);
    counters_unref(bench->counters);
    buf_fini(&bench->wire.bytes);
    buf_fini(&bench->reader.bytes);
    test_hubs_close(&bench->hubs);
}

#define TEN     "----------"
#define THIRTY  TEN TEN TEN
#define HOLD_MS 10

static void what_is_held_and_for_how_long(void **state)
{
    static const struct {
        const char *name, *script, *text;
    } cases[] = {
        { "a whole frame", "K-!", "[K-]" },
        { "two in one turn", "K-!P!", "[K-P]" },
        { "until the marker", "P - -!", "[P--]" },
        { "not yet", "P - -", "" },
        { "the end of one and half of another", "P-!P", "" },
        { "until time is up", "P - +10", "[P-]" },
        { "a moment before", "P - +9", "" },
        { "from its first packet", "P +5 - +5", "[P-]" },
        { "and the rest later", "P +10 - +9 -!", "[P][--]" },
        { "the next one has its own time", "P +8 -! P +2", "[P-]" },
        { "and gets all of it", "P +8 -! P +10", "[P-][P]" },

        { "until the timestamp changes", "P - P", "[P-]" },
        { "and then the next one", "P - P +10", "[P-][P]" },
        { "several at once", "P-P-P +10", "[P-P-P]" },
        { "three without a marker", "P P P P P", "[P][P][P][P][P]" },
        { "two without", "P P P +9", "[P][P]" },
        { "a marker is seen again", "P P P P - -! P", "[P][P][P][P][-][-]" },

        { "audio is not", "a a", "[a][a]" },
        { "audio behind half a frame", "P a -!", "[Pa][-]" },
        { "audio in front of it", "aP", "[aP]" },
        { "audio in the same turn", "P-a-", "[P-a-]" },

        { "32 packets", "P" THIRTY "-", "[P" THIRTY "-]" },
        { "31 packets", "P" THIRTY, "" },
        { "one more than 32", "P" THIRTY "- -", "[P" THIRTY "-]" },
        { "and its end", "P" THIRTY "-- -!", "[P" THIRTY "-][--]" },
        { "32 and audio", "P" THIRTY "-a", "[P" THIRTY "-][a]" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bench bench;
        bench_open(&bench);
        bench.hubs.settings.frame_hold_ns = HOLD_MS * NS_PER_MS;
        run_script(&bench, cases[i].script);
        if (strcmp(bench.reader.text, cases[i].text) != 0)
            print_error("came %s\n", bench.reader.text);
        CHECK(strcmp(bench.reader.text, cases[i].text) == 0, cases[i].name);
        bench_close(&bench);
    }
}

static void nothing_is_held_when_switched_off(void **state)
{
    struct bench bench;
    bench_open(&bench);
    bench.hubs.settings.frame_hold_ns = 0;
    run_script(&bench, "P - -! K a -");
    assert_string_equal(bench.reader.text, "[P][-][-][K][a][-]");
    bench_close(&bench);
}

static void the_end_publishes_what_was_held(void **state)
{
    struct bench bench;
    bench_open(&bench);
    run_script(&bench, "P - -");
    assert_string_equal(bench.reader.text, "");
    ingest_fini(&bench.ingest);
    assert_string_equal(bench.reader.text, "[P--]");
    bench_close(&bench);
}

/* One timer serves all that is held on a worker. */
static void each_stream_is_held_for_its_own_time(void **state)
{
    static const uint32_t ssrcs[STREAM_MAX_TRACKS] = { 1, 2 };
    struct bench          bench, other = { 0 };
    bench_open(&bench);
    bench.hubs.settings.frame_hold_ns = HOLD_MS * NS_PER_MS;
    struct hub *hub = &bench.hubs.hubs[1];
    other.stream = stream_create(hub, 8, test_description(TEST_SDP), bench.counters);
    ingest_init(&other.ingest, hub, other.stream, bench.counters, ssrcs);
    run_script(&bench, "P +4");
    write_letters(&other, "P");
    receive(&other, SIZE_MAX);
    ingest_end_turn(&other.ingest);
    assert_int_equal(list_count(&hub->held), 2);
    run_script(&bench, "+5");
    assert_int_equal(list_count(&hub->held), 2);
    run_script(&bench, "+1");
    assert_string_equal(bench.reader.text, "[P]");
    assert_int_equal(list_count(&hub->held), 1);
    run_script(&bench, "+3");
    assert_non_null(other.ingest.open);
    run_script(&bench, "+1");
    assert_null(other.ingest.open);
    assert_false(timer_is_running(&hub->hold));
    ingest_fini(&other.ingest);
    stream_end(other.stream);
    buf_fini(&other.wire.bytes);
    bench_close(&bench);
}

static void a_keyframe_is_marked_where_its_frame_starts(void **state)
{
    static const struct {
        const char *name, *script, *text;
    } cases[] = {
        { "at once", "K--!", "[K--]" },
        { "other frames are not", "P-!P!", "[P-P]" },
        { "behind a delimiter", "DSkk!", "[K---]" },
        { "several slices", "Kkk!", "[K--]" },
        { "audio in between", "DaSk!", "[Ka--]" },
        { "behind another frame", "P-!DS!", "[P-K-]" },
        { "half a frame before it", "P-DS!", "[P-K-]" },
        { "over two batches", "P" THIRTY "kk!", "[K" THIRTY "-][-]" },
        { "the delimiter has gone already", "Da Sk k!", "[Pa][K-][-]" },
        { "the rest of a keyframe", "Ka kk k!", "[Ka][--][-]" },
        { "a keyframe of one, then another", "Ka K!", "[Ka][K]" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bench bench;
        bench_open(&bench);
        bench.hubs.settings.frame_hold_ns = 0;
        run_script(&bench, cases[i].script);
        if (strcmp(bench.reader.text, cases[i].text) != 0)
            print_error("came %s\n", bench.reader.text);
        CHECK(strcmp(bench.reader.text, cases[i].text) == 0, cases[i].name);
        bench_close(&bench);
    }
}

static void any_frame_may_be_begun_with_where_nothing_is_known(void **state)
{
    struct bench bench;
    bench_open_sdp(&bench, "m=video 0 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n"
                           "m=video 0 RTP/AVP 97\r\na=rtpmap:97 JPEG/90000\r\n");
    write_letters(&bench, "a!a");
    receive(&bench, SIZE_MAX);
    end_turn(&bench);
    test_hubs_wait(&bench.hubs, NS_PER_MS);
    assert_string_equal(bench.reader.text, "[KK][r]");
    bench_close(&bench);
}

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
        write_be32(p + INTERLEAVED_HEADER + 8, track == TEST_VIDEO ? VIDEO_SSRC : AUDIO_SSRC);
    }
}

static void readers_see_the_servers_channels_and_sources(void **state)
{
    struct bench              bench;
    AUTO(buf_fini) struct buf want = { 0 };
    bench_open(&bench);
    bench.reader.keeps_bytes = true;
    write_letters(&bench, "P-a-!aK!");
    buf_append(&want, buf_span(&bench.wire.bytes));
    rewrite(&want);
    receive(&bench, SIZE_MAX);
    end_turn(&bench);
    assert_true(span_equal(buf_span(&bench.reader.bytes), buf_span(&want)));
    bench_close(&bench);
}

/* The same bytes, cut in two or in equal pieces: batches and bytes are those of one read. */
static void try_cut(struct bench *bench, size_t first, size_t cut, const char *text,
                    struct span want)
{
    char name[64];
    (void)snprintf(name, sizeof(name), "%zu bytes, then %zu a read", first, cut);
    bench->reader.text[0] = '\0';
    bench->reader.bytes.len = 0;
    memset(bench->wire.seq, 0, sizeof(bench->wire.seq));
    memset(bench->ticks, 0, sizeof(bench->ticks));
    write_letters(bench, "P-a-!aDSkk--!P-!");
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
    struct bench              bench;
    AUTO(buf_fini) struct buf want = { 0 };
    bench_open(&bench);
    bench.reader.keeps_bytes = true;
    try_cut(&bench, 0, SIZE_MAX, text, (struct span){ 0 });
    buf_append(&want, buf_span(&bench.reader.bytes));
    for (size_t first = 1; first <= want.len; first++)
        try_cut(&bench, first, SIZE_MAX, text, buf_span(&want));
    for (size_t cut = 1; cut < want.len; cut++)
        try_cut(&bench, 0, cut, text, buf_span(&want));
    bench_close(&bench);
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
        struct bench              bench;
        AUTO(buf_fini) struct buf want = { 0 };
        size_t                    size = sizes[i / COUNT(cuts)], cut = cuts[i % COUNT(cuts)];
        (void)snprintf(name, sizeof(name), "%zu bytes, %zu a read", size, cut);
        bench_open(&bench);
        bench.reader.keeps_bytes = true;
        fill(payload, size, (uint32_t)i);
        write_letters(&bench, "a");
        test_wire_add(
            &bench.wire,
            &(struct test_sent){ .track = TEST_AUDIO, .ticks = 1, .payload = { payload, size } });
        write_letters(&bench, "a");
        buf_append(&want, buf_span(&bench.wire.bytes));
        rewrite(&want);
        receive(&bench, cut);
        end_turn(&bench);
        CHECK(span_equal(buf_span(&bench.reader.bytes), buf_span(&want)), name);
        bench_close(&bench);
    }
    mem_free(payload);
}

static void packets_that_make_no_sense_are_counted(void **state)
{
    static const struct span rubbish[] = {
        BYTES("$\2\0\0"),
        BYTES("$\2\0\1\x80"),
        BYTES("$\2\0\x0b\x80\x60\0\1\0\0\0\1\0\0\0"),
        BYTES("$\2\0\x0c\x40\x60\0\1\0\0\0\1\0\0\0\1"),
        BYTES("$\2\0\x0c\x81\x60\0\1\0\0\0\1\0\0\0\1"),
        BYTES("$\2\0\x0d\xa0\x60\0\1\0\0\0\1\0\0\0\1\2"),
    };
    struct bench bench;
    bench_open(&bench);
    uint64_t packets = counters_get(bench.counters, COUNTER_INBOUND_PACKETS);
    for (size_t i = 0; i < COUNT(rubbish); i++) {
        write_letters(&bench, i ? "-" : "P");
        buf_append(&bench.wire.bytes, rubbish[i]);
    }
    run_script(&bench, "-!");
    assert_string_equal(bench.reader.text, "[P------]");
    assert_int_equal(counters_get(bench.counters, COUNTER_INBOUND_ERRORS), COUNT(rubbish));
    /* The session's counters are the path's here: each packet counts twice. */
    assert_int_equal(counters_get(bench.counters, COUNTER_INBOUND_PACKETS) - packets, 2 * 7);
    bench_close(&bench);
}

static void loss_is_seen_on_its_track(void **state)
{
    struct bench bench;
    bench_open(&bench);
    test_hubs_wait(&bench.hubs, NS_PER_S);
    bench.wire.seq[TEST_AUDIO] = (uint16_t)(bench.wire.seq[TEST_AUDIO] + 3);
    run_script(&bench, "P!aa");
    assert_int_equal(rtp_receiver_lost(&bench.ingest.tracks[TEST_VIDEO].receiver), 0);
    assert_int_equal(rtp_receiver_lost(&bench.ingest.tracks[TEST_AUDIO].receiver), 3);
    bench_close(&bench);
}

static void a_frame_that_no_slab_holds_is_refused(void **state)
{
    struct bench bench;
    bench_open(&bench);
    test_feed(&bench.ingest, BYTES("$\2\xff\xff"), 4);
    assert_int_equal(ingest_expect(&bench.ingest, INTERLEAVED_MAX), 0);
    assert_true(ingest_room(&bench.ingest).len >= INTERLEAVED_MAX - 4);
    assert_int_equal(ingest_expect(&bench.ingest, SLAB_LARGE + 1), -EMSGSIZE);
    bench_close(&bench);
}

/* A turn that nobody holds on to uses the same warm bytes again, and no memory. */
static void nothing_is_allocated_in_steady_state(void **state)
{
    struct bench bench;
    bench_open(&bench);
    run_script(&bench, "P-!aP--!");
    const struct slab *slab = bench.ingest.slab;
    uint64_t           copied = counters_get(bench.hubs.hubs[1].counters, COUNTER_COPIED_BYTES);
    write_letters(&bench, "P-!aP--!");
    uint64_t before = mem_allocations();
    for (unsigned i = 0; i < 5000; i++) {
        test_feed(&bench.ingest, buf_span(&bench.wire.bytes), SIZE_MAX);
        end_turn(&bench);
        assert_ptr_equal(bench.ingest.slab, slab);
        assert_ptr_equal(ingest_room(&bench.ingest).p, slab->bytes);
    }
    assert_true(mem_allocations() == before);
    assert_true(counters_get(bench.hubs.hubs[1].counters, COUNTER_COPIED_BYTES) == copied);
    buf_consume(&bench.wire.bytes, bench.wire.bytes.len);
    bench_close(&bench);
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
    stream_attach(hub, 7, 1, &keeper->reader);
}

static void keeper_close(struct keeper *keeper)
{
    stream_detach(&keeper->reader);
    while (keeper->count)
        keeper_let_go(keeper);
}

struct random_run {
    struct bench  bench;
    struct keeper keepers[KEEPERS];
    uint32_t      random;
    struct buf    want; /* what readers have to see */
    unsigned      packets;
    size_t        moved; /* bytes that went to another slab unparsed */
    uint8_t       payload[60000];
};

static uint32_t draw(struct random_run *run, uint32_t below)
{
    run->random = run->random * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)run->random * below >> 32);
}

static void write_random_packet(struct random_run *run)
{
    struct bench *bench = &run->bench;
    size_t        before = bench->wire.bytes.len;
    size_t        size = draw(run, draw(run, 50) ? 1460 : sizeof(run->payload));
    bool          is_video = draw(run, 4) > 0;
    fill(run->payload, size, run->random);
    if (draw(run, 3) == 0)
        bench->ticks[is_video ? TEST_VIDEO : TEST_AUDIO] += FRAME_TICKS;
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
    struct bench         *bench = &run->bench;
    struct hub           *hub = &bench->hubs.hubs[1];
    bench_open_sdp(bench, TEST_SDP);
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
            end_turn(bench);
        if (draw(run, 10) == 0)
            test_hubs_wait(&bench->hubs, NS_PER_MS);
    }
    end_turn(bench);
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
        bench_close(&run->bench);
        buf_fini(&run->want);
        mem_free(run);
    }
}

TESTS(what_is_held_and_for_how_long, nothing_is_held_when_switched_off,
      the_end_publishes_what_was_held, each_stream_is_held_for_its_own_time,
      a_keyframe_is_marked_where_its_frame_starts,
      any_frame_may_be_begun_with_where_nothing_is_known,
      readers_see_the_servers_channels_and_sources, packets_may_be_cut_anywhere,
      packets_of_every_size, packets_that_make_no_sense_are_counted, loss_is_seen_on_its_track,
      a_frame_that_no_slab_holds_is_refused, nothing_is_allocated_in_steady_state,
      random_bytes_come_out_as_they_went_in)
