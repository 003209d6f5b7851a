/**
 * load_reader: reads one stream from the server, by RTSP or over WebRTC, and checks what comes.
 *
 * Life:    load_reader_open(), again after the server said that there is no such stream yet; when
 *          the loop has run to its end the memory is the owner's.
 */
#pragma once
#include "load/frame_check.h"
#include "load/histogram.h"
#include "load/load_client.h"
#include "load/load_publisher.h"
#include "load/load_whep.h"

/** What was received, by all readers. */
struct load_received {
    uint64_t packets;           /* RTP, of all tracks */
    uint64_t bytes;             /* of these, with RTP headers */
    uint64_t broken;            /* no RTP */
    uint64_t decrypted, forged; /* SRTP packets; forged: not authentic */
    uint64_t overflowed;        /* datagrams that our own sockets had no room for */
    uint64_t packets_lost, packets_late, packets_again;
    uint64_t frames, keyframes, frames_lost, frames_cut, frames_again, frames_foreign;
    uint64_t freezes, frozen_ns;
};

/** Where all readers write down how long things took. */
struct load_times {
    bool             is_measuring; /* else `delay` is left alone */
    struct histogram delay;        /* write of a frame's last packet to its read */
    struct histogram delay_now;    /* the same, since the display was drawn; always */
    struct histogram setup;        /* connect to the answer to PLAY, or to DTLS being done */
    struct histogram first_packet; /* connect to the first RTP packet */
    struct histogram first_frame;  /* end of the set-up to the first whole frame */
    struct histogram first_keyframe;
};

/** Where readers read from. */
struct load_source {
    struct load_net      *net;
    const struct address *server; /* by RTSP */
    struct load_whep_net *whep;   /* NULL: by RTSP */
    bool                  is_udp; /* ... media by UDP */
};

struct load_reader {
    const struct load_reader_way *way; /* of the two below; NULL: not opened yet */
    union {
        struct load_client client;
        struct load_whep   whep;
    };
    struct load_stream  *stream;
    struct load_times   *times;
    enum load_peer_state state;
    struct errmsg        why;          /* state LOAD_PEER_FAILED */
    int64_t              first_try_ns; /* 0: not tried yet */
    int64_t              opened_ns, live_ns;
    unsigned             retries;
    bool                 is_leaving, has_caught_up;
    uint64_t             packets, bytes, broken;
    struct frame_check   video;
    struct seq_check     audio;
};

void load_reader_init(struct load_reader *reader, struct load_stream *stream,
                      struct load_times *times, int64_t freeze_ns);

/** In state LOAD_PEER_WAITING only. */
void load_reader_open(struct load_reader *reader, const struct load_source *source,
                      const char *url);

/** To be called often until it is live, then about once a second. */
void load_reader_tick(struct load_reader *reader, int64_t now_ns);

/** What the server has not answered yet; NULL when live. */
const char *load_reader_waits_for(const struct load_reader *reader);

/**
 * Plays, has shown a picture that began with a keyframe, and was live once: what a server sends a
 * new reader to begin with, older frames, has been taken.
 */
bool load_reader_has_caught_up(struct load_reader *reader);

void load_reader_fail(struct load_reader *reader, const struct errmsg *why);

/** Says goodbye, once, and closes when the server has answered; load_reader_close() does not wait.
 */
void load_reader_leave(struct load_reader *reader);
void load_reader_close(struct load_reader *reader);
bool load_reader_is_open(const struct load_reader *reader);

/** The SRTP profile in use. NULL: none. */
const char *load_reader_profile(const struct load_reader *reader);

/** Adds what this reader has received to `sum`. */
void load_reader_add_to(const struct load_reader *reader, struct load_received *sum);
