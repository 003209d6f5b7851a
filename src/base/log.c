#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log_ring.h"
#include "base/utf8.h"

enum {
    TIME_LEN = sizeof("2006/01/02 15:04:05 ") - 1,
    WORD_LEN = sizeof("INF ") - 1,
    COLOUR_LEN = 32, /* what colours add to a line */
};

static const struct {
    const char *word, *colour;
} levels[] = {
    [LOG_ERROR] = { "ERR ", "97;41" },
    [LOG_WARN] = { "WAR ", "1;33" },
    [LOG_INFO] = { "INF ", "32" },
    [LOG_DEBUG] = { "DEB ", "0;36" },
};

enum sink_kind { SINK_UNKNOWN, SINK_FILE, SINK_PIPE, SINK_SOCKET, SINK_TERMINAL };

_Atomic int log_level_now = LOG_INFO;

/* Everything below is behind the mutex; log_visit_last() alone looks in without it. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct log_ring ring;

static struct {
    enum sink_kind kind;
    unsigned long  lost;    /* lines, not reported yet */
    bool           is_torn; /* the end of the last line did not get through */
} sink;

struct line {
    size_t len;
    char   text[LOG_MAX_LINE]; /* time, level, text, line end */
};

void log_set_level(enum log_level level)
{
    log_level_now = (int)level;
}

void log_context_init(struct log_context *log, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(log->prefix, sizeof(log->prefix), format, args);
    va_end(args);
}

/* Local time; the time zone's rules are asked once a second at most. */
static void stamp_time(struct line *line)
{
    static time_t stamped_s = -1;
    static char   stamp[TIME_LEN + 1];

    time_t now_s = (time_t)(clock_wall_ns() / NS_PER_S);
    if (now_s != stamped_s) {
        struct tm local;
        (void)localtime_r(&now_s, &local);
        (void)strftime(stamp, sizeof(stamp), "%Y/%m/%d %H:%M:%S ", &local);
        stamped_s = now_s;
    }
    memcpy(line->text, stamp, TIME_LEN);
}

static enum sink_kind sink_find_kind(int fd)
{
    struct stat info;
    if (fstat(fd, &info) < 0)
        return SINK_UNKNOWN;
    if (S_ISSOCK(info.st_mode))
        return SINK_SOCKET;
    if (S_ISFIFO(info.st_mode))
        return SINK_PIPE;
    return isatty(fd) ? SINK_TERMINAL : SINK_FILE;
}

/* A reader that stopped reading must not stop us: what could block is asked, or told, first. */
static ssize_t sink_write_some(const char *bytes, size_t len)
{
    if (sink.kind == SINK_SOCKET)
        return send(STDOUT_FILENO, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sink.kind == SINK_PIPE || sink.kind == SINK_TERMINAL) {
        struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };
        if (poll(&out, 1, 0) <= 0 || !(out.revents & POLLOUT)) {
            errno = EAGAIN;
            return -1;
        }
    }
    return write(STDOUT_FILENO, bytes, len);
}

static bool sink_write(const char *bytes, size_t len)
{
    if (sink.is_torn && sink_write_some("\n", 1) != 1)
        return false;
    sink.is_torn = false;
    ssize_t written;
    do
        written = sink_write_some(bytes, len);
    while (written < 0 && errno == EINTR);
    sink.is_torn = written > 0 && (size_t)written < len;
    return written == (ssize_t)len;
}

static const char *colour_of(const struct line *line)
{
    for (size_t i = 0; i < COUNT(levels); i++) {
        if (memcmp(line->text + TIME_LEN, levels[i].word, WORD_LEN) == 0)
            return levels[i].colour;
    }
    return "";
}

static bool sink_write_line(const struct line *line)
{
    if (sink.kind == SINK_UNKNOWN)
        sink.kind = sink_find_kind(STDOUT_FILENO);
    if (sink.kind != SINK_TERMINAL)
        return sink_write(line->text, line->len);

    char        coloured[LOG_MAX_LINE + COLOUR_LEN];
    const char *word = line->text + TIME_LEN, *rest = word + WORD_LEN - 1;
    int len = snprintf(coloured, sizeof(coloured), "\x1b[90m%.*s\x1b[0m\x1b[%sm%.*s\x1b[0m%.*s",
                       TIME_LEN, line->text, colour_of(line), WORD_LEN - 1, word,
                       (int)(line->text + line->len - rest), rest);
    return sink_write(coloured, (size_t)len);
}

/* Starts a line with its level, behind room for the time. */
static void line_begin(struct line *line, const char *word)
{
    line->len = TIME_LEN + WORD_LEN;
    memcpy(line->text + TIME_LEN, word, WORD_LEN);
}

