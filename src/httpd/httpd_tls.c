#include "httpd/httpd_tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509err.h>
#include <stdio.h>
#include <sys/stat.h>
#include <uv.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"

static const int64_t look_every_ns = NS_PER_S;

/* What changes when a file is written or another takes its name. */
struct stamp {
    dev_t           device;
    ino_t           inode;
    off_t           size;
    struct timespec written, changed;
};

enum { CERT, KEY, FILES };

struct httpd_certs {
    const struct log_context *log;
    char                     *files[FILES];
    struct stamp              stamps[FILES]; /* of the last try, good or bad */
    SSL_CTX                  *context;
    int64_t                   looked_ns;
};

static void free_context(SSL_CTX *context)
{
    SSL_CTX_free(context);
}
DEFINE_AUTO(SSL_CTX *, free_context)

/* The files */

static void look(const struct httpd_certs *certs, struct stamp stamps[FILES])
{
    memset(stamps, 0, FILES * sizeof(*stamps)); /* they are compared as bytes */
    for (unsigned i = 0; i < FILES; i++) {
        struct stat info;
        if (stat(certs->files[i], &info) == 0)
            stamps[i] = (struct stamp){ info.st_dev, info.st_ino, info.st_size, info.st_mtim,
                                        info.st_ctim };
    }
}

/* OpenSSL would ask for the passphrase on the terminal. */
static int refuse_passphrase(char *out, int size, int is_writing, void *arg)
{
    return -1;
}

static int check_file(const char *path, struct errmsg *why)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        int err = -errno;
        return errmsg_set(why, err, "open %s: %s", path, err_text(err));
    }
    (void)fclose(file);
    return 0;
}

/* In Go's words, where it has some: MediaMTX's users know them. */
static const struct known_error {
    int         lib, reason;
    const char *text;
} known_errors[] = {
    { ERR_LIB_PEM, PEM_R_NO_START_LINE, "failed to find any PEM data in certificate input" },
    { ERR_LIB_OSSL_DECODER, ERR_R_UNSUPPORTED, "failed to find any PEM data in key input" },
    { ERR_LIB_PEM, PEM_R_BAD_PASSWORD_READ, "the key is encrypted, and must not be" },
    { ERR_LIB_X509, X509_R_KEY_VALUES_MISMATCH, "private key does not match public key" },
    { ERR_LIB_SSL, SSL_R_NO_CERTIFICATE_ASSIGNED, "private key does not match public key" },
};

/* One error brings others, of those who called: the first that is known says most. */
static int complain(struct errmsg *why, const char *path)
{
    const char *first = ERR_reason_error_string(ERR_peek_error());
    for (unsigned long code; (code = ERR_get_error());) {
        for (size_t i = 0; i < COUNT(known_errors); i++) {
            const struct known_error *known = &known_errors[i];
            if (ERR_GET_LIB(code) == known->lib && ERR_GET_REASON(code) == known->reason)
                return errmsg_set(why, -EINVAL, "tls: %s", known->text);
        }
    }
    return errmsg_set(why, -EINVAL, "tls: cannot use %s: %s", path,
                      first ? first : "unknown error");
}

static int load_pair(SSL_CTX *context, char *const files[FILES], struct errmsg *why)
{
    for (unsigned i = 0; i < FILES; i++) {
        int err = check_file(files[i], why);
        if (err < 0)
            return err;
    }
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context, files[CERT]) != 1)
        return complain(why, files[CERT]);
    if (SSL_CTX_use_PrivateKey_file(context, files[KEY], SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1)
        return complain(why, files[KEY]);
    return 0;
}

/* RFC 7301: a client that speaks none of these is told so. */
static int choose_protocol(SSL *tls, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned in_len, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1\x08http/1.0";
    unsigned char             *chosen;
    int err = SSL_select_next_proto(&chosen, out_len, ours, sizeof(ours) - 1, in, in_len);
    *out = chosen;
    return err == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static SSL_CTX *make_context(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    ASSERT(context);
    (void)SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    (void)SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                           SSL_OP_PRIORITIZE_CHACHA);
    (void)SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                        SSL_MODE_RELEASE_BUFFERS);
    /* Else a client that only changes keys would be served in this turn as long as it goes on. */
    (void)SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* tickets need none */
    SSL_CTX_set_default_passwd_cb(context, refuse_passphrase);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    return context;
}

