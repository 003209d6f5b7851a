/**
 * codec: the one table of codecs: names, clock rates, kinds, how a keyframe is recognised.
 *
 * MediaMTX's display names are used in logs and API: "H264", "MPEG-4 Audio", "Opus", "Generic".
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

enum codec_id {
    CODEC_GENERIC, /* any payload; passes untouched */
    CODEC_AV1,
    CODEC_VP9,
    CODEC_VP8,
    CODEC_H265,
    CODEC_H264,
    CODEC_MPEG4_VIDEO,
    CODEC_MPEG1_VIDEO,
    CODEC_MJPEG,
    CODEC_OPUS,
    CODEC_VORBIS,
    CODEC_MPEG4_AUDIO,
    CODEC_MPEG4_AUDIO_LATM,
    CODEC_MPEG1_AUDIO,
    CODEC_AC3,
    CODEC_SPEEX,
    CODEC_G726,
    CODEC_G722,
    CODEC_G711,
    CODEC_LPCM,
    CODEC_FLAC,
    CODEC_KLV,
    CODEC_MPEGTS,
    CODEC_COUNT,
};

enum codec_kind { CODEC_DATA, CODEC_VIDEO, CODEC_AUDIO };

/** What the first bytes of an RTP payload say about the packet; bits. */
enum codec_packet_flag {
    CODEC_STARTS_KEYFRAME = 1, /* first byte of a picture that a decoder can begin with, or
                                  parameter sets in front of it */
    CODEC_HAS_PARAMS = 2,      /* holds a parameter set: h264_visit_params() and its like find it */
};

struct codec {
    enum codec_id   id;
    const char     *name;     /* MediaMTX's, for logs and API */
    const char     *rtp_name; /* of rtpmap, as MediaMTX writes it; NULL: it has several, or none */
    enum codec_kind kind;
    uint32_t        clock_rate; /* 0: as the rtpmap says */
    /* bits of codec_packet_flag; NULL: every frame may be begun with */
    unsigned (*inspect)(struct span rtp_payload);
};

const struct codec *codec_get(enum codec_id id);

/** By the encoding name of an rtpmap (case does not matter); CODEC_GENERIC when unknown. */
const struct codec *codec_find(struct span rtp_name);

/**
 * By a static payload type of RFC 3551 (no rtpmap needed); NULL when it is not one. Some of them
 * are CODEC_GENERIC. `channels` is 0 where the type does not say.
 */
const struct codec *codec_find_static(uint8_t payload_type, uint32_t *clock_rate,
                                      uint8_t *channels);

/** The rtpmap that MediaMTX writes for a static payload type; NULL where it writes none. */
const char *codec_static_rtpmap(uint8_t payload_type);
