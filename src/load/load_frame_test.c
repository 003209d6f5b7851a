#include "load/load_frame.h"

#include <errno.h>

#include "base/auto.h"
#include "base/bytes.h"
#include "base/test.h"
#include "codec/codec.h"
#include "codec/h26x.h"
#include "load/load_stamp.h"
#include "rtp/interleaved.h"
#include "rtp/rtp.h"

static const struct h264_video hd = { 1280, 720, 25000, 1000000 };
static const struct h264_video small = { 16, 16, 25000, 1000000 };

static const struct frame_case {
    const char              *name;
    const struct h264_video *video;
    size_t                   max_packet;
    size_t                   more;    /* bytes above the least */
    unsigned                 packets; /* 0: whatever it takes */
    bool                     is_keyframe;
} cases[] = {
    { "least, all in one packet", &hd, 1200, 0, 1, false },
    { "one byte more", &hd, 1200, 1, 1, false },
    { "fills the packet", &hd, 1200, 1132, 1, false },
    { "one more than fits", &hd, 1200, 1133, 2, false },
    { "two more than fit", &hd, 1200, 1134, 2, false },
    { "an ordinary frame", &hd, 1200, 4667, 4, false },
    { "smallest packets", &hd, 200, 4667, 0, false },
    { "largest packets", &hd, 65535, 200000, 4, false },
    { "a keyframe that fits", &small, 1200, 0, 1, true },
    { "a keyframe that fits, and filler", &small, 1200, 3000, 3, true },
    { "a large keyframe", &hd, 1200, 15000, 0, true },
    { "a large keyframe without filler", &hd, 1200, 0, 0, true },
};

/* What a receiver makes of the packets. */
struct received {
    size_t   nal_bytes;
    unsigned nals[32]; /* by type */
    unsigned stamps;
    bool     is_in_fragment;
};

static void receive_nal(struct received *received, struct span nal)
{
    struct load_stamp stamp;
    received->nal_bytes += nal.len;
    received->nals[nal.p[0] & 0x1f]++;
    received->stamps += load_stamp_parse(nal, &stamp) == 0;
}

static void receive_stap_a(struct received *received, struct span rest)
{
    while (rest.len > 0) {
        size_t size = read_be16(rest.p);
        assert_true(size > 0 && size + 2 <= rest.len);
        receive_nal(received, (struct span){ rest.p + 2, size });
        rest = span_skip(rest, size + 2);
    }
}

static void receive_fragment(struct received *received, struct span payload)
{
    bool starts = payload.p[1] & 0x80, ends = payload.p[1] & 0x40;
    assert_true(starts == !received->is_in_fragment);
    received->is_in_fragment = !ends;
    received->nal_bytes += payload.len - 2 + starts; /* the header is in two halves */
    received->nals[payload.p[1] & 0x1f] += ends;
}

static void receive(struct received *received, struct span payload)
{
    unsigned type = payload.p[0] & 0x1f;
    if (type == H264_NAL_STAP_A)
        receive_stap_a(received, span_skip(payload, 1));
    else if (type == H264_NAL_FU_A)
        receive_fragment(received, payload);
    else
        receive_nal(received, payload);
}

/* Parses packet `index` of a frame as a receiver would. */
static struct rtp_header parse_packet(const struct load_frame *frame, unsigned index,
                                      uint8_t channel)
{
    struct interleaved_frame interleaved;
    struct rtp_header        header;
    struct span              packet = load_frame_packet(frame, index);
    assert_int_equal(interleaved_parse(packet, &interleaved), packet.len);
    assert_int_equal(interleaved.channel, channel);
    assert_int_equal(rtp_parse(interleaved.payload, &header), 0);
    return header;
}

