#include "load/load_result.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>

#include "base/check.h"
#include "base/clock.h"

enum {
    LATE_PER_MILLE = 1, /* of the frames; more, and the generator was not steady */
    BUSY_PERCENT = 90,  /* of a core */
    MEGA = 1000000,
};

/* What the table of figures points into. */
struct values {
    double streams, frames, packets, packets_per_s, mbit_per_s, skipped;
    double readers, got_packets, got_packets_per_s, got_mbit_per_s, got_frames, got_keyframes;
    double decrypted;
    double lost, late, again, broken, forged, frames_lost, frames_cut, frames_again, foreign, blank;
    double freezes, frozen_ms;
    double setup_p50, setup_p99, setup_max;
    double first_packet_p50, first_packet_p99, first_packet_max;
    double first_frame_p50, first_frame_max, first_keyframe_p50, first_keyframe_max;
    double delay_p50, delay_p99, delay_max;
    double server_cpu, rss, rss_per_stream, pss, peak_rss, threads;
    double own_cpu, late_frames, max_late_ms, blocked, overflowed, seconds;
};

#define AT(field) offsetof(struct values, field)

static const struct rule {
    enum load_group group;
    unsigned        decimals;
    const char     *key, *label, *unit;
    size_t          at;
} rules[] = {
    { LOAD_GROUP_SENT, 0, "streams", "streams", "", AT(streams) },
    { LOAD_GROUP_SENT, 0, "frames", "frames", "", AT(frames) },
    { LOAD_GROUP_SENT, 0, "packets", "packets", "", AT(packets) },
    { LOAD_GROUP_SENT, 0, "packets_per_s", "packets a second", "/s", AT(packets_per_s) },
    { LOAD_GROUP_SENT, 2, "mbit_per_s", "RTP", "Mbit/s", AT(mbit_per_s) },
    { LOAD_GROUP_SENT, 0, "frames_skipped", "frames the server did not take", "", AT(skipped) },

    { LOAD_GROUP_DELIVERED, 0, "readers", "readers", "", AT(readers) },
    { LOAD_GROUP_DELIVERED, 0, "frames", "frames", "", AT(got_frames) },
    { LOAD_GROUP_DELIVERED, 0, "keyframes", "of these, keyframes", "", AT(got_keyframes) },
    { LOAD_GROUP_DELIVERED, 0, "packets", "packets", "", AT(got_packets) },
    { LOAD_GROUP_DELIVERED, 0, "packets_per_s", "packets a second", "/s", AT(got_packets_per_s) },
    { LOAD_GROUP_DELIVERED, 2, "mbit_per_s", "RTP", "Mbit/s", AT(got_mbit_per_s) },
    { LOAD_GROUP_DELIVERED, 0, "packets_decrypted", "packets decrypted", "", AT(decrypted) },

    { LOAD_GROUP_LOST, 0, "packets_lost", "packets lost", "", AT(lost) },
    { LOAD_GROUP_LOST, 0, "packets_late", "packets out of order", "", AT(late) },
    { LOAD_GROUP_LOST, 0, "packets_duplicate", "packets twice", "", AT(again) },
    { LOAD_GROUP_LOST, 0, "packets_broken", "packets that are no RTP", "", AT(broken) },
    { LOAD_GROUP_LOST, 0, "packets_forged", "packets that are not authentic", "", AT(forged) },
    { LOAD_GROUP_LOST, 0, "frames_lost", "frames lost", "", AT(frames_lost) },
    { LOAD_GROUP_LOST, 0, "frames_cut", "frames of which a part came", "", AT(frames_cut) },
    { LOAD_GROUP_LOST, 0, "frames_duplicate", "frames twice", "", AT(frames_again) },
    { LOAD_GROUP_LOST, 0, "frames_foreign", "frames of another stream", "", AT(foreign) },
    { LOAD_GROUP_LOST, 0, "readers_blank", "readers without a picture", "", AT(blank) },
    { LOAD_GROUP_LOST, 0, "freezes", "freezes", "", AT(freezes) },
    { LOAD_GROUP_LOST, 0, "frozen_ms", "frozen in all", "ms", AT(frozen_ms) },

    { LOAD_GROUP_TIMES, 2, "setup_p50_ms", "set-up p50", "ms", AT(setup_p50) },
    { LOAD_GROUP_TIMES, 2, "setup_p99_ms", "set-up p99", "ms", AT(setup_p99) },
    { LOAD_GROUP_TIMES, 2, "setup_max_ms", "set-up max", "ms", AT(setup_max) },
    { LOAD_GROUP_TIMES, 2, "first_packet_p50_ms", "first packet p50", "ms", AT(first_packet_p50) },
    { LOAD_GROUP_TIMES, 2, "first_packet_p99_ms", "first packet p99", "ms", AT(first_packet_p99) },
    { LOAD_GROUP_TIMES, 2, "first_packet_max_ms", "first packet max", "ms", AT(first_packet_max) },
    { LOAD_GROUP_TIMES, 1, "first_frame_p50_ms", "first frame p50", "ms", AT(first_frame_p50) },
    { LOAD_GROUP_TIMES, 1, "first_frame_max_ms", "first frame max", "ms", AT(first_frame_max) },
    { LOAD_GROUP_TIMES, 1, "first_keyframe_p50_ms", "first keyframe p50", "ms",
      AT(first_keyframe_p50) },
    { LOAD_GROUP_TIMES, 1, "first_keyframe_max_ms", "first keyframe max", "ms",
      AT(first_keyframe_max) },
    { LOAD_GROUP_TIMES, 3, "delay_p50_ms", "delay p50", "ms", AT(delay_p50) },
    { LOAD_GROUP_TIMES, 3, "delay_p99_ms", "delay p99", "ms", AT(delay_p99) },
    { LOAD_GROUP_TIMES, 3, "delay_max_ms", "delay max", "ms", AT(delay_max) },

    { LOAD_GROUP_SERVER, 2, "cpu_percent", "CPU", "% of a core", AT(server_cpu) },
    { LOAD_GROUP_SERVER, 2, "rss_mib", "resident memory", "MiB", AT(rss) },
    { LOAD_GROUP_SERVER, 1, "rss_kib_per_stream", "resident memory a stream", "KiB",
      AT(rss_per_stream) },
    { LOAD_GROUP_SERVER, 2, "peak_rss_mib", "resident memory, peak", "MiB", AT(peak_rss) },
    { LOAD_GROUP_SERVER, 2, "pss_mib", "proportional memory", "MiB", AT(pss) },
    { LOAD_GROUP_SERVER, 0, "threads", "threads", "", AT(threads) },

    { LOAD_GROUP_GENERATOR, 2, "measured_s", "measured", "s", AT(seconds) },
    { LOAD_GROUP_GENERATOR, 1, "cpu_percent", "its own CPU", "% of a core", AT(own_cpu) },
    { LOAD_GROUP_GENERATOR, 0, "frames_late", "frames written over 5 ms late", "",
      AT(late_frames) },
    { LOAD_GROUP_GENERATOR, 2, "max_late_ms", "latest write", "ms", AT(max_late_ms) },
    { LOAD_GROUP_GENERATOR, 0, "blocked_sends", "writes that found the socket full", "",
      AT(blocked) },
    { LOAD_GROUP_GENERATOR, 0, "overflowed", "datagrams its own sockets dropped", "",
      AT(overflowed) },
};
_Static_assert(COUNT(rules) <= LOAD_MAX_FIGURES, "all figures fit");

