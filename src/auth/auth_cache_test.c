#include "auth/auth_cache.h"

#include "base/test.h"

static const struct auth_selection second = { 1, { 2 } };

static void what_was_right_is_known_for_a_while(void **state)
{
    static struct auth_cache cache;
    auth_cache_reset(&cache);
    struct auth_mark mark = auth_cache_mark(&cache, BYTES("user"), BYTES("pass"));
    assert_false(auth_cache_has(&cache, &mark, &second, 1));
    auth_cache_put(&cache, &mark, 2, 1);
    assert_true(auth_cache_has(&cache, &mark, &second, 1));
    assert_true(auth_cache_has(&cache, &mark, &second, AUTH_CACHE_NS));
    assert_false(auth_cache_has(&cache, &mark, &second, 1 + AUTH_CACHE_NS));
}

static void it_is_right_for_that_alone(void **state)
{
    static struct auth_cache           cache, other;
    static const struct auth_selection entries = { 2, { 1, 3 } }, none = { 0, { 0 } };
    auth_cache_reset(&cache);
    auth_cache_reset(&other);
    struct auth_mark mark = auth_cache_mark(&cache, BYTES("ab"), BYTES("c"));
    auth_cache_put(&cache, &mark, 2, 1);
    auth_cache_put(&other, &mark, 2, 1);
    assert_true(auth_cache_has(&cache, &mark, &second, 1));
    assert_false(auth_cache_has(&cache, &mark, &entries, 1));
    assert_false(auth_cache_has(&cache, &mark, &none, 1));
    mark = auth_cache_mark(&cache, BYTES("a"), BYTES("bc"));
    assert_false(auth_cache_has(&cache, &mark, &second, 1));
    mark = auth_cache_mark(&other, BYTES("ab"), BYTES("c"));
    assert_false(auth_cache_has(&other, &mark, &second, 1));
    auth_cache_reset(&cache);
    mark = auth_cache_mark(&cache, BYTES("ab"), BYTES("c"));
    assert_false(auth_cache_has(&cache, &mark, &second, 1));
}

static void the_oldest_gives_way(void **state)
{
    static struct auth_cache cache;
    struct auth_mark         marks[AUTH_CACHE_SLOTS + 1];
    auth_cache_reset(&cache);
    for (uint8_t i = 0; i < COUNT(marks); i++) {
        marks[i] = auth_cache_mark(&cache, (struct span){ &i, 1 }, BYTES(""));
        auth_cache_put(&cache, &marks[i], 2, i);
    }
    assert_false(auth_cache_has(&cache, &marks[0], &second, 1));
    for (size_t i = 1; i < COUNT(marks); i++)
        assert_true(auth_cache_has(&cache, &marks[i], &second, 1));
}

TESTS(what_was_right_is_known_for_a_while, it_is_right_for_that_alone, the_oldest_gives_way)
