/* Sender reports (RFC 3550, section 6.4.1): the same for all readers, so made once a stream. */
#include "base/bytes.h"
#include "base/clock.h"
#include "rtp/interleaved.h"
#include "rtp/rtcp.h"
#include "stream/stream_internal.h"

/* An estimate follows arrivals slowly, so that sound and picture stay together; not over a step. */
enum { SLEW_PART = 8 };
static const int64_t max_slew_ns = 500 * NS_PER_MS;

/*
 * The pair of wall-clock time and timestamp: what the publisher has said, or an estimate. At first
 * the newest packet is taken to have been sampled as it came.
 */
static struct rtcp_sender_info sender_info(const struct stream_track *track, uint32_t clock_rate,
                                           int64_t now_ns)
{
    int64_t  age_ns = now_ns - track->last_ns;
    uint32_t ticks = track->last_ticks + (uint32_t)muldiv(age_ns, clock_rate, NS_PER_S);
    struct rtcp_sender_info info = {
        .ssrc = track->ssrc, .ticks = ticks, .packets = track->packets, .bytes = track->bytes
    };
    if (track->has_ntp) {
        int32_t since = (int32_t)(ticks - track->ntp_ticks);
        info.ntp =
            rtcp_ntp_from_ns(rtcp_ntp_to_ns(track->ntp) + muldiv(since, NS_PER_S, clock_rate));
    } else {
        info.ntp = rtcp_ntp_from_ns(clock_wall_ns());
    }
    return info;
}

static void add_report(struct stream *stream, struct batch *batch, unsigned track)
{
    struct rtcp_sender_info info =
        sender_info(&stream->tracks[track], stream->description->sdp.media[track].clock_rate,
                    loop_now(stream->hub->loop));
    struct slab *slab;
    uint8_t     *p = hub_reserve(stream->hub, RTCP_SR_SIZE, &slab);
    interleaved_write_header(p - INTERLEAVED_HEADER, (uint8_t)(2 * track + 1), RTCP_SR_SIZE);
    rtcp_write_sr(&info, p);
    struct packet packet = { .p = p, .len = RTCP_SR_SIZE, .track = (uint8_t)track };
    batch->reports |= batch_add(batch, slab, &packet);
}

const struct batch *report_create(struct stream *stream)
{
    struct batch *batch = batch_take(&stream->hub->batches);
    batch->received_ns = loop_now(stream->hub->loop);
    for (unsigned i = 0; i < stream->description->sdp.media_count; i++)
        if (stream->tracks[i].has_packets)
            add_report(stream, batch, i);
    if (batch->packet_count == 0)
        return batch_unref(batch);
    batch_freeze(batch);
    return batch;
}

void report_publish(struct stream *stream)
{
    const struct batch *report = stream_has_readers(stream) ? report_create(stream) : NULL;
    if (report)
        stream_publish(stream, report);
}

static void follow_arrivals(struct stream_track *track)
{
    int64_t late_ns = clock_wall_ns() - rtcp_ntp_to_ns(track->ntp);
    bool    is_step = late_ns > max_slew_ns || late_ns < -max_slew_ns;
    track->ntp = rtcp_ntp_from_ns(rtcp_ntp_to_ns(track->ntp) + late_ns / (is_step ? 1 : SLEW_PART));
}

/* The pair moves along, for the difference of timestamps must not wrap: 6 h at 90 kHz. */
static void renew_pairs(struct stream *stream)
{
    for (unsigned i = 0; i < stream->description->sdp.media_count; i++) {
        struct stream_track *track = &stream->tracks[i];
        if (!track->has_packets)
            continue;
        struct rtcp_sender_info info = sender_info(
            track, stream->description->sdp.media[i].clock_rate, loop_now(stream->hub->loop));
        track->has_ntp = true;
        track->ntp = info.ntp;
        track->ntp_ticks = info.ticks;
        if (!track->is_told)
            follow_arrivals(track);
    }
}

static void on_period(void *arg)
{
    renew_pairs(arg);
    report_start(arg);
    report_publish(arg);
}

void report_start(struct stream *stream)
{
    timer_start(stream->hub->loop, &stream->report_timer, stream->hub->settings->report_period_ns,
                on_period, stream);
}
