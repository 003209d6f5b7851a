#include "sdp/sdp_answer.h"

#include "base/auto.h"
#include "base/mem.h"
#include "base/test.h"
#include "sdp/sdp_fragment.h"
#include "sdp/testdata.h"

#define TRANSPORT_CC "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
#define MID          "urn:ietf:params:rtp-hdrext:sdes:mid"
#define RID          "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
#define REPAIRED_RID "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"

enum { MAX_CHOICES = 8 };

/* What MediaMTX chose for a medium of an offer. */
struct choice {
    uint8_t     payload_types[MAX_CHOICES];
    unsigned    count;
    const char *extmaps[MAX_CHOICES]; /* up to NULL */
    uint32_t    ssrc;
};

/* Answers of MediaMTX 1.x to offers of Chromium and aiortc. */
static const struct capture {
    const char        *offer, *answer;
    uint64_t           session_id, session_version;
    enum sdp_direction direction;
    struct choice      media[2];
} captures[] = {
    { "chromium_whep",
      "chromium_whep",
      4314746199605285237,
      1795347050,
      SDP_SENDONLY,
      { { { 108 }, 1, { RID, TRANSPORT_CC, MID, REPAIRED_RID }, 291666768 },
        { { 111 }, 1, { TRANSPORT_CC }, 3065869165 } } },
    { "chromium_whip",
      "chromium_whip",
      6993228177417782239,
      1795347053,
      SDP_RECVONLY,
      { { { 111, 9, 0, 8 }, 4, { TRANSPORT_CC }, 0 },
        { { 96, 102, 108, 45, 98, 100 }, 6, { TRANSPORT_CC, MID, RID, REPAIRED_RID }, 0 } } },
    { "aiortc_whep",
      "aiortc_whep",
      8407531645498369311,
      1795345364,
      SDP_SENDONLY,
      { { { 101 }, 1, { MID }, 441580573 }, { { 96 }, 1, { NULL }, 1709914793 } } },
    { "aiortc_whep",
      "aiortc_whep_then_patch",
      7691475517125976361,
      1795345889,
      SDP_SENDONLY,
      { { { 101 }, 1, { MID }, 3878205473 }, { { 96 }, 1, { NULL }, 2628153546 } } },
    { "aiortc_whep",
      "aiortc_whep_with_ice_servers",
      171066372817057190,
      1795346524,
      SDP_SENDONLY,
      { { { 101 }, 1, { MID }, 1200540677 }, { { 96 }, 1, { NULL }, 3748837898 } } },
    { "aiortc_whep",
      "aiortc_whep_without_audio",
      693075533745521607,
      1795345945,
      SDP_SENDONLY,
      { { { 101 }, 1, { MID }, 4118296200 }, { { 0 }, 1, { NULL }, 2566701537 } } },
    { "aiortc_whip",
      "aiortc_whip",
      7889008949330347627,
      1795345361,
      SDP_RECVONLY,
      { { { 97 }, 1, { MID }, 0 }, { { 96, 9, 0, 8 }, 4, { NULL }, 0 } } },
    { "aiortc_whep",
      "aiortc_whip_recvonly",
      8618519911160013542,
      1795345887,
      SDP_SENDONLY,
      { { { 97, 99, 101 }, 3, { MID }, 0 }, { { 96, 9, 0, 8 }, 4, { NULL }, 0 } } },
};

struct scene {
    struct buf        offer_text, answer_text, written;
    struct sdp_offer  offer, theirs; /* MediaMTX's answer, read as an offer: for its ids */
    struct sdp_answer answer;
};

static void scene_close(struct scene *scene)
{
    buf_fini(&scene->offer_text);
    buf_fini(&scene->answer_text);
    buf_fini(&scene->written);
    mem_free(scene);
}
DEFINE_AUTO(struct scene *, scene_close)

static void choose_format(const struct sdp_offer_media *offered, uint8_t payload_type,
                          struct sdp_answer_media *out)
{
    for (unsigned i = 0; i < offered->format_count; i++) {
        const struct sdp_format *format = &offered->formats[i];
        if (format->payload_type == payload_type)
            out->formats[out->format_count++] =
                (struct sdp_answer_format){ payload_type, format->rtpmap, format->fmtp,
                                            format->feedback };
    }
}

