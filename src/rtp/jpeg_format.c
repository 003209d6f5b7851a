#include "rtp/jpeg_format.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/check.h"

enum {
    HAS_RESTARTS = 64, /* added to the type */
    TABLE = 64,
    WHOLE_RESTARTS = 0xffff, /* F, L and a count that says: not aligned to fragments */
};

enum marker {
    SOF0 = 0xc0,
    DHT = 0xc4,
    RST0 = 0xd0,
    SOI = 0xd8,
    SOS = 0xda,
    DQT = 0xdb,
    DRI = 0xdd,
};

/* RFC 2435, section 3.1.8: a table for luma, one for chroma. */
static int parse_tables(struct span *rest, struct jpeg_fragment *out)
{
    if (rest->len < JPEG_TABLES_HEADER)
        return -EBADMSG;
    uint8_t precision = rest->p[1];
    size_t  len = read_be16(rest->p + 2);
    *rest = span_skip(*rest, JPEG_TABLES_HEADER);
    if (len > rest->len || (len > 0 && (precision || (len != TABLE && len < JPEG_TABLES))))
        return -EBADMSG;
    if (len > 0) {
        memcpy(out->image.tables, rest->p, TABLE);
        memcpy(out->image.tables + TABLE, rest->p + (len > TABLE ? TABLE : 0), TABLE);
        out->has_tables = true;
    }
    *rest = span_skip(*rest, len);
    return 0;
}

int jpeg_parse_fragment(struct span payload, struct jpeg_fragment *out)
{
    if (payload.len < JPEG_HEADER)
        return -EBADMSG;
    const uint8_t       *p = payload.p;
    struct span          rest = span_skip(payload, JPEG_HEADER);
    struct jpeg_fragment fragment = { .offset = read_be24(p + 1) };
    fragment.image = (struct jpeg_image){ .type = p[4] & ~HAS_RESTARTS,
                                          .q = p[5],
                                          .width = (uint16_t)(p[6] * 8),
                                          .height = (uint16_t)(p[7] * 8) };
    if (fragment.image.type > 1 || !p[6] || !p[7])
        return -EBADMSG;
    if (p[4] & HAS_RESTARTS) {
        if (rest.len < JPEG_RESTART_HEADER)
            return -EBADMSG;
        fragment.image.restart_interval = read_be16(rest.p);
        rest = span_skip(rest, JPEG_RESTART_HEADER);
    }
    if (fragment.offset == 0 && p[5] >= JPEG_Q_TABLES && parse_tables(&rest, &fragment) < 0)
        return -EBADMSG;
    fragment.scan = rest;
    *out = fragment;
    return 0;
}

/* ITU-T T.81, tables K.1 and K.2, in the order of a scan. */
static const uint8_t base_tables[JPEG_TABLES] = {
    16,  11,  12,  14, 12,  10,  16, 14,  13, 14, 18, 17, 16,  19,  24,  40, 26, 24,  22,
    22,  24,  49,  35, 37,  29,  40, 58,  51, 61, 60, 57, 51,  56,  55,  64, 72, 92,  78,
    64,  68,  87,  69, 55,  56,  80, 109, 81, 87, 95, 98, 103, 104, 103, 62, 77, 113, 121,
    112, 100, 120, 92, 101, 103, 99, 17,  18, 18, 24, 21, 24,  47,  26,  26, 47, 99,  66,
    56,  66,  99,  99, 99,  99,  99, 99,  99, 99, 99, 99, 99,  99,  99,  99, 99, 99,  99,
    99,  99,  99,  99, 99,  99,  99, 99,  99, 99, 99, 99, 99,  99,  99,  99, 99, 99,  99,
    99,  99,  99,  99, 99,  99,  99, 99,  99, 99, 99, 99, 99,  99,
};

void jpeg_make_tables(uint8_t q, uint8_t out[JPEG_TABLES])
{
    unsigned quality = MIN(MAX(q, (uint8_t)1), (uint8_t)99);
    unsigned percent = quality < 50 ? 5000 / quality : 200 - quality * 2;
    for (size_t i = 0; i < JPEG_TABLES; i++) {
        unsigned value = (base_tables[i] * percent + 50) / 100;
        out[i] = (uint8_t)MIN(MAX(value, 1u), 255u);
    }
}

