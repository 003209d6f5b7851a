#include "loop/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>

#include "base/test_child.h"
#include "base/test_clock.h"

enum { MOST = 200 };

/* A listener on a port that was free, and whom it has accepted. */
struct stage {
    struct loop      loop;
    struct listener *listener;
    char             text[ADDRESS_TEXT];
    struct address   address;
    unsigned         accepted;
    int              fds[MOST];
    struct address   peers[MOST];
};

static void on_accept(void *arg, int fd, const struct address *peer)
{
    struct stage *stage = arg;
    ASSERT(stage->accepted < MOST);
    stage->fds[stage->accepted] = fd;
    stage->peers[stage->accepted++] = *peer;
}

static int find_free_port(const char *host, struct stage *stage)
{
    int            fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct address any;
    ASSERT(fd >= 0 && address_parse("127.0.0.1:0", &any, NULL) == 0);
    ASSERT(bind(fd, (struct sockaddr *)&any.storage, any.len) == 0);
    ASSERT(getsockname(fd, (struct sockaddr *)&any.storage, &any.len) == 0);
    unsigned port = ntohs(((struct sockaddr_in *)&any.storage)->sin_port);
    (void)snprintf(stage->text, sizeof(stage->text), "%s:%u", host, port);
    stage->address = any;
    return close(fd);
}

/* Someone else may take the port that was just found free. */
static void stage_open(struct stage *stage, const char *host)
{
    struct errmsg why;
    int           err = -EADDRINUSE;
    memset(stage, 0, sizeof(*stage));
    loop_init(&stage->loop, "test", 0);
    for (int i = 0; i < 10 && err == -EADDRINUSE; i++) {
        (void)find_free_port(host, stage);
        err = listener_open(&stage->loop, stage->text, NULL, on_accept, stage, &stage->listener,
                            &why);
    }
    ASSERT(err == 0);
}

static void stage_close(struct stage *stage)
{
    for (unsigned i = 0; i < stage->accepted; i++)
        (void)close(stage->fds[i]);
    stage->listener = listener_close(stage->listener);
    ASSERT(!stage->listener);
    loop_fini(&stage->loop);
}

static void turn(struct stage *stage)
{
    (void)uv_run(&stage->loop.uv, UV_RUN_NOWAIT);
}

static int make_client(void)
{
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/* On loopback the connection stands when connect() returns, accepted or not. */
static int join(const struct stage *stage, int fd)
{
    return connect(fd, (const struct sockaddr *)&stage->address.storage, stage->address.len);
}

static void clients_are_handed_out(void **state)
{
    static const char *const hosts[] = { "127.0.0.1", "" };
    for (size_t i = 0; i < COUNT(hosts); i++) {
        struct stage   stage;
        struct address own = { .len = sizeof(own.storage) };
        char           want[ADDRESS_TEXT], got[ADDRESS_TEXT];
        stage_open(&stage, hosts[i]);
        int client = make_client();
        CHECK(join(&stage, client) == 0, hosts[i]);
        turn(&stage);
        CHECK(stage.accepted == 1, hosts[i]);

        int       fd = stage.fds[0], is_on = 0;
        socklen_t len = sizeof(is_on);
        CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK, hosts[i]);
        CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC, hosts[i]);
        CHECK(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &is_on, &len) == 0 && is_on, hosts[i]);
        (void)getsockname(client, (struct sockaddr *)&own.storage, &own.len);
        address_format(&own, want);
        address_format(&stage.peers[0], got);
        CHECK(strcmp(got, want) == 0, hosts[i]);
        (void)close(client);
        stage_close(&stage);
    }
}

static void a_crowd_is_let_in(void **state)
{
    struct stage stage;
    int          clients[MOST];
    stage_open(&stage, "127.0.0.1");
    for (unsigned i = 0; i < MOST; i++) {
        clients[i] = make_client();
        assert_int_equal(join(&stage, clients[i]), 0);
    }
    for (unsigned i = 0; i < MOST && stage.accepted < MOST; i++) {
        unsigned before = stage.accepted;
        turn(&stage);
        assert_in_range(stage.accepted - before, 1, 64); /* others have their turn too */
    }
    assert_int_equal(stage.accepted, MOST);
    for (unsigned i = 0; i < MOST; i++)
        (void)close(clients[i]);
    stage_close(&stage);
}

