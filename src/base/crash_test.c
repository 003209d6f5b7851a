#include "base/crash.h"

#include <fcntl.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/sanitizer.h"
#include "base/test_child.h"

#define NOINLINE __attribute__((noinline))

static struct test_child child;
static volatile int      zero;

/* What stands behind a call, so that it is no jump and its caller is on the stack. */
static volatile int calls_returned;

/* ---- ways to crash, each in a function that the report must name ---- */

NOINLINE static void write_to_nowhere(void)
{
    *(volatile char *)(uintptr_t)(zero + 0x123) = 1;
}

NOINLINE static void call_nothing(void)
{
    void (*nothing)(void) = (void (*)(void))(uintptr_t)zero;
    nothing();
    calls_returned++;
}

NOINLINE static void write_to_constant(void)
{
    static const char text[] = "constant";
    *(volatile char *)text = 1;
}

NOINLINE static void raise_sigfpe(void)
{
    (void)raise(SIGFPE);
    calls_returned++;
}

NOINLINE static void execute_trap(void)
{
    (void)raise(SIGTRAP);
    calls_returned++;
}

NOINLINE static void call_abort(void)
{
    abort();
}

NOINLINE static void free_rubbish(void)
{
    size_t *volatile block = malloc(64);
    /* glibc finds the size in front of the block broken and aborts. */
    ((volatile size_t *)block)[-1] = 7;
    free(block);
    calls_returned++;
}

NOINLINE static void fail_assertion(void)
{
    ASSERT(zero == 1);
    calls_returned++;
}

NOINLINE static void recurse(volatile char *above)
{
    volatile char room[4096];
    room[0] = above ? above[0] : 0;
    if (zero == 0)
        recurse(room);
    calls_returned++;
}

NOINLINE static void overflow_stack(void)
{
    recurse(NULL);
    calls_returned++;
}

NOINLINE static int compare_and_crash(const void *a, const void *b)
{
    fail_assertion();
    return calls_returned++;
}

NOINLINE static void crash_below_a_library(void)
{
    int numbers[] = { 2, 1, 4, 3 };
    qsort(numbers, COUNT(numbers), sizeof(numbers[0]), compare_and_crash);
    calls_returned++;
}

NOINLINE static void crash_in_two_frames(void (*crash)(void))
{
    crash();
    calls_returned++;
}

struct way {
    const char *name;
    void (*crash)(void);
    int         signal;
    bool        is_left_to_sanitizer; /* or looks different with its library in between */
    const char *reason;
    const char *stack[4]; /* in this order */
};

static struct way ways[] = {
    { "write to nowhere",
      write_to_nowhere,
      SIGSEGV,
      true,
      "SIGSEGV, nothing is mapped at 0x123, in thread 'crasher' (",
      { "write_to_nowhere" } },
    { "call of nothing",
      call_nothing,
      SIGSEGV,
      true,
      "SIGSEGV, nothing is mapped at 0x0, ",
      { " #0 0x0\n", "call_nothing" } },
    { "write to a constant",
      write_to_constant,
      SIGSEGV,
      true,
      "SIGSEGV, no permission to access",
      { "write_to_constant" } },
    { "SIGFPE",
      raise_sigfpe,
      SIGFPE,
      true,
      "SIGFPE, sent by process ",
      { "libc.so", "raise_sigfpe" } },
    { "SIGTRAP",
      execute_trap,
      SIGTRAP,
      true,
      "SIGTRAP, sent by process ",
      { "libc.so", "execute_trap" } },
    { "abort", call_abort, SIGABRT, false, "SIGABRT, sent by process ", { "call_abort" } },
    { "broken heap",
      free_rubbish,
      SIGABRT,
      true,
      "SIGABRT, sent by process ",
      { "libc.so", "free_rubbish" } },
    { "assertion",
      fail_assertion,
      SIGABRT,
      false,
      "assertion failed: zero == 1 (",
      { "#0 fail_assertion" } },
    { "assertion below a library",
      crash_below_a_library,
      SIGABRT,
      true,
      "crash_test.c:",
      { "compare_and_crash", "crash_below_a_library" } },
    { "stack overflow",
      overflow_stack,
      SIGSEGV,
      true,
      "SIGSEGV, ",
      { "recurse", "recurse", "recurse", " ...\n" } },
};

static void crash(void *arg)
{
    const struct way *way = arg;
    (void)prctl(PR_SET_NAME, "crasher");
    crash_init();
    /* The log is not to be seen but in the report. */
    (void)dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
    LOG(NULL, LOG_INFO, "said before");
    LOG(NULL, LOG_INFO, "last words");
    crash_in_two_frames(way->crash);
}

static bool has_in_order(const char *text, const char *const *wanted, size_t count)
{
    for (size_t i = 0; i < count && wanted[i]; i++) {
        text = strstr(text, wanted[i]);
        if (!text)
            return false;
        text += strlen(wanted[i]);
    }
    return true;
}

