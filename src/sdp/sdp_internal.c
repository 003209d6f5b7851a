#include "sdp/sdp_internal.h"

#include <errno.h>
#include <stdio.h>

struct span sdp_next_word(struct span *rest)
{
    struct span word = { 0 };
    *rest = span_trim(*rest);
    (void)span_next(rest, ' ', &word);
    return word;
}

struct sdp_rtpmap sdp_split_rtpmap(struct span text)
{
    struct sdp_rtpmap map = { 0 };
    (void)span_next(&text, '/', &map.name);
    (void)span_next(&text, '/', &map.clock_rate);
    (void)span_next(&text, '/', &map.channels);
    map.name = span_trim(map.name);
    map.clock_rate = span_trim(map.clock_rate);
    map.channels = span_trim(map.channels);
    return map;
}

/* As in RTSP's descriptions: a NUL ends a line too, so no value has one inside. */
static bool ends_line(uint8_t c)
{
    return c == '\r' || c == '\n' || c == '\0';
}

/* A byte as Go writes it between quotes: "e", "\n", "\xe9". */
static void quote_byte(uint8_t c, char out[8])
{
    static const char specials[] = "\a\b\f\n\r\t\v\"\\", letters[] = "abfnrtv\"\\";
    const char       *special = c ? strchr(specials, c) : NULL;
    if (special)
        (void)snprintf(out, 8, "\"\\%c\"", letters[special - specials]);
    else
        (void)snprintf(out, 8, c >= ' ' && c < 0x7f ? "\"%c\"" : "\"\\x%02x\"", c);
}

static void split_attribute(struct sdp_line *line)
{
    ptrdiff_t colon = span_find(line->value, ':');
    line->attribute = colon < 0 ? line->value : span_first(line->value, (size_t)colon);
    line->argument =
        colon < 0 ? (struct span){ 0 } : span_trim(span_skip(line->value, (size_t)colon + 1));
}

int sdp_lines_next(struct sdp_lines *lines, struct sdp_line *out, struct errmsg *why)
{
    struct span rest = span_skip(lines->text, lines->at);
    while (rest.len && ends_line(rest.p[0]))
        rest = span_skip(rest, 1);
    /* A single byte at the end is nothing to MediaMTX either. */
    if (rest.len < 2)
        return 0;
    if (rest.p[1] != '=') {
        char quoted[8];
        quote_byte(rest.p[1], quoted);
        return errmsg_set(why, -EINVAL, "sdp: syntax error at pos %zu: %s",
                          lines->text.len - rest.len + 1 + lines->shift, quoted);
    }
    size_t end = 2;
    while (end < rest.len && !ends_line(rest.p[end]))
        end++;
    lines->at = lines->text.len - rest.len + end;
    *out = (struct sdp_line){ .type = rest.p[0],
                              .has_end = end < rest.len,
                              .value = span_trim(span_skip(span_first(rest, end), 2)) };
    if (out->type == 'a')
        split_attribute(out);
    return 1;
}
