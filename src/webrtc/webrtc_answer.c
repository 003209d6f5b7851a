/* Which tracks go to which of the offered media, and how the answer says so. */
#include <errno.h>

#include "base/mem.h"
#include "base/random.h"
#include "webrtc/webrtc_internal.h"

#define PLAYOUT_DELAY "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"

/* What browsers take over RTP; the names are those of rtpmap lines. */
static const enum codec_id played[] = { CODEC_AV1,  CODEC_VP9,  CODEC_VP8,  CODEC_H265, CODEC_H264,
                                        CODEC_OPUS, CODEC_G722, CODEC_G711, CODEC_LPCM };

/* The answer to streams of which nothing is left, in MediaMTX's words. */
#define NOTHING_TO_PLAY                                                                            \
    "the stream doesn't contain any supported codec, which are currently AV1, VP9, VP8, H265, "    \
    "H264, Opus, G722, G711, LPCM"

/* ... and to clients that play nothing of the stream. */
#define NOTHING_IN_COMMON "codecs not supported by client"

/* ... or that want RTCP in another way. */
#define NO_MUX "RTCP on a port of its own is not supported: the offer has no rtcp-mux"

static struct span name_of(struct span rtpmap)
{
    struct span name = { 0 };
    (void)span_next(&rtpmap, '/', &name);
    return name;
}

bool webrtc_plays(const struct sdp_media *media)
{
    for (size_t i = 0; i < COUNT(played); i++)
        if (media->codec->id == played[i])
            return media->codec->id != CODEC_LPCM || span_is_nocase(name_of(media->rtpmap), "L16");
    return false;
}

/* Formats */

static bool has_param(const struct sdp_format *format, const char *key, const char *value)
{
    struct span found = sdp_format_param(format, key);
    return found.p && span_is_nocase(found, value);
}

/* The same value, or the same default. */
static bool agrees(const struct sdp_format *format, const struct sdp_media *media, const char *key,
                   const char *usual)
{
    struct span offered = sdp_format_param(format, key), ours = sdp_fmtp(media, key);
    return span_equal(offered.p ? offered : span_from_string(usual),
                      ours.p ? ours : span_from_string(usual));
}

/* RFC 5761, section 4: RTCP has the same port, and is what these look like with a marker. */
enum { RTCP_LIKE_FIRST = 64, RTCP_LIKE_LAST = 95 };

static bool is_free(const struct sdp_format *format)
{
    return format->payload_type < RTCP_LIKE_FIRST || format->payload_type > RTCP_LIKE_LAST;
}

/* 0: unfit; of the others the largest is taken. */
static unsigned fitness(const struct sdp_format *format, const struct sdp_media *media)
{
    unsigned channels = MAX(format->channels, (uint8_t)1), ours = MAX(media->channels, (uint8_t)1);
    if (!is_free(format) || !span_equal_nocase(format->name, name_of(media->rtpmap)) ||
        format->clock_rate != media->clock_rate)
        return 0;
    switch (media->codec->id) {
    case CODEC_H264: /* whatever the stream's profile is: browsers decode more than they name */
        if (!has_param(format, "packetization-mode", "1"))
            return 0;
        return has_param(format, "profile-level-id", "42e01f") ? 2 : 1;
    case CODEC_H265: /* whatever its profile is, too, but the same one rather than another */
        return agrees(format, media, "profile-id", "1") ? 2 : 1;
    case CODEC_VP9:
        return agrees(format, media, "profile-id", "0");
    case CODEC_AV1:
        return agrees(format, media, "profile", "0");
    case CODEC_OPUS: /* always said to be two (RFC 7587, section 7) */
        return 1;
    default:
        return channels == ours;
    }
}

static const struct sdp_format *find_format(const struct sdp_offer_media *offered,
                                            const struct sdp_media       *media)
{
    const struct sdp_format *best = NULL;
    unsigned                 most = 0;
    for (unsigned i = 0; i < offered->format_count; i++) {
        unsigned fit = fitness(&offered->formats[i], media);
        if (fit > most) {
            most = fit;
            best = &offered->formats[i];
        }
    }
    return best;
}

/* We have one transport: what does not share it is left. */
static bool wants_media(const struct sdp_offer *offer, unsigned index)
{
    const struct sdp_offer_media *offered = &offer->media[index];
    return offered->protocol == SDP_PROTOCOL_RTP && !offered->is_rejected &&
           (offered->is_bundled || index == offer->transport_at) &&
           (offered->direction == SDP_RECVONLY || offered->direction == SDP_SENDRECV);
}

/* Tracks */

struct choice {
    struct webrtc_session  *session;
    const struct sdp_offer *offer;
    const struct sdp       *stream;
    struct sdp_answer      *answer;
    uint32_t                taken; /* tracks of the stream; bits */
};

/* NULL: no reason of ours. */
static const char *why_unplayable(const struct choice *choice, unsigned index)
{
    if (!webrtc_plays(&choice->stream->media[index]))
        return "browsers can't play it over WebRTC";
    if (choice->session->viewer.feed->tracks[index].has_b_frames)
        return "it has B-frames, which browsers can't play";
    return NULL;
}

