#include "load/load_url.h"

#include <errno.h>

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

static void endpoints_have_the_path_of_their_stream(void **state)
{
    static const struct {
        const char *name, *endpoint, *stream, *want;
    } cases[] = {
        { "host only", "http://h:8889", "rtsp://h:8554/cam%d", "http://h:8889/cam3/whep" },
        { "with a slash", "http://h:8889/", "rtsp://h/a/cam%d", "http://h:8889/a/cam3/whep" },
        { "password and query", "http://u:p@h:8889", "rtsp://h/cam?x=1", "http://h:8889/cam/whep" },
        { "whole", "http://h/rtc/whep/?app=live&s=%d", "rtsp://h/cam%d",
          "http://h/rtc/whep/?app=live&s=3" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO(buf_fini) struct buf out = { 0 };
        load_url_whep(&out, span_from_string(cases[i].endpoint), span_from_string(cases[i].stream),
                      3);
        CHECK(strcmp(buf_string(&out), cases[i].want) == 0, cases[i].name);
    }
}

static void requests_have_parts_of_the_url(void **state)
{
    static const struct {
        const char *url, *authority, *target;
    } cases[] = {
        { "http://h:8889/cam/whep", "h:8889", "/cam/whep" },
        { "http://[::1]:8889/cam", "[::1]:8889", "/cam" },
        { "http://user:pass@h/cam?a=b&c=d", "h", "/cam?a=b&c=d" },
        { "http://h/a@b", "h", "/a@b" },
        { "http://h/a#b", "h", "/a" },
        { "http://h?x=1", "h", "/?x=1" },
        { "http://h", "h", "/" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO(buf_fini) struct buf out = { 0 };
        struct span               url = span_from_string(cases[i].url);
        load_url_target(&out, url);
        CHECK(strcmp(buf_string(&out), cases[i].target) == 0, cases[i].url);
        CHECK(span_is(load_url_authority(url), cases[i].authority), cases[i].url);
    }
}

static void locations_are_resolved(void **state)
{
    static const struct {
        const char *base, *location, *want; /* NULL: refused */
    } cases[] = {
        { "http://h/cam/whep", "/cam/whep/1234", "/cam/whep/1234" },
        { "http://h/cam/whep", "http://h:80/x?y=z", "/x?y=z" },
        { "http://h/cam/whep", "whep/1234", "/cam/whep/1234" },
        { "http://h/cam/whep?a=b/c", "1234", "/cam/1234" },
        { "http://h", "1234", "/1234" },
        { "http://h/cam/whep", "/a b", NULL },
        { "http://h/cam/whep", "/a\x7f", NULL },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO(buf_fini) struct buf out = { 0 };
        int                       err = load_url_resolve(&out, span_from_string(cases[i].base),
                                                         span_from_string(cases[i].location));
        CHECK(err == (cases[i].want ? 0 : -EINVAL), cases[i].location);
        CHECK(!cases[i].want || strcmp(buf_string(&out), cases[i].want) == 0, cases[i].location);
    }
}

TESTS(endpoints_have_the_path_of_their_stream, requests_have_parts_of_the_url,
      locations_are_resolved, numbers_take_their_place, controls_join_their_base)
