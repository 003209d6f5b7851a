#include "loop/timer.h"

#include "base/check.h"
#include "base/mem.h"

enum { FIRST_CAPACITY = 16 };

void timer_heap_fini(struct timer_heap *heap)
{
    ASSERT(heap->count == 0);
    mem_free(heap->items);
    *heap = (struct timer_heap){ 0 };
}

static void put_at(struct timer_heap *heap, size_t place, struct timer *timer)
{
    heap->items[place] = timer;
    timer->place = place;
}

static void sift_up(struct timer_heap *heap, size_t place, struct timer *timer)
{
    while (place > 1 && heap->items[place / 2]->latest_ns > timer->latest_ns) {
        put_at(heap, place, heap->items[place / 2]);
        place /= 2;
    }
    put_at(heap, place, timer);
}

static void sift_down(struct timer_heap *heap, size_t place, struct timer *timer)
{
    for (size_t child; (child = place * 2) <= heap->count; place = child) {
        if (child < heap->count &&
            heap->items[child + 1]->latest_ns < heap->items[child]->latest_ns)
            child++;
        if (heap->items[child]->latest_ns >= timer->latest_ns)
            break;
        put_at(heap, place, heap->items[child]);
    }
    put_at(heap, place, timer);
}

void timer_heap_put(struct timer_heap *heap, struct timer *timer)
{
    timer_heap_remove(heap, timer);
    if (heap->count + 1 >= heap->capacity) {
        heap->capacity = MAX(heap->capacity * 2, (size_t)FIRST_CAPACITY);
        heap->items = mem_resize(heap->items, heap->capacity * sizeof(heap->items[0]));
    }
    sift_up(heap, ++heap->count, timer);
}

void timer_heap_remove(struct timer_heap *heap, struct timer *timer)
{
    size_t place = timer->place;
    if (place == 0)
        return;
    ASSERT(place <= heap->count && heap->items[place] == timer);
    timer->place = 0;
    struct timer *last = heap->items[heap->count--];
    if (last == timer)
        return;
    if (place > 1 && heap->items[place / 2]->latest_ns > last->latest_ns)
        sift_up(heap, place, last);
    else
        sift_down(heap, place, last);
}
