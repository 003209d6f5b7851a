#include <errno.h>

#include "srtp/srtp_internal.h"

uint64_t srtp_replay_guess(const struct srtp_replay *replay, uint16_t seq)
{
    uint64_t rollovers = replay->highest >> 16;
    int32_t  highest = (uint16_t)replay->highest;
    bool     is_first = replay->window == 0;
    if (!is_first && highest < 0x8000 && seq - highest > 0x8000 && rollovers > 0)
        rollovers--;
    else if (!is_first && highest >= 0x8000 && highest - 0x8000 > seq)
        rollovers++;
    return rollovers << 16 | seq;
}

int srtp_replay_check(const struct srtp_replay *replay, uint64_t index)
{
    if (replay->window == 0 || index > replay->highest)
        return 0;
    uint64_t age = replay->highest - index;
    return age < SRTP_REPLAY_WINDOW && !(replay->window >> age & 1) ? 0 : -EALREADY;
}

void srtp_replay_accept(struct srtp_replay *replay, uint64_t index)
{
    replay->last = index;
    if (replay->window == 0) {
        replay->highest = index;
        replay->window = 1;
    } else if (index > replay->highest) {
        uint64_t step = index - replay->highest;
        replay->window = (step < SRTP_REPLAY_WINDOW ? replay->window << step : 0) | 1;
        replay->highest = index;
    } else {
        replay->window |= UINT64_C(1) << (replay->highest - index);
    }
}
