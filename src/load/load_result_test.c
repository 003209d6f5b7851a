#include "load/load_result.h"

#include <math.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/test.h"
#include "load/load_report.h"

/* Two streams with a reader each, 10 s, a server that used half a second. */
static struct load_times   times;
static struct load_options options = { .url = "rtsp://h/\"cam\"%d",
                                       .streams = 2,
                                       .readers = 1,
                                       .bitrate_bps = 1000000,
                                       .fps_milli = 25000,
                                       .width = 1280,
                                       .height = 720,
                                       .pid = 42 };

static struct load_result new_result(void)
{
    times = (struct load_times){ 0 };
    histogram_add(&times.delay, 400 * NS_PER_US);
    return (struct load_result){
        .options = &options,
        .times = &times,
        .pss_bytes = PROC_UNKNOWN,
        .streams_live = 2,
        .readers_live = 2,
        .begin = { .at_ns = 5 * NS_PER_S,
                   .sent = { .frames = 50, .packets = 200, .bytes = 240000 },
                   .received = { .frames = 40, .packets = 160, .bytes = 190000 },
                   .own_cpu_ns = NS_PER_S,
                   .has_server = true,
                   .server = { .cpu_ns = NS_PER_S, .read_calls = 10 } },
        .end = { .at_ns = 15 * NS_PER_S,
                 .sent = { .frames = 550, .packets = 2200, .bytes = 2740000 },
                 .received = { .frames = 540, .packets = 2160, .bytes = 2690000 },
                 .own_cpu_ns = 2 * NS_PER_S,
                 .has_server = true,
                 .server = { .cpu_ns = 1500 * NS_PER_MS,
                             .user_ns = 100 * NS_PER_MS,
                             .system_ns = 300 * NS_PER_MS,
                             .read_calls = 2010,
                             .rss_bytes = 20 << 20,
                             .write_calls = -1 } },
    };
}

static double figure(const struct load_figures *figures, enum load_group group, const char *key)
{
    for (unsigned i = 0; i < figures->figure_count; i++)
        if (figures->figures[i].group == group && strcmp(figures->figures[i].key, key) == 0)
            return figures->figures[i].value;
    fail_msg("no figure %s", key);
    return NAN;
}

static const struct load_cost *cost(const struct load_figures *figures, const char *key)
{
    for (unsigned i = 0; i < figures->cost_count; i++)
        if (strcmp(figures->costs[i].key, key) == 0)
            return &figures->costs[i];
    fail_msg("no cost %s", key);
    return NULL;
}

static bool is_near(double a, double b)
{
    return fabs(a - b) < 1e-9 * MAX(fabs(a), 1.0);
}