/* ITU-T T.81, annex K.3: how many codes of 1 to 16 bits, and the symbols. */
static const uint8_t dc_luma[] = { 0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0,  0,
                                   0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };
static const uint8_t dc_chroma[] = { 0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0,  0,
                                     0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };
static const uint8_t ac_luma[] = {
    0,    2,    1,    3,    3,    2,    4,    3,    5,    5,    4,    4,    0,    0,    1,
    0x7d, 0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51,
    0x61, 0x07, 0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1, 0x15,
    0x52, 0xd1, 0xf0, 0x24, 0x33, 0x62, 0x72, 0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a,
    0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44,
    0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63,
    0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a,
    0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98,
    0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5,
    0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2,
    0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7,
    0xe8, 0xe9, 0xea, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
};
static const uint8_t ac_chroma[] = {
    0,    2,    1,    2,    4,    4,    3,    4,    7,    5,    4,    4,    0,    1,    2,
    0x77, 0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07,
    0x61, 0x71, 0x13, 0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xa1, 0xb1, 0xc1, 0x09, 0x23,
    0x33, 0x52, 0xf0, 0x15, 0x62, 0x72, 0xd1, 0x0a, 0x16, 0x24, 0x34, 0xe1, 0x25, 0xf1, 0x17,
    0x18, 0x19, 0x1a, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43,
    0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a,
    0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79,
    0x7a, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96,
    0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3,
    0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9,
    0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6,
    0xe7, 0xe8, 0xe9, 0xea, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
};

/* By class and number, as DHT has them: 0x00, 0x10, 0x01, 0x11. */
static const struct huffman {
    uint8_t     id;
    struct span table;
} huffman[] = {
    { 0x00, { dc_luma, sizeof(dc_luma) } },
    { 0x10, { ac_luma, sizeof(ac_luma) } },
    { 0x01, { dc_chroma, sizeof(dc_chroma) } },
    { 0x11, { ac_chroma, sizeof(ac_chroma) } },
};

static uint8_t *put_marker(uint8_t *p, uint8_t marker, size_t len)
{
    *p++ = 0xff;
    *p++ = marker;
    write_be16(p, (uint16_t)(len + 2));
    return p + 2;
}

static uint8_t *put(uint8_t *p, const void *bytes, size_t len)
{
    memcpy(p, bytes, len);
    return p + len;
}

static uint8_t *put_frame(uint8_t *p, const struct jpeg_image *image)
{
    const uint8_t components[] = { 3, 1, image->type ? 0x22 : 0x21, 0, 2, 0x11, 1, 3, 0x11, 1 };
    p = put_marker(p, SOF0, 5 + sizeof(components));
    *p++ = 8; /* bits of a sample */
    write_be16(p, image->height);
    write_be16(p + 2, image->width);
    return put(p + 4, components, sizeof(components));
}

size_t jpeg_write_headers(const struct jpeg_image *image, uint8_t out[JPEG_MAX_HEADERS])
{
    static const uint8_t scan[] = { 3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0 };
    uint8_t             *p = out;
    *p++ = 0xff;
    *p++ = SOI;
    for (uint8_t i = 0; i < 2; i++) {
        p = put_marker(p, DQT, 1 + TABLE);
        *p++ = i;
        p = put(p, image->tables + (size_t)i * TABLE, TABLE);
    }
    if (image->restart_interval) {
        p = put_marker(p, DRI, 2);
        write_be16(p, image->restart_interval);
        p += 2;
    }
    p = put_frame(p, image);
    for (size_t i = 0; i < COUNT(huffman); i++) {
        p = put_marker(p, DHT, 1 + huffman[i].table.len);
        *p++ = huffman[i].id;
        p = put(p, huffman[i].table.p, huffman[i].table.len);
    }
    p = put_marker(p, SOS, sizeof(scan));
    p = put(p, scan, sizeof(scan));
    ASSERT(p <= out + JPEG_MAX_HEADERS);
    return (size_t)(p - out);
}

/* Several tables may share one segment. */
static int take_tables(struct span body, struct jpeg_image *out)
{
    while (body.len >= 1 + TABLE) {
        if (body.p[0] > 1)
            return -ENOTSUP;
        memcpy(out->tables + (size_t)body.p[0] * TABLE, body.p + 1, TABLE);
        body = span_skip(body, 1 + TABLE);
    }
    return body.len == 0 ? 0 : -EBADMSG;
}

