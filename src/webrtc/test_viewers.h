/**
 * test_viewers: a worker with a stream and viewers, without HTTP, ICE and DTLS: keys are given, and
 * each viewer is a UDP socket of the test's that opens what comes.
 */
#pragma once
#include <poll.h>
#include <unistd.h>

#include "base/test.h"
#include "stream/test_feed.h"
#include "stream/test_hub.h"
#include "webrtc/webrtc_internal.h"

enum { TEST_STREAM = 7, TEST_MAX_PACKETS = 512, TEST_TICKS = 3600, TEST_MTU = 1500 };

/* A packet as its viewer gets it. */
struct test_got {
    uint8_t           raw[TEST_MTU]; /* as it came */
    size_t            raw_len;
    uint8_t           bytes[TEST_MTU]; /* opened */
    size_t            len;
    bool              is_rtcp;
    struct rtp_header header; /* of RTP */
};

struct test_viewer {
    struct webrtc_session session;
    int                   fd;
    struct srtp_keys     *keys;      /* opens what comes */
    struct srtp_keys     *back_keys; /* seals what it says */
    uint32_t              rtcp_index;
    struct srtp_replay    replays[2], rtcp_replay; /* by track */
    unsigned              count;
    struct test_got       got[TEST_MAX_PACKETS];
};

struct test_viewers {
    struct test_hubs     hubs;
    struct webrtc_server server;
    struct webrtc_worker worker[2]; /* [1]: as by index of its loop */
    struct conf         *conf;
    struct counters     *counters;
    struct stream       *stream;
    struct ingest        ingest;
    struct test_wire     wire;
    uint32_t             ticks;
    struct srtp_sealer  *sealer; /* the viewers' */
};

static inline void test_viewers_open(struct test_viewers *test, const char *settings)
{
    struct errmsg why;
    memset(test, 0, sizeof(*test));
    test_hubs_open(&test->hubs, 1);
    static char *no_variables[] = { NULL };
    ASSERT(conf_load_text("test", span_from_string(settings), no_variables, &test->conf, &why) ==
           0);
    test->hubs.settings.ring_bytes =
        test->conf->gop_cache == GOP_CACHE_NO ? 0 : (size_t)test->conf->gop_cache_max_bytes;
    test->server =
        (struct webrtc_server){ .conf = test->conf, .workers = test->worker, .worker_count = 1 };
    struct udp_options options = { .features = udp_probe() };
    ASSERT(address_parse("127.0.0.1:0", &options.local, &why) == 0);
    options.features.gro = false;
    ASSERT(webrtc_worker_open(&test->worker[1], &test->server, &test->hubs.loops[1], &options,
                              &why) == 0);
    test->worker[1].start.handle = webrtc_worker_start;
    loop_post(&test->hubs.loops[1], &test->worker[1].start);
    test_hubs_settle(&test->hubs);
    test->worker[1].sender = webrtc_sender_create(test->worker[1].socket);
    test->sealer = srtp_sealer_create(SRTP_SEALER_OPENSSL);
    test->counters = counters_create();
    test->stream =
        stream_create(&test->hubs.hubs[1], TEST_STREAM, test_description(TEST_SDP), test->counters);
    static const uint32_t ssrcs[] = { 1, 2 };
    ingest_init(&test->ingest, &test->hubs.hubs[1], test->stream, test->counters, ssrcs);
}

static inline void test_viewers_close(struct test_viewers *test)
{
    ingest_fini(&test->ingest);
    test->stream = stream_end(test->stream);
    test_hubs_settle(&test->hubs);
    webrtc_worker_close(&test->worker[1]);
    test_hubs_settle(&test->hubs);
    webrtc_worker_fini(&test->worker[1]);
    srtp_sealer_destroy(test->sealer);
    counters_unref(test->counters);
    buf_fini(&test->wire.bytes);
    conf_unref(test->conf);
    test_hubs_close(&test->hubs);
}

/* Publishing */

static inline void test_viewers_turn(struct test_viewers *test)
{
    test_feed(&test->ingest, buf_span(&test->wire.bytes), SIZE_MAX);
    buf_fini(&test->wire.bytes);
    ingest_end_turn(&test->ingest);
    test_hubs_settle(&test->hubs);
}

enum { TEST_IDR = 0x65, TEST_SLICE = 0x41 };

/* A frame of one NAL unit a packet, each of `size` bytes. */
static inline void test_viewers_frame(struct test_viewers *test, uint8_t nal, unsigned packets,
                                      size_t size)
{
    uint8_t payload[REFIT_MAX_PAYLOAD];
    memset(payload, (int)(test->ticks / TEST_TICKS), sizeof(payload));
    payload[0] = nal;
    for (unsigned i = 0; i < packets; i++) {
        payload[1] = (uint8_t)i;
        test_wire_add(
            &test->wire,
            &(struct test_sent){ TEST_VIDEO, i + 1 == packets, test->ticks, { payload, size } });
    }
    test->ticks += TEST_TICKS;
    test_viewers_turn(test);
}

static inline void test_viewers_sound(struct test_viewers *test)
{
    test_wire_add(&test->wire, &(struct test_sent){ TEST_AUDIO, true, test->ticks, BYTES("opus") });
    test_viewers_turn(test);
}

/* Viewers */

