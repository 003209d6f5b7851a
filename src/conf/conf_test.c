#include "conf/conf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/test.h"

static int load(const char *yaml, struct conf **out, struct errmsg *why)
{
    return conf_load_text("f.yml", span_from_string(yaml), NULL, out, why);
}

static struct conf *must_load(const char *yaml)
{
    struct conf  *conf = NULL;
    struct errmsg why = { "" };
    CHECK(load(yaml, &conf, &why) == 0, why.text);
    return conf;
}

static void check_webrtc_defaults(const struct conf *conf, const char *name)
{
    CHECK(conf->webrtc && !conf->webrtc_encryption && conf->webrtc_ips_from_interfaces, name);
    CHECK(strcmp(conf->webrtc_address, ":8889") == 0, name);
    CHECK(strcmp(conf->webrtc_server_key, "server.key") == 0, name);
    CHECK(strcmp(conf->webrtc_server_cert, "server.crt") == 0, name);
    CHECK(conf->webrtc_allow_origins.count == 1, name);
    CHECK(strcmp(conf->webrtc_allow_origins.items[0], "*") == 0, name);
    CHECK(conf->webrtc_trusted_proxies.count == 0, name);
    CHECK(strcmp(conf->webrtc_local_udp_address, ":8189") == 0, name);
    CHECK(strcmp(conf->webrtc_local_tcp_address, "") == 0, name);
    CHECK(conf->webrtc_ips_from_interfaces_list.count == 0, name);
    CHECK(conf->webrtc_additional_hosts.count == 0, name);
    CHECK(conf->webrtc_ice_servers.count == 0, name);
    CHECK(conf->webrtc_stun_gather_timeout_ns == 5 * NS_PER_S, name);
    CHECK(conf->webrtc_handshake_timeout_ns == 10 * NS_PER_S, name);
    CHECK(conf->webrtc_track_gather_timeout_ns == 2 * NS_PER_S, name);
}

static void check_user_defaults(const struct conf *conf, const char *name)
{
    static const int want[2][3] = {
        { CONF_ACTION_PUBLISH, CONF_ACTION_READ, CONF_ACTION_PLAYBACK },
        { CONF_ACTION_API, CONF_ACTION_METRICS, CONF_ACTION_PPROF },
    };
    CHECK(conf->auth_method == AUTH_METHOD_INTERNAL, name);
    CHECK(conf->rtsp_auth_methods == RTSP_AUTH_BASIC, name);
    CHECK(conf->auth_internal_users.count == 2, name);
    for (unsigned i = 0; i < 2; i++) {
        const struct conf_user *user = &conf->auth_internal_users.items[i];
        CHECK(strcmp(user->user, "any") == 0 && strcmp(user->pass, "") == 0, name);
        CHECK(user->permissions.count == 3, name);
        for (unsigned k = 0; k < 3; k++) {
            CHECK(user->permissions.items[k].action == want[i][k], name);
            CHECK(strcmp(user->permissions.items[k].path, "") == 0, name);
        }
    }
    const struct conf_list *here = &conf->auth_internal_users.items[1].ips;
    CHECK(conf->auth_internal_users.items[0].ips.count == 0 && here->count == 2, name);
    CHECK(strcmp(here->items[0], "127.0.0.1/32") == 0, name);
    CHECK(strcmp(here->items[1], "::1/128") == 0, name);
}

