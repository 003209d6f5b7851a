#include "base/slots.h"

#include "base/test.h"

enum { MANY = 1000 };

static void an_object_is_found_until_it_is_removed(void **state)
{
    struct slots  *slots = slots_create();
    int            object;
    struct slot_id id = slots_add(slots, &object);
    assert_ptr_equal(slots_find(slots, id), &object);
    slots_remove(slots, id);
    assert_null(slots_find(slots, id));
    assert_null(slots_destroy(slots));
}

static void the_next_owner_of_a_slot_has_another_number(void **state)
{
    struct slots  *slots = slots_create();
    int            old, new;
    struct slot_id old_id = slots_add(slots, &old);
    slots_remove(slots, old_id);
    struct slot_id new_id = slots_add(slots, &new);
    assert_int_equal(new_id.slot, old_id.slot);
    assert_int_not_equal(new_id.generation, old_id.generation);
    assert_null(slots_find(slots, old_id));
    assert_ptr_equal(slots_find(slots, new_id), &new);
    slots_remove(slots, new_id);
    assert_null(slots_destroy(slots));
}

static void rubbish_finds_nobody(void **state)
{
    struct slots *slots = slots_create();
    assert_null(slots_find(slots, (struct slot_id){ 0 }));
    int            object;
    struct slot_id id = slots_add(slots, &object);
    struct slot_id wrong[] = {
        { 0 },
        { .slot = id.slot },
        { .slot = id.slot, .generation = id.generation + 1 },
        { .slot = id.slot + 1, .generation = id.generation },
        { .slot = UINT32_MAX, .generation = id.generation },
    };
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_null(slots_find(slots, wrong[i]));
    slots_remove(slots, id);
    assert_null(slots_destroy(slots));
}

static void it_grows_and_fills_its_holes(void **state)
{
    struct slots         *slots = slots_create();
    static int            objects[MANY];
    static struct slot_id ids[MANY];
    for (unsigned i = 0; i < MANY; i++)
        ids[i] = slots_add(slots, &objects[i]);
    for (unsigned i = 0; i < MANY; i += 3)
        slots_remove(slots, ids[i]);
    for (unsigned i = 0; i < MANY; i += 3) {
        ids[i] = slots_add(slots, &objects[i]);
        assert_in_range(ids[i].slot, 0, MANY - 1);
    }
    for (unsigned i = 0; i < MANY; i++)
        assert_ptr_equal(slots_find(slots, ids[i]), &objects[i]);
    for (unsigned i = 0; i < MANY; i++)
        slots_remove(slots, ids[i]);
    assert_null(slots_destroy(slots));
    assert_null(slots_destroy(NULL));
}

TESTS(an_object_is_found_until_it_is_removed, the_next_owner_of_a_slot_has_another_number,
      rubbish_finds_nobody, it_grows_and_fills_its_holes)
