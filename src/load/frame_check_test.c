#include "load/frame_check.h"

#include "base/clock.h"
#include "base/test.h"

enum { STREAM = 3 };

/* Packet `index` of frame `frame`: the first one carries the stamp, behind an SPS in keyframes. */
struct packet {
    uint64_t frame;
    uint32_t packets;
    uint32_t index;
    uint16_t seq;
    bool     is_keyframe;
    uint32_t stream;
};

static bool add_at(struct frame_check *check, const struct packet *packet, int64_t now_ns,
                   struct frame_seen *seen)
{
    static const uint8_t key_head[] = { 0x78, 0, 4, 0x67, 66, 0xc0, 31, 0, LOAD_STAMP_NAL };
    uint8_t              bytes[sizeof(key_head) + LOAD_STAMP_NAL];
    struct load_stamp    stamp = { .stream = packet->stream ? packet->stream : STREAM,
                                   .packets = packet->packets,
                                   .frame = packet->frame,
                                   .sent_ns = (int64_t)packet->frame + 1 };
    struct rtp_header    header = { .seq = packet->seq, .ticks = (uint32_t)packet->frame * 3600 };
    size_t               head = packet->is_keyframe ? sizeof(key_head) : 0;
    memcpy(bytes, key_head, head);
    load_stamp_write(&stamp, bytes + head);
    header.payload =
        packet->index == 0 ? (struct span){ bytes, head + LOAD_STAMP_NAL } : BYTES("\x5c\x05\x00");
    return frame_check_add(check, &header, now_ns, seen);
}

static bool add(struct frame_check *check, const struct packet *packet)
{
    struct frame_seen seen;
    return add_at(check, packet, 0, &seen);
}

static struct frame_check new_check(void)
{
    return (struct frame_check){ .stream = STREAM, .freeze_ns = 200 * NS_PER_MS };
}

struct scenario {
    const char   *name;
    struct packet packets[4]; /* up to one that has none */
    uint64_t      frames, keyframes, lost, cut, again, foreign, missing;
};

/* frame, its packets, which of them, sequence number */
#define PACKET(f, n, i, s)                                                                         \
    {                                                                                              \
        .frame = (f), .packets = (n), .index = (i), .seq = (s)                                     \
    }
#define KEY_PACKET(f, n, i, s)                                                                     \
    {                                                                                              \
        .frame = (f), .packets = (n), .index = (i), .seq = (s), .is_keyframe = true                \
    }

static const struct scenario scenarios[] = {
    { .name = "one frame",
      .packets = { KEY_PACKET(5, 2, 0, 10), PACKET(5, 2, 1, 11) },
      .frames = 1,
      .keyframes = 1 },
    { .name = "a frame of one packet", .packets = { PACKET(5, 1, 0, 10) }, .frames = 1 },
    { .name = "two frames",
      .packets = { PACKET(5, 2, 0, 10), PACKET(5, 2, 1, 11), PACKET(6, 2, 0, 12),
                   PACKET(6, 2, 1, 13) },
      .frames = 2 },
    { .name = "joined in the middle of a frame",
      .packets = { PACKET(5, 3, 2, 10), PACKET(6, 2, 0, 11), PACKET(6, 2, 1, 12) },
      .frames = 1 },
    { .name = "last packet missing",
      .packets = { PACKET(5, 1, 0, 10), PACKET(6, 2, 0, 11), PACKET(7, 2, 0, 13),
                   PACKET(7, 2, 1, 14) },
      .frames = 2,
      .lost = 1,
      .cut = 1,
      .missing = 1 },
    { .name = "first packet missing",
      .packets = { PACKET(5, 1, 0, 10), PACKET(6, 2, 1, 12), PACKET(7, 2, 0, 13),
                   PACKET(7, 2, 1, 14) },
      .frames = 2,
      .lost = 1,
      .cut = 1,
      .missing = 1 },
    { .name = "frames dropped without a gap",
      .packets = { PACKET(5, 1, 0, 10), KEY_PACKET(9, 1, 0, 11) },
      .frames = 2,
      .keyframes = 1,
      .lost = 3 },
    { .name = "packets swapped within a frame",
      .packets = { PACKET(5, 1, 0, 10), PACKET(6, 3, 0, 11), PACKET(6, 3, 2, 13),
                   PACKET(6, 3, 1, 12) },
      .frames = 2 },
    { .name = "a packet twice does not make it whole",
      .packets = { PACKET(5, 1, 0, 10), PACKET(6, 3, 0, 11), PACKET(6, 3, 1, 12),
                   PACKET(6, 3, 1, 12) },
      .frames = 1 },
    { .name = "a frame again, as new packets",
      .packets = { PACKET(5, 1, 0, 10), PACKET(6, 1, 0, 11), PACKET(5, 1, 0, 12) },
      .frames = 2,
      .again = 1 },
    { .name = "another stream's frame",
      .packets = { PACKET(5, 1, 0, 10),
                   { .frame = 6, .packets = 1, .seq = 11, .stream = STREAM + 1 } },
      .frames = 1,
      .foreign = 1 },
};

