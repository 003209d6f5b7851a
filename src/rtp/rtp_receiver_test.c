#include "rtp/rtp_receiver.h"

#include "base/clock.h"
#include "base/test.h"

enum { RATE = 8000, SSRC = 0x1234, MS = 8 /* ticks */ };

static void receive(struct rtp_receiver *receiver, uint16_t seq, uint32_t ticks, int64_t at_ms)
{
    struct rtp_header header = { .seq = seq, .ticks = ticks, .ssrc = SSRC };
    rtp_receiver_packet(receiver, &header, RATE, (at_ms + 1000) * NS_PER_MS);
}

static void receive_all(struct rtp_receiver *receiver, const uint16_t *seqs, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        receive(receiver, seqs[i], 0, 0);
}

static void what_never_came_is_lost(void **state)
{
    static const struct {
        const char *name;
        uint16_t    seqs[8];
        unsigned    count;
        uint32_t    lost, highest;
        uint8_t     fraction;
    } cases[] = {
        { "one packet", { 7 }, 1, 0, 7, 0 },
        { "all", { 7, 8, 9, 10 }, 4, 0, 10, 0 },
        { "one of four", { 7, 8, 10 }, 3, 1, 10, 64 },
        { "half", { 0, 2, 4, 6, 7 }, 5, 3, 7, 96 },
        { "nearly all", { 0, 999 }, 2, 998, 999, 255 },
        { "late ones", { 7, 10, 8, 9 }, 4, 0, 10, 0 },
        { "a late one, and one lost", { 7, 10, 8 }, 3, 1, 10, 64 },
        { "twice the same", { 7, 8, 8, 10 }, 4, 0, 10, 0 },
        { "before the first", { 7, 6, 5, 8 }, 4, 0, 8, 0 },

        { "over the wrap", { 65534, 65535, 0, 1 }, 4, 0, 65537, 0 },
        { "lost at the wrap", { 65534, 1 }, 2, 2, 65537, 128 },
        { "late over the wrap", { 65534, 0, 65535, 1 }, 4, 0, 65537, 0 },
        { "first at the wrap, then before it", { 0, 65535, 1 }, 3, 0, 1, 0 },
        { "the largest leap", { 0, 32767 }, 2, 32766, 32767, 255 },
        { "a leap back", { 0, 32768, 1 }, 3, 0, 1, 0 },
        { "twice around", { 0, 30000, 60000, 24464, 54464, 18928 }, 6, 149995, 150000, 255 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rtp_receiver receiver = { 0 };
        receive_all(&receiver, cases[i].seqs, cases[i].count);
        CHECK(rtp_receiver_lost(&receiver) == cases[i].lost, cases[i].name);
        struct rtcp_report_block block = rtp_receiver_report(&receiver, 0);
        CHECK(block.ssrc == SSRC, cases[i].name);
        CHECK(block.lost == (int32_t)cases[i].lost, cases[i].name);
        CHECK(block.highest_seq == cases[i].highest, cases[i].name);
        CHECK(block.fraction_lost == cases[i].fraction, cases[i].name);
    }
}

/* RFC 3550, section 6.4.1: the fraction is that since the last report. */
static void each_report_begins_a_new_interval(void **state)
{
    static const struct {
        const char *name;
        uint16_t    seqs[4];
        unsigned    count;
        uint8_t     fraction;
        int32_t     lost;
    } intervals[] = {
        { "one of two", { 1, 3 }, 2, 85, 1 }, /* of 1, 2, 3 */
        { "nothing came", { 0 }, 0, 0, 1 },     { "none of these", { 4, 5, 6, 7 }, 4, 0, 1 },
        { "three of four", { 11 }, 1, 192, 4 }, { "two late ones, one new", { 8, 9, 12 }, 3, 0, 2 },
        { "half", { 14 }, 1, 128, 3 },
    };
    struct rtp_receiver receiver = { 0 };
    for (size_t i = 0; i < COUNT(intervals); i++) {
        receive_all(&receiver, intervals[i].seqs, intervals[i].count);
        struct rtcp_report_block block = rtp_receiver_report(&receiver, 0);
        CHECK(block.fraction_lost == intervals[i].fraction, intervals[i].name);
        CHECK(block.lost == intervals[i].lost, intervals[i].name);
    }
}

static void more_may_be_lost_than_a_report_can_say(void **state)
{
    static const struct {
        const char *name;
        unsigned    leaps;
        int32_t     want;
    } cases[] = {
        { "just so many", 256, 256 * 32766 },
        { "more than 24 bits", 257, 0x7fffff },
        { "more than 31 bits", 65540, 0x7fffff },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rtp_receiver receiver = { 0 };
        for (unsigned k = 0; k <= cases[i].leaps; k++)
            receive(&receiver, (uint16_t)(k * 32767), 0, 0);
        CHECK(rtp_receiver_report(&receiver, 0).lost == cases[i].want, cases[i].name);
    }
}

/* RFC 3550, section A.8, as the formula has it: J += (|D| - J) / 16. */
static double reference_jitter(const int64_t *arrivals_ms, const uint32_t *ticks, unsigned count)
{
    double jitter = 0;
    for (unsigned i = 1; i < count; i++) {
        double arrived = (double)(arrivals_ms[i] - arrivals_ms[i - 1]) * MS;
        double sent = (double)(int32_t)(ticks[i] - ticks[i - 1]);
        double difference = arrived > sent ? arrived - sent : sent - arrived;
        jitter += (difference - jitter) / 16;
    }
    return jitter;
}

static void jitter_follows_the_formula(void **state)
{
    enum { PACKETS = 200 };
    static const struct {
        const char *name;
        uint32_t    first;
        unsigned    late_ms; /* the most that a packet is late */
    } cases[] = {
        { "a steady stream", 0, 0 },
        { "a little", 0, 3 },
        { "much", 0, 500 },
        { "the timestamp wraps", UINT32_MAX - 100 * 160, 20 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rtp_receiver receiver = { 0 };
        int64_t             arrivals_ms[PACKETS];
        uint32_t            ticks[PACKETS], random = 5;
        for (unsigned k = 0; k < PACKETS; k++) {
            random = random * 1664525 + 1013904223;
            arrivals_ms[k] = 20 * (int64_t)k + (random >> 8) % (cases[i].late_ms + 1);
            ticks[k] = cases[i].first + k * 160;
            receive(&receiver, (uint16_t)k, ticks[k], arrivals_ms[k]);
            double want = reference_jitter(arrivals_ms, ticks, k + 1);
            double got = rtp_receiver_report(&receiver, 0).jitter;
            CHECK(got > want - 2 && got < want + 2, cases[i].name);
        }
        CHECK((receiver.jitter_x16 > 0) == (cases[i].late_ms > 0), cases[i].name);
    }
}

/* A frame's packets leave together, and would look like jitter if each of them counted. */
static void packets_of_one_time_count_once(void **state)
{
    struct rtp_receiver receiver = { 0 };
    uint16_t            seq = 0;
    for (unsigned frame = 0; frame < 50; frame++)
        for (unsigned k = 0; k < 4; k++)
            receive(&receiver, seq++, frame * 320, 40 * (int64_t)frame + k);
    assert_int_equal(rtp_receiver_report(&receiver, 0).jitter, 0);
}

static void jitter_has_an_end(void **state)
{
    struct rtp_receiver receiver = { 0 };
    for (unsigned i = 0; i < 100; i++)
        receive(&receiver, (uint16_t)i, i % 2 ? 0x7fffffff : 0, 20 * (int64_t)i);
    assert_in_range(rtp_receiver_report(&receiver, 0).jitter, 1 << 26, UINT32_MAX >> 4);
}

static void reports_tell_when_the_sender_reported(void **state)
{
    static const struct {
        const char *name;
        int64_t     after_ns;
        uint32_t    want; /* in 1/65536 s */
    } cases[] = {
        { "at once", 0, 0 },
        { "a second", NS_PER_S, 65536 },
        { "a tenth", NS_PER_S / 10, 6553 },
        { "eighteen hours", 65535 * NS_PER_S, UINT32_C(65535) << 16 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rtp_receiver receiver = { 0 };
        receive(&receiver, 1, 0, 0);
        rtp_receiver_sender_report(&receiver, UINT64_C(0x1111222233334444), NS_PER_S);
        struct rtcp_report_block block =
            rtp_receiver_report(&receiver, NS_PER_S + cases[i].after_ns);
        CHECK(block.last_sr == 0x22223333, cases[i].name);
        CHECK(block.delay_since_sr == cases[i].want, cases[i].name);
    }
}

static void a_sender_may_report_before_it_sends(void **state)
{
    struct rtp_receiver receiver = { 0 };
    rtp_receiver_sender_report(&receiver, UINT64_C(0x1111222233334444), NS_PER_S);
    receive(&receiver, 1, 0, 0);
    struct rtcp_report_block block = rtp_receiver_report(&receiver, 2 * NS_PER_S);
    assert_int_equal(block.last_sr, 0x22223333);
    assert_int_equal(block.delay_since_sr, 65536);
}

static void another_source_begins_anew(void **state)
{
    struct rtp_receiver receiver = { 0 };
    receive(&receiver, 100, 0, 0);
    receive(&receiver, 200, 160, 500);
    rtp_receiver_sender_report(&receiver, UINT64_C(0x1111222233334444), NS_PER_S);
    struct rtp_header other = { .seq = 5, .ticks = 77, .ssrc = SSRC + 1 };
    rtp_receiver_packet(&receiver, &other, RATE, 3 * NS_PER_S);
    struct rtcp_report_block block = rtp_receiver_report(&receiver, 4 * NS_PER_S);
    assert_int_equal(block.ssrc, SSRC + 1);
    assert_int_equal(block.highest_seq, 5);
    assert_int_equal(block.lost | block.fraction_lost | (int)block.jitter, 0);
    assert_int_equal(block.last_sr | block.delay_since_sr, 0);
}

static void nothing_came_at_all(void **state)
{
    struct rtp_receiver      receiver = { 0 };
    struct rtcp_report_block block = rtp_receiver_report(&receiver, NS_PER_S);
    assert_int_equal(block.ssrc | block.highest_seq | block.jitter, 0);
    assert_int_equal(block.fraction_lost | block.lost, 0);
    assert_int_equal(block.last_sr | block.delay_since_sr, 0);
    assert_int_equal(rtp_receiver_lost(&receiver), 0);
}

TESTS(what_never_came_is_lost, each_report_begins_a_new_interval,
      more_may_be_lost_than_a_report_can_say, jitter_follows_the_formula,
      packets_of_one_time_count_once, jitter_has_an_end, reports_tell_when_the_sender_reported,
      a_sender_may_report_before_it_sends, another_source_begins_anew, nothing_came_at_all)
