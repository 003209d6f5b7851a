#include "conf/settings.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "conf/conf.h"
#include "conf/quote.h"

/* As many as any use needs, and few enough that a sum with the time of day can't overflow. */
#define YEARS_100 (NS_PER_S * 86400 * 36500)
#define HOUR      (3600 * NS_PER_S)
#define KB        (INT64_C(1) << 10)
#define MB        (INT64_C(1) << 20)
#define GB        (INT64_C(1) << 30)

static const struct choice log_levels[] = {
    { .name = "error", .value = LOG_ERROR },
    { .name = "warn", .value = LOG_WARN },
    { .name = "info", .value = LOG_INFO },
    { .name = "debug", .value = LOG_DEBUG },
    { 0 },
};

static const struct choice auth_methods[] = {
    { .name = "http", .value = AUTH_METHOD_HTTP },
    { .name = "internal", .value = AUTH_METHOD_INTERNAL },
    { .name = "jwt", .value = AUTH_METHOD_JWT },
    { 0 },
};

static const struct choice actions[] = {
    { .name = "publish", .value = CONF_ACTION_PUBLISH },
    { .name = "read", .value = CONF_ACTION_READ },
    { .name = "playback", .value = CONF_ACTION_PLAYBACK },
    { .name = "api", .value = CONF_ACTION_API },
    { .name = "metrics", .value = CONF_ACTION_METRICS },
    { .name = "pprof", .value = CONF_ACTION_PPROF },
    { 0 },
};

static const struct choice gop_caches[] = {
    { .name = "no", .value = GOP_CACHE_NO, .is_bare = true },
    { .name = "webrtc", .value = GOP_CACHE_WEBRTC },
    { .name = "all", .value = GOP_CACHE_ALL },
    { 0 },
};

static const struct choice rtsp_auth_methods[] = {
    { .name = "basic", .value = RTSP_AUTH_BASIC },
    { .name = "digest", .value = RTSP_AUTH_DIGEST },
    { 0 },
};

static const struct choice rtsp_transports[] = {
    { .name = "multicast", .value = RTSP_TRANSPORT_MULTICAST },
    { .name = "tcp", .value = RTSP_TRANSPORT_TCP },
    { .name = "udp", .value = RTSP_TRANSPORT_UDP },
    { 0 },
};

static const struct choice ice_schemes[] = {
    { .name = "stun:" },
    { .name = "turn:" },
    { .name = "turns:" },
    { 0 },
};

#define FIELD(type, field) offsetof(struct type, field), sizeof(((struct type *)0)->field)
#define GLOBAL(field)      SCOPE_GLOBAL, FIELD(conf, field)
#define PATH(field)        SCOPE_PATH, FIELD(conf_path, field)
#define ICE_SERVER(field)  SCOPE_ITEM, FIELD(conf_ice_server, field)
#define USER(field)        SCOPE_ITEM, FIELD(conf_user, field)
#define PERMISSION(field)  SCOPE_ITEM, FIELD(conf_permission, field)

/* The allowed values; what stands behind them in a row is how a change is applied. */
#define ANY                      .unit = NULL
#define ONE_OF(list)             .choices = (list), .unit = NULL
#define FROM_TO(from, to)        .min = (from), .max = (to), .unit = NULL
#define COUNT_OF(what, from, to) .min = (from), .max = (to), .unit = (what)
#define ITEMS                    COUNT_OF("items", 0, CONF_MAX_LIST)
#define TEXT                     COUNT_OF("bytes", 0, CONF_MAX_ITEM)
#define SECRET                   .is_secret = true, TEXT
#define BEGINS_WITH(list)        .choices = (list), COUNT_OF("bytes", 1, CONF_MAX_ITEM)
#define OBJECTS(type, rows, most)                                                                  \
    .members = (rows), .item_size = sizeof(struct type), COUNT_OF("items", 0, most)

/* Anybody may watch and publish; the rest is for this machine. */
static const char default_users[] =
    "[{user: any, permissions: [{action: publish}, {action: read}, {action: playback}]},"
    " {user: any, ips: [127.0.0.1, '::1'],"
    "  permissions: [{action: api}, {action: metrics}, {action: pprof}]}]";