static void nothing_gives_the_defaults(void **state)
{
    static const char *const texts[] = { "",
                                         "# nothing\n",
                                         "---\n",
                                         "~",
                                         "paths:\n",
                                         "paths: {}\npathDefaults:\n",
                                         "readTimeout: 10s\n" };
    for (size_t i = 0; i < COUNT(texts); i++) {
        AUTO(conf_unref) struct conf *conf = must_load(texts[i]);
        CHECK(conf->log_level == LOG_INFO, texts[i]);
        CHECK(conf->read_timeout_ns == 10 * NS_PER_S, texts[i]);
        CHECK(conf->write_queue_size == 512, texts[i]);
        CHECK(!conf->api && !conf->metrics && !conf->pprof && conf->rtsp, texts[i]);
        CHECK(strcmp(conf->rtsp_address, ":8554") == 0, texts[i]);
        CHECK(conf->rtsp_transports == 7, texts[i]);
        check_user_defaults(conf, texts[i]);
        CHECK(conf->workers == 0, texts[i]);
        CHECK(conf->rtcp_report_period_ns == 3 * NS_PER_S, texts[i]);
        CHECK(conf->frame_hold_ns == NS_PER_MS, texts[i]);
        CHECK(conf->gop_cache == GOP_CACHE_WEBRTC, texts[i]);
        CHECK(conf->gop_cache_max_bytes == 4 << 20, texts[i]);
        CHECK(conf->reader_queue_max_bytes == 8 << 20, texts[i]);
        CHECK(conf->reader_queue_max_ns == 2 * NS_PER_S, texts[i]);
        check_webrtc_defaults(conf, texts[i]);
        CHECK(strcmp(conf->defaults.source, "publisher") == 0, texts[i]);
        CHECK(conf->defaults.override_publisher, texts[i]);
        CHECK(conf->defaults.source_on_demand_close_after_ns == 10 * NS_PER_S, texts[i]);
        CHECK(conf->path_count == 0, texts[i]);
        CHECK(!conf_find_path(conf, BYTES("cam1"), NULL), texts[i]);
    }
}

static void webrtc_is_set_up(void **state)
{
    static const char yaml[] = "webrtcAllowOrigins: [\"https://*.example.com\", 'null']\n"
                               "webrtcTrustedProxies: [10.1.2.3/8, '::1']\n"
                               "webrtcLocalUDPAddress: ''\n"
                               "webrtcLocalTCPAddress: :8189\n"
                               "webrtcAdditionalHosts: [192.0.2.1, example.com]\n"
                               "webrtcICEServers2:\n"
                               "  - url: stun:stun.example.com:3478\n"
                               "  - url: turn:turn.example.com:3478?transport=tcp\n"
                               "    username: AUTH_SECRET\n"
                               "    password: \"1234\"\n"
                               "    clientOnly: yes\n";
    AUTO(conf_unref) struct conf *conf = must_load(yaml);
    assert_int_equal(conf->webrtc_allow_origins.count, 2);
    assert_string_equal(conf->webrtc_allow_origins.items[1], "null");
    assert_int_equal(conf->webrtc_trusted_proxies.count, 2);
    assert_string_equal(conf->webrtc_trusted_proxies.items[0], "10.0.0.0/8");
    assert_string_equal(conf->webrtc_trusted_proxies.items[1], "::1/128");
    assert_string_equal(conf->webrtc_local_udp_address, "");
    assert_string_equal(conf->webrtc_local_tcp_address, ":8189");
    assert_string_equal(conf->webrtc_additional_hosts.items[1], "example.com");
    assert_int_equal(conf->webrtc_ice_servers.count, 2);
    const struct conf_ice_server *stun = &conf->webrtc_ice_servers.items[0];
    assert_string_equal(stun->url, "stun:stun.example.com:3478");
    assert_string_equal(stun->username, "");
    assert_string_equal(stun->password, "");
    assert_false(stun->client_only);
    assert_string_equal(stun[1].url, "turn:turn.example.com:3478?transport=tcp");
    assert_string_equal(stun[1].username, "AUTH_SECRET");
    assert_string_equal(stun[1].password, "1234");
    assert_true(stun[1].client_only);
}

