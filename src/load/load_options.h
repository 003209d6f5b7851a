/**
 * load_options: the command line of `millrace load`.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/errmsg.h"

enum load_write { LOAD_WRITE_FRAME, LOAD_WRITE_PACKET };

/** Which of an RTSP client's media goes by UDP. */
enum load_transport { LOAD_TCP, LOAD_UDP, LOAD_UDP_IN, LOAD_UDP_OUT };

/** Which SRTP profiles a viewer offers: all that the server knows too, or one of them. */
enum load_srtp { LOAD_SRTP_ANY, LOAD_SRTP_GCM, LOAD_SRTP_GCM256, LOAD_SRTP_CM };

struct load_options {
    const char *url;    /* "%d" stands for the stream's number, from 1 */
    const char *listen; /* where --pull serves the streams */
    const char *whep;   /* where readers ask for WebRTC, with "%d" too; NULL: they read by RTSP */
    const char *user;   /* "name:password", for the server; NULL: nobody */
    uint64_t    streams;
    uint64_t    readers; /* of each stream */
    uint64_t    bitrate_bps;
    uint64_t    fps_milli;
    uint64_t    keyframe_interval_ns;
    uint64_t    keyframe_ratio_milli;
    uint64_t    width, height;
    uint64_t    packet_size; /* of an RTP packet with its header */
    uint64_t    write;       /* enum load_write */
    uint64_t    transport;   /* enum load_transport */
    uint64_t    srtp;        /* enum load_srtp */
    uint64_t    decrypt_every;
    uint64_t    ramp_ns, duration_ns, timeout_ns;
    uint64_t    seed;
    uint64_t    pid; /* of the server; 0: unknown */
    bool        has_audio, is_pull, wants_json, wants_help;
};

/** Defaults for what is not said. `argv` must outlive `out`. -EINVAL with a reason. */
int load_options_parse(int argc, char **argv, struct load_options *out, struct errmsg *why);

/** As it is written on the command line. */
const char *load_transport_name(enum load_transport transport);

/** What --help prints. */
void load_options_print_help(FILE *file);
