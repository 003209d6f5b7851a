#include "webrtc/webrtc_dtls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"

enum { CERTIFICATE_DAYS = 3650, QUEUE_BYTES = 8192 };

/* RFC 6347, section 4.2.4.1, has a second for all networks; the next come twice as late. */
enum { FIRST_TIMEOUT_US = 250000 };

struct dtls_context {
    SSL_CTX               *ssl;
    BIO_METHOD            *method;
    struct sdp_fingerprint fingerprint;
};

struct dtls {
    SSL                   *ssl;
    struct sdp_fingerprint peer;
    dtls_send_fn          *send;
    void                  *arg;
    uint64_t               sent_bytes;
    struct span            received; /* what OpenSSL reads next */
    bool                   is_server, is_verified, is_trimmed;
    enum dtls_state        state;
    char                   why[128];
};

/* The first reason counts: what OpenSSL says is often its consequence. */
static enum dtls_state fail(struct dtls *dtls, const char *why)
{
    if (!dtls->why[0])
        (void)snprintf(dtls->why, sizeof(dtls->why), "%s", why ? why : "unknown error");
    dtls->state = DTLS_FAILED;
    return dtls->state;
}

/* Datagrams in and out of OpenSSL */

static int bio_write(BIO *bio, const char *bytes, int len)
{
    struct dtls *dtls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    dtls->sent_bytes += (uint64_t)len;
    dtls->send(dtls->arg, (struct span){ (const uint8_t *)bytes, (size_t)len });
    return len;
}

static int bio_read(BIO *bio, char *out, int size)
{
    struct dtls *dtls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (dtls->received.len == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    int len = MIN(size, (int)dtls->received.len); /* the rest of a datagram is lost, as it should */
    memcpy(out, dtls->received.p, (size_t)len);
    dtls->received = (struct span){ 0 };
    return len;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    return command == BIO_CTRL_FLUSH;
}

static int bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static BIO_METHOD *make_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "datagrams");
    ASSERT(method);
    (void)BIO_meth_set_write(method, bio_write);
    (void)BIO_meth_set_read(method, bio_read);
    (void)BIO_meth_set_ctrl(method, bio_ctrl);
    (void)BIO_meth_set_create(method, bio_create);
    return method;
}

/* The context */

static void auto_EVP_PKEY_free(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void auto_X509_free(X509 **certificate)
{
    X509_free(*certificate);
}

static int digest_of(const X509 *certificate, enum sdp_hash hash, struct sdp_fingerprint *out)
{
    static const char *const names[] = { [SDP_SHA256] = "SHA256",
                                         [SDP_SHA384] = "SHA384",
                                         [SDP_SHA512] = "SHA512",
                                         [SDP_SHA1] = "SHA1" };
    unsigned                 len = 0;
    *out = (struct sdp_fingerprint){ .hash = hash };
    if (X509_digest(certificate, EVP_get_digestbyname(names[hash]), out->digest, &len) != 1)
        return -EINVAL;
    out->len = (uint8_t)len;
    return 0;
}

/* RFC 8827, section 6.5: a fresh name says nothing about the server. */
static X509 *make_certificate(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    char  name[33];
    random_hex128(name);
    ASSERT(certificate);
    (void)X509_set_version(certificate, X509_VERSION_3);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(certificate), (long)(random_u32() >> 1));
    (void)X509_gmtime_adj(X509_getm_notBefore(certificate), -86400);
    (void)X509_gmtime_adj(X509_getm_notAfter(certificate), 86400L * CERTIFICATE_DAYS);
    X509_NAME *subject = X509_get_subject_name(certificate);
    (void)X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const uint8_t *)name, -1, -1, 0);
    (void)X509_set_issuer_name(certificate, subject);
    (void)X509_set_pubkey(certificate, key);
    if (X509_sign(certificate, key, EVP_sha256()) > 0)
        return certificate;
    X509_free(certificate);
    return NULL;
}

static bool has_fingerprint(const X509 *certificate, const struct sdp_fingerprint *wanted)
{
    struct sdp_fingerprint seen;
    return digest_of(certificate, wanted->hash, &seen) == 0 && seen.len == wanted->len &&
           memcmp(seen.digest, wanted->digest, seen.len) == 0;
}

