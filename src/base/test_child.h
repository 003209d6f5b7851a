/**
 * test_child: runs a function in a child process and keeps what it wrote: for tests of what ends a
 * process, or of what happens to its standard output.
 */
#pragma once
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

struct test_child {
    int    status;         /* from waitpid() */
    size_t len;            /* of `output` */
    char   output[262144]; /* with a NUL behind it */
};

static inline bool test_child_has_died(const struct test_child *child, int signal_number)
{
    return WIFSIGNALED(child->status) && WTERMSIG(child->status) == signal_number;
}

static inline bool test_child_is_well(const struct test_child *child)
{
    return WIFEXITED(child->status) && WEXITSTATUS(child->status) == 0;
}

/* Reads until the child has closed its end. */
static inline void test_child_read(struct test_child *child, int fd)
{
    ssize_t got;
    child->len = 0;
    while ((got = read(fd, child->output + child->len, sizeof(child->output) - 1 - child->len)) > 0)
        child->len += (size_t)got;
    child->output[child->len] = '\0';
}

/**
 * Calls `run(arg)` in a child, which is killed after 20 s, and waits for its end. What it writes
 * to `captured_fd` is kept in `*out`.
 */
static inline void test_child_run(int captured_fd, void (*run)(void *arg), void *arg,
                                  struct test_child *out)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    (void)fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        alarm(20);
        (void)dup2(ends[1], captured_fd);
        (void)close(ends[0]);
        (void)close(ends[1]);
        run(arg);
        _exit(0);
    }
    (void)close(ends[1]);
    test_child_read(out, ends[0]);
    (void)close(ends[0]);
    assert_int_equal(waitpid(pid, &out->status, 0), pid);
}