static void paths_inherit_what_they_do_not_set(void **state)
{
    AUTO(conf_unref)
    struct conf *conf = must_load("paths:\n"
                                  "  own: {maxReaders: 3, source: demo}\n"
                                  "  nulls:\n"
                                  "    maxReaders:\n"
                                  "    source: ~\n"
                                  "    overridePublisher: null\n"
                                  "    sourceOnDemandCloseAfter:\n"
                                  "  empty:\n"
                                  "pathDefaults:\n"
                                  "  maxReaders: 7\n"
                                  "  overridePublisher: no\n"
                                  "  sourceOnDemandCloseAfter: 1s\n");
    static const struct {
        const char *name;
        int64_t     max_readers;
        const char *source;
    } cases[] = {
        { "own", 3, "demo" },
        { "nulls", 7, "publisher" },
        { "empty", 7, "publisher" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct conf_path *path = conf_find_path(conf, span_from_string(cases[i].name), NULL);
        CHECK(path, cases[i].name);
        CHECK(path->max_readers == cases[i].max_readers, cases[i].name);
        CHECK(strcmp(path->source, cases[i].source) == 0, cases[i].name);
        CHECK(!path->override_publisher, cases[i].name);
        CHECK(path->source_on_demand_close_after_ns == NS_PER_S, cases[i].name);
        CHECK(path->source_on_demand_start_timeout_ns == 10 * NS_PER_S, cases[i].name);
    }
}

static void aliases_and_merges_fill_paths(void **state)
{
    AUTO(conf_unref)
    struct conf         *conf = must_load("paths:\n"
                                                  "  a: &a {maxReaders: 3, source: demo}\n"
                                                  "  b: *a\n"
                                                  "  c: {<<: *a, maxReaders: 4}\n");
    static const int64_t want[] = { 3, 3, 4 };
    assert_int_equal(conf->path_count, COUNT(want));
    for (size_t i = 0; i < COUNT(want); i++) {
        CHECK(conf->paths[i].max_readers == want[i], conf->paths[i].name);
        CHECK(strcmp(conf->paths[i].source, "demo") == 0, conf->paths[i].name);
    }
}

static void aliases_and_merges_fill_objects(void **state)
{
    static const char             yaml[] = "webrtcICEServers2:\n"
                                           "  - &a {url: 'turn:h', username: u, clientOnly: yes}\n"
                                           "  - *a\n"
                                           "  - {<<: *a, username: v}\n";
    AUTO(conf_unref) struct conf *conf = must_load(yaml);
    static const char *const      want[] = { "u", "u", "v" };
    assert_int_equal(conf->webrtc_ice_servers.count, COUNT(want));
    for (size_t i = 0; i < COUNT(want); i++) {
        const struct conf_ice_server *server = &conf->webrtc_ice_servers.items[i];
        CHECK(strcmp(server->url, "turn:h") == 0, server->url);
        CHECK(strcmp(server->username, want[i]) == 0, server->username);
        CHECK(server->client_only, want[i]);
    }
}

static void mistakes_are_told_with_their_place(void **state)
{
    static const struct {
        const char *name, *yaml, *want;
    } cases[] = {
        { "wrong type", "logLevel: info\nreadTimeout: 5\n",
          "f.yml:2:14: 'readTimeout': '5' is not a duration; write a number with a unit, like 10s "
          "or 1m30s" },
        { "wrong word", "logLevel: verbose",
          "f.yml:1:11: 'logLevel': 'verbose' is not one of error, warn, info, debug" },
        { "enum null", "logLevel:\n",
          "f.yml:1:1: 'logLevel': nothing is not one of error, warn, info, debug" },
        { "list null", "rtspTransports:",
          "f.yml:1:1: 'rtspTransports': nothing is not a list; write [a, b] of multicast, tcp, "
          "udp, or [] for none" },
        { "item", "rtspTransports: [udp, quic]",
          "f.yml:1:23: 'rtspTransports': 'quic' is not one of multicast, tcp, udp" },
        { "item of a list in lines", "webrtcTrustedProxies:\n  - ::1\n  - proxy.lan\n",
          "f.yml:3:5: 'webrtcTrustedProxies': 'proxy.lan' is not a network; write an IP address, "
          "or a CIDR like 10.0.0.0/8" },
        { "no object", "webrtcICEServers2: [\"stun:h\"]",
          "f.yml:1:21: 'webrtcICEServers2[0]': a text is not an object; write {key: value, ...}" },
        { "unknown key of an object", "webrtcICEServers2:\n  - url: stun:h\n    user: a\n",
          "f.yml:3:5: 'webrtcICEServers2[0]': 'user' is not a setting known here" },
        { "wrong case in an object", "webrtcICEServers2: [{clientonly: yes}]",
          "f.yml:1:22: 'webrtcICEServers2[0]': 'clientonly' is not a setting known here; did you "
          "mean 'clientOnly'?" },
        { "value in an object", "webrtcICEServers2:\n  - url: stun:h\n  - url: stuns:u:hidden@h\n",
          "f.yml:3:10: 'webrtcICEServers2[1].url': 'stuns:...' does not begin with one of stun:, "
          "turn:, turns:" },
        { "a secret", "webrtcICEServers2:\n  - password: 12345\n",
          "f.yml:2:15: 'webrtcICEServers2[0].password': a number is not a text; put it in quotes" },
        { "a key of an object twice", "webrtcICEServers2:\n  - url: stun:h\n    url: stun:i\n",
          "f.yml:3:5: 'url' is given twice, first in line 2" },
        { "an object without its first key",
          "webrtcICEServers2:\n  - url: stun:h\n  - username: a\n    password: hidden\n",
          "f.yml:3:5: 'webrtcICEServers2[1].url' must be set" },
        { "a user without a name", "authInternalUsers:\n  - user: a\n  - pass: hidden\n",
          "f.yml:3:5: empty usernames are not supported" },
        { "a password for everybody", "authInternalUsers:\n  - {user: any, pass: hidden}\n",
          "f.yml:2:5: using a password with 'any' user is not supported" },
        { "a password in characters that it can't have",
          "authInternalUsers:\n  - user: a\n    pass: hidden hidden\n",
          "f.yml:3:11: 'authInternalUsers[0].pass': what is written here is not a credential; "
          "write letters, digits and !$()*+.;<=>[]^_-{}@#&, or sha256:BASE64, or "
          "argon2:$argon2id$..." },
        { "a password that is a number", "authInternalUsers: [{user: a, pass: 12345}]",
          "f.yml:1:37: 'authInternalUsers[0].pass': a number is not a credential; "
          "write letters, digits and !$()*+.;<=>[]^_-{}@#&, or sha256:BASE64, or "
          "argon2:$argon2id$..." },
        { "a hash that is none", "authInternalUsers: [{user: a, pass: 'sha256:hidden'}]",
          "f.yml:1:37: 'authInternalUsers[0].pass': what is written here is not a credential; "
          "write letters, digits and !$()*+.;<=>[]^_-{}@#&, or sha256:BASE64, or "
          "argon2:$argon2id$..." },
        { "an action of a permission",
          "authInternalUsers:\n- user: a\n  permissions:\n  - action: read\n  - action: watch\n",
          "f.yml:5:13: 'authInternalUsers[0].permissions[1].action': 'watch' is not one of "
          "publish, read, playback, api, metrics, pprof" },
        { "a permission for nothing", "authInternalUsers: [{user: a, permissions: [{path: x}]}]",
          "f.yml:1:21: 'authInternalUsers[0].permissions[0].action' must be set" },
        { "a key of a permission",
          "authInternalUsers: [{user: a, permissions: [{action: read, paths: x}]}]",
          "f.yml:1:60: 'authInternalUsers[0].permissions[0]': 'paths' is not a setting known "
          "here" },
        { "permissions that are words", "authInternalUsers: [{user: a, permissions: [read]}]",
          "f.yml:1:45: 'authInternalUsers[0].permissions[0]': a text is not an object; write "
          "{key: value, ...}" },
        { "networks of a user", "authInternalUsers: [{user: a, ips: }]",
          "f.yml:1:31: 'authInternalUsers[0].ips': nothing is not a list; write [a, b], or [] for "
          "none" },
        { "no way to show who one is", "rtspAuthMethods: []",
          "f.yml:1:18: at least one 'rtspAuthMethods' must be provided" },
        { "digest with a hashed password",
          "rtspAuthMethods: [digest]\nauthInternalUsers:\n- user: a\n"
          "  pass: sha256:10/w7o2juYBrGMh32/KbveULW9jk2tejpyUAD+uC6PE=\n",
          "f.yml:3:3: when RTSP digest is enabled, hashed credentials cannot be used" },
        { "digest with a hashed name",
          "rtspAuthMethods: [basic, digest]\nauthInternalUsers:\n"
          "- user: sha256:BPiZbadjt6lpsQKO4wB1aerzpjVIbdqyEdUSyFud+Ps=\n",
          "f.yml:3:3: when RTSP digest is enabled, hashed credentials cannot be used" },
        { "no WebRTC address", "webrtcAddress: ''\n",
          "f.yml:1:16: 'webrtcAddress' must be set when WebRTC is enabled" },
        { "nowhere to connect to", "webrtc: yes\nwebrtcLocalUDPAddress: ''\n",
          "f.yml:2:24: at least one between 'webrtcLocalUDPAddress', 'webrtcLocalTCPAddress' or "
          "'webrtcICEServers2' must be filled" },
        { "nothing to tell clients", "webrtcIPsFromInterfaces: no\n",
          "f.yml:1:26: at least one between 'webrtcIPsFromInterfaces' or 'webrtcAdditionalHosts' "
          "must be filled" },
        { "no time to connect", "webrtcHandshakeTimeout: 0s\n",
          "f.yml:1:25: 'webrtcHandshakeTimeout' must be greater than zero" },
        { "unknown key", "\nfoo: 1", "f.yml:2:1: 'foo' is not a setting known here" },
        { "wrong case", "LogLevel: info",
          "f.yml:1:1: 'LogLevel' is not a setting known here; did you mean 'logLevel'?" },
        { "path key in the open", "maxReaders: 1",
          "f.yml:1:1: 'maxReaders' is not a setting known here" },
        { "unknown key in pathDefaults", "pathDefaults:\n  rtsp: yes",
          "f.yml:2:3: 'rtsp' is not a setting known here" },
        { "unknown key in a path", "paths:\n  cam1:\n    foo: 1",
          "f.yml:3:5: 'foo' is not a setting known here" },
        { "value in pathDefaults", "pathDefaults:\n  maxReaders: many",
          "f.yml:2:15: pathDefaults: 'maxReaders': 'many' is not a whole number" },
        { "value in a path", "paths:\n  cam1:\n    maxReaders: \"5\"",
          "f.yml:3:17: path 'cam1': 'maxReaders': '5' is not a whole number" },
        { "a path that is a word", "paths:\n  cam1: demo",
          "f.yml:2:9: 'cam1' holds settings, each as `key: value`" },
        { "paths that are a list", "paths: [cam1]",
          "f.yml:1:8: 'paths' holds settings, each as `key: value`" },
        { "pathDefaults that is a word", "pathDefaults: x",
          "f.yml:1:15: 'pathDefaults' holds settings, each as `key: value`" },
        { "a list for all", "- a", "f.yml:1:1: a file holds settings, each as `key: value`" },
        { "a key twice", "rtsp: yes\nrtsp: no",
          "f.yml:2:1: 'rtsp' is given twice, first in line 1" },
        { "a path twice", "paths:\n  a:\n  a:\n",
          "f.yml:3:3: 'a' is given twice, first in line 2" },
        { "no YAML", "a: b: c", "f.yml:1:5: invalid nested block mapping on the same line" },
        { "control characters", "\"a\\nb\": 1", "f.yml:1:1: 'a?b' is not a setting known here" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct conf  *conf = NULL;
        struct errmsg why = { "" };
        CHECK(load(cases[i].yaml, &conf, &why) == -EINVAL, cases[i].name);
        CHECK(strcmp(why.text, cases[i].want) == 0, why.text);
        CHECK(!conf, cases[i].name);
        CHECK(load(cases[i].yaml, &conf, NULL) == -EINVAL, cases[i].name);
    }
}

static void other_methods_are_not_there_yet(void **state)
{
    static const char *const names[] = { "http", "jwt" };
    for (size_t i = 0; i < COUNT(names); i++) {
        AUTO(buf_fini) struct buf yaml = { 0 };
        struct conf              *conf = NULL;
        struct errmsg             why = { "" };
        buf_printf(&yaml, "\nauthMethod: %s", names[i]);
        assert_int_equal(load(buf_string(&yaml), &conf, &why), -ENOTSUP);
        assert_string_equal(why.text, "f.yml:2:13: 'authMethod': http and jwt are not there yet in "
                                      "this version; allowed: internal");
    }
}

static void webrtc_that_is_off_may_have_gaps(void **state)
{
    static const char *const cases[] = {
        "webrtc: no\nwebrtcAddress: ''",
        "webrtc: no\nwebrtcLocalUDPAddress: ''",
        "webrtc: no\nwebrtcIPsFromInterfaces: no",
        ("webrtcLocalUDPAddress: ''\nwebrtcICEServers2: [{url: 'turn:h'}]\n"
         "webrtcIPsFromInterfaces: no"),
        "webrtcIPsFromInterfaces: no\nwebrtcAdditionalHosts: [example.com]",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO(conf_unref) struct conf *conf = must_load(cases[i]);
        assert_non_null(conf);
    }
}

static void lists_and_texts_have_limits(void **state)
{
    enum { LONGEST = CONF_MAX_ITEM };
    static const struct {
        const char *key, *item;
        unsigned    most;
        const char *want;
    } cases[] = {
        { "webrtcAdditionalHosts", "a", CONF_MAX_LIST,
          "f.yml:1:24: 'webrtcAdditionalHosts': more than 256 items" },
        { "authInternalUsers", "{user: a}", CONF_MAX_USERS,
          "f.yml:1:20: 'authInternalUsers': more than 1024 items" },
        { "webrtcICEServers2", "{url: 'stun:h'}", CONF_MAX_ICE_SERVERS,
          "f.yml:1:20: 'webrtcICEServers2': more than 32 items" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO(buf_fini) struct buf yaml = { 0 };
        struct conf              *conf = NULL;
        struct errmsg             why = { "" };
        buf_printf(&yaml, "%s: [", cases[i].key);
        for (unsigned k = 0; k < cases[i].most; k++)
            buf_printf(&yaml, "%s, ", cases[i].item);
        size_t len = yaml.len;
        buf_append_string(&yaml, "]");
        CHECK(conf_load_text("f.yml", buf_span(&yaml), NULL, &conf, &why) == 0, why.text);
        conf = conf_unref(conf);
        yaml.len = len;
        buf_printf(&yaml, "%s]", cases[i].item);
        CHECK(conf_load_text("f.yml", buf_span(&yaml), NULL, &conf, &why) == -E2BIG, cases[i].key);
        CHECK(strcmp(why.text, cases[i].want) == 0, why.text);
    }
    for (unsigned len = LONGEST; len <= LONGEST + 1; len++) {
        AUTO(buf_fini) struct buf yaml = { 0 };
        struct conf              *conf = NULL;
        struct errmsg             why = { "" };
        buf_printf(&yaml, "webrtcICEServers2: [{url: 'stun:h', password: '%0*d'}]", (int)len, 0);
        int err = conf_load_text("f.yml", buf_span(&yaml), NULL, &conf, &why);
        CHECK(err == (len > LONGEST ? -EINVAL : 0), why.text);
        CHECK(err == 0 || strcmp(why.text, "f.yml:1:21: 'webrtcICEServers2[0].password' must have "
                                           "up to 512 bytes, not 513") == 0,
              why.text);
        conf = conf_unref(conf);
    }
}

static void null_keeps_plain_values_and_empties_durations(void **state)
{
    AUTO(conf_unref)
    struct conf *conf = must_load("api:\nrtspAddress:\nwriteQueueSize: ~\n"
                                  "webrtcLocalUDPAddress:\nwebrtcTrackGatherTimeout:\n"
                                  "webrtcICEServers2: [{url: 'stun:h', username: , clientOnly: }]\n"
                                  "frameHold:\n"
                                  "pathDefaults: {source: , maxReaders: null}\n");
    assert_false(conf->api);
    assert_string_equal(conf->rtsp_address, ":8554");
    assert_int_equal(conf->write_queue_size, 512);
    assert_int_equal(conf->frame_hold_ns, 0);
    assert_string_equal(conf->webrtc_local_udp_address, ":8189");
    assert_int_equal(conf->webrtc_track_gather_timeout_ns, 0);
    assert_string_equal(conf->webrtc_ice_servers.items[0].username, "");
    assert_false(conf->webrtc_ice_servers.items[0].client_only);
    assert_string_equal(conf->defaults.source, "publisher");
}

static void booleans_of_yaml_1_1(void **state)
{
    static const struct {
        const char *yaml;
        bool        want;
    } cases[] = {
        { "api: yes", true }, { "api: On", true },   { "api: TRUE", true },
        { "api: no", false }, { "api: OFF", false }, { "api: false", false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO(conf_unref) struct conf *conf = must_load(cases[i].yaml);
        CHECK(conf->api == cases[i].want, cases[i].yaml);
    }
    AUTO(conf_unref) struct conf *conf = must_load("gopCache: no");
    assert_int_equal(conf->gop_cache, GOP_CACHE_NO);
}

static void references_are_counted(void **state)
{
    struct conf *conf = must_load("paths: {a: }");
    struct conf *other = conf_ref(conf);
    assert_ptr_equal(conf, other);
    conf = conf_unref(conf);
    assert_null(conf);
    assert_string_equal(other->paths[0].name, "a");
    other = conf_unref(other);
    assert_null(conf_unref(other));
}

/* A file in a folder of its own; gone with remove_file(). */
static void write_file(char *path, const char *text)
{
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)close(fd);
}

static void files_are_read(void **state)
{
    char          path[] = "/tmp/conf_test_XXXXXX";
    struct conf  *conf = NULL;
    struct errmsg why = { "" };
    write_file(path, "workers: 3\n");
    int err = conf_load(path, NULL, &conf, &why);
    (void)unlink(path);
    CHECK(err == 0, why.text);
    assert_int_equal(conf->workers, 3);
    conf = conf_unref(conf);

    assert_int_equal(conf_load(path, NULL, &conf, &why), -ENOENT);
    assert_string_equal(why.text + strlen("open ") + strlen(path), ": no such file or directory");
    assert_int_equal(conf_load("/tmp", NULL, &conf, &why), -EISDIR);
    assert_int_equal(conf_load("/dev/zero", NULL, &conf, &why), -E2BIG);
    assert_null(conf);
}

static void the_sample_file_is_right(void **state)
{
    char          path[4096];
    struct conf  *conf = NULL;
    struct errmsg why = { "" };
    (void)snprintf(path, sizeof(path), "%s/millrace.yml", getenv("MILLRACE_SOURCE_ROOT"));
    CHECK(conf_load(path, NULL, &conf, &why) == 0, why.text);
    assert_string_equal(conf_find_path(conf, BYTES("demo"), NULL)->source, "demo");
    assert_string_equal(conf_find_path(conf, BYTES("other"), NULL)->source, "publisher");
    assert_false(conf->api || conf->metrics || conf->pprof);
    conf = conf_unref(conf);
}

static void ten_thousand_paths_load(void **state)
{
    enum { PATHS = 10000 };
    AUTO(buf_fini) struct buf yaml = { 0 };
    buf_append_string(&yaml, "paths:\n");
    for (unsigned i = 0; i < PATHS; i++)
        buf_printf(&yaml, "  site/cam%u:\n    source: demo\n    maxReaders: %u\n", i, i);
    struct conf  *conf = NULL;
    struct errmsg why = { "" };
    CHECK(conf_load_text("f.yml", buf_span(&yaml), NULL, &conf, &why) == 0, why.text);
    assert_int_equal(conf->path_count, PATHS);
    for (unsigned i = 0; i < PATHS; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "site/cam%u", i);
        const struct conf_path *path = conf_find_path(conf, span_from_string(name), NULL);
        CHECK(path && path->max_readers == i, name);
    }
    conf = conf_unref(conf);
}

static void too_many_paths_are_refused(void **state)
{
    AUTO(buf_fini) struct buf yaml = { 0 };
    buf_append_string(&yaml, "paths:\n");
    for (unsigned i = 0; i <= CONF_MAX_PATHS; i++)
        buf_printf(&yaml, "  c%u:\n", i);
    struct conf  *conf = NULL;
    struct errmsg why = { "" };
    assert_int_equal(conf_load_text("f.yml", buf_span(&yaml), NULL, &conf, &why), -E2BIG);
    assert_string_equal(why.text, "f.yml:2:3: more than 200000 paths");
}

TESTS(nothing_gives_the_defaults, paths_inherit_what_they_do_not_set, aliases_and_merges_fill_paths,
      aliases_and_merges_fill_objects, webrtc_is_set_up, other_methods_are_not_there_yet,
      webrtc_that_is_off_may_have_gaps, lists_and_texts_have_limits,
      mistakes_are_told_with_their_place, null_keeps_plain_values_and_empties_durations,
      booleans_of_yaml_1_1, references_are_counted, files_are_read, the_sample_file_is_right,
      ten_thousand_paths_load, too_many_paths_are_refused)
