#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <regex.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <termios.h>
#include <time.h>

#include "base/log_ring.h"
#include "base/test_child.h"
#include "base/test_clock.h"

enum { TIME_LEN = sizeof("2006/01/02 15:04:05 ") - 1 };

static struct test_child child;

/* The lines that `run` logs, without their times, in child.output. */
static void capture(void (*run)(void *arg))
{
    test_child_run(STDOUT_FILENO, run, NULL, &child);
    assert_true(test_child_is_well(&child));
    char *to = child.output;
    for (const char *line = child.output; *line;) {
        size_t len = strcspn(line, "\n") + 1;
        assert_true(len > TIME_LEN);
        memmove(to, line + TIME_LEN, len - TIME_LEN);
        to += len - TIME_LEN;
        line += len;
    }
    *to = '\0';
}

static void say_hello(void *arg)
{
    LOG(NULL, LOG_INFO, "hello");
}

static void a_line_has_time_level_and_text(void **state)
{
    test_child_run(STDOUT_FILENO, say_hello, NULL, &child);
    regex_t form;
    assert_int_equal(
        regcomp(&form,
                "^2[0-9]{3}/[01][0-9]/[0-3][0-9] [0-2][0-9]:[0-5][0-9]:[0-6][0-9] INF hello\n$",
                REG_EXTENDED),
        0);
    CHECK(regexec(&form, child.output, 0, NULL, 0) == 0, child.output);
    regfree(&form);
}

static void log_in_india(void *arg)
{
    (void)setenv("TZ", "IST-5:30", 1);
    tzset();
    LOG(NULL, LOG_INFO, "first");
    test_clock_advance(NS_PER_S - 1);
    LOG(NULL, LOG_INFO, "same second");
    test_clock_advance(1);
    LOG(NULL, LOG_INFO, "next");
    test_clock_advance(NS_PER_S * 24 * 3600);
    LOG(NULL, LOG_INFO, "tomorrow");
}

static void the_time_is_local(void **state)
{
    test_child_run(STDOUT_FILENO, log_in_india, NULL, &child);
    assert_string_equal(child.output, "2020/07/02 05:30:00 INF first\n"
                                      "2020/07/02 05:30:00 INF same second\n"
                                      "2020/07/02 05:30:01 INF next\n"
                                      "2020/07/03 05:30:01 INF tomorrow\n");
}

static int argument(void)
{
    LOG(NULL, LOG_ERROR, "evaluated");
    return 1;
}

static void log_at_all_levels(void *arg)
{
    for (int heard = LOG_ERROR; heard <= LOG_DEBUG; heard++) {
        log_set_level((enum log_level)heard);
        for (int level = LOG_ERROR; level <= LOG_DEBUG; level++)
            LOG(NULL, level, "%d", heard);
    }
    log_set_level(LOG_WARN);
    LOG(NULL, LOG_INFO, "not heard %d", argument());
    LOG(NULL, LOG_WARN, "heard %d", argument());
}

static void only_levels_that_are_heard_are_written(void **state)
{
    capture(log_at_all_levels);
    assert_string_equal(child.output, "ERR 0\n"
                                      "ERR 1\nWAR 1\n"
                                      "ERR 2\nWAR 2\nINF 2\n"
                                      "ERR 3\nWAR 3\nINF 3\nDEB 3\n"
                                      "ERR evaluated\nWAR heard 1\n");
}

static void log_with_contexts(void *arg)
{
    struct log_context server = { 0 }, plain = { .parent = &server }, session = { &plain, "" };
    log_context_init(&server, "[RTSP]");
    log_context_init(&session, "[session %08x]", 0x3f2a1b0cu);
    LOG(&server, LOG_INFO, "opened");
    LOG(&plain, LOG_INFO, "no prefix of its own");
    LOG(&session, LOG_INFO, "created");
}

static void prefixes_stand_in_front(void **state)
{
    capture(log_with_contexts);
    assert_string_equal(child.output, "INF [RTSP] opened\n"
                                      "INF [RTSP] no prefix of its own\n"
                                      "INF [RTSP] [session 3f2a1b0c] created\n");
}

static void log_what_a_peer_sent(void *arg)
{
    log_set_level(LOG_DEBUG);
    LOG(NULL, LOG_WARN, "name '\x1b[2Ja\r\nb\x7f'\tb\xc3\xa9");
    LOG(NULL, LOG_WARN,
        "\xc2\x9b"
        "31m \xff \xc3\xa9\xc3");
    LOG(NULL, LOG_DEBUG, "OPTIONS *\r\nCSeq: 1\x1b");
}

