#include "webrtc/webrtc_target.h"

#include "base/test.h"
#include "path/path.h"

static void urls_mean_pages_services_and_sessions(void **state)
{
    static const struct {
        const char             *path;
        enum webrtc_target_kind kind;
        const char             *name, *secret; /* NULL: not looked at; none */
    } cases[] = {
        { "/cam/", WEBRTC_PAGE, "cam", NULL },
        { "/a/b/", WEBRTC_PAGE, "a/b", NULL },
        { "/cam", WEBRTC_REDIRECT, "cam", NULL },
        { "/cam/whep", WEBRTC_WHEP, "cam", NULL },
        { "/a/b/whep", WEBRTC_WHEP, "a/b", NULL },
        { "/cam/whep/SECRET", WEBRTC_WHEP, "cam", "SECRET" },
        { "/cam/whip/SECRET", WEBRTC_WHIP, "cam", "SECRET" },
        { "/cam/whep/", WEBRTC_PAGE, "cam/whep", NULL },
        { "/whep/whep", WEBRTC_WHEP, "whep", NULL },
        { "/cam/reader.js", WEBRTC_SCRIPT, "cam", NULL },
        { "/cam/publish", WEBRTC_PUBLISH, "cam", NULL },
        { "/cam/publisher.js", WEBRTC_PUBLISH, "cam", NULL },
        { "/whep", WEBRTC_NONE, NULL, NULL },
        { "/whep/SECRET", WEBRTC_REDIRECT, "whep/SECRET", NULL },
        { "/favicon.ico", WEBRTC_NONE, NULL, NULL },
        { "/", WEBRTC_NONE, NULL, NULL },
        { "", WEBRTC_NONE, NULL, NULL },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct webrtc_target target = webrtc_target_parse(cases[i].path);
        CHECK(target.kind == cases[i].kind, cases[i].path);
        CHECK(!cases[i].name || span_is(target.path, cases[i].name), cases[i].path);
        CHECK((target.secret.p != NULL) == (cases[i].secret != NULL), cases[i].path);
        CHECK(!cases[i].secret || span_is(target.secret, cases[i].secret), cases[i].path);
    }
}

static void names_that_no_path_has_are_told_apart(void **state)
{
    char          longest[PATH_MAX_NAME + 4];
    struct errmsg why;
    memset(longest, 'a', sizeof(longest));
    const struct {
        struct span name;
        const char *why; /* NULL: it can be one */
    } cases[] = {
        { BYTES("cam"), NULL },
        { BYTES("../x"), "invalid path name: " },
        { { (const uint8_t *)longest, PATH_MAX_NAME }, NULL },
        { { (const uint8_t *)longest, PATH_MAX_NAME + 1 },
          "invalid path name: longer than 255 bytes" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct webrtc_target target = { WEBRTC_PAGE, cases[i].name, { 0 } };
        int                  err = webrtc_target_check(&target, &why);
        CHECK((err < 0) == (cases[i].why != NULL), cases[i].why);
        CHECK(err == 0 || strstr(why.text, cases[i].why) == why.text, cases[i].why);
    }
}

TESTS(urls_mean_pages_services_and_sessions, names_that_no_path_has_are_told_apart)
