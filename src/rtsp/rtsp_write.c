/*
 * What a connection sends: answers, and a reader's packets straight from the slabs they were
 * received into. One writev() takes what fits into IOVS entries, and a run of packets that lie
 * one behind the other is one entry.
 */
#include <errno.h>
#include <sys/uio.h>

#include "base/check.h"
#include "rtp/interleaved.h"
#include "rtsp/rtsp_internal.h"

enum { IOVS = 64, WRITES_A_TURN = 16 };

struct gather {
    struct iovec iov[IOVS];
    unsigned     count;
    size_t       bytes;
    unsigned     headers;
    uint8_t      header[IOVS][INTERLEAVED_HEADER];
};

static bool is_full(const struct gather *gather)
{
    return gather->count + 2 > IOVS;
}

static void add(struct gather *gather, const uint8_t *p, size_t len)
{
    struct iovec *last = gather->count ? &gather->iov[gather->count - 1] : NULL;
    gather->bytes += len;
    if (last && (const uint8_t *)last->iov_base + last->iov_len == p)
        last->iov_len += len;
    else
        gather->iov[gather->count++] = (struct iovec){ (void *)p, len };
}

static uint8_t channel_of(const struct rtsp_session *session, const struct batch *batch,
                          unsigned index)
{
    const struct rtsp_track *track = &session->tracks[batch->packets[index].track];
    return batch->reports >> index & 1 ? track->rtcp_channel : track->rtp_channel;
}

/* One packet without its first `skip` bytes, which were sent before. */
static void add_packet(struct gather *gather, const struct rtsp_session *session,
                       const struct batch *batch, unsigned index, size_t skip)
{
    const struct packet *packet = &batch->packets[index];
    const uint8_t       *start = packet->p - INTERLEAVED_HEADER;
    if (session->is_canonical || skip >= INTERLEAVED_HEADER) {
        add(gather, start + skip, INTERLEAVED_HEADER + packet->len - skip);
        return;
    }
    uint8_t *header = gather->header[gather->headers++];
    interleaved_write_header(header, channel_of(session, batch, index), packet->len);
    add(gather, header + skip, INTERLEAVED_HEADER - skip);
    add(gather, packet->p, packet->len);
}

/* False when there was no room for all of it. */
static bool add_entry(struct gather *gather, const struct rtsp_session *session,
                      const struct queue_entry *entry)
{
    const struct batch *batch = entry->batch;
    if (session->is_canonical && batch->run_count && entry->mask == batch_all(batch)) {
        if (gather->count + batch->run_count > IOVS)
            return false;
        for (unsigned i = 0; i < batch->run_count; i++)
            add(gather, batch->runs[i].p, batch->runs[i].len);
        return true;
    }
    for (uint32_t left = entry->mask; left; left &= left - 1) {
        if (is_full(gather))
            return false;
        add_packet(gather, session, batch, (unsigned)__builtin_ctz(left), 0);
    }
    return true;
}

/* The packet of which a part was sent. */
static unsigned begun_index(const struct rtsp_session *session)
{
    return (unsigned)__builtin_ctz(queue_at(&session->queue, 0)->mask);
}

static size_t packet_size(const struct batch *batch, unsigned index)
{
    return INTERLEAVED_HEADER + (size_t)batch->packets[index].len;
}

/* In the order of sending: the rest of a packet, answers, then everything else. */
static void gather_all(struct gather *gather, const struct rtsp_conn *conn)
{
    const struct rtsp_session *session = conn->session;
    const struct queue        *queue = session ? &session->queue : NULL;
    bool                       has_begun = queue && queue->count && session->begun_bytes;
    gather->count = gather->headers = 0;
    gather->bytes = 0;
    if (has_begun)
        add_packet(gather, session, queue_at(queue, 0)->batch, begun_index(session),
                   session->begun_bytes);
    if (conn->out.len)
        add(gather, conn->out.p, conn->out.len);
    if (!queue)
        return;
    for (uint32_t i = 0; i < queue->count; i++) {
        struct queue_entry entry = *queue_at(queue, i);
        if (i == 0 && has_begun)
            entry.mask &= entry.mask - 1;
        if (is_full(gather) || !add_entry(gather, session, &entry))
            return;
    }
}

struct sent {
    uint64_t packets, reports, bytes; /* bytes of RTP */
};

static void count_packets(struct sent *sent, const struct batch *batch, uint32_t mask)
{
    sent->packets += (unsigned)__builtin_popcount(mask & ~batch->reports);
    sent->reports += (unsigned)__builtin_popcount(mask & batch->reports);
}

