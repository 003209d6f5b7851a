/* Our candidates, by where the UDP port is, where we were asked and what the settings say. */
#include <dirent.h>
#include <dlfcn.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>

#include "base/mem.h"
#include "base/test.h"
#include "base/test_clock.h"
#include "webrtc/webrtc_internal.h"

/* Name servers, in the C library's place: every name has one address, or none. */

static struct {
    _Atomic(const char *) address; /* NULL: there is none */
    atomic_bool           is_hanging;
    atomic_uint           asked;
} dns;

int getaddrinfo(const char *restrict name, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict out)
{
    typedef int real_fn(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    real_fn    *real = (real_fn *)(uintptr_t)dlsym(RTLD_NEXT, "getaddrinfo");
    if (hints->ai_flags & AI_NUMERICHOST)
        return real(name, service, hints, out);
    atomic_fetch_add(&dns.asked, 1);
    while (atomic_load(&dns.is_hanging))
        (void)usleep(1000);
    const char *address = atomic_load(&dns.address);
    return address ? real(address, service, hints, out) : EAI_AGAIN;
}

static void set_dns(const char *address, bool is_hanging)
{
    atomic_store(&dns.address, address);
    atomic_store(&dns.is_hanging, is_hanging);
}

/* Does a thread look names up? Sanitizers have threads, too. */
static bool is_asking(void)
{
    char           path[64], name[16];
    bool           is_one = false;
    struct dirent *entry;
    DIR           *tasks = opendir("/proc/self/task");
    while ((entry = readdir(tasks))) {
        (void)snprintf(path, sizeof(path), "/proc/self/task/%.20s/comm", entry->d_name);
        FILE *file = fopen(path, "re");
        if (!file)
            continue;
        is_one |= fgets(name, sizeof(name), file) && strcmp(name, "names\n") == 0;
        (void)fclose(file);
    }
    (void)closedir(tasks);
    return is_one;
}

struct stage {
    struct loop          main;
    struct webrtc_server server;
    struct webrtc_worker workers[2]; /* by the index of their loop */
    uint16_t             port;
    struct webrtc_post  *post;
};

static struct stage stage;

static void stage_open(const char *local, const char *settings)
{
    static char       *no_environ[] = { NULL };
    struct errmsg      why = { "" };
    struct udp_options options = { 0 };
    memset(&stage, 0, sizeof(stage));
    log_set_level(LOG_ERROR);
    atomic_store(&dns.asked, 0);
    loop_init(&stage.main, "main", 0);
    if (conf_load_text("test", span_from_string(settings), no_environ, &stage.server.conf, &why) <
            0 ||
        address_parse(local, &options.local, &why) < 0 ||
        udp_socket_create(&options, &stage.workers[1].socket, &why) < 0)
        fail_msg("%s", why.text);
    stage.server.main = &stage.main;
    stage.server.workers = stage.workers;
    stage.server.names = webrtc_names_open(&stage.main, stage.server.conf);
    stage.post = mem_new(struct webrtc_post);
    const struct udp_address *bound = udp_socket_local(stage.workers[1].socket);
    stage.port = ntohs(bound->any.sa_family == AF_INET ? bound->v4.sin_port : bound->v6.sin6_port);
}

static void await_question(unsigned number)
{
    while (atomic_load(&dns.asked) < number)
        (void)usleep(1000);
}

/* So many questions have been asked so far, and all have had their answer. */
static void stage_resolve(unsigned questions)
{
    await_question(questions);
    while (is_asking())
        (void)usleep(1000);
}

static void stage_wait(int64_t ns)
{
    test_clock_advance(ns);
    (void)uv_run(&stage.main.uv, UV_RUN_NOWAIT);
}

static void stage_close(void)
{
    stage.server.names = webrtc_names_close(stage.server.names);
    mem_free(stage.post);
    udp_socket_destroy(stage.workers[1].socket);
    conf_unref(stage.server.conf);
    loop_fini(&stage.main);
}

/* "192.0.2.1, 2001:db8::1" */
static const char *gather(const char *asked_at)
{
    static char    text[WEBRTC_MAX_HOSTS * (INET6_ADDRSTRLEN + 2)];
    struct address address;
    size_t         len = 0;
    ASSERT(address_parse(asked_at, &address, NULL) == 0);
    stage.post->host_count = 0;
    webrtc_hosts_gather(&stage.server, &address, stage.post);
    text[0] = '\0';
    for (unsigned i = 0; i < stage.post->host_count; i++) {
        const struct webrtc_host *host = &stage.post->hosts[i];
        assert_int_equal(host->port, stage.port);
        assert_true(host->foundation[0] != '\0');
        len +=
            (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i ? ", " : "", host->address);
    }
    return text;
}

static void candidates_are_those_that_can_be_reached(void **state)
{
#define NO_INTERFACES "webrtcIPsFromInterfacesList: [no-such-interface]\n"
#define HOSTS(list)   NO_INTERFACES "webrtcAdditionalHosts: [" list "]\n"
    static const struct {
        const char *name, *local, *asked_at, *settings, *want;
    } cases[] = {
        { "one address", "127.0.0.1:0", "192.0.2.1:8889", "", "127.0.0.1" },
        { "one IPv6 address", "[::1]:0", "192.0.2.1:8889", "", "::1" },
        { "asked on this machine", "0.0.0.0:0", "127.0.0.1:8889", NO_INTERFACES, "127.0.0.1" },
        { "... by IPv6", "[::]:0", "[::1]:8889", NO_INTERFACES, "::1, 127.0.0.1" },
        { "... by IPv6, where UDP has none", "0.0.0.0:0", "[::1]:8889", NO_INTERFACES,
          "127.0.0.1" },
        { "... by IPv4, where both are spoken", "[::]:0", "[::ffff:127.0.0.1]:8889", NO_INTERFACES,
          "127.0.0.1" },
        { "... and one address", "[::1]:0", "[::1]:8889", NO_INTERFACES, "::1" },
        { "asked from another", "0.0.0.0:0", "192.0.2.1:8889", NO_INTERFACES, "" },
        { "the loopback interface leads nowhere", "[::]:0", "192.0.2.1:8889",
          "webrtcIPsFromInterfacesList: [lo]\n", "" },
        { "additional hosts", "0.0.0.0:0", "192.0.2.1:8889", HOSTS("198.51.100.1"),
          "198.51.100.1" },
        { "... behind one address, too", "127.0.0.1:0", "192.0.2.1:8889", HOSTS("198.51.100.1"),
          "127.0.0.1, 198.51.100.1" },
        { "... the same one", "127.0.0.1:0", "192.0.2.1:8889", HOSTS("127.0.0.1"), "127.0.0.1" },
        { "... by IPv6", "[::]:0", "192.0.2.1:8889", HOSTS("'2001:db8::1'"), "2001:db8::1" },
        { "... by IPv6, where it is not spoken", "0.0.0.0:0", "192.0.2.1:8889",
          HOSTS("'2001:db8::1'"), "" },
        { "... that a candidate can't say", "[::]:0", "192.0.2.1:8889", HOSTS("'fe80::1'"), "" },
        { "... that do not exist", "0.0.0.0:0", "192.0.2.1:8889", HOSTS("name.example"), "" },
        { "... of nothing", "0.0.0.0:0", "192.0.2.1:8889", HOSTS("''"), "" },
        { "... where nobody lives", "[::]:0", "192.0.2.1:8889",
          HOSTS("0.0.0.0, 0.0.0.1, 224.0.0.1, 255.255.255.255, '::', 'ff02::1'"), "" },
        { "... in brackets", "[::]:0", "192.0.2.1:8889", HOSTS("'[::1]'"), "" },
        { "... with a port", "[::]:0", "192.0.2.1:8889",
          HOSTS("'198.51.100.1:99', 'host.example:99', 198.51.100.2"), "198.51.100.2" },
        { "... of a link", "[::]:0", "192.0.2.1:8889", HOSTS("'http://host.example'"), "" },
    };
    set_dns(NULL, false);
    for (size_t i = 0; i < COUNT(cases); i++) {
        stage_open(cases[i].local, cases[i].settings);
        stage_resolve(strstr(cases[i].settings, "name.example") != NULL);
        CHECK(strcmp(gather(cases[i].asked_at), cases[i].want) == 0, cases[i].name);
        stage_close();
    }
}

static void names_are_looked_up(void **state)
{
    set_dns("192.0.2.7", true);
    stage_open("127.0.0.9:0", HOSTS("198.51.100.1, name.example, 198.51.100.2"));
    assert_string_equal(gather("192.0.2.1:1"), "127.0.0.9, 198.51.100.1, 198.51.100.2");
    set_dns("192.0.2.7", false);
    stage_resolve(1);
    assert_string_equal(gather("192.0.2.1:1"), "127.0.0.9, 198.51.100.1, 192.0.2.7, 198.51.100.2");
    stage_close();
}

/* Nobody waits for the answer: what was known goes on to count. */
static void names_are_looked_up_again_after_a_minute(void **state)
{
    set_dns("192.0.2.7", false);
    stage_open("127.0.0.9:0", HOSTS("name.example"));
    stage_resolve(1);
    stage_wait(60 * NS_PER_S - 1);
    assert_string_equal(gather("192.0.2.1:1"), "127.0.0.9, 192.0.2.7");
    assert_int_equal(dns.asked, 1);

    set_dns("192.0.2.8", true);
    stage_wait(1);
    assert_string_equal(gather("192.0.2.1:1"), "127.0.0.9, 192.0.2.7");
    await_question(2);
    stage_wait(60 * NS_PER_S);
    assert_string_equal(gather("192.0.2.1:1"), "127.0.0.9, 192.0.2.7");
    set_dns("192.0.2.8", false);
    stage_resolve(2);
    assert_int_equal(dns.asked, 2); /* one at a time */
    assert_string_equal(gather("192.0.2.1:1"), "127.0.0.9, 192.0.2.8");
    stage_resolve(3);
    assert_int_equal(dns.asked, 3); /* it took longer than a minute */

    set_dns(NULL, false);
    stage_wait(60 * NS_PER_S);
    (void)gather("192.0.2.1:1");
    stage_resolve(4);
    assert_int_equal(dns.asked, 4);
    assert_string_equal(gather("192.0.2.1:1"), "127.0.0.9, 192.0.2.8");
    stage_close();
}

/* As when a machine starts, and its network comes later. */
static void a_name_without_an_answer_is_tried_again_soon(void **state)
{
    set_dns(NULL, false);
    stage_open("127.0.0.9:0", HOSTS("name.example"));
    stage_resolve(1);
    set_dns("192.0.2.7", false);
    stage_wait(5 * NS_PER_S - 1);
    assert_string_equal(gather("192.0.2.1:1"), "127.0.0.9");
    stage_resolve(1);
    assert_string_equal(gather("192.0.2.1:1"), "127.0.0.9");
    stage_wait(1);
    assert_string_equal(gather("192.0.2.1:1"), "127.0.0.9");
    stage_resolve(2);
    assert_string_equal(gather("192.0.2.1:1"), "127.0.0.9, 192.0.2.7");
    stage_close();
}

/* As of filters that lead names nowhere. */
static void a_name_may_lead_nowhere(void **state)
{
    set_dns("0.0.0.0", false);
    stage_open("127.0.0.9:0", HOSTS("name.example"));
    stage_resolve(1);
    assert_string_equal(gather("192.0.2.1:1"), "127.0.0.9");
    set_dns("192.0.2.7", false);
    stage_wait(60 * NS_PER_S);
    (void)gather("192.0.2.1:1");
    stage_resolve(2);
    assert_string_equal(gather("192.0.2.1:1"), "127.0.0.9, 192.0.2.7");
    stage_close();
}

static void addresses_are_no_question(void **state)
{
    stage_open("127.0.0.9:0", HOSTS("198.51.100.1"));
    stage_wait(3600 * NS_PER_S);
    (void)gather("192.0.2.1:1");
    stage_resolve(0);
    assert_int_equal(dns.asked, 0);
    stage_close();
}

static void a_lookup_that_hangs_keeps_nobody(void **state)
{
    set_dns("192.0.2.7", true);
    stage_open("127.0.0.1:0", HOSTS("first.example, second.example"));
    await_question(1);
    stage_close();
    assert_true(is_asking());
    set_dns("192.0.2.7", false);
    stage_resolve(1);
    assert_int_equal(dns.asked, 1); /* it goes no further */
}

/* As many as there are in the settings, but no more than an answer takes. */
static void there_is_an_end_to_candidates(void **state)
{
    AUTO(buf_fini) struct buf settings = { 0 };
    buf_printf(&settings, "%swebrtcAdditionalHosts: [", NO_INTERFACES);
    for (unsigned i = 0; i < WEBRTC_MAX_HOSTS + 3; i++)
        buf_printf(&settings, "198.51.100.%u,", i + 1);
    buf_append_string(&settings, "]\n");
    stage_open("127.0.0.1:0", buf_string(&settings));
    (void)gather("192.0.2.1:1");
    assert_int_equal(stage.post->host_count, WEBRTC_MAX_HOSTS);
    stage_close();
}

/* Whatever interfaces this machine has. */
static void interfaces_that_are_up_are_named(void **state)
{
    struct ifaddrs *all;
    unsigned        count = 0;
    stage_open("0.0.0.0:0", "");
    const char *got = gather("192.0.2.1:1");
    assert_null(strstr(got, "127.0.0.1"));
    assert_null(strchr(got, ':'));
    assert_int_equal(getifaddrs(&all), 0);
    for (const struct ifaddrs *one = all; one; one = one->ifa_next) {
        char     text[INET6_ADDRSTRLEN];
        unsigned wanted = IFF_UP | IFF_RUNNING;
        if (!one->ifa_addr || one->ifa_addr->sa_family != AF_INET ||
            (one->ifa_flags & (wanted | IFF_LOOPBACK)) != wanted)
            continue;
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)one->ifa_addr;
        assert_non_null(strstr(got, inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text))));
        count++;
    }
    freeifaddrs(all);
    assert_true(stage.post->host_count <= count);
    stage_close();
}

static void foundations_tell_addresses_apart(void **state)
{
    stage_open("127.0.0.1:0", HOSTS("198.51.100.1, 198.51.100.2"));
    (void)gather("192.0.2.1:1");
    const struct webrtc_host *hosts = stage.post->hosts;
    assert_int_equal(stage.post->host_count, 3);
    assert_string_not_equal(hosts[0].foundation, hosts[1].foundation);
    assert_string_not_equal(hosts[1].foundation, hosts[2].foundation);
    stage_close();
}

TESTS(candidates_are_those_that_can_be_reached, names_are_looked_up,
      names_are_looked_up_again_after_a_minute, a_name_without_an_answer_is_tried_again_soon,
      a_name_may_lead_nowhere, addresses_are_no_question, a_lookup_that_hangs_keeps_nobody,
      there_is_an_end_to_candidates, interfaces_that_are_up_are_named,
      foundations_tell_addresses_apart)