static void scenarios_are_counted(void **state)
{
    for (size_t i = 0; i < COUNT(scenarios); i++) {
        const struct scenario *s = &scenarios[i];
        struct frame_check     check = new_check();
        for (unsigned j = 0; j < COUNT(s->packets) && s->packets[j].packets > 0; j++)
            (void)add(&check, &s->packets[j]);
        CHECK(check.frames == s->frames, s->name);
        CHECK(check.keyframes == s->keyframes, s->name);
        CHECK(check.frames_lost == s->lost, s->name);
        CHECK(check.frames_cut == s->cut, s->name);
        CHECK(check.frames_again == s->again, s->name);
        CHECK(check.foreign == s->foreign, s->name);
        CHECK(check.seq.missing == s->missing, s->name);
    }
}

/* As a server makes them that packs anew: the stamp does not tell how many there are. */
enum { MIDDLE = 0, FIRST = 1 /* has the stamp */, LAST = 2, UNREAD = 4 };

struct repacked {
    uint64_t frame;
    uint16_t seq;
    unsigned flags;
};

static bool add_repacked(struct frame_check *check, const struct repacked *packet, int64_t now_ns,
                         struct frame_seen *seen)
{
    uint8_t           bytes[LOAD_STAMP_NAL];
    struct load_stamp stamp = { .stream = STREAM, .packets = 17, .frame = packet->frame };
    struct rtp_header header = { .seq = packet->seq,
                                 .ticks = (uint32_t)packet->frame * 3600,
                                 .marker = (packet->flags & LAST) != 0 };
    load_stamp_write(&stamp, bytes);
    if (!(packet->flags & UNREAD))
        header.payload =
            packet->flags & FIRST ? (struct span){ bytes, sizeof(bytes) } : BYTES("\x5c\x05");
    return frame_check_add(check, &header, now_ns, seen);
}

static const struct repacked_scenario {
    const char     *name;
    struct repacked packets[8]; /* up to one of frame 0 */
    uint64_t        frames, lost, cut, seen;
} repacked_scenarios[] = {
    { "a frame of one packet", { { 5, 10, FIRST | LAST } }, 1, 0, 0, 1 },
    { "two frames",
      { { 5, 10, FIRST }, { 5, 11, LAST }, { 6, 12, FIRST }, { 6, 13, MIDDLE }, { 6, 14, LAST } },
      2,
      0,
      0,
      2 },
    { "over the wrap",
      { { 5, 65534, FIRST }, { 5, 65535, MIDDLE }, { 5, 0, MIDDLE }, { 5, 1, LAST } },
      1,
      0,
      0,
      1 },
    { "joined in the middle of a frame",
      { { 5, 9, MIDDLE }, { 5, 10, LAST }, { 6, 11, FIRST }, { 6, 12, LAST } },
      1,
      0,
      0,
      1 },
    { "first packet missing",
      { { 5, 10, FIRST | LAST }, { 6, 12, MIDDLE }, { 6, 13, LAST }, { 7, 14, FIRST | LAST } },
      2,
      1,
      1,
      2 },
    { "middle packet missing",
      { { 5, 10, FIRST | LAST }, { 6, 11, FIRST }, { 6, 13, LAST }, { 7, 14, FIRST | LAST } },
      2,
      1,
      1,
      2 },
    { "last packet missing",
      { { 5, 10, FIRST | LAST }, { 6, 11, FIRST }, { 6, 12, MIDDLE }, { 7, 14, FIRST | LAST } },
      2,
      1,
      1,
      2 },
    { "marker before what precedes it",
      { { 5, 10, FIRST | LAST }, { 6, 11, FIRST }, { 6, 13, LAST }, { 6, 12, MIDDLE } },
      2,
      0,
      0,
      2 },
    { "second packet first",
      { { 5, 10, FIRST | LAST }, { 6, 12, MIDDLE }, { 6, 11, FIRST }, { 6, 13, LAST } },
      2,
      0,
      0,
      2 },
    { "frames dropped without a gap",
      { { 5, 10, FIRST | LAST }, { 9, 11, FIRST | LAST } },
      2,
      3,
      0,
      2 },
    { "unread frames count, but are not seen",
      { { 5, 10, FIRST | LAST },
        { 6, 11, UNREAD },
        { 6, 12, LAST | UNREAD },
        { 7, 13, LAST | UNREAD },
        { 8, 14, FIRST | LAST } },
      4,
      0,
      0,
      2 },
    { "a frame dropped among the unread is missed at the next stamp",
      { { 5, 10, FIRST | LAST }, { 7, 11, LAST | UNREAD }, { 8, 12, FIRST | LAST } },
      3,
      1,
      0,
      2 },
    { "beginning of an unread frame missing",
      { { 5, 10, FIRST | LAST }, { 6, 12, LAST | UNREAD }, { 7, 13, FIRST | LAST } },
      2,
      1,
      1,
      2 },
    { "unread before anything was read",
      { { 5, 10, UNREAD }, { 5, 11, LAST | UNREAD } },
      0,
      0,
      0,
      0 },
};

