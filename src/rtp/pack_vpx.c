/* VP8 (RFC 7741) with the shortest descriptor, VP9 (RFC 9628) in non-flexible mode. */
#include "base/bytes.h"
#include "base/check.h"
#include "codec/vpx.h"
#include "rtp/pack_internal.h"

int pack_vp8(struct pack_call *call)
{
    size_t  len = call->au->units[0].len;
    uint8_t descriptor = VP8_S;
    for (size_t at = 0; at < len; descriptor = 0) {
        pack_open(call);
        pack_put(call, &descriptor, 1);
        size_t part = MIN(pack_room(call), len - at);
        pack_put_unit(call, 0, at, part);
        at += part;
        pack_give(call, at == len);
    }
    return 0;
}

/* Spatial layers: each but the first needs the one below it. */
static size_t write_layer(const struct pack *pack, unsigned layer, uint8_t *out)
{
    enum { SID_SHIFT = 1, MAX_SID = 7, D = 0x01 };
    out[0] = (uint8_t)(MIN(layer, (unsigned)MAX_SID) << SID_SHIFT | (layer > 0 ? D : 0));
    out[1] = pack->base_index;
    return 2;
}

static void give_layer(struct pack_call *call, unsigned index, uint8_t flags)
{
    enum { LONG_ID = 0x8000 };
    struct pack *pack = call->pack;
    size_t       len = call->au->units[index].len;
    bool         is_last = index + 1 == call->au->unit_count;
    uint8_t      descriptor[VP9_MAX_DESCRIPTOR];
    size_t       used = 3;
    write_be16(descriptor + 1, LONG_ID | pack->picture_id);
    if (flags & VP9_L)
        used += write_layer(pack, index, descriptor + used);
    for (size_t at = 0; at < len;) {
        pack_open(call);
        size_t part = MIN(pack_room(call) - used, len - at);
        bool   ends = at + part == len;
        descriptor[0] = (uint8_t)(flags | (at == 0 ? VP9_B : 0) | (ends ? VP9_E : 0));
        pack_put(call, descriptor, used);
        pack_put_unit(call, index, at, part);
        at += part;
        pack_give(call, ends && is_last);
    }
}

int pack_vp9(struct pack_call *call)
{
    struct pack *pack = call->pack;
    uint8_t      flags = VP9_I;
    flags |= call->au->is_keyframe ? 0 : VP9_P;
    flags |= call->au->unit_count > 1 ? VP9_L : 0;
    for (unsigned i = 0; i < call->au->unit_count; i++)
        give_layer(call, i, flags);
    pack->picture_id = (pack->picture_id + 1) & 0x7fff;
    pack->base_index++;
    return 0;
}
