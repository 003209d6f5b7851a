#include "stream/queue.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/test.h"
#include "stream/test_batch.h"

static const struct queue_limits no_limits = { 1000, 1000000, INT64_MAX / 2 };

struct trial {
    struct test_batches maker;
    struct queue        queue;
    unsigned            discarded;
    char                sent[512]; /* letters */
};

static void trial_begin(struct trial *trial, const struct queue_limits *limits)
{
    memset(trial, 0, sizeof(*trial));
    test_batches_init(&trial->maker);
    queue_init(&trial->queue, limits);
}

static void trial_end(struct trial *trial)
{
    queue_fini(&trial->queue);
    test_batches_fini(&trial->maker);
}

static void push(struct trial *trial, const char *letters)
{
    const struct batch *batch = test_batch(&trial->maker, letters);
    trial->discarded += queue_push(&trial->queue, batch, batch_all(batch), trial->maker.now_ns);
    batch_unref(batch);
}

static void send_packets(struct trial *trial, unsigned count)
{
    struct queue *queue = &trial->queue;
    for (; count > 0 && queue->count > 0; count--) {
        struct queue_entry *first = queue_at(queue, 0);
        uint32_t            bit = first->mask & -first->mask;
        test_batch_letters(first->batch, bit, trial->sent, sizeof(trial->sent));
        queue_pop_packets(queue, bit);
    }
}

/*
 * Words: letters are a batch that comes; "<3": three packets are sent; "~": part of the first one
 * is; "+100": so many ms pass.
 */
static void run_word(struct trial *trial, const char *word)
{
    if (word[0] == '<')
        send_packets(trial, (unsigned)atoi(word + 1));
    else if (word[0] == '+')
        trial->maker.now_ns += atoi(word + 1) * NS_PER_MS;
    else if (word[0] == '~')
        trial->queue.has_begun = true;
    else
        push(trial, word);
}

static void run_script(struct trial *trial, const char *script)
{
    char  words[256];
    char *rest = words;
    (void)snprintf(words, sizeof(words), "%s", script);
    for (char *word; (word = strsep(&rest, " "));)
        run_word(trial, word);
}

