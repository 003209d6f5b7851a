#include "sdp/sdp_answer.h"

#include <inttypes.h>

#include "base/check.h"
#include "sdp/sdp_internal.h"

enum { DATA_PORT = 9 }; /* "discard": where media really go, ICE finds out (RFC 8840, 4.1.1) */

static const char *const direction_names[] = {
    [SDP_SENDRECV] = "sendrecv",
    [SDP_SENDONLY] = "sendonly",
    [SDP_RECVONLY] = "recvonly",
    [SDP_INACTIVE] = "inactive",
};

static const enum sdp_feedback written_feedback[] = { SDP_NACK, SDP_NACK_PLI, SDP_TRANSPORT_CC };

static struct span protocol_of(const struct sdp_answer_media *media)
{
    return media->protocol.len ? media->protocol : BYTES("UDP/TLS/RTP/SAVPF");
}

static void write_fingerprint(struct buf *out, const struct sdp_fingerprint *fingerprint)
{
    buf_printf(out, "a=fingerprint:%s ", sdp_hashes[fingerprint->hash].name);
    for (unsigned i = 0; i < fingerprint->len; i++)
        buf_printf(out, "%s%02X", i ? ":" : "", fingerprint->digest[i]);
    buf_append_string(out, "\r\n");
}

static void write_group(struct buf *out, const struct sdp_answer *answer)
{
    unsigned count = 0;
    for (unsigned i = 0; i < answer->media_count; i++) {
        const struct sdp_answer_media *media = &answer->media[i];
        if (!media->is_accepted || !media->is_bundled)
            continue;
        buf_printf(out, "%s %.*s", count++ ? "" : "a=group:BUNDLE", SPAN_ARGS(media->mid));
    }
    if (count)
        buf_append_string(out, "\r\n");
}

static void write_session(struct buf *out, const struct sdp_answer *answer)
{
    buf_printf(out,
               "v=0\r\no=- %" PRIu64 " %" PRIu64 " IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
               "a=msid-semantic:WMS *\r\n",
               answer->session_id, answer->session_version);
    write_fingerprint(out, &answer->fingerprint);
    if (answer->has_extmap_allow_mixed)
        buf_append_string(out, "a=extmap-allow-mixed\r\n");
    write_group(out, answer);
}

void sdp_write_media_line(struct buf *out, const struct sdp_answer_media *media)
{
    buf_printf(out, "m=%.*s %d %.*s", SPAN_ARGS(media->kind), DATA_PORT,
               SPAN_ARGS(protocol_of(media)));
    for (unsigned i = 0; i < media->format_count; i++)
        buf_printf(out, " %u", media->formats[i].payload_type);
    buf_append_string(out, "\r\n");
}

void sdp_write_credentials(struct buf *out, const struct sdp_answer *answer)
{
    buf_printf(out, "a=ice-ufrag:%.*s\r\na=ice-pwd:%.*s\r\n", SPAN_ARGS(answer->ufrag),
               SPAN_ARGS(answer->pwd));
}

void sdp_write_candidates(struct buf *out, const struct sdp_answer *answer)
{
    for (unsigned i = 0; i < answer->candidate_count; i++)
        for (unsigned component = 1; component <= 2; component++)
            sdp_candidate_write(out, &answer->candidates[i], component);
}

void sdp_write_mid(struct buf *out, const struct sdp_answer_media *media)
{
    if (media->mid.len)
        buf_printf(out, "a=mid:%.*s\r\n", SPAN_ARGS(media->mid));
}

/*
 * RFC 3264, section 6: port 0, with the offer's protocol and a format. The c= line is for Firefox,
 * which refuses a description where a medium has none.
 */
static void write_rejected(struct buf *out, const struct sdp_answer_media *media)
{
    bool is_data = span_is(media->kind, "application");
    buf_printf(out, "m=%.*s 0 %.*s %s\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\n",
               SPAN_ARGS(media->kind), SPAN_ARGS(protocol_of(media)),
               is_data ? "webrtc-datachannel" : "0");
    sdp_write_mid(out, media);
}

static void write_format(struct buf *out, const struct sdp_answer_format *format)
{
    buf_printf(out, "a=rtpmap:%u %.*s\r\n", format->payload_type, SPAN_ARGS(format->rtpmap));
    if (format->fmtp.len)
        buf_printf(out, "a=fmtp:%u %.*s\r\n", format->payload_type, SPAN_ARGS(format->fmtp));
    for (size_t i = 0; i < COUNT(written_feedback); i++)
        if (format->feedback & written_feedback[i])
            buf_printf(out, "a=rtcp-fb:%u %s\r\n", format->payload_type,
                       sdp_feedback_text(written_feedback[i]));
}

/* Our track, in all the forms that browsers have asked for over the years. */
static void write_track(struct buf *out, const struct sdp_answer *answer,
                        const struct sdp_answer_media *media)
{
    if (media->ssrc == 0)
        return;
    struct span stream = answer->stream, label = media->label;
    buf_printf(out, "a=ssrc:%u cname:%.*s\r\n", media->ssrc, SPAN_ARGS(stream));
    buf_printf(out, "a=ssrc:%u msid:%.*s %.*s\r\n", media->ssrc, SPAN_ARGS(stream),
               SPAN_ARGS(label));
    buf_printf(out, "a=ssrc:%u mslabel:%.*s\r\n", media->ssrc, SPAN_ARGS(stream));
    buf_printf(out, "a=ssrc:%u label:%.*s\r\n", media->ssrc, SPAN_ARGS(label));
    buf_printf(out, "a=msid:%.*s %.*s\r\n", SPAN_ARGS(stream), SPAN_ARGS(label));
}

static void write_accepted(struct buf *out, const struct sdp_answer *answer,
                           const struct sdp_answer_media *media)
{
    sdp_write_media_line(out, media);
    buf_printf(out, "c=IN IP4 0.0.0.0\r\na=setup:%s\r\n", sdp_setup_names[answer->setup]);
    sdp_write_mid(out, media);
    sdp_write_credentials(out, answer);
    buf_append_string(out, "a=rtcp-mux\r\n");
    if (media->has_rtcp_rsize)
        buf_append_string(out, "a=rtcp-rsize\r\n");
    for (unsigned i = 0; i < media->format_count; i++)
        write_format(out, &media->formats[i]);
    for (unsigned i = 0; i < media->extmap_count; i++)
        buf_printf(out, "a=extmap:%u %.*s\r\n", media->extmaps[i].id,
                   SPAN_ARGS(media->extmaps[i].uri));
    write_track(out, answer, media);
    buf_printf(out, "a=%s\r\n", direction_names[media->direction]);
}

void sdp_answer_write(struct buf *out, const struct sdp_answer *answer)
{
    bool has_candidates = false;
    write_session(out, answer);
    for (unsigned i = 0; i < answer->media_count; i++) {
        const struct sdp_answer_media *media = &answer->media[i];
        if (!media->is_accepted) {
            write_rejected(out, media);
            continue;
        }
        write_accepted(out, answer, media);
        if (has_candidates)
            continue;
        sdp_write_candidates(out, answer);
        buf_append_string(out, "a=end-of-candidates\r\n");
        has_candidates = true;
    }
}
