#include "codec/codec.h"

#include "base/check.h"
#include "codec/h26x.h"
#include "codec/mpeg.h"
#include "codec/vpx.h"

/* RFC 6386, section 9.1: the lowest bit is 0 in a key frame. */
static unsigned vp8_inspect(struct span payload)
{
    if (payload.len < 1 || (payload.p[0] & (VP8_S | VP8_PID)) != VP8_S)
        return 0;
    size_t frame_at = vp8_descriptor_len(payload);
    if (frame_at == 0 || frame_at >= payload.len)
        return 0;
    return payload.p[frame_at] & 1 ? 0 : CODEC_STARTS_KEYFRAME;
}

/* There are senders that never set P, ffmpeg for one: the frame's own header (VP9 Bitstream
 * Specification, section 6.2) must not say that it shows or needs another one. */
static bool vp9_denies_key(struct span frame)
{
    enum { MARKER = 0x80, MARKER_MASK = 0xc0, PROFILE = 0x30, SHOWS_EXISTING = 0x08, INTER = 0x04 };
    if (frame.len < 1 || (frame.p[0] & MARKER_MASK) != MARKER)
        return false;
    /* The third profile has a bit more. */
    uint8_t bits = (frame.p[0] & PROFILE) == PROFILE ? (uint8_t)(frame.p[0] << 1) : frame.p[0];
    return bits & (SHOWS_EXISTING | INTER);
}

/* RFC 9628, section 4.2; the layer indices follow the picture id. */
static unsigned vp9_inspect(struct span payload)
{
    enum { M = 0x80, SID = 0x0e };
    if (payload.len < 1 || (payload.p[0] & (VP9_P | VP9_B)) != VP9_B)
        return 0;
    size_t layers_at = 1, frame_at = vp9_head_len(payload);
    if (payload.p[0] & VP9_I)
        layers_at += payload.len > 1 && payload.p[1] & M ? 2 : 1;
    /* An upper layer of a key picture needs the layers below it. */
    if ((payload.p[0] & VP9_L) && (layers_at >= payload.len || (payload.p[layers_at] & SID) != 0))
        return 0;
    if (frame_at > 0 && vp9_denies_key(span_skip(payload, frame_at)))
        return 0;
    return CODEC_STARTS_KEYFRAME;
}

/* RTP Payload Format for AV1, section 4.4: N is set in the first packet of a coded sequence. */
static unsigned av1_inspect(struct span payload)
{
    enum { Z = 0x80, N = 0x08 };
    return payload.len > 0 && (payload.p[0] & (Z | N)) == N ? CODEC_STARTS_KEYFRAME : 0;
}

/* RFC 6416, section 5.2: a picture begins a packet, maybe with its configuration in front. Only the
 * first bytes are looked at: that is as much as the headers have. */
static unsigned mpeg4_inspect(struct span payload)
{
    enum { MAX_HEADERS = 512 };
    struct span head = span_first(payload, MAX_HEADERS);
    if (mpeg_find_start_code(head, 0) != 0)
        return 0;
    return mpeg4_is_keyframe(head) || mpeg4_is_configuration(head) ? CODEC_STARTS_KEYFRAME : 0;
}

/* RFC 2250, sections 3.4 and 3.4.1: a header, an extension if T is set, then the picture. */
static unsigned mpeg1_inspect(struct span payload)
{
    enum { T = 0x04, HEADER = 4, EXTENSION = 4, MAX_HEADERS = 512 };
    size_t len = HEADER + (payload.len > 0 && payload.p[0] & T ? EXTENSION : 0);
    if (payload.len <= len)
        return 0;
    struct span head = span_first(span_skip(payload, len), MAX_HEADERS);
    if (mpeg_find_start_code(head, 0) != 0)
        return 0;
    return mpeg1_is_keyframe(head) || head.p[3] == MPEG_SEQUENCE ? CODEC_STARTS_KEYFRAME : 0;
}

static const struct codec codecs[CODEC_COUNT] = {
    { CODEC_GENERIC, "Generic", NULL, CODEC_DATA, 0, NULL },
    { CODEC_AV1, "AV1", "AV1", CODEC_VIDEO, 90000, av1_inspect },
    { CODEC_VP9, "VP9", "VP9", CODEC_VIDEO, 90000, vp9_inspect },
    { CODEC_VP8, "VP8", "VP8", CODEC_VIDEO, 90000, vp8_inspect },
    { CODEC_H265, "H265", "H265", CODEC_VIDEO, 90000, h265_inspect },
    { CODEC_H264, "H264", "H264", CODEC_VIDEO, 90000, h264_inspect },
    { CODEC_MPEG4_VIDEO, "MPEG-4 Video", "MP4V-ES", CODEC_VIDEO, 90000, mpeg4_inspect },
    { CODEC_MPEG1_VIDEO, "MPEG-1/2 Video", "MPV", CODEC_VIDEO, 90000, mpeg1_inspect },
    { CODEC_MJPEG, "M-JPEG", "JPEG", CODEC_VIDEO, 90000, NULL },
    { CODEC_OPUS, "Opus", "opus", CODEC_AUDIO, 48000, NULL },
    { CODEC_VORBIS, "Vorbis", "VORBIS", CODEC_AUDIO, 0, NULL },
    { CODEC_MPEG4_AUDIO, "MPEG-4 Audio", "mpeg4-generic", CODEC_AUDIO, 0, NULL },
    { CODEC_MPEG4_AUDIO_LATM, "MPEG-4 Audio LATM", "MP4A-LATM", CODEC_AUDIO, 0, NULL },
    { CODEC_MPEG1_AUDIO, "MPEG-1/2 Audio", "MPA", CODEC_AUDIO, 90000, NULL },
    { CODEC_AC3, "AC3", "AC3", CODEC_AUDIO, 0, NULL },
    { CODEC_SPEEX, "Speex", "speex", CODEC_AUDIO, 0, NULL },
    { CODEC_G726, "G726", NULL, CODEC_AUDIO, 8000, NULL },
    { CODEC_G722, "G722", "G722", CODEC_AUDIO, 8000, NULL },
    { CODEC_G711, "G711", NULL, CODEC_AUDIO, 0, NULL },
    { CODEC_LPCM, "LPCM", NULL, CODEC_AUDIO, 0, NULL },
    { CODEC_FLAC, "FLAC", "FLAC", CODEC_AUDIO, 0, NULL },
    { CODEC_KLV, "KLV", "SMPTE336M", CODEC_DATA, 90000, NULL },
    { CODEC_MPEGTS, "MPEG-TS", "MP2T", CODEC_DATA, 90000, NULL },
};