static void what_a_slow_reader_gets(void **state)
{
    static const struct {
        const char *name;
        uint32_t    frames;
        size_t      bytes;
        int         ms;
        const char *script, *sent;
        unsigned    discarded;
    } cases[] = {
        { "nothing is over", 9, 9999, 999, "K- P- a P--", "K-P-aP--", 0 },
        { "up to the next keyframe", 2, 9999, 999, "K- P- P- P- <2 P- K- P-", "K-P-K-", 4 },
        { "one more than allowed", 3, 9999, 999, "K P P P", "KPP", 1 },
        { "bytes", 99, 2 * TEST_PACKET + 1, 999, "K- P- K-", "K-P-", 1 },
        { "bytes, exactly", 99, 2 * TEST_PACKET, 999, "K- P-", "K-", 1 },
        { "a batch comes in whole", 2, 9999, 999, "aaaa a", "aaaa", 1 },
        { "a frame goes on", 1, 9999, 999, "K - -- P", "K---", 1 },
        { "a frame goes on over the bytes", 9, 1, 999, "K - -- P", "K---", 1 },
        { "refused over several batches", 1, 9999, 999, "K P - -- <9 -- K- -", "KK--", 1 },
        { "refused within a batch", 1, 9999, 999, "K- --P--a-P- <9 --K-", "K---K-", 3 },

        { "audio goes on", 3, 9999, 999, "K P P P <9 P a P a K a", "KPPaaK", 4 },
        { "audio is refused by itself", 2, 9999, 999, "K P a <1 - P <1 a", "KP-Pa", 1 },
        { "two videos wait by themselves", 2, 9999, 999, "K I P B <9 P B K B I =", "KIKI=", 5 },
        { "interleaved frames", 2, 9999, 999, "KI-=-= -PB= =B", "KI-=-=-", 3 },

        { "a keyframe that was refused", 1, 9999, 999, "P K- <9 P- K-", "PK-", 2 },
        { "no keyframe was ever seen", 1, 9999, 999, "P- P- <9 -P- P-", "P-P-", 2 },
        { "no keyframe, too old", 9, 9999, 999, "P- P- +1000 -P-", "P-", 2 },

        { "as old as allowed", 9, 9999, 1000, "K- +1000 P-", "K-P-", 0 },
        { "too old", 9, 9999, 1000, "K- +600 P- +401 K-", "K-", 2 },
        { "too old, no keyframe yet", 9, 9999, 1000, "K- P +1001 - P- a K- P", "aK-P", 3 },
        { "too old within a frame", 9, 9999, 1000, "K- P +1001 -- -K-", "K-", 2 },
        { "old only while it stands", 9, 9999, 1000, "a <1 +5000 a +900 a +101 a", "aa", 2 },
        { "old, but it moves", 9, 9999, 1000, "a +600 a <1 +600 a <1 +600 a", "aaaa", 0 },

        { "begun by a packet", 9, 9999, 1000, "K-- <1 +1001 P- K", "K--K", 1 },
        { "begun by a part", 9, 9999, 1000, "K-- P- ~ +1001 K-", "K--K-", 1 },
        { "begun, and its end is to come", 9, 9999, 1000, "K- ~ +1001 - P- K-", "K--K-", 1 },
        { "begun behind others", 9, 9999, 1000, "aK- <2 P +1001 -- a K", "aK-K", 2 },
        { "begun on both tracks", 9, 9999, 1000, "KI-= <2 +1001 -=P= =-B a", "KI-=-===a", 2 },
        { "begun on one of two", 9, 9999, 1000, "aK-a <2 +1001 -a Pa K", "aK--K", 4 },
        { "begun, in one batch with others", 9, 9999, 1000, "aK-aPa ~ +1001 K", "aK", 4 },

        { "reports are no frames", 1, 9999, 999, "K- r r P <9 r K", "K-rrrK", 1 },
        { "a report amid a frame", 1, 9999, 999, "K r - P", "Kr-", 1 },
        { "a report amid a refused frame", 1, 9999, 999, "K P r - <9 - K", "KrK", 1 },
        { "a report amid a begun frame", 9, 9999, 1000, "K r - <1 +1001 - P K", "Kr--K", 1 },
        { "a report goes with the frames", 9, 9999, 1000, "K- P r +1001 K", "K", 2 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct queue_limits limits = { cases[i].frames, cases[i].bytes, cases[i].ms * NS_PER_MS };
        struct trial        trial;
        trial_begin(&trial, &limits);
        run_script(&trial, cases[i].script);
        send_packets(&trial, UINT32_MAX);
        if (strcmp(trial.sent, cases[i].sent) != 0)
            print_error("sent %s\n", trial.sent);
        CHECK(strcmp(trial.sent, cases[i].sent) == 0, cases[i].name);
        CHECK(trial.discarded == cases[i].discarded, cases[i].name);
        CHECK(trial.queue.discarded_frames == cases[i].discarded, cases[i].name);
        CHECK(trial.queue.frames == 0 && trial.queue.bytes == 0, cases[i].name);
        trial_end(&trial);
    }
}

static void only_what_is_meant_comes_in(void **state)
{
    struct trial trial;
    trial_begin(&trial, &no_limits);
    const struct batch *batch = test_batch(&trial.maker, "K-a-Pa");
    queue_push(&trial.queue, batch, batch_track(batch, 1), 1);
    queue_push(&trial.queue, batch, batch_track(batch, 0), 1);
    queue_push(&trial.queue, batch, 0, 1);
    assert_int_equal(trial.queue.count, 2);
    assert_int_equal(trial.queue.frames, 4);
    assert_int_equal(trial.queue.bytes, 6 * TEST_PACKET);
    batch_unref(batch);
    send_packets(&trial, UINT32_MAX);
    assert_string_equal(trial.sent, "aaK--P");
    trial_end(&trial);
}

/* A new reader may be given the ring: that it is old is not the reader's fault. */
static void age_counts_from_when_it_came_in(void **state)
{
    struct queue_limits limits = { 100, 10000, NS_PER_S };
    struct trial        trial;
    trial_begin(&trial, &limits);
    const struct batch *old = test_batch(&trial.maker, "K");
    int64_t             now_ns = 10 * NS_PER_S;
    assert_int_equal(queue_push(&trial.queue, old, 1, now_ns), 0);
    assert_int_equal(queue_push(&trial.queue, old, 1, now_ns + NS_PER_S), 0);
    assert_int_equal(queue_push(&trial.queue, old, 1, now_ns + NS_PER_S + 1), 2);
    assert_int_equal(trial.queue.count, 1);
    batch_unref(old);
    trial_end(&trial);
}

static void old_frames_let_go_of_their_slabs(void **state)
{
    struct queue_limits limits = { 100, 10000, NS_PER_S };
    struct trial        trial;
    const struct batch *batches[4];
    trial_begin(&trial, &limits);
    for (size_t i = 0; i < COUNT(batches); i++) {
        batches[i] = test_batch(&trial.maker, i ? "P-" : "K-");
        queue_push(&trial.queue, batches[i], 3, trial.maker.now_ns);
    }
    queue_pop_packets(&trial.queue, 1);
    trial.maker.now_ns += NS_PER_S + 1;
    push(&trial, "P");
    assert_int_equal(trial.discarded, 4);
    assert_int_equal(atomic_load(&batches[0]->refs), 2);
    for (size_t i = 1; i < COUNT(batches); i++)
        assert_int_equal(atomic_load(&batches[i]->refs), 1);
    for (size_t i = 0; i < COUNT(batches); i++)
        batch_unref(batches[i]);
    trial_end(&trial);
}

static void a_cleared_queue_begins_anew(void **state)
{
    struct queue_limits limits = { 2, 10000, NS_PER_S };
    struct trial        trial;
    trial_begin(&trial, &limits);
    run_script(&trial, "K- P- P <1 ~");
    assert_int_equal(trial.discarded, 1);
    queue_clear(&trial.queue);
    assert_int_equal(trial.queue.count, 0);
    assert_int_equal(trial.queue.bytes, 0);
    assert_int_equal(trial.queue.frames, 0);
    assert_false(trial.queue.has_begun);
    run_script(&trial, "P- <9");
    assert_string_equal(trial.sent, "KP-");
    assert_int_equal(trial.discarded, 1);
    trial_end(&trial);
}

static void a_circle_keeps_its_order_as_it_grows(void **state)
{
    struct trial trial;
    trial_begin(&trial, &no_limits);
    run_script(&trial, "a a a a a a <5 K- P- a B= a K- P- a K-");
    assert_int_equal(trial.queue.count, 10);
    send_packets(&trial, UINT32_MAX);
    assert_string_equal(trial.sent, "aaaaaaK-P-aB=aK-P-aK-");
    trial_end(&trial);
}

static void nothing_is_allocated_in_steady_state(void **state)
{
    struct trial trial;
    trial_begin(&trial, &no_limits);
    run_script(&trial, "K P P <9");
    const struct batch *batch = test_batch(&trial.maker, "Pa-");
    uint64_t            before = mem_allocations();
    for (unsigned i = 0; i < 1000; i++) {
        queue_push(&trial.queue, batch, 7, 1);
        queue_push(&trial.queue, batch, 2, 1);
        queue_pop_packets(&trial.queue, 1);
        queue_pop(&trial.queue);
        queue_pop(&trial.queue);
    }
    assert_true(mem_allocations() == before);
    batch_unref(batch);
    trial_end(&trial);
}

/* One without an end: a publisher's timestamps stand still and no packet has a marker. */
static void even_a_frame_that_was_begun_has_a_limit(void **state)
{
    struct queue_limits limits = { 100, 10000, NS_PER_S };
    struct trial        trial;
    trial_begin(&trial, &limits);
    push(&trial, "Ka");
    struct slab  *slab = slab_take(&trial.maker.slabs, SLAB_SMALL);
    struct batch *huge = batch_take(&trial.maker.batches);
    struct packet packet = { .p = slab->bytes + INTERLEAVED_HEADER, .len = UINT16_MAX };
    for (unsigned i = 0; i < BATCH_MAX_PACKETS; i++)
        huge->video |= batch_add(huge, slab, &packet);
    batch_freeze(huge);
    for (unsigned i = 0; i < 100; i++)
        trial.discarded += queue_push(&trial.queue, huge, huge->video, 1);
    assert_in_range(trial.queue.bytes, QUEUE_MAX_FRAME_BYTES,
                    QUEUE_MAX_FRAME_BYTES + limits.bytes + huge->bytes);
    assert_int_equal(trial.discarded, 1);
    while (trial.queue.count)
        queue_pop(&trial.queue);
    run_script(&trial, "-P- a K- <9");
    assert_string_equal(trial.sent, "aK-");
    assert_int_equal(trial.discarded, 2);
    batch_unref(huge);
    slab_unref(slab);
    trial_end(&trial);
}

/* What follows compares random runs with rules that need no queue to be told. */

enum { TRACKS = 3, MAX_PACKETS = 8192, MAX_FRAME = 40, STEPS = 250, SEEDS = 400 };

struct made {
    uint8_t  track;
    bool     is_report;
    uint32_t frame; /* counted on its track */
};

struct made_frame {
    unsigned packets;
    bool     is_key;
};

struct run {
    struct trial      trial;
    uint64_t          random;
    unsigned          key_one_in[TRACKS]; /* 0: no keyframe is ever marked */
    unsigned          left[TRACKS];       /* packets that the current frame still needs */
    unsigned          frames[TRACKS];
    struct made       made[MAX_PACKETS]; /* by sequence number */
    struct made_frame made_frames[TRACKS][MAX_PACKETS];
    unsigned          sent_count;
    uint16_t          sent[MAX_PACKETS];
};

static unsigned draw(struct run *run, unsigned below)
{
    run->random = run->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)(run->random >> 33) % below;
}