static double ms(int64_t ns)
{
    return (double)ns / (double)NS_PER_MS;
}

static double quantile_ms(const struct histogram *histogram, double fraction)
{
    return histogram->count ? ms(histogram_quantile(histogram, fraction)) : NAN;
}

static double ratio(double value, double by)
{
    return by > 0 ? value / by : NAN;
}

static double known(int64_t value)
{
    return value == PROC_UNKNOWN ? NAN : (double)value;
}

static double known_difference(int64_t from, int64_t to)
{
    return known(to) - known(from);
}

static double mib(int64_t bytes)
{
    return known(bytes) / (1 << 20);
}

static bool has_server(const struct load_result *result)
{
    return result->begin.has_server && result->end.has_server;
}

static double seconds_of(const struct load_result *result)
{
    return (double)(result->end.at_ns - result->begin.at_ns) / (double)NS_PER_S;
}

static void compute_traffic(const struct load_result *result, struct values *v)
{
    const struct load_sent     *sent[] = { &result->begin.sent, &result->end.sent };
    const struct load_received *got[] = { &result->begin.received, &result->end.received };
    v->seconds = seconds_of(result);
    v->streams = result->streams_live;
    v->frames = (double)(sent[1]->frames - sent[0]->frames);
    v->packets = (double)(sent[1]->packets - sent[0]->packets);
    v->packets_per_s = ratio(v->packets, v->seconds);
    v->mbit_per_s = ratio((double)(sent[1]->bytes - sent[0]->bytes) * 8 / MEGA, v->seconds);
    v->skipped = (double)sent[1]->skipped;
    v->readers = result->readers_live;
    v->got_frames = (double)(got[1]->frames - got[0]->frames);
    v->got_keyframes = (double)(got[1]->keyframes - got[0]->keyframes);
    v->got_packets = (double)(got[1]->packets - got[0]->packets);
    v->got_packets_per_s = ratio(v->got_packets, v->seconds);
    v->got_mbit_per_s = ratio((double)(got[1]->bytes - got[0]->bytes) * 8 / MEGA, v->seconds);
    v->decrypted = result->srtp_profile ? (double)(got[1]->decrypted - got[0]->decrypted) : NAN;
    v->own_cpu =
        ratio((double)(result->end.own_cpu_ns - result->begin.own_cpu_ns) * 100 / (double)NS_PER_S,
              v->seconds);
    v->late_frames = (double)(sent[1]->late - sent[0]->late);
    v->max_late_ms = ms(sent[1]->max_late_ns);
    v->blocked = (double)(result->end.blocked_sends - result->begin.blocked_sends);
}

