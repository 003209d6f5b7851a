#include "load/load_report.h"

#include <inttypes.h>
#include <math.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/crash.h"

static const struct group {
    const char *key, *title;
} groups[LOAD_GROUP_COUNT] = {
    [LOAD_GROUP_SENT] = { "sent", "sent" },
    [LOAD_GROUP_DELIVERED] = { "delivered", "delivered" },
    [LOAD_GROUP_LOST] = { "lost", "lost (whole run)" },
    [LOAD_GROUP_TIMES] = { "times", "times" },
    [LOAD_GROUP_SERVER] = { "server", "server" },
    [LOAD_GROUP_GENERATOR] = { "generator", "generator" },
};

static bool has_readers(const struct load_result *result)
{
    return result->options->readers > 0;
}

/* A table of dashes tells nobody anything. */
static bool is_group_shown(const struct load_result *result, enum load_group group)
{
    switch (group) {
    case LOAD_GROUP_DELIVERED:
    case LOAD_GROUP_LOST:
    case LOAD_GROUP_TIMES:
        return has_readers(result);
    case LOAD_GROUP_SERVER:
        return result->options->pid != 0;
    default:
        return true;
    }
}

static void write_title(const struct load_result *result, struct buf *out)
{
    const struct load_options *o = result->options;
    buf_printf(out,
               "%" PRIu64 " streams of %.3f Mbit/s, %" PRIu64 "x%" PRIu64
               " at %.4g frames/s%s, %" PRIu64 " readers each\n",
               o->streams, (double)o->bitrate_bps / 1e6, o->width, o->height,
               (double)o->fps_milli / 1000, o->has_audio ? " with audio" : "", o->readers);
    buf_printf(out,
               "a keyframe of %" PRIu64 " bytes every %u frames, the others have %" PRIu64
               " bytes; written by %s; seed %" PRIu64 "\n",
               result->plan.keyframe_bytes, result->plan.gop, result->plan.repeat_bytes,
               o->write == LOAD_WRITE_PACKET ? "packet" : "frame", o->seed);
}

static const char *profile_of(const struct load_result *result)
{
    return result->srtp_profile ? result->srtp_profile : "no SRTP";
}

static void write_way(const struct load_result *result, struct buf *out)
{
    const struct load_options *o = result->options;
    if (!o->whep)
        return;
    buf_printf(out, "read over WebRTC, %s; ", profile_of(result));
    if (o->decrypt_every == 1)
        buf_append_string(out, "every packet is authenticated and decrypted\n");
    else
        buf_printf(out,
                   "after the first keyframe, one frame in %" PRIu64
                   " is authenticated and decrypted\n",
                   o->decrypt_every);
}

static void write_value(struct buf *out, int width, double value, unsigned decimals)
{
    if (isnan(value))
        buf_printf(out, "%*s", width, "-");
    else
        buf_printf(out, "%*.*f", width, (int)decimals, value);
}

static void write_group(const struct load_figures *figures, enum load_group group, struct buf *out)
{
    buf_printf(out, "\n%s\n", groups[group].title);
    for (unsigned i = 0; i < figures->figure_count; i++) {
        const struct load_figure *figure = &figures->figures[i];
        if (figure->group != group)
            continue;
        buf_printf(out, "  %-34s", figure->label);
        write_value(out, 14, figure->value, figure->decimals);
        buf_printf(out, "%s%s\n", figure->unit[0] ? " " : "", figure->unit);
    }
}

static unsigned decimals_for(double value)
{
    return fabs(value) >= 1000 ? 0 : fabs(value) >= 10 ? 2 : 4;
}

static void write_costs(const struct load_result *result, const struct load_figures *figures,
                        struct buf *out)
{
    buf_printf(out, "\n%-26s %13s %13s %13s %13s\n", "cost to the server", "in all",
               has_readers(result) ? "a packet out" : "a packet in", "a Mbit", "a stream & s");
    for (unsigned i = 0; i < figures->cost_count; i++) {
        const struct load_cost *cost = &figures->costs[i];
        const double            values[] = { cost->total, cost->per_packet, cost->per_mbit,
                                             cost->per_stream_s };
        buf_printf(out, "  %-24s", cost->label);
        for (size_t j = 0; j < COUNT(values); j++)
            write_value(out, 14, values[j], decimals_for(values[j]));
        buf_append_string(out, "\n");
    }
}

void load_report_write_text(const struct load_result *result, struct buf *out)
{
    struct load_figures figures;
    load_result_compute(result, &figures);
    write_title(result, out);
    write_way(result, out);
    for (unsigned group = 0; group < LOAD_GROUP_COUNT; group++)
        if (is_group_shown(result, group))
            write_group(&figures, group, out);
    if (figures.cost_count > 0)
        write_costs(result, &figures, out);
    for (unsigned i = 0; i < figures.note_count; i++)
        buf_printf(out, "%s! %s\n", i == 0 ? "\n" : "", figures.notes[i]);
}

