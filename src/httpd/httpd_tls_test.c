#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/test.h"
#include "base/test_child.h"
#include "httpd/test_httpd.h"

#define GET(target) "GET " target " HTTP/1.1\r\nHost: x\r\n\r\n"

/* Certificates, in a folder of their own. */

enum { PATH = 256 };

struct folder {
    char path[64], cert[PATH], key[PATH];
};

static void folder_open(struct folder *folder)
{
    (void)snprintf(folder->path, sizeof(folder->path), "/tmp/httpd_tls_test.XXXXXX");
    ASSERT(mkdtemp(folder->path));
    (void)snprintf(folder->cert, PATH, "%s/server.crt", folder->path);
    (void)snprintf(folder->key, PATH, "%s/server.key", folder->path);
}

static void folder_close(struct folder *folder)
{
    (void)unlink(folder->cert);
    (void)unlink(folder->key);
    ASSERT(rmdir(folder->path) == 0);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    ASSERT(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void write_key(const char *path, EVP_PKEY *key, const char *passphrase)
{
    FILE             *file = fopen(path, "we");
    const EVP_CIPHER *cipher = passphrase ? EVP_aes_128_cbc() : NULL;
    ASSERT(file);
    ASSERT(PEM_write_PKCS8PrivateKey(file, key, cipher, passphrase,
                                     passphrase ? (int)strlen(passphrase) : 0, NULL, NULL));
    (void)fclose(file);
}

static void write_cert(const char *path, EVP_PKEY *key, const char *name)
{
    FILE      *file = fopen(path, "we");
    X509      *cert = X509_new();
    X509_NAME *subject = X509_get_subject_name(cert);
    ASSERT(file && X509_set_version(cert, 2) && ASN1_INTEGER_set(X509_get_serialNumber(cert), 1));
    (void)X509_time_adj(X509_getm_notBefore(cert), 0, &(time_t){ 0 });
    (void)X509_time_adj(X509_getm_notAfter(cert), 0, &(time_t){ INT32_MAX });
    ASSERT(
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const uint8_t *)name, -1, -1, 0));
    ASSERT(X509_set_issuer_name(cert, subject) && X509_set_pubkey(cert, key));
    ASSERT(X509_sign(cert, key, EVP_sha256()) && PEM_write_X509(file, cert));
    X509_free(cert);
    (void)fclose(file);
}

/* A pair that is fit for use, with this name in it. */
static void write_pair(const struct folder *folder, const char *name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    write_key(folder->key, key, NULL);
    write_cert(folder->cert, key, name);
    EVP_PKEY_free(key);
}

static void open_server(struct test_httpd *test, const struct folder *folder)
{
    (void)signal(SIGPIPE, SIG_IGN); /* as main() does: OpenSSL writes without MSG_NOSIGNAL */
    test_httpd_open(test, (struct httpd_options){ .tls = { true, folder->cert, folder->key } });
}

/* Clients */

struct tls_client {
    struct test_client plain;
    SSL_CTX           *context;
    SSL               *tls;
    struct buf         heard;
    int                error; /* of OpenSSL, that ended it */
};

static void tls_client_open(struct tls_client *client, struct test_httpd *test)
{
    *client = (struct tls_client){ .context = SSL_CTX_new(TLS_client_method()) };
    test_client_open(&client->plain, test);
    client->tls = SSL_new(client->context);
    ASSERT(SSL_set_fd(client->tls, client->plain.fd) == 1);
    SSL_set_connect_state(client->tls);
    SSL_set_security_level(client->tls, 0);
}

static void tls_client_close(struct tls_client *client)
{
    SSL_free(client->tls);
    SSL_CTX_free(client->context);
    buf_fini(&client->heard);
    test_client_close(&client->plain);
}

/* False: nothing came, or nothing will. */
static bool tls_client_receive(struct tls_client *client)
{
    uint8_t bytes[20000];
    ERR_clear_error();
    int len = SSL_read(client->tls, bytes, sizeof(bytes));
    if (len > 0) {
        buf_append(&client->heard, (struct span){ bytes, (size_t)len });
        return true;
    }
    int error = SSL_get_error(client->tls, len);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
        client->error = error;
    return false;
}

