#include "rtp/rtp.h"

#include "base/check.h"

/* The header without what is optional is the same when written again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span       in = { data, size };
    struct rtp_header header;
    if (rtp_parse(in, &header) < 0)
        return 0;
    ASSERT(span_contains(span_skip(in, RTP_HEADER), header.payload));
    uint8_t again[RTP_HEADER];
    rtp_write(&header, again);
    ASSERT(again[0] == (data[0] & 0xc0) && memcmp(again + 1, data + 1, RTP_HEADER - 1) == 0);
    return 0;
}
