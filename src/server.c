#include "server.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "demo/demo_source.h"
#include "loop/loop.h"
#include "loop/udp.h"
#include "path/path.h"
#include "path/placement.h"
#include "rtsp/rtsp_server.h"
#include "stream/hub.h"
#include "webrtc/webrtc_server.h"

/* From the signal to the end: whatever hangs is left behind then. */
enum { SHUTDOWN_LIMIT_S = 4 };

static const int64_t check_every_ns = NS_PER_S;
static const int64_t stuck_after_ns = 2 * NS_PER_S;

/* A worker's answer to the watchdog. */
struct pulse {
    struct mail mail;
    atomic_bool is_asked;
    int64_t     asked_ns;
    bool        is_reported;
};

struct server {
    struct conf          *conf;
    struct loop           main;
    unsigned              worker_count;
    struct loop         **loops; /* [0] is main */
    struct hub          **hubs;  /* [0] is NULL */
    struct pulse         *pulses;
    struct hub_settings   hub_settings;
    struct placement     *placement;
    struct auth          *auth;
    struct path_registry *registry;
    struct demo_server   *demo;
    struct rtsp_server   *rtsp;
    struct webrtc_server *webrtc;
    uv_signal_t           signals[2];
    struct timer          housekeeping;
    bool                  is_closing;
};

static struct server server;

/* The watchdog: a worker that does not answer within two seconds is stuck in a turn. */

static void on_pulse(struct loop *loop, struct mail *mail)
{
    struct pulse *pulse = CONTAINER_OF(mail, struct pulse, mail);
    atomic_store_explicit(&pulse->is_asked, false, memory_order_release);
}

static void check_worker(unsigned index, int64_t now_ns)
{
    struct pulse *pulse = &server.pulses[index];
    if (!atomic_load_explicit(&pulse->is_asked, memory_order_acquire)) {
        *pulse = (struct pulse){ .mail.handle = on_pulse, .asked_ns = now_ns };
        atomic_store_explicit(&pulse->is_asked, true, memory_order_relaxed);
        loop_post(server.loops[index], &pulse->mail);
        return;
    }
    if (pulse->is_reported || now_ns - pulse->asked_ns < stuck_after_ns)
        return;
    pulse->is_reported = true;
    char why[64];
    (void)snprintf(why, sizeof(why), "%s has been in one turn for more than %d s",
                   server.loops[index]->name, (int)(stuck_after_ns / NS_PER_S));
    crash_log_thread(server.loops[index]->thread, why);
}

/* Runs only while there is someone to serve: an idle server does not wake up. */
static void on_housekeeping(void *arg)
{
    unsigned sessions = 0;
    for (unsigned i = 1; i <= server.worker_count; i++) {
        sessions += atomic_load_explicit(&server.loops[i]->sessions, memory_order_relaxed);
        check_worker(i, loop_now(&server.main));
    }
    placement_sample(server.placement);
    log_flush();
    if (sessions && !server.is_closing)
        timer_start(&server.main, &server.housekeeping, check_every_ns, on_housekeeping, NULL);
}

static void on_activity(void)
{
    if (!timer_is_running(&server.housekeeping) && !server.is_closing)
        timer_start(&server.main, &server.housekeeping, check_every_ns, on_housekeeping, NULL);
}

/* Workers */

static struct hub_settings make_hub_settings(const struct conf *conf)
{
    bool has_ring =
        conf->gop_cache == GOP_CACHE_ALL || (conf->gop_cache == GOP_CACHE_WEBRTC && conf->webrtc);
    return (struct hub_settings){
        .frame_hold_ns = conf->frame_hold_ns,
        .ring_bytes = has_ring ? (size_t)conf->gop_cache_max_bytes : 0,
        .ring_for_players = conf->gop_cache == GOP_CACHE_ALL,
        .report_period_ns = conf->rtcp_report_period_ns,
        .queue = { .frames = (uint32_t)conf->write_queue_size,
                   .bytes = (size_t)conf->reader_queue_max_bytes,
                   .ns = conf->reader_queue_max_ns },
    };
}

