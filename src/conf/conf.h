/**
 * conf: all settings of the program, read from YAML and the environment.
 *
 * Shape:   struct conf is filled once and then const; it is shared by reference count.
 * Units:   durations in ns, sizes in bytes.
 * Threads: conf_load() on the main thread (or the pool); reading from any thread.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/errmsg.h"
#include "base/log.h"
#include "base/span.h"

enum conf_gop_cache { GOP_CACHE_NO, GOP_CACHE_WEBRTC, GOP_CACHE_ALL };

enum conf_auth_method { AUTH_METHOD_INTERNAL, AUTH_METHOD_HTTP, AUTH_METHOD_JWT };

/** What somebody may be allowed to do; the first three with a path. */
enum conf_action {
    CONF_ACTION_PUBLISH = 1, /* 0: none */
    CONF_ACTION_READ,
    CONF_ACTION_PLAYBACK,
    CONF_ACTION_API,
    CONF_ACTION_METRICS,
    CONF_ACTION_PPROF,
};

/* bits */
enum conf_rtsp_auth { RTSP_AUTH_BASIC = 1, RTSP_AUTH_DIGEST = 2 };

/* bits */
enum conf_rtsp_transport {
    RTSP_TRANSPORT_UDP = 1,
    RTSP_TRANSPORT_MULTICAST = 2,
    RTSP_TRANSPORT_TCP = 4
};

enum {
    CONF_MAX_PATH_SETTINGS = 256,
    CONF_MAX_PATHS = 200000,   /* entries; 100 MB and a second to load */
    CONF_MAX_ENTRY_NAME = 250, /* bytes: a key of YAML, which ends at 1024 with all of it escaped */
    CONF_MAX_LIST = 256,       /* items: the proxies of a large network of caches are about 200 */
    CONF_MAX_USERS = 1024,     /* each request looks at all of them */
    CONF_MAX_ICE_SERVERS = 32, /* they are told to each viewer, in headers of an answer */
    CONF_MAX_ITEM = 512,       /* bytes: the longest is a TURN username, 508 (RFC 8489, 14.3) */
};

/** A list of texts. */
struct conf_list {
    unsigned count;
    char   **items;
};

/** One of webrtcICEServers2; texts are never NULL. */
struct conf_ice_server {
    char *url; /* stun:, turn: or turns: */
    char *username, *password;
    bool  client_only; /* for clients; not to be used by the server itself */
};

struct conf_ice_servers {
    unsigned                count;
    struct conf_ice_server *items;
};

struct conf_permission {
    int   action; /* enum conf_action */
    char *path;   /* a name, `~` and an expression, or empty: all of them */
};

struct conf_permissions {
    unsigned                count;
    struct conf_permission *items;
};

/** One of authInternalUsers; texts are never NULL. */
struct conf_user {
    char                   *user; /* "any": everybody */
    char                   *pass;
    struct conf_list        ips; /* CIDRs, as network.h writes them; none: anywhere */
    struct conf_permissions permissions;
};

struct conf_users {
    unsigned          count;
    struct conf_user *items;
};

struct setting;
struct conf_regex; /* a compiled expression and its limits */

/** One entry of `paths`, with pathDefaults filled in. */
struct conf_path {
    char              *name;  /* as written: "cam1", "~^cam[0-9]+$", "all_others" */
    struct conf_regex *regex; /* NULL: a plain name */
    char              *source;
    char              *source_redirect;
    bool               source_on_demand;
    int64_t            source_on_demand_start_timeout_ns;
    int64_t            source_on_demand_close_after_ns;
    int64_t            max_readers; /* 0: no limit */
    bool               override_publisher;
    bool               use_absolute_timestamp;
    /* Bit i: row i of the path settings is the entry's own; others are those of the defaults,
     * and what they point at belongs to them. */
    uint64_t           own[CONF_MAX_PATH_SETTINGS / 64];
};

struct conf {
    int      log_level; /* enum log_level */
    int64_t  read_timeout_ns;
    int64_t  write_timeout_ns;
    int64_t  write_queue_size; /* frames */
    bool     api, metrics, pprof;
    char    *api_address, *metrics_address, *pprof_address;
    bool     rtsp;
    unsigned rtsp_transports; /* bits of enum conf_rtsp_transport */
    char    *rtsp_address;
    char    *rtp_address, *rtcp_address; /* UDP */
    int64_t  udp_max_payload_bytes;
    int64_t  udp_read_buffer_bytes;      /* 0: the kernel's default */
    int64_t  rtsp_udp_read_buffer_bytes; /* 0: the one above */
    unsigned rtsp_auth_methods;          /* bits of enum conf_rtsp_auth; one at least */

