#include "load/load_plan.h"

#include "base/clock.h"
#include "base/test.h"

static const struct {
    const char           *name;
    struct load_plan_wish wish;
    uint32_t              gop;
    uint64_t              keyframe_bytes, repeat_bytes;
} plans[] = {
    { "the default", { { 1280, 720, 25000, 1000000 }, 2 * NS_PER_S, 4000 }, 50, 18916, 4716 },
    { "all frames alike", { { 1280, 720, 25000, 1000000 }, 2 * NS_PER_S, 1000 }, 50, 5000, 5000 },
    { "twenty times", { { 1280, 720, 25000, 1000000 }, 2 * NS_PER_S, 20000 }, 50, 72473, 3623 },
    { "a small keyframe", { { 640, 360, 25000, 1000000 }, 2 * NS_PER_S, 500 }, 50, 2550, 5050 },
    { "least", { { 320, 240, 2000, 100000 }, 1 * NS_PER_S, 1000 }, 2, 6250, 6250 },
    { "a rate of television",
      { { 640, 480, 29970, 2000000 }, 1 * NS_PER_S, 4000 },
      30,
      30343,
      7583 },
    { "an interval that is rounded",
      { { 320, 240, 25000, 1000000 }, NS_PER_S / 3, 1000 },
      8,
      5000,
      5000 },
    { "a large one",
      { { 7680, 4320, 60000, 100000000 }, 2 * NS_PER_S, 10000 },
      120,
      1938038,
      193798 },
};

static void groups_have_the_bitrate(void **state)
{
    for (size_t i = 0; i < COUNT(plans); i++) {
        struct load_plan plan;
        struct errmsg    why = { "" };
        CHECK(load_plan_make(&plans[i].wish, &plan, &why) == 0, plans[i].name);
        CHECK(plan.gop == plans[i].gop, plans[i].name);
        CHECK(plan.repeat_bytes == plans[i].repeat_bytes, plans[i].name);
        CHECK(plan.keyframe_bytes == plans[i].keyframe_bytes, plans[i].name);
    }
}

static void impossible_wishes_are_refused(void **state)
{
    static const struct {
        const char           *name;
        struct load_plan_wish wish;
        const char           *says;
    } cases[] = {
        { "keyframe too large",
          { { 3840, 2160, 25000, 1000000 }, 2 * NS_PER_S, 4000 },
          "a keyframe of 3840x2160 takes" },
        { "frame too large", { { 16, 16, 100000, 30000 }, 2 * NS_PER_S, 4000 }, "a frame takes" },
        { "one frame", { { 320, 240, 25000, 1000000 }, NS_PER_S / 25, 1000 }, "allowed is 2" },
        { "no frame", { { 320, 240, 25000, 1000000 }, 1, 1000 }, "allowed is 2" },
        { "too long",
          { { 320, 240, 1000000, 1000000000 }, 3600 * NS_PER_S, 1000 },
          "allowed is 2" },
        { "too large", { { 320, 240, 1000, 1000000000 }, 100 * NS_PER_S, 10000 }, "would have" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct load_plan plan;
        struct errmsg    why = { "" };
        CHECK(load_plan_make(&cases[i].wish, &plan, &why) < 0, cases[i].name);
        CHECK(strstr(why.text, cases[i].says), cases[i].name);
    }
}

TESTS(groups_have_the_bitrate, impossible_wishes_are_refused)
