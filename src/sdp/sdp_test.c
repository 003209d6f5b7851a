#include "sdp/sdp.h"

#include <errno.h>

#include "base/auto.h"
#include "base/test.h"

#define HEAD(name)  "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=" name "\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
#define H264_SETS   "Z0LQC9oKEflwEQAAAwABAAADABQPEiag,aM48gA=="
#define H265_PPS    "RAHAc8GJ"
#define H265_SPS    "QgEBAWAAAAMAkAAAAwAAAwAeoBQgIHy5ZWVKTC8BaAgAAAMACAAAAwAoQA=="
#define H265_VPS    "QAEMAf//AWAAAAMAkAAAAwAAAwAelZQJ"
#define H264_MEDIUM "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"

/* What a publisher announced, and what MediaMTX then answered to DESCRIBE. */
static const struct {
    const char *name, *announced, *described;
} captures[] = {
    { "H264 and AAC of ffmpeg",
      "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=No Name\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
      "a=tool:libavformat 59.27.100\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
      "a=fmtp:96 packetization-mode=1; sprop-parameter-sets=" H264_SETS
      "; profile-level-id=42D00B\r\na=control:streamid=0\r\nm=audio 0 RTP/AVP 97\r\nb=AS:128\r\n"
      "a=rtpmap:97 MPEG4-GENERIC/44100/1\r\n"
      "a=fmtp:97 profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;"
      "indexdeltalength=3; config=1208\r\na=control:streamid=1\r\n",
      HEAD("No Name") "m=video 0 RTP/AVP 96\r\na=control:trackID=0\r\na=rtpmap:96 H264/90000\r\n"
                      "a=fmtp:96 packetization-mode=1; profile-level-id=42D00B; "
                      "sprop-parameter-sets=" H264_SETS "\r\nm=audio 0 RTP/AVP 97\r\n"
                      "a=control:trackID=1\r\na=rtpmap:97 mpeg4-generic/44100/1\r\n"
                      "a=fmtp:97 config=1208; indexdeltalength=3; indexlength=3; mode=AAC-hbr; "
                      "profile-level-id=1; sizelength=13; streamtype=5\r\n" },
    { "Opus",
      "v=0\r\ns=No Name\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
      "a=fmtp:96 packetization-mode=1; sprop-parameter-sets=" H264_SETS
      "; profile-level-id=42D00B\r\na=control:streamid=0\r\nm=audio 0 RTP/AVP 97\r\n"
      "a=rtpmap:97 opus/48000/2\r\na=fmtp:97 sprop-stereo=1\r\na=control:streamid=1\r\n",
      HEAD("No Name") "m=video 0 RTP/AVP 96\r\na=control:trackID=0\r\na=rtpmap:96 H264/90000\r\n"
                      "a=fmtp:96 packetization-mode=1; profile-level-id=42D00B; "
                      "sprop-parameter-sets=" H264_SETS "\r\nm=audio 0 RTP/AVP 97\r\n"
                      "a=control:trackID=1\r\na=rtpmap:97 opus/48000/2\r\n"
                      "a=fmtp:97 sprop-stereo=1\r\n" },
    { "mono Opus and VP8, no name",
      "m=video 0 RTP/AVP 96\r\na=rtpmap:96 vp8/90000\r\n"
      "m=audio 0 RTP/AVP 96\r\na=rtpmap:96 OPUS/48000/2\r\n",
      HEAD(" ") "m=video 0 RTP/AVP 96\r\na=control:trackID=0\r\na=rtpmap:96 VP8/90000\r\n"
                "m=audio 0 RTP/AVP 96\r\na=control:trackID=1\r\na=rtpmap:96 opus/48000/2\r\n"
                "a=fmtp:96 sprop-stereo=0\r\n" },
    { "G711 without rtpmap", "v=0\r\ns=No Name\r\nm=audio 0 RTP/AVP 8\r\na=control:streamid=0\r\n",
      HEAD("No Name") "m=audio 0 RTP/AVP 8\r\na=control:trackID=0\r\na=rtpmap:8 PCMA/8000\r\n" },
    { "H265",
      "v=0\r\ns=No Name\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H265/90000\r\n"
      "a=fmtp:96 sprop-vps=" H265_VPS "; sprop-sps=" H265_SPS "; sprop-pps=" H265_PPS "\r\n",
      HEAD("No Name") "m=video 0 RTP/AVP 96\r\na=control:trackID=0\r\na=rtpmap:96 H265/90000\r\n"
                      "a=fmtp:96 sprop-pps=" H265_PPS "; sprop-sps=" H265_SPS
                      "; sprop-vps=" H265_VPS "\r\n" },
    { "AAC without config, passed on as it is",
      "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/16000/1\r\na=fmtp:97 mode=AAC-hbr\r\n",
      HEAD(" ") "m=audio 0 RTP/AVP 97\r\na=control:trackID=0\r\n"
                "a=rtpmap:97 MPEG4-GENERIC/16000/1\r\na=fmtp:97 mode=AAC-hbr\r\n" },
    { "Mercury's own medium",
      "v=0\no=- 14665860 31787219 1 IN IP4 192.168.0.60\ns=Session streamed by \"MERCURY\"\nt=0 0\n"
      "m=application/MERCURY 0 RTP/AVP smart/1/90000\na=rtpmap:95 MERCURY/90000\n",
      HEAD("Session streamed by \"MERCURY\"") "m=application/MERCURY 0 RTP/AVP 95\r\n"
                                              "a=control:trackID=0\r\n"
                                              "a=rtpmap:95 MERCURY/90000\r\n" },
    { "MPEG audio and metadata without a clock",
      "m=audio 0 RTP/AVP 14\r\nm=video 0 RTP/AVP 98\r\na=rtpmap:98 MetaData\r\n",
      HEAD(" ") "m=audio 0 RTP/AVP 14\r\na=control:trackID=0\r\n"
                "m=video 0 RTP/AVP 98\r\na=control:trackID=1\r\na=rtpmap:98 MetaData\r\n" },
};

