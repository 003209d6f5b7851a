/* Sources of the server's own: they start when somebody needs them, and end when nobody does. */
#include "path/test_path.h"

static void a_source_starts_when_it_is_needed(void **state)
{
    struct test_paths stage;
    test_paths_open(&stage);
    struct test_asker *source = test_asker_open(&stage, TEST_OTHER),
                      *publisher = test_asker_open(&stage, TEST_WORKER);
    struct test_asker *first = test_asker_open(&stage, TEST_WORKER),
                      *second = test_asker_open(&stage, TEST_WORKER);
    test_asker_ask_as(source, PATH_PUBLISH, "clip", true);
    test_asker_check(source, PATH_REFUSED,
                     "can't publish to path 'clip' since 'source' is not 'publisher'");
    test_asker_release(source);
    assert_int_equal(stage.starts, 0);
    test_asker_ask(first, PATH_READ, "clip");
    test_asker_ask(second, PATH_DESCRIBE, "clip");
    assert_int_equal(stage.starts, 1);
    assert_null(first->answer);
    assert_null(second->answer);
    test_asker_ask(publisher, PATH_PUBLISH, "clip");
    test_asker_check(publisher, PATH_REFUSED,
                     "can't publish to path 'clip' since 'source' is not 'publisher'");
    test_asker_ask_as(source, PATH_PUBLISH, "clip", true);
    test_asker_check(source, PATH_OK, "");
    test_asker_check(first, PATH_OK, "");
    test_asker_check(second, PATH_OK, "");
    assert_true(first->answer->stream == source->answer->stream);
    assert_int_equal(first->answer->owner, TEST_OTHER);
    test_paths_wait(&stage, 100 * NS_PER_S); /* no timeout is left over */
    assert_int_equal(source->kicks, 0);
    test_asker_close(first);
    test_asker_close(second);
    test_asker_close(publisher);
    test_asker_close(source);
    test_paths_close(&stage);
}

static void a_source_ends_when_nobody_needs_it(void **state)
{
    struct test_paths stage;
    test_paths_open(&stage);
    struct test_asker *source = test_asker_open(&stage, TEST_OTHER),
                      *reader = test_asker_open(&stage, TEST_WORKER);
    test_asker_ask(reader, PATH_READ, "clip");
    test_asker_ask_as(source, PATH_PUBLISH, "clip", true);
    test_asker_release(reader);
    test_paths_wait(&stage, 2 * NS_PER_S);
    test_asker_ask(reader, PATH_READ, "clip"); /* just in time */
    test_asker_check(reader, PATH_OK, "");
    test_paths_wait(&stage, 10 * NS_PER_S);
    assert_int_equal(source->kicks, 0);
    test_asker_release(reader);
    test_paths_wait(&stage, 2 * NS_PER_S);
    test_asker_ask(reader, PATH_DESCRIBE, "clip"); /* counts anew from here */
    test_asker_release(reader);
    test_paths_wait(&stage, 3 * NS_PER_S - NS_PER_MS);
    assert_int_equal(source->kicks, 0);
    test_paths_wait(&stage, NS_PER_MS);
    test_asker_check_kicked(source, "not needed by anyone");
    test_asker_close(source);
    test_paths_wait(&stage, 10 * NS_PER_S);
    assert_int_equal(stage.starts, 1);
    test_asker_close(reader);
    test_paths_close(&stage);
}

static void who_only_asked_keeps_a_source_for_a_while(void **state)
{
    struct test_paths stage;
    test_paths_open(&stage);
    struct test_asker *source = test_asker_open(&stage, TEST_OTHER),
                      *asker = test_asker_open(&stage, TEST_WORKER);
    test_asker_ask(asker, PATH_DESCRIBE, "clip");
    test_paths_wait(&stage, NS_PER_S);
    test_asker_ask_as(source, PATH_PUBLISH, "clip", true);
    test_asker_check(asker, PATH_OK, "");
    test_paths_wait(&stage, 3 * NS_PER_S - NS_PER_MS);
    assert_int_equal(source->kicks, 0);
    test_paths_wait(&stage, NS_PER_MS);
    test_asker_check_kicked(source, "not needed by anyone");
    test_asker_close(asker);
    test_asker_close(source);
    test_paths_close(&stage);
}

