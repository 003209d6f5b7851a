#include "load/load_run.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include "base/auto.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "http/url.h"
#include "load/load_internal.h"
#include "load/load_random.h"
#include "load/load_url.h"

enum {
    PEERS_INTERVAL_MS = 10,
    TICK_MS = 1000 / LOAD_TICKS_A_SECOND,
    SECOND_MS = 1000,
    SPARE_DESCRIPTORS = 64, /* beside the connections */
    RTSP_PORT = 554,
    HTTP_PORT = 80,
};
#define MAX_DRAIN_NS      (2 * NS_PER_S)
#define MAX_LEAVE_NS      (500 * NS_PER_MS)
#define MAX_WHEP_LEAVE_NS (3 * NS_PER_S) /* some requests at a time */
#define MIN_FREEZE_NS     (200 * NS_PER_MS)
#define MIN_FREEZE_FRAMES 3

static struct h264_video video_of(const struct load_options *options)
{
    return (struct h264_video){ .width = (uint32_t)options->width,
                                .height = (uint32_t)options->height,
                                .fps_milli = (uint32_t)options->fps_milli,
                                .bitrate_bps = options->bitrate_bps };
}

static int64_t freeze_ns_of(const struct load_options *options)
{
    int64_t frames_ns = muldiv(MIN_FREEZE_FRAMES, 1000 * NS_PER_S, (int64_t)options->fps_milli);
    return MAX(frames_ns, MIN_FREEZE_NS);
}

/* "localhost" is both; a server that listens on one of them only mostly takes IPv4. */
static const struct addrinfo *choose_address(const struct addrinfo *first)
{
    const struct addrinfo *at = first;
    while (at->ai_next && at->ai_family != AF_INET)
        at = at->ai_next;
    return at->ai_family == AF_INET ? at : first;
}