static void start_workers(void)
{
    const struct conf *conf = server.conf;
    server.worker_count = conf->workers ? (unsigned)conf->workers : uv_available_parallelism();
    server.worker_count = MIN(server.worker_count, (unsigned)PLACEMENT_MAX_WORKERS);
    server.hub_settings = make_hub_settings(conf);
    server.loops = mem_new_array(struct loop *, server.worker_count + 1);
    server.hubs = mem_new_array(struct hub *, server.worker_count + 1);
    server.pulses = mem_new_array(struct pulse, server.worker_count + 1);
    server.loops[0] = &server.main;
    for (unsigned i = 1; i <= server.worker_count; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "worker %u", i);
        server.loops[i] = mem_new(struct loop);
        server.hubs[i] = mem_new(struct hub);
        loop_init(server.loops[i], name, i);
        hub_init(server.hubs[i], server.loops[i], server.hubs, &server.hub_settings);
    }
    for (unsigned i = 1; i <= server.worker_count; i++)
        loop_start_thread(server.loops[i]);
    server.placement =
        placement_create(server.loops, server.worker_count, conf->spread_readers, on_activity);
}

static void on_worker_stop(struct loop *loop)
{
    if (server.rtsp)
        rtsp_server_close_connections(server.rtsp, loop);
    if (server.webrtc)
        webrtc_server_close_sessions(server.webrtc, loop);
    demo_server_close_sessions(server.demo, loop);
}

/* What was posted while the threads ended is handled here, until nothing is left anywhere. */
static void join_workers(void)
{
    for (unsigned i = 1; i <= server.worker_count; i++)
        loop_join(server.loops[i]);
    /* Only now: a worker that still runs may give back what is another's. */
    for (unsigned i = 1; i <= server.worker_count; i++)
        hub_adopt(server.hubs[i]);
    bool had_any;
    do {
        had_any = false;
        for (unsigned i = 0; i <= server.worker_count; i++)
            had_any |= loop_finish_messages(server.loops[i]);
    } while (had_any);
}

/* What the workers have done: for tests, and for whoever wants to know what a run cost. */
static void log_counters(void)
{
    uint64_t sums[COUNTER_COUNT] = { 0 };
    uint64_t turns = 0;
    for (unsigned i = 1; i <= server.worker_count; i++) {
        turns += atomic_load(&server.loops[i]->turns);
        for (unsigned k = 0; k < COUNTER_COUNT; k++)
            sums[k] += counters_get(server.hubs[i]->counters, k);
    }
    AUTO(buf_fini) struct buf text = { 0 };
    for (unsigned k = 0; k < COUNTER_COUNT; k++)
        if (counter_rows[k].scopes & COUNTER_LOOP)
            buf_printf(&text, " %s=%llu", counter_rows[k].name, (unsigned long long)sums[k]);
    LOG(NULL, LOG_DEBUG, "counters:%s turns=%llu allocations=%llu", buf_string(&text),
        (unsigned long long)turns, (unsigned long long)mem_allocations());
}

static void free_workers(void)
{
    log_counters();
    /* Batches come home to the hub that made them, so all streams go before the first hub. */
    for (unsigned i = 1; i <= server.worker_count; i++)
        hub_fini(server.hubs[i]);
    for (unsigned i = 1; i <= server.worker_count; i++) {
        loop_fini(server.loops[i]);
        mem_free(server.hubs[i]);
        mem_free(server.loops[i]);
    }
    server.placement = placement_destroy(server.placement);
    mem_free(server.loops);
    mem_free(server.hubs);
    mem_free(server.pulses);
}

/* The end */

