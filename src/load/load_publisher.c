#include "load/load_publisher.h"

#include "base/check.h"
#include "base/clock.h"

static struct load_publisher *publisher_of(struct load_client *client)
{
    return CONTAINER_OF(client, struct load_publisher, client);
}

static void on_live(struct load_client *client, int64_t now_ns)
{
    struct load_publisher *publisher = publisher_of(client);
    struct load_sink      *sink = &publisher->sink;
    sink->conn = &client->conn;
    sink->udp = client->udp;
    for (unsigned i = 0; i < client->track_count && i < LOAD_TRACKS; i++) {
        sink->has_track[i] = true;
        sink->channels[i] = client->tracks[i].channel;
    }
    publisher->state = LOAD_PEER_LIVE;
    load_stream_add_sink(publisher->stream, sink);
}

static void on_end(struct load_client *client, int err, const struct errmsg *why)
{
    load_publisher_fail(publisher_of(client), why);
}

static void on_closed(struct load_client *client)
{
    buf_fini(&publisher_of(client)->sdp);
}

static const struct load_client_ops client_ops = {
    .on_live = on_live,
    .on_end = on_end,
    .on_closed = on_closed,
};

void load_publisher_open(struct load_publisher *publisher, struct load_net *net,
                         const struct load_client_target *target, struct load_stream *stream)
{
    *publisher = (struct load_publisher){ .stream = stream,
                                          .state = LOAD_PEER_OPENING,
                                          .opened_ns = clock_monotonic_ns() };
    load_stream_describe(stream, &publisher->sdp);
    struct load_client_target with_sdp = *target;
    with_sdp.sdp = buf_span(&publisher->sdp);
    int err = load_client_open(&publisher->client, net, &with_sdp, &client_ops);
    if (err < 0) {
        publisher->state = LOAD_PEER_FAILED;
        (void)errmsg_set(&publisher->why, err, "cannot connect: %s", err_text(err));
        buf_fini(&publisher->sdp);
    }
}

void load_publisher_fail(struct load_publisher *publisher, const struct errmsg *why)
{
    publisher->state = LOAD_PEER_FAILED;
    publisher->why = *why;
    load_stream_remove_sink(publisher->stream, &publisher->sink);
    load_client_close(&publisher->client);
}

void load_publisher_leave(struct load_publisher *publisher)
{
    load_stream_remove_sink(publisher->stream, &publisher->sink);
    load_client_leave(&publisher->client);
}
