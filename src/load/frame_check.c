#include "load/frame_check.h"

#include "base/check.h"
#include "codec/codec.h"
#include "codec/h26x.h"

static void count_freeze(struct frame_check *check, int64_t now_ns)
{
    int64_t wait_ns = now_ns - check->last_ns;
    if (wait_ns <= check->freeze_ns)
        return;
    check->freezes++;
    check->frozen_ns += wait_ns;
}

/* The next frame begins, or the stream ends, and this one is not whole. */
static void give_up_frame(struct frame_check *check)
{
    if (check->is_open && (check->is_stamped || check->has_frame))
        check->frames_cut++;
    check->is_open = false;
}

static void begin_frame(struct frame_check *check, const struct rtp_header *packet,
                        uint16_t previous_seq)
{
    give_up_frame(check);
    check->is_open = true;
    check->is_stamped = check->is_keyframe = check->is_read = check->has_end = false;
    check->previous_seq = previous_seq;
    check->first_seq = packet->seq;
    check->ticks = packet->ticks;
    check->packets = 0;
}

static void count_frame(struct frame_check *check, uint64_t frame, int64_t now_ns)
{
    if (check->has_frame) {
        check->frames_lost += frame - check->last_frame - 1;
        count_freeze(check, now_ns);
    }
    check->has_frame = true;
    check->last_frame = frame;
    check->last_ns = now_ns;
    check->frames++;
    check->keyframes += check->is_keyframe;
}

static bool finish_frame(struct frame_check *check, int64_t now_ns, struct frame_seen *out)
{
    check->is_open = false;
    uint64_t frame = check->is_stamped ? check->stamp.frame : check->last_frame + 1;
    if (check->is_stamped && check->stamp.stream != check->stream) {
        check->foreign++;
        return false;
    }
    if (check->has_frame && frame <= check->last_frame) {
        check->frames_again++;
        return false;
    }
    count_frame(check, frame, now_ns);
    *out = (struct frame_seen){ frame, check->stamp.sent_ns, check->is_keyframe };
    return check->is_stamped;
}

static void add_packet(struct frame_check *check, const struct rtp_header *packet)
{
    check->packets++;
    if ((int16_t)(packet->seq - check->first_seq) < 0)
        check->first_seq = packet->seq;
    if (packet->marker) {
        check->has_end = true;
        check->end_seq = packet->seq;
    }
    check->is_read |= packet->payload.len > 0;
    /* The stamp and what tells a keyframe stand in front; the rest is not looked at. */
    if (!check->is_stamped) {
        check->is_keyframe |= (h264_inspect(packet->payload) & CODEC_STARTS_KEYFRAME) != 0;
        check->is_stamped = load_stamp_find(packet->payload, &check->stamp) == 0;
    }
}

/* The first packet of a frame has the stamp; of one that nobody has read, the number tells. */
static bool has_beginning(const struct frame_check *check)
{
    return check->is_stamped || (!check->is_read && check->has_frame &&
                                 check->first_seq == (uint16_t)(check->previous_seq + 1));
}

static bool is_whole(const struct frame_check *check)
{
    if (!check->ends_by_marker)
        return check->is_stamped && check->packets >= check->stamp.packets;
    return check->has_end && has_beginning(check) &&
           check->packets == (uint32_t)(uint16_t)(check->end_seq - check->first_seq) + 1;
}

bool frame_check_add(struct frame_check *check, const struct rtp_header *packet, int64_t now_ns,
                     struct frame_seen *out)
{
    uint16_t previous_seq = check->seq.highest;
    if (!seq_check_add(&check->seq, packet->seq))
        return false;
    if (!check->is_open || packet->ticks != check->ticks)
        begin_frame(check, packet, previous_seq);
    add_packet(check, packet);
    return is_whole(check) && finish_frame(check, now_ns, out);
}

void frame_check_finish(struct frame_check *check, uint64_t sent, int64_t last_sent_ns)
{
    give_up_frame(check);
    if (!check->has_frame)
        return;
    if (sent > check->last_frame + 1)
        check->frames_lost += sent - check->last_frame - 1;
    count_freeze(check, last_sent_ns);
}
