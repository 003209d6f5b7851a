/* Frames of audio: as many as fit into a packet, or one in several. */
#include <errno.h>

#include "base/bytes.h"
#include "base/check.h"
#include "rtp/au_header.h"
#include "rtp/pack_internal.h"

/* A frame a packet. */
int pack_whole(struct pack_call *call)
{
    const struct access_unit *au = call->au;
    for (unsigned i = 0; i < au->unit_count; i++)
        if (au->units[i].len > call->pack->max_payload)
            return -EMSGSIZE;
    for (unsigned i = 0; i < au->unit_count; i++) {
        pack_open(call);
        pack_put_unit(call, i, 0, au->units[i].len);
        pack_give(call, false);
        pack_advance(call, 1);
    }
    return 0;
}

/* Cut at whole bytes and whole ticks: eight ticks have as many bytes as one has bits. */
int pack_samples(struct pack_call *call)
{
    enum { TICKS = 8 };
    unsigned bits = payload_tick_bits(call->pack->codec->id, &call->pack->params);
    size_t   len = call->au->units[0].len, grain = bits;
    if (len <= call->pack->max_payload || bits == 0 || grain > call->pack->max_payload)
        return pack_whole(call);
    size_t each = call->pack->max_payload / grain * grain;
    for (size_t at = 0; at < len; at += each) {
        size_t part = MIN(each, len - at);
        pack_open(call);
        pack_put_unit(call, 0, at, part);
        pack_give(call, false);
        call->ticks += (uint32_t)(part / grain * TICKS);
    }
    return 0;
}

static size_t generic_overhead(const struct pack *pack, size_t count)
{
    return au_headers_len(au_header_format(&pack->params), count);
}

static void give_generic(struct pack_call *call, unsigned first, unsigned count)
{
    struct payload_au_header format = au_header_format(&call->pack->params);
    uint32_t                 sizes[PACK_MAX_FRAMES];
    for (unsigned i = 0; i < count; i++)
        sizes[i] = call->au->units[first + i].len;
    pack_open(call);
    au_headers_write(format, sizes, count, call->out);
    call->len = au_headers_len(format, count);
    for (unsigned i = 0; i < count; i++)
        pack_put_unit(call, first + i, 0, sizes[i]);
    pack_give(call, true);
}

static void give_generic_fragments(struct pack_call *call, unsigned index)
{
    struct payload_au_header format = au_header_format(&call->pack->params);
    uint32_t                 len = call->au->units[index].len;
    for (size_t at = 0; at < len;) {
        pack_open(call);
        au_headers_write(format, &len, 1, call->out);
        call->len = au_headers_len(format, 1);
        size_t part = MIN(pack_room(call), len - at);
        pack_put_unit(call, index, at, part);
        at += part;
        pack_give(call, at == len);
    }
}

int pack_mpeg4_audio(struct pack_call *call)
{
    const struct access_unit *au = call->au;
    for (unsigned i = 0; i < au->unit_count; i++)
        if (au->units[i].len > au_header_max_size(au_header_format(&call->pack->params)))
            return -EMSGSIZE;
    for (unsigned i = 0; i < au->unit_count;) {
        unsigned count = pack_fitting(call, i, PACK_MAX_FRAMES, generic_overhead);
        if (count > 0)
            give_generic(call, i, count);
        else
            give_generic_fragments(call, i);
        i += MAX(count, 1u);
        pack_advance(call, MAX(count, 1u));
    }
    return 0;
}

/* A payload that is full goes out. */
static void put_latm(struct pack_call *call, unsigned index, size_t at, size_t len)
{
    while (len > 0) {
        if (call->out && pack_room(call) == 0)
            pack_give(call, false);
        if (!call->out)
            pack_open(call);
        size_t part = MIN(pack_room(call), len);
        pack_put_unit(call, index, at, part);
        at += part;
        len -= part;
    }
}

/* ISO/IEC 14496-3, table 1.44: 255 as often as it fits, and the rest. */
static void put_latm_size(struct pack_call *call, size_t size)
{
    for (bool is_last = false; !is_last; size -= MIN(size, (size_t)255)) {
        uint8_t byte = (uint8_t)MIN(size, (size_t)255);
        is_last = byte < 255;
        if (call->out && pack_room(call) == 0)
            pack_give(call, false);
        if (!call->out)
            pack_open(call);
        pack_put(call, &byte, 1);
    }
}

int pack_latm(struct pack_call *call)
{
    const struct payload_params *params = &call->pack->params;
    const struct access_unit    *au = call->au;
    unsigned frames = params->is_latm_config_in_band ? 1 : MAX(params->latm_frames, 1);
    if (au->unit_count % frames != 0)
        return -ENOTSUP;
    for (unsigned i = 0; i < au->unit_count; i++) {
        if (!params->is_latm_config_in_band)
            put_latm_size(call, au->units[i].len);
        put_latm(call, i, 0, au->units[i].len);
        if ((i + 1) % frames != 0)
            continue;
        pack_give(call, true);
        pack_advance(call, frames);
    }
    return 0;
}

/* In front of frames, or of a part of one. */
enum { MPEG1_HEADER = 4, AC3_PAYLOAD_HEADER = 2 };