static void control_characters_are_not_passed_on(void **state)
{
    test_child_run(STDOUT_FILENO, log_what_a_peer_sent, NULL, &child);
    CHECK(strstr(child.output, "WAR name '?[2Ja??b?'\tb\xc3\xa9\n"), child.output);
    CHECK(strstr(child.output, "WAR ??31m ? \xc3\xa9?\n"), child.output);
    CHECK(strstr(child.output, "DEB OPTIONS *\r\nCSeq: 1?\n"), child.output);
}

/* Text that makes a line of just LOG_MAX_LINE - 1, LOG_MAX_LINE, and more. */
static const int text_lens[] = { LOG_MAX_LINE - TIME_LEN - 6, LOG_MAX_LINE - TIME_LEN - 5, 5000 };

static void log_long_lines(void *arg)
{
    static const char xs[5000] = { [0 ... 4998] = 'x' };
    for (size_t i = 0; i < COUNT(text_lens); i++)
        LOG(NULL, LOG_INFO, "%.*s", text_lens[i], xs);
}

static void long_lines_are_cut(void **state)
{
    static const char *const ends[] = { "xxx\n", "...\n", "(repeated 1 times)" };
    test_child_run(STDOUT_FILENO, log_long_lines, NULL, &child);
    assert_true(test_child_is_well(&child));
    const char *line = child.output;
    for (size_t i = 0; i < 2; i++) {
        size_t len = strcspn(line, "\n") + 1;
        CHECK(len == (i == 0 ? LOG_MAX_LINE - 1 : LOG_MAX_LINE), ends[i]);
        CHECK(strncmp(line + len - 4, ends[i], 4) == 0, ends[i]);
        line += len;
    }
    /* Cut, the third is equal to the second. */
    CHECK(*line == '\0', line);
}

static void log_repeats(void *arg)
{
    for (int i = 0; i < 4; i++) {
        LOG(NULL, LOG_WARN, "bad");
        LOG(NULL, LOG_INFO, "good %d", i % 2);
    }
    LOG(NULL, LOG_ERROR, "bad");
    log_flush();
    LOG(NULL, LOG_INFO, "end");
    log_close();
    log_close();
}

static void repeats_are_summarised(void **state)
{
    capture(log_repeats);
    assert_string_equal(child.output, "WAR bad\nINF good 0\nINF good 1\nERR bad\nINF end\n"
                                      "WAR (repeated 3 times) bad\n"
                                      "INF (repeated 1 times) good 0\n"
                                      "INF (repeated 1 times) good 1\n");
}

static void log_one_line_for_long(void *arg)
{
    for (int second = 0; second < 25; second++) {
        LOG(NULL, LOG_INFO, "again");
        test_clock_advance(NS_PER_S);
    }
    log_flush();
    test_clock_advance(5 * NS_PER_S);
    log_flush();
    LOG(NULL, LOG_INFO, "something else");
    test_clock_advance(20 * NS_PER_S);
    LOG(NULL, LOG_INFO, "again");
}

static void repeats_are_told_every_ten_seconds(void **state)
{
    capture(log_one_line_for_long);
    assert_string_equal(child.output, "INF again\n"
                                      "INF (repeated 9 times) again\n"
                                      "INF (repeated 10 times) again\n"
                                      "INF (repeated 5 times) again\n"
                                      "INF something else\n"
                                      "INF again\n");
}

static void log_repeats_of_a_line_that_leaves(void *arg)
{
    LOG(NULL, LOG_INFO, "first");
    LOG(NULL, LOG_INFO, "first");
    for (int i = 0; i < LOG_RING_LINES; i++)
        LOG(NULL, LOG_INFO, "%d", i);
    log_close();
}

static void repeats_are_told_before_the_line_is_forgotten(void **state)
{
    capture(log_repeats_of_a_line_that_leaves);
    CHECK(strstr(child.output, "INF 14\nINF (repeated 1 times) first\nINF 15\n"), child.output);
}

static void write_to_child_output(const char *line, size_t len)
{
    (void)!write(STDOUT_FILENO, line, len);
}

static void show_last_lines(void *arg)
{
    log_set_level(LOG_ERROR);
    for (int i = 0; i < LOG_RING_LINES + 2; i++)
        LOG(NULL, LOG_ERROR, "%d", i);
    LOG(NULL, LOG_WARN, "not heard");
    LOG(NULL, LOG_ERROR, "----");
    log_visit_last(write_to_child_output);
}

static void the_last_lines_are_kept(void **state)
{
    capture(show_last_lines);
    const char *kept = strstr(child.output, "----\n");
    assert_non_null(kept);
    assert_string_equal(kept + 5,
                        "ERR 3\nERR 4\nERR 5\nERR 6\nERR 7\nERR 8\nERR 9\nERR 10\nERR 11\n"
                        "ERR 12\nERR 13\nERR 14\nERR 15\nERR 16\nERR 17\nERR ----\n");
}