/* clang-format off */
static const struct setting permission_rows[] = {
    { "action", SET_ENUM, PERMISSION(action), NULL, ONE_OF(actions), APPLY_AT_ONCE,
      "What may be done." },
    { "path", SET_STRING, PERMISSION(path), "", TEXT, APPLY_AT_ONCE,
      "On which path, for the first three: its name, `~` and an expression, or nothing: "
      "on any." },
    { 0 },
};

static const struct setting user_rows[] = {
    { "user", SET_CREDENTIAL, USER(user), "", TEXT, APPLY_AT_ONCE,
      "The name, or its hash; `any`: everybody, with a name or without." },
    { "pass", SET_CREDENTIAL, USER(pass), "", SECRET, APPLY_AT_ONCE,
      "The password, or its hash; `\"\"`: any will do." },
    { "ips", SET_NETWORKS, USER(ips), "", ITEMS, APPLY_AT_ONCE,
      "Where the user may come from; `[]`: from anywhere." },
    { "permissions", SET_OBJECTS, USER(permissions), "[]",
      OBJECTS(conf_permission, permission_rows, CONF_MAX_LIST), APPLY_AT_ONCE,
      "What the user may do." },
    { 0 },
};

static const struct setting ice_server_rows[] = {
    { "url", SET_URL, ICE_SERVER(url), "", BEGINS_WITH(ice_schemes), APPLY_NEW_CONNECTIONS,
      "Where the server is." },
    { "username", SET_STRING, ICE_SERVER(username), "", TEXT, APPLY_NEW_CONNECTIONS,
      "What a TURN server asks for; `AUTH_SECRET`: names and passwords that end after a day are "
      "made of the secret in `password`." },
    { "password", SET_STRING, ICE_SERVER(password), "", SECRET, APPLY_NEW_CONNECTIONS,
      "What goes with the name." },
    { "clientOnly", SET_BOOL, ICE_SERVER(client_only), "no", ANY, APPLY_NEW_CONNECTIONS,
      "Clients are told of it, and the server itself makes no use of it." },
    { 0 },
};

