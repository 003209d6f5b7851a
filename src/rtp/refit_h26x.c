/* H264 (RFC 6184) and H265 (RFC 7798) are the same but for the size of their headers. */
#include "base/bytes.h"
#include "base/check.h"
#include "codec/h26x.h"
#include "rtp/h26x_format.h"
#include "rtp/refit_internal.h"

enum kind {
    KIND_PASSING, /* pictures, filler and what nobody knows */
    KIND_KEY,
    KIND_VPS, /* parameter sets: in the order of struct refit's */
    KIND_SPS,
    KIND_PPS,
    KIND_SEI,
    KIND_DELIMITER,
    KIND_OPAQUE, /* no NAL units, but RTP's own; none that a browser knows */
};

static const uint8_t h264_kinds[32] = {
    [H264_NAL_IDR] = KIND_KEY, [H264_NAL_SEI] = KIND_SEI,       [H264_NAL_SPS] = KIND_SPS,
    [H264_NAL_PPS] = KIND_PPS, [H264_NAL_AUD] = KIND_DELIMITER, [24 ... 31] = KIND_OPAQUE,
};
static const uint8_t h265_kinds[64] = {
    [H265_NAL_IRAP_FIRST... H265_NAL_IRAP_LAST] = KIND_KEY,
    [H265_NAL_VPS] = KIND_VPS,
    [H265_NAL_SPS] = KIND_SPS,
    [H265_NAL_PPS] = KIND_PPS,
    [H265_NAL_SEI_PREFIX] = KIND_SEI,
    [H265_NAL_AUD] = KIND_DELIMITER,
    [48 ... 63] = KIND_OPAQUE,
};

struct family {
    const struct h26x_format *format;
    const uint8_t            *kinds; /* by type */
};

static uint8_t type_of(const struct family *family, struct span nal)
{
    return h26x_type(family->format, nal);
}

static enum kind kind_of(const struct family *family, struct span nal)
{
    return family->kinds[type_of(family, nal)];
}

/* Units on their way into an aggregate; one alone goes out as it is. */
struct aggregate {
    struct refit_call   *call;
    const struct family *family;
    unsigned             count;
    size_t               len;
    uint8_t              bytes[REFIT_MAX_UDP_PAYLOAD];
};

static void give_aggregate(struct aggregate *aggregate, bool marker)
{
    struct span all = { aggregate->bytes, aggregate->len };
    if (aggregate->count == 1)
        all = span_skip(all, aggregate->family->format->header + H26X_UNIT_SIZE);
    if (aggregate->count > 0)
        refit_give_copy(aggregate->call, all, (struct span){ 0 }, marker);
    aggregate->count = 0;
}

static void join_aggregate(struct aggregate *aggregate, struct span nal)
{
    const struct family *family = aggregate->family;
    if (aggregate->len + H26X_UNIT_SIZE + nal.len > aggregate->call->refit->max_payload)
        give_aggregate(aggregate, false);
    if (aggregate->count == 0) {
        memcpy(aggregate->bytes, nal.p, family->format->header);
        aggregate->bytes[0] = h26x_with_type(family->format, nal.p[0], family->format->aggregate);
        aggregate->len = family->format->header;
    }
    family->format->join_headers(aggregate->bytes, nal.p);
    write_be16(aggregate->bytes + aggregate->len, (uint16_t)nal.len);
    memcpy(aggregate->bytes + aggregate->len + H26X_UNIT_SIZE, nal.p, nal.len);
    aggregate->len += H26X_UNIT_SIZE + nal.len;
    aggregate->count++;
}

/* What parameter sets of one type and waiting SEI are kept as: size, unit, size, unit. */
static bool next_kept(struct span *rest, struct span *nal)
{
    if (rest->len == 0)
        return false;
    *nal = (struct span){ rest->p + H26X_UNIT_SIZE, read_be16(rest->p) };
    *rest = span_skip(*rest, H26X_UNIT_SIZE + nal->len);
    return true;
}

