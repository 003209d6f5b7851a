#include "sdp/sdp_offer.h"

#include <ctype.h>
#include <errno.h>

#include "base/check.h"
#include "codec/codec.h"
#include "sdp/sdp_internal.h"

enum {
    MAX_PAYLOAD_TYPE = 127,
    MAX_EXTMAP_ID = 255,
    MAX_CLOCK_RATE = INT32_MAX,
    MIN_UFRAG = 4, /* 24 bits of chance (RFC 8839, section 5.4) */
    MIN_PWD = 22,  /* 128 */
};

/* What is being read, and the mids of its group, which media that come later belong to. */
struct reader {
    struct sdp_offer *offer;
    struct span       bundle;
};

/* Where an attribute goes. */
struct level {
    struct reader          *reader;
    struct sdp_offer_media *media; /* NULL: the session */
    struct sdp_transport   *transport;
    enum sdp_direction     *direction;
};

/* RFC 9429, section 5.1.2: these all mean the same. */
static const struct protocol_row {
    const char       *ending;
    enum sdp_protocol protocol;
} protocol_rows[] = {
    { "RTP/SAVPF", SDP_PROTOCOL_RTP },  { "RTP/SAVP", SDP_PROTOCOL_RTP },
    { "RTP/AVPF", SDP_PROTOCOL_RTP },   { "RTP/AVP", SDP_PROTOCOL_RTP },
    { "DTLS/SCTP", SDP_PROTOCOL_DATA },
};

const char *const sdp_setup_names[] = {
    [SDP_SETUP_ACTPASS] = "actpass",
    [SDP_SETUP_ACTIVE] = "active",
    [SDP_SETUP_PASSIVE] = "passive",
    [SDP_SETUP_HOLDCONN] = "holdconn",
};

const struct sdp_hash_info sdp_hashes[] = {
    [SDP_SHA256] = { "sha-256", 32 },
    [SDP_SHA384] = { "sha-384", 48 },
    [SDP_SHA512] = { "sha-512", 64 },
    [SDP_SHA1] = { "sha-1", 20 },
};

static enum sdp_protocol find_protocol(struct span text)
{
    for (size_t i = 0; i < COUNT(protocol_rows); i++) {
        struct span ending = span_from_string(protocol_rows[i].ending);
        if (text.len >= ending.len && span_equal(span_skip(text, text.len - ending.len), ending))
            return protocol_rows[i].protocol;
    }
    return SDP_PROTOCOL_OTHER;
}

static void set_rtpmap(struct sdp_format *format, struct span rtpmap)
{
    struct sdp_rtpmap map = sdp_split_rtpmap(rtpmap);
    uint64_t          clock_rate = 0, channels = 0;
    (void)span_to_uint(map.clock_rate, MAX_CLOCK_RATE, &clock_rate);
    (void)span_to_uint(map.channels, UINT8_MAX, &channels);
    format->rtpmap = rtpmap;
    format->name = map.name;
    format->clock_rate = (uint32_t)clock_rate;
    format->channels = (uint8_t)channels;
}

/* NULL when the m= line does not have it. */
static struct sdp_format *find_format(struct sdp_offer_media *media, struct span text)
{
    uint64_t payload_type;
    if (span_to_uint(text, MAX_PAYLOAD_TYPE, &payload_type) < 0)
        return NULL;
    for (unsigned i = 0; i < media->format_count; i++)
        if (media->formats[i].payload_type == payload_type)
            return &media->formats[i];
    return NULL;
}

static void add_format(struct sdp_offer_media *media, struct span text)
{
    uint64_t payload_type;
    if (span_to_uint(text, MAX_PAYLOAD_TYPE, &payload_type) < 0 || find_format(media, text))
        return;
    /* Each of the 128 types once: there is always room. */
    ASSERT(media->format_count < SDP_OFFER_MAX_FORMATS);
    struct sdp_format *format = &media->formats[media->format_count++];
    *format = (struct sdp_format){ .payload_type = (uint8_t)payload_type };
    /* RFC 3551: types that need no rtpmap. */
    const char *rtpmap = codec_static_rtpmap((uint8_t)payload_type);
    if (rtpmap)
        set_rtpmap(format, span_from_string(rtpmap));
}