static void check_report(const struct way *way)
{
    const char *const log[] = { "last lines of the log:\n", " INF said before\n",
                                " INF last words\n" };
    const char *const reason[] = { "millrace crashed: ", way->reason };
    CHECK(has_in_order(child.output, reason, COUNT(reason)), child.output);
    CHECK(strstr(child.output, ", build id "), child.output);
    const char *stack = strstr(child.output, "\nstack:\n");
    CHECK(stack, child.output);
    CHECK(has_in_order(stack, way->stack, COUNT(way->stack)), child.output);
    CHECK(has_in_order(stack, log, COUNT(log)), child.output);
    if (way->crash != overflow_stack)
        CHECK(has_in_order(stack, (const char *const[]){ "crash_in_two_frames+", "_start+" }, 2),
              child.output);
}

static void a_crash_leaves_a_report_and_its_signal(void **state)
{
    for (size_t i = 0; i < COUNT(ways); i++) {
        if (HAS_SANITIZER && ways[i].is_left_to_sanitizer)
            continue;
        test_child_run(STDERR_FILENO, crash, &ways[i], &child);
        CHECK(test_child_has_died(&child, ways[i].signal), ways[i].name);
        check_report(&ways[i]);
    }
}

static void print_build_id_and_crash(void *arg)
{
    crash_init();
    (void)!write(STDERR_FILENO, crash_build_id(), strlen(crash_build_id()));
    fail_assertion();
}

static void the_report_has_the_build_id(void **state)
{
    char id[41], want[64];
    test_child_run(STDERR_FILENO, print_build_id_and_crash, NULL, &child);
    (void)snprintf(id, sizeof(id), "%.40s", child.output);
    (void)snprintf(want, sizeof(want), ", build id %s\n", id);
    CHECK(strspn(id, "0123456789abcdef") == 40, child.output);
    CHECK(strstr(child.output, want), child.output);
}

static void *overflow_in_thread(void *arg)
{
    crash_init_thread();
    (void)prctl(PR_SET_NAME, "worker 7");
    crash_in_two_frames(overflow_stack);
    return NULL;
}

static void crash_in_thread(void *arg)
{
    pthread_t thread;
    crash_init();
    (void)pthread_create(&thread, NULL, overflow_in_thread, NULL);
    (void)pthread_join(thread, NULL);
}

static void a_thread_overflow_is_reported(void **state)
{
    if (HAS_SANITIZER)
        skip();
    test_child_run(STDERR_FILENO, crash_in_thread, NULL, &child);
    CHECK(test_child_has_died(&child, SIGSEGV), child.output);
    CHECK(strstr(child.output, "in thread 'worker 7' ("), child.output);
    CHECK(strstr(child.output, " recurse+"), child.output);
}

static void *assert_in_thread(void *barrier)
{
    (void)pthread_barrier_wait(barrier);
    fail_assertion();
    return NULL;
}

static void crash_in_all_threads(void *arg)
{
    static pthread_barrier_t barrier;
    pthread_t                threads[4];
    crash_init();
    (void)pthread_barrier_init(&barrier, NULL, COUNT(threads));
    for (size_t i = 0; i < COUNT(threads); i++)
        (void)pthread_create(&threads[i], NULL, assert_in_thread, &barrier);
    for (size_t i = 0; i < COUNT(threads); i++)
        (void)pthread_join(threads[i], NULL);
}

static void crashes_at_the_same_time_give_one_report(void **state)
{
    test_child_run(STDERR_FILENO, crash_in_all_threads, NULL, &child);
    CHECK(test_child_has_died(&child, SIGABRT), child.output);
    const char *first = strstr(child.output, "millrace crashed");
    assert_non_null(first);
    CHECK(!strstr(first + 1, "millrace crashed"), child.output);
}

static void wait_for_signal(void *arg)
{
    int *ready = arg;
    crash_init();
    (void)!write(*ready, "", 1);
    for (;;)
        (void)pause();
}

