#include "auth/auth_header.h"
#include "base/check.h"

static bool lies_in(const struct auth_credentials *got, struct span header, struct span view)
{
    return span_contains(header, view) ||
           span_contains((struct span){ got->decoded, got->decoded_len }, view);
}

static void check_digest(const struct auth_digest *digest, struct span header)
{
    static const struct auth_challenge challenge = { "n",
                                                     { (const uint8_t *)"SETUP", 5 },
                                                     { (const uint8_t *)"rtsp://h/c/t", 12 } };
    const struct span views[] = { digest->user,     digest->realm, digest->nonce, digest->uri,
                                  digest->response, digest->qop,   digest->nc,    digest->cnonce };
    for (size_t i = 0; i < COUNT(views); i++)
        ASSERT(span_contains(header, views[i]));
    (void)auth_digest_fits(digest, &challenge);
    (void)auth_digest_verify(digest, challenge.method, digest->user, BYTES("pass"));
}

/* A byte of schemes, then the value of an Authorization header. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(auth_credentials_fini) struct auth_credentials got;
    struct span                                         header = { data + 1, size - 1 };
    int err = size > 0 ? auth_parse_header(header, data[0], &got)
                       : auth_parse_header((struct span){ 0 }, 7, &got);
    if (err < 0) {
        ASSERT(got.kind == AUTH_NOTHING && !got.decoded);
        return 0;
    }
    ASSERT(lies_in(&got, header, got.user) && lies_in(&got, header, got.pass));
    ASSERT(span_contains(header, got.token));
    if (got.kind == AUTH_DIGEST)
        check_digest(&got.digest, header);
    return 0;
}
