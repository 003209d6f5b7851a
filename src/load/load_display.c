#include "load/load_display.h"

#include <inttypes.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"

#define PLAIN_INTERVAL_NS (5 * NS_PER_S)
enum { TERMINAL_LINES = 4 };

struct rates {
    double sent_packets, sent_mbit, got_packets, got_mbit, server_cpu;
};

void load_display_init(struct load_display *display, FILE *file)
{
    *display = (struct load_display){ .file = file, .is_terminal = isatty(fileno(file)) == 1 };
    display->last.at_ns = clock_monotonic_ns();
}

bool load_display_is_due(const struct load_display *display, int64_t now_ns)
{
    return display->is_terminal || now_ns - display->last.at_ns >= PLAIN_INTERVAL_NS;
}

static struct rates compute_rates(const struct load_snapshot *from, const struct load_snapshot *to)
{
    double seconds = MAX((double)(to->at_ns - from->at_ns) / (double)NS_PER_S, 1e-6);
    bool   has_server = from->has_server && to->has_server;
    return (struct rates){
        .sent_packets = (double)(to->sent.packets - from->sent.packets) / seconds,
        .sent_mbit = (double)(to->sent.bytes - from->sent.bytes) * 8e-6 / seconds,
        .got_packets = (double)(to->received.packets - from->received.packets) / seconds,
        .got_mbit = (double)(to->received.bytes - from->received.bytes) * 8e-6 / seconds,
        .server_cpu = has_server ? (double)(to->server.cpu_ns - from->server.cpu_ns) * 100 /
                                       (double)NS_PER_S / seconds
                                 : 0,
    };
}

static double quantile_ms(const struct load_view *view, double fraction)
{
    return (double)histogram_quantile(view->delay, fraction) / (double)NS_PER_MS;
}

static void draw_terminal(struct load_display *display, const struct load_view *view,
                          const struct rates *rates)
{
    const struct load_snapshot *now = view->now;
    FILE                       *file = display->file;
    if (display->is_drawn)
        (void)fprintf(file, "\033[%dA", TERMINAL_LINES);
    (void)fprintf(file, "\033[K%-10s %6.0f s", view->phase,
                  (double)view->elapsed_ns / (double)NS_PER_S);
    if (view->planned_ns > 0)
        (void)fprintf(file, " of %.0f s", (double)view->planned_ns / (double)NS_PER_S);
    (void)fprintf(
        file, "\n\033[Ksent       %5u/%-5u %9.0f packets/s %9.2f Mbit/s  late %" PRIu64 "\n",
        view->streams_live, view->streams, rates->sent_packets, rates->sent_mbit, now->sent.late);
    (void)fprintf(file,
                  "\033[Kdelivered  %5u/%-5u %9.0f packets/s %9.2f Mbit/s  lost %" PRIu64
                  "  freezes %" PRIu64 "\n",
                  view->readers_live, view->readers, rates->got_packets, rates->got_mbit,
                  now->received.packets_lost, now->received.freezes);
    (void)fprintf(file, "\033[Kdelay p50 %.2f ms, p99 %.2f ms, max %.2f ms", quantile_ms(view, 0.5),
                  quantile_ms(view, 0.99), quantile_ms(view, 1));
    if (now->has_server)
        (void)fprintf(file, "; server %.1f %% CPU, %.1f MiB", rates->server_cpu,
                      (double)now->server.rss_bytes / (1 << 20));
    (void)fputs("\n", file);
}

static void draw_line(struct load_display *display, const struct load_view *view,
                      const struct rates *rates)
{
    const struct load_snapshot *now = view->now;
    (void)fprintf(display->file,
                  "%s %.0f s: sent %u/%u %.0f/s, delivered %u/%u %.0f/s, lost %" PRIu64
                  ", freezes %" PRIu64 ", "
                  "delay p50 %.2f p99 %.2f ms\n",
                  view->phase, (double)view->elapsed_ns / (double)NS_PER_S, view->streams_live,
                  view->streams, rates->sent_packets, view->readers_live, view->readers,
                  rates->got_packets, now->received.packets_lost, now->received.freezes,
                  quantile_ms(view, 0.5), quantile_ms(view, 0.99));
}

void load_display_draw(struct load_display *display, const struct load_view *view)
{
    struct rates rates = compute_rates(&display->last, view->now);
    if (display->is_terminal)
        draw_terminal(display, view, &rates);
    else
        draw_line(display, view, &rates);
    (void)fflush(display->file);
    display->is_drawn = true;
    display->last = *view->now;
}
