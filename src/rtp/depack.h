/**
 * depack: the packets of one track, as they come, to access units (docs/codecs.md has the table of
 * what is understood how).
 *
 * Views:   what is given out are views into the packets, also where a unit came in fragments. The
 *          exceptions are a few bytes a unit that RTP does not carry as the codec has them (a NAL
 *          unit's header, a JPEG's headers) and units of cameras that put start codes where none
 *          belong; those are depack's own memory, valid for the call.
 * Keeping: the caller keeps the payloads of the last depack_held() packets alive and unchanged.
 * Ends:    a picture ends with its marker, or where the time changes. A marker behind parameter
 *          sets or SEI alone ends nothing: they belong to the picture that follows. Audio and data
 *          that are whole in a packet are given out at once.
 * Loss:    a unit with a hole is never given out. What is left of its picture is, as `is_damaged`;
 *          pictures and frames of one unit go altogether, and what follows is `is_after_gap`.
 *          What comes twice or too late is left out: reordering is for others.
 * Time:    ticks are the packets', wherever they jump; nothing is closed because of them.
 * Limits:  DEPACK_MAX_*; an access unit beyond them is dropped up to its end.
 */
#pragma once
#include "base/auto.h"
#include "codec/access_unit.h"
#include "codec/codec.h"
#include "rtp/payload_params.h"
#include "rtp/rtp.h"

enum {
    DEPACK_MAX_BYTES = 16 << 20, /* of an access unit; the largest keyframes in use have 4 MB */
    DEPACK_MAX_SPANS = 32768,    /* 16 MiB in packets of 512 bytes */
    DEPACK_MAX_UNITS = 1024,     /* level 6.2 of H264 and H265 allows 600 slices */
    DEPACK_MAX_PACKETS = 65536,  /* held for an access unit that does not end */
};

struct depack;

/** Called from within depack_packet() and depack_flush() only; `au` is borrowed for the call. */
typedef void depack_fn(void *arg, const struct access_unit *au);

struct depack_sink {
    void      *arg;
    depack_fn *on_access_unit;
};

struct depack_counts {
    uint64_t units;   /* access units given out */
    uint64_t dropped; /* packets, units or access units that were broken, too large or unknown */
    uint64_t orphans; /* packets too late, twice, or of a unit that a loss has broken */
};

/** `params` as the description says them; copied. Release it with depack_destroy(). */
struct depack *depack_create(enum codec_id codec, const struct payload_params *params);

/** Accepts NULL. Returns NULL. */
struct depack *depack_destroy(struct depack *depack);

DEFINE_AUTO(struct depack *, depack_destroy)

/** The next packet of the track. */
void depack_packet(struct depack *depack, const struct rtp_header *packet,
                   const struct depack_sink *sink);

/**
 * The track has ended, or pauses: gives out the units that are whole, and lets go of one whose end
 * has not come. Holds nothing afterwards.
 */
void depack_flush(struct depack *depack, const struct depack_sink *sink);

/** How many packets, counted back from the newest, have payloads that are still viewed. */
unsigned depack_held(const struct depack *depack);

struct depack_counts depack_counts(const struct depack *depack);
