#include "loop/loop.h"

#include "base/mem.h"
#include "base/test.h"
#include "base/test_clock.h"

static void turn(struct loop *loop)
{
    (void)uv_run(&loop->uv, UV_RUN_NOWAIT);
}

/* The turn ends, so that the alarm is set; then time passes, and what is due fires. */
static void pass(struct loop *loop, int64_t ns)
{
    turn(loop);
    test_clock_advance(ns);
    turn(loop);
}

/* Timers */

static char   fired[64];
static size_t fired_count;

struct alarm_clock {
    struct timer        timer;
    struct loop        *loop;
    char                name;
    struct alarm_clock *other; /* what `act` is about */
    void (*act)(struct alarm_clock *clock);
};

static void on_alarm(void *arg)
{
    struct alarm_clock *clock = arg;
    fired[fired_count++] = clock->name;
    fired[fired_count] = '\0';
    if (clock->act)
        clock->act(clock);
}

static void set(struct alarm_clock *clock, struct loop *loop, char name, int64_t delay_ns)
{
    clock->loop = loop;
    clock->name = name;
    timer_start(loop, &clock->timer, delay_ns, on_alarm, clock);
}

static void check_fired(const char *want)
{
    assert_string_equal(fired, want);
    fired[0] = '\0';
    fired_count = 0;
}

static void timers_fire_in_order_and_never_early(void **state)
{
    struct loop        loop;
    struct alarm_clock clocks[5] = { { .act = NULL } };
    loop_init(&loop, "test", 1);
    set(&clocks[0], &loop, 'a', 5 * NS_PER_MS);
    set(&clocks[1], &loop, 'b', 1 * NS_PER_MS);
    set(&clocks[2], &loop, 'c', 3 * NS_PER_MS);
    set(&clocks[3], &loop, 'd', NS_PER_S);
    set(&clocks[4], &loop, 'e', 10 * NS_PER_MS + 1);
    pass(&loop, NS_PER_MS - 1);
    check_fired("");
    pass(&loop, 1);
    check_fired("b");
    pass(&loop, 5 * NS_PER_MS);
    check_fired("ca");
    pass(&loop, 4 * NS_PER_MS);
    check_fired("");
    pass(&loop, NS_PER_MS);
    check_fired("e");
    timer_stop(&loop, &clocks[3].timer);
    pass(&loop, NS_PER_S);
    check_fired("");
    loop_fini(&loop);
}

static void a_timer_may_be_set_anew(void **state)
{
    struct loop        loop;
    struct alarm_clock clock = { .act = NULL };
    loop_init(&loop, "test", 1);
    set(&clock, &loop, 'a', 5 * NS_PER_MS);
    pass(&loop, 4 * NS_PER_MS);
    set(&clock, &loop, 'a', 5 * NS_PER_MS);
    pass(&loop, 4 * NS_PER_MS);
    check_fired("");
    set(&clock, &loop, 'b', 0);
    pass(&loop, 1 * NS_PER_MS);
    check_fired("b");
    pass(&loop, 5 * NS_PER_MS);
    check_fired("");
    loop_fini(&loop);
}

static void set_again_at_once(struct alarm_clock *clock)
{
    set(clock, clock->loop, clock->name, 0);
}

static void set_again_in_the_past(struct alarm_clock *clock)
{
    set(clock, clock->loop, clock->name, -NS_PER_S);
}

/* One that has no patience must not keep the others, or the sockets, from their turn. */
static void a_timer_that_starts_itself_fires_in_a_later_turn(void **state)
{
    struct loop        loop;
    struct alarm_clock first = { .act = set_again_at_once };
    struct alarm_clock second = { .act = set_again_in_the_past };
    loop_init(&loop, "test", 1);
    set(&first, &loop, 'a', 0);
    pass(&loop, NS_PER_MS);
    check_fired("a");
    pass(&loop, NS_PER_MS);
    check_fired("a");
    timer_stop(&loop, &first.timer);
    set(&second, &loop, 'b', -1);
    pass(&loop, NS_PER_MS);
    check_fired("b");
    timer_stop(&loop, &second.timer);
    loop_fini(&loop);
}

static void stop_the_other(struct alarm_clock *clock)
{
    timer_stop(clock->loop, &clock->other->timer);
}

static void free_both(struct alarm_clock *clock)
{
    timer_stop(clock->loop, &clock->other->timer);
    mem_free(clock->other);
    mem_free(clock);
}