static int read_media_line(struct sdp_offer *offer, struct span line, struct errmsg *why)
{
    if (offer->media_count == SDP_OFFER_MAX_MEDIA)
        return errmsg_set(why, -EINVAL, "the offer has more than %d media", SDP_OFFER_MAX_MEDIA);
    struct span kind = sdp_next_word(&line);
    struct span port = sdp_next_word(&line);
    uint64_t    number;
    if (span_to_uint(port, UINT16_MAX, &number) < 0)
        return errmsg_set(why, -EINVAL, "failed to unmarshal SDP: sdp: invalid port value `%.*s`",
                          SPAN_ARGS(span_first(port, 64)));

    struct sdp_offer_media *media = &offer->media[offer->media_count++];
    media->kind = kind;
    media->mid = (struct span){ 0 };
    media->port = (uint16_t)number;
    media->is_rejected = number == 0;
    media->protocol_text = sdp_next_word(&line);
    media->protocol = find_protocol(media->protocol_text);
    media->direction = offer->direction;
    media->is_bundled = media->has_rtcp_mux = media->has_rtcp_rsize = false;
    media->transport = (struct sdp_transport){ 0 };
    media->format_count = media->extmap_count = 0;

    struct span word;
    while (media->protocol == SDP_PROTOCOL_RTP && (word = sdp_next_word(&line)).len)
        add_format(media, word);
    return 0;
}

static void read_ufrag(struct level *level, int arg, struct span value)
{
    if (value.len <= SDP_MAX_ICE_TEXT)
        level->transport->ufrag = value;
}

static void read_pwd(struct level *level, int arg, struct span value)
{
    if (value.len <= SDP_MAX_ICE_TEXT)
        level->transport->pwd = value;
}

static void read_setup(struct level *level, int arg, struct span value)
{
    for (unsigned i = SDP_SETUP_UNSAID + 1; i < COUNT(sdp_setup_names); i++)
        if (span_is_nocase(value, sdp_setup_names[i]))
            level->transport->setup = (enum sdp_setup)i;
}

/* "AB:CD:EF" */
static bool parse_digest(struct span text, size_t len, uint8_t *out)
{
    if (text.len != len * 3 - 1)
        return false;
    for (size_t i = 0; i < len; i++) {
        uint32_t byte;
        if (span_to_hex32(span_first(span_skip(text, i * 3), 2), &byte) < 0 ||
            (i > 0 && text.p[i * 3 - 1] != ':'))
            return false;
        out[i] = (uint8_t)byte;
    }
    return true;
}

static void read_fingerprint(struct level *level, int arg, struct span value)
{
    struct sdp_transport *transport = level->transport;
    struct span           name = sdp_next_word(&value);
    if (transport->fingerprint_count == SDP_OFFER_MAX_FINGERPRINTS)
        return;
    for (unsigned i = 0; i < COUNT(sdp_hashes); i++) {
        struct sdp_fingerprint read = { .hash = (enum sdp_hash)i, .len = sdp_hashes[i].len };
        if (span_is_nocase(name, sdp_hashes[i].name) &&
            parse_digest(span_trim(value), read.len, read.digest))
            transport->fingerprints[transport->fingerprint_count++] = read;
    }
}

static void read_direction(struct level *level, int direction, struct span value)
{
    *level->direction = (enum sdp_direction)direction;
}

/* Of several groups the first is the one we serve. */
static void read_group(struct level *level, int arg, struct span value)
{
    if (level->reader->offer->has_bundle || !span_is(sdp_next_word(&value), "BUNDLE"))
        return;
    level->reader->offer->has_bundle = true;
    level->reader->bundle = value;
}

static void read_ice_lite(struct level *level, int arg, struct span value)
{
    level->reader->offer->is_ice_lite = true;
}

static void read_extmap_allow_mixed(struct level *level, int arg, struct span value)
{
    level->reader->offer->has_extmap_allow_mixed = true;
}

static void read_mid(struct level *level, int arg, struct span value)
{
    level->media->mid = value;
}

