#include "load/metronome.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"

/* So that reading is not kept waiting when many beats have been missed. */
enum { MAX_BEATS_A_TURN = 64 };

static int64_t due_ns(const struct metronome *metronome, uint64_t beat)
{
    return metronome->start_ns + muldiv((int64_t)beat, metronome->span_ns, metronome->beats);
}

/* Setting the timer anew also takes back that it is readable: it never needs to be read. */
static int set_alarm(struct metronome *metronome)
{
    int64_t           ns = due_ns(metronome, metronome->next);
    struct itimerspec at = { .it_value = { ns / NS_PER_S, ns % NS_PER_S } };
    return timerfd_settime(metronome->fd, TFD_TIMER_ABSTIME, &at, NULL) < 0 ? -errno : 0;
}

static void on_alarm(uv_poll_t *poll, int status, int events)
{
    struct metronome *metronome = poll->data;
    for (unsigned i = 0; i < MAX_BEATS_A_TURN && metronome->is_open; i++) {
        int64_t due = due_ns(metronome, metronome->next);
        if (due > clock_monotonic_ns())
            break;
        metronome->on_beat(metronome->arg, metronome->next++, due);
    }
    if (metronome->is_open)
        (void)set_alarm(metronome);
}

int metronome_open(struct metronome *metronome, uv_loop_t *loop, struct metronome_rate rate,
                   int64_t start_ns, metronome_fn *on_beat, void *arg)
{
    *metronome = (struct metronome){ .start_ns = start_ns,
                                     .span_ns = rate.span_ns,
                                     .beats = rate.beats,
                                     .on_beat = on_beat,
                                     .arg = arg };
    metronome->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (metronome->fd < 0)
        return -errno;
    int err = set_alarm(metronome);
    if (err == 0)
        err = uv_poll_init(loop, &metronome->poll, metronome->fd);
    if (err < 0) {
        (void)close(metronome->fd);
        return err;
    }
    metronome->poll.data = metronome;
    metronome->is_open = true;
    return uv_poll_start(&metronome->poll, UV_READABLE, on_alarm);
}

static void on_closed(uv_handle_t *handle)
{
    struct metronome *metronome = handle->data;
    (void)close(metronome->fd);
}

void metronome_close(struct metronome *metronome)
{
    if (!metronome->is_open)
        return;
    metronome->is_open = false;
    uv_close((uv_handle_t *)&metronome->poll, on_closed);
}
