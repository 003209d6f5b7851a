#include "load/seq_check.h"

enum { WINDOW = 64, MAX_BACKWARDS = 3000 };

static void advance(struct seq_check *check, unsigned steps)
{
    check->seen = steps < WINDOW ? check->seen << steps : 0;
    check->seen |= 1;
    check->missing += steps - 1;
    check->advanced += steps;
    check->highest = (uint16_t)(check->highest + steps);
}

static bool look_back(struct seq_check *check, unsigned steps)
{
    if (steps > check->advanced)
        return false;
    uint64_t bit = steps < WINDOW ? UINT64_C(1) << steps : 0;
    if (check->seen & bit) {
        check->duplicate++;
        return false;
    }
    check->late++;
    check->seen |= bit;
    if (check->missing > 0)
        check->missing--;
    return true;
}

bool seq_check_add(struct seq_check *check, uint16_t seq)
{
    int steps = (int16_t)(uint16_t)(seq - check->highest);
    if (!check->has_begun || steps <= -MAX_BACKWARDS) {
        check->has_begun = true;
        check->highest = seq;
        check->seen = 1;
        check->advanced = 0;
        return true;
    }
    if (steps <= 0)
        return look_back(check, (unsigned)-steps);
    advance(check, (unsigned)steps);
    return true;
}
