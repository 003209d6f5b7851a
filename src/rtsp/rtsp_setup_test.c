#include "rtsp/rtsp_internal.h"

#include "base/test.h"
#include "base/test_clock.h"
#include "rtsp/test_peer.h"

#define ONE_OF_EACH "pathDefaults: { maxReaders: 1, overridePublisher: no }"
#define SPREAD      "spreadReaders: yes"

/*
 * What a script does, letter by letter:
 *
 *     m w o   a turn of main, of the stream's worker, of the other one; of main two, as the
 *             second one tells what it has found out of who asks
 *     h       one turn of main
 *     *       turns until nothing happens any more
 *     s       the peer says its piece
 *     x c     the peer hangs up; its connection is closed here
 *     E       the publisher ends
 *     P       another one publishes there
 *     A R F   another one, on the other worker, announces; asks to record; ends
 *     S       the server ends
 */
struct trial {
    struct test_rtsp test;
    struct test_peer first, second, peer;
    const char      *piece;
};

static void close_at_server(struct test_peer *peer)
{
    struct rtsp_conn *conn = test_peer_conn(peer);
    if (conn)
        rtsp_conn_close(conn, "the test says so");
}

static void run_letter(struct trial *trial, char letter)
{
    switch (letter) {
    case 'm':
        test_rtsp_turn(&trial->test, TEST_MAIN);
        test_rtsp_turn(&trial->test, TEST_MAIN);
        break;
    case 'h':
        test_rtsp_turn(&trial->test, TEST_MAIN);
        break;
    case 'w':
        test_rtsp_turn(&trial->test, TEST_WORKER);
        break;
    case 'o':
        test_rtsp_turn(&trial->test, TEST_OTHER);
        break;
    case '*':
        test_rtsp_settle(&trial->test);
        break;
    case 's':
        test_peer_send(&trial->peer, span_from_string(trial->piece));
        break;
    case 'x':
        (void)shutdown(trial->peer.fd, SHUT_RDWR);
        break;
    case 'c':
        close_at_server(&trial->peer);
        break;
    case 'E':
        close_at_server(&trial->first);
        break;
    case 'P':
        test_peer_close(&trial->first);
        test_peer_publish(&trial->first, &trial->test, TEST_WORKER);
        break;
    case 'A':
        test_peer_close(&trial->second);
        test_peer_open(&trial->second, &trial->test, TEST_OTHER);
        test_peer_expect(&trial->second, ASK_TO_PUBLISH, "200 200 200");
        break;
    case 'R':
        test_peer_send(&trial->second, BYTES(ASK_RECORD));
        break;
    case 'F':
        close_at_server(&trial->second);
        break;
    case 'S':
        test_rtsp_stop(&trial->test);
        break;
    default:
        fail_msg("no such letter: %c", letter);
    }
}

static void run_script(struct trial *trial, const char *script)
{
    for (; *script; script++)
        if (*script != ' ')
            run_letter(trial, *script);
}

/* A publisher is there, another one has announced, and the peer is connected. */
static void trial_open(struct trial *trial, const char *settings, unsigned worker)
{
    memset(trial, 0, sizeof(*trial));
    test_rtsp_open(&trial->test, test_rtsp_conf(settings));
    test_peer_publish(&trial->first, &trial->test, TEST_WORKER);
    run_script(trial, "A");
    test_peer_open(&trial->peer, &trial->test, worker);
    test_rtsp_settle(&trial->test);
    /* Else the other worker would be the busy one, and nobody would stay there. */
    atomic_fetch_add(&trial->test.loops[TEST_WORKER].sessions, 100);
}

static void trial_close(struct trial *trial)
{
    atomic_fetch_sub(&trial->test.loops[TEST_WORKER].sessions, 100);
    test_peer_close(&trial->first);
    test_peer_close(&trial->second);
    test_peer_close(&trial->peer);
    test_rtsp_close(&trial->test);
}

#define SETUP      ASK_SETUP(0, "0-1")
#define SETUP_PLAY SETUP ASK_PLAY
#define HERE       TEST_WORKER
#define ELSEWHERE  TEST_OTHER

