#include "auth/auth_header.h"

#include <errno.h>
#include <openssl/crypto.h>

#include "base/base64.h"
#include "base/check.h"
#include "base/mem.h"

static int set_password(struct span text, struct auth_credentials *out)
{
    ptrdiff_t colon = span_find(text, ':');
    if (colon < 0)
        return -EINVAL;
    out->kind = AUTH_PASSWORD;
    out->user = span_first(text, (size_t)colon);
    out->pass = span_skip(text, (size_t)colon + 1);
    return 0;
}

static int parse_basic(struct span text, struct auth_credentials *out)
{
    out->decoded_len = text.len / 4 * 3 + 3;
    out->decoded = mem_alloc(out->decoded_len);
    ssize_t len = base64_decode(text, out->decoded, out->decoded_len);
    return len < 0 ? -EINVAL : set_password((struct span){ out->decoded, (size_t)len }, out);
}

static int parse_digest(struct span text, struct auth_credentials *out)
{
    int err = auth_digest_parse(text, &out->digest);
    if (err < 0)
        return err;
    out->kind = AUTH_DIGEST;
    out->user = out->digest.user;
    return 0;
}

/* MediaMTX's form of a password for those who can send this header only; with exactly one colon. */
static int parse_bearer(struct span text, struct auth_credentials *out)
{
    ptrdiff_t colon = span_find(text, ':');
    if (colon >= 0 && span_find(span_skip(text, (size_t)colon + 1), ':') < 0)
        return set_password(text, out);
    out->token = text;
    return 0;
}

int auth_parse_header(struct span header, unsigned schemes, struct auth_credentials *out)
{
    static const struct {
        const char      *name;
        enum auth_scheme scheme;
        int (*parse)(struct span text, struct auth_credentials *out);
    } rules[] = {
        { "Basic", AUTH_SCHEME_BASIC, parse_basic },
        { "Digest", AUTH_SCHEME_DIGEST, parse_digest },
        { "Bearer", AUTH_SCHEME_BEARER, parse_bearer },
    };
    struct span rest = span_trim(header), name;
    *out = (struct auth_credentials){ 0 };
    if (!span_next(&rest, ' ', &name))
        return -EINVAL;
    for (size_t i = 0; i < COUNT(rules); i++) {
        if (!(schemes & rules[i].scheme) || !span_is_nocase(name, rules[i].name))
            continue;
        int err = rules[i].parse(span_trim(rest), out);
        if (err < 0)
            auth_credentials_fini(out);
        return err;
    }
    return -EINVAL;
}

void auth_credentials_fini(struct auth_credentials *credentials)
{
    if (credentials->decoded)
        OPENSSL_cleanse(credentials->decoded, credentials->decoded_len);
    mem_free(credentials->decoded);
    *credentials = (struct auth_credentials){ 0 };
}
