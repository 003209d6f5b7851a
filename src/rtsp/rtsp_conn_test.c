#include "base/test.h"
#include "base/test_clock.h"
#include "rtsp/test_peer.h"

#define TEN(text)     text text text text text text text text text text
#define HUNDRED(text) TEN(TEN(text))

/* All that a reader says in its life, with what else comes in between. */
#define READER_TALK                                                                                \
    "\r\n\n" ASK_OPTIONS ASK_DESCRIBE ASK_DESCRIBE                                                 \
    "$\1\0\5\x80\r\n\r\n" ASK_SETUP(0, "0-1") "\r\n" ASK_SETUP(1, "2-3") ASK_PLAY                  \
        "$\1\0\0" ASK_GET_PARAMETER ASK_PAUSE                ASK(                                  \
                           "SET_PARAMETER", TEST_URL,                                              \
                           IN_SESSION                                                              \
                           "Content-Length: 8\r\n") "OPTIONS " ASK_DESCRIBE ASK_PLAY               \
                                     "RTSP/1.0 200 OK\r\n\r\n$\3\0\1$" ASK_TEARDOWN ASK_OPTIONS    \
                                         ASK_SETUP(0, "0-1") ASK_PLAY ASK_TEARDOWN "\r\n"

struct trial {
    struct test_rtsp test;
    struct test_peer publisher, peer;
};

static void trial_open(struct trial *trial, const char *settings)
{
    memset(trial, 0, sizeof(*trial));
    test_rtsp_open(&trial->test, test_rtsp_conf(settings));
    test_peer_publish(&trial->publisher, &trial->test, TEST_WORKER);
}

static void trial_close(struct trial *trial)
{
    test_peer_close(&trial->publisher);
    test_peer_close(&trial->peer);
    test_rtsp_close(&trial->test);
}

/* In pieces of `first` bytes, then `others`; hears what is said in between. */
static void talk(struct test_peer *peer, struct span text, size_t first, size_t others)
{
    for (size_t len = first; text.len; len = others) {
        struct span piece = span_first(text, len);
        test_peer_send(peer, piece);
        test_peer_fetch(peer);
        text = span_skip(text, piece.len);
    }
    test_peer_fetch(peer);
}

/* New peers that say all of it, cut in every possible place, are answered as one that does not. */
static void check_cuts(struct trial *trial, struct span text, unsigned worker, unsigned home,
                       const char *name)
{
    struct test_peer whole, peer;
    test_peer_open(&whole, &trial->test, worker);
    talk(&whole, text, SIZE_MAX, SIZE_MAX);
    CHECK(!whole.is_closed && test_peer_conn(&whole)->loop->index == home, name);
    CHECK(strncmp(whole.news, "200", 3) == 0 && !strstr(whole.news, "4"), name);
    for (size_t cut = 0; cut < text.len; cut++) {
        test_peer_open(&peer, &trial->test, worker);
        talk(&peer, text, MAX(cut, (size_t)1), cut ? SIZE_MAX : 1);
        CHECK(span_equal(buf_span(&peer.answers), buf_span(&whole.answers)), name);
        CHECK(span_equal(buf_span(&peer.frames), buf_span(&whole.frames)), name);
        test_peer_close(&peer);
    }
    test_peer_close(&whole);
}

