#include "load/load_stream.h"

#include <stdio.h>

#include "base/auto.h"
#include "base/base64.h"
#include "base/check.h"
#include "base/clock.h"
#include "load/load_random.h"
#include "rtp/rtcp.h"
#include "sdp/sdp.h"

enum {
    VIDEO_CLOCK_RATE = 90000,
    MAX_UNSENT = 4 << 20, /* a peer that does not read costs no more memory than this */
};
#define REPORT_INTERVAL_NS (5 * NS_PER_S) /* RFC 3550, section 6.2 */

void load_stream_init(struct load_stream *stream, const struct load_stream_format *format,
                      const struct load_stream_start *start, struct load_sent *sent)
{
    ASSERT(format->gop >= 2 && start->gop_phase <= format->gop - 2);
    *stream = (struct load_stream){
        .format = *format, .sent = sent, .number = start->number, .gop_phase = start->gop_phase
    };
    uint64_t random = start->seed;
    for (unsigned i = 0; i < LOAD_TRACKS; i++) {
        stream->clocks[i].ssrc = (uint32_t)load_random_next(&random);
        stream->clocks[i].ticks = (uint32_t)load_random_next(&random);
        stream->clocks[i].seq = (uint16_t)load_random_next(&random);
    }
    stream->format.frame.ssrc = stream->clocks[LOAD_TRACK_VIDEO].ssrc;
    load_frame_build(&stream->format.frame, true, format->keyframe_bytes, &stream->keyframe);
    load_frame_build(&stream->format.frame, false, format->repeat_bytes, &stream->repeat);
    list_init(&stream->sinks);
}

void load_stream_fini(struct load_stream *stream)
{
    ASSERT(list_is_empty(&stream->sinks));
    load_frame_fini(&stream->keyframe);
    load_frame_fini(&stream->repeat);
}

/* sprop-parameter-sets: SPS and PPS (RFC 6184, section 8.1). */
static void describe_params(const struct h264_video *video, struct buf *profile, struct buf *sprop)
{
    AUTO(buf_fini) struct buf sps = { 0 };
    AUTO(buf_fini) struct buf pps = { 0 };
    h264_write_sps(&sps, video);
    h264_write_pps(&pps);
    buf_printf(profile, "%02X%02X%02X", sps.p[1], sps.p[2], sps.p[3]);
    base64_encode(sprop, buf_span(&sps));
    buf_append_string(sprop, ",");
    base64_encode(sprop, buf_span(&pps));
}

void load_stream_describe(const struct load_stream *stream, struct buf *out)
{
    AUTO(buf_fini) struct buf profile = { 0 };
    AUTO(buf_fini) struct buf sprop = { 0 };
    describe_params(&stream->format.frame.video, &profile, &sprop);
    const struct sdp_media media[LOAD_TRACKS] = {
        [LOAD_TRACK_VIDEO] = { .kind = BYTES("video"),
                               .profile = BYTES("RTP/AVP"),
                               .format = BYTES("96"),
                               .codec = codec_get(CODEC_H264),
                               .payload_type = LOAD_FRAME_PAYLOAD_TYPE,
                               .clock_rate = VIDEO_CLOCK_RATE,
                               .rtpmap = BYTES("H264/90000"),
                               .fmtp_count = 3,
                               .fmtp = { { BYTES("packetization-mode"), BYTES("1") },
                                         { BYTES("profile-level-id"), buf_span(&profile) },
                                         { BYTES("sprop-parameter-sets"), buf_span(&sprop) } } },
        [LOAD_TRACK_AUDIO] = { .kind = BYTES("audio"),
                               .profile = BYTES("RTP/AVP"),
                               .format = BYTES("97"),
                               .codec = codec_get(CODEC_OPUS),
                               .payload_type = LOAD_AUDIO_PAYLOAD_TYPE,
                               .clock_rate = LOAD_AUDIO_CLOCK_RATE,
                               .channels = 2,
                               .rtpmap = BYTES("opus/48000/2") },
    };
    sdp_write(out, BYTES("millrace load"), media, stream->format.has_audio ? LOAD_TRACKS : 1);
}

void load_stream_add_sink(struct load_stream *stream, struct load_sink *sink)
{
    sink->has_begun = false;
    if (list_is_empty(&stream->sinks)) {
        stream->first = stream->frame;
        for (unsigned i = 0; i < LOAD_TRACKS; i++)
            stream->clocks[i].report_ns = 0;
    }
    list_append(&stream->sinks, &sink->in_stream);
}

void load_stream_remove_sink(struct load_stream *stream, struct load_sink *sink)
{
    list_remove(&sink->in_stream);
}

static bool has_full_sink(const struct load_stream *stream)
{
    LIST_FOREACH (struct load_sink, sink, &stream->sinks, in_stream)
        if (sink->conn->unsent.len > MAX_UNSENT)
            return true;
    return false;
}

/* Interleaved frames. */
static void send_to(struct load_sink *sink, struct span frames)
{
    if (sink->udp)
        load_udp_send(sink->udp, frames);
    else
        load_conn_send(sink->conn, frames);
}

/* Maps the media clock to wall-clock time; servers pass it on for lip synchronisation. */
static void send_report(struct load_stream *stream, unsigned track, uint32_t ticks, int64_t now_ns)
{
    struct load_clock *clock = &stream->clocks[track];
    if (now_ns < clock->report_ns)
        return;
    clock->report_ns = now_ns + REPORT_INTERVAL_NS;
    struct rtcp_sender_info info = { .ssrc = clock->ssrc,
                                     .ntp = rtcp_ntp_from_ns(clock_wall_ns()),
                                     .ticks = ticks,
                                     .packets = clock->packets,
                                     .bytes = clock->bytes };
    uint8_t                 out[INTERLEAVED_HEADER + RTCP_SR_SIZE];
    rtcp_write_sr(&info, out + INTERLEAVED_HEADER);
    LIST_FOREACH (struct load_sink, sink, &stream->sinks, in_stream) {
        if (!sink->has_track[track])
            continue;
        interleaved_write_header(out, sink->channels[track] + 1, RTCP_SR_SIZE);
        send_to(sink, (struct span){ out, sizeof(out) });
    }
}

