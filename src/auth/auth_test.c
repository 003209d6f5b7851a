#include "auth/auth.h"

#include "auth/test_auth.h"

#define USERS                                                                                      \
    "[{user: any, permissions: [{action: read, path: open}]},"                                     \
    " {user: reader, pass: readpass, permissions: [{action: read}]},"                              \
    " {user: hashed, pass: " TEST_ARGON2 ", permissions: [{action: read, path: slow}]},"           \
    " {user: long, pass: " TEST_ARGON2_LONG ", permissions: [{action: read, path: long}]}]"

#define PEER  "192.0.2.1:1000"
#define OTHER "192.0.2.2:1000"

static struct test_auth test;

static void expect(const struct test_request *asked, unsigned answers, enum auth_result result,
                   const char *name)
{
    CHECK(asked->answers == answers, name);
    CHECK(answers == 0 || asked->request.result == result, name);
    CHECK(answers == 0 || !asked->request.why == (result != AUTH_DENIED), name);
}

static void some_are_answered_in_the_same_turn(void **state)
{
    static const struct {
        const char      *name, *path, *user, *pass;
        bool             can_ask;
        unsigned         answers;
        enum auth_result result;
    } cases[] = {
        { "everybody, nobody", "open", NULL, NULL, true, 1, AUTH_OK },
        { "everybody, wrong", "open", "reader", "wrong", true, 1, AUTH_OK },
        { "right", "cam", "reader", "readpass", true, 1, AUTH_OK },
        { "nobody", "cam", NULL, NULL, true, 1, AUTH_ASK },
        { "empty", "cam", "", "", true, 1, AUTH_ASK },
        { "nobody who can be asked", "cam", NULL, NULL, false, 0, AUTH_DENIED },
        { "wrong password", "cam", "reader", "wrong", true, 0, AUTH_DENIED },
        { "wrong name", "cam", "readeR", "readpass", true, 0, AUTH_DENIED },
        { "no name", "cam", "", "readpass", true, 0, AUTH_DENIED },
        { "another path", "cam", "hashed", "pass", true, 0, AUTH_DENIED },
    };
    test_auth_open(&test, USERS);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_request asked = test_request_make(PEER, cases[i].user, cases[i].pass);
        asked.request.question.path = span_from_string(cases[i].path);
        asked.request.can_ask = cases[i].can_ask;
        test_request_ask(&test, &asked);
        test_auth_turn(&test);
        expect(&asked, cases[i].answers, cases[i].result, cases[i].name);
        test_auth_pass(&test, AUTH_MAX_PAUSE_NS + NS_PER_MS);
        expect(&asked, 1, cases[i].result, cases[i].name);
        CHECK(asked.request.result != AUTH_DENIED ||
                  strcmp(asked.request.why, "authentication failed") == 0,
              cases[i].name);
    }
    test_auth_close(&test);
}

static void all_of_a_turn_are_answered_in_it(void **state)
{
    static struct test_request asked[3];
    test_auth_open(&test, USERS);
    for (unsigned i = 0; i < COUNT(asked); i++) {
        asked[i] = test_request_make(PEER, "reader", "readpass");
        test_request_ask(&test, &asked[i]);
    }
    auth_cancel(&asked[1].request);
    test_auth_turn(&test);
    for (unsigned i = 0; i < COUNT(asked); i++)
        expect(&asked[i], i != 1, AUTH_OK, "of this turn");
    test_auth_close(&test);
}

static void actions_are_told_apart(void **state)
{
    test_auth_open(&test, USERS);
    struct test_request asked = test_request_make(PEER, "reader", "readpass");
    asked.request.question.action = CONF_ACTION_PUBLISH;
    test_request_ask(&test, &asked);
    test_auth_pass(&test, AUTH_MAX_PAUSE_NS + NS_PER_MS);
    expect(&asked, 1, AUTH_DENIED, "publish");
    test_auth_close(&test);
}

