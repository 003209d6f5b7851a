#include "load/load_options.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/span.h"
#include "http/url.h"

/* What a number may end in, and how much that is in the unit of the option's field. */
struct unit {
    const char *suffix;
    uint64_t    scale;
};

static const struct unit counts[] = { { "", 1 }, { NULL, 0 } };
static const struct unit thousandths[] = { { "", 1000 }, { NULL, 0 } };
static const struct unit rates[] = {
    { "", 1 }, { "k", 1000 }, { "M", 1000000 }, { "G", 1000000000 }, { NULL, 0 },
};
static const struct unit durations[] = {
    { "ms", NS_PER_MS },      { "s", NS_PER_S }, { "m", 60 * NS_PER_S },
    { "h", 3600 * NS_PER_S }, { NULL, 0 },
};

enum kind { TEXT, NUMBER, SIZE, CHOICE, FLAG };

#define AT(field)     offsetof(struct load_options, field)
#define SECONDS(n)    ((n) * (uint64_t)NS_PER_S)
#define ANY_NUMBER    UINT64_MAX
#define NO_NUMBER     NULL, 0, 0
#define MAX_BITRATE   UINT64_C(1000000000)
#define MAX_FPS_MILLI 1000000

static const struct option {
    const char        *name;
    const char        *value; /* its name in the help; of a CHOICE: all that there are */
    enum kind          kind;
    size_t             at;
    const char        *standard; /* what it is when it is not said */
    const struct unit *units;
    uint64_t           min, max;
    const char        *help;
} options[] = {
    { "--url", "URL", TEXT, AT(url), "rtsp://127.0.0.1:8554/cam%d", NO_NUMBER,
      "the streams; %d is their number, from 1" },
    { "--streams", "N", NUMBER, AT(streams), "1", counts, 1, 10000, "streams to publish" },
    { "--readers", "N", NUMBER, AT(readers), "0", counts, 0, 10000, "readers of each stream" },
    { "--bitrate", "RATE", NUMBER, AT(bitrate_bps), "1M", rates, 1000, MAX_BITRATE,
      "video of each stream, in bits a second" },
    { "--fps", "N", NUMBER, AT(fps_milli), "25", thousandths, 1000, MAX_FPS_MILLI,
      "frames a second; may be a fraction, like 29.97" },
    { "--keyframe-interval", "TIME", NUMBER, AT(keyframe_interval_ns), "2s", durations, 1,
      SECONDS(3600), "from one keyframe to the next" },
    { "--keyframe-ratio", "N", NUMBER, AT(keyframe_ratio_milli), "4", thousandths, 100, 10000000,
      "size of a keyframe, in other frames" },
    { "--size", "WxH", SIZE, AT(width), "1280x720", NO_NUMBER, "resolution, both even" },
    { "--audio", NULL, FLAG, AT(has_audio), NULL, NO_NUMBER,
      "an Opus track of 64 kbit/s beside the video" },
    { "--write", "frame|packet", CHOICE, AT(write), "frame", NO_NUMBER,
      "system calls: one for each frame, or one for each packet" },
    { "--transport", "tcp|udp|udp-in|udp-out", CHOICE, AT(transport), "tcp", NO_NUMBER,
      "of media by RTSP: udp for all, for publishers or for readers" },
    { "--packet-size", "BYTES", NUMBER, AT(packet_size), "1200", counts, 200, 65535,
      "largest RTP packet" },
    { "--ramp", "TIME", NUMBER, AT(ramp_ns), "1s", durations, 0, SECONDS(3600),
      "over which publishers, then readers, connect" },
    { "--duration", "TIME", NUMBER, AT(duration_ns), "30s", durations, NS_PER_MS, SECONDS(2592000),
      "measured, after all have connected" },
    { "--timeout", "TIME", NUMBER, AT(timeout_ns), "10s", durations, NS_PER_MS, SECONDS(3600),
      "for connecting, and for the first picture" },
    { "--seed", "N", NUMBER, AT(seed), "1", counts, 0, ANY_NUMBER,
      "of phases, SSRCs and first sequence numbers" },
    { "--pull", NULL, FLAG, AT(is_pull), NULL, NO_NUMBER,
      "serve the streams for a server that pulls them, instead of publishing" },
    { "--listen", "HOST:PORT", TEXT, AT(listen), ":8600", NO_NUMBER,
      "where --pull serves them, under the path of --url" },
    { "--whep", "URL", TEXT, AT(whep), NULL, NO_NUMBER,
      "read over WebRTC: http://host:8889, or the whole URL, with %d" },
    { "--user", "NAME:PASSWORD", TEXT, AT(user), NULL, NO_NUMBER,
      "for servers that ask for one; other users of this machine can read it" },
    { "--srtp", "any|gcm|gcm256|cm", CHOICE, AT(srtp), "any", NO_NUMBER,
      "what --whep offers to be encrypted with" },
    { "--decrypt-every", "N", NUMBER, AT(decrypt_every), "1", counts, 1, 1000,
      "of --whep: authenticate and decrypt one frame in N only" },
    { "--pid", "PID", NUMBER, AT(pid), "0", counts, 0, INT32_MAX,
      "of the server, on this host: tells its CPU, memory, threads, calls" },
    { "--json", NULL, FLAG, AT(wants_json), NULL, NO_NUMBER, "report as JSON" },
    { "--help", NULL, FLAG, AT(wants_help), NULL, NO_NUMBER, "this text" },
};

