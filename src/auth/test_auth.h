/**
 * test_auth: a main loop with a service on it, peers that ask and note what they are told, and a
 * clock that the test moves.
 */
#pragma once
#include "auth/auth.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/test.h"
#include "base/test_clock.h"
#include "loop/loop.h"

#define TEST_NONCE "7190ca51e743c830393aa392f6ed000c"

/* The argon2 tool's hashes of "pass"; the second takes a tenth of a second. */
#define TEST_ARGON2                                                                                \
    "'argon2:$argon2i$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$wmmAHnj+Y5o2eftQ+rC7gYU99ICquHz5Tz8lN842UW8'"
#define TEST_ARGON2_LONG                                                                           \
    "'argon2:$argon2id$v=19$m=32768,t=4,p=2$b3RoZXJvdGhlcm90aGVyMQ$"                               \
    "ffHmi4e9J6LFa/g4TX9PL9S8vLbOptl0QSXTPJjjIPE'"

struct test_auth {
    struct loop  main;
    struct auth *auth;
};

static inline struct conf *test_auth_conf(const char *users)
{
    AUTO(buf_fini) struct buf yaml = { 0 };
    struct conf              *conf = NULL;
    struct errmsg             why = { "" };
    buf_printf(&yaml, "authInternalUsers: %s", users);
    CHECK(conf_load_text("f.yml", buf_span(&yaml), NULL, &conf, &why) == 0, why.text);
    return conf;
}

static inline void test_auth_open(struct test_auth *test, const char *users)
{
    AUTO(conf_unref) struct conf *conf = test_auth_conf(users);
    loop_init(&test->main, "main", 0);
    test->auth = auth_create(&test->main, conf);
}

static inline void test_auth_set(struct test_auth *test, const char *users)
{
    AUTO(conf_unref) struct conf *conf = test_auth_conf(users);
    auth_set_conf(test->auth, conf);
}

/* The rest of the turn, and what is due. */
static inline void test_auth_turn(struct test_auth *test)
{
    (void)uv_run(&test->main.uv, UV_RUN_NOWAIT);
}

static inline void test_auth_pass(struct test_auth *test, int64_t ns)
{
    test_auth_turn(test);
    test_clock_advance(ns);
    test_auth_turn(test);
    test_auth_turn(test);
}

/* What runs on the pool ends before the loop may. */
static inline void test_auth_close(struct test_auth *test)
{
    test->auth = auth_destroy(test->auth);
    while (test->main.uv.active_reqs.count > 0) {
        test_auth_turn(test);
        (void)usleep(1000);
    }
    loop_fini(&test->main);
}

/* A request, and what it was told. */
struct test_request {
    struct auth_request request;
    unsigned            answers;
};

static inline void test_request_on_done(struct auth_request *request)
{
    CONTAINER_OF(request, struct test_request, request)->answers++;
}

static inline struct test_request test_request_make(const char *peer, const char *user,
                                                    const char *pass)
{
    struct test_request made = { .request = { .question = { .action = CONF_ACTION_READ,
                                                            .path = BYTES("cam") },
                                              .can_ask = true,
                                              .on_done = test_request_on_done } };
    assert_int_equal(address_parse(peer, &made.request.question.peer, NULL), 0);
    if (user)
        made.request.credentials = (struct auth_credentials){ .kind = AUTH_PASSWORD,
                                                              .user = span_from_string(user),
                                                              .pass = span_from_string(pass) };
    return made;
}

/* Asks, and sees to it that the answer does not come within the call. */
static inline void test_request_ask(struct test_auth *test, struct test_request *request)
{
    unsigned before = request->answers;
    auth_check(test->auth, &request->request);
    assert_int_equal(request->answers, before);
}
