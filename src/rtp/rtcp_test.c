#include "rtp/rtcp.h"

#include <errno.h>

#include "base/clock.h"
#include "base/test.h"

static void compounds_are_walked(void **state)
{
    static const struct {
        const char *name;
        struct span in;
        ssize_t     want;
        uint8_t     type, count;
        struct span body;
    } cases[] = {
        { "a receiver report", BYTES("\x80\xc9\0\1SSRC"), 8, RTCP_RR, 0, BYTES("SSRC") },
        { "more behind it", BYTES("\x80\xc9\0\1SSRC\x81"), 8, RTCP_RR, 0, BYTES("SSRC") },
        { "no body", BYTES("\x9f\xce\0\0"), 4, RTCP_PSFB, 31, BYTES("") },
        { "padding", BYTES("\xa1\xcb\0\2SSRC\0\0\0\4"), 12, RTCP_BYE, 1, BYTES("SSRC") },
        { "nothing but padding", BYTES("\xa0\xcc\0\1\0\0\0\4"), 8, RTCP_APP, 0, BYTES("") },
        { "a type nobody knows", BYTES("\x80\xff\0\0"), 4, 255, 0, BYTES("") },

        { "nothing", BYTES(""), -EBADMSG, 0, 0, { 0 } },
        { "header cut short", BYTES("\x80\xc9\0"), -EBADMSG, 0, 0, { 0 } },
        { "version 1", BYTES("\x40\xc9\0\0"), -EBADMSG, 0, 0, { 0 } },
        { "version 3", BYTES("\xc0\xc9\0\0"), -EBADMSG, 0, 0, { 0 } },
        { "body cut short", BYTES("\x80\xc9\0\1SSR"), -EBADMSG, 0, 0, { 0 } },
        { "the longest", BYTES("\x80\xc9\xff\xffSSRC"), -EBADMSG, 0, 0, { 0 } },
        { "padding of none", BYTES("\xa0\xc9\0\1SSR\0"), -EBADMSG, 0, 0, { 0 } },
        { "padding without a byte", BYTES("\xa0\xc9\0\0"), -EBADMSG, 0, 0, { 0 } },
        { "padding over the body", BYTES("\xa0\xc9\0\1SSR\5"), -EBADMSG, 0, 0, { 0 } },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rtcp_packet packet = { .type = 77 };
        CHECK(rtcp_next(cases[i].in, &packet) == cases[i].want, cases[i].name);
        if (cases[i].want < 0) {
            CHECK(packet.type == 77, cases[i].name);
            continue;
        }
        CHECK(packet.type == cases[i].type && packet.count == cases[i].count, cases[i].name);
        CHECK(span_equal(packet.body, cases[i].body), cases[i].name);
    }
}

static const struct rtcp_sender_info sender = {
    .ssrc = 0x5252fcd1,
    .ntp = 0x0102030405060708,
    .ticks = 0xfffffffe,
    .packets = 3,
    .bytes = 0x80000000,
};

static void sender_reports_are_written_and_read(void **state)
{
    uint8_t out[RTCP_SR_SIZE];
    rtcp_write_sr(&sender, out);
    assert_memory_equal(out,
                        "\x80\xc8\0\6\x52\x52\xfc\xd1\1\2\3\4\5\6\7\x08\xff\xff\xff\xfe"
                        "\0\0\0\3\x80\0\0\0",
                        sizeof(out));
    struct rtcp_packet      packet;
    struct rtcp_sender_info got;
    assert_int_equal(rtcp_next((struct span){ out, sizeof(out) }, &packet), RTCP_SR_SIZE);
    assert_int_equal(packet.count, 0);
    assert_int_equal(rtcp_parse_sender_info(&packet, &got), 0);
    assert_int_equal(got.ssrc, sender.ssrc);
    assert_int_equal(got.ntp, sender.ntp);
    assert_int_equal(got.ticks, sender.ticks);
    assert_int_equal(got.packets, sender.packets);
    assert_int_equal(got.bytes, sender.bytes);

    packet.body.len--;
    assert_int_equal(rtcp_parse_sender_info(&packet, &got), -EBADMSG);
    packet.body.len++;
    packet.type = RTCP_RR;
    assert_int_equal(rtcp_parse_sender_info(&packet, &got), -EBADMSG);
}