__attribute__((format(printf, 2, 0))) static void line_add(struct line *line, const char *format,
                                                           va_list args)
{
    size_t room = sizeof(line->text) - line->len;
    int    len = vsnprintf(line->text + line->len, room, format, args);
    line->len += MIN((size_t)MAX(len, 0), room - 1);
}

__attribute__((format(printf, 2, 3))) static void line_printf(struct line *line, const char *format,
                                                              ...)
{
    va_list args;
    va_start(args, format);
    line_add(line, format, args);
    va_end(args);
}

static void line_add_prefixes(struct line *line, const struct log_context *log)
{
    if (!log)
        return;
    line_add_prefixes(line, log->parent);
    if (log->prefix[0])
        line_printf(line, "%s ", log->prefix);
}

/*
 * Texts that a peer chose shall not move the cursor or look like lines of ours. Only debug lines,
 * which quote whole requests, keep their line ends.
 */
static bool is_harmless(struct span character, bool keeps_line_ends)
{
    uint8_t c = character.p[0];
    if (character.len == 1)
        return (c >= ' ' && c != 0x7f) || c == '\t' ||
               (keeps_line_ends && (c == '\r' || c == '\n'));
    bool is_c1 = c == 0xc2 && character.p[1] < 0xa0; /* one of them begins commands, as ESC does */
    return !is_c1;
}

static void line_end(struct line *line, bool keeps_line_ends)
{
    for (size_t i = TIME_LEN + WORD_LEN, len; i < line->len; i += MAX(len, (size_t)1)) {
        struct span rest = { (const uint8_t *)line->text + i, line->len - i };
        len = utf8_len(rest);
        if (len == 0 || !is_harmless(span_first(rest, len), keeps_line_ends))
            memset(line->text + i, '?', MAX(len, (size_t)1));
    }
    if (line->len == sizeof(line->text) - 1)
        memcpy(line->text + line->len - 3, "...", 3);
    line->text[line->len++] = '\n';
}

static bool report_lost(void)
{
    struct line line;
    line_begin(&line, levels[LOG_WARN].word);
    line_printf(&line, "%lu log lines were lost", sink.lost);
    line_end(&line, false);
    stamp_time(&line);
    if (!sink_write_line(&line))
        return false;
    sink.lost = 0;
    return true;
}

static void put_line(const struct line *line)
{
    if ((sink.lost > 0 && !report_lost()) || !sink_write_line(line))
        sink.lost++;
}

static void report_repeat(const struct log_repeat *repeat)
{
    struct line line;
    line_begin(&line, (const char *)repeat->body.p);
    line_printf(&line, "(repeated %u times) ", repeat->times);
    /* The body has been cleaned when it was first written. */
    struct span text = span_first(span_skip(repeat->body, WORD_LEN), LOG_MAX_LINE - 1 - line.len);
    memcpy(line.text + line.len, text.p, text.len);
    line.len += text.len;
    line.text[line.len - 1] = '\n';
    stamp_time(&line);
    put_line(&line);
}

static void report_due(int64_t now_ns, int64_t min_age_ns)
{
    struct log_repeat repeat;
    while (log_ring_take_due(&ring, now_ns, min_age_ns, &repeat))
        report_repeat(&repeat);
}

static void write_or_count(struct line *line)
{
    int64_t     now_ns = clock_monotonic_ns();
    struct span bytes = { (const uint8_t *)line->text, line->len };

    report_due(now_ns, LOG_RING_WINDOW_NS);
    if (log_ring_count(&ring, span_skip(bytes, TIME_LEN), now_ns))
        return;
    struct log_repeat repeat;
    if (log_ring_take_oldest(&ring, &repeat))
        report_repeat(&repeat);
    stamp_time(line);
    log_ring_put(&ring, bytes, TIME_LEN, now_ns);
    put_line(line);
}

void log_write(const struct log_context *log, enum log_level level, const char *format, ...)
{
    int         saved_errno = errno; /* callers log first and return -errno after */
    struct line line;
    line_begin(&line, levels[level].word);
    line_add_prefixes(&line, log);
    va_list args;
    va_start(args, format);
    line_add(&line, format, args);
    va_end(args);
    line_end(&line, level == LOG_DEBUG);

    pthread_mutex_lock(&mutex);
    write_or_count(&line);
    pthread_mutex_unlock(&mutex);
    errno = saved_errno;
}

static void flush_older_than(int64_t min_age_ns)
{
    pthread_mutex_lock(&mutex);
    report_due(clock_monotonic_ns(), min_age_ns);
    if (sink.lost > 0)
        (void)report_lost();
    pthread_mutex_unlock(&mutex);
}

void log_flush(void)
{
    flush_older_than(LOG_RING_WINDOW_NS);
}

void log_close(void)
{
    flush_older_than(0);
}

void log_visit_last(void (*write_line)(const char *line, size_t len))
{
    log_ring_visit(&ring, write_line);
}
