#include "load/load_whep.h"

#include <errno.h>
#include <stdarg.h>

#include "base/auto.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "load/load_url.h"
#include "load/whep_offer.h"
#include "srtp/srtp_sealer.h"

/* Room for some seconds of a stream: what is lost is to be the server's loss. */
enum { RECEIVE_BUFFER = 1 << 20, UFRAG_DIGITS = 8 };

/* By then the server's last flight needs no answer any more. */
#define TRIM_AFTER_NS (2 * NS_PER_S)

/* RFC 7983: what the first byte says; RFC 5761, section 4: the second, of RTCP. */
enum { DTLS_FIRST = 20, DTLS_LAST = 63, RTP_FIRST = 128, RTP_LAST = 191 };
enum { RTCP_FIRST = 192, RTCP_LAST = 223 };

static const char *const srtp_profiles[] = {
    [LOAD_SRTP_ANY] = NULL,
    [LOAD_SRTP_GCM] = "SRTP_AEAD_AES_128_GCM",
    [LOAD_SRTP_GCM256] = "SRTP_AEAD_AES_256_GCM",
    [LOAD_SRTP_CM] = "SRTP_AES128_CM_SHA1_80",
};

int load_whep_net_init(struct load_whep_net *shared, enum load_srtp srtp, uint32_t decrypt_every,
                       struct errmsg *why)
{
    int err = dtls_context_create(&shared->dtls, why);
    if (err == 0 && srtp_profiles[srtp])
        err = dtls_context_set_profiles(shared->dtls, srtp_profiles[srtp], why);
    if (err < 0)
        return err;
    shared->sealer = srtp_sealer_create(0);
    shared->features = udp_probe();
    shared->decrypt_every = decrypt_every;
    return 0;
}

void load_whep_net_fini(struct load_whep_net *shared)
{
    shared->dtls = dtls_context_destroy(shared->dtls);
    shared->sealer = srtp_sealer_destroy(shared->sealer);
}

__attribute__((format(printf, 3, 4))) static void end(struct load_whep *whep, int err,
                                                      const char *format, ...)
{
    struct errmsg why;
    va_list       args;
    if (whep->has_ended)
        return;
    whep->has_ended = true;
    va_start(args, format);
    (void)vsnprintf(why.text, sizeof(why.text), format, args);
    va_end(args);
    whep->ops->on_end(whep, err, &why);
}

static bool is_alive(const struct load_whep *whep)
{
    return whep->is_open && !whep->has_ended;
}

/* Handles close in later turns; whichever is the last ends it. */
static void finish_close(struct load_whep *whep)
{
    if (whep->is_open || whep->is_conn_busy || whep->is_polled)
        return;
    whep->ice = ice_agent_destroy(whep->ice);
    whep->dtls = dtls_destroy(whep->dtls);
    whep->socket = udp_socket_destroy(whep->socket);
    whep->url = mem_free(whep->url);
    whep->resource = mem_free(whep->resource);
    buf_fini(&whep->request);
    whep_media_fini(&whep->media);
    whep->ops->on_closed(whep);
}

/* Datagrams out */

static void send_datagram(struct load_whep *whep, struct span datagram,
                          const struct udp_address *to, const struct udp_address *from)
{
    struct udp_message message = { .payload = datagram, .to = *to, .from = *from };
    (void)udp_socket_send(whep->socket, &message, 1); /* as a network might, it may be lost */
}

/* By the way that was found. */
static void send_to_server(void *arg, struct span datagram)
{
    struct load_whep  *whep = arg;
    struct udp_address to, from;
    if (ice_agent_route(whep->ice, &to, &from))
        send_datagram(whep, datagram, &to, &from);
}

static void send_report(struct load_whep *whep, int64_t now_ns)
{
    uint8_t bytes[WHEP_MAX_REPORT];
    size_t  len = whep_media_report(&whep->media, now_ns, bytes);
    if (len > 0)
        send_to_server(whep, (struct span){ bytes, len });
}

/* DTLS */

static void on_connected(struct load_whep *whep)
{
    struct whep_media *media = &whep->media;
    int err = dtls_derive_keys(whep->dtls, media->sealer, &media->out, &media->in, &whep->profile);
    if (err < 0) {
        end(whep, err, "no SRTP keys: %s", err_text(err));
        return;
    }
    whep->state = WHEP_LIVE;
    whep->live_ns = clock_monotonic_ns();
    whep->ops->on_live(whep, whep->live_ns);
}

