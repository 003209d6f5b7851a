#include "load/load_plan.h"

#include <errno.h>
#include <inttypes.h>

#include "base/check.h"
#include "base/clock.h"
#include "load/load_frame.h"

enum { MAX_GOP = 100000, MAX_FRAME_BYTES = 64 << 20 };

static int check_room(const struct load_plan_wish *wish, const struct load_plan *plan,
                      struct errmsg *why)
{
    size_t keyframe = load_frame_min_bytes(&wish->video, true);
    size_t repeat = load_frame_min_bytes(&wish->video, false);
    if (plan->keyframe_bytes < keyframe)
        return errmsg_set(why, -EINVAL,
                          "a keyframe of %ux%u takes %zu bytes, the bitrate leaves %" PRIu64
                          ": raise --bitrate or --keyframe-ratio",
                          wish->video.width, wish->video.height, keyframe, plan->keyframe_bytes);
    if (plan->repeat_bytes < repeat)
        return errmsg_set(why, -EINVAL,
                          "a frame takes %zu bytes, the bitrate leaves %" PRIu64
                          ": raise --bitrate or lower --keyframe-ratio",
                          repeat, plan->repeat_bytes);
    if (plan->keyframe_bytes > MAX_FRAME_BYTES)
        return errmsg_set(why, -EINVAL, "a keyframe would have %" PRIu64 " bytes, allowed are %d",
                          plan->keyframe_bytes, MAX_FRAME_BYTES);
    return 0;
}

int load_plan_make(const struct load_plan_wish *wish, struct load_plan *out, struct errmsg *why)
{
    int64_t fps_milli = wish->video.fps_milli;
    int64_t gop = (muldiv(wish->keyframe_interval_ns, fps_milli * 2, 1000 * NS_PER_S) + 1) / 2;
    if (gop < 2 || gop > MAX_GOP)
        return errmsg_set(why, -EINVAL, "a keyframe every %" PRId64 " frames: allowed is 2 to %d",
                          gop, MAX_GOP);
    /* repeat x (gop - 1 + ratio) = bytes of the group; the keyframe takes what rounding leaves. */
    int64_t          bytes = muldiv((int64_t)wish->video.bitrate_bps, gop * 1000, fps_milli * 8);
    int64_t          parts_milli = (gop - 1) * 1000 + (int64_t)wish->keyframe_ratio_milli;
    uint64_t         repeat = (uint64_t)muldiv(bytes, 1000, parts_milli);
    struct load_plan plan = { .gop = (uint32_t)gop,
                              .keyframe_bytes = (uint64_t)bytes - repeat * ((uint64_t)gop - 1),
                              .repeat_bytes = repeat };
    int              err = check_room(wish, &plan, why);
    if (err == 0)
        *out = plan;
    return err;
}