static void descriptions_are_those_of_mediamtx(void **state)
{
    for (size_t i = 0; i < COUNT(captures); i++) {
        static struct sdp sdp;
        struct errmsg     why;
        CHECK(sdp_parse(span_from_string(captures[i].announced), &sdp, &why) == 0,
              captures[i].name);
        AUTO(buf_fini) struct buf out = { 0 };
        sdp_write(&out, sdp.name, sdp.media, sdp.media_count);
        assert_string_equal(buf_string(&out), captures[i].described);
    }
}

/* The first medium of each is sound, and must be found whatever stands around it. */
static void broken_descriptions_are_read(void **state)
{
    static const struct {
        const char *name;
        struct span text;
        unsigned    media;
    } cases[] = {
        { "only m=", BYTES("m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000"), 1 },
        { "origin without address", BYTES("v=0\r\no=- 1001 1 IN \r\ns=x\r\nt=0 0\r\n" H264_MEDIUM),
          1 },
        { "connection twice", BYTES("v=0\r\nc=IN c=IN IP4 1.2.3.4\r\n" H264_MEDIUM "c=IN \r\n"),
          1 },
        { "rubbish lines", BYTES("hello\r\n=\r\nx\r\nt=\r\n\r\n" H264_MEDIUM "a=\r\na\r\n"), 1 },
        { "LF, and a NUL at the end",
          BYTES("s=x\nm=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\n\0"), 1 },
        { "a NUL inside", BYTES("m=video 0 RTP/AVP 96\0a=rtpmap:96 H264/90000\0m=x 1"), 2 },
        { "CR alone", BYTES("s=x\rm=video 0 RTP/AVP 96\ra=rtpmap:96 H264/90000\r"), 1 },
        { "indented", BYTES("  s=x\r\n  m=video 0 RTP/AVP 96\r\n\ta=rtpmap:96 H264/90000\r\n"), 1 },
        { "media type meta", BYTES(H264_MEDIUM "m=meta 0 RTP/AVP 98\r\na=rtpmap:98 x/0\r\n"), 2 },
        { "empty m=", BYTES(H264_MEDIUM "m=\r\na=rtpmap:97 H264/90000\r\n"), 2 },
        { "m= cut short", BYTES(H264_MEDIUM "m=audio\r\nm=audio 0\r\nm=audio 0 RTP/AVP\r\n"), 4 },
        { "AAC back channel without config",
          BYTES(H264_MEDIUM "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 mpeg4-generic/16000/1\r\n"
                            "a=fmtp:97 mode=AAC-hbr\r\na=sendonly\r\n"),
          2 },
        { "format beyond 7 bits", BYTES(H264_MEDIUM "m=video 0 RTP/AVP 200\r\n"), 2 },
        { "spaces everywhere",
          BYTES("m=  video  0  RTP/AVP  96 \r\na=rtpmap: 96   H264 / 90000 \r\na=fmtp:96\r\n"), 1 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        static struct sdp sdp;
        struct errmsg     why;
        CHECK(sdp_parse(cases[i].text, &sdp, &why) == 0, cases[i].name);
        CHECK(sdp.media_count == cases[i].media, cases[i].name);
        CHECK(sdp.media[0].codec->id == CODEC_H264, cases[i].name);
        CHECK(sdp.media[0].payload_type == 96, cases[i].name);
        CHECK(sdp.media[0].clock_rate == 90000, cases[i].name);
        CHECK(span_is(sdp.media[0].kind, "video"), cases[i].name);
    }
}

static void each_medium_gets_its_codec(void **state)
{
    static const struct {
        const char   *name, *medium;
        enum codec_id codec;
        uint32_t      clock_rate;
        uint8_t       payload_type, channels;
    } cases[] = {
        { "static PCMU", "m=audio 0 RTP/AVP 0", CODEC_G711, 8000, 0, 1 },
        { "static type wins", "m=audio 0 RTP/AVP 0\na=rtpmap:0 PCMU/0", CODEC_G711, 8000, 0, 1 },
        { "static L16", "m=audio 0 RTP/AVP 10", CODEC_LPCM, 44100, 10, 2 },
        { "static MPEG-TS", "m=video 0 RTP/AVP 33", CODEC_MPEGTS, 90000, 33, 0 },
        { "static GSM", "m=audio 0 RTP/AVP 3", CODEC_GENERIC, 8000, 3, 1 },
        { "unused static type", "m=video 0 RTP/AVP 35\na=rtpmap:35 H264/90000", CODEC_H264, 90000,
          35, 0 },
        { "dynamic without rtpmap", "m=video 0 RTP/AVP 96", CODEC_GENERIC, 90000, 96, 0 },
        { "clock rate 0", "m=video 0 RTP/AVP 96\na=rtpmap:96 H264/0", CODEC_H264, 90000, 96, 0 },
        { "no clock rate", "m=video 0 RTP/AVP 96\na=rtpmap:96 H265", CODEC_H265, 90000, 96, 0 },
        { "strange clock rate", "m=video 0 RTP/AVP 96\na=rtpmap:96 H264/1000", CODEC_GENERIC, 1000,
          96, 0 },
        { "clock rate too large", "m=x 0 RTP/AVP 96\na=rtpmap:96 X/2147483648", CODEC_GENERIC,
          90000, 96, 0 },
        { "largest clock rate", "m=x 0 RTP/AVP 96\na=rtpmap:96 X/2147483647", CODEC_GENERIC,
          2147483647, 96, 0 },
        { "AAC", "m=audio 0 RTP/AVP 97\na=rtpmap:97 mpeg4-generic/48000/2\na=fmtp:97 Config=1190",
          CODEC_MPEG4_AUDIO, 48000, 97, 2 },
        { "AAC without config", "m=audio 0 RTP/AVP 97\na=rtpmap:97 mpeg4-generic/48000/2",
          CODEC_GENERIC, 48000, 97, 2 },
        { "AAC without clock rate",
          "m=audio 0 RTP/AVP 97\na=rtpmap:97 mpeg4-generic\n"
          "a=fmtp:97 config=1190",
          CODEC_GENERIC, 90000, 97, 0 },
        { "Vorbis without configuration", "m=audio 0 RTP/AVP 97\na=rtpmap:97 VORBIS/44100/2",
          CODEC_GENERIC, 44100, 97, 2 },
        { "rtpmap of another format", "m=video 0 RTP/AVP 96 97\na=rtpmap:97 H264/90000",
          CODEC_GENERIC, 90000, 96, 0 },
        { "the first of two rtpmaps",
          "m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
          "a=rtpmap:96 H265/90000",
          CODEC_H264, 90000, 96, 0 },
        { "format beyond 7 bits", "m=video 0 RTP/AVP 128\na=rtpmap:128 X/1\na=rtpmap:97 H264/90000",
          CODEC_H264, 90000, 97, 0 },
        { "L24", "m=audio 0 RTP/AVP 96\na=rtpmap:96 L24/96000/8", CODEC_LPCM, 96000, 96, 8 },
        { "channels beyond 255", "m=audio 0 RTP/AVP 96\na=rtpmap:96 L16/48000/256", CODEC_LPCM,
          48000, 96, 0 },
        { "ONVIF metadata", "m=application 0 RTP/AVP 107\na=rtpmap:107 vnd.onvif.metadata/90000",
          CODEC_GENERIC, 90000, 107, 0 },
        { "number in the rtpmap only",
          "m=application/X 0 RTP/AVP smart/0/25000\n"
          "a=rtpmap:95 tp-link/25000",
          CODEC_GENERIC, 25000, 95, 0 },
        { "no number at all", "m=application 0 RTP/AVP x", CODEC_GENERIC, 90000, 96, 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        static struct sdp sdp;
        struct errmsg     why;
        CHECK(sdp_parse(span_from_string(cases[i].medium), &sdp, &why) == 0, cases[i].name);
        const struct sdp_media *media = &sdp.media[0];
        CHECK(media->codec->id == cases[i].codec, cases[i].name);
        CHECK(media->clock_rate == cases[i].clock_rate, cases[i].name);
        CHECK(media->payload_type == cases[i].payload_type, cases[i].name);
        CHECK(media->channels == cases[i].channels, cases[i].name);
        uint64_t number;
        CHECK(span_to_uint(media->format, 127, &number) == 0, cases[i].name);
        CHECK(number == cases[i].payload_type, cases[i].name);
    }
}

static void parameters_are_found_by_name(void **state)
{
    static struct sdp sdp;
    struct span       text =
        BYTES("m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
              "a=fmtp:97 other=1\r\n"
              "a=fmtp:96 Profile-Level-Id = 42 ;; ab=3; A=1; a=2;alone;b=;=x;c=d=e=\r\n"
              "a=control: first \r\na=control:second\r\n");
    assert_int_equal(sdp_parse(text, &sdp, NULL), 0);
    const struct sdp_media *media = &sdp.media[0];
    assert_int_equal(media->fmtp_count, 6);
    assert_true(span_is(sdp_fmtp(media, "profile-level-id"), "42"));
    assert_true(span_is(sdp_fmtp(media, "A"), "2"));
    assert_true(span_is(sdp_fmtp(media, "c"), "d=e="));
    assert_true(sdp_fmtp(media, "b").p && sdp_fmtp(media, "b").len == 0);
    assert_true(span_is(media->fmtp[3].key, "alone") && !media->fmtp[3].value.p);
    assert_null(sdp_fmtp(media, "other").p);
    assert_true(span_is(media->control, "first"));

    AUTO(buf_fini) struct buf out = { 0 };
    sdp_write(&out, BYTES(""), sdp.media, 1);
    assert_non_null(strstr(buf_string(&out),
                           "a=fmtp:96 a=2; ab=3; alone; b=; c=d=e=; profile-level-id=42\r\n"));
}

static void feedback_is_what_the_sender_announces(void **state)
{
    static const struct {
        const char *name, *medium;
        unsigned    feedback;
    } cases[] = {
        { "none", "RTP/AVP 96", 0 },
        { "PLI", "RTP/AVP 96\r\na=rtcp-fb:96 nack pli", SDP_NACK_PLI },
        { "PLI for all formats", "RTP/AVP 96\r\na=rtcp-fb:* nack pli", SDP_NACK_PLI },
        { "FIR", "RTP/AVPF 96\r\na=rtcp-fb:96 ccm fir", SDP_CCM_FIR },
        { "both", "RTP/AVPF 96\r\na=rtcp-fb:96 ccm fir\r\na=rtcp-fb:96 nack pli",
          SDP_NACK_PLI | SDP_CCM_FIR },
        { "of another format", "RTP/AVP 96 97\r\na=rtcp-fb:97 nack pli", 0 },
        { "NACK alone", "RTP/AVPF 96\r\na=rtcp-fb:96 nack", SDP_NACK },
        { "something else", "RTP/AVPF 96\r\na=rtcp-fb:96 trr-int 100", 0 },
        { "NACK and PLI", "RTP/AVPF 96\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli",
          SDP_NACK_PLI | SDP_NACK },
        { "capital letters, blanks", "rtp/avp 96\r\na=rtcp-fb: 96  NACK PLI ", SDP_NACK_PLI },
        { "not quite PLI", "RTP/AVPF 96\r\na=rtcp-fb:96 nack plia", 0 },
        { "no format", "RTP/AVP 96\r\na=rtcp-fb: nack pli", 0 },
        { "AVPF that names nothing", "RTP/AVPF 96", SDP_NACK_PLI },
        { "AVPF that names another format's", "RTP/AVPF 96 97\r\na=rtcp-fb:97 nack", SDP_NACK_PLI },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        static struct sdp         sdp;
        AUTO(buf_fini) struct buf text = { 0 };
        buf_printf(&text, "m=video 0 %s\r\na=rtpmap:96 H264/90000\r\n", cases[i].medium);
        assert_int_equal(sdp_parse(buf_span(&text), &sdp, NULL), 0);
        CHECK(sdp.media[0].feedback == cases[i].feedback, cases[i].name);
        buf_printf(&text, "m=video 0 RTP/AVP 96\r\n");
        assert_int_equal(sdp_parse(buf_span(&text), &sdp, NULL), 0);
        CHECK(sdp.media[1].feedback == 0, cases[i].name);
    }
}

static void numbers_of_media_and_parameters_are_limited(void **state)
{
    static struct sdp         sdp;
    struct errmsg             why = { "" };
    AUTO(buf_fini) struct buf text = { 0 };
    for (unsigned i = 0; i < SDP_MAX_MEDIA; i++)
        buf_printf(&text, "m=audio 0 RTP/AVP %u\r\n", 96 + i);
    assert_int_equal(sdp_parse(buf_span(&text), &sdp, &why), 0);
    assert_int_equal(sdp.media_count, SDP_MAX_MEDIA);

    buf_append_string(&text, "a=fmtp:111 ");
    for (unsigned i = 0; i <= SDP_MAX_FMTP; i++)
        buf_printf(&text, "key%u=%u;", i, i);
    buf_append_string(&text, "key0=new\r\n");
    assert_int_equal(sdp_parse(buf_span(&text), &sdp, &why), 0);
    const struct sdp_media *last = &sdp.media[SDP_MAX_MEDIA - 1];
    assert_int_equal(last->fmtp_count, SDP_MAX_FMTP);
    assert_true(span_is(sdp_fmtp(last, "key23"), "23"));
    assert_true(span_is(sdp_fmtp(last, "key0"), "new"));
    assert_null(sdp_fmtp(last, "key24").p);

    buf_append_string(&text, "m=audio 0 RTP/AVP 112\r\n");
    assert_int_equal(sdp_parse(buf_span(&text), &sdp, &why), -EINVAL);
    assert_string_equal(why.text, "SDP has more than 16 media");
}

static void what_has_no_media_is_refused(void **state)
{
    static const struct {
        const char *name;
        struct span text;
    } cases[] = {
        { "empty", BYTES("") },
        { "a word", BYTES("hello") },
        { "no media", BYTES("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n") },
        { "zeros", BYTES("\0\0\0\0\0\0\0\0") },
        { "m without =", BYTES("v=0\r\nm video 0 RTP/AVP 96\r\n") },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        static struct sdp sdp;
        struct errmsg     why = { "" };
        CHECK(sdp_parse(cases[i].text, &sdp, &why) == -EINVAL, cases[i].name);
        CHECK(strcmp(why.text, "no media streams are present in SDP") == 0, cases[i].name);
    }
}

TESTS(descriptions_are_those_of_mediamtx, broken_descriptions_are_read, each_medium_gets_its_codec,
      parameters_are_found_by_name, feedback_is_what_the_sender_announces,
      numbers_of_media_and_parameters_are_limited, what_has_no_media_is_refused)