static inline int test_udp_open(struct udp_address *address)
{
    int       fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t len = sizeof(address->v4);
    int       size = 1 << 20;
    *address = (struct udp_address){ .v4 = { AF_INET, 0, { htonl(INADDR_LOOPBACK) }, { 0 } } };
    ASSERT(fd >= 0 && bind(fd, &address->any, len) == 0);
    ASSERT(getsockname(fd, &address->any, &len) == 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    return fd;
}

static inline struct srtp_keys *test_keys(const struct srtp_sealer *sealer,
                                          enum srtp_profile profile, uint8_t seed)
{
    const struct srtp_profile_info *info = srtp_profile_find(profile);
    uint8_t                         bytes[SRTP_MAX_KEY + SRTP_MAX_SALT];
    struct srtp_keys               *keys;
    memset(bytes, seed, sizeof(bytes));
    ASSERT(srtp_keys_create(sealer, profile, (struct span){ bytes, info->key_len },
                            (struct span){ bytes + info->key_len, info->salt_len }, &keys) == 0);
    return keys;
}

static inline struct webrtc_track test_track(unsigned index, uint8_t playout_delay)
{
    return (struct webrtc_track){ .is_on = true,
                                  .feed_track = (uint8_t)index,
                                  .payload_type = (uint8_t)(100 + index),
                                  .playout_delay = index == TEST_VIDEO ? playout_delay : 0,
                                  .ssrc = 0xcafe0000 + index };
}

/* It has joined the feed and plays at once. */
static inline void test_viewer_open(struct test_viewer *viewer, struct test_viewers *test,
                                    enum srtp_profile profile)
{
    static uint8_t        seed;
    struct webrtc_viewer *inner = &viewer->session.viewer;
    struct srtp_sealer   *theirs = test->worker[1].sender->sealer;
    memset(viewer, 0, sizeof(*viewer));
    viewer->session.worker = &test->worker[1];
    list_init(&viewer->session.bindings);
    viewer->session.is_ending = true; /* as if: nothing of a session is to be touched */
    webrtc_viewer_init(inner);
    inner->path_counters = counters_ref(test->counters);
    viewer->fd = test_udp_open(&inner->to);
    seed++;
    viewer->keys = test_keys(test->sealer, profile, seed);
    viewer->back_keys = test_keys(test->sealer, profile, (uint8_t)(seed + 128));
    inner->out_keys = test_keys(theirs, profile, seed);
    inner->in_keys = test_keys(theirs, profile, (uint8_t)(seed + 128));
    for (unsigned i = 0; i < 2; i++) {
        inner->tracks[i] = test_track(i, 5);
        inner->of_feed[i] = (uint8_t)(i + 1);
    }
    inner->track_count = 2;
    webrtc_feed_join(&test->worker[1], inner, TEST_STREAM, 1);
    test_hubs_settle(&test->hubs);
    webrtc_viewer_play(inner);
    test_hubs_settle(&test->hubs);
}

static inline void test_viewer_close(struct test_viewer *viewer, struct test_viewers *test)
{
    webrtc_viewer_fini(&viewer->session.viewer, &test->worker[1]);
    srtp_keys_destroy(viewer->keys);
    srtp_keys_destroy(viewer->back_keys);
    (void)close(viewer->fd);
}

static inline void test_viewer_take(struct test_viewer *viewer, struct test_viewers *test,
                                    struct test_got *got)
{
    got->is_rtcp = got->raw[1] >= 192 && got->raw[1] <= 223;
    memcpy(got->bytes, got->raw, got->raw_len);
    unsigned track = got->raw[1] % 128u - 100;
    ssize_t  len = got->is_rtcp ? srtcp_open(test->sealer, viewer->keys, &viewer->rtcp_replay,
                                             got->bytes, got->raw_len)
                                : srtp_open(test->sealer, viewer->keys, &viewer->replays[track % 2],
                                            got->bytes, got->raw_len);
    /* A resend comes twice, and is compared as it came. */
    assert_true(len > 0 || len == -EALREADY);
    got->len = len > 0 ? (size_t)len : 0;
    if (!got->is_rtcp)
        assert_int_equal(rtp_parse((struct span){ got->bytes, got->len ? got->len : got->raw_len },
                                   &got->header),
                         0);
}

/* Everything that has come; loopback delivers within the call that sends. */
static inline unsigned test_viewer_receive(struct test_viewer *viewer, struct test_viewers *test)
{
    unsigned before = viewer->count;
    while (viewer->count < TEST_MAX_PACKETS) {
        struct test_got *got = &viewer->got[viewer->count];
        ssize_t          len = recv(viewer->fd, got->raw, sizeof(got->raw), 0);
        if (len < 0)
            break;
        got->raw_len = (size_t)len;
        test_viewer_take(viewer, test, got);
        viewer->count++;
    }
    return viewer->count - before;
}

/* RTCP from the viewer to the worker. */
static inline void test_viewer_say(struct test_viewer *viewer, struct test_viewers *test,
                                   struct span compound)
{
    uint8_t bytes[TEST_MTU];
    memcpy(bytes, compound.p, compound.len);
    size_t len =
        srtcp_seal(test->sealer, viewer->back_keys, viewer->rtcp_index++, bytes, compound.len);
    webrtc_viewer_on_rtcp(&test->worker[1], &viewer->session.viewer, (struct span){ bytes, len });
    test_hubs_settle(&test->hubs);
}
