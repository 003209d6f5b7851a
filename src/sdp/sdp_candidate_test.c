#include "sdp/sdp_candidate.h"

#include <errno.h>

#include "base/auto.h"
#include "base/test.h"

/* Its fields in the order of the line; what is not there comes last, by name. */
#define CANDIDATE(foundation_, component_, priority_, address_, port_, type_, ...)                 \
    {                                                                                              \
        .foundation = BYTES(foundation_), .component = component_, .priority = priority_,          \
        .address = BYTES(address_), .port = port_, .type = CANDIDATE_##type_, __VA_ARGS__          \
    }

static void candidates_of_all_kinds_are_read(void **state)
{
    static const struct {
        const char          *value;
        struct sdp_candidate want;
    } cases[] = {
        { "1 1 udp 2122260223 192.0.2.1 50000 typ host generation 0 ufrag abcd network-id 1",
          CANDIDATE("1", 1, 2122260223, "192.0.2.1", 50000, HOST, .ufrag = BYTES("abcd")) },
        { "f/+ 256 UDP 4294967295 2001:db8::1 65535 TYP HOST",
          CANDIDATE("f/+", 256, UINT32_MAX, "2001:db8::1", 65535, HOST) },
        { "2 2 udp 1 9b36eaac-bb2e.local 0 typ host",
          CANDIDATE("2", 2, 1, "9b36eaac-bb2e.local", 0, HOST, .is_mdns = true) },
        { "2 1 udp 1 NAME.LOCAL 5 typ host",
          CANDIDATE("2", 1, 1, "NAME.LOCAL", 5, HOST, .is_mdns = true) },
        { "2 1 udp 1 x.local.example 5 typ host",
          CANDIDATE("2", 1, 1, "x.local.example", 5, HOST) },
        { "2 1 udp 1 .local 5 typ host", CANDIDATE("2", 1, 1, ".local", 5, HOST) },
        { "4 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active generation 0",
          CANDIDATE("4", 1, 1518280447, "192.0.2.1", 9, HOST, .tcptype = BYTES("active")) },
        { "5 1 udp 7 203.0.113.5 50003 typ srflx raddr 192.0.2.1 rport 50000",
          CANDIDATE("5", 1, 7, "203.0.113.5", 50003, SRFLX) },
        { "6 1 udp 7 203.0.113.5 50003 typ relay",
          CANDIDATE("6", 1, 7, "203.0.113.5", 50003, RELAY) },
        { "7  1 udp 7 203.0.113.5 50003 typ  prflx odd",
          CANDIDATE("7", 1, 7, "203.0.113.5", 50003, PRFLX) },
        { "8 1 udp 7 203.0.113.5 50003 typ host tcptype active",
          CANDIDATE("8", 1, 7, "203.0.113.5", 50003, HOST) },
    };
    struct sdp_candidate got;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct sdp_candidate *want = &cases[i].want;
        CHECK(sdp_candidate_parse(span_from_string(cases[i].value), &got) == 0, cases[i].value);
        CHECK(span_equal(got.foundation, want->foundation), cases[i].value);
        CHECK(got.component == want->component, cases[i].value);
        CHECK(got.priority == want->priority, cases[i].value);
        CHECK(span_equal(got.address, want->address), cases[i].value);
        CHECK(got.port == want->port && got.type == want->type, cases[i].value);
        CHECK(span_equal(got.tcptype, want->tcptype), cases[i].value);
        CHECK(span_equal(got.ufrag, want->ufrag), cases[i].value);
        CHECK(got.is_mdns == want->is_mdns, cases[i].value);
    }
}

static void broken_candidates_are_refused(void **state)
{
    static const char *const values[] = {
        "",
        "1",
        "1 1 udp 1 192.0.2.1 5000",
        "1 1 udp 1 192.0.2.1 5000 typ",
        "1 1 udp 1 192.0.2.1 5000 type host",
        "1 1 udp 1 192.0.2.1 5000 typ guest",
        "1 1 udp 1 192.0.2.1 65536 typ host",
        "1 1 udp 4294967296 192.0.2.1 5000 typ host",
        "1 257 udp 1 192.0.2.1 5000 typ host",
        "1 -1 udp 1 192.0.2.1 5000 typ host",
        "1 1 sctp 1 192.0.2.1 5000 typ host",
        "1 1 tcp 1 192.0.2.1 5000 typ host",
        "1 1 tcp 1 192.0.2.1 5000 typ host tcptype",
    };
    struct sdp_candidate got;
    for (size_t i = 0; i < COUNT(values); i++)
        CHECK(sdp_candidate_parse(span_from_string(values[i]), &got) == -EINVAL, values[i]);
}

static void candidates_are_written(void **state)
{
    static const struct {
        struct sdp_candidate candidate;
        const char          *want;
    } cases[] = {
        { CANDIDATE("1", 7, UINT32_MAX, "192.0.2.1", 65535, HOST),
          "a=candidate:1 1 udp 4294967295 192.0.2.1 65535 typ host\r\n" },
        { CANDIDATE("1", 7, 1, "192.0.2.1", 1, HOST, .tcptype = BYTES("passive")),
          "a=candidate:1 1 tcp 1 192.0.2.1 1 typ host tcptype passive\r\n" },
        { CANDIDATE("1", 7, 1, "192.0.2.1", 1, SRFLX),
          "a=candidate:1 1 udp 1 192.0.2.1 1 typ srflx raddr 0.0.0.0 rport 0\r\n" },
        { CANDIDATE("1", 7, 1, "2001:db8::1", 1, RELAY),
          "a=candidate:1 1 udp 1 2001:db8::1 1 typ relay raddr :: rport 0\r\n" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO(buf_fini) struct buf out = { 0 };
        sdp_candidate_write(&out, &cases[i].candidate, 1);
        assert_string_equal(buf_string(&out), cases[i].want);
    }
}

TESTS(candidates_of_all_kinds_are_read, broken_candidates_are_refused, candidates_are_written)
