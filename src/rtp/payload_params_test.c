#include "rtp/payload_params.h"

#include "base/test.h"
#include "sdp/sdp.h"

static struct payload_params read_media(const char *rtpmap, const char *fmtp)
{
    char       text[512];
    struct sdp sdp;
    (void)snprintf(text, sizeof(text), "v=0\r\nm=audio 0 RTP/AVP 96\r\na=rtpmap:96 %s\r\n%s%s\r\n",
                   rtpmap, fmtp ? "a=fmtp:96 " : "", fmtp ? fmtp : "");
    assert_int_equal(sdp_parse(span_from_string(text), &sdp, NULL), 0);
    return payload_params_of(&sdp.media[0]);
}

static void frames_of_audio_say_how_long_they_are(void **state)
{
    static const struct {
        const char *name, *rtpmap, *fmtp;
        uint32_t    want;
    } cases[] = {
        { "AAC-LC", "mpeg4-generic/44100/2", "config=1210", 1024 },
        { "AAC-LC of 960", "mpeg4-generic/48000/2", "config=1194", 960 },
        { "SBR, clock of the output", "mpeg4-generic/48000/2", "config=2b118800", 2048 },
        { "a rate in full", "mpeg4-generic/11000/2", "config=1780157c10", 1024 },
        { "no config", "mpeg4-generic/44100/2", "sizelength=13", 0 },
        { "rubbish", "mpeg4-generic/44100/2", "config=zz", 0 },
        { "LATM", "MP4A-LATM/44100/2", "cpresent=0; config=40002420", 1024 },
        { "LATM, version 1", "MP4A-LATM/44100/2", "cpresent=0; config=80002420", 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct payload_params params = read_media(cases[i].rtpmap, cases[i].fmtp);
        if (params.frame_ticks != cases[i].want)
            print_error("%u\n", params.frame_ticks);
        CHECK(params.frame_ticks == cases[i].want, cases[i].name);
    }
}

static void fields_are_those_of_the_description(void **state)
{
    struct payload_params params =
        read_media("mpeg4-generic/44100/2",
                   "config=1210; sizeLength=6; indexLength=2; indexDeltaLength=3; CTSDeltaLength=4;"
                   "DTSDeltaLength=5; randomAccessIndication=1;"
                   "streamStateIndication=6; auxiliaryDataSizeLength=99");
    assert_int_equal(params.au_header.size_bits, 6);
    assert_int_equal(params.au_header.index_bits, 2);
    assert_int_equal(params.au_header.index_delta_bits, 3);
    assert_int_equal(params.au_header.cts_delta_bits, 4);
    assert_int_equal(params.au_header.dts_delta_bits, 5);
    assert_int_equal(params.au_header.has_random_access, 1);
    assert_int_equal(params.au_header.stream_state_bits, 6);
    assert_int_equal(params.au_header.auxiliary_size_bits, 0); /* more than there can be */
    params = read_media("MP4A-LATM/44100", "cpresent=0; config=41002420");
    assert_int_equal(params.latm_frames, 2);
    assert_false(params.is_latm_config_in_band);
    assert_true(read_media("MP4A-LATM/44100", NULL).is_latm_config_in_band);
    params = read_media("VORBIS/44100/2", "configuration=AAAAAWFiY2RlZg==");
    assert_int_equal(params.vorbis_identity, 0x616263);
    assert_int_equal(read_media("VORBIS/44100/2", "configuration=AAA").vorbis_identity, 0);
}

static void samples_have_bits(void **state)
{
    static const struct {
        const char   *rtpmap;
        enum codec_id codec;
        unsigned      want;
    } cases[] = {
        { "L8/8000", CODEC_LPCM, 8 },           { "l16/44100/2", CODEC_LPCM, 32 },
        { "L24/48000/6", CODEC_LPCM, 144 },     { "G726-40/8000", CODEC_G726, 5 },
        { "AAL2-G726-16/8000", CODEC_G726, 2 }, { "PCMU/8000", CODEC_G711, 8 },
        { "PCMA/8000/2", CODEC_G711, 16 },      { "G722/8000", CODEC_G722, 8 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct payload_params params = read_media(cases[i].rtpmap, NULL);
        CHECK(payload_tick_bits(cases[i].codec, &params) == cases[i].want, cases[i].rtpmap);
    }
}

TESTS(frames_of_audio_say_how_long_they_are, fields_are_those_of_the_description, samples_have_bits)
