#include "conf/quote.h"

#include "base/check.h"

struct quote quote(struct span text)
{
    struct quote out;
    size_t       len = MIN(text.len, (size_t)QUOTE_MAX);
    for (size_t i = 0; i < len; i++)
        out.text[i] = text.p[i] < 0x20 || text.p[i] == 0x7f ? '?' : (char)text.p[i];
    memcpy(out.text + len, text.len > len ? "..." : "", text.len > len ? 4 : 1);
    return out;
}
