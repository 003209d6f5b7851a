#include "path/path.h"

#include "path/test_path.h"

static void readers_find_who_publishes(void **state)
{
    struct test_paths stage;
    uint64_t          stream;
    test_paths_open(&stage);
    struct test_asker *publisher = test_asker_open(&stage, TEST_OTHER),
                      *reader = test_asker_open(&stage, TEST_WORKER);
    test_asker_ask(publisher, PATH_ANNOUNCE, "cam");
    test_asker_check(publisher, PATH_OK, "");
    test_asker_release(publisher);
    test_asker_ask(reader, PATH_DESCRIBE, "cam");
    test_asker_check(reader, PATH_NO_STREAM, "no stream is available on path 'cam'");
    test_asker_release(reader);
    test_asker_ask(publisher, PATH_PUBLISH, "cam");
    test_asker_check(publisher, PATH_OK, "");
    stream = publisher->answer->stream;
    assert_true(stream > 0);
    for (unsigned i = 0; i < 2; i++) {
        test_asker_ask(reader, i ? PATH_READ : PATH_DESCRIBE, "cam");
        test_asker_check(reader, PATH_OK, "");
        assert_true(reader->answer->stream == stream);
        assert_int_equal(reader->answer->owner, TEST_OTHER);
        assert_int_equal(reader->answer->home, TEST_OTHER);
        assert_ptr_equal(reader->answer->counters, publisher->answer->counters);
        test_asker_release(reader);
    }
    test_asker_release(publisher);
    test_asker_ask(reader, PATH_READ, "cam");
    test_asker_check(reader, PATH_NO_STREAM, "no stream is available on path 'cam'");
    test_asker_ask(publisher, PATH_PUBLISH, "cam");
    assert_true(publisher->answer->stream > stream);
    test_asker_close(reader);
    test_asker_close(publisher);
    test_paths_close(&stage);
}

static void paths_do_not_meddle(void **state)
{
    struct test_paths stage;
    test_paths_open(&stage);
    struct test_asker *first = test_asker_open(&stage, TEST_WORKER),
                      *second = test_asker_open(&stage, TEST_WORKER);
    test_asker_ask(first, PATH_PUBLISH, "cam");
    test_asker_ask(second, PATH_PUBLISH, "few");
    test_asker_check(first, PATH_OK, "");
    test_asker_check(second, PATH_OK, "");
    assert_true(first->answer->stream != second->answer->stream);
    assert_ptr_not_equal(first->answer->counters, second->answer->counters);
    assert_int_equal(first->kicks + second->kicks, 0);
    test_asker_close(first);
    test_asker_close(second);
    test_paths_close(&stage);
}

static void the_last_publisher_wins(void **state)
{
    struct test_paths stage;
    test_paths_open(&stage);
    struct test_asker *first = test_asker_open(&stage, TEST_WORKER),
                      *second = test_asker_open(&stage, TEST_OTHER);
    struct test_asker *reader = test_asker_open(&stage, TEST_WORKER);
    test_asker_ask(first, PATH_PUBLISH, "cam");
    uint64_t stream = first->answer->stream;
    test_asker_ask(second, PATH_PUBLISH, "cam");
    test_asker_check_kicked(first, "closed by another publisher");
    assert_null(second->answer);
    test_asker_ask(reader, PATH_READ, "cam"); /* between the two it waits for the next one */
    assert_null(reader->answer);
    test_asker_release(first);
    test_asker_check(second, PATH_OK, "");
    assert_true(second->answer->stream > stream);
    assert_int_equal(second->kicks, 0);
    test_asker_check(reader, PATH_OK, "");
    assert_int_equal(reader->answer->owner, TEST_OTHER);
    test_asker_close(first);
    test_asker_close(second);
    test_asker_close(reader);
    test_paths_close(&stage);
}

static void publishers_that_come_at_once_follow_each_other(void **state)
{
    struct test_paths  stage;
    struct test_asker *askers[4];
    test_paths_open(&stage);
    for (size_t i = 0; i < COUNT(askers); i++) {
        askers[i] = test_asker_open(&stage, TEST_WORKER);
        test_asker_ask(askers[i], PATH_PUBLISH, "cam");
    }
    for (size_t i = 0; i < COUNT(askers) - 1; i++) {
        test_asker_check(askers[i], PATH_OK, "");
        test_asker_check_kicked(askers[i], "closed by another publisher");
        assert_null(askers[i + 1]->answer);
        test_asker_close(askers[i]);
    }
    test_asker_check(askers[COUNT(askers) - 1], PATH_OK, "");
    assert_int_equal(askers[COUNT(askers) - 1]->kicks, 0);
    test_asker_close(askers[COUNT(askers) - 1]);
    test_paths_close(&stage);
}

