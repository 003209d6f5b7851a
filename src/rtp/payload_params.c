#include "rtp/payload_params.h"

#include "base/base64.h"
#include "base/bytes.h"
#include "rtp/payload_bits.h"
#include "sdp/sdp.h"

/* 0 where the key is absent or makes no sense. */
static unsigned number(const struct sdp_media *media, const char *key, unsigned max)
{
    uint64_t value;
    return span_to_uint(sdp_fmtp(media, key), max, &value) < 0 ? 0 : (unsigned)value;
}

static void read_au_header(const struct sdp_media *media, struct payload_au_header *out)
{
    enum { MAX_BITS = 32 };
    const struct {
        const char *key;
        uint8_t    *bits;
        unsigned    max;
    } fields[] = {
        { "sizelength", &out->size_bits, MAX_BITS },
        { "indexlength", &out->index_bits, MAX_BITS },
        { "indexdeltalength", &out->index_delta_bits, MAX_BITS },
        { "ctsdeltalength", &out->cts_delta_bits, MAX_BITS },
        { "dtsdeltalength", &out->dts_delta_bits, MAX_BITS },
        { "randomaccessindication", &out->has_random_access, 1 },
        { "streamstateindication", &out->stream_state_bits, MAX_BITS },
        { "auxiliarydatasizelength", &out->auxiliary_size_bits, MAX_BITS },
    };
    for (size_t i = 0; i < COUNT(fields); i++)
        *fields[i].bits = (uint8_t)number(media, fields[i].key, fields[i].max);
}

/* Two hexadecimal digits a byte, as many as are understood. Returns bytes written. */
static size_t read_hex(struct span text, uint8_t *out, size_t size)
{
    size_t   len = 0;
    uint32_t value;
    for (; len < size && text.len >= 2; text = span_skip(text, 2)) {
        if (span_to_hex32(span_first(text, 2), &value) < 0)
            break;
        out[len++] = (uint8_t)value;
    }
    return len;
}

/* ISO/IEC 14496-3, section 1.6.3.4; 0: reserved. */
static uint32_t read_sample_rate(struct payload_bits *bits)
{
    enum { EXPLICIT = 15 };
    static const uint32_t rates[16] = { 96000, 88200, 64000, 48000, 44100, 32000, 24000,
                                        22050, 16000, 12000, 11025, 8000,  7350 };
    uint32_t              index, rate = 0;
    if (!payload_bits_read(bits, 4, &index))
        return 0;
    if (index == EXPLICIT)
        (void)payload_bits_read(bits, 24, &rate);
    return index == EXPLICIT ? rate : rates[index];
}

static bool read_object_type(struct payload_bits *bits, uint32_t *type)
{
    enum { ESCAPE = 31, FIRST_ESCAPED = 32 };
    if (!payload_bits_read(bits, 5, type))
        return false;
    if (*type != ESCAPE)
        return true;
    bool is_read = payload_bits_read(bits, 6, type);
    *type += FIRST_ESCAPED;
    return is_read;
}

/* AudioSpecificConfig: frames are counted at the core's rate, the clock may run at the output's.
 * Returns 0 where it can't be told. */
static uint32_t read_frame_ticks(struct payload_bits *bits, uint32_t clock_rate)
{
    enum { SBR = 5, PS = 29 };
    uint32_t type, channels, is_short = 0;
    if (!read_object_type(bits, &type))
        return 0;
    uint32_t rate = read_sample_rate(bits);
    bool     is_read = payload_bits_read(bits, 4, &channels);
    if (type == SBR || type == PS)
        is_read = read_sample_rate(bits) > 0 && read_object_type(bits, &type);
    if (!is_read || !payload_bits_read(bits, 1, &is_short) || rate == 0)
        return 0;
    return (uint32_t)((uint64_t)(is_short ? 960 : 1024) * clock_rate / rate);
}

static void read_mpeg4_audio(const struct sdp_media *media, struct payload_params *out)
{
    enum { MAX_CONFIG = 64 };
    uint8_t             config[MAX_CONFIG];
    size_t              len = read_hex(sdp_fmtp(media, "config"), config, sizeof(config));
    struct payload_bits bits = payload_bits((struct span){ config, len });
    read_au_header(media, &out->au_header);
    out->frame_ticks = read_frame_ticks(&bits, media->clock_rate);
}

/* StreamMuxConfig (ISO/IEC 14496-3, table 1.42), of version 0 with one program of one layer. */
static void read_latm(const struct sdp_media *media, struct payload_params *out)
{
    enum { MAX_CONFIG = 64 };
    uint8_t             config[MAX_CONFIG];
    size_t              len = read_hex(sdp_fmtp(media, "config"), config, sizeof(config));
    struct payload_bits bits = payload_bits((struct span){ config, len });
    uint32_t            version, frames, layers;
    /* RFC 6416, section 7.3: in band is what counts where nothing is said. */
    out->is_latm_config_in_band = !span_is(sdp_fmtp(media, "cpresent"), "0");
    if (!payload_bits_read(&bits, 2, &version) || version >> 1 != 0 ||
        !payload_bits_read(&bits, 6, &frames) || !payload_bits_read(&bits, 7, &layers))
        return;
    out->latm_frames = (uint8_t)(frames + 1);
    out->frame_ticks = read_frame_ticks(&bits, media->clock_rate);
}

/* RFC 5215, section 3.2.1: how many set-ups there are, then the identity of the first. */
static void read_vorbis(const struct sdp_media *media, struct payload_params *out)
{
    enum { DIGITS = 12, AT = 4 };
    uint8_t     bytes[DIGITS];
    struct span digits = span_first(sdp_fmtp(media, "configuration"), DIGITS);
    if (digits.len == DIGITS && base64_decode(digits, bytes, sizeof(bytes)) > AT + 2)
        out->vorbis_identity = read_be24(bytes + AT);
}

/* By the encoding name: bits of a sample. */
static void read_samples(const struct sdp_media *media, struct payload_params *out)
{
    static const struct {
        const char *name;
        uint8_t     bits;
    } names[] = {
        { "L8", 8 },           { "L16", 16 },         { "L24", 24 },         { "G726-16", 2 },
        { "G726-24", 3 },      { "G726-32", 4 },      { "G726-40", 5 },      { "AAL2-G726-16", 2 },
        { "AAL2-G726-24", 3 }, { "AAL2-G726-32", 4 }, { "AAL2-G726-40", 5 },
    };
    struct span rest = media->rtpmap, name;
    if (!span_next(&rest, '/', &name))
        return;
    for (size_t i = 0; i < COUNT(names); i++)
        if (span_is_nocase(name, names[i].name))
            out->sample_bits = names[i].bits;
}

struct payload_params payload_params_of(const struct sdp_media *media)
{
    struct payload_params params = { .clock_rate = media->clock_rate, .channels = media->channels };
    switch (media->codec->id) {
    case CODEC_MPEG4_AUDIO:
        read_mpeg4_audio(media, &params);
        break;
    case CODEC_MPEG4_AUDIO_LATM:
        read_latm(media, &params);
        break;
    case CODEC_VORBIS:
        read_vorbis(media, &params);
        break;
    case CODEC_G726:
    case CODEC_LPCM:
        read_samples(media, &params);
        break;
    default:
        break;
    }
    return params;
}
