/**
 * whep_media: what a WebRTC viewer does with the SRTP and SRTCP that it receives, and the receiver
 * reports that it sends.
 *
 * Every packet's header is read. Payloads are authenticated and decrypted, all of them or, once
 * `is_sampling` is set, those of one frame in `decrypt_every`: it is the frame that is chosen, by
 * its timestamp, so that what is seen of a frame is seen of all of it.
 *
 * Zero:    no keys: nothing that comes is taken. whep_media_init() comes before keys are set.
 * Owner:   the keys are its own, whep_media_fini() wipes them; the sealer is borrowed.
 * Cost:    nothing is allocated for a packet.
 */
#pragma once
#include "rtp/rtp.h"
#include "rtp/rtp_receiver.h"
#include "srtp/srtp.h"

enum { WHEP_VIDEO, WHEP_AUDIO, WHEP_TRACKS };

enum {
    WHEP_SDES_SIZE = 24,
    WHEP_MAX_REPORT = WHEP_TRACKS * RTCP_RR_SIZE + WHEP_SDES_SIZE + SRTCP_MAX_TRAILER,
};

struct whep_track {
    bool                has_ssrc; /* a packet from it was authentic */
    uint32_t            ssrc;
    struct srtp_replay  replay;
    struct rtp_receiver receiver;
};

struct whep_media {
    struct srtp_sealer  *sealer;
    struct srtp_keys    *in, *out; /* NULL: not agreed on yet */
    uint32_t             decrypt_every;
    bool                 is_sampling;
    struct whep_track    tracks[WHEP_TRACKS];
    struct srtcp_sources reporters;
    uint32_t             rtcp_index; /* of the next report */
    uint32_t             ssrc;       /* our own, for reports */
    uint64_t             decrypted;  /* RTP packets */
    uint64_t             forged;     /* RTP and RTCP packets with a wrong tag */
    uint64_t             reports;    /* sender reports that came */
};

/** A packet that came. Its payload is empty when it was not decrypted. */
struct whep_packet {
    unsigned          track; /* WHEP_VIDEO, WHEP_AUDIO */
    struct rtp_header header;
};

void whep_media_init(struct whep_media *media, struct srtp_sealer *sealer, uint32_t decrypt_every);
void whep_media_fini(struct whep_media *media);

/**
 * An SRTP packet, which is decrypted in place. What comes twice or very late is given out without
 * a payload: who checks sequence numbers counts it. -EBADMSG: no RTP, or a payload type that was
 * never offered. -EACCES: not authentic; counted in `forged`. -EAGAIN: there are no keys yet.
 */
int whep_media_receive(struct whep_media *media, uint8_t *packet, size_t len, int64_t now_ns,
                       struct whep_packet *out);

/** An SRTCP packet: sender reports are noted, for the reports that answer them. */
void whep_media_receive_rtcp(struct whep_media *media, uint8_t *packet, size_t len, int64_t now_ns);

/** A receiver report on all tracks, sealed. Returns its size; 0: there is nothing to report. */
size_t whep_media_report(struct whep_media *media, int64_t now_ns, uint8_t out[WHEP_MAX_REPORT]);
