#include "conf/units.h"

#include <errno.h>
#include <inttypes.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/test.h"

static void durations_are_read(void **state)
{
    static const struct {
        struct span text;
        int64_t     want;
    } cases[] = {
        { BYTES(""), 0 },
        { BYTES("0"), 0 },
        { BYTES("+0"), 0 },
        { BYTES("0s"), 0 },
        { BYTES("10s"), 10 * NS_PER_S },
        { BYTES("+10s"), 10 * NS_PER_S },
        { BYTES("-10s"), -10 * NS_PER_S },
        { BYTES("300ms"), 300 * NS_PER_MS },
        { BYTES("1ns"), 1 },
        { BYTES("5us"), 5 * NS_PER_US },
        { BYTES("5\xc2\xb5s"), 5 * NS_PER_US },
        { BYTES("5\xce\xbcs"), 5 * NS_PER_US },
        { BYTES("1m30s"), 90 * NS_PER_S },
        { BYTES("1h0m0s"), 3600 * NS_PER_S },
        { BYTES("30s1m"), 90 * NS_PER_S },
        { BYTES("1.5s"), 1500 * NS_PER_MS },
        { BYTES(".5s"), 500 * NS_PER_MS },
        { BYTES("1.s"), NS_PER_S },
        { BYTES("0.1h"), 360 * NS_PER_S },
        { BYTES("1.0000000001s"), NS_PER_S },
        { BYTES("0.99999999999999999999999s"), NS_PER_S - 1 },
        { BYTES("1d"), 86400 * NS_PER_S },
        { BYTES("1d12h"), 129600 * NS_PER_S },
        { BYTES("-1d12h"), -129600 * NS_PER_S },
        { BYTES("9223372036854775807ns"), INT64_MAX },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t got = -1;
        CHECK(duration_parse(cases[i].text, &got) == 0, (const char *)cases[i].text.p);
        CHECK(got == cases[i].want, (const char *)cases[i].text.p);
    }
}

static void what_is_no_duration_is_refused(void **state)
{
    static const struct {
        struct span text;
        int         want;
    } cases[] = {
        { BYTES("5"), -EINVAL },
        { BYTES("-"), -EINVAL },
        { BYTES("+"), -EINVAL },
        { BYTES("s"), -EINVAL },
        { BYTES("1x"), -EINVAL },
        { BYTES(".s"), -EINVAL },
        { BYTES("1 s"), -EINVAL },
        { BYTES(" 1s"), -EINVAL },
        { BYTES("1s "), -EINVAL },
        { BYTES("1S"), -EINVAL },
        { BYTES("--1s"), -EINVAL },
        { BYTES("d"), -EINVAL },
        { BYTES("1.5d"), -EINVAL },
        { BYTES("1h1d"), -EINVAL },
        { BYTES("1d1"), -EINVAL },
        { BYTES("abc"), -EINVAL },
        { BYTES("0x5s"), -EINVAL },
        { BYTES("1..5s"), -EINVAL },
        { BYTES("00"), -EINVAL },
        { BYTES("1e3s"), -EINVAL },
        { BYTES("1s\0"), -EINVAL },
        { BYTES("9223372036854775808ns"), -ERANGE },
        { BYTES("9223372036854775807s"), -ERANGE },
        { BYTES("99999999999999999999d"), -ERANGE },
        { BYTES("106752d"), -ERANGE },
        { BYTES("106751d24h"), -ERANGE },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t got = 7;
        CHECK(duration_parse(cases[i].text, &got) == cases[i].want, (const char *)cases[i].text.p);
        CHECK(got == 7, (const char *)cases[i].text.p);
    }
}

