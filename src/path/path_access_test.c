#include "path/path.h"

#include "auth/auth_header.h"
#include "path/test_path.h"

#define TEST_NONCE "7190ca51e743c830393aa392f6ed000c"

#define USERS                                                                                      \
    "authInternalUsers:\n"                                                                         \
    "  - {user: any, permissions: [{action: read, path: few}]}\n"                                  \
    "  - {user: camera, pass: pubpass, permissions: [{action: publish, path: "                     \
    "\"~^(cam|live/)\"}]}\n"                                                                       \
    "  - {user: viewer, pass: readpass, ips: [192.0.2.0/24], permissions: [{action: read}]}\n"

#define CAMERA "Basic Y2FtZXJhOnB1YnBhc3M=" /* camera:pubpass */
#define VIEWER "Basic dmlld2VyOnJlYWRwYXNz" /* viewer:readpass */
#define WRONG  "Basic dmlld2VyOndyb25n"     /* viewer:wrong */

#define NEAR "192.0.2.7:1000"
#define FAR  "198.51.100.7:1000"

/* Who asks; what it points at is gone when main looks at it. */
static struct path_request *introduce(enum path_question question, const char *peer,
                                      const char *authorization)
{
    struct path_request *request = path_request_new(question);
    struct address       address;
    char                 header[256], nonce[] = TEST_NONCE;
    assert_int_equal(address_parse(peer, &address, NULL), 0);
    (void)snprintf(header, sizeof(header), "%s", authorization);
    path_request_introduce(request,
                           &(struct path_client){ .protocol = "rtsp",
                                                  .peer = &address,
                                                  .nonce = nonce,
                                                  .schemes = AUTH_SCHEME_BASIC | AUTH_SCHEME_DIGEST,
                                                  .authorization = span_from_string(header),
                                                  .method = BYTES("DESCRIBE"),
                                                  .url = BYTES("rtsp://h/cam") });
    memset(header, 0, sizeof(header));
    memset(nonce, 0, sizeof(nonce));
    memset(&address, 0, sizeof(address));
    return request;
}

static void who_asks_decides(void **state)
{
    static const struct {
        const char        *name;
        enum path_question question;
        const char        *path, *peer, *authorization;
        enum path_answer   answer;
        const char        *why;
    } cases[] = {
        { "publishes", PATH_ANNOUNCE, "cam", FAR, CAMERA, PATH_OK, "" },
        { "publishes elsewhere", PATH_ANNOUNCE, "live/1", FAR, CAMERA, PATH_OK, "" },
        { "not there", PATH_ANNOUNCE, "few", FAR, CAMERA, PATH_DENIED, "authentication failed" },
        { "a viewer", PATH_ANNOUNCE, "cam", NEAR, VIEWER, PATH_DENIED, "authentication failed" },
        { "nobody", PATH_ANNOUNCE, "cam", NEAR, "", PATH_ASK, "a user and a password are needed" },
        { "nonsense", PATH_ANNOUNCE, "cam", NEAR, "Basic !", PATH_ASK,
          "a user and a password are needed" },
        { "another scheme", PATH_ANNOUNCE, "cam", NEAR, "Bearer camera:pubpass", PATH_ASK,
          "a user and a password are needed" },
        { "looks", PATH_DESCRIBE, "cam", NEAR, VIEWER, PATH_NO_STREAM,
          "no stream is available on path 'cam'" },
        { "looks with the challenge's answer", PATH_DESCRIBE, "cam", NEAR,
          "Digest username=\"viewer\", realm=\"ipcam\", nonce=\"" TEST_NONCE
          "\", uri=\"rtsp://h/cam\", response=\"3cf071019392aea0c53769a5246187c0\"",
          PATH_NO_STREAM, "no stream is available on path 'cam'" },
        { "looks from far away", PATH_DESCRIBE, "cam", FAR, VIEWER, PATH_DENIED,
          "authentication failed" },
        { "a camera looks", PATH_DESCRIBE, "cam", NEAR, CAMERA, PATH_DENIED,
          "authentication failed" },
        { "reads", PATH_READ, "cam", NEAR, VIEWER, PATH_NO_STREAM,
          "no stream is available on path 'cam'" },
        { "a wrong password", PATH_READ, "cam", NEAR, WRONG, PATH_DENIED, "authentication failed" },
        { "anybody reads there", PATH_READ, "few", FAR, "", PATH_NO_STREAM,
          "no stream is available on path 'few'" },
        { "a name that can't be", PATH_READ, "..", FAR, "", PATH_ASK,
          "a user and a password are needed" },
        { "a name that can't be, asked by somebody", PATH_READ, "a b", NEAR, VIEWER, PATH_REFUSED,
          "invalid path name: can contain only alphanumeric characters, underscore, dot, minus, "
          "slash (a b)" },
    };
    struct test_paths stage;
    test_paths_open_with(&stage, USERS);
    struct test_asker *asker = test_asker_open(&stage, TEST_WORKER);
    for (size_t i = 0; i < COUNT(cases); i++) {
        test_asker_send(asker, introduce(cases[i].question, cases[i].peer, cases[i].authorization),
                        cases[i].path);
        CHECK(!asker->answer == (cases[i].answer == PATH_DENIED), cases[i].name);
        test_paths_wait(&stage, AUTH_MAX_PAUSE_NS + NS_PER_MS);
        CHECK(asker->answer && asker->answer->answer == cases[i].answer, cases[i].name);
        CHECK(strcmp(asker->answer->why.text, cases[i].why) == 0, asker->answer->why.text);
        test_asker_release(asker);
    }
    test_asker_close(asker);
    test_paths_close(&stage);
}

