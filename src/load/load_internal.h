/**
 * load_internal: the parts of a running load, shared by load_run.c and load_peers.c only.
 */
#pragma once
#include "load/load_display.h"
#include "load/load_publisher.h"
#include "load/load_reader.h"
#include "load/load_run.h"
#include "load/load_serve.h"
#include "load/metronome.h"

enum { LOAD_TICKS_A_SECOND = 100 };

enum load_phase { LOAD_CONNECTING, LOAD_MEASURING, LOAD_DRAINING, LOAD_LEAVING, LOAD_CLOSED };

struct load {
    const struct load_options *options;
    struct load_plan           plan;
    struct load_net            net;
    struct address             server, listen;
    struct load_sent           sent;
    struct load_times          times;
    struct load_result         result;
    struct load_display        display;

    uint32_t               stream_count, reader_count;
    struct load_stream    *streams;
    char                 **urls;        /* of each stream */
    char                 **reader_urls; /* where each is read */
    uint32_t              *order;       /* in which the streams send within a frame's time */
    struct load_publisher *publishers;  /* NULL: --pull */
    struct load_serve     *serve;       /* NULL: no --pull */
    struct load_reader    *readers;     /* reader i reads stream i mod stream_count */
    struct load_whep_net   whep;
    struct load_source     source;
    uint32_t               readers_opening;
    bool                   are_publishers_leaving;
    uint32_t               ticks;

    enum load_phase  phase;
    int64_t          phase_ns; /* since when */
    int64_t          start_ns;
    struct metronome video, audio;
    uv_timer_t       peers_timer, tick_timer, second_timer, end_timer;
    uv_signal_t      signals[2];
};

/**
 * Opens the connections that are due and gives up on those that take too long. True when all of
 * them either work or have failed.
 */
bool load_peers_connect(struct load *load, int64_t now_ns);

/** True when every reader has what its stream sent. */
bool load_peers_have_all(const struct load *load);

/** Each peer's turn comes once a second, of LOAD_TICKS_A_SECOND calls. */
void load_peers_keep_alive(struct load *load, int64_t now_ns);

/**
 * Says goodbye to the server: readers first, viewers not all at once. To be called again until it
 * is true, for nothing is open any more.
 */
bool load_peers_leave(struct load *load);
void load_peers_close(struct load *load);

uint32_t load_peers_count_streams(const struct load *load);
uint32_t load_peers_count_readers(const struct load *load);

/** Sums up what all readers have received. */
void load_peers_sum(const struct load *load, struct load_received *out);

/** At the end: what is missing, and who failed, goes into the result. */
void load_peers_conclude(struct load *load);