static void a_timer_may_stop_and_free_timers(void **state)
{
    struct loop        loop;
    struct alarm_clock clocks[2] = { { .act = stop_the_other, .other = &clocks[1] },
                                     { .act = stop_the_other, .other = &clocks[0] } };
    loop_init(&loop, "test", 1);
    set(&clocks[0], &loop, 'a', NS_PER_MS);
    set(&clocks[1], &loop, 'b', NS_PER_MS);
    pass(&loop, NS_PER_MS);
    assert_int_equal(fired_count, 1);
    check_fired(fired[0] == 'a' ? "a" : "b");

    struct alarm_clock *first = mem_new(struct alarm_clock);
    struct alarm_clock *second = mem_new(struct alarm_clock);
    *first = (struct alarm_clock){ .act = free_both, .other = second };
    set(first, &loop, 'c', NS_PER_MS);
    set(second, &loop, 'd', 2 * NS_PER_MS);
    pass(&loop, 5 * NS_PER_MS);
    check_fired("c");
    loop_fini(&loop);
}

enum { MANY = 100, STEPS = 3000 };

static struct model {
    struct timer timer;
    int64_t      due_ns; /* 0: not set */
} models[MANY];

static void on_model(void *arg)
{
    struct model *model = arg;
    int64_t       now_ns = clock_monotonic_ns();
    assert_true(model->due_ns && now_ns >= model->due_ns && now_ns < model->due_ns + NS_PER_MS);
    model->due_ns = 0;
}

static void random_timers_fire_once_and_in_time(void **state)
{
    struct loop loop;
    uint32_t    random = 7;
    loop_init(&loop, "test", 1);
    for (unsigned step = 0; step < STEPS; step++) {
        random = random * 1664525 + 1013904223;
        struct model *model = &models[(random >> 8) % MANY];
        if (random >> 30) {
            int64_t delay_ns = 1 + (random >> 4) % (40 * NS_PER_MS);
            timer_start(&loop, &model->timer, delay_ns, on_model, model);
            model->due_ns = clock_monotonic_ns() + delay_ns;
        } else {
            timer_stop(&loop, &model->timer);
            model->due_ns = 0;
        }
        pass(&loop, NS_PER_MS);
        for (unsigned i = 0; i < MANY; i++)
            assert_true(!models[i].due_ns == !timer_is_running(&models[i].timer));
    }
    for (unsigned i = 0; i < MANY; i++)
        timer_stop(&loop, &models[i].timer);
    loop_fini(&loop);
}

/* A wake-up for each of many timers costs more than what they do. */
static void a_long_timer_waits_for_the_next_turn(void **state)
{
    struct loop        loop;
    struct alarm_clock clock = { .act = NULL };
    loop_init(&loop, "test", 1);
    set(&clock, &loop, 'a', 128 * NS_PER_MS);
    turn(&loop);
    assert_int_equal(uv_backend_timeout(&loop.uv), 130);
    pass(&loop, 127 * NS_PER_MS);
    check_fired("");
    pass(&loop, NS_PER_MS); /* something else has woken it up */
    check_fired("a");
    loop_fini(&loop);
}

/* A server that nobody asks anything does not wake up. */
static void an_idle_loop_waits_for_ever(void **state)
{
    struct loop        loop;
    struct alarm_clock clock = { .act = NULL };
    loop_init(&loop, "test", 1);
    turn(&loop);
    assert_int_equal(uv_backend_timeout(&loop.uv), -1);
    set(&clock, &loop, 'a', 7 * NS_PER_MS);
    turn(&loop);
    assert_int_equal(uv_backend_timeout(&loop.uv), 7);
    set(&clock, &loop, 'a', 7 * NS_PER_MS + 1);
    turn(&loop);
    assert_int_equal(uv_backend_timeout(&loop.uv), 8); /* one wake-up, and not an early one */
    timer_stop(&loop, &clock.timer);
    turn(&loop);
    assert_int_equal(uv_backend_timeout(&loop.uv), -1);
    loop_fini(&loop);
}

static void now_stands_still_within_a_turn(void **state)
{
    struct loop loop;
    loop_init(&loop, "test", 1);
    int64_t now_ns = loop_now(&loop);
    test_clock_advance(NS_PER_S);
    assert_int_equal(loop_now(&loop), now_ns);
    turn(&loop);
    assert_int_equal(loop_now(&loop), now_ns + NS_PER_S);
    loop_fini(&loop);
}

