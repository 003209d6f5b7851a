/**
 * description: what a stream consists of: its name and its tracks with their codecs.
 *
 * Shape:   made from a session description, then const; a change makes a new one.
 * Owner:   reference counted, any thread.
 */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/errmsg.h"
#include "base/span.h"
#include "sdp/sdp.h"

struct description {
    atomic_uint refs;
    struct span text;    /* for DESCRIBE: as sdp_write() makes it */
    struct sdp  sdp;     /* views into `text`; its media are the tracks */
    uint32_t    ordered; /* bits: tracks whose codec or parameter sets rule B-frames out */
};

/** From a publisher's SDP. -EINVAL with a reason. */
int description_parse(struct span sdp, struct description **out, struct errmsg *why);

/** A copy in which some keys of one track's fmtp have other values. */
struct description *description_with_params(const struct description *description, unsigned track,
                                            const struct sdp_param *params, unsigned count);

struct description *description_ref(struct description *description);

/** Accepts NULL. Returns NULL. */
struct description *description_unref(struct description *description);

DEFINE_AUTO(struct description *, description_unref)

/** Of the tracks in `mask` (bits): "2 tracks (H264, Opus)", for logs. */
void description_summary(const struct description *description, unsigned mask, char *out,
                         size_t size);