/* The next packet of a track: of the frame that it is in, or of a new one. */
static char make_packet(struct run *run, unsigned track, uint16_t seq)
{
    static const char letters[TRACKS][4] = { "KP-", "aaa", "IB=" };
    bool              is_start = run->left[track] == 0;
    bool is_key = is_start && run->key_one_in[track] && draw(run, run->key_one_in[track]) == 0;
    if (is_start) {
        run->left[track] = track == 1 ? 1 : 1 + draw(run, draw(run, 8) ? 5 : MAX_FRAME);
        run->made_frames[track][run->frames[track]++] =
            (struct made_frame){ run->left[track], is_key };
    }
    run->left[track]--;
    run->made[seq] = (struct made){ (uint8_t)track, false, run->frames[track] - 1 };
    return letters[track][is_start ? (is_key ? 0 : 1) : 2];
}

static void push_random(struct run *run)
{
    char     letters[BATCH_MAX_PACKETS + 1] = "";
    unsigned count = 1 + draw(run, draw(run, 4) ? 6 : BATCH_MAX_PACKETS);
    unsigned track = draw(run, TRACKS);
    for (unsigned i = 0; i < count; i++) {
        uint16_t seq = (uint16_t)(run->trial.maker.seq + i);
        if (draw(run, 4) == 0)
            track = draw(run, TRACKS);
        if (draw(run, 40) == 0) {
            run->made[seq] = (struct made){ .is_report = true };
            letters[i] = 'r';
        } else {
            letters[i] = make_packet(run, track, seq);
        }
    }
    push(&run->trial, letters);
}