static void act_on(struct load_whep *whep, enum dtls_state state)
{
    if (!is_alive(whep))
        return;
    if (state == DTLS_CLOSED)
        end(whep, -ECONNRESET, "the server has closed the session");
    else if (state == DTLS_FAILED)
        end(whep, -EPROTO, "DTLS: %s", dtls_why(whep->dtls));
    else if (state == DTLS_CONNECTED && whep->state == WHEP_DTLS)
        on_connected(whep);
}

/* ICE */

static void on_ice_send(void *arg, struct span datagram, const struct udp_address *to,
                        const struct udp_address *from)
{
    send_datagram(arg, datagram, to, from);
}

static void on_ice_peer(void *arg, const struct udp_address *peer)
{
}

static void on_ice_selected(void *arg, const struct udp_address *to, const struct udp_address *from)
{
    struct load_whep *whep = arg;
    if (whep->state != WHEP_ICE)
        return;
    whep->state = WHEP_DTLS;
    act_on(whep, dtls_start(whep->dtls));
}

static const struct ice_ops ice_ops = { on_ice_send, on_ice_peer, on_ice_selected };

/* Datagrams in */

static void on_stun(struct load_whep *whep, const struct udp_datagram *datagram)
{
    struct stun_message message;
    if (stun_parse(datagram->payload, &message) == 0)
        ice_agent_receive(whep->ice, &message, &datagram->peer, &datagram->local, whep->read_ns);
}

static void on_srtp(struct load_whep *whep, uint8_t *packet, size_t len)
{
    struct whep_packet seen;
    if (packet[1] >= RTCP_FIRST && packet[1] <= RTCP_LAST) {
        whep_media_receive_rtcp(&whep->media, packet, len, whep->read_ns);
        return;
    }
    int err = whep_media_receive(&whep->media, packet, len, whep->read_ns, &seen);
    if (err == 0)
        whep->ops->on_packet(whep, &seen, len, whep->read_ns);
    else if (err == -EBADMSG)
        whep->ops->on_broken(whep);
}

static void on_datagram(void *arg, const struct udp_datagram *datagram)
{
    struct load_whep *whep = arg;
    struct span       bytes = datagram->payload;
    if (!is_alive(whep) || bytes.len < 2)
        return;
    if (whep->read_ns == 0)
        whep->read_ns = clock_monotonic_ns();
    /* It lies in our own scratch: it may be decrypted where it is. */
    if (bytes.p[0] >= RTP_FIRST && bytes.p[0] <= RTP_LAST)
        on_srtp(whep, (uint8_t *)bytes.p, bytes.len);
    else if (bytes.p[0] >= DTLS_FIRST && bytes.p[0] <= DTLS_LAST)
        act_on(whep, dtls_receive(whep->dtls, bytes));
    else
        on_stun(whep, datagram);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct load_whep *whep = poll->data;
    whep->read_ns = 0;
    (void)udp_socket_receive(whep->socket, whep->shared->net->scratch, LOAD_SCRATCH, on_datagram,
                             whep);
    whep->overflowed = udp_socket_counters(whep->socket)->kernel_drops;
}

/* At any address and port of ours. */
static int open_socket(struct load_whep *whep, sa_family_t family, struct errmsg *why)
{
    struct udp_options options = { .features = whep->shared->features,
                                   .receive_buffer_bytes = RECEIVE_BUFFER };
    options.local.storage.ss_family = family;
    options.local.len =
        family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    int err = udp_socket_create(&options, &whep->socket, why);
    if (err < 0)
        return err;
    err = uv_poll_init(&whep->shared->net->loop, &whep->poll, udp_socket_fd(whep->socket));
    if (err < 0)
        return errmsg_set(why, err, "cannot wait for datagrams: %s", err_text(err));
    whep->poll.data = whep;
    whep->is_polled = true;
    (void)uv_poll_start(&whep->poll, UV_READABLE, on_readable);
    return 0;
}

/* The answer */