static void requests_may_be_cut_anywhere(void **state)
{
    static const struct {
        const char *name, *settings;
        unsigned    worker, home;
        struct span text;
    } cases[] = {
        { "beside the stream", "", TEST_WORKER, TEST_WORKER, BYTES(READER_TALK) },
        { "moved at DESCRIBE", "", TEST_OTHER, TEST_WORKER, BYTES(READER_TALK) },
        { "moved at SETUP", "", TEST_OTHER, TEST_WORKER,
          BYTES(ASK_SETUP(0, "0-1") ASK_TEARDOWN READER_TALK) },
        { "from afar", "spreadReaders: yes", TEST_OTHER, TEST_OTHER, BYTES(READER_TALK) },
        { "moved away", "spreadReaders: yes", TEST_WORKER, TEST_OTHER, BYTES(READER_TALK) },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct trial trial;
        trial_open(&trial, cases[i].settings);
        /* Else the other worker would be the busy one, and nobody would stay there. */
        atomic_fetch_add(&trial.test.loops[TEST_WORKER].sessions, 100);
        check_cuts(&trial, cases[i].text, cases[i].worker, cases[i].home, cases[i].name);
        atomic_fetch_sub(&trial.test.loops[TEST_WORKER].sessions, 100);
        trial_close(&trial);
    }
}

/* Ways into the states that limits and deadlines may depend on. */
#define TO_PLAY   ASK_SETUP(0, "0-1") ASK_PLAY, "200 200"
#define TO_RECORD ASK_TO_PUBLISH_AT(OTHER_URL) ASK_RECORD, "200 200 200 200"
#define OTHER_URL "rtsp://server/other"

/* Time passes; the publisher gives signs of life. */
static void wait(struct trial *trial, int64_t ns)
{
    while (ns > 0) {
        int64_t step_ns = MIN(ns, 5 * NS_PER_S);
        test_clock_advance(step_ns);
        test_peer_expect(&trial->publisher, ASK_OPTIONS, "200");
        ns -= step_ns;
    }
}

static void line_ends_keep_a_connection_alive(void **state)
{
    static const struct {
        const char *name, *way, *answers;
    } cases[] = {
        { "nothing said yet", "", "" },
        { "asked something", ASK_OPTIONS, "200" },
        { "reading", TO_PLAY },
    };
    struct trial trial;
    trial_open(&trial, "");
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_peer *peer = &trial.peer;
        test_peer_open(peer, &trial.test, TEST_WORKER);
        test_peer_expect(peer, cases[i].way, cases[i].answers);
        for (int seconds = 0; seconds < 200; seconds += 5) {
            CHECK(strcmp(test_peer_say(peer, HUNDRED("\r\n") "\n"), "") == 0, cases[i].name);
            wait(&trial, 5 * NS_PER_S);
        }
        CHECK(strcmp(test_peer_say(peer, "\r\n" ASK_OPTIONS "\r\n"), "200") == 0, cases[i].name);
        struct rtsp_session *session = test_peer_conn(peer)->session;
        CHECK(!session || counters_get(session->counters, COUNTER_INBOUND_ERRORS) == 0,
              cases[i].name);
        test_peer_close(peer);
    }
    trial_close(&trial);
}

/* `head`, then so many times 'x', then `tail`. */
static void say_long(struct test_peer *peer, const char *head, size_t length, const char *tail)
{
    AUTO(buf_fini) struct buf text = { 0 };
    buf_append_string(&text, head);
    for (size_t i = 0; i < length; i++)
        buf_append_string(&text, "x");
    buf_append_string(&text, tail);
    test_peer_send(peer, buf_span(&text));
}

