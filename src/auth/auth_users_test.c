#include "auth/auth_users.h"

#include <errno.h>

#include "base/clock.h"
#include "base/test.h"

#define ARGON2_PASS                                                                                \
    "'argon2:$argon2i$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$wmmAHnj+Y5o2eftQ+rC7gYU99ICquHz5Tz8lN842UW8'"
#define ARGON2_USER                                                                                \
    "'argon2:$argon2id$v=19$m=64,t=1,p=1$dXNlcnNhbHQ$A5Do5Ln3ixGfbStZXK4+sThkwYV8ATTByodOtrMCAcA'"
#define ARGON2_LONG                                                                                \
    "'argon2:$argon2id$v=19$m=4096,t=3,p=1$c2FsdHNhbHRzYWx0c2FsdA$"                                \
    "f8/Be5BB0vhDqH7CQXzmtdV0kBHamXuOdKWZx7VO4h8'"
#define SHA256_PASS "'sha256:10/w7o2juYBrGMh32/KbveULW9jk2tejpyUAD+uC6PE='"
#define SHA256_USER "'sha256:BPiZbadjt6lpsQKO4wB1aerzpjVIbdqyEdUSyFud+Ps='"

static struct auth_users *make_users(const char *list)
{
    AUTO(buf_fini) struct buf     yaml = { 0 };
    AUTO(conf_unref) struct conf *conf = NULL;
    struct errmsg                 why = { "" };
    buf_printf(&yaml, "authInternalUsers: %s", list);
    CHECK(conf_load_text("f.yml", buf_span(&yaml), NULL, &conf, &why) == 0, why.text);
    return auth_users_create(conf);
}

static struct auth_question make_question(enum conf_action action, const char *path,
                                          const char *peer)
{
    struct auth_question question = { .action = action, .path = span_from_string(path) };
    assert_int_equal(address_parse(peer, &question.peer, NULL), 0);
    return question;
}

static void entries_fit_by_address_action_and_path(void **state)
{
    static const char users[] =
        "[{user: a, permissions: [{action: read, path: cam1}, {action: api, path: x}]},"
        " {user: b, ips: [10.0.0.0/8, '::1'], permissions: [{action: read}]},"
        " {user: c, permissions: [{action: publish, path: '~^cam[0-9]$'}, "
        "{action: read, path: '~cam'}]},"
        " {user: d, permissions: [{action: read, path: '~('}, {action: playback, path: '~'}]},"
        " {user: e}]";
    static const struct {
        enum conf_action action;
        const char      *path, *peer, *want;
    } cases[] = {
        { CONF_ACTION_READ, "cam1", "192.0.2.1:1", "ac" },
        { CONF_ACTION_READ, "cam1", "10.1.2.3:1", "abc" },
        { CONF_ACTION_READ, "cam1", "[::ffff:10.1.2.3]:1", "abc" },
        { CONF_ACTION_READ, "x", "[::1]:1", "b" },
        { CONF_ACTION_READ, "x", "[::2]:1", "" },
        { CONF_ACTION_READ, "cam1/x", "[::2]:1", "c" },
        { CONF_ACTION_READ, "Cam1", "[::2]:1", "" },
        { CONF_ACTION_PUBLISH, "cam1", "10.1.2.3:1", "c" },
        { CONF_ACTION_PUBLISH, "cam12", "10.1.2.3:1", "" },
        { CONF_ACTION_PUBLISH, "cam1\n", "10.1.2.3:1", "" },
        { CONF_ACTION_PLAYBACK, "anything", "10.1.2.3:1", "d" },
        { CONF_ACTION_PLAYBACK, "", "10.1.2.3:1", "d" },
        { CONF_ACTION_API, "", "10.1.2.3:1", "a" },
        { CONF_ACTION_METRICS, "", "10.1.2.3:1", "" },
        { CONF_ACTION_PPROF, "", "10.1.2.3:1", "" },
    };
    AUTO(auth_users_unref) struct auth_users *table = make_users(users);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct auth_question question =
            make_question(cases[i].action, cases[i].path, cases[i].peer);
        struct auth_selection selection;
        char                  got[8] = "";
        auth_users_select(table, &question, &selection);
        assert_in_range(selection.count, 0, 5);
        for (unsigned k = 0; k < selection.count; k++)
            got[k] = (char)('a' + selection.entries[k]);
        CHECK(strcmp(got, cases[i].want) == 0, cases[i].path);
        CHECK(!auth_users_allow_anybody(table, &selection), cases[i].path);
    }
}