static void the_stream_may_go_while_readers_come(void **state)
{
    static const struct {
        const char *name, *settings;
        unsigned    worker;
        const char *piece, *script, *heard;
    } cases[] = {
        { "before it is asked for", "", HERE, SETUP, "E s", "404" },
        { "while main is asked", "", HERE, SETUP, "s w E", "404" },
        { "when main has said yes", "", HERE, SETUP, "s w m E", "404" },
        { "and another one has come", "", HERE, SETUP_PLAY, "s w m E R o m o", "200 200" },
        { "which goes too", "", HERE, SETUP, "s w m E R o m o w m F", "404" },
        { "which goes too; asked again", "", HERE, SETUP,
          "s w m E R o m o w m F * A P s o m E R o m o", "404 200" },
        { "when it is attached", "", HERE, SETUP, "s w m w E", "200 closed" },

        { "while the reader moves", "", ELSEWHERE, SETUP, "s o m o E", "404" },
        { "another one, while it moves", "", ELSEWHERE, SETUP_PLAY, "s o m o E R o m o",
          "200 200" },
        { "before it moves", "", ELSEWHERE, SETUP, "s o m E", "404" },

        { "before its worker is asked", SPREAD, ELSEWHERE, SETUP, "s o m o E", "404" },
        { "another one, before", SPREAD, ELSEWHERE, SETUP_PLAY, "s o m o E R o m o", "200 200" },
        { "which goes too, far away", SPREAD, ELSEWHERE, SETUP, "s o m o E w R o m F o", "404" },
        { "as its worker has answered", SPREAD, ELSEWHERE, SETUP_PLAY, "s o m o w E",
          "200 200 closed" },
        { "when it is mirrored", SPREAD, ELSEWHERE, SETUP_PLAY, "s o m o w o E", "200 200 closed" },

        { "a description, asked main", "", HERE, ASK_DESCRIBE, "s w m E", "404" },
        { "a description of another", "", HERE, ASK_DESCRIBE, "s w m E R o m o", "200" },
        { "a description, moving", "", ELSEWHERE, ASK_DESCRIBE, "s o m o E", "404" },
        { "a description, mirrored", SPREAD, ELSEWHERE, ASK_DESCRIBE, "s o m o w E", "200" },
        { "a description, not mirrored", SPREAD, ELSEWHERE, ASK_DESCRIBE, "s o m o E", "404" },
        { "a description of another, far", SPREAD, ELSEWHERE, ASK_DESCRIBE, "s o m o E R o m o",
          "200" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct trial trial;
        trial_open(&trial, cases[i].settings, cases[i].worker);
        trial.piece = cases[i].piece;
        run_script(&trial, cases[i].script);
        const char *heard = test_peer_hear(&trial.peer);
        if (strcmp(heard, cases[i].heard) != 0)
            print_error("heard %s\n", heard);
        CHECK(strcmp(heard, cases[i].heard) == 0, cases[i].name);
        trial_close(&trial);
    }
}

/* What main has granted comes back, wherever it is: afterwards there is room for the only one. */
static void whoever_goes_while_being_granted_leaves_nothing(void **state)
{
    static const struct {
        const char *name, *settings;
        unsigned    worker;
        const char *way, *answers, *piece, *script;
    } cases[] = {
        { "hangs up while main is asked", "", HERE, "", "", SETUP, "s w x m w" },
        { "hangs up when granted", "", HERE, "", "", SETUP, "s w m x w" },
        { "closed while main is asked", "", HERE, "", "", SETUP, "s w c m w" },
        { "closed when granted", "", HERE, "", "", SETUP, "s w m c w" },
        { "closed when attached", "", HERE, "", "", SETUP_PLAY, "s w m w c" },
        { "hangs up as it moves", "", ELSEWHERE, "", "", SETUP, "s o m o x w" },
        { "closed before it moves", "", ELSEWHERE, "", "", SETUP, "s o m c o w" },
        { "closed when it has moved", "", ELSEWHERE, "", "", SETUP, "s o m o w c" },
        { "closed while its worker is asked", SPREAD, ELSEWHERE, "", "", SETUP, "s o m o c w o" },
        { "closed as its worker answers", SPREAD, ELSEWHERE, "", "", SETUP, "s o m o w c o" },
        { "closed when mirrored", SPREAD, ELSEWHERE, "", "", SETUP_PLAY, "s o m o w o c" },
        { "a description", "", HERE, "", "", ASK_DESCRIBE, "s w m c w" },
        { "a description, mirrored", SPREAD, ELSEWHERE, "", "", ASK_DESCRIBE, "s o m o c w o" },
        { "the stream went first", "", HERE, "", "", SETUP, "s w m E w c m w P" },
        { "retried elsewhere", "", HERE, "", "", SETUP, "s w m E R o m o w m c w F * P" },
        { "torn down", "", HERE, "", "", SETUP_PLAY ASK_TEARDOWN, "s *" },

        { "closed while it asks to record", "", HERE, ASK_TO_PUBLISH, "200 200 200", ASK_RECORD,
          "E s w c m w * P" },
        { "closed when it may record", "", HERE, ASK_TO_PUBLISH, "200 200 200", ASK_RECORD,
          "E s w m c w * P" },
        { "hangs up when it may record", "", HERE, ASK_TO_PUBLISH, "200 200 200", ASK_RECORD,
          "E s w m x * P" },
        { "pauses at once", "", HERE, ASK_TO_PUBLISH, "200 200 200", ASK_RECORD ASK_PAUSE,
          "E s * P" },
        { "tears down at once", "", HERE, ASK_TO_PUBLISH, "200 200 200", ASK_RECORD ASK_TEARDOWN,
          "E s * P" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct trial trial;
        char         settings[256];
        (void)snprintf(settings, sizeof(settings), "%s\n%s", ONE_OF_EACH, cases[i].settings);
        trial_open(&trial, settings, cases[i].worker);
        test_peer_expect(&trial.peer, cases[i].way, cases[i].answers);
        trial.piece = cases[i].piece;
        run_script(&trial, cases[i].script);
        test_peer_close(&trial.peer);
        test_peer_open(&trial.peer, &trial.test, TEST_OTHER);
        CHECK(strcmp(test_peer_say(&trial.peer, SETUP_PLAY), "200 200") == 0, cases[i].name);
        trial_close(&trial);
    }
}

/* Everything is given back, which trial_close() asserts. */
static void the_server_may_end_at_any_moment(void **state)
{
    static const struct {
        const char *settings;
        unsigned    worker;
        const char *piece;
    } cases[] = {
        { "", HERE, SETUP_PLAY ASK_PAUSE },
        { "", ELSEWHERE, ASK_DESCRIBE SETUP_PLAY },
        { SPREAD, ELSEWHERE, ASK_DESCRIBE SETUP_PLAY ASK_DESCRIBE },
        { "", HERE, ASK_TO_PUBLISH ASK_RECORD ASK_PAUSE ASK_RECORD },
    };
    static const char *const orders[] = { "hwohwohwohwohwo", "wohwohwohwohwoh", "ohwohwohwohwohw" };
    for (size_t i = 0; i < COUNT(cases) * COUNT(orders) * 15; i++) {
        struct trial trial;
        char         script[32];
        size_t       row = i / (COUNT(orders) * 15);
        (void)snprintf(script, sizeof(script), "s %.*sS", (int)(i % 15),
                       orders[i / 15 % COUNT(orders)]);
        trial_open(&trial, cases[row].settings, cases[row].worker);
        trial.piece = cases[row].piece;
        run_script(&trial, script);
        CHECK(strstr(test_peer_hear(&trial.peer), "closed"), script);
        CHECK(strstr(test_peer_hear(&trial.first), "closed"), script);
        trial_close(&trial);
    }
}

/* They are told one after another, and what each does then is no matter to the others. */
static void many_wait_for_one_mirror(void **state)
{
    static const struct {
        const char *name, *piece, *heard;
    } readers[] = {
        { "plays", SETUP_PLAY, "200 200" },
        { "tears down", SETUP_PLAY ASK_TEARDOWN, "200 200 200" },
        { "describes", ASK_DESCRIBE ASK_DESCRIBE, "200 200" },
        { "says nonsense", SETUP "nonsense", "200 closed" },
        { "asks for what is not there", ASK_SETUP(9, "0-1"), "400 closed" },
        { "unknown method", SETUP ASK("FOO", TEST_URL, ""), "200 closed" },
        { "comes again", SETUP ASK_TEARDOWN SETUP_PLAY, "200 200 200 200" },
        { "plays too", SETUP_PLAY ASK_OPTIONS, "200 200 200" },
    };
    struct trial     trial;
    struct test_peer peers[COUNT(readers)];
    trial_open(&trial, SPREAD, ELSEWHERE);
    for (size_t i = 0; i < COUNT(readers); i++) {
        test_peer_open(&peers[i], &trial.test, ELSEWHERE);
        test_peer_send(&peers[i], span_from_string(readers[i].piece));
    }
    for (size_t i = 0; i < COUNT(readers); i++)
        CHECK(strcmp(test_peer_hear(&peers[i]), readers[i].heard) == 0, readers[i].name);
    run_script(&trial, "E*");
    for (size_t i = 0; i < COUNT(readers); i++) {
        struct rtsp_conn *conn = test_peer_conn(&peers[i]);
        CHECK(!conn || !conn->session, readers[i].name);
        test_peer_close(&peers[i]);
    }
    trial_close(&trial);
}

static void what_comes_while_main_is_asked_can_wait(void **state)
{
    struct trial trial;
    trial_open(&trial, "", HERE);
    trial.piece = SETUP;
    run_script(&trial, "s w");
    struct rtsp_conn      *conn = test_peer_conn(&trial.peer);
    trial.piece = ASK_PLAY ASK_OPTIONS;
    run_script(&trial, "s w w");
    assert_int_equal(conn->in.len, strlen(SETUP));
    assert_false(test_rtsp_has_work(&trial.test.loops[TEST_WORKER]));
    assert_string_equal(test_peer_hear(&trial.peer), "200 200 200");
    assert_null(conn->in.p);
    trial_close(&trial);
}

/* DESCRIBE takes a connection from the other worker to that of the stream. */
static void move(struct trial *trial)
{
    test_peer_send(&trial->peer, BYTES(ASK_DESCRIBE));
    test_rtsp_settle(&trial->test);
    assert_int_equal(test_peer_conn(&trial->peer)->loop->index, HERE);
}

static void answers_move_along(void **state)
{
    struct trial trial;
    int          least = 1;
    trial_open(&trial, "", ELSEWHERE);
    (void)setsockopt(test_peer_conn(&trial.peer)->fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
    for (int i = 0; i < 150; i++)
        test_peer_send(&trial.peer, BYTES(ASK_OPTIONS));
    move(&trial);
    assert_in_range(test_peer_conn(&trial.peer)->out.len, 1000, RTSP_MAX_OUT);
    const char *heard = test_peer_hear(&trial.peer);
    assert_int_equal(strlen(heard), 151 * strlen("200 ") - 1);
    assert_null(strpbrk(heard, "45c"));
    trial_close(&trial);
}

/* The session has gone, so a wrong one is no reason to hang up. */
static void that_there_was_a_session_moves_along(void **state)
{
    struct trial trial;
    trial_open(&trial, "", ELSEWHERE);
    test_peer_expect(&trial.peer,
                     ASK("SETUP", TEST_URL "/trackID=0", "Transport: RTP/AVP;client_port=4-5\r\n")
                         ASK_TEARDOWN,
                     "461 200");
    move(&trial);
    test_peer_expect(&trial.peer, ASK_PLAY ASK_OPTIONS, "200 454 200");
    trial_close(&trial);
}

static void who_has_moved_and_is_silent_is_closed(void **state)
{
    struct trial trial;
    trial_open(&trial, "", ELSEWHERE);
    move(&trial);
    assert_string_equal(test_peer_hear(&trial.peer), "200");
    test_clock_advance(RTSP_SESSION_TIMEOUT_NS - NS_PER_MS);
    assert_string_equal(test_peer_hear(&trial.peer), "");
    test_clock_advance(NS_PER_MS);
    assert_string_equal(test_peer_hear(&trial.peer), "closed");
    trial_close(&trial);
}

TESTS(the_stream_may_go_while_readers_come, whoever_goes_while_being_granted_leaves_nothing,
      the_server_may_end_at_any_moment, many_wait_for_one_mirror,
      what_comes_while_main_is_asked_can_wait, answers_move_along,
      that_there_was_a_session_moves_along, who_has_moved_and_is_silent_is_closed)
