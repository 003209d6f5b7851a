#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "path/path_internal.h"

struct path_request *path_request_new(enum path_question question)
{
    struct path_request *request = mem_new(struct path_request);
    request->question = question;
    return request;
}

void path_request_free(struct path_request *request)
{
    access_fini(request);
    counters_unref(request->counters);
    mem_free(request->redirect);
    mem_free(request);
}

static void on_answer_message(struct loop *loop, struct mail *mail)
{
    struct path_request *request = CONTAINER_OF(mail, struct path_request, mail);
    request->on_answer(loop, request);
}

void request_answer(struct path_request *request, enum path_answer answer)
{
    request->answer = answer;
    request->mail.handle = on_answer_message;
    loop_post(request->from, &request->mail);
}

void request_refuse(struct path_request *request, enum path_answer answer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(request->why.text, sizeof(request->why.text), format, args);
    va_end(args);
    request_answer(request, answer);
}

/* The path of that name; made on first use. NULL: the request has been answered. */
static struct path *find_path(struct path_registry *registry, struct path_request *request)
{
    struct span   name = span_from_string(request->name);
    struct errmsg why;
    struct path  *path = map_get(registry->paths, name);
    if (path)
        return path;
    if (conf_check_path_name(name, &why) < 0) {
        request_refuse(request, PATH_REFUSED, "invalid path name: %.200s (%s)", why.text,
                       request->name);
        return NULL;
    }
    const struct conf_path *conf = conf_find_path(registry->conf, name, NULL);
    if (!conf) {
        request_refuse(request, PATH_REFUSED, "path '%s' is not configured", request->name);
        return NULL;
    }
    path = path_create(registry, name, conf);
    map_put(registry->paths, name, path);
    return path;
}

static void drop_if_unused(struct path *path)
{
    if (!path->conf->regex || !path_is_unused(path))
        return;
    map_remove(path->registry->paths, span_from_string(path->name));
    path_destroy(path);
}

struct asked {
    struct mail           mail;
    struct path_registry *registry;
    struct path_request  *request;
    struct slot_id        grant;
    struct loop          *loop; /* on_move() */
    struct slot_id        session;
};

void registry_handle(struct path_registry *registry, struct path_request *request)
{
    struct path *path = find_path(registry, request);
    if (!path)
        return;
    path_handle(path, request);
    drop_if_unused(path);
}

static void on_ask(struct loop *loop, struct mail *mail)
{
    struct asked          asked = *CONTAINER_OF(mail, struct asked, mail);
    struct path_registry *registry = asked.registry;
    mem_free(mail);
    if (registry->is_closed)
        request_refuse(asked.request, PATH_REFUSED, "terminated");
    else if (asked.request->is_source || asked.request->is_checked)
        registry_handle(registry, asked.request);
    else
        access_check(registry, asked.request);
}

void path_ask(struct path_registry *registry, struct path_request *request)
{
    struct asked *asked = mem_new(struct asked);
    *asked = (struct asked){ .mail.handle = on_ask, .registry = registry, .request = request };
    loop_post(registry->main, &asked->mail);
}

static void on_release(struct loop *loop, struct mail *mail)
{
    struct asked asked = *CONTAINER_OF(mail, struct asked, mail);
    mem_free(mail);
    struct member *member = slots_find(loop->slots, asked.grant);
    ASSERT(member);
    struct path *path = member->path;
    path_remove_member(member);
    drop_if_unused(path);
}

void path_release(struct path_registry *registry, struct slot_id grant)
{
    struct asked *asked = mem_new(struct asked);
    *asked = (struct asked){ .mail.handle = on_release, .registry = registry, .grant = grant };
    loop_post(registry->main, &asked->mail);
}

static void on_move(struct loop *loop, struct mail *mail)
{
    struct asked asked = *CONTAINER_OF(mail, struct asked, mail);
    mem_free(mail);
    struct member *member = slots_find(loop->slots, asked.grant);
    ASSERT(member);
    member->loop = asked.loop;
    member->session = asked.session;
}

void path_move(struct path_registry *registry, struct slot_id grant, struct loop *loop,
               struct slot_id session)
{
    struct asked *asked = mem_new(struct asked);
    *asked = (struct asked){ .mail.handle = on_move,
                             .registry = registry,
                             .grant = grant,
                             .loop = loop,
                             .session = session };
    loop_post(registry->main, &asked->mail);
}

/* Entries with a plain name are paths from the start. */
static void create_plain_paths(struct path_registry *registry)
{
    const struct conf *conf = registry->conf;
    for (size_t i = 0; i < conf->path_count; i++) {
        if (conf->paths[i].regex)
            continue;
        struct span name = span_from_string(conf->paths[i].name);
        map_put(registry->paths, name, path_create(registry, name, &conf->paths[i]));
    }
}

struct path_registry *path_registry_create(const struct path_options *options)
{
    struct path_registry *registry = mem_new(struct path_registry);
    *registry = (struct path_registry){ .main = options->main,
                                        .loops = options->loops,
                                        .placement = options->placement,
                                        .auth = options->auth,
                                        .conf = conf_ref(options->conf),
                                        .sources = options->sources,
                                        .paths = map_create() };
    list_init(&registry->checking);
    create_plain_paths(registry);
    return registry;
}

static void close_path(void *arg, struct span key, void *value)
{
    path_close(value);
}

void path_registry_close(struct path_registry *registry)
{
    registry->is_closed = true;
    access_close(registry);
    map_visit(registry->paths, close_path, NULL);
}

static void destroy_path(void *arg, struct span key, void *value)
{
    path_destroy(value);
}

struct path_registry *path_registry_destroy(struct path_registry *registry)
{
    if (registry) {
        map_visit(registry->paths, destroy_path, NULL);
        map_destroy(registry->paths);
        conf_unref(registry->conf);
        mem_free(registry);
    }
    return NULL;
}