static const struct setting global_rows[] = {
    { "api", SET_BOOL, GLOBAL(api), "no", ANY, APPLY_RESTART_API,
      "Runs the control API." },
    { "apiAddress", SET_ADDRESS, GLOBAL(api_address), ":9997", ANY, APPLY_RESTART_API,
      "Where the control API listens (HTTP)." },
    { "authInternalUsers", SET_OBJECTS, GLOBAL(auth_internal_users), default_users,
      OBJECTS(conf_user, user_rows, CONF_MAX_USERS), APPLY_AT_ONCE,
      "Who may do what: something is allowed when one of these allows it." },
    { "authMethod", SET_ENUM, GLOBAL(auth_method), "internal", ONE_OF(auth_methods),
      APPLY_AT_ONCE,
      "Who decides on it: `internal` is the list `authInternalUsers`; the others are not there "
      "yet in this version." },
    { "frameHold", SET_DURATION, GLOBAL(frame_hold_ns), "1ms",
      FROM_TO(0, 100 * NS_PER_MS), APPLY_NEW_CONNECTIONS,
      "Waits that long for the rest of a video frame that comes packet by packet, "
      "to pass it on in one go." },
    { "gopCache", SET_ENUM, GLOBAL(gop_cache), "webrtc", ONE_OF(gop_caches), APPLY_NEW_CONNECTIONS,
      "Which readers start with the last keyframe instead of waiting for the next one." },
    { "gopCacheMaxSize", SET_SIZE, GLOBAL(gop_cache_max_bytes), "4M",
      FROM_TO(0, 4 * GB), APPLY_NEW_CONNECTIONS,
      "Most memory that a stream keeps for readers that start; "
      "a group of pictures that does not fit is not kept at all." },
    { "logLevel", SET_ENUM, GLOBAL(log_level), "info", ONE_OF(log_levels), APPLY_AT_ONCE,
      "The least important lines that are logged." },
    { "metrics", SET_BOOL, GLOBAL(metrics), "no", ANY, APPLY_RESTART_METRICS,
      "Serves metrics in Prometheus' format." },
    { "metricsAddress", SET_ADDRESS, GLOBAL(metrics_address), ":9998", ANY, APPLY_RESTART_METRICS,
      "Where metrics are served (HTTP)." },
    { "pprof", SET_BOOL, GLOBAL(pprof), "no", ANY, APPLY_RESTART_PPROF,
      "Serves profiles in the format of `go tool pprof`." },
    { "pprofAddress", SET_ADDRESS, GLOBAL(pprof_address), ":9999", ANY, APPLY_RESTART_PPROF,
      "Where profiles are served (HTTP)." },
    { "readerQueueMaxSize", SET_SIZE, GLOBAL(reader_queue_max_bytes), "8M",
      FROM_TO(64 * KB, 16 * GB), APPLY_NEW_CONNECTIONS,
      "Most media that may wait for one reader; over it whole frames are dropped "
      "up to the next keyframe." },
    { "readerQueueMaxTime", SET_DURATION, GLOBAL(reader_queue_max_ns), "2s",
      FROM_TO(10 * NS_PER_MS, HOUR), APPLY_NEW_CONNECTIONS,
      "Longest time that media may wait for one reader." },
    { "readTimeout", SET_DURATION, GLOBAL(read_timeout_ns), "10s",
      FROM_TO(1, YEARS_100), APPLY_NEW_CONNECTIONS,
      "A connection that should send and does not is closed after that time." },
    { "rtcpAddress", SET_ADDRESS, GLOBAL(rtcp_address), ":8001", ANY, APPLY_RESTART_RTSP,
      "Where RTCP of RTSP clients over UDP is sent and received." },
    { "rtcpReportPeriod", SET_DURATION, GLOBAL(rtcp_report_period_ns), "3s",
      FROM_TO(100 * NS_PER_MS, HOUR), APPLY_NEW_CONNECTIONS,
      "Time between RTCP reports." },
    { "rtpAddress", SET_ADDRESS, GLOBAL(rtp_address), ":8000", ANY, APPLY_RESTART_RTSP,
      "Where media of RTSP clients over UDP is sent and received." },
    { "rtsp", SET_BOOL, GLOBAL(rtsp), "yes", ANY, APPLY_RESTART_RTSP,
      "Runs the RTSP server." },
    { "rtspAddress", SET_ADDRESS, GLOBAL(rtsp_address), ":8554", ANY, APPLY_RESTART_RTSP,
      "Where the RTSP server listens (TCP)." },
    { "rtspAuthMethods", SET_BITS, GLOBAL(rtsp_auth_methods), "basic",
      ONE_OF(rtsp_auth_methods), APPLY_NEW_CONNECTIONS,
      "How RTSP clients may show who they are; digest needs passwords in plain." },
    { "rtspTransports", SET_BITS, GLOBAL(rtsp_transports), "multicast,tcp,udp",
      ONE_OF(rtsp_transports), APPLY_NEW_CONNECTIONS,
      "How RTSP clients may ask for media to be carried." },
    { "rtspUDPReadBufferSize", SET_INT, GLOBAL(rtsp_udp_read_buffer_bytes), "0",
      COUNT_OF("bytes", 0, GB), APPLY_RESTART_RTSP,
      "The kernel's receive buffer of each UDP socket of RTSP; 0: as `udpReadBufferSize` says." },
    { "spreadReaders", SET_BOOL, GLOBAL(spread_readers), "no", ANY, APPLY_NEW_CONNECTIONS,
      "Sends each new reader to the least busy worker, not to that of its stream: for one stream "
      "with more readers than a core bears. Otherwise a reader costs up to twice as much there." },
    { "udpMaxPayloadSize", SET_INT, GLOBAL(udp_max_payload_bytes), "1452",
      COUNT_OF("bytes", 128, 1472), APPLY_RESTART_PATH,
      "Largest UDP payload that readers are sent; RTP packets over it are made smaller, where "
      "their codec allows." },
    { "udpReadBufferSize", SET_INT, GLOBAL(udp_read_buffer_bytes), "0",
      COUNT_OF("bytes", 0, GB), APPLY_RESTART_RTSP,
      "The kernel's receive buffer of each UDP socket; 0: 4 MiB, or what the kernel allows." },
    { "webrtc", SET_BOOL, GLOBAL(webrtc), "yes", ANY, APPLY_RESTART_WEBRTC,
      "Runs the WebRTC server (WHEP)." },
    { "webrtcAdditionalHosts", SET_STRINGS, GLOBAL(webrtc_additional_hosts), "", ITEMS,
      APPLY_NEW_CONNECTIONS,
      "Addresses or names by which clients reach this machine, beside those of its interfaces." },
    { "webrtcAddress", SET_ADDRESS, GLOBAL(webrtc_address), ":8889", ANY, APPLY_RESTART_WEBRTC,
      "Where WebRTC sessions are asked for (HTTP)." },
    { "webrtcAllowOrigins", SET_STRINGS, GLOBAL(webrtc_allow_origins), "*", ITEMS,
      APPLY_NEW_CONNECTIONS,
      "Pages that may ask from a browser (CORS), as `https://example.com`; `*` stands for any, "
      "alone or in a host's name." },
    { "webrtcEncryption", SET_BOOL, GLOBAL(webrtc_encryption), "no", ANY, APPLY_RESTART_WEBRTC,
      "HTTPS in place of HTTP; media is encrypted in any case." },
    { "webrtcHandshakeTimeout", SET_DURATION, GLOBAL(webrtc_handshake_timeout_ns), "10s",
      FROM_TO(1, YEARS_100), APPLY_NEW_CONNECTIONS,
      "A session that is not connected that long after it was asked for is closed." },
    { "webrtcICEServers2", SET_OBJECTS, GLOBAL(webrtc_ice_servers), "[]",
      OBJECTS(conf_ice_server, ice_server_rows, CONF_MAX_ICE_SERVERS), APPLY_NEW_CONNECTIONS,
      "STUN and TURN servers, for clients that can't reach this machine directly." },
    { "webrtcIPsFromInterfaces", SET_BOOL, GLOBAL(webrtc_ips_from_interfaces), "yes", ANY,
      APPLY_NEW_CONNECTIONS,
      "Tells clients the addresses of this machine's interfaces." },
    { "webrtcIPsFromInterfacesList", SET_STRINGS, GLOBAL(webrtc_ips_from_interfaces_list), "",
      ITEMS, APPLY_NEW_CONNECTIONS,
      "Names of the interfaces meant by that; `[]`: all of them." },
    { "webrtcLocalTCPAddress", SET_ADDRESS, GLOBAL(webrtc_local_tcp_address), "", ANY,
      APPLY_RESTART_WEBRTC,
      "Where media is sent and received over TCP; `\"\"`: nowhere." },
    { "webrtcLocalUDPAddress", SET_ADDRESS, GLOBAL(webrtc_local_udp_address), ":8189", ANY,
      APPLY_RESTART_WEBRTC,
      "Where media is sent and received over UDP; `\"\"`: nowhere." },
    { "webrtcServerCert", SET_STRING, GLOBAL(webrtc_server_cert), "server.crt", ANY,
      APPLY_RESTART_WEBRTC,
      "The file of the certificate for HTTPS." },
    { "webrtcServerKey", SET_STRING, GLOBAL(webrtc_server_key), "server.key", ANY,
      APPLY_RESTART_WEBRTC,
      "The file of its key." },
    { "webrtcSTUNGatherTimeout", SET_DURATION, GLOBAL(webrtc_stun_gather_timeout_ns), "5s",
      FROM_TO(0, YEARS_100), APPLY_NEW_CONNECTIONS,
      "Longest time to ask STUN servers for addresses." },
    { "webrtcTrackGatherTimeout", SET_DURATION, GLOBAL(webrtc_track_gather_timeout_ns), "2s",
      FROM_TO(0, YEARS_100), APPLY_NEW_CONNECTIONS,
      "Longest time to wait for the tracks of a publisher." },
    { "webrtcTrustedProxies", SET_NETWORKS, GLOBAL(webrtc_trusted_proxies), "", ITEMS,
      APPLY_NEW_CONNECTIONS,
      "Proxies whose word on a client's address (`X-Forwarded-For`) is taken." },
    { "workers", SET_INT, GLOBAL(workers), "0",
      COUNT_OF("threads", 0, 256), APPLY_RESTART_PROGRAM,
      "Threads that move media; 0: one for each core that it may use." },
    { "writeQueueSize", SET_POWER_OF_2, GLOBAL(write_queue_size), "512",
      COUNT_OF("frames", 1, 1 << 24), APPLY_NEW_CONNECTIONS,
      "Most frames that may wait for one reader." },
    { "writeTimeout", SET_DURATION, GLOBAL(write_timeout_ns), "10s",
      FROM_TO(1, YEARS_100), APPLY_NEW_CONNECTIONS,
      "A connection that should take data and does not is closed after that time." },
    { 0 },
};

