/* MPEG-1 and -2 video (RFC 2250, section 3), M-JPEG (RFC 2435), and what is cut anywhere: MPEG-4
 * Visual (RFC 6416, section 5), KLV (RFC 6597). */
#include <errno.h>

#include "base/bytes.h"
#include "base/check.h"
#include "codec/mpeg.h"
#include "rtp/jpeg_format.h"
#include "rtp/pack_internal.h"

int pack_cut_unit(struct pack_call *call)
{
    size_t len = call->au->units[0].len;
    for (size_t at = 0; at < len;) {
        pack_open(call);
        size_t part = MIN(pack_room(call), len - at);
        pack_put_unit(call, 0, at, part);
        at += part;
        pack_give(call, at == len);
    }
    return 0;
}

enum {
    MAX_MPEG1_HEAD = 1024,
    MPEG1_HEADER = 4,
    SEQUENCE = 1 << 13, /* bits of the header */
    SLICE_BEGINS = 1 << 12,
    SLICE_ENDS = 1 << 11,
};

/* The time and kind of the picture, and how it refers to others, from its own header. */
static uint32_t describe_picture(const struct pack_call *call)
{
    enum { P_PICTURE = 2, B_PICTURE = 3, TIME_SHIFT = 16, KIND_SHIFT = 8, BACKWARD_SHIFT = 4 };
    uint8_t     bytes[MAX_MPEG1_HEAD];
    struct span head = { bytes, au_unit_copy(call->au, 0, 0, sizeof(bytes), bytes) };
    size_t      at = 0;
    while ((at = mpeg_find_start_code(head, at)) < head.len && head.p[at + 3] != MPEG_PICTURE)
        at += MPEG_START_CODE;
    if (head.len - at < MPEG_START_CODE + 5)
        return 0;
    uint32_t fields = read_be32(head.p + at + MPEG_START_CODE);
    uint8_t  fifth = head.p[at + MPEG_START_CODE + 4];
    uint32_t kind = fields >> 19 & 7;
    uint32_t forward = (fields & 7) << 1 | fifth >> 7, backward = fifth >> 3 & 0x0f;
    uint32_t out = (fields >> 22) << TIME_SHIFT | kind << KIND_SHIFT;
    out |= kind == P_PICTURE || kind == B_PICTURE ? forward : 0;
    return out | (kind == B_PICTURE ? backward << BACKWARD_SHIFT : 0);
}

static bool is_slice(uint8_t code)
{
    return code >= MPEG_FIRST_SLICE && code <= MPEG_LAST_SLICE;
}

/* What a payload holds: where its last slice begins, if there is another one before that. */
struct mpeg1_part {
    uint32_t flags;
    size_t   cut; /* 0: nowhere */
};

static struct mpeg1_part look_at(struct span part)
{
    struct mpeg1_part out = { 0 };
    bool              has_slice = false;
    size_t            first = mpeg_find_start_code(part, 0);
    for (size_t at = first; at < part.len; at = mpeg_find_start_code(part, at + MPEG_START_CODE)) {
        uint8_t code = part.p[at + 3];
        if (code == MPEG_SEQUENCE)
            out.flags |= SEQUENCE;
        if (!is_slice(code))
            continue;
        if (has_slice || first > 0)
            out.cut = at;
        if (!has_slice && first == 0)
            out.flags |= SLICE_BEGINS;
        has_slice = true;
    }
    return out;
}

int pack_mpeg1_video(struct pack_call *call)
{
    uint32_t picture = describe_picture(call);
    size_t   len = call->au->units[0].len;
    for (size_t at = 0; at < len;) {
        pack_open(call);
        call->len = MPEG1_HEADER;
        size_t part = MIN(pack_room(call), len - at);
        pack_put_unit(call, 0, at, part);
        struct mpeg1_part found = look_at((struct span){ call->out + MPEG1_HEADER, part });
        bool              is_last = at + part == len;
        if (!is_last && found.cut > 0) {
            call->len -= part - found.cut;
            part = found.cut;
            found.flags |= SLICE_ENDS;
        }
        at += part;
        found.flags |= is_last ? SLICE_ENDS : 0;
        write_be32(call->out, picture | found.flags);
        pack_give(call, at == len);
    }
    return 0;
}

/* -ENOTSUP, -EMSGSIZE. */
static int read_jpeg(const struct pack_call *call, struct jpeg_image *image, size_t *scan_at)
{
    enum { MAX_HEADERS = 4096 };
    uint8_t     bytes[MAX_HEADERS];
    struct span head = { bytes, au_unit_copy(call->au, 0, 0, sizeof(bytes), bytes) };
    if (jpeg_parse_headers(head, image, scan_at) < 0 || image->width > JPEG_MAX_SIDE ||
        image->height > JPEG_MAX_SIDE || *scan_at == call->au->units[0].len)
        return -ENOTSUP;
    return call->au->units[0].len - *scan_at > JPEG_MAX_OFFSET ? -EMSGSIZE : 0;
}

int pack_mjpeg(struct pack_call *call)
{
    struct jpeg_image image;
    size_t            scan_at, len = call->au->units[0].len;
    int               err = read_jpeg(call, &image, &scan_at);
    if (err < 0)
        return err;
    for (size_t at = scan_at; at < len;) {
        pack_open(call);
        call->len = jpeg_write_fragment(&image, (uint32_t)(at - scan_at), call->out);
        size_t part = MIN(pack_room(call), len - at);
        pack_put_unit(call, 0, at, part);
        at += part;
        pack_give(call, at == len);
    }
    return 0;
}
