#include "base/buf.h"
#include "base/test.h"
#include "conf/conf.h"
#include "conf/settings.h"

static void note(void *arg, const struct conf_change *change)
{
    const struct conf_path *path = change->after ? change->after : change->before;
    const char             *marks[] = { "", "+", "-" };
    buf_printf(arg, "%s%s%s%s ", marks[change->kind], path ? path->name : "",
               path && change->setting ? "." : "", change->setting ? change->setting->name : "");
}

static void differences_are_told(void **state)
{
    static const struct {
        const char *before, *after, *want;
    } cases[] = {
        { "", "", "" },
        { "", "readTimeout: 10s\nwriteQueueSize: 512", "" },
        { "", "readTimeout: 11s", "readTimeout " },
        { "apiAddress: ':1'\napi: yes", "apiAddress: ':2'", "api apiAddress " },
        { "rtspTransports: [tcp, udp]", "rtspTransports: [udp, tcp]", "" },
        { "rtspTransports: [tcp, udp]", "rtspTransports: [tcp]", "rtspTransports " },
        { "webrtcTrustedProxies: [10.1.2.3/8]", "webrtcTrustedProxies: [10.0.0.0/8]", "" },
        { "", "webrtcTrustedProxies: ['::1']", "webrtcTrustedProxies " },
        { "webrtcAdditionalHosts: [a, b]", "webrtcAdditionalHosts: [b, a]",
          "webrtcAdditionalHosts " },
        { "webrtcAllowOrigins: ['*']", "webrtcLocalUDPAddress: ':8189'", "" },
        { "webrtcICEServers2: [{url: 'stun:h'}]",
          "webrtcICEServers2: [{url: 'stun:h', clientOnly: no}]", "" },
        { "webrtcICEServers2: [{url: 'stun:h', password: a}]",
          "webrtcICEServers2: [{url: 'stun:h', password: b}]", "webrtcICEServers2 " },
        { "webrtcICEServers2: [{url: 'stun:h'}]", "", "webrtcICEServers2 " },
        { "",
          "authInternalUsers: [{user: any, permissions: [{action: publish}, {action: read}, "
          "{action: playback}]}, {user: any, ips: [127.0.0.1/32, '::1/128'], permissions: "
          "[{action: api}, {action: metrics}, {action: pprof}]}]",
          "" },
        { "", "authInternalUsers: []", "authInternalUsers " },
        { "authInternalUsers: [{user: a, permissions: [{action: read, path: x}]}]",
          "authInternalUsers: [{user: a, permissions: [{action: read, path: y}]}]",
          "authInternalUsers " },
        { "authInternalUsers: [{user: a, permissions: [{action: read}, {action: api}]}]",
          "authInternalUsers: [{user: a, permissions: [{action: read}]}]", "authInternalUsers " },
        { "rtspAuthMethods: [basic, digest]", "rtspAuthMethods: [digest, basic]", "" },
        { "rtspAuthMethods: [basic]", "rtspAuthMethods: [digest]", "rtspAuthMethods " },
        { "", "paths: {b: , a: }", "+a +b " },
        { "paths: {b: , a: }", "", "-a -b " },
        { "paths: {a: , c: , ~x: }", "paths: {b: , c: , all: }", "-a +b -~x +all " },
        { "paths: {a: }", "paths: {a: {source: publisher}}", "" },
        { "paths: {a: }", "paths: {a: {source: demo, maxReaders: 1}}", "a.maxReaders a.source " },
        { "paths: {a: }", "paths: {a: }\npathDefaults: {maxReaders: 1}", "a.maxReaders " },
        { "paths: {a: {maxReaders: 2}}",
          "paths: {a: {maxReaders: 2}}\npathDefaults: {maxReaders: 1}", "" },
        { "paths: {~a: {maxReaders: 2}}", "paths: {~a: {maxReaders: 3}}", "~a.maxReaders " },
        { "paths: {all: }", "paths: {all_others: }", "-all +all_others " },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO(conf_unref) struct conf *before = NULL, *after = NULL;
        AUTO(buf_fini) struct buf     told = { 0 };
        struct errmsg                 why = { "" };
        CHECK(conf_load_text("a", span_from_string(cases[i].before), NULL, &before, &why) == 0,
              why.text);
        CHECK(conf_load_text("b", span_from_string(cases[i].after), NULL, &after, &why) == 0,
              why.text);
        conf_diff(before, after, note, &told);
        CHECK(strcmp(buf_string(&told), cases[i].want) == 0, buf_string(&told));
    }
}

/* What a change names is what the new configuration holds. */
static void check_ends(void *arg, const struct conf_change *change)
{
    assert_int_equal(change->kind, CONF_SETTING_CHANGED);
    assert_int_equal(change->before->max_readers, 1);
    assert_int_equal(change->after->max_readers, 2);
    assert_int_equal(change->setting->scope, SCOPE_PATH);
    assert_int_equal(change->setting->apply, APPLY_AT_ONCE);
    (*(int *)arg)++;
}

static void a_change_has_both_ends(void **state)
{
    AUTO(conf_unref) struct conf *before = NULL, *after = NULL;
    int                           count = 0;
    assert_int_equal(conf_load_text("a", BYTES("paths: {a: {maxReaders: 1}}"), NULL, &before, NULL),
                     0);
    assert_int_equal(conf_load_text("b", BYTES("paths: {a: {maxReaders: 2}}"), NULL, &after, NULL),
                     0);
    conf_diff(before, after, check_ends, &count);
    assert_int_equal(count, 1);
}

TESTS(differences_are_told, a_change_has_both_ends)