static void leave_errno(void *arg)
{
    (void)close(STDOUT_FILENO);
    errno = ECHILD;
    LOG(NULL, LOG_INFO, "text");
    _exit(errno == ECHILD ? 0 : 1);
}

static void errno_is_left_alone(void **state)
{
    test_child_run(STDERR_FILENO, leave_errno, NULL, &child);
    assert_true(test_child_is_well(&child));
}

/* ---- standard outputs that do not take lines ---- */

struct stuck_output {
    const char *name;
    int (*open)(int ends[2]); /* ends[1] becomes standard output, ends[0] is its reader */
    void (*stop)(const int ends[2]);
    void (*resume)(const int ends[2]);
};

static int open_pipe(int ends[2])
{
    int err = pipe2(ends, O_NONBLOCK);
    return err < 0 || fcntl(ends[1], F_SETPIPE_SZ, 16384) < 0 ? -1 : 0;
}

static int open_socket(int ends[2])
{
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends);
}

static int open_terminal(int ends[2])
{
    ends[0] = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (ends[0] < 0 || grantpt(ends[0]) < 0 || unlockpt(ends[0]) < 0)
        return -1;
    ends[1] = open(ptsname(ends[0]), O_RDWR | O_NOCTTY | O_NONBLOCK);
    return ends[1] < 0 ? -1 : 0;
}

static void fill(const int ends[2])
{
    static const char junk[4096];
    while (write(ends[1], junk, sizeof(junk)) > 0)
        continue;
}

static void drain(const int ends[2])
{
    char junk[4096];
    while (read(ends[0], junk, sizeof(junk)) > 0)
        continue;
}

/* As ^S and ^Q do. */
static void stop_terminal(const int ends[2])
{
    (void)tcflow(ends[1], TCOOFF);
}

static void resume_terminal(const int ends[2])
{
    (void)tcflow(ends[1], TCOON);
}

/* Passes on what arrives, up to and with `mark`; a terminal takes its time. */
static void pass_on(int from, int to, const char *mark)
{
    static char   got[8192];
    size_t        len = 0;
    struct pollfd in = { .fd = from, .events = POLLIN };
    while (!memmem(got, len, mark, strlen(mark)) && poll(&in, 1, 5000) == 1) {
        ssize_t n = read(from, got + len, sizeof(got) - len);
        len += n > 0 ? (size_t)n : 0;
    }
    (void)!write(to, got, len);
}

/* What the output takes after it was stuck goes to standard error. */
static void log_to_stuck_output(void *arg)
{
    const struct stuck_output *output = arg;
    int                        ends[2];
    if (output->open(ends) < 0)
        _exit(2);
    output->stop(ends);
    /* Blocking from now on: a write that is not asked for first would hang. */
    (void)fcntl(ends[1], F_SETFL, 0);
    (void)dup2(ends[1], STDOUT_FILENO);
    for (int i = 0; i < 5; i++)
        LOG(NULL, LOG_INFO, "unheard %d", i);
    output->resume(ends);
    LOG(NULL, LOG_INFO, "heard");
    LOG(NULL, LOG_INFO, "end");
    pass_on(ends[0], STDERR_FILENO, "end");
}

static void an_output_that_is_full_loses_lines_and_never_blocks(void **state)
{
    static struct stuck_output outputs[] = {
        { "pipe", open_pipe, fill, drain },
        { "socket", open_socket, fill, drain },
        { "terminal", open_terminal, stop_terminal, resume_terminal },
    };
    for (size_t i = 0; i < COUNT(outputs); i++) {
        test_child_run(STDERR_FILENO, log_to_stuck_output, &outputs[i], &child);
        CHECK(test_child_is_well(&child), outputs[i].name);
        const char *lost = strstr(child.output, " 5 log lines were lost");
        CHECK(lost && !strstr(lost, "WAR"), outputs[i].name);
        CHECK(strstr(child.output, " heard"), outputs[i].name);
        CHECK(!strstr(child.output, "unheard"), outputs[i].name);
    }
}

static void log_lost_lines_at_the_end(void *arg)
{
    int ends[2];
    if (open_pipe(ends) < 0)
        _exit(2);
    fill(ends);
    (void)dup2(ends[1], STDOUT_FILENO);
    LOG(NULL, LOG_INFO, "quiet");
    drain(ends);
    log_flush();
    pass_on(ends[0], STDERR_FILENO, "lost");
}

static void lost_lines_are_told_without_another_line(void **state)
{
    test_child_run(STDERR_FILENO, log_lost_lines_at_the_end, NULL, &child);
    CHECK(strstr(child.output, " WAR 1 log lines were lost\n"), child.output);
}

