/**
 * testdata: files of this folder, for its tests.
 */
#pragma once
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/check.h"

/** Appends the file `name`, as in "corpus/sdp_offer/chromium_whep". It must be there. */
static inline void testdata_read(const char *name, struct buf *out)
{
    char path[4096], block[4096];
    (void)snprintf(path, sizeof(path), "%s/src/sdp/%s", getenv("MILLRACE_SOURCE_ROOT"), name);
    FILE *file = fopen(path, "rbe");
    ASSERT(file);
    for (size_t got; (got = fread(block, 1, sizeof(block), file)) > 0;)
        buf_append(out, (struct span){ (uint8_t *)block, got });
    (void)fclose(file);
}
