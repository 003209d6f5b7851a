/**
 * h26x_format: in what the payloads of H264 (RFC 6184) and H265 (RFC 7798) differ, for those who
 * take them apart and put them together. NAL units themselves are codec/h26x.h's.
 */
#pragma once
#include "codec/h26x.h"

enum {
    H26X_FU_START = 0x80, /* of a fragment's header, behind the NAL unit's */
    H26X_FU_END = 0x40,
    H26X_MAX_HEADER = 2,
    H26X_UNIT_SIZE = 2, /* in front of each unit of an aggregate */
};

struct h26x_format {
    struct h26x_units (*units)(struct span payload);
    void (*join_headers)(uint8_t *header, const uint8_t *other); /* for an aggregate of both */
    uint8_t header;                                              /* bytes of a NAL unit's */
    uint8_t type_shift, type_mask;                               /* of its first byte */
    uint8_t aggregate, fragment;
    uint8_t first_picture, last_picture; /* types of slices */
    uint8_t first_foreign;               /* this type and above are RTP's own */
};

extern const struct h26x_format h264_format, h265_format;

static inline uint8_t h26x_type(const struct h26x_format *format, struct span nal)
{
    return nal.p[0] >> format->type_shift & format->type_mask;
}

/** A NAL unit's first byte, with another type. */
static inline uint8_t h26x_with_type(const struct h26x_format *format, uint8_t first, uint8_t type)
{
    uint8_t others = (uint8_t) ~(format->type_mask << format->type_shift);
    return (uint8_t)((first & others) | type << format->type_shift);
}

static inline bool h26x_is_picture(const struct h26x_format *format, uint8_t type)
{
    return type >= format->first_picture && type <= format->last_picture;
}