/* The end of a turn */

struct work {
    struct mail  mail;
    struct dirty dirty;
    struct loop *loop;
    char         name;
    struct work *other; /* marked by the flush, or cleared */
    bool         clears;
};

static void on_flush(struct dirty *dirty)
{
    struct work *work = CONTAINER_OF(dirty, struct work, dirty);
    fired[fired_count++] = work->name;
    fired[fired_count] = '\0';
    if (work->other && work->clears)
        loop_clear_dirty(&work->other->dirty);
    else if (work->other)
        loop_mark_dirty(work->loop, &work->other->dirty);
}

static void mark_twice(struct loop *loop, struct mail *mail)
{
    struct work *work = CONTAINER_OF(mail, struct work, mail);
    loop_mark_dirty(loop, &work->dirty);
    loop_mark_dirty(loop, &work->dirty);
}

static struct work make_work(struct loop *loop, char name)
{
    return (struct work){
        .mail.handle = mark_twice, .dirty.flush = on_flush, .loop = loop, .name = name
    };
}

static void what_is_dirty_is_flushed_once_at_the_end(void **state)
{
    struct loop loop;
    loop_init(&loop, "test", 1);
    struct work works[] = { make_work(&loop, 'a'), make_work(&loop, 'b'), make_work(&loop, 'c') };
    for (size_t i = 0; i < COUNT(works); i++)
        loop_post(&loop, &works[i].mail);
    turn(&loop);
    check_fired(""); /* the mail was read, and its turn has not ended */
    loop_mark_dirty(&loop, &works[0].dirty);
    turn(&loop);
    check_fired("abc");
    turn(&loop);
    check_fired("");
    loop_mark_dirty(&loop, &works[1].dirty);
    turn(&loop);
    check_fired("b");
    loop_fini(&loop);
}

static void a_flush_may_mark_and_clear_others(void **state)
{
    struct loop loop;
    loop_init(&loop, "test", 1);
    struct work works[] = { make_work(&loop, 'a'), make_work(&loop, 'b'), make_work(&loop, 'c') };
    works[0].other = &works[1];
    works[1].other = &works[2];
    works[1].clears = true;
    loop_mark_dirty(&loop, &works[0].dirty);
    loop_mark_dirty(&loop, &works[2].dirty);
    turn(&loop);
    check_fired("acb");
    loop_mark_dirty(&loop, &works[1].dirty);
    loop_mark_dirty(&loop, &works[2].dirty);
    turn(&loop);
    check_fired("b");
    loop_clear_dirty(&works[2].dirty);
    loop_fini(&loop);
}

/* Messages */

static void what_is_left_is_finished_by_another_thread(void **state)
{
    struct loop loop;
    loop_init(&loop, "test", 1);
    struct work works[] = { make_work(&loop, 'a'), make_work(&loop, 'b') };
    assert_false(loop_finish_messages(&loop));
    loop_post(&loop, &works[0].mail);
    loop_post(&loop, &works[1].mail);
    assert_true(loop_finish_messages(&loop));
    check_fired("ab");
    assert_false(loop_finish_messages(&loop));
    loop_fini(&loop);
}

enum { SENDERS = 4, LETTERS = 100000 };

static struct letter {
    struct mail mail;
    uint32_t    sender, number;
} letters[SENDERS][LETTERS];

static struct loop post_office;
static uint32_t    expected[SENDERS];

static void on_letter(struct loop *loop, struct mail *mail)
{
    const struct letter *letter = CONTAINER_OF(mail, struct letter, mail);
    assert_ptr_equal(loop, &post_office);
    ASSERT(letter->number == expected[letter->sender]);
    expected[letter->sender]++;
}

static void *send_letters(void *arg)
{
    struct letter *mine = arg;
    for (uint32_t i = 0; i < LETTERS; i++) {
        mine[i].mail.handle = on_letter;
        mine[i].number = i;
        loop_post(&post_office, &mine[i].mail);
    }
    return NULL;
}

static void on_nothing(struct loop *loop)
{
}

