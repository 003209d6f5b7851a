/* What is offered, what a stream has, and what the answer makes of it: webrtc_answer.c. */
#include <errno.h>

#include "base/mem.h"
#include "base/test.h"
#include "sdp/testdata.h"
#include "stream/test_feed.h"
#include "stream/test_hub.h"
#include "webrtc/test_ice.h"
#include "webrtc/webrtc_internal.h"

#define H264  "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
#define OPUS  "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 opus/48000/2\r\n"
#define VIDEO "m=video 0 RTP/AVP 96\r\na=rtpmap:96 "
#define AUDIO "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 "
#define AAC                                                                                        \
    AUDIO "MPEG4-GENERIC/48000/2\r\na=fmtp:97 "                                                    \
          "mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1190\r\n"
#define KLV "m=application 0 RTP/AVP 98\r\na=rtpmap:98 smtpe336m/90000\r\n"

#define UNSUPPORTED                                                                                \
    "the stream doesn't contain any supported codec, which are currently AV1, VP9, VP8, H265, "    \
    "H264, Opus, G722, G711, LPCM"

/* An offer of media that share a transport: "0" and "1" are in the group. */
#define OFFER_SESSION                                                                              \
    "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=ice-ufrag:abcd\r\n"                        \
    "a=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=setup:actpass\r\na=fingerprint:sha-256 "              \
    "67:37:37:28:A8:E7:BC:DF:22:72:19:1F:6E:DD:0B:D4:6C:69:BC:45:AC:ED:52:8B:56:83:2E:8C:8D:B2:"   \
    "03:B8\r\n"
#define OFFER_HEAD OFFER_SESSION "a=group:BUNDLE 0 1\r\n"
#define OFFER_VIDEO(formats)                                                                       \
    "m=video 9 UDP/TLS/RTP/SAVPF " formats "\r\na=mid:0\r\na=recvonly\r\na=rtcp-mux\r\n"
#define OFFER_AUDIO(formats)                                                                       \
    "m=audio 9 UDP/TLS/RTP/SAVPF " formats "\r\na=mid:1\r\na=recvonly\r\na=rtcp-mux\r\n"

/* The same without a word of RTCP. */
#define H264_OFFER                                                                                 \
    "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=recvonly\r\n"                                  \
    "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\n"
#define OPUS_OFFER                                                                                 \
    "m=audio 9 UDP/TLS/RTP/SAVPF 97\r\na=mid:1\r\na=recvonly\r\na=rtpmap:97 opus/48000/2\r\n"
#define OUR_PWD "0123456789abcdefghijkl" /* as an answer may have it (RFC 8839, section 5.4) */

#define MUX   "a=rtcp-mux\r\n"
#define RSIZE "a=rtcp-rsize\r\n"

struct stage {
    struct test_hubs      hubs;
    struct test_ice       ice, peer;
    int64_t               now_ns;
    struct webrtc_server  server;
    struct webrtc_worker  worker;
    struct webrtc_feed    feed;
    struct webrtc_session session;
    struct webrtc_post   *post;
    struct counters      *counters;
    struct sdp_offer     *answer; /* ours, read again */
};

static struct stage stage;

static void stage_open(const char *stream)
{
    memset(&stage, 0, sizeof(stage));
    log_set_level(LOG_ERROR);
    test_hubs_open(&stage.hubs, 1);
    stage.counters = counters_create();
    stage.feed.reader.stream =
        stream_create(&stage.hubs.hubs[1], 1, test_description(stream), stage.counters);
    assert_int_equal(dtls_context_create(&stage.server.dtls, NULL), 0);
    stage.worker.server = &stage.server;
    stage.session.worker = &stage.worker;
    stage.session.viewer.feed = &stage.feed;
    test_ice_open(&stage.ice, "ours", "192.0.2.1:8189", &stage.now_ns);
    (void)snprintf(stage.ice.credentials.pwd, sizeof(stage.ice.credentials.pwd), OUR_PWD);
    test_ice_open(&stage.peer, "theirs", "192.0.2.2:5000", &stage.now_ns);
    test_ice_add_agent(&stage.ice, &stage.peer, false);
    stage.session.ice = stage.ice.agent;
    stage.session.hosts = mem_new_array(struct webrtc_host, 2);
    stage.session.hosts[0] = (struct webrtc_host){ "192.0.2.1", "1234", 8189 };
    stage.session.hosts[1] = (struct webrtc_host){ "2001:db8::1", "5678", 8189 };
    stage.session.host_count = 2;
    stage.post = mem_new(struct webrtc_post);
    stage.answer = mem_new(struct sdp_offer);
}