/* Luma twice as wide as chroma, and twice as high or not. */
static int take_frame(struct span body, struct jpeg_image *out)
{
    enum { COMPONENT = 3, COMPONENTS = 3, AT = 6, LEN = AT + COMPONENT * COMPONENTS };
    if (body.len < AT)
        return -EBADMSG;
    out->height = read_be16(body.p + 1);
    out->width = read_be16(body.p + 3);
    if (body.p[0] != 8 || body.p[5] != COMPONENTS || body.len < LEN)
        return -ENOTSUP;
    const uint8_t *luma = body.p + AT, *cb = luma + COMPONENT, *cr = cb + COMPONENT;
    if ((luma[1] != 0x21 && luma[1] != 0x22) || cb[1] != 0x11 || cr[1] != 0x11 || luma[2] != 0 ||
        cb[2] > 1 || cr[2] != cb[2])
        return -ENOTSUP;
    if (cb[2] == 0)
        memcpy(out->tables + TABLE, out->tables, TABLE);
    out->type = luma[1] == 0x22;
    return out->width > 0 && out->height > 0 ? 0 : -EBADMSG;
}

static int take_huffman(struct span body)
{
    while (body.len > 0) {
        const struct huffman *found = NULL;
        for (size_t i = 0; i < COUNT(huffman); i++)
            if (huffman[i].id == body.p[0])
                found = &huffman[i];
        if (!found || body.len - 1 < found->table.len ||
            !span_equal(span_first(span_skip(body, 1), found->table.len), found->table))
            return -ENOTSUP;
        body = span_skip(body, 1 + found->table.len);
    }
    return 0;
}

static int take_segment(uint8_t marker, struct span body, struct jpeg_image *out)
{
    switch (marker) {
    case DQT:
        return take_tables(body, out);
    case SOF0:
        return take_frame(body, out);
    case DHT:
        return take_huffman(body);
    case DRI:
        if (body.len < 2)
            return -EBADMSG;
        out->restart_interval = read_be16(body.p);
        return 0;
    default: /* other kinds of frames; what is left are comments and the like */
        return marker > SOF0 && marker < RST0 ? -ENOTSUP : 0;
    }
}

int jpeg_parse_headers(struct span jpeg, struct jpeg_image *out, size_t *scan_at)
{
    struct jpeg_image image = { .q = JPEG_Q_DYNAMIC };
    struct span       rest = jpeg;
    if (rest.len < 2 || rest.p[0] != 0xff || rest.p[1] != SOI)
        return -EBADMSG;
    for (rest = span_skip(rest, 2); rest.len >= 4 && rest.p[0] == 0xff;) {
        uint8_t marker = rest.p[1];
        size_t  len = read_be16(rest.p + 2);
        if (len < 2 || len > rest.len - 2)
            return -EBADMSG;
        struct span body = { rest.p + 4, len - 2 };
        rest = span_skip(rest, 2 + len);
        if (marker == SOS) {
            *out = image;
            *scan_at = jpeg.len - rest.len;
            return image.width > 0 ? 0 : -EBADMSG;
        }
        int err = take_segment(marker, body, &image);
        if (err < 0)
            return err;
    }
    return -EBADMSG;
}

size_t jpeg_write_fragment(
    const struct jpeg_image *image, uint32_t offset,
    uint8_t out[JPEG_HEADER + JPEG_RESTART_HEADER + JPEG_TABLES_HEADER + JPEG_TABLES])
{
    size_t len = JPEG_HEADER;
    write_be32(out, offset);
    out[4] = (uint8_t)(image->type | (image->restart_interval ? HAS_RESTARTS : 0));
    out[5] = image->q;
    out[6] = (uint8_t)((image->width + 7) / 8);
    out[7] = (uint8_t)((image->height + 7) / 8);
    if (image->restart_interval) {
        write_be16(out + len, image->restart_interval);
        write_be16(out + len + 2, WHOLE_RESTARTS);
        len += JPEG_RESTART_HEADER;
    }
    if (offset == 0 && image->q >= JPEG_Q_TABLES) {
        write_be16(out + len, 0);
        write_be16(out + len + 2, JPEG_TABLES);
        memcpy(out + len + JPEG_TABLES_HEADER, image->tables, JPEG_TABLES);
        len += JPEG_TABLES_HEADER + JPEG_TABLES;
    }
    return len;
}
