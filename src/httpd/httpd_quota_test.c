#include "httpd/httpd_quota.h"

#include <string.h>

#include "base/test.h"

static struct httpd_peer peer_of(const char *text)
{
    struct address address = { 0 };
    int            err = address_parse(text, &address, NULL);
    assert_int_equal(err, 0);
    return httpd_peer_of(&address);
}

static void peers_are_told_apart(void **state)
{
    static const struct {
        const char *a, *b;
        bool        is_same;
    } cases[] = {
        { "192.0.2.1:1", "192.0.2.1:2", true },
        { "192.0.2.1:1", "192.0.2.2:1", false },
        { "192.0.2.1:1", "[::ffff:192.0.2.1]:1", true },
        { "[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:1", false },
        { "[2001:db8::1]:1", "[2001:db8::2]:1", true }, /* a network is one peer */
        { "[2001:db8::1]:1", "[2001:db8:0:0:ffff::1]:1", true },
        { "[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false },
        { "192.0.2.1:1", "[c000:201::]:1", false }, /* the same four bytes */
        { "127.0.0.1:1", "127.1.2.3:2", true },
        { "[::1]:1", "[::ffff:127.1.2.3]:1", true },
        { "[::1]:1", "[::2]:1", false },
        { "127.0.0.1:1", "128.0.0.1:1", false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct httpd_peer a = peer_of(cases[i].a), b = peer_of(cases[i].b);
        CHECK((memcmp(&a, &b, sizeof(a)) == 0) == cases[i].is_same, cases[i].b);
    }
}

/* Takes one each time. Returns how many it got. */
static size_t take_all(struct httpd_quota *quota, const struct httpd_peer *peer)
{
    size_t count = 0;
    for (; httpd_quota_has_room(quota, peer, 1) && count < 1000; count++)
        httpd_quota_take(quota, peer, 1);
    return count;
}

enum { ENDLESS = 1000 };

/* Each of the peers takes what it gets, one after the other. */
static void what_there_is_is_shared(void **state)
{
    static const struct {
        const char               *name;
        struct httpd_quota_limits limits;
        const char               *peers[5];
        size_t                    want[5];
    } cases[] = {
        { "no total",
          { 0, 10, 0, 0 },
          { "192.0.2.1:1", "192.0.2.1:2", "192.0.2.2:1", "127.0.0.1:1" },
          { 10, 0, 10, ENDLESS } },
        { "a network is one",
          { 0, 10, 0, 0 },
          { "[2001:db8::1]:1", "[2001:db8::2]:1" },
          { 10, 0 } },
        { "a total", { 15, 10, 0, 0 }, { "192.0.2.1:1", "192.0.2.2:1", "127.0.0.1:1" }, { 10, 5 } },
        { "this machine has the total",
          { 15, 10, 0, 0 },
          { "127.0.0.1:1", "192.0.2.1:1" },
          { 15 } },
        { "a part is kept",
          { 25, 10, 6, 2 },
          { "192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1", "192.0.2.4:1", "192.0.2.5:1" },
          { 10, 9, 2, 2, 2 } },
        { "this machine does not get it",
          { 25, 10, 6, 2 },
          { "127.0.0.1:1", "192.0.2.1:1", "[::1]:1", "192.0.2.2:1" },
          { 19, 2, 0, 2 } },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct httpd_quota *quota = httpd_quota_create(&cases[i].limits);
        for (size_t j = 0; j < COUNT(cases[i].peers) && cases[i].peers[j]; j++) {
            struct httpd_peer peer = peer_of(cases[i].peers[j]);
            CHECK(take_all(quota, &peer) == cases[i].want[j], cases[i].name);
        }
        assert_null(httpd_quota_destroy(quota));
    }
    assert_null(httpd_quota_destroy(NULL));
}

static void what_is_given_back_may_be_taken(void **state)
{
    static const struct httpd_quota_limits limits = { .total = 100, .of_peer = 60 };
    struct httpd_quota                    *quota = httpd_quota_create(&limits);
    struct httpd_peer                      a = peer_of("192.0.2.1:1"), b = peer_of("192.0.2.2:1");
    assert_true(httpd_quota_has_room(quota, &a, 60) && !httpd_quota_has_room(quota, &a, 61));
    httpd_quota_take(quota, &a, 60);
    httpd_quota_take(quota, &b, 50); /* room or not */
    assert_int_equal(httpd_quota_used(quota), 110);
    assert_false(httpd_quota_has_room(quota, &b, 1));
    httpd_quota_give_back(quota, &a, 20);
    assert_true(httpd_quota_has_room(quota, &b, 10) && !httpd_quota_has_room(quota, &b, 11));
    httpd_quota_give_back(quota, &a, 40);
    httpd_quota_give_back(quota, &b, 50);
    assert_int_equal(httpd_quota_used(quota), 0);
    assert_true(httpd_quota_has_room(quota, &a, 60));
    httpd_quota_destroy(quota);
}

TESTS(peers_are_told_apart, what_there_is_is_shared, what_is_given_back_may_be_taken)