static void messages_have_limits(void **state)
{
#define HEAD       "OPTIONS " TEST_URL " RTSP/1.0\r\nCSeq: 1\r\nX: "
#define BODY(len)  ASK("SET_PARAMETER", TEST_URL, IN_SESSION "Content-Length: " #len "\r\n")
#define LINE       "OPTIONS rtsp://server/"
#define HEAD_SIZE  (sizeof(HEAD) - 1)
#define START_SIZE (sizeof(LINE) - 1)
    static const struct {
        const char *name, *way, *answers, *head;
        size_t      length;
        const char *tail, *heard;
    } cases[] = {
        { "the longest head", "", "", HEAD, MESSAGE_MAX_HEAD - HEAD_SIZE - 4, "\r\n\r\n", "200" },
        { "longer", "", "", HEAD, MESSAGE_MAX_HEAD - HEAD_SIZE - 3, "\r\n\r\n", "closed" },
        { "no end in sight", "", "", HEAD, MESSAGE_MAX_HEAD - HEAD_SIZE - 1, "", "" },
        { "no end at all", "", "", HEAD, MESSAGE_MAX_HEAD - HEAD_SIZE, "", "closed" },
        { "a long line", "", "", LINE, MESSAGE_MAX_START_LINE - START_SIZE - 1, "", "" },
        { "a longer line", "", "", LINE, MESSAGE_MAX_START_LINE - START_SIZE, "", "closed" },
        { "the largest body", TO_PLAY, BODY(131072), MESSAGE_MAX_RTSP_BODY, "", "200" },
        { "a larger one", TO_PLAY, BODY(131073), 0, "", "closed" },
        { "a length that is none", TO_PLAY, BODY(-1), 0, "", "closed" },
        { "answers to what came before", TO_PLAY, ASK_OPTIONS BODY(1048577), 0, "", "200 closed" },
        { "the longest frame", TO_PLAY, "$\xff\xff\xff", 65535, ASK_OPTIONS, "200" },

        { "head amid packets", TO_RECORD, HEAD, MESSAGE_MAX_HEAD - HEAD_SIZE - 4, "\r\n\r\n",
          "200" },
        { "longer, amid packets", TO_RECORD, HEAD, MESSAGE_MAX_HEAD - HEAD_SIZE - 3, "\r\n\r\n",
          "closed" },
        { "no end, amid packets", TO_RECORD, HEAD, MESSAGE_MAX_HEAD, "", "closed" },
        { "body amid packets", TO_RECORD, BODY(32000), 32000, "", "200" },
        { "larger, amid packets", TO_RECORD, BODY(33000), 33000, "", "closed" },
        { "frame amid packets", TO_RECORD, "$\xff\xff\xff", 65535, ASK_OPTIONS, "200" },
        { "a foreign frame amid packets", TO_RECORD, "$\x0f\xff\xff", 65535, ASK_OPTIONS, "200" },
    };
    struct trial trial;
    trial_open(&trial, "");
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_peer *peer = &trial.peer;
        test_peer_open(peer, &trial.test, TEST_WORKER);
        test_peer_expect(peer, cases[i].way, cases[i].answers);
        say_long(peer, cases[i].head, cases[i].length, cases[i].tail);
        CHECK(strcmp(test_peer_hear(peer), cases[i].heard) == 0, cases[i].name);
        test_peer_close(peer);
    }
    trial_close(&trial);
}

/* Asks and asks, and never reads. */
static void answers_that_nobody_fetches_have_a_limit(void **state)
{
    static const struct {
        const char *name, *way, *answers;
    } cases[] = {
        { "nothing else", "", "" },
        { "reading", TO_PLAY },
    };
    struct trial trial;
    trial_open(&trial, "");
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_peer *peer = &trial.peer;
        test_peer_open(peer, &trial.test, TEST_WORKER);
        test_peer_expect(peer, cases[i].way, cases[i].answers);
        for (struct rtsp_conn *conn; (conn = test_peer_conn(peer));) {
            CHECK(conn->out.len <= RTSP_MAX_OUT + 1000, cases[i].name);
            test_peer_send(peer, BYTES(ASK_OPTIONS));
            test_rtsp_settle(&trial.test);
        }
        test_peer_close(peer);
    }
    trial_close(&trial);
}

static void sessions_on_a_connection_have_a_limit(void **state)
{
    struct trial trial;
    trial_open(&trial, "");
    test_peer_open(&trial.peer, &trial.test, TEST_WORKER);
    for (int i = 1; i < RTSP_MAX_SESSIONS; i++)
        test_peer_expect(&trial.peer, ASK_SETUP(0, "0-1") ASK_TEARDOWN, "200 200");
    test_peer_expect(&trial.peer, ASK_SETUP(0, "0-1") ASK_PLAY ASK_GET_PARAMETER, "200 200 200");
    test_peer_expect(&trial.peer, ASK_TEARDOWN ASK_OPTIONS, "200 closed");
    trial_close(&trial);
}

