/**
 * slots: numbers for objects, so that messages between threads carry a number and never a
 * pointer: a slot and the generation that tells a new owner of the slot from the old one.
 *
 * Owner:   one thread.
 */
#pragma once
#include <stdint.h>

struct slots;

/** A number of 0 is nobody's. */
struct slot_id {
    uint32_t slot;
    uint32_t generation;
};

struct slots *slots_create(void);

/** Asserts that all slots are free. Accepts NULL. Returns NULL. */
struct slots *slots_destroy(struct slots *slots);

/** Gives `object` (not NULL) a number. */
struct slot_id slots_add(struct slots *slots, void *object);

/** NULL when that object has gone. */
void *slots_find(const struct slots *slots, struct slot_id id);

void slots_remove(struct slots *slots, struct slot_id id);
