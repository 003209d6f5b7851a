/**
 * h264_writer: the least H264 that every decoder accepts: one flat grey picture, and pictures
 * that repeat it, in streams of any size, rate and even resolution up to 8K (ITU-T H.264).
 *
 * Shape:   constrained baseline, one slice a picture, one reference, no reordering. A keyframe
 *          has one byte a macroblock; a repeated picture has a dozen bytes in all. What is
 *          missing to the wanted size is filler data, which decoders throw away.
 * Output:  whole NAL units with emulation prevention and without start code, appended.
 */
#pragma once
#include <stdint.h>

#include "base/buf.h"
#include "base/errmsg.h"

enum {
    H264_WRITER_MIN_SIZE = 16,
    H264_WRITER_MAX_WIDTH = 8192,
    H264_WRITER_MAX_HEIGHT = 4352, /* together the largest frame of level 6.2 */
    H264_WRITER_MIN_FILLER = 2,    /* header and stop bit */
};

struct h264_video {
    uint32_t width, height; /* even */
    uint32_t fps_milli;     /* pictures in 1000 s */
    uint64_t bitrate_bps;   /* chooses the level */
};

/** -EINVAL with a reason: odd, too small or too large. */
int h264_video_check(const struct h264_video *video, struct errmsg *why);

void h264_write_sps(struct buf *out, const struct h264_video *video);
void h264_write_pps(struct buf *out);

/** The grey picture. Consecutive pictures may not both be this one: idr_pic_id does not change. */
void h264_write_idr(struct buf *out, const struct h264_video *video);

/** The `number`th picture after a keyframe, counted from 1: all macroblocks skipped. */
void h264_write_repeat(struct buf *out, const struct h264_video *video, unsigned number);

/** Makes a NAL unit that h264_write_repeat() wrote the `number`th; its length stays. */
void h264_renumber_repeat(uint8_t *nal, unsigned number);

/** A filler NAL unit of exactly `size` >= H264_WRITER_MIN_FILLER bytes. */
void h264_write_filler(struct buf *out, size_t size);
