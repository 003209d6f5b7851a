/**
 * auth_users: the table authInternalUsers, made ready: who may do what.
 *
 * An entry fits a question when the asker's address is among its `ips` and one of its
 * `permissions` names the action and the path; neither depends on who the asker says to be. Of
 * the entries that fit one has to be for `any`, or have the name and the password that were given.
 * Which one it is makes no difference, so nothing depends on their order, and all are looked at:
 * how long that takes tells nobody which names there are.
 *
 * Owner:   reference counted, on main; const once made.
 * Threads: auth_users_compute() from any, while main holds a reference; the others on main.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "auth/auth_header.h"
#include "base/auto.h"
#include "conf/conf.h"
#include "loop/address.h"

struct auth_users;

struct auth_question {
    enum conf_action action;
    struct span      path; /* of publish, read, playback */
    struct address   peer;
};

/** Entries of a table, by index. */
struct auth_selection {
    unsigned count;
    uint16_t entries[CONF_MAX_USERS];
};

/** Takes a reference to `conf`. */
struct auth_users *auth_users_create(const struct conf *conf);

struct auth_users *auth_users_ref(struct auth_users *users);

/** Accepts NULL. Returns NULL. */
struct auth_users *auth_users_unref(struct auth_users *users);
DEFINE_AUTO(struct auth_users *, auth_users_unref)

/** The entries that fit. */
void auth_users_select(const struct auth_users *users, const struct auth_question *question,
                       struct auth_selection *out);

/** Is one of them for everybody? */
bool auth_users_allow_anybody(const struct auth_users     *users,
                              const struct auth_selection *selection);

/**
 * Is one of them for these credentials? All but those that auth_users_keep_slow() keeps.
 * `challenge` is for a digest, which must have passed auth_digest_fits().
 */
bool auth_users_check(const struct auth_users *users, const struct auth_selection *selection,
                      const struct auth_credentials *credentials,
                      const struct auth_challenge   *challenge);

/** Drops all but those with an argon2. */
void auth_users_keep_slow(const struct auth_users *users, struct auth_selection *selection);

/**
 * Which of them, kept by auth_users_keep_slow(), is for this user and password? -ENOENT: none.
 * -ENOMEM. Slow. When none has the name, one password is computed all the same.
 */
int auth_users_compute(const struct auth_users *users, const struct auth_selection *selection,
                       struct span user, struct span pass);