static void letters_arrive_in_the_order_of_each_sender(void **state)
{
    pthread_t threads[SENDERS];
    loop_init(&post_office, "post office", 1);
    loop_start_thread(&post_office);
    for (uint32_t i = 0; i < SENDERS; i++) {
        for (uint32_t k = 0; k < LETTERS; k++)
            letters[i][k].sender = i;
        assert_int_equal(pthread_create(&threads[i], NULL, send_letters, letters[i]), 0);
    }
    for (uint32_t i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    loop_stop(&post_office, on_nothing);
    loop_join(&post_office);
    for (uint32_t i = 0; i < SENDERS; i++)
        assert_int_equal(expected[i], LETTERS);
    loop_fini(&post_office);
}

/* Who hears of something from a second one finds that the first one's message has come before. */
enum { ROUNDS = 20000 };

static struct loop   friend_loop, target_loop;
static struct letter direct[ROUNDS], detour[ROUNDS];
static uint32_t      direct_seen, detour_seen;

static void on_direct(struct loop *loop, struct mail *mail)
{
    direct_seen++;
}

static void on_arrived(struct loop *loop, struct mail *mail)
{
    detour_seen++;
    ASSERT(CONTAINER_OF(mail, struct letter, mail)->number < direct_seen);
}

static void on_passed_on(struct loop *loop, struct mail *mail)
{
    mail->handle = on_arrived;
    loop_post(&target_loop, mail);
}

static void messages_are_causal_among_three(void **state)
{
    loop_init(&friend_loop, "friend", 1);
    loop_init(&target_loop, "target", 2);
    loop_start_thread(&friend_loop);
    loop_start_thread(&target_loop);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        direct[i] = (struct letter){ .mail.handle = on_direct, .number = i };
        detour[i] = (struct letter){ .mail.handle = on_passed_on, .number = i };
        loop_post(&target_loop, &direct[i].mail);
        loop_post(&friend_loop, &detour[i].mail);
    }
    loop_stop(&friend_loop, on_nothing);
    loop_join(&friend_loop);
    loop_stop(&target_loop, on_nothing);
    loop_join(&target_loop);
    assert_int_equal(direct_seen, ROUNDS);
    assert_int_equal(detour_seen, ROUNDS);
    loop_fini(&friend_loop);
    loop_fini(&target_loop);
}

/* Threads */

static char       thread_name[16];
static atomic_int stopped;

static void on_stop(struct loop *loop)
{
    (void)pthread_getname_np(pthread_self(), thread_name, sizeof(thread_name));
    atomic_fetch_add(&stopped, 1);
}

static void a_thread_has_a_name_and_an_end(void **state)
{
    struct loop loop;
    loop_init(&loop, "worker 17", 17);
    loop_start_thread(&loop);
    loop_stop(&loop, on_stop);
    loop_join(&loop);
    assert_string_equal(thread_name, "worker 17");
    assert_int_equal(atomic_load(&stopped), 1);
    struct work late = make_work(&loop, 'z');
    loop_post(&loop, &late.mail);
    assert_true(loop_finish_messages(&loop));
    check_fired("z");
    loop_fini(&loop);
}

static atomic_bool has_worked;

static void work_hard(struct loop *loop, struct mail *mail)
{
    int64_t start_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    while (clock_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns < 5 * NS_PER_MS) {
    }
    atomic_store(&has_worked, true);
}

static void a_threads_cpu_time_is_known(void **state)
{
    struct loop loop;
    loop_init(&loop, "test", 1);
    struct mail work = { .handle = work_hard };
    loop_post(&loop, &work);
    loop_start_thread(&loop);
    while (!atomic_load(&has_worked))
        (void)sched_yield();
    int64_t used_ns = loop_cpu_ns(&loop);
    assert_in_range(used_ns, 5 * NS_PER_MS, NS_PER_S);
    loop_stop(&loop, on_nothing);
    loop_join(&loop);
    loop_fini(&loop);
}

TESTS(timers_fire_in_order_and_never_early, a_timer_may_be_set_anew,
      a_timer_that_starts_itself_fires_in_a_later_turn, a_timer_may_stop_and_free_timers,
      random_timers_fire_once_and_in_time, a_long_timer_waits_for_the_next_turn,
      an_idle_loop_waits_for_ever, now_stands_still_within_a_turn,
      what_is_dirty_is_flushed_once_at_the_end, a_flush_may_mark_and_clear_others,
      what_is_left_is_finished_by_another_thread, letters_arrive_in_the_order_of_each_sender,
      messages_are_causal_among_three, a_thread_has_a_name_and_an_end, a_threads_cpu_time_is_known)
