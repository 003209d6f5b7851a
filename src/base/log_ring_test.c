#include "base/log_ring.h"

#include "base/test.h"

#define SECONDS(n) ((n)*NS_PER_S)

static struct log_ring ring;

static void put(const char *line, int64_t now_ns)
{
    log_ring_put(&ring, span_from_string(line), 1, now_ns);
}

static void only_what_was_said_is_counted(void **state)
{
    static const struct {
        const char *name;
        struct span body;
        int64_t     after_ns;
        bool        want;
    } cases[] = {
        { "the same", BYTES("one"), 0, true },
        { "the other", BYTES("two"), 0, true },
        { "never said", BYTES("three"), 0, false },
        { "a beginning", BYTES("on"), 0, false },
        { "more than it", BYTES("one!"), 0, false },
        { "empty", BYTES(""), 0, false },
        { "with what is not compared", BYTES("1one"), 0, false },
        { "just in time", BYTES("one"), LOG_RING_WINDOW_NS - 1, true },
        { "too late", BYTES("one"), LOG_RING_WINDOW_NS, false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        ring = (struct log_ring){ 0 };
        put("1one", SECONDS(5));
        put("2two", SECONDS(5));
        CHECK(log_ring_count(&ring, cases[i].body, SECONDS(5) + cases[i].after_ns) == cases[i].want,
              cases[i].name);
    }
}

static void repeats_are_due_after_the_window(void **state)
{
    struct log_repeat repeat;
    ring = (struct log_ring){ 0 };
    put(" a", SECONDS(100));
    put(" b", SECONDS(100));
    assert_true(log_ring_count(&ring, BYTES("a"), SECONDS(101)));
    assert_true(log_ring_count(&ring, BYTES("a"), SECONDS(102)));

    assert_false(log_ring_take_due(&ring, SECONDS(110) - 1, LOG_RING_WINDOW_NS, &repeat));
    assert_true(log_ring_take_due(&ring, SECONDS(110), LOG_RING_WINDOW_NS, &repeat));
    assert_true(span_is(repeat.body, "a"));
    assert_int_equal(repeat.times, 2);
    assert_false(log_ring_take_due(&ring, SECONDS(110), 0, &repeat));
}

static void a_report_opens_the_next_window(void **state)
{
    struct log_repeat repeat;
    ring = (struct log_ring){ 0 };
    put(" a", SECONDS(0));
    assert_true(log_ring_count(&ring, BYTES("a"), SECONDS(9)));
    assert_true(log_ring_take_due(&ring, SECONDS(10), LOG_RING_WINDOW_NS, &repeat));

    assert_true(log_ring_count(&ring, BYTES("a"), SECONDS(19)));
    assert_false(log_ring_take_due(&ring, SECONDS(19), LOG_RING_WINDOW_NS, &repeat));
    assert_true(log_ring_take_due(&ring, SECONDS(20), LOG_RING_WINDOW_NS, &repeat));
    assert_int_equal(repeat.times, 1);
    /* Silence for a window: the next one is a line again. */
    assert_false(log_ring_count(&ring, BYTES("a"), SECONDS(30)));
}

static void the_oldest_gives_its_repeats_before_it_goes(void **state)
{
    struct log_repeat repeat;
    ring = (struct log_ring){ 0 };
    put(" first", 0);
    for (unsigned i = 1; i < LOG_RING_LINES; i++) {
        assert_false(log_ring_take_oldest(&ring, &repeat));
        put(" other", 0);
    }
    assert_true(log_ring_count(&ring, BYTES("first"), 1));
    assert_true(log_ring_take_oldest(&ring, &repeat));
    assert_true(span_is(repeat.body, "first"));
    assert_int_equal(repeat.times, 1);
    assert_false(log_ring_take_oldest(&ring, &repeat));
    put(" next", 1);
    assert_false(log_ring_count(&ring, BYTES("first"), 1));
}

static char visited[256];

static void on_line(const char *line, size_t len)
{
    size_t used = strlen(visited);
    (void)snprintf(visited + used, sizeof(visited) - used, "%.*s,", (int)len, line);
}

static void lines_are_visited_from_oldest_to_newest(void **state)
{
    ring = (struct log_ring){ 0 };
    visited[0] = '\0';
    log_ring_visit(&ring, on_line);
    assert_string_equal(visited, "");
    put(" 1", 0);
    put(" 2", 0);
    log_ring_visit(&ring, on_line);
    assert_string_equal(visited, " 1, 2,");

    for (unsigned i = 3; i <= LOG_RING_LINES + 2; i++) {
        char line[8];
        (void)snprintf(line, sizeof(line), " %u", i);
        put(line, 0);
    }
    visited[0] = '\0';
    log_ring_visit(&ring, on_line);
    assert_string_equal(visited, " 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18,");
}

TESTS(only_what_was_said_is_counted, repeats_are_due_after_the_window,
      a_report_opens_the_next_window, the_oldest_gives_its_repeats_before_it_goes,
      lines_are_visited_from_oldest_to_newest)
