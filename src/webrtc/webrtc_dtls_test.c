#include "webrtc/webrtc_dtls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <sys/time.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/test.h"
#include "rtp/rtp.h"
#include "srtp/srtp_sealer.h"

/* OpenSSL's memory, counted: a connection that has been destroyed leaves nothing. */

enum { SIZE_BYTES = 16 };

static size_t openssl_bytes;

static void *count_malloc(size_t size, const char *file, int line)
{
    uint8_t *p = malloc(size + SIZE_BYTES);
    if (!p)
        return NULL;
    memcpy(p, &size, sizeof(size));
    openssl_bytes += size;
    return p + SIZE_BYTES;
}

static void count_free(void *p, const char *file, int line)
{
    size_t size;
    if (!p)
        return;
    memcpy(&size, (uint8_t *)p - SIZE_BYTES, sizeof(size));
    openssl_bytes -= size;
    free((uint8_t *)p - SIZE_BYTES);
}

static void *count_realloc(void *old, size_t size, const char *file, int line)
{
    size_t   old_size = 0;
    uint8_t *p = size ? count_malloc(size, file, line) : NULL;
    if (old)
        memcpy(&old_size, (uint8_t *)old - SIZE_BYTES, sizeof(old_size));
    if (p && old)
        memcpy(p, old, MIN(size, old_size));
    count_free(old, file, line);
    return p;
}

/* OpenSSL takes no others once it has allocated. */
__attribute__((constructor)) static void count_memory(void)
{
    ASSERT(CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free) == 1);
}

/* OpenSSL's clock takes the C library's place. */

static int64_t passed_ns;

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    int64_t now_ns = 1593648000 * NS_PER_S + passed_ns;
    *out = (struct timeval){ now_ns / NS_PER_S, now_ns % NS_PER_S / NS_PER_US };
    return 0;
}

/* Two ends in memory */

enum { MAX_SENT = 64 };

struct end {
    struct dtls_context *context;
    struct dtls         *dtls;
    enum dtls_state      state;
    uint64_t             lost; /* bits: which of the datagrams do not arrive */
    unsigned             sent, delivered;
    size_t               lens[MAX_SENT];
    uint8_t              bytes[MAX_SENT][DTLS_MTU];
};

static struct end server, client;

static void on_send(void *arg, struct span datagram)
{
    struct end *end = arg;
    assert_true(datagram.len > 0 && datagram.len <= DTLS_MTU);
    assert_true(end->sent < MAX_SENT);
    memcpy(end->bytes[end->sent], datagram.p, datagram.len);
    end->lens[end->sent++] = datagram.len;
}

static struct span sent_by(const struct end *end, unsigned index)
{
    return (struct span){ end->bytes[index], end->lens[index] };
}

static void open_contexts(void)
{
    memset(&server, 0, sizeof(server));
    memset(&client, 0, sizeof(client));
    assert_int_equal(dtls_context_create(&server.context, NULL), 0);
    assert_int_equal(dtls_context_create(&client.context, NULL), 0);
}

static void open_server(const struct sdp_fingerprint *peer)
{
    server.dtls = dtls_create(server.context, true, peer, on_send, &server);
    server.state = dtls_start(server.dtls);
    assert_int_equal(server.state, DTLS_HANDSHAKE);
    assert_int_equal(server.sent, 0);
}

static void open_client(const struct sdp_fingerprint *peer)
{
    client.dtls = dtls_create(client.context, false, peer, on_send, &client);
    client.state = dtls_start(client.dtls);
    assert_int_equal(client.state, DTLS_HANDSHAKE);
    assert_int_equal(client.sent, 1);
}

static void open_ends(void)
{
    open_contexts();
    open_server(dtls_context_fingerprint(client.context));
    open_client(dtls_context_fingerprint(server.context));
}

static void close_ends(void)
{
    struct end *ends[] = { &server, &client };
    for (unsigned i = 0; i < 2; i++) {
        ends[i]->dtls = dtls_destroy(ends[i]->dtls);
        ends[i]->context = dtls_context_destroy(ends[i]->context);
    }
    assert_int_equal(ERR_peek_error(), 0);
}

static void deliver(struct end *from, struct end *to)
{
    for (; from->delivered < from->sent; from->delivered++)
        if (!(from->lost >> from->delivered & 1))
            to->state = dtls_receive(to->dtls, sent_by(from, from->delivered));
}

