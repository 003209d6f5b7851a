#include "sdp/sdp_offer.h"

#include <errno.h>

#include "base/auto.h"
#include "base/test.h"
#include "sdp/testdata.h"

#define HEAD "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
#define FINGERPRINT                                                                                \
    "a=fingerprint:sha-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB\r\n"
#define UFRAG       "a=ice-ufrag:abcd\r\n"
#define PWD         "a=ice-pwd:abcdefghijklmnopqrstuvwx\r\n"
#define CREDENTIALS UFRAG PWD
#define SESSION     HEAD CREDENTIALS FINGERPRINT
#define VIDEO       "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n"

static struct sdp_offer offer;
static struct errmsg    why;

static void parse_file(const char *name, struct buf *text)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "corpus/sdp_offer/%s", name);
    testdata_read(path, text);
    CHECK(sdp_offer_parse(buf_span(text), &offer, &why) == 0, name);
}

static const struct sdp_format *find_format(unsigned media, uint8_t payload_type)
{
    for (unsigned i = 0; i < offer.media[media].format_count; i++)
        if (offer.media[media].formats[i].payload_type == payload_type)
            return &offer.media[media].formats[i];
    fail_msg("no payload type %u", payload_type);
    return NULL;
}

static void chromium_is_read(void **state)
{
    AUTO(buf_fini) struct buf text = { 0 };
    parse_file("chromium_whep", &text);
    assert_true(offer.has_bundle && offer.has_extmap_allow_mixed && !offer.is_ice_lite);
    assert_int_equal(offer.media_count, 2);
    assert_int_equal(offer.transport_at, 0);
    assert_int_equal(offer.candidate_count, 0);

    const struct sdp_offer_media *video = &offer.media[0];
    assert_true(span_is(video->kind, "video") && span_is(video->mid, "0"));
    assert_int_equal(video->port, 9);
    assert_int_equal(video->protocol, SDP_PROTOCOL_RTP);
    assert_int_equal(video->direction, SDP_RECVONLY);
    assert_true(video->is_bundled && video->has_rtcp_mux && video->has_rtcp_rsize);
    assert_false(video->is_rejected);
    assert_int_equal(video->extmap_count, 11);
    assert_int_equal(sdp_offer_find_extmap(video, "urn:ietf:params:rtp-hdrext:sdes:mid"), 9);
    assert_int_equal(sdp_offer_find_extmap(video, "urn:none"), 0);

    const struct sdp_transport *transport = &video->transport;
    assert_true(span_is(transport->ufrag, "2/Yp"));
    assert_true(span_is(transport->pwd, "CVEIgfvDX9PqSwpJH9eiriJ+"));
    assert_int_equal(transport->setup, SDP_SETUP_ACTPASS);
    assert_int_equal(transport->fingerprint_count, 1);
    assert_int_equal(transport->fingerprints[0].hash, SDP_SHA256);
    assert_int_equal(transport->fingerprints[0].digest[0], 0x19);
    assert_int_equal(transport->fingerprints[0].digest[31], 0x05);
}

static void formats_come_in_the_peers_order(void **state)
{
    static const uint8_t      first[] = { 96, 97, 98, 99, 100, 101, 35, 36, 37, 38, 102 };
    AUTO(buf_fini) struct buf text = { 0 };
    parse_file("chromium_whep", &text);
    assert_int_equal(offer.media[0].format_count, 34);
    for (size_t i = 0; i < COUNT(first); i++)
        assert_int_equal(offer.media[0].formats[i].payload_type, first[i]);

    const struct sdp_format *h264 = find_format(0, 108), *rtx = find_format(0, 109);
    assert_true(span_is(h264->name, "H264") && span_is(h264->rtpmap, "H264/90000"));
    assert_int_equal(h264->clock_rate, 90000);
    assert_int_equal(h264->channels, 0);
    assert_int_equal(h264->feedback,
                     SDP_GOOG_REMB | SDP_TRANSPORT_CC | SDP_CCM_FIR | SDP_NACK | SDP_NACK_PLI);
    assert_true(span_is(sdp_format_param(h264, "PROFILE-level-id"), "42e01f"));
    assert_false(h264->is_rtx);
    assert_true(rtx->is_rtx);
    assert_int_equal(rtx->apt, 108);
    assert_int_equal(rtx->feedback, 0);

    const struct sdp_format *opus = find_format(1, 111);
    assert_int_equal(opus->clock_rate, 48000);
    assert_int_equal(opus->channels, 2);
    assert_int_equal(opus->feedback, SDP_TRANSPORT_CC);
}

