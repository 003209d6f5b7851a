#include "load/load_reader.h"

#include <errno.h>

#include "base/check.h"
#include "base/clock.h"

enum { LIVE_FRAMES = 3 }; /* on their way, or just about to be sent */

/* One of the protocols that a stream can be read by. */
struct load_reader_way {
    int (*open)(struct load_reader *reader, const struct load_source *source, const char *url);
    void (*tick)(struct load_reader *reader, int64_t now_ns);
    const char *(*waits_for)(const struct load_reader *reader);
    bool (*is_open)(const struct load_reader *reader);
    void (*leave)(struct load_reader *reader);
    void (*close)(struct load_reader *reader);
};

/* What both have in common */

static void go_live(struct load_reader *reader, int64_t now_ns)
{
    reader->state = LOAD_PEER_LIVE;
    reader->live_ns = now_ns;
    histogram_add(&reader->times->setup, now_ns - reader->opened_ns);
}

static void take_frame(struct load_reader *reader, const struct frame_seen *frame, int64_t now_ns)
{
    struct load_times *times = reader->times;
    /* A frame may even come before the answer to PLAY. */
    int64_t            since_live_ns = reader->live_ns ? now_ns - reader->live_ns : 0;
    if (reader->video.frames == 1)
        histogram_add(&times->first_frame, since_live_ns);
    if (frame->is_keyframe && reader->video.keyframes == 1)
        histogram_add(&times->first_keyframe, since_live_ns);
    int64_t written_ns = load_stream_written_ns(reader->stream, frame->frame, frame->sent_ns);
    histogram_add(&times->delay_now, now_ns - written_ns);
    if (times->is_measuring)
        histogram_add(&times->delay, now_ns - written_ns);
}

static void count_packet(struct load_reader *reader, size_t len, int64_t now_ns)
{
    if (reader->packets++ == 0)
        histogram_add(&reader->times->first_packet, now_ns - reader->opened_ns);
    reader->bytes += len;
}

static void end(struct load_reader *reader, int err, const struct errmsg *why)
{
    if (err != -ENOENT) {
        load_reader_fail(reader, why);
        return;
    }
    /* Nobody publishes yet: the owner tries again, when this connection is closed. */
    reader->why = *why;
    reader->retries++;
    load_reader_close(reader);
}

static void wait_again(struct load_reader *reader)
{
    if (reader->state == LOAD_PEER_OPENING)
        reader->state = LOAD_PEER_WAITING;
}

/* By RTSP */

static struct load_reader *reader_of_client(struct load_client *client)
{
    return CONTAINER_OF(client, struct load_reader, client);
}

static void on_client_live(struct load_client *client, int64_t now_ns)
{
    go_live(reader_of_client(client), now_ns);
}

static void on_client_packet(struct load_client *client, unsigned track, struct span rtp,
                             int64_t now_ns)
{
    struct load_reader *reader = reader_of_client(client);
    struct rtp_header   header;
    struct frame_seen   frame;
    if (rtp_parse(rtp, &header) < 0) {
        reader->broken++;
        return;
    }
    count_packet(reader, rtp.len, now_ns);
    if (!client->tracks[track].is_h264)
        (void)seq_check_add(&reader->audio, header.seq);
    else if (frame_check_add(&reader->video, &header, now_ns, &frame))
        take_frame(reader, &frame, now_ns);
}

static void on_client_end(struct load_client *client, int err, const struct errmsg *why)
{
    end(reader_of_client(client), err, why);
}

static void on_client_closed(struct load_client *client)
{
    wait_again(reader_of_client(client));
}

static const struct load_client_ops client_ops = {
    .on_live = on_client_live,
    .on_packet = on_client_packet,
    .on_end = on_client_end,
    .on_closed = on_client_closed,
};

static int rtsp_open(struct load_reader *reader, const struct load_source *source, const char *url)
{
    const struct load_client_target target = { .address = source->server,
                                               .url = url,
                                               .is_udp = source->is_udp };
    return load_client_open(&reader->client, source->net, &target, &client_ops);
}

static void rtsp_tick(struct load_reader *reader, int64_t now_ns)
{
    load_client_tick(&reader->client, now_ns);
}

static const char *rtsp_waits_for(const struct load_reader *reader)
{
    return load_client_waits_for(&reader->client);
}

static bool rtsp_is_open(const struct load_reader *reader)
{
    return load_client_is_open(&reader->client);
}

static void rtsp_leave(struct load_reader *reader)
{
    load_client_leave(&reader->client);
}

static void rtsp_close(struct load_reader *reader)
{
    load_client_close(&reader->client);
}

static const struct load_reader_way by_rtsp = { rtsp_open,    rtsp_tick,  rtsp_waits_for,
                                                rtsp_is_open, rtsp_leave, rtsp_close };

/* Over WebRTC */

static struct load_reader *reader_of_whep(struct load_whep *whep)
{
    return CONTAINER_OF(whep, struct load_reader, whep);
}

static void on_whep_live(struct load_whep *whep, int64_t now_ns)
{
    go_live(reader_of_whep(whep), now_ns);
}