static void settle(void)
{
    while (server.delivered < server.sent || client.delivered < client.sent) {
        deliver(&client, &server);
        deliver(&server, &client);
    }
}

static bool are_connected(void)
{
    return server.state == DTLS_CONNECTED && client.state == DTLS_CONNECTED;
}

static void connect_ends(void)
{
    open_ends();
    settle();
    assert_true(are_connected());
}

static void tick(struct end *end)
{
    if (dtls_timeout_ns(end->dtls) == 0)
        end->state = dtls_on_timeout(end->dtls);
}

/* Keys */

/* What one end seals the other opens. */
static void check_keys(struct srtp_sealer *sealer, const struct srtp_keys *out,
                       const struct srtp_keys *in, const char *name)
{
    uint8_t            packet[128];
    struct srtp_replay replay = { 0 };
    struct span        payload = BYTES("a picture");
    rtp_write(&(struct rtp_header){ .seq = 7, .ssrc = 9, .payload_type = 96 }, packet);
    struct srtp_job job = { out, packet, RTP_HEADER, 9, payload, 7 };
    srtp_seal(sealer, &job, 1);
    size_t len = srtp_sealed_len(out, RTP_HEADER, payload.len);
    CHECK(memcmp(packet + RTP_HEADER, payload.p, payload.len) != 0, name);
    CHECK(srtp_open(sealer, in, &replay, packet, len) == (ssize_t)(RTP_HEADER + payload.len), name);
    CHECK(memcmp(packet + RTP_HEADER, payload.p, payload.len) == 0, name);
}

static void our_order_of_profiles_decides(void **state)
{
    static const struct {
        const char *servers, *clients, *want; /* NULL: all of ours; nothing in common */
    } cases[] = {
        { NULL, NULL, "SRTP_AEAD_AES_128_GCM" },
        { NULL, "SRTP_AES128_CM_SHA1_80", "SRTP_AES128_CM_SHA1_80" },
        { NULL, "SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_256_GCM", "SRTP_AEAD_AES_256_GCM" },
        { NULL, "SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM",
          "SRTP_AEAD_AES_128_GCM" },
        { NULL, "SRTP_AES128_CM_SHA1_32:SRTP_AES128_CM_SHA1_80", "SRTP_AES128_CM_SHA1_80" },
        { "SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM", NULL, "SRTP_AEAD_AES_256_GCM" },
        { NULL, "SRTP_AES128_CM_SHA1_32", NULL },
    };
    AUTO(srtp_sealer_destroy) struct srtp_sealer *sealer = srtp_sealer_create(SRTP_SEALER_OPENSSL);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *name = cases[i].clients ? cases[i].clients : "all", *ours, *theirs;
        open_contexts();
        if (cases[i].servers)
            CHECK(dtls_context_set_profiles(server.context, cases[i].servers, NULL) == 0, name);
        if (cases[i].clients)
            CHECK(dtls_context_set_profiles(client.context, cases[i].clients, NULL) == 0, name);
        open_server(dtls_context_fingerprint(client.context));
        open_client(dtls_context_fingerprint(server.context));
        settle();
        if (cases[i].want) {
            AUTO(srtp_keys_destroy) struct srtp_keys *out = NULL, *in = NULL;
            AUTO(srtp_keys_destroy) struct srtp_keys *their_out = NULL, *their_in = NULL;
            CHECK(dtls_derive_keys(server.dtls, sealer, &out, &in, &ours) == 0, name);
            CHECK(dtls_derive_keys(client.dtls, sealer, &their_out, &their_in, &theirs) == 0, name);
            CHECK(strcmp(ours, cases[i].want) == 0 && strcmp(theirs, ours) == 0, name);
            check_keys(sealer, out, their_in, name);
            check_keys(sealer, their_out, in, name);
        } else {
            CHECK(server.state == DTLS_FAILED && client.state == DTLS_FAILED, name);
            CHECK(strstr(dtls_why(server.dtls), "none of our SRTP profiles"), name);
        }
        close_ends();
    }
}

static void lists_of_profiles_are_checked(void **state)
{
    struct errmsg why;
    open_contexts();
    assert_int_equal(dtls_context_set_profiles(server.context, "SRTP_ROT13", &why), -EINVAL);
    assert_string_equal(why.text, "'SRTP_ROT13' is no list of SRTP profiles");
    close_ends();
}

/* A client of plain OpenSSL, which does what ours never would */

