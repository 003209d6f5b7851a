#include "rtsp/rtsp_transport.h"

#include <errno.h>

#include "base/auto.h"
#include "base/check.h"

/* All but the two texts, which may hold separators where they were quoted. */
static void check_rewritten(struct rtsp_transport transport)
{
    AUTO(buf_fini) struct buf first = { 0 }, second = { 0 };
    struct rtsp_transport     again;
    transport.source = transport.destination = (struct span){ 0 };
    rtsp_transport_write(&first, &transport);
    struct span rest = buf_span(&first);
    ASSERT(rtsp_transport_next(&rest, &again) == 1 && rest.len == 0);
    rtsp_transport_write(&second, &again);
    ASSERT(span_equal(buf_span(&first), buf_span(&second)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span           in = { data, size }, rest = in;
    struct rtsp_transport transport;
    for (size_t left = size; rest.len > 0; left = rest.len) {
        int err = rtsp_transport_next(&rest, &transport);
        ASSERT(rest.len < left && span_contains(in, rest));
        if (err < 0)
            ASSERT(err == -EINVAL);
        if (err <= 0)
            continue;
        ASSERT(span_contains(in, transport.source) && span_contains(in, transport.destination));
        check_rewritten(transport);
    }
    return 0;
}
