/**
 * loop: one thread's event loop: sockets, timers, a mailbox, and the work at the end of a turn.
 *
 * A turn is what happens between two waits in the kernel: sockets, timers and messages run first
 * and only mark things dirty; then the dirty ones are flushed, once each. That is where batches
 * are written, so everything that one turn brought goes out together.
 *
 * Threads: a loop belongs to the thread that runs it. Others may call loop_post(), loop_stop()
 *          and the loop_cpu_ns() of a running worker, nothing else.
 */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/list.h"
#include "base/slots.h"
#include "loop/timer.h"

struct hub;
struct loop;

/** Embedded in what is sent; the handler owns it and frees it. */
struct mail {
    struct mail *next;
    void (*handle)(struct loop *loop, struct mail *mail);
};

/** Something with work to do at the end of this turn; embedded in its owner. */
struct dirty {
    struct list_node node;
    void (*flush)(struct dirty *dirty);
};

enum { LOOP_SCRATCH = 65536 };

struct loop {
    uv_loop_t     uv;
    char          name[16]; /* "main", "worker 1": thread's name, logs */
    unsigned      index;    /* 0: main; workers from 1 */
    struct slots *slots;    /* numbers of the sessions that live here */
    struct hub   *hub;      /* streams and their pools (stream/hub.h); NULL on main */
    uint8_t      *scratch;  /* LOOP_SCRATCH bytes, for one callback at a time */
    atomic_uint   sessions; /* connections and sources that live here; any thread */

    /* private to loop.c */
    pthread_t              thread;
    _Atomic(struct mail *) inbox; /* newest first */
    uv_async_t             wake;
    uv_prepare_t           end_of_turn;
    uv_timer_t             alarm;
    int64_t                alarm_ns; /* what `alarm` is set to; 0: not set */
    int64_t                now_ns;   /* 0: not asked yet in this turn */
    struct timer_heap      timers;
    struct list            dirty;
    atomic_uint_fast64_t   turns;
};

/** Initialises in place. */
void loop_init(struct loop *loop, const char *name, unsigned index);

/** All handles must be closed, all timers stopped, all messages handled. */
void loop_fini(struct loop *loop);

/** Runs until loop_stop() was handled and every handle on it is closed. */
void loop_run(struct loop *loop);

/** Runs the loop on a thread of its own. */
void loop_start_thread(struct loop *loop);

/**
 * Makes `on_stop` be called on the loop's thread; it closes what lives there, so that the loop
 * can end. Once a loop. Any thread.
 */
void loop_stop(struct loop *loop, void (*on_stop)(struct loop *loop));

/** Waits for the end of a loop's thread. */
void loop_join(struct loop *loop);

/**
 * Handles what was posted to a loop whose thread has ended, on the caller's thread. False when
 * there was nothing.
 */
bool loop_finish_messages(struct loop *loop);

/** Hands a message over; FIFO for each pair of loops, and causal among three. Any thread. */
void loop_post(struct loop *to, struct mail *mail);

/** Now, read from the clock once a turn. */
static inline int64_t loop_now(struct loop *loop)
{
    if (loop->now_ns == 0)
        loop->now_ns = (int64_t)uv_hrtime();
    return loop->now_ns;
}

/** Flushes `dirty` at the end of this turn, once however often it is marked. */
static inline void loop_mark_dirty(struct loop *loop, struct dirty *dirty)
{
    if (!list_contains_node(&dirty->node))
        list_append(&loop->dirty, &dirty->node);
}

static inline void loop_clear_dirty(struct dirty *dirty)
{
    list_remove(&dirty->node);
}

/**
 * A timer that already runs is set anew. From a delay of 64 ms on it may fire a 64th of it late,
 * 20 ms at most: on a busy loop it does not, and an idle one need not wake up for each.
 */
void timer_start(struct loop *loop, struct timer *timer, int64_t delay_ns, timer_fn *on_timeout,
                 void *arg);
void timer_stop(struct loop *loop, struct timer *timer);

/** CPU time that the loop's thread has used. Any thread, while it runs. */
int64_t loop_cpu_ns(const struct loop *loop);
