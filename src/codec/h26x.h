/**
 * h26x: NAL units of H264 and H265 as RTP carries them (RFC 6184, RFC 7798): which packet starts
 * a keyframe, which holds parameter sets, and what a parameter set says.
 *
 * Tolerant: reserved bits, unknown types and broken aggregates are passed over, never an error.
 * Cameras announce packetization-mode 0 and send FU-A and STAP-A all the same; some put Annex B
 * with its start codes into RTP.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

enum h264_nal {
    H264_NAL_SLICE = 1,
    H264_NAL_IDR = 5,
    H264_NAL_SEI = 6,
    H264_NAL_SPS = 7,
    H264_NAL_PPS = 8,
    H264_NAL_AUD = 9,
    H264_NAL_FILLER = 12,
    H264_NAL_STAP_A = 24,
    H264_NAL_FU_A = 28,
};

enum h265_nal {
    H265_NAL_IRAP_FIRST = 16,
    H265_NAL_IRAP_LAST = 23,
    H265_NAL_VPS = 32,
    H265_NAL_SPS = 33,
    H265_NAL_PPS = 34,
    H265_NAL_AUD = 35,
    H265_NAL_SEI_PREFIX = 39,
    H265_NAL_AP = 48,
    H265_NAL_FU = 49,
};

/** The whole NAL units of one payload, taken one by one with h26x_next_unit(). Plain. */
struct h26x_units {
    const struct h26x_family *family;
    struct span               rest;
    struct span               inner; /* what follows a parameter set within its own unit */
    enum { H26X_ONE, H26X_AGGREGATE, H26X_ANNEXB } shape;
};

/** Of a single NAL unit, an aggregate or Annex B; of a fragment or an empty payload none. */
struct h26x_units h264_units(struct span rtp_payload);
struct h26x_units h265_units(struct span rtp_payload);

/**
 * The next unit, a view into the payload, never empty; false at the end. Parameter sets have
 * neither start codes nor trailing zeros: there are cameras that send the sets, and the picture
 * too, in one "NAL unit" with start codes between.
 */
bool h26x_next_unit(struct h26x_units *units, struct span *nal);

/** For struct codec's `inspect`: bits of enum codec_packet_flag. */
unsigned h264_inspect(struct span rtp_payload);
unsigned h265_inspect(struct span rtp_payload);

/**
 * `nal` is a whole VPS, SPS or PPS, without start code and trailing zeros, a view into the
 * payload; `type` is its NAL type.
 */
typedef void h26x_param_fn(void *arg, uint8_t type, struct span nal);

/**
 * Calls `on_param` for each whole parameter set in the payload (single NAL or aggregate): at
 * least once when the payload was inspected as CODEC_HAS_PARAMS, else never.
 */
void h264_visit_params(struct span rtp_payload, h26x_param_fn *on_param, void *arg);
void h265_visit_params(struct span rtp_payload, h26x_param_fn *on_param, void *arg);

enum { H26X_MAX_SIDE = 16888 }; /* sqrt(8 x luma samples of a picture), level 6.2 of both */

struct h26x_size {
    uint32_t width, height; /* after cropping; 1..H26X_MAX_SIDE */
};

/** From a whole SPS. -EBADMSG: cut short, not an SPS, or its numbers make no sense. */
int h264_parse_sps(struct span nal, struct h26x_size *out);
int h265_parse_sps(struct span nal, struct h26x_size *out);

/**
 * Does a whole SPS rule B-frames out: do all pictures come in the order in which they are shown?
 * False proves nothing: what an encoder announces is a bound, and many announce one that they
 * never use, or none.
 */
bool h264_keeps_order(struct span nal);
bool h265_keeps_order(struct span nal);

/**
 * The next NAL unit of an Annex B stream (00 00 01), cut off `*rest`; never empty, without start
 * code and trailing zeros. Bytes before the first start code are passed over. False at the end.
 */
bool h26x_next_annexb(struct span *rest, struct span *nal);
