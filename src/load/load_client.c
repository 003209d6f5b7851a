#include "load/load_client.h"

#include <errno.h>
#include <stdio.h>

#include "base/auto.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "load/load_url.h"
#include "rtsp/rtsp_transport.h"

enum {
    DEFAULT_SESSION_TIMEOUT_S = 60 /* RFC 2326, section 12.37 */,
    MAX_SESSION_TIMEOUT_S = 86400
};

/* One request of the conversation and what becomes of its answer. */
struct load_step {
    const char *method;
    void (*add_headers)(struct load_client *client, struct buf *request);
    int (*read_answer)(struct load_client *client, const struct message *answer,
                       struct errmsg *why);
};

enum step { STEP_ANNOUNCE, STEP_DESCRIBE, STEP_SETUP, STEP_RECORD, STEP_PLAY, STEP_COUNT };
static const struct load_step steps[STEP_COUNT];

static struct load_client *client_of(struct load_conn *conn)
{
    return CONTAINER_OF(conn, struct load_client, conn);
}

static void end(struct load_client *client, int err, const struct errmsg *why)
{
    if (client->has_ended)
        return;
    client->has_ended = true;
    client->ops->on_end(client, err, why);
}

static void send_request(struct load_client *client, const struct load_step *step, struct span url,
                         struct span body)
{
    AUTO(buf_fini) struct buf request = { 0 };
    message_start_request(&request, MESSAGE_RTSP, step->method, url);
    message_add(&request, "CSeq", "%u", ++client->cseq);
    message_add(&request, "User-Agent", "millrace-load");
    /* Without it the server refuses, and its answer tells what is missing. */
    (void)auth_client_add(&client->auth, &client->conn.net->account, span_from_string(step->method),
                          url, &request);
    if (client->session)
        message_add(&request, "Session", "%s", client->session);
    if (step->add_headers)
        step->add_headers(client, &request);
    message_finish(&request, body);
    client->request_ns = clock_monotonic_ns();
    load_conn_send(&client->conn, buf_span(&request));
}

static void take_step(struct load_client *client, enum step step)
{
    client->step = &steps[step];
    const char *url = step == STEP_SETUP ? client->tracks[client->track_next].control : client->url;
    struct span body = step == STEP_ANNOUNCE ? client->sdp : (struct span){ 0 };
    send_request(client, client->step, span_from_string(url), body);
}

static void add_announce_headers(struct load_client *client, struct buf *request)
{
    message_add(request, "Content-Type", "application/sdp");
    message_add(request, "Content-Length", "%zu", client->sdp.len);
}

static void add_describe_headers(struct load_client *client, struct buf *request)
{
    message_add(request, "Accept", "application/sdp");
}

static void add_setup_headers(struct load_client *client, struct buf *request)
{
    const struct load_client_track *track = &client->tracks[client->track_next];
    if (client->udp) {
        message_add(request, "Transport", "RTP/AVP;unicast;client_port=%u-%u%s", track->ports.rtp,
                    track->ports.rtcp, client->is_publisher ? ";mode=record" : "");
        return;
    }
    message_add(request, "Transport", "RTP/AVP/TCP;unicast;interleaved=%u-%u%s",
                client->track_next * 2, client->track_next * 2 + 1,
                client->is_publisher ? ";mode=record" : "");
}

static void add_play_headers(struct load_client *client, struct buf *request)
{
    message_add(request, "Range", "npt=0.000-");
}

static int read_tracks(struct load_client *client, struct span base, struct span text,
                       struct errmsg *why)
{
    struct sdp sdp;
    int        err = sdp_parse(text, &sdp, why);
    if (err < 0)
        return err;
    for (unsigned i = 0; i < sdp.media_count; i++) {
        if (client->udp)
            err = load_udp_open(client->udp, i, &client->tracks[i].ports, why);
        if (err < 0)
            return err;
        AUTO(buf_fini) struct buf url = { 0 };
        load_url_join(&url, base, sdp.media[i].control);
        client->tracks[i].control = mem_string(buf_string(&url));
        client->tracks[i].is_h264 = sdp.media[i].codec->id == CODEC_H264;
        client->track_count = i + 1;
    }
    return 0;
}

