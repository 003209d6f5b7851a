#include "rtp/h26x_format.h"

#include "base/bytes.h"
#include "base/check.h"

/* RFC 6184, section 5.7: forbidden when one is, as important as the most important. */
static void join_h264_headers(uint8_t *header, const uint8_t *other)
{
    enum { F = 0x80, NRI = 0x60 };
    uint8_t nri = MAX(header[0] & NRI, other[0] & NRI);
    header[0] = (uint8_t)((header[0] & ~NRI) | (other[0] & F) | nri);
}

/* RFC 7798, section 4.4.2: forbidden when one is, with the lowest layer and temporal id. */
static void join_h265_headers(uint8_t *header, const uint8_t *other)
{
    enum { F = 0x8000, LAYER = 0x01f8, TID = 0x07 };
    unsigned a = read_be16(header), b = read_be16(other);
    unsigned layer = MIN(a & LAYER, b & LAYER), tid = MIN(a & TID, b & TID);
    write_be16(header, (uint16_t)((a & ~(unsigned)(LAYER | TID)) | (b & F) | layer | tid));
}

const struct h26x_format h264_format = {
    .units = h264_units,
    .join_headers = join_h264_headers,
    .header = 1,
    .type_mask = 0x1f,
    .aggregate = H264_NAL_STAP_A,
    .fragment = H264_NAL_FU_A,
    .first_picture = H264_NAL_SLICE,
    .last_picture = H264_NAL_IDR,
    .first_foreign = H264_NAL_STAP_A,
};
const struct h26x_format h265_format = {
    .units = h265_units,
    .join_headers = join_h265_headers,
    .header = 2,
    .type_shift = 1,
    .type_mask = 0x3f,
    .aggregate = H265_NAL_AP,
    .fragment = H265_NAL_FU,
    .first_picture = 0,
    .last_picture = 31,
    .first_foreign = H265_NAL_AP,
};
