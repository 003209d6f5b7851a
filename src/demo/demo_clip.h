/**
 * demo_clip: a clip of a test pattern and a tone, inside the program: what `source: demo` plays.
 *
 * Video is H264 without B-frames, audio Opus in stereo. Both last equally long, and their ends
 * meet their beginnings, so that playing them in a loop gives continuous media: after the last
 * picture or packet comes number 0, one duration later. assets/demo/make_clip.sh makes the clip.
 *
 * Owner:   nobody: the bytes are part of the program's text.
 * Threads: all functions, from any thread.
 */
#pragma once
#include "base/span.h"

enum {
    DEMO_CLIP_WIDTH = 640,
    DEMO_CLIP_HEIGHT = 360,
    DEMO_CLIP_VIDEO_CLOCK_HZ = 90000,
    DEMO_CLIP_PICTURE_TICKS = 3600, /* 25 pictures a second */
    DEMO_CLIP_AUDIO_CLOCK_HZ = 48000,
    DEMO_CLIP_PACKET_TICKS = 960, /* 20 ms */
    DEMO_CLIP_CHANNELS = 2,
};

unsigned demo_clip_video_count(void);

/**
 * Access unit `n`, in Annex B: one slice, and behind one another SPS, PPS and an IDR slice where
 * a decoder may begin, as number 0 and every 2 s. n < demo_clip_video_count().
 */
struct span demo_clip_video(unsigned n);

/** Without start code. */
struct span demo_clip_sps(void);
struct span demo_clip_pps(void);

unsigned demo_clip_audio_count(void);

/** Opus packet `n`. n < demo_clip_audio_count(). */
struct span demo_clip_audio(unsigned n);