static int resolve(const char *text, unsigned usual_port, struct address *out, struct errmsg *why)
{
    struct url url;
    char       host[256], port[8];
    int        err = url_parse(span_from_string(text), &url);
    if (err == 0)
        err = span_copy_string(url.host, host, sizeof(host));
    if (err < 0)
        return errmsg_set(why, err, "'%s' is no URL", text);
    (void)snprintf(port, sizeof(port), "%u", url.port ? url.port : usual_port);
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo      *found;
    int                   code = getaddrinfo(host, port, &hints, &found);
    if (code != 0)
        return errmsg_set(why, -EHOSTUNREACH, "cannot resolve '%s': %s", host, gai_strerror(code));
    const struct addrinfo *chosen = choose_address(found);
    memcpy(&out->storage, chosen->ai_addr, chosen->ai_addrlen);
    out->len = chosen->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

static int check_descriptors(uint64_t connections, struct errmsg *why)
{
    struct rlimit limit;
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    if (connections + SPARE_DESCRIPTORS <= limit.rlim_cur)
        return 0;
    return errmsg_set(why, -EMFILE,
                      "%" PRIu64 " connections, but only %" PRIu64 " descriptors are allowed",
                      connections, (uint64_t)limit.rlim_cur);
}

static char *make_url(const struct load_options *options, uint32_t number)
{
    AUTO(buf_fini) struct buf url = { 0 };
    load_url_expand(&url, span_from_string(options->url), number);
    return mem_string(buf_string(&url));
}

static char *make_reader_url(const struct load_options *options, uint32_t number)
{
    AUTO(buf_fini) struct buf url = { 0 };
    if (!options->whep)
        return make_url(options, number);
    load_url_whep(&url, span_from_string(options->whep), span_from_string(options->url), number);
    return mem_string(buf_string(&url));
}

static void create_streams(struct load *load)
{
    const struct load_options      *options = load->options;
    const struct load_stream_format format = {
        .frame = { .video = video_of(options), .max_packet = options->packet_size },
        .keyframe_bytes = load->plan.keyframe_bytes,
        .repeat_bytes = load->plan.repeat_bytes,
        .gop = load->plan.gop,
        .by_packet = options->write == LOAD_WRITE_PACKET,
        .has_audio = options->has_audio,
    };
    uint32_t  count = load->stream_count;
    uint64_t  random = options->seed;
    uint32_t *gop_order = mem_new_array(uint32_t, count);
    load->streams = mem_new_array(struct load_stream, count);
    load->urls = mem_new_array(char *, count);
    load->reader_urls = mem_new_array(char *, count);
    load->order = mem_new_array(uint32_t, count);
    load_random_shuffle(&random, load->order, count);
    load_random_shuffle(&random, gop_order, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct load_stream_start start = {
            .number = i + 1,
            /* Keyframes are spread over the time between two of them, as frames are. */
            .gop_phase = (uint32_t)muldiv(format.gop - 1, gop_order[i], count),
            .seed = load_random_next(&random),
        };
        load_stream_init(&load->streams[i], &format, &start, &load->sent);
        load->urls[i] = make_url(options, i + 1);
        load->reader_urls[i] = make_reader_url(options, i + 1);
    }
    mem_free(gop_order);
}

static void create_peers(struct load *load)
{
    if (!load->options->is_pull)
        load->publishers = mem_new_array(struct load_publisher, load->stream_count);
    load->readers = mem_new_array(struct load_reader, load->reader_count);
    for (uint32_t i = 0; i < load->reader_count; i++)
        load_reader_init(&load->readers[i], &load->streams[i % load->stream_count], &load->times,
                         freeze_ns_of(load->options));
}

static int open_whep(struct load *load, struct errmsg *why)
{
    const struct load_options *options = load->options;
    int                        err = resolve(options->whep, HTTP_PORT, &load->whep.server, why);
    if (err < 0)
        return err;
    load->whep.net = &load->net;
    load->source.whep = &load->whep;
    return load_whep_net_init(&load->whep, (enum load_srtp)options->srtp,
                              (uint32_t)options->decrypt_every, why);
}

/* "name:password" */
static struct auth_account account_of(const char *text)
{
    struct auth_account account = { .pass = span_from_string(text) };
    if (text)
        (void)span_next(&account.pass, ':', &account.user);
    return account;
}

int load_create(const struct load_options *options, struct load **out, struct errmsg *why)
{
    const struct load_plan_wish wish = {
        .video = video_of(options),
        .keyframe_interval_ns = (int64_t)options->keyframe_interval_ns,
        .keyframe_ratio_milli = options->keyframe_ratio_milli,
    };
    AUTO(load_destroy) struct load *load = mem_new(struct load);
    load->options = options;
    load->net.account = account_of(options->user);
    uint64_t transport = load->options->transport;
    load->source =
        (struct load_source){ .net = &load->net,
                              .server = &load->server,
                              .is_udp = transport == LOAD_UDP || transport == LOAD_UDP_OUT };
    int err = h264_video_check(&wish.video, why);
    if (err == 0)
        err = load_plan_make(&wish, &load->plan, why);
    if (err == 0)
        err = resolve(options->url, RTSP_PORT, &load->server, why);
    if (err == 0 && options->whep)
        err = open_whep(load, why);
    if (err == 0 && options->is_pull)
        err = address_parse(options->listen, &load->listen, why);
    if (err == 0)
        err = check_descriptors(options->streams * (options->readers + 1), why);
    if (err < 0)
        return err;
    load->stream_count = (uint32_t)options->streams;
    load->reader_count = (uint32_t)(options->streams * options->readers);
    create_streams(load);
    create_peers(load);
    load->result =
        (struct load_result){ .options = options, .plan = load->plan, .times = &load->times };
    *out = TAKE(load);
    return 0;
}

struct load *load_destroy(struct load *load)
{
    if (!load)
        return NULL;
    for (uint32_t i = 0; i < load->stream_count; i++) {
        load_stream_fini(&load->streams[i]);
        mem_free(load->urls[i]);
        mem_free(load->reader_urls[i]);
    }
    mem_free(load->streams);
    mem_free(load->urls);
    mem_free(load->reader_urls);
    mem_free(load->order);
    mem_free(load->publishers);
    mem_free(load->readers);
    load_whep_net_fini(&load->whep);
    return mem_free(load);
}

static void take_snapshot(struct load *load, struct load_snapshot *out)
{
    pid_t pid = (pid_t)load->options->pid;
    *out = (struct load_snapshot){ .at_ns = clock_monotonic_ns(),
                                   .sent = load->sent,
                                   .blocked_sends = load->net.blocked_sends,
                                   .own_cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) };
    load_peers_sum(load, &out->received);
    out->has_server = pid > 0 && proc_stat_read(pid, &out->server) == 0;
}