/* Is a track of this kind wanted, but with RTCP on a second port? (RFC 5761, section 5.1.1) */
static bool lacks_mux(const struct choice *choice, unsigned index)
{
    for (unsigned i = 0; i < choice->offer->media_count; i++) {
        const struct sdp_offer_media *offered = &choice->offer->media[i];
        if (span_equal(offered->kind, choice->stream->media[index].kind) &&
            wants_media(choice->offer, i) && !offered->has_rtcp_mux)
            return true;
    }
    return false;
}

static const char *why_skipped(const struct choice *choice, unsigned index)
{
    const char *why = why_unplayable(choice, index);
    if (why)
        return why;
    return lacks_mux(choice, index) ? "the client does not offer rtcp-mux for it"
                                    : "the client does not offer to play it";
}

static const char *why_nothing(const struct choice *choice)
{
    const char *why = NOTHING_TO_PLAY;
    for (unsigned i = 0; i < choice->stream->media_count; i++) {
        if (why_unplayable(choice, i))
            continue;
        if (lacks_mux(choice, i))
            return NO_MUX;
        why = NOTHING_IN_COMMON;
    }
    return why;
}

static struct webrtc_track *add_track(struct choice *choice, unsigned index,
                                      const struct sdp_offer_media *offered,
                                      const struct sdp_format      *format)
{
    struct webrtc_viewer *viewer = &choice->session->viewer;
    struct webrtc_track  *track = &viewer->tracks[viewer->track_count++];
    uint8_t               delay = sdp_offer_find_extmap(offered, PLAYOUT_DELAY);
    *track = (struct webrtc_track){ .is_on = true,
                                    .feed_track = (uint8_t)index,
                                    .payload_type = format->payload_type,
                                    .playout_delay = delay <= 14 ? delay : 0,
                                    .ssrc = random_u32() | 1 };
    viewer->of_feed[index] = (uint8_t)viewer->track_count;
    choice->taken |= UINT32_C(1) << index;
    return track;
}

/* The first track of the stream that this medium can carry. */
static const struct sdp_format *choose(struct choice *choice, const struct sdp_offer_media *offered,
                                       struct webrtc_track **track)
{
    if (choice->session->viewer.track_count == WEBRTC_MAX_TRACKS)
        return NULL;
    for (unsigned i = 0; i < choice->stream->media_count; i++) {
        const struct sdp_media  *media = &choice->stream->media[i];
        const struct sdp_format *format;
        if ((choice->taken >> i & 1) || why_unplayable(choice, i) ||
            !span_equal(media->kind, offered->kind) || !(format = find_format(offered, media)))
            continue;
        *track = add_track(choice, i, offered, format);
        return format;
    }
    return NULL;
}

static void accept_format(struct sdp_answer_media *out, const struct sdp_format *format)
{
    out->is_accepted = true;
    out->direction = SDP_SENDONLY;
    out->format_count = 1;
    out->formats[0] = (struct sdp_answer_format){
        .payload_type = format->payload_type,
        .rtpmap = format->rtpmap,
        .fmtp = format->fmtp,
        .feedback = format->feedback & (SDP_NACK | SDP_NACK_PLI),
    };
}

/* Any that it could play; PCMU if there is it. */
static const struct sdp_format *format_without_data(const struct sdp_offer_media *offered)
{
    const struct sdp_format *any = NULL;
    for (unsigned i = 0; i < offered->format_count; i++) {
        const struct sdp_format *format = &offered->formats[i];
        if (span_is_nocase(format->name, "PCMU"))
            return format;
        if (!any && format->rtpmap.len && !format->is_rtx && is_free(format))
            any = format;
    }
    return any;
}

/*
 * Without a sound track Chromium and Firefox show no picture, and without a video codec no sound is
 * heard; a video track that brings nothing silences it too.
 */
static void accept_without_data(struct sdp_answer_media *out, const struct sdp_offer_media *offered)
{
    const struct sdp_format *format = format_without_data(offered);
    if (!format)
        return;
    accept_format(out, format);
    if (span_is(offered->kind, "audio"))
        out->ssrc = random_u32() | 1; /* 0 would be none */
    else
        out->direction = SDP_INACTIVE;
}

static void answer_medium(struct choice *choice, unsigned index)
{
    const struct sdp_offer_media *offered = &choice->offer->media[index];
    struct sdp_answer_media      *out = &choice->answer->media[index];
    *out = (struct sdp_answer_media){ .kind = offered->kind,
                                      .mid = offered->mid,
                                      .protocol = offered->protocol_text,
                                      .is_bundled = offered->is_bundled,
                                      .has_rtcp_rsize = offered->has_rtcp_rsize,
                                      .label = offered->kind };
    if (!wants_media(choice->offer, index) || !offered->has_rtcp_mux)
        return;
    struct webrtc_track     *track = NULL;
    const struct sdp_format *format = choose(choice, offered, &track);
    if (!format) {
        accept_without_data(out, offered);
        return;
    }
    accept_format(out, format);
    out->ssrc = track->ssrc;
    if (track->playout_delay)
        out->extmaps[out->extmap_count++] =
            (struct sdp_extmap){ track->playout_delay, BYTES(PLAYOUT_DELAY) };
}

