#include "base/log_ring.h"

#include <string.h>

#include "base/check.h"

static struct span body_of(const struct log_ring_line *line)
{
    return span_skip((struct span){ (const uint8_t *)line->text, line->len }, line->skip);
}

static struct log_repeat take_repeats(struct log_ring_line *line, int64_t now_ns)
{
    struct log_repeat repeat = { body_of(line), line->repeats };
    line->repeats = 0;
    line->since_ns = now_ns;
    return repeat;
}

bool log_ring_count(struct log_ring *ring, struct span body, int64_t now_ns)
{
    for (size_t i = 0; i < LOG_RING_LINES; i++) {
        struct log_ring_line *line = &ring->lines[i];
        if (line->len == 0 || now_ns - line->since_ns >= LOG_RING_WINDOW_NS)
            continue;
        if (span_equal(body_of(line), body)) {
            line->repeats++;
            return true;
        }
    }
    return false;
}

bool log_ring_take_due(struct log_ring *ring, int64_t now_ns, int64_t min_age_ns,
                       struct log_repeat *out)
{
    for (size_t i = 0; i < LOG_RING_LINES; i++) {
        struct log_ring_line *line = &ring->lines[i];
        if (line->repeats > 0 && now_ns - line->since_ns >= min_age_ns) {
            *out = take_repeats(line, now_ns);
            return true;
        }
    }
    return false;
}

bool log_ring_take_oldest(struct log_ring *ring, struct log_repeat *out)
{
    struct log_ring_line *oldest = &ring->lines[ring->next];
    if (oldest->repeats == 0)
        return false;
    *out = take_repeats(oldest, oldest->since_ns);
    return true;
}

void log_ring_put(struct log_ring *ring, struct span line, size_t skip, int64_t now_ns)
{
    struct log_ring_line *at = &ring->lines[ring->next];
    ASSERT(skip <= line.len && line.len <= sizeof(at->text));
    ring->next = (ring->next + 1) % LOG_RING_LINES;
    at->since_ns = now_ns;
    at->repeats = 0;
    at->skip = skip;
    at->len = line.len;
    memcpy(at->text, line.p, line.len);
}

void log_ring_visit(const struct log_ring *ring, void (*visit)(const char *line, size_t len))
{
    unsigned next = ring->next;
    for (unsigned i = 0; i < LOG_RING_LINES; i++) {
        const struct log_ring_line *line = &ring->lines[(next + i) % LOG_RING_LINES];
        if (line->len > 0)
            visit(line->text, line->len);
    }
}