static void aiortc_is_read(void **state)
{
    AUTO(buf_fini) struct buf text = { 0 };
    parse_file("aiortc_whep", &text);
    const struct sdp_transport *transport = &offer.media[0].transport;
    assert_int_equal(transport->fingerprint_count, 3);
    assert_int_equal(transport->fingerprints[2].hash, SDP_SHA512);
    assert_int_equal(transport->fingerprints[2].len, 64);
    assert_int_equal(sdp_transport_fingerprint(transport)->hash, SDP_SHA256);
    assert_int_equal(offer.candidate_count, 4);
    assert_true(span_is(offer.candidates[1].address, "fd00::2"));
    assert_int_equal(offer.candidates[1].media, 0);
    assert_int_equal(offer.candidates[2].port, 35952);
    assert_int_equal(offer.candidates[2].media, 1);
    assert_false(offer.media[0].has_rtcp_rsize);
}

/* A fingerprint for all media, and fmtp before rtpmap. */
static void firefox_is_read(void **state)
{
    AUTO(buf_fini) struct buf text = { 0 };
    parse_file("firefox_whep", &text);
    assert_int_equal(offer.media_count, 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(span_is(offer.media[i].transport.ufrag, "c5b8ad11"));
        assert_int_equal(offer.media[i].transport.fingerprint_count, 1);
        assert_true(offer.media[i].is_bundled);
    }
    assert_int_equal(find_format(0, 127)->apt, 126);
    assert_true(find_format(0, 127)->is_rtx);
    assert_true(span_is(sdp_format_param(find_format(0, 126), "packetization-mode"), "1"));
    assert_int_equal(find_format(1, 9)->channels, 1);
    assert_int_equal(
        sdp_offer_find_extmap(&offer.media[0],
                              "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"),
        6);
}

/* Its second medium has port 0 for being bundle-only, which is no rejection. */
static void gstreamer_is_read(void **state)
{
    AUTO(buf_fini) struct buf text = { 0 };
    parse_file("gstreamer_whep", &text);
    assert_int_equal(offer.media[1].port, 0);
    assert_false(offer.media[1].is_rejected);
    assert_true(offer.media[1].is_bundled);
    assert_true(span_is(find_format(0, 96)->name, "H265"));
    /* "*" speaks of all formats. */
    assert_int_equal(find_format(0, 97)->feedback, SDP_NACK_PLI);
    assert_int_equal(find_format(0, 96)->feedback,
                     SDP_NACK | SDP_NACK_PLI | SDP_CCM_FIR | SDP_TRANSPORT_CC);
}

static void media_have_what_the_session_said(void **state)
{
    AUTO(buf_fini) struct buf text = { 0 };
    parse_file("session_level", &text);
    const struct sdp_offer_media *audio = &offer.media[0], *video = &offer.media[1];
    assert_true(offer.is_ice_lite && !offer.has_bundle);
    assert_true(span_is(audio->transport.ufrag, "abcd"));
    assert_int_equal(audio->transport.setup, SDP_SETUP_PASSIVE);
    assert_int_equal(audio->transport.fingerprints[0].hash, SDP_SHA256);
    assert_int_equal(audio->direction, SDP_RECVONLY);
    /* Static types need no rtpmap. */
    assert_true(span_is(audio->formats[1].rtpmap, "PCMA/8000"));
    assert_int_equal(audio->formats[1].clock_rate, 8000);

    assert_true(span_is(video->transport.ufrag, "efgh"));
    assert_int_equal(video->transport.setup, SDP_SETUP_ACTIVE);
    assert_int_equal(video->transport.fingerprint_count, 1);
    assert_int_equal(video->transport.fingerprints[0].hash, SDP_SHA1);
    assert_int_equal(video->direction, SDP_SENDONLY);
}

