/**
 * log: lines for people, in MediaMTX's format: `2026/11/22 11:00:25 INF [RTSP] [conn A] opened`.
 *
 * A context is a chain of prefixes; LOG() evaluates its arguments only if the level is heard.
 * A line equal to one of the last few is counted instead of written, and reported as
 * `(repeated N times) text` when ten seconds have passed or the log is closed.
 * A sink that would block, is closed or is full loses lines, which are counted and reported when
 * it takes lines again; it never stops or delays the caller for longer than one write.
 *
 * Threads: all functions, from any thread; a mutex is held for one write. Never on the path of
 *          a packet.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct log_context {
    const struct log_context *parent;     /* its prefix stands in front; may be NULL */
    char                      prefix[96]; /* "[conn 127.0.0.1:5000]", empty: nothing is added */
};

enum { LOG_MAX_LINE = 2048 }; /* longer lines are cut; below PIPE_BUF, so lines never mix */

extern _Atomic int log_level_now;

/** The least level that is written from now on. */
void log_set_level(enum log_level level);

__attribute__((format(printf, 2, 3))) void log_context_init(struct log_context *log,
                                                            const char         *format, ...);

__attribute__((format(printf, 3, 4))) void log_write(const struct log_context *log,
                                                     enum log_level level, const char *format, ...);

/** Writes what has been counted; called once a second by the main loop, and before the end. */
void log_flush(void);

/**
 * The newest lines, oldest first, for a crash report: calls `write_line` for each. Safe in a
 * signal handler: takes no lock, so that the newest line may be cut.
 */
void log_visit_last(void (*write_line)(const char *line, size_t len));

/** `log` may be NULL: no prefix. */
#define LOG(log, level, ...)                                                                       \
    do {                                                                                           \
        if ((int)(level) <= log_level_now)                                                         \
            log_write((log), (level), __VA_ARGS__);                                                \
    } while (0)
