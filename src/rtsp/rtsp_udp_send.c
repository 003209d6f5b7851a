/*
 * The sweep at the end of the turn: what waits in the readers' queues is handed to the kernel, up
 * to UDP_SEND_MESSAGES messages a call, each a run of packets of one size. A packet leaves its
 * queue when it has gone; a full socket leaves the rest there, and the queue's limits decide.
 */
#include <errno.h>

#include "base/check.h"
#include "rtsp/rtsp_udp.h"

struct outbox {
    unsigned                 count;
    struct udp_message       messages[UDP_SEND_MESSAGES];
    struct rtsp_udp_session *readers[UDP_SEND_MESSAGES];
    uint32_t                 bits[UDP_SEND_MESSAGES]; /* the packets of each */
};

/* Plans */

/* The packets from the first of `mask` on that lie one behind the other and fit one message. */
static struct rtsp_udp_run find_run(const struct batch *batch, uint32_t mask)
{
    unsigned             index = (unsigned)__builtin_ctz(mask);
    const struct packet *first = &batch->packets[index];
    struct rtsp_udp_run  run = { first->p, 0, 0, first->len, first->track };
    for (; mask >> index & 1; index++) {
        const struct packet *packet = &batch->packets[index];
        bool                 is_next = packet->p == run.p + run.len && packet->track == run.track &&
                       packet->len <= run.segment && run.len + packet->len <= UDP_GSO_MAX_BYTES;
        if (run.bits && !is_next)
            break;
        run.len += packet->len;
        run.bits |= UINT32_C(1) << index;
        if (packet->len < run.segment || index == BATCH_MAX_PACKETS - 1)
            break;
    }
    return run;
}

static const struct rtsp_udp_plan *plan_of(struct rtsp_udp *udp, uint32_t place,
                                           const struct batch *batch, uint32_t mask)
{
    struct rtsp_udp_plan *plan = &udp->plans[place % RTSP_UDP_PLANS];
    if (plan->batch == batch && plan->mask == mask)
        return plan;
    plan->batch = batch;
    plan->mask = mask;
    plan->run_count = 0;
    for (uint32_t left = mask; left;) {
        struct rtsp_udp_run run = find_run(batch, left);
        plan->runs[plan->run_count++] = run;
        left &= ~run.bits;
    }
    return plan;
}

/* Messages */

/* The way to this client has no room for merged datagrams: one by one from now on. */
static bool may_try_again(struct rtsp_udp_session *reader, struct udp_message *message)
{
    if (!udp_message_split(message))
        return false;
    reader->no_gso = true;
    return true;
}

struct sent {
    uint64_t packets, bytes;
};

static void count_sent(struct rtsp_udp_session *reader, const struct sent *sent)
{
    struct rtsp_session *session = reader->session;
    if (!sent->packets)
        return;
    counters_add(reader->udp->loop->hub->counters, COUNTER_OUTBOUND_PACKETS, sent->packets);
    counters_add(session->counters, COUNTER_OUTBOUND_PACKETS, sent->packets);
    counters_add(session->counters, COUNTER_OUTBOUND_BYTES, sent->bytes);
    counters_add_shared(session->path_counters, COUNTER_OUTBOUND_BYTES, sent->bytes);
}

/* The packets that have gone: of a message that was cut short, the first of them. */
static uint32_t gone_bits(const struct udp_message *message, uint32_t bits)
{
    if (message->error < 0 || message->sent == message->payload.len)
        return bits;
    uint32_t gone = 0;
    for (size_t n = message->sent / message->segment; n > 0; n--, bits &= bits - 1)
        gone |= bits & -bits;
    return gone;
}

/* Of the first `count` messages, in the order in which the queues hold their packets. */
static void take_from_queues(const struct outbox *outbox, unsigned count)
{
    struct sent sent = { 0 };
    for (unsigned i = 0; i < count; i++) {
        struct rtsp_udp_session  *reader = outbox->readers[i];
        const struct udp_message *message = &outbox->messages[i];
        uint32_t                  bits = gone_bits(message, outbox->bits[i]);
        if (message->error == 0) {
            sent.packets += (unsigned)__builtin_popcount(bits);
            sent.bytes += message->sent;
        }
        if (bits)
            queue_pop_packets(&reader->queue, bits);
        if (i + 1 == count || outbox->readers[i + 1] != reader) {
            count_sent(reader, &sent);
            sent = (struct sent){ 0 };
        }
    }
}

/* The first message that was refused in a way that can be mended, or `count`. */
static unsigned find_refused(struct outbox *outbox, unsigned from, unsigned count)
{
    while (from < count && !(outbox->messages[from].error < 0 &&
                             may_try_again(outbox->readers[from], &outbox->messages[from])))
        from++;
    return from;
}

/* False: the socket is full. The outbox is empty afterwards. */
static bool send_all(struct rtsp_udp *udp, struct outbox *outbox)
{
    struct udp_socket *socket = udp->ports[RTSP_UDP_RTP].socket;
    uint64_t           calls = udp_socket_counters(socket)->syscalls;
    unsigned           done = 0;
    while (done < outbox->count && !udp->is_blocked) {
        unsigned asked = outbox->count - done;
        unsigned got = udp_socket_send(socket, &outbox->messages[done], asked);
        unsigned refused = find_refused(outbox, done, done + got);
        udp->is_blocked = got < asked && refused == done + got;
        done = refused;
    }
    counters_add(udp->loop->hub->counters, COUNTER_SYSTEM_CALLS,
                 udp_socket_counters(socket)->syscalls - calls);
    /* The first that waits may be half gone. */
    take_from_queues(outbox, MIN(done + 1, outbox->count));
    outbox->count = 0;
    return !udp->is_blocked;
}

