#include "load/whep_offer.h"

#include <arpa/inet.h>
#include <errno.h>

#include "base/auto.h"
#include "base/mem.h"
#include "base/test.h"

static struct sdp_fingerprint new_fingerprint(void)
{
    struct sdp_fingerprint fingerprint = { .hash = SDP_SHA256, .len = 32 };
    for (unsigned i = 0; i < fingerprint.len; i++)
        fingerprint.digest[i] = (uint8_t)(i * 9);
    return fingerprint;
}

static void check_medium(const struct sdp_offer_media *medium, uint8_t type, const char *rtpmap)
{
    CHECK(medium->protocol == SDP_PROTOCOL_RTP && medium->is_bundled, rtpmap);
    CHECK(medium->direction == SDP_RECVONLY, rtpmap);
    CHECK(medium->has_rtcp_mux && medium->has_rtcp_rsize, rtpmap);
    CHECK(medium->format_count == 1 && medium->formats[0].payload_type == type, rtpmap);
    CHECK(span_is(medium->formats[0].rtpmap, rtpmap), rtpmap);
    CHECK(medium->transport.setup == SDP_SETUP_ACTPASS, rtpmap);
}

static void the_offer_is_that_of_a_browser(void **state)
{
    AUTO(buf_fini) struct buf text = { 0 };
    struct errmsg             why = { "" };
    struct sdp_fingerprint    fingerprint = new_fingerprint();
    struct sdp_offer         *offer = mem_new(struct sdp_offer);
    whep_write_offer(&text, &(struct whep_offer){ .session_id = 4711,
                                                  .ufrag = "abcdefgh",
                                                  .pwd = "0123456789abcdef0123456789abcdef",
                                                  .fingerprint = &fingerprint });
    CHECK(sdp_offer_parse(buf_span(&text), offer, &why) == 0, why.text);
    CHECK(offer->has_bundle && offer->media_count == 2 && offer->candidate_count == 0, "media");
    check_medium(&offer->media[0], WHEP_VIDEO_TYPE, "H264/90000");
    check_medium(&offer->media[1], WHEP_AUDIO_TYPE, "opus/48000/2");
    const struct sdp_format *video = &offer->media[0].formats[0];
    CHECK(span_is(sdp_format_param(video, "packetization-mode"), "1"), "more than single units");
    CHECK(video->feedback == (SDP_NACK | SDP_NACK_PLI | SDP_CCM_FIR), "feedback");
    CHECK(sdp_offer_find_extmap(&offer->media[0],
                                "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay") > 0,
          "the one extension that the server knows");
    const struct sdp_transport *transport = &offer->media[0].transport;
    CHECK(span_is(transport->ufrag, "abcdefgh") && transport->pwd.len == 32, "credentials");
    const struct sdp_fingerprint *seen = sdp_transport_fingerprint(transport);
    CHECK(seen->hash == SDP_SHA256 && memcmp(seen->digest, fingerprint.digest, 32) == 0, "digest");
    mem_free(offer);
}

#define SHA256                                                                                     \
    "a=fingerprint:sha-256 "                                                                       \
    "00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:"                                             \
    "10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\n"
#define HEAD  "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n" SHA256 "a=group:BUNDLE 0 1\r\n"
#define ICE   "a=ice-ufrag:0c7F\r\na=ice-pwd:wJ137ffhekLvbOGTh3emNI\r\n"
#define VIDEO "m=video 9 UDP/TLS/RTP/SAVPF 102\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\n" ICE
#define TRACK "a=rtpmap:102 H264/90000\r\na=sendonly\r\n"
#define HOST                                                                                       \
    "a=candidate:1 1 udp 2130706431 127.0.0.1 8189 typ host\r\n"                                   \
    "a=candidate:1 2 udp 2130706431 127.0.0.1 8189 typ host\r\n"
#define AUDIO                                                                                      \
    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\n" ICE                       \
    "a=setup:passive\r\na=rtpmap:111 opus/48000/2\r\na=sendonly\r\n"

