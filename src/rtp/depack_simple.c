/* What lies in packets as it is: Opus (RFC 7587), samples (RFC 3551), KLV (RFC 6597), and what is
 * not looked into: Speex, FLAC, MPEG-TS (RFC 2250, section 2), unknown payloads. */
#include "rtp/depack_internal.h"

static void take_whole(struct depack_call *call)
{
    call->depack->ticks = call->ticks;
    (void)depack_add_unit(call->depack, call->payload);
    depack_give(call);
}

/* RFC 6716, section 3.1: five bits of configuration, one of stereo, two of how many frames. */
static uint32_t opus_ticks(struct span packet)
{
    static const uint16_t silk[] = { 480, 960, 1920, 2880 };
    unsigned              config = packet.p[0] >> 3, frames = packet.p[0] & 3;
    uint32_t              ticks = config < 12   ? silk[config & 3]
                                  : config < 16 ? 480u << (config & 1)
                                                : 120u << (config & 3);
    if (frames == 3)
        return packet.len > 1 ? ticks * (packet.p[1] & 0x3f) : 0;
    return ticks * (frames == 0 ? 1 : 2);
}

static void take_opus(struct depack_call *call)
{
    call->depack->unit_ticks = opus_ticks(call->payload);
    take_whole(call);
}

static void take_samples(struct depack_call *call)
{
    unsigned bits = payload_tick_bits(call->depack->codec->id, &call->depack->params);
    call->depack->unit_ticks = bits ? (uint32_t)(call->payload.len * 8 / bits) : 0;
    take_whole(call);
}

/* SMPTE 336M: a universal key begins like this. */
static bool starts_klv(const struct depack_call *call)
{
    return span_starts_with(call->payload, "\x06\x0e\x2b\x34");
}

static void take_klv(struct depack_call *call)
{
    if (!call->depack->has_open_unit)
        depack_begin_unit(call->depack);
    depack_add(call->depack, call->payload);
}

const struct depack_rule depack_opus = { .take = take_opus };
const struct depack_rule depack_samples = { .take = take_samples };
const struct depack_rule depack_whole = { .take = take_whole };
const struct depack_rule depack_klv = {
    .take = take_klv, .is_picture = true, .is_one_unit = true, .starts = starts_klv
};