static size_t mpeg1_overhead(const struct pack *pack, size_t count)
{
    return MPEG1_HEADER;
}

static void give_frames(struct pack_call *call, uint32_t header, size_t header_len, unsigned first,
                        unsigned count)
{
    uint8_t bytes[4];
    write_be32(bytes, header);
    pack_open(call);
    pack_put(call, bytes + sizeof(bytes) - header_len, header_len);
    for (unsigned i = first; i < first + count; i++)
        pack_put_unit(call, i, 0, call->au->units[i].len);
    pack_give(call, true);
}

static void give_mpeg1_fragments(struct pack_call *call, unsigned index)
{
    size_t len = call->au->units[index].len;
    for (size_t at = 0; at < len;) {
        uint8_t header[MPEG1_HEADER];
        write_be32(header, (uint32_t)at);
        pack_open(call);
        pack_put(call, header, sizeof(header));
        size_t part = MIN(pack_room(call), len - at);
        pack_put_unit(call, index, at, part);
        at += part;
        pack_give(call, at == len);
    }
}

int pack_mpeg1_audio(struct pack_call *call)
{
    for (unsigned i = 0; i < call->au->unit_count;) {
        unsigned count = pack_fitting(call, i, PACK_MAX_FRAMES, mpeg1_overhead);
        if (count > 0)
            give_frames(call, 0, MPEG1_HEADER, i, count);
        else
            give_mpeg1_fragments(call, i);
        i += MAX(count, 1u);
        pack_advance(call, MAX(count, 1u));
    }
    return 0;
}

static size_t ac3_overhead(const struct pack *pack, size_t count)
{
    return AC3_PAYLOAD_HEADER;
}

/* RFC 4184, section 4.1.1: has the first one five eighths of the frame, which can be played? */
static void give_ac3_fragments(struct pack_call *call, unsigned index)
{
    enum { MOST = 1, LITTLE = 2, MORE = 3 };
    size_t  len = call->au->units[index].len;
    size_t  each = call->pack->max_payload - AC3_PAYLOAD_HEADER;
    uint8_t header[AC3_PAYLOAD_HEADER] = { each * 8 >= len * 5 ? MOST : LITTLE,
                                           (uint8_t)((len + each - 1) / each) };
    for (size_t at = 0; at < len; header[0] = MORE) {
        size_t part = MIN(each, len - at);
        pack_open(call);
        pack_put(call, header, sizeof(header));
        pack_put_unit(call, index, at, part);
        at += part;
        pack_give(call, at == len);
    }
}

int pack_ac3(struct pack_call *call)
{
    for (unsigned i = 0; i < call->au->unit_count;) {
        unsigned count = pack_fitting(call, i, PACK_MAX_FRAMES, ac3_overhead);
        if (count > 0)
            give_frames(call, count, AC3_PAYLOAD_HEADER, i, count);
        else
            give_ac3_fragments(call, i);
        i += MAX(count, 1u);
        pack_advance(call, MAX(count, 1u));
    }
    return 0;
}

enum vorbis {
    VORBIS_HEADER = 4,
    VORBIS_LENGTH = 2,
    VORBIS_MAX_PACKETS = 15,
    VORBIS_FIRST = 1, /* kinds of fragments; 0: whole */
    VORBIS_MIDDLE = 2,
    VORBIS_LAST = 3,
};

static size_t vorbis_overhead(const struct pack *pack, size_t count)
{
    return VORBIS_HEADER + count * VORBIS_LENGTH;
}

static void put_vorbis_header(struct pack_call *call, unsigned kind, unsigned count)
{
    uint8_t header[VORBIS_HEADER];
    write_be32(header, call->pack->params.vorbis_identity << 8 | kind << 6 | count);
    pack_put(call, header, sizeof(header));
}

static void put_vorbis(struct pack_call *call, unsigned index, size_t at, size_t len)
{
    uint8_t length[VORBIS_LENGTH];
    write_be16(length, (uint16_t)len);
    pack_put(call, length, sizeof(length));
    pack_put_unit(call, index, at, len);
}

static void give_vorbis_fragments(struct pack_call *call, unsigned index)
{
    size_t   len = call->au->units[index].len;
    size_t   each = call->pack->max_payload - VORBIS_HEADER - VORBIS_LENGTH;
    unsigned kind = VORBIS_FIRST;
    for (size_t at = 0; at < len; kind = VORBIS_MIDDLE) {
        size_t part = MIN(each, len - at);
        pack_open(call);
        put_vorbis_header(call, at + part == len ? VORBIS_LAST : kind, 0);
        put_vorbis(call, index, at, part);
        at += part;
        pack_give(call, false);
    }
}

int pack_vorbis(struct pack_call *call)
{
    for (unsigned i = 0; i < call->au->unit_count;) {
        unsigned count = pack_fitting(call, i, VORBIS_MAX_PACKETS, vorbis_overhead);
        if (count > 0) {
            pack_open(call);
            put_vorbis_header(call, 0, count);
            for (unsigned k = i; k < i + count; k++)
                put_vorbis(call, k, 0, call->au->units[k].len);
            pack_give(call, false);
        } else {
            give_vorbis_fragments(call, i);
        }
        i += MAX(count, 1u);
        pack_advance(call, MAX(count, 1u));
    }
    return 0;
}
