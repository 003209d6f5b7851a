/**
 * pack: access units, as depack gives them, to RTP payloads that fit. What is small is aggregated
 * where the payload format can (parameter sets and slices, OBUs, frames of audio), what is large
 * is cut into full payloads, the last one shorter.
 *
 * Memory:  payloads are written to memory of the sink's; nothing is kept between calls but the few
 *          numbers that VP9's descriptors count.
 * Stable:  what depack makes of the payloads is the same access unit; pack makes the same payloads
 *          of that. (Audio that does not fit into one packet becomes several access units.)
 * Owner:   plain, of fixed size; nothing to release.
 */
#pragma once
#include "codec/access_unit.h"
#include "codec/codec.h"
#include "rtp/payload_params.h"

enum {
    PACK_MIN_PAYLOAD = 256, /* a JPEG's first payload has headers of 144 bytes */
    PACK_MAX_PAYLOAD = 65000,
    PACK_MAX_FRAMES = 64, /* of audio in a packet */
};

struct pack_packet {
    struct span payload; /* 1..max_payload bytes, in the memory reserved last */
    bool        marker;
    uint32_t    ticks;
};

struct pack_sink {
    void *arg;
    /** Room for max_payload bytes; never NULL. The next call is on_packet(). */
    uint8_t *(*reserve)(void *arg);
    void (*on_packet)(void *arg, const struct pack_packet *packet);
};

struct pack {
    const struct codec   *codec;
    struct payload_params params;
    size_t                max_payload;
    uint16_t              picture_id; /* VP9: 15 bits */
    uint8_t               base_index; /* VP9: of pictures of the lowest temporal layer */
};

/** PACK_MIN_PAYLOAD <= max_payload <= PACK_MAX_PAYLOAD. */
void pack_init(struct pack *pack, enum codec_id codec, const struct payload_params *params,
               size_t max_payload);

/**
 * -ENOTSUP: the payload format has no place for it (a progressive JPEG, more than 2040 pixels,
 * LATM frames that fill no element); -EMSGSIZE: too large, and can't be cut. Nothing has been given
 * out then.
 */
int pack_access_unit(struct pack *pack, const struct access_unit *au, const struct pack_sink *sink);
