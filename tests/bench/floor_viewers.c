/* The viewers of the floor: encrypts and sends in sweeps, and the child process that receives. */
#include "floor.h"

#include <arpa/inet.h>
#include <netinet/udp.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "loop/address.h"
#include "loop/udp.h"
#include "rtp/interleaved.h"
#include "rtp/refit.h"
#include "srtp/srtp.h"
#include "srtp/srtp_sealer.h"

enum {
    SWEEP = 256,
    MAX_PACKET = RTP_HEADER + REFIT_MAX_PAYLOAD, /* as the server's */
    VIEWER_BUFFER = 4 << 20,                     /* no loss when a frame finds the child busy */
};

struct viewer {
    struct sockaddr_in address;
    struct srtp_keys  *keys;
    uint32_t           ssrc;
    uint64_t           next; /* rollover counter << 16 | sequence number, of all tracks */
};

static struct {
    enum srtp_profile   profile;
    unsigned            streams; /* 0: there are no viewers */
    unsigned            each;    /* of each stream */
    struct viewer      *all;
    struct srtp_sealer *sealer;
    int                 fd;
} webrtc;

static const struct profile {
    const char       *name;
    enum srtp_profile profile;
} profiles[] = {
    { "cm", SRTP_PROFILE_AES128_CM_SHA1_80 },
    { "gcm", SRTP_PROFILE_AEAD_AES_128_GCM },
};

union control {
    struct cmsghdr aligned;
    char           bytes[CMSG_SPACE(sizeof(uint16_t))];
};

static struct {
    unsigned        job_count, message_count;
    size_t          used; /* of the arena */
    struct srtp_job jobs[SWEEP];
    struct mmsghdr  messages[SWEEP];
    struct iovec    parts[SWEEP]; /* of the messages, one each */
    uint16_t        segments[SWEEP];
    union control   controls[SWEEP];
    uint8_t         arena[SWEEP * (MAX_PACKET + SRTP_MAX_TAG)];
} sweep;

static void send_sweep(void)
{
    srtp_seal(webrtc.sealer, sweep.jobs, sweep.job_count);
    for (unsigned sent = 0; sent < sweep.message_count;) {
        int n = sendmmsg(webrtc.fd, sweep.messages + sent, sweep.message_count - sent, 0);
        counts.calls++;
        if (n < 0)
            fail("sendmmsg");
        sent += (unsigned)n;
    }
    counts.delivered += sweep.job_count;
    sweep.job_count = sweep.message_count = 0;
    sweep.used = 0;
}

static void begin_message(struct viewer *viewer, uint8_t *datagram, size_t len)
{
    unsigned i = sweep.message_count++;
    sweep.segments[i] = (uint16_t)len;
    sweep.parts[i] = (struct iovec){ datagram, len };
    sweep.messages[i].msg_hdr = (struct msghdr){ .msg_name = &viewer->address,
                                                 .msg_namelen = sizeof(viewer->address),
                                                 .msg_iov = &sweep.parts[i],
                                                 .msg_iovlen = 1 };
}

/* The last message says that it has segments as soon as it has a second one. */
static void extend_message(size_t len)
{
    unsigned       i = sweep.message_count - 1;
    union control *control = &sweep.controls[i];
    control->aligned = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(uint16_t)),
                                         .cmsg_level = SOL_UDP,
                                         .cmsg_type = UDP_SEGMENT };
    memcpy(CMSG_DATA(&control->aligned), &sweep.segments[i], sizeof(uint16_t));
    sweep.messages[i].msg_hdr.msg_control = control;
    sweep.messages[i].msg_hdr.msg_controllen = sizeof(*control);
    sweep.parts[i].iov_len += len;
}

/* All segments are of one size; the last one may be shorter. */
static bool fits_last_message(const struct viewer *viewer, size_t len)
{
    if (sweep.message_count == 0)
        return false;
    unsigned i = sweep.message_count - 1;
    size_t   used = sweep.parts[i].iov_len, segment = sweep.segments[i];
    return sweep.messages[i].msg_hdr.msg_name == &viewer->address && len <= segment &&
           used % segment == 0 && used / segment < UDP_GSO_MAX_SEGMENTS &&
           used + len <= UDP_GSO_MAX_BYTES;
}

static void add_packet(struct viewer *viewer, struct span packet)
{
    if (sweep.job_count == SWEEP)
        send_sweep();
    uint8_t    *out = sweep.arena + sweep.used;
    struct span payload = span_skip(packet, RTP_HEADER);
    memcpy(out, packet.p, RTP_HEADER);
    write_be16(out + 2, (uint16_t)viewer->next);
    write_be32(out + 8, viewer->ssrc);
    sweep.jobs[sweep.job_count++] = (struct srtp_job){ .keys = viewer->keys,
                                                       .out = out,
                                                       .header_len = RTP_HEADER,
                                                       .ssrc = viewer->ssrc,
                                                       .payload = payload,
                                                       .index = viewer->next++ };
    size_t len = srtp_sealed_len(viewer->keys, RTP_HEADER, payload.len);
    sweep.used += len;
    if (fits_last_message(viewer, len))
        extend_message(len);
    else
        begin_message(viewer, out, len);
}