static int read_announce_answer(struct load_client *client, const struct message *answer,
                                struct errmsg *why)
{
    int err = read_tracks(client, span_from_string(client->url), client->sdp, why);
    if (err == 0)
        take_step(client, STEP_SETUP);
    return err;
}

static int read_describe_answer(struct load_client *client, const struct message *answer,
                                struct errmsg *why)
{
    struct span base = message_header(answer, "Content-Base");
    if (base.len == 0)
        base = span_from_string(client->url);
    int err = read_tracks(client, base, answer->body, why);
    if (err == 0)
        take_step(client, STEP_SETUP);
    return err;
}

/* `id;timeout=55` */
static void read_session(struct load_client *client, struct span value)
{
    struct span part, number;
    if (client->session || !span_next(&value, ';', &part))
        return;
    client->session = span_to_string(span_trim(part));
    while (span_next(&value, ';', &part)) {
        uint64_t seconds;
        number = span_trim(part);
        if (!span_starts_with(number, "timeout="))
            continue;
        number = span_skip(number, strlen("timeout="));
        if (span_to_uint(number, MAX_SESSION_TIMEOUT_S, &seconds) == 0 && seconds > 0)
            client->session_timeout_ns = (int64_t)seconds * NS_PER_S;
    }
}

static int read_setup_answer(struct load_client *client, const struct message *answer,
                             struct errmsg *why)
{
    read_session(client, message_header(answer, "Session"));
    if (!client->session)
        return errmsg_set(why, -EPROTO, "SETUP was answered without a Session header");
    struct load_client_track *track = &client->tracks[client->track_next];
    /* The server may choose another channel than the one that was asked for. */
    struct span               header = message_header(answer, "Transport");
    struct rtsp_transport     transport;
    bool                      is_there = rtsp_transport_next(&header, &transport) == 1;
    bool                      is_said = is_there && transport.interleaved.is_given;
    if (client->udp && !(is_there && transport.server_port.is_given))
        return errmsg_set(why, -EPROTO, "SETUP was answered without server_port");
    if (client->udp)
        load_udp_set_server(client->udp, client->track_next, transport.server_port);
    track->channel = (uint8_t)(is_said ? transport.interleaved.rtp : client->track_next * 2);
    client->track_next++;
    if (client->track_next < client->track_count)
        take_step(client, STEP_SETUP);
    else
        take_step(client, client->is_publisher ? STEP_RECORD : STEP_PLAY);
    return 0;
}

static int read_last_answer(struct load_client *client, const struct message *answer,
                            struct errmsg *why)
{
    client->step = NULL;
    client->ops->on_live(client, clock_monotonic_ns());
    return 0;
}

static const struct load_step steps[STEP_COUNT] = {
    [STEP_ANNOUNCE] = { "ANNOUNCE", add_announce_headers, read_announce_answer },
    [STEP_DESCRIBE] = { "DESCRIBE", add_describe_headers, read_describe_answer },
    [STEP_SETUP] = { "SETUP", add_setup_headers, read_setup_answer },
    [STEP_RECORD] = { "RECORD", NULL, read_last_answer },
    [STEP_PLAY] = { "PLAY", add_play_headers, read_last_answer },
};
/* OPTIONS: the one method that every server knows. */
static const struct load_step keep_alive = { "OPTIONS", NULL, NULL };
static const struct load_step teardown = { "TEARDOWN", NULL, NULL };

static void on_open(struct load_conn *conn)
{
    struct load_client *client = client_of(conn);
    take_step(client, client->is_publisher ? STEP_ANNOUNCE : STEP_DESCRIBE);
}

/* The server asks who it is: the same request again, with an answer to that. */
static bool sign_in(struct load_client *client, const struct message *answer)
{
    if (answer->status != 401 || !client->step || client->conn.net->account.user.len == 0 ||
        auth_client_read(&client->auth, answer) < 0)
        return false;
    take_step(client, (enum step)(client->step - steps));
    return true;
}

