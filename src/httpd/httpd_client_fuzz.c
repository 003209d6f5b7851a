#include "base/check.h"
#include "httpd/httpd_client.h"

static unsigned asked;

/* Some are, and some are not. */
static bool is_proxy(void *arg, const struct address *address)
{
    char text[ADDRESS_TEXT];
    address_format(address, text);
    asked++;
    return strlen(text) % 2 == 0;
}

/* A head's lines, each of which is X-Forwarded-For's; behind a NUL, X-Real-IP. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span         rest = { data, size }, list, line;
    struct httpd_claims claims = { 0 };
    struct address      proxy = { 0 }, client = { 0 };
    ASSERT(address_parse("10.0.0.1:1234", &proxy, NULL) == 0);
    if (span_next(&rest, '\0', &list)) {
        while (span_next(&list, '\n', &line))
            httpd_claims_add(&claims, BYTES("X-Forwarded-For"), line);
        if (rest.len > 0)
            httpd_claims_add(&claims, BYTES("X-Real-IP"), rest);
    }
    asked = 0;
    int err = httpd_client_find(&claims, &proxy, is_proxy, NULL, &client);
    ASSERT(asked <= 2 * HTTPD_MAX_PROXIES);
    if (err == 0) {
        char text[ADDRESS_TEXT];
        address_format(&client, text);
        ASSERT(strcmp(strrchr(text, ':'), ":1234") == 0 && asked > 0);
    }
    return 0;
}
