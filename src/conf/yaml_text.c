#include "conf/yaml_internal.h"

#include <errno.h>

static bool is_tail(struct span text, size_t at)
{
    return at < text.len && (text.p[at] & 0xc0) == 0x80;
}

/* Bytes of the UTF-8 character in front (RFC 3629, section 4), or 0. */
static size_t measure_character(struct span text)
{
    uint8_t  first = text.p[0];
    unsigned second = is_tail(text, 1) ? text.p[1] : 0;
    if (first < 0x80)
        return 1;
    if (first < 0xc2 || first > 0xf4 || second == 0)
        return 0;
    if (first < 0xe0)
        return 2;
    /* Longer forms of shorter characters, surrogates, beyond U+10FFFF. */
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second >= 0xa0) ||
        (first == 0xf0 && second < 0x90) || (first == 0xf4 && second >= 0x90))
        return 0;
    if (!is_tail(text, 2))
        return 0;
    if (first < 0xf0)
        return 3;
    return is_tail(text, 3) ? 4 : 0;
}

static bool is_control(uint8_t byte)
{
    return (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7f;
}

int yaml_check_text(const char *file, struct span text, struct errmsg *why)
{
    unsigned line = 1, column = 1;
    while (text.len > 0) {
        size_t len = measure_character(text);
        if (len == 0)
            return errmsg_set(why, -EINVAL, "%s:%u:%u: this is not UTF-8", file, line, column);
        if (is_control(text.p[0]))
            return errmsg_set(why, -EINVAL, "%s:%u:%u: a control character", file, line, column);
        bool is_end = text.p[0] == '\n';
        line += is_end;
        column = is_end ? 1 : column + 1;
        text = span_skip(text, len);
    }
    return 0;
}