static void the_first_publisher_may_be_kept(void **state)
{
    struct test_paths stage;
    test_paths_open(&stage);
    struct test_asker *first = test_asker_open(&stage, TEST_WORKER),
                      *second = test_asker_open(&stage, TEST_WORKER);
    test_asker_ask(first, PATH_PUBLISH, "strict");
    test_asker_ask(second, PATH_PUBLISH, "strict");
    test_asker_check(second, PATH_REFUSED, "someone is already publishing to path 'strict'");
    assert_int_equal(first->kicks, 0);
    test_asker_release(second);
    test_asker_release(first);
    test_asker_ask(second, PATH_PUBLISH, "strict");
    test_asker_check(second, PATH_OK, "");
    test_asker_close(first);
    test_asker_close(second);
    test_paths_close(&stage);
}

static void readers_may_be_counted(void **state)
{
    struct test_paths  stage;
    struct test_asker *readers[3];
    test_paths_open(&stage);
    struct test_asker *publisher = test_asker_open(&stage, TEST_WORKER);
    test_asker_ask(publisher, PATH_PUBLISH, "few");
    for (size_t i = 0; i < COUNT(readers); i++) {
        readers[i] = test_asker_open(&stage, TEST_OTHER);
        test_asker_ask(readers[i], PATH_READ, "few");
    }
    test_asker_check(readers[1], PATH_OK, "");
    test_asker_check(readers[2], PATH_REFUSED, "maximum reader count reached");
    test_asker_release(readers[2]);
    test_asker_ask(readers[2], PATH_DESCRIBE, "few");
    test_asker_check(readers[2], PATH_OK, "");
    test_asker_release(readers[2]);
    test_asker_release(readers[0]);
    test_asker_ask(readers[2], PATH_READ, "few");
    test_asker_check(readers[2], PATH_OK, "");
    for (size_t i = 0; i < COUNT(readers); i++)
        test_asker_close(readers[i]);
    test_asker_close(publisher);
    test_paths_close(&stage);
}

static void a_grant_moves_with_its_session(void **state)
{
    struct test_paths stage;
    test_paths_open(&stage);
    struct test_asker *publisher = test_asker_open(&stage, TEST_WORKER),
                      *other = test_asker_open(&stage, TEST_OTHER);
    struct test_asker *moved = test_asker_open(&stage, TEST_OTHER);
    test_asker_ask(publisher, PATH_PUBLISH, "cam");
    path_move(stage.registry, publisher->answer->grant, moved->loop, moved->session);
    test_asker_ask(other, PATH_DESCRIBE, "cam");
    assert_int_equal(other->answer->owner, TEST_OTHER);
    test_asker_release(other);
    test_asker_ask(other, PATH_PUBLISH, "cam");
    assert_int_equal(publisher->kicks, 0);
    test_asker_check_kicked(moved, "closed by another publisher");
    test_asker_close(publisher);
    test_asker_check(other, PATH_OK, "");
    test_asker_close(moved);
    test_asker_close(other);
    test_paths_close(&stage);
}

/* Names */

static void an_expression_makes_paths_on_use(void **state)
{
    struct test_paths stage;
    test_paths_open(&stage);
    size_t             plain = map_count(stage.registry->paths);
    struct test_asker *publisher = test_asker_open(&stage, TEST_WORKER),
                      *reader = test_asker_open(&stage, TEST_WORKER);
    struct test_asker *second = test_asker_open(&stage, TEST_WORKER);
    assert_int_equal(plain, 5);
    test_asker_ask(reader, PATH_READ, "live/a");
    test_asker_check(reader, PATH_NO_STREAM, "no stream is available on path 'live/a'");
    assert_int_equal(map_count(stage.registry->paths), plain);
    test_asker_release(reader);
    test_asker_ask(reader, PATH_READ, "cam"); /* a plain name stays */
    assert_int_equal(map_count(stage.registry->paths), plain);
    test_asker_release(reader);
    test_asker_ask(publisher, PATH_ANNOUNCE, "live/a");
    assert_int_equal(map_count(stage.registry->paths), plain);
    test_asker_release(publisher);
    test_asker_ask(publisher, PATH_PUBLISH, "live/a");
    test_asker_ask(second, PATH_PUBLISH, "live/b");
    test_asker_ask(reader, PATH_READ, "live/a");
    test_asker_check(reader, PATH_OK, "");
    assert_int_equal(map_count(stage.registry->paths), plain + 2);
    test_asker_release(second);
    assert_int_equal(map_count(stage.registry->paths), plain + 1);
    test_asker_release(publisher);
    assert_int_equal(map_count(stage.registry->paths), plain + 1);
    test_asker_release(reader);
    assert_int_equal(map_count(stage.registry->paths), plain);
    test_asker_close(publisher);
    test_asker_close(second);
    test_asker_close(reader);
    test_paths_close(&stage);
}

