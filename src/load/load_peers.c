#include "load/load_internal.h"

#include <errno.h>

#include "base/auto.h"
#include "base/check.h"
#include "base/clock.h"

#define RETRY_INTERVAL_NS (250 * NS_PER_MS)

/* Viewers that connect, or leave, at a time: a server takes a millisecond for each handshake. */
enum { MAX_VIEWERS_UNDER_WAY = 32 };

/* When the `index`th of `count` peers is due, if they are spread evenly over the ramp. */
static int64_t due_ns(const struct load *load, int64_t from_ns, uint32_t index, uint32_t count)
{
    return from_ns + muldiv((int64_t)load->options->ramp_ns, index, count);
}

static bool is_over(const struct load *load, int64_t since_ns, int64_t now_ns)
{
    return now_ns - since_ns > (int64_t)load->options->timeout_ns;
}

static struct errmsg no_answer(const char *waits_for)
{
    struct errmsg why;
    (void)errmsg_set(&why, -ETIMEDOUT, "no answer to %s in time", waits_for ? waits_for : "PLAY");
    return why;
}

static void open_publisher(struct load *load, uint32_t i)
{
    uint64_t                        transport = load->options->transport;
    const struct load_client_target target = { .address = &load->server,
                                               .url = load->urls[i],
                                               .is_udp = transport == LOAD_UDP ||
                                                         transport == LOAD_UDP_IN };
    load_publisher_open(&load->publishers[i], &load->net, &target, &load->streams[i]);
}

/* True when it works or has failed. */
static bool connect_publisher(struct load *load, uint32_t i, int64_t now_ns)
{
    struct load_publisher *publisher = &load->publishers[i];
    struct errmsg          why;
    switch (publisher->state) {
    case LOAD_PEER_WAITING:
        if (now_ns >= due_ns(load, load->start_ns, i, load->stream_count))
            open_publisher(load, i);
        return false;
    case LOAD_PEER_OPENING:
        if (is_over(load, publisher->opened_ns, now_ns)) {
            why = no_answer(load_client_waits_for(&publisher->client));
            load_publisher_fail(publisher, &why);
        }
        return false;
    case LOAD_PEER_LIVE:
    case LOAD_PEER_FAILED:
        return true;
    }
    return true;
}

/* A stream that nobody publishes can't be read; one that is pulled may need a reader first. */
static bool may_read(struct load *load, uint32_t i, int64_t now_ns)
{
    const struct load_stream *stream = load->readers[i].stream;
    int64_t                   from_ns = load->start_ns + (int64_t)load->options->ramp_ns;
    bool                      is_sent = load->serve || stream->frame > 0;
    if (load->source.whep && load->readers_opening >= MAX_VIEWERS_UNDER_WAY)
        return false;
    return is_sent && now_ns >= due_ns(load, from_ns, i, load->reader_count);
}

static void try_reader(struct load *load, uint32_t i, int64_t now_ns)
{
    struct load_reader *reader = &load->readers[i];
    uint32_t            stream = reader->stream->number - 1;
    struct errmsg       why;
    if (load->publishers && load->publishers[stream].state == LOAD_PEER_FAILED) {
        (void)errmsg_set(&why, -ENOENT, "its stream could not be published");
        load_reader_fail(reader, &why);
    } else if (reader->first_try_ns && is_over(load, reader->first_try_ns, now_ns)) {
        why = reader->why;
        load_reader_fail(reader, &why);
    } else if (may_read(load, i, now_ns) && now_ns - reader->opened_ns >= RETRY_INTERVAL_NS) {
        load_reader_open(reader, &load->source, load->reader_urls[stream]);
        load->readers_opening++;
    }
}

static bool connect_reader(struct load *load, uint32_t i, int64_t now_ns)
{
    struct load_reader *reader = &load->readers[i];
    struct errmsg       why;
    switch (reader->state) {
    case LOAD_PEER_WAITING:
        try_reader(load, i, now_ns);
        return false;
    case LOAD_PEER_OPENING:
        load_reader_tick(reader, now_ns);
        if (reader->state == LOAD_PEER_OPENING && is_over(load, reader->opened_ns, now_ns)) {
            why = no_answer(load_reader_waits_for(reader));
            load_reader_fail(reader, &why);
        }
        return false;
    case LOAD_PEER_LIVE:
        return load_reader_has_caught_up(reader) || is_over(load, reader->live_ns, now_ns);
    case LOAD_PEER_FAILED:
        return true;
    }
    return true;
}

static bool are_pulled(const struct load *load, int64_t now_ns)
{
    int64_t ramps_ns = 2 * (int64_t)load->options->ramp_ns;
    return load_serve_count_live(load->serve) == load->stream_count ||
           is_over(load, load->start_ns + ramps_ns, now_ns);
}

bool load_peers_connect(struct load *load, int64_t now_ns)
{
    bool are_settled = load->serve ? are_pulled(load, now_ns) : true;
    load->readers_opening = 0;
    for (uint32_t i = 0; i < load->reader_count; i++)
        load->readers_opening += load->readers[i].state == LOAD_PEER_OPENING;
    for (uint32_t i = 0; load->publishers && i < load->stream_count; i++)
        are_settled &= connect_publisher(load, i, now_ns);
    for (uint32_t i = 0; i < load->reader_count; i++)
        are_settled &= connect_reader(load, i, now_ns);
    return are_settled;
}

