/**
 * mpeg: what of MPEG's bit streams must be known to carry them: start codes and kinds of
 * pictures of MPEG-1, MPEG-2 and MPEG-4 Visual, and the headers of MPEG audio and AC-3 frames.
 */
#pragma once
#include "base/span.h"

enum {
    MPEG_START_CODE = 4, /* 00 00 01 and what begins */
    MPEG_PICTURE = 0x00,
    MPEG_FIRST_SLICE = 0x01,
    MPEG_LAST_SLICE = 0xaf,
    MPEG_SEQUENCE = 0xb3,
    MPEG_GROUP = 0xb8,
    MPEG4_VOP = 0xb6,
    MPEG_AUDIO_HEADER = 4,
    AC3_HEADER = 5,
    AC3_FRAME_TICKS = 1536,
};

/** Where the next start code stands, from `at` on; the length when there is none. */
size_t mpeg_find_start_code(struct span bytes, size_t at);

/** Does a picture (ISO/IEC 11172-2, 13818-2) that begins like this stand alone? */
bool mpeg1_is_keyframe(struct span head);

/** The same of MPEG-4 Visual (ISO/IEC 14496-2). */
bool mpeg4_is_keyframe(struct span head);

/** Does it begin with a start code of a sequence, a visual object or its layers? */
bool mpeg4_is_configuration(struct span head);

struct mpeg_audio_frame {
    uint32_t bytes; /* with its header */
    uint32_t samples;
    uint32_t sample_rate;
};

/** MPEG-1, -2 and -2.5 audio, layers I to III. -EBADMSG: no such header, or of the
 * free format, which says no size. */
int mpeg_parse_audio(struct span head, struct mpeg_audio_frame *out);

/** AC-3 (ATSC A/52, section 5.3): the bytes of the frame. -EBADMSG. */
int ac3_parse(struct span head, uint32_t *bytes);
