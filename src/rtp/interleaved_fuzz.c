#include "rtp/interleaved.h"

#include <errno.h>

#include "base/check.h"

enum { CHANNELS = 4 };

/* Walks as a connection does: frames where they are, else on to the next start. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = { data, size };
    while (in.len > 0) {
        struct interleaved_frame frame;
        ssize_t                  used = interleaved_parse(in, &frame);
        if (used >= 0) {
            ASSERT(span_contains(in, frame.payload));
            ASSERT((size_t)used == INTERLEAVED_HEADER + frame.payload.len);
        } else {
            ASSERT(used == -EAGAIN || (used == -EBADMSG && in.p[0] != '$'));
            used = (ssize_t)interleaved_resync(in, CHANNELS);
        }
        ASSERT(used > 0 && (size_t)used <= in.len);
        in = span_skip(in, (size_t)used);
    }
    return 0;
}
