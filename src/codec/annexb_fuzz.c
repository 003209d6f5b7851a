#include "base/check.h"
#include "codec/h26x.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span stream = { data, size }, rest = stream, nal;
    size_t      before = rest.len;
    while (h26x_next_annexb(&rest, &nal)) {
        ASSERT(rest.len < before && span_contains(stream, rest));
        ASSERT(nal.len > 0 && span_contains(stream, nal));
        ASSERT(nal.p[nal.len - 1] != 0 && nal.p - data >= 3 && nal.p[-1] == 1);
        before = rest.len;
    }
    ASSERT(rest.len == 0);
    return 0;
}