static void figures_are_differences_over_the_measured_time(void **state)
{
    struct load_result  result = new_result();
    struct load_figures f;
    load_result_compute(&result, &f);
    static const struct {
        enum load_group group;
        const char     *key;
        double          want;
    } cases[] = {
        { LOAD_GROUP_SENT, "frames", 500 },
        { LOAD_GROUP_SENT, "packets_per_s", 200 },
        { LOAD_GROUP_SENT, "mbit_per_s", 2 },
        { LOAD_GROUP_DELIVERED, "packets", 2000 },
        { LOAD_GROUP_DELIVERED, "mbit_per_s", 2 },
        { LOAD_GROUP_TIMES, "delay_max_ms", 0.4 },
        { LOAD_GROUP_SERVER, "cpu_percent", 5 },
        { LOAD_GROUP_SERVER, "rss_mib", 20 },
        { LOAD_GROUP_SERVER, "rss_kib_per_stream", 10240 },
        { LOAD_GROUP_GENERATOR, "measured_s", 10 },
        { LOAD_GROUP_GENERATOR, "cpu_percent", 10 },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK(is_near(figure(&f, cases[i].group, cases[i].key), cases[i].want), cases[i].key);
    CHECK(isnan(figure(&f, LOAD_GROUP_SERVER, "pss_mib")), "the kernel hides it");
    CHECK(isnan(figure(&f, LOAD_GROUP_TIMES, "setup_p50_ms")), "nothing was measured");
}

static void costs_are_in_proportion_to_the_load(void **state)
{
    struct load_result  result = new_result();
    struct load_figures f;
    load_result_compute(&result, &f);
    const struct load_cost *cpu = cost(&f, "cpu_us");
    CHECK(is_near(cpu->total, 500000), "total");
    CHECK(is_near(cpu->per_packet, 250), "2000 packets were delivered");
    CHECK(is_near(cpu->per_mbit, 25000), "20 Mbit were delivered");
    CHECK(is_near(cpu->per_stream_s, 25000), "2 streams, 10 s");
    CHECK(is_near(cost(&f, "cpu_user_us")->total, 125000), "a quarter of the ticks");
    CHECK(is_near(cost(&f, "cpu_system_us")->total, 375000), "three quarters");
    CHECK(is_near(cost(&f, "read_calls")->per_packet, 1), "calls");
    CHECK(isnan(cost(&f, "write_calls")->total), "the kernel hides it");

    result.readers_live = 0;
    result.end.sent.packets = 1200;
    load_result_compute(&result, &f);
    CHECK(is_near(cost(&f, "cpu_us")->per_packet, 500), "received ones, when nobody reads");

    result.end.has_server = false;
    load_result_compute(&result, &f);
    CHECK(f.cost_count == 0, "a server that went away costs nothing known");
}

static void notes_tell_what_to_doubt(void **state)
{
    struct load_result  result = new_result();
    struct load_figures f;
    load_result_compute(&result, &f);
    CHECK(f.note_count == 0, "nothing to doubt");

    result.end.sent.late = 1;
    result.end.sent.max_late_ns = 7 * NS_PER_MS;
    load_result_compute(&result, &f);
    CHECK(f.note_count == 1 && strstr(f.notes[0], "1 of 500 frames"), "late");

    result = new_result();
    result.end.own_cpu_ns += 9 * NS_PER_S;
    load_result_compute(&result, &f);
    CHECK(f.note_count == 1 && strstr(f.notes[0], "100 % of its core"), "busy");

    result = new_result();
    result.refused = (struct load_failures){ 3, { "no answer" } };
    result.broken = (struct load_failures){ 1, { "EOF" } };
    result.was_interrupted = true;
    result.end.sent.late = 500;
    result.end.own_cpu_ns += 9 * NS_PER_S;
    result.end.blocked_sends = 1;
    result.received.overflowed = 1;
    result.received.frames_cut = 1;
    result.end.has_server = false;
    load_result_compute(&result, &f);
    CHECK(f.note_count == LOAD_MAX_NOTES, "all of them");
}

static void exit_codes(void **state)
{
    struct load_result r = new_result();
    CHECK(load_result_exit_code(&r) == 0, "nothing lost");
    r.received.packets_late = r.received.packets_again = 1;
    CHECK(load_result_exit_code(&r) == 0, "out of order is not lost");
    uint64_t *const losses[] = { &r.received.packets_lost,   &r.received.broken,
                                 &r.received.frames_lost,    &r.received.frames_cut,
                                 &r.received.forged,         &r.received.freezes,
                                 &r.received.frames_foreign, &r.end.sent.skipped };
    for (size_t i = 0; i < COUNT(losses); i++) {
        *losses[i] = 1;
        CHECK(load_result_exit_code(&r) == 2, "a loss");
        *losses[i] = 0;
    }
    r.readers_blank = 1;
    CHECK(load_result_exit_code(&r) == 2, "no picture");
    r.readers_blank = 0;
    r.broken.count = 1;
    CHECK(load_result_exit_code(&r) == 2, "cut off");
    r.refused.count = 1;
    CHECK(load_result_exit_code(&r) == 1, "could not connect");
}

static unsigned count(const char *text, char c)
{
    unsigned n = 0;
    for (; *text; text++)
        n += *text == c;
    return n;
}

static void reports_hold_the_figures(void **state)
{
    struct load_result result = new_result();
    result.refused = (struct load_failures){ 1, { "a \"word\" \\ \n \xff" } };
    AUTO(buf_fini) struct buf text = { 0 };
    AUTO(buf_fini) struct buf json = { 0 };
    load_report_write_text(&result, &text);
    load_report_write_json(&result, &json);
    const char *t = buf_string(&text), *j = buf_string(&json);
    CHECK(strstr(t, "CPU, us") && strstr(t, "250.00"), "cost a packet");
    CHECK(strstr(t, "! 1 connections never got media"), "note");
    CHECK(strstr(j, "\"url\": \"rtsp://h/\\\"cam\\\"%d\""), "quotes are escaped");
    CHECK(strstr(j, "a \\\"word\\\" \\\\ \\u000a \\u00ff"), "so are control characters");
    CHECK(strstr(j, "\"pss_mib\": null"), "what is not known is null");
    CHECK(strstr(j, "\"cpu_us\": {\"total\": 500000.000, \"per_packet\": 250.000000"), "cost");
    CHECK(strstr(j, "\"exit_code\": 1"), "exit code");
    CHECK(count(j, '{') == count(j, '}') && count(j, '[') == count(j, ']'), "braces");
    CHECK(!strstr(j, "nan") && !strstr(j, ",}") && !strstr(j, ", }"), "valid JSON");
}

static void reports_say_how_it_was_read(void **state)
{
    static const struct {
        uint64_t    decrypt_every;
        const char *profile, *text, *json;
    } cases[] = {
        { 1, "SRTP_AEAD_AES_128_GCM",
          "read over WebRTC, SRTP_AEAD_AES_128_GCM; every packet is authenticated and decrypted\n",
          "\"srtp_profile\": \"SRTP_AEAD_AES_128_GCM\", \"decrypt_every\": 1" },
        { 8, NULL, "read over WebRTC, no SRTP; after the first keyframe, one frame in 8 is",
          "\"srtp_profile\": \"no SRTP\", \"decrypt_every\": 8" },
    };
    struct load_options by_rtsp = options;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct load_result        result = new_result();
        AUTO(buf_fini) struct buf text = { 0 };
        AUTO(buf_fini) struct buf json = { 0 };
        options.whep = "http://h:8889";
        options.decrypt_every = cases[i].decrypt_every;
        result.srtp_profile = cases[i].profile;
        result.end.received.decrypted = 500;
        load_report_write_text(&result, &text);
        load_report_write_json(&result, &json);
        CHECK(strstr(buf_string(&text), cases[i].text), cases[i].text);
        CHECK(strstr(buf_string(&json), cases[i].json), cases[i].json);
        CHECK(strstr(buf_string(&json), "\"readers_by\": \"webrtc\""), "webrtc");
        CHECK(strstr(buf_string(&json), cases[i].profile ? "\"packets_decrypted\": 500"
                                                         : "\"packets_decrypted\": null"),
              "of that time");
        options = by_rtsp;
    }
}

TESTS(reports_say_how_it_was_read, figures_are_differences_over_the_measured_time,
      costs_are_in_proportion_to_the_load, notes_tell_what_to_doubt, exit_codes,
      reports_hold_the_figures)
