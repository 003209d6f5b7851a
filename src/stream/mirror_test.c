/*
 * Streams across workers, message by message: each hub's mail is handled when the test says so, so
 * that every order in which two threads might meet can be tried on one.
 */
#include "base/mem.h"
#include "base/test.h"
#include "stream/stream_internal.h"
#include "stream/test_batch.h"
#include "stream/test_feed.h"
#include "stream/test_hub.h"

enum { ID = 21, OWNER = 1, OTHER = 2, THIRD = 3 };

struct stage {
    struct test_hubs    hubs;
    struct test_batches maker;
    struct counters    *counters;
    struct stream      *stream;
    struct test_reader  readers[3];
};

static void stage_open(struct stage *stage)
{
    memset(stage, 0, sizeof(*stage));
    test_hubs_open(&stage->hubs, 3);
    test_batches_init(&stage->maker);
    stage->hubs.settings.ring_bytes = 1 << 20;
    stage->counters = counters_create();
    stage->stream =
        stream_create(&stage->hubs.hubs[OWNER], ID, test_description(TEST_SDP), stage->counters);
    for (size_t i = 0; i < COUNT(stage->readers); i++)
        test_reader_init(&stage->readers[i]);
}

static void stage_close(struct stage *stage)
{
    stage->stream = stream_end(stage->stream);
    test_hubs_settle(&stage->hubs);
    counters_unref(stage->counters);
    test_hubs_close(&stage->hubs);
    test_batches_fini(&stage->maker);
}

static void attach(struct stage *stage, unsigned reader, unsigned hub)
{
    stream_attach(&stage->hubs.hubs[hub], ID, OWNER, &stage->readers[reader].reader);
}

static void publish(struct stage *stage, const char *letters)
{
    stream_publish(stage->stream, test_batch(&stage->maker, letters));
}

/* The hub reads its mail, and its turn ends. */
static void turn(struct stage *stage, unsigned hub)
{
    (void)loop_finish_messages(&stage->hubs.loops[hub]);
}

/* The hub's turn ends, and its mail has not been read yet. */
static void leave_and_end_turn(struct reader *reader)
{
    struct stream *mirror = reader->stream;
    stream_detach(reader);
    loop_clear_dirty(&mirror->unused);
    mirror->unused.flush(&mirror->unused);
}

static unsigned count_mail(struct stage *stage, unsigned hub)
{
    unsigned count = 0;
    for (struct mail *mail = atomic_load(&stage->hubs.loops[hub].inbox); mail; mail = mail->next)
        count++;
    return count;
}

static void one_question_for_all_readers_of_a_hub(void **state)
{
    struct stage stage;
    stage_open(&stage);
    for (unsigned i = 0; i < 3; i++)
        attach(&stage, i, OTHER);
    assert_int_equal(count_mail(&stage, OWNER), 1);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(stage.readers[i].attached, 0);
    turn(&stage, OWNER);
    turn(&stage, OTHER);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(stage.readers[i].attached, 1);
        stream_play(&stage.readers[i].reader);
    }
    publish(&stage, "a");
    assert_int_equal(count_mail(&stage, OTHER), 2); /* with the first packet's report */
    turn(&stage, OTHER);
    for (unsigned i = 0; i < 3; i++)
        assert_string_equal(stage.readers[i].text, "[a][r]");
    stage_close(&stage);
}

static void each_hub_has_its_own_mirror(void **state)
{
    struct stage stage;
    stage_open(&stage);
    attach(&stage, 0, OTHER);
    attach(&stage, 1, THIRD);
    attach(&stage, 2, OWNER);
    test_hubs_settle(&stage.hubs);
    assert_int_equal(list_count(&stage.stream->outlets), 2);
    for (unsigned i = 0; i < 3; i++)
        stream_play(&stage.readers[i].reader);
    publish(&stage, "K-");
    test_hubs_settle(&stage.hubs);
    for (unsigned i = 0; i < 3; i++)
        assert_string_equal(stage.readers[i].text, "[K-][r]");
    stream_detach(&stage.readers[0].reader);
    test_hubs_settle(&stage.hubs);
    assert_int_equal(list_count(&stage.stream->outlets), 1);
    publish(&stage, "P");
    assert_int_equal(count_mail(&stage, OTHER), 0);
    assert_int_equal(count_mail(&stage, THIRD), 1);
    stage_close(&stage);
}

/* What came before the answer is in the answer, what comes behind it is not. */
static void the_answer_and_what_follows_it_are_whole(void **state)
{
    struct stage stage;
    stage_open(&stage);
    stage.hubs.settings.ring_for_players = true;
    publish(&stage, "K-");
    attach(&stage, 0, OTHER);
    publish(&stage, "P");
    turn(&stage, OWNER);
    publish(&stage, "-P");
    turn(&stage, OTHER);
    stream_play(&stage.readers[0].reader);
    assert_string_equal(stage.readers[0].text, "[r][K-][P][-P]");
    assert_int_equal(stream_track(stage.readers[0].reader.stream, 0)->packets, 5);
    assert_int_equal(stream_track(stage.readers[0].reader.stream, 0)->last_seq, 4);
    stage_close(&stage);
}

