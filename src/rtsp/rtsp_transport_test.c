#include "rtsp/rtsp_transport.h"

#include <errno.h>

#include "base/auto.h"
#include "base/test.h"

#define PAIR(a, b) ((struct rtsp_transport_pair){ true, a, b })

static bool pairs_are_equal(struct rtsp_transport_pair a, struct rtsp_transport_pair b)
{
    return a.is_given == b.is_given && a.rtp == b.rtp && a.rtcp == b.rtcp;
}

static bool are_equal(const struct rtsp_transport *a, const struct rtsp_transport *b)
{
    return a->is_secure == b->is_secure && a->has_feedback == b->has_feedback &&
           a->is_tcp == b->is_tcp && a->is_multicast == b->is_multicast && a->mode == b->mode &&
           a->ttl == b->ttl && span_equal(a->source, b->source) &&
           span_equal(a->destination, b->destination) &&
           pairs_are_equal(a->interleaved, b->interleaved) && pairs_are_equal(a->port, b->port) &&
           pairs_are_equal(a->client_port, b->client_port) &&
           pairs_are_equal(a->server_port, b->server_port) &&
           a->ssrc.is_given == b->ssrc.is_given && a->ssrc.value == b->ssrc.value;
}

static void one_transport_is_read(void **state)
{
    static const struct {
        const char           *in;
        struct rtsp_transport want;
    } cases[] = {
        { "RTP/AVP", { 0 } },
        { "RTP/AVP/UDP", { 0 } },
        { "RTP/AVP;unicast", { 0 } },
        { "RTP/AVP/TCP", { .is_tcp = true } },
        { "RTP/SAVP;unicast", { .is_secure = true } },
        { "RTP/SAVP/UDP;unicast", { .is_secure = true } },
        { "RTP/SAVP/TCP", { .is_secure = true, .is_tcp = true } },
        { "RTP/AVPF", { .has_feedback = true } },
        { "rtp/avpf/udp", { .has_feedback = true } },
        { "RTP/AVPF/TCP;unicast", { .has_feedback = true, .is_tcp = true } },
        { "RTP/SAVPF/TCP", { .is_secure = true, .has_feedback = true, .is_tcp = true } },
        { "RTP/AVP;multicast", { .is_multicast = true } },
        { "rtp/avp/tcp;UniCast;InterLeaved=2-3", { .is_tcp = true, .interleaved = PAIR(2, 3) } },

        { "RTP/AVP/TCP;interleaved=0-1", { .is_tcp = true, .interleaved = PAIR(0, 1) } },
        { "RTP/AVP/TCP;interleaved=1-2", { .is_tcp = true, .interleaved = PAIR(1, 2) } },
        { "RTP/AVP/TCP;interleaved=4", { .is_tcp = true, .interleaved = PAIR(4, 5) } },
        { "RTP/AVP/TCP;interleaved=254-255", { .is_tcp = true, .interleaved = PAIR(254, 255) } },
        { "RTP/AVP/TCP;interleaved=254", { .is_tcp = true, .interleaved = PAIR(254, 255) } },
        { "RTP/AVP/TCP;interleaved=255-0", { .is_tcp = true, .interleaved = PAIR(255, 0) } },
        { "RTP/AVP;client_port=18100-18101", { .client_port = PAIR(18100, 18101) } },
        { "RTP/AVP;client_port=65534", { .client_port = PAIR(65534, 65535) } },
        { "RTP/AVP;client_port=0-0", { .client_port = PAIR(0, 0) } },
        { "RTP/AVP;client_port=1-2;server_port=3-4",
          { .client_port = PAIR(1, 2), .server_port = PAIR(3, 4) } },
        { "RTP/AVP;multicast;destination=224.1.0.1;port=18002-18003;ttl=127;ssrc=5252FCD1",
          { .is_multicast = true,
            .destination = BYTES("224.1.0.1"),
            .port = PAIR(18002, 18003),
            .ttl = 127,
            .ssrc = { true, 0x5252fcd1 } } },
        { "RTP/AVP;source=10.0.0.1;destination=", { .source = BYTES("10.0.0.1") } },
        { "RTP/AVP;ttl=255", { .ttl = 255 } },

        { "RTP/AVP;ssrc=0", { .ssrc = { true, 0 } } },
        { "RTP/AVP;ssrc=d93ff", { .ssrc = { true, 0xd93ff } } },
        { "RTP/AVP;ssrc=  D93FF", { .ssrc = { true, 0xd93ff } } },
        { "RTP/AVP;ssrc=0x5252FCD1", { .ssrc = { true, 0x5252fcd1 } } },
        { "RTP/AVP;ssrc=0X1", { .ssrc = { true, 1 } } },
        { "RTP/AVP;ssrc=000000005252FCD1", { .ssrc = { true, 0x5252fcd1 } } },
        { "RTP/AVP;ssrc=0x", { 0 } },
        { "RTP/AVP;ssrc=", { 0 } },
        { "RTP/AVP;ssrc", { 0 } },
        { "RTP/AVP;ssrc=15252FCD1", { 0 } },
        { "RTP/AVP;ssrc=rubbish;ttl=1", { .ttl = 1 } },

        { "RTP/AVP;mode=play", { .mode = RTSP_TRANSPORT_PLAY } },
        { "RTP/AVP;mode=PLAY", { .mode = RTSP_TRANSPORT_PLAY } },
        { "RTP/AVP;mode=\"PLAY\"", { .mode = RTSP_TRANSPORT_PLAY } },
        { "RTP/AVP;mode= \" PLAY \" ", { .mode = RTSP_TRANSPORT_PLAY } },
        { "RTP/AVP;mode=record", { .mode = RTSP_TRANSPORT_RECORD } },
        { "RTP/AVP;mode=\"Record\"", { .mode = RTSP_TRANSPORT_RECORD } },
        { "RTP/AVP;mode=record\"", { .mode = RTSP_TRANSPORT_RECORD } },
        { "RTP/AVP;mode=receive", { .mode = RTSP_TRANSPORT_RECORD } },

        { "RTP/AVP;append;layers=2;x-speed=1;=;;", { 0 } },
        { " RTP/AVP ; unicast ; client_port = 1-2 ", { .client_port = PAIR(1, 2) } },
        { "RTP/AVP;multicast;unicast", { 0 } },
        { "RTP/AVP;ttl=1;ttl=2", { .ttl = 2 } },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct span           rest = span_from_string(cases[i].in);
        struct rtsp_transport got;
        CHECK(rtsp_transport_next(&rest, &got) == 1, cases[i].in);
        CHECK(are_equal(&got, &cases[i].want), cases[i].in);
        CHECK(rtsp_transport_next(&rest, &got) == 0, cases[i].in);
    }
}

