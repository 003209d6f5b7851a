#include "codec/access_unit.h"

#include "base/check.h"

size_t au_unit_copy(const struct access_unit *au, unsigned index, size_t at, size_t len,
                    uint8_t *out)
{
    const struct au_unit *unit = &au->units[index];
    size_t                done = 0;
    ASSERT(index < au->unit_count);
    for (uint32_t i = 0; i < unit->count && done < len; i++) {
        struct span span = au->spans[unit->first + i];
        size_t      skip = MIN(at, span.len);
        struct span part = span_first(span_skip(span, skip), len - done);
        if (part.len)
            memcpy(out + done, part.p, part.len);
        done += part.len;
        at -= skip;
    }
    return done;
}
