#include "stream/params.h"

#include <stdio.h>

#include "base/base64.h"
#include "base/check.h"
#include "codec/h26x.h"

/* The parameter sets of one payload. Larger or more of them are left to the decoder. */
enum { MAX_SETS = 3 };

struct found {
    struct span sets[MAX_SETS]; /* H264: SPS, PPS; H265: VPS, SPS, PPS */
};

static void on_h264_param(void *arg, uint8_t type, struct span nal)
{
    struct found *found = arg;
    if (type == H264_NAL_SPS && nal.len >= 4)
        found->sets[0] = nal;
    else if (type == H264_NAL_PPS)
        found->sets[1] = nal;
}

static void on_h265_param(void *arg, uint8_t type, struct span nal)
{
    struct found *found = arg;
    if (type >= H265_NAL_VPS && type <= H265_NAL_PPS)
        found->sets[type - H265_NAL_VPS] = nal;
}

static bool is_same(const struct sdp_media *media, const struct sdp_param *param)
{
    struct span now = sdp_fmtp(media, (const char *)param->key.p);
    return now.p && span_equal(now, param->value);
}

static void change(struct stream *stream, unsigned track, const struct sdp_param *params,
                   unsigned count)
{
    struct description     *description = stream_description(stream);
    const struct sdp_media *media = &description->sdp.media[track];
    bool                    same = true;
    for (unsigned i = 0; i < count; i++)
        same &= is_same(media, &params[i]);
    if (!same)
        stream_set_description(stream, description_with_params(description, track, params, count));
}

static void append_set(struct buf *text, struct span found, struct span old)
{
    if (found.len)
        base64_encode(text, found);
    else
        buf_append(text, old);
}

/*
 * Sets that come in packets of their own are joined with what the description already has: an SPS
 * waits there for its PPS. A PPS without an SPS is of no use, and looked at when it comes again.
 */
static void update_h264(struct stream *stream, unsigned track, const struct found *found)
{
    const struct sdp_media *media = &stream_description(stream)->sdp.media[track];
    struct span             sprop = sdp_fmtp(media, "sprop-parameter-sets");
    struct span             old[2] = { { 0 } };
    (void)span_next(&sprop, ',', &old[0]);
    (void)span_next(&sprop, ',', &old[1]);
    if (!found->sets[0].len && !old[0].len) {
        stream_track(stream, track)->params_seen[1] = 0;
        return;
    }
    AUTO(buf_fini) struct buf text = { 0 };
    append_set(&text, found->sets[0], old[0]);
    if (found->sets[1].len || old[1].len) {
        buf_append_string(&text, ",");
        append_set(&text, found->sets[1], old[1]);
    }
    char             profile[8];
    unsigned         count = 1;
    struct sdp_param params[2] = { { BYTES("sprop-parameter-sets"), buf_span(&text) } };
    if (found->sets[0].len) {
        const uint8_t *sps = found->sets[0].p;
        (void)snprintf(profile, sizeof(profile), "%02X%02X%02X", sps[1], sps[2], sps[3]);
        params[count++] =
            (struct sdp_param){ BYTES("profile-level-id"), span_from_string(profile) };
    }
    change(stream, track, params, count);
}

static void update_h265(struct stream *stream, unsigned track, const struct found *found)
{
    static const char *const keys[MAX_SETS] = { "sprop-vps", "sprop-sps", "sprop-pps" };
    struct buf               texts[MAX_SETS] = { 0 };
    struct sdp_param         params[MAX_SETS];
    unsigned                 count = 0;
    for (unsigned i = 0; i < MAX_SETS; i++) {
        if (!found->sets[i].len)
            continue;
        base64_encode(&texts[i], found->sets[i]);
        params[count++] = (struct sdp_param){ span_from_string(keys[i]), buf_span(&texts[i]) };
    }
    if (count)
        change(stream, track, params, count);
    for (unsigned i = 0; i < MAX_SETS; i++)
        buf_fini(&texts[i]);
}

/* FNV-1a over all sets: the same ones come with each keyframe, and must cost nothing then. */
static uint64_t hash_sets(const struct found *found)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (unsigned i = 0; i < MAX_SETS; i++)
        for (size_t k = 0; k < found->sets[i].len; k++)
            hash = (hash ^ found->sets[i].p[k]) * UINT64_C(0x100000001b3);
    return hash;
}

/* By the first set that is there, for some cameras send each in a packet of its own. */
static bool has_come_before(struct stream_track *track, const struct found *found)
{
    for (unsigned i = 0; i < MAX_SETS; i++) {
        if (!found->sets[i].len)
            continue;
        uint64_t hash = hash_sets(found);
        bool     before = track->params_seen[i] == hash;
        track->params_seen[i] = hash;
        return before;
    }
    return true;
}

static const struct rule {
    enum codec_id codec;
    void (*visit)(struct span rtp_payload, h26x_param_fn *on_param, void *arg);
    h26x_param_fn *on_param;
    void (*update)(struct stream *stream, unsigned track, const struct found *found);
} rules[] = {
    { CODEC_H264, h264_visit_params, on_h264_param, update_h264 },
    { CODEC_H265, h265_visit_params, on_h265_param, update_h265 },
};

void params_update(struct stream *stream, unsigned track, struct span payload)
{
    enum codec_id codec = stream_description(stream)->sdp.media[track].codec->id;
    for (size_t i = 0; i < COUNT(rules); i++) {
        if (rules[i].codec != codec)
            continue;
        struct found found = { 0 };
        rules[i].visit(payload, rules[i].on_param, &found);
        if (!has_come_before(stream_track(stream, track), &found))
            rules[i].update(stream, track, &found);
    }
}
