/**
 * refit: the payloads of one track, as a publisher sends them, made to fit datagrams of one size.
 *
 * What fits passes as it is, as a view. What is too large is cut anew: its bytes flow on from part
 * to part, all of exactly `max_payload` bytes, only a unit's last one shorter, so that the parts
 * of a frame go out in one UDP_SEGMENT call. A unit is a NAL unit (RFC 6184, RFC 7798), a VP8
 * frame (RFC 7741), a VP9 layer frame (RFC 9628), an AV1 temporal unit, a JPEG (RFC 2435) or a
 * picture of MPEG-4 Visual (RFC 6416). Frames of MPEG-4 Audio (RFC 3640) are spread over packets of
 * their own, and samples are cut between two ticks.
 *
 * H264 and H265: parameter sets and SEI are held back and go out in one aggregate in front of the
 * next slice; a keyframe that brings no sets gets those that are known. Access unit delimiters
 * that come alone are left out.
 *
 * Delay:   a part is given out as soon as it is full and more follows; what is kept for the next
 *          call is at most one part, and never longer than the frame.
 * Loss:    what a gap in the sequence numbers cuts off is never joined to what follows it: the rest
 *          of a broken unit is left out. What comes too late or twice is left out as well.
 * Owner:   plain, of fixed size; nothing to release.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "codec/codec.h"
#include "rtp/payload_params.h"
#include "rtp/rtp.h"

enum {
    REFIT_MAX_PAYLOAD = 1156,     /* of WebRTC: 1200 - 12 RTP header - 16 extensions - 16 tag */
    REFIT_MAX_UDP_PAYLOAD = 1460, /* of any: 1500 - 20 - 8 - 12 RTP header */
    REFIT_MIN_PAYLOAD = 64,
    REFIT_PARAM_TYPES = 3,  /* VPS, SPS, PPS */
    REFIT_MAX_PARAMS = 512, /* bytes remembered of each type; a large SPS has 100 */
    REFIT_MAX_HEAD = 16,    /* VP9's descriptor, without its scalability structure, has up to 8 */
};

struct refit_part {
    struct span payload;         /* 1..max_payload bytes; more only after refit_pass_large() */
    bool        is_own;          /* in memory from reserve(); else a view into the packet given */
    bool        marker;          /* of video: the last part of its frame */
    bool        starts_frame;    /* of audio and data: every part */
    bool        starts_keyframe; /* a decoder can begin here; nearly always with starts_frame */
    bool        is_after_gap;    /* something in front of it is missing: a viewer that is to know
                                    must see a gap in the sequence numbers here */
    uint32_t    ticks;
};

/** Who takes the parts. Both are called from within refit_packet() only. */
struct refit_sink {
    void *arg;
    /**
     * Room for `len` bytes, at most max_payload. Never NULL. The next call is on_part() with a
     * part that is exactly this memory.
     */
    uint8_t *(*reserve)(void *arg, size_t len);
    void (*on_part)(void *arg, const struct refit_part *part);
};

/** Parameter sets of one type, as in an aggregate: 16-bit size, NAL unit. */
struct refit_params {
    uint16_t len;
    uint8_t  bytes[REFIT_MAX_PARAMS];
};

/** Only `dropped` and `orphans` are for others to read. */
struct refit {
    const struct codec      *codec;
    uint16_t                 max_payload;
    uint16_t                 tick_bytes; /* 0: can't be cut */
    bool                     passes_large;
    uint32_t                 frame_ticks; /* of MPEG-4 Audio */
    struct payload_au_header au_header;
    uint32_t                 dropped; /* packets or units too large or too broken to be made fit */
    uint32_t orphans; /* packets too late, twice, or of a unit that a loss has broken */

    bool     has_packets;
    uint16_t seq; /* of the last packet */
    bool     has_marker;
    uint32_t ticks;

    /* of the frame */
    bool in_frame;     /* some of it has been given out */
    bool is_key;       /* as far as is known by now */
    bool tells_key;    /* the next part says so */
    bool is_after_gap; /* the next part says so */

    enum {
        REFIT_NO_UNIT,     /* a fragment that is not a first one belongs to nothing */
        REFIT_PASSES_UNIT, /* fragments pass as they are */
        REFIT_CUTS_UNIT,   /* their bytes flow on: `open` is the beginning of the next part */
    } unit;
    uint8_t  flags_at; /* in `open`: the byte whose `last_bit` is set in a unit's last part */
    uint8_t  last_bit;
    uint8_t  head_len;
    uint8_t  head[REFIT_MAX_HEAD]; /* in front of each part but the first */
    uint16_t obu_at;               /* AV1: where the last OBU begins in `open` */
    uint16_t open_len;

    /* H264 and H265; bits are 1 << index into `params` */
    uint8_t             params_new;   /* came in band, not given out yet */
    uint8_t             params_given; /* in front of this frame */
    uint8_t             params_begun; /* came since the last picture: another one is added */
    struct refit_params params[REFIT_PARAM_TYPES];

    uint8_t open[REFIT_MAX_UDP_PAYLOAD]; /* between units: SEI that waits, as in an aggregate */
};

/** REFIT_MIN_PAYLOAD <= max_payload <= REFIT_MAX_UDP_PAYLOAD. */
void refit_init(struct refit *refit, enum codec_id codec, size_t max_payload);

/**
 * The parameter sets of the description (sprop-parameter-sets; sprop-vps, -sps, -pps), decoded:
 * whole NAL units, copied. They stand in for those that never come in band; once, behind
 * refit_init(). Units of other types are passed over.
 */
void refit_set_params(struct refit *refit, const struct span *nals, unsigned count);

/**
 * How many bytes a tick has: channels x bytes of a sample. LPCM can't be cut before it is told
 * (too large packets are dropped); G711 and G722 are taken for one channel.
 */
void refit_set_tick_bytes(struct refit *refit, unsigned bytes);

/** MPEG-4 Audio: its fields and how long a frame is, if they are not the usual ones. */
void refit_set_audio(struct refit *refit, const struct payload_params *params);

/**
 * What can't be cut, and would be dropped, passes whole: over UDP it comes in IP fragments, which
 * is better than not at all.
 */
void refit_pass_large(struct refit *refit);

/** The next packet of the track, in the order of arrival. `payload` is borrowed for the call. */
void refit_packet(struct refit *refit, const struct rtp_header *packet,
                  const struct refit_sink *sink);