static void stage_close(void)
{
    for (unsigned i = 0; i < stage.session.media_count; i++) {
        mem_free(stage.session.media[i].kind);
        mem_free(stage.session.media[i].mid);
    }
    mem_free(stage.session.media);
    mem_free(stage.session.hosts);
    mem_free(stage.answer);
    buf_fini(&stage.post->answer);
    mem_free(stage.post->body);
    mem_free(stage.post);
    ice_agent_destroy(stage.ice.agent);
    dtls_context_destroy(stage.server.dtls);
    stream_end(stage.feed.reader.stream);
    counters_unref(stage.counters);
    test_hubs_close(&stage.hubs);
}

/* An offer: a text, or the name of a captured one. Our answer must be one that can be read. */
static int stage_answer(const char *offer)
{
    AUTO(buf_fini) struct buf file = { 0 };
    char                      path[128];
    (void)snprintf(path, sizeof(path), "corpus/sdp_offer/%s", offer);
    if (strchr(offer, '\n'))
        buf_append_string(&file, offer);
    else
        testdata_read(path, &file);
    stage.post->body = mem_string(buf_string(&file));
    struct errmsg why = { "" };
    if (sdp_offer_parse(span_from_string(stage.post->body), &stage.post->offer, &why) < 0)
        fail_msg("%s: %s", offer, why.text);
    int err = webrtc_answer(&stage.session, stage.post);
    if (err == 0 && sdp_offer_parse(buf_span(&stage.post->answer), stage.answer, &why) < 0)
        fail_msg("%s: %s in %s", offer, why.text, buf_string(&stage.post->answer));
    return err;
}

static bool has_text(const char *text)
{
    return strstr(buf_string(&stage.post->answer), text) != NULL;
}

/* What a medium was answered with: "108", and by whether anything is sent: "0 silent" (a track
 * that brings nothing), "96 inactive", "no". */
static const char *choice_of(unsigned index)
{
    static char                   text[32];
    const struct sdp_offer_media *media = &stage.answer->media[index];
    if (index >= stage.answer->media_count)
        return "-";
    if (media->port == 0)
        return "no";
    bool is_ours = false;
    for (unsigned i = 0; i < stage.session.viewer.track_count; i++)
        is_ours |= stage.session.viewer.tracks[i].payload_type == media->formats[0].payload_type;
    (void)snprintf(text, sizeof(text), "%u%s", media->formats[0].payload_type,
                   media->direction == SDP_INACTIVE ? " inactive"
                   : is_ours                        ? ""
                                                    : " silent");
    return text;
}

