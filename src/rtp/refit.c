#include "rtp/refit.h"

#include "base/check.h"
#include "rtp/au_header.h"
#include "rtp/refit_internal.h"

static void give(struct refit_call *call, struct refit_part part)
{
    struct refit *refit = call->refit;
    part.starts_frame = !refit->in_frame;
    part.starts_keyframe = refit->tells_key;
    part.is_after_gap = refit->is_after_gap;
    part.ticks = refit->ticks;
    refit->in_frame = true;
    refit->tells_key = false;
    refit->is_after_gap = false;
    call->sink->on_part(call->sink->arg, &part);
}

void refit_give_view(struct refit_call *call, struct span payload, bool marker)
{
    give(call, (struct refit_part){ .payload = payload, .marker = marker });
}

static void append(uint8_t *out, size_t at, struct span bytes)
{
    if (bytes.len)
        memcpy(out + at, bytes.p, bytes.len);
}

void refit_give_copy(struct refit_call *call, struct span begin, struct span end, bool marker)
{
    size_t   len = begin.len + end.len;
    uint8_t *out = call->sink->reserve(call->sink->arg, len);
    append(out, 0, begin);
    append(out, begin.len, end);
    give(call, (struct refit_part){ .payload = { out, len }, .is_own = true, .marker = marker });
}

void refit_mark_keyframe(struct refit *refit)
{
    refit->tells_key = refit->tells_key || !refit->is_key;
    refit->is_key = true;
}

void refit_look_for_keyframe(struct refit_call *call)
{
    if (call->refit->codec->inspect(call->payload) & CODEC_STARTS_KEYFRAME)
        refit_mark_keyframe(call->refit);
}

static void open_part(struct refit *refit, struct span head)
{
    append(refit->open, 0, head);
    refit->open_len = (uint16_t)head.len;
}

static void give_open_part(struct refit_call *call, struct span end, bool marker)
{
    struct refit *refit = call->refit;
    refit_give_copy(call, (struct span){ refit->open, refit->open_len }, end, marker);
    refit->open_len = 0;
}

void refit_begin_cut(struct refit *refit, const struct refit_heads *heads)
{
    refit->unit = REFIT_CUTS_UNIT;
    refit->flags_at = heads->flags_at;
    refit->last_bit = heads->last_bit;
    refit_set_head(refit, heads->rest);
    open_part(refit, heads->first);
    refit->open[heads->flags_at] &= (uint8_t)~heads->last_bit;
}

void refit_set_head(struct refit *refit, struct span head)
{
    ASSERT(head.len <= REFIT_MAX_HEAD);
    append(refit->head, 0, head);
    refit->head_len = (uint8_t)head.len;
}

/* Returns what is left: it fits into the open part, even when that is the last one. */
static struct span give_full_parts(struct refit_call *call, struct span bytes)
{
    struct refit *refit = call->refit;
    size_t        room;
    while (bytes.len > (room = (size_t)refit->max_payload - refit->open_len)) {
        give_open_part(call, span_first(bytes, room), false);
        open_part(refit, (struct span){ refit->head, refit->head_len });
        bytes = span_skip(bytes, room);
    }
    return bytes;
}

void refit_cut(struct refit_call *call, struct span bytes)
{
    struct refit *refit = call->refit;
    struct span   rest = give_full_parts(call, bytes);
    append(refit->open, refit->open_len, rest);
    refit->open_len = (uint16_t)(refit->open_len + rest.len);
}

void refit_end_cut(struct refit_call *call, struct span bytes, bool marker)
{
    struct refit *refit = call->refit;
    struct span   rest = give_full_parts(call, bytes);
    refit->open[refit->flags_at] |= refit->last_bit;
    refit->unit = REFIT_NO_UNIT;
    give_open_part(call, rest, marker);
}

void refit_take_whole(struct refit_call *call)
{
    if (call->payload.len > call->refit->max_payload && !call->refit->passes_large) {
        call->refit->dropped++;
        return;
    }
    if (!call->refit->in_frame)
        refit_mark_keyframe(call->refit);
    refit_give_view(call, call->payload, call->marker);
}

void refit_begin_audio(struct refit *refit)
{
    refit->in_frame = refit->is_key = false;
    refit_mark_keyframe(refit);
}

