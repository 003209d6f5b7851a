#include "stream/counters.h"

#include "base/mem.h"

enum { PATH = COUNTER_PATH, SESSION = COUNTER_SESSION, LOOP = COUNTER_LOOP };

#define COUNTER_ROW(name, text, scopes, help) [COUNTER_##name] = { text, scopes, help },

const struct counter_row counter_rows[COUNTER_COUNT] = { COUNTER_TABLE(COUNTER_ROW) };

struct counters *counters_create(void)
{
    struct counters *counters = mem_new_aligned(struct counters);
    atomic_init(&counters->refs, 1);
    return counters;
}

struct counters *counters_ref(struct counters *counters)
{
    atomic_fetch_add_explicit(&counters->refs, 1, memory_order_relaxed);
    return counters;
}

struct counters *counters_unref(struct counters *counters)
{
    if (counters && atomic_fetch_sub_explicit(&counters->refs, 1, memory_order_acq_rel) == 1)
        mem_free(counters);
    return NULL;
}
