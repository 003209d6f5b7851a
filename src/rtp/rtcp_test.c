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

static struct rtcp_packet packet_of(struct span bytes)
{
    struct rtcp_packet packet = { 0 };
    assert_int_equal(rtcp_next(bytes, &packet), (ssize_t)bytes.len);
    return packet;
}

static void a_bye_is_written_and_read(void **state)
{
    uint8_t  out[RTCP_BYE_SIZE];
    uint32_t ssrc = 0;
    rtcp_write_bye(0x5252fcd1, out);
    assert_memory_equal(out, "\x81\xcb\0\1\x52\x52\xfc\xd1", sizeof(out));
    struct rtcp_packet packet = packet_of((struct span){ out, sizeof(out) });
    assert_int_equal(rtcp_parse_bye(&packet, 0, &ssrc), 0);
    assert_int_equal(ssrc, 0x5252fcd1);

    static const struct {
        const char *name;
        struct span in;
        unsigned    index;
        int         want;
        uint32_t    ssrc;
    } cases[] = {
        { "the second of two", BYTES("\x82\xcb\0\2AAAABBBB"), 1, 0, 0x42424242 },
        { "with a reason behind", BYTES("\x81\xcb\0\2AAAA\3bye"), 0, 0, 0x41414141 },
        { "a reason is no source", BYTES("\x81\xcb\0\2AAAA\3bye"), 1, -EBADMSG, 0 },
        { "announced and not there", BYTES("\x82\xcb\0\1AAAA"), 1, -EBADMSG, 0 },
        { "of nobody", BYTES("\x80\xcb\0\0"), 0, -EBADMSG, 0 },
        { "something else", BYTES("\x81\xc9\0\1AAAA"), 0, -EBADMSG, 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        packet = packet_of(cases[i].in);
        ssrc = 0;
        CHECK(rtcp_parse_bye(&packet, cases[i].index, &ssrc) == cases[i].want, cases[i].name);
        CHECK(ssrc == cases[i].ssrc, cases[i].name);
    }
}

static void lost_packets_are_listed(void **state)
{
    static const struct {
        const char *name;
        struct span in;
        int         want;
        unsigned    count;
        uint16_t    seqs[18];
    } cases[] = {
        { "one", BYTES("\x81\xcd\0\3SSSSMMMM\0\7\0\0"), 0, 1, { 7 } },
        { "and the next", BYTES("\x81\xcd\0\3SSSSMMMM\0\7\0\1"), 0, 2, { 7, 8 } },
        { "and the last a mask has", BYTES("\x81\xcd\0\3SSSSMMMM\0\7\x80\0"), 0, 2, { 7, 23 } },
        { "17 of them",
          BYTES("\x81\xcd\0\3SSSSMMMM\0\1\xff\xff"),
          0,
          17,
          { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17 } },
        { "the numbers wrap", BYTES("\x81\xcd\0\3SSSSMMMM\xff\xff\0\5"), 0, 3, { 65535, 0, 2 } },
        { "two pairs", BYTES("\x81\xcd\0\4SSSSMMMM\0\1\0\1\1\0\0\0"), 0, 3, { 1, 2, 256 } },
        { "none", BYTES("\x81\xcd\0\2SSSSMMMM"), 0, 0, { 0 } },
        { "half a pair, the rest is padding", BYTES("\xa1\xcd\0\3SSSSMMMM\0\1\0\2"), 0, 0, { 0 } },
        { "cut short", BYTES("\x81\xcd\0\1SSSS"), -EBADMSG, 0, { 0 } },
        { "transport-wide feedback", BYTES("\x8f\xcd\0\3SSSSMMMM\0\1\0\1"), -EBADMSG, 0, { 0 } },
        { "a PLI", BYTES("\x81\xce\0\2SSSSMMMM"), -EBADMSG, 0, { 0 } },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rtcp_packet packet = packet_of(cases[i].in);
        struct rtcp_nack   nack = { .ssrc = 4711 };
        uint16_t           seq;
        CHECK(rtcp_parse_nack(&packet, &nack) == cases[i].want, cases[i].name);
        CHECK(nack.ssrc == (cases[i].want < 0 ? 4711 : 0x4d4d4d4d), cases[i].name);
        for (unsigned k = 0; k < cases[i].count; k++)
            CHECK(rtcp_next_lost(&nack, &seq) && seq == cases[i].seqs[k], cases[i].name);
        CHECK(!rtcp_next_lost(&nack, &seq), cases[i].name);
    }
}

static void wishes_for_a_keyframe_are_read(void **state)
{
    enum { PLI = 1, FIR = 2 };
    static const struct {
        const char *name;
        struct span in;
        unsigned    index;
        int         kind; /* 0: none */
        uint32_t    ssrc;
        uint8_t     seq;
    } cases[] = {
        { "PLI", BYTES("\x81\xce\0\2SSSSMMMM"), 0, PLI, 0x4d4d4d4d, 0 },
        { "PLI with something behind", BYTES("\x81\xce\0\3SSSSMMMM1234"), 0, PLI, 0x4d4d4d4d, 0 },
        { "PLI cut short", BYTES("\x81\xce\0\1SSSS"), 0, 0, 0, 0 },
        { "a NACK", BYTES("\x81\xcd\0\3SSSSMMMM\0\1\0\0"), 0, 0, 0, 0 },
        { "FIR", BYTES("\x84\xce\0\4SSSS\0\0\0\0MMMM\7\0\0\0"), 0, FIR, 0x4d4d4d4d, 7 },
        { "the second entry", BYTES("\x84\xce\0\6SSSS\0\0\0\0MMMM\7\0\0\0NNNN\xff\0\0\0"), 1, FIR,
          0x4e4e4e4e, 255 },
        { "no such entry", BYTES("\x84\xce\0\4SSSS\0\0\0\0MMMM\7\0\0\0"), 1, 0, 0, 0 },
        { "half an entry", BYTES("\x84\xce\0\3SSSS\0\0\0\0MMMM"), 0, 0, 0, 0 },
        { "FIR without entries", BYTES("\x84\xce\0\2SSSS\0\0\0\0"), 0, 0, 0, 0 },
        { "REMB", BYTES("\x8f\xce\0\5SSSS\0\0\0\0REMB\1\1\2\3MMMM"), 0, 0, 0, 0 },
        { "XR", BYTES("\x84\xcf\0\4SSSSMMMM\0\0\0\0\0\0\0\0"), 0, 0, 0, 0 },
        { "a report", BYTES("\x81\xc9\0\2SSSSMMMM"), 0, 0, 0, 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rtcp_packet packet = packet_of(cases[i].in);
        uint32_t           ssrc = 0;
        struct rtcp_fir    fir = { 0 };
        int                pli = rtcp_parse_pli(&packet, &ssrc);
        CHECK(pli == (cases[i].kind == PLI ? 0 : -EBADMSG), cases[i].name);
        int err = rtcp_parse_fir(&packet, cases[i].index, &fir);
        CHECK(err == (cases[i].kind == FIR ? 0 : -EBADMSG), cases[i].name);
        CHECK((ssrc | fir.ssrc) == cases[i].ssrc && fir.seq == cases[i].seq, cases[i].name);
    }
}

static void a_report_goes_with_a_name(void **state)
{
    static const struct {
        const char *name;
        struct span cname, want;
    } cases[] = {
        { "one zero behind", BYTES("a"), BYTES("\x81\xca\0\2\1\2\3\4\1\1a\0") },
        { "four zeros behind", BYTES("ab"), BYTES("\x81\xca\0\3\1\2\3\4\1\2ab\0\0\0\0") },
        { "three", BYTES("abc"), BYTES("\x81\xca\0\3\1\2\3\4\1\3abc\0\0\0") },
        { "two", BYTES("abcd"), BYTES("\x81\xca\0\3\1\2\3\4\1\4abcd\0\0") },
    };
    uint8_t            out[RTCP_SR_SIZE + RTCP_MAX_SDES_SIZE + 1];
    struct rtcp_packet packet;
    for (size_t i = 0; i < COUNT(cases); i++) {
        memset(out, 0xee, sizeof(out));
        size_t size = rtcp_write_sdes(0x01020304, cases[i].cname, out);
        CHECK(span_equal((struct span){ out, size }, cases[i].want), cases[i].name);
        CHECK(size == RTCP_SDES_SIZE(cases[i].cname.len) && out[size] == 0xee, cases[i].name);
    }
    static const uint8_t longest[RTCP_MAX_CNAME] = { 'a' };
    rtcp_write_sr(&sender, out);
    size_t size =
        RTCP_SR_SIZE +
        rtcp_write_sdes(sender.ssrc, (struct span){ longest, RTCP_MAX_CNAME }, out + RTCP_SR_SIZE);
    assert_int_equal(size, sizeof(out) - 1);
    struct span compound = { out, size };
    assert_int_equal(rtcp_next(compound, &packet), RTCP_SR_SIZE);
    assert_int_equal(rtcp_next(span_skip(compound, RTCP_SR_SIZE), &packet), RTCP_MAX_SDES_SIZE);
    assert_int_equal(packet.type, RTCP_SDES);
    assert_int_equal(packet.count, 1);
}

static void a_receiver_may_have_nothing_to_report(void **state)
{
    uint8_t out[RTCP_EMPTY_RR_SIZE];
    rtcp_write_empty_rr(0x5252fcd1, out);
    assert_memory_equal(out, "\x80\xc9\0\1\x52\x52\xfc\xd1", sizeof(out));
    struct rtcp_packet packet = packet_of((struct span){ out, sizeof(out) });
    assert_int_equal(packet.count, 0);
}

static void feedback_is_written_and_read(void **state)
{
    static const struct {
        const char *name;
        unsigned    count, pairs;
        uint16_t    seqs[5];
    } cases[] = {
        { "one", 1, 1, { 7 } },
        { "as far as a mask goes", 2, 1, { 7, 23 } },
        { "farther", 2, 2, { 7, 24 } },
        { "the numbers wrap", 3, 1, { 65534, 0, 14 } },
        { "one farther than that", 4, 2, { 65534, 0, 14, 15 } },
        { "twice the same", 2, 2, { 7, 7 } },
        { "far apart", 5, 5, { 0, 100, 200, 300, 400 } },
    };
    uint8_t  out[RTCP_MAX_NACK_SIZE];
    uint16_t seq;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t size = rtcp_write_nack(1, 0x01020304, cases[i].seqs, cases[i].count, out);
        CHECK(size == 12 + 4 * (size_t)cases[i].pairs, cases[i].name);
        struct rtcp_packet packet = packet_of((struct span){ out, size });
        struct rtcp_nack   nack;
        CHECK(rtcp_parse_nack(&packet, &nack) == 0 && nack.ssrc == 0x01020304, cases[i].name);
        for (unsigned k = 0; k < cases[i].count; k++)
            CHECK(rtcp_next_lost(&nack, &seq) && seq == cases[i].seqs[k], cases[i].name);
        CHECK(!rtcp_next_lost(&nack, &seq), cases[i].name);
    }
    uint16_t most[RTCP_MAX_NACKS];
    for (unsigned i = 0; i < RTCP_MAX_NACKS; i++)
        most[i] = (uint16_t)(i * 100);
    assert_int_equal(rtcp_write_nack(1, 2, most, RTCP_MAX_NACKS, out), RTCP_MAX_NACK_SIZE);

    rtcp_write_pli(0x5252fcd1, 0x01020304, out);
    assert_memory_equal(out, "\x81\xce\0\2\x52\x52\xfc\xd1\1\2\3\4", RTCP_PLI_SIZE);
    struct rtcp_packet packet = packet_of((struct span){ out, RTCP_PLI_SIZE });
    uint32_t           ssrc;
    assert_int_equal(rtcp_parse_pli(&packet, &ssrc), 0);
    assert_int_equal(ssrc, 0x01020304);

    struct rtcp_fir fir = { .ssrc = 0x01020304, .seq = 0xfe };
    rtcp_write_fir(0x5252fcd1, &fir, out);
    assert_memory_equal(out, "\x84\xce\0\4\x52\x52\xfc\xd1\0\0\0\0\1\2\3\4\xfe\0\0\0",
                        RTCP_FIR_SIZE);
    packet = packet_of((struct span){ out, RTCP_FIR_SIZE });
    fir = (struct rtcp_fir){ 0 };
    assert_int_equal(rtcp_parse_fir(&packet, 0, &fir), 0);
    assert_true(fir.ssrc == 0x01020304 && fir.seq == 0xfe);
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
      receiver_reports_are_written_and_read, blocks_are_found_where_they_are,
      a_bye_is_written_and_read, lost_packets_are_listed, wishes_for_a_keyframe_are_read,
      a_report_goes_with_a_name, a_receiver_may_have_nothing_to_report,
      feedback_is_written_and_read, ntp_and_wall_clock)
