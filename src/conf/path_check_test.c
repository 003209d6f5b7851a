#include "conf/path_check.h"

#include <errno.h>

#include "base/test.h"

static int load(const char *yaml, struct errmsg *why)
{
    struct conf *conf = NULL;
    int          err = conf_load_text("f.yml", span_from_string(yaml), NULL, &conf, why);
    conf_unref(conf);
    return err;
}

static void what_fits_together_is_accepted(void **state)
{
    static const char *const cases[] = {
        "paths: {a: {source: publisher}}",
        "paths: {a: {source: demo}}",
        "paths: {a: {source: demo, sourceOnDemand: yes}}",
        "paths: {~a: {source: demo}}",
        "paths: {all_others: {source: demo}}",
        "paths: {a: {source: redirect, sourceRedirect: /b/c}}",
        "paths: {a: {source: redirect, sourceRedirect: 'rtsp://host/b?c=d'}}",
        "paths: {a: {source: redirect, sourceRedirect: 'rtsps://user:pass@host:8322/b'}}",
        "paths: {~a: {source: redirect, sourceRedirect: /b}}",
        "paths: {all: }",
        "paths: {'~^.*$': }",
        "paths: {'~^.*': , all_others: }",
        "pathDefaults: {source: redirect}",
        "pathDefaults: {sourceOnDemand: yes}",
        "pathDefaults: {source: demo, sourceOnDemand: yes}\npaths: {a: }",
        "api: no\napiAddress: ''",
        "rtsp: no\nrtspAddress: ''",
        "rtspTransports: []",
        "writeQueueSize: 1",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct errmsg why = { "" };
        CHECK(load(cases[i], &why) == 0, why.text);
    }
}

