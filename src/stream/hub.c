#include "stream/hub.h"

#include "base/check.h"
#include "rtp/interleaved.h"
#include "stream/stream_internal.h"

/* Free objects that a worker keeps; at most 1 MB of small slabs. */
enum { KEEP_SMALL = 64, KEEP_LARGE = 8, KEEP_BATCHES = 256, KEEP_NOTICES = 1024 };

void hub_init(struct hub *hub, struct loop *loop, struct hub **others,
              const struct hub_settings *settings)
{
    *hub = (struct hub){ .loop = loop, .others = others, .settings = settings };
    hub->counters = counters_create();
    hub->streams = map_create();
    list_init(&hub->held);
    pool_init(&hub->small_slabs, sizeof(struct slab) + SLAB_SMALL, KEEP_SMALL);
    pool_init(&hub->large_slabs, sizeof(struct slab) + SLAB_LARGE, KEEP_LARGE);
    pool_init(&hub->batches, sizeof(struct batch), KEEP_BATCHES);
    pool_init(&hub->notices, mirror_notice_size(), KEEP_NOTICES);
    loop->hub = hub;
}

void hub_fini(struct hub *hub)
{
    ASSERT(map_count(hub->streams) == 0 && list_is_empty(&hub->held));
    timer_stop(hub->loop, &hub->hold);
    if (hub->control)
        slab_unref(hub->control);
    hub->streams = map_destroy(hub->streams);
    pool_fini(&hub->batches);
    pool_fini(&hub->small_slabs);
    pool_fini(&hub->large_slabs);
    pool_fini(&hub->notices);
    hub->counters = counters_unref(hub->counters);
}

void hub_adopt(struct hub *hub)
{
    pool_adopt(&hub->batches);
    pool_adopt(&hub->small_slabs);
    pool_adopt(&hub->large_slabs);
    pool_adopt(&hub->notices);
}

struct slab *hub_take_slab(struct hub *hub, bool is_large)
{
    return is_large ? slab_take(&hub->large_slabs, SLAB_LARGE)
                    : slab_take(&hub->small_slabs, SLAB_SMALL);
}

uint8_t *hub_reserve(struct hub *hub, size_t len, struct slab **slab)
{
    uint32_t need = INTERLEAVED_HEADER + (uint32_t)len;
    ASSERT(need <= SLAB_SMALL);
    if (hub->control && slab_is_unshared(hub->control))
        hub->control_used = 0;
    if (!hub->control || hub->control_used + need > SLAB_SMALL) {
        if (hub->control)
            slab_unref(hub->control);
        hub->control = hub_take_slab(hub, false);
        hub->control_used = 0;
    }
    uint8_t *p = hub->control->bytes + hub->control_used + INTERLEAVED_HEADER;
    hub->control_used += need;
    *slab = hub->control;
    return p;
}