static void not_every_name_is_a_path(void **state)
{
    static const struct {
        const char      *name;
        enum path_answer want;
        const char      *why; /* its front */
    } cases[] = {
        { "unheard-of", PATH_REFUSED, "path 'unheard-of' is not configured" },
        { "", PATH_REFUSED, "invalid path name: " },
        { "/cam", PATH_REFUSED, "invalid path name: " },
        { "cam/", PATH_REFUSED, "invalid path name: " },
        { "live/a b", PATH_REFUSED, "invalid path name: " },
        { "Cam", PATH_REFUSED, "path 'Cam' is not configured" },
        { "~^live/", PATH_REFUSED, "" },
    };
    struct test_paths stage;
    test_paths_open(&stage);
    struct test_asker *asker = test_asker_open(&stage, TEST_WORKER);
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (unsigned question = PATH_DESCRIBE; question <= PATH_PUBLISH; question++) {
            test_asker_ask(asker, question, cases[i].name);
            CHECK(asker->answer && asker->answer->answer == cases[i].want, cases[i].name);
            CHECK(strncmp(asker->answer->why.text, cases[i].why, strlen(cases[i].why)) == 0,
                  cases[i].name);
            test_asker_release(asker);
        }
    }
    test_asker_close(asker);
    test_paths_close(&stage);
}

static void a_redirect_is_told_to_who_asks_first(void **state)
{
    struct test_paths stage;
    test_paths_open(&stage);
    struct test_asker *asker = test_asker_open(&stage, TEST_WORKER);
    test_asker_ask(asker, PATH_DESCRIBE, "elsewhere");
    test_asker_check(asker, PATH_REDIRECT, "");
    assert_string_equal(asker->answer->redirect, "rtsp://other/cam");
    test_asker_release(asker);
    test_asker_ask(asker, PATH_READ, "elsewhere");
    test_asker_check(asker, PATH_NO_STREAM, "no stream is available on path 'elsewhere'");
    test_asker_release(asker);
    test_asker_ask(asker, PATH_PUBLISH, "elsewhere");
    test_asker_check(asker, PATH_REFUSED,
                     "can't publish to path 'elsewhere' since 'source' is not 'publisher'");
    test_asker_close(asker);
    test_paths_close(&stage);
}

/* The end */

static void whoever_waits_is_refused_at_the_end(void **state)
{
    struct test_paths stage;
    test_paths_open(&stage);
    struct test_asker *reader = test_asker_open(&stage, TEST_WORKER),
                      *late = test_asker_open(&stage, TEST_OTHER);
    struct test_asker *first = test_asker_open(&stage, TEST_WORKER),
                      *second = test_asker_open(&stage, TEST_OTHER);
    test_asker_ask(reader, PATH_READ, "clip");
    test_asker_ask(first, PATH_PUBLISH, "cam");
    test_asker_ask(second, PATH_PUBLISH, "cam");
    path_registry_close(stage.registry);
    test_paths_settle(&stage);
    test_asker_check(reader, PATH_REFUSED, "path 'clip' is closing");
    test_asker_check(second, PATH_REFUSED, "terminated");
    for (unsigned question = PATH_DESCRIBE; question <= PATH_PUBLISH; question++) {
        test_asker_ask(late, question, "cam");
        test_asker_check(late, PATH_REFUSED, "terminated");
        test_asker_release(late);
    }
    test_asker_close(first);
    test_paths_wait(&stage, 100 * NS_PER_S);
    assert_int_equal(stage.starts, 1);
    test_asker_close(second);
    test_asker_close(reader);
    test_asker_close(late);
    test_paths_close(&stage);
}

TESTS(readers_find_who_publishes, paths_do_not_meddle, the_last_publisher_wins,
      publishers_that_come_at_once_follow_each_other, the_first_publisher_may_be_kept,
      readers_may_be_counted, a_grant_moves_with_its_session, an_expression_makes_paths_on_use,
      not_every_name_is_a_path, a_redirect_is_told_to_who_asks_first,
      whoever_waits_is_refused_at_the_end)