static void read_bundle_only(struct level *level, int arg, struct span value)
{
    level->media->is_rejected = false;
}

static void read_rtcp_mux(struct level *level, int arg, struct span value)
{
    level->media->has_rtcp_mux = true;
}

static void read_rtcp_rsize(struct level *level, int arg, struct span value)
{
    level->media->has_rtcp_rsize = true;
}

static void read_rtpmap(struct level *level, int arg, struct span value)
{
    struct sdp_format *format = find_format(level->media, sdp_next_word(&value));
    if (format)
        set_rtpmap(format, span_trim(value));
}

static void read_fmtp(struct level *level, int arg, struct span value)
{
    struct sdp_format *format = find_format(level->media, sdp_next_word(&value));
    if (format)
        format->fmtp = span_trim(value);
}

/* "a=rtcp-fb:96 nack pli"; "*" speaks of all formats (RFC 4585, section 4.2). */
static void read_rtcp_fb(struct level *level, int arg, struct span value)
{
    struct sdp_offer_media *media = level->media;
    struct span             which = sdp_next_word(&value);
    struct sdp_format      *format = find_format(media, which);
    unsigned                bits = sdp_feedback_parse(value);
    if (format)
        format->feedback |= bits;
    for (unsigned i = 0; span_is(which, "*") && i < media->format_count; i++)
        media->formats[i].feedback |= bits;
}

/* "a=extmap:3/recvonly urn:... attributes" (RFC 8285, section 8) */
static void read_extmap(struct level *level, int arg, struct span value)
{
    struct sdp_offer_media *media = level->media;
    struct span             word = sdp_next_word(&value), text = { 0 };
    uint64_t                id;
    (void)span_next(&word, '/', &text);
    if (media->extmap_count == SDP_OFFER_MAX_EXTMAPS || span_to_uint(text, MAX_EXTMAP_ID, &id) < 0)
        return;
    struct sdp_extmap extmap = { .id = (uint8_t)id, .uri = sdp_next_word(&value) };
    if (extmap.id && extmap.uri.len)
        media->extmaps[media->extmap_count++] = extmap;
}

static void read_candidate(struct level *level, int arg, struct span value)
{
    struct sdp_offer    *offer = level->reader->offer;
    struct sdp_candidate candidate;
    if (offer->candidate_count == SDP_MAX_CANDIDATES || sdp_candidate_parse(value, &candidate) < 0)
        return;
    candidate.media = (uint8_t)(offer->media_count - 1);
    offer->candidates[offer->candidate_count++] = candidate;
}

enum { SESSION = 1, MEDIA = 2, BOTH = SESSION | MEDIA };

static const struct attribute_rule {
    const char *name;
    unsigned    levels;
    void (*read)(struct level *level, int arg, struct span value);
    int arg;
} attribute_rules[] = {
    { "ice-ufrag", BOTH, read_ufrag, 0 },
    { "ice-pwd", BOTH, read_pwd, 0 },
    { "fingerprint", BOTH, read_fingerprint, 0 },
    { "setup", BOTH, read_setup, 0 },
    { "sendrecv", BOTH, read_direction, SDP_SENDRECV },
    { "sendonly", BOTH, read_direction, SDP_SENDONLY },
    { "recvonly", BOTH, read_direction, SDP_RECVONLY },
    { "inactive", BOTH, read_direction, SDP_INACTIVE },
    { "group", SESSION, read_group, 0 },
    { "ice-lite", SESSION, read_ice_lite, 0 },
    { "extmap-allow-mixed", SESSION, read_extmap_allow_mixed, 0 },
    { "mid", MEDIA, read_mid, 0 },
    { "bundle-only", MEDIA, read_bundle_only, 0 },
    { "rtcp-mux", MEDIA, read_rtcp_mux, 0 },
    { "rtcp-mux-only", MEDIA, read_rtcp_mux, 0 }, /* RFC 8858 */
    { "rtcp-rsize", MEDIA, read_rtcp_rsize, 0 },
    { "rtpmap", MEDIA, read_rtpmap, 0 },
    { "fmtp", MEDIA, read_fmtp, 0 },
    { "rtcp-fb", MEDIA, read_rtcp_fb, 0 },
    { "extmap", MEDIA, read_extmap, 0 },
    { "candidate", MEDIA, read_candidate, 0 },
};

