/*
 * Whose it is what comes from an address: of sessions without HTTP and media, whose clients are
 * sockets of the test's. Workers have ports of their own here: it is the test, and not the kernel,
 * that chooses whom a datagram reaches.
 */
#include <unistd.h>

#include "base/mem.h"
#include "base/test.h"
#include "stream/test_hub.h"
#include "webrtc/webrtc_internal.h"

enum { WORKERS = 3, CLIENTS = 2, GATE = 1 /* the worker that all datagrams reach */ };
enum { MAX_DATAGRAM = 1500 };

/* A session, and the socket where its client really is. */
struct client {
    struct webrtc_session session;
    int                   fd;
    unsigned              flights; /* of the session's DTLS: it has heard its client */
    struct dtls          *dtls;    /* the client's */
    uint8_t               hello[DTLS_MTU];
    size_t                hello_len;
};

static struct stage {
    struct test_hubs     hubs;
    struct loop         *loops[WORKERS + 1];
    struct webrtc_server server;
    struct webrtc_worker workers[WORKERS + 1];
    struct client        clients[CLIENTS];
} stage;

static const char their_pwd[] = "the password of the client";

/* Workers */

static void open_worker(unsigned index)
{
    struct webrtc_worker *worker = &stage.workers[index];
    struct udp_options    options = { 0 };
    stage.loops[index] = &stage.hubs.loops[index];
    ASSERT(address_parse("127.0.0.1:0", &options.local, NULL) == 0);
    ASSERT(webrtc_worker_open(worker, &stage.server, stage.loops[index], &options, NULL) == 0);
    worker->sender = webrtc_sender_create(worker->socket);
    worker->start.handle = webrtc_worker_start;
    loop_post(stage.loops[index], &worker->start);
}

static void stage_open(void)
{
    log_set_level(LOG_ERROR);
    memset(&stage, 0, sizeof(stage));
    test_hubs_open(&stage.hubs, WORKERS);
    stage.server = (struct webrtc_server){ .loops = stage.loops,
                                           .workers = stage.workers,
                                           .worker_count = WORKERS };
    ASSERT(dtls_context_create(&stage.server.dtls, NULL) == 0);
    for (unsigned i = 1; i <= WORKERS; i++)
        open_worker(i);
    test_hubs_settle(&stage.hubs);
}

/* Sessions */

static void on_ice_send(void *arg, struct span datagram, const struct udp_address *to,
                        const struct udp_address *from)
{
    struct webrtc_session *session = arg;
    webrtc_worker_send(session->worker, datagram, to, from);
}

static void on_ice_peer(void *arg, const struct udp_address *peer)
{
    webrtc_worker_bind(arg, peer);
}

static void on_ice_selected(void *arg, const struct udp_address *to, const struct udp_address *from)
{
}

static const struct ice_ops ice_ops = { on_ice_send, on_ice_peer, on_ice_selected };

static void on_dtls_send(void *arg, struct span datagram)
{
    struct client *client = arg;
    client->flights++;
}

static void on_hello(void *arg, struct span datagram)
{
    struct client *client = arg;
    memcpy(client->hello, datagram.p, datagram.len);
    client->hello_len = datagram.len;
}

static struct client *open_client(unsigned number, unsigned home)
{
    struct client         *client = &stage.clients[number];
    struct webrtc_session *session = &client->session;
    struct webrtc_worker  *worker = &stage.workers[home];
    struct ice_credentials local = { "", "the password of the server" };
    uint8_t tag[ICE_TAG_SIZE] = { 0, (uint8_t)(home << 4), 0, 0, 0, (uint8_t)number };
    webrtc_session_ufrag_of(tag, local.ufrag);
    *session =
        (struct webrtc_session){ .worker = worker, .deadline_ns = INT64_MAX, .trim_ns = INT64_MAX };
    list_init(&session->bindings);
    session->ice = ice_agent_create(&local, BYTES("them"), span_from_string(their_pwd), false,
                                    &ice_ops, session);
    ice_agent_set_tag(session->ice, tag);
    session->dtls = dtls_create(stage.server.dtls, true,
                                dtls_context_fingerprint(stage.server.dtls), on_dtls_send, client);
    map_put(worker->by_ufrag, span_from_string(local.ufrag), session);
    client->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    client->dtls = dtls_create(stage.server.dtls, false,
                               dtls_context_fingerprint(stage.server.dtls), on_hello, client);
    (void)dtls_start(client->dtls);
    return client;
}

static void end_session(struct client *client)
{
    struct webrtc_session *session = &client->session;
    if (!session->ice)
        return;
    webrtc_worker_unbind(session);
    timer_stop(session->worker->loop, &session->timer);
    list_remove(&session->in_handshakes);
    map_remove(session->worker->by_ufrag, span_from_string(ice_agent_local(session->ice)->ufrag));
    dtls_queue_clear(&session->received);
    session->dtls = dtls_destroy(session->dtls);
    session->ice = ice_agent_destroy(session->ice);
    test_hubs_settle(&stage.hubs);
}