static void on_deadline(int signal)
{
    static const char text[] = "something did not end in time and is left behind\n";
    (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
    _exit(0);
}

/* Not before the end: until then a second signal has no effect. */
static void close_signals(void)
{
    for (size_t i = 0; i < COUNT(server.signals); i++)
        uv_close((uv_handle_t *)&server.signals[i], NULL);
}

static void shut_down(void)
{
    server.is_closing = true;
    timer_stop(&server.main, &server.housekeeping);
    if (server.rtsp)
        rtsp_server_stop(server.rtsp);
    if (server.webrtc)
        webrtc_server_stop(server.webrtc);
    path_registry_close(server.registry);
    server.auth = auth_destroy(server.auth);
    for (unsigned i = 1; i <= server.worker_count; i++)
        loop_stop(server.loops[i], on_worker_stop);
    for (size_t i = 0; i < COUNT(server.signals); i++)
        uv_unref((uv_handle_t *)&server.signals[i]);
}

static void on_signal(uv_signal_t *signal, int number)
{
    if (server.is_closing)
        return;
    LOG(NULL, LOG_INFO, "shutting down gracefully");
    (void)sigaction(SIGALRM, &(struct sigaction){ .sa_handler = on_deadline }, NULL);
    (void)alarm(SHUTDOWN_LIMIT_S);
    shut_down();
    uv_unref((uv_handle_t *)&server.main.wake);
}

static void open_signals(void)
{
    static const int numbers[] = { SIGINT, SIGTERM };
    for (size_t i = 0; i < COUNT(numbers); i++) {
        (void)uv_signal_init(&server.main.uv, &server.signals[i]);
        (void)uv_signal_start(&server.signals[i], on_signal, numbers[i]);
    }
}

/* The beginning */

static void warn_of_missing(const struct conf *conf)
{
    if (conf->rtsp && !(conf->rtsp_transports & (RTSP_TRANSPORT_TCP | RTSP_TRANSPORT_UDP)))
        LOG(NULL, LOG_WARN,
            "'rtspTransports' has neither tcp nor udp, and this version has no other: no client "
            "can set up a track");
    const struct {
        bool        is_on;
        const char *name, *address;
    } servers[] = { { conf->api, "api", conf->api_address },
                    { conf->metrics, "metrics", conf->metrics_address },
                    { conf->pprof, "pprof", conf->pprof_address },
                    { conf->webrtc && conf->webrtc_local_tcp_address[0], "webrtcLocalTCPAddress",
                      conf->webrtc_local_tcp_address } };
    for (size_t i = 0; i < COUNT(servers); i++)
        if (servers[i].is_on)
            LOG(NULL, LOG_WARN,
                "'%s' is on, but this version has no such server: nothing listens on %s",
                servers[i].name, servers[i].address);
}

/* Which ways of sending many datagrams at once this kernel has: for the log of a bug report. */
static void log_udp_features(void)
{
    char text[UDP_FEATURES_TEXT];
    udp_features_text(udp_probe(), text);
    LOG(NULL, LOG_DEBUG, "datagrams: %s", text);
}

static int open_webrtc(struct errmsg *why)
{
    const struct webrtc_options options = { .main = &server.main,
                                            .loops = server.loops,
                                            .worker_count = server.worker_count,
                                            .auth = server.auth,
                                            .registry = server.registry,
                                            .conf = server.conf };
    return webrtc_server_open(&options, &server.webrtc, why);
}

static int start(void)
{
    struct errmsg      why;
    const struct conf *conf = server.conf;
    warn_of_missing(conf);
    if (conf->log_level >= LOG_DEBUG)
        log_udp_features();
    loop_init(&server.main, "main", 0);
    open_signals();
    start_workers();
    server.demo = demo_server_create();
    static struct path_source *sources[2];
    sources[0] = demo_server_source(server.demo);
    server.auth = auth_create(&server.main, server.conf);
    server.registry = path_registry_create(&(struct path_options){ .main = &server.main,
                                                                   .loops = server.loops,
                                                                   .placement = server.placement,
                                                                   .auth = server.auth,
                                                                   .conf = server.conf,
                                                                   .sources = sources });
    int err = 0;
    if (conf->rtsp)
        err = rtsp_server_open(&server.main, server.loops, server.worker_count, server.placement,
                               server.registry, server.conf, &server.rtsp, &why);
    if (err == 0 && conf->webrtc)
        err = open_webrtc(&why);
    if (err < 0)
        LOG(NULL, LOG_ERROR, "%s", why.text);
    return err;
}

int server_run(struct conf *conf)
{
    server.conf = conf_ref(conf);
    int err = start();
    if (err == 0)
        loop_run(&server.main);
    else
        shut_down();
    join_workers();
    close_signals();
    server.rtsp = rtsp_server_free(server.rtsp);
    server.webrtc = webrtc_server_free(server.webrtc);
    server.registry = path_registry_destroy(server.registry);
    server.demo = demo_server_free(server.demo);
    free_workers();
    loop_fini(&server.main);
    server.conf = conf_unref(server.conf);
    return err;
}
