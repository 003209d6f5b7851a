#include "base/base64.h"

#include <errno.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct buf *out, struct span bytes)
{
    while (bytes.len > 0) {
        size_t   n = bytes.len < 3 ? bytes.len : 3;
        uint32_t group = (uint32_t)bytes.p[0] << 16;
        group |= n > 1 ? (uint32_t)bytes.p[1] << 8 : 0;
        group |= n > 2 ? bytes.p[2] : 0;
        uint8_t text[4] = { '=', '=', '=', '=' };
        for (size_t i = 0; i <= n; i++)
            text[i] = (uint8_t)letters[group >> (18 - 6 * i) & 63];
        buf_append(out, (struct span){ text, sizeof(text) });
        bytes = span_skip(bytes, n);
    }
}

static int letter_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* The letters without their padding, which must be right when it is there. */
static int check_text(struct span *text)
{
    size_t padding = 0;
    while (padding < 2 && padding < text->len && text->p[text->len - 1 - padding] == '=')
        padding++;
    if (padding > 0 && text->len % 4 != 0)
        return -EINVAL;
    text->len -= padding;
    if (text->len % 4 == 1)
        return -EINVAL;
    for (size_t i = 0; i < text->len; i++) {
        if (letter_value(text->p[i]) < 0)
            return -EINVAL;
    }
    return 0;
}

ssize_t base64_decode(struct span text, uint8_t *out, size_t size)
{
    if (check_text(&text) < 0)
        return -EINVAL;
    size_t need = text.len / 4 * 3 + text.len % 4 * 3 / 4;
    if (need > size)
        return -ENOSPC;
    uint32_t bits = 0;
    size_t   len = 0;
    for (size_t i = 0; i < text.len; i++) {
        bits = bits << 6 | (uint32_t)letter_value(text.p[i]);
        /* Three of four letters complete a byte; it ends 4, 2 and 0 bits above the lowest. */
        if (i % 4 > 0)
            out[len++] = (uint8_t)(bits >> (6 - i % 4 * 2));
    }
    return (ssize_t)len;
}
