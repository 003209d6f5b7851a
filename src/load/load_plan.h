/**
 * load_plan: how large each frame is, so that a stream has exactly the bitrate that was asked
 * for, counted over the NAL units of a group of pictures.
 */
#pragma once
#include "base/errmsg.h"
#include "load/h264_writer.h"

struct load_plan {
    uint32_t gop;            /* frames from one keyframe to the next */
    uint64_t keyframe_bytes; /* with parameter sets and stamp */
    uint64_t repeat_bytes;   /* every other frame */
};

struct load_plan_wish {
    struct h264_video video;
    int64_t           keyframe_interval_ns;
    uint64_t          keyframe_ratio_milli; /* a keyframe's size, a thousandth of another's */
};

/** -EINVAL with a reason: too few bytes for this picture, or an interval under two frames. */
int load_plan_make(const struct load_plan_wish *wish, struct load_plan *out, struct errmsg *why);