static void candidates_are_read(void **state)
{
    AUTO(buf_fini) struct buf text = { 0 };
    parse_file("candidates", &text);
    assert_int_equal(offer.media[0].protocol, SDP_PROTOCOL_RTP);
    assert_int_equal(offer.candidate_count, 7);
    assert_true(offer.candidates[2].is_mdns && !offer.candidates[0].is_mdns);
    assert_true(span_is(offer.candidates[0].ufrag, "abcd"));
    assert_int_equal(offer.candidates[6].type, CANDIDATE_PRFLX);
}

static void the_transport_is_that_of_the_first_bundled_medium(void **state)
{
    static const struct {
        const char *name;
        struct span text;
        unsigned    want;
        bool        bundled[3];
    } cases[] = {
        { "the group's order counts",
          BYTES(SESSION "a=group:BUNDLE b a\r\n" VIDEO "a=mid:a\r\n" VIDEO "a=mid:b\r\n"),
          1,
          { true, true } },
        { "not all are in it",
          BYTES(SESSION "a=group:BUNDLE b\r\n" VIDEO "a=mid:a\r\n" VIDEO "a=mid:b\r\n"),
          1,
          { false, true } },
        { "one that is rejected is not",
          BYTES(SESSION "a=group:BUNDLE a b\r\nm=audio 0 RTP/SAVPF 0\r\na=mid:a\r\n" VIDEO
                        "a=mid:b\r\n"),
          1,
          { false, true } },
        { "a mid that nobody has",
          BYTES(SESSION "a=group:BUNDLE x b\r\n" VIDEO "a=mid:a\r\n" VIDEO "a=mid:b\r\n"),
          1,
          { false, true } },
        { "other groups first",
          BYTES(SESSION "a=group:LS a b\r\na=group:BUNDLE b\r\na=group:BUNDLE a\r\n" VIDEO
                        "a=mid:a\r\n" VIDEO "a=mid:b\r\n"),
          1,
          { false, true } },
        { "no group", BYTES(SESSION VIDEO "a=mid:a\r\n" VIDEO "a=mid:b\r\n"), 0, { false } },
        { "no group, the first rejected",
          BYTES(SESSION "m=audio 0 RTP/SAVPF 0\r\n" VIDEO),
          1,
          { false } },
        { "an empty group", BYTES(SESSION "a=group:BUNDLE\r\n" VIDEO), 0, { false } },
        { "all rejected", BYTES(SESSION "m=audio 0 RTP/SAVPF 0\r\n"), 0, { false } },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        CHECK(sdp_offer_parse(cases[i].text, &offer, &why) == 0, cases[i].name);
        CHECK(offer.transport_at == cases[i].want, cases[i].name);
        for (unsigned j = 0; j < offer.media_count; j++)
            CHECK(offer.media[j].is_bundled == cases[i].bundled[j], cases[i].name);
    }
}

static void a_group_may_say_once_how_rtcp_comes(void **state)
{
    static const struct {
        const char *name, *first, *second;
        bool        has_group, has_mux[2], has_rsize[2];
    } cases[] = {
        { "none", "", "", true, { false, false }, { false, false } },
        { "each", "a=rtcp-mux\r\n", "a=rtcp-mux\r\n", true, { true, true }, { false, false } },
        { "the transport",
          "a=rtcp-mux\r\na=rtcp-rsize\r\n",
          "",
          true,
          { true, true },
          { true, true } },
        { "another", "", "a=rtcp-mux\r\n", true, { false, true }, { false, false } },
        { "no group",
          "a=rtcp-mux\r\na=rtcp-rsize\r\n",
          "",
          false,
          { true, false },
          { true, false } },
        { "no other way", "a=rtcp-mux-only\r\n", "", true, { true, true }, { false, false } },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO(buf_fini) struct buf text = { 0 };
        buf_printf(&text, SESSION "%s" VIDEO "a=mid:a\r\n%s" VIDEO "a=mid:b\r\n%s",
                   cases[i].has_group ? "a=group:BUNDLE a b\r\n" : "", cases[i].first,
                   cases[i].second);
        CHECK(sdp_offer_parse(buf_span(&text), &offer, &why) == 0, cases[i].name);
        for (unsigned j = 0; j < 2; j++) {
            CHECK(offer.media[j].has_rtcp_mux == cases[i].has_mux[j], cases[i].name);
            CHECK(offer.media[j].has_rtcp_rsize == cases[i].has_rsize[j], cases[i].name);
        }
    }
}

