#include "rtp/h264_packetizer.h"

#include "base/test.h"

enum { BIGGEST_NAL = 4000, GUARD = 0xee };

static uint8_t nal_bytes[BIGGEST_NAL] = { 0xe5 };

static struct span nal_of(size_t len)
{
    for (size_t i = 1; i < sizeof(nal_bytes); i++)
        nal_bytes[i] = (uint8_t)(i * 7);
    return (struct span){ nal_bytes, len };
}

static void a_small_unit_goes_as_it_is(void **state)
{
    static const struct {
        const char *name;
        size_t      len, max;
    } cases[] = {
        { "only its header", 1, 3 },
        { "exactly the limit", 1200, 1200 },
        { "the smallest limit", 3, 3 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct span            nal = nal_of(cases[i].len);
        struct h264_packetizer fu = h264_packetize(nal, cases[i].max);
        uint8_t                out[1200];
        size_t                 len;
        CHECK(h264_packetizer_next(&fu, out, &len), cases[i].name);
        CHECK(span_equal((struct span){ out, len }, nal), cases[i].name);
        CHECK(!h264_packetizer_next(&fu, out, &len), cases[i].name);
    }
}

/* Puts the fragments together again, as a receiver does; returns their count. */
static unsigned reassemble(const char *name, struct span nal, size_t max)
{
    struct h264_packetizer fu = h264_packetize(nal, max);
    uint8_t                whole[BIGGEST_NAL], out[BIGGEST_NAL];
    size_t                 whole_len = 1, len, smallest = max, largest = 0;
    unsigned               count = 0;
    memset(out, GUARD, sizeof(out));
    for (; h264_packetizer_next(&fu, out, &len); count++) {
        CHECK(len > 2 && len <= max && out[max] == GUARD, name);
        CHECK(out[0] == 0xfc && (out[1] & 0x3f) == 5, name);
        CHECK(!(out[1] & 0x80) == (count > 0), name);
        whole[0] = (out[0] & 0xe0) | (out[1] & 0x1f);
        memcpy(whole + whole_len, out + 2, len - 2);
        whole_len += len - 2;
        CHECK(!(out[1] & 0x40) == (whole_len < nal.len), name);
        smallest = MIN(smallest, len);
        largest = MAX(largest, len);
    }
    CHECK(span_equal((struct span){ whole, whole_len }, nal), name);
    CHECK(largest - smallest <= count, name);
    return count;
}

static void a_large_unit_goes_in_nearly_equal_parts(void **state)
{
    static const struct {
        const char *name;
        size_t      len, max;
        unsigned    count;
    } cases[] = {
        { "one byte over", 1201, 1200, 2 },    { "the most of two", 1 + 2 * 1198, 1200, 2 },
        { "one more", 2 + 2 * 1198, 1200, 3 }, { "smallest that does not fit", 4, 3, 3 },
        { "one byte each", 100, 3, 99 },       { "a prime", 3989, 1200, 4 },
        { "large", BIGGEST_NAL, 1000, 5 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        unsigned count = reassemble(cases[i].name, nal_of(cases[i].len), cases[i].max);
        CHECK(count == cases[i].count, cases[i].name);
    }
}

static void every_size_is_put_together_again(void **state)
{
    for (size_t len = 10; len < 300; len++) {
        for (size_t max = 3; max < 10; max++)
            assert_in_range(reassemble("a small limit", nal_of(len), max), 2, len);
    }
}

TESTS(a_small_unit_goes_as_it_is, a_large_unit_goes_in_nearly_equal_parts,
      every_size_is_put_together_again)
