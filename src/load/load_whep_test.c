#include "load/load_whep.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/test.h"
#include "load/whep_offer.h"
#include "sdp/sdp_answer.h"
#include "srtp/srtp_sealer.h"

#define PATIENCE_NS (10 * NS_PER_S)

enum { SSRC = 0x31323334 };

/* What the server does otherwise than it should, or can. */
struct habits {
    const char *answer;        /* to the POST; NULL: a good one */
    const char *authorization; /* that it wants; NULL: none */
    bool        is_active;
    bool        is_silent; /* on UDP */
    bool        has_wrong_fingerprint;
    bool        hangs_up; /* in place of an answer */
};

/* A server of one viewer, in the same loop: HTTP by a load_conn, UDP read at each turn. */
struct server {
    const struct habits *habits;
    int                  listener;
    struct load_conn     conn;
    bool                 has_conn;
    struct udp_socket   *socket;
    struct dtls_context *context;
    struct ice_agent    *ice;
    struct dtls         *dtls;
    enum dtls_state      state;
    const char          *profile;
    struct srtp_sealer  *sealer;
    struct srtp_keys    *out, *in;
    unsigned             posts, deletes, reports;
};

struct fixture {
    struct load_net     *net;
    struct load_whep_net shared;
    struct load_whep     whep;
    struct server        server;
    char                 url[64];
    unsigned             live, packets, broken, ended, closed;
    int                  err;
    struct errmsg        why;
    struct whep_packet   seen;
};

static struct auth_account account; /* of the viewers */

/* The server's side */

static struct fixture *fixture_of(struct load_conn *conn)
{
    return CONTAINER_OF(conn, struct fixture, server.conn);
}

static void on_server_send(void *arg, struct span datagram, const struct udp_address *to,
                           const struct udp_address *from)
{
    struct server     *server = arg;
    struct udp_message message = { .payload = datagram, .to = *to };
    assert_int_equal(udp_socket_send(server->socket, &message, 1), 1);
}

static void send_by_route(void *arg, struct span datagram)
{
    struct server     *server = arg;
    struct udp_address to, from;
    if (ice_agent_route(server->ice, &to, &from))
        on_server_send(server, datagram, &to, &from);
}

static void on_server_peer(void *arg, const struct udp_address *peer)
{
}

static void step_dtls(struct server *server, enum dtls_state state)
{
    server->state = state;
    if (state == DTLS_CONNECTED && !server->out)
        assert_int_equal(dtls_derive_keys(server->dtls, server->sealer, &server->out, &server->in,
                                          &server->profile),
                         0);
}

static void on_server_selected(void *arg, const struct udp_address *to,
                               const struct udp_address *from)
{
    struct server *server = arg;
    step_dtls(server, dtls_start(server->dtls));
}

static const struct ice_ops server_ice_ops = { on_server_send, on_server_peer, on_server_selected };

static void on_server_datagram(void *arg, const struct udp_datagram *datagram)
{
    struct server      *server = arg;
    struct stun_message message;
    struct span         bytes = datagram->payload;
    if (server->habits->is_silent)
        return;
    if (stun_parse(bytes, &message) == 0) {
        ice_agent_receive(server->ice, &message, &datagram->peer, &datagram->local,
                          clock_monotonic_ns());
    } else if (bytes.p[0] < 64) {
        step_dtls(server, dtls_receive(server->dtls, bytes));
    } else {
        struct srtp_replay replay = { 0 };
        server->reports +=
            srtcp_open(server->sealer, server->in, &replay, (uint8_t *)bytes.p, bytes.len) > 0;
    }
}