static void a_late_reader_is_given_the_owners_newest_report(void **state)
{
    struct stage stage;
    stage_open(&stage);
    publish(&stage, "K");
    attach(&stage, 0, OTHER);
    test_hubs_settle(&stage.hubs);
    publish(&stage, "a");
    test_hubs_settle(&stage.hubs);
    stream_play(&stage.readers[0].reader);
    assert_string_equal(stage.readers[0].text, "[rr]");
    stage_close(&stage);
}

static void a_mirror_goes_with_its_last_reader(void **state)
{
    struct stage stage;
    stage_open(&stage);
    attach(&stage, 0, OTHER);
    attach(&stage, 1, OTHER);
    test_hubs_settle(&stage.hubs);
    stream_detach(&stage.readers[0].reader);
    test_hubs_settle(&stage.hubs);
    assert_int_equal(map_count(stage.hubs.hubs[OTHER].streams), 1);
    stream_detach(&stage.readers[1].reader);
    attach(&stage, 0, OTHER); /* in the same turn: it stays */
    test_hubs_settle(&stage.hubs);
    assert_int_equal(map_count(stage.hubs.hubs[OTHER].streams), 1);
    assert_int_equal(stage.readers[0].attached, 2);
    stream_detach(&stage.readers[0].reader);
    test_hubs_settle(&stage.hubs);
    assert_int_equal(map_count(stage.hubs.hubs[OTHER].streams), 0);
    assert_int_equal(list_count(&stage.stream->outlets), 0);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(stage.readers[i].ended, 0);
    stage_close(&stage);
}

static void a_reader_may_leave_before_the_answer(void **state)
{
    struct stage stage;
    stage_open(&stage);
    attach(&stage, 0, OTHER);
    stream_detach(&stage.readers[0].reader);
    test_hubs_settle(&stage.hubs);
    assert_int_equal(stage.readers[0].attached + stage.readers[0].ended, 0);
    assert_int_equal(list_count(&stage.stream->outlets), 0);
    stage_close(&stage);
}

/* The mirror is another one when the answer to the first comes. */
static void answers_to_an_earlier_mirror_are_passed_over(void **state)
{
    struct stage stage;
    stage_open(&stage);
    attach(&stage, 0, OTHER);
    turn(&stage, OWNER); /* answers */
    publish(&stage, "K");
    stream_set_description(stage.stream, test_description("s=new\r\n" TEST_SDP));
    leave_and_end_turn(&stage.readers[0].reader);
    attach(&stage, 0, OTHER);
    turn(&stage, OTHER);
    assert_int_equal(stage.readers[0].attached, 0);
    turn(&stage, OWNER); /* the first leaves, the second is answered */
    assert_int_equal(list_count(&stage.stream->outlets), 1);
    turn(&stage, OTHER);
    assert_int_equal(stage.readers[0].attached, 1);
    stream_play(&stage.readers[0].reader);
    publish(&stage, "P");
    turn(&stage, OTHER);
    assert_string_equal(stage.readers[0].text, "[r][P]");
    stage_close(&stage);
}

/* The order at the owner: the first mirror's leave, the second's question, then the end. */
static void an_end_for_an_earlier_mirror_is_passed_over(void **state)
{
    struct stage stage;
    stage_open(&stage);
    attach(&stage, 0, OTHER);
    turn(&stage, OWNER);
    turn(&stage, OTHER);
    leave_and_end_turn(&stage.readers[0].reader);
    attach(&stage, 0, OTHER);
    stage.stream = stream_end(stage.stream); /* tells the first mirror */
    turn(&stage, OTHER);
    assert_int_equal(stage.readers[0].ended, 0);
    turn(&stage, OWNER); /* it is gone, says the owner to the second */
    turn(&stage, OTHER);
    assert_int_equal(stage.readers[0].ended, 1);
    assert_int_equal(stage.readers[0].reason, STREAM_GONE);
    stage_close(&stage);
}

static void an_end_may_follow_the_answer_at_once(void **state)
{
    struct stage stage;
    stage_open(&stage);
    attach(&stage, 0, OTHER);
    turn(&stage, OWNER);
    stage.stream = stream_end(stage.stream);
    turn(&stage, OTHER);
    assert_int_equal(stage.readers[0].attached, 1);
    assert_int_equal(stage.readers[0].ended, 1);
    assert_int_equal(stage.readers[0].reason, STREAM_ENDED);
    stage_close(&stage);
}