static void pauses_are_of_any_length_up_to_four_seconds(void **state)
{
    enum { TRIES = 100, STEPS = 40 };
    static struct test_request asked[TRIES];
    unsigned                   before = 0, early = 0;
    test_auth_open(&test, USERS);
    for (unsigned i = 0; i < TRIES; i++) {
        asked[i] = test_request_make(PEER, "reader", "wrong");
        test_request_ask(&test, &asked[i]);
    }
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned answers = 0;
        test_auth_pass(&test, AUTH_MAX_PAUSE_NS / STEPS);
        for (unsigned i = 0; i < TRIES; i++)
            answers += asked[i].answers;
        CHECK(answers - before < TRIES / 4, "not all at once");
        before = answers;
        early += step == STEPS / 2 ? answers : 0;
    }
    test_auth_pass(&test, NS_PER_MS);
    for (unsigned i = 0; i < TRIES; i++)
        expect(&asked[i], 1, AUTH_DENIED, "after four seconds");
    assert_in_range(early, TRIES / 5, TRIES - TRIES / 5);
    test_auth_close(&test);
}

/* As many as a peer may have; the requests are gone, their pauses not. */
static void use_up_pauses(const char *peer)
{
    for (unsigned i = 0; i < AUTH_MAX_PAUSES_OF_PEER; i++) {
        struct test_request asked = test_request_make(peer, "reader", "wrong");
        test_request_ask(&test, &asked);
        test_auth_turn(&test);
        expect(&asked, 0, AUTH_DENIED, "paused");
        auth_cancel(&asked.request);
    }
}

static void who_has_many_pauses_learns_nothing(void **state)
{
    static const struct {
        const char      *name, *peer, *path, *user;
        enum auth_result result;
    } cases[] = {
        { "right", PEER, "cam", "reader", AUTH_DENIED },
        { "another port", "192.0.2.1:9", "cam", "reader", AUTH_DENIED },
        { "right, argon2", PEER, "slow", "hashed", AUTH_DENIED },
        { "nobody", PEER, "cam", NULL, AUTH_ASK },
        { "what anybody may do", PEER, "open", "reader", AUTH_OK },
        { "another peer", OTHER, "cam", "reader", AUTH_OK },
    };
    test_auth_open(&test, USERS);
    use_up_pauses(PEER);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_request asked = test_request_make(cases[i].peer, cases[i].user, "readpass");
        asked.request.question.path = span_from_string(cases[i].path);
        test_request_ask(&test, &asked);
        test_auth_turn(&test);
        expect(&asked, 1, cases[i].result, cases[i].name);
        CHECK(cases[i].result != AUTH_DENIED ||
                  strstr(asked.request.why, "too many failed attempts"),
              cases[i].name);
    }
    test_auth_pass(&test, AUTH_MAX_PAUSE_NS + NS_PER_MS);
    struct test_request later = test_request_make(PEER, "reader", "readpass");
    test_request_ask(&test, &later);
    test_auth_turn(&test);
    expect(&later, 1, AUTH_OK, "when they are over");
    test_auth_close(&test);
}

static void a_crowd_leaves_some_for_others(void **state)
{
    enum { CROWD = (AUTH_MAX_PAUSES - AUTH_PAUSES_KEPT) / AUTH_MAX_PAUSES_OF_PEER };
    test_auth_open(&test, USERS);
    for (unsigned i = 0; i < CROWD; i++) {
        char peer[32];
        (void)snprintf(peer, sizeof(peer), "198.51.100.%u:1", i);
        use_up_pauses(peer);
    }
    for (unsigned i = 0; i <= AUTH_FEW_PAUSES; i++) {
        struct test_request asked = test_request_make(OTHER, "reader", "wrong");
        test_request_ask(&test, &asked);
        test_auth_turn(&test);
        expect(&asked, i == AUTH_FEW_PAUSES, AUTH_DENIED, "a few more");
        auth_cancel(&asked.request);
    }
    test_auth_close(&test);
}

static void proxies_here_speak_for_many(void **state)
{
    test_auth_open(&test, USERS);
    for (unsigned i = 0; i < 2 * AUTH_MAX_PAUSES_OF_PEER; i++) {
        struct test_request asked = test_request_make("127.0.0.1:1", "reader", "wrong");
        test_request_ask(&test, &asked);
        test_auth_turn(&test);
        expect(&asked, 0, AUTH_DENIED, "paused");
        auth_cancel(&asked.request);
    }
    test_auth_close(&test);
}

