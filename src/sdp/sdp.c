#include "sdp/sdp.h"

#include <errno.h>

#include "base/check.h"
#include "sdp/sdp_internal.h"

enum {
    DEFAULT_CLOCK_RATE = 90000,
    MAX_CLOCK_RATE = INT32_MAX, /* as MediaMTX: nothing real comes near */
    MAX_PAYLOAD_TYPE = 127,     /* RFC 3550, section 5.1: seven bits */
};

/* Without these no receiver can decode, so that such a medium is only passed on. */
static const struct required_param {
    enum codec_id codec;
    const char   *key;
} required_params[] = {
    { CODEC_MPEG4_AUDIO, "config" },
    { CODEC_VORBIS, "configuration" },
};

/* What MediaMTX writes whether the publisher said it or not. */
static const struct default_param {
    const char      *encoding;
    struct sdp_param param;
} default_params[] = {
    { "mpeg4-generic", { BYTES("mode"), BYTES("AAC-hbr") } },
    { "mpeg4-generic", { BYTES("profile-level-id"), BYTES("1") } },
    { "mpeg4-generic", { BYTES("streamtype"), BYTES("5") } },
    { "opus", { BYTES("sprop-stereo"), BYTES("0") } },
};

/* Its index, or fmtp_count when it is not there. */
static unsigned find_param(const struct sdp_media *media, struct span key)
{
    unsigned i = 0;
    while (i < media->fmtp_count && !span_equal_nocase(media->fmtp[i].key, key))
        i++;
    return i;
}

struct span sdp_fmtp(const struct sdp_media *media, const char *key)
{
    unsigned i = find_param(media, span_from_string(key));
    return i < media->fmtp_count ? media->fmtp[i].value : (struct span){ 0 };
}

/* The first of several wins, as in MediaMTX. */
static void read_control(struct sdp_media *media, struct span value)
{
    if (media->control.len == 0)
        media->control = value;
}

static bool read_payload_type(struct sdp_media *media, struct span format)
{
    uint64_t number;
    if (span_to_uint(format, MAX_PAYLOAD_TYPE, &number) < 0)
        return false;
    media->format = format;
    media->payload_type = (uint8_t)number;
    return true;
}

/* Is this attribute about the format that the m= line names first? */
static bool is_about_format(const struct sdp_media *media, struct span format)
{
    uint64_t number;
    return span_to_uint(format, MAX_PAYLOAD_TYPE, &number) == 0 && media->format.len > 0 &&
           number == media->payload_type;
}

static void read_rtpmap(struct sdp_media *media, struct span value)
{
    struct span format = sdp_next_word(&value);
    /* TP-Link and Mercury write "smart/1/90000" for a format; the number stands here only. */
    if (media->format.len == 0 && !read_payload_type(media, format))
        return;
    if (media->rtpmap.len == 0 && is_about_format(media, format))
        media->rtpmap = span_trim(value);
}

/* A key that comes again replaces the first. */
static void read_param(struct sdp_media *media, struct span text)
{
    ptrdiff_t   at = span_find(text, '=');
    struct span key = at < 0 ? text : span_trim(span_first(text, (size_t)at));
    struct span value = at < 0 ? (struct span){ 0 } : span_trim(span_skip(text, (size_t)at + 1));
    if (key.len == 0)
        return;
    unsigned i = find_param(media, key);
    if (i == SDP_MAX_FMTP)
        return;
    media->fmtp[i] = (struct sdp_param){ key, value };
    media->fmtp_count = MAX(media->fmtp_count, i + 1);
}

static void read_fmtp(struct sdp_media *media, struct span value)
{
    struct span format = sdp_next_word(&value);
    struct span param;
    if (!is_about_format(media, format))
        return;
    while (span_next(&value, ';', &param))
        read_param(media, span_trim(param));
}

static void read_feedback(struct sdp_media *media, struct span value)
{
    struct span format = sdp_next_word(&value);
    if (!span_is(format, "*") && !is_about_format(media, format))
        return;
    media->has_feedback = true;
    media->feedback |= (uint8_t)sdp_feedback_parse(value);
}

static const struct attribute_rule {
    const char *prefix;
    void (*read)(struct sdp_media *media, struct span value);
} attribute_rules[] = {
    { "a=control:", read_control },
    { "a=rtpmap:", read_rtpmap },
    { "a=fmtp:", read_fmtp },
    { "a=rtcp-fb:", read_feedback },
};

