/**
 * What registry.c and path.c share; nobody else includes it.
 */
#pragma once
#include "base/log.h"
#include "base/map.h"
#include "path/path.h"

enum path_state {
    PATH_IDLE,
    PATH_WAITING, /* for its own source to publish */
    PATH_READY,
    PATH_CLOSING, /* its publisher was told to end and has not yet */
};

struct path_registry {
    struct loop               *main;
    struct loop              **loops; /* by index */
    struct placement          *placement;
    struct auth               *auth;
    struct conf               *conf;
    struct path_source *const *sources; /* NULL-terminated */
    struct map                *paths;
    struct list                checking; /* requests whose asker is being asked who he is */
    uint64_t                   last_stream;
    bool                       is_closed;
};

/* A session that reads or publishes. */
struct member {
    struct list_node in_path; /* path.readers; a publisher is in no list */
    struct path     *path;
    struct slot_id   grant;
    struct loop     *loop;
    struct slot_id   session;
    void (*on_kick)(struct loop *loop, struct slot_id session, const char *reason);
};

struct path {
    struct path_registry   *registry;
    char                   *name;
    const struct conf_path *conf;
    struct path_source     *source; /* NULL: publishers come by themselves */
    struct log_context      log;
    enum path_state         state;
    uint64_t                stream;
    struct member          *publisher;
    struct list             readers; /* struct member */
    unsigned                reader_count;
    struct list             waiting;    /* requests that wait for a stream */
    struct list             publishing; /* requests that wait for the publisher to end */
    struct timer            timer;      /* start timeout, or close after */
    struct counters        *counters;
};

/* path.c */

struct path *path_create(struct path_registry *registry, struct span name,
                         const struct conf_path *conf);
struct path *path_destroy(struct path *path);
/** Answers now, or keeps it until it can be answered. */
void         path_handle(struct path *path, struct path_request *request);
void         path_remove_member(struct member *member);
/** Refuses everything that waits. */
void         path_close(struct path *path);
bool         path_is_unused(const struct path *path);

/* registry.c */

void request_answer(struct path_request *request, enum path_answer answer);
__attribute__((format(printf, 3, 4))) void
request_refuse(struct path_request *request, enum path_answer answer, const char *format, ...);

/* Goes on with what may be asked: finds the path, which answers. */
void registry_handle(struct path_registry *registry, struct path_request *request);

/* path_access.c */

/** Asks who it is, and goes on, or answers. */
void access_check(struct path_registry *registry, struct path_request *request);
/** Refuses all who are being asked. */
void access_close(struct path_registry *registry);
void access_fini(struct path_request *request);
