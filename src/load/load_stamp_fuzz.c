#include "load/load_stamp.h"

#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is read can be written again; nothing outside of the payload is touched (ASan). */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct load_stamp stamp, again;
    uint8_t           nal[LOAD_STAMP_NAL];
    if (load_stamp_find((struct span){ data, size }, &stamp) == 0) {
        load_stamp_write(&stamp, nal);
        ASSERT(load_stamp_parse((struct span){ nal, sizeof(nal) }, &again) == 0);
        ASSERT(again.frame == stamp.frame && again.sent_ns == stamp.sent_ns);
        ASSERT(again.stream == stamp.stream && again.packets == stamp.packets);
    }
    return 0;
}
