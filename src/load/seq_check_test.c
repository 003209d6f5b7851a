#include "load/seq_check.h"

#include "base/test.h"

static void every_kind_of_trouble_is_counted(void **state)
{
    static const struct {
        const char *name;
        unsigned    count;
        uint16_t    seqs[8];
        uint64_t    missing, late, duplicate;
    } cases[] = {
        { "one", 1, { 7 }, 0, 0, 0 },
        { "in order", 3, { 7, 8, 9 }, 0, 0, 0 },
        { "over the wrap", 4, { 65534, 65535, 0, 1 }, 0, 0, 0 },
        { "one missing", 3, { 7, 9, 10 }, 1, 0, 0 },
        { "missing over the wrap", 2, { 65534, 2 }, 3, 0, 0 },
        { "swapped", 4, { 7, 9, 8, 10 }, 0, 1, 0 },
        { "swapped over the wrap", 4, { 65534, 0, 65535, 1 }, 0, 1, 0 },
        { "twice in a row", 3, { 7, 7, 8 }, 0, 0, 1 },
        { "twice, later", 4, { 7, 8, 9, 8 }, 0, 0, 1 },
        { "late, then twice", 5, { 7, 9, 8, 8, 10 }, 0, 1, 1 },
        { "from before the beginning", 3, { 7, 6, 8 }, 0, 0, 0 },
        { "two late ones", 5, { 1, 4, 2, 3, 5 }, 0, 2, 0 },
        { "edge of the window", 2, { 100, 163 }, 62, 0, 0 },
        { "late within the window", 3, { 100, 164, 101 }, 62, 1, 0 },
        { "too late to be told from twice", 3, { 100, 165, 100 }, 63, 1, 0 },
        { "a small step back", 2, { 5000, 2001 }, 0, 0, 0 },
        { "a new beginning", 4, { 5000, 2000, 2001, 2003 }, 1, 0, 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct seq_check check = { 0 };
        for (unsigned j = 0; j < cases[i].count; j++)
            (void)seq_check_add(&check, cases[i].seqs[j]);
        CHECK(check.missing == cases[i].missing, cases[i].name);
        CHECK(check.late == cases[i].late, cases[i].name);
        CHECK(check.duplicate == cases[i].duplicate, cases[i].name);
    }
}

static void tells_new_from_known(void **state)
{
    struct seq_check check = { 0 };
    CHECK(seq_check_add(&check, 10), "first");
    CHECK(!seq_check_add(&check, 10), "twice");
    CHECK(!seq_check_add(&check, 9), "before the beginning");
    CHECK(seq_check_add(&check, 13), "with a gap");
    CHECK(seq_check_add(&check, 12), "late");
    CHECK(!seq_check_add(&check, 12), "late, twice");
    CHECK(check.missing == 1, "11 is missing");
}

static void many_turns_of_the_counter(void **state)
{
    struct seq_check check = { 0 };
    for (uint32_t i = 0; i < 200000; i++)
        CHECK(seq_check_add(&check, (uint16_t)i), "in order");
    CHECK(check.missing == 0 && check.late == 0 && check.duplicate == 0, "nothing wrong");
}

TESTS(every_kind_of_trouble_is_counted, tells_new_from_known, many_turns_of_the_counter)
