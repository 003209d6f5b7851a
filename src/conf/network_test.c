#include "conf/network.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/test.h"

static void networks_are_read_and_written_as_cidrs(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "127.0.0.1", "127.0.0.1/32" },
        { "0.0.0.0/0", "0.0.0.0/0" },
        { "10.0.0.0/8", "10.0.0.0/8" },
        { "10.1.2.3/8", "10.0.0.0/8" },
        { "255.255.255.255/31", "255.255.255.254/31" },
        { "255.255.255.255/17", "255.255.128.0/17" },
        { "192.0.2.1/32", "192.0.2.1/32" },
        { "::1", "::1/128" },
        { "::/0", "::/0" },
        { "2001:DB8:0:0:0:0:0:1", "2001:db8::1/128" },
        { "2001:db8:ffff::/33", "2001:db8:8000::/33" },
        { "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/127",
          "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127" },
        { "::ffff:192.0.2.1", "192.0.2.1/32" },
        { "::ffff:10.1.2.3/104", "10.0.0.0/8" },
        { "::ffff:0.0.0.0/96", "0.0.0.0/0" },
        { "::ffff:0.0.0.0/95", "::fffe:0:0/95" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct network network, again;
        char           text[NETWORK_TEXT], second[NETWORK_TEXT];
        CHECK(network_parse(span_from_string(cases[i].text), &network) == 0, cases[i].text);
        network_format(&network, text);
        CHECK(strcmp(text, cases[i].want) == 0, text);
        CHECK(network_parse(span_from_string(text), &again) == 0, text);
        CHECK(memcmp(&network, &again, sizeof(network)) == 0, text);
        network_format(&again, second);
        CHECK(strcmp(text, second) == 0, text);
    }
}

static void families_and_prefixes_are_told(void **state)
{
    static const struct {
        const char *text;
        int         family;
        unsigned    prefix;
        uint8_t     first, last; /* bytes of the address */
    } cases[] = {
        { "10.0.0.7", AF_INET, 32, 10, 7 },
        { "10.0.0.7/24", AF_INET, 24, 10, 0 },
        { "::ffff:10.0.0.7", AF_INET, 32, 10, 7 },
        { "fe80::9/127", AF_INET6, 127, 0xfe, 8 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct network network;
        CHECK(network_parse(span_from_string(cases[i].text), &network) == 0, cases[i].text);
        CHECK(network.family == cases[i].family, cases[i].text);
        CHECK(network.prefix == cases[i].prefix, cases[i].text);
        size_t last = network.family == AF_INET ? 3 : 15;
        CHECK(network.address[0] == cases[i].first, cases[i].text);
        CHECK(network.address[last] == cases[i].last, cases[i].text);
    }
}

static void hosts_are_in_their_networks(void **state)
{
    static const struct {
        const char *network, *address;
        bool        want;
    } cases[] = {
        { "127.0.0.1", "127.0.0.1:80", true },
        { "127.0.0.1", "127.0.0.2:80", false },
        { "127.0.0.1", "[::ffff:127.0.0.1]:80", true },
        { "127.0.0.1", "[::1]:80", false },
        { "10.0.0.0/8", "10.255.255.255:1", true },
        { "10.0.0.0/8", "11.0.0.0:1", false },
        { "192.0.2.128/25", "192.0.2.128:1", true },
        { "192.0.2.128/25", "192.0.2.127:1", false },
        { "0.0.0.0/0", "255.1.2.3:1", true },
        { "0.0.0.0/0", "[2001:db8::1]:1", false },
        { "::/0", "[2001:db8::1]:1", true },
        { "::/0", "10.0.0.1:1", false },
        { "::/0", "[::ffff:10.0.0.1]:1", false },
        { "2001:db8::/33", "[2001:db8:7fff::1]:1", true },
        { "2001:db8::/33", "[2001:db8:8000::1]:1", false },
        { "::1", "[::1]:1", true },
        { "::1", "[::2]:1", false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct network network;
        struct address address;
        CHECK(network_parse(span_from_string(cases[i].network), &network) == 0, cases[i].network);
        CHECK(address_parse(cases[i].address, &address, NULL) == 0, cases[i].address);
        CHECK(network_contains(&network, &address) == cases[i].want, cases[i].address);
    }
    struct network any = { .family = AF_INET };
    struct address other = { .storage.ss_family = AF_UNIX };
    assert_false(network_contains(&any, &other));
}

static void other_texts_are_refused(void **state)
{
    static const struct span cases[] = {
        BYTES(""),
        BYTES("/"),
        BYTES("/8"),
        BYTES("localhost"),
        BYTES("10.0.0"),
        BYTES("10.0.0.256"),
        BYTES("010.0.0.1"),
        BYTES("10.0.0.1/"),
        BYTES("10.0.0.1/33"),
        BYTES("10.0.0.1/-1"),
        BYTES("10.0.0.1/8/8"),
        BYTES("10.0.0.1/8 "),
        BYTES(" 10.0.0.1"),
        BYTES("10.0.0.1:80"),
        BYTES("10.0.0.1/255.0.0.0"),
        BYTES("10.0.0.1\0"),
        BYTES("10.0.0.1/4294967304"),
        BYTES("[::1]"),
        BYTES("::1/129"),
        BYTES("fe80::1%eth0"),
        BYTES("1:2:3:4:5:6:7:8:9"),
        BYTES("2001:db8:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"),
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct network network = { .prefix = 77 };
        CHECK(network_parse(cases[i], &network) == -EINVAL, (const char *)cases[i].p);
        CHECK(network.prefix == 77, (const char *)cases[i].p);
    }
}

TESTS(networks_are_read_and_written_as_cidrs, families_and_prefixes_are_told,
      hosts_are_in_their_networks, other_texts_are_refused)