/* Encoding names that are not their codec's only one. */
static const struct alias {
    const char   *rtp_name;
    enum codec_id codec;
} aliases[] = {
    { "PCMU", CODEC_G711 },         { "PCMA", CODEC_G711 },         { "L8", CODEC_LPCM },
    { "L16", CODEC_LPCM },          { "L24", CODEC_LPCM },          { "multiopus", CODEC_OPUS },
    { "G726-16", CODEC_G726 },      { "G726-24", CODEC_G726 },      { "G726-32", CODEC_G726 },
    { "G726-40", CODEC_G726 },      { "AAL2-G726-16", CODEC_G726 }, { "AAL2-G726-24", CODEC_G726 },
    { "AAL2-G726-32", CODEC_G726 }, { "AAL2-G726-40", CODEC_G726 },
};

/* RFC 3551, tables 4 and 5, by payload type; a clock rate of 0: not assigned. */
static const struct static_type {
    enum codec_id codec;
    uint32_t      clock_rate;
    uint8_t       channels;
    const char   *rtpmap;
} static_types[] = {
    [0] = { CODEC_G711, 8000, 1, "PCMU/8000" },      [3] = { CODEC_GENERIC, 8000, 1, NULL },
    [4] = { CODEC_GENERIC, 8000, 1, NULL },          [5] = { CODEC_GENERIC, 8000, 1, NULL },
    [6] = { CODEC_GENERIC, 16000, 1, NULL },         [7] = { CODEC_GENERIC, 8000, 1, NULL },
    [8] = { CODEC_G711, 8000, 1, "PCMA/8000" },      [9] = { CODEC_G722, 8000, 1, "G722/8000" },
    [10] = { CODEC_LPCM, 44100, 2, "L16/44100/2" },  [11] = { CODEC_LPCM, 44100, 1, "L16/44100/1" },
    [12] = { CODEC_GENERIC, 8000, 1, NULL },         [13] = { CODEC_GENERIC, 8000, 1, NULL },
    [14] = { CODEC_MPEG1_AUDIO, 90000, 0, NULL },    [15] = { CODEC_GENERIC, 8000, 1, NULL },
    [16] = { CODEC_GENERIC, 11025, 1, NULL },        [17] = { CODEC_GENERIC, 22050, 1, NULL },
    [18] = { CODEC_GENERIC, 8000, 1, NULL },         [25] = { CODEC_GENERIC, 90000, 0, NULL },
    [26] = { CODEC_MJPEG, 90000, 0, "JPEG/90000" },  [28] = { CODEC_GENERIC, 90000, 0, NULL },
    [31] = { CODEC_GENERIC, 90000, 0, NULL },        [32] = { CODEC_MPEG1_VIDEO, 90000, 0, NULL },
    [33] = { CODEC_MPEGTS, 90000, 0, "MP2T/90000" }, [34] = { CODEC_GENERIC, 90000, 0, NULL },
};

const struct codec *codec_get(enum codec_id id)
{
    ASSERT((unsigned)id < COUNT(codecs) && codecs[id].id == id);
    return &codecs[id];
}

const struct codec *codec_find(struct span rtp_name)
{
    for (size_t i = 0; i < COUNT(codecs); i++)
        if (codecs[i].rtp_name && span_is_nocase(rtp_name, codecs[i].rtp_name))
            return &codecs[i];
    for (size_t i = 0; i < COUNT(aliases); i++)
        if (span_is_nocase(rtp_name, aliases[i].rtp_name))
            return codec_get(aliases[i].codec);
    return codec_get(CODEC_GENERIC);
}

static const struct static_type *find_static_type(uint8_t payload_type)
{
    if (payload_type >= COUNT(static_types) || static_types[payload_type].clock_rate == 0)
        return NULL;
    return &static_types[payload_type];
}

const struct codec *codec_find_static(uint8_t payload_type, uint32_t *clock_rate, uint8_t *channels)
{
    const struct static_type *type = find_static_type(payload_type);
    if (!type)
        return NULL;
    *clock_rate = type->clock_rate;
    *channels = type->channels;
    return codec_get(type->codec);
}

const char *codec_static_rtpmap(uint8_t payload_type)
{
    const struct static_type *type = find_static_type(payload_type);
    return type ? type->rtpmap : NULL;
}
