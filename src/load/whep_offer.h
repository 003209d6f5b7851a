/**
 * whep_offer: what a WebRTC viewer says of itself, as a browser would, and what it needs of the
 * server's answer.
 *
 * Shape:   one video (H264) and one audio (Opus), bundled, received only; bytes in, struct out.
 */
#pragma once
#include "base/buf.h"
#include "base/errmsg.h"
#include "loop/udp.h"
#include "sdp/sdp_offer.h"

enum {
    WHEP_VIDEO_TYPE = 102, /* payload types, Chromium's */
    WHEP_AUDIO_TYPE = 111,
    WHEP_MAX_CANDIDATES = 16, /* of the server; a machine has a few addresses */
};

struct whep_offer {
    uint64_t                      session_id;
    const char                   *ufrag, *pwd;
    const struct sdp_fingerprint *fingerprint; /* SHA-256 */
};

void whep_write_offer(struct buf *out, const struct whep_offer *offer);

struct whep_answer {
    char                   ufrag[SDP_MAX_ICE_TEXT + 1];
    char                   pwd[SDP_MAX_ICE_TEXT + 1];
    struct sdp_fingerprint fingerprint;
    bool                   is_active; /* the server begins the DTLS handshake, not we */
    unsigned               candidate_count;
    struct udp_address     candidates[WHEP_MAX_CANDIDATES]; /* UDP, numeric */
};

/** -EPROTO with a reason: no description, or one that can't be watched. */
int whep_read_answer(struct span text, struct whep_answer *out, struct errmsg *why);

/**
 * Keeps the candidates that are best to be reached, all of one family: those of the host that has
 * answered the POST, else those of its family, else those of the other one.
 */
void whep_choose_candidates(struct whep_answer *answer, const struct udp_address *server);
