/**
 * sdp_feedback: which RTCP feedback the sender of a format takes, a=rtcp-fb (RFC 4585, section 4.2;
 * RFC 5104).
 */
#pragma once
#include "base/span.h"

/** Bits. */
enum sdp_feedback {
    SDP_NACK = 1 << 0,
    SDP_NACK_PLI = 1 << 1,
    SDP_CCM_FIR = 1 << 2,
    SDP_TRANSPORT_CC = 1 << 3,
    SDP_GOOG_REMB = 1 << 4,
};

/** The bit of what follows the format, "nack pli"; 0: not known. Case does not matter. */
unsigned sdp_feedback_parse(struct span text);

/** The text of one bit. */
const char *sdp_feedback_text(enum sdp_feedback bit);
