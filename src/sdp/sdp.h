/**
 * sdp: session descriptions (RFC 8866) as RTSP publishers send them, and as we write them.
 *
 * Tolerant: o=, s=, t= and c= may be missing or broken, unknown lines are passed over; a medium
 * that makes no sense becomes CODEC_GENERIC (with a clock rate of 90000 where none is said) and
 * does not harm its neighbours. What is refused: no "m=" line at all, more than SDP_MAX_MEDIA.
 *
 * Shape:   struct sdp is plain and owns nothing; its spans are views into the parsed text, or
 *          constants for what the text did not say (format, rtpmap of static payload types).
 * Size:    about 14 KB: keep it on the stack or in scratch.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/errmsg.h"
#include "base/span.h"
#include "codec/codec.h"
#include "sdp/sdp_feedback.h"

enum {
    SDP_MAX_MEDIA = 16, /* ONVIF cameras announce up to five */
    SDP_MAX_FMTP = 24,  /* parameters of one fmtp; H265 knows 20 */
};

struct sdp_param {
    struct span key;
    struct span value; /* p == NULL: the key stood alone */
};

struct sdp_media {
    struct span         kind;    /* "video", "audio", "application", ... never empty */
    struct span         profile; /* "RTP/AVP" */
    struct span         control; /* a=control, may be empty */
    struct span         format;  /* payload_type as text: "96" */
    const struct codec *codec;   /* never NULL */
    uint8_t             payload_type;
    uint32_t            clock_rate;   /* never 0 */
    uint8_t             channels;     /* 0: not said */
    bool                has_feedback; /* says what it takes */
    uint8_t             feedback;     /* bits of enum sdp_feedback; sdp_write() leaves it out */
    struct span         rtpmap;       /* "H264/90000"; may be empty */
    unsigned            fmtp_count;
    struct sdp_param    fmtp[SDP_MAX_FMTP];
};

struct sdp {
    struct span      name; /* s=, as sent; may be empty */
    unsigned         media_count;
    struct sdp_media media[SDP_MAX_MEDIA];
};

/** -EINVAL with a reason in `why`; `out` is then undefined. */
int sdp_parse(struct span text, struct sdp *out, struct errmsg *why);

/** The value of an fmtp key (case does not matter); p == NULL when absent. */
struct span sdp_fmtp(const struct sdp_media *media, const char *key);

/**
 * A whole description for DESCRIBE, as MediaMTX writes it: fixed o=, c= and t=, per medium m= with
 * port 0, a=control:trackID=N, rtpmap, fmtp with keys in lower case, sorted by name, and "; "
 * between them. `name` empty: "s= ". Lines end in CRLF. A medium's `kind`, `format`, `rtpmap` and
 * `fmtp` are written, its `control` is not; its `codec` decides how the encoding name is spelt and
 * which parameters are added where they are absent (MPEG-4 Audio and Opus).
 */
void sdp_write(struct buf *out, struct span name, const struct sdp_media *media, unsigned count);
