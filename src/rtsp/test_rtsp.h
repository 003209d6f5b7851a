/**
 * test_rtsp: the RTSP server with main and two workers on one thread, turned by hand, without a
 * port: its clients are test_peer.h's. Nothing is left to chance: loops take turns in a fixed
 * order, and what is drawn at random is always the same, so that each session is TEST_SESSION.
 */
#pragma once
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "path/placement.h"
#include "rtsp/rtsp_internal.h"
#include "stream/hub.h"

#define TEST_SESSION "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"

enum { TEST_MAIN, TEST_WORKER, TEST_OTHER, TEST_LOOPS };

struct test_rtsp {
    struct loop           loops[TEST_LOOPS];
    struct hub            hubs[TEST_LOOPS]; /* of the workers */
    struct loop          *loop_at[TEST_LOOPS];
    struct hub           *hub_at[TEST_LOOPS];
    struct hub_settings   settings; /* may be changed between turns */
    struct conf          *conf;
    struct placement     *placement;
    struct auth          *auth;
    struct path_registry *registry;
    struct rtsp_server   *server;
    unsigned              peers; /* so far */
};

/** Takes the C library's place. Sixteen different bytes again and again: one id for all sessions.
 */
inline ssize_t getrandom(void *out, size_t size, unsigned flags)
{
    uint8_t *bytes = out;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(0xa0 + i % 16);
    return (ssize_t)size;
}

/** What the server has drawn for a track of any publisher's: four of those bytes, from the last. */
static inline uint32_t test_rtsp_ssrc(unsigned track)
{
    uint32_t words[4];
    (void)getrandom(words, sizeof(words), 0);
    return words[3 - track % 4];
}

/** From YAML, which may begin with indented entries of `paths`; any path may be published to. */
static inline struct conf *test_rtsp_conf(const char *settings)
{
    char                     *no_environ[] = { NULL };
    struct conf              *conf = NULL;
    struct errmsg             why = { "" };
    AUTO(buf_fini) struct buf text = { 0 };
    buf_printf(&text, "paths:\n  all_others:\n%s\n", settings);
    int err = conf_load_text("test", buf_span(&text), no_environ, &conf, &why);
    if (err < 0)
        (void)fprintf(stderr, "%s\n", why.text);
    ASSERT(err == 0);
    return conf;
}

static inline void test_rtsp_on_pick(void)
{
}

static inline struct rtsp_server *test_rtsp_server(struct test_rtsp *test)
{
    struct rtsp_server *server = mem_new(struct rtsp_server);
    *server = (struct rtsp_server){ .main = &test->loops[TEST_MAIN],
                                    .loops = test->loop_at,
                                    .placement = test->placement,
                                    .registry = test->registry,
                                    .conf = conf_ref(test->conf),
                                    .conns = mem_new_array(struct list, TEST_LOOPS) };
    log_context_init(&server->log, "[RTSP]");
    for (unsigned i = 0; i < TEST_LOOPS; i++)
        list_init(&server->conns[i]);
    return server;
}

static inline void test_rtsp_open_loops(struct test_rtsp *test)
{
    static const char *const names[] = { "main", "worker", "other" };
    for (unsigned i = 0; i < TEST_LOOPS; i++) {
        test->loop_at[i] = &test->loops[i];
        loop_init(&test->loops[i], names[i], i);
        test->loops[i].thread = pthread_self();
    }
    for (unsigned i = TEST_WORKER; i < TEST_LOOPS; i++) {
        test->hub_at[i] = &test->hubs[i];
        hub_init(&test->hubs[i], &test->loops[i], test->hub_at, &test->settings);
    }
}

/** Takes over the reference of `conf`. */
static inline void test_rtsp_open(struct test_rtsp *test, struct conf *conf)
{
    static struct path_source *const no_sources[] = { NULL };
    memset(test, 0, sizeof(*test));
    log_set_level(LOG_ERROR);
    test->conf = conf;
    test->settings = (struct hub_settings){ .frame_hold_ns = NS_PER_MS,
                                            .report_period_ns = conf->rtcp_report_period_ns,
                                            .queue = { 512, 8 << 20, 2 * NS_PER_S } };
    test_rtsp_open_loops(test);
    test->placement =
        placement_create(test->loop_at, TEST_LOOPS - 1, conf->spread_readers, test_rtsp_on_pick);
    test->auth = auth_create(&test->loops[TEST_MAIN], conf);
    test->registry = path_registry_create(&(struct path_options){ .main = &test->loops[TEST_MAIN],
                                                                  .loops = test->loop_at,
                                                                  .placement = test->placement,
                                                                  .auth = test->auth,
                                                                  .conf = conf,
                                                                  .sources = no_sources });
    test->server = test_rtsp_server(test);
}

/** One turn of one loop. What its sockets and messages mark dirty is flushed in its next turn. */
static inline void test_rtsp_turn(struct test_rtsp *test, unsigned loop)
{
    (void)uv_run(&test->loops[loop].uv, UV_RUN_NOWAIT);
}

/* Is there anything to do before time passes? */
static inline bool test_rtsp_has_work(struct loop *loop)
{
    struct pollfd epoll = { .fd = uv_backend_fd(&loop->uv), .events = POLLIN };
    return atomic_load(&loop->inbox) || !list_is_empty(&loop->dirty) || poll(&epoll, 1, 0) > 0;
}

/** Turns of all loops until nothing happens any more: twice, as a turn arms what the next sees. */
static inline void test_rtsp_settle(struct test_rtsp *test)
{
    unsigned turns = 0;
    for (unsigned quiet = 0; quiet < 2;) {
        bool has_work = false;
        for (unsigned i = 0; i < TEST_LOOPS; i++)
            test_rtsp_turn(test, i);
        for (unsigned i = 0; i < TEST_LOOPS; i++)
            has_work |= test_rtsp_has_work(&test->loops[i]);
        quiet = has_work ? 0 : quiet + 1;
        ASSERT(++turns < 100000); /* or it would go on for ever */
    }
}

/** As when the program ends: readers are told, connections closed. */
static inline void test_rtsp_stop(struct test_rtsp *test)
{
    rtsp_server_stop(test->server);
    path_registry_close(test->registry);
    test->auth = auth_destroy(test->auth);
    for (unsigned i = TEST_WORKER; i < TEST_LOOPS; i++)
        rtsp_server_close_connections(test->server, &test->loops[i]);
    test_rtsp_settle(test);
}

/** Asserts, as each fini does, that everything has come back. */
static inline void test_rtsp_close(struct test_rtsp *test)
{
    test_rtsp_stop(test);
    test->server = rtsp_server_free(test->server);
    test->registry = path_registry_destroy(test->registry);
    test->placement = placement_destroy(test->placement);
    for (unsigned i = TEST_WORKER; i < TEST_LOOPS; i++) {
        ASSERT(atomic_load(&test->loops[i].sessions) == 0);
        hub_fini(&test->hubs[i]);
    }
    for (unsigned i = 0; i < TEST_LOOPS; i++)
        loop_fini(&test->loops[i]);
    test->conf = conf_unref(test->conf);
}
