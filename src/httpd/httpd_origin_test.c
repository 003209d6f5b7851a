#include "httpd/httpd_origin.h"

#include "base/test.h"

#define ALLOW(...) ((char *const[]){ __VA_ARGS__, NULL })

static void origins_are_told_apart(void **state)
{
    static const struct {
        const char *allowed, *origin;
        bool        is_allowed;
    } cases[] = {
        { "http://good.example.com", "http://good.example.com", true },
        { "http://good.example.com", "http://bad.example.com", false },
        { "http://good.example.com", "https://good.example.com", false },
        { "http://good.example.com", "http://good.example.com:80", true },
        { "http://good.example.com:80", "http://good.example.com", true },
        { "https://good.example.com", "https://good.example.com:443", true },
        { "https://good.example.com", "https://good.example.com:80", false },
        { "http://good.example.com:8080", "http://good.example.com:8080", true },
        { "http://good.example.com:8080", "http://good.example.com", false },
        { "http://good.example.com", "http://good.example.com.evil.org", false },
        { "http://good.example.com", "http://good.example.co", false },
        { "http://good.example.com", "null", false },
        { "http://good.example.com", "", false },
        { "no url", "no url", false },
        { "https://*.example.com", "https://a.example.com", true },
        { "https://*.example.com", "https://a.b.example.com", true },
        { "https://*.example.com", "https://example.com", true },
        { "https://*.example.com", "http://a.example.com", false },
        { "https://*.example.com", "https://a.example.com:444", false },
        { "https://*.example.com", "https://evilexample.com", false },
        { "https://*.example.com", "https://a.example.com.evil.org", false },
        { "https://*.example.com:444", "https://a.example.com:444", true },
        { "http://cam*.example.com", "http://cam.example.com", true },
        { "http://cam*.example.com", "http://cam12.example.com", true },
        { "http://cam*.example.com", "http://cam1.a.example.com", true },
        { "http://cam*.example.com", "http://camexample.com", false },
        { "http://cam*.example.com", "http://xcam1.example.com", false },
        { "http://*", "http://anything.at.all", true },
        { "http://*", "https://anything.at.all", false },
        { "http://*.*.org", "http://a.b.org", true },
        { "http://*.*.org", "http://b.org", true },
        { "http://a**b.org", "http://axb.org", true },
        { "http://a**b.org", "http://a.org", false },
        { "http://10.0.0.1", "http://10x0.0.1", false },
        { "http://[::1]:8889", "http://[::1]:8889", true },
        { "HTTPS://*.Example.COM", "https://a.example.com:443", true },
        { "http://a.com/path", "http://a.com", true },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *const allowed[] = { (char *)cases[i].allowed, NULL };
        struct span origin = span_from_string(cases[i].origin);
        struct span answer = httpd_origin_allow(allowed, origin);
        CHECK(cases[i].is_allowed ? span_equal(answer, origin) : answer.p == NULL, cases[i].origin);
    }
}

static void a_star_is_the_last_resort(void **state)
{
    static char       star[] = "*", good[] = "http://good";
    static const char origin[] = "http://good";
    struct span       none = { 0 };
    assert_true(span_is(httpd_origin_allow(ALLOW(star), span_from_string(origin)), "*"));
    assert_true(span_is(httpd_origin_allow(ALLOW(star, good), span_from_string(origin)), origin));
    assert_true(span_is(httpd_origin_allow(ALLOW(good, star), span_from_string(origin)), origin));
    assert_true(span_is(httpd_origin_allow(ALLOW(good, star), BYTES("http://bad")), "*"));
    assert_true(span_is(httpd_origin_allow(ALLOW(star), none), "*"));
    assert_true(span_is(httpd_origin_allow(ALLOW(star), BYTES("null")), "*"));
    assert_null(httpd_origin_allow(ALLOW(good), none).p);
    assert_null(httpd_origin_allow(NULL, BYTES("http://good")).p);
}

/* Tried again from each place, such a pattern would take years. */
static void many_stars_take_no_time(void **state)
{
    static char pattern[] = "http://*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*ab";
    char        origin[7 + 255 + 1] = "http://";
    memset(origin + 7, 'a', sizeof(origin) - 8);
    origin[sizeof(origin) - 1] = '\0';
    assert_null(httpd_origin_allow(ALLOW(pattern), span_from_string(origin)).p);
    origin[sizeof(origin) - 2] = 'b';
    assert_non_null(httpd_origin_allow(ALLOW(pattern), span_from_string(origin)).p);
}

static void names_longer_than_names_may_be_are_refused(void **state)
{
    static char star[] = "http://*";
    char        origin[7 + 256 + 1] = "http://";
    memset(origin + 7, 'a', 256);
    assert_null(httpd_origin_allow(ALLOW(star), span_from_string(origin)).p);
    origin[7 + 255] = '\0';
    assert_non_null(httpd_origin_allow(ALLOW(star), span_from_string(origin)).p);
}

static void answers_may_depend_on_the_origin(void **state)
{
    static char star[] = "*", good[] = "http://good";
    assert_false(httpd_origin_matters(NULL));
    assert_false(httpd_origin_matters(ALLOW(star)));
    assert_true(httpd_origin_matters(ALLOW(good)));
    assert_true(httpd_origin_matters(ALLOW(star, good)));
    assert_true(httpd_origin_matters(ALLOW(good, star)));
}

/* What is written so would be missed only when a website is refused. */
static void what_allows_nothing_is_found(void **state)
{
    static char host_256[7 + 256 + 1] = "http://";
    static const struct {
        const char *allowed, *want; /* how the doubt begins */
    } cases[] = {
        { "*", NULL },
        { "https://a.com", NULL },
        { "https://a.com/", NULL },
        { "http://*.a.com:8080", NULL },
        { "capacitor://localhost", NULL },
        { "", "allows no website" },
        { "nonsense", "allows no website" },
        { "a.com", "allows no website" },
        { "*.a.com", "allows no website" },
        { "null", "allows no website" },
        { "https://", "allows no website" },
        { host_256, "allows no website" },
        { "http://a.com/path", "allows the whole website" },
        { "http://a.com?query", "allows the whole website" },
        { "http://me@a.com", "allows the whole website" },
    };
    memset(host_256 + 7, 'a', 256);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *doubt = httpd_origin_doubt(cases[i].allowed), *want = cases[i].want;
        CHECK(want ? doubt && strncmp(doubt, want, strlen(want)) == 0 : !doubt, cases[i].allowed);
    }
}

TESTS(origins_are_told_apart, a_star_is_the_last_resort, many_stars_take_no_time,
      names_longer_than_names_may_be_are_refused, answers_may_depend_on_the_origin,
      what_allows_nothing_is_found)