static void a_signal_from_outside_names_its_sender(void **state)
{
    int   ready[2], report[2];
    char  byte, want[64];
    pid_t pid;
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(report), 0);
    (void)fflush(NULL);
    pid = fork();
    if (pid == 0) {
        (void)dup2(report[1], STDERR_FILENO);
        (void)close(report[1]);
        wait_for_signal(&ready[1]);
    }
    (void)close(report[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(kill(pid, SIGABRT), 0);
    test_child_read(&child, report[0]);
    assert_int_equal(waitpid(pid, &child.status, 0), pid);
    assert_true(test_child_has_died(&child, SIGABRT));
    (void)snprintf(want, sizeof(want), "SIGABRT, sent by process %d, in", getpid());
    CHECK(strstr(child.output, want), child.output);
}

static void crash_without_init(void *arg)
{
    fail_assertion();
}

static void an_assertion_needs_no_init(void **state)
{
    test_child_run(STDERR_FILENO, crash_without_init, NULL, &child);
    CHECK(test_child_has_died(&child, SIGABRT), child.output);
    CHECK(strstr(child.output, "#0 fail_assertion"), child.output);
}

static void crash_with_stuck_stderr(void *arg)
{
    static const char junk[4096];
    int               ends[2];
    crash_init();
    if (pipe2(ends, O_NONBLOCK) < 0)
        _exit(2);
    while (write(ends[1], junk, sizeof(junk)) > 0)
        continue;
    (void)fcntl(ends[1], F_SETFL, 0);
    (void)dup2(ends[1], STDERR_FILENO);
    fail_assertion();
}

static void a_stuck_stderr_does_not_hold_the_process(void **state)
{
    test_child_run(STDOUT_FILENO, crash_with_stuck_stderr, NULL, &child);
    CHECK(test_child_has_died(&child, SIGABRT), "ended by its own signal, not by the alarm");
}

static void crash_without_descriptors(void *arg)
{
    crash_init();
    while (dup(STDIN_FILENO) >= 0)
        continue;
    fail_assertion();
}

static void names_are_found_without_descriptors(void **state)
{
    test_child_run(STDERR_FILENO, crash_without_descriptors, NULL, &child);
    CHECK(strstr(child.output, "#0 fail_assertion"), child.output);
}

/* ---- stacks of living threads ---- */

static atomic_bool is_spinning, may_end;

NOINLINE static void spin_for_long(void)
{
    while (!may_end) {
        is_spinning = true;
        (void)usleep(100);
    }
    calls_returned++;
}

static void *spin(void *arg)
{
    const bool *is_deaf = arg;
    sigset_t    all;
    (void)sigfillset(&all);
    crash_init_thread();
    (void)prctl(PR_SET_NAME, "spinner");
    if (*is_deaf)
        (void)pthread_sigmask(SIG_BLOCK, &all, NULL);
    spin_for_long();
    /* What was asked for meanwhile arrives here, too late. */
    (void)pthread_sigmask(SIG_UNBLOCK, &all, NULL);
    return NULL;
}

static pthread_t start_spinner(bool is_deaf)
{
    pthread_t thread;
    may_end = is_spinning = false;
    (void)pthread_create(&thread, NULL, spin, &is_deaf);
    while (!is_spinning)
        (void)usleep(100);
    return thread;
}

static void end_spinner(pthread_t thread)
{
    may_end = true;
    (void)pthread_join(thread, NULL);
}

static void log_spinner(void *arg)
{
    crash_init();
    pthread_t thread = start_spinner(false);
    /* On a loaded machine a thread may sleep through the time that one answer has. */
    for (int i = 0; i < 20; i++)
        crash_log_thread(thread, "loop is late");
    end_spinner(thread);
}

static void a_living_thread_tells_its_stack(void **state)
{
    const char *const wanted[] = { " WAR loop is late\n",
                                   " WAR stack of thread 'spinner': ", "spin_for_long+",
                                   " < spin+" };
    test_child_run(STDOUT_FILENO, log_spinner, NULL, &child);
    CHECK(test_child_is_well(&child), child.output);
    CHECK(has_in_order(child.output, wanted, COUNT(wanted)), child.output);
}

static void log_deaf_then_spinner(void *arg)
{
    crash_init();
    pthread_t deaf = start_spinner(true);
    int64_t   start_ns = clock_monotonic_ns();
    crash_log_thread(deaf, "asked in vain");
    if (clock_monotonic_ns() - start_ns < 100 * NS_PER_MS)
        _exit(3);
    end_spinner(deaf);
    log_spinner(NULL);
}

static void a_thread_that_does_not_answer_is_not_waited_for(void **state)
{
    const char *const wanted[] = { " WAR asked in vain\n",
                                   " WAR the thread does not tell its stack\n",
                                   " WAR loop is late\n",
                                   " WAR stack of thread 'spinner': ", "spin_for_long+" };
    test_child_run(STDOUT_FILENO, log_deaf_then_spinner, NULL, &child);
    CHECK(test_child_is_well(&child), child.output);
    CHECK(has_in_order(child.output, wanted, COUNT(wanted)), child.output);
}

static void log_thread_of_library(void *arg)
{
    pthread_t thread;
    sem_t     never;
    crash_init();
    (void)sem_init(&never, 0, 0);
    (void)pthread_create(&thread, NULL, (void *(*)(void *))(uintptr_t)sem_wait, &never);
    for (int i = 0; i < 20; i++)
        crash_log_thread(thread, "waits");
    _exit(0);
}

static void a_thread_of_a_library_tells_its_stack(void **state)
{
    const char *const wanted[] = { " WAR stack of thread '", "': libc.so.", " < libc.so." };
    if (HAS_SANITIZER)
        skip();
    test_child_run(STDOUT_FILENO, log_thread_of_library, NULL, &child);
    CHECK(test_child_is_well(&child), child.output);
    CHECK(has_in_order(child.output, wanted, COUNT(wanted)), child.output);
}

TESTS(a_crash_leaves_a_report_and_its_signal, the_report_has_the_build_id,
      a_thread_overflow_is_reported, crashes_at_the_same_time_give_one_report,
      a_signal_from_outside_names_its_sender, an_assertion_needs_no_init,
      a_stuck_stderr_does_not_hold_the_process, names_are_found_without_descriptors,
      a_living_thread_tells_its_stack, a_thread_that_does_not_answer_is_not_waited_for,
      a_thread_of_a_library_tells_its_stack)