static struct test_request make_digest(const char *nonce, const char *uri, const char *response)
{
    struct test_request asked = test_request_make(PEER, NULL, NULL);
    asked.request.challenge =
        (struct auth_challenge){ TEST_NONCE, BYTES("DESCRIBE"), BYTES("rtsp://h/cam1") };
    asked.request.credentials.kind = AUTH_DIGEST;
    asked.request.credentials.user = BYTES("reader");
    asked.request.credentials.digest =
        (struct auth_digest){ .user = BYTES("reader"),
                              .realm = BYTES("ipcam"),
                              .nonce = span_from_string(nonce),
                              .uri = span_from_string(uri),
                              .response = span_from_string(response) };
    return asked;
}

static void digests_count_for_their_challenge(void **state)
{
    static const char right[] = "63a973a7b470b87df4c2b67950ba11b5";
    static const struct {
        const char      *name, *nonce, *uri, *response;
        enum auth_result result;
    } cases[] = {
        { "right", TEST_NONCE, "/cam1", right, AUTH_OK },
        { "wrong", TEST_NONCE, "/cam1", "63a973a7b470b87df4c2b67950ba11b6", AUTH_DENIED },
        { "of another URL", TEST_NONCE, "/cam2", "933f1f203b6fe4d84cb9f1fbc3c38920", AUTH_DENIED },
        { "of another connection", "00000000000000000000000000000000", "/cam1", right, AUTH_ASK },
    };
    test_auth_open(&test, USERS);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_request asked = make_digest(cases[i].nonce, cases[i].uri, cases[i].response);
        test_request_ask(&test, &asked);
        test_auth_turn(&test);
        expect(&asked, cases[i].result != AUTH_DENIED, cases[i].result, cases[i].name);
        test_auth_pass(&test, AUTH_MAX_PAUSE_NS + NS_PER_MS);
        expect(&asked, 1, cases[i].result, cases[i].name);
    }
    struct test_request slow = make_digest(TEST_NONCE, "/cam1", "00");
    slow.request.question.path = BYTES("slow");
    test_request_ask(&test, &slow);
    assert_int_equal(test.main.uv.active_reqs.count, 0); /* nothing to compute for a digest */
    test_auth_pass(&test, AUTH_MAX_PAUSE_NS + NS_PER_MS);
    expect(&slow, 1, AUTH_DENIED, "a digest where only a hash is known");
    test_auth_close(&test);
}

/* Until what is on the pool has been heard of. */
static void run_pool(void)
{
    while (test.main.uv.active_reqs.count > 0) {
        test_auth_turn(&test);
        (void)usleep(500);
    }
    test_auth_turn(&test);
}

static struct test_request make_slow(const char *peer, const char *user, const char *pass)
{
    struct test_request asked = test_request_make(peer, user, pass);
    asked.request.question.path = BYTES("slow");
    return asked;
}

static bool is_computing(void)
{
    return test.main.uv.active_reqs.count > 0;
}

static void argon2_is_computed_on_the_pool(void **state)
{
    static const struct {
        const char      *user, *pass;
        enum auth_result result;
    } cases[] = {
        { "hashed", "pass", AUTH_OK },
        { "hashed", "Pass", AUTH_DENIED },
        { "nobody", "pass", AUTH_DENIED }, /* takes as long */
    };
    test_auth_open(&test, USERS);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_request asked = make_slow(PEER, cases[i].user, cases[i].pass);
        test_request_ask(&test, &asked);
        CHECK(is_computing(), cases[i].user);
        run_pool();
        expect(&asked, cases[i].result == AUTH_OK, cases[i].result, cases[i].user);
        test_auth_pass(&test, AUTH_MAX_PAUSE_NS + NS_PER_MS);
        expect(&asked, 1, cases[i].result, cases[i].user);
    }
    test_auth_close(&test);
}

static void on_tick(void *arg)
{
    unsigned *ticks = arg;
    (*ticks)++;
}

