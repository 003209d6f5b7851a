#include "conf/units.h"

#include <errno.h>

#include "base/check.h"
#include "base/clock.h"

#define NS_PER_M (60 * NS_PER_S)
#define NS_PER_H (60 * NS_PER_M)
#define NS_PER_D (24 * NS_PER_H)

struct unit {
    const char *name;
    int64_t     value;
};

/* whole + fraction / scale, so that nothing is rounded before it meets its unit. */
struct decimal {
    int64_t whole, fraction, scale;
};

/* More digits than a duration's ns can tell apart are read over. */
enum { MAX_FRACTION_DIGITS = 15 };

static bool is_digit(struct span text)
{
    return text.len > 0 && text.p[0] >= '0' && text.p[0] <= '9';
}

/* Digits, a point, digits; at least one digit. The rest of the text stays in `*rest`. */
static int take_decimal(struct span *rest, struct decimal *out)
{
    struct decimal value = { .scale = 1 };
    size_t         digits = 0;
    for (; is_digit(*rest); *rest = span_skip(*rest, 1), digits++) {
        int64_t whole;
        if (__builtin_mul_overflow(value.whole, 10, &whole) ||
            __builtin_add_overflow(whole, rest->p[0] - '0', &value.whole))
            return -ERANGE;
    }
    if (rest->len > 0 && rest->p[0] == '.') {
        *rest = span_skip(*rest, 1);
        for (size_t i = 0; is_digit(*rest); *rest = span_skip(*rest, 1), i++, digits++) {
            if (i >= MAX_FRACTION_DIGITS)
                continue;
            value.fraction = value.fraction * 10 + rest->p[0] - '0';
            value.scale *= 10;
        }
    }
    if (digits == 0)
        return -EINVAL;
    *out = value;
    return 0;
}

/* sum += value * unit */
static int add_scaled(int64_t *sum, struct decimal value, int64_t unit)
{
    __int128 total = (__int128)value.whole * unit;
    total += (__int128)value.fraction * unit / value.scale;
    total += *sum;
    if (total > INT64_MAX)
        return -ERANGE;
    *sum = (int64_t)total;
    return 0;
}

static struct span take_unit(struct span *rest)
{
    size_t len = 0;
    while (len < rest->len && rest->p[len] != '.' && (rest->p[len] < '0' || rest->p[len] > '9'))
        len++;
    struct span unit = span_first(*rest, len);
    *rest = span_skip(*rest, len);
    return unit;
}

static const struct unit *find_duration_unit(struct span name)
{
    static const struct unit units[] = {
        { "ns", 1 },
        { "us", NS_PER_US },
        { "\xc2\xb5s", NS_PER_US }, /* micro sign */
        { "\xce\xbcs", NS_PER_US }, /* Greek mu */
        { "ms", NS_PER_MS },
        { "s", NS_PER_S },
        { "m", NS_PER_M },
        { "h", NS_PER_H },
    };
    for (size_t i = 0; i < COUNT(units); i++) {
        if (span_is(name, units[i].name))
            return &units[i];
    }
    return NULL;
}

/* `1d` in front of Go's form, which knows no days. */
static int take_days(struct span *rest, int64_t *sum)
{
    size_t digits = 0;
    while (is_digit(span_skip(*rest, digits)))
        digits++;
    if (digits == 0 || digits == rest->len || rest->p[digits] != 'd')
        return 0;
    struct decimal days;
    int            err = take_decimal(rest, &days);
    if (err < 0)
        return err;
    *rest = span_skip(*rest, 1);
    return add_scaled(sum, days, NS_PER_D);
}

int duration_parse(struct span text, int64_t *out)
{
    int64_t     sum = 0;
    struct span rest = text;
    bool        is_negative = rest.len > 0 && rest.p[0] == '-';
    if (rest.len > 1 && (is_negative || rest.p[0] == '+'))
        rest = span_skip(rest, 1);
    if (span_is(rest, "0"))
        rest = span_skip(rest, 1);
    int err = take_days(&rest, &sum);
    while (err == 0 && rest.len > 0) {
        struct decimal value;
        err = take_decimal(&rest, &value);
        if (err < 0)
            return err;
        const struct unit *unit = find_duration_unit(take_unit(&rest));
        if (!unit)
            return -EINVAL;
        err = add_scaled(&sum, value, unit->value);
    }
    if (err < 0)
        return err;
    *out = is_negative ? -sum : sum;
    return 0;
}

