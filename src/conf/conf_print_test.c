#include "base/buf.h"
#include "base/test.h"
#include "conf/conf.h"

static void fail_on_change(void *arg, const struct conf_change *change)
{
    fail_msg("%s", (const char *)arg);
}

static void what_is_printed_loads_as_the_same(void **state)
{
    static const char *const cases[] = {
        "",
        "logLevel: debug\nreadTimeout: 36h\nwriteQueueSize: 1\nrtspTransports: []\n"
        "gopCache: no\ngopCacheMaxSize: 1000000B\nframeHold: 0s\nworkers: 7\napi: yes\n"
        "apiAddress: '[::1]:1'\n",
        "webrtc: no\nwebrtcAllowOrigins: []\nwebrtcLocalUDPAddress: ''\n"
        "webrtcTrustedProxies: [10.1.2.3/8, '::1', 'fe80::/10']\n"
        "webrtcAdditionalHosts: ['', ':', 'a, b', '[::1]', '*', '5', 'no', '~', '- a']\n"
        "webrtcICEServers2: [{url: 'stun:h:1'}, {url: 'turn:h?a={b}', username: 'a\"b,c: d#',\n"
        "  password: '1234', clientOnly: yes}, {url: 'turns:', password: 'no'}]\n",
        "rtspAuthMethods: [digest, basic]\n"
        "authInternalUsers: [{user: '{a}', pass: '[#]', ips: ['::1', 10.1.2.3/8], permissions: [\n"
        "  {action: read, path: '~^a\"b, c: #{1}$'}, {action: api}]}, {user: '5', permissions: "
        "[]}]",
        "authInternalUsers:\n- user: sha256:BPiZbadjt6lpsQKO4wB1aerzpjVIbdqyEdUSyFud+Ps=\n"
        "  pass: argon2:$argon2i$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$"
        "wmmAHnj+Y5o2eftQ+rC7gYU99ICquHz5Tz8lN842UW8\n",
        "pathDefaults: {maxReaders: 3, source: demo}\npaths: {a: , b: {maxReaders: 3}}",
        "paths: {\"~^a\\\"b\\\\\\\\'#: \\t$\": , \"~\\xe4\\u2028\\x7f\": , yes: , 5: , ~: , null: "
        ", "
        "-: , a.b/c: , all: }",
        "paths: {a: {source: redirect, sourceRedirect: 'rtsp://h/?a=\"b\"#:c'}}",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO(conf_unref) struct conf *conf = NULL, *again = NULL;
        AUTO(buf_fini) struct buf     printed = { 0 }, second = { 0 };
        struct errmsg                 why = { "" };
        if (conf_load_text("f.yml", span_from_string(cases[i]), NULL, &conf, &why) < 0)
            fail_msg("%s", why.text);
        conf_print(conf, &printed);
        CHECK(conf_load_text("printed", buf_span(&printed), NULL, &again, &why) == 0, why.text);
        conf_print(again, &second);
        assert_string_equal(buf_string(&printed), buf_string(&second));
        conf_diff(conf, again, fail_on_change, (void *)cases[i]);
    }
}

static void entries_print_only_what_is_their_own(void **state)
{
    AUTO(conf_unref) struct conf *conf = NULL;
    AUTO(buf_fini) struct buf     printed = { 0 };
    assert_int_equal(conf_load_text("f.yml",
                                    BYTES("pathDefaults: {maxReaders: 5}\n"
                                          "paths: {all_others: , cam1: {source: demo}}"),
                                    NULL, &conf, NULL),
                     0);
    conf_print(conf, &printed);
    const char *paths = strstr(buf_string(&printed), "pathDefaults:\n");
    assert_non_null(paths);
    assert_string_equal(paths, "pathDefaults:\n"
                               "  maxReaders: 5\n"
                               "  overridePublisher: true\n"
                               "  source: publisher\n"
                               "  sourceOnDemand: false\n"
                               "  sourceOnDemandCloseAfter: 10s\n"
                               "  sourceOnDemandStartTimeout: 10s\n"
                               "  sourceRedirect: \"\"\n"
                               "  useAbsoluteTimestamp: false\n"
                               "paths:\n"
                               "  cam1:\n"
                               "    source: demo\n"
                               "  all_others:\n");
}

TESTS(what_is_printed_loads_as_the_same, entries_print_only_what_is_their_own)
