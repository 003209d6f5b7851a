#include "auth/auth_jobs.h"

#include <openssl/crypto.h>

#include "base/check.h"
#include "base/mem.h"

struct auth_job {
    uv_work_t             work;
    struct list_node      node; /* of jobs->waiting or jobs->running */
    struct auth_jobs     *jobs; /* NULL: it has gone */
    struct auth_users    *users;
    auth_job_fn          *on_done; /* NULL: dropped */
    void                 *arg;
    bool                  is_running;
    int                   result;
    uint8_t              *text; /* name, password */
    size_t                user_len, text_len;
    struct auth_selection selection;
};

void auth_jobs_init(struct auth_jobs *jobs, struct loop *loop)
{
    *jobs = (struct auth_jobs){ .loop = loop };
    list_init(&jobs->waiting);
    list_init(&jobs->running);
}

static void job_free(struct auth_job *job)
{
    list_remove(&job->node);
    auth_users_unref(job->users);
    OPENSSL_cleanse(job->text, job->text_len);
    mem_free(job->text);
    mem_free(job);
}

void auth_jobs_fini(struct auth_jobs *jobs)
{
    LIST_FOREACH_SAFE (struct auth_job, job, &jobs->waiting, node)
        job_free(job);
    LIST_FOREACH_SAFE (struct auth_job, job, &jobs->running, node) {
        job->jobs = NULL;
        job->on_done = NULL;
        list_remove(&job->node);
    }
}

/* On the pool. */
static void compute(uv_work_t *work)
{
    struct auth_job *job = work->data;
    struct span      text = { job->text, job->text_len };
    job->result = auth_users_compute(job->users, &job->selection, span_first(text, job->user_len),
                                     span_skip(text, job->user_len));
}

static void run_next(struct auth_jobs *jobs);

static void on_computed(uv_work_t *work, int status)
{
    struct auth_job  *job = work->data;
    struct auth_jobs *jobs = job->jobs;
    if (jobs)
        jobs->running_count--;
    if (job->on_done)
        job->on_done(job->arg, job->result);
    /* The queue may have ended in there. */
    jobs = job->jobs;
    job_free(job);
    if (jobs)
        run_next(jobs);
}

static void run_next(struct auth_jobs *jobs)
{
    while (jobs->running_count < AUTH_MAX_RUNNING && !list_is_empty(&jobs->waiting)) {
        struct auth_job *job = LIST_ITEM(list_take_first(&jobs->waiting), struct auth_job, node);
        list_append(&jobs->running, &job->node);
        jobs->running_count++;
        job->is_running = true;
        int err = uv_queue_work(&jobs->loop->uv, &job->work, compute, on_computed);
        ASSERT(err == 0);
    }
}

struct auth_job *auth_jobs_start(struct auth_jobs *jobs, struct auth_users *users,
                                 const struct auth_selection   *selection,
                                 const struct auth_credentials *credentials, auth_job_fn *on_done,
                                 void *arg)
{
    struct span      user = credentials->user, pass = credentials->pass;
    struct auth_job *job = mem_new(struct auth_job);
    *job = (struct auth_job){ .work.data = job,
                              .jobs = jobs,
                              .users = auth_users_ref(users),
                              .on_done = on_done,
                              .arg = arg,
                              .text = mem_alloc(user.len + pass.len + 1),
                              .user_len = user.len,
                              .text_len = user.len + pass.len,
                              .selection = *selection };
    if (user.len)
        memcpy(job->text, user.p, user.len);
    if (pass.len)
        memcpy(job->text + user.len, pass.p, pass.len);
    list_append(&jobs->waiting, &job->node);
    run_next(jobs);
    return job;
}

bool auth_job_is_running(const struct auth_job *job)
{
    return job->is_running;
}

struct auth_job *auth_job_drop(struct auth_job *job)
{
    if (!job->is_running)
        job_free(job);
    else
        job->on_done = NULL;
    return NULL;
}