struct plain {
    SSL_CTX *context;
    SSL     *ssl;
    BIO     *in, *out;
    X509    *certificate;
};

static X509 *make_certificate(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    (void)X509_gmtime_adj(X509_getm_notBefore(certificate), -7200);
    (void)X509_gmtime_adj(X509_getm_notAfter(certificate), -3600); /* nobody asks */
    (void)X509_set_pubkey(certificate, key);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    return certificate;
}

static void plain_open(struct plain *plain, bool has_certificate, int version)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    plain->context = SSL_CTX_new(DTLS_client_method());
    plain->certificate = make_certificate(key);
    SSL_CTX_set_security_level(plain->context, 0); /* or it knows no DTLS 1.0 */
    if (has_certificate) {
        assert_int_equal(SSL_CTX_use_certificate(plain->context, plain->certificate), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(plain->context, key), 1);
    }
    EVP_PKEY_free(key);
    assert_int_equal(SSL_CTX_set_tlsext_use_srtp(plain->context, "SRTP_AES128_CM_SHA1_80"), 0);
    plain->ssl = SSL_new(plain->context);
    plain->in = BIO_new(BIO_s_mem());
    plain->out = BIO_new(BIO_s_mem());
    (void)BIO_set_mem_eof_return(plain->in, -1);
    SSL_set_bio(plain->ssl, plain->in, plain->out);
    (void)SSL_set_max_proto_version(plain->ssl, version);
    (void)SSL_set_options(plain->ssl, SSL_OP_NO_QUERY_MTU);
    (void)SSL_set_mtu(plain->ssl, 1200);
    SSL_set_connect_state(plain->ssl);
}

static void plain_close(struct plain *plain)
{
    SSL_free(plain->ssl);
    X509_free(plain->certificate);
    SSL_CTX_free(plain->context);
    ERR_clear_error();
}

static struct sdp_fingerprint plain_fingerprint(const struct plain *plain, enum sdp_hash hash)
{
    static const char *const names[] = { "SHA256", "SHA384", "SHA512", "SHA1" };
    struct sdp_fingerprint   out = { .hash = hash };
    unsigned                 len;
    assert_int_equal(
        X509_digest(plain->certificate, EVP_get_digestbyname(names[hash]), out.digest, &len), 1);
    out.len = (uint8_t)len;
    return out;
}

/* Each of its records is a datagram of its own. Returns how many there were. */
static unsigned plain_deliver(struct plain *plain)
{
    enum { RECORD_HEADER = 13, RECORD_LENGTH_AT = 11 };
    uint8_t    *bytes;
    struct span rest = { NULL, (size_t)BIO_get_mem_data(plain->out, &bytes) };
    unsigned    count = 0;
    for (rest.p = bytes; rest.len; count++) {
        size_t len = RECORD_HEADER + (size_t)read_be16(rest.p + RECORD_LENGTH_AT);
        server.state = dtls_receive(server.dtls, span_first(rest, len));
        rest = span_skip(rest, len);
    }
    (void)BIO_reset(plain->out);
    return count;
}

static void plain_receive(struct plain *plain)
{
    for (; server.delivered < server.sent; server.delivered++)
        (void)BIO_write(plain->in, server.bytes[server.delivered],
                        (int)server.lens[server.delivered]);
    ERR_clear_error();
}

/* Until it is done, or does not get any further. Returns what SSL_do_handshake() did last. */
static int plain_shake_hands(struct plain *plain)
{
    int result;
    do {
        plain_receive(plain);
        result = SSL_do_handshake(plain->ssl);
    } while (plain_deliver(plain) > 0 && result != 1);
    return result;
}

static void plain_connect(struct plain *plain)
{
    open_contexts();
    plain_open(plain, true, DTLS1_2_VERSION);
    struct sdp_fingerprint fingerprint = plain_fingerprint(plain, SDP_SHA256);
    open_server(&fingerprint);
    assert_int_equal(plain_shake_hands(plain), 1);
    assert_int_equal(server.state, DTLS_CONNECTED);
}

