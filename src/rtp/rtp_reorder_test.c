#include "rtp/rtp_reorder.h"

#include <stdio.h>

#include "base/check.h"
#include "base/test.h"

/* What went on, in words: numbers from `base` on, "late" and "far" for those that did not. */
struct line {
    struct rtp_reorder reorder;
    uint16_t           base;
    uint8_t            items[256]; /* stands for packets: waiting[] points here */
    char               text[1024];
    size_t             len;
};

static void note(struct line *line, const char *sign, unsigned number)
{
    line->len += (size_t)snprintf(line->text + line->len, sizeof(line->text) - line->len, "%s%s%u",
                                  line->len ? " " : "", sign, number);
}

static void note_item(struct line *line, const void *item)
{
    note(line, "", (unsigned)((const uint8_t *)item - line->items));
}

static void bring(struct line *line, unsigned number)
{
    uint16_t                 seq = (uint16_t)(line->base + number);
    enum rtp_reorder_verdict verdict = rtp_reorder_judge(&line->reorder, seq);
    void                    *item;
    if (verdict == RTP_REORDER_LATE) {
        note(line, "-", number);
        return;
    }
    if (verdict == RTP_REORDER_EARLY) {
        rtp_reorder_hold(&line->reorder, seq, &line->items[number]);
        return;
    }
    while (verdict == RTP_REORDER_FAR && !rtp_reorder_fits(&line->reorder, seq) &&
           line->reorder.held) {
        CHECK(rtp_reorder_peek(&line->reorder) != NULL, "one waits");
        note_item(line, rtp_reorder_skip(&line->reorder));
        while ((item = rtp_reorder_take(&line->reorder)))
            note_item(line, item);
    }
    if (verdict == RTP_REORDER_FAR && rtp_reorder_fits(&line->reorder, seq)) {
        bring(line, number);
        return;
    }
    rtp_reorder_pass(&line->reorder, seq);
    note(line, verdict == RTP_REORDER_FAR ? "!" : "", number);
    while ((item = rtp_reorder_take(&line->reorder)))
        note_item(line, item);
}

/* -n: refused, !n: from afar. */
static void packets_go_on_in_order(void **state)
{
    static const struct {
        const char *name;
        unsigned    came[8]; /* up to a zero; the first is 1 */
        const char *want;
        unsigned    held;
    } cases[] = {
        { "in order", { 1, 2, 3 }, "1 2 3", 0 },
        { "two changed places", { 1, 3, 2, 4 }, "1 2 3 4", 0 },
        { "one missing", { 1, 3, 4 }, "1", 2 },
        { "backwards", { 1, 5, 4, 3, 2 }, "1 2 3 4 5", 0 },
        { "twice", { 1, 2, 2, 3 }, "1 2 -2 3", 0 },
        { "twice while it waits", { 1, 3, 3, 2 }, "1 -3 2 3", 0 },
        { "before the first", { 2, 1, 3 }, "2 -1 3", 0 },
        { "last that may wait", { 1, 65, 2 }, "1 2", 1 },
        { "first that may not", { 1, 66, 67 }, "1 !66 67", 0 },
        { "no more is given up than has to be", { 1, 3, 9, 66, 8, 7 }, "1 3", 4 },
        { "what waits goes before it", { 1, 3, 9, 99 }, "1 3 9 !99", 0 },
    };
    static const uint16_t bases[] = { 0, 1000, 65534, 65500 };
    for (size_t i = 0; i < COUNT(cases) * COUNT(bases); i++) {
        struct line line = { .base = bases[i % COUNT(bases)] };
        for (const unsigned *number = cases[i / COUNT(bases)].came; *number; number++)
            bring(&line, *number);
        CHECK(strcmp(line.text, cases[i / COUNT(bases)].want) == 0, cases[i / COUNT(bases)].name);
        CHECK(line.reorder.held == cases[i / COUNT(bases)].held, cases[i / COUNT(bases)].name);
    }
}

static void gap_is_passed_over_when_told_so(void **state)
{
    struct line line = { .base = 65530 };
    void       *item;
    bring(&line, 1);
    bring(&line, 4);
    bring(&line, 8);
    CHECK(rtp_reorder_peek(&line.reorder) == &line.items[4], "the first that waits");
    while ((item = rtp_reorder_skip(&line.reorder)))
        note_item(&line, item);
    bring(&line, 9);
    bring(&line, 3);
    CHECK(strcmp(line.text, "1 4 8 9 -3") == 0, "skipped");
    CHECK(line.reorder.held == 0 && !rtp_reorder_peek(&line.reorder), "nothing waits");
}

static void sender_may_begin_anew(void **state)
{
    struct rtp_reorder reorder = { 0 };
    rtp_reorder_pass(&reorder, 5000);
    for (unsigned i = 0; i < RTP_REORDER_WINDOW; i++)
        CHECK(rtp_reorder_judge(&reorder, (uint16_t)(10 + i)) == RTP_REORDER_LATE, "not yet");
    CHECK(rtp_reorder_judge(&reorder, 10 + RTP_REORDER_WINDOW) == RTP_REORDER_FAR, "believed");
    rtp_reorder_pass(&reorder, 10 + RTP_REORDER_WINDOW);
    CHECK(rtp_reorder_judge(&reorder, 11 + RTP_REORDER_WINDOW) == RTP_REORDER_DUE, "goes on");
}

static void late_ones_now_and_then_are_no_beginning(void **state)
{
    struct rtp_reorder reorder = { 0 };
    for (unsigned i = 0; i < 10 * RTP_REORDER_WINDOW; i++) {
        uint16_t seq = (uint16_t)(5000 + i);
        rtp_reorder_pass(&reorder, seq);
        CHECK(rtp_reorder_judge(&reorder, (uint16_t)(seq - 100)) == RTP_REORDER_LATE, "late");
    }
}

TESTS(packets_go_on_in_order, gap_is_passed_over_when_told_so, sender_may_begin_anew,
      late_ones_now_and_then_are_no_beginning)
