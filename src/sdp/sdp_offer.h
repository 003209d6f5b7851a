/**
 * sdp_offer: what a WebRTC peer offers (RFC 9429, 8839, 8842, 8843).
 *
 * Tolerant: unknown lines and attributes, broken candidates, extmaps and formats are passed over;
 *           order does not matter, but that a medium's attributes follow its m= line; the last line
 *           needs no end. Refused is what can't be answered: see sdp_offer_parse().
 * Shape:    struct sdp_offer is plain and owns nothing; its spans are views into the parsed text,
 *           or constants for static payload types. Beyond the counts nothing is set.
 * Size:     about 350 KB: keep it on the heap, for the time of the answer.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/errmsg.h"
#include "base/span.h"
#include "sdp/sdp_candidate.h"
#include "sdp/sdp_feedback.h"

enum {
    SDP_OFFER_MAX_MEDIA = 32,       /* a viewer needs two */
    SDP_OFFER_MAX_FORMATS = 128,    /* of a medium: payload types have seven bits */
    SDP_OFFER_MAX_EXTMAPS = 32,     /* of a medium; Chromium sends 11 */
    SDP_OFFER_MAX_FINGERPRINTS = 8, /* of a transport; aiortc sends three */
    SDP_MAX_ICE_TEXT = 256,         /* ufrag and pwd (RFC 8839, section 5.4) */
    SDP_MAX_DIGEST = 64,            /* bytes of SHA-512 */
};

enum sdp_direction { SDP_SENDRECV, SDP_SENDONLY, SDP_RECVONLY, SDP_INACTIVE };

enum sdp_setup {
    SDP_SETUP_UNSAID,
    SDP_SETUP_ACTPASS,
    SDP_SETUP_ACTIVE,
    SDP_SETUP_PASSIVE,
    SDP_SETUP_HOLDCONN
};

enum sdp_hash { SDP_SHA256, SDP_SHA384, SDP_SHA512, SDP_SHA1 }; /* the first we would take first */

enum sdp_protocol {
    SDP_PROTOCOL_OTHER,
    SDP_PROTOCOL_RTP,  /* UDP/TLS/RTP/SAVPF and all that RFC 9429 takes for the same */
    SDP_PROTOCOL_DATA, /* webrtc-datachannel over DTLS */
};

struct sdp_fingerprint {
    enum sdp_hash hash;
    uint8_t       len;
    uint8_t       digest[SDP_MAX_DIGEST];
};

/** What ICE and DTLS need; a medium that does not say one of these has the session's. */
struct sdp_transport {
    struct span            ufrag, pwd;
    enum sdp_setup         setup;
    unsigned               fingerprint_count; /* of hashes we know */
    struct sdp_fingerprint fingerprints[SDP_OFFER_MAX_FINGERPRINTS];
};

struct sdp_format {
    uint8_t     payload_type;
    struct span rtpmap; /* "opus/48000/2"; empty: no rtpmap, and no static type */
    struct span name;   /* "opus" */
    uint32_t    clock_rate;
    uint8_t     channels; /* 0: not said */
    struct span fmtp;     /* all of it, as sent */
    unsigned    feedback; /* bits of enum sdp_feedback */
    bool        is_rtx;
    uint8_t     apt; /* of rtx: the payload type that it repeats */
};

struct sdp_extmap {
    uint8_t     id; /* 1..255; above 14 only with two-byte headers */
    struct span uri;
};

struct sdp_offer_media {
    struct span          kind; /* "video", "audio", "application" */
    struct span          mid;  /* empty: not said */
    uint16_t             port;
    bool                 is_rejected; /* port 0, and not for being bundle-only (RFC 8843) */
    struct span          protocol_text;
    enum sdp_protocol    protocol;
    enum sdp_direction   direction;
    bool                 is_bundled;
    bool                 has_rtcp_mux;   /* RTCP comes by the same port (RFC 5761) */
    bool                 has_rtcp_rsize; /* RTCP packets need not be compound (RFC 5506) */
    struct sdp_transport transport;
    unsigned             format_count; /* of RTP media, in the peer's order of preference */
    struct sdp_format    formats[SDP_OFFER_MAX_FORMATS];
    unsigned             extmap_count;
    struct sdp_extmap    extmaps[SDP_OFFER_MAX_EXTMAPS];
};

struct sdp_offer {
    bool                   has_bundle; /* there is an a=group:BUNDLE */
    bool                   has_extmap_allow_mixed;
    bool                   is_ice_lite;
    enum sdp_direction     direction;    /* of media that do not say theirs */
    struct sdp_transport   session;      /* what was said for all media */
    unsigned               transport_at; /* the medium whose transport carries all (RFC 8843) */
    unsigned               candidate_count;
    struct sdp_candidate   candidates[SDP_MAX_CANDIDATES]; /* of all media */
    unsigned               media_count;                    /* at least 1 */
    struct sdp_offer_media media[SDP_OFFER_MAX_MEDIA];
};

/**
 * -EINVAL with a reason in `why`, in MediaMTX's words where it has some, when a line is none, an
 * m= line has no port, there are no media or more than SDP_OFFER_MAX_MEDIA, two of them have the
 * same mid, or the transport that would be used has no fingerprint, or no ufrag and pwd of the form
 * and length of RFC 8839, section 5.4. `out` is then undefined.
 */
int sdp_offer_parse(struct span text, struct sdp_offer *out, struct errmsg *why);

/** The value of one key of an fmtp (case does not matter); p == NULL when absent. */
struct span sdp_format_param(const struct sdp_format *format, const char *key);

/** The id that the medium gives to a header extension; 0: it did not offer it. */
uint8_t sdp_offer_find_extmap(const struct sdp_offer_media *media, const char *uri);

/** What the peer's certificate is to be checked with first: SHA-256 where there is one. */
const struct sdp_fingerprint *sdp_transport_fingerprint(const struct sdp_transport *transport);