static void send_random(struct run *run, unsigned count)
{
    struct queue *queue = &run->trial.queue;
    for (; count > 0 && queue->count > 0; count--) {
        struct queue_entry *first = queue_at(queue, 0);
        uint32_t            bit = first->mask & -first->mask;
        run->sent[run->sent_count++] = test_packet_seq(&first->batch->packets[__builtin_ctz(bit)]);
        if (first->mask == bit)
            queue_pop(queue);
        else
            queue_pop_packets(queue, bit);
    }
    queue->has_begun = queue->count > 0 && draw(run, 2) == 0;
}

static void check_sums(const struct queue *queue, const char *name)
{
    size_t   bytes = 0;
    unsigned frames = 0;
    for (uint32_t i = 0; i < queue->count; i++) {
        const struct queue_entry *entry = queue_at(queue, i);
        CHECK(entry->mask != 0, name);
        bytes += (size_t)__builtin_popcount(entry->mask) * TEST_PACKET;
        frames += (unsigned)__builtin_popcount(entry->mask & entry->batch->frame_starts);
    }
    CHECK(queue->bytes == bytes && queue->frames == frames, name);
    CHECK(frames < queue->limits->frames + BATCH_MAX_PACKETS, name);
    CHECK(bytes <
              queue->limits->bytes + (BATCH_MAX_PACKETS + TRACKS * MAX_FRAME) * (size_t)TEST_PACKET,
          name);
}

