#include "load/load_frame.h"

#include "base/auto.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "codec/h26x.h"
#include "load/load_stamp.h"
#include "rtp/h264_packetizer.h"
#include "rtp/interleaved.h"
#include "rtp/rtp.h"

enum {
    STAP_A_HEADER = 0x60 | H264_NAL_STAP_A, /* as important as a parameter set */
    STAP_A_LENGTH = 2,                      /* in front of each NAL unit in it */
};

struct builder {
    const struct load_frame_format *format;
    struct load_frame              *frame;
};

static size_t max_payload(const struct builder *builder)
{
    return builder->format->max_packet - RTP_HEADER;
}

static void add_packet(struct builder *builder, struct span payload)
{
    struct load_frame *frame = builder->frame;
    frame->starts = mem_resize(frame->starts, sizeof(*frame->starts) * (frame->packets + 2));
    frame->starts[frame->packets++] = (uint32_t)frame->bytes.len;
    uint8_t           head[INTERLEAVED_HEADER + RTP_HEADER];
    struct rtp_header header = { .payload_type = LOAD_FRAME_PAYLOAD_TYPE,
                                 .ssrc = builder->format->ssrc };
    interleaved_write_header(head, 0, (uint16_t)(RTP_HEADER + payload.len));
    rtp_write(&header, head + INTERLEAVED_HEADER);
    buf_append(&frame->bytes, (struct span){ head, sizeof(head) });
    buf_append(&frame->bytes, payload);
    frame->starts[frame->packets] = (uint32_t)frame->bytes.len;
}

static void add_fragments(struct builder *builder, struct span nal)
{
    AUTO(mem_free) char   *payload = mem_alloc(max_payload(builder));
    size_t                 len;
    struct h264_packetizer state = h264_packetize(nal, max_payload(builder));
    while (h264_packetizer_next(&state, (uint8_t *)payload, &len))
        add_packet(builder, (struct span){ (const uint8_t *)payload, len });
}

static void aggregate(struct buf *stap_a, struct span nal)
{
    uint8_t length[STAP_A_LENGTH];
    write_be16(length, (uint16_t)nal.len);
    buf_append(stap_a, (struct span){ length, sizeof(length) });
    buf_append(stap_a, nal);
}

static void aggregate_filler(struct buf *stap_a, size_t size)
{
    AUTO(buf_fini) struct buf filler = { 0 };
    h264_write_filler(&filler, size);
    aggregate(stap_a, buf_span(&filler));
}

/* How much of `filler` bytes goes into the first packet; neither part may be a single byte. */
static size_t choose_filler_part(size_t filler, size_t room)
{
    if (room < STAP_A_LENGTH + H264_WRITER_MIN_FILLER)
        return 0;
    size_t part = MIN(filler, room - STAP_A_LENGTH);
    if (filler - part == 1)
        part--;
    return part >= H264_WRITER_MIN_FILLER ? part : 0;
}

static void write_picture(const struct h264_video *video, bool is_keyframe, struct buf *out)
{
    if (is_keyframe)
        h264_write_idr(out, video);
    else
        h264_write_repeat(out, video, 1);
}

static void write_params(const struct h264_video *video, struct buf *sps, struct buf *pps)
{
    h264_write_sps(sps, video);
    h264_write_pps(pps);
}

size_t load_frame_min_bytes(const struct h264_video *video, bool is_keyframe)
{
    AUTO(buf_fini) struct buf all = { 0 };
    write_picture(video, is_keyframe, &all);
    if (is_keyframe)
        write_params(video, &all, &all);
    return all.len + LOAD_STAMP_NAL + H264_WRITER_MIN_FILLER;
}