static struct auth_selection select_all(const struct auth_users *table)
{
    struct auth_question  question = make_question(CONF_ACTION_READ, "cam", "192.0.2.1:1");
    struct auth_selection selection;
    auth_users_select(table, &question, &selection);
    return selection;
}

#define READS "permissions: [{action: read}]}"

static void credentials_are_of_one_entry(void **state)
{
    static const struct {
        const char *users, *user, *pass;
        bool        is_known, is_computed;
    } cases[] = {
        { "[{user: bob, pass: pass, " READS "]", "bob", "pass", true, false },
        { "[{user: bob, pass: pass, " READS "]", "bob", "Pass", false, false },
        { "[{user: bob, pass: pass, " READS "]", "Bob", "pass", false, false },
        { "[{user: bob, pass: pass, " READS "]", "bob", "", false, false },
        { "[{user: bob, pass: pass, " READS "]", "", "pass", false, false },
        { "[{user: bob, pass: pass}]", "bob", "pass", false, false },
        { "[{user: bob, " READS "]", "bob", "anything", true, false },
        { "[{user: bob, " READS "]", "bob", "", true, false },
        { "[{user: bob, " READS "]", "alice", "", false, false },
        { "[{user: bob, pass: wrong, " READS ", {user: bob, pass: pass, " READS "]", "bob", "pass",
          true, false },
        { "[{user: bob, pass: a, " READS ", {user: eve, pass: b, " READS "]", "bob", "b", false,
          false },
        { "[{user: " SHA256_USER ", pass: " SHA256_PASS ", " READS "]", "user", "pass", true,
          false },
        { "[{user: " SHA256_USER ", pass: " SHA256_PASS ", " READS "]", "user", "user", false,
          false },
        { "[{user: " SHA256_USER ", pass: x, " READS "]", "user", "x", true, false },
        { "[{user: bob, pass: " ARGON2_PASS ", " READS "]", "bob", "pass", false, true },
        { "[{user: bob, pass: " ARGON2_PASS ", " READS "]", "bob", "Pass", false, false },
        { "[{user: bob, pass: " ARGON2_PASS ", " READS "]", "eve", "pass", false, false },
        { "[{user: " ARGON2_USER ", pass: " ARGON2_PASS ", " READS "]", "user", "pass", false,
          true },
        { "[{user: " ARGON2_USER ", pass: " ARGON2_PASS ", " READS "]", "pass", "pass", false,
          false },
        { "[{user: " ARGON2_USER ", " READS "]", "user", "anything", false, true },
        { "[{user: " ARGON2_USER ", pass: x, " READS "]", "user", "x", false, true },
        { "[{user: " ARGON2_USER ", pass: x, " READS "]", "user", "y", false, false },
        { "[{user: bob, pass: x, " READS ", {user: bob, pass: " ARGON2_PASS ", " READS "]", "bob",
          "pass", false, true },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO(auth_users_unref) struct auth_users *table = make_users(cases[i].users);
        struct auth_selection                     selection = select_all(table);
        struct auth_credentials                   given = { .kind = AUTH_PASSWORD,
                                                            .user = span_from_string(cases[i].user),
                                                            .pass = span_from_string(cases[i].pass) };
        CHECK(auth_users_check(table, &selection, &given, NULL) == cases[i].is_known,
              cases[i].users);
        auth_users_keep_slow(table, &selection);
        CHECK((selection.count > 0) == (strstr(cases[i].users, "argon2") != NULL), cases[i].users);
        int result = auth_users_compute(table, &selection, given.user, given.pass);
        CHECK(cases[i].is_computed ? result >= 0 : result == -ENOENT, cases[i].users);
        CHECK(result < 0 || result == selection.entries[selection.count - 1], cases[i].users);
    }
}

