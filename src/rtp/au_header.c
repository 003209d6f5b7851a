#include "rtp/au_header.h"

#include <errno.h>

#include "base/bytes.h"

enum { LENGTH = 2 }; /* of the section, in bits */

struct payload_au_header au_header_format(const struct payload_params *params)
{
    static const struct payload_au_header hbr = { .size_bits = 13,
                                                  .index_bits = 3,
                                                  .index_delta_bits = 3 };
    struct payload_au_header format = params->au_header.size_bits ? params->au_header : hbr;
    uint8_t                 *fields[] = { &format.size_bits,          &format.index_bits,
                                          &format.index_delta_bits,   &format.cts_delta_bits,
                                          &format.dts_delta_bits,     &format.stream_state_bits,
                                          &format.auxiliary_size_bits };
    for (size_t i = 0; i < COUNT(fields); i++)
        *fields[i] = MIN(*fields[i], (uint8_t)32);
    format.has_random_access = format.has_random_access != 0;
    return format;
}

/* The auxiliary section: its size in bits, and as many. */
static int skip_auxiliary(struct span *data, unsigned size_bits)
{
    struct payload_bits bits = payload_bits(*data);
    uint32_t            size = 0;
    if (!payload_bits_read(&bits, size_bits, &size))
        return -EBADMSG;
    uint64_t len = ((uint64_t)size_bits + size + 7) / 8;
    if (len > data->len)
        return -EBADMSG;
    *data = span_skip(*data, (size_t)len);
    return 0;
}

int au_headers_parse(struct span payload, struct payload_au_header format, struct au_headers *out)
{
    if (payload.len < LENGTH)
        return -EBADMSG;
    size_t      bits = read_be16(payload.p), bytes = (bits + 7) / 8;
    struct span data = span_skip(payload, LENGTH);
    if (bytes > data.len)
        return -EBADMSG;
    struct payload_bits fields = { .p = data.p, .left = bits };
    data = span_skip(data, bytes);
    if (skip_auxiliary(&data, format.auxiliary_size_bits) < 0)
        return -EBADMSG;
    *out = (struct au_headers){ .format = format, .bits = fields, .data = data };
    return 0;
}

/* A flag that says whether `count` bits more follow; neither is there when `count` is 0. */
static bool skip_optional(struct payload_bits *bits, unsigned count)
{
    uint32_t flag = 0, value;
    if (count == 0)
        return true;
    return payload_bits_read(bits, 1, &flag) && payload_bits_read(bits, flag ? count : 0, &value);
}

bool au_headers_next(struct au_headers *headers, size_t *size)
{
    const struct payload_au_header *format = &headers->format;
    struct payload_bits            *bits = &headers->bits;
    unsigned index_bits = headers->has_first ? format->index_delta_bits : format->index_bits;
    uint32_t value, index;
    if (!payload_bits_read(bits, format->size_bits, &value) ||
        !payload_bits_read(bits, index_bits, &index) ||
        !skip_optional(bits, format->cts_delta_bits) ||
        !skip_optional(bits, format->dts_delta_bits) ||
        !payload_bits_read(bits, format->has_random_access, &index) ||
        !payload_bits_read(bits, format->stream_state_bits, &index))
        return false;
    headers->has_first = true;
    *size = value;
    return true;
}

size_t au_header_max_size(struct payload_au_header format)
{
    return format.size_bits < 32 ? ((size_t)1 << format.size_bits) - 1 : UINT32_MAX;
}

/* The flags of time deltas, the random access flag and the stream's state: all zero. */
static size_t other_bits(struct payload_au_header format)
{
    return (format.cts_delta_bits > 0) + (format.dts_delta_bits > 0) +
           (size_t)format.has_random_access + format.stream_state_bits;
}

static size_t section_bits(struct payload_au_header format, size_t count)
{
    size_t each = format.size_bits + other_bits(format);
    return count * each + format.index_bits + (count - 1) * format.index_delta_bits;
}

size_t au_headers_len(struct payload_au_header format, size_t count)
{
    ASSERT(count > 0);
    return LENGTH + (section_bits(format, count) + 7) / 8 + (format.auxiliary_size_bits + 7u) / 8;
}

void au_headers_write(struct payload_au_header format, const uint32_t *sizes, size_t count,
                      uint8_t *out)
{
    size_t at = 0;
    memset(out, 0, au_headers_len(format, count));
    write_be16(out, (uint16_t)section_bits(format, count));
    for (size_t i = 0; i < count; i++) {
        payload_bits_write(out + LENGTH, &at, sizes[i], format.size_bits);
        at += i > 0 ? format.index_delta_bits : format.index_bits;
        at += other_bits(format);
    }
}
