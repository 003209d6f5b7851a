#include "path/path.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "path/path_internal.h"

static struct path_source *find_source(const struct path_registry *registry, const char *name)
{
    for (size_t i = 0; registry->sources[i]; i++)
        if (strcmp(registry->sources[i]->name, name) == 0)
            return registry->sources[i];
    return NULL;
}

struct path *path_create(struct path_registry *registry, struct span name,
                         const struct conf_path *conf)
{
    struct path *path = mem_new(struct path);
    *path = (struct path){ .registry = registry,
                           .name = span_to_string(name),
                           .conf = conf,
                           .source = find_source(registry, conf->source),
                           .counters = counters_create() };
    log_context_init(&path->log, "[path %s]", path->name);
    list_init(&path->readers);
    list_init(&path->waiting);
    list_init(&path->publishing);
    return path;
}

struct path *path_destroy(struct path *path)
{
    ASSERT(!path->publisher && list_is_empty(&path->readers));
    timer_stop(path->registry->main, &path->timer);
    counters_unref(path->counters);
    mem_free(path->name);
    return mem_free(path);
}

bool path_is_unused(const struct path *path)
{
    return path->state == PATH_IDLE && !path->publisher && list_is_empty(&path->readers) &&
           list_is_empty(&path->waiting) && list_is_empty(&path->publishing);
}

static struct member *add_member(struct path *path, const struct path_request *request)
{
    struct member *member = mem_new(struct member);
    *member = (struct member){ .path = path,
                               .loop = request->from,
                               .session = request->session,
                               .on_kick = request->on_kick };
    member->grant = slots_add(path->registry->main->slots, member);
    return member;
}

/* Kicking */

struct kick {
    struct mail    mail;
    struct slot_id session;
    void (*on_kick)(struct loop *loop, struct slot_id session, const char *reason);
    const char *reason; /* a literal */
};

static void on_kick_message(struct loop *loop, struct mail *mail)
{
    struct kick kick = *CONTAINER_OF(mail, struct kick, mail);
    mem_free(mail);
    kick.on_kick(loop, kick.session, kick.reason);
}

static void kick_publisher(struct path *path, const char *reason)
{
    if (path->state == PATH_CLOSING)
        return;
    path->state = PATH_CLOSING;
    const struct member *member = path->publisher;
    struct kick         *kick = mem_new(struct kick);
    *kick = (struct kick){ { NULL, on_kick_message }, member->session, member->on_kick, reason };
    loop_post(member->loop, &kick->mail);
}

/* Reading */

static void grant_reading(struct path *path, struct path_request *request)
{
    unsigned owner = path->publisher->loop->index;
    request->stream = path->stream;
    request->owner = owner;
    request->home = placement_pick_reader(path->registry->placement, owner);
    request->counters = counters_ref(path->counters);
    if (request->question == PATH_READ) {
        if (path->conf->max_readers > 0 && path->reader_count >= path->conf->max_readers) {
            request_refuse(request, PATH_REFUSED, "maximum reader count reached");
            return;
        }
        struct member *member = add_member(path, request);
        list_append(&path->readers, &member->in_path);
        path->reader_count++;
        request->grant = member->grant;
    }
    if (path->source)
        timer_stop(path->registry->main, &path->timer);
    request_answer(request, PATH_OK);
}

static void refuse_waiting(struct path *path, const char *why)
{
    for (struct list_node *node; (node = list_take_first(&path->waiting));)
        request_refuse(LIST_ITEM(node, struct path_request, waiting), PATH_REFUSED, why,
                       path->name);
}

static void on_start_timeout(void *arg)
{
    struct path *path = arg;
    LOG(&path->log, LOG_WARN, "the source did not start in time");
    if (path->publisher)
        kick_publisher(path, "timed out");
    else
        path->state = PATH_IDLE;
    refuse_waiting(path, "source of path '%s' has timed out");
}

static void start_source(struct path *path)
{
    struct path_registry *registry = path->registry;
    unsigned              worker = placement_pick(registry->placement);
    path->state = PATH_WAITING;
    timer_start(registry->main, &path->timer, path->conf->source_on_demand_start_timeout_ns,
                on_start_timeout, path);
    path->source->start(path->source, registry, registry->loops[worker], path->name);
}

static void on_close_after(void *arg)
{
    struct path *path = arg;
    if (!path->publisher)
        return;
    LOG(&path->log, LOG_INFO, "source stopped: not needed by anyone");
    kick_publisher(path, "not needed by anyone");
}