static void bad_ones_are_refused(void **state)
{
    static const char *const cases[] = {
        "RTP/FOO;unicast",
        "RTP/AVP/SCTP",
        "RTP",
        "unicast",
        ";unicast",
        "unicast;RTP/AVP",
        "RTP/AVP/TCP;interleaved=256-257",
        "RTP/AVP/TCP;interleaved=255-256",
        "RTP/AVP/TCP;interleaved=255",
        "RTP/AVP/TCP;interleaved=",
        "RTP/AVP/TCP;interleaved",
        "RTP/AVP/TCP;interleaved=-1",
        "RTP/AVP/TCP;interleaved=0-",
        "RTP/AVP/TCP;interleaved=0-1-2",
        "RTP/AVP/TCP;interleaved=a-b",
        "RTP/AVP;client_port=65536-65537",
        "RTP/AVP;client_port=65535",
        "RTP/AVP;client_port=65535-65536",
        "RTP/AVP;client_port=99999999999999999999-1",
        "RTP/AVP;server_port=x",
        "RTP/AVP;port=1-x",
        "RTP/AVP;ttl=256",
        "RTP/AVP;ttl=",
        "RTP/AVP;mode=watch",
        "RTP/AVP;mode=",
        "RTP/AVP;mode=\"PLAY,RECORD\"",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct span           rest = span_from_string(cases[i]);
        struct rtsp_transport got = { .ttl = 77 };
        CHECK(rtsp_transport_next(&rest, &got) == -EINVAL, cases[i]);
        CHECK(got.ttl == 77, cases[i]);
        CHECK(rest.len == 0, cases[i]);
    }
}

