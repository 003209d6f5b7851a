#include "conf/path_check.h"

#include <errno.h>

#include "base/check.h"
#include "conf/path_regex.h"
#include "conf/quote.h"
#include "http/url.h"

bool path_name_is_catch_all(const char *name)
{
    return strcmp(name, "all") == 0 || strcmp(name, "all_others") == 0 ||
           strcmp(name, "~^.*$") == 0;
}

static int check_name(struct conf_path *path, struct errmsg *why)
{
    struct span name = span_from_string(path->name);
    if (name.len > CONF_MAX_ENTRY_NAME)
        return errmsg_set(why, -E2BIG, "a name of more than %d bytes", CONF_MAX_ENTRY_NAME);
    if (path_name_is_catch_all(path->name))
        return path_regex_create("^.*$", &path->regex);
    if (path->name[0] != '~') {
        int err = conf_check_path_name(name, why);
        return err < 0 ? errmsg_prefix(why, err, "invalid path name '%s'", quote(name).text) : 0;
    }
    if (path_regex_create(path->name + 1, &path->regex) < 0)
        return errmsg_set(why, -EINVAL, "invalid regular expression: %s", path->name + 1);
    return 0;
}

static int check_redirect_use(struct conf_path *path, struct errmsg *why)
{
    if (strcmp(path->source, "redirect") != 0 && path->source_redirect[0])
        return errmsg_set(why, -EINVAL,
                          "'sourceRedirect' is useless when source is not 'redirect'");
    return 0;
}

/* Those of MediaMTX that this version can't read from. */
static bool is_pulled_source(struct span source)
{
    static const char *const kinds[] = {
        "rtsp://",     "rtsps://",       "rtsp+http://", "rtsps+http://", "rtsp+ws://",
        "rtsps+ws://", "rtmp://",        "rtmps://",     "http://",       "https://",
        "udp://",      "udp+mpegts://",  "udp+rtp://",   "srt://",        "moqt://",
        "whep://",     "unix+mpegts://", "unix+rtp://",  "wheps://",
    };
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (span_starts_with(source, kinds[i]))
            return true;
    }
    return span_is(source, "rpiCamera");
}

static int check_source(struct conf_path *path, struct errmsg *why)
{
    struct span source = span_from_string(path->source);
    if (span_is(source, "publisher") || span_is(source, "demo"))
        return 0;
    if (span_is(source, "redirect"))
        return path->source_redirect[0]
                   ? 0
                   : errmsg_set(why, -EINVAL, "source redirect must be filled");
    if (!is_pulled_source(source))
        return errmsg_set(why, -EINVAL, "invalid source: '%s'", quote(source).text);
    /* Up to the scheme: what follows may hold a password. */
    ptrdiff_t colon = span_find(source, ':');
    return errmsg_set(why, -ENOTSUP,
                      "a source of the kind '%.*s': pulling is not there yet in this version; "
                      "allowed: publisher, redirect, demo",
                      colon < 0 ? (int)source.len : (int)colon, path->source);
}

/* URLs are ASCII without blanks (RFC 3986, section 2). */
static bool is_rtsp_url(struct span text)
{
    struct url url;
    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] <= ' ' || text.p[i] >= 0x7f)
            return false;
    }
    return url_parse(text, &url) == 0 && url.host.len > 0 &&
           (span_is_nocase(url.scheme, "rtsp") || span_is_nocase(url.scheme, "rtsps"));
}

static int check_redirect(struct conf_path *path, struct errmsg *why)
{
    struct span target = span_from_string(path->source_redirect);
    if (target.len == 0)
        return 0;
    if (target.p[0] == '/') {
        int err = conf_check_path_name(span_skip(target, 1), why);
        return err < 0 ? errmsg_prefix(why, err, "'%s'", quote(target).text) : 0;
    }
    if (!is_rtsp_url(target))
        return errmsg_set(why, -EINVAL, "'%s' is not a valid RTSP URL", quote(target).text);
    return 0;
}

/* `demo` may stand in an expression: it runs only while somebody reads, in any case. */
static int check_on_demand(struct conf_path *path, struct errmsg *why)
{
    if (path->source_on_demand && strcmp(path->source, "publisher") == 0)
        return errmsg_set(why, -EINVAL, "'sourceOnDemand' is useless when source is 'publisher'");
    return 0;
}

static const struct path_check {
    const char *key; /* NULL: the name of the entry */
    int (*check)(struct conf_path *path, struct errmsg *why);
} path_checks[] = {
    { NULL, check_name },
    { "sourceRedirect", check_redirect_use },
    { "source", check_source },
    { "sourceRedirect", check_redirect },
    { "sourceOnDemand", check_on_demand },
};

int path_check(struct conf_path *path, const char **key, struct errmsg *why)
{
    for (size_t i = 0; i < COUNT(path_checks); i++) {
        int err = path_checks[i].check(path, why);
        if (err < 0) {
            *key = path_checks[i].key;
            return err;
        }
    }
    return 0;
}