/* Its clock is moved on by a millisecond a turn, and its timers keep up. */
static void the_loop_goes_on_meanwhile(void **state)
{
    struct timer timer = { 0 };
    unsigned     ticks = 0, turns = 0;
    test_auth_open(&test, USERS);
    struct test_request asked = test_request_make(PEER, "long", "pass");
    asked.request.question.path = BYTES("long");
    test_request_ask(&test, &asked);
    int64_t loop_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    int64_t all_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (; !asked.answers; turns++) {
        timer_start(&test.main, &timer, NS_PER_MS, on_tick, &ticks);
        test_auth_pass(&test, NS_PER_MS);
        (void)usleep(2000);
    }
    loop_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - loop_ns;
    all_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - all_ns;
    expect(&asked, 1, AUTH_OK, "long");
    assert_true(turns > 3 && ticks == turns);
    assert_true(loop_ns < all_ns / 2);
    timer_stop(&test.main, &timer);
    test_auth_close(&test);
}

static void what_was_right_is_not_computed_again_soon(void **state)
{
    test_auth_open(&test, USERS);
    struct test_request asked = make_slow(PEER, "hashed", "pass");
    test_request_ask(&test, &asked);
    run_pool();
    expect(&asked, 1, AUTH_OK, "computed");
    test_request_ask(&test, &asked);
    assert_false(is_computing());
    test_auth_turn(&test);
    expect(&asked, 2, AUTH_OK, "remembered");
    struct test_request other = make_slow(PEER, "hashed", "Pass");
    test_request_ask(&test, &other);
    assert_true(is_computing());
    run_pool();
    test_auth_pass(&test, 31 * NS_PER_S);
    test_request_ask(&test, &asked);
    assert_true(is_computing());
    run_pool();
    test_auth_set(&test, USERS);
    test_request_ask(&test, &asked);
    assert_true(is_computing());
    run_pool();
    expect(&asked, 4, AUTH_OK, "computed anew");
    test_auth_close(&test);
}

static void passwords_that_wait_are_bounded(void **state)
{
    static struct test_request asked[AUTH_MAX_CHECKS_OF_PEER + 1];
    test_auth_open(&test, USERS);
    for (unsigned i = 0; i < COUNT(asked); i++) {
        asked[i] = make_slow(PEER, "hashed", "pass");
        test_request_ask(&test, &asked[i]);
    }
    struct test_request other = make_slow(OTHER, "hashed", "pass");
    test_request_ask(&test, &other);
    run_pool();
    for (unsigned i = 0; i < AUTH_MAX_CHECKS_OF_PEER; i++)
        expect(&asked[i], 1, AUTH_OK, "in its turn");
    expect(&asked[AUTH_MAX_CHECKS_OF_PEER], 1, AUTH_DENIED, "too many");
    assert_string_equal(asked[AUTH_MAX_CHECKS_OF_PEER].request.why,
                        "too many passwords are being checked");
    expect(&other, 1, AUTH_OK, "another peer");
    test_auth_close(&test);
}

static void askers_may_go(void **state)
{
    static struct test_request asked[6];
    test_auth_open(&test, USERS);
    for (unsigned i = 0; i < 4; i++) { /* two of them run, two wait */
        asked[i] = make_slow(PEER, "hashed", i % 2 ? "pass" : "wrong");
        test_request_ask(&test, &asked[i]);
    }
    asked[4] = test_request_make(PEER, "reader", "readpass");
    asked[5] = test_request_make(PEER, "reader", "wrong");
    test_request_ask(&test, &asked[4]);
    test_request_ask(&test, &asked[5]);
    for (unsigned i = 0; i < COUNT(asked); i++) {
        auth_cancel(&asked[i].request);
        auth_cancel(&asked[i].request);
    }
    run_pool();
    test_auth_pass(&test, AUTH_MAX_PAUSE_NS + NS_PER_MS);
    for (unsigned i = 0; i < COUNT(asked); i++)
        expect(&asked[i], 0, AUTH_OK, "gone");
    test_request_ask(&test, &asked[1]); /* a request may be used again; it is remembered as right */
    test_auth_turn(&test);
    expect(&asked[1], 1, AUTH_OK, "again");
    test_auth_close(&test);
}

