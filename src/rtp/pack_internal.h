/**
 * pack_internal: what the files of pack share: payloads in the making.
 */
#pragma once
#include "rtp/pack.h"

/** One pack_access_unit(). */
struct pack_call {
    struct pack              *pack;
    const struct access_unit *au;
    const struct pack_sink   *sink;
    uint32_t                  ticks;
    uint8_t                  *out; /* max_payload bytes; NULL: nothing is begun */
    size_t                    len; /* of what is begun */
};

typedef int pack_fn(struct pack_call *call);

pack_fn pack_h26x, pack_av1, pack_vp8, pack_vp9, pack_mpeg1_video, pack_mjpeg;
pack_fn pack_mpeg4_audio, pack_latm, pack_mpeg1_audio, pack_ac3, pack_vorbis;
pack_fn pack_whole, pack_samples, pack_cut_unit;

/** Begins a payload. */
void pack_open(struct pack_call *call);

/** As many more bytes as there is room for; returns how many. */
size_t pack_room(const struct pack_call *call);

/** Bytes that must fit. */
void pack_put(struct pack_call *call, const void *bytes, size_t len);

/** `len` bytes of unit `index`, from `at` on; they must fit and be there. */
void pack_put_unit(struct pack_call *call, unsigned index, size_t at, size_t len);

void pack_give(struct pack_call *call, bool marker);

/** How many bytes stand in front of and between `count` units of one payload. */
typedef size_t pack_overhead_fn(const struct pack *pack, size_t count);

/** How many units from `first` on fit into one payload, at most `max`; 0: not even one. */
unsigned pack_fitting(const struct pack_call *call, unsigned first, unsigned max,
                      pack_overhead_fn *overhead);

/** Time passes by `units` units of audio. */
void pack_advance(struct pack_call *call, unsigned units);