static void *place(struct load_options *out, const struct option *option)
{
    return (char *)out + option->at;
}

/* "29.97" to 29970; at most 3 decimals, at least one digit. */
static int read_milli(struct span text, uint64_t *out)
{
    struct span whole = text, fraction = { 0 };
    ptrdiff_t   dot = span_find(text, '.');
    if (dot >= 0) {
        whole = span_first(text, (size_t)dot);
        fraction = span_skip(text, (size_t)dot + 1);
        if (fraction.len == 0 || fraction.len > 3)
            return -EINVAL;
    }
    uint64_t thousands, rest = 0;
    int      err = span_to_uint(whole, UINT64_MAX / 1000 - 1, &thousands);
    if (err == 0 && dot >= 0)
        err = span_to_uint(fraction, 999, &rest);
    for (size_t i = fraction.len; i < 3; i++)
        rest *= 10;
    if (err == 0)
        *out = thousands * 1000 + rest;
    return err;
}

static const struct unit *find_unit(const struct unit *units, struct span suffix)
{
    for (; units->suffix; units++)
        if (span_is(suffix, units->suffix))
            return units;
    return NULL;
}

static int read_number(struct span text, const struct option *option, uint64_t *out)
{
    size_t digits = 0;
    while (digits < text.len && strchr("0123456789.", text.p[digits]))
        digits++;
    /* A count needs no thousandths, and a seed may be as large as its type. */
    if (option->units == counts)
        return span_to_uint(text, UINT64_MAX, out);
    uint64_t           milli = 0;
    const struct unit *unit = find_unit(option->units, span_skip(text, digits));
    if (!unit || read_milli(span_first(text, digits), &milli) < 0)
        return -EINVAL;
    unsigned __int128 value = (unsigned __int128)milli * unit->scale;
    if (value % 1000 != 0 || value / 1000 > UINT64_MAX)
        return -EINVAL;
    *out = (uint64_t)(value / 1000);
    return 0;
}

static int set_number(const struct option *option, struct span text, struct load_options *out,
                      struct errmsg *why)
{
    uint64_t value;
    if (read_number(text, option, &value) < 0)
        return errmsg_set(
            why, -EINVAL, "%s: '%.*s' is no %s; write it like %s", option->name, SPAN_ARGS(text),
            option->units == durations ? "time with its unit" : "number", option->standard);
    if (value < option->min || value > option->max)
        return errmsg_set(why, -EINVAL, "%s: '%.*s' is too %s", option->name, SPAN_ARGS(text),
                          value < option->min ? "small" : "large");
    *(uint64_t *)place(out, option) = value;
    return 0;
}