static const char *tls_client_hear(struct tls_client *client)
{
    bool has_more = true;
    while (has_more) {
        test_httpd_settle(client->plain.test);
        has_more = tls_client_receive(client);
    }
    return buf_string(&client->heard);
}

/* True: it stands. */
static bool tls_client_shake_hands(struct tls_client *client)
{
    for (int i = 0; i < 10 && !SSL_is_init_finished(client->tls) && !client->error; i++)
        (void)tls_client_hear(client);
    return SSL_is_init_finished(client->tls);
}

static const char *tls_client_ask(struct tls_client *client, const char *text)
{
    int len = (int)strlen(text);
    buf_fini(&client->heard);
    if (!tls_client_shake_hands(client))
        return "";
    ASSERT(SSL_write(client->tls, text, len) == len);
    return tls_client_hear(client);
}

/* The name in the certificate that a new client is shown. */
static void shown_name(struct test_httpd *test, char out[64])
{
    struct tls_client client;
    tls_client_open(&client, test);
    (void)snprintf(out, 64, "(none)");
    if (tls_client_shake_hands(&client)) {
        X509 *cert = SSL_get1_peer_certificate(client.tls);
        (void)X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, out, 64);
        X509_free(cert);
    }
    tls_client_close(&client);
    test_httpd_settle(test);
}

static void assert_shown(struct test_httpd *test, const char *name)
{
    char shown[64];
    shown_name(test, shown);
    ASSERT(strcmp(shown, name) == 0);
}

/* Tests */

static void versions_are_1_2_and_1_3(void **state)
{
    static const struct {
        int  version;
        bool is_spoken;
    } cases[] = {
        { TLS1_1_VERSION, false },
        { TLS1_2_VERSION, true },
        { TLS1_3_VERSION, true },
    };
    struct folder     folder;
    struct test_httpd test;
    folder_open(&folder);
    write_pair(&folder, "x");
    open_server(&test, &folder);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct tls_client client;
        tls_client_open(&client, &test);
        (void)SSL_set_min_proto_version(client.tls, cases[i].version);
        (void)SSL_set_max_proto_version(client.tls, cases[i].version);
        assert_int_equal(tls_client_shake_hands(&client), cases[i].is_spoken);
        const char *want = cases[i].is_spoken ? "\r\n\r\nGET /2 ?a" : "";
        (void)tls_client_ask(&client, GET("/1"));
        assert_non_null(strstr(tls_client_ask(&client, GET("/2?a")), want));
        tls_client_close(&client);
    }
    test_httpd_close(&test);
    folder_close(&folder);
}

static void clients_ask_for_a_protocol(void **state)
{
    static const struct {
        const char *name;
        struct span asks;
        const char *gets; /* NULL: it is refused */
    } cases[] = {
        { "none", BYTES(""), "" },
        { "HTTP/1.1", BYTES("\x08http/1.1"), "http/1.1" },
        { "a browser", BYTES("\x02h2\x08http/1.1"), "http/1.1" },
        { "HTTP/1.0", BYTES("\x08http/1.0"), "http/1.0" },
        { "only HTTP/2", BYTES("\x02h2"), NULL },
    };
    struct folder     folder;
    struct test_httpd test;
    folder_open(&folder);
    write_pair(&folder, "x");
    open_server(&test, &folder);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct tls_client client;
        struct span       got = { 0 };
        unsigned          len = 0;
        tls_client_open(&client, &test);
        if (cases[i].asks.len)
            (void)SSL_set_alpn_protos(client.tls, cases[i].asks.p, (unsigned)cases[i].asks.len);
        CHECK(tls_client_shake_hands(&client) == (cases[i].gets != NULL), cases[i].name);
        SSL_get0_alpn_selected(client.tls, &got.p, &len);
        got.len = len;
        CHECK(!cases[i].gets || span_is(got, cases[i].gets), cases[i].name);
        tls_client_close(&client);
    }
    test_httpd_close(&test);
    folder_close(&folder);
}

