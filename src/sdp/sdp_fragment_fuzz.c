#include "sdp/sdp_fragment.h"

#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sdp_fragment fragment;
    struct errmsg              why;
    struct span                text = { data, size };
    if (sdp_fragment_parse(text, &fragment, &why) < 0)
        return 0;
    ASSERT(fragment.media_count <= SDP_OFFER_MAX_MEDIA);
    ASSERT(fragment.candidate_count <= SDP_MAX_CANDIDATES);
    ASSERT(fragment.ufrag.len > 0 && fragment.ufrag.len <= SDP_MAX_ICE_TEXT);
    ASSERT(fragment.pwd.len <= SDP_MAX_ICE_TEXT);
    ASSERT(span_contains(text, fragment.ufrag) && span_contains(text, fragment.pwd));
    for (unsigned i = 0; i < fragment.media_count; i++)
        ASSERT(span_contains(text, fragment.mids[i]));
    for (unsigned i = 0; i < fragment.candidate_count; i++) {
        const struct sdp_candidate *candidate = &fragment.candidates[i];
        ASSERT(candidate->media < fragment.media_count);
        ASSERT(candidate->address.len > 0 && span_contains(text, candidate->address));
        ASSERT(span_contains(text, candidate->foundation));
        ASSERT(span_contains(text, candidate->ufrag));
    }
    return 0;
}