static void keep(uint8_t *bytes, uint16_t *len, struct span nal)
{
    write_be16(bytes + *len, (uint16_t)nal.len);
    memcpy(bytes + *len + H26X_UNIT_SIZE, nal.p, nal.len);
    *len = (uint16_t)(*len + H26X_UNIT_SIZE + nal.len);
}

static bool fits_aggregate(const struct refit *refit, const struct family *family, struct span nal)
{
    return family->format->header + H26X_UNIT_SIZE + nal.len <= refit->max_payload;
}

static void join_all(struct aggregate *aggregate, struct span kept)
{
    struct span nal;
    while (next_kept(&kept, &nal))
        join_aggregate(aggregate, nal);
}

/* Gives out the parameter sets of `types` (bits), then what SEI waits. */
static void give_waiting(struct refit_call *call, const struct family *family, unsigned types,
                         bool marker)
{
    struct refit    *refit = call->refit;
    struct aggregate aggregate;
    if (!types && !refit->open_len)
        return;
    aggregate.call = call;
    aggregate.family = family;
    aggregate.count = 0;
    aggregate.len = 0;
    for (unsigned i = 0; i < REFIT_PARAM_TYPES; i++) {
        if (types & 1u << i)
            join_all(&aggregate, (struct span){ refit->params[i].bytes, refit->params[i].len });
    }
    join_all(&aggregate, (struct span){ refit->open, refit->open_len });
    refit->open_len = 0;
    refit->params_new &= (uint8_t)~types;
    refit->params_given |= (uint8_t)types;
    give_aggregate(&aggregate, marker);
}

static unsigned types_known(const struct refit *refit)
{
    unsigned types = 0;
    for (unsigned i = 0; i < REFIT_PARAM_TYPES; i++)
        types |= refit->params[i].len ? 1u << i : 0;
    return types;
}

static uint8_t bit_of(enum kind kind)
{
    return (uint8_t)(1u << (kind - KIND_VPS));
}

/* As codec/h26x.c has it: what begins with an SPS can be begun with, even without an IDR. */
static bool starts_keyframe(const struct refit *refit, enum kind kind)
{
    return kind == KIND_KEY || kind == KIND_VPS || kind == KIND_SPS ||
           (refit->params_new & (bit_of(KIND_VPS) | bit_of(KIND_SPS)));
}

/* Everything that goes out goes behind what was held back for it. */
static void prepare(struct refit_call *call, const struct family *family, enum kind kind)
{
    struct refit *refit = call->refit;
    unsigned      types = refit->params_new;
    if (kind == KIND_KEY)
        types |= types_known(refit) & ~(unsigned)refit->params_given;
    if (starts_keyframe(refit, kind))
        refit_mark_keyframe(refit);
    if (kind == KIND_KEY || kind == KIND_PASSING)
        refit->params_begun = 0;
    give_waiting(call, family, types, false);
}

/* A set that can't be kept goes out at once, and what was known of its type is out of date. */
static void forget_params(struct refit *refit, enum kind kind)
{
    if (kind >= KIND_VPS && kind <= KIND_PPS)
        refit->params[kind - KIND_VPS].len = 0;
}

static bool has_param(const struct refit_params *params, struct span nal)
{
    struct span rest = { params->bytes, params->len }, known;
    while (next_kept(&rest, &known)) {
        if (span_equal(known, nal))
            return true;
    }
    return false;
}

/* Sets with no picture between them belong together; the first of them replaces older ones. */
static bool keep_param(struct refit *refit, const struct family *family, enum kind kind,
                       struct span nal)
{
    struct refit_params *params = &refit->params[kind - KIND_VPS];
    bool                 is_added = refit->params_begun & bit_of(kind);
    if (is_added && has_param(params, nal))
        return true;
    size_t len = is_added ? params->len : 0;
    if (len + H26X_UNIT_SIZE + nal.len > REFIT_MAX_PARAMS || !fits_aggregate(refit, family, nal))
        return false;
    params->len = (uint16_t)len;
    keep(params->bytes, &params->len, nal);
    refit->params_begun |= bit_of(kind);
    refit->params_new |= bit_of(kind);
    return true;
}

