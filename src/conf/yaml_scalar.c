#include "conf/yaml.h"

static bool is_one_of(struct span text, const char *const *words)
{
    for (; *words; words++) {
        if (span_is(text, *words))
            return true;
    }
    return false;
}

static size_t count_digits(struct span text)
{
    size_t count = 0;
    while (count < text.len && text.p[count] >= '0' && text.p[count] <= '9')
        count++;
    return count;
}

/* All of it in digits of base 8 or 16, behind 0o or 0x. */
static bool is_prefixed_integer(struct span text)
{
    if (text.len < 3 || text.p[0] != '0' || (text.p[1] != 'x' && text.p[1] != 'o'))
        return false;
    const char *digits = text.p[1] == 'x' ? "0123456789abcdefABCDEF" : "01234567";
    for (size_t i = 2; i < text.len; i++) {
        if (!text.p[i] || !strchr(digits, text.p[i]))
            return false;
    }
    return true;
}

/* YAML 1.2.2, section 10.3.2: the regular expressions of the core schema for int and float. */
static bool is_number(struct span text)
{
    static const char *const words[] = { ".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN", NULL };
    if (is_prefixed_integer(text))
        return true;
    if (text.len > 0 && (text.p[0] == '-' || text.p[0] == '+'))
        text = span_skip(text, 1);
    if (is_one_of(text, words))
        return true;
    size_t digits = count_digits(text);
    text = span_skip(text, digits);
    if (text.len > 0 && text.p[0] == '.') {
        size_t fraction = count_digits(span_skip(text, 1));
        digits += fraction;
        text = span_skip(text, 1 + fraction);
    }
    if (digits == 0 || text.len == 0)
        return digits > 0;
    if (text.p[0] != 'e' && text.p[0] != 'E')
        return false;
    text = span_skip(text, 1);
    if (text.len > 0 && (text.p[0] == '-' || text.p[0] == '+'))
        text = span_skip(text, 1);
    return text.len > 0 && count_digits(text) == text.len;
}

enum yaml_kind yaml_plain_kind(struct span text)
{
    static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
    static const char *const bools[] = { "true", "True", "TRUE", "false", "False", "FALSE", "yes",
                                         "Yes",  "YES",  "no",   "No",    "NO",    "on",    "On",
                                         "ON",   "off",  "Off",  "OFF",   NULL };
    if (is_one_of(text, nulls))
        return YAML_NULL;
    if (is_one_of(text, bools))
        return YAML_BOOL;
    return is_number(text) ? YAML_NUMBER : YAML_STRING;
}

/* Letters, digits and marks that mean nothing to YAML wherever they stand, but for a colon at
 * the end and a dash in front. */
static bool is_safe_plain(struct span text)
{
    if (text.len == 0 || text.p[0] == '-' || text.p[text.len - 1] == ':')
        return false;
    for (size_t i = 0; i < text.len; i++) {
        bool is_letter = (text.p[i] | 0x20) >= 'a' && (text.p[i] | 0x20) <= 'z';
        bool is_figure = text.p[i] >= '0' && text.p[i] <= '9';
        if (!is_letter && !is_figure && !(text.p[i] && strchr("_-./:", text.p[i])))
            return false;
    }
    return yaml_plain_kind(text) == YAML_STRING;
}

/* YAML 1.2.2, section 5.7. What is no ASCII goes out as it came in: as UTF-8. */
static void print_escaped(uint8_t byte, struct buf *out)
{
    if (byte == '"' || byte == '\\')
        buf_printf(out, "\\%c", byte);
    else if (byte < 0x20 || byte == 0x7f)
        buf_printf(out, "\\x%02X", byte);
    else
        buf_append(out, (struct span){ &byte, 1 });
}

void yaml_print_string(struct span text, struct buf *out)
{
    if (is_safe_plain(text)) {
        buf_append(out, text);
        return;
    }
    buf_append_string(out, "\"");
    for (size_t i = 0; i < text.len; i++)
        print_escaped(text.p[i], out);
    buf_append_string(out, "\"");
}