static int start_transport(struct load_whep *whep, struct span text, struct errmsg *why)
{
    struct whep_answer answer;
    struct udp_address server = udp_address_pack(&whep->shared->server);
    int                err = whep_read_answer(text, &answer, why);
    if (err < 0)
        return err;
    whep_choose_candidates(&answer, &server);
    err = open_socket(whep, answer.candidates[0].any.sa_family, why);
    if (err < 0)
        return err;
    whep->ice = ice_agent_create(&whep->credentials, span_from_string(answer.ufrag),
                                 span_from_string(answer.pwd), true, &ice_ops, whep);
    whep->dtls = dtls_create(whep->shared->dtls, answer.is_active, &answer.fingerprint,
                             send_to_server, whep);
    whep_media_init(&whep->media, whep->shared->sealer, whep->shared->decrypt_every);
    whep->state = WHEP_ICE;
    for (unsigned i = 0; i < answer.candidate_count; i++)
        ice_agent_add_remote(whep->ice, &answer.candidates[i], clock_monotonic_ns());
    return 0;
}

static int read_answer(struct load_whep *whep, const struct message *answer, struct errmsg *why)
{
    if (answer->status != 201)
        return errmsg_set(why, answer->status == 404 ? -ENOENT : -EPROTO,
                          "POST was answered %u %.*s", answer->status, SPAN_ARGS(answer->reason));
    if (answer->is_chunked)
        return errmsg_set(why, -EPROTO,
                          "POST was answered in chunks: an answer has to say its length");
    struct span location = message_header(answer, "Location");
    if (location.len > 0) {
        AUTO(buf_fini) struct buf target = { 0 };
        if (load_url_resolve(&target, span_from_string(whep->url), location) < 0)
            return errmsg_set(why, -EPROTO, "POST was answered with a Location that is no URL");
        whep->resource = mem_string(buf_string(&target));
    }
    return start_transport(whep, answer->body, why);
}

/* HTTP */

static struct load_whep *whep_of(struct load_conn *conn)
{
    return CONTAINER_OF(conn, struct load_whep, conn);
}

static void on_conn_open(struct load_conn *conn)
{
    struct load_whep *whep = whep_of(conn);
    load_conn_send(conn, buf_span(&whep->request));
    buf_fini(&whep->request);
}

static void on_conn_message(struct load_conn *conn, const struct message *message)
{
    struct load_whep *whep = whep_of(conn);
    struct errmsg     why;
    if (!message->is_response)
        return;
    load_conn_close(conn);
    if (whep->state == WHEP_DELETE) {
        load_whep_close(whep);
        return;
    }
    int err = whep->state == WHEP_POST ? read_answer(whep, message, &why) : 0;
    if (err < 0)
        end(whep, err, "%s", why.text);
}

static void on_conn_frame(struct load_conn *conn, const struct interleaved_frame *frame,
                          int64_t now_ns)
{
}

static void on_conn_end(struct load_conn *conn, int err)
{
    struct load_whep *whep = whep_of(conn);
    load_conn_close(conn);
    if (whep->state == WHEP_DELETE)
        load_whep_close(whep);
    else
        end(whep, err, "connection lost during POST: %s",
            err == -EBADMSG ? "what came is no HTTP" : err_text(err));
}

static void on_conn_closed(struct load_conn *conn)
{
    struct load_whep *whep = whep_of(conn);
    whep->is_conn_busy = false;
    finish_close(whep);
}

static const struct load_conn_ops conn_ops = {
    .on_open = on_conn_open,
    .on_message = on_conn_message,
    .on_frame = on_conn_frame,
    .on_end = on_conn_end,
    .on_closed = on_conn_closed,
};

/* Unasked: no viewer comes without. */
static void add_account(struct buf *request, const struct auth_account *account)
{
    AUTO(buf_fini) struct buf value = { 0 };
    if (account->user.len == 0)
        return;
    auth_client_write_basic(account, &value);
    message_add(request, "Authorization", "%s", buf_string(&value));
}

