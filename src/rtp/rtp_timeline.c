#include "rtp/rtp_timeline.h"

#include "base/clock.h"

/* A report may speak of a time well before or behind that of the newest packet. */
static const int64_t max_report_step_ns = 60 * NS_PER_S;

static int64_t ticks_of(const struct rtp_timeline *timeline, int64_t ns)
{
    return muldiv(ns, timeline->clock_rate, NS_PER_S);
}

/* Is `to`, now, what may follow `from`, then? Frames may come late, and some seconds in a burst. */
static bool may_follow(const struct rtp_timeline *timeline, uint32_t from, int64_t from_ns,
                       uint32_t to, int64_t now_ns)
{
    int64_t step = (int32_t)(to - from);
    int64_t most = ticks_of(timeline, RTP_TIMELINE_MAX_STEP_NS);
    if (step < 0)
        return timeline->is_reordered && step >= -most;
    return step <= most || step - most <= ticks_of(timeline, now_ns - from_ns);
}

static void believe(struct rtp_timeline *timeline, uint32_t ticks, int64_t now_ns)
{
    timeline->ticks = ticks;
    timeline->ns = now_ns;
    timeline->has_doubt = false;
}

/* For a frame that is stamped beside the others: as much later than they as it came. */
static uint32_t stand_in(const struct rtp_timeline *timeline, int64_t now_ns)
{
    return timeline->ticks + timeline->offset + (uint32_t)ticks_of(timeline, now_ns - timeline->ns);
}

/* Behind the newest, where there has been a stand-in. */
static uint32_t keep_order(const struct rtp_timeline *timeline, uint32_t ticks)
{
    bool is_behind = (int32_t)(ticks - timeline->out) > 0;
    return is_behind || timeline->is_reordered ? ticks : timeline->out + 1;
}

static uint32_t map_new_ticks(struct rtp_timeline *timeline, uint32_t ticks, int64_t now_ns)
{
    bool had_doubt = timeline->has_doubt;
    if (may_follow(timeline, timeline->ticks, timeline->ns, ticks, now_ns)) {
        believe(timeline, ticks, now_ns);
        ticks += timeline->offset;
        return had_doubt ? keep_order(timeline, ticks) : ticks;
    }
    /* Two in a row that fit each other: the clock was set. */
    if (had_doubt && may_follow(timeline, timeline->in, timeline->in_ns, ticks, now_ns)) {
        timeline->offset = timeline->out - timeline->in;
        believe(timeline, ticks, now_ns);
        return ticks + timeline->offset;
    }
    timeline->has_doubt = true;
    timeline->repairs++;
    return keep_order(timeline, stand_in(timeline, now_ns));
}

static uint32_t map_ticks(struct rtp_timeline *timeline, uint32_t ticks, int64_t now_ns)
{
    if (ticks == timeline->in)
        return timeline->out;
    timeline->out = timeline->clock_rate ? map_new_ticks(timeline, ticks, now_ns) : ticks;
    timeline->in = ticks;
    timeline->in_ns = now_ns;
    return timeline->out;
}

/* Returns whether the packet comes late, or again. */
static bool map_seq(struct rtp_timeline *timeline, struct rtp_header *header)
{
    int16_t ahead = (int16_t)(header->seq - timeline->seq);
    bool    is_jump = ahead > RTP_MAX_DROPOUT || ahead < -RTP_MAX_MISORDER;
    if (is_jump) {
        timeline->seq_offset = (uint16_t)(timeline->seq_offset + timeline->seq + 2 - header->seq);
        timeline->repairs++;
    }
    if (is_jump || ahead > 0)
        timeline->seq = header->seq;
    header->seq = (uint16_t)(header->seq + timeline->seq_offset);
    return !is_jump && ahead <= 0;
}

static void begin(struct rtp_timeline *timeline, const struct rtp_header *header, uint32_t out,
                  int64_t now_ns)
{
    timeline->has_packets = true;
    timeline->ssrc = header->ssrc;
    timeline->seq = (uint16_t)(header->seq - 1);
    timeline->offset = out - header->ticks;
    timeline->in = header->ticks;
    timeline->out = out;
    timeline->in_ns = now_ns;
    believe(timeline, header->ticks, now_ns);
}

/* Another source: its numbers have nothing to do with those before. */
static void change_source(struct rtp_timeline *timeline, const struct rtp_header *header,
                          int64_t now_ns)
{
    uint16_t next = (uint16_t)(timeline->seq + timeline->seq_offset + 2);
    begin(timeline, header, keep_order(timeline, stand_in(timeline, now_ns)), now_ns);
    timeline->seq_offset = (uint16_t)(next - header->seq);
    timeline->repairs++;
}

void rtp_timeline_packet(struct rtp_timeline *timeline, struct rtp_header *header, int64_t now_ns)
{
    if (!timeline->has_packets)
        begin(timeline, header, header->ticks, now_ns);
    else if (header->ssrc != timeline->ssrc)
        change_source(timeline, header, now_ns);
    if (map_seq(timeline, header)) /* it says nothing about the clock */
        header->ticks += timeline->offset;
    else
        header->ticks = map_ticks(timeline, header->ticks, now_ns);
}

bool rtp_timeline_map(const struct rtp_timeline *timeline, uint32_t ticks, int64_t now_ns,
                      uint32_t *out)
{
    int64_t ahead = (int32_t)(ticks - timeline->ticks);
    int64_t since = timeline->has_packets ? ticks_of(timeline, now_ns - timeline->ns) : ahead;
    int64_t most = ticks_of(timeline, max_report_step_ns);
    *out = ticks + timeline->offset;
    return ahead - since <= most && since - ahead <= most;
}