static void the_credentials_of_that_medium_are_needed(void **state)
{
    static const struct span with_second =
        BYTES(HEAD FINGERPRINT "a=group:BUNDLE b\r\n" VIDEO "a=mid:a\r\n" VIDEO
                               "a=mid:b\r\n" CREDENTIALS);
    static const struct span with_first =
        BYTES(HEAD FINGERPRINT "a=group:BUNDLE b\r\n" VIDEO "a=mid:a\r\n" CREDENTIALS VIDEO
                               "a=mid:b\r\n");
    assert_int_equal(sdp_offer_parse(with_second, &offer, &why), 0);
    assert_int_equal(sdp_offer_parse(with_first, &offer, &why), -EINVAL);
    assert_string_equal(why.text, "SetRemoteDescription called with no ice-ufrag");
}

static void what_cannot_be_answered_is_refused(void **state)
{
    static const struct {
        const char *name;
        struct span text;
        const char *want; /* NULL: it can */
    } cases[] = {
        { "no SDP", BYTES("hello"), "failed to unmarshal SDP: sdp: syntax error at pos 1: \"e\"" },
        { "no SDP further on", BYTES("v=0\r\n\r\nhello\r\n"),
          "failed to unmarshal SDP: sdp: syntax error at pos 8: \"e\"" },
        { "a line of one byte", BYTES("v=0\r\nx\r\ny=\r\n"),
          "failed to unmarshal SDP: sdp: syntax error at pos 6: \"\\r\"" },
        { "a quote", BYTES("v\"0"),
          "failed to unmarshal SDP: sdp: syntax error at pos 1: \"\\\"\"" },
        { "not ASCII", BYTES("v\xe9"),
          "failed to unmarshal SDP: sdp: syntax error at pos 1: \"\\xe9\"" },
        { "a NUL", BYTES("v\0="),
          "failed to unmarshal SDP: sdp: syntax error at pos 1: \"\\x00\"" },
        { "empty", BYTES(""), "SetRemoteDescription called with no ice-ufrag" },
        { "a single byte", BYTES("v"), "SetRemoteDescription called with no ice-ufrag" },
        { "no port", BYTES(SESSION "m=video\r\n"),
          "failed to unmarshal SDP: sdp: invalid port value ``" },
        { "port too large", BYTES(SESSION "m=video 65536 RTP/SAVPF 96\r\n"),
          "failed to unmarshal SDP: sdp: invalid port value `65536`" },
        { "no pwd", BYTES(HEAD "a=ice-ufrag:abcd\r\n" FINGERPRINT VIDEO),
          "SetRemoteDescription called with no ice-pwd" },
        { "no fingerprint", BYTES(HEAD CREDENTIALS VIDEO),
          "SetRemoteDescription called with no fingerprint" },
        { "a fingerprint too short",
          BYTES(HEAD CREDENTIALS "a=fingerprint:sha-256 AB:CD\r\n" VIDEO),
          "SetRemoteDescription called with no fingerprint" },
        { "a fingerprint with other marks",
          BYTES(HEAD CREDENTIALS
                "a=fingerprint:sha-1 "
                "4A-AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB\r\n" VIDEO),
          "SetRemoteDescription called with no fingerprint" },
        { "no media", BYTES(SESSION), "the offer has no media" },
        { "the least that can be answered", BYTES(SESSION VIDEO), NULL },
        { "the last line without its end",
          BYTES("a=ice-ufrag:abcd\na=ice-pwd:abcdefghijklmnopqrstuv\n" FINGERPRINT
                "m=audio 9 RTP/SAVPF 0"),
          NULL },
        { "a ufrag too short", BYTES(HEAD "a=ice-ufrag:abc\r\n" PWD FINGERPRINT VIDEO),
          "ice-ufrag must be 4 to 256 letters, digits, + or /" },
        { "a ufrag of other characters", BYTES(HEAD "a=ice-ufrag:ab:cd\r\n" PWD FINGERPRINT VIDEO),
          "ice-ufrag must be 4 to 256 letters, digits, + or /" },
        { "a pwd too short",
          BYTES(HEAD UFRAG "a=ice-pwd:abcdefghijklmnopqrstu\r\n" FINGERPRINT VIDEO),
          "ice-pwd must be 22 to 256 letters, digits, + or /" },
        { "a pwd of other characters",
          BYTES(HEAD UFRAG "a=ice-pwd:abcdefghijkl mnopqrstuv\r\n" FINGERPRINT VIDEO),
          "ice-pwd must be 22 to 256 letters, digits, + or /" },
        { "a pwd that is not ASCII",
          BYTES(HEAD UFRAG "a=ice-pwd:abcdefghijklmnopqrstu\xe9\r\n" FINGERPRINT VIDEO),
          "ice-pwd must be 22 to 256 letters, digits, + or /" },
        { "marks that Chromium lets pass",
          BYTES(HEAD "a=ice-ufrag:+/-_\r\na=ice-pwd:=#ghijklmnopqrstuvwxyz\r\n" FINGERPRINT VIDEO),
          NULL },
        { "a mid that comes twice",
          BYTES(SESSION VIDEO "a=mid:v\r\n" VIDEO "a=mid:w\r\n" VIDEO "a=mid:v\r\n"),
          "two media of the offer have the mid 'v'" },
        { "media without mids", BYTES(SESSION VIDEO VIDEO), NULL },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int err = sdp_offer_parse(cases[i].text, &offer, &why);
        CHECK(err == (cases[i].want ? -EINVAL : 0), cases[i].name);
        CHECK(err == 0 || strcmp(why.text, cases[i].want) == 0, cases[i].name);
    }
}

