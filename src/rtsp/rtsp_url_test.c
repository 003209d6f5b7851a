#include "rtsp/rtsp_url.h"

#include <errno.h>

#include "base/test.h"

#define A50  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A255 A50 A50 A50 A50 A50 "aaaaa"

static void a_url_names_a_path(void **state)
{
    static const struct {
        const char *in, *base, *raw_path, *path, *query;
    } cases[] = {
        { "rtsp://host/cam1", "rtsp://host", "cam1", "cam1", "" },
        { "rtsp://host:8554/cam1", "rtsp://host:8554", "cam1", "cam1", "" },
        { "rtsps://[::1]:8322/cam1", "rtsps://[::1]:8322", "cam1", "cam1", "" },
        { "rtsp://user:pass@host/cam1", "rtsp://user:pass@host", "cam1", "cam1", "" },
        { "rtsp://host/a/b/c", "rtsp://host", "a/b/c", "a/b/c", "" },
        { "rtsp://host", "rtsp://host", "", "", "" },
        { "rtsp://host/", "rtsp://host", "", "", "" },

        { "rtsp://host/cam1/", "rtsp://host", "cam1", "cam1", "" },
        { "rtsp://host/cam1//", "rtsp://host", "cam1/", "cam1/", "" },
        { "rtsp://host//cam1", "rtsp://host", "/cam1", "/cam1", "" },
        { "rtsp://host/cam1?x=1", "rtsp://host", "cam1", "cam1", "x=1" },
        { "rtsp://host/cam1?x=1/", "rtsp://host", "cam1", "cam1", "x=1" },
        { "rtsp://host/cam1?x=1&u=a/b/", "rtsp://host", "cam1", "cam1", "x=1&u=a/b" },
        { "rtsp://host/cam1?", "rtsp://host", "cam1", "cam1", "" },
        { "rtsp://host?x=1", "rtsp://host", "", "", "x=1" },

        { "rtsp://host/a%20b", "rtsp://host", "a%20b", "a b", "" },
        { "rtsp://host/a%2Fb", "rtsp://host", "a%2Fb", "a/b", "" },
        { "rtsp://host/%C3%A9?q=%20", "rtsp://host", "%C3%A9", "\xc3\xa9", "q=%20" },
        { "rtsp://host/" A255, "rtsp://host", A255, A255, "" },
        { "rtsp://host/" A50 "%61" A50 A50 A50 A50 "aaaa", "rtsp://host",
          A50 "%61" A50 A50 A50                A50 "aaaa", A255, "" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rtsp_url url;
        CHECK(rtsp_url_parse(span_from_string(cases[i].in), &url) == 0, cases[i].in);
        CHECK(span_is(url.base, cases[i].base), cases[i].in);
        CHECK(span_is(url.raw_path, cases[i].raw_path), cases[i].in);
        CHECK(strcmp(url.path, cases[i].path) == 0, cases[i].in);
        CHECK(span_is(url.query, cases[i].query), cases[i].in);
    }
}

static void what_names_none_is_refused(void **state)
{
    static const struct {
        const char *name;
        struct span in;
    } cases[] = {
        { "nothing", BYTES("") },
        { "any", BYTES("*") },
        { "a path alone", BYTES("/cam1") },
        { "no authority", BYTES("rtsp:cam1") },
        { "no host", BYTES("rtsp:///cam1") },
        { "a bad port", BYTES("rtsp://host:x/cam1") },
        { "a blank", BYTES("rtsp://host/cam 1") },
        { "a bad escape", BYTES("rtsp://host/cam%1") },
        { "half an escape", BYTES("rtsp://host/cam%") },
        { "an escaped NUL", BYTES("rtsp://host/cam%001") },
        { "a NUL", BYTES("rtsp://host/cam\0001") },
        { "too long a path", BYTES("rtsp://host/" A255 "a") },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rtsp_url url;
        CHECK(rtsp_url_parse(cases[i].in, &url) == -EINVAL, cases[i].name);
    }
}

static void the_control_is_cut_off(void **state)
{
    static const struct {
        const char *in, *path, *query, *control;
    } cases[] = {
        { "rtsp://h/cam1/trackID=0", "cam1", "", "trackID=0" },
        { "rtsp://h/cam1/trackID=0/", "cam1", "", "trackID=0" },
        { "rtsp://h/a/b/trackID=1", "a/b", "", "trackID=1" },
        { "rtsp://h/cam1/trackID=0?x=1", "cam1", "x=1", "trackID=0" },
        { "rtsp://h/cam1?x=1/trackID=0", "cam1", "x=1", "trackID=0" },
        { "rtsp://h/cam1?x=1/trackID=0/", "cam1", "x=1", "trackID=0" },
        { "rtsp://h/cam1?/trackID=0", "cam1", "", "trackID=0" },
        { "rtsp://h/a%20b/trackID=0", "a b", "", "trackID=0" },
        { "rtsp://h/a%2Fb/trackID=0", "a/b", "", "trackID=0" },
        { "rtsp://h//trackID=0", "", "", "trackID=0" },

        { "rtsp://h/cam1?u=a/b/trackID=0", "cam1", "u=a/b", "trackID=0" },
        { "rtsp://h/cam1/trackID=0?u=a/b", "cam1", "u=a/b", "trackID=0" },
        { "rtsp://h/x/trackID=1?u=a/trackID=0", "x/trackID=1", "u=a", "trackID=0" },
        { "rtsp://h/cam1?u=a/streamid=0", "cam1", "u=a", "streamid=0" },
        { "rtsp://h/cam1/streamid=0?u=a", "cam1", "u=a", "streamid=0" },
        { "rtsp://h/cam1/", NULL, NULL, NULL },
        { "rtsp://h/cam1", NULL, NULL, NULL },
        { "rtsp://h/trackID=0", NULL, NULL, NULL },
        { "rtsp://h", NULL, NULL, NULL },
        { "rtsp://h/cam1?x=1", NULL, NULL, NULL },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rtsp_url url;
        struct span     control = BYTES("untouched");
        CHECK(rtsp_url_parse(span_from_string(cases[i].in), &url) == 0, cases[i].in);
        int err = rtsp_url_cut_control(&url, &control);
        CHECK(err == (cases[i].control ? 0 : -ENOENT), cases[i].in);
        CHECK(span_is(control, cases[i].control ? cases[i].control : "untouched"), cases[i].in);
        if (err < 0)
            continue;
        CHECK(strcmp(url.path, cases[i].path) == 0, cases[i].in);
        CHECK(span_is(url.query, cases[i].query), cases[i].in);
    }
}

static void controls_name_tracks(void **state)
{
    static const struct {
        const char *in;
        int         want; /* negative: refused */
    } cases[] = {
        { "trackID=0", 0 },         { "trackID=15", 15 },
        { "trackID=255", 255 },     { "trackID=007", 7 },
        { "trackID=256", -EINVAL }, { "trackID=99999999999999999999", -EINVAL },
        { "trackID=", -EINVAL },    { "trackID=-1", -EINVAL },
        { "trackID=1a", -EINVAL },  { "trackID", -EINVAL },
        { "trackid=1", -EINVAL },   { "xtrackID=1", -EINVAL },
        { "streamid=1", -EINVAL },  { "", -EINVAL },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        unsigned track = 77;
        int      err = rtsp_url_parse_track(span_from_string(cases[i].in), &track);
        CHECK(err == (cases[i].want < 0 ? -EINVAL : 0), cases[i].in);
        CHECK(track == (cases[i].want < 0 ? 77 : (unsigned)cases[i].want), cases[i].in);
    }
}

TESTS(a_url_names_a_path, what_names_none_is_refused, the_control_is_cut_off, controls_name_tracks)