static void read_attribute(struct sdp_media *media, struct span line)
{
    for (size_t i = 0; i < COUNT(attribute_rules); i++) {
        const struct attribute_rule *rule = &attribute_rules[i];
        if (span_starts_with(line, rule->prefix)) {
            rule->read(media, span_trim(span_skip(line, strlen(rule->prefix))));
            return;
        }
    }
}

/* m=video 0 RTP/AVP 96 97: kind, port, profile, formats; any of them may be missing. */
static void read_media_line(struct sdp_media *media, struct span line)
{
    media->kind = sdp_next_word(&line);
    (void)sdp_next_word(&line);
    media->profile = sdp_next_word(&line);
    (void)read_payload_type(media, sdp_next_word(&line));
}

static bool has_required_params(const struct sdp_media *media, enum codec_id codec)
{
    for (size_t i = 0; i < COUNT(required_params); i++)
        if (required_params[i].codec == codec && !sdp_fmtp(media, required_params[i].key).p)
            return false;
    return true;
}

/* The codec that the rtpmap names, when all that it says fits the codec. */
static const struct codec *find_codec(const struct sdp_media *media, struct span name,
                                      uint32_t clock_rate)
{
    const struct codec *codec = codec_find(name);
    bool                fits =
        codec->clock_rate ? clock_rate == 0 || clock_rate == codec->clock_rate : clock_rate != 0;
    return fits && has_required_params(media, codec->id) ? codec : codec_get(CODEC_GENERIC);
}

/* Types below 96 mean what RFC 3551 says, whatever an rtpmap adds; the others what it says. */
static void finish_media(struct sdp_media *media)
{
    if (media->kind.len == 0)
        media->kind = BYTES("application");
    if (media->format.len == 0)
        (void)read_payload_type(media, BYTES("96"));
    /* To who speaks AVPF and names nothing, what suits the medium may be said: GStreamer, say. */
    if (!media->has_feedback && span_is_nocase(media->profile, "RTP/AVPF"))
        media->feedback = SDP_NACK_PLI;

    uint32_t static_rate = 0;
    media->codec = codec_find_static(media->payload_type, &static_rate, &media->channels);
    if (media->codec && media->codec->id != CODEC_GENERIC) {
        media->clock_rate = static_rate;
        media->rtpmap = span_from_string(codec_static_rtpmap(media->payload_type));
        return;
    }
    struct sdp_rtpmap map = sdp_split_rtpmap(media->rtpmap);
    uint64_t          clock_rate = 0, channels = media->channels;
    (void)span_to_uint(map.clock_rate, MAX_CLOCK_RATE, &clock_rate);
    (void)span_to_uint(map.channels, UINT8_MAX, &channels);
    media->codec = find_codec(media, map.name, (uint32_t)clock_rate);
    media->channels = (uint8_t)channels;

    const uint32_t rates[] = { (uint32_t)clock_rate, media->codec->clock_rate, static_rate,
                               DEFAULT_CLOCK_RATE };
    for (size_t i = 0; i < COUNT(rates) && media->clock_rate == 0; i++)
        media->clock_rate = rates[i];
}

/* Some cameras end their text with a NUL. */
static bool ends_line(uint8_t c)
{
    return c == '\r' || c == '\n' || c == '\0';
}

/* Empty lines and blanks in front are passed over. */
static bool next_line(struct span *rest, struct span *line)
{
    while (rest->len && (ends_line(rest->p[0]) || rest->p[0] == ' ' || rest->p[0] == '\t'))
        *rest = span_skip(*rest, 1);
    size_t end = 0;
    while (end < rest->len && !ends_line(rest->p[end]))
        end++;
    *line = span_first(*rest, end);
    *rest = span_skip(*rest, end);
    return line->len > 0;
}