static void tracks_go_to_the_media_that_can_carry_them(void **state)
{
    static const struct {
        const char *name, *stream, *offer, *want[2], *skipped;
    } cases[] = {
        /* as MediaMTX answers */
        { "Chromium", H264 OPUS, "chromium_whep", { "108", "111" }, "" },
        { "aiortc", H264 OPUS, "aiortc_whep", { "101", "96" }, "" },
        { "Firefox", H264 OPUS, "firefox_whep", { "126", "109" }, "" },
        { "a camera's audio first", OPUS H264, "chromium_whep", { "108", "111" }, "" },
        { "another profile",
          H264 "a=fmtp:96 profile-level-id=640028\r\n",
          "chromium_whep",
          { "108", "0 silent" },
          "" },
        { "only other profiles",
          H264,
          OFFER_HEAD OFFER_VIDEO(
              "98 99") "a=rtpmap:98 H264/90000\r\na=rtpmap:99 H264/90000\r\n"
                       "a=fmtp:98 packetization-mode=0;profile-level-id=42e01f\r\n"
                       "a=fmtp:99 packetization-mode=1;profile-level-id=640c1f\r\n",
          { "99", "-" },
          "" },
        { "types that look like RTCP",
          H264,
          OFFER_HEAD OFFER_VIDEO(
              "64 95 96") "a=rtpmap:64 H264/90000\r\na=fmtp:64 packetization-mode=1\r\n"
                          "a=rtpmap:95 H264/90000\r\na=fmtp:95 packetization-mode=1\r\n"
                          "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\n",
          { "96", "-" },
          "" },
        { "the types beside them",
          H264,
          OFFER_HEAD OFFER_VIDEO(
              "72 63") "a=rtpmap:72 H264/90000\r\na=fmtp:72 packetization-mode=1\r\n"
                       "a=rtpmap:63 H264/90000\r\na=fmtp:63 packetization-mode=1\r\n",
          { "63", "-" },
          "" },
        { "... where nothing is sent",
          H264,
          OFFER_HEAD OFFER_VIDEO(
              "96") "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\n"

          OFFER_AUDIO("72 97") "a=rtpmap:72 opus/48000/2\r\na=rtpmap:97 G722/8000\r\n",
          { "96", "97 silent" },
          "" },
        { "... and nothing else is offered",
          H264       OPUS,
          OFFER_HEAD OFFER_VIDEO(
              "96") "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\n"

          OFFER_AUDIO("72") "a=rtpmap:72 opus/48000/2\r\n",
          { "96", "no" },
          "track 2 (Opus): the client does not offer to play it" },
        { "AAC",
          H264 AAC,
          "chromium_whep",
          { "108", "0 silent" },
          "track 2 (MPEG-4 Audio): browsers can't play it over WebRTC" },
        { "what nobody knows",
          H264 AUDIO "mystery/8000\r\n",
          "chromium_whep",
          { "108", "0 silent" },
          "track 2 (Generic): browsers can't play it over WebRTC" },
        { "metadata is not missed", H264 KLV, "chromium_whep", { "108", "0 silent" }, "" },
        { "audio alone", OPUS, "chromium_whep", { "96 inactive", "111" }, "" },
        { "H265, not offered",
          VIDEO "H265/90000\r\n" OPUS,
          "chromium_whep",
          { "96 inactive", "111" },
          "track 1 (H265): the client does not offer to play it" },
        { "H265", VIDEO "H265/90000\r\n" OPUS, "gstreamer_whep", { "96", "99" }, "" },
        { "H265, Main",
          VIDEO "H265/90000\r\n",
          OFFER_HEAD OFFER_VIDEO("98 99") "a=rtpmap:98 H265/90000\r\na=rtpmap:99 H265/90000\r\n"
                                          "a=fmtp:98 profile-id=2\r\na=fmtp:99 profile-id=1\r\n",
          { "99", "-" },
          "" },
        { "H265, Main 10",
          VIDEO "H265/90000\r\na=fmtp:96 profile-id=2\r\n",
          OFFER_HEAD OFFER_VIDEO("98 99") "a=rtpmap:98 H265/90000\r\na=rtpmap:99 H265/90000\r\n"
                                          "a=fmtp:98 profile-id=1\r\na=fmtp:99 profile-id=2\r\n",
          { "99", "-" },
          "" },
        { "H265, another profile",
          VIDEO "H265/90000\r\na=fmtp:96 profile-id=4\r\n",
          OFFER_HEAD OFFER_VIDEO("98 99") "a=rtpmap:98 H265/90000\r\na=rtpmap:99 H265/90000\r\n"
                                          "a=fmtp:98 profile-id=1\r\na=fmtp:99 profile-id=2\r\n",
          { "98", "-" },
          "" },
        { "VP8", VIDEO "VP8/90000\r\n", "aiortc_whep", { "97", "0 silent" }, "" },
        { "VP9", VIDEO "VP9/90000\r\n", "chromium_whep", { "98", "0 silent" }, "" },
        { "VP9, profile 2",
          VIDEO "VP9/90000\r\na=fmtp:96 profile-id=2\r\n",
          "chromium_whep",
          { "100", "0 silent" },
          "" },
        { "AV1", VIDEO "AV1/90000\r\n", "chromium_whep", { "45", "0 silent" }, "" },
        { "AV1, profile 1",
          VIDEO "AV1/90000\r\na=fmtp:96 profile=1\r\n",
          "chromium_whep",
          { "47", "0 silent" },
          "" },
        { "VP9, a profile that is not offered",
          VIDEO "VP9/90000\r\na=fmtp:96 profile-id=2\r\n" OPUS,
          "firefox_whep",
          { "120 inactive", "109" },
          "track 1 (VP9): the client does not offer to play it" },
        { "PCMU", "m=audio 0 RTP/AVP 0\r\n", "chromium_whep", { "96 inactive", "0" }, "" },
        { "PCMA", "m=audio 0 RTP/AVP 8\r\n", "firefox_whep", { "120 inactive", "8" }, "" },
        { "G722", "m=audio 0 RTP/AVP 9\r\n", "aiortc_whep", { "97 inactive", "9" }, "" },
        { "G722, channels said",
          "m=audio 0 RTP/AVP 9\r\n",
          "firefox_whep",
          { "120 inactive", "9" },
          "" },
        { "two channels of PCMU",
          H264 AUDIO "PCMU/8000/2\r\n",
          "chromium_whep",
          { "108", "0 silent" },
          "track 2 (G711): the client does not offer to play it" },
        { "PCMA of another rate",
          H264 AUDIO "PCMA/16000\r\n",
          "chromium_whep",
          { "108", "0 silent" },
          "track 2 (G711): the client does not offer to play it" },
        { "L16",
          H264       AUDIO "L16/48000/2\r\n",
          OFFER_HEAD OFFER_VIDEO("96") "a=rtpmap:96 H264/90000\r\na=fmtp:96 "
                                       "packetization-mode=1\r\n" OFFER_AUDIO(
                                           "100 101") "a=rtpmap:100 L16/48000\r\na=rtpmap:101 "
                                                      "l16/48000/2\r\n",
          { "96", "101" },
          "" },
        { "L24",
          H264 AUDIO "L24/48000/2\r\n",
          "chromium_whep",
          { "108", "0 silent" },
          "track 2 (LPCM): browsers can't play it over WebRTC" },
        { "two videos, one medium",
          VIDEO "VP8/90000\r\n" H264,
          "chromium_whep",
          { "96", "0 silent" },
          "track 2 (H264): the client does not offer to play it" },
        { "two videos, two media",
          VIDEO "VP8/90000\r\n" H264,
          OFFER_HEAD OFFER_VIDEO(
              "98 99") "a=rtpmap:98 H264/90000\r\na=rtpmap:99 VP8/90000\r\n"
                       "a=fmtp:98 packetization-mode=1\r\n"
                       "m=video 9 UDP/TLS/RTP/SAVPF 98\r\na=mid:1\r\na=recvonly\r\n" MUX
                       "a=rtpmap:98 "
                       "H264/90000\r\n"
                       "a=fmtp:98 packetization-mode=1\r\n",
          { "99", "98" },
          "" },
        { "they send, too",
          H264,
          OFFER_HEAD
          "m=video 9 UDP/TLS/RTP/SAVPF 98\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:98 "
          "H264/90000\r\na=fmtp:98 packetization-mode=1\r\n",
          { "98", "-" },
          "" },
        { "they only send video",
          H264 OPUS,
          OFFER_HEAD "m=video 9 UDP/TLS/RTP/SAVPF 98\r\na=mid:0\r\na=sendonly\r\na=rtpmap:98 "
                     "H264/90000\r\na=fmtp:98 packetization-mode=1\r\n" OFFER_AUDIO(
                         "99") "a=rtpmap:99 opus/48000/2\r\n",
          { "no", "99" },
          "track 1 (H264): the client does not offer to play it" },
        { "a transport of its own",
          H264       OPUS,
          OFFER_HEAD OFFER_VIDEO(
              "96") "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\n"
                    "m=audio 9 UDP/TLS/RTP/SAVPF 97\r\na=mid:x\r\na=recvonly\r\na=rtpmap:97 "
                    "opus/48000/2\r\n",
          { "96", "no" },
          "track 2 (Opus): the client does not offer to play it" },
        { "data beside it",
          H264,
          OFFER_HEAD OFFER_VIDEO(
              "96") "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\n"
                    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\n",
          { "96", "no" },
          "" },
        { "RTCP apart",
          H264                             OPUS,
          OFFER_HEAD H264_OFFER OPUS_OFFER MUX,
          { "no", "97" },
          "track 1 (H264): the client does not offer rtcp-mux for it" },
        { "what RTCP does, said once",
          H264                      OPUS,
          OFFER_HEAD H264_OFFER MUX OPUS_OFFER,
          { "96", "97" },
          "" },
        { "nothing that repeats",
          OPUS,
          OFFER_HEAD OFFER_VIDEO("95 96") "a=rtpmap:95 rtx/90000\r\na=fmtp:95 apt=96\r\n"
                                          "a=rtpmap:96 VP8/90000\r\n" OFFER_AUDIO(
                                              "99") "a=rtpmap:99 opus/48000/2\r\n",
          { "96 inactive", "99" },
          "" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        stage_open(cases[i].stream);
        CHECK(stage_answer(cases[i].offer) == 0, cases[i].name);
        CHECK(strcmp(choice_of(0), cases[i].want[0]) == 0, cases[i].name);
        CHECK(strcmp(choice_of(1), cases[i].want[1]) == 0, cases[i].name);
        CHECK(strcmp(stage.session.skipped, cases[i].skipped) == 0, cases[i].name);
        CHECK(strcmp(stage.post->skipped, cases[i].skipped) == 0, cases[i].name);
        stage_close();
    }
}

static void when_nothing_is_left_the_client_is_told_why(void **state)
{
    static const struct {
        const char *name, *stream, *offer;
        unsigned    b_frames; /* bits: of which tracks */
        const char *want;
    } cases[] = {
        { "AAC alone", AAC, "chromium_whep", 0,
          UNSUPPORTED " (track 1 (MPEG-4 Audio): browsers can't play it over WebRTC)" },
        { "only data", KLV, "chromium_whep", 0, UNSUPPORTED },
        { "B-frames", H264, "chromium_whep", 1,
          UNSUPPORTED " (track 1 (H264): it has B-frames, which browsers can't play)" },
        { "H265 for who does not know it", VIDEO "H265/90000\r\n", "aiortc_whep", 0,
          "codecs not supported by client (track 1 (H265): the client does not offer to play it)" },
        { "no medium for it", OPUS, OFFER_HEAD OFFER_VIDEO("96") "a=rtpmap:96 VP8/90000\r\n", 0,
          "codecs not supported by client (track 1 (Opus): the client does not offer to play it)" },
        { "RTCP apart", H264 OPUS, OFFER_HEAD H264_OFFER OPUS_OFFER, 0,
          "RTCP on a port of its own is not supported: the offer has no rtcp-mux (track 1 (H264): "
          "the client does not offer rtcp-mux for it, track 2 (Opus): the client does not offer "
          "rtcp-mux for it)" },
        { "data channels", H264, "data_channel", 0,
          "codecs not supported by client (track 1 (H264): the client does not offer to play it)" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        stage_open(cases[i].stream);
        for (unsigned track = 0; track < 2; track++)
            stage.feed.tracks[track].has_b_frames = cases[i].b_frames >> track & 1;
        CHECK(stage_answer(cases[i].offer) == -EINVAL, cases[i].name);
        CHECK(strcmp(stage.post->why.text, cases[i].want) == 0, cases[i].name);
        CHECK(stage.post->answer.len == 0 && stage.session.media_count == 0, cases[i].name);
        stage_close();
    }
}

static void pictures_with_b_frames_are_left_out(void **state)
{
    stage_open(H264 OPUS);
    stage.feed.tracks[0].has_b_frames = true;
    assert_int_equal(stage_answer("chromium_whep"), 0);
    assert_string_equal(choice_of(0), "96 inactive");
    assert_string_equal(choice_of(1), "111");
    assert_string_equal(stage.session.skipped,
                        "track 1 (H264): it has B-frames, which browsers can't play");
    assert_string_equal(stage.session.tracks, "1 track (Opus)");
    stage_close();
}

/* Fifteen tracks, each with its reason, in a text of WEBRTC_SKIPPED_TEXT. */
static void a_long_list_of_reasons_is_cut(void **state)
{
    AUTO(buf_fini) struct buf stream = { 0 };
    buf_append_string(&stream, H264);
    for (unsigned i = 0; i < SDP_MAX_MEDIA - 1; i++)
        buf_append_string(&stream, AAC);
    stage_open(buf_string(&stream));
    assert_int_equal(stage_answer("chromium_whep"), 0);
    assert_int_equal(strlen(stage.session.skipped), WEBRTC_SKIPPED_TEXT - 1);
    assert_string_equal(choice_of(0), "108");
    stage_close();
}

static void a_viewer_has_four_tracks_at_most(void **state)
{
    AUTO(buf_fini) struct buf stream = { 0 }, offer = { 0 };
    buf_append_string(&offer, OFFER_SESSION "a=group:BUNDLE a b c d e f\r\n");
    for (unsigned i = 0; i < WEBRTC_MAX_TRACKS + 2; i++) {
        buf_append_string(&stream, OPUS);
        buf_printf(&offer,
                   "m=audio 9 UDP/TLS/RTP/SAVPF 97\r\na=mid:%c\r\na=recvonly\r\n" MUX
                   "a=rtpmap:97 opus/48000/2\r\n",
                   'a' + i);
    }
    stage_open(buf_string(&stream));
    assert_int_equal(stage_answer(buf_string(&offer)), 0);
    assert_int_equal(stage.session.viewer.track_count, WEBRTC_MAX_TRACKS);
    assert_true(strstr(stage.session.skipped, "track 5 (Opus)") != NULL);
    stage_close();
}

/* Everything but the tracks */

static void the_answer_says_what_the_session_is(void **state)
{
    stage_open(H264 OPUS);
    assert_int_equal(stage_answer("chromium_whep"), 0);
    const struct sdp_offer_media *video = &stage.answer->media[0], *audio = &stage.answer->media[1];
    const struct sdp_transport   *transport = &video->transport;
    const struct sdp_fingerprint *ours = dtls_context_fingerprint(stage.server.dtls);
    assert_true(span_is(transport->ufrag, "ours"));
    assert_true(span_is(transport->pwd, OUR_PWD));
    assert_int_equal(transport->setup, SDP_SETUP_PASSIVE);
    assert_int_equal(transport->fingerprint_count, 1);
    assert_memory_equal(transport->fingerprints[0].digest, ours->digest, ours->len);
    assert_true(stage.answer->has_bundle && video->is_bundled && audio->is_bundled);
    assert_true(video->has_rtcp_mux && video->has_rtcp_rsize);
    assert_true(span_is(video->mid, "0") && span_is(audio->mid, "1"));
    assert_int_equal(video->direction, SDP_SENDONLY);
    assert_int_equal(video->formats[0].feedback, SDP_NACK | SDP_NACK_PLI);
    assert_true(span_is(video->formats[0].fmtp, "level-asymmetry-allowed=1;packetization-mode=1;"
                                                "profile-level-id=42e01f"));
    assert_true(has_text("a=msid:mediamtx video\r\n") && has_text("a=msid:mediamtx audio\r\n"));
    assert_string_equal(stage.session.tracks, "2 tracks (H264, Opus)");

    assert_int_equal(stage.answer->candidate_count, 4); /* two of ours, components 1 and 2 */
    const struct sdp_candidate *first = &stage.answer->candidates[0];
    assert_true(span_is(first->address, "192.0.2.1") && span_is(first->foundation, "1234"));
    assert_int_equal(first->port, 8189);
    assert_int_equal(first->priority, 2130706431);
    assert_true(span_is(stage.answer->candidates[2].address, "2001:db8::1"));
    assert_int_equal(stage.answer->candidates[2].priority, 2130706431 - 256);
    stage_close();
}

/* Packets of RTCP that are not compound: only where the offer takes them (RFC 5506, section 5). */
static void rtcp_is_as_small_as_was_offered(void **state)
{
    static const struct {
        const char *name, *offer;
        bool        video, audio;
    } cases[] = {
        { "Chromium", "chromium_whep", true, true },
        { "aiortc", "aiortc_whep", false, false },
        { "said once", OFFER_HEAD H264_OFFER MUX RSIZE OPUS_OFFER, true, true },
        { "one medium", OFFER_HEAD H264_OFFER MUX OPUS_OFFER RSIZE, false, true },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        stage_open(H264 OPUS);
        CHECK(stage_answer(cases[i].offer) == 0, cases[i].name);
        const struct sdp_offer_media *media = stage.answer->media;
        CHECK(media[0].has_rtcp_mux && media[1].has_rtcp_mux, cases[i].name);
        CHECK(media[0].has_rtcp_rsize == cases[i].video, cases[i].name);
        CHECK(media[1].has_rtcp_rsize == cases[i].audio, cases[i].name);
        stage_close();
    }
}

static void tracks_of_the_viewer_are_those_of_the_answer(void **state)
{
    char line[64];
    stage_open(OPUS H264);
    assert_int_equal(stage_answer("chromium_whep"), 0);
    const struct webrtc_viewer *viewer = &stage.session.viewer;
    assert_int_equal(viewer->track_count, 2);
    assert_int_equal(viewer->of_feed[0], 2);
    assert_int_equal(viewer->of_feed[1], 1);
    assert_int_equal(viewer->tracks[0].feed_track, 1);
    assert_int_equal(viewer->tracks[0].payload_type, 108);
    assert_int_equal(viewer->tracks[0].playout_delay, 5);
    assert_int_equal(viewer->tracks[1].feed_track, 0);
    assert_int_equal(viewer->tracks[1].playout_delay, 0);
    for (unsigned i = 0; i < 2; i++) {
        (void)snprintf(line, sizeof(line), "a=ssrc:%u cname:mediamtx\r\n", viewer->tracks[i].ssrc);
        assert_true(viewer->tracks[i].is_on && viewer->tracks[i].ssrc && has_text(line));
    }
    assert_true(has_text("a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"));
    stage_close();
}

static void who_waits_is_called(void **state)
{
    static const struct {
        const char *offered, *want;
    } cases[] = {
        { "actpass", "a=setup:passive" },
        { "active", "a=setup:passive" },
        { "passive", "a=setup:active" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO(buf_fini) struct buf offer = { 0 };
        buf_printf(&offer, "%sa=setup:%s\r\na=rtpmap:97 opus/48000/2\r\n",
                   OFFER_HEAD OFFER_AUDIO("97"), cases[i].offered);
        stage_open(OPUS);
        CHECK(stage_answer(buf_string(&offer)) == 0, cases[i].offered);
        CHECK(has_text(cases[i].want), cases[i].offered);
        stage_close();
    }
}

static void a_restart_names_the_media_once_more(void **state)
{
    AUTO(buf_fini) struct buf text = { 0 };
    struct errmsg             why = { "" };
    struct sdp_fragment      *fragment = mem_new(struct sdp_fragment);
    stage_open(H264);
    assert_int_equal(stage_answer(OFFER_HEAD OFFER_VIDEO(
                         "96") "a=rtpmap:96 H264/90000\r\na=fmtp:96 "
                               "packetization-mode=1\r\n"
                               "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\n"),
                     0);
    struct ice_credentials fresh = test_credentials("fresh");
    ice_agent_restart(stage.session.ice, &fresh, BYTES("x"), BYTES("y"));
    webrtc_answer_restart(&stage.session, &text);
    if (sdp_fragment_parse(buf_span(&text), fragment, &why) < 0)
        fail_msg("%s", why.text);
    assert_true(span_is(fragment->ufrag, "fresh"));
    assert_true(span_is(fragment->pwd, "password of fresh"));
    assert_int_equal(fragment->media_count, 1); /* the one that was accepted */
    assert_true(span_is(fragment->mids[0], "0"));
    assert_int_equal(fragment->candidate_count, 4);
    assert_non_null(strstr(buf_string(&text), "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n"));
    mem_free(fragment);
    stage_close();
}

TESTS(tracks_go_to_the_media_that_can_carry_them, when_nothing_is_left_the_client_is_told_why,
      pictures_with_b_frames_are_left_out, a_long_list_of_reasons_is_cut,
      a_viewer_has_four_tracks_at_most, the_answer_says_what_the_session_is,
      rtcp_is_as_small_as_was_offered, tracks_of_the_viewer_are_those_of_the_answer,
      who_waits_is_called, a_restart_names_the_media_once_more)