    int               auth_method; /* enum conf_auth_method */
    struct conf_users auth_internal_users;

    bool                    webrtc;
    bool                    webrtc_encryption;
    char                   *webrtc_address;
    char                   *webrtc_server_key, *webrtc_server_cert;
    struct conf_list        webrtc_allow_origins;
    struct conf_list        webrtc_trusted_proxies; /* CIDRs, as network.h writes them */
    char                   *webrtc_local_udp_address, *webrtc_local_tcp_address; /* empty: off */
    bool                    webrtc_ips_from_interfaces;
    struct conf_list        webrtc_ips_from_interfaces_list; /* empty: all of them */
    struct conf_list        webrtc_additional_hosts;
    struct conf_ice_servers webrtc_ice_servers;
    int64_t                 webrtc_stun_gather_timeout_ns;
    int64_t                 webrtc_handshake_timeout_ns;
    int64_t                 webrtc_track_gather_timeout_ns;

    /* Our own, beside MediaMTX's. */
    int64_t workers; /* 0: one a core */
    int64_t rtcp_report_period_ns;
    bool    spread_readers;
    int64_t frame_hold_ns;
    int     gop_cache; /* enum conf_gop_cache */
    int64_t gop_cache_max_bytes;
    int64_t reader_queue_max_bytes;
    int64_t reader_queue_max_ns;

    struct conf_path  defaults; /* pathDefaults; its name is NULL */
    size_t            path_count;
    size_t            plain_count; /* of paths: the first ones, whose names are no expressions */
    struct conf_path *paths;       /* in the order of lookup: plain by name, expressions by name,
                                      all_others last */
};

/**
 * Reads `file` (NULL: the built-in defaults alone), then the environment (`RTSP_...`, then
 * `MTX_...`), then checks. `environ_` is a NULL-terminated list of "NAME=value".
 * Errors are in `why`, with file, line, key, value and what is allowed.
 */
int conf_load(const char *file, char **environ_, struct conf **out, struct errmsg *why);

/** As conf_load(), from text; `file` is only its name in messages. */
int conf_load_text(const char *file, struct span text, char **environ_, struct conf **out,
                   struct errmsg *why);

/** Reference counted. */
struct conf *conf_ref(const struct conf *conf);
struct conf *conf_unref(struct conf *conf);
DEFINE_AUTO(struct conf *, conf_unref)

/** The whole configuration as YAML: `--print-config`. Loading it gives the same conf. */
void conf_print(const struct conf *conf, struct buf *out);

/** The reference of all keys as Markdown, for docs/settings.md. */
void conf_print_reference(struct buf *out);

/** One difference between two configurations. */
struct conf_change {
    enum { CONF_SETTING_CHANGED, CONF_PATH_ADDED, CONF_PATH_REMOVED } kind;
    const struct setting   *setting;        /* the row (conf/settings.h) of a changed setting */
    const struct conf_path *before, *after; /* the path; both NULL for a global setting */
};
typedef void conf_change_fn(void *arg, const struct conf_change *change);

/**
 * Tells what differs: global settings, then paths in the order of lookup, key by key and with
 * what they inherit. A changed pathDefaults shows only where a path changes with it.
 */
void conf_diff(const struct conf *before, const struct conf *after, conf_change_fn *on_change,
               void *arg);

/** MediaMTX's rule for names of paths; `why` says which character or place is wrong. */
int conf_check_path_name(struct span name, struct errmsg *why);

enum { CONF_MAX_GROUPS = 9 };

/** The groups of an expression that matched; views into the name. */
struct conf_match {
    unsigned    group_count;
    struct span groups[CONF_MAX_GROUPS]; /* $G1... */
};

/**
 * The entry for a path's name, or NULL when none fits: one of exactly that name, else the first
 * expression that matches, else all_others. The name has passed conf_check_path_name(). `match`
 * may be NULL.
 */
const struct conf_path *conf_find_path(const struct conf *conf, struct span name,
                                       struct conf_match *match);