static void count_sent(struct load_stream *stream, unsigned track, uint32_t packets, size_t bytes)
{
    struct load_clock *clock = &stream->clocks[track];
    clock->seq = (uint16_t)(clock->seq + packets);
    clock->packets += packets;
    clock->bytes += (uint32_t)(bytes - (size_t)packets * RTP_HEADER);
    stream->sent->packets += packets;
    stream->sent->bytes += bytes;
}

static void send_frame_by_packet(struct load_stream *stream, struct load_frame *frame,
                                 struct load_sink *sink)
{
    for (uint32_t i = 0; i < frame->packets; i++) {
        if (i == frame->packets - 1)
            stream->last_ns = clock_monotonic_ns();
        send_to(sink, load_frame_packet(frame, i));
    }
}

static void send_frame(struct load_stream *stream, struct load_frame *frame, bool is_keyframe)
{
    LIST_FOREACH (struct load_sink, sink, &stream->sinks, in_stream) {
        sink->has_begun |= is_keyframe;
        if (!sink->has_begun || !sink->has_track[LOAD_TRACK_VIDEO])
            continue;
        load_frame_set_channel(frame, sink->channels[LOAD_TRACK_VIDEO]);
        if (stream->format.by_packet)
            send_frame_by_packet(stream, frame, sink);
        else
            send_to(sink, buf_span(&frame->bytes));
    }
}

static bool is_keyframe_due(const struct load_stream *stream)
{
    uint64_t since_first = stream->frame - stream->first;
    return since_first == 0 || (since_first + stream->gop_phase) % stream->format.gop == 0;
}

static void count_lateness(struct load_stream *stream, int64_t late_ns)
{
    stream->sent->late += late_ns > LOAD_LATE_NS;
    stream->sent->max_late_ns = MAX(stream->sent->max_late_ns, late_ns);
}

void load_stream_beat_video(struct load_stream *stream, uint64_t beat, int64_t due_ns)
{
    if (list_is_empty(&stream->sinks))
        return;
    if (has_full_sink(stream)) {
        stream->sent->skipped++;
        return;
    }
    struct load_clock *clock = &stream->clocks[LOAD_TRACK_VIDEO];
    bool               is_keyframe = is_keyframe_due(stream);
    struct load_frame *frame = is_keyframe ? &stream->keyframe : &stream->repeat;
    stream->since_key = is_keyframe ? 0 : stream->since_key + 1;

    int64_t                      now_ns = clock_monotonic_ns();
    int64_t                      ticks = muldiv((int64_t)beat, INT64_C(1000) * VIDEO_CLOCK_RATE,
                                                stream->format.frame.video.fps_milli);
    const struct load_frame_mark mark = { .seq = clock->seq,
                                          .ticks = clock->ticks + (uint32_t)ticks,
                                          .stream = stream->number,
                                          .frame = stream->frame,
                                          .number = stream->since_key,
                                          .sent_ns = now_ns };
    load_frame_set_mark(frame, &mark);
    count_lateness(stream, now_ns - due_ns);
    send_report(stream, LOAD_TRACK_VIDEO, mark.ticks, now_ns);
    stream->last_ns = now_ns;
    send_frame(stream, frame, is_keyframe);
    stream->written_ns[stream->frame % LOAD_REMEMBERED] = stream->last_ns;
    stream->frame++;
    stream->sent->frames++;
    count_sent(stream, LOAD_TRACK_VIDEO, frame->packets,
               frame->bytes.len - (size_t)frame->packets * INTERLEAVED_HEADER);
}

void load_stream_beat_audio(struct load_stream *stream, uint64_t beat, int64_t due_ns)
{
    if (list_is_empty(&stream->sinks) || has_full_sink(stream))
        return;
    struct load_clock      *clock = &stream->clocks[LOAD_TRACK_AUDIO];
    const struct rtp_header header = { .payload_type = LOAD_AUDIO_PAYLOAD_TYPE,
                                       .seq = clock->seq,
                                       .ticks = clock->ticks + (uint32_t)(beat * LOAD_AUDIO_TICKS),
                                       .ssrc = clock->ssrc };
    send_report(stream, LOAD_TRACK_AUDIO, header.ticks, clock_monotonic_ns());
    LIST_FOREACH (struct load_sink, sink, &stream->sinks, in_stream) {
        uint8_t packet[LOAD_AUDIO_PACKET];
        if (!sink->has_track[LOAD_TRACK_AUDIO])
            continue;
        load_audio_write(&header, sink->channels[LOAD_TRACK_AUDIO], packet);
        send_to(sink, (struct span){ packet, sizeof(packet) });
    }
    count_sent(stream, LOAD_TRACK_AUDIO, 1, RTP_HEADER + LOAD_AUDIO_PAYLOAD);
}

int64_t load_stream_written_ns(const struct load_stream *stream, uint64_t frame, int64_t stamped_ns)
{
    bool is_remembered = frame < stream->frame && stream->frame - frame <= LOAD_REMEMBERED;
    return is_remembered ? stream->written_ns[frame % LOAD_REMEMBERED] : stamped_ns;
}
