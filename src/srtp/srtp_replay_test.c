#include <errno.h>

#include "srtp/test_srtp.h"

static void rollovers_are_guessed(void **state)
{
    static const struct {
        const char *name;
        uint64_t    highest;
        uint16_t    seq;
        uint64_t    want;
    } cases[] = {
        { "the next", 0x1234, 0x1235, 0x1235 },
        { "the same", 0x1234, 0x1234, 0x1234 },
        { "over the edge", 0xffff, 0x0000, 0x10000 },
        { "over the edge, some lost", 0xfff0, 0x0010, 0x10010 },
        { "back over the edge", 0x10000, 0xffff, 0xffff },
        { "back over a later edge", 0x70005, 0xfffe, 0x6fffe },
        { "before the first is no rollover", 0x0005, 0xfffe, 0xfffe },
        { "half a round ahead, from below", 0x17fff, 0xffff, 0x1ffff },
        { "more than half ahead, from below", 0x17ffe, 0xffff, 0x0ffff },
        { "half a round behind, from above", 0x18000, 0x0000, 0x10000 },
        { "more than half behind, from above", 0x18001, 0x0000, 0x20000 },
        { "the last rollover but one", 0xfffeffffffff, 0x0000, 0xffff00000000 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct srtp_replay replay = { .highest = cases[i].highest, .window = 1 };
        CHECK(srtp_replay_guess(&replay, cases[i].seq) == cases[i].want, cases[i].name);
    }
}

static void the_first_packet_sets_the_place(void **state)
{
    struct srtp_replay fresh = { 0 }, late = { .highest = 0x30000 };
    assert_int_equal(srtp_replay_guess(&fresh, 0xffff), 0xffff);
    assert_int_equal(srtp_replay_guess(&late, 0xffff), 0x3ffff);
    late.highest = 0x3ffff; /* all that counts is the rollover counter in it */
    assert_int_equal(srtp_replay_guess(&late, 0), 0x30000);
    assert_int_equal(srtp_replay_check(&fresh, 0), 0);
    assert_int_equal(srtp_replay_check(&late, 5), 0);
    srtp_replay_accept(&fresh, 0);
    assert_int_equal(srtp_replay_check(&fresh, 0), -EALREADY);
    assert_int_equal(srtp_replay_check(&fresh, 1), 0);
}

static void each_index_passes_once(void **state)
{
    static const struct {
        const char *name;
        uint64_t    index;
        int         want;
    } steps[] = {
        { "first", 1000, 0 },
        { "first again", 1000, -EALREADY },
        { "ahead", 1063, 0 },
        { "the oldest of the window, again", 1000, -EALREADY },
        { "beside it", 1001, 0 },
        { "beside it, again", 1001, -EALREADY },
        { "before the window", 999, -EALREADY },
        { "one more", 1064, 0 },
        { "out of the window now", 1000, -EALREADY },
        { "still known", 1001, -EALREADY },
        { "never seen, in the window", 1002, 0 },
        { "63 ahead", 1127, 0 },
        { "the former highest", 1064, -EALREADY },
        { "64 ahead", 1191, 0 },
        { "the former highest, gone", 1127, -EALREADY },
        { "the rest of the window is empty", 1128, 0 },
        { "far ahead", 0xffffffffffff, 0 },
        { "the last again", 0xffffffffffff, -EALREADY },
    };
    struct srtp_replay replay = { 0 };
    for (size_t i = 0; i < COUNT(steps); i++) {
        struct srtp_replay before = replay;
        CHECK(srtp_replay_check(&replay, steps[i].index) == steps[i].want, steps[i].name);
        CHECK(memcmp(&before, &replay, sizeof(replay)) == 0, steps[i].name);
        if (steps[i].want == 0) {
            srtp_replay_accept(&replay, steps[i].index);
            CHECK(replay.last == steps[i].index, steps[i].name);
        }
    }
}

TESTS(rollovers_are_guessed, the_first_packet_sets_the_place, each_index_passes_once)
