#include "base/test.h"
#include "base/test_clock.h"
#include "rtsp/test_peer.h"

#define OTHER_URL "rtsp://server/other"
#define ASK_BADLY                                                                                  \
    ASK("SETUP", TEST_URL "/trackID=0", "Transport: RTP/AVP;client_port=4000-4001\r\n")
#define SESSION_OF(x) "Session: " x "\r\n"

enum { STATES = 7 };

/* How a connection gets into each state. A publisher is at "cam" already. */
static const struct state {
    const char *name, *way, *answers;
} states[STATES] = {
    { "none", "", "" },
    { "initial", ASK_BADLY, "461" },
    { "pre-play", ASK_SETUP(0, "0-1"), "200" },
    { "play", ASK_SETUP(0, "0-1") ASK_PLAY, "200 200" },
    { "pre-record", ASK_TO_PUBLISH_AT(OTHER_URL), "200 200 200" },
    { "record", ASK_TO_PUBLISH_AT(OTHER_URL) ASK_RECORD, "200 200 200 200" },
    { "gone", ASK_SETUP(0, "0-1") ASK_TEARDOWN, "200 200" },
};

struct trial {
    struct test_rtsp test;
    struct test_peer publisher, peer;
    char             outcome[128];
};

static const char *state_of(const struct rtsp_session *session)
{
    static const char *const names[] = {
        [RTSP_INITIAL] = "initial",       [RTSP_PRE_PLAY] = "pre-play", [RTSP_PLAY] = "play",
        [RTSP_PRE_RECORD] = "pre-record", [RTSP_RECORD] = "record",
    };
    return session ? names[session->state] : "none";
}

static void trial_open(struct trial *trial)
{
    test_rtsp_open(&trial->test, test_rtsp_conf(""));
    test_peer_publish(&trial->publisher, &trial->test, TEST_WORKER);
}

static void trial_close(struct trial *trial)
{
    test_peer_close(&trial->publisher);
    test_rtsp_close(&trial->test);
}

/* The answers and the state afterwards: "200 play", "400 closed". */
static const char *outcome_of(struct trial *trial, const struct state *state, const char *text)
{
    struct test_peer *peer = &trial->peer;
    test_peer_open(peer, &trial->test, TEST_WORKER);
    test_peer_expect(peer, state->way, state->answers);
    const char *heard = test_peer_say(peer, text);
    if (peer->is_closed)
        (void)snprintf(trial->outcome, sizeof(trial->outcome), "%s", heard);
    else
        (void)snprintf(trial->outcome, sizeof(trial->outcome), "%s %s", heard,
                       state_of(test_peer_conn(peer)->session));
    test_peer_close(peer);
    test_rtsp_settle(&trial->test);
    return trial->outcome;
}

static void check_outcome(struct trial *trial, const struct state *state, const char *text,
                          const char *want)
{
    const char *outcome = outcome_of(trial, state, text);
    if (strcmp(outcome, want) != 0)
        print_error("in %s: %s\n", state->name, outcome);
    CHECK(strcmp(outcome, want) == 0, text);
}