/* `len` more bytes of the packet at the front went out; returns those that were not its own. */
static size_t advance_packet(struct rtsp_session *session, size_t len, struct sent *sent)
{
    struct queue       *queue = &session->queue;
    unsigned            index = begun_index(session);
    const struct batch *batch = queue_at(queue, 0)->batch;
    size_t              left = packet_size(batch, index) - session->begun_bytes;
    if (len < left) {
        session->begun_bytes += (uint32_t)len;
        queue->has_begun = session->begun_bytes > 0;
        return 0;
    }
    session->begun_bytes = 0;
    uint32_t bit = UINT32_C(1) << index;
    count_packets(sent, batch, bit);
    sent->bytes += bit & batch->reports ? 0 : batch->packets[index].len;
    queue_pop_packets(queue, bit);
    return len - left;
}

/* A whole entry at once: what nearly every write comes to. False when it was not sent whole. */
static bool advance_entry(struct rtsp_session *session, size_t *len, struct sent *sent)
{
    struct queue       *queue = &session->queue;
    struct queue_entry *entry = queue_at(queue, 0);
    const struct batch *batch = entry->batch;
    if (entry->mask != batch_all(batch) || *len < batch->bytes || batch->reports)
        return false;
    *len -= batch->bytes;
    count_packets(sent, batch, entry->mask);
    sent->bytes += batch->bytes - (uint64_t)INTERLEAVED_HEADER * batch->packet_count;
    queue_pop(queue);
    return true;
}

static void advance(struct rtsp_conn *conn, size_t len, struct sent *sent)
{
    struct rtsp_session *session = conn->session;
    if (session && session->begun_bytes)
        len = advance_packet(session, len, sent);
    size_t answers = MIN(len, conn->out.len);
    if (answers == conn->out.len)
        buf_fini(&conn->out);
    else
        buf_consume(&conn->out, answers);
    len -= answers;
    while (len > 0)
        if (session->begun_bytes || !advance_entry(session, &len, sent))
            len = advance_packet(session, len, sent);
}

static void count_sent(struct rtsp_conn *conn, const struct sent *sent, unsigned calls)
{
    counters_add(conn->loop->hub->counters, COUNTER_SYSTEM_CALLS, calls);
    if (!sent->packets && !sent->reports)
        return;
    struct rtsp_session *session = conn->session;
    counters_add(conn->loop->hub->counters, COUNTER_OUTBOUND_PACKETS, sent->packets);
    counters_add(session->counters, COUNTER_OUTBOUND_PACKETS, sent->packets);
    counters_add(session->counters, COUNTER_OUTBOUND_BYTES, sent->bytes);
    counters_add_shared(session->path_counters, COUNTER_OUTBOUND_BYTES, sent->bytes);
    if (sent->reports)
        counters_add(session->counters, COUNTER_OUTBOUND_RTCP, sent->reports);
}

/* A frame is one piece more often than not, and send() is the shorter way through the kernel. */
static ssize_t send_gathered(int fd, const struct gather *gather)
{
    if (gather->count == 1)
        return send(fd, gather->iov[0].iov_base, gather->iov[0].iov_len, MSG_NOSIGNAL);
    return writev(fd, gather->iov, (int)gather->count);
}

int rtsp_write_flush(struct rtsp_conn *conn)
{
    struct gather gather;
    struct sent   sent = { 0 };
    int           err = 0;
    unsigned      calls = 0;
    while (err == 0 && calls < WRITES_A_TURN) {
        gather_all(&gather, conn);
        if (gather.bytes == 0)
            break;
        ssize_t len = send_gathered(conn->fd, &gather);
        calls++;
        if (len < 0) {
            err = -errno;
            break;
        }
        advance(conn, (size_t)len, &sent);
        if ((size_t)len < gather.bytes)
            err = -EAGAIN; /* the socket is full: asking it once more would only say so */
    }
    count_sent(conn, &sent, calls);
    if (err == -EINTR || (err == 0 && calls == WRITES_A_TURN))
        err = -EAGAIN;
    return err;
}

void rtsp_write_finish_packet(struct rtsp_conn *conn)
{
    struct rtsp_session *session = conn->session;
    if (!session->begun_bytes)
        return;
    const struct batch *batch = queue_at(&session->queue, 0)->batch;
    unsigned            index = begun_index(session);
    struct gather       rest = { .count = 0 };
    add_packet(&rest, session, batch, index, session->begun_bytes);
    struct buf out = { 0 };
    for (unsigned i = 0; i < rest.count; i++)
        buf_append(&out, (struct span){ rest.iov[i].iov_base, rest.iov[i].iov_len });
    buf_append(&out, buf_span(&conn->out));
    buf_fini(&conn->out);
    conn->out = out;
    session->begun_bytes = 0;
}
