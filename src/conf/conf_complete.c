#include <errno.h>

#include "base/check.h"
#include "conf/conf_internal.h"
#include "conf/credential.h"
#include "conf/path_check.h"
#include "conf/quote.h"
#include "conf/value.h"

struct checker {
    struct conf             *conf;
    const struct conf_input *input;
    struct errmsg           *why;
};

/* What an entry has not set itself is that of the defaults, text included. */
static void inherit(struct conf *conf, struct conf_path *path)
{
    for (const struct setting *setting = settings_of(SCOPE_PATH); setting->name; setting++) {
        if (!conf_path_is_own(path, setting))
            memcpy(setting_field(setting, path), setting_field(setting, &conf->defaults),
                   setting->size);
    }
}

static int blame_node(struct checker *checker, unsigned line, unsigned column, int err)
{
    return errmsg_prefix(checker->why, err, "%s:%u:%u", checker->input->file, line, column);
}

static int blame_variable(struct checker *checker, struct span variable, int err)
{
    return errmsg_prefix(checker->why, err, "%s", quote(variable).text);
}

/* The map in the file that holds a path's own values, those of the defaults, or the globals. */
static const struct yaml_node *find_map(const struct checker *checker, const struct conf_path *path)
{
    const struct yaml_node *root = checker->input->root;
    if (!path)
        return root;
    if (path == &checker->conf->defaults)
        return yaml_get(root, BYTES("pathDefaults"));
    return yaml_get(yaml_get(root, BYTES("paths")), span_from_string(path->name));
}

static const struct yaml_node *find_value(const struct yaml_node *map, struct conf_key key)
{
    const struct yaml_node *node = yaml_get(map, span_from_string(key.name));
    if (!node || node->kind != YAML_LIST || key.item < 0)
        return node;
    const struct yaml_node *item = node->first;
    for (int i = 0; item && i < key.item; i++)
        item = item->next;
    return item ? item : node;
}

/* The value that counts: a variable's before the file's. */
static int blame_value(struct checker *checker, const struct conf_path *path, struct conf_key key,
                       int err)
{
    struct span variable = conf_find_variable(checker->input, checker->conf, path, key);
    if (variable.len > 0)
        return blame_variable(checker, variable, err);
    const struct yaml_node *node = find_value(find_map(checker, path), key);
    if (node)
        return blame_node(checker, node->line, node->column, err);
    return checker->input->file ? errmsg_prefix(checker->why, err, "%s", checker->input->file)
                                : err;
}

static int blame_defaults(struct checker *checker, struct conf_key key, int err)
{
    (void)errmsg_prefix(checker->why, err, "pathDefaults");
    return blame_value(checker, &checker->conf->defaults, key, err);
}

static int blame_entry(struct checker *checker, const struct conf_path *path, int err)
{
    const struct yaml_node *map = find_map(checker, path);
    if (map)
        return blame_node(checker, map->key_line, map->key_column, err);
    return blame_variable(checker, conf_find_path_variable(checker->input, path), err);
}

/* A path's value may be its own or inherited. */
static int blame_path(struct checker *checker, const struct conf_path *path, struct conf_key key,
                      int err)
{
    const struct setting *setting = settings_find(SCOPE_PATH, span_from_string(key.name));
    (void)errmsg_prefix(checker->why, err, "path '%s'", quote(span_from_string(path->name)).text);
    return blame_value(checker, conf_path_is_own(path, setting) ? path : &checker->conf->defaults,
                       key, err);
}

static int check_ranges(struct checker *checker)
{
    struct conf    *conf = checker->conf;
    struct conf_key key;
    for (const struct setting *setting = settings_of(SCOPE_GLOBAL); setting->name; setting++) {
        key.name = setting->name;
        int err = value_check(setting, setting_field(setting, conf), &key.item, checker->why);
        if (err < 0)
            return blame_value(checker, NULL, key, err);
    }
    for (const struct setting *setting = settings_of(SCOPE_PATH); setting->name; setting++) {
        key.name = setting->name;
        int err =
            value_check(setting, setting_field(setting, &conf->defaults), &key.item, checker->why);
        if (err < 0)
            return blame_defaults(checker, key, err);
    }
    return 0;
}

static int refuse_global(struct checker *checker, const char *name, const char *text)
{
    struct conf_key key = { name, -1 };
    return blame_value(checker, NULL, key, errmsg_set(checker->why, -EINVAL, "%s", text));
}

static int refuse_user(struct checker *checker, unsigned index, const char *text)
{
    struct conf_key key = { "authInternalUsers", (int)index };
    return blame_value(checker, NULL, key, errmsg_set(checker->why, -EINVAL, "%s", text));
}

static int check_users(struct checker *checker)
{
    const struct conf_users *users = &checker->conf->auth_internal_users;
    for (unsigned i = 0; i < users->count; i++) {
        const struct conf_user *user = &users->items[i];
        if (!user->user[0])
            return refuse_user(checker, i, "empty usernames are not supported");
        if (strcmp(user->user, "any") == 0 && user->pass[0])
            return refuse_user(checker, i, "using a password with 'any' user is not supported");
    }
    return 0;
}

