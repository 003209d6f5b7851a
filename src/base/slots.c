#include "base/slots.h"

#include "base/check.h"
#include "base/mem.h"

enum { FIRST_SLOTS = 16 };

struct slot {
    void    *object;     /* NULL: free */
    uint32_t generation; /* of the object that is there, or of the next one; never 0 */
    uint32_t next_free;
};

struct slots {
    struct slot *slots;
    uint32_t     count;
    uint32_t     used;
    uint32_t     first_free; /* == count: none */
};

struct slots *slots_create(void)
{
    return mem_new(struct slots);
}

struct slots *slots_destroy(struct slots *slots)
{
    if (!slots)
        return NULL;
    ASSERT(slots->used == 0);
    mem_free(slots->slots);
    return mem_free(slots);
}

static void grow(struct slots *slots)
{
    uint32_t count = slots->count ? slots->count * 2 : FIRST_SLOTS;
    ASSERT(count > slots->count);
    slots->slots = mem_resize(slots->slots, count * sizeof(*slots->slots));
    for (uint32_t i = slots->count; i < count; i++)
        slots->slots[i] = (struct slot){ .generation = 1, .next_free = i + 1 };
    slots->first_free = slots->count;
    slots->count = count;
}

struct slot_id slots_add(struct slots *slots, void *object)
{
    ASSERT(object);
    if (slots->used == slots->count)
        grow(slots);
    uint32_t     index = slots->first_free;
    struct slot *slot = &slots->slots[index];
    slots->first_free = slot->next_free;
    slots->used++;
    slot->object = object;
    return (struct slot_id){ .slot = index, .generation = slot->generation };
}

void *slots_find(const struct slots *slots, struct slot_id id)
{
    if (id.slot >= slots->count || slots->slots[id.slot].generation != id.generation)
        return NULL;
    return slots->slots[id.slot].object;
}

void slots_remove(struct slots *slots, struct slot_id id)
{
    ASSERT(slots_find(slots, id));
    struct slot *slot = &slots->slots[id.slot];
    slot->object = NULL;
    if (++slot->generation == 0)
        slot->generation = 1;
    slot->next_free = slots->first_free;
    slots->first_free = id.slot;
    slots->used--;
}
