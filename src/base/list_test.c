#include "base/list.h"

#include "base/test.h"

struct item {
    int              value;
    struct list_node in_list;
};

/* The values in order as decimal digits: 1, 2, 3 gives 123. */
static int digits(struct list *list)
{
    int digits = 0;
    LIST_FOREACH (struct item, item, list, in_list)
        digits = digits * 10 + item->value;
    return digits;
}

static void fill(struct list *list, struct item *items, int count)
{
    list_init(list);
    for (int i = 0; i < count; i++) {
        items[i] = (struct item){ .value = i + 1 };
        list_append(list, &items[i].in_list);
    }
}

static void an_empty_list(void **state)
{
    struct list list;
    list_init(&list);
    assert_true(list_is_empty(&list));
    assert_int_equal(list_count(&list), 0);
    assert_null(list_take_first(&list));
    assert_null(LIST_FIRST(&list, struct item, in_list));
    assert_int_equal(digits(&list), 0);
    LIST_FOREACH_SAFE (struct item, item, &list, in_list)
        fail();
}

static void items_keep_their_order(void **state)
{
    struct list list;
    struct item items[4];
    fill(&list, items, 4);
    assert_int_equal(digits(&list), 1234);
    assert_int_equal(list_count(&list), 4);
    assert_ptr_equal(LIST_FIRST(&list, struct item, in_list), &items[0]);
    assert_ptr_equal(LIST_ITEM(list_take_first(&list), struct item, in_list), &items[0]);
    assert_int_equal(digits(&list), 234);
    list_append(&list, &items[0].in_list);
    assert_int_equal(digits(&list), 2341);
}

static void items_leave_from_anywhere(void **state)
{
    static const struct {
        const char *name;
        int         index, want;
    } cases[] = {
        { "first", 0, 234 },
        { "middle", 1, 134 },
        { "last", 3, 123 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct list list;
        struct item items[4];
        fill(&list, items, 4);
        struct list_node *node = &items[cases[i].index].in_list;
        CHECK(list_contains_node(node), cases[i].name);
        list_remove(node);
        CHECK(digits(&list) == cases[i].want, cases[i].name);
        CHECK(!list_contains_node(node), cases[i].name);
        list_remove(node);
        CHECK(digits(&list) == cases[i].want, cases[i].name);
    }
}

static void a_safe_loop_may_remove_its_item(void **state)
{
    struct list list;
    struct item items[4];
    fill(&list, items, 4);
    int seen = 0;
    LIST_FOREACH_SAFE (struct item, item, &list, in_list) {
        seen = seen * 10 + item->value;
        if (item->value != 2)
            list_remove(&item->in_list);
    }
    assert_int_equal(seen, 1234);
    assert_int_equal(digits(&list), 2);
}

TESTS(an_empty_list, items_keep_their_order, items_leave_from_anywhere,
      a_safe_loop_may_remove_its_item)