/* ns / unit with as many places behind the point as are needed. */
static void print_decimal(int64_t ns, int64_t unit, struct buf *out)
{
    buf_printf(out, "%lld", (long long)(ns / unit));
    int64_t rest = ns % unit;
    if (rest == 0)
        return;
    buf_append_string(out, ".");
    for (; rest > 0; rest %= unit) {
        rest *= 10;
        buf_printf(out, "%lld", (long long)(rest / unit));
    }
}

/* Below a second in the largest unit that has a whole part, as Go does. */
static void print_short(int64_t ns, struct buf *out)
{
    static const struct unit units[] = {
        { "ms", NS_PER_MS },
        { "\xc2\xb5s", NS_PER_US },
        { "ns", 1 },
    };
    const struct unit *unit = units;
    while (ns < unit->value)
        unit++;
    print_decimal(ns, unit->value, out);
    buf_append_string(out, unit->name);
}

void duration_print(int64_t ns, struct buf *out)
{
    if (ns < 0) {
        buf_append_string(out, "-");
        ns = ns == INT64_MIN ? INT64_MAX : -ns;
    }
    if (ns >= NS_PER_D)
        buf_printf(out, "%lldd", (long long)(ns / NS_PER_D));
    ns %= NS_PER_D;
    if (ns == 0)
        return;
    if (ns < NS_PER_S) {
        print_short(ns, out);
        return;
    }
    if (ns >= NS_PER_H)
        buf_printf(out, "%lldh", (long long)(ns / NS_PER_H));
    if (ns >= NS_PER_M)
        buf_printf(out, "%lldm", (long long)(ns % NS_PER_H / NS_PER_M));
    print_decimal(ns % NS_PER_M, NS_PER_S, out);
    buf_append_string(out, "s");
}

/* From large to small. */
static const struct unit size_units[] = {
    { "E", INT64_C(1) << 60 },
    { "P", INT64_C(1) << 50 },
    { "T", INT64_C(1) << 40 },
    { "G", INT64_C(1) << 30 },
    { "M", INT64_C(1) << 20 },
    { "K", INT64_C(1) << 10 },
    { "B", 1 },
};

/* `M`, `MB` and `MiB` are the same, in any case; bytes are `B` only. */
static const struct unit *find_size_unit(struct span name)
{
    for (size_t i = 0; i < COUNT(size_units); i++) {
        struct span first = span_first(name, 1), rest = span_skip(name, first.len);
        if (!span_is_nocase(first, size_units[i].name))
            continue;
        bool has_suffix = span_is_nocase(rest, "B") || span_is_nocase(rest, "iB");
        if (rest.len == 0 || (has_suffix && size_units[i].value > 1))
            return &size_units[i];
    }
    return NULL;
}

int size_parse(struct span text, int64_t *out)
{
    struct decimal value;
    struct span    rest = text;
    int            err = take_decimal(&rest, &value);
    if (err < 0)
        return err;
    const struct unit *unit = find_size_unit(rest);
    if (!unit)
        return -EINVAL;
    int64_t bytes = 0;
    err = add_scaled(&bytes, value, unit->value);
    if (err < 0)
        return err;
    *out = bytes;
    return 0;
}

void size_print(int64_t bytes, struct buf *out)
{
    ASSERT(bytes >= 0);
    for (size_t i = 0; i < COUNT(size_units) - 1; i++) {
        int64_t unit = size_units[i].value;
        if (bytes < unit)
            continue;
        __int128 tenths = ((__int128)bytes * 10 + unit / 2) / unit;
        if ((int64_t)(tenths * unit / 10) != bytes)
            continue;
        buf_printf(out, "%lld", (long long)(tenths / 10));
        if (tenths % 10)
            buf_printf(out, ".%lld", (long long)(tenths % 10));
        buf_append_string(out, size_units[i].name);
        return;
    }
    buf_printf(out, "%lldB", (long long)bytes);
}