static void answers_are_read(void **state)
{
    static const struct {
        const char *name;
        struct span text;
        unsigned    candidates;
        bool        is_active;
    } cases[] = {
        { "ours", BYTES(HEAD VIDEO "a=setup:passive\r\n" TRACK HOST AUDIO), 1, false },
        { "MediaMTX's", BYTES(HEAD VIDEO "a=setup:active\r\n" TRACK HOST AUDIO), 1, true },
        { "without audio",
          BYTES(HEAD VIDEO "a=setup:passive\r\n" TRACK HOST
                           "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\n"),
          1, false },
        { "two families, one of TCP and one that is a name",
          BYTES(HEAD                        VIDEO
                "a=setup:passive\r\n" TRACK HOST
                "a=candidate:2 1 udp 2130706175 fe80::1 8189 typ host\r\n"
                "a=candidate:3 1 udp 2130705919 abc.local 8189 typ host\r\n"
                "a=candidate:4 1 tcp 1671430143 10.0.0.1 9 typ host tcptype passive\r\n"),
          2, false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct whep_answer answer;
        struct errmsg      why = { "" };
        CHECK(whep_read_answer(cases[i].text, &answer, &why) == 0, why.text);
        CHECK(strcmp(answer.ufrag, "0c7F") == 0, cases[i].name);
        CHECK(strcmp(answer.pwd, "wJ137ffhekLvbOGTh3emNI") == 0, cases[i].name);
        CHECK(answer.fingerprint.len == 32 && answer.fingerprint.digest[31] == 0x1f, cases[i].name);
        CHECK(answer.is_active == cases[i].is_active, cases[i].name);
        CHECK(answer.candidate_count == cases[i].candidates, cases[i].name);
        const struct sockaddr_in *first = &answer.candidates[0].v4;
        CHECK(first->sin_family == AF_INET && ntohs(first->sin_port) == 8189, cases[i].name);
        CHECK(first->sin_addr.s_addr == htonl(INADDR_LOOPBACK), cases[i].name);
    }
}

static void useless_answers_are_explained(void **state)
{
    static const struct {
        struct span text;
        const char *says;
    } cases[] = {
        { BYTES(""), "the answer: " },
        { BYTES("<html>welcome</html>"), "the answer: " },
        { BYTES(HEAD), "the answer: " },
        { BYTES(HEAD VIDEO TRACK HOST), "neither setup:active nor setup:passive" },
        { BYTES(HEAD VIDEO "a=setup:actpass\r\n" TRACK HOST), "neither setup:active" },
        { BYTES(HEAD VIDEO "a=setup:passive\r\n" TRACK), "names no address" },
        { BYTES(HEAD AUDIO HOST), "has no H264 video" },
        { BYTES(HEAD VIDEO "a=setup:passive\r\na=rtpmap:102 H264/90000\r\na=inactive\r\n" HOST),
          "has no H264 video" },
        { BYTES(HEAD "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n" ICE "a=mid:0\r\na=setup:passive\r\n"
                     "a=rtpmap:96 VP8/90000\r\na=sendonly\r\n" HOST),
          "has no H264 video" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct whep_answer answer = { .candidate_count = 77 };
        struct errmsg      why = { "" };
        CHECK(whep_read_answer(cases[i].text, &answer, &why) == -EPROTO, cases[i].says);
        CHECK(strstr(why.text, cases[i].says), why.text);
        CHECK(answer.candidate_count == 77, "nothing is written on failure");
    }
}

static void more_candidates_than_there_is_room_for(void **state)
{
    AUTO(buf_fini) struct buf text = { 0 };
    struct whep_answer        answer;
    buf_append_string(&text, HEAD VIDEO "a=setup:passive\r\n" TRACK);
    for (unsigned i = 0; i < 2 * WHEP_MAX_CANDIDATES; i++)
        buf_printf(&text, "a=candidate:%u 1 udp 1 10.0.0.%u 8189 typ host\r\n", i, i + 1);
    CHECK(whep_read_answer(buf_span(&text), &answer, NULL) == 0, "no error");
    CHECK(answer.candidate_count == WHEP_MAX_CANDIDATES, "the first ones");
}

static struct udp_address new_address(const char *text)
{
    struct address address;
    assert_int_equal(address_parse(text, &address, NULL), 0);
    return udp_address_pack(&address);
}

static void the_nearest_candidates_are_kept(void **state)
{
    static const struct {
        const char *name, *server;
        const char *candidates[4]; /* up to NULL */
        unsigned    kept;
        const char *first;
    } cases[] = {
        { "the server's own host",
          "127.0.0.1:80",
          { "10.0.0.1:9", "127.0.0.1:9", "[::1]:9", "127.0.0.1:8" },
          2,
          "127.0.0.1:9" },
        { "of IPv6", "[::1]:80", { "127.0.0.1:9", "[fe80::1]:9", "[::1]:9" }, 1, "[::1]:9" },
        { "its family",
          "127.0.0.1:80",
          { "[::1]:9", "10.0.0.1:9", "10.0.0.2:9" },
          2,
          "10.0.0.1:9" },
        { "the other family", "[::1]:80", { "10.0.0.1:9", "10.0.0.2:9" }, 2, "10.0.0.1:9" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct whep_answer answer = { 0 };
        struct udp_address server = new_address(cases[i].server);
        struct udp_address first = new_address(cases[i].first);
        for (unsigned j = 0; j < COUNT(cases[i].candidates) && cases[i].candidates[j]; j++)
            answer.candidates[answer.candidate_count++] = new_address(cases[i].candidates[j]);
        whep_choose_candidates(&answer, &server);
        CHECK(answer.candidate_count == cases[i].kept, cases[i].name);
        CHECK(memcmp(&answer.candidates[0], &first, sizeof(first)) == 0, cases[i].name);
    }
}

TESTS(the_nearest_candidates_are_kept, the_offer_is_that_of_a_browser, answers_are_read,
      useless_answers_are_explained, more_candidates_than_there_is_room_for)