static void durations_are_written_as_go_does(void **state)
{
    static const struct {
        int64_t     ns;
        const char *want;
    } cases[] = {
        { 0, "" },
        { 1, "1ns" },
        { 1500, "1.5\xc2\xb5s" },
        { NS_PER_MS, "1ms" },
        { 300 * NS_PER_MS, "300ms" },
        { 1500001, "1.500001ms" },
        { NS_PER_S, "1s" },
        { 1500 * NS_PER_MS, "1.5s" },
        { NS_PER_S + 1, "1.000000001s" },
        { 60 * NS_PER_S, "1m0s" },
        { 3600 * NS_PER_S, "1h0m0s" },
        { 3661 * NS_PER_S, "1h1m1s" },
        { 86400 * NS_PER_S, "1d" },
        { 129600 * NS_PER_S, "1d12h0m0s" },
        { 86400 * NS_PER_S + 5 * NS_PER_MS, "1d5ms" },
        { -90 * NS_PER_S, "-1m30s" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO(buf_fini) struct buf out = { 0 };
        int64_t                   back = -1;
        duration_print(cases[i].ns, &out);
        CHECK(strcmp(buf_string(&out), cases[i].want) == 0, cases[i].want);
        CHECK(duration_parse(buf_span(&out), &back) == 0 && back == cases[i].ns, cases[i].want);
    }
}

static void sizes_are_read(void **state)
{
    static const struct {
        struct span text;
        int64_t     want;
    } cases[] = {
        { BYTES("50M"), 50 << 20 },
        { BYTES("50MB"), 50 << 20 },
        { BYTES("50MiB"), 50 << 20 },
        { BYTES("50mib"), 50 << 20 },
        { BYTES("1.5G"), INT64_C(3) << 29 },
        { BYTES("0B"), 0 },
        { BYTES("512b"), 512 },
        { BYTES("1.9B"), 1 },
        { BYTES("1K"), 1024 },
        { BYTES("1T"), INT64_C(1) << 40 },
        { BYTES("2P"), INT64_C(1) << 51 },
        { BYTES("7E"), INT64_C(7) << 60 },
        { BYTES("1.1M"), 1153433 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t got = -1;
        CHECK(size_parse(cases[i].text, &got) == 0, (const char *)cases[i].text.p);
        CHECK(got == cases[i].want, (const char *)cases[i].text.p);
    }
}

static void what_is_no_size_is_refused(void **state)
{
    static const struct {
        struct span text;
        int         want;
    } cases[] = {
        { BYTES(""), -EINVAL },
        { BYTES("50"), -EINVAL },
        { BYTES("M"), -EINVAL },
        { BYTES("50 M"), -EINVAL },
        { BYTES("-5M"), -EINVAL },
        { BYTES("50X"), -EINVAL },
        { BYTES("5BB"), -EINVAL },
        { BYTES("5Mi"), -EINVAL },
        { BYTES("5MBs"), -EINVAL },
        { BYTES("8E"), -ERANGE },
        { BYTES("9223372036854775808B"), -ERANGE },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t got = 7;
        CHECK(size_parse(cases[i].text, &got) == cases[i].want, (const char *)cases[i].text.p);
        CHECK(got == 7, (const char *)cases[i].text.p);
    }
}

static void sizes_are_written_short_and_exactly(void **state)
{
    static const struct {
        int64_t     bytes;
        const char *want;
    } cases[] = {
        { 0, "0B" },
        { 1, "1B" },
        { 1023, "1023B" },
        { 1024, "1K" },
        { 1500, "1500B" },
        { 1536, "1.5K" },
        { 50 << 20, "50M" },
        { 1153433, "1.1M" },
        { 1153434, "1153434B" },
        { (1 << 20) - 1, "1048575B" },
        { INT64_C(3) << 29, "1.5G" },
        { INT64_MAX, "9223372036854775807B" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO(buf_fini) struct buf out = { 0 };
        int64_t                   back = -1;
        size_print(cases[i].bytes, &out);
        CHECK(strcmp(buf_string(&out), cases[i].want) == 0, cases[i].want);
        CHECK(size_parse(buf_span(&out), &back) == 0 && back == cases[i].bytes, cases[i].want);
    }
}

TESTS(durations_are_read, what_is_no_duration_is_refused, durations_are_written_as_go_does,
      sizes_are_read, what_is_no_size_is_refused, sizes_are_written_short_and_exactly)
