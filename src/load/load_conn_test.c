#include "load/load_conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/test.h"

/* One end is the connection under test, the other a plain socket. */
struct fixture {
    struct load_net *net;
    struct load_conn conn;
    int              peer;
    unsigned         opened, messages, frames, ended, closed;
    size_t           frame_bytes;
    int              err;
    bool             closes_at_frame;
};

static struct fixture *fixture_of(struct load_conn *conn)
{
    return CONTAINER_OF(conn, struct fixture, conn);
}

static void on_open(struct load_conn *conn)
{
    fixture_of(conn)->opened++;
}

static void on_message(struct load_conn *conn, const struct message *message)
{
    fixture_of(conn)->messages++;
}

static void on_frame(struct load_conn *conn, const struct interleaved_frame *frame, int64_t now_ns)
{
    struct fixture *f = fixture_of(conn);
    f->frames++;
    f->frame_bytes += frame->payload.len;
    if (f->closes_at_frame)
        load_conn_close(conn);
}

static void on_end(struct load_conn *conn, int err)
{
    fixture_of(conn)->ended++;
    fixture_of(conn)->err = err;
    load_conn_close(conn);
}

static void on_closed(struct load_conn *conn)
{
    fixture_of(conn)->closed++;
}

static const struct load_conn_ops ops = { on_open, on_message, on_frame, on_end, on_closed };

static struct load_net *new_net(void)
{
    struct load_net *net = mem_new(struct load_net);
    assert_int_equal(uv_loop_init(&net->loop), 0);
    return net;
}

static void setup(struct fixture *f)
{
    int pair[2];
    *f = (struct fixture){ .net = new_net() };
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    f->peer = pair[1];
    assert_int_equal(load_conn_accept(&f->conn, f->net, pair[0], &ops), 0);
}

static void turn(struct fixture *f)
{
    (void)uv_run(&f->net->loop, UV_RUN_NOWAIT);
}

static void teardown(struct fixture *f)
{
    load_conn_close(&f->conn);
    (void)uv_run(&f->net->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->net->loop), 0);
    (void)close(f->peer);
    mem_free(f->net);
}

static void put(struct fixture *f, struct span bytes)
{
    assert_int_equal(write(f->peer, bytes.p, bytes.len), bytes.len);
}

static void messages_and_frames_may_be_cut_anywhere(void **state)
{
    static const char stream[] = "RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n"
                                 "$\x00\x00\x03"
                                 "abc"
                                 "$\x01\x00\x00"
                                 "RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: 4\r\n\r\n$$$$"
                                 "$\x00\x00\x02"
                                 "xy";
    struct span       all = BYTES(stream);
    for (size_t cut = 0; cut <= all.len; cut++) {
        struct fixture f;
        char           name[32];
        (void)snprintf(name, sizeof(name), "cut at %zu", cut);
        setup(&f);
        if (cut > 0)
            put(&f, span_first(all, cut));
        turn(&f);
        if (cut < all.len)
            put(&f, span_skip(all, cut));
        turn(&f);
        CHECK(f.messages == 2 && f.frames == 3 && f.frame_bytes == 5, name);
        CHECK(f.ended == 0, name);
        teardown(&f);
    }
}

static void ends_are_told_once(void **state)
{
    static const struct {
        const char *name;
        struct span bytes;
        int         err;
    } cases[] = {
        { "closed", BYTES("$\x00\x00\x01x"), UV_EOF },
        { "closed in a frame", BYTES("$\x00\x00\x09x"), UV_EOF },
        { "rubbish", BYTES("\x01\x02\x03\r\n\r\n"), -EBADMSG },
        { "another version", BYTES("RTSP/9.0 200 OK\r\n\r\n"), -EPROTONOSUPPORT },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fixture f;
        setup(&f);
        put(&f, cases[i].bytes);
        (void)shutdown(f.peer, SHUT_WR);
        turn(&f);
        turn(&f);
        turn(&f);
        CHECK(f.ended == 1 && f.closed == 1, cases[i].name);
        CHECK(f.err == cases[i].err, cases[i].name);
        teardown(&f);
    }
}

static void nothing_comes_after_a_close(void **state)
{
    struct fixture f;
    setup(&f);
    f.closes_at_frame = true;
    put(&f, BYTES("$\x00\x00\x01x$\x00\x00\x01y"));
    turn(&f);
    CHECK(f.frames == 1, "the second frame is not handed out");
    load_conn_send(&f.conn, BYTES("lost"));
    turn(&f);
    CHECK(f.closed == 1 && f.ended == 0, "closed once, not ended");
    teardown(&f);
}

static void leaving_waits_for_the_peer(void **state)
{
    struct fixture f;
    char           byte;
    setup(&f);
    load_conn_send(&f.conn, BYTES("x"));
    load_conn_leave(&f.conn);
    put(&f, BYTES("$\x00\x00\x01x"));
    turn(&f);
    turn(&f);
    CHECK(f.frames == 0 && f.closed == 0, "what still comes is passed over");
    CHECK(read(f.peer, &byte, 1) == 1, "what was sent");
    CHECK(read(f.peer, &byte, 1) == 0, "then the end");
    (void)shutdown(f.peer, SHUT_WR);
    turn(&f);
    turn(&f);
    CHECK(f.closed == 1 && f.ended == 0, "closed by itself");
    teardown(&f);
}

static void what_the_socket_does_not_take_goes_out_later(void **state)
{
    enum { PIECE = 100000, PIECES = 40 };
    struct fixture f;
    uint8_t       *piece = mem_zero(PIECE);
    uint64_t       sum = 0;
    setup(&f);
    for (unsigned i = 0; i < PIECES; i++) {
        memset(piece, (int)i, PIECE);
        load_conn_send(&f.conn, (struct span){ piece, PIECE });
    }
    CHECK(f.net->blocked_sends > 0, "the socket was full");
    for (ssize_t n; (n = read(f.peer, piece, PIECE)) > 0 || f.conn.unsent.len > 0; turn(&f))
        for (ssize_t i = 0; i < n; i++)
            CHECK(piece[i] == sum++ / PIECE, "in order");
    CHECK(sum == (uint64_t)PIECE * PIECES, "all of it");
    mem_free(piece);
    teardown(&f);
}

static void connecting_tells_success_and_failure(void **state)
{
    int                 listener = socket(AF_INET, SOCK_STREAM, 0);
    struct address      to = { .len = sizeof(struct sockaddr_in) };
    struct sockaddr_in *v4 = (struct sockaddr_in *)&to.storage;
    v4->sin_family = AF_INET;
    v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(listener, (struct sockaddr *)v4, to.len), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)v4, &to.len), 0);
    for (int listens = 0; listens < 2; listens++) {
        struct fixture f = { .net = new_net(), .peer = -1 };
        if (listens)
            assert_int_equal(listen(listener, 1), 0);
        assert_int_equal(load_conn_connect(&f.conn, f.net, &to, &ops), 0);
        while (!f.opened && !f.ended)
            (void)uv_run(&f.net->loop, UV_RUN_ONCE);
        CHECK(f.opened == (listens ? 1u : 0u), "accepted when somebody listens");
        CHECK(listens || f.err == -ECONNREFUSED, "refused when nobody does");
        teardown(&f);
    }
    (void)close(listener);
}

TESTS(messages_and_frames_may_be_cut_anywhere, ends_are_told_once, nothing_comes_after_a_close,
      leaving_waits_for_the_peer, what_the_socket_does_not_take_goes_out_later,
      connecting_tells_success_and_failure)