static void write_json_string(struct buf *out, const char *text)
{
    buf_append_string(out, "\"");
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c < ' ' || c >= 0x7f) /* a server's words need not be UTF-8 */
            buf_printf(out, "\\u%04x", c);
        else
            buf_append(out, (struct span){ (const uint8_t *)p, 1 });
    }
    buf_append_string(out, "\"");
}

static void write_json_number(struct buf *out, const char *key, double value, unsigned decimals)
{
    if (isnan(value))
        buf_printf(out, "\"%s\": null", key);
    else
        buf_printf(out, "\"%s\": %.*f", key, (int)decimals, value);
}

static void write_json_load(const struct load_result *result, struct buf *out)
{
    const struct load_options *o = result->options;
    buf_printf(out, "  \"load\": {\"url\": ");
    write_json_string(out, o->url);
    buf_printf(out,
               ", \"pull\": %s, \"readers_by\": \"%s\", \"transport\": \"%s\""
               ", \"streams\": %" PRIu64 ", \"readers_per_stream\": %" PRIu64
               ", \"bitrate_bps\": %" PRIu64 ", \"fps\": %.3f",
               o->is_pull ? "true" : "false", o->whep ? "webrtc" : "rtsp",
               load_transport_name(o->transport), o->streams, o->readers, o->bitrate_bps,
               (double)o->fps_milli / 1000);
    buf_printf(out,
               ", \"width\": %" PRIu64 ", \"height\": %" PRIu64
               ", \"keyframe_interval_frames\": %u, \"keyframe_bytes\": %" PRIu64
               ", \"frame_bytes\": %" PRIu64,
               o->width, o->height, result->plan.gop, result->plan.keyframe_bytes,
               result->plan.repeat_bytes);
    if (o->whep)
        buf_printf(out, ", \"srtp_profile\": \"%s\", \"decrypt_every\": %" PRIu64,
                   profile_of(result), o->decrypt_every);
    buf_printf(out,
               ", \"audio\": %s, \"write\": \"%s\", \"packet_bytes\": %" PRIu64
               ", \"seed\": %" PRIu64 ", \"build_id\": \"%s\"},\n",
               o->has_audio ? "true" : "false", o->write == LOAD_WRITE_PACKET ? "packet" : "frame",
               o->packet_size, o->seed, crash_build_id());
}

static void write_json_group(const struct load_figures *figures, enum load_group group,
                             struct buf *out)
{
    const char *separator = "";
    buf_printf(out, "  \"%s\": {", groups[group].key);
    for (unsigned i = 0; i < figures->figure_count; i++) {
        const struct load_figure *figure = &figures->figures[i];
        if (figure->group != group)
            continue;
        buf_append_string(out, separator);
        write_json_number(out, figure->key, figure->value, figure->decimals);
        separator = ", ";
    }
    buf_append_string(out, "},\n");
}

static void write_json_costs(const struct load_figures *figures, struct buf *out)
{
    buf_append_string(out, "  \"costs\": {");
    for (unsigned i = 0; i < figures->cost_count; i++) {
        const struct load_cost *cost = &figures->costs[i];
        buf_printf(out, "%s\n    \"%s\": {", i ? "," : "", cost->key);
        write_json_number(out, "total", cost->total, 3);
        buf_append_string(out, ", ");
        write_json_number(out, "per_packet", cost->per_packet, 6);
        buf_append_string(out, ", ");
        write_json_number(out, "per_mbit", cost->per_mbit, 6);
        buf_append_string(out, ", ");
        write_json_number(out, "per_stream_s", cost->per_stream_s, 6);
        buf_append_string(out, "}");
    }
    buf_append_string(out, "},\n");
}

void load_report_write_json(const struct load_result *result, struct buf *out)
{
    struct load_figures figures;
    load_result_compute(result, &figures);
    buf_append_string(out, "{\n");
    write_json_load(result, out);
    for (unsigned group = 0; group < LOAD_GROUP_COUNT; group++)
        write_json_group(&figures, group, out);
    write_json_costs(&figures, out);
    buf_append_string(out, "  \"notes\": [");
    for (unsigned i = 0; i < figures.note_count; i++) {
        buf_append_string(out, i ? ", " : "");
        write_json_string(out, figures.notes[i]);
    }
    buf_printf(out, "],\n  \"exit_code\": %d\n}\n", load_result_exit_code(result));
}