/*
 * Whose certificate it is tells the fingerprint, and not who has signed it. In the midst of the
 * handshake, so that OpenSSL sends bad_certificate (RFC 8122, section 6.2).
 */
static int verify_peer(X509_STORE_CTX *store, void *unused)
{
    SSL         *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct dtls *dtls = SSL_get_app_data(ssl);
    dtls->is_verified = has_fingerprint(X509_STORE_CTX_get0_cert(store), &dtls->peer);
    if (!dtls->is_verified) {
        (void)fail(dtls, "the peer's certificate has not the fingerprint that it named");
        X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
    }
    return dtls->is_verified;
}

static int set_up_context(struct dtls_context *context)
{
    AUTO(EVP_PKEY_free) EVP_PKEY *key = EVP_EC_gen("P-256");
    AUTO(X509_free) X509         *certificate = key ? make_certificate(key) : NULL;
    AUTO(buf_fini) struct buf     profiles = { 0 };
    if (!certificate || digest_of(certificate, SDP_SHA256, &context->fingerprint) < 0)
        return -EIO;
    SSL_CTX *ssl = context->ssl = SSL_CTX_new(DTLS_method());
    if (!ssl || SSL_CTX_use_certificate(ssl, certificate) != 1 ||
        SSL_CTX_use_PrivateKey(ssl, key) != 1)
        return -EIO;
    srtp_profile_names(&profiles);
    if (SSL_CTX_set_tlsext_use_srtp(ssl, buf_string(&profiles)) != 0) /* 0: it is content */
        return -EIO;
    (void)SSL_CTX_set_min_proto_version(ssl, DTLS1_2_VERSION);
    (void)SSL_CTX_set_options(ssl,
                              SSL_OP_NO_TICKET | SSL_OP_NO_QUERY_MTU | SSL_OP_NO_RENEGOTIATION);
    (void)SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    /* So large is the buffer for sending, of 16 KB otherwise for each connection. */
    (void)SSL_CTX_set_max_send_fragment(ssl, DTLS_MTU);
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(ssl, verify_peer, NULL);
    return 0;
}

int dtls_context_create(struct dtls_context **out, struct errmsg *why)
{
    struct dtls_context *context = mem_new(struct dtls_context);
    context->method = make_method();
    int err = set_up_context(context);
    if (err < 0) {
        dtls_context_destroy(context);
        ERR_clear_error();
        return errmsg_set(why, err, "cannot make a certificate for DTLS");
    }
    *out = context;
    return 0;
}

struct dtls_context *dtls_context_destroy(struct dtls_context *context)
{
    if (!context)
        return NULL;
    SSL_CTX_free(context->ssl);
    BIO_meth_free(context->method);
    return mem_free(context);
}

int dtls_context_set_profiles(struct dtls_context *context, const char *names, struct errmsg *why)
{
    /* It returns 0 on success. */
    if (SSL_CTX_set_tlsext_use_srtp(context->ssl, names) == 0)
        return 0;
    ERR_clear_error();
    return errmsg_set(why, -EINVAL, "'%s' is no list of SRTP profiles", names);
}

const struct sdp_fingerprint *dtls_context_fingerprint(const struct dtls_context *context)
{
    return &context->fingerprint;
}

/* A connection */

static unsigned next_timeout_us(SSL *ssl, unsigned last_us)
{
    return last_us ? 2 * last_us : FIRST_TIMEOUT_US;
}

struct dtls *dtls_create(struct dtls_context *context, bool is_server,
                         const struct sdp_fingerprint *peer, dtls_send_fn *send, void *arg)
{
    struct dtls *dtls = mem_new(struct dtls);
    *dtls = (struct dtls){ .ssl = SSL_new(context->ssl),
                           .peer = *peer,
                           .send = send,
                           .arg = arg,
                           .is_server = is_server };
    BIO *bio = BIO_new(context->method);
    ASSERT(dtls->ssl && bio);
    BIO_set_data(bio, dtls);
    SSL_set_bio(dtls->ssl, bio, bio);
    (void)SSL_set_app_data(dtls->ssl, dtls);
    (void)SSL_set_mtu(dtls->ssl, DTLS_MTU);
    DTLS_set_timer_cb(dtls->ssl, next_timeout_us);
    if (is_server)
        SSL_set_accept_state(dtls->ssl);
    else
        SSL_set_connect_state(dtls->ssl);
    return dtls;
}

