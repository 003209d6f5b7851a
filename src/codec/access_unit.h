/**
 * access_unit: what a decoder takes at once, as views: a picture of video, one or more frames of
 * audio, a message of data.
 *
 * Shape:   units in order, each one or more spans that lie one behind the other. A unit is a NAL
 *          unit without start code (H264, H265), an OBU (AV1), a layer frame (VP9), a whole
 *          picture (other video), a frame (audio) or a message (data).
 * Owner:   whoever gives it: it is borrowed for the call that it is an argument of.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

struct au_unit {
    uint32_t first; /* of the access unit's spans */
    uint32_t count; /* of them, 1 or more */
    uint32_t len;   /* bytes of all of them, 1 or more */
};

struct access_unit {
    const struct span    *spans; /* none is empty */
    const struct au_unit *units;
    unsigned              unit_count;   /* 1 or more; audio: 1 or more frames */
    uint32_t              ticks;        /* as received; of the first frame */
    uint32_t              unit_ticks;   /* audio: how long each unit lasts; 0: not known */
    bool                  is_keyframe;  /* a decoder can begin here; always, if not video */
    bool                  is_after_gap; /* something in front of it never came */
    bool                  is_damaged; /* some of it never came; the units that are here are whole */
    bool                  has_marker; /* video: ended by its marker, not by the next one's time */
};

/** The spans of unit `index`. */
static inline const struct span *au_unit_spans(const struct access_unit *au, unsigned index)
{
    return au->spans + au->units[index].first;
}

/**
 * Copies bytes `at` to `at + len` of unit `index`, or as many as there are, and returns how many.
 */
size_t au_unit_copy(const struct access_unit *au, unsigned index, size_t at, size_t len,
                    uint8_t *out);