static void stage_close(void)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        end_session(&stage.clients[i]);
        dtls_destroy(stage.clients[i].dtls);
        (void)close(stage.clients[i].fd);
    }
    for (unsigned i = 1; i <= WORKERS; i++) {
        assert_int_equal(map_count(stage.workers[i].by_address), 0);
        webrtc_worker_close(&stage.workers[i]);
    }
    test_hubs_settle(&stage.hubs);
    for (unsigned i = 1; i <= WORKERS; i++)
        webrtc_worker_fini(&stage.workers[i]);
    dtls_context_destroy(stage.server.dtls);
    test_hubs_close(&stage.hubs);
}

/* Clients */

static void throw_from(const struct client *from, struct span datagram)
{
    const struct udp_address *gate = udp_socket_local(stage.workers[GATE].socket);
    ASSERT(sendto(from->fd, datagram.p, datagram.len, 0, &gate->any, sizeof(gate->v4)) ==
           (ssize_t)datagram.len);
}

static void send_from(const struct client *from, struct span datagram)
{
    throw_from(from, datagram);
    test_hubs_settle(&stage.hubs);
}

static struct span write_check(const struct client *client, uint8_t bytes[STUN_MAX_OUT])
{
    const struct ice_credentials *server = ice_agent_local(client->session.ice);
    char                          username[ICE_UFRAG_SIZE + sizeof(":them")];
    int               len = snprintf(username, sizeof(username), "%s:them", server->ufrag);
    struct stun_draft draft = { .type = STUN_BINDING_REQUEST,
                                .username = { (const uint8_t *)username, (size_t)len },
                                .priority = 1,
                                .role = STUN_ROLE_CONTROLLING };
    return (struct span){ bytes, stun_write(&draft, span_from_string(server->pwd), bytes) };
}

/* A check of this client, from where it is, or as if from where another one is. */
static void send_check(const struct client *client, const struct client *from)
{
    uint8_t bytes[STUN_MAX_OUT];
    send_from(from, write_check(client, bytes));
}

static void say_hello(const struct client *client)
{
    send_from(client, (struct span){ client->hello, client->hello_len });
}

/* The last check that has come to a client; false: none has. */
static bool receive_check(const struct client *client, struct stun_message *out)
{
    static uint8_t bytes[MAX_DATAGRAM];
    bool           has_check = false;
    for (ssize_t len; (len = recv(client->fd, bytes, sizeof(bytes), 0)) > 0;) {
        struct stun_message message;
        struct span         datagram = { bytes, (size_t)len };
        if (stun_parse(datagram, &message) < 0 || message.type != STUN_BINDING_REQUEST)
            continue;
        *out = message;
        has_check = true;
    }
    return has_check;
}

static void send_answer(const struct client *client, const struct stun_message *check)
{
    uint8_t           bytes[STUN_MAX_OUT];
    struct stun_draft draft = { .type = STUN_BINDING_SUCCESS };
    memcpy(draft.transaction, check->transaction, sizeof(draft.transaction));
    size_t len = stun_write(&draft, span_from_string(their_pwd), bytes);
    send_from(client, (struct span){ bytes, len });
}

static void answer_check(const struct client *client)
{
    struct stun_message check;
    assert_true(receive_check(client, &check));
    send_answer(client, &check);
}

static void prove(const struct client *client)
{
    send_check(client, client);
    answer_check(client);
}

/* Where sessions live; what comes for them reaches worker GATE. */
static const struct homes {
    const char *name;
    unsigned    first, second;
} homes[] = {
    { "both at the gate", 1, 1 }, { "one behind it", 1, 2 },       { "the other behind it", 2, 1 },
    { "both behind it", 2, 2 },   { "in different places", 2, 3 },
};

/* Attacks */

/* By somebody with a session of its own: DTLS and RTCP of a viewer must not be led away. */
static void a_forged_check_takes_nothing_from_who_has_answered(void **state)
{
    for (size_t i = 0; i < COUNT(homes); i++) {
        struct stun_message check;
        stage_open();
        struct client *victim = open_client(0, homes[i].first);
        struct client *thief = open_client(1, homes[i].second);
        prove(victim);
        prove(thief);
        send_check(thief, victim);
        CHECK(receive_check(victim, &check), homes[i].name); /* it has no answer to that */
        test_hubs_wait(&stage.hubs, 29 * NS_PER_S);
        send_check(thief, victim);
        say_hello(victim);
        CHECK(victim->flights > 0 && thief->flights == 0, homes[i].name);
        stage_close();
    }
}