/* The least of a few, as the machine may be busy with something else. */
static int64_t time_wrong_password(const struct auth_users *table, struct span user)
{
    struct auth_selection selection = select_all(table);
    int64_t               least_ns = INT64_MAX;
    for (int i = 0; i < 3; i++) {
        int64_t start_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
        int     result = auth_users_compute(table, &selection, user, BYTES("wrong"));
        least_ns = MIN(least_ns, clock_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns);
        assert_int_equal(result, -ENOENT);
    }
    return least_ns;
}

static void time_does_not_tell_who_there_is(void **state)
{
    AUTO(auth_users_unref)
    struct auth_users *table =
        make_users("[{user: open, " READS ", {user: bob, pass: " ARGON2_LONG ", " READS ", "
                   "{user: eve, pass: " ARGON2_LONG ", " READS "]");
    int64_t known_ns = time_wrong_password(table, BYTES("bob"));
    int64_t unknown_ns = time_wrong_password(table, BYTES("alice"));
    assert_in_range(unknown_ns, known_ns / 2, known_ns * 2);
}

static void any_is_everybody(void **state)
{
    AUTO(auth_users_unref)
    struct auth_users *table = make_users("[{user: any, permissions: [{action: api}]}, {user: any, "
                                          "ips: [192.0.2.1], " READS "]");
    struct auth_selection selection = select_all(table);
    assert_true(auth_users_allow_anybody(table, &selection));
    struct auth_question question = make_question(CONF_ACTION_READ, "cam", "192.0.2.2:1");
    auth_users_select(table, &question, &selection);
    assert_false(auth_users_allow_anybody(table, &selection));
}

static void digests_are_checked_with_plain_passwords(void **state)
{
    static const struct {
        const char *users, *user, *response;
        bool        want;
    } cases[] = {
        { "[{user: reader, pass: readpass, " READS "]", "reader",
          "63a973a7b470b87df4c2b67950ba11b5", true },
        { "[{user: eve, pass: x, " READS ", {user: reader, pass: readpass, " READS "]", "reader",
          "63a973a7b470b87df4c2b67950ba11b5", true },
        { "[{user: reader, pass: readpasS, " READS "]", "reader",
          "63a973a7b470b87df4c2b67950ba11b5", false },
        { "[{user: Reader, pass: readpass, " READS "]", "reader",
          "63a973a7b470b87df4c2b67950ba11b5", false },
        { "[{user: guest, " READS "]", "guest", "045a895aa5a884de2a9a4ce3592c8b3b", true },
        { "[{user: guest, " READS "]", "reader", "63a973a7b470b87df4c2b67950ba11b5", false },
        { "[{user: reader, pass: " SHA256_PASS ", " READS "]", "reader",
          "63a973a7b470b87df4c2b67950ba11b5", false },
        { "[{user: reader, pass: " ARGON2_PASS ", " READS "]", "reader",
          "63a973a7b470b87df4c2b67950ba11b5", false },
    };
    static const struct auth_challenge challenge = { "7190ca51e743c830393aa392f6ed000c",
                                                     { (const uint8_t *)"DESCRIBE", 8 },
                                                     { (const uint8_t *)"/cam1", 5 } };
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO(auth_users_unref) struct auth_users *table = make_users(cases[i].users);
        struct auth_selection                     selection = select_all(table);
        struct span                               user = span_from_string(cases[i].user);
        struct auth_credentials                   given = { .kind = AUTH_DIGEST,
                                                            .user = user,
                                                            .digest = { .user = user,
                                                                        .realm = BYTES("ipcam"),
                                                                        .nonce = span_from_string(challenge.nonce),
                                                                        .uri = BYTES("/cam1"),
                                                                        .response =
                                                                            span_from_string(cases[i].response) } };
        CHECK(auth_users_check(table, &selection, &given, &challenge) == cases[i].want,
              cases[i].users);
    }
}

TESTS(entries_fit_by_address_action_and_path, credentials_are_of_one_entry,
      time_does_not_tell_who_there_is, any_is_everybody, digests_are_checked_with_plain_passwords)
