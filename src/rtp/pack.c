#include "rtp/pack.h"

#include "base/check.h"
#include "rtp/pack_internal.h"

static pack_fn *const rules[CODEC_COUNT] = {
    [CODEC_GENERIC] = pack_whole,
    [CODEC_AV1] = pack_av1,
    [CODEC_VP9] = pack_vp9,
    [CODEC_VP8] = pack_vp8,
    [CODEC_H265] = pack_h26x,
    [CODEC_H264] = pack_h26x,
    [CODEC_MPEG4_VIDEO] = pack_cut_unit,
    [CODEC_MPEG1_VIDEO] = pack_mpeg1_video,
    [CODEC_MJPEG] = pack_mjpeg,
    [CODEC_OPUS] = pack_whole,
    [CODEC_VORBIS] = pack_vorbis,
    [CODEC_MPEG4_AUDIO] = pack_mpeg4_audio,
    [CODEC_MPEG4_AUDIO_LATM] = pack_latm,
    [CODEC_MPEG1_AUDIO] = pack_mpeg1_audio,
    [CODEC_AC3] = pack_ac3,
    [CODEC_SPEEX] = pack_whole,
    [CODEC_G726] = pack_samples,
    [CODEC_G722] = pack_samples,
    [CODEC_G711] = pack_samples,
    [CODEC_LPCM] = pack_samples,
    [CODEC_FLAC] = pack_whole,
    [CODEC_KLV] = pack_cut_unit,
    [CODEC_MPEGTS] = pack_whole,
};

void pack_init(struct pack *pack, enum codec_id codec, const struct payload_params *params,
               size_t max_payload)
{
    ASSERT(max_payload >= PACK_MIN_PAYLOAD && max_payload <= PACK_MAX_PAYLOAD && rules[codec]);
    *pack =
        (struct pack){ .codec = codec_get(codec), .params = *params, .max_payload = max_payload };
}

int pack_access_unit(struct pack *pack, const struct access_unit *au, const struct pack_sink *sink)
{
    struct pack_call call = { .pack = pack, .au = au, .sink = sink, .ticks = au->ticks };
    ASSERT(au->unit_count > 0);
    return rules[pack->codec->id](&call);
}

void pack_open(struct pack_call *call)
{
    ASSERT(!call->out);
    call->out = call->sink->reserve(call->sink->arg);
    call->len = 0;
}

size_t pack_room(const struct pack_call *call)
{
    return call->pack->max_payload - call->len;
}

void pack_put(struct pack_call *call, const void *bytes, size_t len)
{
    ASSERT(len <= pack_room(call));
    memcpy(call->out + call->len, bytes, len);
    call->len += len;
}

void pack_put_unit(struct pack_call *call, unsigned index, size_t at, size_t len)
{
    ASSERT(len <= pack_room(call));
    size_t copied = au_unit_copy(call->au, index, at, len, call->out + call->len);
    ASSERT(copied == len);
    call->len += len;
}

void pack_give(struct pack_call *call, bool marker)
{
    struct pack_packet packet = { { call->out, call->len }, marker, call->ticks };
    ASSERT(call->out && call->len > 0);
    call->out = NULL;
    call->sink->on_packet(call->sink->arg, &packet);
}

unsigned pack_fitting(const struct pack_call *call, unsigned first, unsigned max,
                      pack_overhead_fn *overhead)
{
    size_t   len = 0;
    unsigned count = 0;
    while (count < max && first + count < call->au->unit_count) {
        len += call->au->units[first + count].len;
        if (len + overhead(call->pack, count + 1) > call->pack->max_payload)
            break;
        count++;
    }
    return count;
}

void pack_advance(struct pack_call *call, unsigned units)
{
    call->ticks += call->au->unit_ticks * units;
}