/* Before the viewer has come, and as soon as it has proved where it is. */
static void a_forged_check_keeps_nobody_away(void **state)
{
    for (size_t i = 0; i < COUNT(homes); i++) {
        struct stun_message check;
        stage_open();
        struct client *victim = open_client(0, homes[i].first);
        struct client *thief = open_client(1, homes[i].second);
        prove(thief);
        send_check(thief, victim);
        (void)receive_check(victim, &check);
        send_check(victim, victim);
        CHECK(receive_check(victim, &check), homes[i].name);
        send_check(thief, victim);
        send_answer(victim, &check);
        send_check(thief, victim);
        say_hello(victim);
        CHECK(victim->flights > 0 && thief->flights == 0, homes[i].name);
        stage_close();
    }
}

/* An answer to what its sender has not seen. */
static void a_guessed_answer_proves_nothing(void **state)
{
    for (size_t i = 0; i < COUNT(homes); i++) {
        struct stun_message check;
        stage_open();
        struct client *victim = open_client(0, homes[i].first);
        struct client *thief = open_client(1, homes[i].second);
        prove(victim);
        prove(thief);
        send_check(thief, victim);
        CHECK(receive_check(victim, &check), homes[i].name);
        check.transaction[STUN_TRANSACTION_SIZE - 1] ^= 1;
        send_answer(victim, &check);
        say_hello(victim);
        CHECK(victim->flights > 0 && thief->flights == 0, homes[i].name);
        stage_close();
    }
}

/* What is allowed */

/* What it says before it has answered waits, and is not lost. */
static void the_first_words_of_a_client_are_heard(void **state)
{
    for (size_t i = 0; i < COUNT(homes); i++) {
        stage_open();
        struct client *client = open_client(0, homes[i].first);
        struct client *other = open_client(1, homes[i].second);
        prove(other);
        send_check(client, client);
        say_hello(client);
        CHECK(client->flights == 0, homes[i].name);
        answer_check(client);
        CHECK(client->flights > 0 && other->flights == 0, homes[i].name);
        stage_close();
    }
}

/* A browser comes back, and has the port that it had. */
static void move_to(struct client *client, const struct client *there)
{
    ASSERT(dup2(there->fd, client->fd) == client->fd);
}

static void a_session_takes_over_when_it_is_answered(void **state)
{
    for (size_t i = 0; i < COUNT(homes); i++) {
        stage_open();
        struct client *old = open_client(0, homes[i].first);
        struct client *young = open_client(1, homes[i].second);
        prove(old);
        test_hubs_wait(&stage.hubs, NS_PER_S);
        move_to(young, old);
        prove(young);
        send_check(old, young); /* its answer is older by now */
        say_hello(young);
        CHECK(young->flights > 0 && old->flights == 0, homes[i].name);
        stage_close();
    }
}

/* Whose consent has run out, or who has gone, has no claim any more. */
static void a_check_takes_where_nobody_lives(void **state)
{
    for (size_t i = 0; i < COUNT(homes); i++) {
        for (unsigned has_gone = 0; has_gone < 2; has_gone++) {
            stage_open();
            struct client *old = open_client(0, homes[i].first);
            struct client *young = open_client(1, homes[i].second);
            prove(old);
            move_to(young, old);
            if (has_gone)
                end_session(old);
            else
                test_hubs_wait(&stage.hubs, 30 * NS_PER_S);
            send_check(young, young);
            say_hello(young);
            answer_check(young);
            CHECK(young->flights > 0 && old->flights == 0, homes[i].name);
            stage_close();
        }
    }
}

/* A stranger names sessions of another worker, which has no time just now. */
static void what_waits_for_a_worker_is_bounded(void **state)
{
    stage_open();
    struct client *client = open_client(0, 2);
    struct loop   *gate = stage.loops[GATE];
    uint8_t        bytes[STUN_MAX_OUT];
    struct span    check = write_check(client, bytes);
    for (unsigned i = 0; i < 2 * WEBRTC_MAX_STRAYS; i++) {
        throw_from(client, check);
        (void)uv_run(&gate->uv, UV_RUN_NOWAIT);
    }
    assert_int_equal(stage.workers[2].strays_waiting, WEBRTC_MAX_STRAYS);
    test_hubs_settle(&stage.hubs);
    assert_int_equal(stage.workers[2].strays_waiting, 0);
    stage_close();
}

TESTS(a_forged_check_takes_nothing_from_who_has_answered, a_forged_check_keeps_nobody_away,
      a_guessed_answer_proves_nothing, the_first_words_of_a_client_are_heard,
      a_session_takes_over_when_it_is_answered, a_check_takes_where_nobody_lives,
      what_waits_for_a_worker_is_bounded)