static void choose(const struct sdp_offer_media *offered, const struct choice *choice,
                   enum sdp_direction direction, struct sdp_answer_media *out)
{
    *out = (struct sdp_answer_media){
        .kind = offered->kind,
        .mid = offered->mid,
        .is_accepted = true,
        .is_bundled = offered->is_bundled,
        .has_rtcp_rsize = true, /* MediaMTX says so to everybody */
        .direction = direction,
        .ssrc = choice->ssrc,
        .label = offered->kind,
    };
    for (unsigned i = 0; i < choice->count; i++)
        choose_format(offered, choice->payload_types[i], out);
    for (unsigned i = 0; i < MAX_CHOICES && choice->extmaps[i]; i++)
        out->extmaps[out->extmap_count++] = (struct sdp_extmap){
            sdp_offer_find_extmap(offered, choice->extmaps[i]),
            span_from_string(choice->extmaps[i]),
        };
}

/* The capture's own credentials, fingerprint and candidates. */
static void take_ids(const struct sdp_offer *theirs, struct sdp_answer *answer)
{
    const struct sdp_transport *transport = &theirs->media[0].transport;
    answer->fingerprint = *sdp_transport_fingerprint(transport);
    answer->setup = transport->setup;
    answer->ufrag = transport->ufrag;
    answer->pwd = transport->pwd;
    for (unsigned i = 0; i < theirs->candidate_count; i++)
        if (theirs->candidates[i].component == 1)
            answer->candidates[answer->candidate_count++] = theirs->candidates[i];
}

static struct scene *scene_open(const struct capture *capture)
{
    struct scene *scene = mem_new(struct scene);
    struct errmsg why;
    char          name[128];
    (void)snprintf(name, sizeof(name), "corpus/sdp_offer/%s", capture->offer);
    testdata_read(name, &scene->offer_text);
    (void)snprintf(name, sizeof(name), "testdata/%s.answer", capture->answer);
    testdata_read(name, &scene->answer_text);
    CHECK(sdp_offer_parse(buf_span(&scene->offer_text), &scene->offer, &why) == 0, capture->answer);
    CHECK(sdp_offer_parse(buf_span(&scene->answer_text), &scene->theirs, &why) == 0,
          capture->answer);

    struct sdp_answer *answer = &scene->answer;
    answer->session_id = capture->session_id;
    answer->session_version = capture->session_version;
    answer->has_extmap_allow_mixed = scene->offer.has_extmap_allow_mixed;
    answer->stream = BYTES("mediamtx");
    answer->media_count = scene->offer.media_count;
    take_ids(&scene->theirs, answer);
    for (unsigned i = 0; i < answer->media_count; i++)
        choose(&scene->offer.media[i], &capture->media[i], capture->direction, &answer->media[i]);
    return scene;
}

static void captured_answers_are_written_byte_by_byte(void **state)
{
    for (size_t i = 0; i < COUNT(captures); i++) {
        AUTO(scene_close) struct scene *scene = scene_open(&captures[i]);
        sdp_answer_write(&scene->written, &scene->answer);
        CHECK(span_equal(buf_span(&scene->written), buf_span(&scene->answer_text)),
              captures[i].answer);
    }
}

static void the_captured_restart_is_written_byte_by_byte(void **state)
{
    AUTO(scene_close) struct scene *scene = scene_open(&captures[3]);
    AUTO(buf_fini) struct buf       want = { 0 };
    testdata_read("testdata/ice_restart.fragment", &want);
    scene->answer.ufrag = BYTES("JrEXCXjJXsywWbeQ");
    scene->answer.pwd = BYTES("doyrGkCgKoVaMwjlfosjGUQuexzQXgEd");
    assert_int_equal(scene->answer.candidate_count, 1);
    scene->answer.candidates[0].foundation = BYTES("2312049127");
    sdp_fragment_write(&scene->written, &scene->answer);
    assert_true(span_equal(buf_span(&scene->written), buf_span(&want)));
}

