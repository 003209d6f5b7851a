#include "load/proc_stat.h"

#include <errno.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/test.h"

static void stat_lines_are_read(void **state)
{
    static const struct {
        const char *name, *text;
        int         err;
        int64_t     user_ns, system_ns, threads;
    } cases[] = {
        { "ordinary",
          "42 (millrace) S 1 42 42 0 -1 4194304 500 0 0 0 150 25 0 0 20 0 5 0 100 9 9\n", 0,
          1500 * NS_PER_MS, 250 * NS_PER_MS, 5 },
        { "a name with blanks and parentheses",
          "42 (a) S (b)) R 1 42 42 0 -1 4194304 500 0 0 0 1 2 0 0 20 0 3 0 100 9 9\n", 0,
          10 * NS_PER_MS, 20 * NS_PER_MS, 3 },
        { "no name", "42 millrace S 1 42 42 0 -1 4194304 500 0 0 0 150 25", -EBADMSG, 0, 0, 0 },
        { "cut", "42 (millrace) S 1 42 42 0 -1 4194304 500 0 0 0 150", -EBADMSG, 0, 0, 0 },
        { "no number", "42 (m) S 1 4 4 0 -1 4 5 0 0 0 x 25 0 0 20 0 5 0 1", -EBADMSG, 0, 0, 0 },
        { "empty", "", -EBADMSG, 0, 0, 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct proc_stat stat = { 0 };
        int              err = proc_stat_parse(span_from_string(cases[i].text), 100, &stat);
        CHECK(err == cases[i].err, cases[i].name);
        CHECK(stat.user_ns == cases[i].user_ns, cases[i].name);
        CHECK(stat.system_ns == cases[i].system_ns, cases[i].name);
        CHECK(stat.threads == cases[i].threads, cases[i].name);
    }
}

static void numbers_are_found_by_key(void **state)
{
    static const char text[] = "Name:\tmillrace\n"
                               "VmRSS:\t   1234 kB\n"
                               "Threads:\t5\n"
                               "voluntary_ctxt_switches:\t17\n"
                               "nonvoluntary_ctxt_switches:\t3\n"
                               "syscr: 99";
    static const struct {
        const char *key;
        int64_t     want;
    } cases[] = {
        { "VmRSS", INT64_C(1234) * 1024 },
        { "Threads", 5 },
        { "voluntary_ctxt_switches", 17 },
        { "nonvoluntary_ctxt_switches", 3 },
        { "syscr", 99 },
        { "Name", PROC_UNKNOWN },
        { "VmHWM", PROC_UNKNOWN },
        { "", PROC_UNKNOWN },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK(proc_stat_find(BYTES(text), cases[i].key) == cases[i].want, cases[i].key);
}

static void we_can_observe_ourselves(void **state)
{
    struct proc_stat before, after;
    CHECK(proc_stat_read(getpid(), &before) == 0, "before");
    int64_t until_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) + 30 * NS_PER_MS;
    while (clock_ns(CLOCK_PROCESS_CPUTIME_ID) < until_ns)
        (void)sched_yield();
    CHECK(proc_stat_read(getpid(), &after) == 0, "after");
    CHECK(after.cpu_ns - before.cpu_ns >= 30 * NS_PER_MS, "CPU time");
    CHECK(after.rss_bytes > 100000 && after.peak_rss_bytes >= after.rss_bytes, "memory");
    CHECK(after.threads == 1, "threads");
    CHECK(proc_stat_read_pss(getpid()) > 100000, "proportional memory");
}

static void an_ended_process_is_an_error(void **state)
{
    struct proc_stat stat = { .threads = 77 };
    pid_t            child = fork();
    if (child == 0)
        _exit(0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    CHECK(proc_stat_read(child, &stat) < 0, "gone");
    CHECK(stat.threads == 77, "nothing is written on failure");
    CHECK(proc_stat_read_pss(child) == PROC_UNKNOWN, "nothing to know");
}

TESTS(stat_lines_are_read, numbers_are_found_by_key, we_can_observe_ourselves,
      an_ended_process_is_an_error)