static void what_does_not_is_refused(void **state)
{
    static const struct {
        const char *yaml, *want;
    } cases[] = {
        { "readTimeout: 0s", "f.yml:1:14: 'readTimeout' must be greater than zero" },
        { "readTimeout:", "f.yml:1:1: 'readTimeout' must be greater than zero" },
        { "readTimeout: -5s", "f.yml:1:14: 'readTimeout' must be greater than zero" },
        { "writeTimeout: ''", "f.yml:1:15: 'writeTimeout' must be greater than zero" },
        { "writeQueueSize: 0", "f.yml:1:17: 'writeQueueSize' must be greater than zero" },
        { "writeQueueSize: 500", "f.yml:1:17: 'writeQueueSize' must be a power of two" },
        { "workers: -1", "f.yml:1:10: 'workers' must be in the range of 0 to 256 threads, not -1" },
        { "frameHold: 1s", "f.yml:1:12: 'frameHold' must be in the range of 0 to 100ms, not 1s" },
        { "readerQueueMaxSize: 1K",
          "f.yml:1:21: 'readerQueueMaxSize' must be in the range of 64K to 16G, not 1K" },
        { "pathDefaults: {maxReaders: -1}",
          "f.yml:1:28: pathDefaults: 'maxReaders' must be in the range of 0 to 2147483647 readers, "
          "not -1" },
        { "api: yes\napiAddress: ''", "f.yml:2:13: 'apiAddress' must be set when API is enabled" },
        { "metrics: yes\nmetricsAddress: ''",
          "f.yml:2:17: 'metricsAddress' must be set when metrics are enabled" },
        { "pprof: yes\npprofAddress: ''",
          "f.yml:2:15: 'pprofAddress' must be set when pprof is enabled" },
        { "rtspAddress: ''", "f.yml:1:14: 'rtspAddress' must be set when RTSP is enabled and RTSP "
                             "encryption is 'no' or 'optional'" },
        { "paths:\n  a b:", "f.yml:2:3: invalid path name 'a b': can contain only alphanumeric "
                            "characters, underscore, dot, minus, slash" },
        { "paths:\n  '':", "f.yml:2:3: invalid path name '': cannot be empty" },
        { "paths:\n  /a:", "f.yml:2:3: invalid path name '/a': can't begin with a slash" },
        { "paths:\n  a/..:", "f.yml:2:3: invalid path name 'a/..': can't contain dot path "
                             "segments" },
        { "paths:\n  ~^(:", "f.yml:2:3: invalid regular expression: ^(" },
        { "paths:\n  all:\n  all_others:", "f.yml:3:3: all_others, all and '~^.*$' are aliases" },
        { "paths:\n  '~^.*$':\n  all_others:",
          "f.yml:3:3: all_others, all and '~^.*$' are aliases" },
        { "paths:\n  a: {source: foo}", "f.yml:2:15: path 'a': invalid source: 'foo'" },
        { "paths:\n  a: {source: ''}", "f.yml:2:15: path 'a': invalid source: ''" },
        { "paths:\n  a: {source: Publisher}", "f.yml:2:15: path 'a': invalid source: 'Publisher'" },
        { "paths:\n  a: {source: rpiCamera2}",
          "f.yml:2:15: path 'a': invalid source: 'rpiCamera2'" },
        { "paths:\n  a: {source: rpiCamera}",
          "f.yml:2:15: path 'a': a source of the kind 'rpiCamera': pulling is not there yet in "
          "this version; allowed: publisher, redirect, demo" },
        { "paths:\n  a: {source: 'rtsp://u:p@h/x'}",
          "f.yml:2:15: path 'a': a source of the kind 'rtsp': pulling is not there yet in this "
          "version; allowed: publisher, redirect, demo" },
        { "paths:\n  a: {source: 'udp+mpegts://:1'}",
          "f.yml:2:15: path 'a': a source of the kind 'udp+mpegts': pulling is not there yet in "
          "this version; allowed: publisher, redirect, demo" },
        { "paths:\n  a:\npathDefaults: {source: foo}",
          "f.yml:3:24: path 'a': invalid source: 'foo'" },
        { "paths:\n  a: {sourceOnDemand: yes}",
          "f.yml:2:23: path 'a': 'sourceOnDemand' is useless when source is 'publisher'" },
        { "paths:\n  a: {source: redirect}",
          "f.yml:2:15: path 'a': source redirect must be filled" },
        { "paths:\n  a: {sourceRedirect: /b}",
          "f.yml:2:23: path 'a': 'sourceRedirect' is useless when source is not 'redirect'" },
        { "paths:\n  a: {source: redirect, sourceRedirect: 'http://h/b'}",
          "f.yml:2:41: path 'a': 'http://h/b' is not a valid RTSP URL" },
        { "paths:\n  a: {source: redirect, sourceRedirect: 'rtsp:///b'}",
          "f.yml:2:41: path 'a': 'rtsp:///b' is not a valid RTSP URL" },
        { "paths:\n  a: {source: redirect, sourceRedirect: 'rtsp://h/b c'}",
          "f.yml:2:41: path 'a': 'rtsp://h/b c' is not a valid RTSP URL" },
        { "paths:\n  a: {source: redirect, sourceRedirect: /b/}",
          "f.yml:2:41: path 'a': '/b/': can't end with a slash" },
        { "paths: {a: {maxReaders: 3000000000}}",
          "f.yml:1:25: path 'a': 'maxReaders' must be in the range of 0 to 2147483647 readers, not "
          "3000000000" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct errmsg why = { "" };
        int           err = load(cases[i].yaml, &why);
        CHECK(err == -EINVAL || err == -ENOTSUP, cases[i].yaml);
        CHECK(strcmp(why.text, cases[i].want) == 0, why.text);
    }
}

static void all_kinds_of_pulled_sources_are_known(void **state)
{
    static const char *const schemes[] = {
        "rtsp",  "rtsps", "rtsp+http", "rtsps+http", "rtsp+ws",     "rtsps+ws", "rtmp",
        "rtmps", "http",  "https",     "udp",        "udp+mpegts",  "udp+rtp",  "srt",
        "moqt",  "whep",  "wheps",     "unix+rtp",   "unix+mpegts",
    };
    for (size_t i = 0; i < COUNT(schemes); i++) {
        char yaml[128];
        (void)snprintf(yaml, sizeof(yaml), "paths: {a: {source: '%s://h:1'}}", schemes[i]);
        CHECK(load(yaml, NULL) == -ENOTSUP, schemes[i]);
    }
}

static void names_of_entries_have_a_limit(void **state)
{
    char yaml[CONF_MAX_ENTRY_NAME + 32];
    for (int more = 0; more < 2; more++) {
        char name[CONF_MAX_ENTRY_NAME + 2] = "";
        memset(name, 'a', CONF_MAX_ENTRY_NAME + (size_t)more);
        (void)snprintf(yaml, sizeof(yaml), "paths: {%s: }", name);
        assert_int_equal(load(yaml, NULL), more ? -E2BIG : 0);
    }
}

TESTS(what_fits_together_is_accepted, what_does_not_is_refused,
      all_kinds_of_pulled_sources_are_known, names_of_entries_have_a_limit)
