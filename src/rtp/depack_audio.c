/* Audio whose frames come several in a packet, or one in several packets: MPEG-1/2 Audio
 * (RFC 2250, section 3.5), AC-3 (RFC 4184), Vorbis (RFC 5215). */
#include <errno.h>

#include "base/bytes.h"
#include "codec/mpeg.h"
#include "rtp/depack_internal.h"

/* A frame that was begun and not ended is lost. */
static void drop_open(struct depack *depack)
{
    if (depack->has_open_unit)
        depack_refuse(depack);
}

static void begin_frame(struct depack_call *call, struct span bytes, uint32_t wanted)
{
    struct depack *depack = call->depack;
    depack->wanted = wanted;
    depack_begin_unit(depack);
    depack_add(depack, bytes);
}

/* More of the frame; what it has too much is padding. */
static void continue_frame(struct depack_call *call, struct span bytes)
{
    struct depack *depack = call->depack;
    if (!depack->has_open_unit) {
        depack_refuse_orphan(depack);
        return;
    }
    depack_add(depack, span_first(bytes, depack->wanted - depack_open_len(depack)));
    if (depack_open_len(depack) < depack->wanted)
        return;
    (void)depack_end_unit(depack);
    depack_give(call);
}

/* The bytes of the frame at the beginning of `rest`; may be more than that. */
typedef int frame_size_fn(struct depack *depack, struct span rest, uint32_t *bytes);

/* Whole frames are given out together; the beginning of one that goes on stays open. */
static void take_frames(struct depack_call *call, struct span rest, frame_size_fn *frame_size)
{
    struct depack *depack = call->depack;
    uint32_t       len;
    drop_open(depack);
    depack->ticks = call->ticks;
    while (rest.len > 0 && frame_size(depack, rest, &len) == 0) {
        if (len > rest.len)
            break;
        (void)depack_add_unit(depack, span_first(rest, len));
        rest = span_skip(rest, len);
    }
    bool has_frames = depack->unit_count > 0;
    if (has_frames)
        depack_give(call);
    if (rest.len == 0)
        return;
    if (has_frames || frame_size(depack, rest, &len) < 0)
        depack_refuse(depack);
    else
        begin_frame(call, rest, len);
}

static int mpeg1_size(struct depack *depack, struct span rest, uint32_t *bytes)
{
    struct mpeg_audio_frame frame;
    if (mpeg_parse_audio(rest, &frame) < 0)
        return -EBADMSG;
    *bytes = frame.bytes;
    uint32_t clock_rate = depack->params.clock_rate ? depack->params.clock_rate : 90000;
    if (depack->unit_count == 0)
        depack->unit_ticks = (uint32_t)((uint64_t)frame.samples * clock_rate / frame.sample_rate);
    return 0;
}

static void take_mpeg1(struct depack_call *call)
{
    enum { HEADER = 4 };
    if (call->payload.len <= HEADER) {
        depack_refuse(call->depack);
        return;
    }
    uint16_t    offset = read_be16(call->payload.p + 2);
    struct span rest = span_skip(call->payload, HEADER);
    if (offset == 0)
        take_frames(call, rest, mpeg1_size);
    else if (!call->depack->has_open_unit || offset == depack_open_len(call->depack))
        continue_frame(call, rest);
    else
        drop_open(call->depack);
}

static int ac3_size(struct depack *depack, struct span rest, uint32_t *bytes)
{
    depack->unit_ticks = AC3_FRAME_TICKS;
    return ac3_parse(rest, bytes);
}

static void take_ac3(struct depack_call *call)
{
    enum { HEADER = 2, TYPE = 0x03, CONTINUES = 3 };
    if (call->payload.len <= HEADER) {
        depack_refuse(call->depack);
        return;
    }
    struct span rest = span_skip(call->payload, HEADER);
    if ((call->payload.p[0] & TYPE) == CONTINUES)
        continue_frame(call, rest);
    else
        take_frames(call, rest, ac3_size);
}

enum vorbis {
    VORBIS_HEADER = 4, /* identity of the set-up, then flags */
    VORBIS_LENGTH = 2, /* in front of each packet or fragment */
    VORBIS_WHOLE = 0,  /* kinds of fragments */
    VORBIS_FIRST = 1,
    VORBIS_LAST = 3,
};

/* False: cut short. */
static bool next_vorbis(struct span *rest, struct span *packet)
{
    if (rest->len < VORBIS_LENGTH || read_be16(rest->p) > rest->len - VORBIS_LENGTH)
        return false;
    *packet = (struct span){ rest->p + VORBIS_LENGTH, read_be16(rest->p) };
    *rest = span_skip(*rest, VORBIS_LENGTH + packet->len);
    return true;
}

static void take_vorbis_packets(struct depack_call *call, struct span rest, unsigned count)
{
    struct depack *depack = call->depack;
    struct span    packet;
    drop_open(depack);
    depack->ticks = call->ticks;
    for (; count > 0 && next_vorbis(&rest, &packet); count--)
        (void)depack_add_unit(depack, packet);
    depack->counts.dropped += count > 0;
    depack_give(call);
}

static void take_vorbis_fragment(struct depack_call *call, struct span rest, unsigned kind)
{
    struct depack *depack = call->depack;
    struct span    part;
    if (!next_vorbis(&rest, &part)) {
        depack_refuse(depack);
        return;
    }
    if (kind == VORBIS_FIRST) {
        drop_open(depack);
        depack->ticks = call->ticks;
        begin_frame(call, part, UINT32_MAX);
        return;
    }
    if (kind == VORBIS_LAST)
        depack->wanted = (uint32_t)(depack_open_len(depack) + part.len);
    continue_frame(call, part);
}

/* Set-ups that come in band are those of the description again. */
static void take_vorbis(struct depack_call *call)
{
    struct span payload = call->payload;
    if (payload.len < VORBIS_HEADER) {
        depack_refuse(call->depack);
        return;
    }
    unsigned kind = payload.p[3] >> 6, type = payload.p[3] >> 4 & 3, count = payload.p[3] & 0x0f;
    payload = span_skip(payload, VORBIS_HEADER);
    if (type != 0)
        call->depack->counts.dropped++;
    else if (kind == VORBIS_WHOLE)
        take_vorbis_packets(call, payload, count);
    else
        take_vorbis_fragment(call, payload, kind);
}

const struct depack_rule depack_mpeg1_audio = { .take = take_mpeg1 };
const struct depack_rule depack_ac3 = { .take = take_ac3 };
const struct depack_rule depack_vorbis = { .take = take_vorbis };