static bool keep_sei(struct refit_call *call, const struct family *family, struct span nal)
{
    struct refit *refit = call->refit;
    if (!fits_aggregate(refit, family, nal))
        return false;
    if (refit->open_len + H26X_UNIT_SIZE + nal.len > REFIT_MAX_UDP_PAYLOAD)
        prepare(call, family, KIND_SEI);
    keep(refit->open, &refit->open_len, nal);
    return true;
}

static bool hold_back(struct refit_call *call, const struct family *family, enum kind kind,
                      struct span nal)
{
    switch (kind) {
    case KIND_VPS:
    case KIND_SPS:
    case KIND_PPS:
        return keep_param(call->refit, family, kind, nal);
    case KIND_SEI:
        return keep_sei(call, family, nal);
    case KIND_DELIMITER:
        return true;
    default:
        return false;
    }
}

static void cut_unit(struct refit_call *call, const struct family *family, struct span nal,
                     bool marker)
{
    uint8_t first[H26X_MAX_HEADER + 1], rest[H26X_MAX_HEADER + 1];
    size_t  len = family->format->header + 1u;
    memcpy(rest, nal.p, family->format->header);
    rest[0] = h26x_with_type(family->format, nal.p[0], family->format->fragment);
    rest[family->format->header] = type_of(family, nal);
    memcpy(first, rest, len);
    first[family->format->header] |= H26X_FU_START;
    struct refit_heads heads = {
        { first, len }, { rest, len }, family->format->header, H26X_FU_END
    };
    refit_begin_cut(call->refit, &heads);
    refit_end_cut(call, span_skip(nal, family->format->header), marker);
}

static void give_unit(struct refit_call *call, const struct family *family, struct span nal,
                      bool marker)
{
    if (nal.len <= call->refit->max_payload)
        refit_give_view(call, nal, marker);
    else if (kind_of(family, nal) != KIND_OPAQUE)
        cut_unit(call, family, nal, marker);
    else
        call->refit->dropped++;
}

/* The marker must not get lost with what is held back: a frame without its end is never shown. */
static void take_unit(struct refit_call *call, const struct family *family, struct span nal,
                      bool marker)
{
    struct refit *refit = call->refit;
    enum kind     kind = kind_of(family, nal);
    bool          is_inside = nal.len < call->payload.len;
    if (nal.len < family->format->header || (is_inside && kind == KIND_OPAQUE)) {
        refit->dropped++;
        return;
    }
    if (!hold_back(call, family, kind, nal)) {
        prepare(call, family, kind);
        forget_params(refit, kind);
        give_unit(call, family, nal, marker);
    } else if (marker && refit->in_frame) {
        if (refit->params_new || refit->open_len)
            give_waiting(call, family, refit->params_new, true);
        else
            give_unit(call, family, nal, true);
    }
}

static void take_units(struct refit_call *call, const struct family *family)
{
    struct h26x_units units = family->format->units(call->payload);
    struct span       nal, next;
    bool              has_next = h26x_next_unit(&units, &next);
    call->refit->dropped += !has_next;
    while (has_next) {
        nal = next;
        has_next = h26x_next_unit(&units, &next);
        take_unit(call, family, nal, call->marker && !has_next);
    }
}

/* An aggregate without parameter sets passes as it is when it fits. */
static bool pass_aggregate(struct refit_call *call, const struct family *family)
{
    struct h26x_units units = family->format->units(call->payload);
    struct span       nal;
    bool              has_key = false;
    if (call->payload.len > call->refit->max_payload)
        return false;
    while (h26x_next_unit(&units, &nal)) {
        enum kind kind = kind_of(family, nal);
        if (kind >= KIND_VPS && kind <= KIND_PPS)
            return false;
        has_key |= kind == KIND_KEY;
    }
    prepare(call, family, has_key ? KIND_KEY : KIND_PASSING);
    refit_give_view(call, call->payload, call->marker);
    return true;
}