/* Client's key, server's key, client's salt, server's salt (RFC 5764, section 4.2). */
static void keys_lie_where_the_rfc_says(void **state)
{
    enum { KEY = 16, SALT = 14 };
    static const char                             label[] = "EXTRACTOR-dtls_srtp";
    uint8_t                                       material[2 * (KEY + SALT)];
    const char                                   *profile;
    struct plain                                  plain;
    AUTO(srtp_sealer_destroy) struct srtp_sealer *sealer = srtp_sealer_create(SRTP_SEALER_OPENSSL);
    AUTO(srtp_keys_destroy) struct srtp_keys     *out = NULL, *in = NULL, *of_client = NULL;
    plain_connect(&plain);
    assert_int_equal(dtls_derive_keys(server.dtls, sealer, &out, &in, &profile), 0);
    assert_string_equal(profile, "SRTP_AES128_CM_SHA1_80");
    assert_int_equal(SSL_export_keying_material(plain.ssl, material, sizeof(material), label,
                                                sizeof(label) - 1, NULL, 0, 0),
                     1);
    assert_int_equal(srtp_keys_create(sealer, SRTP_PROFILE_AES128_CM_SHA1_80,
                                      (struct span){ material, KEY },
                                      (struct span){ material + 2 * KEY, SALT }, &of_client),
                     0);
    check_keys(sealer, of_client, in, "the client's");
    plain_close(&plain);
    close_ends();
}

static void every_hash_of_a_fingerprint_is_checked(void **state)
{
    static const struct {
        const char   *name;
        enum sdp_hash hash;
        bool          is_wrong, is_short;
    } cases[] = {
        { "sha-256", SDP_SHA256, false, false },
        { "sha-384", SDP_SHA384, false, false },
        { "sha-512", SDP_SHA512, false, false },
        { "sha-1", SDP_SHA1, false, false },
        { "sha-256, one bit", SDP_SHA256, true, false },
        { "sha-384, one bit", SDP_SHA384, true, false },
        { "sha-512, one bit", SDP_SHA512, true, false },
        { "sha-1, one bit", SDP_SHA1, true, false },
        { "sha-256, cut short", SDP_SHA256, false, true },
        { "sha-512, cut", SDP_SHA512, false, true },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct plain plain;
        open_contexts();
        plain_open(&plain, true, DTLS1_2_VERSION);
        struct sdp_fingerprint fingerprint = plain_fingerprint(&plain, cases[i].hash);
        fingerprint.digest[fingerprint.len - 1] ^= cases[i].is_wrong;
        fingerprint.len = (uint8_t)(fingerprint.len - cases[i].is_short);
        open_server(&fingerprint);
        bool is_good = !cases[i].is_wrong && !cases[i].is_short;
        CHECK((plain_shake_hands(&plain) == 1) == is_good, cases[i].name);
        CHECK(server.state == (is_good ? DTLS_CONNECTED : DTLS_FAILED), cases[i].name);
        if (!is_good)
            CHECK(ERR_GET_REASON(ERR_peek_error()) == SSL_R_SSLV3_ALERT_BAD_CERTIFICATE,
                  cases[i].name);
        plain_close(&plain);
        close_ends();
    }
}

static void either_end_says_why_it_leaves(void **state)
{
    static const char mismatch[] = "the peer's certificate has not the fingerprint that it named";
    for (unsigned is_client = 0; is_client < 2; is_client++) {
        struct end *strict = is_client ? &client : &server, *other = is_client ? &server : &client;
        open_contexts();
        struct sdp_fingerprint of_server = *dtls_context_fingerprint(server.context);
        struct sdp_fingerprint of_client = *dtls_context_fingerprint(client.context);
        (is_client ? &of_server : &of_client)->digest[0] ^= 0x80;
        open_server(&of_client);
        open_client(&of_server);
        settle();
        assert_int_equal(strict->state, DTLS_FAILED);
        assert_string_equal(dtls_why(strict->dtls), mismatch);
        assert_int_equal(other->state, DTLS_FAILED);
        assert_string_equal(dtls_why(other->dtls), "sslv3 alert bad certificate");
        assert_int_equal(dtls_timeout_ns(strict->dtls), -1);
        unsigned sent = strict->sent;
        assert_int_equal(dtls_receive(strict->dtls, sent_by(other, 0)), DTLS_FAILED);
        assert_int_equal(dtls_on_timeout(strict->dtls), DTLS_FAILED);
        dtls_close(strict->dtls);
        assert_int_equal(strict->sent, sent);
        close_ends();
    }
}

