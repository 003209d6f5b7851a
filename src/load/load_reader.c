#include "load/load_reader.h"

#include <errno.h>

#include "base/check.h"
#include "base/clock.h"

static struct load_reader *reader_of(struct load_client *client)
{
    return CONTAINER_OF(client, struct load_reader, client);
}

static void on_live(struct load_client *client, int64_t now_ns)
{
    struct load_reader *reader = reader_of(client);
    reader->state = LOAD_PEER_LIVE;
    reader->live_ns = now_ns;
    histogram_add(&reader->times->setup, now_ns - reader->opened_ns);
}

static void on_frame(struct load_reader *reader, const struct frame_seen *frame, int64_t now_ns)
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

static void on_packet(struct load_client *client, unsigned track, struct span rtp, int64_t now_ns)
{
    struct load_reader *reader = reader_of(client);
    struct rtp_header   header;
    struct frame_seen   frame;
    if (rtp_parse(rtp, &header) < 0) {
        reader->broken++;
        return;
    }
    reader->packets++;
    reader->bytes += rtp.len;
    if (!client->tracks[track].is_h264)
        (void)seq_check_add(&reader->audio, header.seq);
    else if (frame_check_add(&reader->video, &header, now_ns, &frame))
        on_frame(reader, &frame, now_ns);
}

static void on_end(struct load_client *client, int err, const struct errmsg *why)
{
    struct load_reader *reader = reader_of(client);
    if (err != -ENOENT) {
        load_reader_fail(reader, why);
        return;
    }
    /* Nobody publishes yet: the owner tries again, when this connection is closed. */
    reader->why = *why;
    reader->retries++;
    load_client_close(&reader->client);
}

static void on_closed(struct load_client *client)
{
    struct load_reader *reader = reader_of(client);
    if (reader->state == LOAD_PEER_OPENING)
        reader->state = LOAD_PEER_WAITING;
}

static const struct load_client_ops client_ops = {
    .on_live = on_live,
    .on_packet = on_packet,
    .on_end = on_end,
    .on_closed = on_closed,
};

void load_reader_init(struct load_reader *reader, struct load_stream *stream,
                      struct load_times *times, int64_t freeze_ns)
{
    *reader = (struct load_reader){ .stream = stream, .times = times };
    reader->video.stream = stream->number;
    reader->video.freeze_ns = freeze_ns;
}

void load_reader_open(struct load_reader *reader, struct load_net *net,
                      const struct address *server, const char *url)
{
    ASSERT(reader->state == LOAD_PEER_WAITING);
    reader->state = LOAD_PEER_OPENING;
    reader->opened_ns = clock_monotonic_ns();
    if (reader->first_try_ns == 0)
        reader->first_try_ns = reader->opened_ns;
    const struct load_client_target target = { .address = server, .url = url };
    int err = load_client_open(&reader->client, net, &target, &client_ops);
    if (err < 0) {
        reader->state = LOAD_PEER_FAILED;
        (void)errmsg_set(&reader->why, err, "cannot connect: %s", err_text(err));
    }
}

bool load_reader_has_picture(const struct load_reader *reader)
{
    return reader->state == LOAD_PEER_LIVE && reader->video.keyframes > 0;
}

void load_reader_fail(struct load_reader *reader, const struct errmsg *why)
{
    reader->state = LOAD_PEER_FAILED;
    if (why)
        reader->why = *why;
    load_client_close(&reader->client);
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
}
