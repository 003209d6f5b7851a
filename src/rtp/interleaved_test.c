#include "rtp/interleaved.h"

#include <errno.h>

#include "base/auto.h"
#include "base/mem.h"
#include "base/test.h"

static void frames_may_be_cut_anywhere(void **state)
{
    static const struct {
        const char *name;
        struct span in;
        ssize_t     want;
    } cases[] = {
        { "nothing yet", BYTES(""), -EAGAIN },
        { "no bytes", { 0 }, -EAGAIN },
        { "header cut short", BYTES("$\x02\x00"), -EAGAIN },
        { "header only", BYTES("$\x02\x00\x03"), -EAGAIN },
        { "payload cut short",
          BYTES("$\x02\x00\x03"
                "ab"),
          -EAGAIN },
        { "whole",
          BYTES("$\x02\x00\x03"
                "abc"),
          7 },
        { "whole, more after",
          BYTES("$\x02\x00\x02"
                "ab$"),
          6 },
        { "an empty one", BYTES("$\xff\x00\x00"), 4 },
        { "both bytes of the length count", BYTES("$\x00\x01\x00$"), -EAGAIN },
        { "a request instead", BYTES("OPTIONS *"), -EBADMSG },
        { "one wrong byte", BYTES("\r"), -EBADMSG },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct interleaved_frame frame = { .channel = 77 };
        ssize_t                  used = interleaved_parse(cases[i].in, &frame);
        CHECK(used == cases[i].want, cases[i].name);
        if (used < 0) {
            CHECK(frame.channel == 77, cases[i].name);
            continue;
        }
        CHECK(frame.channel == cases[i].in.p[1], cases[i].name);
        CHECK(frame.payload.p == cases[i].in.p + 4, cases[i].name);
        CHECK(frame.payload.len == (size_t)used - 4, cases[i].name);
    }
}

static void the_largest_frame(void **state)
{
    AUTO(mem_free) char *bytes = mem_zero(INTERLEAVED_MAX);
    interleaved_write_header((uint8_t *)bytes, 3, 65535);
    struct span              in = { (const uint8_t *)bytes, INTERLEAVED_MAX };
    struct interleaved_frame frame;
    assert_int_equal(interleaved_parse(span_first(in, in.len - 1), &frame), -EAGAIN);
    assert_int_equal(interleaved_parse(in, &frame), INTERLEAVED_MAX);
    assert_int_equal(frame.payload.len, 65535);
}

static void headers_are_written(void **state)
{
    uint8_t out[INTERLEAVED_HEADER];
    interleaved_write_header(out, 255, 0x1234);
    assert_memory_equal(out, "$\xff\x12\x34", sizeof(out));
}

static void the_next_start_is_found(void **state)
{
    static const struct {
        const char *name;
        struct span in;
        size_t      want;
    } cases[] = {
        { "nothing", BYTES(""), 0 },
        { "one byte", BYTES("x"), 1 },
        { "only rubbish", BYTES("xyz\r\n"), 5 },
        { "a frame on channel 0", BYTES("xy$\0"), 2 },
        { "a frame on the last channel", BYTES("xy$\3"), 2 },
        { "a channel nobody has", BYTES("xy$\4"), 4 },
        { "that one first", BYTES("xy$\4$\1"), 4 },
        { "two dollars", BYTES("x$$\1"), 2 },
        { "its channel not there yet", BYTES("xy$"), 2 },
        { "not where it is now", BYTES("$\0xx$\1"), 4 },
        { "not even alone", BYTES("$"), 1 },
        { "a request", BYTES("\r\nOPTIONS *"), 2 },
        { "its first letter", BYTES("xS"), 1 },
        { "half a method", BYTES("xx\nTEARD"), 3 },
        { "a method of more letters", BYTES("xPLAYS x"), 8 },
        { "a method without its blank yet", BYTES("xPLAY"), 1 },
        { "the second of two equal letters", BYTES("xAANNOUNCE "), 2 },
        { "lower case", BYTES("xplay *"), 7 },
        { "a response", BYTES("xxxRTSP/1.0 200"), 3 },
        { "half a response", BYTES("xxxRTSP"), 3 },
        { "a name that only begins so", BYTES("xRTSPS:"), 7 },
        { "with an underscore", BYTES("_GET_PARAMETER *"), 1 },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK(interleaved_resync(cases[i].in, 4) == cases[i].want, cases[i].name);
    assert_int_equal(interleaved_resync(BYTES("x$\0"), 0), 3);
    assert_int_equal(interleaved_resync(BYTES("x$"), 0), 1);
}

TESTS(frames_may_be_cut_anywhere, the_largest_frame, headers_are_written, the_next_start_is_found)