static void clients_that_fall_short_are_refused(void **state)
{
    static const struct {
        const char *name;
        bool        has_certificate;
        int         version;
        const char *why;
    } cases[] = {
        { "no certificate", false, DTLS1_2_VERSION, "peer did not return a certificate" },
        { "DTLS 1.0", true, DTLS1_VERSION, "unsupported protocol" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct plain plain;
        open_contexts();
        plain_open(&plain, cases[i].has_certificate, cases[i].version);
        struct sdp_fingerprint fingerprint = plain_fingerprint(&plain, SDP_SHA256);
        open_server(&fingerprint);
        CHECK(plain_shake_hands(&plain) != 1, cases[i].name);
        CHECK(server.state == DTLS_FAILED, cases[i].name);
        CHECK(strcmp(dtls_why(server.dtls), cases[i].why) == 0, cases[i].name);
        plain_close(&plain);
        close_ends();
    }
}

/* The network */

/* Chromium's ClientHello comes in two datagrams. */
static void messages_come_in_pieces(void **state)
{
    char         long_name[200] = "";
    struct plain plain;
    memset(long_name, 'a', sizeof(long_name) - 1);
    open_contexts();
    plain_open(&plain, true, DTLS1_2_VERSION);
    (void)SSL_set_mtu(plain.ssl, 256);
    (void)SSL_set_tlsext_host_name(plain.ssl, long_name);
    struct sdp_fingerprint fingerprint = plain_fingerprint(&plain, SDP_SHA256);
    open_server(&fingerprint);
    (void)SSL_do_handshake(plain.ssl);
    assert_true(plain_deliver(&plain) >= 2);
    assert_true(server.sent > 0);
    assert_int_equal(plain_shake_hands(&plain), 1);
    assert_int_equal(server.state, DTLS_CONNECTED);
    plain_close(&plain);
    close_ends();
}

static void whatever_datagram_is_lost_comes_again(void **state)
{
    unsigned counts[2] = { 0 };
    connect_ends();
    counts[0] = server.sent;
    counts[1] = client.sent;
    close_ends();
    for (unsigned i = 0; i < counts[0] + counts[1]; i++) {
        char name[32];
        bool is_servers = i < counts[0];
        (void)snprintf(name, sizeof(name), "datagram %u", i);
        open_ends();
        (is_servers ? &server : &client)->lost = UINT64_C(1) << (is_servers ? i : i - counts[0]);
        settle();
        for (unsigned tries = 0; tries < 4 && !are_connected(); tries++) {
            passed_ns += 250 * NS_PER_MS;
            tick(&server);
            tick(&client);
            settle();
        }
        CHECK(are_connected(), name);
        close_ends();
    }
}

static void flights_come_again_later_each_time(void **state)
{
    static const int64_t want_ms[] = { 250, 500, 1000, 2000 };
    open_ends();
    for (unsigned i = 0; i < COUNT(want_ms); i++) {
        int64_t left_ns = dtls_timeout_ns(client.dtls);
        assert_true(left_ns > want_ms[i] * NS_PER_MS - 2 * NS_PER_MS);
        assert_true(left_ns <= want_ms[i] * NS_PER_MS);
        assert_int_equal(dtls_on_timeout(client.dtls), DTLS_HANDSHAKE); /* too early */
        assert_int_equal(client.sent, i + 1);
        passed_ns += left_ns;
        assert_int_equal(dtls_timeout_ns(client.dtls), 0);
        assert_int_equal(dtls_on_timeout(client.dtls), DTLS_HANDSHAKE);
        assert_int_equal(client.sent, i + 2);
    }
    assert_int_equal(dtls_timeout_ns(server.dtls), -1); /* it waits, and has nothing to repeat */
    settle();
    assert_int_equal(client.state, DTLS_CONNECTED);
    assert_int_equal(dtls_timeout_ns(client.dtls), -1);
    close_ends();
}

static void a_peer_that_never_answers_is_given_up(void **state)
{
    open_ends();
    unsigned tries = 0;
    for (; client.state == DTLS_HANDSHAKE && tries < 50; tries++) {
        passed_ns += dtls_timeout_ns(client.dtls);
        client.state = dtls_on_timeout(client.dtls);
    }
    assert_int_equal(client.state, DTLS_FAILED);
    assert_string_equal(dtls_why(client.dtls), "the handshake's messages are not answered");
    close_ends();
}

static void rubbish_harms_nobody(void **state)
{
    static const struct span rubbish[] = {
        BYTES(""),
        BYTES("\x16"),
        BYTES("\x16\xfe\xfd\0\0\0\0\0\0\0\0\0"),             /* a header, cut short */
        BYTES("\x16\xfe\xfd\0\0\0\0\0\0\0\x07\xff\xff"),     /* and nothing behind it */
        BYTES("\x16\xfe\xfd\0\0\0\0\0\0\0\x07\0\0"),         /* of nothing */
        BYTES("\x16\x03\x03\0\0\0\0\0\0\0\x07\0\x01\x01"),   /* TLS */
        BYTES("\x3f\xfe\xfd\0\0\0\0\0\0\0\x07\0\x01\x01"),   /* another kind */
        BYTES("\x17\xfe\xfd\0\x01\0\0\0\0\0\x63\0\x04null"), /* of an epoch to come, or sealed */
        BYTES("\x15\xfe\xfd\0\x01\0\0\0\0\0\x64\0\x02\x02\x28"), /* an alert, not sealed */
        BYTES("\x17\xfe\xfd\0\x07\0\0\0\0\0\x63\0\x04null"),     /* of an epoch far away */
        BYTES("\x14\xfe\xfd\0\0\0\0\0\0\0\x08\0\x01\x01"),       /* too early */
    };
    open_ends();
    for (size_t i = 0; i < COUNT(rubbish); i++)
        assert_int_equal(dtls_receive(server.dtls, rubbish[i]), DTLS_HANDSHAKE);
    settle();
    assert_int_equal(server.state, DTLS_CONNECTED);
    unsigned sent = server.sent;
    for (size_t i = 0; i < COUNT(rubbish); i++)
        assert_int_equal(dtls_receive(server.dtls, rubbish[i]), DTLS_CONNECTED);
    for (unsigned i = 0; i < client.sent; i++) /* replayed, or seen again after a loss */
        assert_int_equal(dtls_receive(server.dtls, sent_by(&client, i)), DTLS_CONNECTED);
    assert_true(server.sent - sent <= 2);
    close_ends();
}

/* After the handshake */

/* OpenSSL 3.0 crashes when it writes before it has read, without its buffers. */
static void both_ends_say_goodbye(void **state)
{
    static const struct {
        const char *name;
        bool        is_client, is_trimmed;
    } cases[] = {
        { "the server leaves", false, false },
        { "the server leaves, trimmed", false, true },
        { "the client leaves", true, false },
        { "the client leaves, trimmed", true, true },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct end *leaves = cases[i].is_client ? &client : &server;
        struct end *stays = cases[i].is_client ? &server : &client;
        connect_ends();
        if (cases[i].is_trimmed) {
            dtls_trim(leaves->dtls);
            dtls_trim(stays->dtls);
        }
        unsigned sent = leaves->sent, answered = stays->sent;
        dtls_close(leaves->dtls);
        CHECK(leaves->sent == sent + 1, cases[i].name);
        dtls_close(leaves->dtls);
        CHECK(leaves->sent == sent + 1, cases[i].name);
        settle();
        CHECK(stays->state == DTLS_CLOSED, cases[i].name);
        CHECK(stays->sent == answered + 1, cases[i].name); /* in kind */
        dtls_close(stays->dtls);
        CHECK(stays->sent == answered + 1, cases[i].name);
        close_ends();
    }
}

/* Of whichever flight the client has seen how much, it learns at once that there is no more. */
static void a_handshake_that_is_given_up_ends_at_both_ends(void **state)
{
    static const struct {
        const char *name;
        bool        is_client;            /* who gives up */
        unsigned    to_server, to_client; /* datagrams that have arrived before */
    } cases[] = {
        { "the server, before the first flight", false, 0, 0 },
        { "the server, its flight is lost", false, 1, 0 },
        { "the server, its flight has arrived in part", false, 1, 1 },
        { "the server, its flight has arrived", false, 1, MAX_SENT },
        { "the client, before its first flight has arrived", true, 0, 0 },
        { "the client, before the server's has", true, 1, 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct end *leaves = cases[i].is_client ? &client : &server;
        struct end *stays = cases[i].is_client ? &server : &client;
        open_ends();
        for (unsigned k = 0; k < MIN(cases[i].to_server, client.sent); k++)
            server.state = dtls_receive(server.dtls, sent_by(&client, k));
        for (unsigned k = 0; k < MIN(cases[i].to_client, server.sent); k++)
            client.state = dtls_receive(client.dtls, sent_by(&server, k));
        CHECK(stays->state == DTLS_HANDSHAKE, cases[i].name);
        unsigned sent = leaves->sent;
        dtls_close(leaves->dtls);
        CHECK(leaves->sent == sent + 1, cases[i].name);
        stays->state = dtls_receive(stays->dtls, sent_by(leaves, sent));
        CHECK(stays->state == DTLS_FAILED, cases[i].name);
        CHECK(strcmp(dtls_why(stays->dtls), "tlsv1 alert user cancelled") == 0, cases[i].name);
        dtls_close(leaves->dtls);
        CHECK(leaves->sent == sent + 1, cases[i].name);
        CHECK(dtls_timeout_ns(leaves->dtls) == -1, cases[i].name);
        close_ends();
    }
}

/* A peer that has them is not to be talked out of its keys. */
static void an_alert_without_a_seal_comes_too_late_for_whoever_is_connected(void **state)
{
    connect_ends();
    struct end third = { .context = client.context };
    third.dtls = dtls_create(client.context, false, dtls_context_fingerprint(server.context),
                             on_send, &third);
    dtls_close(third.dtls);
    assert_int_equal(third.sent, 1);
    assert_int_equal(dtls_receive(server.dtls, sent_by(&third, 0)), DTLS_CONNECTED);
    third.dtls = dtls_destroy(third.dtls);
    close_ends();
}

static void a_plain_client_is_told(void **state)
{
    struct plain plain;
    open_contexts();
    plain_open(&plain, true, DTLS1_2_VERSION);
    struct sdp_fingerprint fingerprint = plain_fingerprint(&plain, SDP_SHA256);
    open_server(&fingerprint);
    (void)SSL_do_handshake(plain.ssl);
    assert_true(plain_deliver(&plain) > 0);
    dtls_close(server.dtls);
    for (; server.delivered < server.sent; server.delivered++)
        (void)BIO_write(plain.in, server.bytes[server.delivered],
                        (int)server.lens[server.delivered]);
    ERR_clear_error();
    int result = SSL_do_handshake(plain.ssl);
    assert_int_equal(SSL_get_error(plain.ssl, result), SSL_ERROR_SSL);
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_TLSV1_ALERT_USER_CANCELLED);
    plain_close(&plain);
    close_ends();
}

static void what_comes_to_a_trimmed_end_is_read(void **state)
{
    struct plain plain;
    plain_connect(&plain);
    size_t before = openssl_bytes;
    dtls_trim(server.dtls);
    assert_true(before - openssl_bytes > 15000);
    before = openssl_bytes;
    assert_int_equal(SSL_write(plain.ssl, "data", 4), 4);
    assert_int_equal(plain_deliver(&plain), 1);
    assert_int_equal(server.state, DTLS_CONNECTED);
    assert_int_equal(dtls_receive(server.dtls, BYTES("rubbish")), DTLS_CONNECTED);
    assert_int_equal(dtls_start(server.dtls), DTLS_CONNECTED);
    assert_int_equal(openssl_bytes, before); /* trimmed anew */
    dtls_close(server.dtls);
    plain_receive(&plain);
    uint8_t byte;
    assert_int_equal(SSL_read(plain.ssl, &byte, 1), 0);
    assert_int_equal(SSL_get_shutdown(plain.ssl), SSL_RECEIVED_SHUTDOWN);
    plain_close(&plain);
    close_ends();
}

/* The last flight was lost: the client asks for it when the server's buffers are long gone. */
static void a_trimmed_server_repeats_its_last_flight(void **state)
{
    open_ends();
    deliver(&client, &server);
    deliver(&server, &client);
    deliver(&client, &server);
    assert_int_equal(server.state, DTLS_CONNECTED);
    assert_int_equal(client.state, DTLS_HANDSHAKE);
    server.delivered = server.sent;
    dtls_trim(server.dtls);
    passed_ns += 250 * NS_PER_MS;
    tick(&client);
    settle();
    assert_int_equal(client.state, DTLS_CONNECTED);
    dtls_close(server.dtls);
    settle();
    assert_int_equal(client.state, DTLS_CLOSED);
    close_ends();
}

static void the_handshake_is_not_begun_anew(void **state)
{
    struct plain plain;
    plain_connect(&plain);
    assert_int_equal(SSL_renegotiate(plain.ssl), 1);
    unsigned sent = server.sent;
    assert_int_not_equal(SSL_do_handshake(plain.ssl), 1);
    assert_int_equal(plain_deliver(&plain), 1);
    assert_int_equal(server.state, DTLS_CONNECTED);
    assert_int_equal(server.sent, sent + 1);
    assert_int_equal(server.bytes[sent][0], SSL3_RT_ALERT);
    plain_close(&plain);
    close_ends();
}

static void an_alert_ends_a_connection_with_its_reason(void **state)
{
    struct plain plain;
    open_contexts();
    plain_open(&plain, true, DTLS1_2_VERSION);
    SSL_set_verify(plain.ssl, SSL_VERIFY_PEER, NULL); /* ours is signed by nobody it knows */
    struct sdp_fingerprint fingerprint = plain_fingerprint(&plain, SDP_SHA256);
    open_server(&fingerprint);
    assert_int_not_equal(plain_shake_hands(&plain), 1);
    assert_int_equal(server.state, DTLS_FAILED);
    assert_string_equal(dtls_why(server.dtls), "tlsv1 alert unknown ca");
    plain_close(&plain);
    close_ends();
}

/* Memory */

static void a_thousand_abandoned_handshakes_leave_nothing(void **state)
{
    size_t before = 0;
    open_ends();
    struct span hello = sent_by(&client, 0);
    server.dtls = dtls_destroy(server.dtls);
    for (unsigned i = 0; i < 1000; i++) {
        if (i == 10) /* by then all caches are filled */
            before = openssl_bytes;
        server.sent = 0;
        open_server(dtls_context_fingerprint(client.context));
        assert_int_equal(dtls_receive(server.dtls, hello), DTLS_HANDSHAKE);
        assert_true(server.sent > 0);
        server.dtls = dtls_destroy(server.dtls);
    }
    assert_int_equal(openssl_bytes, before);
    close_ends();
}

/* Each reload of the settings makes one. */
static void contexts_leave_nothing(void **state)
{
    size_t before = 0;
    for (unsigned i = 0; i < 20; i++) {
        if (i == 5)
            before = openssl_bytes;
        connect_ends();
        close_ends();
    }
    assert_int_equal(openssl_bytes, before);
}

static void the_queue_has_its_limits(void **state)
{
    static uint8_t    bytes[DTLS_MAX_DATAGRAM + 1];
    struct dtls_queue queue = { 0 };
    dtls_queue_clear(&queue);
    dtls_queue_push(&queue, (struct span){ bytes, sizeof(bytes) });
    assert_int_equal(queue.count, 0);
    dtls_queue_push(&queue, BYTES("first"));
    dtls_queue_push(&queue, BYTES(""));
    dtls_queue_push(&queue, BYTES("third"));
    assert_int_equal(queue.count, 3);
    assert_true(span_is(dtls_queue_at(&queue, 0), "first"));
    assert_true(span_is(dtls_queue_at(&queue, 1), ""));
    assert_true(span_is(dtls_queue_at(&queue, 2), "third"));
    for (unsigned i = 0; i < DTLS_MAX_QUEUE; i++)
        dtls_queue_push(&queue, BYTES("more"));
    assert_int_equal(queue.count, DTLS_MAX_QUEUE);
    dtls_queue_clear(&queue);
    for (unsigned i = 0; i < DTLS_MAX_QUEUE; i++)
        dtls_queue_push(&queue, (struct span){ bytes, DTLS_MAX_DATAGRAM });
    assert_int_equal(queue.count, 4); /* 8 KB in all */
    assert_int_equal(dtls_queue_at(&queue, 3).len, DTLS_MAX_DATAGRAM);
    dtls_queue_clear(&queue);
    assert_int_equal(queue.count, 0);
}

TESTS(our_order_of_profiles_decides, lists_of_profiles_are_checked, keys_lie_where_the_rfc_says,
      every_hash_of_a_fingerprint_is_checked, either_end_says_why_it_leaves,
      clients_that_fall_short_are_refused, messages_come_in_pieces,
      a_handshake_that_is_given_up_ends_at_both_ends,
      an_alert_without_a_seal_comes_too_late_for_whoever_is_connected, a_plain_client_is_told,
      whatever_datagram_is_lost_comes_again, flights_come_again_later_each_time,
      a_peer_that_never_answers_is_given_up, rubbish_harms_nobody, both_ends_say_goodbye,
      what_comes_to_a_trimmed_end_is_read, a_trimmed_server_repeats_its_last_flight,
      the_handshake_is_not_begun_anew, an_alert_ends_a_connection_with_its_reason,
      a_thousand_abandoned_handshakes_leave_nothing, contexts_leave_nothing,
      the_queue_has_its_limits)
