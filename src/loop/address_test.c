#include "loop/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include "base/test.h"

static void addresses_are_read_and_written(void **state)
{
    static const struct {
        const char *in, *out;
        int         family;
        bool        is_loopback;
    } cases[] = {
        { "127.0.0.1:8554", "127.0.0.1:8554", AF_INET, true },
        { "127.255.0.1:1", "127.255.0.1:1", AF_INET, true },
        { "128.0.0.1:1", "128.0.0.1:1", AF_INET, false },
        { "localhost:80", "127.0.0.1:80", AF_INET, true },
        { "0.0.0.0:0", "0.0.0.0:0", AF_INET, false },
        { "255.255.255.255:65535", "255.255.255.255:65535", AF_INET, false },
        { "[::1]:8554", "[::1]:8554", AF_INET6, true },
        { "[::2]:8554", "[::2]:8554", AF_INET6, false },
        { "[::]:0", "[::]:0", AF_INET6, false },
        { "[2001:DB8:0:0::0001]:443", "[2001:db8::1]:443", AF_INET6, false },
        { "[::ffff:127.0.0.1]:1", "127.0.0.1:1", AF_INET6, true },
        { "[::ffff:10.0.0.1]:1", "10.0.0.1:1", AF_INET6, false },
        { "[2001:db8:1111:2222:3333:4444:5555:6666]:65535",
          "[2001:db8:1111:2222:3333:4444:5555:6666]:65535", AF_INET6, false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct address address;
        struct errmsg  why = { "" };
        char           text[ADDRESS_TEXT];
        CHECK(address_parse(cases[i].in, &address, &why) == 0, cases[i].in);
        CHECK(address.storage.ss_family == cases[i].family, cases[i].in);
        CHECK(address.len == (cases[i].family == AF_INET ? sizeof(struct sockaddr_in)
                                                         : sizeof(struct sockaddr_in6)),
              cases[i].in);
        CHECK(address_is_loopback(&address) == cases[i].is_loopback, cases[i].in);
        address_format(&address, text);
        CHECK(strcmp(text, cases[i].out) == 0, cases[i].in);
    }
}

static void an_empty_host_is_every_interface(void **state)
{
    struct address address;
    assert_int_equal(address_parse(":8554", &address, NULL), 0);
    if (address.storage.ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address.storage;
        assert_int_equal(v4->sin_addr.s_addr, INADDR_ANY);
        assert_int_equal(ntohs(v4->sin_port), 8554);
        return;
    }
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address.storage;
    assert_true(IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr));
    assert_int_equal(ntohs(v6->sin6_port), 8554);
}

static void what_is_no_address_is_named(void **state)
{
    static const char *const cases[] = {
        "",
        ":",
        "8554",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.1:+1",
        "127.0.0.1: 1",
        "127.0.0.1:0x50",
        "127.0.0:80",
        "127.0.0.1.2:80",
        "256.0.0.1:80",
        "[127.0.0.1]:80",
        "camera.example:80",
        "localhost",
        "::1",
        "::1:80",
        "[::1]",
        "[::1]80",
        "[::1:80",
        "::1]:80",
        "[::g]:80",
        "[::1%eth0]:80",
        " 127.0.0.1:80",
        "1234567890123456789012345678901234567890123456789012345678901234567890:80",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct address address = { .len = 77 };
        struct errmsg  why = { "" };
        CHECK(address_parse(cases[i], &address, &why) == -EINVAL, cases[i]);
        CHECK(strstr(why.text, cases[i]), cases[i]);
        CHECK(address.len == 77, cases[i]);
        CHECK(address_parse(cases[i], &address, NULL) == -EINVAL, cases[i]);
    }
}

TESTS(addresses_are_read_and_written, an_empty_host_is_every_interface, what_is_no_address_is_named)
