/* Who is let in, and until when it counts: the books of webrtc_server.c. */
#include <errno.h>

#include "base/test.h"
#include "webrtc/webrtc_internal.h"

struct stage {
    struct loop          loop;
    struct webrtc_server server;
    unsigned             next; /* secret */
};

static struct stage stage;

static void stage_open(void)
{
    memset(&stage, 0, sizeof(stage));
    loop_init(&stage.loop, "test", 0);
    stage.server.main = &stage.loop;
    webrtc_server_open_counts(&stage.server);
}

static void stage_close(void)
{
    webrtc_server_close_counts(&stage.server);
    loop_fini(&stage.loop);
}

static struct httpd_peer peer_of(const char *text)
{
    struct address address = { 0 };
    assert_int_equal(address_parse(text, &address, NULL), 0);
    return httpd_peer_of(&address);
}

static bool admit(const struct httpd_peer *peer)
{
    struct errmsg why;
    return webrtc_server_admit(&stage.server, peer, &why) == 0;
}

/* How many sessions that are not connected the peer gets. */
static unsigned admit_all(const char *text)
{
    struct httpd_peer peer = peer_of(text);
    unsigned          count = 0;
    while (count < 2 * WEBRTC_MAX_PENDING && admit(&peer))
        count++;
    return count;
}

/* A worker has made the session. */
static void answer(const struct httpd_peer *peer, struct webrtc_session *session)
{
    struct webrtc_post post = { .http_peer = *peer };
    (void)snprintf(session->secret, sizeof(session->secret), "%u", stage.next++);
    memcpy(post.secret, session->secret, sizeof(post.secret));
    (void)webrtc_server_add_ticket(&stage.server, &post);
}

static void tell(const struct webrtc_session *session, bool is_gone)
{
    webrtc_server_tell(&stage.server, session, is_gone);
    (void)uv_run(&stage.loop.uv, UV_RUN_NOWAIT);
}

static void handshakes_are_shared_among_all(void **state)
{
    static const struct {
        const char *name, *peers[9];
        unsigned    want[9];
    } cases[] = {
        { "an address, whatever the port",
          { "192.0.2.1:1", "192.0.2.1:2" },
          { WEBRTC_MAX_PENDING_OF_PEER, 0 } },
        { "an IPv6 network",
          { "[2001:db8::1]:1", "[2001:db8::2]:1", "[2001:db8:0:1::1]:1" },
          { WEBRTC_MAX_PENDING_OF_PEER, 0, WEBRTC_MAX_PENDING_OF_PEER } },
        { "many attackers, and somebody else",
          { "192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1", "192.0.2.4:1", "192.0.2.5:1",
            "192.0.2.6:1", "192.0.2.7:1", "192.0.2.8:1", "192.0.2.9:1" },
          { 256, 256, 256, 256, 256, 256, 16, 16, 16 } },
        { "a proxy of this machine, and somebody else",
          { "127.0.0.1:1", "[::1]:1", "192.0.2.1:1" },
          { WEBRTC_MAX_PENDING - WEBRTC_PENDING_KEPT, 0, WEBRTC_FEW_PENDING } },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        stage_open();
        for (size_t j = 0; j < COUNT(cases[i].peers) && cases[i].peers[j]; j++)
            CHECK(admit_all(cases[i].peers[j]) == cases[i].want[j], cases[i].name);
        stage_close();
    }
}

static void what_is_connected_is_not_pending(void **state)
{
    static struct webrtc_session session;
    struct httpd_peer            peer = peer_of("192.0.2.1:1");
    stage_open();
    assert_true(admit(&peer));
    answer(&peer, &session);
    assert_int_equal(httpd_quota_used(stage.server.pending), 1);
    tell(&session, false);
    assert_int_equal(httpd_quota_used(stage.server.pending), 0);
    assert_int_equal(httpd_quota_used(stage.server.sessions), 1);
    tell(&session, true);
    assert_int_equal(httpd_quota_used(stage.server.pending), 0);
    assert_int_equal(httpd_quota_used(stage.server.sessions), 0);
    assert_int_equal(map_count(stage.server.tickets), 0);
    stage_close();
}

static void what_never_connects_counts_until_it_goes(void **state)
{
    static struct webrtc_session session, unknown;
    struct httpd_peer            peer = peer_of("192.0.2.1:1");
    stage_open();
    assert_true(admit(&peer));
    answer(&peer, &session);
    assert_true(admit(&peer));
    tell(&unknown, true); /* its POST was refused, and that has been counted */
    webrtc_server_dismiss(&stage.server, &peer);
    assert_int_equal(httpd_quota_used(stage.server.pending), 1);
    tell(&session, true);
    assert_int_equal(httpd_quota_used(stage.server.pending), 0);
    assert_int_equal(httpd_quota_used(stage.server.sessions), 0);
    stage_close();
}

static void a_peer_has_only_so_many_sessions(void **state)
{
    static const struct {
        const char *peer;
        bool        is_limited;
    } cases[] = { { "192.0.2.1:1", true }, { "[2001:db8::1]:1", true }, { "127.0.0.1:1", false } };
    for (size_t i = 0; i < COUNT(cases); i++) {
        static struct webrtc_session session;
        struct httpd_peer            peer = peer_of(cases[i].peer), other = peer_of("192.0.2.2:1");
        struct errmsg                why = { "" };
        stage_open();
        for (unsigned j = 0; j < WEBRTC_MAX_SESSIONS_OF_PEER; j++) {
            CHECK(admit(&peer), cases[i].peer);
            answer(&peer, &session);
            tell(&session, false);
        }
        int err = webrtc_server_admit(&stage.server, &peer, &why);
        CHECK(err == (cases[i].is_limited ? -EBUSY : 0), cases[i].peer);
        CHECK(err == 0 || strcmp(why.text, "this address has 4096 sessions already") == 0,
              why.text);
        CHECK(admit(&other), cases[i].peer);
        tell(&session, true);
        CHECK(admit(&peer), cases[i].peer);
        stage_close();
    }
}

TESTS(handshakes_are_shared_among_all, what_is_connected_is_not_pending,
      what_never_connects_counts_until_it_goes, a_peer_has_only_so_many_sessions)
