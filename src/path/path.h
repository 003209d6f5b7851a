/**
 * path: names and the streams behind them. The registry lives on the main loop; sessions on the
 * workers ask it by messages and are answered by messages.
 *
 * A path is idle, waiting for its source, ready or closing. A publisher and a source of the
 * server's own are the same thing to it: a session on some worker that was granted a stream
 * number and has to give it back. An entry with an expression makes paths on first use and drops
 * them when unused.
 *
 * Who:     whoever asks from the network is asked who he is before his question reaches a path:
 *          nothing is made of a name, and nobody learns whether there is one, before that.
 * Thread:  path_ask(), path_move(), path_release() and what makes and frees requests from any;
 *          the rest on main.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "auth/auth.h"
#include "base/errmsg.h"
#include "base/slots.h"
#include "conf/conf.h"
#include "loop/loop.h"
#include "path/placement.h"
#include "stream/counters.h"

struct path_registry;
struct path_request;

enum path_question {
    PATH_DESCRIBE, /* is there a stream? */
    PATH_READ,     /* add me to its readers */
    PATH_ANNOUNCE, /* would I be allowed to publish? */
    PATH_PUBLISH,  /* make me its source */
};

enum path_answer {
    PATH_OK,
    PATH_NO_STREAM,
    PATH_REDIRECT,
    PATH_REFUSED,
    PATH_ASK,    /* it takes a user and a password, and none were given */
    PATH_DENIED, /* those that were given do not allow it */
};

/** The longest name; MediaMTX has no limit, and a file name of a recording has this one. */
enum { PATH_MAX_NAME = 255 };

/** What is known of who asks. All is copied by path_request_introduce(). */
struct path_client {
    const char           *protocol; /* a literal: "rtsp" */
    const struct address *peer;
    const char           *nonce;         /* of the challenge that was sent; empty: none was */
    unsigned              schemes;       /* of `authorization` that count: bits of auth_header.h */
    struct span           authorization; /* the header's value */
    struct span           method, url, query, user_agent;
};

/** Question and answer in one: it travels to main and back, and the asker frees it. */
struct path_request {
    struct mail        mail;
    enum path_question question;
    struct loop       *from;
    struct slot_id     session; /* of the asker, on its loop */
    void              *asker;   /* its server, for on_answer() when the session has gone */
    char               name[PATH_MAX_NAME + 1];
    bool               is_source;   /* PATH_PUBLISH: by order of the path itself */
    bool               is_checked;  /* the asker has been asked already who he is */
    char               tracks[128]; /* PATH_PUBLISH: "2 tracks (H264, Opus)" */

    /** On the asker's loop. The request is the callee's, and so are grant and counters in it. */
    void (*on_answer)(struct loop *loop, struct path_request *request);
    /** On the asker's loop: a granted session has to end. It may have gone already. */
    void (*on_kick)(struct loop *loop, struct slot_id session, const char *reason);

    enum path_answer answer;
    struct errmsg    why;      /* unless PATH_OK */
    char            *redirect; /* PATH_REDIRECT: a URL or "/name" */
    uint64_t         stream;
    unsigned         owner;    /* loop that the stream lives on */
    unsigned         home;     /* loop that the reader is to live on */
    struct slot_id   grant;    /* READ and PUBLISH: to be given back by path_release() */
    struct counters *counters; /* of the path */
    bool             use_absolute_timestamp; /* PATH_PUBLISH: the setting */

    /* main's */
    struct list_node      waiting;
    struct path_registry *registry;
    struct auth_request   access;

    /* what `access` points at: passwords too */
    char  *words;
    size_t words_len;
};

/** A source that the server itself provides, `source: demo`; embedded in its server. */
struct path_source {
    const char *name; /* as the setting has it */
    /** On main: makes a session on `loop`, which asks PATH_PUBLISH with is_source. */
    void (*start)(struct path_source *source, struct path_registry *registry, struct loop *loop,
                  const char *path);
};

struct path_options {
    struct loop               *main;
    struct loop              **loops;
    struct placement          *placement;
    struct auth               *auth;
    struct conf               *conf;
    struct path_source *const *sources; /* ends with NULL */
};

/** The service `auth` may end when the registry has been closed. */
struct path_registry *path_registry_create(const struct path_options *options);

/** All grants must have come back. Accepts NULL. Returns NULL. */
struct path_registry *path_registry_destroy(struct path_registry *registry);

/** From now on everything is refused, and what waits, for whatever it is, is answered. */
void path_registry_close(struct path_registry *registry);

/** A request of zeros with its question; to be filled in and asked. */
struct path_request *path_request_new(enum path_question question);

/** Says who asks. Otherwise, and unless it `is_checked`, it is nobody, from nowhere. */
void path_request_introduce(struct path_request *request, const struct path_client *client);

/** Frees what is in it too; a grant in it must have been taken or released. */
void path_request_free(struct path_request *request);

void path_ask(struct path_registry *registry, struct path_request *request);

/** The session of a grant lives on another loop now. */
void path_move(struct path_registry *registry, struct slot_id grant, struct loop *loop,
               struct slot_id session);

/** Gives a grant back; what it stood for (the stream) has ended. */
void path_release(struct path_registry *registry, struct slot_id grant);