static const struct setting path_rows[] = {
    { "maxReaders", SET_INT, PATH(max_readers), "0",
      COUNT_OF("readers", 0, INT32_MAX), APPLY_AT_ONCE,
      "Most readers at a time; 0: no limit." },
    { "overridePublisher", SET_BOOL, PATH(override_publisher), "yes", ANY, APPLY_AT_ONCE,
      "A new publisher takes the place of the one that is there." },
    { "source", SET_STRING, PATH(source), "publisher", ANY, APPLY_RESTART_PATH,
      "Where the stream comes from: `publisher` (whoever publishes it), `redirect` "
      "(readers are sent to `sourceRedirect`) or `demo` (a test picture and tone, made here)." },
    { "sourceOnDemand", SET_BOOL, PATH(source_on_demand), "no", ANY, APPLY_RESTART_PATH,
      "Starts the source only while there are readers." },
    { "sourceOnDemandCloseAfter", SET_DURATION, PATH(source_on_demand_close_after_ns), "10s",
      FROM_TO(0, YEARS_100), APPLY_AT_ONCE,
      "Stops such a source that long after the last reader has gone." },
    { "sourceOnDemandStartTimeout", SET_DURATION, PATH(source_on_demand_start_timeout_ns), "10s",
      FROM_TO(0, YEARS_100), APPLY_AT_ONCE,
      "Readers wait that long for such a source, then get an error." },
    { "sourceRedirect", SET_STRING, PATH(source_redirect), "", ANY, APPLY_RESTART_PATH,
      "Where readers are sent: `/` and the name of a path, or an RTSP URL." },
    { "useAbsoluteTimestamp", SET_BOOL, PATH(use_absolute_timestamp), "no", ANY,
      APPLY_NEW_CONNECTIONS, "Readers get the publisher's wall clock, where it sends reports; else "
      "frames are from when they came." },
    { 0 },
};
/* clang-format on */

