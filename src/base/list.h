/**
 * list: intrusive, circular, doubly linked; no allocation to join, constant time to leave.
 *
 * Zero:    a node of zeros is in no list; a list head must be initialised with list_init().
 * Threads: those of its owner.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"

struct list_node {
    struct list_node *prev, *next;
};

struct list {
    struct list_node head;
};

static inline void list_init(struct list *list)
{
    list->head.prev = list->head.next = &list->head;
}

static inline bool list_is_empty(const struct list *list)
{
    return list->head.next == &list->head;
}

static inline bool list_contains_node(const struct list_node *node)
{
    return node->next != NULL;
}

static inline void list_append(struct list *list, struct list_node *node)
{
    ASSERT(!node->next);
    node->prev = list->head.prev;
    node->next = &list->head;
    list->head.prev->next = node;
    list->head.prev = node;
}

/** A node in no list is left alone. */
static inline void list_remove(struct list_node *node)
{
    if (!node->next)
        return;
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->prev = node->next = NULL;
}

/** The first node is taken out; NULL when there is none. */
static inline struct list_node *list_take_first(struct list *list)
{
    struct list_node *node = list->head.next;
    if (node == &list->head)
        return NULL;
    list_remove(node);
    return node;
}

static inline size_t list_count(const struct list *list)
{
    size_t count = 0;
    for (const struct list_node *node = list->head.next; node != &list->head; node = node->next)
        count++;
    return count;
}

#define LIST_ITEM(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

#define LIST_FIRST(list, type, member)                                                             \
    (list_is_empty(list) ? NULL : LIST_ITEM((list)->head.next, type, member))

/** The body may not change the list. */
#define LIST_FOREACH(type, item, list, member)                                                     \
    for (type *item = LIST_ITEM((list)->head.next, type, member); &item->member != &(list)->head;  \
         item = LIST_ITEM(item->member.next, type, member))

/** The body may remove `item`, and no other. */
#define LIST_FOREACH_SAFE(type, item, list, member)                                                \
    for (type *item = LIST_ITEM((list)->head.next, type, member),                                  \
              *item##_next = LIST_ITEM(item->member.next, type, member);                           \
         &item->member != &(list)->head;                                                           \
         item = item##_next, item##_next = LIST_ITEM(item##_next->member.next, type, member))
