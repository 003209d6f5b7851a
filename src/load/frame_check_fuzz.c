#include "load/frame_check.h"

#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Packets with a length byte in front of each, as a server may send them. */
static void check_packets(struct span rest, bool ends_by_marker)
{
    struct frame_check check = { .stream = 1, .freeze_ns = 10, .ends_by_marker = ends_by_marker };
    struct frame_seen  seen;
    struct rtp_header  header;
    uint64_t           packets = 0;
    int64_t            now_ns = 0;
    for (; rest.len > 0; now_ns += 7) {
        struct span packet = span_first(span_skip(rest, 1), rest.p[0]);
        rest = span_skip(rest, 1 + packet.len);
        if (rtp_parse(packet, &header) < 0)
            continue;
        packets++;
        if (frame_check_add(&check, &header, now_ns, &seen))
            ASSERT(seen.frame == check.last_frame && check.has_frame);
    }
    frame_check_finish(&check, 1000, now_ns);
    ASSERT(check.frames + check.frames_cut + check.foreign + check.frames_again <= packets);
    ASSERT(check.keyframes <= check.frames);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_packets((struct span){ data, size }, false);
    check_packets((struct span){ data, size }, true);
    return 0;
}
