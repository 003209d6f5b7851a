/**
 * sdp_candidate: an ICE candidate as offers, answers and fragments write it (RFC 8839, section
 * 5.1; RFC 6544, section 4.5, for TCP).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"
#include "stun/candidate.h"

enum { SDP_MAX_CANDIDATES = 64 }; /* of an offer or fragment; a laptop with a VPN has about 20 */

struct sdp_candidate {
    struct span         foundation;
    uint16_t            component; /* 1: RTP and what is multiplexed with it */
    uint32_t            priority;
    struct span         address; /* as sent: IPv4, IPv6 or a name */
    uint16_t            port;
    enum candidate_type type;
    struct span         tcptype; /* "active", "passive" or "so"; empty: UDP */
    struct span         ufrag;   /* of the generation it belongs to; empty: not said */
    bool                is_mdns; /* the address is a name in .local */
    uint8_t             media;   /* index of the medium it stood in */
};

/** What types are called, by enum candidate_type: "host". */
extern const char *const sdp_candidate_types[CANDIDATE_RELAY + 1];

/**
 * Reads what follows `a=candidate:`; `media` is left 0. Extensions that we do not know are passed
 * over, raddr and rport too. -EINVAL: not of the form, or neither UDP nor TCP.
 */
int sdp_candidate_parse(struct span value, struct sdp_candidate *out);

/** Writes an `a=candidate:` line for `component`; that of the struct is not used. */
void sdp_candidate_write(struct buf *out, const struct sdp_candidate *candidate,
                         unsigned component);
