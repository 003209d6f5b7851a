/* H264 (RFC 6184, packetization modes 0 and 1) and H265 (RFC 7798, without DONL). */
#include "rtp/depack_internal.h"
#include "rtp/h26x_format.h"

static const struct h26x_format *format_of(const struct depack *depack)
{
    return depack->codec->id == CODEC_H265 ? &h265_format : &h264_format;
}

/* What is no NAL unit of the codec would be taken for something else when it is sent on. */
static bool is_nal(const struct h26x_format *format, struct span nal)
{
    if (nal.len < format->header || h26x_type(format, nal) >= format->first_foreign)
        return false;
    if (format == &h264_format)
        return h26x_type(format, nal) > 0;
    return (nal.p[1] & 0x07) > 0; /* H265, section 7.4.2.2: nuh_temporal_id_plus1 */
}

/* Parameter sets alone are no keyframe, and a slice behind an SPS is one even without an IDR. */
static void note_unit(struct depack *depack, struct span head)
{
    const struct h26x_format *format = format_of(depack);
    bool                      is_picture = h26x_is_picture(format, h26x_type(format, head));
    unsigned                  flags = depack->codec->inspect(head);
    depack->has_picture |= is_picture;
    depack->has_whole_picture |= is_picture;
    depack->starts_keyframe |= (flags & CODEC_STARTS_KEYFRAME) != 0;
    depack->is_keyframe = depack->starts_keyframe && depack->has_whole_picture;
}

static void take_units(struct depack *depack, struct span bytes)
{
    const struct h26x_format *format = format_of(depack);
    struct h26x_units         units = format->units(bytes);
    struct span               nal;
    bool                      has_units = false;
    while (h26x_next_unit(&units, &nal)) {
        has_units = true;
        if (!is_nal(format, nal))
            depack->counts.dropped++;
        else if (depack_add_unit(depack, nal))
            note_unit(depack, nal);
    }
    if (!has_units)
        depack_refuse(depack);
}

/* There are cameras that put the sets and the picture into one unit, with start codes between; so
 * a set that came in fragments is looked at as a whole. */
static void split_open(struct depack *depack)
{
    size_t   len = depack_open_len(depack);
    uint8_t *bytes = depack_reserve(depack, len);
    if (!bytes)
        return;
    (void)depack_peek_open(depack, 0, len, bytes);
    depack_drop_unit(depack);
    take_units(depack, (struct span){ bytes, len });
}

static void end_open(struct depack *depack)
{
    uint8_t     first[H26X_MAX_HEADER];
    size_t      len = depack_peek_open(depack, 0, format_of(depack)->header, first);
    struct span head = { first, len };
    if (len == 0)
        return;
    if (depack->codec->inspect(head) & CODEC_HAS_PARAMS)
        split_open(depack);
    else if (depack_end_unit(depack))
        note_unit(depack, head);
}

/* The header that the unit would have if it had come whole. */
static void begin_fragments(struct depack *depack, struct span payload)
{
    const struct h26x_format *format = format_of(depack);
    uint8_t                   type = payload.p[format->header] & format->type_mask;
    uint8_t                  *head = depack_reserve(depack, format->header);
    if (!head)
        return;
    memcpy(head, payload.p, format->header);
    head[0] = h26x_with_type(format, payload.p[0], type);
    struct span nal = { head, format->header };
    if (!is_nal(format, nal)) {
        depack->counts.dropped++;
        return;
    }
    depack->has_picture |= h26x_is_picture(format, type);
    depack_begin_unit(depack);
    depack_add(depack, nal);
}

/* The first fragment's type counts; reserved bits do not. A last fragment that never came is not
 * missed where nothing was lost. */
static void take_fragment(struct depack *depack, struct span payload)
{
    const struct h26x_format *format = format_of(depack);
    if (payload.len <= format->header) {
        depack_refuse(depack);
        return;
    }
    uint8_t flags = payload.p[format->header];
    if (flags & H26X_FU_START) {
        end_open(depack);
        begin_fragments(depack, payload);
    } else if (!depack->has_open_unit) {
        depack->has_picture |= h26x_is_picture(format, flags & format->type_mask);
        depack_refuse_orphan(depack);
    }
    if (!depack->has_open_unit)
        return;
    depack_add(depack, span_skip(payload, format->header + 1u));
    if (flags & H26X_FU_END)
        end_open(depack);
}

static void take(struct depack_call *call)
{
    struct depack            *depack = call->depack;
    const struct h26x_format *format = format_of(depack);
    if (h26x_type(format, call->payload) == format->fragment) {
        take_fragment(depack, call->payload);
        return;
    }
    end_open(depack);
    take_units(depack, call->payload);
}

/* Cameras set the marker on SEI, and give parameter sets a time of their own. */
static bool is_complete(const struct depack *depack)
{
    return depack->has_picture;
}

const struct depack_rule depack_h264 = {
    .take = take, .is_picture = true, .is_complete = is_complete, .end_open = end_open
};
const struct depack_rule depack_h265 = {
    .take = take, .is_picture = true, .is_complete = is_complete, .end_open = end_open
};