static void several_come_one_after_another(void **state)
{
    static const struct {
        const char *in;
        const char *want; /* one letter each: t TCP, u UDP, m multicast, - refused */
    } cases[] = {
        { "", "" },
        { " , ,", "" },
        { "RTP/AVP;multicast,RTP/AVP;unicast;client_port=1-2,RTP/AVP/TCP;interleaved=0-1", "mut" },
        { "RTP/AVP , RTP/AVP/TCP", "ut" },
        { ",RTP/AVP,,RTP/AVP/TCP,", "ut" },
        { "RTP/FOO,RTP/AVP/TCP", "-t" },
        { "RTP/AVP;ttl=x,RTP/AVP;multicast,BAR", "-m-" },
        { "RTP/AVP;destination=\"a,b\";multicast,RTP/AVP/TCP", "mt" },
        { "RTP/AVP;mode=\"PLAY,RECORD\",RTP/AVP/TCP", "-t" },
        { "RTP/AVP;destination=\"a,RTP/AVP/TCP", "u" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct span           rest = span_from_string(cases[i].in);
        struct rtsp_transport t;
        char                  got[8] = "";
        size_t                count = 0;
        for (int err; (err = rtsp_transport_next(&rest, &t)) != 0 && count < 7;)
            got[count++] = err < 0 ? '-' : t.is_tcp ? 't' : t.is_multicast ? 'm' : 'u';
        CHECK(strcmp(got, cases[i].want) == 0, cases[i].in);
    }
}

static void transports_are_written(void **state)
{
    static const struct {
        const char           *want;
        struct rtsp_transport in;
    } cases[] = {
        { "RTP/AVP;unicast", { 0 } },
        { "RTP/AVP/TCP;unicast;interleaved=0-1", { .is_tcp = true, .interleaved = PAIR(0, 1) } },
        { "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=004ED8E4",
          { .is_tcp = true, .interleaved = PAIR(0, 1), .ssrc = { true, 0x4ed8e4 } } },
        { "RTP/AVP;unicast;client_port=18100-18101;server_port=18000-18001;ssrc=5252FCD1",
          { .client_port = PAIR(18100, 18101),
            .server_port = PAIR(18000, 18001),
            .ssrc = { true, 0x5252fcd1 } } },
        { "RTP/AVP;multicast;destination=224.1.0.1;port=18002-18003;ttl=127;ssrc=5252FCD1",
          { .is_multicast = true,
            .destination = BYTES("224.1.0.1"),
            .port = PAIR(18002, 18003),
            .ttl = 127,
            .ssrc = { true, 0x5252fcd1 } } },
        { "RTP/AVP/TCP;unicast;interleaved=2-3;mode=record",
          { .is_tcp = true, .interleaved = PAIR(2, 3), .mode = RTSP_TRANSPORT_RECORD } },
        { "RTP/SAVP;unicast;source=10.0.0.1;client_port=0-0;mode=play",
          { .is_secure = true,
            .source = BYTES("10.0.0.1"),
            .client_port = PAIR(0, 0),
            .mode = RTSP_TRANSPORT_PLAY } },
        { "RTP/SAVP/TCP;unicast", { .is_secure = true, .is_tcp = true } },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO(buf_fini) struct buf out = { 0 };
        rtsp_transport_write(&out, &cases[i].in);
        CHECK(span_is(buf_span(&out), cases[i].want), cases[i].want);
        struct span           rest = buf_span(&out);
        struct rtsp_transport again;
        CHECK(rtsp_transport_next(&rest, &again) == 1, cases[i].want);
        CHECK(are_equal(&again, &cases[i].in), cases[i].want);
    }
}

TESTS(one_transport_is_read, bad_ones_are_refused, several_come_one_after_another,
      transports_are_written)