/* One request, on a connection of its own; it is sent when that is there. */
static int start_request(struct load_whep *whep, const char *method, struct span target,
                         struct span body)
{
    struct buf *request = &whep->request;
    struct span authority = load_url_authority(span_from_string(whep->url));
    message_start_request(request, MESSAGE_HTTP, method, target);
    message_add(request, "Host", "%.*s", SPAN_ARGS(authority));
    message_add(request, "User-Agent", "millrace-load");
    message_add(request, "Connection", "close");
    add_account(request, &whep->shared->net->account);
    if (body.len > 0) {
        message_add(request, "Content-Type", "application/sdp");
        message_add(request, "Content-Length", "%zu", body.len);
    }
    message_finish(request, body);
    int err = load_conn_connect(&whep->conn, whep->shared->net, &whep->shared->server, &conn_ops);
    if (err < 0)
        buf_fini(request);
    whep->is_conn_busy = err == 0;
    return err;
}

static int post_offer(struct load_whep *whep)
{
    AUTO(buf_fini) struct buf sdp = { 0 };
    AUTO(buf_fini) struct buf target = { 0 };
    struct whep_offer         offer = {
                .ufrag = whep->credentials.ufrag,
                .pwd = whep->credentials.pwd,
                .fingerprint = dtls_context_fingerprint(whep->shared->dtls),
    };
    random_bytes(&offer.session_id, sizeof(offer.session_id));
    offer.session_id >>= 1; /* a signed number for most */
    whep_write_offer(&sdp, &offer);
    load_url_target(&target, span_from_string(whep->url));
    return start_request(whep, "POST", buf_span(&target), buf_span(&sdp));
}

int load_whep_open(struct load_whep *whep, struct load_whep_net *shared, const char *url,
                   const struct load_whep_ops *ops)
{
    *whep = (struct load_whep){
        .ops = ops, .shared = shared, .state = WHEP_POST, .url = mem_string(url)
    };
    random_hex128(whep->credentials.ufrag);
    whep->credentials.ufrag[UFRAG_DIGITS] = '\0';
    random_hex128(whep->credentials.pwd);
    int err = post_offer(whep);
    if (err < 0)
        whep->url = mem_free(whep->url);
    whep->is_open = err == 0;
    return err;
}

void load_whep_tick(struct load_whep *whep, int64_t now_ns)
{
    if (!is_alive(whep) || whep->state < WHEP_ICE || whep->state > WHEP_LIVE)
        return;
    if (now_ns >= ice_agent_deadline(whep->ice) && !ice_agent_on_time(whep->ice, now_ns)) {
        end(whep, -ETIMEDOUT, "the server does not answer STUN checks any more");
        return;
    }
    if (whep->state == WHEP_DTLS && dtls_timeout_ns(whep->dtls) == 0)
        act_on(whep, dtls_on_timeout(whep->dtls));
    if (whep->state != WHEP_LIVE)
        return;
    send_report(whep, now_ns);
    if (!whep->is_trimmed && now_ns - whep->live_ns > TRIM_AFTER_NS) {
        dtls_trim(whep->dtls);
        whep->is_trimmed = true;
    }
}

void load_whep_settle(struct load_whep *whep)
{
    whep->media.is_sampling = whep->shared->decrypt_every > 1;
}

const char *load_whep_waits_for(const struct load_whep *whep)
{
    static const char *const names[] = {
        [WHEP_IDLE] = "connect", [WHEP_POST] = "POST", [WHEP_ICE] = "ICE",
        [WHEP_DTLS] = "DTLS",    [WHEP_LIVE] = NULL,   [WHEP_DELETE] = "DELETE"
    };
    return names[whep->state];
}

void load_whep_leave(struct load_whep *whep)
{
    bool may_ask = is_alive(whep) && whep->resource && !whep->is_conn_busy;
    whep->has_ended = true;
    whep->state = WHEP_DELETE;
    struct span target = span_from_string(whep->resource);
    if (!may_ask || start_request(whep, "DELETE", target, (struct span){ 0 }) < 0)
        load_whep_close(whep);
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct load_whep *whep = handle->data;
    whep->is_polled = false;
    finish_close(whep);
}

void load_whep_close(struct load_whep *whep)
{
    if (!whep->is_open)
        return;
    whep->is_open = false;
    whep->has_ended = true;
    if (whep->dtls)
        dtls_close(whep->dtls);
    if (whep->is_conn_busy)
        load_conn_close(&whep->conn);
    if (whep->is_polled)
        uv_close((uv_handle_t *)&whep->poll, on_poll_closed);
    finish_close(whep);
}