/* Was there a keyframe among the first `count` frames? Then a decoder could have waited for one. */
static bool has_key(const struct run *run, unsigned track, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (run->made_frames[track][i].is_key)
            return true;
    return false;
}

/* Frame by frame, what was sent of one track. Returns how many frames that was. */
static unsigned check_track(const struct run *run, unsigned track, const char *name)
{
    unsigned delivered = 0, packets = 0, next = 0;
    for (unsigned i = 0; i < run->sent_count; i++) {
        const struct made *made = &run->made[run->sent[i]];
        if (made->track != track || made->is_report)
            continue;
        const struct made_frame *frame = &run->made_frames[track][made->frame];
        if (packets == 0) {
            CHECK(made->frame >= next, name);
            bool was_waiting =
                track != 1 && made->frame != next && has_key(run, track, made->frame);
            CHECK(!was_waiting || frame->is_key, name);
        } else {
            CHECK(made->frame == next - 1, name);
        }
        next = made->frame + 1;
        packets = (packets + 1) % frame->packets;
        delivered += packets == 0;
    }
    CHECK(packets == 0, name);
    return delivered;
}

static void check_run(const struct run *run, const char *name)
{
    unsigned missing = 0;
    for (unsigned i = 1; i < run->sent_count; i++)
        CHECK(run->sent[i] > run->sent[i - 1], name);
    for (unsigned track = 0; track < TRACKS; track++)
        missing += run->frames[track] - check_track(run, track, name);
    CHECK(run->trial.discarded == missing, name);
    CHECK(run->trial.queue.discarded_frames == missing, name);
}

/* Every frame that was begun gets its end, so that all can be told whole from cut. */
static void finish_frames(struct run *run)
{
    for (unsigned track = 0; track < TRACKS; track++) {
        while (run->left[track]) {
            char letter[2] = { make_packet(run, track, run->trial.maker.seq), '\0' };
            push(&run->trial, letter);
        }
    }
}

static struct queue_limits draw_limits(struct run *run)
{
    static const struct queue_limits kinds[] = {
        { 1, 1 << 20, INT64_C(1) << 60 },      { 8, 1 << 20, INT64_C(1) << 60 },
        { 1000, 3000, INT64_C(1) << 60 },      { 1000, 1 << 20, 300 * NS_PER_MS },
        { 20, 5000, 500 * NS_PER_MS },         { 3, 500, 50 * NS_PER_MS },
        { 100000, 1 << 30, INT64_C(1) << 60 },
    };
    return kinds[draw(run, COUNT(kinds))];
}

static void run_seed(struct run *run, unsigned seed)
{
    char name[32];
    (void)snprintf(name, sizeof(name), "seed %u", seed);
    memset(run, 0, sizeof(*run));
    run->random = seed;
    struct queue_limits limits = draw_limits(run);
    unsigned            speed = draw(run, 12); /* how well the reader keeps up */
    run->key_one_in[0] = 1 + draw(run, 12);
    run->key_one_in[2] = draw(run, 12);
    trial_begin(&run->trial, &limits);
    for (unsigned step = 0; step < STEPS; step++) {
        push_random(run);
        check_sums(&run->trial.queue, name);
        if (draw(run, 12) < speed)
            send_random(run, draw(run, 30));
        check_sums(&run->trial.queue, name);
        run->trial.maker.now_ns += draw(run, 20) * NS_PER_MS;
    }
    finish_frames(run);
    send_random(run, UINT32_MAX);
    check_run(run, name);
    CHECK(limits.frames < 100000 || run->trial.discarded == 0, name);
    trial_end(&run->trial);
}

static void random_runs_keep_the_rules(void **state)
{
    struct run *run = mem_new(struct run);
    unsigned    discarded = 0;
    for (unsigned seed = 1; seed <= SEEDS; seed++) {
        run_seed(run, seed);
        discarded += run->trial.discarded;
    }
    assert_true(discarded > 10 * SEEDS);
    mem_free(run);
}

TESTS(what_a_slow_reader_gets, only_what_is_meant_comes_in, age_counts_from_when_it_came_in,
      old_frames_let_go_of_their_slabs, a_cleared_queue_begins_anew,
      a_circle_keeps_its_order_as_it_grows, nothing_is_allocated_in_steady_state,
      even_a_frame_that_was_begun_has_a_limit, random_runs_keep_the_rules)