static void compute_losses(const struct load_result *result, struct values *v)
{
    const struct load_received *all = &result->received;
    v->lost = (double)all->packets_lost;
    v->late = (double)all->packets_late;
    v->again = (double)all->packets_again;
    v->broken = (double)all->broken;
    v->forged = (double)all->forged;
    v->overflowed = (double)all->overflowed;
    v->frames_lost = (double)all->frames_lost;
    v->frames_cut = (double)all->frames_cut;
    v->frames_again = (double)all->frames_again;
    v->foreign = (double)all->frames_foreign;
    v->blank = result->readers_blank;
    v->freezes = (double)all->freezes;
    v->frozen_ms = ms((int64_t)all->frozen_ns);
}

static void compute_times(const struct load_times *times, struct values *v)
{
    v->setup_p50 = quantile_ms(&times->setup, 0.5);
    v->setup_p99 = quantile_ms(&times->setup, 0.99);
    v->setup_max = quantile_ms(&times->setup, 1);
    v->first_packet_p50 = quantile_ms(&times->first_packet, 0.5);
    v->first_packet_p99 = quantile_ms(&times->first_packet, 0.99);
    v->first_packet_max = quantile_ms(&times->first_packet, 1);
    v->first_frame_p50 = quantile_ms(&times->first_frame, 0.5);
    v->first_frame_max = quantile_ms(&times->first_frame, 1);
    v->first_keyframe_p50 = quantile_ms(&times->first_keyframe, 0.5);
    v->first_keyframe_max = quantile_ms(&times->first_keyframe, 1);
    v->delay_p50 = quantile_ms(&times->delay, 0.5);
    v->delay_p99 = quantile_ms(&times->delay, 0.99);
    v->delay_max = quantile_ms(&times->delay, 1);
}

static void compute_server(const struct load_result *result, struct values *v)
{
    const struct proc_stat *from = &result->begin.server, *to = &result->end.server;
    v->server_cpu = v->rss = v->rss_per_stream = v->pss = v->peak_rss = v->threads = NAN;
    if (!has_server(result))
        return;
    v->server_cpu = ratio((double)(to->cpu_ns - from->cpu_ns) * 100 / (double)NS_PER_S, v->seconds);
    v->rss = mib(to->rss_bytes);
    v->rss_per_stream = ratio(v->rss * 1024, v->streams);
    v->peak_rss = mib(to->peak_rss_bytes);
    v->pss = mib(result->pss_bytes);
    v->threads = known(to->threads);
}

static void add_cost(struct load_figures *out, const struct values *v, const char *key,
                     const char *label, double total)
{
    /* With readers a packet counts when it is delivered, else when it is received. */
    double packets = v->readers > 0 ? v->got_packets : v->packets;
    double mbit = (v->readers > 0 ? v->got_mbit_per_s : v->mbit_per_s) * v->seconds;
    out->costs[out->cost_count++] = (struct load_cost){
        .key = key,
        .label = label,
        .total = total,
        .per_packet = ratio(total, packets),
        .per_mbit = ratio(total, mbit),
        .per_stream_s = ratio(total, v->streams * v->seconds),
    };
}