/* What is in a request's way on a plain connection is here too. */
static void large_answers_come_whole(void **state)
{
    enum { REQUESTS = 50 };
    struct folder     folder;
    struct test_httpd test;
    struct tls_client client;
    folder_open(&folder);
    write_pair(&folder, "x");
    open_server(&test, &folder);
    tls_client_open(&client, &test);
    assert_true(tls_client_shake_hands(&client));
    for (int i = 0; i < REQUESTS; i++)
        assert_int_equal(SSL_write(client.tls, GET("/large"), sizeof(GET("/large")) - 1),
                         sizeof(GET("/large")) - 1);
    test_httpd_settle(&test);
    assert_in_range(test.requests, 1, REQUESTS / 2);
    (void)tls_client_hear(&client);
    assert_int_equal(test.requests, REQUESTS);
    assert_in_range(client.heard.len, REQUESTS * TEST_LARGE, REQUESTS * (TEST_LARGE + 500));
    assert_int_equal(client.error, 0);
    tls_client_close(&client);
    test_httpd_close(&test);
    folder_close(&folder);
}

static void the_last_answer_ends_in_order(void **state)
{
    struct folder     folder;
    struct test_httpd test;
    struct tls_client client;
    folder_open(&folder);
    write_pair(&folder, "x");
    open_server(&test, &folder);
    tls_client_open(&client, &test);
    assert_non_null(strstr(tls_client_ask(&client, GET("/last")), "Connection: close\r\n\r\n"));
    assert_int_equal(client.error, SSL_ERROR_ZERO_RETURN); /* nobody has cut it off */
    tls_client_close(&client);
    test_httpd_settle(&test);
    assert_true(list_is_empty(&test.httpd->conns));
    test_httpd_close(&test);
    folder_close(&folder);
}

static void plain_http_is_explained(void **state)
{
    struct folder      folder;
    struct test_httpd  test;
    struct test_client client;
    folder_open(&folder);
    write_pair(&folder, "x");
    open_server(&test, &folder);
    test_client_open(&client, &test);
    assert_string_equal(test_client_ask(&client, GET("/")),
                        "HTTP/1.0 400 Bad Request\r\n\r\n"
                        "Client sent an HTTP request to an HTTPS server.\n");
    assert_true(client.is_closed);
    test_client_close(&client);
    assert_int_equal(test.requests, 0);
    test_httpd_close(&test);
    folder_close(&folder);
}

static void who_does_not_shake_hands_is_left(void **state)
{
    static const struct {
        const char *name;
        struct span says;
        int64_t     waits_ns;
    } cases[] = {
        { "nothing", BYTES(""), 10 * NS_PER_S },
        { "half a hello", BYTES("\x16\x03\x01\x02\x00\x01"), 10 * NS_PER_S },
        { "rubbish", BYTES("rubbish rubbish"), 0 },
        { "an alert", BYTES("\x15\x03\x01\x00\x02\x02\x28"), 0 },
    };
    struct folder     folder;
    struct test_httpd test;
    folder_open(&folder);
    write_pair(&folder, "x");
    open_server(&test, &folder);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_client client;
        test_client_open(&client, &test);
        (void)test_client_send(&client, cases[i].says);
        test_httpd_settle(&test);
        if (cases[i].waits_ns) {
            test_httpd_wait(&test, cases[i].waits_ns - NS_PER_MS);
            CHECK(!list_is_empty(&test.httpd->conns), cases[i].name);
            test_httpd_wait(&test, 2 * NS_PER_MS);
        }
        CHECK(list_is_empty(&test.httpd->conns), cases[i].name);
        test_client_close(&client);
    }
    test_httpd_close(&test);
    folder_close(&folder);
}

/* The files */

enum fault { NO_FILE, EMPTY, RUBBISH, OTHER_PAIR, OTHER_KIND, LOCKED };

static void break_file(const struct folder *folder, const char *path, enum fault fault)
{
    EVP_PKEY *key = fault == OTHER_KIND ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    if (fault == NO_FILE)
        (void)unlink(path);
    else if (fault == EMPTY || fault == RUBBISH)
        write_file(path, fault == EMPTY ? ""
                                        : "-----BEGIN CERTIFICATE-----\nAAAA\n"
                                          "-----END CERTIFICATE-----\n");
    else if (path == folder->key)
        write_key(path, key, fault == LOCKED ? "secret" : NULL);
    else
        write_cert(path, key, "other");
    EVP_PKEY_free(key);
}

