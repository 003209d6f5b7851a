#include "rtsp/rtsp_internal.h"

#include "auth/auth.h"
#include "base/random.h"
#include "base/test.h"
#include "base/test_clock.h"
#include "rtsp/test_peer.h"

#define USERS                                                                                      \
    "authInternalUsers:\n"                                                                         \
    "  - {user: camera, pass: pubpass, permissions: [{action: publish, path: cam}]}\n"             \
    "  - {user: viewer, pass: readpass, permissions: [{action: read, path: cam}]}\n"
#define BOTH   "rtspAuthMethods: [basic, digest]\n"
#define DIGEST "rtspAuthMethods: [digest]\n"

#define AS(user) "Authorization: " user "\r\n"
#define CAMERA   "Basic Y2FtZXJhOnB1YnBhc3M=" /* camera:pubpass */
#define VIEWER   "Basic dmlld2VyOnJlYWRwYXNz" /* viewer:readpass */
#define WRONG    "Basic dmlld2VyOndyb25n"     /* viewer:wrong */

/* All that is drawn at random is TEST_SESSION, the nonce too. */
#define ANSWER(uri, response)                                                                      \
    "Digest username=\"viewer\", realm=\"ipcam\", nonce=\"" TEST_SESSION "\", uri=\"" uri          \
    "\", response=\"" response "\""
#define FOR_DESCRIBE ANSWER(TEST_URL, "8461c4692263b2009632891d53067e12")
#define FOR_SETUP    ANSWER(TEST_URL "/trackID=0", "dcc25f94bf58ebad5e05302f28fa0fe3")
#define FOR_SETUP_1  ANSWER(TEST_URL "/", "fb24880f7457879df247ef5a79b3767e")
#define WRONG_DIGEST ANSWER(TEST_URL, "4f4ef8c2baff9a2e11ebe7adbfcda320")

#define DESCRIBE_AS(user) ASK("DESCRIBE", TEST_URL, AS(user))
#define SETUP_AS(user)    ASK("SETUP", TEST_URL "/trackID=0", AS(user) TCP("0-1", ";mode=play"))
#define ANNOUNCE_AS(user)                                                                          \
    ASK("ANNOUNCE", TEST_URL,                                                                      \
        AS(user) "Content-Type: application/sdp\r\nContent-Length: " TEST_SDP_LENGTH "\r\n")       \
    TEST_SDP
#define PUBLISH                                                                                    \
    ANNOUNCE_AS(CAMERA)                                                                            \
    ASK_SETUP_RECORD_AT(TEST_URL, "video", "10-11")                                                \
    ASK_SETUP_RECORD_AT(TEST_URL, "audio", "12-13") ASK_RECORD

#define CHALLENGE_BASIC "WWW-Authenticate: Basic realm=\"ipcam\"\r\n"
#define CHALLENGE_DIGEST                                                                           \
    "WWW-Authenticate: Digest realm=\"ipcam\", nonce=\"" TEST_SESSION "\", algorithm=\"MD5\"\r\n"

struct trial {
    struct test_rtsp test;
    struct test_peer publisher, peer;
};

static void trial_open(struct trial *trial, const char *settings, unsigned worker)
{
    AUTO(buf_fini) struct buf text = { 0 };
    memset(trial, 0, sizeof(*trial));
    buf_printf(&text, "%s%s", USERS, settings);
    test_rtsp_open(&trial->test, test_rtsp_conf(buf_string(&text)));
    if (strcmp(settings, DIGEST) != 0) {
        test_peer_open(&trial->publisher, &trial->test, TEST_WORKER);
        test_peer_expect(&trial->publisher, PUBLISH, "200 200 200 200");
    }
    test_peer_open(&trial->peer, &trial->test, worker);
}

static void trial_close(struct trial *trial)
{
    test_peer_close(&trial->publisher);
    test_peer_close(&trial->peer);
    test_rtsp_close(&trial->test);
}

/* Says what is denied, and hears nothing for now. */
static void say_wrongly(struct test_peer *peer, const char *piece)
{
    CHECK(strcmp(test_peer_say(peer, piece), "") == 0, piece);
    for (unsigned i = 1; i < 4; i++)
        (void)random_u32(); /* the pause has drawn a quarter of an id */
}

static const char *hear_after_the_pause(struct test_peer *peer)
{
    test_clock_advance(AUTH_MAX_PAUSE_NS + NS_PER_MS);
    return test_peer_hear(peer);
}