static void each_method_in_each_state(void **state)
{
    static const struct {
        const char *text;
        const char *want[STATES];
    } rows[] = {
        { ASK("OPTIONS", TEST_URL, ""),
          { "200 none", "200 initial", "200 pre-play", "200 play", "200 pre-record", "200 record",
            "200 none" } },
        { ASK("DESCRIBE", TEST_URL, ""),
          { "200 none", "200 initial", "200 pre-play", "200 play", "200 pre-record", "400 closed",
            "200 none" } },
        { ASK_ANNOUNCE_AT(OTHER_URL),
          { "200 pre-record", "200 pre-record", "400 closed", "400 closed", "400 closed",
            "400 closed", "200 pre-record" } },
        { ASK_SETUP(1, "2-3"),
          { "200 pre-play", "200 pre-play", "200 pre-play", "400 closed", "400 closed",
            "400 closed", "200 pre-play" } },
        { ASK_SETUP_RECORD_AT(OTHER_URL, "audio", "0-1"),
          { "400 closed", "400 closed", "400 closed", "400 closed", "400 closed", "400 closed",
            "400 closed" } },
        { ASK("PLAY", TEST_URL, IN_SESSION),
          { "454 none", "400 closed", "200 play", "200 play", "400 closed", "400 closed",
            "454 none" } },
        { ASK("RECORD", OTHER_URL, IN_SESSION),
          { "454 none", "400 closed", "400 closed", "400 closed", "200 record", "400 closed",
            "454 none" } },
        { ASK("PAUSE", TEST_URL, IN_SESSION),
          { "454 none", "400 closed", "200 pre-play", "200 pre-play", "200 pre-record",
            "200 pre-record", "454 none" } },
        { ASK("TEARDOWN", TEST_URL, IN_SESSION),
          { "454 none", "200 none", "200 none", "200 none", "200 none", "200 none", "454 none" } },
        { ASK("GET_PARAMETER", TEST_URL, IN_SESSION),
          { "454 none", "200 initial", "200 pre-play", "200 play", "200 pre-record", "200 record",
            "454 none" } },
        { ASK("SET_PARAMETER", TEST_URL, IN_SESSION),
          { "454 none", "200 initial", "200 pre-play", "200 play", "200 pre-record", "200 record",
            "454 none" } },
        { ASK("REDIRECT", TEST_URL, IN_SESSION),
          { "closed", "closed", "closed", "closed", "closed", "closed", "closed" } },
        { "GET / HTTP/1.1\r\nHost: server\r\n\r\n",
          { "400 closed", "400 closed", "400 closed", "400 closed", "400 closed", "400 closed",
            "400 closed" } },
        { "RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n",
          { " none", " initial", " pre-play", " play", " pre-record", " record", " none" } },
        { "$abc_____________________________________________________________________________"
          "\r\n\r\n",
          { " none", " initial", " pre-play", " play", " pre-record", " record", " none" } },
        { "rubbish\r\n\r\n",
          { "closed", "closed", "closed", "closed", "closed", " record", "closed" } },
    };
    struct trial trial;
    trial_open(&trial);
    for (size_t row = 0; row < COUNT(rows); row++)
        for (size_t i = 0; i < STATES; i++)
            check_outcome(&trial, &states[i], rows[row].text, rows[row].want[i]);
    trial_close(&trial);
}

static void the_session_header(void **state)
{
    static const struct {
        const char *text;
        const char *want[STATES];
    } rows[] = {
        { ASK("PLAY", TEST_URL, ""),
          { "501 none", "501 initial", "501 pre-play", "501 play", "501 pre-record", "501 record",
            "501 none" } },
        { ASK("RECORD", TEST_URL, ""),
          { "501 none", "501 initial", "501 pre-play", "501 play", "501 pre-record", "501 record",
            "501 none" } },
        { ASK("PAUSE", TEST_URL, ""),
          { "501 none", "501 initial", "501 pre-play", "501 play", "501 pre-record", "501 record",
            "501 none" } },
        { ASK("TEARDOWN", TEST_URL, ""),
          { "501 none", "501 initial", "501 pre-play", "501 play", "501 pre-record", "501 record",
            "501 none" } },
        { ASK("GET_PARAMETER", TEST_URL, ""),
          { "501 none", "501 initial", "501 pre-play", "501 play", "501 pre-record", "501 record",
            "501 none" } },
        { ASK("SET_PARAMETER", TEST_URL, ""),
          { "501 none", "501 initial", "501 pre-play", "501 play", "501 pre-record", "501 record",
            "501 none" } },
        { ASK("OPTIONS", TEST_URL, IN_SESSION),
          { "454 none", "200 initial", "200 pre-play", "200 play", "200 pre-record", "200 record",
            "454 none" } },
        { ASK("OPTIONS", TEST_URL, SESSION_OF(TEST_SESSION ";timeout=55")),
          { "454 none", "200 initial", "200 pre-play", "200 play", "200 pre-record", "200 record",
            "454 none" } },
        { ASK("OPTIONS", TEST_URL, SESSION_OF("a")),
          { "454 none", "400 closed", "400 closed", "400 closed", "400 closed", "400 closed",
            "454 none" } },
        { ASK("OPTIONS", TEST_URL, SESSION_OF("")),
          { "454 none", "400 closed", "400 closed", "400 closed", "400 closed", "400 closed",
            "454 none" } },
        { ASK("OPTIONS", TEST_URL, SESSION_OF("a")) ASK_OPTIONS,
          { "454 closed", "400 closed", "400 closed", "400 closed", "400 closed", "400 closed",
            "454 200 none" } },
        { "OPTIONS " TEST_URL " RTSP/1.0\r\n\r\n",
          { "400 closed", "400 closed", "400 closed", "400 closed", "400 closed", "400 closed",
            "400 closed" } },
    };
    struct trial trial;
    trial_open(&trial);
    for (size_t row = 0; row < COUNT(rows); row++)
        for (size_t i = 0; i < STATES; i++)
            check_outcome(&trial, &states[i], rows[row].text, rows[row].want[i]);
    trial_close(&trial);
}

TESTS(each_method_in_each_state, the_session_header)