/* A mirror knows nothing first hand. */
static void only_the_owner_gives_a_stream_out(void **state)
{
    struct stage stage;
    stage_open(&stage);
    attach(&stage, 0, OTHER);
    test_hubs_settle(&stage.hubs);
    stream_attach(&stage.hubs.hubs[THIRD], ID, OTHER, &stage.readers[1].reader);
    test_hubs_settle(&stage.hubs);
    assert_int_equal(stage.readers[1].attached, 0);
    assert_int_equal(stage.readers[1].reason, STREAM_GONE);
    stage_close(&stage);
}

/* Main said that the stream is there, and it has just gone: one asks again. */
struct retrier {
    struct reader reader;
    struct stage *stage;
    unsigned      gone, attached;
};

static void retrier_on_attached(struct reader *reader)
{
    CONTAINER_OF(reader, struct retrier, reader)->attached++;
}

static void retrier_on_end(struct reader *reader, enum stream_end reason)
{
    struct retrier *retrier = CONTAINER_OF(reader, struct retrier, reader);
    if (reason == STREAM_GONE && ++retrier->gone < 3)
        stream_attach(&retrier->stage->hubs.hubs[OTHER], ID, OWNER, reader);
}

static void a_reader_may_ask_again_when_it_is_told(void **state)
{
    static const struct reader_ops ops = { .on_attached = retrier_on_attached,
                                           .on_end = retrier_on_end };
    struct stage                   stage;
    struct retrier                 retrier = { .reader.ops = &ops, .stage = &stage };
    stage_open(&stage);
    stage.stream = stream_end(stage.stream);
    stream_attach(&stage.hubs.hubs[OTHER], ID, OWNER, &retrier.reader);
    for (unsigned i = 0; i < 2; i++) {
        turn(&stage, OWNER);
        turn(&stage, OTHER);
    }
    assert_int_equal(retrier.gone, 2);
    stage.stream =
        stream_create(&stage.hubs.hubs[OWNER], ID, test_description(TEST_SDP), stage.counters);
    test_hubs_settle(&stage.hubs);
    assert_int_equal(retrier.gone, 2);
    assert_int_equal(retrier.attached, 1);
    stage_close(&stage);
}

struct counting {
    struct source source;
    unsigned      requests;
};

static void count_request(struct source *source)
{
    CONTAINER_OF(source, struct counting, source)->requests++;
}

static const struct source_ops counting_ops = { count_request };

static void a_request_for_a_keyframe_is_one_message(void **state)
{
    struct stage    stage;
    struct counting counting = { .source.ops = &counting_ops };
    stage_open(&stage);
    stream_set_source(stage.stream, &counting.source);
    attach(&stage, 0, OTHER);
    attach(&stage, 1, OTHER);
    attach(&stage, 2, THIRD);
    test_hubs_settle(&stage.hubs);
    for (unsigned i = 0; i < 6; i++)
        stream_request_keyframe(stage.readers[i % 3].reader.stream);
    assert_int_equal(count_mail(&stage, OWNER), 2);
    turn(&stage, OWNER);
    assert_int_equal(counting.requests, 1);
    publish(&stage, "K"); /* here, and then there, it is what they have waited for */
    test_hubs_wait(&stage.hubs, NS_PER_S);
    assert_int_equal(counting.requests, 1);
    stream_request_keyframe(stage.readers[2].reader.stream);
    stage.stream = stream_end(stage.stream);
    turn(&stage, OWNER);
    assert_int_equal(counting.requests, 1);
    stage_close(&stage);
}

/* A worker whose thread has ended hands its last batches back. */
static void what_is_under_way_at_the_end_comes_home(void **state)
{
    struct stage stage;
    stage_open(&stage);
    attach(&stage, 0, OTHER);
    test_hubs_settle(&stage.hubs);
    stream_play(&stage.readers[0].reader);
    for (unsigned i = 0; i < 100; i++)
        publish(&stage, i % 10 ? "P-a" : "K-a");
    stream_detach(&stage.readers[0].reader);
    stage.stream = stream_end(stage.stream);
    turn(&stage, OTHER);
    turn(&stage, OWNER);
    assert_int_equal(count_mail(&stage, OTHER) + count_mail(&stage, OWNER), 0);
    assert_int_equal(map_count(stage.hubs.hubs[OTHER].streams), 0);
    stage_close(&stage);
}

/* What follows tries random orders and checks what a reader may rely on. */

enum { READERS = 9, STEPS = 3000, SEEDS = 60 };

struct watcher {
    struct reader reader;
    unsigned      hub;
    bool          is_waiting;  /* attached, not told yet */
    bool          has_started; /* has got packets since it began to play */
    uint16_t      next_seq;
};

struct run {
    struct stage   stage;
    uint32_t       random;
    uint64_t       id;
    struct watcher watchers[READERS];
};