static int check_auth_method(struct checker *checker)
{
    if (checker->conf->auth_method == AUTH_METHOD_INTERNAL)
        return 0;
    struct conf_key key = { "authMethod", -1 };
    return blame_value(checker, NULL, key,
                       errmsg_set(checker->why, -ENOTSUP,
                                  "'authMethod': http and jwt are not there yet in this version; "
                                  "allowed: internal"));
}

static bool is_hashed(const char *text)
{
    struct credential credential;
    return credential_parse(span_from_string(text), &credential) == 0 &&
           credential_is_hashed(&credential);
}

/* An answer to a challenge is made of the password, so that has to be known. */
static int check_rtsp_auth(struct checker *checker)
{
    const struct conf       *conf = checker->conf;
    const struct conf_users *users = &conf->auth_internal_users;
    if (!conf->rtsp_auth_methods)
        return refuse_global(checker, "rtspAuthMethods",
                             "at least one 'rtspAuthMethods' must be provided");
    for (unsigned i = 0; conf->rtsp_auth_methods & RTSP_AUTH_DIGEST && i < users->count; i++) {
        if (is_hashed(users->items[i].user) || is_hashed(users->items[i].pass))
            return refuse_user(checker, i,
                               "when RTSP digest is enabled, hashed credentials cannot be used");
    }
    return 0;
}

static int check_addresses(struct checker *checker)
{
    const struct conf *conf = checker->conf;
    const struct {
        bool        is_on;
        const char *address, *key, *text;
    } servers[] = {
        { conf->api, conf->api_address, "apiAddress",
          "'apiAddress' must be set when API is enabled" },
        { conf->metrics, conf->metrics_address, "metricsAddress",
          "'metricsAddress' must be set when metrics are enabled" },
        { conf->pprof, conf->pprof_address, "pprofAddress",
          "'pprofAddress' must be set when pprof is enabled" },
        { conf->rtsp, conf->rtsp_address, "rtspAddress",
          "'rtspAddress' must be set when RTSP is enabled and RTSP encryption is 'no' or "
          "'optional'" },
        { conf->webrtc, conf->webrtc_address, "webrtcAddress",
          "'webrtcAddress' must be set when WebRTC is enabled" },
    };
    for (size_t i = 0; i < COUNT(servers); i++) {
        if (servers[i].is_on && !servers[i].address[0])
            return refuse_global(checker, servers[i].key, servers[i].text);
    }
    return 0;
}

/* A session needs something to connect to, and clients have to know where that is. */
static int check_webrtc(struct checker *checker)
{
    const struct conf *conf = checker->conf;
    bool listens = conf->webrtc_local_udp_address[0] || conf->webrtc_local_tcp_address[0];
    if (!conf->webrtc)
        return 0;
    if (!listens && conf->webrtc_ice_servers.count == 0)
        return refuse_global(checker, "webrtcLocalUDPAddress",
                             "at least one between 'webrtcLocalUDPAddress', "
                             "'webrtcLocalTCPAddress' or 'webrtcICEServers2' must be filled");
    if (listens && !conf->webrtc_ips_from_interfaces && conf->webrtc_additional_hosts.count == 0)
        return refuse_global(checker, "webrtcIPsFromInterfaces",
                             "at least one between 'webrtcIPsFromInterfaces' or "
                             "'webrtcAdditionalHosts' must be filled");
    return 0;
}

static int check_aliases(struct checker *checker)
{
    const struct conf_path *found = NULL;
    for (size_t i = checker->conf->plain_count; i < checker->conf->path_count; i++) {
        const struct conf_path *path = &checker->conf->paths[i];
        if (!path_name_is_catch_all(path->name))
            continue;
        if (found)
            return blame_entry(
                checker, path,
                errmsg_set(checker->why, -EINVAL, "all_others, all and '~^.*$' are aliases"));
        found = path;
    }
    return 0;
}

static int check_path(struct checker *checker, struct conf_path *path)
{
    struct conf_key key = { .item = -1 };
    int             err = path_check(path, &key.name, checker->why);
    if (err < 0)
        return key.name ? blame_path(checker, path, key, err) : blame_entry(checker, path, err);
    for (const struct setting *setting = settings_of(SCOPE_PATH); setting->name; setting++) {
        key.name = setting->name;
        err = value_check(setting, setting_field(setting, path), &key.item, checker->why);
        if (err < 0)
            return blame_path(checker, path, key, err);
    }
    return 0;
}

int conf_complete(struct conf *conf, const struct conf_input *input, struct errmsg *why)
{
    struct checker checker = { conf, input, why };
    int            err = check_ranges(&checker);
    if (err == 0)
        err = check_auth_method(&checker);
    if (err == 0)
        err = check_users(&checker);
    if (err == 0)
        err = check_rtsp_auth(&checker);
    if (err == 0)
        err = check_addresses(&checker);
    if (err == 0)
        err = check_webrtc(&checker);
    if (err == 0)
        err = check_aliases(&checker);
    for (size_t i = 0; err == 0 && i < conf->path_count; i++) {
        inherit(conf, &conf->paths[i]);
        err = check_path(&checker, &conf->paths[i]);
    }
    return err;
}
