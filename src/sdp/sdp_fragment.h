/**
 * sdp_fragment: application/trickle-ice-sdpfrag (RFC 8840, section 9): candidates that came after
 * the offer, or the credentials of an ICE restart.
 *
 * Tolerant: as sdp_offer. Credentials may stand at session level, or in the media (RFC 9725).
 * Shape:    struct sdp_fragment is plain and owns nothing; its spans are views into the text.
 */
#pragma once
#include <stdbool.h>

#include "base/buf.h"
#include "base/errmsg.h"
#include "base/span.h"
#include "sdp/sdp_answer.h"
#include "sdp/sdp_candidate.h"
#include "sdp/sdp_offer.h"

struct sdp_fragment {
    struct span          ufrag, pwd; /* of the session, else of the first medium with them */
    unsigned             media_count;
    struct span          mids[SDP_OFFER_MAX_MEDIA]; /* by index of medium; empty: not said */
    unsigned             candidate_count;
    struct sdp_candidate candidates[SDP_MAX_CANDIDATES];
};

/**
 * -EINVAL with a reason in `why`, in MediaMTX's words: a line that is none, no text, a last line
 * without its end, more than SDP_OFFER_MAX_MEDIA, or no ufrag. `out` is then undefined.
 */
int sdp_fragment_parse(struct span text, struct sdp_fragment *out, struct errmsg *why);

/** The answer to an ICE restart: new credentials and candidates for the accepted media. */
void sdp_fragment_write(struct buf *out, const struct sdp_answer *answer);