static void on_whep_packet(struct load_whep *whep, const struct whep_packet *packet, size_t len,
                           int64_t now_ns)
{
    struct load_reader *reader = reader_of_whep(whep);
    struct frame_seen   frame;
    count_packet(reader, len, now_ns);
    if (packet->track == WHEP_AUDIO) {
        (void)seq_check_add(&reader->audio, packet->header.seq);
    } else if (frame_check_add(&reader->video, &packet->header, now_ns, &frame)) {
        take_frame(reader, &frame, now_ns);
        if (frame.is_keyframe)
            load_whep_settle(whep);
    }
}

static void on_whep_broken(struct load_whep *whep)
{
    reader_of_whep(whep)->broken++;
}

static void on_whep_end(struct load_whep *whep, int err, const struct errmsg *why)
{
    end(reader_of_whep(whep), err, why);
}

static void on_whep_closed(struct load_whep *whep)
{
    wait_again(reader_of_whep(whep));
}

static const struct load_whep_ops whep_ops = {
    .on_live = on_whep_live,
    .on_packet = on_whep_packet,
    .on_broken = on_whep_broken,
    .on_end = on_whep_end,
    .on_closed = on_whep_closed,
};

static int whep_open(struct load_reader *reader, const struct load_source *source, const char *url)
{
    reader->video.ends_by_marker = true;
    return load_whep_open(&reader->whep, source->whep, url, &whep_ops);
}

static void whep_tick(struct load_reader *reader, int64_t now_ns)
{
    load_whep_tick(&reader->whep, now_ns);
}

static const char *whep_waits_for(const struct load_reader *reader)
{
    return load_whep_waits_for(&reader->whep);
}

static bool whep_is_open(const struct load_reader *reader)
{
    return reader->whep.is_open;
}

static void whep_leave(struct load_reader *reader)
{
    load_whep_leave(&reader->whep);
}

static void whep_close(struct load_reader *reader)
{
    load_whep_close(&reader->whep);
}

static const struct load_reader_way by_whep = { whep_open,    whep_tick,  whep_waits_for,
                                                whep_is_open, whep_leave, whep_close };

/* A reader */

void load_reader_init(struct load_reader *reader, struct load_stream *stream,
                      struct load_times *times, int64_t freeze_ns)
{
    *reader = (struct load_reader){ .stream = stream, .times = times };
    reader->video.stream = stream->number;
    reader->video.freeze_ns = freeze_ns;
}

void load_reader_open(struct load_reader *reader, const struct load_source *source, const char *url)
{
    ASSERT(reader->state == LOAD_PEER_WAITING);
    reader->state = LOAD_PEER_OPENING;
    reader->opened_ns = clock_monotonic_ns();
    if (reader->first_try_ns == 0)
        reader->first_try_ns = reader->opened_ns;
    reader->way = source->whep ? &by_whep : &by_rtsp;
    int err = reader->way->open(reader, source, url);
    if (err < 0) {
        reader->state = LOAD_PEER_FAILED;
        (void)errmsg_set(&reader->why, err, "cannot connect: %s", err_text(err));
    }
}

void load_reader_tick(struct load_reader *reader, int64_t now_ns)
{
    if (load_reader_is_open(reader))
        reader->way->tick(reader, now_ns);
}

const char *load_reader_waits_for(const struct load_reader *reader)
{
    return reader->way->waits_for(reader);
}

bool load_reader_has_caught_up(struct load_reader *reader)
{
    const struct frame_check *video = &reader->video;
    if (video->keyframes > 0 && reader->stream->frame - video->last_frame <= LIVE_FRAMES)
        reader->has_caught_up = true;
    return reader->state == LOAD_PEER_LIVE && reader->has_caught_up;
}

void load_reader_fail(struct load_reader *reader, const struct errmsg *why)
{
    reader->state = LOAD_PEER_FAILED;
    if (why)
        reader->why = *why;
    load_reader_close(reader);
}

void load_reader_leave(struct load_reader *reader)
{
    if (load_reader_is_open(reader) && !reader->is_leaving)
        reader->way->leave(reader);
    reader->is_leaving = true;
}

void load_reader_close(struct load_reader *reader)
{
    if (reader->way)
        reader->way->close(reader);
}

bool load_reader_is_open(const struct load_reader *reader)
{
    return reader->way && reader->way->is_open(reader);
}

const char *load_reader_profile(const struct load_reader *reader)
{
    return reader->way == &by_whep ? reader->whep.profile : NULL;
}

void load_reader_add_to(const struct load_reader *reader, struct load_received *sum)
{
    const struct frame_check *video = &reader->video;
    sum->packets += reader->packets;
    sum->bytes += reader->bytes;
    sum->broken += reader->broken;
    sum->packets_lost += video->seq.missing + reader->audio.missing;
    sum->packets_late += video->seq.late + reader->audio.late;
    sum->packets_again += video->seq.duplicate + reader->audio.duplicate;
    sum->frames += video->frames;
    sum->keyframes += video->keyframes;
    sum->frames_lost += video->frames_lost;
    sum->frames_cut += video->frames_cut;
    sum->frames_again += video->frames_again;
    sum->frames_foreign += video->foreign;
    sum->freezes += video->freezes;
    sum->frozen_ns += (uint64_t)video->frozen_ns;
    if (reader->way != &by_whep)
        return;
    sum->decrypted += reader->whep.media.decrypted;
    sum->forged += reader->whep.media.forged;
    sum->overflowed += reader->whep.overflowed;
}
