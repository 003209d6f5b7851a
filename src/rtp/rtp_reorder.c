#include "rtp/rtp_reorder.h"

#include <stddef.h>

#include "base/check.h"

static void **place_of(struct rtp_reorder *reorder, uint16_t seq)
{
    return &reorder->waiting[seq & (RTP_REORDER_WINDOW - 1)];
}

enum rtp_reorder_verdict rtp_reorder_judge(struct rtp_reorder *reorder, uint16_t seq)
{
    int16_t ahead = (int16_t)(seq - reorder->next);
    if (!reorder->has_packets)
        return RTP_REORDER_DUE;
    if (ahead < 0 && reorder->stale < RTP_REORDER_WINDOW) {
        reorder->stale++;
        return RTP_REORDER_LATE;
    }
    if (!rtp_reorder_fits(reorder, seq))
        return RTP_REORDER_FAR;
    reorder->stale = 0;
    if (ahead == 0)
        return RTP_REORDER_DUE;
    return *place_of(reorder, seq) ? RTP_REORDER_LATE : RTP_REORDER_EARLY;
}

void rtp_reorder_pass(struct rtp_reorder *reorder, uint16_t seq)
{
    reorder->has_packets = true;
    reorder->stale = 0;
    reorder->next = (uint16_t)(seq + 1);
}

void rtp_reorder_hold(struct rtp_reorder *reorder, uint16_t seq, void *packet)
{
    void **place = place_of(reorder, seq);
    ASSERT(packet && !*place);
    *place = packet;
    reorder->held++;
}

void *rtp_reorder_take(struct rtp_reorder *reorder)
{
    void **place = place_of(reorder, reorder->next);
    void  *packet = *place;
    if (!packet)
        return NULL;
    *place = NULL;
    reorder->held--;
    rtp_reorder_pass(reorder, reorder->next);
    return packet;
}

void *rtp_reorder_peek(const struct rtp_reorder *reorder)
{
    for (unsigned i = 0; reorder->held && i < RTP_REORDER_WINDOW; i++) {
        void *packet = reorder->waiting[(reorder->next + i) & (RTP_REORDER_WINDOW - 1)];
        if (packet)
            return packet;
    }
    return NULL;
}

void *rtp_reorder_skip(struct rtp_reorder *reorder)
{
    if (reorder->held == 0)
        return NULL;
    while (!*place_of(reorder, reorder->next))
        reorder->next++;
    return rtp_reorder_take(reorder);
}