static int set_size(const struct option *option, struct span text, struct load_options *out,
                    struct errmsg *why)
{
    struct span width = { 0 };
    uint64_t    w, h;
    (void)span_next(&text, 'x', &width);
    if (span_to_uint(width, INT32_MAX, &w) < 0 || span_to_uint(text, INT32_MAX, &h) < 0)
        return errmsg_set(why, -EINVAL, "%s: write it like %s", option->name, option->standard);
    out->width = w;
    out->height = h;
    return 0;
}

/* The number of the alternative, in the order of the help. */
static int set_choice(const struct option *option, struct span text, struct load_options *out,
                      struct errmsg *why)
{
    struct span rest = span_from_string(option->value), choice;
    for (uint64_t i = 0; span_next(&rest, '|', &choice); i++) {
        if (!span_equal(choice, text))
            continue;
        *(uint64_t *)place(out, option) = i;
        return 0;
    }
    return errmsg_set(why, -EINVAL, "%s: '%.*s' is none of %s", option->name, SPAN_ARGS(text),
                      option->value);
}

static int set_option(const struct option *option, const char *value, struct load_options *out,
                      struct errmsg *why)
{
    struct span text = span_from_string(value);
    switch (option->kind) {
    case TEXT:
        *(const char **)place(out, option) = value;
        return 0;
    case NUMBER:
        return set_number(option, text, out, why);
    case SIZE:
        return set_size(option, text, out, why);
    case CHOICE:
        return set_choice(option, text, out, why);
    case FLAG:
        *(bool *)place(out, option) = true;
        return 0;
    }
    return -EINVAL;
}

static const struct option *find_option(struct span name)
{
    for (size_t i = 0; i < COUNT(options); i++)
        if (span_is(name, options[i].name))
            return &options[i];
    return NULL;
}

/* "--name value", "--name=value" or "--flag". Returns how many arguments were used. */
static int read_argument(char **argv, struct load_options *out, struct errmsg *why)
{
    struct span          name = span_from_string(argv[0]);
    ptrdiff_t            equals = span_find(name, '=');
    const struct option *option = find_option(equals < 0 ? name : span_first(name, (size_t)equals));
    if (!option)
        return errmsg_set(why, -EINVAL, "'%s' is no option; --help lists them", argv[0]);
    bool        is_flag = option->kind == FLAG;
    const char *value = equals < 0 ? (is_flag ? NULL : argv[1]) : argv[0] + equals + 1;
    if (is_flag && value)
        return errmsg_set(why, -EINVAL, "%s takes no value", option->name);
    if (!is_flag && !value)
        return errmsg_set(why, -EINVAL, "%s needs a value: %s", option->name, option->value);
    int err = set_option(option, value, out, why);
    return err < 0 ? err : is_flag || equals >= 0 ? 1 : 2;
}

static bool read_url(const char *text, const char *scheme, struct url *out)
{
    return url_parse(span_from_string(text), out) == 0 && span_is(out->scheme, scheme) &&
           out->host.len > 0;
}

static int check_whep(const struct load_options *options, struct errmsg *why)
{
    struct url url;
    if (!read_url(options->whep, "http", &url))
        return errmsg_set(why, -EINVAL, "--whep: '%s' is not like http://host:8889", options->whep);
    if (options->streams > 1 && url.path.len > 0 && !strstr(options->whep, "%d"))
        return errmsg_set(why, -EINVAL,
                          "--whep: several streams need a %%d in its path, or no path");
    return 0;
}

/* What is wrong may be a password, and is not repeated. */
static int check_user(const char *text, struct errmsg *why)
{
    const char *colon = strchr(text, ':');
    if (!colon || colon == text)
        return errmsg_set(why, -EINVAL, "--user: write it like NAME:PASSWORD");
    for (const char *at = text; *at; at++) {
        bool is_sign = at < colon && (*at == '"' || *at == '\\');
        if ((unsigned char)*at < ' ' || *at == 0x7f || is_sign)
            return errmsg_set(why, -EINVAL,
                              "--user: a name has no quotes, backslashes or control characters");
    }
    return 0;
}