static void read_attribute(struct reader *reader, const struct sdp_line *line)
{
    struct sdp_offer       *offer = reader->offer;
    struct sdp_offer_media *media =
        offer->media_count ? &offer->media[offer->media_count - 1] : NULL;
    struct level level = {
        .reader = reader,
        .media = media,
        .transport = media ? &media->transport : &offer->session,
        .direction = media ? &media->direction : &offer->direction,
    };
    for (size_t i = 0; i < COUNT(attribute_rules); i++) {
        const struct attribute_rule *rule = &attribute_rules[i];
        if (rule->levels & (media ? MEDIA : SESSION) && span_is(line->attribute, rule->name)) {
            rule->read(&level, rule->arg, line->argument);
            return;
        }
    }
}

static int read_lines(struct reader *reader, struct span text, struct errmsg *why)
{
    struct sdp_lines lines = { .text = text };
    struct sdp_line  line;
    int              got;
    while ((got = sdp_lines_next(&lines, &line, why)) > 0) {
        if (line.type == 'a')
            read_attribute(reader, &line);
        else if (line.type == 'm' && (got = read_media_line(reader->offer, line.value, why)) < 0)
            return got;
    }
    return got < 0 ? errmsg_prefix(why, got, "failed to unmarshal SDP") : 0;
}

/* What the medium did not say, the session said for it. */
static void inherit_transport(struct sdp_transport *transport, const struct sdp_transport *session)
{
    if (transport->ufrag.len == 0)
        transport->ufrag = session->ufrag;
    if (transport->pwd.len == 0)
        transport->pwd = session->pwd;
    if (transport->setup == SDP_SETUP_UNSAID)
        transport->setup = session->setup;
    if (transport->fingerprint_count)
        return;
    transport->fingerprint_count = session->fingerprint_count;
    memcpy(transport->fingerprints, session->fingerprints, sizeof(session->fingerprints));
}

static void finish_format(struct sdp_format *format)
{
    uint64_t apt;
    if (!span_is_nocase(format->name, "rtx") ||
        span_to_uint(sdp_format_param(format, "apt"), MAX_PAYLOAD_TYPE, &apt) < 0)
        return;
    format->is_rtx = true;
    format->apt = (uint8_t)apt;
}

/* The index of the first medium that the peer wants and that `mid` names; media_count: none. */
static unsigned find_wanted(const struct sdp_offer *offer, struct span mid)
{
    unsigned i = 0;
    while (i < offer->media_count &&
           (offer->media[i].is_rejected || !span_equal(offer->media[i].mid, mid)))
        i++;
    return i;
}

/*
 * The transport of all media in the group is that of the first one named there that is not
 * rejected (RFC 8843, section 7.2); without a group, that of the first medium.
 */
static void resolve_bundle(struct sdp_offer *offer, struct span bundle)
{
    unsigned none = offer->media_count, at = none;
    /* More words than media name nothing new; a group of thousands would cost milliseconds. */
    for (unsigned words = 0; words < SDP_OFFER_MAX_MEDIA; words++) {
        struct span mid = sdp_next_word(&bundle);
        unsigned    i = mid.len ? find_wanted(offer, mid) : none;
        if (i < none)
            offer->media[i].is_bundled = true;
        at = at == none ? i : at;
    }
    for (unsigned i = 0; at == none && i < none; i++)
        at = offer->media[i].is_rejected ? none : i;
    offer->transport_at = at == none ? 0 : at;
}

/* In a group that may be said with its transport alone: RFC 8843, section 7.1.3. */
static void inherit_rtcp(struct sdp_offer *offer)
{
    const struct sdp_offer_media *first = &offer->media[offer->transport_at];
    for (unsigned i = 0; i < offer->media_count; i++) {
        struct sdp_offer_media *media = &offer->media[i];
        media->has_rtcp_mux |= media->is_bundled && first->has_rtcp_mux;
        media->has_rtcp_rsize |= media->is_bundled && first->has_rtcp_rsize;
    }
}