static void add_message(struct outbox *outbox, struct rtsp_udp_session *reader,
                        const struct rtsp_udp_run *run)
{
    unsigned i = outbox->count++;
    outbox->readers[i] = reader;
    outbox->bits[i] = run->bits;
    outbox->messages[i] = (struct udp_message){
        .payload = { run->p, run->len },
        .to = reader->peers[run->track][RTSP_UDP_RTP],
        .from = reader->from,
        .segment = run->segment,
        .no_gso = reader->no_gso,
    };
}

/* False: the outbox is full, and there is more. */
static bool add_reader(struct outbox *outbox, struct rtsp_udp_session *reader)
{
    for (uint32_t i = 0; i < reader->queue.count; i++) {
        const struct queue_entry   *entry = queue_at(&reader->queue, i);
        const struct rtsp_udp_plan *plan = plan_of(reader->udp, i, entry->batch, entry->mask);
        for (unsigned k = 0; k < plan->run_count; k++) {
            if (outbox->count == UDP_SEND_MESSAGES)
                return false;
            add_message(outbox, reader, &plan->runs[k]);
        }
    }
    return true;
}

/* False: the socket is full. */
static bool send_to_reader(struct rtsp_udp *udp, struct outbox *outbox,
                           struct rtsp_udp_session *reader)
{
    while (!add_reader(outbox, reader))
        if (!send_all(udp, outbox))
            return false;
    return true;
}

static bool send_feed(struct rtsp_udp *udp, struct outbox *outbox, struct rtsp_udp_feed *feed)
{
    LIST_FOREACH (struct rtsp_udp_session, reader, &feed->readers, in_feed)
        if (!send_to_reader(udp, outbox, reader))
            return false;
    /* Who is served first this time is served last next time. */
    struct list_node *first = list_take_first(&feed->readers);
    if (first)
        list_append(&feed->readers, first);
    return true;
}

/* Behind the last packets; some players wait for ever without it. */
static void say_bye(struct rtsp_udp_feed *feed)
{
    LIST_FOREACH (struct rtsp_udp_session, reader, &feed->readers, in_feed)
        rtsp_udp_read_say_bye(reader);
}

static void flush(struct rtsp_udp *udp)
{
    struct outbox outbox;
    outbox.count = 0;
    for (unsigned i = 0; i < RTSP_UDP_PLANS; i++)
        udp->plans[i].batch = NULL;
    LIST_FOREACH (struct rtsp_udp_feed, feed, &udp->active, in_active)
        if (!send_feed(udp, &outbox, feed))
            return;
    if (!send_all(udp, &outbox))
        return;
    for (struct list_node *node; (node = list_take_first(&udp->active));) {
        struct rtsp_udp_feed *feed = LIST_ITEM(node, struct rtsp_udp_feed, in_active);
        rtsp_udp_feed_rest(feed);
        if (feed->is_over)
            say_bye(feed);
    }
}

static void on_flush(struct dirty *dirty)
{
    struct rtsp_udp *udp = CONTAINER_OF(dirty, struct rtsp_udp, dirty);
    if (!udp->is_blocked)
        flush(udp);
    rtsp_udp_set_events(udp);
}

void rtsp_udp_send_init(struct rtsp_udp *udp)
{
    udp->dirty.flush = on_flush;
}

void rtsp_udp_send_later(struct rtsp_udp_feed *feed)
{
    if (!list_contains_node(&feed->in_active))
        list_append(&feed->udp->active, &feed->in_active);
    loop_mark_dirty(feed->udp->loop, &feed->udp->dirty);
}

void rtsp_udp_send_resume(struct rtsp_udp *udp)
{
    udp->is_blocked = false;
    loop_mark_dirty(udp->loop, &udp->dirty);
}

/* Reports */

static void send_reports(struct rtsp_udp *udp, struct udp_message *messages, unsigned count)
{
    struct udp_socket *socket = udp->ports[RTSP_UDP_RTCP].socket;
    uint64_t           calls = udp_socket_counters(socket)->syscalls;
    (void)udp_socket_send(socket, messages, count);
    counters_add(udp->loop->hub->counters, COUNTER_SYSTEM_CALLS,
                 udp_socket_counters(socket)->syscalls - calls);
}

void rtsp_udp_send_report(struct rtsp_udp_feed *feed, unsigned track)
{
    struct udp_message messages[UDP_SEND_MESSAGES];
    unsigned           count = 0;
    LIST_FOREACH (struct rtsp_udp_session, reader, &feed->readers, in_feed) {
        if (!reader->is_playing || !reader->session->tracks[track].is_set_up)
            continue;
        messages[count++] = (struct udp_message){
            .payload = { feed->tracks[track].report, RTCP_SR_SIZE },
            .to = reader->peers[track][RTSP_UDP_RTCP],
            .from = reader->from,
        };
        counters_add(reader->session->counters, COUNTER_OUTBOUND_RTCP, 1);
        if (count == UDP_SEND_MESSAGES) {
            send_reports(feed->udp, messages, count);
            count = 0;
        }
    }
    if (count)
        send_reports(feed->udp, messages, count);
}
