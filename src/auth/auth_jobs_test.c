#include "auth/auth_jobs.h"

#include <errno.h>

#include "auth/test_auth.h"

enum { MANY = 6 };

struct stage {
    struct loop           main;
    struct auth_jobs      jobs;
    struct auth_users    *users;
    struct auth_selection all;
    unsigned              count, most_running;
    int                   results[MANY];
    bool                  ends_at_first;
};

static void stage_open(struct stage *stage)
{
    AUTO(conf_unref) struct conf *conf = test_auth_conf("[{user: bob, pass: " TEST_ARGON2 "}]");
    *stage = (struct stage){ .all = { 1, { 0 } } };
    loop_init(&stage->main, "main", 0);
    stage->users = auth_users_create(conf);
    auth_jobs_init(&stage->jobs, &stage->main);
}

static void stage_run(struct stage *stage)
{
    while (stage->main.uv.active_reqs.count > 0) {
        (void)uv_run(&stage->main.uv, UV_RUN_NOWAIT);
        (void)usleep(1000);
    }
}

static void stage_close(struct stage *stage)
{
    auth_jobs_fini(&stage->jobs);
    stage_run(stage);
    auth_users_unref(stage->users);
    loop_fini(&stage->main);
}

static void on_done(void *arg, int result)
{
    struct stage *stage = arg;
    stage->most_running = MAX(stage->most_running, stage->jobs.running_count + 1);
    stage->results[stage->count++] = result;
    if (stage->ends_at_first)
        auth_jobs_fini(&stage->jobs);
}

static struct auth_job *start(struct stage *stage, const char *pass)
{
    struct auth_credentials given = { .user = BYTES("bob"), .pass = span_from_string(pass) };
    return auth_jobs_start(&stage->jobs, stage->users, &stage->all, &given, on_done, stage);
}

static void each_gets_its_result(void **state)
{
    static struct stage stage;
    unsigned            right = 0;
    stage_open(&stage);
    for (unsigned i = 0; i < MANY; i++) {
        struct auth_job *job = start(&stage, i % 2 ? "pass" : "wrong");
        assert_int_equal(auth_job_is_running(job), i < AUTH_MAX_RUNNING);
    }
    assert_int_equal(stage.jobs.running_count, AUTH_MAX_RUNNING);
    stage_run(&stage);
    assert_int_equal(stage.count, MANY);
    assert_int_equal(stage.most_running, AUTH_MAX_RUNNING);
    assert_int_equal(stage.jobs.running_count, 0);
    for (unsigned i = 0; i < MANY; i++)
        right += stage.results[i] == 0;
    assert_int_equal(right, MANY / 2);
    stage_close(&stage);
}

static void dropped_ones_say_nothing(void **state)
{
    static struct stage stage;
    struct auth_job    *jobs[MANY];
    stage_open(&stage);
    for (unsigned i = 0; i < MANY; i++)
        jobs[i] = start(&stage, "pass");
    assert_null(auth_job_drop(jobs[0]));
    assert_null(auth_job_drop(jobs[MANY - 1]));
    stage_run(&stage);
    assert_int_equal(stage.count, MANY - 2);
    assert_int_equal(stage.jobs.running_count, 0);
    stage_close(&stage);
}

static void the_queue_may_end_before_them(void **state)
{
    static struct stage stage;
    stage_open(&stage);
    for (unsigned i = 0; i < MANY; i++)
        (void)start(&stage, "pass");
    stage_close(&stage);
    assert_int_equal(stage.count, 0);
    stage_open(&stage);
    stage.ends_at_first = true;
    for (unsigned i = 0; i < MANY; i++)
        (void)start(&stage, "pass");
    stage_run(&stage);
    assert_int_equal(stage.count, 1);
    stage_close(&stage);
}

TESTS(each_gets_its_result, dropped_ones_say_nothing, the_queue_may_end_before_them)
