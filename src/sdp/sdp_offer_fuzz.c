#include "sdp/sdp_offer.h"

#include "base/auto.h"
#include "base/check.h"
#include "sdp/sdp_answer.h"

static struct sdp_offer  offer, again;
static struct sdp_answer answer;

static void check_transport(struct span text, const struct sdp_transport *transport)
{
    ASSERT(span_contains(text, transport->ufrag) && transport->ufrag.len <= SDP_MAX_ICE_TEXT);
    ASSERT(span_contains(text, transport->pwd) && transport->pwd.len <= SDP_MAX_ICE_TEXT);
    ASSERT(transport->fingerprint_count <= SDP_OFFER_MAX_FINGERPRINTS);
}

static void check_media(struct span text, const struct sdp_offer_media *media)
{
    ASSERT(media->format_count <= SDP_OFFER_MAX_FORMATS);
    ASSERT(media->extmap_count <= SDP_OFFER_MAX_EXTMAPS);
    ASSERT(span_contains(text, media->kind) && span_contains(text, media->mid));
    check_transport(text, &media->transport);
    for (unsigned i = 0; i < media->format_count; i++) {
        const struct sdp_format *format = &media->formats[i];
        ASSERT(format->payload_type <= 127 && format->apt <= 127);
        ASSERT(span_contains(format->rtpmap, format->name) && span_contains(text, format->fmtp));
        ASSERT(span_contains(text, sdp_format_param(format, "profile-level-id")));
    }
    for (unsigned i = 0; i < media->extmap_count; i++)
        ASSERT(media->extmaps[i].id > 0 && span_contains(text, media->extmaps[i].uri));
}

static void accept_media(const struct sdp_offer_media *media, struct sdp_answer_media *out)
{
    *out = (struct sdp_answer_media){ .kind = media->kind,
                                      .mid = media->mid,
                                      .protocol = media->protocol_text,
                                      .is_accepted = media->format_count > 0,
                                      .is_bundled = media->is_bundled,
                                      .has_rtcp_rsize = media->has_rtcp_rsize,
                                      .direction = media->direction,
                                      .format_count = media->format_count > 0 };
    if (media->format_count)
        out->formats[0] =
            (struct sdp_answer_format){ media->formats[0].payload_type, media->formats[0].rtpmap,
                                        media->formats[0].fmtp, SDP_NACK };
}

/* An answer to it reads as the same media again. */
static void check_round_trip(void)
{
    const struct sdp_transport *transport = &offer.media[offer.transport_at].transport;
    AUTO(buf_fini) struct buf   out = { 0 };
    struct errmsg               why;
    bool                        is_accepted = false;
    answer.fingerprint = *sdp_transport_fingerprint(transport);
    answer.ufrag = transport->ufrag;
    answer.pwd = transport->pwd;
    answer.setup = transport->setup == SDP_SETUP_PASSIVE ? SDP_SETUP_ACTIVE : SDP_SETUP_PASSIVE;
    answer.candidate_count = offer.candidate_count;
    memcpy(answer.candidates, offer.candidates, sizeof(offer.candidates));
    answer.media_count = offer.media_count;
    for (unsigned i = 0; i < offer.media_count; i++) {
        accept_media(&offer.media[i], &answer.media[i]);
        is_accepted |= answer.media[i].is_accepted;
    }
    sdp_answer_write(&out, &answer);
    int err = sdp_offer_parse(buf_span(&out), &again, &why);
    ASSERT(err == 0 || !is_accepted);
    for (unsigned i = 0; err == 0 && i < offer.media_count; i++)
        ASSERT(span_equal(again.media[i].kind, offer.media[i].kind) &&
               span_equal(again.media[i].mid, offer.media[i].mid));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct errmsg why;
    struct span   text = { data, size };
    if (sdp_offer_parse(text, &offer, &why) < 0)
        return 0;
    ASSERT(offer.media_count >= 1 && offer.media_count <= SDP_OFFER_MAX_MEDIA);
    ASSERT(offer.transport_at < offer.media_count);
    ASSERT(offer.candidate_count <= SDP_MAX_CANDIDATES);
    for (unsigned i = 0; i < offer.media_count; i++)
        check_media(text, &offer.media[i]);
    for (unsigned i = 0; i < offer.candidate_count; i++) {
        ASSERT(offer.candidates[i].media < offer.media_count);
        ASSERT(span_contains(text, offer.candidates[i].address));
    }
    check_round_trip();
    return 0;
}
