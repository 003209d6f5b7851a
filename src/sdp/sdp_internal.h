/**
 * sdp_internal: what the readers and writers of this folder share.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/errmsg.h"
#include "base/span.h"
#include "sdp/sdp_offer.h"

struct sdp_answer;
struct sdp_answer_media;

/** By their values; SDP_SETUP_UNSAID has none. */
extern const char *const sdp_setup_names[SDP_SETUP_HOLDCONN + 1];

struct sdp_hash_info {
    const char *name; /* "sha-256" */
    uint8_t     len;  /* bytes of a digest */
};

/** By their values. */
extern const struct sdp_hash_info sdp_hashes[SDP_SHA1 + 1];

/** The next word of a line; empty when there is none left. */
struct span sdp_next_word(struct span *rest);

/** Parts of "H264/90000" or "opus/48000/2"; those that are not there are empty. */
struct sdp_rtpmap {
    struct span name, clock_rate, channels;
};

struct sdp_rtpmap sdp_split_rtpmap(struct span text);

/** The lines of a description, one after the other, read as strictly as MediaMTX does. */
struct sdp_lines {
    struct span text;
    size_t      at;    /* of the next line */
    size_t      shift; /* added to positions in errors */
};

struct sdp_line {
    uint8_t     type;      /* 'm' */
    bool        has_end;   /* false: the text ended first */
    struct span value;     /* what follows "m=" */
    struct span attribute; /* of an a= line: its name ... */
    struct span argument;  /* ... and what follows the colon */
};

/** Returns 1; 0 when there are no more; -EINVAL when it is no line, in MediaMTX's words. */
int sdp_lines_next(struct sdp_lines *lines, struct sdp_line *out, struct errmsg *why);

/** The m= line of an accepted medium, as answers and fragments have it. */
void sdp_write_media_line(struct buf *out, const struct sdp_answer_media *media);

/** a=mid:, unless the offer had none. */
void sdp_write_mid(struct buf *out, const struct sdp_answer_media *media);

/** a=ice-ufrag: and a=ice-pwd: */
void sdp_write_credentials(struct buf *out, const struct sdp_answer *answer);

/** Our candidates, each for components 1 and 2, as MediaMTX does. */
void sdp_write_candidates(struct buf *out, const struct sdp_answer *answer);