/* Nobody reads what the server itself provides: it ends after a while. */
static void stop_source_later(struct path *path)
{
    if (!path->source || path->state != PATH_READY || !list_is_empty(&path->readers))
        return;
    timer_start(path->registry->main, &path->timer, path->conf->source_on_demand_close_after_ns,
                on_close_after, path);
}

static void handle_read(struct path *path, struct path_request *request)
{
    if (strcmp(path->conf->source, "redirect") == 0 && request->question == PATH_DESCRIBE) {
        request->redirect = mem_string(path->conf->source_redirect);
        request_answer(request, PATH_REDIRECT);
        return;
    }
    if (path->state == PATH_READY) {
        grant_reading(path, request);
        stop_source_later(path);
        return;
    }
    bool has_successor = path->state == PATH_CLOSING && !list_is_empty(&path->publishing);
    if (!path->source && !has_successor) {
        request_refuse(request, PATH_NO_STREAM, "no stream is available on path '%s'", path->name);
        return;
    }
    list_append(&path->waiting, &request->waiting);
    if (path->state == PATH_IDLE)
        start_source(path);
}

/* Publishing */

static void answer_waiting(struct path *path)
{
    for (struct list_node *node; (node = list_take_first(&path->waiting));)
        grant_reading(path, LIST_ITEM(node, struct path_request, waiting));
    stop_source_later(path);
}

static void grant_publishing(struct path *path, struct path_request *request)
{
    path->publisher = add_member(path, request);
    path->stream = ++path->registry->last_stream;
    path->state = PATH_READY;
    request->stream = path->stream;
    request->owner = request->home = request->from->index;
    request->grant = path->publisher->grant;
    request->counters = counters_ref(path->counters);
    request->use_absolute_timestamp = path->conf->use_absolute_timestamp;
    LOG(&path->log, LOG_INFO, "stream is available and online, %s", request->tracks);
    request_answer(request, PATH_OK);
    /* Behind the grant: whoever is told of the stream now asks a worker that has it. */
    answer_waiting(path);
}

static void handle_publish(struct path *path, struct path_request *request)
{
    bool is_for_publishers = strcmp(path->conf->source, "publisher") == 0;
    if (request->is_source ? path->state != PATH_WAITING : !is_for_publishers) {
        request_refuse(request, PATH_REFUSED,
                       "can't publish to path '%s' since 'source' is not 'publisher'", path->name);
        return;
    }
    if (!path->publisher) {
        grant_publishing(path, request);
        return;
    }
    if (!path->conf->override_publisher) {
        request_refuse(request, PATH_REFUSED, "someone is already publishing to path '%s'",
                       path->name);
        return;
    }
    LOG(&path->log, LOG_INFO, "closing existing publisher");
    list_append(&path->publishing, &request->waiting);
    kick_publisher(path, "closed by another publisher");
}

void path_handle(struct path *path, struct path_request *request)
{
    switch (request->question) {
    case PATH_DESCRIBE:
    case PATH_READ:
        handle_read(path, request);
        break;
    case PATH_ANNOUNCE:
        request_answer(request, PATH_OK);
        break;
    case PATH_PUBLISH:
        handle_publish(path, request);
        break;
    }
}

/* The end */

static void on_publisher_gone(struct path *path)
{
    path->publisher = NULL;
    path->state = PATH_IDLE;
    timer_stop(path->registry->main, &path->timer);
    struct list_node *node = list_take_first(&path->publishing);
    if (node)
        grant_publishing(path, LIST_ITEM(node, struct path_request, waiting));
    else if (path->source && !list_is_empty(&path->waiting))
        start_source(path);
    /* Who came later than the one that has its turn now takes over from it at once. */
    if (!list_is_empty(&path->publishing))
        kick_publisher(path, "closed by another publisher");
}

void path_remove_member(struct member *member)
{
    struct path *path = member->path;
    slots_remove(path->registry->main->slots, member->grant);
    if (path->publisher == member) {
        on_publisher_gone(path);
    } else {
        list_remove(&member->in_path);
        path->reader_count--;
        stop_source_later(path);
    }
    mem_free(member);
}

void path_close(struct path *path)
{
    refuse_waiting(path, "path '%s' is closing");
    for (struct list_node *node; (node = list_take_first(&path->publishing));)
        request_refuse(LIST_ITEM(node, struct path_request, waiting), PATH_REFUSED, "terminated");
    timer_stop(path->registry->main, &path->timer);
}