/* Looked at before they are read: a file written meanwhile differs the next time. */
static int load(struct httpd_certs *certs, struct errmsg *why)
{
    look(certs, certs->stamps);
    AUTO(free_context) SSL_CTX *context = make_context();
    int                         err = load_pair(context, certs->files, why);
    if (err < 0)
        return err;
    SSL_CTX_free(certs->context);
    certs->context = TAKE(context);
    return 0;
}

int httpd_certs_create(const struct httpd_tls *files, const struct log_context *log,
                       struct httpd_certs **out, struct errmsg *why)
{
    AUTO(httpd_certs_destroy) struct httpd_certs *certs = mem_new(struct httpd_certs);
    certs->log = log;
    certs->files[CERT] = mem_string(files->cert_file);
    certs->files[KEY] = mem_string(files->key_file);
    int err = load(certs, why);
    if (err < 0)
        return err;
    *out = TAKE(certs);
    return 0;
}

struct httpd_certs *httpd_certs_destroy(struct httpd_certs *certs)
{
    if (!certs)
        return NULL;
    SSL_CTX_free(certs->context);
    for (unsigned i = 0; i < FILES; i++)
        mem_free(certs->files[i]);
    return mem_free(certs);
}

/* While one of two files is new they don't fit, and the line is written; then the other comes. */
static void reload(struct httpd_certs *certs, int64_t now_ns)
{
    struct stamp  stamps[FILES];
    struct errmsg why;
    if (certs->looked_ns && now_ns - certs->looked_ns < look_every_ns)
        return;
    certs->looked_ns = now_ns;
    look(certs, stamps);
    if (memcmp(stamps, certs->stamps, sizeof(stamps)) == 0)
        return;
    if (load(certs, &why) < 0)
        LOG(certs->log, LOG_WARN, "keeping the old certificate: %s", why.text);
    else
        LOG(certs->log, LOG_INFO, "certificate %s was reloaded", certs->files[CERT]);
}

/* Connections */

SSL *httpd_tls_open(struct httpd_certs *certs, int fd, int64_t now_ns)
{
    reload(certs, now_ns);
    SSL *tls = SSL_new(certs->context);
    if (!tls || SSL_set_fd(tls, fd) != 1) {
        SSL_free(tls);
        return NULL;
    }
    SSL_set_accept_state(tls);
    return tls;
}

/* What stopped SSL_read() or SSL_write(), which must not want to read in the middle of data. */
static int error_of(SSL *tls, int result, int system_err, int when_reading)
{
    switch (SSL_get_error(tls, result)) {
    case SSL_ERROR_WANT_READ:
        return when_reading;
    case SSL_ERROR_WANT_WRITE:
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return UV_EOF;
    case SSL_ERROR_SYSCALL:
        return system_err ? -system_err : UV_EOF;
    default:
        return ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST ? -EPROTONOSUPPORT : -EPROTO;
    }
}

ssize_t httpd_tls_receive(SSL *tls, uint8_t *out, size_t size)
{
    ERR_clear_error();
    errno = 0;
    int len = SSL_read(tls, out, (int)MIN(size, (size_t)INT32_MAX));
    if (len > 0)
        return len;
    int err = error_of(tls, len, errno, -EAGAIN);
    return err == -EAGAIN ? 0 : err;
}

ssize_t httpd_tls_send(SSL *tls, struct span bytes)
{
    ERR_clear_error();
    errno = 0;
    int len = SSL_write(tls, bytes.p, (int)MIN(bytes.len, (size_t)INT32_MAX));
    return len > 0 ? len : error_of(tls, len, errno, -EPROTO);
}
