#include "rtp/rtp_timeline.h"

#include "base/clock.h"
#include "base/test.h"

enum { RATE = 90000, MS = 90 /* ticks */, MAX_PACKETS = 12, HOUR = 3600 * 1000 /* ms */ };

struct step {
    int64_t  at_ms;
    uint32_t ms; /* the publisher's timestamp */
    uint32_t want_ms;
};

static uint32_t play(struct rtp_timeline *timeline, uint16_t seq, uint32_t ticks, int64_t at_ms)
{
    struct rtp_header header = { .seq = seq, .ticks = ticks, .ssrc = 7 };
    rtp_timeline_packet(timeline, &header, at_ms * NS_PER_MS);
    return header.ticks;
}

static void timestamps_go_on(void **state)
{
    static const struct {
        const char *name;
        bool        is_reordered;
        struct step steps[MAX_PACKETS];
        uint64_t    repairs;
    } cases[] = {
        { "in order", false, { { 0, 5, 5 }, { 40, 45, 45 }, { 80, 85, 85 } }, 0 },
        { "packets of one frame", false, { { 0, 5, 5 }, { 1, 5, 5 }, { 2, 5, 5 } }, 0 },
        { "B-frames", true, { { 0, 0, 0 }, { 40, 120, 120 }, { 80, 40, 40 }, { 120, 80, 80 } }, 0 },
        { "late frames", false, { { 0, 0, 0 }, { 900, 40, 40 }, { 901, 80, 80 } }, 0 },
        { "a pause", false, { { 0, 0, 0 }, { 30000, 30000, 30000 }, { 30040, 30040, 30040 } }, 0 },
        { "a burst before the live ones",
          false,
          { { 0, 0, 0 }, { 1, 1500, 1500 }, { 2, 3000, 3000 }, { 3, 4500, 4500 } },
          0 },

        { "one hours ahead",
          false,
          { { 0, 0, 0 }, { 40, HOUR, 40 }, { 80, 80, 80 }, { 120, 120, 120 } },
          1 },
        { "one hours ahead, in several packets",
          false,
          { { 0, 0, 0 }, { 40, HOUR, 40 }, { 41, HOUR, 40 }, { 80, 80, 80 }, { 81, 80, 80 } },
          1 },
        { "one hours ahead of B-frames",
          true,
          { { 0, 120, 120 }, { 40, HOUR, 160 }, { 80, 40, 40 }, { 120, 80, 80 } },
          1 },
        { "one hours back", false, { { 0, HOUR, HOUR }, { 40, 7, HOUR + 40 } }, 1 },
        { "a bit back",
          false,
          { { 0, 10, 10 }, { 40, 50, 50 }, { 80, 49, 90 }, { 120, 130, 130 } },
          1 },
        { "and the next came sooner than it was stamped",
          false,
          { { 0, 0, 0 }, { 500, HOUR, 500 }, { 501, 80, 0 /* the next tick */ } },
          1 },

        { "a clock that is set",
          false,
          { { 0, 0, 0 }, { 40, HOUR, 40 }, { 80, HOUR + 40, 80 }, { 120, HOUR + 80, 120 } },
          1 },
        { "a clock that is set back",
          true,
          { { 0, HOUR, HOUR }, { 40, 7, HOUR + 40 }, { 80, 47, HOUR + 80 } },
          1 },
        { "and that is set again",
          false,
          { { 0, 0, 0 },
            { 40, HOUR, 40 },
            { 80, HOUR + 40, 80 },
            { 120, 100, 120 },
            { 160, 140, 160 } },
          2 },
        { "a clock that means nothing",
          false,
          { { 0, 0, 0 },
            { 40, HOUR, 40 },
            { 80, 5 * HOUR, 80 },
            { 120, 3 * HOUR, 120 },
            { 160, 7 * HOUR, 160 } },
          4 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rtp_timeline timeline = { .clock_rate = RATE,
                                         .is_reordered = cases[i].is_reordered };
        uint32_t            last = 0;
        for (uint16_t k = 0; k < MAX_PACKETS && (k == 0 || cases[i].steps[k].at_ms); k++) {
            const struct step *step = &cases[i].steps[k];
            uint32_t           got = play(&timeline, k, step->ms * MS, step->at_ms);
            uint32_t           want = k && !step->want_ms ? last + 1 : step->want_ms * MS;
            CHECK(got == want, cases[i].name);
            last = got;
        }
        CHECK(timeline.repairs == cases[i].repairs, cases[i].name);
    }
}

static void sequence_numbers_go_on(void **state)
{
    static const struct {
        const char *name;
        uint16_t    in[6], out[6];
        uint64_t    repairs;
    } cases[] = {
        { "in order", { 1, 2, 3, 4, 5, 6 }, { 1, 2, 3, 4, 5, 6 }, 0 },
        { "round the corner", { 65534, 65535, 0, 1, 2, 3 }, { 65534, 65535, 0, 1, 2, 3 }, 0 },
        { "losses show", { 1, 2, 1002, 1003, 4003, 4004 }, { 1, 2, 1002, 1003, 4003, 4004 }, 0 },
        { "late and twice", { 10, 12, 11, 12, 13, 14 }, { 10, 12, 11, 12, 13, 14 }, 0 },
        { "a leap", { 10, 11, 20011, 20012, 20013, 20014 }, { 10, 11, 13, 14, 15, 16 }, 1 },
        { "from the beginning",
          { 5000, 5001, 0, 1, 2, 3 },
          { 5000, 5001, 5003, 5004, 5005, 5006 },
          1 },
        { "again and again",
          { 5000, 0, 5001, 0, 5002, 0 },
          { 5000, 5002, 5004, 5006, 5008, 5010 },
          5 },
        { "late behind a leap",
          { 10, 9000, 9002, 9001, 9003, 9004 },
          { 10, 12, 14, 13, 15, 16 },
          1 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rtp_timeline timeline = { .clock_rate = RATE };
        for (unsigned k = 0; k < COUNT(cases[i].in); k++) {
            struct rtp_header header = { .seq = cases[i].in[k], .ticks = 40 * MS * k };
            rtp_timeline_packet(&timeline, &header, 40 * NS_PER_MS * k);
            CHECK(header.seq == cases[i].out[k], cases[i].name);
        }
        CHECK(timeline.repairs == cases[i].repairs, cases[i].name);
    }
}

/* It is not to be taken for a clock that runs backwards. */
static void a_late_packet_says_nothing_about_the_clock(void **state)
{
    struct rtp_timeline timeline = { .clock_rate = RATE };
    assert_int_equal(play(&timeline, 1, 0, 0), 0);
    assert_int_equal(play(&timeline, 3, 80 * MS, 80), 80 * MS);
    assert_int_equal(play(&timeline, 2, 40 * MS, 81), 40 * MS);
    assert_int_equal(play(&timeline, 4, 120 * MS, 120), 120 * MS);
    assert_int_equal(timeline.repairs, 0);
}

static void another_source_goes_on(void **state)
{
    struct rtp_timeline timeline = { .clock_rate = RATE };
    struct rtp_header   header = { .seq = 100, .ticks = 1000, .ssrc = 1 };
    rtp_timeline_packet(&timeline, &header, 0);
    header = (struct rtp_header){ .seq = 7, .ticks = 5, .ssrc = 2 };
    rtp_timeline_packet(&timeline, &header, 40 * NS_PER_MS);
    assert_int_equal(header.seq, 102);
    assert_int_equal(header.ticks, 1000 + 40 * MS);
    header = (struct rtp_header){ .seq = 8, .ticks = 5 + 40 * MS, .ssrc = 2 };
    rtp_timeline_packet(&timeline, &header, 80 * NS_PER_MS);
    assert_int_equal(header.seq, 103);
    assert_int_equal(header.ticks, 1000 + 80 * MS);
    assert_int_equal(timeline.repairs, 1);
}

static void without_a_clock_rate_timestamps_pass(void **state)
{
    struct rtp_timeline timeline = { 0 };
    assert_int_equal(play(&timeline, 1, 5, 0), 5);
    assert_int_equal(play(&timeline, 2, 5000000, 0), 5000000);
    assert_int_equal(play(&timeline, 3, 6, 0), 6);
}

static void reports_follow(void **state)
{
    static const struct {
        const char *name;
        uint32_t    ms, want_ms;
        bool        is_believed;
    } cases[] = {
        { "of now", 2 * HOUR + 80, 80, true },
        { "a bit ago", 2 * HOUR + 40, 40, true },
        { "a minute ahead", 2 * HOUR + 60000, 60000, true },
        { "of the clock before", 80, 0, false },
        { "of another clock", 5 * HOUR, 0, false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rtp_timeline timeline = { .clock_rate = RATE };
        uint32_t            out;
        (void)play(&timeline, 1, 0, 0);
        (void)play(&timeline, 2, (2 * HOUR + 40) * MS, 40);
        (void)play(&timeline, 3, (2 * HOUR + 80) * MS, 80);
        CHECK(rtp_timeline_map(&timeline, cases[i].ms * MS, 80 * NS_PER_MS, &out) ==
                  cases[i].is_believed,
              cases[i].name);
        CHECK(!cases[i].is_believed || out == cases[i].want_ms * MS, cases[i].name);
    }
}

/* Whatever comes: readers of a track without B-frames never see time go back, nor leap. */
static void time_never_goes_back(void **state)
{
    struct rtp_timeline timeline = { .clock_rate = RATE };
    uint32_t            random = 1, in = 0, last = 0;
    for (unsigned i = 0; i < 100000; i++) {
        random = random * 1664525 + 1013904223;
        in = random >> 28 ? in + 40 * MS : random;
        uint32_t got = play(&timeline, (uint16_t)i, in, 40 * (int64_t)i);
        assert_true(i == 0 || got != last);
        assert_true(i == 0 || (got - last < 5 * RATE));
        last = got;
    }
}

TESTS(timestamps_go_on, sequence_numbers_go_on, a_late_packet_says_nothing_about_the_clock,
      another_source_goes_on, without_a_clock_rate_timestamps_pass, reports_follow,
      time_never_goes_back)
