#include "demo/demo_clip.h"

#include <pthread.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/embed.h"
#include "codec/h26x.h"
#include "demo/demo_clip_files.h"

EMBED(demo_clip_video_file, DEMO_CLIP_VIDEO_PATH);
EMBED(demo_clip_audio_file, DEMO_CLIP_AUDIO_PATH);

enum { MAX_PICTURES = 256, MAX_PACKETS = 512 };

static struct {
    unsigned    video_count, audio_count;
    struct span video[MAX_PICTURES];
    struct span audio[MAX_PACKETS];
    struct span sps, pps;
} clip;

static pthread_once_t clip_is_indexed = PTHREAD_ONCE_INIT;

/* With one slice a picture, an access unit ends where its slice does. */
static void index_video(struct span file)
{
    struct span    rest = file, nal;
    const uint8_t *start = file.p;
    while (h26x_next_annexb(&rest, &nal)) {
        uint8_t type = nal.p[0] & 0x1f;
        if (type == H264_NAL_SPS)
            clip.sps = nal;
        if (type == H264_NAL_PPS)
            clip.pps = nal;
        if (type != H264_NAL_SLICE && type != H264_NAL_IDR)
            continue;
        const uint8_t *end = nal.p + nal.len;
        ASSERT(clip.video_count < MAX_PICTURES);
        clip.video[clip.video_count++] = (struct span){ start, (size_t)(end - start) };
        start = end;
    }
    ASSERT(clip.video_count > 0 && clip.sps.len > 0 && clip.pps.len > 0);
}

/* Each packet stands behind its length. */
static void index_audio(struct span rest)
{
    while (rest.len) {
        ASSERT(rest.len >= 2 && clip.audio_count < MAX_PACKETS);
        size_t len = read_be16(rest.p);
        rest = span_skip(rest, 2);
        ASSERT(len > 0 && len <= rest.len);
        clip.audio[clip.audio_count++] = span_first(rest, len);
        rest = span_skip(rest, len);
    }
    ASSERT(clip.audio_count > 0);
}

static void index_clip(void)
{
    index_video(EMBEDDED(demo_clip_video_file));
    index_audio(EMBEDDED(demo_clip_audio_file));
}

static void need_index(void)
{
    int err = pthread_once(&clip_is_indexed, index_clip);
    ASSERT(err == 0);
}

unsigned demo_clip_video_count(void)
{
    need_index();
    return clip.video_count;
}

struct span demo_clip_video(unsigned n)
{
    need_index();
    ASSERT(n < clip.video_count);
    return clip.video[n];
}

struct span demo_clip_sps(void)
{
    need_index();
    return clip.sps;
}

struct span demo_clip_pps(void)
{
    need_index();
    return clip.pps;
}

unsigned demo_clip_audio_count(void)
{
    need_index();
    return clip.audio_count;
}

struct span demo_clip_audio(unsigned n)
{
    need_index();
    ASSERT(n < clip.audio_count);
    return clip.audio[n];
}
