#include "base/check.h"
#include "codec/codec.h"
#include "codec/h26x.h"

struct seen {
    struct span payload;
    unsigned    params;
};

static void on_param(void *arg, uint8_t type, struct span nal)
{
    struct seen *seen = arg;
    ASSERT(nal.len > 0 && span_contains(seen->payload, nal));
    seen->params++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen      seen = { { data, size }, 0 };
    struct h26x_size picture;
    unsigned         flags = h265_inspect(seen.payload);
    h265_visit_params(seen.payload, on_param, &seen);
    ASSERT((seen.params > 0) == ((flags & CODEC_HAS_PARAMS) != 0));
    bool is_sps = h265_parse_sps(seen.payload, &picture) == 0;
    ASSERT(is_sps || !h265_keeps_order(seen.payload));
    if (is_sps) {
        ASSERT(picture.width > 0 && picture.width <= H26X_MAX_SIDE);
        ASSERT(picture.height > 0 && picture.height <= H26X_MAX_SIDE);
    }
    return 0;
}