static void enter_phase(struct load *load, enum load_phase phase)
{
    load->phase = phase;
    load->phase_ns = clock_monotonic_ns();
}

static void close_handle(void *handle)
{
    uv_close(handle, NULL);
}

static void leave(struct load *load)
{
    enter_phase(load, LOAD_LEAVING);
    load_peers_conclude(load);
    (void)load_peers_leave(load);
}

static int64_t max_leave_ns(const struct load *load)
{
    return load->options->whep ? MAX_WHEP_LEAVE_NS : MAX_LEAVE_NS;
}

static void finish(struct load *load)
{
    enter_phase(load, LOAD_CLOSED);
    load_peers_close(load);
    close_handle(&load->peers_timer);
    close_handle(&load->tick_timer);
    close_handle(&load->second_timer);
    close_handle(&load->end_timer);
    for (size_t i = 0; i < COUNT(load->signals); i++)
        close_handle(&load->signals[i]);
}

/* The end of the measured time: nothing is sent any more, what is on its way still counts. */
static void stop_sending(struct load *load)
{
    bool was_measuring = load->phase == LOAD_MEASURING;
    take_snapshot(load, &load->result.end);
    if (!was_measuring)
        load->result.begin = load->result.end;
    load->result.streams_live = load_peers_count_streams(load);
    load->result.readers_live = load_peers_count_readers(load);
    metronome_close(&load->video);
    metronome_close(&load->audio);
    /* Only now that no frame can be late for it. */
    load->result.pss_bytes = proc_stat_read_pss((pid_t)load->options->pid);
    enter_phase(load, LOAD_DRAINING);
    (void)uv_timer_again(&load->peers_timer);
}

static void on_end_timer(uv_timer_t *timer)
{
    stop_sending(timer->data);
}

static bool has_work(const struct load *load)
{
    return load_peers_count_streams(load) > 0 &&
           (load->reader_count == 0 || load_peers_count_readers(load) > 0);
}

static void start_measuring(struct load *load)
{
    uint64_t duration_ms = load->options->duration_ns / (uint64_t)NS_PER_MS;
    enter_phase(load, LOAD_MEASURING);
    load->sent.max_late_ns = 0;
    load->times.is_measuring = true;
    (void)uv_timer_stop(&load->peers_timer);
    take_snapshot(load, &load->result.begin);
    (void)uv_timer_start(&load->end_timer, on_end_timer, duration_ms, 0);
}

static void on_peers_timer(uv_timer_t *timer)
{
    struct load *load = timer->data;
    int64_t      now_ns = clock_monotonic_ns();
    int64_t      since_ns = now_ns - load->phase_ns;
    switch (load->phase) {
    case LOAD_CONNECTING:
        if (load_peers_connect(load, now_ns))
            (has_work(load) ? start_measuring : stop_sending)(load);
        break;
    case LOAD_DRAINING:
        if (load_peers_have_all(load) || since_ns > MAX_DRAIN_NS)
            leave(load);
        break;
    case LOAD_LEAVING:
        if (load_peers_leave(load) || since_ns > max_leave_ns(load))
            finish(load);
        break;
    case LOAD_MEASURING:
    case LOAD_CLOSED:
        break;
    }
}

static void draw(struct load *load)
{
    static const char *const names[] = { "starting", "measuring", "draining", "leaving", "closed" };
    struct load_snapshot     now;
    take_snapshot(load, &now);
    const struct load_view view = {
        .phase = names[load->phase],
        .elapsed_ns = now.at_ns - load->phase_ns,
        .planned_ns = load->phase == LOAD_MEASURING ? (int64_t)load->options->duration_ns : 0,
        .streams_live = load_peers_count_streams(load),
        .streams = load->stream_count,
        .readers_live = load_peers_count_readers(load),
        .readers = load->reader_count,
        .now = &now,
        .delay = &load->times.delay_now,
    };
    load_display_draw(&load->display, &view);
    load->times.delay_now = (struct histogram){ 0 };
}

static void on_tick_timer(uv_timer_t *timer)
{
    load_peers_keep_alive(timer->data, clock_monotonic_ns());
}