static void write_answer(struct server *server, const struct sdp_offer *offer, struct buf *out)
{
    struct sdp_answer            *answer = mem_new(struct sdp_answer);
    const struct ice_credentials *local = ice_agent_local(server->ice);
    *answer = (struct sdp_answer){
        .session_id = 1,
        .fingerprint = *dtls_context_fingerprint(server->context),
        .setup = server->habits->is_active ? SDP_SETUP_ACTIVE : SDP_SETUP_PASSIVE,
        .stream = BYTES("test"),
        .ufrag = span_from_string(local->ufrag),
        .pwd = span_from_string(local->pwd),
        .candidate_count = 1,
        .candidates = { { .foundation = BYTES("1"),
                          .priority = 1,
                          .address = BYTES("127.0.0.1"),
                          .port = ntohs(udp_socket_local(server->socket)->v4.sin_port) } },
        .media_count = 2,
        .media = { { .kind = BYTES("video"),
                     .is_accepted = true,
                     .is_bundled = true,
                     .direction = SDP_SENDONLY,
                     .ssrc = SSRC,
                     .format_count = 1,
                     .formats = { { .payload_type = offer->media[0].formats[0].payload_type,
                                    .rtpmap = BYTES("H264/90000") } } },
                   { .kind = BYTES("audio") } },
    };
    answer->fingerprint.digest[5] ^= server->habits->has_wrong_fingerprint;
    sdp_answer_write(out, answer);
    mem_free(answer);
}

static void start_session(struct server *server, struct span text, struct buf *out)
{
    static const struct ice_credentials local = { "serverfrag", "0123456789abcdef01234567" };
    struct udp_options                  options = { .features = udp_probe() };
    struct sdp_offer                   *offer = mem_new(struct sdp_offer);
    struct errmsg                       why = { "" };
    CHECK(sdp_offer_parse(text, offer, &why) == 0, why.text);
    const struct sdp_transport *transport = &offer->media[0].transport;
    assert_int_equal(address_parse("127.0.0.1:0", &options.local, NULL), 0);
    assert_int_equal(udp_socket_create(&options, &server->socket, &why), 0);
    server->ice =
        ice_agent_create(&local, transport->ufrag, transport->pwd, false, &server_ice_ops, server);
    server->dtls = dtls_create(server->context, !server->habits->is_active,
                               sdp_transport_fingerprint(transport), send_by_route, server);
    write_answer(server, offer, out);
    mem_free(offer);
}

static void on_post(struct server *server, const struct message *request)
{
    AUTO(buf_fini) struct buf response = { 0 };
    AUTO(buf_fini) struct buf sdp = { 0 };
    server->posts++;
    CHECK(span_is(message_header(request, "Content-Type"), "application/sdp"), "type");
    CHECK(span_is(message_header(request, "Authorization"), server->habits->authorization),
          "who asks");
    if (server->habits->hangs_up) {
        load_conn_close(&server->conn);
        return;
    }
    if (server->habits->answer) {
        buf_append_string(&response, server->habits->answer);
    } else {
        start_session(server, request->body, &sdp);
        message_start_response(&response, MESSAGE_HTTP, 201);
        message_add(&response, "Location", "/cam1/whep/secret");
        message_add(&response, "Content-Length", "%zu", sdp.len);
        message_finish(&response, buf_span(&sdp));
    }
    load_conn_send(&server->conn, buf_span(&response));
}

