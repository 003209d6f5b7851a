/**
 * payload_params: what a description says of how a track's payloads are built. Zeros are valid:
 * they stand for each codec's usual values.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "codec/codec.h"

/** RFC 3640, section 4.1: bits of the fields of an AU header. All zero: AAC-hbr, 13, 3, 3. */
struct payload_au_header {
    uint8_t size_bits;        /* sizelength */
    uint8_t index_bits;       /* indexlength */
    uint8_t index_delta_bits; /* indexdeltalength */
    uint8_t cts_delta_bits;   /* CTSDeltaLength */
    uint8_t dts_delta_bits;   /* DTSDeltaLength */
    uint8_t has_random_access;
    uint8_t stream_state_bits;   /* streamStateIndication */
    uint8_t auxiliary_size_bits; /* auxiliaryDataSizeLength */
};

struct payload_params {
    uint32_t                 clock_rate;  /* 0: the codec's */
    uint8_t                  channels;    /* 0: one */
    uint8_t                  sample_bits; /* LPCM 8, 16, 24; G726 2..5 a sample; 0: not known */
    uint32_t                 frame_ticks; /* MPEG-4 Audio: of a frame; 0: 1024 */
    struct payload_au_header au_header;
    uint8_t                  latm_frames;            /* of an element: numSubFrames + 1; 0: one */
    bool                     is_latm_config_in_band; /* cpresent=1 */
    uint32_t                 vorbis_identity;        /* of the set-up in the description; 24 bits */
};

struct sdp_media;

/** What the medium's rtpmap and fmtp say; what makes no sense in them is left at its usual value.
 */
struct payload_params payload_params_of(const struct sdp_media *media);

static inline uint32_t payload_frame_ticks(const struct payload_params *params)
{
    return params->frame_ticks ? params->frame_ticks : 1024;
}

/** Of codecs that are samples: bits of a tick of the clock, of all channels; 0: not known. */
static inline unsigned payload_tick_bits(enum codec_id codec, const struct payload_params *params)
{
    /* RFC 3551, section 4.5.2: the clock of G722 runs at half the rate of its samples. */
    unsigned bits = codec == CODEC_G711 || codec == CODEC_G722 ? 8 : params->sample_bits;
    return bits * (params->channels ? params->channels : 1);
}
