/**
 * log: lines for people, in MediaMTX's format: `2026/11/22 11:00:25 INF [RTSP] [conn A] opened`.
 *
 * A context is a chain of prefixes; LOG() evaluates its arguments only if the level is heard.
 * A line equal to one of the last few is counted instead of written, and reported as
 * `(repeated N times) text` when ten seconds have passed or the log is closed.
 * Standard output that would block, is closed or is full loses lines, which are counted and
 * reported when it takes lines again; it never delays the caller for longer than one write.
 * Control characters become `?`; only LOG_DEBUG's lines, which quote requests, keep line ends.
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

/** Sets the prefix, cut when too long; `parent` is left as it is. */
__attribute__((format(printf, 2, 3))) void log_context_init(struct log_context *log,
                                                            const char         *format, ...);

/** Writes at any level: callers use LOG(). `errno` is left as it is. */
__attribute__((format(printf, 3, 4))) void log_write(const struct log_context *log,
                                                     enum log_level level, const char *format, ...);

/** Reports what was counted, when its time has come; called once a second by the main loop. */
void log_flush(void);

/** Reports all that was counted; called before the end. Lines may still be written after it. */
void log_close(void);

/**
 * The newest lines, oldest first, for a crash report: calls `write_line` for each, with
 * its line end. Safe in a signal handler: takes no lock, so that one line may be mixed up.
 */
void log_visit_last(void (*write_line)(const char *line, size_t len));

/** `log` may be NULL: no prefix. */
#define LOG(log, level, ...)                                                                       \
    do {                                                                                           \
        if ((int)(level) <= log_level_now)                                                         \
            log_write((log), (level), __VA_ARGS__);                                                \
    } while (0)