struct dtls *dtls_destroy(struct dtls *dtls)
{
    if (dtls)
        SSL_free(dtls->ssl);
    return mem_free(dtls);
}

const char *dtls_why(const struct dtls *dtls)
{
    return dtls->why;
}

static enum dtls_state on_finished(struct dtls *dtls)
{
    if (dtls->is_verified && SSL_get_selected_srtp_profile(dtls->ssl)) {
        dtls->state = DTLS_CONNECTED;
        return dtls->state;
    }
    (void)SSL_shutdown(dtls->ssl);
    ERR_clear_error();
    return fail(dtls, dtls->is_verified ? "the peer knows none of our SRTP profiles"
                                        : "the peer has shown no certificate");
}

/* What OpenSSL's return value means; its queue of errors is this thread's and must be emptied. */
static enum dtls_state judge(struct dtls *dtls, int result)
{
    int error = SSL_get_error(dtls->ssl, result);
    if (error == SSL_ERROR_ZERO_RETURN) {
        (void)SSL_shutdown(dtls->ssl); /* to be answered in kind (RFC 5246, section 7.2.1) */
        dtls->state = DTLS_CLOSED;
    } else if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
        (void)fail(dtls, ERR_reason_error_string(ERR_peek_error()));
    }
    ERR_clear_error();
    return dtls->state;
}

static enum dtls_state go_on(struct dtls *dtls)
{
    ERR_clear_error();
    if (dtls->state == DTLS_HANDSHAKE) {
        int result = SSL_do_handshake(dtls->ssl);
        return result == 1 ? on_finished(dtls) : judge(dtls, result);
    }
    uint8_t ignored[256]; /* nobody sends data */
    int     result;
    do
        result = SSL_read(dtls->ssl, ignored, sizeof(ignored));
    while (result > 0);
    return judge(dtls, result);
}

enum dtls_state dtls_start(struct dtls *dtls)
{
    return dtls->is_server || dtls->state != DTLS_HANDSHAKE ? dtls->state : go_on(dtls);
}

/* Other kinds of records are to be passed over (RFC 6347, section 4.1.2.7); OpenSSL gives up. */
static bool is_record(struct span datagram)
{
    return datagram.len && datagram.p[0] >= SSL3_RT_CHANGE_CIPHER_SPEC &&
           datagram.p[0] <= SSL3_RT_APPLICATION_DATA;
}

enum dtls_state dtls_receive(struct dtls *dtls, struct span datagram)
{
    if (dtls->state == DTLS_CLOSED || dtls->state == DTLS_FAILED || !is_record(datagram))
        return dtls->state;
    dtls->received = datagram;
    enum dtls_state state = go_on(dtls);
    dtls->received = (struct span){ 0 };
    if (dtls->is_trimmed) /* reading has brought the buffers back */
        dtls_trim(dtls);
    return state;
}

int64_t dtls_timeout_ns(struct dtls *dtls)
{
    struct timeval left;
    if (dtls->state != DTLS_HANDSHAKE || DTLSv1_get_timeout(dtls->ssl, &left) != 1)
        return -1;
    return left.tv_sec * NS_PER_S + left.tv_usec * NS_PER_US;
}

enum dtls_state dtls_on_timeout(struct dtls *dtls)
{
    ERR_clear_error();
    if (dtls->state == DTLS_HANDSHAKE && DTLSv1_handle_timeout(dtls->ssl) < 0)
        (void)fail(dtls, "the handshake's messages are not answered");
    ERR_clear_error();
    return dtls->state;
}

