#include "loop/loop.h"

#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/mem.h"

enum { WORKER_STACK = 512 * 1024 }; /* no recursion, no large arrays: measured use is 40 KB */

/* How late a timer may be, in whole milliseconds: this part of its delay, and no more than ... */
enum { SLACK_PART = 64 };
static const int64_t most_slack_ns = 20 * NS_PER_MS;

void loop_post(struct loop *to, struct mail *mail)
{
    struct mail *newest = atomic_load_explicit(&to->inbox, memory_order_relaxed);
    do
        mail->next = newest;
    while (!atomic_compare_exchange_weak_explicit(&to->inbox, &newest, mail, memory_order_release,
                                                  memory_order_relaxed));
    /* Whoever finds the box empty rings; the others know that the bell has been rung. */
    if (!newest)
        (void)uv_async_send(&to->wake);
}

static struct mail *take_oldest_first(struct loop *loop)
{
    struct mail *newest = atomic_exchange_explicit(&loop->inbox, NULL, memory_order_acquire);
    struct mail *oldest = NULL;
    while (newest) {
        struct mail *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

static bool handle_messages(struct loop *loop)
{
    struct mail *mail = take_oldest_first(loop);
    bool         had_any = mail;
    while (mail) {
        struct mail *next = mail->next;
        mail->handle(loop, mail);
        mail = next;
    }
    return had_any;
}

static void on_wake(uv_async_t *handle)
{
    (void)handle_messages(handle->data);
}

static void run_timers(struct loop *loop)
{
    for (struct timer *timer;
         (timer = timer_heap_first(&loop->timers)) && timer->deadline_ns <= loop_now(loop);) {
        timer_heap_remove(&loop->timers, timer);
        timer->on_timeout(timer->arg);
    }
}

/* The end of the turn runs what is due. */
static void on_alarm(uv_timer_t *handle)
{
    struct loop *loop = handle->data;
    loop->alarm_ns = 0;
}

/* One alarm for all timers, set at most once a turn, and rarely one that goes off: each costs a
 * wake-up, and a wait that ends within milliseconds has the kernel program the CPU's own timer. */
static void set_alarm(struct loop *loop)
{
    struct timer *first = timer_heap_first(&loop->timers);
    if (!first) {
        if (loop->alarm_ns)
            (void)uv_timer_stop(&loop->alarm);
        loop->alarm_ns = 0;
        return;
    }
    if (first->latest_ns == loop->alarm_ns)
        return;
    /* libuv counts whole milliseconds from the time it read when the turn began. */
    int64_t in_ns = first->latest_ns - (int64_t)uv_now(&loop->uv) * NS_PER_MS;
    int64_t in_ms = in_ns <= 0 ? 0 : (in_ns + NS_PER_MS - 1) / NS_PER_MS;
    (void)uv_timer_start(&loop->alarm, on_alarm, (uint64_t)in_ms, 0);
    loop->alarm_ns = first->latest_ns;
}

static void flush_dirty(struct loop *loop)
{
    for (struct list_node *node; (node = list_take_first(&loop->dirty));) {
        struct dirty *dirty = LIST_ITEM(node, struct dirty, node);
        dirty->flush(dirty);
    }
}

static void on_end_of_turn(uv_prepare_t *handle)
{
    struct loop *loop = handle->data;
    run_timers(loop);
    flush_dirty(loop);
    set_alarm(loop);
    loop->now_ns = 0;
    atomic_fetch_add_explicit(&loop->turns, 1, memory_order_relaxed);
}

void loop_init(struct loop *loop, const char *name, unsigned index)
{
    *loop = (struct loop){ .index = index };
    (void)snprintf(loop->name, sizeof(loop->name), "%s", name);
    loop->slots = slots_create();
    loop->scratch = mem_alloc(LOOP_SCRATCH);
    list_init(&loop->dirty);
    int err = uv_loop_init(&loop->uv);
    ASSERT(err == 0);
    (void)uv_async_init(&loop->uv, &loop->wake, on_wake);
    (void)uv_prepare_init(&loop->uv, &loop->end_of_turn);
    (void)uv_prepare_start(&loop->end_of_turn, on_end_of_turn);
    (void)uv_timer_init(&loop->uv, &loop->alarm);
    uv_unref((uv_handle_t *)&loop->end_of_turn);
    uv_unref((uv_handle_t *)&loop->alarm);
    loop->wake.data = loop->end_of_turn.data = loop->alarm.data = loop;
}

void loop_fini(struct loop *loop)
{
    ASSERT(!atomic_load(&loop->inbox));
    uv_close((uv_handle_t *)&loop->wake, NULL);
    uv_close((uv_handle_t *)&loop->end_of_turn, NULL);
    uv_close((uv_handle_t *)&loop->alarm, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    int err = uv_loop_close(&loop->uv);
    ASSERT(err == 0);
    ASSERT(list_is_empty(&loop->dirty));
    timer_heap_fini(&loop->timers);
    loop->slots = slots_destroy(loop->slots);
    loop->scratch = mem_free(loop->scratch);
}

void loop_run(struct loop *loop)
{
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
    flush_dirty(loop);
}

bool loop_finish_messages(struct loop *loop)
{
    bool had_any = handle_messages(loop);
    flush_dirty(loop);
    return had_any;
}

static void *run_thread(void *arg)
{
    struct loop *loop = arg;
    (void)pthread_setname_np(pthread_self(), loop->name);
    crash_init_thread();
    loop_run(loop);
    return NULL;
}

void loop_start_thread(struct loop *loop)
{
    pthread_attr_t attributes;
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setstacksize(&attributes, WORKER_STACK);
    int err = pthread_create(&loop->thread, &attributes, run_thread, loop);
    ASSERT(err == 0);
    (void)pthread_attr_destroy(&attributes);
}

struct stop {
    struct mail mail;
    void (*on_stop)(struct loop *loop);
};

static void on_stop_mail(struct loop *loop, struct mail *mail)
{
    void (*on_stop)(struct loop *) = ((struct stop *)mail)->on_stop;
    mem_free(mail);
    uv_unref((uv_handle_t *)&loop->wake);
    on_stop(loop);
}

void loop_stop(struct loop *loop, void (*on_stop)(struct loop *loop))
{
    struct stop *stop = mem_new(struct stop);
    *stop = (struct stop){ { NULL, on_stop_mail }, on_stop };
    loop_post(loop, &stop->mail);
}

void loop_join(struct loop *loop)
{
    int err = pthread_join(loop->thread, NULL);
    ASSERT(err == 0);
}

int64_t loop_cpu_ns(const struct loop *loop)
{
    clockid_t id;
    if (pthread_getcpuclockid(loop->thread, &id) != 0)
        return 0;
    return clock_ns(id);
}

static int64_t slack_of(int64_t delay_ns)
{
    int64_t slack_ns = MAX(MIN(delay_ns / SLACK_PART, most_slack_ns), INT64_C(0));
    return slack_ns - slack_ns % NS_PER_MS;
}

void timer_start(struct loop *loop, struct timer *timer, int64_t delay_ns, timer_fn *on_timeout,
                 void *arg)
{
    /* Always in a later turn: a timer that starts itself anew must not keep the loop. */
    timer->deadline_ns = loop_now(loop) + MAX(delay_ns, INT64_C(1));
    timer->latest_ns = timer->deadline_ns + MIN(slack_of(delay_ns), INT64_MAX - timer->deadline_ns);
    timer->on_timeout = on_timeout;
    timer->arg = arg;
    timer_heap_put(&loop->timers, timer);
}

void timer_stop(struct loop *loop, struct timer *timer)
{
    timer_heap_remove(&loop->timers, timer);
}