static void on_server_message(struct load_conn *conn, const struct message *request)
{
    struct server *server = &fixture_of(conn)->server;
    CHECK(span_starts_with(message_header(request, "Host"), "127.0.0.1:"), "host and port");
    if (span_is(request->method, "DELETE")) {
        CHECK(span_is(request->url, "/cam1/whep/secret"), "what Location said");
        server->deletes++;
        load_conn_send(conn, BYTES("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
        return;
    }
    CHECK(span_is(request->method, "POST") && span_is(request->url, "/cam1/whep?x=1"), "endpoint");
    on_post(server, request);
}

static void on_server_open(struct load_conn *conn)
{
}

static void on_server_frame(struct load_conn *conn, const struct interleaved_frame *frame,
                            int64_t now_ns)
{
}

static void on_server_end(struct load_conn *conn, int err)
{
    load_conn_close(conn);
}

static void on_server_closed(struct load_conn *conn)
{
    fixture_of(conn)->server.has_conn = false;
}

static const struct load_conn_ops server_ops = { on_server_open, on_server_message, on_server_frame,
                                                 on_server_end, on_server_closed };

/* The viewer's side */

static void on_live(struct load_whep *whep, int64_t now_ns)
{
    CONTAINER_OF(whep, struct fixture, whep)->live++;
}

static void on_packet(struct load_whep *whep, const struct whep_packet *packet, size_t len,
                      int64_t now_ns)
{
    struct fixture *f = CONTAINER_OF(whep, struct fixture, whep);
    f->packets++;
    f->seen = *packet;
    CHECK(span_is(packet->header.payload, "a picture"), "decrypted");
}

static void on_broken(struct load_whep *whep)
{
    CONTAINER_OF(whep, struct fixture, whep)->broken++;
}

static void on_end(struct load_whep *whep, int err, const struct errmsg *why)
{
    struct fixture *f = CONTAINER_OF(whep, struct fixture, whep);
    f->ended++;
    f->err = err;
    f->why = *why;
    load_whep_close(whep);
}

static void on_closed(struct load_whep *whep)
{
    CONTAINER_OF(whep, struct fixture, whep)->closed++;
}

static const struct load_whep_ops ops = { on_live, on_packet, on_broken, on_end, on_closed };

/* Both */

static void listen_somewhere(struct fixture *f)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&f->shared.server.storage;
    f->server.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    v4->sin_family = AF_INET;
    v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    f->shared.server.len = sizeof(*v4);
    assert_int_equal(bind(f->server.listener, (struct sockaddr *)v4, sizeof(*v4)), 0);
    assert_int_equal(listen(f->server.listener, 4), 0);
    assert_int_equal(getsockname(f->server.listener, (struct sockaddr *)v4, &f->shared.server.len),
                     0);
    (void)snprintf(f->url, sizeof(f->url), "http://127.0.0.1:%u/cam1/whep?x=1",
                   ntohs(v4->sin_port));
}

static void setup(struct fixture *f, const struct habits *habits, enum load_srtp srtp)
{
    struct errmsg why;
    *f = (struct fixture){ .net = mem_new(struct load_net), .server.habits = habits };
    f->net->account = account;
    assert_int_equal(uv_loop_init(&f->net->loop), 0);
    listen_somewhere(f);
    f->shared.net = f->net;
    assert_int_equal(load_whep_net_init(&f->shared, srtp, 1, &why), 0);
    assert_int_equal(dtls_context_create(&f->server.context, &why), 0);
    f->server.sealer = srtp_sealer_create(0);
    assert_int_equal(load_whep_open(&f->whep, &f->shared, f->url, &ops), 0);
}

static void turn(struct fixture *f)
{
    static uint8_t scratch[UDP_MESSAGE_MAX];
    struct server *server = &f->server;
    int fd = server->has_conn ? -1 : accept4(server->listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd >= 0) {
        server->has_conn = true;
        assert_int_equal(load_conn_accept(&server->conn, f->net, fd, &server_ops), 0);
    }
    (void)uv_run(&f->net->loop, UV_RUN_NOWAIT);
    if (server->socket)
        (void)udp_socket_receive(server->socket, scratch, sizeof(scratch), on_server_datagram,
                                 server);
    load_whep_tick(&f->whep, clock_monotonic_ns());
}

/* Turns until the number is there. */
static bool wait_for(struct fixture *f, const unsigned *number, unsigned wanted)
{
    int64_t limit_ns = clock_monotonic_ns() + PATIENCE_NS;
    while (*number < wanted && clock_monotonic_ns() < limit_ns)
        turn(f);
    return *number == wanted;
}

static void teardown(struct fixture *f)
{
    struct server *server = &f->server;
    load_whep_close(&f->whep);
    if (server->has_conn)
        load_conn_close(&server->conn);
    (void)uv_run(&f->net->loop, UV_RUN_DEFAULT);
    assert_int_equal(f->closed, 1);
    assert_int_equal(uv_loop_close(&f->net->loop), 0);
    (void)close(server->listener);
    ice_agent_destroy(server->ice);
    dtls_destroy(server->dtls);
    dtls_context_destroy(server->context);
    udp_socket_destroy(server->socket);
    srtp_keys_destroy(server->out);
    srtp_keys_destroy(server->in);
    srtp_sealer_destroy(server->sealer);
    load_whep_net_fini(&f->shared);
    mem_free(f->net);
}

static void send_picture(struct server *server, uint16_t seq)
{
    uint8_t           bytes[128];
    struct rtp_header header = { .payload_type = WHEP_VIDEO_TYPE, .seq = seq, .ssrc = SSRC };
    rtp_write(&header, bytes);
    srtp_seal(server->sealer,
              &(struct srtp_job){ .keys = server->out,
                                  .out = bytes,
                                  .header_len = RTP_HEADER,
                                  .ssrc = SSRC,
                                  .payload = BYTES("a picture"),
                                  .index = seq },
              1);
    send_by_route(server, (struct span){ bytes, srtp_sealed_len(server->out, RTP_HEADER, 9) });
}

static void a_stream_is_watched(void **state)
{
    static const struct {
        struct habits  habits;
        enum load_srtp srtp;
        const char    *profile;
    } cases[] = {
        { { 0 }, LOAD_SRTP_ANY, "SRTP_AEAD_AES_128_GCM" },
        { { 0 }, LOAD_SRTP_GCM, "SRTP_AEAD_AES_128_GCM" },
        { { 0 }, LOAD_SRTP_GCM256, "SRTP_AEAD_AES_256_GCM" },
        { { 0 }, LOAD_SRTP_CM, "SRTP_AES128_CM_SHA1_80" },
        { { .is_active = true }, LOAD_SRTP_CM, "SRTP_AES128_CM_SHA1_80" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char     *name = cases[i].profile;
        struct fixture *f = mem_new(struct fixture);
        setup(f, &cases[i].habits, cases[i].srtp);
        CHECK(wait_for(f, &f->live, 1), name);
        CHECK(strcmp(f->whep.profile, name) == 0 && strcmp(f->server.profile, name) == 0, name);
        CHECK(load_whep_waits_for(&f->whep) == NULL, name);
        send_picture(&f->server, 7);
        send_picture(&f->server, 8);
        CHECK(wait_for(f, &f->packets, 2) && f->seen.header.seq == 8, name);
        CHECK(wait_for(f, &f->server.reports, f->server.reports + 1), "a receiver report");
        load_whep_leave(&f->whep);
        CHECK(wait_for(f, &f->closed, 1), name);
        CHECK(f->server.posts == 1 && f->server.deletes == 1, name);
        CHECK(f->ended == 0 && f->broken == 0, name);
        turn(f);
        CHECK(f->server.state == DTLS_CLOSED, "goodbye");
        teardown(f);
        mem_free(f);
    }
}

static void refusals_are_explained(void **state)
{
    static const struct {
        struct habits habits;
        int           err;
        const char   *says;
    } cases[] = {
        { { .answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n" },
          -ENOENT,
          "POST was answered 404 Not Found" },
        { { .answer = "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}" },
          -EPROTO,
          "POST was answered 400 Bad Request" },
        { { .answer = "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}" },
          -EPROTO,
          "the answer: " },
        { { .answer = "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
          -EPROTO,
          "in chunks" },
        { { .answer = "HTTP/1.1 201 Created\r\nLocation: /a b\r\nContent-Length: 0\r\n\r\n" },
          -EPROTO,
          "Location that is no URL" },
        { { .answer = "220 smtp.example\r\n\r\n" }, -EBADMSG, "connection lost during POST" },
        { { .hangs_up = true }, UV_EOF, "connection lost during POST" },
        { { .has_wrong_fingerprint = true }, -EPROTO, "DTLS: the peer's certificate has not" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fixture *f = mem_new(struct fixture);
        setup(f, &cases[i].habits, LOAD_SRTP_ANY);
        CHECK(wait_for(f, &f->ended, 1), cases[i].says);
        CHECK(f->err == cases[i].err, f->why.text);
        CHECK(strstr(f->why.text, cases[i].says), f->why.text);
        CHECK(f->live == 0, cases[i].says);
        teardown(f);
        mem_free(f);
    }
}

static void who_has_an_account_says_so(void **state)
{
    static const struct habits asking = { .authorization = "Basic dXNlcjpwYXNz" };
    struct fixture            *f = mem_new(struct fixture);
    account = (struct auth_account){ BYTES("user"), BYTES("pass") };
    setup(f, &asking, LOAD_SRTP_ANY);
    CHECK(wait_for(f, &f->live, 1), "live");
    teardown(f);
    mem_free(f);
    account = (struct auth_account){ 0 };
}

static void nobody_listens(void **state)
{
    static const struct habits none;
    struct fixture            *f = mem_new(struct fixture);
    setup(f, &none, LOAD_SRTP_ANY);
    teardown(f);
    /* The port is nobody's any more. */
    *f = (struct fixture){ .net = mem_new(struct load_net), .shared.server = f->shared.server };
    assert_int_equal(uv_loop_init(&f->net->loop), 0);
    f->shared.net = f->net;
    assert_int_equal(load_whep_net_init(&f->shared, LOAD_SRTP_ANY, 1, NULL), 0);
    if (load_whep_open(&f->whep, &f->shared, "http://127.0.0.1:1/cam1/whep", &ops) == 0) {
        (void)uv_run(&f->net->loop, UV_RUN_DEFAULT);
        CHECK(f->ended == 1 && f->err == -ECONNREFUSED && f->closed == 1, "told once");
    }
    assert_int_equal(uv_loop_close(&f->net->loop), 0);
    load_whep_net_fini(&f->shared);
    mem_free(f->net);
    mem_free(f);
}

static void what_is_waited_for_has_a_name(void **state)
{
    static const struct habits silent = { .is_silent = true };
    struct fixture            *f = mem_new(struct fixture);
    setup(f, &silent, LOAD_SRTP_ANY);
    CHECK(strcmp(load_whep_waits_for(&f->whep), "POST") == 0, "at first");
    CHECK(wait_for(f, &f->server.posts, 1), "asked");
    while (f->whep.state == WHEP_POST)
        turn(f);
    CHECK(strcmp(load_whep_waits_for(&f->whep), "ICE") == 0, "nobody answers its checks");
    load_whep_leave(&f->whep);
    CHECK(wait_for(f, &f->closed, 1) && f->server.deletes == 1, "the session is given back");
    CHECK(f->ended == 0, "of the owner's calls only on_closed");
    teardown(f);
    mem_free(f);
}

static void a_goodbye_is_heard(void **state)
{
    static const struct habits none;
    struct fixture            *f = mem_new(struct fixture);
    setup(f, &none, LOAD_SRTP_ANY);
    CHECK(wait_for(f, &f->live, 1), "live");
    dtls_close(f->server.dtls);
    CHECK(wait_for(f, &f->ended, 1), "ended");
    CHECK(f->err == -ECONNRESET && strstr(f->why.text, "closed the session"), f->why.text);
    teardown(f);
    mem_free(f);
}

static void trimmed_connections_still_say_goodbye(void **state)
{
    static const struct habits none;
    struct fixture            *f = mem_new(struct fixture);
    setup(f, &none, LOAD_SRTP_ANY);
    CHECK(wait_for(f, &f->live, 1), "live");
    load_whep_tick(&f->whep, clock_monotonic_ns() + 3 * NS_PER_S);
    CHECK(f->whep.is_trimmed, "its buffers are given back");
    load_whep_close(&f->whep);
    turn(f);
    CHECK(f->server.state == DTLS_CLOSED, "goodbye");
    teardown(f);
    mem_free(f);
}

TESTS(a_stream_is_watched, refusals_are_explained, who_has_an_account_says_so, nobody_listens,
      what_is_waited_for_has_a_name, a_goodbye_is_heard, trimmed_connections_still_say_goodbye)
