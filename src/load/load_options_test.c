#include "load/load_options.h"

#include "base/clock.h"
#include "base/test.h"

enum { MAX_ARGS = 8 };

static int parse(const char *const *args, struct load_options *out, struct errmsg *why)
{
    char *argv[MAX_ARGS + 2] = { "load" };
    int   argc = 1;
    while (args[argc - 1]) {
        argv[argc] = (char *)args[argc - 1];
        argc++;
    }
    return load_options_parse(argc, argv, out, why);
}

static void defaults_are_a_whole_load(void **state)
{
    struct load_options o;
    CHECK(parse((const char *const[]){ NULL }, &o, NULL) == 0, "no option");
    CHECK(strcmp(o.url, "rtsp://127.0.0.1:8554/cam%d") == 0 && strcmp(o.listen, ":8600") == 0,
          "addresses");
    CHECK(o.streams == 1 && o.readers == 0 && o.bitrate_bps == 1000000, "load");
    CHECK(o.fps_milli == 25000 && o.keyframe_interval_ns == 2000000000, "frames");
    CHECK(o.keyframe_ratio_milli == 4000 && o.width == 1280 && o.height == 720, "pictures");
    CHECK(o.packet_size == 1200 && o.write == LOAD_WRITE_FRAME, "packets");
    CHECK(o.ramp_ns == 1000000000 && o.duration_ns == 30000000000, "times");
    CHECK(o.timeout_ns == 10000000000 && o.seed == 1 && o.pid == 0, "the rest");
    CHECK(!o.user, "nobody");
    CHECK(!o.whep && o.srtp == LOAD_SRTP_ANY && o.decrypt_every == 1, "over WebRTC");
    CHECK(!o.has_audio && !o.is_pull && !o.wants_json && !o.wants_help, "flags");
}

