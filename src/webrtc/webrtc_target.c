#include "webrtc/webrtc_target.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "conf/conf.h"
#include "path/path.h"

static const struct target_row {
    const char             *word;
    enum webrtc_target_kind kind;
    bool                    is_service; /* a secret may follow */
} target_rows[] = {
    { "whep", WEBRTC_WHEP, true },
    { "whip", WEBRTC_WHIP, true },
    { "reader.js", WEBRTC_SCRIPT, false },
    { "publish", WEBRTC_PUBLISH, false },
    { "publisher.js", WEBRTC_PUBLISH, false },
};

/* Cuts "/word" off the end. */
static bool cut_suffix(struct span *path, const char *word)
{
    size_t len = strlen(word);
    if (path->len <= len + 1 || path->p[path->len - len - 1] != '/' ||
        memcmp(path->p + path->len - len, word, len) != 0)
        return false;
    path->len -= len + 1;
    return true;
}

static bool cut_last(struct span *path, struct span *last)
{
    for (size_t i = path->len; i-- > 0;) {
        if (path->p[i] != '/')
            continue;
        *last = span_skip(*path, i + 1);
        path->len = i;
        return true;
    }
    return false;
}

/* The page of a path; not every name can be one. */
static struct webrtc_target page_target(struct span all)
{
    bool                 is_page = all.len && all.p[all.len - 1] == '/';
    struct webrtc_target target = { is_page ? WEBRTC_PAGE : WEBRTC_REDIRECT,
                                    span_first(all, all.len - is_page),
                                    { 0 } };
    if (target.path.len == 0 || span_is(all, "whep") || span_is(all, "whip") ||
        span_is(all, "favicon.ico"))
        target.kind = WEBRTC_NONE;
    return target;
}

struct webrtc_target webrtc_target_parse(const char *path)
{
    struct span all = span_skip(span_from_string(path), path[0] == '/');
    for (size_t i = 0; i < COUNT(target_rows); i++) {
        const struct target_row *row = &target_rows[i];
        struct span              name = all, rest = all, secret = { 0 };
        if (cut_suffix(&name, row->word))
            return (struct webrtc_target){ row->kind, name, { 0 } };
        if (row->is_service && cut_last(&rest, &secret) && secret.len &&
            cut_suffix(&rest, row->word))
            return (struct webrtc_target){ row->kind, rest, secret };
    }
    return page_target(all);
}

/* Those of a name that is too long to be asked for are here alone. */
int webrtc_target_check(const struct webrtc_target *target, struct errmsg *why)
{
    struct errmsg reason;
    if (target->path.len > PATH_MAX_NAME)
        return errmsg_set(why, -EINVAL, "invalid path name: longer than %d bytes", PATH_MAX_NAME);
    if (conf_check_path_name(target->path, &reason) < 0)
        return errmsg_set(why, -EINVAL, "invalid path name: %.200s (%.*s)", reason.text,
                          SPAN_ARGS(target->path));
    return 0;
}