static void compute_costs(const struct load_result *result, const struct values *v,
                          struct load_figures *out)
{
    const struct proc_stat *from = &result->begin.server, *to = &result->end.server;
    if (!has_server(result))
        return;
    /* The kernel's ticks tell the shares; the sum is known exactly. */
    double total_us = (double)(to->cpu_ns - from->cpu_ns) / (double)NS_PER_US;
    double user = (double)(to->user_ns - from->user_ns);
    double system = (double)(to->system_ns - from->system_ns);
    add_cost(out, v, "cpu_us", "CPU, us", total_us);
    add_cost(out, v, "cpu_user_us", "  in the program", total_us * ratio(user, user + system));
    add_cost(out, v, "cpu_system_us", "  in the kernel", total_us * ratio(system, user + system));
    add_cost(out, v, "read_calls", "read() and its kin",
             known_difference(from->read_calls, to->read_calls));
    add_cost(out, v, "write_calls", "write(), writev()",
             known_difference(from->write_calls, to->write_calls));
    add_cost(out, v, "switches_voluntary", "switches, it waited",
             known_difference(from->switches_voluntary, to->switches_voluntary));
    add_cost(out, v, "switches_involuntary", "switches, preempted",
             known_difference(from->switches_involuntary, to->switches_involuntary));
}

__attribute__((format(printf, 2, 3))) static void add_note(struct load_figures *out,
                                                           const char          *format, ...)
{
    ASSERT(out->note_count < LOAD_MAX_NOTES);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(out->notes[out->note_count++], ERRMSG_SIZE, format, args);
    va_end(args);
}

static void compute_notes(const struct load_result *result, const struct values *v,
                          struct load_figures *out)
{
    if (result->refused.count > 0)
        add_note(out, "%u connections never got media; the first: %s", result->refused.count,
                 result->refused.first.text);
    if (result->broken.count > 0)
        add_note(out, "%u connections were lost while media flowed; the first: %s",
                 result->broken.count, result->broken.first.text);
    if (result->was_interrupted)
        add_note(out, "interrupted: %.1f s were measured", v->seconds);
    if (v->late_frames * 1000 > v->frames * LATE_PER_MILLE)
        add_note(out,
                 "the generator itself was a bottleneck: %.0f of %.0f frames were written "
                 "more than 5 ms late, the latest %.1f ms",
                 v->late_frames, v->frames, v->max_late_ms);
    if (v->own_cpu > BUSY_PERCENT)
        add_note(out, "the generator itself was a bottleneck: it used %.0f %% of its core",
                 v->own_cpu);
    if (v->overflowed > 0)
        add_note(out,
                 "the generator itself was a bottleneck: its own sockets had no room for %.0f "
                 "datagrams, which count as lost",
                 v->overflowed);
    if (v->blocked > 0)
        add_note(out, "the server read too slowly: %.0f writes found the socket full", v->blocked);
    if (v->frames_cut > 0 && v->lost == 0)
        add_note(out, "frames are cut although no sequence number is missing: the server makes "
                      "other packets than it received, or renumbers what is left");
    if (result->options->pid && !has_server(result))
        add_note(out, "process %u could not be observed to the end",
                 (unsigned)result->options->pid);
}
_Static_assert(LOAD_MAX_NOTES == 9, "compute_notes() has nine");

void load_result_compute(const struct load_result *result, struct load_figures *out)
{
    struct values v = { 0 };
    *out = (struct load_figures){ 0 };
    compute_traffic(result, &v);
    compute_losses(result, &v);
    compute_times(result->times, &v);
    compute_server(result, &v);
    for (size_t i = 0; i < COUNT(rules); i++) {
        const struct rule *rule = &rules[i];
        out->figures[out->figure_count++] = (struct load_figure){
            .group = rule->group,
            .key = rule->key,
            .label = rule->label,
            .unit = rule->unit,
            .decimals = rule->decimals,
            .value = *(const double *)((const char *)&v + rule->at),
        };
    }
    compute_costs(result, &v, out);
    compute_notes(result, &v, out);
}

int load_result_exit_code(const struct load_result *result)
{
    const struct load_received *all = &result->received;
    if (result->refused.count > 0)
        return LOAD_EXIT_FAILED;
    bool lost = all->packets_lost || all->broken || all->forged || all->frames_lost ||
                all->frames_cut || all->frames_foreign || all->freezes || result->readers_blank ||
                result->broken.count || result->end.sent.skipped;
    return lost ? LOAD_EXIT_LOST : LOAD_EXIT_OK;
}
