#include "http/url.h"

#include "base/auto.h"
#include "base/check.h"

/* What is hidden stays so, and nothing is left to hide. */
static void redact(struct span in)
{
    AUTO(buf_fini) struct buf once = { 0 }, twice = { 0 };
    url_redact(&once, in);
    url_redact(&twice, buf_span(&once));
    ASSERT(span_equal(buf_span(&once), buf_span(&twice)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = { data, size };
    struct url  url;
    char        text[256];
    redact(in);
    if (url_decode(in, text, sizeof(text)) == 0)
        ASSERT(strlen(text) <= size);
    if (url_parse(in, &url) < 0)
        return 0;
    const struct span parts[] = {
        url.scheme, url.user, url.password, url.host, url.path, url.query
    };
    for (size_t i = 0; i < COUNT(parts); i++) {
        ASSERT(span_contains(in, parts[i]));
        (void)url_decode(parts[i], text, sizeof(text));
    }
    ASSERT(url.scheme.len > 0 && url.host.len > 0);
    ASSERT(span_find(url.path, '?') < 0 && span_find(url.query, '#') < 0);
    return 0;
}
