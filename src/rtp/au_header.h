/**
 * au_header: the payloads of MPEG-4 Audio in the generic format (RFC 3640, section 3.2): a section
 * of AU headers, an auxiliary section that nobody needs, then the access units or part of one.
 */
#pragma once
#include "rtp/payload_bits.h"
#include "rtp/payload_params.h"

struct au_headers {
    struct payload_au_header format;
    struct payload_bits      bits;
    bool                     has_first;
    struct span              data; /* behind all headers */
};

/** Which fields there are, once defaults are put in and what makes no sense is cut to 32 bits. */
struct payload_au_header au_header_format(const struct payload_params *params);

/** -EBADMSG: cut short. */
int au_headers_parse(struct span payload, struct payload_au_header format, struct au_headers *out);

/** The next access unit's size; false at the end, or where a header is cut short. */
bool au_headers_next(struct au_headers *headers, size_t *size);

/** The largest access unit whose size can be told. */
size_t au_header_max_size(struct payload_au_header format);

/** Bytes of the section that au_headers_write() writes in front of `count` access units. */
size_t au_headers_len(struct payload_au_header format, size_t count);

/** Writes the section for access units of these sizes. */
void au_headers_write(struct payload_au_header format, const uint32_t *sizes, size_t count,
                      uint8_t *out);
