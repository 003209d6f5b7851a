/**
 * sdp_answer: what we answer to an offer, line by line as MediaMTX does, but for `a=setup:`, which
 * is as the struct says.
 *
 * Shape:   struct sdp_answer is plain and owns nothing. A medium of zeros with its kind is one
 *          that is rejected.
 * Size:    about 45 KB.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"
#include "sdp/sdp_candidate.h"
#include "sdp/sdp_offer.h"

enum {
    SDP_ANSWER_MAX_FORMATS = 16, /* of a medium: a viewer gets one, a publisher may choose */
    SDP_ANSWER_MAX_EXTMAPS = 16,
};

struct sdp_answer_format {
    uint8_t     payload_type; /* the offer's */
    struct span rtpmap;       /* "H264/90000" */
    struct span fmtp;         /* may be empty */
    unsigned    feedback;     /* SDP_NACK, SDP_NACK_PLI and SDP_TRANSPORT_CC are written */
};

struct sdp_answer_media {
    struct span              kind;     /* "video" */
    struct span              mid;      /* the offer's; may be empty */
    struct span              protocol; /* the offer's; empty: UDP/TLS/RTP/SAVPF */
    bool                     is_accepted;
    bool                     is_bundled;
    bool                     has_rtcp_rsize; /* only if the offer has it; rtcp-mux is always said */
    enum sdp_direction       direction;
    uint32_t                 ssrc;  /* 0: we send nothing; no ssrc and msid lines */
    struct span              label; /* of our track: "video" */
    unsigned                 format_count;
    struct sdp_answer_format formats[SDP_ANSWER_MAX_FORMATS];
    unsigned                 extmap_count;
    struct sdp_extmap        extmaps[SDP_ANSWER_MAX_EXTMAPS];
};

struct sdp_answer {
    uint64_t                session_id, session_version; /* of o= */
    struct sdp_fingerprint  fingerprint;
    enum sdp_setup          setup; /* SDP_SETUP_PASSIVE or SDP_SETUP_ACTIVE */
    bool                    has_extmap_allow_mixed;
    struct span             stream; /* cname and msid of our tracks: "mediamtx" */
    struct span             ufrag, pwd;
    unsigned                candidate_count;
    struct sdp_candidate    candidates[SDP_MAX_CANDIDATES]; /* in the first accepted medium */
    unsigned                media_count;                    /* in the offer's order */
    struct sdp_answer_media media[SDP_OFFER_MAX_MEDIA];
};

/** Lines end in CRLF. Each candidate is written for components 1 and 2, as MediaMTX does. */
void sdp_answer_write(struct buf *out, const struct sdp_answer *answer);
