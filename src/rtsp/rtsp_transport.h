/**
 * rtsp_transport: the Transport header (RFC 2326, section 12.39), read and written.
 *
 *     RTP/AVP;multicast,RTP/AVP/TCP;unicast;interleaved=0-1
 *
 * Reads what clients send: any case, blanks and quotes around values, one port or channel in
 * place of two (the second is the next one), parameters nobody knows. Whether the transport is
 * complete and allowed is for the session to say.
 *
 * Shape:   bytes in, structs out, views into the bytes; nothing is allocated.
 * Threads: all functions, from any thread.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"

enum rtsp_transport_mode { RTSP_TRANSPORT_MODE_NONE, RTSP_TRANSPORT_PLAY, RTSP_TRANSPORT_RECORD };

/** Two ports or channels: one for RTP, one for RTCP. */
struct rtsp_transport_pair {
    bool     is_given;
    uint16_t rtp, rtcp;
};

struct rtsp_transport_ssrc {
    bool     is_given; /* not, where it was no number */
    uint32_t value;
};

/** Zeros: RTP/AVP over UDP, unicast, with no parameter. */
struct rtsp_transport {
    bool                       is_secure;    /* RTP/SAVP */
    bool                       has_feedback; /* RTP/AVPF: RTCP without delay (RFC 4585) */
    bool                       is_tcp;       /* interleaved with the requests */
    bool                       is_multicast;
    enum rtsp_transport_mode   mode;
    struct span                source; /* an address or name, unchecked; empty: not given */
    struct span                destination;
    struct rtsp_transport_pair interleaved; /* channels, 0..255 */
    struct rtsp_transport_pair port;        /* of multicast */
    struct rtsp_transport_pair client_port;
    struct rtsp_transport_pair server_port;
    uint8_t                    ttl; /* 0: not given */
    struct rtsp_transport_ssrc ssrc;
};

/**
 * Takes the next transport off the front of a header's value. Returns 1, or 0 when none is left.
 * -EINVAL: the profile is not known, a number is out of range or none, the mode is unknown; that
 * transport is taken off too, so that a caller may go on with the next one.
 */
int rtsp_transport_next(struct span *rest, struct rtsp_transport *out);

/** Appends one transport, in the order MediaMTX writes; what is not given is left out. */
void rtsp_transport_write(struct buf *out, const struct rtsp_transport *transport);
