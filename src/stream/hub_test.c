#include "stream/hub.h"

#include "base/mem.h"
#include "base/test.h"
#include "rtp/interleaved.h"
#include "stream/test_hub.h"

static void slabs_come_in_two_sizes(void **state)
{
    struct test_hubs hubs;
    test_hubs_open(&hubs, 1);
    struct slab *small = hub_take_slab(&hubs.hubs[1], false);
    struct slab *large = hub_take_slab(&hubs.hubs[1], true);
    assert_int_equal(small->size, SLAB_SMALL);
    assert_int_equal(large->size, SLAB_LARGE);
    assert_in_range(INTERLEAVED_MAX, 0, large->size);
    memset(small->bytes, 0xff, small->size);
    memset(large->bytes, 0xff, large->size);
    slab_unref(small);
    slab_unref(large);
    test_hubs_close(&hubs);
}

/* Small packets of our own share a slab, which begins anew when nobody holds it any more. */
static void small_packets_are_cut_from_one_slab(void **state)
{
    struct test_hubs hubs;
    struct slab     *first, *second;
    test_hubs_open(&hubs, 1);
    struct hub *hub = &hubs.hubs[1];
    uint8_t    *p = hub_reserve(hub, 28, &first);
    assert_ptr_equal(p, first->bytes + INTERLEAVED_HEADER);
    assert_ptr_equal(hub_reserve(hub, 28, &second), p); /* nobody has used it */
    assert_ptr_equal(second, first);
    (void)slab_ref(first);
    assert_ptr_equal(hub_reserve(hub, 28, &second), p + 28 + INTERLEAVED_HEADER);
    assert_ptr_equal(second, first);
    slab_unref(first);
    assert_ptr_equal(hub_reserve(hub, 28, &second), p);
    test_hubs_close(&hubs);
}

static void a_full_slab_is_followed_by_another(void **state)
{
    struct test_hubs hubs;
    struct slab     *first, *second;
    test_hubs_open(&hubs, 1);
    struct hub *hub = &hubs.hubs[1];
    uint8_t    *p = hub_reserve(hub, 1000, &first);
    memset(p - INTERLEAVED_HEADER, 1, INTERLEAVED_HEADER + 1000);
    (void)slab_ref(first);
    size_t rest = SLAB_SMALL - 1004 - INTERLEAVED_HEADER;
    p = hub_reserve(hub, rest, &second);
    assert_ptr_equal(second, first);
    memset(p - INTERLEAVED_HEADER, 2, INTERLEAVED_HEADER + rest);
    p = hub_reserve(hub, 0, &second);
    assert_ptr_not_equal(second, first);
    memset(p - INTERLEAVED_HEADER, 3, INTERLEAVED_HEADER);
    assert_int_equal(first->bytes[0], 1);
    assert_int_equal(first->bytes[1004], 2);
    slab_unref(first);
    test_hubs_close(&hubs);
}

static void the_largest_fills_a_slab(void **state)
{
    struct test_hubs hubs;
    struct slab     *slab;
    test_hubs_open(&hubs, 1);
    size_t   len = SLAB_SMALL - INTERLEAVED_HEADER;
    uint8_t *p = hub_reserve(&hubs.hubs[1], len, &slab);
    memset(p, 1, len);
    test_hubs_close(&hubs);
}

TESTS(slabs_come_in_two_sizes, small_packets_are_cut_from_one_slab,
      a_full_slab_is_followed_by_another, the_largest_fills_a_slab)
