#include "path/placement.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"

/* Busy within so many per cent of each other counts as equal. */
enum { BUSY_STEP = 5 };

static const int64_t sample_every_ns = NS_PER_S;

struct sample {
    int64_t cpu_ns;
    int     busy; /* per cent */
};

struct placement {
    struct loop **workers;
    unsigned      count;
    bool          spread_readers;
    void (*on_pick)(void);
    int64_t       sampled_ns;
    struct sample samples[PLACEMENT_MAX_WORKERS + 1];
};

struct placement *placement_create(struct loop **workers, unsigned count, bool spread_readers,
                                   void (*on_pick)(void))
{
    ASSERT(count >= 1 && count <= PLACEMENT_MAX_WORKERS);
    struct placement *placement = mem_new(struct placement);
    placement->workers = workers;
    placement->count = count;
    placement->spread_readers = spread_readers;
    placement->on_pick = on_pick;
    return placement;
}

struct placement *placement_destroy(struct placement *placement)
{
    return mem_free(placement);
}

void placement_sample(struct placement *placement)
{
    int64_t now_ns = clock_monotonic_ns();
    int64_t wall_ns = now_ns - placement->sampled_ns;
    if (wall_ns < sample_every_ns)
        return;
    for (unsigned i = 1; i <= placement->count; i++) {
        struct sample *one = &placement->samples[i];
        int64_t        cpu_ns = loop_cpu_ns(placement->workers[i]);
        one->busy = (int)((cpu_ns - one->cpu_ns) * 100 / wall_ns);
        one->cpu_ns = cpu_ns;
    }
    placement->sampled_ns = now_ns;
}

static unsigned sessions(const struct placement *placement, unsigned worker)
{
    return atomic_load_explicit(&placement->workers[worker]->sessions, memory_order_relaxed);
}

static bool is_better(const struct placement *placement, unsigned a, unsigned b)
{
    int busy_a = placement->samples[a].busy / BUSY_STEP;
    int busy_b = placement->samples[b].busy / BUSY_STEP;
    return busy_a < busy_b || (busy_a == busy_b && sessions(placement, a) < sessions(placement, b));
}

static unsigned pick(const struct placement *placement)
{
    unsigned best = 1;
    for (unsigned i = 2; i <= placement->count; i++)
        if (is_better(placement, i, best))
            best = i;
    return best;
}

unsigned placement_pick(struct placement *placement)
{
    placement->on_pick();
    placement_sample(placement);
    return pick(placement);
}

unsigned placement_pick_reader(struct placement *placement, unsigned owner)
{
    placement_sample(placement);
    bool is_full = placement->samples[owner].busy > PLACEMENT_FULL;
    return is_full || placement->spread_readers ? pick(placement) : owner;
}