static void on_message(struct load_conn *conn, const struct message *message)
{
    struct load_client *client = client_of(conn);
    if (!message->is_response || client->has_ended || sign_in(client, message))
        return;
    struct errmsg why;
    if (message->status != 200) {
        const char *method = client->step ? client->step->method : keep_alive.method;
        int         err = message->status == 404 ? -ENOENT : -EPROTO;
        (void)errmsg_set(&why, err, "%s was answered %u %.*s", method, message->status,
                         SPAN_ARGS(message->reason));
        end(client, err, &why);
        return;
    }
    if (!client->step)
        return; /* an answer to keep_alive */
    int err = client->step->read_answer(client, message, &why);
    if (err < 0)
        end(client, err, &why);
}

static void on_frame(struct load_conn *conn, const struct interleaved_frame *frame, int64_t now_ns)
{
    struct load_client *client = client_of(conn);
    /* Packets may come before PLAY is answered; they count all the same. */
    for (unsigned i = 0; i < client->track_next; i++)
        if (client->tracks[i].channel == frame->channel && client->ops->on_packet)
            client->ops->on_packet(client, i, frame->payload, now_ns);
}

static void on_datagram(void *arg, unsigned track, struct span rtp, int64_t now_ns)
{
    struct load_client *client = arg;
    if (client->ops->on_packet && !client->has_ended)
        client->ops->on_packet(client, track, rtp, now_ns);
}

static void on_conn_end(struct load_conn *conn, int err)
{
    struct load_client *client = client_of(conn);
    struct errmsg       why;
    const char         *waits_for = load_client_waits_for(client);
    (void)errmsg_set(&why, err, "connection lost%s%s: %s", waits_for ? " during " : "",
                     waits_for ? waits_for : "", err_text(err));
    end(client, err, &why);
}

static void on_conn_closed(struct load_conn *conn)
{
    struct load_client *client = client_of(conn);
    for (unsigned i = 0; i < client->track_count; i++)
        client->tracks[i].control = mem_free(client->tracks[i].control);
    client->udp = load_udp_close(client->udp);
    client->url = mem_free(client->url);
    client->session = mem_free(client->session);
    auth_client_fini(&client->auth);
    client->ops->on_closed(client);
}

static const struct load_conn_ops conn_ops = {
    .on_open = on_open,
    .on_message = on_message,
    .on_frame = on_frame,
    .on_end = on_conn_end,
    .on_closed = on_conn_closed,
};

int load_client_open(struct load_client *client, struct load_net *net,
                     const struct load_client_target *target, const struct load_client_ops *ops)
{
    *client = (struct load_client){
        .ops = ops,
        .is_publisher = target->sdp.len > 0,
        .sdp = target->sdp,
        .session_timeout_ns = DEFAULT_SESSION_TIMEOUT_S * NS_PER_S,
        .request_ns = clock_monotonic_ns(),
    };
    int err = load_conn_connect(&client->conn, net, target->address, &conn_ops);
    if (err < 0)
        return err;
    client->url = mem_string(target->url);
    if (target->is_udp)
        client->udp = load_udp_create(net, target->address, on_datagram, client);
    return 0;
}

void load_client_tick(struct load_client *client, int64_t now_ns)
{
    bool is_live = client->url && !client->step && client->session && !client->has_ended;
    if (is_live && now_ns - client->request_ns > client->session_timeout_ns / 2)
        send_request(client, &keep_alive, span_from_string(client->url), (struct span){ 0 });
}

const char *load_client_waits_for(const struct load_client *client)
{
    if (client->conn.is_connecting || !client->cseq)
        return "connect";
    return client->step ? client->step->method : NULL;
}

void load_client_leave(struct load_client *client)
{
    if (client->session && !client->has_ended)
        send_request(client, &teardown, span_from_string(client->url), (struct span){ 0 });
    client->has_ended = true;
    load_conn_leave(&client->conn);
}

void load_client_close(struct load_client *client)
{
    client->has_ended = true;
    load_conn_close(&client->conn);
}
