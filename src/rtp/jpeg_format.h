/**
 * jpeg_format: the payloads of M-JPEG (RFC 2435), and the JPEG headers that they leave out.
 */
#pragma once
#include "base/span.h"

enum {
    JPEG_HEADER = 8,         /* in front of each fragment */
    JPEG_RESTART_HEADER = 4, /* behind it, where there are restart intervals */
    JPEG_TABLES_HEADER = 4,  /* behind both in the first fragment, for JPEG_Q_TABLES */
    JPEG_TABLES = 128,       /* two quantisation tables */
    JPEG_MAX_HEADERS = 640,  /* that jpeg_write_headers() writes */
    JPEG_MAX_OFFSET = 0xffffff,
    JPEG_MAX_SIDE = 2040, /* 255 x 8 pixels */
    JPEG_Q_STATIC = 100,  /* below: the tables follow from it; 1..99 */
    JPEG_Q_TABLES = 128,  /* from here on: the first fragment has them, or had */
    JPEG_Q_DYNAMIC = 255, /* and they change */
};

/** What is said of an image in its payloads. */
struct jpeg_image {
    uint8_t  type; /* 0: 4:2:2, 1: 4:2:0 */
    uint8_t  q;
    uint16_t width, height;    /* multiples of 8 */
    uint16_t restart_interval; /* 0: none */
    uint8_t  tables[JPEG_TABLES];
};

struct jpeg_fragment {
    struct jpeg_image image; /* its `tables` only when has_tables */
    uint32_t          offset;
    bool              has_tables;
    struct span       scan; /* bytes of the image from `offset` on */
};

/** -EBADMSG: cut short, of an unknown type, larger than 2040 pixels, or tables of 16 bits. */
int jpeg_parse_fragment(struct span payload, struct jpeg_fragment *out);

/** The tables that a quality of 1..99 stands for (RFC 2435, appendix A). */
void jpeg_make_tables(uint8_t q, uint8_t out[JPEG_TABLES]);

/** All from SOI to the end of SOS (RFC 2435, appendix B). Returns bytes written. */
size_t jpeg_write_headers(const struct jpeg_image *image, uint8_t out[JPEG_MAX_HEADERS]);

/**
 * What a JPEG's own headers say, and where its scan begins. -EBADMSG: cut short, or broken;
 * -ENOTSUP: nothing that RFC 2435 can carry (progressive, 4:4:4, grey, other Huffman tables).
 */
int jpeg_parse_headers(struct span jpeg, struct jpeg_image *out, size_t *scan_at);

/** The headers of the fragment at `offset`, tables behind the first. Returns bytes written. */
size_t jpeg_write_fragment(
    const struct jpeg_image *image, uint32_t offset,
    uint8_t out[JPEG_HEADER + JPEG_RESTART_HEADER + JPEG_TABLES_HEADER + JPEG_TABLES]);
