/**
 * av1_format: the payloads of AV1 (RTP Payload Format for AV1, version 1.0, section 4): a header,
 * then OBUs or fragments of them.
 */
#pragma once
#include "base/span.h"

enum {
    AV1_Z = 0x80, /* the first OBU began in the packet before */
    AV1_Y = 0x40, /* the last one goes on in the next */
    AV1_N = 0x08, /* a coded video sequence begins */
    AV1_W_ONE = 0x10,
    AV1_W_MASK = 0x30,  /* how many there are; the last one has no length in front. 0: all have */
    AV1_MAX_LENGTH = 4, /* bytes that av1_write_length() writes at most */
};

enum av1_obu_type { AV1_OBU_SEQUENCE_HEADER = 1, AV1_OBU_TEMPORAL_DELIMITER = 2 };

/** The OBUs of one packet, taken one by one. */
struct av1_obus {
    struct span rest;
    unsigned    count; /* still to come, the last one without length; 0: as many as fit */
};

/** Of a payload that is not empty. */
struct av1_obus av1_obus(struct span payload);

/** The next one, maybe empty. False at the end, and where the lengths make no sense: then `rest`
 * is not empty. */
bool av1_next_obu(struct av1_obus *obus, struct span *obu);

/** A length in front of an OBU, less than 1 << 28, in as few bytes as it needs. Returns those. */
size_t av1_write_length(size_t len, uint8_t *out);

static inline uint8_t av1_obu_type(uint8_t first)
{
    return first >> 3 & 0x0f;
}
