#include "rtp/av1_format.h"

#include "base/check.h"

enum { MORE = 0x80 };

/* Returns bytes used, 0: cut short or too large. */
static size_t read_leb128(struct span in, size_t *out)
{
    enum { MAX_BYTES = 8 };
    uint64_t value = 0;
    for (size_t i = 0; i < in.len && i < MAX_BYTES; i++) {
        value |= (uint64_t)(in.p[i] & 0x7f) << (7 * i);
        if (in.p[i] & MORE)
            continue;
        *out = (size_t)value;
        return i + 1;
    }
    return 0;
}

size_t av1_write_length(size_t len, uint8_t *out)
{
    size_t used = 0;
    for (; len > 0x7f; len >>= 7)
        out[used++] = (uint8_t)(len | MORE);
    out[used++] = (uint8_t)len;
    ASSERT(used <= AV1_MAX_LENGTH);
    return used;
}

struct av1_obus av1_obus(struct span payload)
{
    return (struct av1_obus){ span_skip(payload, 1), (payload.p[0] & AV1_W_MASK) / AV1_W_ONE };
}

bool av1_next_obu(struct av1_obus *obus, struct span *obu)
{
    size_t len = obus->rest.len, used = 0;
    if (len == 0)
        return false;
    if (obus->count != 1) {
        used = read_leb128(obus->rest, &len);
        if (used == 0 || len > obus->rest.len - used)
            return false;
    }
    *obu = (struct span){ obus->rest.p + used, len };
    obus->rest = span_skip(obus->rest, used + len);
    obus->count -= obus->count > 0;
    return true;
}
