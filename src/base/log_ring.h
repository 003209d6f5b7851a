/**
 * log_ring: the last lines of the log, for two uses: a line that comes again is counted instead of
 * written, and a crash report shows what was said before.
 *
 * Shape:   a ring of LOG_RING_LINES lines in static memory; a new line takes the oldest's place.
 * Window:  repeats of a line are counted for LOG_RING_WINDOW_NS and then reported; while they go
 *          on, the next window begins with the report.
 * Threads: one at a time (the log's mutex), but for log_ring_visit().
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/span.h"

enum { LOG_RING_LINES = 16 };

#define LOG_RING_WINDOW_NS (10 * NS_PER_S)

struct log_ring_line {
    int64_t  since_ns; /* when its window began */
    unsigned repeats;  /* in this window, not reported yet */
    size_t   skip;     /* this much of it (the time) is not compared */
    size_t   len;      /* 0: no line */
    char     text[LOG_MAX_LINE];
};

struct log_ring {
    unsigned             next; /* the oldest */
    struct log_ring_line lines[LOG_RING_LINES];
};

/** What is to be told: `body` (borrowed until the next put) came `times` more. */
struct log_repeat {
    struct span body;
    unsigned    times;
};

/** Counts `body` when it is one of the lines and that line's window is open. */
bool log_ring_count(struct log_ring *ring, struct span body, int64_t now_ns);

/** Finds repeats that are at least `min_age_ns` old; the line's next window begins. */
bool log_ring_take_due(struct log_ring *ring, int64_t now_ns, int64_t min_age_ns,
                       struct log_repeat *out);

/** Finds the repeats of the line that the next put removes. */
bool log_ring_take_oldest(struct log_ring *ring, struct log_repeat *out);

/** Remembers `line`, of which the first `skip` bytes are not compared. */
void log_ring_put(struct log_ring *ring, struct span line, size_t skip, int64_t now_ns);

/** From oldest to newest. Safe while another thread puts: a line may then be mixed. */
void log_ring_visit(const struct log_ring *ring, void (*visit)(const char *line, size_t len));