static void numbers_have_units(void **state)
{
    static const struct {
        const char *args[3];
        size_t      at;
        uint64_t    want;
    } cases[] = {
        { { "--streams", "64" }, offsetof(struct load_options, streams), 64 },
        { { "--streams=10000" }, offsetof(struct load_options, streams), 10000 },
        { { "--readers", "0" }, offsetof(struct load_options, readers), 0 },
        { { "--bitrate", "4M" }, offsetof(struct load_options, bitrate_bps), 4000000 },
        { { "--bitrate", "1.5M" }, offsetof(struct load_options, bitrate_bps), 1500000 },
        { { "--bitrate", "64k" }, offsetof(struct load_options, bitrate_bps), 64000 },
        { { "--bitrate", "1G" }, offsetof(struct load_options, bitrate_bps), 1000000000 },
        { { "--bitrate", "123457" }, offsetof(struct load_options, bitrate_bps), 123457 },
        { { "--fps", "29.97" }, offsetof(struct load_options, fps_milli), 29970 },
        { { "--fps", "12.5" }, offsetof(struct load_options, fps_milli), 12500 },
        { { "--keyframe-ratio", "0.5" }, offsetof(struct load_options, keyframe_ratio_milli), 500 },
        { { "--keyframe-interval", "500ms" },
          offsetof(struct load_options, keyframe_interval_ns),
          500 * NS_PER_MS },
        { { "--duration", "1.5s" }, offsetof(struct load_options, duration_ns), 1500 * NS_PER_MS },
        { { "--duration", "2m" }, offsetof(struct load_options, duration_ns), 120 * NS_PER_S },
        { { "--duration", "1h" }, offsetof(struct load_options, duration_ns), 3600 * NS_PER_S },
        { { "--ramp", "0s" }, offsetof(struct load_options, ramp_ns), 0 },
        { { "--size", "7680x4320" }, offsetof(struct load_options, height), 4320 },
        { { "--write", "packet" }, offsetof(struct load_options, write), LOAD_WRITE_PACKET },
        { { "--seed", "18446744073709551615" }, offsetof(struct load_options, seed), UINT64_MAX },
        { { "--srtp", "any" }, offsetof(struct load_options, srtp), LOAD_SRTP_ANY },
        { { "--srtp", "gcm" }, offsetof(struct load_options, srtp), LOAD_SRTP_GCM },
        { { "--srtp", "gcm256" }, offsetof(struct load_options, srtp), LOAD_SRTP_GCM256 },
        { { "--srtp=cm" }, offsetof(struct load_options, srtp), LOAD_SRTP_CM },
        { { "--decrypt-every", "8" }, offsetof(struct load_options, decrypt_every), 8 },
        { { "--transport", "tcp" }, offsetof(struct load_options, transport), LOAD_TCP },
        { { "--transport", "udp" }, offsetof(struct load_options, transport), LOAD_UDP },
        { { "--transport=udp-in" }, offsetof(struct load_options, transport), LOAD_UDP_IN },
        { { "--transport=udp-out" }, offsetof(struct load_options, transport), LOAD_UDP_OUT },
        { { "--pid=17" }, offsetof(struct load_options, pid), 17 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct load_options o;
        struct errmsg       why = { "" };
        CHECK(parse(cases[i].args, &o, &why) == 0, cases[i].args[0]);
        uint64_t got = *(const uint64_t *)((const char *)&o + cases[i].at);
        CHECK(got == cases[i].want, cases[i].args[0]);
    }
}

static void flags_are_set(void **state)
{
    struct load_options o;
    CHECK(parse((const char *const[]){ "--pull", "--audio", "--json", NULL }, &o, NULL) == 0,
          "all");
    CHECK(o.is_pull && o.has_audio && o.wants_json && !o.wants_help, "set");
    CHECK(parse((const char *const[]){ "--help", NULL }, &o, NULL) == 0 && o.wants_help, "help");
}

static void mistakes_are_explained(void **state)
{
    static const struct {
        const char *args[MAX_ARGS];
        const char *says;
    } cases[] = {
        { { "--strems", "64" }, "'--strems' is no option" },
        { { "64" }, "'64' is no option" },
        { { "--streams" }, "needs a value" },
        { { "--streams", "many" }, "is no number" },
        { { "--streams", "" }, "is no number" },
        { { "--streams", "1.5" }, "is no number" },
        { { "--streams", "-1" }, "is no number" },
        { { "--streams", "0" }, "too small" },
        { { "--streams", "10001", "--url", "rtsp://h/%d" }, "too large" },
        { { "--seed", "18446744073709551616" }, "is no number" },
        { { "--bitrate", "4m" }, "is no number" },
        { { "--bitrate", "M" }, "is no number" },
        { { "--bitrate", "1.2345M" }, "is no number" },
        { { "--bitrate", "1." }, "is no number" },
        { { "--bitrate", "18446744073709551615G" }, "is no number" },
        { { "--bitrate", "1000G" }, "too large" },
        { { "--transport", "rtp" }, "is none of tcp|udp|udp-in|udp-out" },
        { { "--transport", "udp", "--pull" }, "over TCP only" },
        { { "--transport", "udp-in", "--pull" }, "over TCP only" },
        { { "--transport", "udp-out", "--whep", "http://h:8889" }, "readers by --whep" },
        { { "--fps", "0.5" }, "too small" },
        { { "--duration", "30" }, "is no time with its unit; write it like 30s" },
        { { "--duration", "30 s" }, "is no time" },
        { { "--duration", "0s" }, "too small" },
        { { "--size", "1280" }, "write it like 1280x720" },
        { { "--size", "1280x720x1" }, "write it like 1280x720" },
        { { "--size", "x720" }, "write it like 1280x720" },
        { { "--write", "byte" }, "'byte' is none of frame|packet" },
        { { "--srtp", "gcm|cm" }, "'gcm|cm' is none of any|gcm|gcm256|cm" },
        { { "--srtp", "" }, "'' is none of" },
        { { "--decrypt-every", "0" }, "too small" },
        { { "--whep", "https://h/" }, "is not like http://" },
        { { "--whep", "http:///cam" }, "is not like http://" },
        { { "--whep", "http://h/cam/whep", "--streams", "2", "--url", "rtsp://h/%d" },
          "need a %d in its path" },
        { { "--packet-size", "199" }, "too small" },
        { { "--user", "name" }, "--user: write it like NAME:PASSWORD" },
        { { "--user", ":secret" }, "--user: write it like NAME:PASSWORD" },
        { { "--user", "\"name\":secret" }, "--user: a name has no quotes" },
        { { "--user", "na\\me:secret" }, "--user: a name has no quotes" },
        { { "--user", "name:sec\nret" }, "--user: a name has no quotes" },
        { { "--pull=yes" }, "takes no value" },
        { { "--url", "http://h/cam" }, "is not like rtsp://" },
        { { "--url", "rtsp://h:8554" }, "is not like rtsp://" },
        { { "--url", "cam" }, "is not like rtsp://" },
        { { "--url", "rtsp://h/cam", "--streams", "2" }, "need a %d" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct load_options o = { .streams = 77 };
        struct errmsg       why = { "" };
        const char         *name = cases[i].args[1] ? cases[i].args[1] : cases[i].args[0];
        CHECK(parse(cases[i].args, &o, &why) < 0, name);
        CHECK(strstr(why.text, cases[i].says), name);
        CHECK(!strstr(why.text, "secret"), name);
        CHECK(o.streams == 77, "nothing is written on failure");
    }
}

static void passwords_may_have_any_sign(void **state)
{
    static const char *const good[] = { "name:pass", "name:", "a b:\"p:\\'@", "\xc3\xa4:\xc3\xa4" };
    for (size_t i = 0; i < COUNT(good); i++) {
        struct load_options o;
        struct errmsg       why = { "" };
        CHECK(parse((const char *const[]){ "--user", good[i], NULL }, &o, &why) == 0, good[i]);
        CHECK(strcmp(o.user, good[i]) == 0, good[i]);
    }
}

static void viewers_may_be_told_where_to_ask(void **state)
{
    static const char *const good[][5] = {
        { "--whep", "http://127.0.0.1:8889", "--streams", "2" },
        { "--whep", "http://[::1]:8889/", "--streams", "2" },
        { "--whep", "http://h/cam%d/whep", "--streams", "2" },
        { "--whep", "http://h/cam/whep" },
    };
    for (size_t i = 0; i < COUNT(good); i++) {
        struct load_options o;
        struct errmsg       why = { "" };
        CHECK(parse(good[i], &o, &why) == 0, why.text);
        CHECK(strcmp(o.whep, good[i][1]) == 0, good[i][1]);
    }
}

TESTS(viewers_may_be_told_where_to_ask, defaults_are_a_whole_load, numbers_have_units,
      flags_are_set, passwords_may_have_any_sign, mistakes_are_explained)
