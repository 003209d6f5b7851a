#include "rtsp/rtsp_transport.h"

#include <errno.h>

#include "base/check.h"

static const struct profile {
    const char *name;
    bool        is_secure;
    bool        has_feedback;
} profiles[] = {
    { "RTP/AVP", false, false },
    { "RTP/AVPF", false, true },
    { "RTP/SAVP", true, false },
    { "RTP/SAVPF", true, true },
};

static const struct lower {
    const char *name;
    bool        is_tcp;
} lowers[] = {
    { "", false },
    { "/UDP", false },
    { "/TCP", true },
};

static const struct mode {
    const char              *name;
    enum rtsp_transport_mode mode;
} modes[] = {
    { "play", RTSP_TRANSPORT_PLAY },
    { "record", RTSP_TRANSPORT_RECORD },
    { "receive", RTSP_TRANSPORT_RECORD }, /* what ffmpeg and Darwin Streaming Server say */
};

static int parse_lower(struct span name, struct rtsp_transport *out)
{
    for (size_t i = 0; i < COUNT(lowers); i++) {
        if (span_is_nocase(name, lowers[i].name)) {
            out->is_tcp = lowers[i].is_tcp;
            return 0;
        }
    }
    return -EINVAL;
}

/* "RTP/AVP/TCP": profile and lower transport. */
static int parse_profile(struct span name, struct rtsp_transport *out)
{
    for (size_t i = 0; i < COUNT(profiles); i++) {
        size_t len = strlen(profiles[i].name);
        if (!span_is_nocase(span_first(name, len), profiles[i].name) ||
            parse_lower(span_skip(name, len), out) < 0)
            continue;
        out->is_secure = profiles[i].is_secure;
        out->has_feedback = profiles[i].has_feedback;
        return 0;
    }
    return -EINVAL;
}

/* `a-b`, or `a` for a and the next one. */
static int parse_pair(struct span text, uint16_t max, void *out)
{
    uint64_t    rtp, rtcp;
    ptrdiff_t   dash = span_find(text, '-');
    struct span first = dash < 0 ? text : span_first(text, (size_t)dash);
    if (span_to_uint(first, max, &rtp) < 0)
        return -EINVAL;
    rtcp = rtp + 1;
    if (dash >= 0 && span_to_uint(span_skip(text, (size_t)dash + 1), max, &rtcp) < 0)
        return -EINVAL;
    if (rtcp > max)
        return -EINVAL;
    *(struct rtsp_transport_pair *)out =
        (struct rtsp_transport_pair){ true, (uint16_t)rtp, (uint16_t)rtcp };
    return 0;
}

static int parse_flag(struct span text, uint16_t flag, void *out)
{
    *(bool *)out = flag;
    return 0;
}

static int parse_text(struct span text, uint16_t max, void *out)
{
    *(struct span *)out = text;
    return 0;
}

static int parse_byte(struct span text, uint16_t max, void *out)
{
    uint64_t value;
    if (span_to_uint(text, max, &value) < 0)
        return -EINVAL;
    *(uint8_t *)out = (uint8_t)value;
    return 0;
}

/* Devices write it with 0x, with too many zeros, or as no number at all; nothing depends on it. */
static int parse_ssrc(struct span text, uint16_t max_digits, void *out)
{
    struct rtsp_transport_ssrc *ssrc = out;
    if (text.len > 2 && text.p[0] == '0' && (text.p[1] | 0x20) == 'x')
        text = span_skip(text, 2);
    while (text.len > max_digits && text.p[0] == '0')
        text = span_skip(text, 1);
    ssrc->is_given = span_to_hex32(text, &ssrc->value) == 0;
    return 0;
}

static int parse_mode(struct span text, uint16_t max, void *out)
{
    for (size_t i = 0; i < COUNT(modes); i++) {
        if (span_is_nocase(text, modes[i].name)) {
            *(enum rtsp_transport_mode *)out = modes[i].mode;
            return 0;
        }
    }
    return -EINVAL;
}

#define AT(member) offsetof(struct rtsp_transport, member)