_Static_assert(COUNT(path_rows) <= CONF_MAX_PATH_SETTINGS, "conf_path.own has a bit for each row");

static const struct table {
    const struct setting *rows;
    size_t                count;
} tables[] = {
    [SCOPE_GLOBAL] = { global_rows, COUNT(global_rows) - 1 },
    [SCOPE_PATH] = { path_rows, COUNT(path_rows) - 1 },
};

const struct setting *settings_of(enum setting_scope scope)
{
    return tables[scope].rows;
}

static int compare_name(const void *key, const void *row)
{
    struct span name = *(const struct span *)key;
    struct span other = span_from_string(((const struct setting *)row)->name);
    size_t      len = MIN(name.len, other.len);
    int         order = strncasecmp((const char *)name.p, (const char *)other.p, len);
    return order ? order : (name.len > other.len) - (name.len < other.len);
}

const struct setting *settings_find(enum setting_scope scope, struct span name)
{
    const struct table *table = &tables[scope];
    if (name.len == 0)
        return NULL;
    return bsearch(&name, table->rows, table->count, sizeof(table->rows[0]), compare_name);
}

const struct setting *settings_find_member(const struct setting *setting, struct span name)
{
    for (const struct setting *member = setting->members; member->name; member++) {
        if (span_is_nocase(name, member->name))
            return member;
    }
    return NULL;
}

int settings_check_key(const struct setting *found, struct span key, struct errmsg *why)
{
    if (!found)
        return errmsg_set(why, -EINVAL, "'%s' is not a setting known here", quote(key).text);
    if (!span_is(key, found->name))
        return errmsg_set(why, -EINVAL, "'%s' is not a setting known here; did you mean '%s'?",
                          quote(key).text, found->name);
    return 0;
}
