/**
 * load_frame: a video frame as it goes over the wire, made once: RTP packets with interleaved
 * headers, one behind the other. To send it again only numbers and times in it are written.
 *
 * Shape:   the first packet is a STAP-A of parameter sets (keyframes), stamp, picture, and filler
 *          up to its full size; what does not fit goes on in FU-A (RFC 6184).
 * Owner:   one; release with load_frame_fini().
 */
#pragma once
#include "base/errmsg.h"
#include "load/h264_writer.h"

enum { LOAD_FRAME_PAYLOAD_TYPE = 96 };

struct load_frame_format {
    struct h264_video video;
    size_t            max_packet; /* RTP packet with its header */
    uint32_t          ssrc;
};

struct load_frame {
    struct buf bytes;
    uint32_t  *starts; /* of each packet's interleaved header, and of the end */
    uint32_t   packets;
    size_t     stamp_at;
    size_t     repeat_at; /* the NAL unit to renumber; 0: this is a keyframe */
};

/** What is patched before a frame is sent. */
struct load_frame_mark {
    uint16_t seq; /* of the first packet */
    uint32_t ticks;
    uint32_t stream;
    uint64_t frame;
    unsigned number; /* frames since the keyframe */
    int64_t  sent_ns;
};

/** Bytes of the NAL units of the smallest frame, without start codes. */
size_t load_frame_min_bytes(const struct h264_video *video, bool is_keyframe);

/** A frame whose NAL units have `nal_bytes` bytes in all, >= load_frame_min_bytes(). */
void load_frame_build(const struct load_frame_format *format, bool is_keyframe, size_t nal_bytes,
                      struct load_frame *out);
void load_frame_fini(struct load_frame *frame);

void load_frame_set_mark(struct load_frame *frame, const struct load_frame_mark *mark);

/** Rewrites the interleaved channel of all packets. */
void load_frame_set_channel(struct load_frame *frame, uint8_t channel);

/** Packet `index` with its interleaved header. */
struct span load_frame_packet(const struct load_frame *frame, uint32_t index);
