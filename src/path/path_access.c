/* Who asks: from the question that came over the network to the one that a path is asked. */
#include <openssl/crypto.h>

#include "base/check.h"
#include "base/mem.h"
#include "path/path_internal.h"

/* Asking */

static struct span copy_word(char **end, struct span word)
{
    struct span copy = { (const uint8_t *)*end, word.len };
    if (word.len > 0)
        memcpy(*end, word.p, word.len);
    *end += word.len;
    return copy;
}

void path_request_introduce(struct path_request *request, const struct path_client *client)
{
    struct auth_request *access = &request->access;
    struct span          nonce = span_from_string(client->nonce);
    ASSERT(!request->words);
    request->words_len = client->authorization.len + client->method.len + client->url.len +
                         client->query.len + client->user_agent.len + nonce.len + 1;
    request->words = mem_alloc(request->words_len);
    char       *end = request->words;
    struct span header = copy_word(&end, client->authorization);
    access->question.peer = *client->peer;
    access->protocol = client->protocol;
    access->challenge.method = copy_word(&end, client->method);
    access->challenge.url = copy_word(&end, client->url);
    access->query = copy_word(&end, client->query);
    access->user_agent = copy_word(&end, client->user_agent);
    if (nonce.len > 0)
        access->challenge.nonce = end;
    (void)copy_word(&end, nonce);
    *end = '\0';
    /* What can't be understood is as good as nothing: he is asked for what can. */
    (void)auth_parse_header(header, client->schemes, &access->credentials);
    access->can_ask = true;
}

void access_fini(struct path_request *request)
{
    auth_credentials_fini(&request->access.credentials);
    if (request->words)
        OPENSSL_cleanse(request->words, request->words_len);
    request->words = mem_free(request->words);
}

/* Answering, on main */

static void on_done(struct auth_request *access)
{
    struct path_request  *request = access->arg;
    struct path_registry *registry = request->registry;
    list_remove(&request->waiting);
    switch (access->result) {
    case AUTH_OK:
        registry_handle(registry, request);
        break;
    case AUTH_ASK:
        request_refuse(request, PATH_ASK, "a user and a password are needed");
        break;
    case AUTH_DENIED:
        request_refuse(request, PATH_DENIED, "%s", access->why);
        break;
    }
}

void access_check(struct path_registry *registry, struct path_request *request)
{
    static const enum conf_action actions[] = {
        [PATH_DESCRIBE] = CONF_ACTION_READ,
        [PATH_READ] = CONF_ACTION_READ,
        [PATH_ANNOUNCE] = CONF_ACTION_PUBLISH,
        [PATH_PUBLISH] = CONF_ACTION_PUBLISH,
    };
    struct auth_request *access = &request->access;
    access->question.action = actions[request->question];
    access->question.path = span_from_string(request->name);
    access->on_done = on_done;
    access->arg = request;
    request->registry = registry;
    list_append(&registry->checking, &request->waiting);
    auth_check(registry->auth, access);
}

void access_close(struct path_registry *registry)
{
    for (struct list_node *node; (node = list_take_first(&registry->checking));) {
        struct path_request *request = LIST_ITEM(node, struct path_request, waiting);
        auth_cancel(&request->access);
        request_refuse(request, PATH_REFUSED, "terminated");
    }
}