/* Letters, digits, '+' and '/' (RFC 8839, section 5.4), and what Chromium lets pass beside them. */
static bool is_ice_text(struct span text)
{
    static const struct span marks = BYTES("+/-_=#");
    for (size_t i = 0; i < text.len; i++) {
        char c = (char)text.p[i];
        if (!isascii(c) || !(isalnum(c) || span_find(marks, c) >= 0))
            return false;
    }
    return true;
}

static int check_ice_text(const char *name, struct span text, size_t min, struct errmsg *why)
{
    if (text.len >= min && is_ice_text(text))
        return 0;
    return errmsg_set(why, -EINVAL, "%s must be %zu to %d letters, digits, + or /", name, min,
                      SDP_MAX_ICE_TEXT);
}

static int check_transport(const struct sdp_transport *transport, struct errmsg *why)
{
    const char *missing = transport->ufrag.len == 0           ? "ice-ufrag"
                          : transport->pwd.len == 0           ? "ice-pwd"
                          : transport->fingerprint_count == 0 ? "fingerprint"
                                                              : NULL;
    if (missing)
        return errmsg_set(why, -EINVAL, "SetRemoteDescription called with no %s", missing);
    int err = check_ice_text("ice-ufrag", transport->ufrag, MIN_UFRAG, why);
    return err < 0 ? err : check_ice_text("ice-pwd", transport->pwd, MIN_PWD, why);
}

/* It names one medium, in the group and in the answer (RFC 5888, section 4). */
static int check_mids(const struct sdp_offer *offer, struct errmsg *why)
{
    for (unsigned i = 0; i < offer->media_count; i++) {
        struct span mid = offer->media[i].mid;
        for (unsigned j = 0; mid.len && j < i; j++)
            if (span_equal(offer->media[j].mid, mid))
                return errmsg_set(why, -EINVAL, "two media of the offer have the mid '%.*s'",
                                  SPAN_ARGS(span_first(mid, 64)));
    }
    return 0;
}

int sdp_offer_parse(struct span text, struct sdp_offer *out, struct errmsg *why)
{
    struct reader reader = { .offer = out };
    out->has_bundle = out->has_extmap_allow_mixed = out->is_ice_lite = false;
    out->direction = SDP_SENDRECV;
    out->session = (struct sdp_transport){ 0 };
    out->candidate_count = out->media_count = 0;
    int err = read_lines(&reader, text, why);
    if (err < 0)
        return err;

    for (unsigned i = 0; i < out->media_count; i++) {
        inherit_transport(&out->media[i].transport, &out->session);
        for (unsigned j = 0; j < out->media[i].format_count; j++)
            finish_format(&out->media[i].formats[j]);
    }
    resolve_bundle(out, reader.bundle);
    inherit_rtcp(out);
    err = check_transport(
        out->media_count ? &out->media[out->transport_at].transport : &out->session, why);
    if (err == 0)
        err = check_mids(out, why);
    if (err < 0)
        return err;
    return out->media_count ? 0 : errmsg_set(why, -EINVAL, "the offer has no media");
}

struct span sdp_format_param(const struct sdp_format *format, const char *key)
{
    struct span rest = format->fmtp, param;
    while (span_next(&rest, ';', &param)) {
        struct span name = { 0 };
        param = span_trim(param);
        bool has_value = span_find(param, '=') >= 0;
        (void)span_next(&param, '=', &name);
        if (has_value && span_is_nocase(span_trim(name), key))
            return span_trim(param);
    }
    return (struct span){ 0 };
}

uint8_t sdp_offer_find_extmap(const struct sdp_offer_media *media, const char *uri)
{
    for (unsigned i = 0; i < media->extmap_count; i++)
        if (span_is(media->extmaps[i].uri, uri))
            return media->extmaps[i].id;
    return 0;
}

const struct sdp_fingerprint *sdp_transport_fingerprint(const struct sdp_transport *transport)
{
    const struct sdp_fingerprint *best = NULL;
    for (unsigned i = 0; i < transport->fingerprint_count; i++)
        if (!best || transport->fingerprints[i].hash < best->hash)
            best = &transport->fingerprints[i];
    return best;
}
