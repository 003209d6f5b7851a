#include "base/bytes.h"
#include "rtp/test_depack.h"

/* The first byte chooses the codec, the second the size of payloads, the third what the
 * description says. Then packets: flags, length, payload. */
enum { HEAD = 3, PACKET_HEAD = 3, MARKER = 1, NEW_TIME = 2, LOSS = 4, LATE = 8, FLUSH = 16 };

static const struct payload_params many_params[] = {
    { 0 },
    { .channels = 2, .sample_bits = 16, .latm_frames = 2, .vorbis_identity = 0xabcdef },
    { .au_header = { .size_bits = 6, .index_bits = 2, .index_delta_bits = 2 },
      .sample_bits = 3,
      .is_latm_config_in_band = true },
    { .au_header = { .size_bits = 16,
                     .cts_delta_bits = 8,
                     .dts_delta_bits = 5,
                     .has_random_access = 1,
                     .stream_state_bits = 3,
                     .auxiliary_size_bits = 4 },
      .frame_ticks = 960 },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span        in = { data, size };
    struct test_depack test;
    if (in.len < HEAD)
        return 0;
    test_depack_init(&test, in.p[0] % CODEC_COUNT, &many_params[in.p[2] % COUNT(many_params)]);
    test.round_trip_payload = PACK_MIN_PAYLOAD + in.p[1] * 5u;
    for (in = span_skip(in, HEAD); in.len >= PACKET_HEAD;) {
        uint8_t     flags = in.p[0];
        struct span payload = span_first(span_skip(in, PACKET_HEAD), read_be16(in.p + 1));
        in = span_skip(in, PACKET_HEAD + payload.len);
        test.ticks += flags & NEW_TIME ? 3600 : 0;
        test.seq += (uint16_t)((flags & LOSS) / LOSS - (flags & LATE) / LATE * 2);
        test_depack_packet(&test, payload, flags & MARKER);
        if (flags & FLUSH)
            test_depack_flush(&test);
    }
    test_depack_flush(&test);
    test_depack_fini(&test);
    return 0;
}