static void log_to_file_of_limited_size(void *arg)
{
    FILE         *file = tmpfile();
    struct rlimit limit;
    (void)signal(SIGXFSZ, SIG_IGN);
    (void)getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = 30;
    if (!file || setrlimit(RLIMIT_FSIZE, &limit) < 0)
        _exit(2);
    (void)dup2(fileno(file), STDOUT_FILENO);
    LOG(NULL, LOG_INFO, "this is too much");
    LOG(NULL, LOG_INFO, "this too");
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_FSIZE, &limit);
    LOG(NULL, LOG_INFO, "heard");
    (void)lseek(STDOUT_FILENO, 0, SEEK_SET);
    pass_on(STDOUT_FILENO, STDERR_FILENO, "heard\n");
}

static void a_line_that_was_torn_is_ended(void **state)
{
    test_child_run(STDERR_FILENO, log_to_file_of_limited_size, NULL, &child);
    CHECK(strstr(child.output, " INF this i\n2020/"), child.output);
    CHECK(strstr(child.output, " WAR 2 log lines were lost\n"), child.output);
    CHECK(strstr(child.output, " INF heard\n"), child.output);
    CHECK(!strstr(child.output, "\n\n"), child.output);
}

static void log_without_an_output(void *arg)
{
    const char *what = arg;
    (void)signal(SIGPIPE, SIG_IGN);
    int ends[2];
    (void)!pipe(ends);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    (void)close(ends[0]);
    if (strcmp(what, "closed") == 0)
        (void)close(STDOUT_FILENO);
    else
        (void)dup2(strcmp(what, "full disk") == 0 ? full : ends[1], STDOUT_FILENO);
    for (int i = 0; i < 3; i++)
        LOG(NULL, LOG_INFO, "nobody hears %d", i);
    log_close();
    /* The output comes back. */
    (void)dup2(STDERR_FILENO, STDOUT_FILENO);
    LOG(NULL, LOG_INFO, "back");
}

static void an_output_that_fails_is_survived(void **state)
{
    static const char *const cases[] = { "closed", "full disk", "no reader" };
    for (size_t i = 0; i < COUNT(cases); i++) {
        test_child_run(STDERR_FILENO, log_without_an_output, (void *)cases[i], &child);
        CHECK(test_child_is_well(&child), cases[i]);
        CHECK(strstr(child.output, " WAR 3 log lines were lost\n"), cases[i]);
        CHECK(strstr(child.output, " INF back\n"), cases[i]);
    }
}

static void log_to_packets(void *arg)
{
    /* A pipe in packet mode gives one write's bytes to each read. */
    static char packet[8192];
    int         ends[2];
    if (pipe2(ends, O_DIRECT | O_NONBLOCK) < 0)
        _exit(2);
    (void)dup2(ends[1], STDOUT_FILENO);
    log_with_contexts(NULL);
    int     packets = 0;
    ssize_t len;
    while ((len = read(ends[0], packet, sizeof(packet))) > 0)
        packets += memchr(packet, '\n', (size_t)len) == packet + len - 1;
    _exit(packets == 3 ? 0 : 1);
}

static void a_line_is_one_write(void **state)
{
    test_child_run(STDERR_FILENO, log_to_packets, NULL, &child);
    assert_true(test_child_is_well(&child));
}

static void log_to_terminal(void *arg)
{
    int ends[2];
    if (open_terminal(ends) < 0)
        _exit(2);
    (void)dup2(ends[1], STDOUT_FILENO);
    log_set_level(LOG_DEBUG);
    for (int level = LOG_ERROR; level <= LOG_DEBUG; level++)
        log_write(NULL, level, "text");
    pass_on(ends[0], STDERR_FILENO, "DEB\x1b[0m text\r\n");
}

static void a_terminal_shows_colours(void **state)
{
    static const char *const levels[] = { "97;41mERR", "1;33mWAR", "32mINF", "0;36mDEB" };
    test_child_run(STDERR_FILENO, log_to_terminal, NULL, &child);
    for (size_t i = 0; i < COUNT(levels); i++) {
        char want[64];
        (void)snprintf(want, sizeof(want), " \x1b[0m\x1b[%s\x1b[0m text\r\n", levels[i]);
        CHECK(strstr(child.output, want), levels[i]);
    }
    assert_memory_equal(child.output, "\x1b[90m2", 6);
}

TESTS(a_line_has_time_level_and_text, the_time_is_local, only_levels_that_are_heard_are_written,
      prefixes_stand_in_front, control_characters_are_not_passed_on, long_lines_are_cut,
      repeats_are_summarised, repeats_are_told_every_ten_seconds,
      repeats_are_told_before_the_line_is_forgotten, the_last_lines_are_kept, errno_is_left_alone,
      a_line_that_was_torn_is_ended, an_output_that_is_full_loses_lines_and_never_blocks,
      lost_lines_are_told_without_another_line, an_output_that_fails_is_survived,
      a_line_is_one_write, a_terminal_shows_colours)
