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
          { "400 closed", "400 closed", "400 closed", "400 closed", "400 closed", " record",
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

static bool holds(const struct buf *answers, const char *text)
{
    return memmem(answers->p, answers->len, text, strlen(text)) != NULL;
}

#define SETUP(transport) SETUP_AT("cam/trackID=0", transport)
#define SETUP_AT(path, transport)                                                                  \
    ASK("SETUP", "rtsp://server/" path, "Transport: " transport "\r\n")
#define ANNOUNCE(type, length, sdp)                                                                \
    ASK("ANNOUNCE", TEST_URL, "Content-Type: " type "\r\nContent-Length: " length "\r\n") sdp
#define RECORD_TRACK(path) SETUP_AT(path, "RTP/AVP/TCP;interleaved=0-1;mode=record")
#define LONG_NAME          TEN("a-very-long-name-of-a-path") /* over 255 bytes */
#define TEN(text)          text text text text text text text text text text

/* What is said to a server that has a publisher at "cam". */
static void requests_and_their_answers(void **state)
{
    static const struct {
        const char *name, *text, *heard;
        const char *holds; /* the last of the answers does; "": anything */
    } cases[] = {
        { "channels", SETUP("RTP/AVP/TCP;interleaved=4-5"), "200",
          "interleaved=4-5;ssrc=AFAEADAC\r\n" },
        { "one channel", SETUP("RTP/AVP/TCP;interleaved=5"), "200", "interleaved=5-6;" },
        { "no channels", SETUP("RTP/AVP/TCP"), "200", "interleaved=0-1;" },
        { "the next channels", SETUP("RTP/AVP/TCP") SETUP_AT("cam/trackID=1", "RTP/AVP/TCP"),
          "200 200", "interleaved=2-3;ssrc=ABAAA9A8" },
        { "past those in use",
          SETUP("RTP/AVP/TCP;interleaved=1-2") SETUP_AT("cam/trackID=1", "RTP/AVP/TCP"), "200 200",
          "interleaved=4-5;" },
        { "channels in use",
          SETUP("RTP/AVP/TCP;interleaved=0-1")
              SETUP_AT("cam/trackID=1", "RTP/AVP/TCP;interleaved=1-2"),
          "200 400 closed", "" },
        { "twice the same", SETUP("RTP/AVP/TCP;interleaved=3-3"), "400 closed", "" },
        { "no neighbours", SETUP("RTP/AVP/TCP;interleaved=4-6"), "400 closed", "" },
        { "no such channel", SETUP("RTP/AVP/TCP;interleaved=255"), "400 closed", "" },
        { "a track twice", SETUP("RTP/AVP/TCP") SETUP("RTP/AVP/TCP"), "200 400 closed", "" },
        { "no transport", ASK("SETUP", TEST_URL "/trackID=0", ""), "400 closed", "" },
        { "an unknown one", SETUP("RAW/RAW/UDP"), "400 closed", "" },
        { "UDP without ports", SETUP("RTP/AVP"), "400 closed", "" },
        { "UDP", SETUP("RTP/AVP;client_port=4000-4001"), "461", "Session: " TEST_SESSION },
        { "multicast", SETUP("RTP/AVP;multicast"), "461", "" },
        { "encrypted", SETUP("RTP/SAVP/TCP;interleaved=0-1"), "461", "" },
        { "one of several", SETUP("RTP/AVP;multicast,RAW,RTP/AVP/TCP;interleaved=6-7"), "200",
          "=6-7;" },
        { "mixed", SETUP("RTP/AVP/TCP") SETUP_AT("cam/trackID=1", "RTP/AVP;client_port=4-5"),
          "200 400 closed", "" },
        { "to record, and nothing announced", SETUP("RTP/AVP/TCP;mode=record"), "400 closed", "" },
        { "no such track", SETUP_AT("cam/trackID=2", "RTP/AVP/TCP"), "400 closed", "" },
        { "no track", SETUP_AT("cam", "RTP/AVP/TCP"), "400 closed", "" },
        { "no number", SETUP_AT("cam/trackID=x", "RTP/AVP/TCP"), "400 closed", "" },
        { "another path", SETUP("RTP/AVP/TCP") SETUP_AT("b/trackID=1", "RTP/AVP/TCP"),
          "200 400 closed", "" },
        { "nobody publishes", SETUP_AT("b/trackID=0", "RTP/AVP/TCP"), "404", "" },
        { "no path", SETUP_AT("trackID=0", "RTP/AVP/TCP"), "400 closed", "" },
        { "a query", SETUP_AT("cam?a=b/trackID=0", "RTP/AVP/TCP"), "200", "" },

        { "describe", ASK_DESCRIBE, "200", "Content-Base: " TEST_URL "/\r\n" },
        { "describe, with a query", ASK("DESCRIBE", TEST_URL "?a=b", ""), "200",
          "Content-Base: " TEST_URL "?a=b/\r\n" },
        { "describe nothing", ASK("DESCRIBE", "rtsp://server/b", ""), "404", "" },
        { "describe what is elsewhere", ASK("DESCRIBE", "rtsp://server/moved", ""), "302",
          "Location: rtsp://server/cam\r\n" },
        { "describe no URL", ASK("DESCRIBE", "cam", ""), "400 closed", "" },
        { "describe a bad name", ASK("DESCRIBE", "rtsp://server/a%20b", ""), "400 closed", "" },
        { "describe a long name", ASK("DESCRIBE", "rtsp://server/" LONG_NAME, ""), "400 closed",
          "" },
        { "set up what is elsewhere", SETUP_AT("moved/trackID=0", "RTP/AVP/TCP"), "404", "" },
        { "play no URL", SETUP("RTP/AVP/TCP") ASK("PLAY", "cam", IN_SESSION), "200 400 closed",
          "" },
        { "play", SETUP("RTP/AVP/TCP") ASK_PLAY, "200 200",
          "RTP-Info: url=" TEST_URL "/trackID=0" },

        { "another version", ASK_OPTIONS "OPTIONS * RTSP/2.0\r\n\r\n", "200 closed", "" },
        { "another protocol", ASK_OPTIONS "\x16\x03\x01", "200 closed", "" },

        { "announce something else", ANNOUNCE("text/plain", "0", ""), "400 closed", "" },
        { "announce untyped", ASK("ANNOUNCE", TEST_URL, ""), "400 closed", "" },
        { "announce nothing", ANNOUNCE("application/sdp", "0", ""), "400 closed", "" },
        { "announce no media", ANNOUNCE("application/sdp", "5", "v=0\r\n"), "400 closed", "" },
        { "announce with a charset",
          ANNOUNCE("Application/SDP; charset=utf-8", "22", "m=audio 0 RTP/AVP 0\r\n\n"), "200",
          "" },
        { "announce no URL", ASK("ANNOUNCE", "*", "Content-Type: application/sdp\r\n"),
          "400 closed", "" },
        { "record what is elsewhere",
          ASK_TO_PUBLISH_AT("rtsp://server/moved") ASK("RECORD", TEST_URL, IN_SESSION),
          "200 200 200 400 closed", "" },
        { "record half of it", ASK_ANNOUNCE_AT(OTHER_URL) RECORD_TRACK("other/video") ASK_RECORD,
          "200 200 400 closed", "" },
        { "an unknown control", ASK_ANNOUNCE_AT(OTHER_URL) RECORD_TRACK("other/text"),
          "200 400 closed", "" },
        { "a control of another path", ASK_ANNOUNCE_AT(OTHER_URL) RECORD_TRACK("cam/video"),
          "200 400 closed", "" },
        { "no control, one track",
          ANNOUNCE("application/sdp", "21", "m=audio 0 RTP/AVP 0\r\n") RECORD_TRACK("cam"),
          "200 200", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n" },
        { "a control that is a URL",
          ANNOUNCE("application/sdp", "52",
                   "m=audio 0 RTP/AVP 0\r\na=control:rtsp://server/x/y?z\r\n")
              RECORD_TRACK("x/y?z"),
          "200 200", "" },
    };
    struct trial trial;
    test_rtsp_open(&trial.test,
                   test_rtsp_conf("  moved: { source: redirect, sourceRedirect: /cam }"));
    test_peer_publish(&trial.publisher, &trial.test, TEST_WORKER);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_peer *peer = &trial.peer;
        test_peer_open(peer, &trial.test, TEST_WORKER);
        const char *heard = test_peer_say(peer, cases[i].text);
        if (strcmp(heard, cases[i].heard) != 0)
            print_error("heard %s\n", heard);
        CHECK(strcmp(heard, cases[i].heard) == 0, cases[i].name);
        CHECK(holds(&peer->answers, cases[i].holds), cases[i].name);
        test_peer_close(peer);
    }
    trial_close(&trial);
}

TESTS(each_method_in_each_state, the_session_header, requests_and_their_answers)