const char *load_transport_name(enum load_transport transport)
{
    static const char *const names[] = {
        [LOAD_TCP] = "tcp", [LOAD_UDP] = "udp", [LOAD_UDP_IN] = "udp-in", [LOAD_UDP_OUT] = "udp-out"
    };
    return names[transport];
}

/* Who is served by --pull, or reads over WebRTC, has no such choice. */
static int check_transport(const struct load_options *options, struct errmsg *why)
{
    bool is_in = options->transport == LOAD_UDP || options->transport == LOAD_UDP_IN;
    bool is_out = options->transport == LOAD_UDP || options->transport == LOAD_UDP_OUT;
    if (is_in && options->is_pull)
        return errmsg_set(why, -EINVAL, "--transport: --pull serves its streams over TCP only");
    if (is_out && options->whep)
        return errmsg_set(why, -EINVAL,
                          "--transport: readers by --whep have their own; udp-in is for "
                          "publishers alone");
    return 0;
}

static int check_together(const struct load_options *options, struct errmsg *why)
{
    struct url url;
    if (options->user && check_user(options->user, why) < 0)
        return -EINVAL;
    if (!read_url(options->url, "rtsp", &url) || url.path.len == 0)
        return errmsg_set(why, -EINVAL, "--url: '%s' is not like rtsp://host:8554/path",
                          options->url);
    if (options->streams > 1 && !strstr(options->url, "%d"))
        return errmsg_set(why, -EINVAL,
                          "--url: several streams need a %%d in it: rtsp://host/cam%%d");
    int err = check_transport(options, why);
    return err == 0 && options->whep ? check_whep(options, why) : err;
}

int load_options_parse(int argc, char **argv, struct load_options *out, struct errmsg *why)
{
    struct load_options parsed = { 0 };
    for (size_t i = 0; i < COUNT(options); i++) {
        if (!options[i].standard)
            continue;
        int err = set_option(&options[i], options[i].standard, &parsed, NULL);
        ASSERT(err == 0);
    }
    for (int i = 1; i < argc;) {
        int used = read_argument(argv + i, &parsed, why);
        if (used < 0)
            return used;
        i += used;
    }
    int err = parsed.wants_help ? 0 : check_together(&parsed, why);
    if (err == 0)
        *out = parsed;
    return err;
}

static const char help_head[] =
    "usage: millrace load [OPTION]...\n"
    "\n"
    "Sends streams of a known bitrate to an RTSP server, or lets it pull them, reads them\n"
    "back by RTSP or over WebRTC, and reports what was lost, how late it came and what it\n"
    "cost the server.\n"
    "\n";

static const char help_tail[] =
    "\n"
    "Times end in ms, s, m or h; rates may end in k, M or G.\n"
    "\n"
    "Exit status: 0 when nothing was lost; 1 when the arguments are wrong or a connection\n"
    "failed; 2 when packets or frames were lost or the picture froze.\n"
    "\n"
    "  millrace load --streams 64 --readers 1 --pid $(pidof millrace)\n"
    "  millrace load --url rtsp://127.0.0.1:8554/live --bitrate 4M --readers 100 --duration 1m\n"
    "  millrace load --streams 25 --readers 8 --whep http://127.0.0.1:8889\n";

void load_options_print_help(FILE *file)
{
    (void)fputs(help_head, file);
    for (size_t i = 0; i < COUNT(options); i++) {
        const struct option *option = &options[i];
        int used = fprintf(file, "  %s %s", option->name, option->value ? option->value : "");
        (void)fprintf(file, "%*s%s", MAX(29 - used, 1), "", option->help);
        if (option->standard)
            (void)fprintf(file, " (%s)", option->standard);
        (void)fputc('\n', file);
    }
    (void)fputs(help_tail, file);
}
