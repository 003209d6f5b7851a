/**
 * refit_internal: what the files of refit share: giving parts out and cutting a unit's bytes.
 */
#pragma once
#include "rtp/refit.h"

/** One refit_packet(). */
struct refit_call {
    struct refit            *refit;
    const struct refit_sink *sink;
    struct span              payload; /* not empty */
    bool                     marker;
};

/** What stands in front of the parts of a unit, and is not part of its bytes. */
struct refit_heads {
    struct span first; /* at most max_payload - 1 bytes */
    struct span rest;  /* of the other parts; at most REFIT_MAX_HEAD bytes */
    uint8_t     flags_at;
    uint8_t     last_bit; /* of byte `flags_at`: set in the last part and in no other */
};

/* One a family of codecs: takes call->payload. */
void refit_take_h264(struct refit_call *call);
void refit_take_h265(struct refit_call *call);
void refit_take_vp8(struct refit_call *call);
void refit_take_vp9(struct refit_call *call);
void refit_take_av1(struct refit_call *call);
void refit_take_mjpeg(struct refit_call *call);
void refit_take_mpeg4_video(struct refit_call *call);
void refit_take_mpeg4_audio(struct refit_call *call);

/** As it is, or not at all. */
void refit_take_whole(struct refit_call *call);

/** The next part begins a frame of its own. */
void refit_begin_audio(struct refit *refit);

/** Some bytes of the packet as they are. */
void refit_give_view(struct refit_call *call, struct span payload, bool marker);

/** A copy of `begin` and `end`, one behind the other. */
void refit_give_copy(struct refit_call *call, struct span begin, struct span end, bool marker);

/** The frame is a keyframe: its next part says so, unless one has. */
void refit_mark_keyframe(struct refit *refit);

/** Does so when the codec's inspector finds one in this packet. */
void refit_look_for_keyframe(struct refit_call *call);

/** Bytes of fragments follow; heads.rest may change with refit_set_head(). */
void refit_begin_cut(struct refit *refit, const struct refit_heads *heads);

void refit_set_head(struct refit *refit, struct span head);

/** Gives out full parts as far as more follows, and keeps the rest. */
void refit_cut(struct refit_call *call, struct span bytes);

/** As refit_cut(), and gives out the last part. */
void refit_end_cut(struct refit_call *call, struct span bytes, bool marker);