static uint32_t draw(struct run *run, uint32_t below)
{
    run->random = run->random * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)run->random * below >> 32);
}

static void watcher_on_attached(struct reader *reader)
{
    struct watcher *watcher = CONTAINER_OF(reader, struct watcher, reader);
    assert_true(watcher->is_waiting && reader->stream);
    assert_int_equal(stream_description(reader->stream)->sdp.media_count, 2);
    watcher->is_waiting = false;
}

/* Packet by packet without a gap, from wherever it began. */
static void watcher_on_batch(struct reader *reader, const struct batch *batch, uint32_t mask)
{
    struct watcher *watcher = CONTAINER_OF(reader, struct watcher, reader);
    assert_true(reader->is_playing && !watcher->is_waiting);
    for (unsigned i = 0; i < batch->packet_count && !batch->reports; i++) {
        uint16_t seq = test_packet_seq(&batch->packets[i]);
        assert_true(!watcher->has_started || seq == watcher->next_seq);
        watcher->has_started = true;
        watcher->next_seq = (uint16_t)(seq + 1);
    }
}

static void watcher_on_end(struct reader *reader, enum stream_end reason)
{
    struct watcher *watcher = CONTAINER_OF(reader, struct watcher, reader);
    assert_null(reader->stream);
    assert_true(reason == STREAM_ENDED ? !watcher->is_waiting : watcher->is_waiting);
    watcher->is_waiting = watcher->has_started = false;
}

static const struct reader_ops watcher_ops = { watcher_on_attached, watcher_on_batch,
                                               watcher_on_end };

static void change_watcher(struct run *run, struct watcher *watcher)
{
    struct reader *reader = &watcher->reader;
    if (!reader->stream) {
        watcher->is_waiting = true;
        stream_attach(&run->stage.hubs.hubs[watcher->hub], run->id - draw(run, 2), OWNER, reader);
    } else if (draw(run, 4) == 0) {
        stream_detach(reader);
        watcher->is_waiting = watcher->has_started = false;
    } else if (!watcher->is_waiting && !reader->is_playing) {
        stream_play(reader);
    } else if (reader->is_playing && draw(run, 4) == 0) {
        stream_pause(reader);
        watcher->has_started = false;
    } else if (reader->is_playing) {
        stream_request_keyframe(reader->stream);
    }
}

static void begin_stream(struct run *run)
{
    static struct counting counting = { .source.ops = &counting_ops };
    struct stage          *stage = &run->stage;
    stage->stream = stream_create(&stage->hubs.hubs[OWNER], ++run->id, test_description(TEST_SDP),
                                  stage->counters);
    stream_set_source(stage->stream, &counting.source);
}

static void change_stream(struct run *run)
{
    struct stage *stage = &run->stage;
    if (!stage->stream)
        begin_stream(run);
    else if (draw(run, 30) == 0)
        stage->stream = stream_end(stage->stream);
    else if (draw(run, 10) == 0)
        stream_set_description(stage->stream, test_description(TEST_SDP));
    else
        publish(stage, draw(run, 5) ? "P-a" : "-K-aa");
}

static void run_seed(struct run *run, uint32_t seed)
{
    struct stage *stage = &run->stage;
    stage_open(stage);
    run->id = ID;
    run->random = seed;
    stage->hubs.settings.ring_for_players = seed % 2;
    for (unsigned i = 0; i < READERS; i++)
        run->watchers[i] = (struct watcher){ .reader.ops = &watcher_ops, .hub = 1 + i % 3 };
    for (unsigned step = 0; step < STEPS; step++) {
        if (draw(run, 3) == 0)
            change_stream(run);
        else if (draw(run, 2))
            change_watcher(run, &run->watchers[draw(run, READERS)]);
        else
            turn(stage, 1 + draw(run, 3));
    }
    for (unsigned i = 0; i < READERS; i++)
        stream_detach(&run->watchers[i].reader);
    stage_close(stage);
}

static void random_orders_keep_the_rules(void **state)
{
    struct run *run = mem_new(struct run);
    for (uint32_t seed = 1; seed <= SEEDS; seed++)
        run_seed(run, seed);
    mem_free(run);
}

TESTS(one_question_for_all_readers_of_a_hub, each_hub_has_its_own_mirror,
      the_answer_and_what_follows_it_are_whole, a_late_reader_is_given_the_owners_newest_report,
      a_mirror_goes_with_its_last_reader, a_reader_may_leave_before_the_answer,
      answers_to_an_earlier_mirror_are_passed_over, an_end_for_an_earlier_mirror_is_passed_over,
      an_end_may_follow_the_answer_at_once, only_the_owner_gives_a_stream_out,
      a_reader_may_ask_again_when_it_is_told, a_request_for_a_keyframe_is_one_message,
      what_is_under_way_at_the_end_comes_home, random_orders_keep_the_rules)
