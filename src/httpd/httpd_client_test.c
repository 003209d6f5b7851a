#include "httpd/httpd_client.h"

#include <errno.h>
#include <stdio.h>

#include "base/test.h"

/* 10.0.0.0/8 and fd00::/8 are the proxies. */
static bool is_proxy(void *arg, const struct address *address)
{
    char text[ADDRESS_TEXT];
    address_format(address, text);
    return strncmp(text, "10.", 3) == 0 || strncmp(text, "[fd", 3) == 0;
}

static const struct address *proxy(void)
{
    static struct address address;
    assert_int_equal(address_parse("10.0.0.1:1234", &address, NULL), 0);
    return &address;
}

/* Of heads whose lines are these; "NAME: VALUE", in the order given. */
static const char *find(const char *const *lines, char out[ADDRESS_TEXT])
{
    struct httpd_claims claims = { 0 };
    struct address      client;
    for (; *lines; lines++) {
        struct span value = span_from_string(*lines), name;
        (void)span_next(&value, ':', &name);
        httpd_claims_add(&claims, name, span_trim(value));
    }
    if (httpd_client_find(&claims, proxy(), is_proxy, NULL, &client) == -ENOENT)
        return "none";
    address_format(&client, out);
    return out;
}

static void the_last_that_is_no_proxy_is_the_client(void **state)
{
    static const struct {
        const char *lines[5], *want;
    } cases[] = {
        { { "Host: x" }, "none" },
        { { "X-Forwarded-For: 192.0.2.7" }, "192.0.2.7:1234" },
        { { "x-forwarded-for: 192.0.2.7" }, "192.0.2.7:1234" },
        { { "X-Forwarded-For: 198.51.100.1, 192.0.2.7" }, "192.0.2.7:1234" },
        { { "X-Forwarded-For: 198.51.100.1,192.0.2.7,10.0.0.2" }, "192.0.2.7:1234" },
        { { "X-Forwarded-For: 127.0.0.1, 192.0.2.7, 10.0.0.3, fd00::1" }, "192.0.2.7:1234" },
        { { "X-Forwarded-For: 10.0.0.4, 10.0.0.3" }, "10.0.0.4:1234" },
        { { "X-Forwarded-For: 198.51.100.1", "Via: x", "X-Forwarded-For: 192.0.2.7" },
          "192.0.2.7:1234" },
        { { "X-Forwarded-For: 192.0.2.7", "X-Forwarded-For: 10.0.0.3" }, "192.0.2.7:1234" },
        { { "X-Real-IP: 192.0.2.8" }, "192.0.2.8:1234" },
        { { "X-Real-IP: 192.0.2.8", "X-Real-IP: 192.0.2.9" }, "192.0.2.8:1234" },
        { { "X-Real-IP: 192.0.2.8", "X-Forwarded-For: 192.0.2.7" }, "192.0.2.7:1234" },
    };
    char text[ADDRESS_TEXT];
    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK(strcmp(find(cases[i].lines, text), cases[i].want) == 0, cases[i].lines[0]);
}

static void addresses_have_many_forms(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "192.0.2.7:40000", "192.0.2.7:1234" },         { "\t192.0.2.7 ", "192.0.2.7:1234" },
        { "2001:db8::1", "[2001:db8::1]:1234" },         { "[2001:db8::1]", "[2001:db8::1]:1234" },
        { "[2001:db8::1]:40000", "[2001:db8::1]:1234" }, { "::ffff:192.0.2.7", "192.0.2.7:1234" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char line[100], text[ADDRESS_TEXT];
        (void)snprintf(line, sizeof(line), "X-Forwarded-For: 198.51.100.1, %s", cases[i].text);
        CHECK(strcmp(find((const char *[]){ line, NULL }, text), cases[i].want) == 0,
              cases[i].text);
    }
}

/* Neither what comes before it counts then; X-Real-IP may help. */
static void what_is_no_address_ends_it(void **state)
{
    static const char *const cases[] = {
        "",
        "unknown",
        "192.0.2",
        "192.0.2.256",
        "192.0.2.7:",
        "192.0.2.7:65536",
        "192.0.2.7:a",
        "192.0.2.7 a",
        "[2001:db8::1",
        "[2001:db8::1]40000",
        "[]",
        "2001:db8::1::",
        "fe80::1%eth0",
        "example.com",
        "0x7f.1",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dd",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char line[100], text[ADDRESS_TEXT];
        (void)snprintf(line, sizeof(line), "X-Forwarded-For: 192.0.2.7, %s, 10.0.0.2", cases[i]);
        CHECK(strcmp(find((const char *[]){ line, NULL }, text), "none") == 0, cases[i]);
        const char *both[] = { line, "X-Real-IP: 192.0.2.8", NULL };
        CHECK(strcmp(find(both, text), "192.0.2.8:1234") == 0, cases[i]);
        (void)snprintf(line, sizeof(line), "X-Forwarded-For: %s, 192.0.2.7", cases[i]);
        CHECK(strcmp(find((const char *[]){ line, NULL }, text), "192.0.2.7:1234") == 0, cases[i]);
    }
}

static void proxies_are_counted(void **state)
{
    static const char hop[] = ", 10.0.0.2";
    char line[sizeof("X-Forwarded-For: 192.0.2.7") + HTTPD_MAX_PROXIES * (sizeof(hop) - 1)];
    char text[ADDRESS_TEXT];
    strcpy(line, "X-Forwarded-For: 192.0.2.7");
    for (int i = 0; i < HTTPD_MAX_PROXIES - 1; i++)
        strcat(line, hop);
    const char *lines[] = { line, NULL };
    assert_string_equal(find(lines, text), "192.0.2.7:1234");
    strcat(line, hop);
    assert_string_equal(find(lines, text), "none");
}

static void lines_beyond_a_head_are_not_noted(void **state)
{
    struct httpd_claims claims = { 0 };
    for (int i = 0; i < MESSAGE_MAX_HEADERS + 1; i++)
        httpd_claims_add(&claims, BYTES("X-Forwarded-For"), BYTES("192.0.2.7"));
    assert_int_equal(claims.line_count, MESSAGE_MAX_HEADERS);
}

TESTS(the_last_that_is_no_proxy_is_the_client, addresses_have_many_forms,
      what_is_no_address_ends_it, proxies_are_counted, lines_beyond_a_head_are_not_noted)