/* Nobody misses metadata. */
static bool is_missed(const struct choice *choice, unsigned index)
{
    struct span kind = choice->stream->media[index].kind;
    return !(choice->taken >> index & 1) && (span_is(kind, "video") || span_is(kind, "audio"));
}

static void name_skipped(struct choice *choice)
{
    char *text = choice->session->skipped;
    for (unsigned i = 0; i < choice->stream->media_count; i++) {
        const struct sdp_media *media = &choice->stream->media[i];
        size_t                  len = strlen(text);
        if (!is_missed(choice, i))
            continue;
        (void)snprintf(text + len, WEBRTC_SKIPPED_TEXT - len, "%strack %u (%s): %s",
                       len ? ", " : "", i + 1, media->codec->name, why_skipped(choice, i));
    }
}

/* The answer */

static void add_hosts(struct sdp_answer *answer, const struct webrtc_session *session)
{
    for (unsigned i = 0; i < session->host_count; i++) {
        const struct webrtc_host *host = &session->hosts[i];
        answer->candidates[i] = (struct sdp_candidate){
            .foundation = span_from_string(host->foundation),
            .priority = candidate_priority(CANDIDATE_HOST, (uint16_t)(UINT16_MAX - i), 1),
            .address = span_from_string(host->address),
            .port = host->port,
            .type = CANDIDATE_HOST,
        };
    }
    answer->candidate_count = session->host_count;
}

static void begin_answer(struct sdp_answer *answer, const struct webrtc_session *session)
{
    const struct ice_credentials *local = ice_agent_local(session->ice);
    random_bytes(&answer->session_id, sizeof(answer->session_id));
    answer->session_id >>= 2; /* fits a signed number */
    answer->session_version = 1;
    answer->stream = BYTES(WEBRTC_CNAME);
    answer->ufrag = span_from_string(local->ufrag);
    answer->pwd = span_from_string(local->pwd);
    add_hosts(answer, session);
}

/* An ICE restart names the media once more. */
static void keep_media(struct webrtc_session *session, const struct sdp_answer *answer)
{
    session->media_count = answer->media_count;
    session->media = mem_new_array(struct webrtc_medium, answer->media_count);
    for (unsigned i = 0; i < answer->media_count; i++) {
        const struct sdp_answer_media *media = &answer->media[i];
        session->media[i] = (struct webrtc_medium){ .kind = span_to_string(media->kind),
                                                    .mid = span_to_string(media->mid),
                                                    .payload_type = media->formats[0].payload_type,
                                                    .is_accepted = media->is_accepted };
    }
}

static void auto_mem_free_answer(struct sdp_answer **answer)
{
    mem_free(*answer);
}

int webrtc_answer(struct webrtc_session *session, struct webrtc_post *post)
{
    const struct sdp_offer                  *offer = &post->offer;
    AUTO(mem_free_answer) struct sdp_answer *answer = mem_new(struct sdp_answer);
    struct description *description = stream_description(session->viewer.feed->reader.stream);
    struct choice       choice = { session, offer, &description->sdp, answer, 0 };
    begin_answer(answer, session);
    answer->fingerprint = *dtls_context_fingerprint(session->worker->server->dtls);
    answer->setup = offer->media[offer->transport_at].transport.setup == SDP_SETUP_PASSIVE
                        ? SDP_SETUP_ACTIVE
                        : SDP_SETUP_PASSIVE;
    answer->has_extmap_allow_mixed = offer->has_extmap_allow_mixed;
    answer->media_count = offer->media_count;
    for (unsigned i = 0; i < offer->media_count; i++)
        answer_medium(&choice, i);
    name_skipped(&choice);
    if (choice.taken == 0)
        return errmsg_set(&post->why, -EINVAL, "%s%s%s%s", why_nothing(&choice),
                          session->skipped[0] ? " (" : "", session->skipped,
                          session->skipped[0] ? ")" : "");
    description_summary(description, choice.taken, session->tracks, sizeof(session->tracks));
    memcpy(post->skipped, session->skipped, sizeof(post->skipped));
    keep_media(session, answer);
    sdp_answer_write(&post->answer, answer);
    return 0;
}

void webrtc_answer_restart(const struct webrtc_session *session, struct buf *out)
{
    AUTO(mem_free_answer) struct sdp_answer *answer = mem_new(struct sdp_answer);
    begin_answer(answer, session);
    answer->media_count = session->media_count;
    for (unsigned i = 0; i < session->media_count; i++) {
        const struct webrtc_medium *medium = &session->media[i];
        answer->media[i] = (struct sdp_answer_media){
            .kind = span_from_string(medium->kind),
            .mid = span_from_string(medium->mid),
            .is_accepted = medium->is_accepted,
            .format_count = 1,
            .formats = { { .payload_type = medium->payload_type } },
        };
    }
    sdp_fragment_write(out, answer);
}