static void begin_fragments(struct refit_call *call, const struct family *family, size_t head_len)
{
    uint8_t     rest[H26X_MAX_HEADER + 1];
    struct span first = span_first(call->payload, head_len);
    memcpy(rest, first.p, head_len);
    rest[family->format->header] &= (uint8_t) ~(H26X_FU_START | H26X_FU_END);
    struct refit_heads heads = { first, { rest, head_len }, family->format->header, H26X_FU_END };
    refit_begin_cut(call->refit, &heads);
}

/* A unit whose last fragment never came, though nothing is missing, ends here. */
static void end_unit(struct refit_call *call)
{
    if (call->refit->unit == REFIT_CUTS_UNIT)
        refit_end_cut(call, (struct span){ 0 }, false);
    call->refit->unit = REFIT_NO_UNIT;
}

static void begin_unit(struct refit_call *call, const struct family *family, uint8_t type)
{
    end_unit(call);
    prepare(call, family, family->kinds[type]);
    forget_params(call->refit, family->kinds[type]);
    call->refit->unit = REFIT_PASSES_UNIT;
}

static void take_fragment(struct refit_call *call, const struct family *family)
{
    struct refit *refit = call->refit;
    struct span   payload = call->payload;
    size_t        head_len = family->format->header + 1u;
    if (payload.len < head_len) {
        refit->dropped++;
        return;
    }
    uint8_t flags = payload.p[family->format->header];
    bool    is_last = (flags & H26X_FU_END) || call->marker;
    if (flags & H26X_FU_START)
        begin_unit(call, family, flags & family->format->type_mask);
    if (refit->unit == REFIT_NO_UNIT) {
        refit->orphans++;
        return;
    }
    if (refit->unit == REFIT_PASSES_UNIT && payload.len <= refit->max_payload) {
        refit_give_view(call, payload, call->marker);
        refit->unit = is_last ? REFIT_NO_UNIT : REFIT_PASSES_UNIT;
        return;
    }
    if (refit->unit == REFIT_PASSES_UNIT)
        begin_fragments(call, family, head_len);
    if (is_last)
        refit_end_cut(call, span_skip(payload, head_len), call->marker);
    else
        refit_cut(call, span_skip(payload, head_len));
}

static void take(struct refit_call *call, const struct family *family)
{
    if (call->payload.len < family->format->header) {
        call->refit->dropped++;
        return;
    }
    uint8_t type = type_of(family, call->payload);
    if (type == family->format->fragment) {
        take_fragment(call, family);
        return;
    }
    end_unit(call);
    if (type != family->format->aggregate || !pass_aggregate(call, family))
        take_units(call, family);
}

static const struct family h264 = { &h264_format, h264_kinds };
static const struct family h265 = { &h265_format, h265_kinds };

void refit_take_h264(struct refit_call *call)
{
    take(call, &h264);
}

void refit_take_h265(struct refit_call *call)
{
    take(call, &h265);
}

void refit_set_params(struct refit *refit, const struct span *nals, unsigned count)
{
    const struct family *family = refit->codec->id == CODEC_H265 ? &h265 : &h264;
    bool                 is_h26x = refit->codec->id == CODEC_H264 || refit->codec->id == CODEC_H265;
    for (unsigned i = 0; is_h26x && i < count; i++) {
        enum kind kind =
            nals[i].len < family->format->header ? KIND_PASSING : kind_of(family, nals[i]);
        if (kind >= KIND_VPS && kind <= KIND_PPS)
            (void)keep_param(refit, family, kind, nals[i]);
    }
    refit->params_new = refit->params_begun = 0;
}