static void there_are_limits(void **state)
{
    AUTO(buf_fini) struct buf text = { 0 }, media = { 0 };
    parse_file("too_many_of_all", &text);
    const struct sdp_offer_media *video = &offer.media[0];
    assert_int_equal(video->format_count, SDP_OFFER_MAX_FORMATS);
    assert_int_equal(video->formats[127].payload_type, 127);
    assert_int_equal(video->extmap_count, SDP_OFFER_MAX_EXTMAPS);
    assert_int_equal(offer.candidate_count, SDP_MAX_CANDIDATES);
    assert_int_equal(video->transport.fingerprint_count, SDP_OFFER_MAX_FINGERPRINTS);

    buf_append_string(&media, SESSION);
    for (int i = 0; i < SDP_OFFER_MAX_MEDIA; i++)
        buf_append_string(&media, VIDEO);
    assert_int_equal(sdp_offer_parse(buf_span(&media), &offer, &why), 0);
    buf_append_string(&media, VIDEO);
    assert_int_equal(sdp_offer_parse(buf_span(&media), &offer, &why), -EINVAL);
    assert_string_equal(why.text, "the offer has more than 32 media");
}

static void credentials_have_a_limit(void **state)
{
    char longest[SDP_MAX_ICE_TEXT + 2];
    memset(longest, 'u', sizeof(longest));
    for (int extra = 0; extra <= 1; extra++) {
        AUTO(buf_fini) struct buf text = { 0 };
        buf_printf(&text, "a=ice-ufrag:%.*s\r\n" PWD FINGERPRINT VIDEO, SDP_MAX_ICE_TEXT + extra,
                   longest);
        assert_int_equal(sdp_offer_parse(buf_span(&text), &offer, &why), extra ? -EINVAL : 0);
    }
}

static void broken_attributes_are_passed_over(void **state)
{
    AUTO(buf_fini) struct buf text = { 0 };
    parse_file("broken_attributes", &text);
    const struct sdp_offer_media *video = &offer.media[0];
    assert_int_equal(video->format_count, 2);
    assert_int_equal(video->formats[0].rtpmap.len, 0);
    assert_true(span_is(video->formats[1].name, "VP8"));
    assert_int_equal(video->formats[1].clock_rate, 0);
    assert_int_equal(video->formats[1].channels, 0);
    assert_int_equal(video->formats[1].feedback, 0);
    assert_int_equal(video->extmap_count, 0);
    assert_int_equal(video->transport.setup, SDP_SETUP_UNSAID);
    assert_int_equal(video->transport.fingerprint_count, 1);
    /* A group is the session's matter. */
    assert_false(offer.has_bundle);
}