/* Parameter sets and stamp. The stamp's content comes with each load_frame_set_mark(). */
static void start_first_packet(struct builder *builder, bool is_keyframe, struct buf *stap_a)
{
    static const uint8_t header = STAP_A_HEADER;
    buf_append(stap_a, (struct span){ &header, 1 });
    if (is_keyframe) {
        AUTO(buf_fini) struct buf sps = { 0 };
        AUTO(buf_fini) struct buf pps = { 0 };
        write_params(&builder->format->video, &sps, &pps);
        aggregate(stap_a, buf_span(&sps));
        aggregate(stap_a, buf_span(&pps));
    }
    static const uint8_t stamp[LOAD_STAMP_NAL];
    aggregate(stap_a, (struct span){ stamp, sizeof(stamp) });
    builder->frame->stamp_at = INTERLEAVED_HEADER + RTP_HEADER + stap_a->len - sizeof(stamp);
}

void load_frame_build(const struct load_frame_format *format, bool is_keyframe, size_t nal_bytes,
                      struct load_frame *out)
{
    *out = (struct load_frame){ 0 };
    struct builder            builder = { format, out };
    AUTO(buf_fini) struct buf picture = { 0 };
    AUTO(buf_fini) struct buf stap_a = { 0 };
    AUTO(buf_fini) struct buf filler = { 0 };

    ASSERT(nal_bytes >= load_frame_min_bytes(&format->video, is_keyframe));
    size_t filler_bytes =
        nal_bytes - load_frame_min_bytes(&format->video, is_keyframe) + H264_WRITER_MIN_FILLER;
    write_picture(&format->video, is_keyframe, &picture);
    start_first_packet(&builder, is_keyframe, &stap_a);
    bool fits = stap_a.len + STAP_A_LENGTH + picture.len <= max_payload(&builder);
    if (fits) {
        aggregate(&stap_a, buf_span(&picture));
        if (!is_keyframe)
            out->repeat_at = INTERLEAVED_HEADER + RTP_HEADER + stap_a.len - picture.len;
        size_t part = choose_filler_part(filler_bytes, max_payload(&builder) - stap_a.len);
        if (part > 0)
            aggregate_filler(&stap_a, part);
        filler_bytes -= part;
    }
    add_packet(&builder, buf_span(&stap_a));
    if (!fits)
        add_fragments(&builder, buf_span(&picture));
    if (filler_bytes > 0) {
        h264_write_filler(&filler, filler_bytes);
        add_fragments(&builder, buf_span(&filler));
    }
    /* The marker: the last packet's. */
    out->bytes.p[out->starts[out->packets - 1] + INTERLEAVED_HEADER + 1] |= 0x80;
}

void load_frame_fini(struct load_frame *frame)
{
    buf_fini(&frame->bytes);
    frame->starts = mem_free(frame->starts);
}

void load_frame_set_mark(struct load_frame *frame, const struct load_frame_mark *mark)
{
    struct load_stamp stamp = { .stream = mark->stream,
                                .packets = frame->packets,
                                .frame = mark->frame,
                                .sent_ns = mark->sent_ns };
    load_stamp_write(&stamp, frame->bytes.p + frame->stamp_at);
    if (frame->repeat_at)
        h264_renumber_repeat(frame->bytes.p + frame->repeat_at, mark->number);
    for (uint32_t i = 0; i < frame->packets; i++) {
        uint8_t *rtp = frame->bytes.p + frame->starts[i] + INTERLEAVED_HEADER;
        write_be16(rtp + 2, (uint16_t)(mark->seq + i));
        write_be32(rtp + 4, mark->ticks);
    }
}

void load_frame_set_channel(struct load_frame *frame, uint8_t channel)
{
    for (uint32_t i = 0; i < frame->packets; i++)
        frame->bytes.p[frame->starts[i] + 1] = channel;
}

struct span load_frame_packet(const struct load_frame *frame, uint32_t index)
{
    ASSERT(index < frame->packets);
    uint32_t start = frame->starts[index];
    return (struct span){ frame->bytes.p + start, frame->starts[index + 1] - start };
}
