#include "load/load_stamp.h"

#include <errno.h>

#include "base/test.h"

static const struct load_stamp ordinary = {
    .stream = 64, .packets = 5, .frame = 1000, .sent_ns = 123456789012345
};

static bool is_same(const struct load_stamp *a, const struct load_stamp *b)
{
    return a->stream == b->stream && a->packets == b->packets && a->frame == b->frame &&
           a->sent_ns == b->sent_ns;
}

static void numbers_come_back(void **state)
{
    static const struct {
        const char       *name;
        struct load_stamp stamp;
    } cases[] = {
        { "zeros", { 0 } },
        { "ones", { 1, 1, 1, 1 } },
        { "last of one group", { 127, 127, 127, 127 } },
        { "first of the next", { 128, 128, 128, 128 } },
        { "largest", { (1 << 21) - 1, (1 << 21) - 1, (UINT64_C(1) << 35) - 1, INT64_MAX } },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t           nal[LOAD_STAMP_NAL];
        struct load_stamp back;
        load_stamp_write(&cases[i].stamp, nal);
        CHECK(load_stamp_parse((struct span){ nal, sizeof(nal) }, &back) == 0, cases[i].name);
        CHECK(is_same(&cases[i].stamp, &back), cases[i].name);
        CHECK(!memchr(nal, 0, sizeof(nal)), "nothing needs emulation prevention");
        CHECK(nal[0] == 6 && nal[1] == 5 && nal[2] == LOAD_STAMP_NAL - 4, "an SEI message");
    }
}

static void other_nal_units_are_no_stamps(void **state)
{
    uint8_t           nal[LOAD_STAMP_NAL + 1] = { 0 };
    struct load_stamp out;
    load_stamp_write(&ordinary, nal);
    CHECK(load_stamp_parse((struct span){ nal, LOAD_STAMP_NAL - 1 }, &out) == -ENOENT, "short");
    CHECK(load_stamp_parse((struct span){ nal, LOAD_STAMP_NAL + 1 }, &out) == -ENOENT, "long");
    CHECK(load_stamp_parse((struct span){ 0 }, &out) == -ENOENT, "empty");
    nal[18] ^= 1;
    CHECK(load_stamp_parse((struct span){ nal, LOAD_STAMP_NAL }, &out) == -ENOENT, "other UUID");
}

/* A STAP-A with three NAL units, the second of which is the stamp. */
static size_t write_stap_a(uint8_t *out, const struct load_stamp *stamp)
{
    static const uint8_t head[] = { 0x78, 0, 2, 0x67, 1, 0, LOAD_STAMP_NAL };
    static const uint8_t tail[] = { 0, 3, 0x41, 2, 3 };
    memcpy(out, head, sizeof(head));
    load_stamp_write(stamp, out + sizeof(head));
    memcpy(out + sizeof(head) + LOAD_STAMP_NAL, tail, sizeof(tail));
    return sizeof(head) + LOAD_STAMP_NAL + sizeof(tail);
}

static void stamps_are_found_in_payloads(void **state)
{
    uint8_t           bytes[128];
    struct load_stamp out = { 0 };
    size_t            len = write_stap_a(bytes, &ordinary);
    CHECK(load_stamp_find((struct span){ bytes, len }, &out) == 0, "in a STAP-A");
    CHECK(is_same(&out, &ordinary), "in a STAP-A");

    bytes[4] = 9; /* the stamp's length runs out of the packet no more, but it is cut */
    CHECK(load_stamp_find((struct span){ bytes, 30 }, &out) == -ENOENT, "cut");
    bytes[1] = 0xff;
    CHECK(load_stamp_find((struct span){ bytes, len }, &out) == -ENOENT, "length too large");

    load_stamp_write(&ordinary, bytes);
    out = (struct load_stamp){ 0 };
    CHECK(load_stamp_find((struct span){ bytes, LOAD_STAMP_NAL }, &out) == 0, "alone");
    CHECK(is_same(&out, &ordinary), "alone");
    CHECK(load_stamp_find(BYTES("\x7c\x85\x88"), &out) == -ENOENT, "FU-A");
    CHECK(load_stamp_find(BYTES("\x78"), &out) == -ENOENT, "empty STAP-A");
    CHECK(load_stamp_find(BYTES("\x78\x00"), &out) == -ENOENT, "half a length");
    CHECK(load_stamp_find((struct span){ 0 }, &out) == -ENOENT, "empty payload");
}

TESTS(numbers_come_back, other_nal_units_are_no_stamps, stamps_are_found_in_payloads)