/* Two of them run. */
static void who_goes_makes_room(void **state)
{
    static struct test_request asked[AUTH_MAX_CHECKS_OF_PEER];
    test_auth_open(&test, USERS);
    for (unsigned i = 0; i < COUNT(asked); i++) {
        asked[i] = make_slow(PEER, "hashed", "pass");
        test_request_ask(&test, &asked[i]);
    }
    for (unsigned i = 0; i < COUNT(asked); i++)
        auth_cancel(&asked[i].request);
    struct test_request next = make_slow(PEER, "hashed", "pass");
    test_request_ask(&test, &next);
    run_pool();
    expect(&next, 1, AUTH_OK, "next");
    test_auth_close(&test);
}

static void new_settings_count_at_once(void **state)
{
#define SLOW_USER(name, pass)                                                                      \
    "{user: " name ", pass: " pass ", permissions: [{action: read, path: slow}]}"
    static const struct {
        const char      *name, *users;
        enum auth_result result;
    } cases[] = {
        { "the same", USERS, AUTH_OK },
        { "gone", "[" SLOW_USER("other", "x") "]", AUTH_DENIED },
        { "another password", "[" SLOW_USER("hashed", "passe") "]", AUTH_DENIED },
        { "in plain", "[" SLOW_USER("hashed", "pass") "]", AUTH_OK },
        { "for anybody", "[{user: any, permissions: [{action: read}]}]", AUTH_OK },
        { "not for that path", "[{user: hashed, pass: " TEST_ARGON2 "}]", AUTH_DENIED },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        test_auth_open(&test, USERS);
        struct test_request asked = make_slow(PEER, "hashed", "pass");
        test_request_ask(&test, &asked);
        test_auth_set(&test, cases[i].users);
        run_pool();
        run_pool();
        test_auth_pass(&test, AUTH_MAX_PAUSE_NS + NS_PER_MS);
        expect(&asked, 1, cases[i].result, cases[i].name);
        test_auth_close(&test);
    }
}

static void free_it(struct auth_request *request)
{
    assert_int_equal(request->result, AUTH_DENIED);
    assert_string_equal(request->why, "the server is ending");
    mem_free(CONTAINER_OF(request, struct test_request, request));
}

static void the_end_answers_all(void **state)
{
    test_auth_open(&test, USERS);
    use_up_pauses(OTHER);
    for (unsigned i = 0; i < 8; i++) {
        struct test_request *asked = mem_new(struct test_request);
        *asked = i < 4 ? make_slow(PEER, "hashed", "pass")
                       : test_request_make(PEER, "reader", i < 6 ? "wrong" : "readpass");
        asked->request.on_done = free_it;
        auth_check(test.auth, &asked->request);
    }
    test_auth_close(&test);
}

static void end_it(struct auth_request *request)
{
    struct auth *auth = TAKE(test.auth);
    test_request_on_done(request);
    auth_destroy(auth);
}

static void who_is_answered_may_end_it(void **state)
{
    static const struct {
        const char *path, *user, *pass;
    } cases[] = { { "cam", "reader", "readpass" },
                  { "cam", "reader", "wrong" },
                  { "slow", "hashed", "pass" } };
    for (size_t i = 0; i < COUNT(cases); i++) {
        test_auth_open(&test, USERS);
        struct test_request first = test_request_make(PEER, cases[i].user, cases[i].pass);
        first.request.question.path = span_from_string(cases[i].path);
        first.request.on_done = end_it;
        struct test_request second = first;
        test_request_ask(&test, &first);
        test_request_ask(&test, &second);
        run_pool();
        test_auth_pass(&test, AUTH_MAX_PAUSE_NS + NS_PER_MS);
        assert_int_equal(first.answers + second.answers, 2);
        assert_null(test.auth);
        test_auth_close(&test);
    }
}

TESTS(some_are_answered_in_the_same_turn, all_of_a_turn_are_answered_in_it, actions_are_told_apart,
      pauses_are_of_any_length_up_to_four_seconds, who_has_many_pauses_learns_nothing,
      a_crowd_leaves_some_for_others, proxies_here_speak_for_many,
      digests_count_for_their_challenge, argon2_is_computed_on_the_pool, the_loop_goes_on_meanwhile,
      what_was_right_is_not_computed_again_soon, passwords_that_wait_are_bounded, askers_may_go,
      who_goes_makes_room, new_settings_count_at_once, the_end_answers_all,
      who_is_answered_may_end_it)
