/**
 * auth_jobs: passwords that are checked against argon2 hashes, on libuv's pool, so that no loop
 * waits for them; a few at a time, the others in the order in which they came.
 *
 * Owner:   the service owns the queue, the queue its jobs. A job that runs when it is dropped, or
 *          when its queue is destroyed, frees itself when it has run; the loop lives until then.
 * Threads: the loop's.
 */
#pragma once
#include "auth/auth_users.h"
#include "base/list.h"
#include "loop/loop.h"

/* The pool has four threads, and its other users (files, names) are not to wait; an argon2 takes
 * up to 2 GB. */
enum { AUTH_MAX_RUNNING = 2 };

struct auth_job;

/** `result` is that of auth_users_compute(). The job is freed behind the call. */
typedef void auth_job_fn(void *arg, int result);

struct auth_jobs {
    struct loop *loop;
    struct list  waiting; /* struct auth_job */
    struct list  running;
    unsigned     running_count; /* of all: dropped ones too */
};

void auth_jobs_init(struct auth_jobs *jobs, struct loop *loop);

/** Drops all. Only jobs that were dropped amid their run outlive it. */
void auth_jobs_fini(struct auth_jobs *jobs);

/** Copies name and password, and takes a reference to the table. */
struct auth_job *auth_jobs_start(struct auth_jobs *jobs, struct auth_users *users,
                                 const struct auth_selection   *selection,
                                 const struct auth_credentials *credentials, auth_job_fn *on_done,
                                 void *arg);

bool auth_job_is_running(const struct auth_job *job);

/** Its on_done() is not called, and it is not run if it is not running yet. Returns NULL. */
struct auth_job *auth_job_drop(struct auth_job *job);
