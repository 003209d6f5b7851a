/*
 * The kernel spreads clients over the workers' sockets by their addresses, and so some of what they
 * send reaches another worker than that of their session. Each worker tells the others which
 * addresses are its sessions'; what one turn brings for another worker goes there in one message.
 */
#include "base/check.h"
#include "base/mem.h"
#include "rtsp/rtsp_udp.h"

enum { BUNDLE_BYTES = UDP_MESSAGE_MAX + 64, KEEP_BUNDLES = 4 };

/* In front of each datagram of a bundle. */
struct stray_head {
    struct udp_address peer;
    uint32_t           len;
    uint32_t           kind;
};

struct stray_bundle {
    struct pool_item item;
    struct mail      mail;
    struct rtsp_udp *to;
    size_t           used;
    uint8_t          bytes[BUNDLE_BYTES];
};

struct claim {
    struct mail         mail;
    struct rtsp_udp    *to;
    struct rtsp_udp_key key;
    unsigned            home;
    bool                is_over;
};

void rtsp_udp_init_strays(struct rtsp_udp *udp)
{
    pool_init(&udp->bundles, sizeof(struct stray_bundle), KEEP_BUNDLES);
}

void rtsp_udp_fini_strays(struct rtsp_udp *udp)
{
    pool_fini(&udp->bundles);
}

/* Whoever says it last is right, but for what is a session's here. */
static void on_claim(struct loop *loop, struct mail *mail)
{
    struct claim            *claim = CONTAINER_OF(mail, struct claim, mail);
    struct span              key = { (const uint8_t *)&claim->key, sizeof(claim->key) };
    struct rtsp_udp_binding *binding = rtsp_udp_find_binding(claim->to, &claim->key);
    bool                     is_ours = binding && binding->session;
    if (!claim->is_over && !is_ours) {
        if (!binding)
            map_put(claim->to->bindings, key, binding = mem_new(struct rtsp_udp_binding));
        *binding = (struct rtsp_udp_binding){ .home = claim->home };
    } else if (binding && !is_ours && binding->home == claim->home) {
        mem_free(map_remove(claim->to->bindings, key));
    }
    mem_free(claim);
}

void rtsp_udp_claim(struct rtsp_udp *udp, const struct rtsp_udp_key *key, bool is_over)
{
    for (unsigned i = 1; i <= udp->server->udp_count; i++) {
        if (i == udp->loop->index)
            continue;
        struct claim *claim = mem_new(struct claim);
        *claim = (struct claim){ .mail.handle = on_claim,
                                 .to = &udp->server->udp[i],
                                 .key = *key,
                                 .home = udp->loop->index,
                                 .is_over = is_over };
        loop_post(udp->server->loops[i], &claim->mail);
    }
}

static void take_bundle(struct rtsp_udp *udp, const struct stray_bundle *bundle)
{
    struct stray_head head;
    udp->is_stray = true;
    for (size_t at = 0; at < bundle->used; at += sizeof(head) + head.len) {
        memcpy(&head, bundle->bytes + at, sizeof(head));
        struct udp_datagram datagram = { .payload = { bundle->bytes + at + sizeof(head), head.len },
                                         .peer = head.peer };
        rtsp_udp_receive(&udp->ports[head.kind], &datagram);
    }
    udp->is_stray = false;
    rtsp_udp_end_receive(udp);
}

static void on_bundle(struct loop *loop, struct mail *mail)
{
    struct stray_bundle *bundle = CONTAINER_OF(mail, struct stray_bundle, mail);
    atomic_fetch_sub_explicit(&bundle->to->bundles_waiting, 1, memory_order_relaxed);
    if (bundle->to->is_open) /* else it has ended */
        take_bundle(bundle->to, bundle);
    pool_give(&bundle->item);
}

/* NULL: the worker is late, and they are lost as if its socket's buffer were full. */
static struct stray_bundle *open_bundle(struct rtsp_udp *udp, unsigned to)
{
    struct rtsp_udp *target = &udp->server->udp[to];
    if (atomic_load_explicit(&target->bundles_waiting, memory_order_relaxed) >= RTSP_UDP_MAX_STRAYS)
        return NULL;
    atomic_fetch_add_explicit(&target->bundles_waiting, 1, memory_order_relaxed);
    struct stray_bundle *bundle = pool_take(&udp->bundles);
    bundle->mail.handle = on_bundle;
    bundle->to = target;
    bundle->used = 0;
    return bundle;
}

static void post(struct rtsp_udp *udp, unsigned to)
{
    struct stray_bundle *bundle = udp->outgoing[to];
    udp->outgoing[to] = NULL;
    if (bundle)
        loop_post(udp->server->loops[to], &bundle->mail);
}

void rtsp_udp_post_strays(struct rtsp_udp *udp)
{
    for (unsigned i = 1; i <= udp->server->udp_count; i++)
        post(udp, i);
}

void rtsp_udp_pass_on(struct rtsp_udp_port *port, unsigned to, const struct udp_datagram *datagram)
{
    struct rtsp_udp  *udp = port->udp;
    struct stray_head head = { datagram->peer, (uint32_t)datagram->payload.len, port->kind };
    size_t            needed = sizeof(head) + datagram->payload.len;
    if (udp->is_stray) /* whose it is has changed meanwhile: it must not go round in circles */
        return;
    if (udp->outgoing[to] && udp->outgoing[to]->used + needed > BUNDLE_BYTES)
        post(udp, to);
    if (!udp->outgoing[to])
        udp->outgoing[to] = open_bundle(udp, to);
    struct stray_bundle *bundle = udp->outgoing[to];
    if (!bundle) {
        counters_add(udp->loop->hub->counters, COUNTER_KERNEL_DROPS, 1);
        return;
    }
    memcpy(bundle->bytes + bundle->used, &head, sizeof(head));
    memcpy(bundle->bytes + bundle->used + sizeof(head), datagram->payload.p, datagram->payload.len);
    bundle->used += needed;
}
