/**
 * load_whep: a viewer over WebRTC: asks for a stream by WHEP (RFC 9725), finds a way to the server
 * by ICE, agrees on keys by DTLS and takes what comes by SRTP, in each case as a browser would.
 * Lost packets are not asked for again: what is missing is to be seen.
 *
 * Life:    load_whep_open(), on_live once, on_packet, on_end unless the owner closes first,
 *          load_whep_close(), on_closed; then the memory is the owner's again.
 * Limits:  http, not https; an answer that says its length.
 * Threads: the loop's.
 */
#pragma once
#include "base/errmsg.h"
#include "load/load_conn.h"
#include "load/load_options.h"
#include "load/whep_media.h"
#include "loop/udp.h"
#include "webrtc/webrtc_dtls.h"
#include "webrtc/webrtc_ice.h"

struct load_whep;

/** What all viewers of a load share. */
struct load_whep_net {
    struct load_net     *net;
    struct address       server; /* of its HTTP */
    struct dtls_context *dtls;
    struct srtp_sealer  *sealer;
    struct udp_features  features;
    uint32_t             decrypt_every;
};

/** `net` and `server` are the owner's to set. Negative errno with a reason. */
int  load_whep_net_init(struct load_whep_net *shared, enum load_srtp srtp, uint32_t decrypt_every,
                        struct errmsg *why);
void load_whep_net_fini(struct load_whep_net *shared);

struct load_whep_ops {
    void (*on_live)(struct load_whep *whep, int64_t now_ns); /* keys are agreed on */
    void (*on_packet)(struct load_whep *whep, const struct whep_packet *packet, size_t len,
                      int64_t now_ns);
    void (*on_broken)(struct load_whep *whep); /* what came is no RTP that was offered */
    /* -ENOENT: there is no such stream (yet). The owner closes, now or later. */
    void (*on_end)(struct load_whep *whep, int err, const struct errmsg *why);
    void (*on_closed)(struct load_whep *whep);
};

enum load_whep_state { WHEP_IDLE, WHEP_POST, WHEP_ICE, WHEP_DTLS, WHEP_LIVE, WHEP_DELETE };

struct load_whep {
    const struct load_whep_ops *ops;
    struct load_whep_net       *shared;
    enum load_whep_state        state;
    bool                        is_open, has_ended;
    bool                        is_conn_busy, is_polled; /* handles that libuv still knows */
    struct load_conn            conn;                    /* POST, later DELETE */
    struct buf                  request;
    char                       *url;      /* of the endpoint */
    char                       *resource; /* of the session; NULL: none yet */
    struct ice_credentials      credentials;
    struct udp_socket          *socket;
    uv_poll_t                   poll;
    struct ice_agent           *ice;
    struct dtls                *dtls;
    const char                 *profile; /* of SRTP; NULL: none yet */
    int64_t                     live_ns;
    int64_t                     read_ns;    /* when what is being taken was read; 0: nothing is */
    uint64_t                    overflowed; /* datagrams that our own socket had no room for */
    bool                        is_trimmed;
    struct whep_media           media;
};

/** `url` is http://host[:port]/path. On failure nothing follows and nothing has to be closed. */
int load_whep_open(struct load_whep *whep, struct load_whep_net *shared, const char *url,
                   const struct load_whep_ops *ops);

/** Checks, retransmissions and, once live, a report: every few ms before, once a second then. */
void load_whep_tick(struct load_whep *whep, int64_t now_ns);

/** From now on `decrypt_every` counts. */
void load_whep_settle(struct load_whep *whep);

/** What has not been answered yet: "POST", "ICE" or "DTLS"; NULL when live. */
const char *load_whep_waits_for(const struct load_whep *whep);

/** DELETEs the session and closes when that was answered; load_whep_close() ends the wait. */
void load_whep_leave(struct load_whep *whep);

/** Says goodbye by DTLS. Of the owner's calls only on_closed follows. */
void load_whep_close(struct load_whep *whep);