/* Each part is a frame of its own; the marker means that sound follows silence. */
static void take_samples(struct refit_call *call)
{
    struct refit *refit = call->refit;
    struct span   rest = call->payload;
    if (rest.len <= refit->max_payload || refit->tick_bytes == 0) {
        refit_take_whole(call);
        return;
    }
    size_t ticks = refit->max_payload / refit->tick_bytes;
    for (bool marker = call->marker; rest.len; marker = false) {
        struct span part = span_first(rest, ticks * refit->tick_bytes);
        refit_begin_audio(refit);
        refit_give_view(call, part, marker);
        refit->ticks += (uint32_t)ticks;
        rest = span_skip(rest, part.len);
    }
}

/* Codecs whose packets can be cut; of others what is too large is dropped. */
static const struct rule {
    void (*take)(struct refit_call *call);
    uint16_t tick_bytes;
} rules[CODEC_COUNT] = {
    [CODEC_H264] = { refit_take_h264, 0 },
    [CODEC_H265] = { refit_take_h265, 0 },
    [CODEC_VP8] = { refit_take_vp8, 0 },
    [CODEC_VP9] = { refit_take_vp9, 0 },
    [CODEC_AV1] = { refit_take_av1, 0 },
    [CODEC_G711] = { take_samples, 1 },
    [CODEC_G722] = { take_samples, 1 },
    [CODEC_LPCM] = { take_samples, 0 },
    [CODEC_MJPEG] = { refit_take_mjpeg, 0 },
    [CODEC_MPEG4_VIDEO] = { refit_take_mpeg4_video, 0 },
    [CODEC_MPEG4_AUDIO] = { refit_take_mpeg4_audio, 0 },
};

void refit_init(struct refit *refit, enum codec_id codec, size_t max_payload)
{
    ASSERT(max_payload >= REFIT_MIN_PAYLOAD && max_payload <= REFIT_MAX_UDP_PAYLOAD);
    *refit = (struct refit){ .codec = codec_get(codec),
                             .max_payload = (uint16_t)max_payload,
                             .tick_bytes = rules[codec].tick_bytes };
    refit_set_audio(refit, &(struct payload_params){ 0 });
}

void refit_set_audio(struct refit *refit, const struct payload_params *params)
{
    refit->frame_ticks = payload_frame_ticks(params);
    refit->au_header = au_header_format(params);
}

void refit_pass_large(struct refit *refit)
{
    refit->passes_large = true;
}

void refit_set_tick_bytes(struct refit *refit, unsigned bytes)
{
    refit->tick_bytes = bytes <= refit->max_payload ? (uint16_t)bytes : 0;
}

static bool is_late(const struct refit *refit, uint16_t seq)
{
    int16_t ahead = (int16_t)(seq - refit->seq);
    return refit->has_packets && ahead <= 0 && ahead > -RTP_MAX_MISORDER;
}

/* What has been given out of a broken unit stays; what waits for its end goes. */
static void break_unit(struct refit *refit)
{
    if (refit->unit == REFIT_CUTS_UNIT)
        refit->open_len = 0;
    refit->unit = REFIT_NO_UNIT;
    refit->params_begun = 0;
    refit->is_after_gap = true;
}

static bool is_new_frame(const struct refit *refit, const struct rtp_header *packet)
{
    return refit->codec->kind != CODEC_VIDEO || !refit->has_packets ||
           packet->ticks != refit->ticks || refit->has_marker;
}

/* What still flows of the last one, which had no marker, is its end. */
static void begin_frame(struct refit_call *call, uint32_t ticks)
{
    struct refit *refit = call->refit;
    if (refit->unit == REFIT_CUTS_UNIT)
        refit_end_cut(call, (struct span){ 0 }, true);
    refit->unit = REFIT_NO_UNIT;
    refit->ticks = ticks;
    refit->in_frame = refit->is_key = refit->tells_key = false;
    refit->params_given = 0;
}

void refit_packet(struct refit *refit, const struct rtp_header *packet,
                  const struct refit_sink *sink)
{
    struct refit_call call = { refit, sink, packet->payload, packet->marker };
    if (is_late(refit, packet->seq)) {
        refit->orphans++;
        return;
    }
    if (refit->has_packets && packet->seq != (uint16_t)(refit->seq + 1))
        break_unit(refit);
    if (is_new_frame(refit, packet))
        begin_frame(&call, packet->ticks);
    refit->has_packets = true;
    refit->seq = packet->seq;
    refit->has_marker = packet->marker;
    if (call.payload.len == 0)
        return;
    if (rules[refit->codec->id].take)
        rules[refit->codec->id].take(&call);
    else
        refit_take_whole(&call);
}