static void silence_has_an_end(void **state)
{
    static const struct {
        const char *name, *way, *answers, *sign;
        int         seconds; /* 0: it may last */
    } cases[] = {
        { "never said anything", "", "", "", 0 },
        { "asked something", ASK_OPTIONS, "200", ASK_OPTIONS, 60 },
        { "set up, never played", ASK_SETUP(0, "0-1"), "200", "\r\n", 60 },
        { "a reader", TO_PLAY, ASK_GET_PARAMETER, 60 },
        { "a reader's RTCP", TO_PLAY, "$\1\1\1" HUNDRED("xx") TEN("xxxxx") "xxxxxxx", 60 },
        { "announced", ASK_TO_PUBLISH_AT(OTHER_URL), "200 200 200", ASK_GET_PARAMETER, 60 },
        { "a publisher", TO_RECORD, ASK_GET_PARAMETER, 10 },
        { "a publisher that paused", ASK_TO_PUBLISH_AT(OTHER_URL) ASK_RECORD ASK_PAUSE,
          "200 200 200 200 200", ASK_OPTIONS, 60 },
    };
    struct trial trial;
    trial_open(&trial, "");
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_peer *peer = &trial.peer;
        int64_t           limit_ns = (cases[i].seconds ? cases[i].seconds : 600) * NS_PER_S;
        test_peer_open(peer, &trial.test, TEST_WORKER);
        test_peer_expect(peer, cases[i].way, cases[i].answers);
        for (int signs = 0; signs < 3; signs++) {
            wait(&trial, limit_ns - NS_PER_MS);
            CHECK(!strstr(test_peer_say(peer, cases[i].sign), "closed"), cases[i].name);
        }
        wait(&trial, limit_ns - NS_PER_MS);
        CHECK(strcmp(test_peer_hear(peer), "") == 0, cases[i].name);
        wait(&trial, NS_PER_MS);
        CHECK(strcmp(test_peer_hear(peer), cases[i].seconds ? "closed" : "") == 0, cases[i].name);
        test_peer_close(peer);
    }
    trial_close(&trial);
}

/* Otherwise a byte now and then would keep a connection, and a path, for ever. */
static void half_a_message_is_no_sign_of_life(void **state)
{
    static const struct {
        const char *name, *way, *answers, *piece;
        int         seconds;
    } cases[] = {
        { "half a request", "", "", "OPTIONS", 60 },
        { "half a frame", TO_RECORD, "$", 10 },
    };
    struct trial trial;
    trial_open(&trial, "");
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_peer *peer = &trial.peer;
        int64_t           half_ns = cases[i].seconds * NS_PER_S / 2;
        test_peer_open(peer, &trial.test, TEST_WORKER);
        test_peer_expect(peer, cases[i].way, cases[i].answers);
        CHECK(strcmp(test_peer_say(peer, cases[i].piece), "") == 0, cases[i].name);
        wait(&trial, half_ns);
        CHECK(strcmp(test_peer_say(peer, cases[i].piece), "") == 0, cases[i].name);
        wait(&trial, half_ns - NS_PER_MS);
        CHECK(strcmp(test_peer_hear(peer), "") == 0, cases[i].name);
        wait(&trial, NS_PER_MS);
        CHECK(strcmp(test_peer_hear(peer), "closed") == 0, cases[i].name);
        test_peer_close(peer);
    }
    trial_close(&trial);
}

TESTS(requests_may_be_cut_anywhere, line_ends_keep_a_connection_alive, messages_have_limits,
      answers_that_nobody_fetches_have_a_limit, sessions_on_a_connection_have_a_limit,
      silence_has_an_end, half_a_message_is_no_sign_of_life)