int sdp_parse(struct span text, struct sdp *out, struct errmsg *why)
{
    *out = (struct sdp){ 0 };
    struct sdp_media *media = NULL;
    struct span       line;
    while (next_line(&text, &line)) {
        if (span_starts_with(line, "m=")) {
            if (out->media_count == SDP_MAX_MEDIA)
                return errmsg_set(why, -EINVAL, "SDP has more than %d media", SDP_MAX_MEDIA);
            media = &out->media[out->media_count++];
            read_media_line(media, span_skip(line, 2));
        } else if (media) {
            read_attribute(media, line);
        } else if (span_starts_with(line, "s=")) {
            out->name = span_skip(line, 2);
        }
    }
    if (out->media_count == 0)
        return errmsg_set(why, -EINVAL, "no media streams are present in SDP");
    for (unsigned i = 0; i < out->media_count; i++)
        finish_media(&out->media[i]);
    return 0;
}

/* What is said, spelt as MediaMTX spells it. */
static void write_rtpmap(struct buf *out, const struct sdp_media *media)
{
    if (media->rtpmap.len == 0)
        return;
    buf_printf(out, "a=rtpmap:%.*s ", SPAN_ARGS(media->format));
    if (media->codec->id == CODEC_GENERIC) {
        buf_append(out, media->rtpmap);
    } else {
        struct sdp_rtpmap map = sdp_split_rtpmap(media->rtpmap);
        const char       *spelt = media->codec->rtp_name;
        bool              is_alias = !spelt || !span_is_nocase(map.name, spelt);
        buf_append(out, is_alias ? map.name : span_from_string(spelt));
        buf_printf(out, "/%u", media->clock_rate);
        if (map.channels.len)
            buf_printf(out, "/%.*s", SPAN_ARGS(map.channels));
    }
    buf_append_string(out, "\r\n");
}

static int compare_keys(struct span a, struct span b)
{
    int order = strncasecmp((const char *)a.p, (const char *)b.p, MIN(a.len, b.len));
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

struct sorted_params {
    unsigned                count;
    const struct sdp_param *at[SDP_MAX_FMTP + COUNT(default_params)];
};

static void insert_param(struct sorted_params *sorted, const struct sdp_param *param)
{
    unsigned i = sorted->count++;
    for (; i > 0 && compare_keys(sorted->at[i - 1]->key, param->key) > 0; i--)
        sorted->at[i] = sorted->at[i - 1];
    sorted->at[i] = param;
}

static void sort_params(const struct sdp_media *media, struct sorted_params *sorted)
{
    struct span encoding = sdp_split_rtpmap(media->rtpmap).name;
    for (unsigned i = 0; i < media->fmtp_count; i++)
        insert_param(sorted, &media->fmtp[i]);
    for (size_t i = 0; i < COUNT(default_params); i++) {
        const struct default_param *row = &default_params[i];
        if (media->codec->id != CODEC_GENERIC && span_is_nocase(encoding, row->encoding) &&
            find_param(media, row->param.key) == media->fmtp_count)
            insert_param(sorted, &row->param);
    }
}

static void write_key(struct buf *out, struct span key)
{
    for (size_t i = 0; i < key.len; i++) {
        uint8_t lower = key.p[i] | (key.p[i] >= 'A' && key.p[i] <= 'Z' ? 0x20 : 0);
        buf_append(out, (struct span){ &lower, 1 });
    }
}

static void write_fmtp(struct buf *out, const struct sdp_media *media)
{
    struct sorted_params sorted = { 0 };
    sort_params(media, &sorted);
    for (unsigned i = 0; i < sorted.count; i++) {
        const struct sdp_param *param = sorted.at[i];
        if (i == 0)
            buf_printf(out, "a=fmtp:%.*s ", SPAN_ARGS(media->format));
        else
            buf_append_string(out, "; ");
        write_key(out, param->key);
        if (param->value.p)
            buf_printf(out, "=%.*s", SPAN_ARGS(param->value));
    }
    if (sorted.count)
        buf_append_string(out, "\r\n");
}

void sdp_write(struct buf *out, struct span name, const struct sdp_media *media, unsigned count)
{
    buf_append_string(out, "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=");
    buf_append(out, name.len ? name : BYTES(" "));
    buf_append_string(out, "\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n");
    for (unsigned i = 0; i < count; i++) {
        buf_printf(out, "m=%.*s 0 RTP/AVP %.*s\r\na=control:trackID=%u\r\n",
                   SPAN_ARGS(media[i].kind), SPAN_ARGS(media[i].format), i);
        write_rtpmap(out, &media[i]);
        write_fmtp(out, &media[i]);
    }
}