static void repacked_frames_end_with_their_marker(void **state)
{
    for (size_t i = 0; i < COUNT(repacked_scenarios); i++) {
        const struct repacked_scenario *s = &repacked_scenarios[i];
        struct frame_check              check = new_check();
        struct frame_seen               frame;
        uint64_t                        seen = 0;
        check.ends_by_marker = true;
        for (unsigned j = 0; j < COUNT(s->packets) && s->packets[j].frame > 0; j++)
            seen += add_repacked(&check, &s->packets[j], 0, &frame);
        CHECK(check.frames == s->frames, s->name);
        CHECK(check.frames_lost == s->lost, s->name);
        CHECK(check.frames_cut == s->cut, s->name);
        CHECK(seen == s->seen, s->name);
        CHECK(check.frames_again == 0 && check.foreign == 0, s->name);
    }
}

static void the_last_packet_makes_a_frame_whole(void **state)
{
    struct frame_check check = new_check();
    struct frame_seen  seen;
    CHECK(!add_at(&check, &(struct packet)KEY_PACKET(5, 2, 0, 10), 0, &seen), "first packet");
    CHECK(add_at(&check, &(struct packet)PACKET(5, 2, 1, 11), 0, &seen), "last packet");
    CHECK(seen.frame == 5 && seen.sent_ns == 6 && seen.is_keyframe, "what the stamp says");
}

static void long_waits_are_freezes(void **state)
{
    static const struct {
        const char *name;
        int64_t     wait_ms;
        uint64_t    freezes;
        int64_t     frozen_ms;
    } cases[] = {
        { "a frame's time", 40, 0, 0 },
        { "just not too long", 200, 0, 0 },
        { "too long", 201, 1, 201 },
        { "seconds", 5000, 1, 5000 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct frame_check check = new_check();
        struct frame_seen  seen;
        int64_t            start_ns = 7 * NS_PER_S;
        (void)add_at(&check, &(struct packet)PACKET(5, 1, 0, 10), start_ns, &seen);
        (void)add_at(&check, &(struct packet)PACKET(6, 1, 0, 11),
                     start_ns + cases[i].wait_ms * NS_PER_MS, &seen);
        CHECK(check.freezes == cases[i].freezes, cases[i].name);
        CHECK(check.frozen_ns == cases[i].frozen_ms * NS_PER_MS, cases[i].name);
    }
}

static void the_end_counts_what_is_missing(void **state)
{
    static const struct {
        const char *name;
        uint64_t    sent; /* frames 0..sent-1 */
        int64_t     last_sent_ms;
        uint64_t    lost, freezes;
    } cases[] = {
        { "all came", 6, 0, 0, 0 },
        { "one did not", 7, 40, 1, 0 },
        { "many did not, and the picture stood", 100, 3800, 94, 1 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct frame_check check = new_check();
        (void)add(&check, &(struct packet)PACKET(5, 1, 0, 10));
        frame_check_finish(&check, cases[i].sent, cases[i].last_sent_ms * NS_PER_MS);
        CHECK(check.frames_lost == cases[i].lost, cases[i].name);
        CHECK(check.freezes == cases[i].freezes, cases[i].name);
    }
}

static void an_open_frame_at_the_end_is_cut(void **state)
{
    struct frame_check check = new_check();
    (void)add(&check, &(struct packet)PACKET(5, 1, 0, 10));
    (void)add(&check, &(struct packet)PACKET(6, 2, 0, 11));
    frame_check_finish(&check, 7, 0);
    CHECK(check.frames_cut == 1 && check.frames_lost == 1, "cut and lost");
}

static void nothing_seen_is_not_a_loss_of_all(void **state)
{
    struct frame_check check = new_check();
    frame_check_finish(&check, 100, NS_PER_S);
    CHECK(check.frames_lost == 0 && check.freezes == 0, "the owner counts blank readers");
}

TESTS(scenarios_are_counted, repacked_frames_end_with_their_marker,
      the_last_packet_makes_a_frame_whole, long_waits_are_freezes, the_end_counts_what_is_missing,
      an_open_frame_at_the_end_is_cut, nothing_seen_is_not_a_loss_of_all)
