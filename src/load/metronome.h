/**
 * metronome: beats at a fixed rate on a libuv loop, to the microsecond and without drift: beat k
 * is due at start + k * span / beats, whatever happened to the beats before.
 *
 * A beat that is missed is made up for at once; none is left out.
 *
 * Threads: the loop's.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/** May stop the metronome. */
typedef void metronome_fn(void *arg, uint64_t beat, int64_t due_ns);

struct metronome {
    uv_poll_t     poll;
    int           fd; /* timerfd: libuv's own timers count in milliseconds */
    bool          is_open;
    int64_t       start_ns;
    int64_t       span_ns;
    int64_t       beats; /* in `span_ns` */
    uint64_t      next;
    metronome_fn *on_beat;
    void         *arg;
};

struct metronome_rate {
    int64_t span_ns;
    int64_t beats;
};

/** Negative errno when there is no descriptor left. The first beat, 0, is due at `start_ns`. */
int metronome_open(struct metronome *metronome, uv_loop_t *loop, struct metronome_rate rate,
                   int64_t start_ns, metronome_fn *on_beat, void *arg);

/** No beat comes any more; the memory may go when the loop has run once more. */
void metronome_close(struct metronome *metronome);
