/**
 * webrtc_target: what the URL of a request means.
 *
 * Threads: any.
 */
#pragma once
#include "base/errmsg.h"
#include "base/span.h"

enum webrtc_target_kind {
    WEBRTC_NONE,
    WEBRTC_PAGE,
    WEBRTC_REDIRECT, /* to the page */
    WEBRTC_SCRIPT,
    WEBRTC_PUBLISH, /* the page to publish from, and its script */
    WEBRTC_WHIP,
    WEBRTC_WHEP,
};

/* What a URL means: "/cam/whep/SECRET" is { WEBRTC_WHEP, "cam", "SECRET" }. */
struct webrtc_target {
    enum webrtc_target_kind kind;
    struct span             path;
    struct span             secret; /* p == NULL: none */
};

/** Both parts point into `path`, decoded. */
struct webrtc_target webrtc_target_parse(const char *path);

/** -EINVAL: no path can have this name, in the registry's words. */
int webrtc_target_check(const struct webrtc_target *target, struct errmsg *why);