static void a_port_is_nobody_elses(void **state)
{
    struct stage     stage;
    struct listener *second = NULL;
    struct errmsg    why = { "" };
    char             want[128];
    int              on = 1;
    stage_open(&stage, "127.0.0.1");
    int err = listener_open(&stage.loop, stage.text, NULL, on_accept, &stage, &second, &why);
    assert_int_equal(err, -EADDRINUSE);
    assert_null(second);
    (void)snprintf(want, sizeof(want), "listen tcp %s: bind: address already in use", stage.text);
    assert_string_equal(why.text, want);
    /* Not even for one who is willing to share. */
    int other = make_client();
    assert_int_equal(setsockopt(other, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
    assert_int_equal(bind(other, (struct sockaddr *)&stage.address.storage, stage.address.len), -1);
    (void)close(other);
    stage_close(&stage);
}

static void a_port_is_free_again_at_once(void **state)
{
    struct stage  stage;
    struct errmsg why = { "" };
    stage_open(&stage, "127.0.0.1");
    int client = make_client();
    assert_int_equal(join(&stage, client), 0);
    turn(&stage);
    (void)close(stage.fds[--stage.accepted]); /* closed here first: it stays in TIME_WAIT */
    (void)close(client);
    stage.listener = listener_close(stage.listener);
    int err =
        listener_open(&stage.loop, stage.text, NULL, on_accept, &stage, &stage.listener, &why);
    assert_int_equal(err, 0);
    stage_close(&stage);
}

static void what_cannot_be_listened_on_is_refused(void **state)
{
    static const struct {
        const char *text;
        int         want;
    } cases[] = {
        { "nonsense", -EINVAL },
        { "127.0.0.1:65536", -EINVAL },
        { "192.0.2.1:8554", -EADDRNOTAVAIL },
    };
    struct loop loop;
    loop_init(&loop, "test", 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct listener *listener = NULL;
        struct errmsg    why = { "" };
        CHECK(listener_open(&loop, cases[i].text, NULL, on_accept, NULL, &listener, &why) ==
                  cases[i].want,
              cases[i].text);
        CHECK(!listener && strstr(why.text, cases[i].text), cases[i].text);
    }
    assert_null(listener_close(NULL));
    loop_fini(&loop);
}

/* Out of descriptors. In a child, as the limit is a process's. */

enum { CLIENTS = 6 };

static bool is_closed_by_server(int fd)
{
    struct pollfd wait = { fd, POLLIN, 0 };
    char          byte;
    return poll(&wait, 1, 2000) == 1 && read(fd, &byte, 1) <= 0;
}

static unsigned use_up_descriptors(int *fds, unsigned most)
{
    unsigned count = 0;
    for (int fd; count < most && (fd = dup(STDERR_FILENO)) >= 0;)
        fds[count++] = fd;
    return count;
}

static void run_out(void *arg)
{
    static int    used[64];
    struct stage  stage;
    int           clients[CLIENTS];
    struct rlimit limit;
    stage_open(&stage, "127.0.0.1");
    for (unsigned i = 0; i < CLIENTS; i++)
        clients[i] = make_client();
    ASSERT(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = (rlim_t)clients[CLIENTS - 1] + 8;
    ASSERT(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    unsigned count = use_up_descriptors(used, COUNT(used));
    ASSERT(count > 0 && count < COUNT(used) && errno == EMFILE);

    for (unsigned i = 0; i < CLIENTS - 1; i++) {
        ASSERT(join(&stage, clients[i]) == 0);
        turn(&stage);
        ASSERT(is_closed_by_server(clients[i]));
    }
    ASSERT(stage.accepted == 0);
    (void)close(used[0]);
    ASSERT(join(&stage, clients[CLIENTS - 1]) == 0);
    turn(&stage);
    ASSERT(stage.accepted == 1);
}

static unsigned count_lines(const struct test_child *child, const char *text)
{
    unsigned count = 0;
    for (const char *at = child->output; (at = strstr(at, text)); at++)
        count++;
    return count;
}

static void out_of_descriptors_clients_are_refused(void **state)
{
    static struct test_child child;
    test_child_run(STDOUT_FILENO, run_out, NULL, &child);
    assert_true(test_child_is_well(&child));
    assert_int_equal(count_lines(&child, "cannot accept clients: too many open files; raise"), 1);
}

TESTS(clients_are_handed_out, a_crowd_is_let_in, a_port_is_nobody_elses,
      a_port_is_free_again_at_once, what_cannot_be_listened_on_is_refused,
      out_of_descriptors_clients_are_refused)
