/**
 * load_display: how a load is going, while it runs: a few lines drawn anew each second on a
 * terminal, else a line every five seconds.
 */
#pragma once
#include <stdio.h>

#include "load/load_result.h"

struct load_display {
    FILE                *file;
    bool                 is_terminal;
    bool                 is_drawn; /* lines of ours stand above the cursor */
    struct load_snapshot last;
};

/** What is shown. */
struct load_view {
    const char                 *phase;
    int64_t                     elapsed_ns, planned_ns; /* of the phase; planned 0: not known */
    uint32_t                    streams_live, streams;
    uint32_t                    readers_live, readers;
    const struct load_snapshot *now;
    const struct histogram     *delay; /* since the display was drawn */
};

void load_display_init(struct load_display *display, FILE *file);

/** True when a line of this second is to be shown: the caller then makes a view. */
bool load_display_is_due(const struct load_display *display, int64_t now_ns);

void load_display_draw(struct load_display *display, const struct load_view *view);