static void protocols_that_mean_the_same_are_known(void **state)
{
    static const struct {
        const char       *protocol;
        enum sdp_protocol want;
    } cases[] = {
        { "UDP/TLS/RTP/SAVPF", SDP_PROTOCOL_RTP }, { "TCP/DTLS/RTP/SAVPF", SDP_PROTOCOL_RTP },
        { "RTP/SAVPF", SDP_PROTOCOL_RTP },         { "UDP/TLS/RTP/SAVP", SDP_PROTOCOL_RTP },
        { "RTP/AVP", SDP_PROTOCOL_RTP },           { "UDP/DTLS/SCTP", SDP_PROTOCOL_DATA },
        { "DTLS/SCTP", SDP_PROTOCOL_DATA },        { "SCTP", SDP_PROTOCOL_OTHER },
        { "UDP/BFCP", SDP_PROTOCOL_OTHER },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO(buf_fini) struct buf text = { 0 };
        buf_printf(&text, SESSION "m=x 9 %s 96\r\n", cases[i].protocol);
        CHECK(sdp_offer_parse(buf_span(&text), &offer, &why) == 0, cases[i].protocol);
        CHECK(offer.media[0].protocol == cases[i].want, cases[i].protocol);
        CHECK(span_is(offer.media[0].protocol_text, cases[i].protocol), cases[i].protocol);
        CHECK(offer.media[0].format_count == (cases[i].want == SDP_PROTOCOL_RTP),
              cases[i].protocol);
    }
}

static void a_second_offer_has_nothing_of_the_first(void **state)
{
    AUTO(buf_fini) struct buf first = { 0 }, second = { 0 };
    parse_file("chromium_whep", &first);
    parse_file("no_group", &second);
    assert_false(offer.has_bundle || offer.has_extmap_allow_mixed);
    assert_false(offer.media[0].is_bundled || offer.media[0].has_rtcp_mux);
    assert_int_equal(offer.media[0].mid.len, 0);
    assert_int_equal(offer.media[0].extmap_count, 0);
    assert_int_equal(offer.media[0].format_count, 1);
    assert_int_equal(offer.media[0].formats[0].rtpmap.len, 0);
    assert_int_equal(offer.media[0].formats[0].feedback, 0);
}

static void parameters_are_found(void **state)
{
    static const struct {
        const char *fmtp, *key, *want; /* want NULL: absent */
    } cases[] = {
        { "a=1;b=2", "a", "1" },  { "a=1;b=2", "b", "2" },   { " a = 1 ; B = 2 ", "b", "2" },
        { "a=1;b=2", "c", NULL }, { "aa=1", "a", NULL },     { "a", "a", NULL },
        { "a=", "a", "" },        { "x=a=1;a=2", "a", "2" }, { "a=b=c", "a", "b=c" },
        { ";;a=1", "a", "1" },    { "a=1;a=2", "a", "1" },   { "111/111", "111/111", NULL },
        { "", "a", NULL },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sdp_format format = { .fmtp = span_from_string(cases[i].fmtp) };
        struct span       got = sdp_format_param(&format, cases[i].key);
        CHECK((got.p != NULL) == (cases[i].want != NULL), cases[i].fmtp);
        CHECK(!got.p || span_is(got, cases[i].want), cases[i].fmtp);
    }
}

TESTS(chromium_is_read, formats_come_in_the_peers_order, aiortc_is_read, firefox_is_read,
      gstreamer_is_read, media_have_what_the_session_said, candidates_are_read,
      the_transport_is_that_of_the_first_bundled_medium, a_group_may_say_once_how_rtcp_comes,
      the_credentials_of_that_medium_are_needed, what_cannot_be_answered_is_refused,
      there_are_limits, credentials_have_a_limit, broken_attributes_are_passed_over,
      protocols_that_mean_the_same_are_known, a_second_offer_has_nothing_of_the_first,
      parameters_are_found)