/* A small answer for what the captures do not show. */
static void begin_answer(struct sdp_answer *answer)
{
    *answer = (struct sdp_answer){
        .session_id = UINT64_MAX,
        .fingerprint = { SDP_SHA256, 2, { 0x0a, 0xbc } },
        .setup = SDP_SETUP_PASSIVE,
        .stream = BYTES("mediamtx"),
        .ufrag = BYTES("user"),
        .pwd = BYTES("password"),
        .candidate_count = 1,
        .candidates = { { .foundation = BYTES("f"),
                          .priority = 1,
                          .address = BYTES("192.0.2.1"),
                          .port = 8189 } },
        .media_count = 3,
        .media = { { .kind = BYTES("application"),
                     .mid = BYTES("d"),
                     .protocol = BYTES("UDP/DTLS/SCTP"),
                     .is_bundled = true },
                   { .kind = BYTES("audio"), .mid = BYTES("a"), .is_bundled = true },
                   { .kind = BYTES("video"),
                     .mid = BYTES("v"),
                     .protocol = BYTES("TCP/DTLS/RTP/SAVPF"),
                     .is_accepted = true,
                     .is_bundled = true,
                     .direction = SDP_INACTIVE,
                     .format_count = 1,
                     .formats = { { 96, BYTES("VP8/90000"), { 0 }, SDP_NACK | SDP_CCM_FIR } } } },
    };
}

#define SESSION_LINES                                                                              \
    "v=0\r\no=- 18446744073709551615 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"                         \
    "a=msid-semantic:WMS *\r\na=fingerprint:sha-256 0A:BC\r\n"

static void rejected_media_keep_their_place(void **state)
{
    static struct sdp_answer  answer;
    AUTO(buf_fini) struct buf out = { 0 };
    begin_answer(&answer);
    sdp_answer_write(&out, &answer);
    assert_string_equal(buf_string(&out),
                        SESSION_LINES "a=group:BUNDLE v\r\n"
                                      "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"
                                      "c=IN IP4 0.0.0.0\r\na=inactive\r\na=mid:d\r\n"
                                      "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\n"
                                      "c=IN IP4 0.0.0.0\r\na=inactive\r\na=mid:a\r\n"
                                      "m=video 9 TCP/DTLS/RTP/SAVPF 96\r\n"
                                      "c=IN IP4 0.0.0.0\r\na=setup:passive\r\na=mid:v\r\n"
                                      "a=ice-ufrag:user\r\na=ice-pwd:password\r\na=rtcp-mux\r\n"
                                      "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=inactive\r\n"
                                      "a=candidate:f 1 udp 1 192.0.2.1 8189 typ host\r\n"
                                      "a=candidate:f 2 udp 1 192.0.2.1 8189 typ host\r\n"
                                      "a=end-of-candidates\r\n");
}

static void a_restart_names_accepted_media_only(void **state)
{
    static struct sdp_answer  answer;
    AUTO(buf_fini) struct buf out = { 0 };
    begin_answer(&answer);
    answer.media[1].is_accepted = true;
    answer.media[1].mid = (struct span){ 0 };
    sdp_fragment_write(&out, &answer);
    assert_string_equal(buf_string(&out),
                        "a=ice-options:trickle ice2\r\n"
                        "m=audio 9 UDP/TLS/RTP/SAVPF\r\n"
                        "a=ice-ufrag:user\r\na=ice-pwd:password\r\n"
                        "a=candidate:f 1 udp 1 192.0.2.1 8189 typ host\r\n"
                        "a=candidate:f 2 udp 1 192.0.2.1 8189 typ host\r\n"
                        "a=end-of-candidates\r\n"
                        "m=video 9 TCP/DTLS/RTP/SAVPF 96\r\na=mid:v\r\n"
                        "a=ice-ufrag:user\r\na=ice-pwd:password\r\na=end-of-candidates\r\n");
}

static void without_a_group_none_is_written(void **state)
{
    static struct sdp_answer  answer;
    AUTO(buf_fini) struct buf out = { 0 };
    begin_answer(&answer);
    answer.media[2].is_bundled = false;
    answer.media_count = 2;
    sdp_answer_write(&out, &answer);
    assert_string_equal(buf_string(&out),
                        SESSION_LINES "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"
                                      "c=IN IP4 0.0.0.0\r\na=inactive\r\na=mid:d\r\n"
                                      "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\n"
                                      "c=IN IP4 0.0.0.0\r\na=inactive\r\na=mid:a\r\n");
}

TESTS(captured_answers_are_written_byte_by_byte, the_captured_restart_is_written_byte_by_byte,
      rejected_media_keep_their_place, a_restart_names_accepted_media_only,
      without_a_group_none_is_written)
