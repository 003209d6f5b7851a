/**
 * load_result: what a load has measured, and the figures that follow from it.
 *
 * Shape:   all figures stand in one table, from which text and JSON are written.
 */
#pragma once
#include "load/load_options.h"
#include "load/load_plan.h"
#include "load/load_reader.h"
#include "load/load_stream.h"
#include "load/proc_stat.h"

/** Everything that counts, at one moment. */
struct load_snapshot {
    int64_t              at_ns;
    struct load_sent     sent;
    struct load_received received;
    uint64_t             blocked_sends;
    int64_t              own_cpu_ns;
    bool                 has_server;
    struct proc_stat     server;
};

struct load_failures {
    uint32_t      count;
    struct errmsg first; /* valid when count > 0 */
};

struct load_result {
    const struct load_options *options;
    struct load_plan           plan;
    struct load_snapshot       begin, end; /* of the measured time */
    int64_t                    pss_bytes;  /* of the server, at the end */
    struct load_received       received;   /* of the whole run, with what is missing at its end */
    const struct load_times   *times;
    uint32_t                   streams_live, readers_live; /* at the end of the measured time */
    uint32_t                   readers_blank;              /* never showed a picture */
    struct load_failures       refused;                    /* never got as far as media */
    struct load_failures       broken;                     /* lost while media flowed */
    bool                       was_interrupted;
    const char                *srtp_profile; /* NULL: none was agreed on */
};

enum { LOAD_EXIT_OK = 0, LOAD_EXIT_FAILED = 1, LOAD_EXIT_LOST = 2 };

int load_result_exit_code(const struct load_result *result);

/** Where a figure belongs. */
enum load_group {
    LOAD_GROUP_SENT,      /* in the measured time */
    LOAD_GROUP_DELIVERED, /* in the measured time */
    LOAD_GROUP_LOST,      /* in the whole run */
    LOAD_GROUP_TIMES,
    LOAD_GROUP_SERVER,
    LOAD_GROUP_GENERATOR,
    LOAD_GROUP_COUNT,
};

struct load_figure {
    enum load_group group;
    const char     *key;   /* in JSON; ends with the unit */
    const char     *label; /* for people */
    const char     *unit;
    unsigned        decimals;
    double          value; /* NaN: not known */
};

/** What a server spends, once in all and three times in proportion to the load. */
struct load_cost {
    const char *key;
    const char *label;
    double      total, per_packet, per_mbit, per_stream_s; /* NaN: not known */
};

enum { LOAD_MAX_FIGURES = 64, LOAD_MAX_COSTS = 8, LOAD_MAX_NOTES = 9 };

struct load_figures {
    unsigned           figure_count;
    struct load_figure figures[LOAD_MAX_FIGURES];
    unsigned           cost_count; /* 0: no --pid */
    struct load_cost   costs[LOAD_MAX_COSTS];
    unsigned           note_count; /* what the reader should know before believing the rest */
    char               notes[LOAD_MAX_NOTES][ERRMSG_SIZE];
};

void load_result_compute(const struct load_result *result, struct load_figures *out);
