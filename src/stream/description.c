#include "stream/description.h"

#include <errno.h>
#include <stdio.h>

#include "base/base64.h"
#include "base/check.h"
#include "base/mem.h"
#include "codec/h26x.h"
#include "stream/batch.h"

_Static_assert((int)SDP_MAX_MEDIA == (int)STREAM_MAX_TRACKS, "a medium is a track");

/* A larger parameter set says nothing here; those of encoders have 20 to 60. */
enum { MAX_SET_BYTES = 1024 };

static const struct order_rule {
    enum codec_id codec;
    const char   *key; /* of fmtp: the SPS, maybe among others; NULL: the codec has no B-frames */
    int (*parse)(struct span sps, struct h26x_size *out);
    bool (*keeps_order)(struct span sps);
} order_rules[] = {
    { CODEC_H264, "sprop-parameter-sets", h264_parse_sps, h264_keeps_order },
    { CODEC_H265, "sprop-sps", h265_parse_sps, h265_keeps_order },
    { .codec = CODEC_AV1 },
    { .codec = CODEC_VP9 },
    { .codec = CODEC_VP8 },
};

/* There may be several SPS, and each of them has to say so. */
static bool all_keep_order(const struct order_rule *rule, struct span list)
{
    uint8_t          bytes[MAX_SET_BYTES];
    struct h26x_size size;
    bool             is_said = false;
    for (struct span text; span_next(&list, ',', &text);) {
        ssize_t     len = base64_decode(span_trim(text), bytes, sizeof(bytes));
        struct span nal = { bytes, (size_t)MAX(len, 0) };
        if (len < 0)
            return false;
        if (rule->parse(nal, &size) < 0)
            continue; /* a PPS */
        if (!rule->keeps_order(nal))
            return false;
        is_said = true;
    }
    return is_said;
}

static bool is_ordered(const struct sdp_media *media)
{
    for (size_t i = 0; i < COUNT(order_rules); i++) {
        const struct order_rule *rule = &order_rules[i];
        if (rule->codec == media->codec->id)
            return !rule->key || all_keep_order(rule, sdp_fmtp(media, rule->key));
    }
    return false;
}

/* Writes `sdp` in its final form and keeps views into that. */
static struct description *create(const struct sdp *sdp)
{
    AUTO(buf_fini) struct buf text = { 0 };
    sdp_write(&text, sdp->name, sdp->media, sdp->media_count);
    struct description *description = mem_new(struct description);
    atomic_init(&description->refs, 1);
    description->text = (struct span){ text.p, text.len };
    int err = sdp_parse(description->text, &description->sdp, NULL);
    ASSERT(err == 0 && description->sdp.media_count == sdp->media_count);
    text = (struct buf){ 0 };
    for (unsigned i = 0; i < description->sdp.media_count; i++)
        description->ordered |= (uint32_t)is_ordered(&description->sdp.media[i]) << i;
    return description;
}

int description_parse(struct span sdp, struct description **out, struct errmsg *why)
{
    struct sdp parsed;
    int        err = sdp_parse(sdp, &parsed, why);
    if (err < 0)
        return err;
    *out = create(&parsed);
    return 0;
}

static void set_param(struct sdp_media *media, const struct sdp_param *param)
{
    for (unsigned i = 0; i < media->fmtp_count; i++) {
        if (span_equal_nocase(media->fmtp[i].key, param->key)) {
            media->fmtp[i].value = param->value;
            return;
        }
    }
    if (media->fmtp_count < SDP_MAX_FMTP)
        media->fmtp[media->fmtp_count++] = *param;
}

struct description *description_with_params(const struct description *description, unsigned track,
                                            const struct sdp_param *params, unsigned count)
{
    ASSERT(track < description->sdp.media_count);
    struct sdp changed = description->sdp;
    for (unsigned i = 0; i < count; i++)
        set_param(&changed.media[track], &params[i]);
    return create(&changed);
}

struct description *description_ref(struct description *description)
{
    atomic_fetch_add_explicit(&description->refs, 1, memory_order_relaxed);
    return description;
}

struct description *description_unref(struct description *description)
{
    if (description &&
        atomic_fetch_sub_explicit(&description->refs, 1, memory_order_acq_rel) == 1) {
        mem_free((void *)description->text.p);
        mem_free(description);
    }
    return NULL;
}

void description_summary(const struct description *description, unsigned mask, char *out,
                         size_t size)
{
    const struct sdp         *sdp = &description->sdp;
    unsigned                  count = 0;
    AUTO(buf_fini) struct buf names = { 0 };
    for (unsigned i = 0; i < sdp->media_count; i++)
        if (mask >> i & 1)
            buf_printf(&names, "%s%s", count++ ? ", " : "", sdp->media[i].codec->name);
    (void)snprintf(out, size, "%u track%s (%s)", count, count == 1 ? "" : "s", buf_string(&names));
}