static void a_source_starts_again_for_who_came_as_it_ended(void **state)
{
    struct test_paths stage;
    test_paths_open(&stage);
    struct test_asker *source = test_asker_open(&stage, TEST_OTHER),
                      *reader = test_asker_open(&stage, TEST_WORKER);
    test_asker_ask(reader, PATH_DESCRIBE, "clip");
    test_asker_ask_as(source, PATH_PUBLISH, "clip", true);
    test_asker_release(reader);
    test_paths_wait(&stage, 3 * NS_PER_S);
    test_asker_check_kicked(source, "not needed by anyone");
    test_asker_ask(reader, PATH_READ, "clip");
    assert_null(reader->answer);
    assert_int_equal(stage.starts, 1);
    test_asker_release(source);
    assert_int_equal(stage.starts, 2);
    test_asker_ask_as(source, PATH_PUBLISH, "clip", true);
    test_asker_check(reader, PATH_OK, "");
    test_asker_release(source); /* by itself: its reader hears of the end from the stream */
    assert_int_equal(stage.starts, 2);
    test_asker_close(reader);
    test_asker_close(source);
    test_paths_close(&stage);
}

static void a_source_may_not_start_in_time(void **state)
{
    struct test_paths stage;
    test_paths_open(&stage);
    struct test_asker *source = test_asker_open(&stage, TEST_OTHER),
                      *reader = test_asker_open(&stage, TEST_WORKER);
    test_asker_ask(reader, PATH_READ, "clip");
    test_paths_wait(&stage, 2 * NS_PER_S - NS_PER_MS);
    assert_null(reader->answer);
    test_paths_wait(&stage, NS_PER_MS);
    test_asker_check(reader, PATH_REFUSED, "source of path 'clip' has timed out");
    test_asker_release(reader);
    test_asker_ask_as(source, PATH_PUBLISH, "clip", true); /* too late */
    test_asker_check(source, PATH_REFUSED,
                     "can't publish to path 'clip' since 'source' is not 'publisher'");
    test_asker_release(source);
    test_asker_ask(reader, PATH_READ, "clip");
    assert_int_equal(stage.starts, 2);
    test_asker_ask_as(source, PATH_PUBLISH, "clip", true);
    test_asker_check(reader, PATH_OK, "");
    test_asker_close(reader);
    test_asker_close(source);
    test_paths_close(&stage);
}

static void readers_of_the_old_stream_do_not_disturb_the_next_start(void **state)
{
    struct test_paths stage;
    test_paths_open(&stage);
    struct test_asker *source = test_asker_open(&stage, TEST_OTHER);
    struct test_asker *old = test_asker_open(&stage, TEST_WORKER);
    struct test_asker *new = test_asker_open(&stage, TEST_WORKER);
    test_asker_ask(old, PATH_READ, "clip");
    test_asker_ask_as(source, PATH_PUBLISH, "clip", true);
    test_asker_release(source);
    test_asker_ask(new, PATH_READ, "clip");
    assert_int_equal(stage.starts, 2);
    test_paths_wait(&stage, NS_PER_S);
    test_asker_release(old);
    test_paths_wait(&stage, NS_PER_S);
    test_asker_check(new, PATH_REFUSED, "source of path 'clip' has timed out");
    test_asker_close(old);
    test_asker_close(new);
    test_asker_close(source);
    test_paths_close(&stage);
}

static void no_source_starts_at_the_end(void **state)
{
    struct test_paths stage;
    test_paths_open(&stage);
    struct test_asker *source = test_asker_open(&stage, TEST_OTHER),
                      *reader = test_asker_open(&stage, TEST_WORKER);
    test_asker_ask(reader, PATH_READ, "clip");
    test_asker_ask_as(source, PATH_PUBLISH, "clip", true);
    test_asker_release(reader);
    test_paths_wait(&stage, 3 * NS_PER_S);
    test_asker_check_kicked(source, "not needed by anyone");
    test_asker_ask(reader, PATH_READ, "clip");
    path_registry_close(stage.registry);
    test_asker_release(source);
    test_asker_check(reader, PATH_REFUSED, "path 'clip' is closing");
    assert_int_equal(stage.starts, 1);
    test_asker_close(source);
    test_asker_close(reader);
    test_paths_close(&stage);
}

TESTS(a_source_starts_when_it_is_needed, a_source_ends_when_nobody_needs_it,
      who_only_asked_keeps_a_source_for_a_while, a_source_starts_again_for_who_came_as_it_ended,
      a_source_may_not_start_in_time, readers_of_the_old_stream_do_not_disturb_the_next_start,
      no_source_starts_at_the_end)