static void receiver_reports_are_written_and_read(void **state)
{
    static const struct {
        const char *name;
        int32_t     lost, want;
    } cases[] = {
        { "none", 0, 0 },
        { "some", 5, 5 },
        { "duplicates", -1, -1 },
        { "the most", 0x7fffff, 0x7fffff },
        { "more than that", 0x800000, 0x7fffff },
        { "the least", -0x800000, -0x800000 },
        { "less than that", INT32_MIN, -0x800000 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rtcp_report_block block = {
            .ssrc = 0x01020304,
            .fraction_lost = 16,
            .lost = cases[i].lost,
            .highest_seq = 0x0001ffff,
            .jitter = 9,
            .last_sr = 0x03040506,
            .delay_since_sr = 0x10000,
        };
        uint8_t                  out[RTCP_RR_SIZE];
        struct rtcp_packet       packet;
        struct rtcp_report_block got;
        rtcp_write_rr(0x5252fcd1, &block, out);
        CHECK(memcmp(out, "\x81\xc9\0\7\x52\x52\xfc\xd1\1\2\3\4\x10", 13) == 0, cases[i].name);
        CHECK(rtcp_next((struct span){ out, sizeof(out) }, &packet) == RTCP_RR_SIZE, cases[i].name);
        CHECK(rtcp_parse_report_block(&packet, 0, &got) == 0, cases[i].name);
        CHECK(got.ssrc == block.ssrc && got.fraction_lost == 16, cases[i].name);
        CHECK(got.lost == cases[i].want, cases[i].name);
        CHECK(got.highest_seq == block.highest_seq && got.jitter == block.jitter, cases[i].name);
        CHECK(got.last_sr == block.last_sr, cases[i].name);
        CHECK(got.delay_since_sr == block.delay_since_sr, cases[i].name);
    }
}

/* One block of each kind of report; the second one is announced by `count` and not there. */
static void blocks_are_found_where_they_are(void **state)
{
    static const uint8_t bytes[4 + 20 + 24 + 23] = { [4] = 0xaa, [4 + 20] = 0xbb };
    static const struct {
        const char *name;
        uint8_t     type, count;
        unsigned    index;
        size_t      len;
        int         want;
        uint32_t    ssrc;
    } cases[] = {
        { "of a receiver report", RTCP_RR, 1, 0, 4 + 24, 0, 0xaa000000 },
        { "of a sender report", RTCP_SR, 1, 0, 4 + 20 + 24, 0, 0xbb000000 },
        { "the second, cut short", RTCP_RR, 2, 1, 4 + 24 + 23, -EBADMSG, 0 },
        { "cut short in a sender report", RTCP_SR, 1, 0, 4 + 20 + 23, -EBADMSG, 0 },
        { "no body", RTCP_RR, 1, 0, 0, -EBADMSG, 0 },
        { "more than announced", RTCP_RR, 1, 1, 4 + 48, -EBADMSG, 0 },
        { "none announced", RTCP_RR, 0, 0, 4 + 24, -EBADMSG, 0 },
        { "of something else", RTCP_SDES, 1, 0, 4 + 24, -EBADMSG, 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rtcp_packet packet = { cases[i].type, cases[i].count, { bytes, cases[i].len } };
        struct rtcp_report_block block = { .ssrc = 4711 };
        CHECK(rtcp_parse_report_block(&packet, cases[i].index, &block) == cases[i].want,
              cases[i].name);
        CHECK(block.ssrc == (cases[i].want < 0 ? 4711 : cases[i].ssrc), cases[i].name);
    }
}

static void a_bye_is_written(void **state)
{
    uint8_t out[RTCP_BYE_SIZE];
    rtcp_write_bye(0x5252fcd1, out);
    assert_memory_equal(out, "\x81\xcb\0\1\x52\x52\xfc\xd1", sizeof(out));
}

static void ntp_and_wall_clock(void **state)
{
    static const struct {
        const char *name;
        int64_t     wall_ns;
        uint64_t    ntp;
    } cases[] = {
        { "1970", 0, UINT64_C(0x83aa7e8000000000) },
        { "and a half second", NS_PER_S / 2, UINT64_C(0x83aa7e8080000000) },
        { "one ns", 1, UINT64_C(0x83aa7e8000000004) },
        { "one ns less than a second", NS_PER_S - 1, UINT64_C(0x83aa7e80fffffffb) },
        { "before 1970", -NS_PER_S / 2, UINT64_C(0x83aa7e7f80000000) },
        { "the first that is told from 2036", INT64_C(-61505152) * NS_PER_S, UINT64_C(1) << 63 },
        { "last second of the era", INT64_C(2085978495) * NS_PER_S, UINT64_C(0xffffffff) << 32 },
        { "first second of the next", INT64_C(2085978496) * NS_PER_S, 0 },
        { "2040", INT64_C(2208988800) * NS_PER_S + 1000, UINT64_C(0x0754fd00000010c6) },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        CHECK(rtcp_ntp_from_ns(cases[i].wall_ns) == cases[i].ntp, cases[i].name);
        CHECK(rtcp_ntp_to_ns(cases[i].ntp) == cases[i].wall_ns, cases[i].name);
    }
    for (int64_t ns = INT64_C(1795000000123456789), i = 0; i < 1000; i++, ns += 999999937)
        assert_int_equal(rtcp_ntp_to_ns(rtcp_ntp_from_ns(ns)), ns);
}

TESTS(compounds_are_walked, sender_reports_are_written_and_read,
      receiver_reports_are_written_and_read, blocks_are_found_where_they_are, a_bye_is_written,
      ntp_and_wall_clock)
