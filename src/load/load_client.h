/**
 * load_client: the client's side of an RTSP conversation over TCP: it announces and records a
 * stream, or describes and plays one, with all its tracks interleaved or all by UDP.
 *
 * Life:    load_client_open(), on_live once, on_packet for readers, on_end unless the owner closes
 *          first, load_client_close(), on_closed; then the memory is the owner's again.
 * Limits:  SDP_MAX_MEDIA tracks.
 * Threads: the loop's.
 */
#pragma once
#include "base/errmsg.h"
#include "load/load_udp.h"
#include "sdp/sdp.h"

struct load_client;

struct load_client_ops {
    void (*on_live)(struct load_client *client, int64_t now_ns); /* RECORD or PLAY was answered */
    void (*on_packet)(struct load_client *client, unsigned track, struct span rtp, int64_t now_ns);
    /* -ENOENT: there is no such stream (yet). The owner closes, now or later. */
    void (*on_end)(struct load_client *client, int err, const struct errmsg *why);
    void (*on_closed)(struct load_client *client);
};

struct load_client_track {
    char                      *control; /* its URL */
    uint8_t                    channel; /* of its RTP packets; RTCP has the next one */
    struct rtsp_transport_pair ports;   /* ours, of UDP */
    bool                       is_h264;
};

struct load_client {
    const struct load_client_ops *ops;
    struct load_conn              conn;
    struct load_udp              *udp;  /* NULL: media goes by the connection */
    const struct load_step       *step; /* the request that has been sent; NULL: live */
    bool                          has_ended;
    bool                          is_publisher;
    char                         *url;
    struct auth_client            auth;
    struct span                   sdp;     /* publisher: what it announces */
    char                         *session; /* NULL: none yet */
    int64_t                       session_timeout_ns;
    int64_t                       request_ns; /* when the last request was sent */
    unsigned                      cseq;
    unsigned                      track_count, track_next;
    struct load_client_track      tracks[SDP_MAX_MEDIA];
};

struct load_client_target {
    const struct address *address;
    const char           *url;
    struct span           sdp; /* to publish it, borrowed until on_closed; empty: to read */
    bool                  is_udp;
};

/** On failure nothing follows and nothing has to be closed. */
int load_client_open(struct load_client *client, struct load_net *net,
                     const struct load_client_target *target, const struct load_client_ops *ops);

/** Keeps the session alive; to be called about once a second. */
void load_client_tick(struct load_client *client, int64_t now_ns);

/** What has not been answered yet, for "no answer to SETUP"; "connect", or NULL when live. */
const char *load_client_waits_for(const struct load_client *client);

/** Says TEARDOWN and lets the server close; load_client_close() ends the wait for that. */
void load_client_leave(struct load_client *client);

/** Of the owner's calls only on_closed follows. A closed client is left alone. */
void load_client_close(struct load_client *client);

static inline bool load_client_is_open(const struct load_client *client)
{
    return client->conn.is_open;
}
