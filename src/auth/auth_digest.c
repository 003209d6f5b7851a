#include "auth/auth_digest.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "auth/auth_param.h"
#include "base/check.h"

enum { MAX_HEX = 2 * EVP_MAX_MD_SIZE + 1 };

void auth_digest_write_challenge(const char *nonce, char out[AUTH_CHALLENGE])
{
    int len =
        snprintf(out, AUTH_CHALLENGE,
                 "Digest realm=\"" AUTH_REALM_RTSP "\", nonce=\"%s\", algorithm=\"MD5\"", nonce);
    ASSERT(len < AUTH_CHALLENGE);
}

static struct span *find_field(struct auth_digest *digest, struct span name)
{
    static const struct {
        const char *name;
        size_t      offset;
    } fields[] = {
        { "username", offsetof(struct auth_digest, user) },
        { "realm", offsetof(struct auth_digest, realm) },
        { "nonce", offsetof(struct auth_digest, nonce) },
        { "uri", offsetof(struct auth_digest, uri) },
        { "response", offsetof(struct auth_digest, response) },
        { "qop", offsetof(struct auth_digest, qop) },
        { "nc", offsetof(struct auth_digest, nc) },
        { "cnonce", offsetof(struct auth_digest, cnonce) },
    };
    for (size_t i = 0; i < COUNT(fields); i++) {
        if (span_is_nocase(name, fields[i].name))
            return (struct span *)((char *)digest + fields[i].offset);
    }
    return NULL;
}

int auth_digest_parse(struct span params, struct auth_digest *out)
{
    struct auth_digest read = { .hash = AUTH_MD5 };
    struct span        name, value;
    while (auth_param_next(&params, &name, &value)) {
        struct span *field = find_field(&read, name);
        if (field)
            *field = value;
        else if (span_is_nocase(name, "algorithm"))
            read.hash = span_is_nocase(value, "SHA-256") ? AUTH_SHA256 : AUTH_MD5;
    }
    /* A user may have no name; the rest can't be empty. */
    if (!read.user.p || !read.realm.len || !read.nonce.len || !read.uri.p || !read.response.len)
        return -EINVAL;
    *out = read;
    return 0;
}

static struct span without_slash(struct span url)
{
    if (url.len > 0 && url.p[url.len - 1] == '/')
        url.len--;
    return url;
}

/* From the path on: "/cam1/trackID=0?x". */
static struct span without_host(struct span url)
{
    for (size_t i = 0; i + 3 <= url.len; i++) {
        if (memcmp(url.p + i, "://", 3) != 0)
            continue;
        ptrdiff_t slash = span_find(span_skip(url, i + 3), '/');
        return slash < 0 ? (struct span){ url.p + url.len, 0 }
                         : span_skip(url, i + 3 + (size_t)slash);
    }
    return url;
}

static bool is_same_place(struct span uri, struct span url)
{
    uri = without_slash(uri);
    url = without_slash(url);
    struct span place = without_host(url);
    if (span_equal(uri, url) || span_equal(uri, place))
        return true;
    return place.len > 0 && place.p[0] == '/' && span_equal(uri, span_skip(place, 1));
}

static struct span without_track(struct span url)
{
    url = without_slash(url);
    while (url.len > 0 && url.p[url.len - 1] != '/')
        url.len--;
    return url;
}

bool auth_digest_fits(const struct auth_digest *digest, const struct auth_challenge *challenge)
{
    if (!span_is(digest->realm, AUTH_REALM_RTSP) || !span_is(digest->nonce, challenge->nonce))
        return false;
    if (is_same_place(digest->uri, challenge->url))
        return true;
    return span_is(challenge->method, "SETUP") &&
           is_same_place(digest->uri, without_track(challenge->url));
}

struct hasher {
    EVP_MD_CTX *context;
    char        hex[MAX_HEX];
};

/* The hash of `a:b:c` in hexadecimal digits; an empty span when OpenSSL can't make one. */
static struct span hash_joined(struct hasher *out, enum auth_hash hash, const struct span *parts,
                               size_t count)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned      len = 0;
    bool          is_right =
        EVP_DigestInit_ex(out->context, hash == AUTH_SHA256 ? EVP_sha256() : EVP_md5(), NULL) == 1;
    for (size_t i = 0; is_right && i < count; i++) {
        is_right = (i == 0 || EVP_DigestUpdate(out->context, ":", 1) == 1) &&
                   EVP_DigestUpdate(out->context, parts[i].p, parts[i].len) == 1;
    }
    if (!is_right || EVP_DigestFinal_ex(out->context, bytes, &len) != 1)
        return (struct span){ 0 };
    for (unsigned i = 0; i < len; i++)
        (void)snprintf(out->hex + (size_t)2 * i, 3, "%02x", bytes[i]);
    return (struct span){ (const uint8_t *)out->hex, (size_t)2 * len };
}

#define HASH(out, hash, ...)                                                                       \
    hash_joined((out), (hash), (const struct span[]){ __VA_ARGS__ },                               \
                COUNT(((const struct span[]){ __VA_ARGS__ })))

/* RFC 7616, section 3.4.1; without qop, RFC 2617, section 3.2.2.1. */
static struct span make_response(struct hasher hashers[3], const struct auth_digest *digest,
                                 struct span method, struct span user, struct span pass)
{
    struct span secret = HASH(&hashers[0], digest->hash, user, digest->realm, pass);
    struct span request = HASH(&hashers[1], digest->hash, method, digest->uri);
    if (digest->qop.len == 0 || digest->cnonce.len == 0)
        return HASH(&hashers[2], digest->hash, secret, digest->nonce, request);
    return HASH(&hashers[2], digest->hash, secret, digest->nonce, digest->nc, digest->cnonce,
                digest->qop, request);
}

static struct span respond(struct hasher hashers[3], const struct auth_digest *digest,
                           struct span method, struct span user, struct span pass)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    ASSERT(context);
    for (unsigned i = 0; i < 3; i++)
        hashers[i].context = context;
    struct span response = make_response(hashers, digest, method, user, pass);
    EVP_MD_CTX_free(context);
    return response;
}

int auth_digest_respond(const struct auth_digest *digest, struct span method, struct span pass,
                        char out[AUTH_RESPONSE])
{
    struct hasher hashers[3] = { 0 };
    struct span   response = respond(hashers, digest, method, digest->user, pass);
    int           err = span_copy_string(response, out, AUTH_RESPONSE);
    OPENSSL_cleanse(hashers, sizeof(hashers));
    return response.len > 0 ? err : -ENOTSUP;
}

bool auth_digest_verify(const struct auth_digest *digest, struct span method, struct span user,
                        struct span pass)
{
    struct hasher hashers[3] = { 0 };
    struct span   right = respond(hashers, digest, method, user, pass);
    char          given[MAX_HEX];
    bool          is_right = right.len > 0 && right.len == digest->response.len;
    for (size_t i = 0; is_right && i < right.len; i++)
        given[i] = (char)(digest->response.p[i] | 0x20); /* its letters may be large */
    is_right = is_right && CRYPTO_memcmp(given, right.p, right.len) == 0;
    OPENSSL_cleanse(hashers, sizeof(hashers));
    return is_right;
}
