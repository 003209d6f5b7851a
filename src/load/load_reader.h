/**
 * load_reader: reads one stream from the server (DESCRIBE, PLAY) and checks what comes.
 *
 * Life:    load_reader_open(), again after the server said that there is no such stream yet; when
 *          the loop has run to its end the memory is the owner's.
 */
#pragma once
#include "load/frame_check.h"
#include "load/histogram.h"
#include "load/load_client.h"
#include "load/load_publisher.h"

/** What was received, by all readers. */
struct load_received {
    uint64_t packets; /* RTP, of all tracks */
    uint64_t bytes;   /* of these, with RTP headers */
    uint64_t broken;  /* no RTP */
    uint64_t packets_lost, packets_late, packets_again;
    uint64_t frames, keyframes, frames_lost, frames_cut, frames_again, frames_foreign;
    uint64_t freezes, frozen_ns;
};

/** Where all readers write down how long things took. */
struct load_times {
    bool             is_measuring; /* else `delay` is left alone */
    struct histogram delay;        /* write of a frame's last packet to its read */
    struct histogram delay_now;    /* the same, since the display was drawn; always */
    struct histogram setup;        /* connect to the answer to PLAY */
    struct histogram first_frame;  /* answer to PLAY to the first whole frame */
    struct histogram first_keyframe;
};

struct load_reader {
    struct load_client   client;
    struct load_stream  *stream;
    struct load_times   *times;
    enum load_peer_state state;
    struct errmsg        why;          /* state LOAD_PEER_FAILED */
    int64_t              first_try_ns; /* 0: not tried yet */
    int64_t              opened_ns, live_ns;
    unsigned             retries;
    uint64_t             packets, bytes, broken;
    struct frame_check   video;
    struct seq_check     audio;
};

void load_reader_init(struct load_reader *reader, struct load_stream *stream,
                      struct load_times *times, int64_t freeze_ns);

/** In state LOAD_PEER_WAITING only. */
void load_reader_open(struct load_reader *reader, struct load_net *net,
                      const struct address *server, const char *url);

/** Plays, and has shown a picture that began with a keyframe. */
bool load_reader_has_picture(const struct load_reader *reader);

void load_reader_fail(struct load_reader *reader, const struct errmsg *why);

/** Adds what this reader has received to `sum`. */
void load_reader_add_to(const struct load_reader *reader, struct load_received *sum);
