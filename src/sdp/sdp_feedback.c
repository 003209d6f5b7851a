#include "sdp/sdp_feedback.h"

#include <stddef.h>

#include "base/check.h"

static const struct row {
    const char       *text;
    enum sdp_feedback bit;
} rows[] = {
    { "nack", SDP_NACK },           { "nack pli", SDP_NACK_PLI },
    { "ccm fir", SDP_CCM_FIR },     { "transport-cc", SDP_TRANSPORT_CC },
    { "goog-remb", SDP_GOOG_REMB },
};

unsigned sdp_feedback_parse(struct span text)
{
    for (size_t i = 0; i < COUNT(rows); i++)
        if (span_is_nocase(span_trim(text), rows[i].text))
            return rows[i].bit;
    return 0;
}

const char *sdp_feedback_text(enum sdp_feedback bit)
{
    size_t i = 0;
    while (i < COUNT(rows) && rows[i].bit != bit)
        i++;
    ASSERT(i < COUNT(rows));
    return rows[i].text;
}