static void requests_say_who_asks(void **state)
{
    static const struct {
        const char *name, *settings;
        unsigned    worker;
        const char *piece, *heard;
    } cases[] = {
        { "nobody", "", TEST_WORKER, ASK_DESCRIBE ASK_SETUP(0, "0-1"), "401 401" },
        { "a viewer", "", TEST_WORKER, DESCRIBE_AS(VIEWER) SETUP_AS(VIEWER) ASK_PLAY,
          "200 200 200" },
        { "without DESCRIBE", "", TEST_WORKER, SETUP_AS(VIEWER) ASK_PLAY, "200 200" },
        { "once for all tracks", "", TEST_WORKER, SETUP_AS(VIEWER) ASK_SETUP(1, "2-3") ASK_PLAY,
          "200 200 200" },
        { "DESCRIBE is not enough", "", TEST_WORKER, DESCRIBE_AS(VIEWER) ASK_SETUP(0, "0-1"),
          "200 401" },
        { "from another worker", "", TEST_OTHER, DESCRIBE_AS(VIEWER) SETUP_AS(VIEWER) ASK_PLAY,
          "200 200 200" },
        { "to publish", "", TEST_WORKER, ASK_ANNOUNCE_AT(TEST_URL) ANNOUNCE_AS(CAMERA), "401 200" },

        { "a digest", BOTH, TEST_WORKER,
          ASK_DESCRIBE DESCRIBE_AS(FOR_DESCRIBE) SETUP_AS(FOR_SETUP) ASK_PLAY, "401 200 200 200" },
        { "of the base URL", BOTH, TEST_WORKER, ASK_DESCRIBE SETUP_AS(FOR_SETUP_1), "401 200" },
        { "a digest, moving", BOTH, TEST_OTHER,
          ASK_DESCRIBE DESCRIBE_AS(FOR_DESCRIBE) SETUP_AS(FOR_SETUP) ASK_PLAY, "401 200 200 200" },
        { "of a nonce of its own", BOTH, TEST_WORKER,
          DESCRIBE_AS(FOR_DESCRIBE) DESCRIBE_AS(FOR_DESCRIBE), "401 200" },
        { "Basic where both are on", BOTH, TEST_WORKER, DESCRIBE_AS(VIEWER), "200" },
        { "Basic where it is off", DIGEST, TEST_WORKER, DESCRIBE_AS(VIEWER), "401" },
        { "a digest where it is off", "", TEST_WORKER, ASK_DESCRIBE DESCRIBE_AS(FOR_DESCRIBE),
          "401 401" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct trial trial;
        trial_open(&trial, cases[i].settings, cases[i].worker);
        const char *heard = test_peer_say(&trial.peer, cases[i].piece);
        if (strcmp(heard, cases[i].heard) != 0)
            print_error("heard %s\n", heard);
        CHECK(strcmp(heard, cases[i].heard) == 0, cases[i].name);
        trial_close(&trial);
    }
}

static void challenges_are_as_the_settings_say(void **state)
{
    static const struct {
        const char *settings, *answer;
    } cases[] = {
        { "", CHALLENGE_BASIC },
        { BOTH, CHALLENGE_BASIC CHALLENGE_DIGEST },
        { DIGEST, CHALLENGE_DIGEST },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct trial              trial;
        AUTO(buf_fini) struct buf want = { 0 };
        trial_open(&trial, cases[i].settings, TEST_WORKER);
        buf_printf(&want, "RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nServer: millrace\r\n%s\r\n",
                   cases[i].answer);
        test_peer_expect(&trial.peer, ASK_DESCRIBE, "401");
        assert_string_equal(buf_string(&trial.peer.answers), buf_string(&want));
        trial_close(&trial);
    }
}

/* What follows on the connection is not looked at, as right as it may be. */
static void who_is_denied_waits_and_has_to_connect_again(void **state)
{
    static const struct {
        const char *name, *piece;
    } cases[] = {
        { "a wrong password", DESCRIBE_AS(WRONG) DESCRIBE_AS(VIEWER) },
        { "SETUP", SETUP_AS(WRONG) SETUP_AS(VIEWER) },
        { "a reader publishes", ANNOUNCE_AS(VIEWER) ANNOUNCE_AS(CAMERA) },
        { "a publisher reads", DESCRIBE_AS(CAMERA) },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct trial trial;
        trial_open(&trial, "", TEST_WORKER);
        say_wrongly(&trial.peer, cases[i].piece);
        CHECK(strcmp(hear_after_the_pause(&trial.peer), "401 closed") == 0, cases[i].name);
        CHECK(!strstr(buf_string(&trial.peer.answers), "WWW-Authenticate"), cases[i].name);
        trial_close(&trial);
    }
}

static void a_wrong_digest_is_denied(void **state)
{
    struct trial trial;
    trial_open(&trial, BOTH, TEST_WORKER);
    test_peer_expect(&trial.peer, ASK_DESCRIBE, "401");
    say_wrongly(&trial.peer, DESCRIBE_AS(WRONG_DIGEST));
    assert_string_equal(hear_after_the_pause(&trial.peer), "401 closed");
    trial_close(&trial);
}

/* The others go on meanwhile, and so does the server's end. */
static void a_pause_holds_up_nobody_else(void **state)
{
    struct trial     trial;
    struct test_peer viewer;
    trial_open(&trial, "", TEST_WORKER);
    say_wrongly(&trial.peer, DESCRIBE_AS(WRONG));
    test_peer_open(&viewer, &trial.test, TEST_OTHER);
    test_peer_expect(&viewer, SETUP_AS(VIEWER) ASK_PLAY, "200 200");
    test_rtsp_stop(&trial.test);
    assert_string_equal(test_peer_hear(&trial.peer), "closed");
    test_peer_close(&viewer);
    trial_close(&trial);
}

TESTS(requests_say_who_asks, challenges_are_as_the_settings_say,
      who_is_denied_waits_and_has_to_connect_again, a_wrong_digest_is_denied,
      a_pause_holds_up_nobody_else)
