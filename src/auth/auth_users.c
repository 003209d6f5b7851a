#include "auth/auth_users.h"

#include <errno.h>
#include <string.h>

#include "auth/auth_secret.h"
#include "base/check.h"
#include "base/mem.h"
#include "conf/network.h"
#include "conf/path_regex.h"

struct permission {
    enum conf_action   action;
    const char        *path;  /* borrowed; empty: all */
    struct conf_regex *regex; /* of `~...`; NULL: one that matches nothing */
};

struct entry {
    bool               is_any;
    struct auth_secret user, pass;
    struct network    *networks;
    struct permission *permissions;
    unsigned           network_count, permission_count;
};

struct auth_users {
    unsigned     refs;
    struct conf *conf;
    unsigned     count;
    struct entry entries[];
};

_Static_assert(CONF_MAX_USERS <= UINT16_MAX, "a selection's indexes have 16 bits");

static void init_permission(struct permission *permission, const struct conf_permission *conf)
{
    permission->action = (enum conf_action)conf->action;
    permission->path = conf->path;
    /* One that is wrong is no error, as with MediaMTX: it matches nothing. */
    if (conf->path[0] == '~')
        (void)path_regex_create(conf->path + 1, &permission->regex);
}

static void init_entry(struct entry *entry, const struct conf_user *conf)
{
    entry->is_any = strcmp(conf->user, "any") == 0;
    auth_secret_init(&entry->user, conf->user);
    auth_secret_init(&entry->pass, conf->pass);
    entry->network_count = conf->ips.count;
    entry->networks = mem_new_array(struct network, conf->ips.count);
    for (unsigned i = 0; i < conf->ips.count; i++) {
        int err = network_parse(span_from_string(conf->ips.items[i]), &entry->networks[i]);
        ASSERT(err == 0);
    }
    entry->permission_count = conf->permissions.count;
    entry->permissions = mem_new_array(struct permission, conf->permissions.count);
    for (unsigned i = 0; i < conf->permissions.count; i++)
        init_permission(&entry->permissions[i], &conf->permissions.items[i]);
}

struct auth_users *auth_users_create(const struct conf *conf)
{
    unsigned           count = conf->auth_internal_users.count;
    struct auth_users *users = mem_zero(sizeof(*users) + count * sizeof(users->entries[0]));
    users->refs = 1;
    users->conf = conf_ref(conf);
    users->count = count;
    for (unsigned i = 0; i < count; i++)
        init_entry(&users->entries[i], &conf->auth_internal_users.items[i]);
    return users;
}

struct auth_users *auth_users_ref(struct auth_users *users)
{
    users->refs++;
    return users;
}

static void fini_entry(struct entry *entry)
{
    for (unsigned i = 0; i < entry->permission_count; i++)
        path_regex_destroy(entry->permissions[i].regex);
    mem_free(entry->permissions);
    mem_free(entry->networks);
}

struct auth_users *auth_users_unref(struct auth_users *users)
{
    if (!users || --users->refs > 0)
        return NULL;
    for (unsigned i = 0; i < users->count; i++)
        fini_entry(&users->entries[i]);
    conf_unref(users->conf);
    return mem_free(users);
}

static bool has_path(enum conf_action action)
{
    return action == CONF_ACTION_PUBLISH || action == CONF_ACTION_READ ||
           action == CONF_ACTION_PLAYBACK;
}

static bool permission_fits(const struct permission    *permission,
                            const struct auth_question *question)
{
    if (permission->action != question->action)
        return false;
    if (!has_path(question->action) || !permission->path[0])
        return true;
    if (permission->path[0] != '~')
        return span_is(question->path, permission->path);
    return permission->regex && path_regex_match(permission->regex, question->path, NULL);
}

static bool entry_fits(const struct entry *entry, const struct auth_question *question)
{
    bool is_near = entry->network_count == 0;
    for (unsigned i = 0; !is_near && i < entry->network_count; i++)
        is_near = network_contains(&entry->networks[i], &question->peer);
    for (unsigned i = 0; is_near && i < entry->permission_count; i++) {
        if (permission_fits(&entry->permissions[i], question))
            return true;
    }
    return false;
}

void auth_users_select(const struct auth_users *users, const struct auth_question *question,
                       struct auth_selection *out)
{
    out->count = 0;
    for (unsigned i = 0; i < users->count; i++) {
        if (entry_fits(&users->entries[i], question))
            out->entries[out->count++] = (uint16_t)i;
    }
}