static void unusable_pairs_are_explained(void **state)
{
    static const struct {
        const char *name;
        bool        is_key;
        enum fault  fault;
        const char *why; /* %s: the folder */
    } cases[] = {
        { "no certificate", false, NO_FILE, "open %s/server.crt: no such file or directory" },
        { "no key", true, NO_FILE, "open %s/server.key: no such file or directory" },
        { "empty certificate", false, EMPTY,
          "tls: failed to find any PEM data in certificate input" },
        { "empty key", true, EMPTY, "tls: failed to find any PEM data in key input" },
        { "rubbish", false, RUBBISH, "tls: cannot use %s/server.crt: " },
        { "another's key", true, OTHER_PAIR, "tls: private key does not match public key" },
        { "another's certificate", false, OTHER_PAIR,
          "tls: private key does not match public key" },
        { "another kind of key", true, OTHER_KIND, "tls: private key does not match public key" },
        { "locked key", true, LOCKED, "tls: the key is encrypted" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct folder       folder;
        struct httpd_certs *certs = NULL;
        struct errmsg       why = { "" };
        char                want[256];
        folder_open(&folder);
        write_pair(&folder, "x");
        break_file(&folder, cases[i].is_key ? folder.key : folder.cert, cases[i].fault);
        struct httpd_tls files = { true, folder.cert, folder.key };
        int              err = httpd_certs_create(&files, NULL, &certs, &why);
        CHECK(err == (cases[i].fault == NO_FILE ? -ENOENT : -EINVAL) && !certs, cases[i].name);
        (void)snprintf(want, sizeof(want), cases[i].why, folder.path);
        if (strncmp(why.text, want, strlen(want)) != 0)
            print_error("%s\n", why.text);
        CHECK(strncmp(why.text, want, strlen(want)) == 0, cases[i].name);
        folder_close(&folder);
    }
}

static void a_new_pair_is_shown_to_new_clients(void **state)
{
    struct folder     folder;
    struct test_httpd test;
    struct tls_client before;
    folder_open(&folder);
    write_pair(&folder, "old");
    open_server(&test, &folder);
    assert_shown(&test, "old");
    tls_client_open(&before, &test);
    assert_true(tls_client_shake_hands(&before));
    write_pair(&folder, "new");
    assert_shown(&test, "old"); /* looked at once a second */
    test_httpd_wait(&test, NS_PER_S);
    assert_shown(&test, "new");
    assert_non_null(strstr(tls_client_ask(&before, GET("/1")), " 200 OK"));
    tls_client_close(&before);
    test_httpd_close(&test);
    folder_close(&folder);
}

/* In a child, for what is said of it. */
static void replace_by_broken_pairs(void *arg)
{
    struct folder     folder;
    struct test_httpd test;
    folder_open(&folder);
    write_pair(&folder, "old");
    open_server(&test, &folder);
    assert_shown(&test, "old");
    break_file(&folder, folder.cert, OTHER_PAIR);
    for (int i = 0; i < 3; i++) {
        test_httpd_wait(&test, NS_PER_S);
        assert_shown(&test, "old");
    }
    (void)unlink(folder.key);
    for (int i = 0; i < 3; i++) {
        test_httpd_wait(&test, NS_PER_S);
        assert_shown(&test, "old");
    }
    write_pair(&folder, "new");
    test_httpd_wait(&test, NS_PER_S);
    assert_shown(&test, "new");
    test_httpd_close(&test);
    folder_close(&folder);
}

static unsigned count_lines(const struct test_child *child, const char *text)
{
    unsigned count = 0;
    for (const char *at = child->output; (at = strstr(at, text)); at++)
        count++;
    return count;
}

static void a_broken_pair_is_not_taken(void **state)
{
    static struct test_child child;
    test_child_run(STDOUT_FILENO, replace_by_broken_pairs, NULL, &child);
    assert_true(test_child_is_well(&child));
    assert_int_equal(count_lines(&child, "WAR [test] keeping the old certificate: "), 2);
    assert_int_equal(count_lines(&child, "private key does not match public key"), 1);
    assert_int_equal(count_lines(&child, "server.key: no such file or directory"), 1);
}

TESTS(versions_are_1_2_and_1_3, clients_ask_for_a_protocol, large_answers_come_whole,
      the_last_answer_ends_in_order, plain_http_is_explained, who_does_not_shake_hands_is_left,
      unusable_pairs_are_explained, a_new_pair_is_shown_to_new_clients, a_broken_pair_is_not_taken)