bool load_peers_have_all(const struct load *load)
{
    for (uint32_t i = 0; i < load->reader_count; i++) {
        const struct load_reader *reader = &load->readers[i];
        bool                      is_behind = reader->video.last_frame + 1 < reader->stream->frame;
        if (reader->state == LOAD_PEER_LIVE && reader->video.has_frame && is_behind)
            return false;
    }
    return true;
}

/* Spread over the second, so that reports do not come in a heap. */
void load_peers_keep_alive(struct load *load, int64_t now_ns)
{
    uint32_t first = load->ticks++ % LOAD_TICKS_A_SECOND;
    for (uint32_t i = first; load->publishers && i < load->stream_count; i += LOAD_TICKS_A_SECOND)
        load_client_tick(&load->publishers[i].client, now_ns);
    for (uint32_t i = first; i < load->reader_count; i += LOAD_TICKS_A_SECOND)
        if (load->readers[i].state == LOAD_PEER_LIVE)
            load_reader_tick(&load->readers[i], now_ns);
}

/* Those who still are on their way out. */
static uint32_t let_readers_leave(struct load *load)
{
    uint32_t limit = load->source.whep ? MAX_VIEWERS_UNDER_WAY : UINT32_MAX;
    uint32_t open = 0;
    for (uint32_t i = 0; i < load->reader_count && open < limit; i++) {
        load_reader_leave(&load->readers[i]);
        open += load_reader_is_open(&load->readers[i]);
    }
    return open;
}

static uint32_t let_publishers_leave(struct load *load)
{
    uint32_t open = 0;
    for (uint32_t i = 0; load->publishers && i < load->stream_count; i++) {
        if (!load->are_publishers_leaving)
            load_publisher_leave(&load->publishers[i]);
        open += load_client_is_open(&load->publishers[i].client);
    }
    load->are_publishers_leaving = true;
    return open;
}

bool load_peers_leave(struct load *load)
{
    return let_readers_leave(load) == 0 && let_publishers_leave(load) == 0;
}

void load_peers_close(struct load *load)
{
    for (uint32_t i = 0; i < load->reader_count; i++)
        load_reader_close(&load->readers[i]);
    for (uint32_t i = 0; load->publishers && i < load->stream_count; i++)
        load_client_close(&load->publishers[i].client);
    load->serve = load_serve_close(load->serve);
}

uint32_t load_peers_count_streams(const struct load *load)
{
    if (load->serve)
        return load_serve_count_live(load->serve);
    uint32_t count = 0;
    for (uint32_t i = 0; i < load->stream_count; i++)
        count += load->publishers[i].state == LOAD_PEER_LIVE;
    return count;
}

uint32_t load_peers_count_readers(const struct load *load)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < load->reader_count; i++)
        count += load->readers[i].state == LOAD_PEER_LIVE;
    return count;
}

void load_peers_sum(const struct load *load, struct load_received *out)
{
    *out = (struct load_received){ 0 };
    for (uint32_t i = 0; i < load->reader_count; i++)
        load_reader_add_to(&load->readers[i], out);
}

static void count_failure(struct load_failures *failures, const char *url, const struct errmsg *why)
{
    if (failures->count++ == 0)
        (void)errmsg_set(&failures->first, 0, "%.200s: %.300s", url, why->text);
}

static void conclude_publishers(struct load *load)
{
    struct load_result *result = &load->result;
    for (uint32_t i = 0; load->publishers && i < load->stream_count; i++) {
        const struct load_publisher *publisher = &load->publishers[i];
        if (publisher->state == LOAD_PEER_FAILED)
            count_failure(load->streams[i].frame > 0 ? &result->broken : &result->refused,
                          load->urls[i], &publisher->why);
    }
    static const struct errmsg not_pulled = { "nobody pulled it" };
    for (uint32_t i = 0; load->serve && i < load->stream_count; i++)
        if (load->streams[i].frame == 0)
            count_failure(&result->refused, load->urls[i], &not_pulled);
}

static void conclude_reader(struct load *load, uint32_t i)
{
    struct load_result *result = &load->result;
    struct load_reader *reader = &load->readers[i];
    const char         *url = load->reader_urls[reader->stream->number - 1];
    const char         *profile = load_reader_profile(reader);
    bool                was_live = reader->live_ns > 0;
    if (reader->state == LOAD_PEER_FAILED)
        count_failure(was_live ? &result->broken : &result->refused, url, &reader->why);
    if (profile && result->srtp_profile && strcmp(profile, result->srtp_profile) != 0)
        profile = "several profiles";
    if (profile)
        result->srtp_profile = profile;
    result->readers_blank += was_live && reader->video.frames == 0;
    frame_check_finish(&reader->video, reader->stream->frame, reader->stream->last_ns);
}

void load_peers_conclude(struct load *load)
{
    conclude_publishers(load);
    for (uint32_t i = 0; i < load->reader_count; i++)
        conclude_reader(load, i);
    load_peers_sum(load, &load->result.received);
}
