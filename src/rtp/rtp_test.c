#include "rtp/rtp.h"

#include <errno.h>

#include "base/test.h"

#define FIXED "\x12\x34\x89\xab\xcd\xef\xfe\xdc\xba\x98"

static void packets_are_taken_apart(void **state)
{
    static const struct {
        const char *name;
        struct span packet;
        int         want;
        const char *payload;
    } cases[] = {
        { "usual", BYTES("\x80\xe0" FIXED "abc"), 0, "abc" },
        { "no payload", BYTES("\x80\xe0" FIXED), 0, "" },
        { "two CSRCs", BYTES("\x82\xe0" FIXED "11112222abc"), 0, "abc" },
        { "all of 15 CSRCs",
          BYTES("\x8f\xe0" FIXED "111122223333444411112222333344441111222233334444111122223333abc"),
          0, "abc" },
        { "an extension", BYTES("\x90\xe0" FIXED "\xbe\xde\0\1EEEEabc"), 0, "abc" },
        { "an empty extension", BYTES("\x90\xe0" FIXED "\xbe\xde\0\0abc"), 0, "abc" },
        { "padding", BYTES("\xa0\xe0" FIXED "abc\0\0\3"), 0, "abc" },
        { "nothing but padding", BYTES("\xa0\xe0" FIXED "\0\0\0\4"), 0, "" },
        { "all of it", BYTES("\xb1\xe0" FIXED "1111\0\0\0\1EEEEabc\1"), 0, "abc" },

        { "nothing", BYTES(""), -EBADMSG, NULL },
        { "no bytes", { 0 }, -EBADMSG, NULL },
        { "header cut short", BYTES("\x80\xe0\x12\x34\x89\xab\xcd\xef\xfe\xdc\xba"), -EBADMSG,
          NULL },
        { "version 0", BYTES("\x00\xe0" FIXED "abc"), -EBADMSG, NULL },
        { "version 1", BYTES("\x40\xe0" FIXED "abc"), -EBADMSG, NULL },
        { "version 3", BYTES("\xc0\xe0" FIXED "abc"), -EBADMSG, NULL },
        { "CSRC cut short", BYTES("\x81\xe0" FIXED "111"), -EBADMSG, NULL },
        { "extension header cut short", BYTES("\x90\xe0" FIXED "\xbe\xde\0"), -EBADMSG, NULL },
        { "extension cut short", BYTES("\x90\xe0" FIXED "\xbe\xde\0\1EEE"), -EBADMSG, NULL },
        { "the longest extension", BYTES("\x90\xe0" FIXED "\xbe\xde\xff\xff"), -EBADMSG, NULL },
        { "padding of none", BYTES("\xa0\xe0" FIXED "abc\0"), -EBADMSG, NULL },
        { "padding without a byte", BYTES("\xa0\xe0" FIXED), -EBADMSG, NULL },
        { "padding over the payload", BYTES("\xa0\xe0" FIXED "abc\5"), -EBADMSG, NULL },
        { "padding into the CSRC", BYTES("\xa1\xe0" FIXED "111\4"), -EBADMSG, NULL },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rtp_header header = { .seq = 4711 };
        CHECK(rtp_parse(cases[i].packet, &header) == cases[i].want, cases[i].name);
        if (cases[i].want < 0) {
            CHECK(header.seq == 4711, cases[i].name);
            continue;
        }
        CHECK(span_is(header.payload, cases[i].payload), cases[i].name);
        CHECK(header.marker && header.payload_type == 96, cases[i].name);
        CHECK(header.seq == 0x1234 && header.ticks == 0x89abcdef, cases[i].name);
        CHECK(header.ssrc == 0xfedcba98, cases[i].name);
    }
}

