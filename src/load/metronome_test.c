#include "load/metronome.h"

#include "base/clock.h"
#include "base/test.h"

struct watch {
    struct metronome metronome;
    uint64_t         beats, stop_at;
    int64_t          start_ns;
    int64_t          early_ns; /* the worst; must stay 0 */
    int64_t          off_ns;   /* of the due time from the ideal one, the worst */
    bool             is_out_of_order;
};

static void on_beat(void *arg, uint64_t beat, int64_t due_ns)
{
    struct watch *watch = arg;
    int64_t       now_ns = clock_monotonic_ns();
    int64_t       ideal_ns = watch->start_ns + (int64_t)(beat * 1000000000.0 / 2997);
    watch->is_out_of_order |= beat != watch->beats;
    watch->early_ns = MAX(watch->early_ns, due_ns - now_ns);
    watch->off_ns = MAX(watch->off_ns, due_ns > ideal_ns ? due_ns - ideal_ns : ideal_ns - due_ns);
    if (++watch->beats == watch->stop_at)
        metronome_close(&watch->metronome);
}

static struct watch run(int64_t start_in_ns, uint64_t beats)
{
    /* 2997 beats a second: their distance is no whole number of ns. */
    static const struct metronome_rate rate = { 1000 * NS_PER_S, 2997000 };
    struct watch                       watch = { .stop_at = beats };
    uv_loop_t                          loop;
    assert_int_equal(uv_loop_init(&loop), 0);
    watch.start_ns = clock_monotonic_ns() + start_in_ns;
    assert_int_equal(metronome_open(&watch.metronome, &loop, rate, watch.start_ns, on_beat, &watch),
                     0);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&loop), 0);
    return watch;
}

static void beats_come_in_order_and_never_early(void **state)
{
    struct watch watch = run(5 * NS_PER_MS, 100);
    CHECK(watch.beats == 100, "no more and no less");
    CHECK(!watch.is_out_of_order, "in order");
    CHECK(watch.early_ns == 0, "never early");
    CHECK(watch.off_ns <= 1, "due times do not drift");
}

static void missed_beats_are_made_up_for(void **state)
{
    int64_t      before_ns = clock_monotonic_ns();
    struct watch watch = run(-10 * NS_PER_S, 20000);
    CHECK(watch.beats == 20000 && !watch.is_out_of_order, "none is left out");
    CHECK(clock_monotonic_ns() - before_ns < 5 * NS_PER_S, "at once");
}

static void closing_twice_is_harmless(void **state)
{
    struct metronome metronome = { 0 };
    metronome_close(&metronome);
    CHECK(!metronome.is_open, "never opened");
}

TESTS(beats_come_in_order_and_never_early, missed_beats_are_made_up_for, closing_twice_is_harmless)
