#include "sdp/sdp_fragment.h"

#include <errno.h>

#include "base/check.h"
#include "sdp/sdp_internal.h"

/* MediaMTX reads a fragment behind a head of this length, and tells positions with it. */
#define FRAGMENT_HEAD "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"

/* The first of several credentials are those of the session, or of the first medium. */
static void read_credential(struct span *out, struct span value)
{
    if (out->len == 0 && value.len <= SDP_MAX_ICE_TEXT)
        *out = value;
}

static void read_ufrag(struct sdp_fragment *out, struct span value)
{
    read_credential(&out->ufrag, value);
}

static void read_pwd(struct sdp_fragment *out, struct span value)
{
    read_credential(&out->pwd, value);
}

static void read_mid(struct sdp_fragment *out, struct span value)
{
    out->mids[out->media_count - 1] = value;
}

static void read_candidate(struct sdp_fragment *out, struct span value)
{
    struct sdp_candidate candidate;
    if (out->candidate_count == SDP_MAX_CANDIDATES || sdp_candidate_parse(value, &candidate) < 0)
        return;
    candidate.media = (uint8_t)(out->media_count - 1);
    out->candidates[out->candidate_count++] = candidate;
}

static const struct attribute_rule {
    const char *name;
    bool        needs_media; /* it says nothing in front of the first m= line */
    void (*read)(struct sdp_fragment *out, struct span value);
} attribute_rules[] = {
    { "ice-ufrag", false, read_ufrag },
    { "ice-pwd", false, read_pwd },
    { "mid", true, read_mid },
    { "candidate", true, read_candidate },
};

static void read_attribute(struct sdp_fragment *out, const struct sdp_line *line)
{
    for (size_t i = 0; i < COUNT(attribute_rules); i++) {
        const struct attribute_rule *rule = &attribute_rules[i];
        if (span_is(line->attribute, rule->name) && (out->media_count || !rule->needs_media))
            rule->read(out, line->argument);
    }
}

static int read_line(struct sdp_fragment *out, const struct sdp_line *line, struct errmsg *why)
{
    if (!line->has_end)
        return errmsg_set(why, -EINVAL, "EOF");
    if (line->type == 'a') {
        read_attribute(out, line);
    } else if (line->type == 'm') {
        if (out->media_count == SDP_OFFER_MAX_MEDIA)
            return errmsg_set(why, -EINVAL, "the fragment has more than %d media",
                              SDP_OFFER_MAX_MEDIA);
        out->mids[out->media_count++] = (struct span){ 0 };
    }
    return 0;
}

int sdp_fragment_parse(struct span text, struct sdp_fragment *out, struct errmsg *why)
{
    struct sdp_lines lines = { .text = text, .shift = sizeof(FRAGMENT_HEAD) - 1 };
    struct sdp_line  line;
    int              got;
    if (text.len == 0)
        return errmsg_set(why, -EINVAL, "EOF");
    out->ufrag = out->pwd = (struct span){ 0 };
    out->media_count = out->candidate_count = 0;
    while ((got = sdp_lines_next(&lines, &line, why)) > 0)
        if ((got = read_line(out, &line, why)) < 0)
            return got;
    if (got < 0)
        return got;
    return out->ufrag.len ? 0 : errmsg_set(why, -EINVAL, "ice-ufrag attribute is missing");
}

void sdp_fragment_write(struct buf *out, const struct sdp_answer *answer)
{
    bool has_candidates = false;
    buf_append_string(out, "a=ice-options:trickle ice2\r\n");
    for (unsigned i = 0; i < answer->media_count; i++) {
        const struct sdp_answer_media *media = &answer->media[i];
        if (!media->is_accepted)
            continue;
        sdp_write_media_line(out, media);
        sdp_write_mid(out, media);
        sdp_write_credentials(out, answer);
        if (!has_candidates)
            sdp_write_candidates(out, answer);
        buf_append_string(out, "a=end-of-candidates\r\n");
        has_candidates = true;
    }
}
