#include "codec/h26x.h"

#include "base/bytes.h"
#include "base/check.h"
#include "codec/codec.h"

enum { START_CODE = 3, STARTS = CODEC_STARTS_KEYFRAME, PARAMS = CODEC_HAS_PARAMS };

/* What a NAL unit of a type says about the packet that holds it. A PPS may stand before any
 * picture, so it starts nothing. */
static const uint8_t h264_flags[32] = {
    [H264_NAL_IDR] = STARTS,
    [H264_NAL_SPS] = STARTS | PARAMS,
    [H264_NAL_PPS] = PARAMS,
};
static const uint8_t h265_flags[64] = {
    [H265_NAL_IRAP_FIRST... H265_NAL_IRAP_LAST] = STARTS,
    [H265_NAL_VPS] = STARTS | PARAMS,
    [H265_NAL_SPS] = STARTS | PARAMS,
    [H265_NAL_PPS] = PARAMS,
};

static uint8_t h264_type(struct span nal)
{
    return nal.p[0] & 0x1f;
}

static uint8_t h265_type(struct span nal)
{
    return nal.p[0] >> 1 & 0x3f;
}

/* The index of the first start code, or the length when there is none. */
static size_t find_start_code(struct span s)
{
    const uint8_t *at = s.len ? memmem(s.p, s.len, "\0\0\1", START_CODE) : NULL;
    return at ? (size_t)(at - s.p) : s.len;
}

/* Cuts off what stands before the next start code; a NAL unit never ends in a zero. */
static struct span cut_nal(struct span *rest)
{
    size_t      end = find_start_code(*rest);
    struct span nal = span_first(*rest, end);
    *rest = span_skip(*rest, end);
    while (nal.len && nal.p[nal.len - 1] == 0)
        nal.len--;
    return nal;
}

bool h26x_next_annexb(struct span *rest, struct span *nal)
{
    *rest = span_skip(*rest, find_start_code(*rest));
    while (rest->len) {
        *rest = span_skip(*rest, START_CODE);
        *nal = cut_nal(rest);
        if (nal->len)
            return true;
    }
    return false;
}

/* Only for payloads whose first byte is 0: no NAL unit begins like that in RTP. */
static bool is_annexb(struct span payload)
{
    return (payload.len > 3 && memcmp(payload.p, "\0\0\1", 3) == 0) ||
           (payload.len > 4 && memcmp(payload.p, "\0\0\0\1", 4) == 0);
}

/* RFC 6184, section 5.7.1, and RFC 7798, section 4.4.2, without DONL: 16-bit size, NAL unit. */
static bool next_aggregated(struct span *rest, struct span *nal)
{
    if (rest->len < 3)
        return false;
    size_t len = read_be16(rest->p);
    if (len == 0 || len > rest->len - 2)
        return false;
    *nal = (struct span){ rest->p + 2, len };
    *rest = span_skip(*rest, 2 + len);
    return true;
}

/* In what the two differ, as far as packets go. */
struct h26x_family {
    const uint8_t *flags; /* by type */
    uint8_t (*type_of)(struct span nal);
    size_t  header; /* bytes in front of a NAL unit's payload, and of a fragment's own header */
    uint8_t aggregate, fragment;
    uint8_t type_mask; /* of a fragment's header */
};

static const struct h26x_family h264 = { h264_flags,      h264_type,     1,
                                         H264_NAL_STAP_A, H264_NAL_FU_A, 0x1f };
static const struct h26x_family h265 = { h265_flags, h265_type, 2, H265_NAL_AP, H265_NAL_FU, 0x3f };

static struct h26x_units units_of(const struct h26x_family *family, struct span payload)
{
    struct h26x_units units = { .family = family, .rest = payload };
    uint8_t           type = payload.len ? family->type_of(payload) : 0;
    if (payload.len < family->header || type == family->fragment) {
        units.rest.len = 0;
    } else if (type == family->aggregate) {
        units.rest = span_skip(payload, family->header);
        units.shape = H26X_AGGREGATE;
    } else if (payload.p[0] == 0 && is_annexb(payload)) {
        units.shape = H26X_ANNEXB;
    }
    return units;
}

struct h26x_units h264_units(struct span payload)
{
    return units_of(&h264, payload);
}

struct h26x_units h265_units(struct span payload)
{
    return units_of(&h265, payload);
}

static bool next_outer(struct h26x_units *units, struct span *nal)
{
    switch (units->shape) {
    case H26X_AGGREGATE:
        return next_aggregated(&units->rest, nal);
    case H26X_ANNEXB:
        return h26x_next_annexb(&units->rest, nal);
    case H26X_ONE:
        *nal = units->rest;
        units->rest.len = 0;
        return nal->len > 0;
    }
    return false;
}

/* A NAL unit holds no start code, so one that is found in a parameter set begins the next. */
bool h26x_next_unit(struct h26x_units *units, struct span *nal)
{
    if (units->inner.len && h26x_next_annexb(&units->inner, nal))
        return true;
    if (!next_outer(units, nal))
        return false;
    if (units->family->flags[units->family->type_of(*nal)] & PARAMS) {
        units->inner = *nal;
        *nal = cut_nal(&units->inner);
    }
    return true;
}

static unsigned inspect(const struct h26x_family *family, struct span payload)
{
    if (payload.len < family->header)
        return 0;
    if (family->type_of(payload) == family->fragment) {
        if (payload.len <= family->header || !(payload.p[family->header] & 0x80))
            return 0;
        return family->flags[payload.p[family->header] & family->type_mask] & STARTS;
    }
    unsigned          flags = 0;
    struct h26x_units units = units_of(family, payload);
    struct span       nal;
    while (next_outer(&units, &nal))
        flags |= family->flags[family->type_of(nal)];
    return flags;
}

unsigned h264_inspect(struct span payload)
{
    return inspect(&h264, payload);
}

unsigned h265_inspect(struct span payload)
{
    return inspect(&h265, payload);
}

static void visit_params(struct h26x_units units, h26x_param_fn *on_param, void *arg)
{
    struct span nal;
    while (h26x_next_unit(&units, &nal)) {
        uint8_t type = units.family->type_of(nal);
        if (units.family->flags[type] & PARAMS)
            on_param(arg, type, nal);
    }
}

void h264_visit_params(struct span payload, h26x_param_fn *on_param, void *arg)
{
    visit_params(h264_units(payload), on_param, arg);
}

void h265_visit_params(struct span payload, h26x_param_fn *on_param, void *arg)
{
    visit_params(h265_units(payload), on_param, arg);
}