static const struct parameter {
    const char *name;
    int (*parse)(struct span text, uint16_t max, void *out);
    uint16_t max; /* value, or digits; of a flag: what it sets */
    size_t   at;
} parameters[] = {
    { "unicast", parse_flag, false, AT(is_multicast) },
    { "multicast", parse_flag, true, AT(is_multicast) },
    { "source", parse_text, 0, AT(source) },
    { "destination", parse_text, 0, AT(destination) },
    { "interleaved", parse_pair, UINT8_MAX, AT(interleaved) },
    { "port", parse_pair, UINT16_MAX, AT(port) },
    { "client_port", parse_pair, UINT16_MAX, AT(client_port) },
    { "server_port", parse_pair, UINT16_MAX, AT(server_port) },
    { "ttl", parse_byte, UINT8_MAX, AT(ttl) },
    { "ssrc", parse_ssrc, 8, AT(ssrc) },
    { "mode", parse_mode, 0, AT(mode) },
};

/* Either quote may be missing. */
static struct span unquote(struct span value)
{
    if (value.len > 0 && value.p[0] == '"')
        value = span_skip(value, 1);
    if (value.len > 0 && value.p[value.len - 1] == '"')
        value.len--;
    return span_trim(value);
}

static int parse_parameter(struct span text, struct rtsp_transport *out)
{
    struct span value = text, name = { 0 };
    (void)span_next(&value, '=', &name);
    name = span_trim(name);
    for (size_t i = 0; i < COUNT(parameters); i++) {
        const struct parameter *parameter = &parameters[i];
        if (span_is_nocase(name, parameter->name)) {
            void *at = (char *)out + parameter->at;
            return parameter->parse(unquote(span_trim(value)), parameter->max, at);
        }
    }
    return 0;
}

/* Commas inside quotes (mode="PLAY,RECORD") separate nothing. */
static struct span take_transport(struct span *rest)
{
    bool   is_quoted = false;
    size_t len = 0;
    for (; len < rest->len && (is_quoted || rest->p[len] != ','); len++)
        is_quoted ^= rest->p[len] == '"';
    struct span transport = span_trim(span_first(*rest, len));
    *rest = span_skip(*rest, len < rest->len ? len + 1 : len);
    return transport;
}

int rtsp_transport_next(struct span *rest, struct rtsp_transport *out)
{
    struct rtsp_transport transport = { 0 };
    struct span           text = { 0 }, piece;
    while (text.len == 0 && rest->len > 0)
        text = take_transport(rest);
    if (!span_next(&text, ';', &piece))
        return 0;
    int err = parse_profile(span_trim(piece), &transport);
    while (err == 0 && span_next(&text, ';', &piece))
        err = parse_parameter(piece, &transport);
    if (err < 0)
        return err;
    *out = transport;
    return 1;
}

static void write_span(struct buf *out, const char *name, struct span value)
{
    if (value.len > 0)
        buf_printf(out, ";%s=%.*s", name, SPAN_ARGS(value));
}

static void write_pair(struct buf *out, const char *name, struct rtsp_transport_pair pair)
{
    if (pair.is_given)
        buf_printf(out, ";%s=%u-%u", name, pair.rtp, pair.rtcp);
}

void rtsp_transport_write(struct buf *out, const struct rtsp_transport *transport)
{
    static const char *const mode_texts[] = {
        [RTSP_TRANSPORT_MODE_NONE] = "",
        [RTSP_TRANSPORT_PLAY] = ";mode=play",
        [RTSP_TRANSPORT_RECORD] = ";mode=record",
    };
    buf_append_string(out, transport->is_secure ? "RTP/SAVP" : "RTP/AVP");
    buf_append_string(out, transport->has_feedback ? "F" : "");
    buf_append_string(out, transport->is_tcp ? "/TCP" : "");
    buf_append_string(out, transport->is_multicast ? ";multicast" : ";unicast");
    write_span(out, "source", transport->source);
    write_span(out, "destination", transport->destination);
    write_pair(out, "interleaved", transport->interleaved);
    write_pair(out, "port", transport->port);
    if (transport->ttl > 0)
        buf_printf(out, ";ttl=%u", transport->ttl);
    write_pair(out, "client_port", transport->client_port);
    write_pair(out, "server_port", transport->server_port);
    if (transport->ssrc.is_given)
        buf_printf(out, ";ssrc=%08X", transport->ssrc.value);
    buf_append_string(out, mode_texts[transport->mode]);
}
