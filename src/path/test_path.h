/**
 * test_path: a registry of paths on a main loop, two workers, and sessions on them that ask and
 * note what they are told; all on one thread, with a clock of its own.
 */
#pragma once
#include "base/mem.h"
#include "base/test.h"
#include "base/test_clock.h"
#include "path/path_internal.h"

enum { TEST_MAIN, TEST_WORKER, TEST_OTHER, TEST_LOOPS };

static const char test_paths_settings[] =
    "paths:\n"
    "  cam:\n"
    "  strict: {overridePublisher: no}\n"
    "  few: {maxReaders: 2}\n"
    "  clip: {source: demo, sourceOnDemandStartTimeout: 2s,"
    " sourceOnDemandCloseAfter: 3s}\n"
    "  elsewhere: {source: redirect, sourceRedirect: rtsp://other/cam}\n"
    "  \"~^live/\":\n";

/* Main and two workers on one thread, and a source that only notes that it was started. */
struct test_paths {
    struct loop           loops[TEST_LOOPS];
    struct loop          *all[TEST_LOOPS];
    struct conf          *conf;
    struct placement     *placement;
    struct path_source    demo;
    struct path_source   *sources[2];
    struct auth          *auth;
    struct path_registry *registry;
    unsigned              starts;
};

/* A session on a worker, and what it was told. */
struct test_asker {
    struct test_paths   *stage;
    struct loop         *loop;
    struct slot_id       session;
    struct path_request *answer; /* NULL: none yet */
    unsigned             kicks;
    const char          *reason;
};

static inline void test_paths_on_pick(void)
{
}

static inline void test_paths_on_start(struct path_source *source, struct path_registry *registry,
                                       struct loop *loop, const char *path)
{
    CONTAINER_OF(source, struct test_paths, demo)->starts++;
}

/** `settings` have entries of their own besides the paths above. */
static inline void test_paths_open_with(struct test_paths *stage, const char *settings)
{
    static char  *no_environment[] = { NULL };
    struct errmsg why = { "" };
    memset(stage, 0, sizeof(*stage));
    log_set_level(LOG_ERROR);
    for (unsigned i = 0; i < TEST_LOOPS; i++) {
        loop_init(&stage->loops[i], "test", i);
        stage->loops[i].thread = pthread_self(); /* placement asks what it has worked */
        stage->all[i] = &stage->loops[i];
    }
    AUTO(buf_fini) struct buf text = { 0 };
    buf_printf(&text, "%s%s", settings, test_paths_settings);
    if (conf_load_text("test.yml", buf_span(&text), no_environment, &stage->conf, &why) < 0)
        fail_msg("%s", why.text);
    stage->demo = (struct path_source){ "demo", test_paths_on_start };
    stage->sources[0] = &stage->demo;
    stage->placement = placement_create(stage->all, TEST_LOOPS - 1, false, test_paths_on_pick);
    stage->auth = auth_create(&stage->loops[TEST_MAIN], stage->conf);
    stage->registry = path_registry_create(&(struct path_options){ .main = &stage->loops[TEST_MAIN],
                                                                   .loops = stage->all,
                                                                   .placement = stage->placement,
                                                                   .auth = stage->auth,
                                                                   .conf = stage->conf,
                                                                   .sources = stage->sources });
}

static inline void test_paths_open(struct test_paths *stage)
{
    test_paths_open_with(stage, "");
}

static inline void test_paths_settle(struct test_paths *stage)
{
    bool has_work = true;
    while (has_work) {
        has_work = false;
        for (unsigned i = 0; i < TEST_LOOPS; i++) {
            (void)uv_run(&stage->loops[i].uv, UV_RUN_NOWAIT);
            has_work |=
                atomic_load(&stage->loops[i].inbox) || !list_is_empty(&stage->loops[i].dirty);
        }
    }
    (void)uv_run(&stage->loops[TEST_MAIN].uv, UV_RUN_NOWAIT);
}

static inline void test_paths_wait(struct test_paths *stage, int64_t ns)
{
    test_paths_settle(stage);
    test_clock_advance(ns);
    test_paths_settle(stage);
}

static inline void test_paths_close(struct test_paths *stage)
{
    path_registry_close(stage->registry);
    stage->auth = auth_destroy(stage->auth);
    test_paths_settle(stage);
    stage->registry = path_registry_destroy(stage->registry);
    placement_destroy(stage->placement);
    conf_unref(stage->conf);
    for (unsigned i = 0; i < TEST_LOOPS; i++)
        loop_fini(&stage->loops[i]);
}

static inline struct test_asker *test_asker_open(struct test_paths *stage, unsigned loop)
{
    struct test_asker *asker = mem_new(struct test_asker);
    *asker = (struct test_asker){ .stage = stage, .loop = &stage->loops[loop] };
    asker->session = slots_add(asker->loop->slots, asker);
    return asker;
}

static inline void test_asker_on_answer(struct loop *loop, struct path_request *request)
{
    struct test_asker *asker = slots_find(loop->slots, request->session);
    assert_non_null(asker);
    assert_ptr_equal(loop, asker->loop);
    assert_null(asker->answer);
    asker->answer = request;
}

static inline void test_asker_on_kick(struct loop *loop, struct slot_id session, const char *reason)
{
    struct test_asker *asker = slots_find(loop->slots, session);
    assert_non_null(asker);
    asker->kicks++;
    asker->reason = reason;
}

/* Gives back what was granted. */
static inline void test_asker_release(struct test_asker *asker)
{
    if (asker->answer && asker->answer->grant.generation)
        path_release(asker->stage->registry, asker->answer->grant);
    if (asker->answer)
        path_request_free(asker->answer);
    asker->answer = NULL;
    test_paths_settle(asker->stage);
}

static inline void test_asker_close(struct test_asker *asker)
{
    test_asker_release(asker);
    slots_remove(asker->loop->slots, asker->session);
    mem_free(asker);
}

/** Asks what has been filled in so far. */
static inline void test_asker_send(struct test_asker *asker, struct path_request *request,
                                   const char *name)
{
    request->from = asker->loop;
    request->session = asker->session;
    request->asker = asker;
    request->on_answer = test_asker_on_answer;
    request->on_kick = test_asker_on_kick;
    (void)snprintf(request->name, sizeof(request->name), "%s", name);
    (void)snprintf(request->tracks, sizeof(request->tracks), "1 track (H264)");
    path_ask(asker->stage->registry, request);
    test_paths_settle(asker->stage);
}

static inline void test_asker_ask_as(struct test_asker *asker, enum path_question question,
                                     const char *name, bool is_source)
{
    struct path_request *request = path_request_new(question);
    request->is_source = is_source;
    test_asker_send(asker, request, name);
}

static inline void test_asker_ask(struct test_asker *asker, enum path_question question,
                                  const char *name)
{
    test_asker_ask_as(asker, question, name, false);
}

static inline void test_asker_check(const struct test_asker *asker, enum path_answer want,
                                    const char *why)
{
    assert_non_null(asker->answer);
    assert_string_equal(asker->answer->why.text, why);
    assert_int_equal(asker->answer->answer, want);
    bool may_be_granted =
        asker->answer->question == PATH_READ || asker->answer->question == PATH_PUBLISH;
    assert_int_equal(asker->answer->grant.generation != 0, want == PATH_OK && may_be_granted);
}

static inline void test_asker_check_kicked(struct test_asker *asker, const char *reason)
{
    assert_int_equal(asker->kicks, 1);
    assert_string_equal(asker->reason, reason);
    asker->kicks = 0;
}