int dtls_derive_keys(struct dtls *dtls, const struct srtp_sealer *sealer, struct srtp_keys **out,
                     struct srtp_keys **in, const char **profile)
{
    static const char               label[] = "EXTRACTOR-dtls_srtp";
    uint8_t                         material[2 * (SRTP_MAX_KEY + SRTP_MAX_SALT)];
    const SRTP_PROTECTION_PROFILE  *selected = SSL_get_selected_srtp_profile(dtls->ssl);
    const struct srtp_profile_info *info = srtp_profile_find(selected->id);
    ASSERT(info);
    size_t key = info->key_len, salt = info->salt_len;
    if (SSL_export_keying_material(dtls->ssl, material, 2 * (key + salt), label, sizeof(label) - 1,
                                   NULL, 0, 0) != 1)
        return -EIO;
    /* Client's key, server's key, client's salt, server's salt (RFC 5764, section 4.2). */
    const uint8_t *keys[] = { material, material + key };
    const uint8_t *salts[] = { material + 2 * key, material + 2 * key + salt };
    unsigned       mine = dtls->is_server, theirs = !dtls->is_server;
    int            err = srtp_keys_create(sealer, info->profile, (struct span){ keys[mine], key },
                                          (struct span){ salts[mine], salt }, out);
    ASSERT(err == 0); /* profile and lengths are those of the table */
    err = srtp_keys_create(sealer, info->profile, (struct span){ keys[theirs], key },
                           (struct span){ salts[theirs], salt }, in);
    ASSERT(err == 0);
    OPENSSL_cleanse(material, sizeof(material));
    *profile = info->openssl_name;
    return 0;
}

void dtls_trim(struct dtls *dtls)
{
    dtls->is_trimmed = SSL_free_buffers(dtls->ssl) == 1;
}

/*
 * OpenSSL has no way to give a handshake up in words. Until it has keys a peer takes an alert
 * that is not sealed (RFC 5246, section 7.2.2), with a number above all that it has seen: each of
 * our records had more than one byte.
 */
static void send_alert(struct dtls *dtls)
{
    uint8_t record[] = { SSL3_RT_ALERT, DTLS1_2_VERSION >> 8, DTLS1_2_VERSION & 0xff,
                         /* epoch and number */
                         0, 0, 0, 0, 0, 0, 0, 0,
                         /* length */
                         0, 2, SSL3_AL_FATAL, SSL_AD_USER_CANCELLED };
    write_be64(record + 3, dtls->sent_bytes);
    dtls->send(dtls->arg, (struct span){ record, sizeof(record) });
}

static void send_close_notify(struct dtls *dtls)
{
    /* Without its buffers OpenSSL 3.0 can't write before it has read once. */
    if (dtls->is_trimmed && go_on(dtls) != DTLS_CONNECTED)
        return;
    ERR_clear_error();
    (void)SSL_shutdown(dtls->ssl);
    ERR_clear_error();
}

void dtls_close(struct dtls *dtls)
{
    if (dtls->state == DTLS_HANDSHAKE)
        send_alert(dtls);
    else if (dtls->state == DTLS_CONNECTED)
        send_close_notify(dtls);
    else
        return;
    dtls->state = DTLS_CLOSED;
}

/* The queue */

void dtls_queue_push(struct dtls_queue *queue, struct span datagram)
{
    if (queue->count == DTLS_MAX_QUEUE || datagram.len > DTLS_MAX_DATAGRAM ||
        queue->used + datagram.len > QUEUE_BYTES)
        return;
    if (!queue->bytes)
        queue->bytes = mem_alloc(QUEUE_BYTES);
    memcpy(queue->bytes + queue->used, datagram.p, datagram.len);
    queue->used += datagram.len;
    queue->lens[queue->count++] = (uint16_t)datagram.len;
}

struct span dtls_queue_at(const struct dtls_queue *queue, unsigned index)
{
    ASSERT(index < queue->count);
    size_t at = 0;
    for (unsigned i = 0; i < index; i++)
        at += queue->lens[i];
    return (struct span){ queue->bytes + at, queue->lens[index] };
}

void dtls_queue_clear(struct dtls_queue *queue)
{
    mem_free(queue->bytes);
    *queue = (struct dtls_queue){ 0 };
}