static void who_does_not_say_who_he_is_is_nobody(void **state)
{
    static const struct {
        const char        *name;
        enum path_question question;
        bool               is_checked, is_source;
        enum path_answer   answer;
        const char        *why;
    } cases[] = {
        { "to read", PATH_READ, false, false, PATH_DENIED, "authentication failed" },
        { "to publish", PATH_PUBLISH, false, false, PATH_DENIED, "authentication failed" },
        { "who was checked", PATH_PUBLISH, true, false, PATH_OK, "" },
        { "a source of the server's own", PATH_PUBLISH, false, true, PATH_REFUSED,
          "can't publish to path 'cam' since 'source' is not 'publisher'" },
    };
    struct test_paths stage;
    test_paths_open_with(&stage, USERS);
    struct test_asker *asker = test_asker_open(&stage, TEST_WORKER);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct path_request *request = path_request_new(cases[i].question);
        request->is_checked = cases[i].is_checked;
        request->is_source = cases[i].is_source;
        test_asker_send(asker, request, "cam");
        test_paths_wait(&stage, AUTH_MAX_PAUSE_NS + NS_PER_MS);
        CHECK(asker->answer && asker->answer->answer == cases[i].answer, cases[i].name);
        CHECK(strcmp(asker->answer->why.text, cases[i].why) == 0, cases[i].name);
        test_asker_release(asker);
    }
    test_asker_close(asker);
    test_paths_close(&stage);
}

/* A name of an expression becomes a path; one that nobody may ask for must not. */
static void nothing_is_made_for_who_is_not_let_in(void **state)
{
    struct test_paths stage;
    test_paths_open_with(&stage, USERS);
    struct test_asker *asker = test_asker_open(&stage, TEST_WORKER);
    size_t             before = map_count(stage.registry->paths);
    test_asker_send(asker, introduce(PATH_READ, NEAR, WRONG), "live/1");
    assert_null(asker->answer);
    assert_int_equal(map_count(stage.registry->paths), before);
    path_registry_close(stage.registry);
    test_paths_settle(&stage);
    test_asker_check(asker, PATH_REFUSED, "terminated");
    test_asker_close(asker);
    test_paths_close(&stage);
}

TESTS(who_asks_decides, who_does_not_say_who_he_is_is_nobody, nothing_is_made_for_who_is_not_let_in)
