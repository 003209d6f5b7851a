#include "load/load_stamp.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/check.h"
#include "codec/h26x.h"

enum {
    SEI_USER_DATA_UNREGISTERED = 5,
    UUID_AT = 3, /* behind NAL header, payload type and payload size */
    UUID_SIZE = 16,
    STREAM_AT = UUID_AT + UUID_SIZE,
    STREAM_SIZE = 3,
    PACKETS_AT = STREAM_AT + STREAM_SIZE,
    PACKETS_SIZE = 3,
    FRAME_AT = PACKETS_AT + PACKETS_SIZE,
    FRAME_SIZE = 5,
    SENT_AT = FRAME_AT + FRAME_SIZE,
    SENT_SIZE = 9,
    STOP_AT = SENT_AT + SENT_SIZE,
};
_Static_assert(STOP_AT + 1 == LOAD_STAMP_NAL, "the fields fill the NAL unit");

/* What no stamp changes: 6d1c70ae-9f0e-4b52-a5d3-6c6f61647374 names this kind of user data. */
static const uint8_t prefix[STREAM_AT] = {
    H264_NAL_SEI,
    SEI_USER_DATA_UNREGISTERED,
    STOP_AT - UUID_AT,
    0x6d,
    0x1c,
    0x70,
    0xae,
    0x9f,
    0x0e,
    0x4b,
    0x52,
    0xa5,
    0xd3,
    0x6c,
    0x6f,
    0x61,
    0x64,
    0x73,
    0x74,
};

static void write_groups(uint8_t *out, unsigned size, uint64_t value)
{
    for (unsigned i = size; i-- > 0; value >>= 7)
        out[i] = (uint8_t)(0x80 | (value & 0x7f));
}

static uint64_t read_groups(const uint8_t *in, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value = value << 7 | (in[i] & 0x7f);
    return value;
}

void load_stamp_write(const struct load_stamp *stamp, uint8_t out[LOAD_STAMP_NAL])
{
    memcpy(out, prefix, sizeof(prefix));
    write_groups(out + STREAM_AT, STREAM_SIZE, stamp->stream);
    write_groups(out + PACKETS_AT, PACKETS_SIZE, stamp->packets);
    write_groups(out + FRAME_AT, FRAME_SIZE, stamp->frame);
    write_groups(out + SENT_AT, SENT_SIZE, (uint64_t)stamp->sent_ns);
    out[STOP_AT] = 0x80;
}

int load_stamp_parse(struct span nal, struct load_stamp *out)
{
    if (nal.len != LOAD_STAMP_NAL || memcmp(nal.p, prefix, sizeof(prefix)) != 0)
        return -ENOENT;
    *out = (struct load_stamp){
        .stream = (uint32_t)read_groups(nal.p + STREAM_AT, STREAM_SIZE),
        .packets = (uint32_t)read_groups(nal.p + PACKETS_AT, PACKETS_SIZE),
        .frame = read_groups(nal.p + FRAME_AT, FRAME_SIZE),
        .sent_ns = (int64_t)read_groups(nal.p + SENT_AT, SENT_SIZE),
    };
    return 0;
}

int load_stamp_find(struct span rtp_payload, struct load_stamp *out)
{
    if (rtp_payload.len == 0)
        return -ENOENT;
    if ((rtp_payload.p[0] & 0x1f) != H264_NAL_STAP_A)
        return load_stamp_parse(rtp_payload, out);
    struct span rest = span_skip(rtp_payload, 1);
    while (rest.len >= 2) {
        size_t size = read_be16(rest.p);
        rest = span_skip(rest, 2);
        if (size > rest.len)
            return -ENOENT;
        if (load_stamp_parse(span_first(rest, size), out) == 0)
            return 0;
        rest = span_skip(rest, size);
    }
    return -ENOENT;
}
