#include "path/placement.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/test.h"

/*
 * Workers without threads: their clocks, and the one on the wall, stand where a test sets them.
 * The C library's functions are replaced by those below.
 */
enum { WORKERS = 4, FIRST_CPU_CLOCK = 1000 };

static int64_t now_ns = 1000 * NS_PER_S, cpu_ns[WORKERS + 1];

int pthread_getcpuclockid(pthread_t thread, clockid_t *out)
{
    *out = FIRST_CPU_CLOCK + (clockid_t)thread;
    return 0;
}

int clock_gettime(clockid_t id, struct timespec *out)
{
    int64_t ns;
    if (id >= FIRST_CPU_CLOCK)
        ns = cpu_ns[id - FIRST_CPU_CLOCK];
    else if (id == CLOCK_MONOTONIC)
        ns = now_ns;
    else
        return (int)syscall(SYS_clock_gettime, id, out);
    *out = (struct timespec){ ns / NS_PER_S, ns % NS_PER_S };
    return 0;
}

static struct loop  loops[WORKERS + 1];
static struct loop *workers[WORKERS + 1];
static unsigned     picks;

static void on_pick(void)
{
    picks++;
}

static struct placement *make(unsigned count, bool spread_readers)
{
    memset(cpu_ns, 0, sizeof(cpu_ns));
    for (unsigned i = 1; i <= WORKERS; i++) {
        loops[i].thread = i;
        atomic_store(&loops[i].sessions, 0);
        workers[i] = &loops[i];
    }
    struct placement *placement = placement_create(workers, count, spread_readers, on_pick);
    (void)placement_pick(placement); /* the first look at all clocks */
    return placement;
}

/* A second in which each worker was busy for so many per cent of it. */
static void work_for_a_second(const int *busy)
{
    now_ns += NS_PER_S;
    for (unsigned i = 1; i <= WORKERS; i++)
        cpu_ns[i] += busy[i - 1] * NS_PER_S / 100;
}

static void the_least_busy_worker_is_picked(void **state)
{
    static const struct {
        const char *name;
        int         busy[WORKERS];
        unsigned    sessions[WORKERS];
        unsigned    want;
    } cases[] = {
        { "all idle", { 0, 0, 0, 0 }, { 0, 0, 0, 0 }, 1 },
        { "one is busy", { 50, 0, 0, 0 }, { 0, 0, 0, 0 }, 2 },
        { "one is not", { 50, 60, 10, 40 }, { 0, 0, 9, 0 }, 3 },
        { "the last", { 90, 80, 70, 60 }, { 0, 0, 0, 0 }, 4 },
        { "idle, with fewest sessions", { 0, 0, 0, 0 }, { 2, 1, 3, 1 }, 2 },
        { "about equally busy", { 44, 41, 43, 40 }, { 2, 1, 0, 1 }, 3 },
        { "busier, with fewer sessions", { 50, 10, 50, 50 }, { 0, 9, 0, 0 }, 2 },
        { "all full", { 100, 100, 100, 100 }, { 7, 7, 6, 7 }, 3 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct placement *placement = make(WORKERS, false);
        for (unsigned k = 0; k < WORKERS; k++)
            atomic_store(&loops[k + 1].sessions, cases[i].sessions[k]);
        work_for_a_second(cases[i].busy);
        CHECK(placement_pick(placement) == cases[i].want, cases[i].name);
        CHECK(!placement_destroy(placement), cases[i].name);
    }
}

static void a_reader_follows_its_stream_unless_that_worker_is_full(void **state)
{
    static const struct {
        const char *name;
        bool        spread_readers;
        int         busy[WORKERS];
        unsigned    owner, want;
    } cases[] = {
        { "all idle", false, { 0, 0, 0, 0 }, 3, 3 },
        { "as busy as allowed", false, { 0, 0, 60, 0 }, 3, 3 },
        { "busier", false, { 0, 0, 61, 0 }, 3, 1 },
        { "others are busier", false, { 95, 95, 61, 95 }, 3, 3 },
        { "spread", true, { 30, 0, 0, 40 }, 4, 2 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct placement *placement = make(WORKERS, cases[i].spread_readers);
        work_for_a_second(cases[i].busy);
        CHECK(placement_pick_reader(placement, cases[i].owner) == cases[i].want, cases[i].name);
        placement_destroy(placement);
    }
}

/* Nobody looks at the clocks more than once a second. */
static void what_was_seen_holds_for_a_second(void **state)
{
    static const int first_busy[WORKERS] = { 80, 0, 0, 0 },
                     others_busy[WORKERS] = { 30, 80, 80, 80 };
    struct placement *placement = make(WORKERS, false);
    work_for_a_second(first_busy);
    assert_int_equal(placement_pick(placement), 2);
    work_for_a_second(others_busy);
    now_ns -= 1;
    assert_int_equal(placement_pick(placement), 2);
    now_ns += 1;
    assert_int_equal(placement_pick(placement), 1);
    placement_destroy(placement);
}

static void a_lone_worker_gets_everything(void **state)
{
    static const int  busy[WORKERS] = { 100, 0, 0, 0 };
    struct placement *placement = make(1, true);
    work_for_a_second(busy);
    assert_int_equal(placement_pick(placement), 1);
    assert_int_equal(placement_pick_reader(placement, 1), 1);
    placement_destroy(placement);
}

static void someone_is_told_of_each_pick(void **state)
{
    struct placement *placement = make(WORKERS, false);
    unsigned          before = picks;
    (void)placement_pick(placement);
    (void)placement_pick(placement);
    assert_int_equal(picks, before + 2);
    placement_destroy(placement);
    assert_null(placement_destroy(NULL));
}

TESTS(the_least_busy_worker_is_picked, a_reader_follows_its_stream_unless_that_worker_is_full,
      what_was_seen_holds_for_a_second, a_lone_worker_gets_everything, someone_is_told_of_each_pick)
