#include "load/load_url.h"

#include "base/auto.h"
#include "base/test.h"

static void numbers_take_their_place(void **state)
{
    static const struct {
        const char *name, *pattern;
        uint32_t    number;
        const char *want;
    } cases[] = {
        { "at the end", "rtsp://h:8554/cam%d", 1, "rtsp://h:8554/cam1" },
        { "in the middle", "rtsp://h/live/%d/main?x=1", 64, "rtsp://h/live/64/main?x=1" },
        { "the first of two", "%d%d", 7, "7%d" },
        { "none", "rtsp://h/cam", 1, "rtsp://h/cam" },
        { "an escape is no place", "rtsp://h/a%20b%d", 3, "rtsp://h/a%20b3" },
        { "empty", "", 3, "" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO(buf_fini) struct buf out = { 0 };
        load_url_expand(&out, span_from_string(cases[i].pattern), cases[i].number);
        CHECK(strcmp(buf_string(&out), cases[i].want) == 0, cases[i].name);
    }
}

static void controls_join_their_base(void **state)
{
    static const struct {
        const char *name, *base, *control, *want;
    } cases[] = {
        { "relative", "rtsp://h/cam", "trackID=0", "rtsp://h/cam/trackID=0" },
        { "base with slash", "rtsp://h/cam/", "trackID=0", "rtsp://h/cam/trackID=0" },
        { "control with slash", "rtsp://h/cam", "/trackID=0", "rtsp://h/cam/trackID=0" },
        { "both with slash", "rtsp://h/cam/", "/trackID=0", "rtsp://h/cam/trackID=0" },
        { "absolute", "rtsp://h/cam/", "rtsp://i/x", "rtsp://i/x" },
        { "base with query", "rtsp://h/cam?x=1", "trackID=0", "rtsp://h/cam?x=1/trackID=0" },
        { "empty", "rtsp://h/cam/", "", "rtsp://h/cam/" },
        { "aggregate", "rtsp://h/cam", "*", "rtsp://h/cam" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO(buf_fini) struct buf out = { 0 };
        load_url_join(&out, span_from_string(cases[i].base), span_from_string(cases[i].control));
        CHECK(strcmp(buf_string(&out), cases[i].want) == 0, cases[i].name);
    }
}

TESTS(numbers_take_their_place, controls_join_their_base)
