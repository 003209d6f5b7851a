#include "sdp/sdp_candidate.h"

#include <errno.h>

#include "base/check.h"
#include "sdp/sdp_internal.h"

const char *const sdp_candidate_types[] = {
    [CANDIDATE_HOST] = "host",
    [CANDIDATE_PRFLX] = "prflx",
    [CANDIDATE_SRFLX] = "srflx",
    [CANDIDATE_RELAY] = "relay",
};

static bool parse_type(struct span name, enum candidate_type *out)
{
    for (size_t i = 0; i < COUNT(sdp_candidate_types); i++) {
        if (span_is_nocase(name, sdp_candidate_types[i])) {
            *out = (enum candidate_type)i;
            return true;
        }
    }
    return false;
}

static bool parse_number(struct span word, uint64_t max, uint64_t *out)
{
    return span_to_uint(word, max, out) == 0;
}

static bool is_mdns_name(struct span address)
{
    struct span suffix = BYTES(".local");
    return address.len > suffix.len &&
           span_equal_nocase(span_skip(address, address.len - suffix.len), suffix);
}

/* Names and values in turn (RFC 8839, section 5.1). */
static void read_extensions(struct span rest, struct sdp_candidate *out)
{
    struct span name;
    while ((name = sdp_next_word(&rest)).len) {
        struct span value = sdp_next_word(&rest);
        if (span_is_nocase(name, "tcptype"))
            out->tcptype = value;
        else if (span_is_nocase(name, "ufrag"))
            out->ufrag = value;
    }
}

int sdp_candidate_parse(struct span value, struct sdp_candidate *out)
{
    struct sdp_candidate candidate = { .foundation = sdp_next_word(&value) };
    struct span          component = sdp_next_word(&value);
    struct span          transport = sdp_next_word(&value);
    struct span          priority = sdp_next_word(&value);
    candidate.address = sdp_next_word(&value);
    struct span port = sdp_next_word(&value);
    struct span typ = sdp_next_word(&value);
    struct span type = sdp_next_word(&value);

    uint64_t component_number, priority_number, port_number;
    if (!span_is_nocase(typ, "typ") || !parse_type(type, &candidate.type) ||
        !parse_number(component, 256, &component_number) ||
        !parse_number(priority, UINT32_MAX, &priority_number) ||
        !parse_number(port, UINT16_MAX, &port_number))
        return -EINVAL;
    candidate.component = (uint16_t)component_number;
    candidate.priority = (uint32_t)priority_number;
    candidate.port = (uint16_t)port_number;
    candidate.is_mdns = is_mdns_name(candidate.address);

    read_extensions(value, &candidate);
    /* RFC 6544, section 4.5: what is TCP says of which kind. */
    bool is_tcp = span_is_nocase(transport, "tcp");
    if (is_tcp ? candidate.tcptype.len == 0 : !span_is_nocase(transport, "udp"))
        return -EINVAL;
    if (!is_tcp)
        candidate.tcptype = (struct span){ 0 };
    *out = candidate;
    return 0;
}

void sdp_candidate_write(struct buf *out, const struct sdp_candidate *candidate, unsigned component)
{
    bool is_tcp = candidate->tcptype.len > 0, is_ipv6 = span_find(candidate->address, ':') >= 0;
    buf_printf(out, "a=candidate:%.*s %u %s %u %.*s %u typ %s", SPAN_ARGS(candidate->foundation),
               component, is_tcp ? "tcp" : "udp", candidate->priority,
               SPAN_ARGS(candidate->address), candidate->port,
               sdp_candidate_types[candidate->type]);
    /* All but host need them (RFC 8839, section 5.1); nobody has to know our inner addresses. */
    if (candidate->type != CANDIDATE_HOST)
        buf_printf(out, " raddr %s rport 0", is_ipv6 ? "::" : "0.0.0.0");
    if (is_tcp)
        buf_printf(out, " tcptype %.*s", SPAN_ARGS(candidate->tcptype));
    buf_append_string(out, "\r\n");
}
