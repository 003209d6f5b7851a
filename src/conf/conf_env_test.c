#include <errno.h>

#include "base/clock.h"
#include "base/test.h"
#include "conf/conf.h"

enum { MAX_VARIABLES = 8 };

static int load(const char *yaml, const char *const variables[], struct conf **out,
                struct errmsg *why)
{
    return conf_load_text("f.yml", span_from_string(yaml), (char **)variables, out, why);
}

/* What is asked for: the whole configuration, printed, holds these lines. */
static void variables_come_over_the_file(void **state)
{
    static const struct {
        const char *name, *yaml;
        const char *variables[MAX_VARIABLES];
        const char *want;
    } cases[] = {
        { "over the default", "", { "MTX_READTIMEOUT=20s" }, "\nreadTimeout: 20s\n" },
        { "over the file", "readTimeout: 5s", { "MTX_READTIMEOUT=20s" }, "\nreadTimeout: 20s\n" },
        { "mends what a file has wrong",
          "readTimeout: 0s",
          { "MTX_READTIMEOUT=20s" },
          "\nreadTimeout: 20s\n" },
        { "the old prefix", "", { "RTSP_READTIMEOUT=20s" }, "\nreadTimeout: 20s\n" },
        { "the new prefix wins",
          "",
          { "MTX_READTIMEOUT=20s", "RTSP_READTIMEOUT=30s" },
          "\nreadTimeout: 20s\n" },
        { "boolean", "", { "MTX_API=YES" }, "api: true\n" },
        { "integer", "", { "MTX_WORKERS=3" }, "\nworkers: 3\n" },
        { "size", "", { "MTX_GOPCACHEMAXSIZE=1.5M" }, "\ngopCacheMaxSize: 1.5M\n" },
        { "word", "", { "MTX_GOPCACHE=no" }, "\ngopCache: \"no\"\n" },
        { "list", "", { "MTX_RTSPTRANSPORTS=udp,tcp" }, "\nrtspTransports: [tcp, udp]\n" },
        { "empty list", "", { "MTX_RTSPTRANSPORTS=" }, "\nrtspTransports: []\n" },
        { "list of texts",
          "webrtcAdditionalHosts: [c, d, e]",
          { "MTX_WEBRTCADDITIONALHOSTS=a.example,192.0.2.1" },
          "\nwebrtcAdditionalHosts: [a.example, 192.0.2.1]\n" },
        { "an empty one", "", { "MTX_WEBRTCALLOWORIGINS=" }, "\nwebrtcAllowOrigins: []\n" },
        { "networks",
          "",
          { "MTX_WEBRTCTRUSTEDPROXIES=10.0.0.0/8,::1" },
          "\nwebrtcTrustedProxies: [10.0.0.0/8, ::1/128]\n" },
        { "an empty address",
          "webrtcLocalTCPAddress: :1",
          { "MTX_WEBRTCLOCALUDPADDRESS=" },
          "\nwebrtcLocalUDPAddress: \"\"\n" },
        { "an object",
          "",
          { "MTX_WEBRTCICESERVERS2_0_URL=stun:h" },
          "\nwebrtcICEServers2: [{url: stun:h, username: \"\", password: \"\", "
          "clientOnly: false}]\n" },
        { "objects, last one first",
          "",
          { "MTX_WEBRTCICESERVERS2_1_URL=stun:b", "MTX_WEBRTCICESERVERS2_0_CLIENTONLY=yes",
            "MTX_WEBRTCICESERVERS2_0_URL=turn:a?b=c" },
          "\nwebrtcICEServers2: [{url: \"turn:a?b=c\", username: \"\", password: \"\", "
          "clientOnly: true}, {url: stun:b, username: \"\", password: \"\", "
          "clientOnly: false}]\n" },
        { "an object of the file is edited",
          "webrtcICEServers2: [{url: 'stun:a'}, {url: 'turn:b', username: u}]",
          { "MTX_WEBRTCICESERVERS2_1_PASSWORD=p" },
          "\nwebrtcICEServers2: [{url: stun:a, username: \"\", password: \"\", "
          "clientOnly: false}, {url: turn:b, username: u, password: p, clientOnly: false}]\n" },
        { "one is added behind the file's, and completed",
          "webrtcICEServers2: [{username: u}]",
          { "MTX_WEBRTCICESERVERS2_1_URL=stun:b", "MTX_WEBRTCICESERVERS2_0_URL=stun:a" },
          "\nwebrtcICEServers2: [{url: stun:a, username: u, password: \"\", "
          "clientOnly: false}, {url: stun:b, username: \"\", password: \"\", "
          "clientOnly: false}]\n" },
        { "a gap ends the list",
          "",
          { "MTX_WEBRTCICESERVERS2_0_URL=stun:a", "MTX_WEBRTCICESERVERS2_2_URL=stun:c" },
          "\nwebrtcICEServers2: [{url: stun:a, username: \"\", password: \"\", "
          "clientOnly: false}]\n" },
        { "no objects",
          "webrtcICEServers2: [{url: 'stun:a'}]",
          { "MTX_WEBRTCICESERVERS2=" },
          "\nwebrtcICEServers2: []\n" },
        { "objects by both prefixes",
          "",
          { "MTX_WEBRTCICESERVERS2_1_URL=stun:b", "RTSP_WEBRTCICESERVERS2_0_URL=stun:a",
            "MTX_WEBRTCICESERVERS2_0_USERNAME=u" },
          "\nwebrtcICEServers2: [{url: stun:a, username: u, password: \"\", "
          "clientOnly: false}, {url: stun:b, username: \"\", password: \"\", "
          "clientOnly: false}]\n" },
        { "users by their keys",
          "",
          { "MTX_AUTHINTERNALUSERS=", "MTX_AUTHINTERNALUSERS_0_USER=bob",
            "MTX_AUTHINTERNALUSERS_0_PASS=secret", "MTX_AUTHINTERNALUSERS_0_IPS=::1,10.0.0.0/8",
            "MTX_AUTHINTERNALUSERS_0_PERMISSIONS_1_ACTION=publish",
            "MTX_AUTHINTERNALUSERS_0_PERMISSIONS_1_PATH=~^a=b",
            "MTX_AUTHINTERNALUSERS_0_PERMISSIONS_0_ACTION=read" },
          "\nauthInternalUsers: [{user: bob, pass: secret, ips: [::1/128, 10.0.0.0/8], "
          "permissions: [{action: read, path: \"\"}, {action: publish, path: \"~^a=b\"}]}]\n" },
        { "users of the file are edited, one is added",
          "authInternalUsers: [{user: a, permissions: [{action: read, path: x}]}]",
          { "MTX_AUTHINTERNALUSERS_1_PERMISSIONS_0_ACTION=api", "MTX_AUTHINTERNALUSERS_1_USER=b",
            "MTX_AUTHINTERNALUSERS_0_PERMISSIONS_0_PATH=y" },
          "\nauthInternalUsers: [{user: a, pass: \"\", ips: [], permissions: "
          "[{action: read, path: y}]}, {user: b, pass: \"\", ips: [], permissions: "
          "[{action: api, path: \"\"}]}]\n" },
        { "the first of the default users is edited",
          "",
          { "MTX_AUTHINTERNALUSERS_0_USER=bob", "MTX_AUTHINTERNALUSERS_0_PERMISSIONS=" },
          "\nauthInternalUsers: [{user: bob, pass: \"\", ips: [], permissions: []}, "
          "{user: any, " },
        { "a value with =",
          "paths: {a: {source: redirect}}",
          { "MTX_PATHS_A_SOURCEREDIRECT=rtsp://h/?a=b" },
          "\n    sourceRedirect: \"rtsp://h/?a=b\"\n" },
        { "path defaults", "", { "MTX_PATHDEFAULTS_MAXREADERS=3" }, "\n  maxReaders: 3\n" },
        { "a path that is there",
          "paths:\n  cam1: {maxReaders: 3}",
          { "MTX_PATHS_CAM1_SOURCE=demo" },
          "paths:\n  cam1:\n    maxReaders: 3\n    source: demo\n" },
        { "a path that is not there",
          "",
          { "MTX_PATHS_CAM1_SOURCE=demo" },
          "paths:\n  cam1:\n    source: demo\n" },
        { "two keys of it",
          "",
          { "MTX_PATHS_CAM1_SOURCE=demo", "MTX_PATHS_CAM1_MAXREADERS=1" },
          "paths:\n  cam1:\n    maxReaders: 1\n    source: demo\n" },
        { "the name ends at an underscore",
          "",
          { "MTX_PATHS_MY_CAM_SOURCE=demo" },
          "paths:\n  my:\n" },
        { "a name alone", "", { "MTX_PATHS_CAM1=x" }, "paths:\n  cam1:\n" },
        { "new entries are sorted in",
          "paths: {b: , all_others: , ~x: }",
          { "MTX_PATHS_C_SOURCE=demo", "MTX_PATHS_A_SOURCE=demo" },
          "paths:\n  a:\n    source: demo\n  b:\n  c:\n    source: demo\n  \"~x\":\n"
          "  all_others:\n" },
        { "all_others can't be reached, but all can",
          "",
          { "MTX_PATHS_ALL_MAXREADERS=1" },
          "paths:\n  all:\n    maxReaders: 1\n" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO(conf_unref) struct conf *conf = NULL;
        AUTO(buf_fini) struct buf     printed = { 0 };
        struct errmsg                 why = { "" };
        CHECK(load(cases[i].yaml, cases[i].variables, &conf, &why) == 0, why.text);
        conf_print(conf, &printed);
        CHECK(strstr(buf_string(&printed), cases[i].want), cases[i].name);
        for (size_t k = 0; k < conf->path_count; k++) {
            const struct conf_path *path = &conf->paths[k];
            struct span             name = span_from_string(path->name);
            CHECK(path->regex || conf_find_path(conf, name, NULL) == path, cases[i].name);
        }
    }
}

static void others_are_not_looked_at(void **state)
{
    static const char *const variables[] = {
        "MTX_",
        "MTX_FOO=1",
        "mtx_api=yes",
        "MTX_api=yes",
        "MTX_API",
        "MTXX_API=yes",
        "XMTX_API=yes",
        "=MTX_API=yes",
        "MTX_API_X=1",
        "MTX_PATHDEFAULTS=1",
        "MTX_PATHDEFAULTS_=1",
        "MTX_PATHDEFAULTS_API=1",
        "MTX_PATHS=1",
        "MTX_PATHS_=1",
        "MTX_PATHS__SOURCE=x",
        "MTX_PATHS_cam_SOURCE=x",
        "MTX_CONFKEY",
        "MTX_MAXREADERS=1",
        "PATH=/bin",
        "MTX_WEBRTCICESERVERS2_0=x",
        "MTX_WEBRTCICESERVERS2_0_=x",
        "MTX_WEBRTCICESERVERS2_0_FOO=x",
        "MTX_WEBRTCICESERVERS2_0_url=x",
        "MTX_WEBRTCICESERVERS2_1_URL=x",
        "MTX_WEBRTCICESERVERS2__URL=x",
        "MTX_WEBRTCICESERVERS2_x_URL=x",
        "MTX_WEBRTCICESERVERS2_-0_URL=x",
        "MTX_WEBRTCICESERVERS2_URL=x",
        "MTX_WEBRTCICESERVERS2_18446744073709551616_URL=x",
        "MTX_webrtcICEServers2_0_URL=x",
        "MTX_WEBRTCALLOWORIGINS_0=x",
        "MTX_WEBRTCICESERVERS2_0_URL_0=x",
        "MTX_AUTHINTERNALUSERS_2_PERMISSIONS_0=x",
        "MTX_AUTHINTERNALUSERS_2_PERMISSIONS_0_FOO=x",
        "MTX_AUTHINTERNALUSERS_2_PERMISSIONS__ACTION=read",
        "MTX_AUTHINTERNALUSERS_2_PERMISSIONS_0_action=read",
        "MTX_AUTHINTERNALUSERS_2_permissions_0_ACTION=read",
        "MTX_AUTHINTERNALUSERS_2_IPS_0_ACTION=read",
        "MTX_AUTHINTERNALUSERS_2_PERMISSIONS_300_ACTION=read",
        "MTX_AUTHINTERNALUSERS_3_PERMISSIONS_0_ACTION=read",
        NULL,
    };
    AUTO(conf_unref) struct conf *plain = NULL, *conf = NULL;
    AUTO(buf_fini) struct buf     want = { 0 }, got = { 0 };
    struct errmsg                 why = { "" };
    assert_int_equal(load("", NULL, &plain, NULL), 0);
    /* A variable without `=` has an empty value, as getenv() would say; that of API is left out
     * here, as it is a mistake. */
    const char *kept[COUNT(variables)];
    size_t      count = 0;
    for (size_t i = 0; i < COUNT(variables); i++) {
        if (!variables[i] || strcmp(variables[i], "MTX_API") != 0)
            kept[count++] = variables[i];
    }
    CHECK(load("", kept, &conf, &why) == 0, why.text);
    conf_print(plain, &want);
    conf_print(conf, &got);
    assert_string_equal(buf_string(&got), buf_string(&want));
}

static void mistakes_name_the_variable(void **state)
{
    static const struct {
        const char *name, *yaml;
        const char *variables[MAX_VARIABLES];
        const char *want;
    } cases[] = {
        { "duration",
          "",
          { "MTX_READTIMEOUT=5" },
          "MTX_READTIMEOUT: '5' is not a duration; write a number with a unit, like 10s or "
          "1m30s" },
        { "the old prefix",
          "",
          { "RTSP_READTIMEOUT=5" },
          "RTSP_READTIMEOUT: '5' is not a duration; write a number with a unit, like 10s or "
          "1m30s" },
        { "boolean", "", { "MTX_API=1" }, "MTX_API: '1' is not a boolean; write yes or no" },
        { "list",
          "",
          { "MTX_RTSPTRANSPORTS=tcp, udp" },
          "MTX_RTSPTRANSPORTS: ' udp' is not one of multicast, tcp, udp" },
        { "path defaults",
          "",
          { "MTX_PATHDEFAULTS_MAXREADERS=x" },
          "MTX_PATHDEFAULTS_MAXREADERS: 'x' is not a whole number" },
        { "path",
          "",
          { "MTX_PATHS_CAM1_MAXREADERS=x" },
          "MTX_PATHS_CAM1_MAXREADERS: 'x' is not a whole number" },
        { "a limit",
          "",
          { "MTX_READTIMEOUT=" },
          "MTX_READTIMEOUT: 'readTimeout' must be greater than zero" },
        { "a limit, old prefix",
          "",
          { "RTSP_WRITEQUEUESIZE=3" },
          "RTSP_WRITEQUEUESIZE: 'writeQueueSize' must be a power of two" },
        { "a limit of the defaults",
          "",
          { "MTX_PATHDEFAULTS_MAXREADERS=-1" },
          "MTX_PATHDEFAULTS_MAXREADERS: pathDefaults: 'maxReaders' must be in the range of 0 to "
          "2147483647 readers, not -1" },
        { "a limit of a path",
          "",
          { "MTX_PATHS_CAM1_MAXREADERS=-1" },
          "MTX_PATHS_CAM1_MAXREADERS: path 'cam1': 'maxReaders' must be in the range of 0 to "
          "2147483647 readers, not -1" },
        { "over a file's good value",
          "paths:\n  cam1:\n    source: demo\n",
          { "MTX_PATHS_CAM1_SOURCE=foo" },
          "MTX_PATHS_CAM1_SOURCE: path 'cam1': invalid source: 'foo'" },
        { "inherited from a variable",
          "paths:\n  cam1:\n",
          { "MTX_PATHDEFAULTS_SOURCE=foo" },
          "MTX_PATHDEFAULTS_SOURCE: path 'cam1': invalid source: 'foo'" },
        { "a name",
          "",
          { "MTX_PATHS_A@B_SOURCE=demo" },
          "MTX_PATHS_A@B_SOURCE: invalid path name 'a@b': can contain only alphanumeric "
          "characters, underscore, dot, minus, slash" },
        { "another's variable is not blamed",
          "paths:\n  my_cam:\n    source: foo\n",
          { "MTX_PATHS_MY_CAM_SOURCE=x", "MTX_PATHS_MY_SOURCE=demo" },
          "f.yml:3:13: path 'my_cam': invalid source: 'foo'" },
        { "a network",
          "",
          { "MTX_WEBRTCTRUSTEDPROXIES=::1, 10.0.0.0/8" },
          "MTX_WEBRTCTRUSTEDPROXIES: ' 10.0.0.0/8' is not a network; write an IP address, or a "
          "CIDR like 10.0.0.0/8" },
        { "a key of an object",
          "",
          { "MTX_WEBRTCICESERVERS2_0_URL=http://u:hidden@h" },
          "MTX_WEBRTCICESERVERS2_0_URL: 'http:...' does not begin with one of stun:, turn:, "
          "turns:" },
        { "another one of it",
          "",
          { "MTX_WEBRTCICESERVERS2_0_URL=stun:h", "MTX_WEBRTCICESERVERS2_0_CLIENTONLY=1" },
          "MTX_WEBRTCICESERVERS2_0_CLIENTONLY: '1' is not a boolean; write yes or no" },
        { "objects in one variable",
          "",
          { "MTX_WEBRTCICESERVERS2=turn:u:hidden:h:1" },
          "MTX_WEBRTCICESERVERS2: a text is not a list of objects; each key of an item has a "
          "variable of its own, whose name ends like _0_KEY" },
        { "an object without its first key",
          "webrtcICEServers2: [{url: 'stun:h'}]",
          { "MTX_WEBRTCICESERVERS2_0_USERNAME=u", "MTX_WEBRTCICESERVERS2_1_PASSWORD=hidden" },
          "MTX_WEBRTCICESERVERS2_1_PASSWORD: 'webrtcICEServers2[1].url' must be set" },
        { "the file's object is blamed in the file",
          "webrtcICEServers2:\n  - url: stun:h\n  - username: u\n",
          { "MTX_WEBRTCICESERVERS2_0_USERNAME=u" },
          "f.yml:3:5: 'webrtcICEServers2[1].url' must be set" },
        { "a key of an object in an object",
          "",
          { "MTX_AUTHINTERNALUSERS_0_PERMISSIONS_0_ACTION=watch" },
          "MTX_AUTHINTERNALUSERS_0_PERMISSIONS_0_ACTION: 'watch' is not one of publish, read, "
          "playback, api, metrics, pprof" },
        { "a permission without its first key",
          "",
          { "MTX_AUTHINTERNALUSERS_0_PERMISSIONS_3_PATH=x" },
          "MTX_AUTHINTERNALUSERS_0_PERMISSIONS_3_PATH: "
          "'authInternalUsers[0].permissions[3].action' must be set" },
        { "a password that can't be one",
          "",
          { "MTX_AUTHINTERNALUSERS_0_PASS=hidden/hidden" },
          "MTX_AUTHINTERNALUSERS_0_PASS: what is written here is not a credential; write letters, "
          "digits and !$()*+.;<=>[]^_-{}@#&, or sha256:BASE64, or argon2:$argon2id$..." },
        { "a password for everybody",
          "",
          { "MTX_AUTHINTERNALUSERS_0_PASS=hidden" },
          "MTX_AUTHINTERNALUSERS_0_PASS: using a password with 'any' user is not supported" },
        { "no way to show who one is",
          "",
          { "MTX_RTSPAUTHMETHODS=" },
          "MTX_RTSPAUTHMETHODS: at least one 'rtspAuthMethods' must be provided" },
        { "no value", "", { "MTX_API" }, "MTX_API: '' is not a boolean; write yes or no" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct conf  *conf = NULL;
        struct errmsg why = { "" };
        CHECK(load(cases[i].yaml, cases[i].variables, &conf, &why) == -EINVAL, cases[i].name);
        CHECK(strcmp(why.text, cases[i].want) == 0, why.text);
        CHECK(!conf, cases[i].name);
    }
}

static void objects_have_a_limit(void **state)
{
    static char   entries[CONF_MAX_ICE_SERVERS + 1][64];
    const char   *variables[CONF_MAX_ICE_SERVERS + 2] = { NULL };
    struct errmsg why = { "" };
    for (unsigned i = 0; i <= CONF_MAX_ICE_SERVERS; i++) {
        struct conf *conf = NULL;
        (void)snprintf(entries[i], sizeof(entries[i]), "MTX_WEBRTCICESERVERS2_%u_URL=stun:h", i);
        variables[i] = entries[i];
        int err = load("", variables, &conf, &why);
        CHECK(err == (i < CONF_MAX_ICE_SERVERS ? 0 : -E2BIG), why.text);
        CHECK(err < 0 || conf->webrtc_ice_servers.count == i + 1, entries[i]);
        conf = conf_unref(conf);
    }
    assert_string_equal(why.text, "MTX_WEBRTCICESERVERS2_32_URL: more than 32 items");
}

static void variables_alone_are_enough(void **state)
{
    AUTO(conf_unref) struct conf *conf = NULL;
    char                          first[] = "MTX_FRAMEHOLD=5ms", second[] = "MTX_FRAMEHOLD=1h";
    char                         *variables[] = { first, NULL };
    struct errmsg                 why = { "" };
    CHECK(conf_load(NULL, variables, &conf, &why) == 0, why.text);
    assert_int_equal(conf->frame_hold_ns, 5 * NS_PER_MS);
    variables[0] = second;
    struct conf *other = NULL;
    assert_int_equal(conf_load(NULL, variables, &other, &why), -EINVAL);
    assert_string_equal(
        why.text, "MTX_FRAMEHOLD: 'frameHold' must be in the range of 0 to 100ms, not 1h0m0s");
}

TESTS(variables_come_over_the_file, others_are_not_looked_at, mistakes_name_the_variable,
      objects_have_a_limit, variables_alone_are_enough)
