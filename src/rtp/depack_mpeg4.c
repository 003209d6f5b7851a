/* MPEG-4 Audio: generic (RFC 3640) and LATM (RFC 6416, section 6). A unit is one frame. */
#include "rtp/au_header.h"
#include "rtp/depack_internal.h"

enum { ADTS_HEADER = 7, ADTS_CRC = 2 };

/* Cameras leave ADTS headers (ISO/IEC 13818-7, section 6.2) in front, some of them two. */
static struct span without_adts(struct span frame)
{
    while (frame.len > ADTS_HEADER + ADTS_CRC && frame.p[0] == 0xff &&
           (frame.p[1] & 0xf6) == 0xf0) {
        size_t len = (size_t)(frame.p[3] & 3) << 11 | (size_t)frame.p[4] << 3 | frame.p[5] >> 5;
        bool   has_crc = !(frame.p[1] & 1);
        if (len != frame.len)
            break;
        frame = span_skip(frame, ADTS_HEADER + (has_crc ? ADTS_CRC : 0));
    }
    return frame;
}

static void drop_open(struct depack *depack)
{
    if (depack->has_open_unit)
        depack_refuse(depack);
}

/* A frame that is larger than what is left has this packet and those that follow to itself; each
 * of them says its whole size. */
static void take_fragment(struct depack_call *call, size_t size, struct span bytes)
{
    struct depack *depack = call->depack;
    if (size != depack->wanted || call->ticks != depack->ticks)
        drop_open(depack);
    if (!depack->has_open_unit) {
        depack->ticks = call->ticks;
        depack->wanted = (uint32_t)size;
        depack_begin_unit(depack);
    }
    depack_add(depack, span_first(bytes, size - depack_open_len(depack)));
    if (depack_open_len(depack) < size)
        return;
    (void)depack_end_unit(depack);
    depack_give(call);
}

static void take_frames(struct depack_call *call, struct au_headers *headers)
{
    struct depack *depack = call->depack;
    struct span    rest = headers->data;
    size_t         size;
    depack->ticks = call->ticks;
    while (au_headers_next(headers, &size)) {
        if (size > rest.len) {
            depack->counts.dropped++;
            break;
        }
        (void)depack_add_unit(depack, without_adts(span_first(rest, size)));
        rest = span_skip(rest, size);
    }
    depack_give(call);
}

static void take_generic(struct depack_call *call)
{
    struct depack    *depack = call->depack;
    struct au_headers headers;
    size_t            size;
    depack->unit_ticks = payload_frame_ticks(&depack->params);
    if (au_headers_parse(call->payload, au_header_format(&depack->params), &headers) < 0) {
        depack_refuse(depack);
        return;
    }
    struct au_headers first = headers;
    if (au_headers_next(&first, &size) && size > headers.data.len) {
        take_fragment(call, size, headers.data);
        return;
    }
    drop_open(depack);
    take_frames(call, &headers);
}

/* ISO/IEC 14496-3, table 1.44: the size is a sum of bytes, of which the last is not 255. */
static bool next_frame(struct span *rest, struct span *frame)
{
    size_t  size = 0, at = 0;
    uint8_t byte = 255;
    for (; byte == 255 && at < rest->len; size += byte)
        byte = rest->p[at++];
    if (byte == 255 || size > rest->len - at)
        return false;
    *frame = (struct span){ rest->p + at, size };
    *rest = span_skip(*rest, at + size);
    return true;
}

/* Behind a gap only an element that is whole can be told from the rest of another. */
static bool starts_latm(const struct depack_call *call)
{
    if (!call->depack->is_after_gap)
        return true;
    const struct payload_params *params = &call->depack->params;
    struct span                  rest = call->payload, frame;
    unsigned                     left = MAX(params->latm_frames, 1);
    while (left > 0 && next_frame(&rest, &frame))
        left--;
    return call->marker && !params->is_latm_config_in_band && left == 0 && rest.len == 0;
}

static void add_frames(struct depack *depack, struct span element)
{
    struct span frame;
    for (unsigned left = MAX(depack->params.latm_frames, 1); left > 0; left--) {
        if (!next_frame(&element, &frame)) {
            depack_refuse(depack);
            return;
        }
        (void)depack_add_unit(depack, frame);
    }
}

static void take_latm(struct depack_call *call)
{
    if (!call->depack->has_open_unit)
        depack_begin_unit(call->depack);
    depack_add(call->depack, call->payload);
}

/* An element that brings its own configuration stays whole: its frames lie amid bytes. */
static void end_latm(struct depack *depack)
{
    struct span *spans = depack->spans + depack->units[depack->unit_count].first;
    struct span  element = { NULL, depack_open_len(depack) };
    depack->unit_ticks = payload_frame_ticks(&depack->params) * MAX(depack->params.latm_frames, 1);
    if (depack->params.is_latm_config_in_band) {
        (void)depack_end_unit(depack);
        return;
    }
    depack->unit_ticks = payload_frame_ticks(&depack->params);
    if (depack->units[depack->unit_count].count == 1) {
        element = spans[0];
    } else {
        uint8_t *joined = depack_reserve(depack, element.len);
        if (!joined)
            return;
        (void)depack_peek_open(depack, 0, element.len, joined);
        element.p = joined;
    }
    depack_drop_unit(depack);
    add_frames(depack, element);
}

const struct depack_rule depack_mpeg4_audio = { .take = take_generic };
const struct depack_rule depack_latm = { .take = take_latm,
                                         .is_picture = true,
                                         .is_one_unit = true,
                                         .starts = starts_latm,
                                         .end_open = end_latm };