static void add_packets(struct viewer *viewer, struct span bytes)
{
    while (bytes.len > 0) {
        size_t      len = read_be16(bytes.p + 2);
        struct span packet = { bytes.p + INTERLEAVED_HEADER, len };
        bool        is_rtcp = bytes.p[1] & 1;
        if (!is_rtcp && (len < RTP_HEADER || len > MAX_PACKET))
            fail_with_words("a packet that fits no datagram");
        if (!is_rtcp)
            add_packet(viewer, packet);
        bytes = span_skip(bytes, INTERLEAVED_HEADER + len);
    }
}

struct viewer *viewers_of(size_t stream)
{
    return stream < webrtc.streams ? webrtc.all + stream * webrtc.each : NULL;
}

void viewers_add(struct viewer *viewers, struct span packets)
{
    for (unsigned i = 0; viewers && i < webrtc.each; i++)
        add_packets(&viewers[i], packets);
}

void viewers_end_turn(void)
{
    if (sweep.job_count > 0)
        send_sweep();
}

bool viewers_are_waiting(void)
{
    return sweep.job_count > 0;
}

/* Those who receive: as the load tool does, for it is part of what sending over loopback costs */

static struct udp_socket *open_viewer(struct udp_features features, struct sockaddr_in *address)
{
    struct udp_options options = { .features = features, .receive_buffer_bytes = VIEWER_BUFFER };
    struct udp_socket *socket;
    struct errmsg      why;
    if (address_parse("127.0.0.1:0", &options.local, &why) < 0 ||
        udp_socket_create(&options, &socket, &why) < 0)
        fail_with_words(why.text);
    *address = udp_socket_local(socket)->v4;
    return socket;
}

static void ignore(void *arg, const struct udp_datagram *datagram)
{
}

static void pin(unsigned core)
{
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(core, &cores);
    if (sched_setaffinity(0, sizeof(cores), &cores) < 0)
        fail("sched_setaffinity");
}

/* The child: never returns. */
static void receive(struct udp_socket **sockets, unsigned count)
{
    static uint8_t     scratch[FLOOR_SCRATCH];
    struct epoll_event events[FLOOR_EVENTS_A_TURN];
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    int epoll_fd = open_epoll();
    for (unsigned i = 0; i < count; i++)
        watch(epoll_fd, udp_socket_fd(sockets[i]), sockets[i]);
    for (;;) {
        int ready = epoll_wait(epoll_fd, events, FLOOR_EVENTS_A_TURN, -1);
        for (int i = 0; i < ready; i++)
            (void)udp_socket_receive(events[i].data.ptr, scratch, sizeof(scratch), ignore, NULL);
    }
}

static void start_receiving(unsigned core)
{
    unsigned            count = webrtc.streams * webrtc.each;
    struct udp_features features = udp_probe();
    struct udp_socket **sockets = mem_new_array(struct udp_socket *, count);
    webrtc.all = mem_new_array(struct viewer, count);
    for (unsigned i = 0; i < count; i++)
        sockets[i] = open_viewer(features, &webrtc.all[i].address);
    pid_t child = fork();
    if (child < 0)
        fail("fork");
    if (child == 0) {
        pin(core);
        receive(sockets, count);
    }
    for (unsigned i = 0; i < count; i++)
        udp_socket_destroy(sockets[i]);
    mem_free(sockets);
}

/* Any keys will do, but each viewer has its own. */
static void make_keys(void)
{
    const struct srtp_profile_info *info = srtp_profile_find(webrtc.profile);
    for (unsigned i = 0; i < webrtc.streams * webrtc.each; i++) {
        uint8_t     master[SRTP_MAX_KEY + SRTP_MAX_SALT] = { 0 };
        struct span key = { master, info->key_len }, salt = { master + key.len, info->salt_len };
        write_be32(master, i);
        webrtc.all[i].ssrc = i;
        if (srtp_keys_create(webrtc.sealer, webrtc.profile, key, salt, &webrtc.all[i].keys) < 0)
            fail_with_words("no keys");
    }
}

bool viewers_start(char **arguments)
{
    unsigned core;
    for (size_t i = 0; i < COUNT(profiles); i++)
        if (span_is(span_from_string(arguments[0]), profiles[i].name))
            webrtc.profile = profiles[i].profile;
    if (!webrtc.profile || !read_number(arguments[1], UINT16_MAX, &webrtc.streams) ||
        !read_number(arguments[2], UINT16_MAX, &webrtc.each) ||
        !read_number(arguments[3], CPU_SETSIZE - 1, &core))
        return false;
    start_receiving(core);
    webrtc.sealer = srtp_sealer_create(0);
    make_keys();
    webrtc.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (webrtc.fd < 0)
        fail("socket");
    return true;
}