#define FOREACH_ENTRY(entry, users, selection)                                                     \
    for (unsigned at_ = 0; at_ < (selection)->count; at_++)                                        \
        for (const struct entry *entry = &(users)->entries[(selection)->entries[at_]]; entry;      \
             entry = NULL)

bool auth_users_allow_anybody(const struct auth_users     *users,
                              const struct auth_selection *selection)
{
    FOREACH_ENTRY(entry, users, selection)
    if (entry->is_any)
        return true;
    return false;
}

static bool is_empty(const struct auth_secret *secret)
{
    return secret->credential.kind == CREDENTIAL_EMPTY;
}

/* No `&&` between what is secret: a wrong name takes as long as a wrong password. */
static bool check_password(const struct entry *entry, const struct auth_given *user,
                           const struct auth_given *pass)
{
    unsigned has_name = auth_secret_equal(&entry->user, user);
    unsigned has_pass = auth_secret_equal(&entry->pass, pass);
    unsigned is_open = is_empty(&entry->pass);
    return has_name & (is_open | has_pass);
}

static bool check_digest(const struct entry *entry, const struct auth_given *user,
                         const struct auth_digest *digest, const struct auth_challenge *challenge)
{
    if (credential_is_hashed(&entry->user.credential) ||
        credential_is_hashed(&entry->pass.credential))
        return false;
    struct span name = entry->user.credential.plain;
    struct span pass = is_empty(&entry->pass) ? (struct span){ 0 } : entry->pass.credential.plain;
    unsigned    has_name = auth_secret_equal(&entry->user, user);
    unsigned    has_pass = auth_digest_verify(digest, challenge->method, name, pass);
    unsigned    is_open = is_empty(&entry->pass);
    return has_name & (is_open | has_pass);
}

bool auth_users_check(const struct auth_users *users, const struct auth_selection *selection,
                      const struct auth_credentials *credentials,
                      const struct auth_challenge   *challenge)
{
    struct auth_given user, pass;
    unsigned          is_right = false;
    auth_given_init(&user, credentials->user);
    auth_given_init(&pass, credentials->pass);
    FOREACH_ENTRY(entry, users, selection)
    {
        is_right |= credentials->kind == AUTH_DIGEST
                        ? check_digest(entry, &user, &credentials->digest, challenge)
                        : check_password(entry, &user, &pass);
    }
    return is_right;
}

static bool is_slow(const struct entry *entry)
{
    return auth_secret_is_argon2(&entry->user) || auth_secret_is_argon2(&entry->pass);
}

void auth_users_keep_slow(const struct auth_users *users, struct auth_selection *selection)
{
    unsigned count = 0;
    for (unsigned i = 0; i < selection->count; i++) {
        uint16_t at = selection->entries[i];
        if (is_slow(&users->entries[at]))
            selection->entries[count++] = at;
    }
    selection->count = count;
}

static int compute_entry(const struct entry *entry, const struct auth_given *user,
                         const struct auth_given *pass, bool *was_computed)
{
    int has_name = auth_secret_compute(&entry->user, user);
    if (has_name <= 0 || is_empty(&entry->pass))
        return has_name;
    *was_computed |= auth_secret_is_argon2(&entry->pass);
    return auth_secret_compute(&entry->pass, pass);
}

/* As if its name had been the right one. */
static int compute_in_vain(const struct auth_users *users, const struct auth_selection *selection,
                           const struct auth_given *pass)
{
    FOREACH_ENTRY(entry, users, selection)
    {
        if (!auth_secret_is_argon2(&entry->pass))
            continue;
        int result = auth_secret_compute(&entry->pass, pass);
        return result < 0 ? result : -ENOENT;
    }
    return -ENOENT;
}

int auth_users_compute(const struct auth_users *users, const struct auth_selection *selection,
                       struct span user_text, struct span pass_text)
{
    struct auth_given user, pass;
    bool              was_computed = false;
    auth_given_init(&user, user_text);
    auth_given_init(&pass, pass_text);
    for (unsigned i = 0; i < selection->count; i++) {
        unsigned at = selection->entries[i];
        int      result = compute_entry(&users->entries[at], &user, &pass, &was_computed);
        if (result != 0)
            return result < 0 ? result : (int)at;
    }
    return was_computed ? -ENOENT : compute_in_vain(users, selection, &pass);
}