static void on_second_timer(uv_timer_t *timer)
{
    struct load *load = timer->data;
    int64_t      now_ns = clock_monotonic_ns();
    if (load->phase == LOAD_MEASURING && !has_work(load))
        stop_sending(load); /* the server has gone */
    if (load_display_is_due(&load->display, now_ns))
        draw(load);
}

/* The first signal ends the measurement, the second does not wait for what is on its way. */
static void on_signal(uv_signal_t *handle, int number)
{
    struct load *load = handle->data;
    load->result.was_interrupted = true;
    if (load->phase < LOAD_DRAINING)
        stop_sending(load);
    else if (load->phase == LOAD_DRAINING)
        leave(load);
}

static void on_video_beat(void *arg, uint64_t beat, int64_t due_ns)
{
    struct load *load = arg;
    uint32_t     slot = (uint32_t)(beat % load->stream_count);
    load_stream_beat_video(&load->streams[load->order[slot]], beat / load->stream_count, due_ns);
}

static void on_audio_beat(void *arg, uint64_t beat, int64_t due_ns)
{
    struct load *load = arg;
    uint32_t     slot = (uint32_t)(beat % load->stream_count);
    load_stream_beat_audio(&load->streams[load->order[slot]], beat / load->stream_count, due_ns);
}

static int start_sending(struct load *load, struct errmsg *why)
{
    const struct load_options  *options = load->options;
    int64_t                     streams = load->stream_count;
    const struct metronome_rate frames = { 1000 * NS_PER_S, (int64_t)options->fps_milli * streams };
    const struct metronome_rate packets = { NS_PER_S, LOAD_AUDIO_PACKETS_PER_S * streams };
    int                         err =
        metronome_open(&load->video, &load->net.loop, frames, load->start_ns, on_video_beat, load);
    if (err == 0 && options->has_audio)
        err = metronome_open(&load->audio, &load->net.loop, packets, load->start_ns, on_audio_beat,
                             load);
    return err < 0 ? errmsg_set(why, err, "cannot make a timer: %s", err_text(err)) : 0;
}

static void start_timers(struct load *load)
{
    static const int numbers[] = { SIGINT, SIGTERM };
    uv_loop_t       *loop = &load->net.loop;
    (void)uv_timer_init(loop, &load->peers_timer);
    (void)uv_timer_init(loop, &load->tick_timer);
    (void)uv_timer_init(loop, &load->second_timer);
    (void)uv_timer_init(loop, &load->end_timer);
    load->peers_timer.data = load->tick_timer.data = load;
    load->second_timer.data = load->end_timer.data = load;
    (void)uv_timer_start(&load->peers_timer, on_peers_timer, 0, PEERS_INTERVAL_MS);
    (void)uv_timer_start(&load->tick_timer, on_tick_timer, TICK_MS, TICK_MS);
    (void)uv_timer_start(&load->second_timer, on_second_timer, SECOND_MS, SECOND_MS);
    for (size_t i = 0; i < COUNT(numbers); i++) {
        (void)uv_signal_init(loop, &load->signals[i]);
        load->signals[i].data = load;
        (void)uv_signal_start(&load->signals[i], on_signal, numbers[i]);
    }
}

static int start_serving(struct load *load, struct errmsg *why)
{
    const struct load_serve_streams streams = { load->streams, load->stream_count,
                                                load->options->url };
    return load_serve_open(&load->net, &load->listen, &streams, &load->serve, why);
}

int load_run(struct load *load, struct errmsg *why)
{
    int err = uv_loop_init(&load->net.loop);
    if (err < 0)
        return errmsg_set(why, err, "cannot make a loop: %s", err_text(err));
    load->start_ns = clock_monotonic_ns();
    load_display_init(&load->display, stderr);
    enter_phase(load, LOAD_CONNECTING);
    if (load->options->is_pull)
        err = start_serving(load, why);
    if (err == 0)
        err = start_sending(load, why);
    if (err == 0) {
        start_timers(load);
    } else {
        metronome_close(&load->video);
        load->serve = load_serve_close(load->serve);
    }
    (void)uv_run(&load->net.loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&load->net.loop);
    return err;
}

const struct load_result *load_get_result(const struct load *load)
{
    return &load->result;
}