static void frames_are_exactly_as_large_as_asked(void **state)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct frame_case *c = &cases[i];
        struct load_frame_format format = { *c->video, c->max_packet, 0x12345678 };
        size_t                   bytes = load_frame_min_bytes(c->video, c->is_keyframe) + c->more;
        struct load_frame        frame;
        struct received          received = { 0 };
        load_frame_build(&format, c->is_keyframe, bytes, &frame);
        load_frame_set_mark(&frame, &(struct load_frame_mark){ .number = 1 });
        for (unsigned j = 0; j < frame.packets; j++) {
            struct rtp_header header = parse_packet(&frame, j, 0);
            struct span       packet = load_frame_packet(&frame, j);
            CHECK(packet.len <= c->max_packet + INTERLEAVED_HEADER, c->name);
            CHECK(header.marker == (j == frame.packets - 1), c->name);
            CHECK(header.ssrc == 0x12345678 && header.payload_type == 96, c->name);
            receive(&received, header.payload);
        }
        CHECK(received.nal_bytes == bytes, c->name);
        CHECK(received.stamps == 1 && !received.is_in_fragment, c->name);
        CHECK(received.nals[H264_NAL_SPS] == c->is_keyframe, c->name);
        CHECK(received.nals[H264_NAL_PPS] == c->is_keyframe, c->name);
        CHECK(received.nals[H264_NAL_IDR] == c->is_keyframe, c->name);
        CHECK(received.nals[H264_NAL_SLICE] == !c->is_keyframe, c->name);
        CHECK(received.nals[H264_NAL_FILLER] >= 1, c->name);
        CHECK(c->packets == 0 || frame.packets == c->packets, c->name);
        load_frame_fini(&frame);
    }
}

/* Every size around a packet's edge: neither part of the filler may be a single byte. */
static void no_size_is_impossible(void **state)
{
    const struct load_frame_format format = { hd, 300, 1 };
    size_t                         least = load_frame_min_bytes(&hd, false);
    for (size_t bytes = least; bytes < least + 700; bytes++) {
        struct load_frame frame;
        struct received   received = { 0 };
        char              name[32];
        (void)snprintf(name, sizeof(name), "%zu bytes", bytes);
        load_frame_build(&format, false, bytes, &frame);
        for (unsigned i = 0; i < frame.packets; i++)
            receive(&received, parse_packet(&frame, i, 0).payload);
        CHECK(received.nal_bytes == bytes, name);
        load_frame_fini(&frame);
    }
}

static void a_mark_reaches_every_packet(void **state)
{
    const struct load_frame_format format = { hd, 1200, 1 };
    const struct load_frame_mark   mark = { .seq = 65534,
                                            .ticks = 0xfffffff0,
                                            .stream = 7,
                                            .frame = 123456,
                                            .number = 17,
                                            .sent_ns = 987654321 };
    struct load_frame              frame;
    struct load_stamp              stamp;
    load_frame_build(&format, false, 4716, &frame);
    load_frame_set_mark(&frame, &mark);
    load_frame_set_channel(&frame, 6);
    CHECK(frame.packets == 4, "packets");
    for (unsigned i = 0; i < frame.packets; i++) {
        struct rtp_header header = parse_packet(&frame, i, 6);
        CHECK(header.seq == (uint16_t)(65534 + i), "sequence number wraps");
        CHECK(header.ticks == mark.ticks, "timestamp");
    }
    CHECK(load_stamp_find(parse_packet(&frame, 0, 6).payload, &stamp) == 0, "stamp");
    CHECK(stamp.stream == 7 && stamp.frame == 123456 && stamp.sent_ns == 987654321, "stamp");
    CHECK(stamp.packets == frame.packets, "number of packets");

    AUTO(buf_fini) struct buf want = { 0 };
    h264_write_repeat(&want, &hd, 17);
    CHECK(memcmp(frame.bytes.p + frame.repeat_at, want.p, want.len) == 0, "frame_num");
    load_frame_fini(&frame);
}

static void keyframes_are_recognised(void **state)
{
    const struct load_frame_format format = { hd, 1200, 1 };
    struct load_frame              frame;
    load_frame_build(&format, true, 18916, &frame);
    CHECK(h264_inspect(parse_packet(&frame, 0, 0).payload) & CODEC_STARTS_KEYFRAME, "keyframe");
    load_frame_fini(&frame);
    load_frame_build(&format, false, 4716, &frame);
    CHECK(!(h264_inspect(parse_packet(&frame, 0, 0).payload) & CODEC_STARTS_KEYFRAME), "other");
    load_frame_fini(&frame);
}

TESTS(frames_are_exactly_as_large_as_asked, no_size_is_impossible, a_mark_reaches_every_packet,
      keyframes_are_recognised)
