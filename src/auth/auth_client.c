#include "auth/auth_client.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdio.h>

#include "auth/auth_param.h"
#include "base/base64.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/random.h"

/* One of those that a server has sent. */
struct offer {
    enum auth_scheme scheme; /* 0: one that is not known */
    enum auth_hash   hash;
    bool             has_hash, has_qop, is_stale;
    struct span      realm, nonce, opaque;
};

/* How good it is; 0: of no use. */
static unsigned rank(const struct offer *offer)
{
    if (offer->scheme == AUTH_SCHEME_BASIC)
        return 1;
    if (offer->scheme != AUTH_SCHEME_DIGEST || offer->nonce.len == 0 || !offer->has_hash)
        return 0;
    return offer->hash == AUTH_SHA256 ? 3 : 2;
}

static void keep_better(struct offer *best, const struct offer *other)
{
    if (rank(other) > rank(best))
        *best = *other;
}

/* Its hash is MD5 unless it says something else. */
static struct offer begin_offer(struct span scheme)
{
    struct offer offer = { .has_hash = true };
    if (span_is_nocase(scheme, "Basic"))
        offer.scheme = AUTH_SCHEME_BASIC;
    else if (span_is_nocase(scheme, "Digest"))
        offer.scheme = AUTH_SCHEME_DIGEST;
    return offer;
}

static void set_hash(struct offer *offer, struct span name)
{
    offer->hash = span_is_nocase(name, "SHA-256") ? AUTH_SHA256 : AUTH_MD5;
    offer->has_hash = offer->hash == AUTH_SHA256 || span_is_nocase(name, "MD5");
}

/* `auth-int` alone is as good as none: servers that insist on it are not known. */
static void set_qop(struct offer *offer, struct span list)
{
    struct span one;
    while (span_next(&list, ',', &one))
        offer->has_qop |= span_is_nocase(span_trim(one), "auth");
}

static void set_param(struct offer *offer, struct span name, struct span value)
{
    if (span_is_nocase(name, "realm"))
        offer->realm = value;
    else if (span_is_nocase(name, "nonce"))
        offer->nonce = value;
    else if (span_is_nocase(name, "opaque"))
        offer->opaque = value;
    else if (span_is_nocase(name, "stale"))
        offer->is_stale = span_is_nocase(value, "true");
    else if (span_is_nocase(name, "qop"))
        set_qop(offer, value);
    else if (span_is_nocase(name, "algorithm"))
        set_hash(offer, value);
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == ',';
}

static struct span cut_word(struct span *rest)
{
    size_t len = 0;
    while (rest->len > 0 && is_blank(rest->p[0]))
        *rest = span_skip(*rest, 1);
    while (len < rest->len && !is_blank(rest->p[len]))
        len++;
    struct span word = span_first(*rest, len);
    *rest = span_skip(*rest, len);
    return word;
}

/* A word is a scheme, which begins an offer; the last one before an equals sign is a parameter. */
static void read_header(struct span header, struct offer *best)
{
    struct offer offer = { 0 };
    struct span  words, value;
    while (auth_param_next(&header, &words, &value)) {
        for (struct span word; (word = cut_word(&words)).len > 0;) {
            if (words.len == 0 && value.p) {
                set_param(&offer, word, value);
                continue;
            }
            keep_better(best, &offer);
            offer = begin_offer(word);
        }
    }
    keep_better(best, &offer);
}

int auth_client_read(struct auth_client *client, const struct message *answer)
{
    struct offer best = { 0 };
    for (unsigned i = 0; i < answer->header_count; i++) {
        if (span_is_nocase(answer->headers[i].name, "WWW-Authenticate"))
            read_header(answer->headers[i].value, &best);
    }
    if (rank(&best) == 0)
        return -ENOTSUP;
    if (client->scheme && !best.is_stale)
        return -EACCES;
    auth_client_fini(client);
    *client = (struct auth_client){ .scheme = best.scheme,
                                    .hash = best.hash,
                                    .has_qop = best.has_qop,
                                    .realm = span_to_string(best.realm),
                                    .nonce = span_to_string(best.nonce),
                                    .opaque = best.opaque.p ? span_to_string(best.opaque) : NULL };
    return 0;
}

void auth_client_write_basic(const struct auth_account *account, struct buf *out)
{
    AUTO(buf_fini) struct buf text = { 0 };
    buf_printf(&text, "%.*s:%.*s", SPAN_ARGS(account->user), SPAN_ARGS(account->pass));
    buf_append_string(out, "Basic ");
    base64_encode(out, buf_span(&text));
    OPENSSL_cleanse(text.p, text.len);
}

static int write_digest(struct auth_client *client, const struct auth_account *account,
                        struct span method, struct span uri, struct buf *out)
{
    char               nc[9], cnonce[AUTH_NONCE], response[AUTH_RESPONSE];
    struct auth_digest digest = { .hash = client->hash,
                                  .user = account->user,
                                  .realm = span_from_string(client->realm),
                                  .nonce = span_from_string(client->nonce),
                                  .uri = uri };
    if (client->has_qop) {
        (void)snprintf(nc, sizeof(nc), "%08" PRIx32, ++client->count);
        random_hex128(cnonce);
        digest.qop = BYTES("auth");
        digest.nc = span_from_string(nc);
        digest.cnonce = span_from_string(cnonce);
    }
    int err = auth_digest_respond(&digest, method, account->pass, response);
    if (err < 0)
        return err;
    buf_printf(out,
               "Digest username=\"%.*s\", realm=\"%s\", nonce=\"%s\", uri=\"%.*s\", "
               "response=\"%s\", algorithm=%s",
               SPAN_ARGS(account->user), client->realm, client->nonce, SPAN_ARGS(uri), response,
               client->hash == AUTH_SHA256 ? "SHA-256" : "MD5");
    if (client->opaque)
        buf_printf(out, ", opaque=\"%s\"", client->opaque);
    if (client->has_qop)
        buf_printf(out, ", qop=auth, nc=%s, cnonce=\"%s\"", nc, cnonce);
    return 0;
}

int auth_client_add(struct auth_client *client, const struct auth_account *account,
                    struct span method, struct span uri, struct buf *request)
{
    AUTO(buf_fini) struct buf value = { 0 };
    int                       err = 0;
    if (client->scheme == AUTH_SCHEME_BASIC)
        auth_client_write_basic(account, &value);
    else if (client->scheme == AUTH_SCHEME_DIGEST)
        err = write_digest(client, account, method, uri, &value);
    if (value.len > 0)
        message_add(request, "Authorization", "%s", buf_string(&value));
    return err;
}

void auth_client_fini(struct auth_client *client)
{
    mem_free(client->realm);
    mem_free(client->nonce);
    mem_free(client->opaque);
    *client = (struct auth_client){ 0 };
}
