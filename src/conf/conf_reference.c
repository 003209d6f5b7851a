#include <stdio.h>

#include "base/check.h"
#include "conf/conf_internal.h"
#include "conf/path_regex.h"
#include "conf/value.h"

static const char *const apply_texts[] = {
    [APPLY_AT_ONCE] = "at once",
    [APPLY_NEW_CONNECTIONS] = "to new connections",
    [APPLY_RESTART_API] = "restarts the API",
    [APPLY_RESTART_METRICS] = "restarts metrics",
    [APPLY_RESTART_PPROF] = "restarts pprof",
    [APPLY_RESTART_RTSP] = "restarts RTSP",
    [APPLY_RESTART_WEBRTC] = "restarts WebRTC",
    [APPLY_RESTART_PATH] = "restarts the path",
    [APPLY_RESTART_PROGRAM] = "with the next start",
};

static const char introduction[] =
    "# Settings\n"
    "\n"
    "Made from the program's own table of settings; a test compares the two.\n"
    "\n"
    "## Where they come from\n"
    "\n"
    "1. The defaults below.\n"
    "2. The file: one YAML document, `key: value`. Keys are case sensitive; one that is not known "
    "or is given twice is an error.\n"
    "3. The environment: `MTX_` (or `RTSP_`, which is older and gives way to it) and the key in "
    "capitals (`MTX_READTIMEOUT=20s`), "
    "`MTX_PATHDEFAULTS_KEY` for a key of `pathDefaults`, `MTX_PATHS_NAME_KEY` for one of an entry "
    "of `paths` whose name has small letters, digits and no underscore. Lists are separated by "
    "commas. The keys of objects in a list are set one by one, by the object's number from 0 on "
    "(`MTX_WEBRTCICESERVERS2_0_URL`, `MTX_AUTHINTERNALUSERS_0_PERMISSIONS_1_ACTION`): objects that "
    "the file has are changed, others added behind "
    "them; an empty `MTX_WEBRTCICESERVERS2` takes all away. "
    "Other variables are not looked at.\n"
    "\n"
    "`millrace --print-config FILE` writes what comes out, as a file that means the same.\n"
    "\n"
    "## How values are written\n"
    "\n"
    "| type | in the file |\n"
    "| --- | --- |\n"
    "| boolean | `yes`, `no`, `true`, `false`, `on`, `off`; in the environment only the first "
    "four |\n"
    "| whole number, power of two | decimal digits, without quotes |\n"
    "| duration | numbers with units: `300ms`, `1m30s`, `1d12h` |\n"
    "| size | a number with a unit, base 1024: `50M`, `1.5G` |\n"
    "| address | `127.0.0.1:9997`, `\"[::1]:9997\"`; `:9997` is every interface |\n"
    "| word, text | as it is; in quotes when it would be a number or a boolean |\n"
    "| URL | a text that begins with one of the words given |\n"
    "| credential | letters, digits and ``!$()*+.;<=>[]^_-{}@#&``; or a hash: `sha256:` and "
    "base64 of the digest, `argon2:` and a PHC string of argon2i or argon2id |\n"
    "| network | `10.0.0.0/8`, `\"2001:db8::/32\"`, or one address |\n"
    "| object | keys and values: `{url: \"stun:stun.example.com:3478\"}` |\n"
    "| list of words, texts, networks, objects | `[a, b]`; a list replaces the default, `[]` is "
    "the empty one |\n"
    "\n"
    "A key with nothing behind it keeps its default when it is a boolean, a number or a text; in "
    "an entry of `paths` it is as if it were not there. A text in a list has at most %d bytes.\n";

static const char path_introduction[] =
    "\n"
    "## Paths\n"
    "\n"
    "`paths` holds an entry for each name (`cam1:`), for each expression (`\"~^cam[0-9]+$\":`) "
    "and, as `all_others:`, one for all other names. A path takes the entry of exactly its name, "
    "else the first expression that matches, in byte order, else `all_others`; with no entry it "
    "can't be used. What an entry does not set is taken from `pathDefaults`.\n"
    "\n"
    "Expressions are PCRE2's and match anywhere in the name unless they hold `^` or `$`. An "
    "expression that would need more than %d steps for a name does not match it.\n"
    "\n"
    "These keys may stand in `pathDefaults` and in each entry of `paths`:\n";

static void print_row(const struct setting *setting, const char *prefix, const void *defaults,
                      struct buf *out)
{
    buf_printf(out, "| %s%s | %s | `", prefix, setting->name, value_type_name(setting));
    value_print(setting, setting_value(setting, defaults), out);
    buf_append_string(out, "` | ");
    value_print_allowed(setting, out);
    buf_printf(out, " | %s | %s |\n", apply_texts[setting->apply], setting->help);
}

/* The keys of an item, with the defaults of one that is new. */
static void print_members(const struct setting *setting, const char *prefix, struct buf *out)
{
    char                 inner[VALUE_MAX_PATH];
    struct value_objects list = { 0 };
    void                *item;
    int                  err = value_get_item(setting, &list, 0, &item, NULL);
    ASSERT(err == 0);
    (void)snprintf(inner, sizeof(inner), "%s%s[].", prefix, setting->name);
    for (const struct setting *member = setting->members; member->name; member++) {
        print_row(member, inner, item, out);
        if (member->members)
            print_members(member, inner, out);
    }
    value_fini(setting, &list);
}

static void print_table(enum setting_scope scope, const void *defaults, struct buf *out)
{
    buf_append_string(out, "\n| key | type | default | allowed | a change applies | meaning |\n"
                           "| --- | --- | --- | --- | --- | --- |\n");
    for (const struct setting *setting = settings_of(scope); setting->name; setting++) {
        print_row(setting, "", defaults, out);
        if (setting->members)
            print_members(setting, "", out);
    }
}

void conf_print_reference(struct buf *out)
{
    AUTO(conf_unref) struct conf *conf = NULL;
    int                           err = conf_load(NULL, NULL, &conf, NULL);
    ASSERT(err == 0);
    buf_printf(out, introduction, CONF_MAX_ITEM);
    buf_append_string(out, "\n## Global settings\n");
    print_table(SCOPE_GLOBAL, conf, out);
    buf_printf(out, path_introduction, CONF_REGEX_STEPS);
    print_table(SCOPE_PATH, &conf->defaults, out);
}
