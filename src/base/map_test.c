#include "base/map.h"

#include "base/mem.h"
#include "base/test.h"

enum { MANY = 5000 };

static struct span name_of(unsigned i, char text[16])
{
    (void)snprintf(text, 16, "path-%u", i);
    return span_from_string(text);
}

static void values_are_found_replaced_and_removed(void **state)
{
    AUTO(map_destroy) struct map *map = map_create();
    int                           one, two;
    assert_null(map_get(map, BYTES("a")));
    assert_null(map_put(map, BYTES("a"), &one));
    assert_ptr_equal(map_get(map, BYTES("a")), &one);
    assert_ptr_equal(map_put(map, BYTES("a"), &two), &one);
    assert_int_equal(map_count(map), 1);
    assert_ptr_equal(map_remove(map, BYTES("a")), &two);
    assert_null(map_remove(map, BYTES("a")));
    assert_null(map_get(map, BYTES("a")));
    assert_int_equal(map_count(map), 0);
}

/* Lengths around the hash's words of eight bytes, and names that differ only behind a NUL. */
static void keys_are_any_bytes(void **state)
{
    static const struct span keys[] = {
        BYTES(""),
        BYTES("\0"),
        BYTES("\0\0"),
        BYTES("a"),
        BYTES("a\0b"),
        BYTES("a\0c"),
        BYTES("1234567"),
        BYTES("12345678"),
        BYTES("123456789"),
        BYTES("12345678\0"),
        BYTES("1234567812345678"),
    };
    AUTO(map_destroy) struct map *map = map_create();
    for (size_t i = 0; i < COUNT(keys); i++)
        assert_null(map_put(map, keys[i], (void *)&keys[i]));
    for (size_t i = 0; i < COUNT(keys); i++)
        assert_ptr_equal(map_get(map, keys[i]), &keys[i]);
    assert_null(map_get(map, BYTES("A")));
}

static void keys_are_copied(void **state)
{
    AUTO(map_destroy) struct map *map = map_create();
    char                          key[] = "camera";
    assert_null(map_put(map, span_from_string(key), map));
    key[0] = 'X';
    assert_ptr_equal(map_get(map, BYTES("camera")), map);
    assert_null(map_get(map, BYTES("Xamera")));
}

static void it_grows(void **state)
{
    AUTO(map_destroy) struct map *map = map_create();
    static int                    values[MANY];
    char                          text[16];
    for (unsigned i = 0; i < MANY; i++)
        assert_null(map_put(map, name_of(i, text), &values[i]));
    assert_int_equal(map_count(map), MANY);
    for (unsigned i = 0; i < MANY; i++)
        assert_ptr_equal(map_get(map, name_of(i, text)), &values[i]);
    for (unsigned i = 0; i < MANY; i += 2)
        assert_ptr_equal(map_remove(map, name_of(i, text)), &values[i]);
    assert_int_equal(map_count(map), MANY / 2);
    for (unsigned i = 0; i < MANY; i++)
        assert_ptr_equal(map_get(map, name_of(i, text)), i % 2 ? &values[i] : NULL);
}

struct visit {
    struct map *map;
    bool        removes_odd;
    unsigned    seen;
};

static void on_visit(void *arg, struct span key, void *value)
{
    struct visit *visit = arg;
    unsigned     *times = value;
    visit->seen++;
    (*times)++;
    if (visit->removes_odd && (key.p[key.len - 1] - '0') % 2)
        assert_ptr_equal(map_remove(visit->map, key), value);
}

static void a_visit_meets_each_once_and_may_remove_it(void **state)
{
    AUTO(map_destroy) struct map *map = map_create();
    static unsigned               times[100];
    char                          text[16];
    for (unsigned i = 0; i < COUNT(times); i++)
        (void)map_put(map, name_of(i, text), &times[i]);
    struct visit first = { .map = map, .removes_odd = true };
    map_visit(map, on_visit, &first);
    assert_int_equal(first.seen, 100);
    struct visit second = { .map = map };
    map_visit(map, on_visit, &second);
    assert_int_equal(second.seen, 50);
    for (unsigned i = 0; i < COUNT(times); i++)
        assert_int_equal(times[i], i % 2 ? 1 : 2);
}

TESTS(values_are_found_replaced_and_removed, keys_are_any_bytes, keys_are_copied, it_grows,
      a_visit_meets_each_once_and_may_remove_it)