static void what_is_written_is_read_again(void **state)
{
    static const struct {
        const char       *name;
        struct rtp_header header;
    } cases[] = {
        { "zeros", { 0 } },
        { "all ones",
          { .payload_type = 127, .marker = true, .seq = 65535, .ticks = ~0u, .ssrc = ~0u } },
        { "no marker", { .payload_type = 96, .seq = 0x0102, .ticks = 0x03040506, .ssrc = 7 } },
        { "only the marker", { .marker = true } },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t           out[RTP_HEADER];
        struct rtp_header want = cases[i].header, got;
        rtp_write(&want, out);
        CHECK(rtp_parse((struct span){ out, sizeof(out) }, &got) == 0, cases[i].name);
        CHECK(got.payload_type == want.payload_type && got.marker == want.marker, cases[i].name);
        CHECK(got.seq == want.seq && got.ticks == want.ticks, cases[i].name);
        CHECK(got.ssrc == want.ssrc && got.payload.len == 0, cases[i].name);
    }
    uint8_t out[RTP_HEADER];
    rtp_write(&(struct rtp_header){ .payload_type = 96, .marker = true, .seq = 1 }, out);
    assert_memory_equal(out, "\x80\xe0\0\1\0\0\0\0\0\0\0\0", RTP_HEADER);
}

static void an_extension_is_written_and_passed_over(void **state)
{
    static const struct {
        const char *name;
        uint8_t     id;
        struct span value, want; /* behind the 12 bytes */
    } cases[] = {
        { "one byte", 1, BYTES("a"),
          BYTES("\xbe\xde\0\1\x10"
                "a\0\0") },
        { "three bytes", 14, BYTES("abc"),
          BYTES("\xbe\xde\0\1\xe2"
                "abc") },
        { "four bytes", 2, BYTES("abcd"),
          BYTES("\xbe\xde\0\2\x23"
                "abcd\0\0\0") },
        { "sixteen bytes", 3, BYTES("0123456789abcdef"),
          BYTES("\xbe\xde\0\5\x3f"
                "0123456789abcdef\0\0\0") },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rtp_header header = { .payload_type = 96, .marker = true, .seq = 7 }, got;
        uint8_t           out[RTP_HEADER + 32];
        memset(out, 0xee, sizeof(out));
        rtp_write(&header, out);
        size_t len = rtp_write_extension(out, cases[i].id, cases[i].value);
        CHECK(len == RTP_HEADER + cases[i].want.len, cases[i].name);
        CHECK(memcmp(out, "\x90\xe0\0\7", 4) == 0, cases[i].name);
        CHECK(memcmp(out + RTP_HEADER, cases[i].want.p, cases[i].want.len) == 0, cases[i].name);
        CHECK(out[len] == 0xee, cases[i].name);
        CHECK(rtp_parse((struct span){ out, len + 1 }, &got) == 0, cases[i].name);
        CHECK(got.payload.p == out + len && got.payload.len == 1, cases[i].name);
    }
}

static void playout_delays_are_of_12_bits_each(void **state)
{
    static const struct {
        const char *name;
        unsigned    min_ms, max_ms;
        const char *want;
    } cases[] = {
        { "at once", 0, 0, "\0\0\0" },
        { "least", 10, 20, "\0\x10\2" },
        { "rounded down", 19, 29, "\0\x10\2" },
        { "all bits", RTP_MAX_PLAYOUT_DELAY_MS, RTP_MAX_PLAYOUT_DELAY_MS, "\xff\xff\xff" },
        { "at most", 0, RTP_MAX_PLAYOUT_DELAY_MS, "\0\x0f\xff" },
        { "each in its place", 0x123 * 10, 0x456 * 10, "\x12\x34\x56" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t out[RTP_HEADER_WITH_DELAY], value[RTP_PLAYOUT_DELAY];
        rtp_write_playout_delay(cases[i].min_ms, cases[i].max_ms, value);
        CHECK(memcmp(value, cases[i].want, sizeof(value)) == 0, cases[i].name);
        rtp_write(&(struct rtp_header){ .payload_type = 96 }, out);
        CHECK(rtp_write_extension(out, 6, (struct span){ value, sizeof(value) }) == sizeof(out),
              cases[i].name);
    }
}

TESTS(packets_are_taken_apart, what_is_written_is_read_again,
      an_extension_is_written_and_passed_over, playout_delays_are_of_12_bits_each)
