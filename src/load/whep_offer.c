#include "load/whep_offer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>

#include "base/auto.h"
#include "base/check.h"
#include "base/mem.h"

/* Feedback is offered as browsers do, so that the server does for us what it does for them. */
static const char video_lines[] =
    "a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\r\n"
    "a=rtpmap:102 H264/90000\r\n"
    "a=rtcp-fb:102 ccm fir\r\n"
    "a=rtcp-fb:102 nack\r\n"
    "a=rtcp-fb:102 nack pli\r\n"
    "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n";
static const char audio_lines[] = "a=rtpmap:111 opus/48000/2\r\n"
                                  "a=fmtp:111 minptime=10;useinbandfec=1\r\n";

static const struct medium {
    const char *kind;
    unsigned    payload_type;
    const char *lines;
} media[] = {
    { "video", WHEP_VIDEO_TYPE, video_lines },
    { "audio", WHEP_AUDIO_TYPE, audio_lines },
};

static void write_transport(struct buf *out, const struct whep_offer *offer)
{
    buf_printf(out,
               "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=ice-options:trickle\r\n"
               "a=fingerprint:sha-256 ",
               offer->ufrag, offer->pwd);
    for (unsigned i = 0; i < offer->fingerprint->len; i++)
        buf_printf(out, "%s%02X", i ? ":" : "", offer->fingerprint->digest[i]);
    buf_append_string(out, "\r\na=setup:actpass\r\n");
}

void whep_write_offer(struct buf *out, const struct whep_offer *offer)
{
    buf_printf(out,
               "v=0\r\no=- %" PRIu64 " 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
               "a=group:BUNDLE 0 1\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS\r\n",
               offer->session_id);
    for (unsigned i = 0; i < COUNT(media); i++) {
        buf_printf(out,
                   "m=%s 9 UDP/TLS/RTP/SAVPF %u\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n",
                   media[i].kind, media[i].payload_type);
        write_transport(out, offer);
        buf_printf(out, "a=mid:%u\r\na=recvonly\r\na=rtcp-mux\r\na=rtcp-rsize\r\n%s", i,
                   media[i].lines);
    }
}

/* Names are left out: whoever wants to be reached by us has an address. */
static bool read_address(const struct sdp_candidate *candidate, struct udp_address *out)
{
    char text[INET6_ADDRSTRLEN];
    *out = (struct udp_address){ 0 };
    if (candidate->tcptype.len > 0 || candidate->component != 1 || candidate->port == 0 ||
        span_copy_string(candidate->address, text, sizeof(text)) < 0)
        return false;
    if (inet_pton(AF_INET, text, &out->v4.sin_addr) == 1) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(candidate->port);
        return true;
    }
    out->v6.sin6_family = AF_INET6;
    out->v6.sin6_port = htons(candidate->port);
    return inet_pton(AF_INET6, text, &out->v6.sin6_addr) == 1;
}

static void read_candidates(const struct sdp_offer *parsed, struct whep_answer *out)
{
    for (unsigned i = 0; i < parsed->candidate_count; i++)
        if (out->candidate_count < WHEP_MAX_CANDIDATES &&
            read_address(&parsed->candidates[i], &out->candidates[out->candidate_count]))
            out->candidate_count++;
}

static bool has_video(const struct sdp_offer *parsed)
{
    for (unsigned i = 0; i < parsed->media_count; i++) {
        const struct sdp_offer_media *medium = &parsed->media[i];
        if (span_is(medium->kind, "video") && medium->port != 0 && medium->format_count > 0 &&
            medium->formats[0].payload_type == WHEP_VIDEO_TYPE && medium->direction != SDP_INACTIVE)
            return true;
    }
    return false;
}

static int read_transport(const struct sdp_transport *transport, struct whep_answer *out,
                          struct errmsg *why)
{
    if (span_copy_string(transport->ufrag, out->ufrag, sizeof(out->ufrag)) < 0 ||
        span_copy_string(transport->pwd, out->pwd, sizeof(out->pwd)) < 0)
        return errmsg_set(why, -EPROTO, "the answer's ICE credentials are too long");
    if (transport->setup != SDP_SETUP_ACTIVE && transport->setup != SDP_SETUP_PASSIVE)
        return errmsg_set(why, -EPROTO, "the answer says neither setup:active nor setup:passive");
    out->is_active = transport->setup == SDP_SETUP_ACTIVE;
    out->fingerprint = *sdp_transport_fingerprint(transport);
    return 0;
}

int whep_read_answer(struct span text, struct whep_answer *out, struct errmsg *why)
{
    struct whep_answer   answer = { 0 };
    AUTO(mem_free) char *memory = mem_zero(sizeof(struct sdp_offer)); /* much for a stack */
    struct sdp_offer    *parsed = (struct sdp_offer *)memory;
    if (sdp_offer_parse(text, parsed, why) < 0)
        return errmsg_prefix(why, -EPROTO, "the answer");
    int err = read_transport(&parsed->media[parsed->transport_at].transport, &answer, why);
    if (err < 0)
        return err;
    if (!has_video(parsed))
        return errmsg_set(why, -EPROTO, "the answer has no H264 video");
    read_candidates(parsed, &answer);
    if (answer.candidate_count == 0)
        return errmsg_set(why, -EPROTO, "the answer names no address that we could reach");
    *out = answer;
    return 0;
}

static bool is_of_host(const struct udp_address *candidate, const struct udp_address *server)
{
    if (server->any.sa_family != candidate->any.sa_family)
        return false;
    if (server->any.sa_family == AF_INET)
        return server->v4.sin_addr.s_addr == candidate->v4.sin_addr.s_addr;
    return IN6_ARE_ADDR_EQUAL(&server->v6.sin6_addr, &candidate->v6.sin6_addr);
}

static bool is_of_family(const struct udp_address *candidate, const struct udp_address *server)
{
    return server->any.sa_family == candidate->any.sa_family;
}

void whep_choose_candidates(struct whep_answer *answer, const struct udp_address *server)
{
    bool (*const better[])(const struct udp_address *,
                           const struct udp_address *) = { is_of_host, is_of_family };
    for (size_t i = 0; i < COUNT(better); i++) {
        unsigned kept = 0;
        for (unsigned j = 0; j < answer->candidate_count; j++)
            if (better[i](&answer->candidates[j], server))
                answer->candidates[kept++] = answer->candidates[j];
        if (kept > 0) {
            answer->candidate_count = kept;
            return;
        }
    }
}
