#include "webrtc/webrtc_links.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"

enum { NONCE_LEN = 20, VALID_SECONDS = 24 * 3600 };

/* For TURN servers with a shared secret (draft-uberti-behave-turn-rest-00). */
static void make_credentials(const struct conf_ice_server *server, struct buf *username,
                             struct buf *credential)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    uint8_t           nonce[NONCE_LEN], code[EVP_MAX_MD_SIZE];
    unsigned          len = 0;
    random_bytes(nonce, sizeof(nonce));
    buf_printf(username, "%" PRId64 ":", clock_wall_ns() / NS_PER_S + VALID_SECONDS);
    for (size_t i = 0; i < sizeof(nonce); i++)
        buf_printf(username, "%c", digits[nonce[i] % (sizeof(digits) - 1)]);
    (void)HMAC(EVP_sha1(), server->password, (int)strlen(server->password), username->p,
               username->len, code, &len);
    base64_encode(credential, (struct span){ code, len });
}

/* A quoted string (RFC 9110, section 5.6.4); no control characters get into a header. */
static void append_quoted(struct buf *out, const char *text)
{
    buf_append_string(out, "\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            buf_append_string(out, "\\");
        if ((unsigned char)*text >= ' ' && *text != 0x7f)
            buf_append(out, (struct span){ (const uint8_t *)text, 1 });
    }
    buf_append_string(out, "\"");
}

static void append_url(struct buf *out, const char *url)
{
    for (; *url; url++)
        if ((unsigned char)*url > ' ' && *url != 0x7f && *url != '>')
            buf_append(out, (struct span){ (const uint8_t *)url, 1 });
}

static void append_credentials(struct buf *out, const struct conf_ice_server *server)
{
    AUTO(buf_fini) struct buf username = { 0 }, credential = { 0 };
    if (strcmp(server->username, "AUTH_SECRET") == 0) {
        make_credentials(server, &username, &credential);
    } else {
        buf_append_string(&username, server->username);
        buf_append_string(&credential, server->password);
    }
    buf_append_string(out, "; username=");
    append_quoted(out, buf_string(&username));
    buf_append_string(out, "; credential=");
    append_quoted(out, buf_string(&credential));
    buf_append_string(out, "; credential-type=\"password\"");
}

void webrtc_links_make(struct webrtc_links *links, const struct conf *conf)
{
    const struct conf_ice_servers *servers = &conf->webrtc_ice_servers;
    links->count = servers->count;
    links->texts = mem_new_array(struct buf, servers->count);
    for (unsigned i = 0; i < servers->count; i++) {
        struct buf *text = &links->texts[i];
        buf_append_string(text, "<");
        append_url(text, servers->items[i].url);
        buf_append_string(text, ">; rel=\"ice-server\"");
        if (servers->items[i].username[0])
            append_credentials(text, &servers->items[i]);
    }
}

void webrtc_links_fini(struct webrtc_links *links)
{
    for (unsigned i = 0; i < links->count; i++)
        buf_fini(&links->texts[i]);
    mem_free(links->texts);
    *links = (struct webrtc_links){ 0 };
}

unsigned webrtc_links_add(const struct webrtc_links *links, struct httpd_header *out)
{
    for (unsigned i = 0; i < links->count; i++)
        out[i] = (struct httpd_header){ "Link", buf_span(&links->texts[i]) };
    return links->count;
}
