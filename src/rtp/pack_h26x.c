/* H264 (RFC 6184, packetization mode 1) and H265 (RFC 7798). */
#include "base/bytes.h"
#include "base/check.h"
#include "rtp/h26x_format.h"
#include "rtp/pack_internal.h"

static const struct h26x_format *format_of(const struct pack *pack)
{
    return pack->codec->id == CODEC_H265 ? &h265_format : &h264_format;
}

/* One unit alone goes as it is. */
static size_t overhead(const struct pack *pack, size_t count)
{
    return count > 1 ? format_of(pack)->header + count * H26X_UNIT_SIZE : 0;
}

static bool is_last(const struct pack_call *call, unsigned next)
{
    return next == call->au->unit_count;
}

static void give_aggregate(struct pack_call *call, unsigned first, unsigned count)
{
    const struct h26x_format *format = format_of(call->pack);
    uint8_t                   head[H26X_MAX_HEADER], size[H26X_UNIT_SIZE];
    pack_open(call);
    pack_put_unit(call, first, 0, format->header);
    call->out[0] = h26x_with_type(format, call->out[0], format->aggregate);
    for (unsigned i = first; i < first + count; i++) {
        (void)au_unit_copy(call->au, i, 0, format->header, head);
        format->join_headers(call->out, head);
        write_be16(size, (uint16_t)call->au->units[i].len);
        pack_put(call, size, sizeof(size));
        pack_put_unit(call, i, 0, call->au->units[i].len);
    }
    pack_give(call, is_last(call, first + count));
}

static void give_fragments(struct pack_call *call, unsigned index)
{
    const struct h26x_format *format = format_of(call->pack);
    size_t                    at = format->header, len = call->au->units[index].len;
    uint8_t                   head[H26X_MAX_HEADER + 1];
    (void)au_unit_copy(call->au, index, 0, format->header, head);
    head[format->header] =
        (uint8_t)(h26x_type(format, (struct span){ head, format->header }) | H26X_FU_START);
    head[0] = h26x_with_type(format, head[0], format->fragment);
    while (at < len) {
        pack_open(call);
        pack_put(call, head, format->header + 1u);
        size_t part = MIN(pack_room(call), len - at);
        pack_put_unit(call, index, at, part);
        at += part;
        if (at == len)
            call->out[format->header] |= H26X_FU_END;
        head[format->header] &= (uint8_t)~H26X_FU_START;
        pack_give(call, at == len && is_last(call, index + 1));
    }
}

int pack_h26x(struct pack_call *call)
{
    for (unsigned i = 0; i < call->au->unit_count;) {
        unsigned count = pack_fitting(call, i, UINT32_MAX, overhead);
        if (count == 0) {
            give_fragments(call, i++);
            continue;
        }
        if (count > 1) {
            give_aggregate(call, i, count);
        } else {
            pack_open(call);
            pack_put_unit(call, i, 0, call->au->units[i].len);
            pack_give(call, is_last(call, i + 1));
        }
        i += count;
    }
    return 0;
}
