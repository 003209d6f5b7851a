/**
 * candidate: kinds of ICE candidates and what they are worth (RFC 8445, sections 5.1.2, 6.1.2.3).
 */
#pragma once
#include <stdint.h>

enum candidate_type { CANDIDATE_HOST, CANDIDATE_PRFLX, CANDIDATE_SRFLX, CANDIDATE_RELAY };

/**
 * A candidate's priority. `local_preference` orders those of one type, 65535 first; `component` is
 * 1 for RTP (and for all that is multiplexed with it), 2 for RTCP.
 */
static inline uint32_t candidate_priority(enum candidate_type type, uint16_t local_preference,
                                          unsigned component)
{
    static const uint8_t type_preference[] = {
        [CANDIDATE_HOST] = 126,
        [CANDIDATE_PRFLX] = 110,
        [CANDIDATE_SRFLX] = 100,
        [CANDIDATE_RELAY] = 0,
    };
    return (uint32_t)type_preference[type] << 24 | (uint32_t)local_preference << 8 |
           (256 - component);
}
