/**
 * rtsp_url: what an RTSP request's URL names: a path, its query and, for SETUP, a track.
 *
 * Clients build the URL of a track in several ways, all of which are understood:
 * `/cam1/trackID=0`, `/cam1/trackID=0?x=1`, `/cam1?x=1/trackID=0`.
 *
 * Shape:   views into the URL; only the path is decoded.
 */
#pragma once
#include <stdbool.h>

#include "base/span.h"

enum { RTSP_MAX_PATH = 255 };

struct rtsp_url {
    struct span base;     /* scheme and authority: "rtsp://host:8554" */
    struct span raw_path; /* as sent, without the slash in front and one at the end */
    struct span query;    /* without the question mark and a final slash */
    char        path[RTSP_MAX_PATH + 1]; /* decoded */
};

/** -EINVAL: not an absolute URL, or a path that can't be decoded or is too long. */
int rtsp_url_parse(struct span url, struct rtsp_url *out);

/**
 * Takes the part behind the last slash away as `*control`: "trackID=0". It is that of the query,
 * unless only the path's names a track, or only the path has one. -ENOENT: there is none.
 */
int rtsp_url_cut_control(struct rtsp_url *url, struct span *control);

/** The number in "trackID=N". -EINVAL. */
int rtsp_url_parse_track(struct span control, unsigned *track);
